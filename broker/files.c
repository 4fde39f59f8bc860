/* Reading and replacing files; files.h has the promises. */
#include "broker/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME_MAX 80

bool directory_open(struct directory *out, int parent, const char *name,
    const char *called, struct failure *failure)
{
	struct stat status;
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return failure_say(failure, "%s: %s", called, strerror(errno));
	if (fstat(fd, &status) != 0 || (status.st_mode & 077) != 0) {
		close(fd);
		return failure_say(
		    failure, "%s: mode is not 0700; chmod 0700 it", called);
	}
	*out = (struct directory){ .fd = fd, .owner = status.st_uid, .name = called };
	return true;
}

void directory_close(struct directory *directory)
{
	if (directory->fd >= 0)
		close(directory->fd);
	directory->fd = -1;
}

bool directory_list(const struct directory *directory, directory_entry *entry,
    void *context, struct failure *failure)
{
	int fd = openat(directory->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *listing = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *found;

	if (!listing) {
		failure_say(failure, "%s: %s", directory->name, strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	while ((found = readdir(listing)) != NULL)
		entry(context, found->d_name);
	closedir(listing);
	return true;
}

static bool is_ours(const struct directory *directory, const char *name, int fd,
    size_t *size, struct failure *failure)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return failure_say(
		    failure, "%s/%s: %s", directory->name, name, strerror(errno));
	if (!S_ISREG(status.st_mode))
		return failure_say(
		    failure, "%s/%s: not a regular file", directory->name, name);
	if (status.st_uid != directory->owner)
		return failure_say(failure,
		    "%s/%s: belongs to uid %u, must be %u; find out who "
		    "put it there",
		    directory->name, name, status.st_uid, directory->owner);
	if ((status.st_mode & 077) != 0)
		return failure_say(failure,
		    "%s/%s: mode is %04o, must be 0600; others may have "
		    "read it",
		    directory->name, name, status.st_mode & 07777);
	*size = (size_t)status.st_size;
	return true;
}

bool file_read_all(int fd, void *buffer, size_t size)
{
	size_t at = 0;
	ssize_t n;

	while (at < size) {
		n = pread(fd, (uint8_t *)buffer + at, size - at, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += (size_t)n;
	}
	return true;
}

enum file_read file_read(const struct directory *directory, const char *name,
    uint8_t *buffer, size_t room, size_t *length, struct failure *failure)
{
	enum file_read result = FILE_BAD;
	size_t size = 0;
	int fd;

	fd = openat(directory->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return FILE_ABSENT;
	if (fd < 0) {
		/* Root without capabilities may not read what is another's. */
		failure_say(failure, "%s/%s: %s%s", directory->name, name,
		    strerror(errno),
		    errno == EACCES ? "; it is not root's: find out who put it there"
				    : "");
		return FILE_BAD;
	}
	if (!is_ours(directory, name, fd, &size, failure))
		goto out;
	if (size > room)
		failure_say(failure,
		    "%s/%s: %zu bytes, more than the %zu that it can have",
		    directory->name, name, size, room);
	else if (!file_read_all(fd, buffer, size))
		failure_say(failure, "%s/%s: can't be read whole", directory->name, name);
	else {
		*length = size;
		result = FILE_READ;
	}
out:
	close(fd);
	return result;
}

bool file_write_all(int fd, const void *bytes, size_t length)
{
	const uint8_t *at = bytes;
	ssize_t n;

	while (length > 0) {
		n = write(fd, at, length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		length -= (size_t)n;
	}
	return true;
}

/* A crash may have left an earlier attempt. It can't be removed from here, so it is moved
 * aside; at most one such file is ever there. */
static int create_fresh(const struct directory *directory, const char *fresh)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(directory->fd, fresh, flags, 0600);

	if (fd >= 0 || errno != EEXIST)
		return fd;
	if (renameat(directory->fd, fresh, directory->fd, "abandoned") != 0)
		return -1;
	return openat(directory->fd, fresh, flags, 0600);
}

bool file_replace(const struct directory *directory, const char *name, const void *bytes,
    size_t length, struct failure *failure)
{
	char fresh[FILE_NAME_MAX];
	bool written;
	int fd, n;

	n = snprintf(fresh, sizeof fresh, "%s.new", name);
	if (n < 0 || (size_t)n >= sizeof fresh)
		return failure_say(
		    failure, "%s/%s: name too long", directory->name, name);
	fd = create_fresh(directory, fresh);
	if (fd < 0)
		return failure_say(
		    failure, "%s/%s: %s", directory->name, fresh, strerror(errno));
	written = file_write_all(fd, bytes, length) && fdatasync(fd) == 0;
	if (close(fd) != 0 || !written)
		return failure_say(failure, "%s/%s: can't be written: %s",
		    directory->name, fresh, strerror(errno));
	return file_rename(directory, fresh, name, failure);
}

bool file_rename(const struct directory *directory, const char *from, const char *to,
    struct failure *failure)
{
	return (renameat(directory->fd, from, directory->fd, to) == 0 &&
		   fsync(directory->fd) == 0) ||
	       failure_say(failure, "%s/%s: can't be put in place: %s", directory->name,
		   to, strerror(errno));
}
