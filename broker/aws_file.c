/* Opening and reading with the checks of aws_file.h, always on what was opened. */
#include "broker/aws_file.h"
#include "broker/files.h"
#include "ipc/log.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <string.h>
#include <unistd.h>

#define SECRET_KEY "aws_secret_access_key"

static const char *name_of(const struct aws_file *file)
{
	return strrchr(file->path, '/') + 1;
}

/* Kubernetes lets everybody put tokens into its directories, but, as in /tmp, nobody
 * replace root's. */
static bool is_root_s_alone(
    const struct aws_file *file, const char *path, struct failure *failure)
{
	struct stat status;

	if (fstat(file->directory, &status) != 0)
		return failure_say(failure, "%s: %s", path, strerror(errno));
	if (status.st_uid != file->owner)
		return failure_say(failure,
		    "the directory %s belongs to uid %u; chown root it, once you know "
		    "who put it there",
		    path, status.st_uid);
	return (status.st_mode & 022) == 0 ||
	       (file->kind == AWS_FILE_TOKEN && (status.st_mode & S_ISVTX) != 0) ||
	       failure_say(failure,
		   "others may put files into the directory %s (mode %04o); chmod go-w "
		   "it",
		   path, status.st_mode & 07777);
}

/* The broker's mounts have nothing there (confine/mounts.c). */
static bool is_hidden(const char *path)
{
	return strncmp(path, "/run/", 5) == 0 || strncmp(path, "/var/run/", 9) == 0;
}

static bool is_directory(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
}

bool aws_file_open(struct aws_file *file, enum aws_file_kind kind, const char *path,
    int given, struct failure *failure)
{
	char directory[AWS_FILE_PATH_MAX + 1];
	const size_t length = strlen(path);

	*file = (struct aws_file){ .kind = kind, .directory = -1, .owner = geteuid() };
	if (path[0] != '/' || length > AWS_FILE_PATH_MAX || path[length - 1] == '/')
		return failure_say(failure,
		    "'%s' must be the absolute path of a file, of at most %d bytes", path,
		    AWS_FILE_PATH_MAX);
	strcpy(file->path, path);
	strcpy(directory, path);
	directory[name_of(file) - file->path] = '\0';
	if (is_hidden(path) && !is_directory(given))
		return failure_say(failure,
		    "%s: in /run the broker sees nothing but the directories below it of "
		    "files that AWS_* variables name, if they are there when it "
		    "starts%s",
		    path,
		    kind == AWS_FILE_TOKEN ? "; for a token that a profile names, set "
					     "AWS_WEB_IDENTITY_TOKEN_FILE to it as well"
					   : "");
	file->directory = is_hidden(path)
			      ? fcntl(given, F_DUPFD_CLOEXEC, 0)
			      : open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (file->directory < 0)
		return errno == ENOENT || errno == ENOTDIR ||
		       failure_say(failure, "%s: %s", directory, strerror(errno));
	if (is_root_s_alone(file, directory, failure))
		return true;
	aws_file_close(file);
	return false;
}

void aws_file_close(struct aws_file *file)
{
	if (file->directory >= 0)
		close(file->directory);
	file->directory = -1;
}

static int open_now(const struct aws_file *file)
{
	const int link = file->kind == AWS_FILE_TOKEN ? 0 : O_NOFOLLOW;

	if (file->directory >= 0)
		return openat(file->directory, name_of(file),
		    O_RDONLY | O_NONBLOCK | O_CLOEXEC | link);
	errno = ENOENT;
	return -1;
}

static bool say_why(const struct aws_file *file, struct failure *failure)
{
	if (errno == ELOOP)
		return failure_say(failure,
		    "%s is a symbolic link; name the file that it points to, or put the "
		    "file there",
		    file->path);
	if (errno == EACCES)
		return failure_say(failure,
		    "%s can't be read: it must be root's own (chown root, chmod 600), "
		    "and no link to another directory",
		    file->path);
	return failure_say(failure, "%s: %s", file->path, strerror(errno));
}

