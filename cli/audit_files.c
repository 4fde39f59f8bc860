/* Which files are the record, and opening them; audit_files.h has the contract. */
#include "cli/audit_files.h"
#include "ipc/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static bool unreadable(const char *name)
{
	if (errno == EACCES || errno == EPERM)
		log_error(
		    "%s can't be read: the record is root's; run this as root", name);
	else if (errno == ENOENT)
		log_error(
		    "%s does not exist; where the state is, --state-dir says", name);
	else
		log_error("%s can't be read: %s", name, strerror(errno));
	return false;
}

/* A descriptor for each file is held open. */
static void allow_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	/* Where it does not help, open() fails and says so. */
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static bool prepare(struct audit_files *files)
{
	*files = (struct audit_files){ .state = -1 };
	files->file = calloc(AUDIT_FILES_MAX, sizeof *files->file);
	if (!files->file)
		log_error("out of memory");
	allow_descriptors();
	return files->file != NULL;
}

static struct audit_file *add(struct audit_files *files)
{
	struct audit_file *file;

	if (files->count == AUDIT_FILES_MAX) {
		log_error(
		    "more than %d files: name some of them at a time", AUDIT_FILES_MAX);
		return NULL;
	}
	file = &files->file[files->count++];
	file->fd = -1;
	return file;
}

static bool open_file(struct audit_file *file, int directory, const char *name, int flags)
{
	struct stat status;

	file->fd = openat(directory, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | flags);
	if (file->fd < 0 || fstat(file->fd, &status) != 0)
		return unreadable(file->name);
	if (!S_ISREG(status.st_mode)) {
		log_error("%s is not a file", file->name);
		return false;
	}
	file->size = (uint64_t)status.st_size;
	return true;
}

/* audit-NNNNNN.jsonl, plain or compressed; 0 for every other name. */
static uint32_t segment_number(const char *name)
{
	unsigned number = 0;
	char again[32];
	int length;

	if (sscanf(name, "audit-%6u.jsonl", &number) != 1)
		return 0;
	length = snprintf(again, sizeof again, "audit-%06u.jsonl", number);
	if (strncmp(name, again, (size_t)length) != 0)
		return 0;
	name += length;
	return !*name || strcmp(name, ".gz") == 0 || strcmp(name, ".zst") == 0 ? number
									       : 0;
}

/* By number; of two with one number the shorter name, the plain file, is first. */
static int compare(const void *a, const void *b)
{
	const struct audit_file *one = a, *other = b;

	if (one->number != other->number)
		return one->number < other->number ? -1 : 1;
	return strcmp(one->name, other->name);
}

/* A segment that is being compressed is there twice. */
static void leave_out_doubles(struct audit_files *files)
{
	unsigned i, kept = 0;

	for (i = 0; i < files->count; i++)
		if (kept == 0 || files->file[kept - 1].number != files->file[i].number)
			files->file[kept++] = files->file[i];
	files->count = kept;
}

static bool list(struct audit_files *files, DIR *listing, const char *directory)
{
	struct audit_file *file;
	struct dirent *entry;
	uint32_t number;

	while ((entry = readdir(listing)) != NULL) {
		number = segment_number(entry->d_name);
		if (number == 0)
			continue;
		file = add(files);
		if (!file)
			return false;
		file->number = number;
		snprintf(
		    file->name, sizeof file->name, "%s/%.31s", directory, entry->d_name);
	}
	qsort(files->file, files->count, sizeof *files->file, compare);
	leave_out_doubles(files);
	return true;
}

/* The last first: what a segment holds when the next one has begun is all of it. */
static bool open_listed(struct audit_files *files, int directory)
{
	unsigned i;

	for (i = files->count; i-- > 0;) {
		char *name = strrchr(files->file[i].name, '/') + 1;

		/* It may have been compressed since it was listed. */
		if (faccessat(directory, name, F_OK, 0) != 0 && errno == ENOENT &&
		    !strstr(name, ".gz"))
			strcat(name, ".gz");
		if (!open_file(&files->file[i], directory, name, O_NOFOLLOW))
			return false;
	}
	return true;
}

bool audit_files_in_state(struct audit_files *files, const char *state_directory)
{
	char state[AUDIT_NAME_MAX], audit[AUDIT_NAME_MAX - 32];
	DIR *listing;
	bool good;

	if (!prepare(files))
		return false;
	if (strlen(state_directory) >= sizeof audit - sizeof "/audit") {
		log_error("%s: too long a name", state_directory);
		return false;
	}
	snprintf(state, sizeof state, "%s/state.json", state_directory);
	snprintf(audit, sizeof audit, "%s/audit", state_directory);
	/* Before the segments: they are at least as long as it says. */
	files->state = open(state, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (files->state < 0)
		return unreadable(state);
	listing = opendir(audit);
	if (!listing)
		return unreadable(audit);
	good = list(files, listing, audit) && open_listed(files, dirfd(listing));
	closedir(listing);
	if (good && files->count == 0)
		log_error("%s holds no record: it was removed, unless privyseald has not "
			  "been started yet, or the state is from a backup without the "
			  "record, where the next start goes on from it",
		    audit);
	return good && files->count > 0;
}

bool audit_files_named(
    struct audit_files *files, const char *const *names, unsigned count)
{
	struct audit_file *file;
	unsigned i;

	if (!prepare(files))
		return false;
	for (i = 0; i < count; i++) {
		file = add(files);
		if (!file)
			return false;
		snprintf(file->name, sizeof file->name, "%s", names[i]);
	}
	for (i = count; i-- > 0;)
		if (!open_file(&files->file[i], AT_FDCWD, names[i], 0))
			return false;
	return true;
}

void audit_files_close(struct audit_files *files)
{
	unsigned i;

	for (i = 0; i < files->count; i++)
		if (files->file[i].fd >= 0)
			close(files->file[i].fd);
	if (files->state >= 0)
		close(files->state);
	free(files->file);
	*files = (struct audit_files){ .state = -1 };
}
