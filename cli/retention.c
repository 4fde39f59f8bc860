/*
 * privyseal audit compress and prune: what becomes of old segments. Both are on the
 * record before a file goes; `audit verify` reads compressed segments, and believes a
 * beginning later than record 1 only on the word of such a record.
 */
#include "cli/audit.h"
#include "cli/state_directory.h"
#include "ipc/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define SEGMENT_NAME 48
#define CHUNK	     65536

static bool fail(const char *name, const char *what)
{
	log_error("%s: %s: %s", name, what, strerror(errno));
	return false;
}

/* True when it is gone, durably; also when it was not there. */
static bool remove_file(const struct directory *directory, const char *name)
{
	int fd =
	    openat(directory->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT || fail(name, "can't be opened");
	append_only_set(fd, false);
	close(fd);
	return (unlinkat(directory->fd, name, 0) == 0 && fsync(directory->fd) == 0) ||
	       fail(name, "can't be removed");
}

/* ---- compressing ---- */

static bool pack(int from, int to)
{
	static uint8_t bytes[CHUNK];
	gzFile packed = gzdopen(dup(to), "wb");
	bool good = packed != NULL;
	ssize_t n = 0;

	while (good && (n = read(from, bytes, sizeof bytes)) > 0)
		good = gzwrite(packed, bytes, (unsigned)n) == (int)n;
	good = good && n == 0;
	if (packed && gzclose(packed) != Z_OK)
		good = false;
	return good && fsync(to) == 0;
}

/* What was packed, unpacked again, is the same to the last byte. */
static bool unpacks_to(int packed_file, int plain)
{
	static uint8_t bytes[CHUNK], again[CHUNK];
	gzFile packed = NULL;
	bool good = lseek(plain, 0, SEEK_SET) == 0 &&
		    lseek(packed_file, 0, SEEK_SET) == 0 &&
		    (packed = gzdopen(dup(packed_file), "rb")) != NULL;
	ssize_t n = 0;

	while (good && (n = read(plain, bytes, sizeof bytes)) > 0)
		good = gzread(packed, again, (unsigned)n) == (int)n &&
		       memcmp(bytes, again, (size_t)n) == 0;
	good = good && n == 0 && gzread(packed, again, 1) == 0;
	if (packed && gzclose(packed) != Z_OK)
		good = false;
	return good;
}

static bool put_in_place(
    const struct directory *audit, const char *fresh, const char *packed)
{
	return remove_file(audit, packed) &&
	       ((renameat(audit->fd, fresh, audit->fd, packed) == 0 &&
		    fsync(audit->fd) == 0) ||
		   fail(packed, "can't be put in place"));
}

static bool compress_open(
    const struct directory *audit, const char *name, int plain, uint64_t *saved)
{
	char packed[SEGMENT_NAME], fresh[SEGMENT_NAME];
	struct stat before, after;
	bool good;
	int to;

	snprintf(packed, sizeof packed, "%s.gz", name);
	snprintf(fresh, sizeof fresh, "%s.gz.new", name);
	if (!remove_file(audit, fresh)) /* of a run that was interrupted */
		return false;
	to = openat(
	    audit->fd, fresh, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return fail(fresh, "can't be made");
	good = (pack(plain, to) && unpacks_to(to, plain) && fstat(plain, &before) == 0 &&
		   fstat(to, &after) == 0) ||
	       fail(name, "can't be compressed");
	good = good && put_in_place(audit, fresh, packed);
	if (good && append_only_is(plain))
		append_only_set(to, true);
	good = good && remove_file(audit, name);
	if (good)
		*saved += (uint64_t)(before.st_size - after.st_size);
	close(to);
	return good;
}

static bool compress_one(
    const struct directory *audit, uint32_t number, uint64_t *saved, unsigned *count)
{
	char name[32];
	bool good;
	int plain;

	snprintf(name, sizeof name, "audit-%06u.jsonl", number);
	plain = openat(audit->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (plain < 0)
		return errno == ENOENT || fail(name, "can't be opened");
	good = compress_open(audit, name, plain, saved);
	close(plain);
	*count += good;
	return good;
}

static const char *state_name(const struct audit_request *request)
{
	return request->state_directory ? request->state_directory : STATE_DIRECTORY;
}

/* The number of the first segment that is there; 0: none. */
static uint32_t first_segment(const char *state_directory)
{
	struct audit_files files;
	uint32_t first = 0;

	if (audit_files_in_state(&files, state_directory))
		first = files.file[0].number;
	audit_files_close(&files);
	return first;
}

enum exit_status audit_compress(
    const struct audit_request *request, const char *runtime_directory)
{
	const char *name = state_name(request);
	static struct state_directory directory;
	uint32_t number, segment;
	uint64_t saved = 0;
	unsigned count = 0;
	bool good;

	if (!state_directory_open(&directory, name) ||
	    (number = first_segment(name)) == 0 ||
	    !state_directory_act(
		&directory, runtime_directory, ADMIN_COMPRESS, 0, "", &segment))
		return EXIT_REFUSED;
	for (good = true; good && number < segment; number++)
		good = compress_one(&directory.audit, number, &saved, &count);
	printf("%u segment%s compressed, %llu bytes saved\n", count,
	    count == 1 ? "" : "s", (unsigned long long)saved);
	state_directory_close(&directory);
	return good ? EXIT_DONE : EXIT_REFUSED;
}

/* ---- pruning ---- */

/* How many of the first files hold nothing that is as late as `before`. The last is being
 * written. */
static unsigned count_old(const struct audit_files *files, const char *before)
{
	unsigned i;

	for (i = 0; i + 1 < files->count; i++)
		if (strcmp(files->file[i].last_time, before) >= 0)
			break;
	return i;
}

static bool remove_segment(const struct directory *audit, uint32_t number)
{
	char name[SEGMENT_NAME];

	snprintf(name, sizeof name, "audit-%06u.jsonl.gz", number);
	if (!remove_file(audit, name))
		return false;
	snprintf(name, sizeof name, "audit-%06u.jsonl", number);
	return remove_file(audit, name);
}

static bool prune(const struct audit_files *files, unsigned count, const char *name,
    const char *runtime_directory)
{
	static struct state_directory directory;
	const struct audit_file *last = &files->file[count - 1];
	uint32_t segment;
	unsigned i;
	bool good = state_directory_open(&directory, name) &&
		    state_directory_act(&directory, runtime_directory, ADMIN_PRUNE,
			last->last, last->last_hash, &segment);

	if (good && last->number >= segment) {
		log_error("%s is being written", last->name);
		good = false;
	}
	/* The oldest first, each durably: what an interruption leaves is a whole tail. */
	for (i = 0; good && i < count; i++)
		good = remove_segment(&directory.audit, files->file[i].number);
	if (good)
		printf("removed %u file%s, up to record %llu\n", count,
		    count == 1 ? "" : "s", (unsigned long long)last->last);
	state_directory_close(&directory);
	return good;
}

static bool prune_files(struct audit_files *files, const struct audit_request *request,
    const char *runtime_directory)
{
	unsigned count, i;

	if (!audit_survey(files))
		return false;
	count = count_old(files, request->before);
	for (i = 0; i < count; i++)
		printf("%s, up to record %llu of %s\n", files->file[i].name,
		    (unsigned long long)files->file[i].last, files->file[i].last_time);
	if (count == 0)
		printf("no closed segment ends before %s\n", request->before);
	else if (!request->yes)
		printf("%s would be removed; --yes does it\n",
		    count == 1 ? "this" : "these");
	return count == 0 || !request->yes ||
	       prune(files, count, state_name(request), runtime_directory);
}

enum exit_status audit_prune(
    const struct audit_request *request, const char *runtime_directory)
{
	struct audit_files files;
	bool done = audit_files_in_state(&files, state_name(request)) &&
		    prune_files(&files, request, runtime_directory);

	audit_files_close(&files);
	return done ? EXIT_DONE : EXIT_REFUSED;
}
