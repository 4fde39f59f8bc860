/* Copying between state directories; backup.h has the contract. */
#include "cli/audit.h"
#include "cli/backup.h"
#include "ipc/log.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_FILE_MAX 8192
#define CHUNK	     65536

struct copy {
	const struct state_directory *from, *to;
	unsigned count;
	bool good;
};

static bool fail(const char *name, const char *what)
{
	log_error("%s: %s: %s", name, what, strerror(errno));
	return false;
}

static bool copy_key(const struct state_directory *from, const struct state_directory *to,
    const struct state_key *key)
{
	struct failure failure = { "" };
	uint8_t text[KEY_FILE_MAX];
	char name[KEY_FILE_NAME];
	size_t length = 0;
	bool good = false;

	if (!key_file_name(key, name))
		return true; /* lives elsewhere */
	switch (file_read(&from->keys, name, text, sizeof text, &length, &failure)) {
	case FILE_READ:
		good = file_replace(&to->keys, name, text, length, &failure);
		break;
	case FILE_ABSENT:
		failure_say(&failure, "keys/%s: is not there", name);
		break;
	case FILE_BAD:
		break;
	}
	OPENSSL_cleanse(text, sizeof text);
	if (!good)
		log_error("%s: %s", from->name, failure.text);
	return good;
}

bool backup_keys(const struct state_directory *from, const struct state_directory *to)
{
	const struct state_key *key;
	unsigned place;

	for (place = 0; (key = state_key_from(&from->state, &place)); place++)
		if (!copy_key(from, to, key))
			return false;
	return true;
}

/* ---- the record ---- */

/* The broker may be writing the last line. */
static off_t whole_lines(int fd, off_t size)
{
	char bytes[CHUNK];
	const char *newline;
	size_t length;

	while (size > 0) {
		length = size < CHUNK ? (size_t)size : CHUNK;
		if (pread(fd, bytes, length, size - (off_t)length) != (ssize_t)length)
			return -1;
		newline = memrchr(bytes, '\n', length);
		size -= (off_t)length;
		if (newline)
			return size + (newline - bytes) + 1;
	}
	return 0;
}

static bool copy_bytes(int from, int to, off_t size)
{
	char bytes[CHUNK];
	size_t length;

	while (size > 0) {
		length = size < CHUNK ? (size_t)size : CHUNK;
		if (read(from, bytes, length) != (ssize_t)length ||
		    write(to, bytes, length) != (ssize_t)length)
			return false;
		size -= (off_t)length;
	}
	return size == 0 && fsync(to) == 0;
}

static bool copy_segment(const struct copy *copy, const char *name, bool packed)
{
	const int from = openat(copy->from->audit.fd, name,
		      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC),
		  to = openat(copy->to->audit.fd, name,
		      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct stat status;
	bool good = from >= 0 && to >= 0 && fstat(from, &status) == 0;

	good = good && S_ISREG(status.st_mode) &&
	       copy_bytes(
		   from, to, packed ? status.st_size : whole_lines(from, status.st_size));
	if (!good)
		fail(name, "can't be copied");
	else if (copy->to->state.restored) /* a backup must be easy to remove */
		append_only_set(to, true);
	if (from >= 0)
		close(from);
	if (to >= 0 && close(to) != 0)
		good = false;
	return good;
}

bool backup_record(
    const struct state_directory *from, const struct state_directory *to, unsigned *count)
{
	struct copy copy = { .from = from, .to = to };
	struct audit_files files;
	const char *name;
	bool good = audit_files_in_state(&files, from->name);
	unsigned i;

	for (i = 0; good && i < files.count; i++) {
		name = strrchr(files.file[i].name, '/') + 1;
		good = copy_segment(&copy, name, strstr(name, ".gz") != NULL);
	}
	*count = good ? files.count : 0;
	audit_files_close(&files);
	return good && (fsync(to->audit.fd) == 0 || fail("audit", "can't be written"));
}

/* ---- what was copied ---- */

static void see_segment(void *found, const char *name)
{
	if (strncmp(name, "audit-", 6) == 0)
		*(bool *)found = true;
}

bool backup_has_record(const struct state_directory *directory)
{
	struct failure failure = { "" };
	bool found = false;

	if (!directory_list(&directory->audit, see_segment, &found, &failure))
		log_error("%s: %s", directory->name, failure.text);
	return found;
}

bool backup_is_sound(const struct state_directory *directory)
{
	struct audit_files files;
	bool whole = true;

	if (backup_has_record(directory)) {
		whole =
		    audit_files_in_state(&files, directory->name) && audit_survey(&files);
		audit_files_close(&files);
	}
	return whole && state_directory_keys_fit(directory);
}