/* Where others may put files, a link of theirs would have us read what they can't. */
static bool is_named_by_root(const struct aws_file *file)
{
	const int fd =
	    openat(file->directory, name_of(file), O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;
	const bool is =
	    fd >= 0 && fstat(fd, &status) == 0 && status.st_uid == file->owner;

	if (fd >= 0)
		close(fd);
	return is;
}

static bool may_be_used(
    const struct aws_file *file, const struct stat *status, struct failure *failure)
{
	if (!S_ISREG(status->st_mode))
		return failure_say(failure, "%s is no regular file", file->path);
	if (status->st_uid != file->owner)
		return failure_say(failure,
		    "%s belongs to uid %u; chown root it, once you know who put it there",
		    file->path, status->st_uid);
	if (!is_named_by_root(file))
		return failure_say(failure,
		    "%s is another user's link; remove it, once you know who put it "
		    "there",
		    file->path);
	if (file->kind == AWS_FILE_SECRET && (status->st_mode & 077) != 0)
		return failure_say(failure,
		    "%s is open to others (mode %04o); chmod 600 it, and think of the "
		    "secret as known",
		    file->path, status->st_mode & 07777);
	if ((status->st_mode & 022) != 0)
		return failure_say(failure,
		    "others may write to %s (mode %04o); chmod go-w it", file->path,
		    status->st_mode & 07777);
	return status->st_size <= AWS_FILE_MAX ||
	       failure_say(
		   failure, "%s has more than %d bytes", file->path, AWS_FILE_MAX);
}

/* In a pod's volume that is so, and nobody's but the pod's; elsewhere it is told, once.
 */
static void tell_readers(const struct aws_file *file, const struct stat *status)
{
	if (file->kind == AWS_FILE_TOKEN && (status->st_mode & 044) != 0 &&
	    status->st_mode != file->seen.st_mode && !is_hidden(file->path))
		log_warning(
		    "%s can be read by others (mode %04o), who then have its role; chmod "
		    "600 it",
		    file->path, status->st_mode & 07777);
}

static enum aws_file_read read_open(
    struct aws_file *file, int fd, char **text, size_t *length, struct failure *failure)
{
	struct stat status;

	if (fstat(fd, &status) != 0) {
		failure_say(failure, "%s: %s", file->path, strerror(errno));
		return AWS_FILE_BAD;
	}
	tell_readers(file, &status);
	file->seen = status;
	if (!may_be_used(file, &status, failure))
		return AWS_FILE_BAD;
	*length = (size_t)status.st_size;
	*text = OPENSSL_secure_zalloc(*length + 1);
	if (!*text) {
		failure_say(failure, "the memory for secrets is full");
		return AWS_FILE_BAD;
	}
	if (!file_read_all(fd, *text, *length))
		failure_say(failure, "%s can't be read whole", file->path);
	else if ((status.st_mode & 077) != 0 && strstr(*text, SECRET_KEY))
		failure_say(failure,
		    "%s has a secret key in it and is open to others (mode %04o); chmod "
		    "600 it, and think of the secret as known",
		    file->path, status.st_mode & 07777);
	else
		return AWS_FILE_READ;
	aws_file_forget(*text, *length);
	return AWS_FILE_BAD;
}

enum aws_file_read aws_file_read(
    struct aws_file *file, char **text, size_t *length, struct failure *failure)
{
	const int fd = open_now(file);
	enum aws_file_read result;

	if (fd < 0) {
		file->seen = (struct stat){ .st_size = 0 };
		if (errno == ENOENT)
			return AWS_FILE_ABSENT;
		say_why(file, failure);
		return AWS_FILE_BAD;
	}
	result = read_open(file, fd, text, length, failure);
	close(fd);
	return result;
}

void aws_file_forget(char *text, size_t length)
{
	OPENSSL_secure_clear_free(text, length + 1);
}

bool aws_file_changed(const struct aws_file *file)
{
	const struct stat *seen = &file->seen;
	struct stat now = { .st_size = 0 };
	const int fd = open_now(file);

	if (fd >= 0) {
		if (fstat(fd, &now) != 0)
			now.st_size = -1;
		close(fd);
	}
	return now.st_dev != seen->st_dev || now.st_ino != seen->st_ino ||
	       now.st_size != seen->st_size || now.st_mode != seen->st_mode ||
	       now.st_uid != seen->st_uid ||
	       memcmp(&now.st_mtim, &seen->st_mtim, sizeof now.st_mtim) != 0;
}
