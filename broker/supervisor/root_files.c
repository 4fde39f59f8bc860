/* Files and directories that root gives us; supervisor.h has the promises. */
#include "broker/supervisor/supervisor.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/file.h>
#include <sys/stat.h>

#define WRITABLE (S_IWGRP | S_IWOTH)
#define SEALS	 (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static bool is_roots(const struct stat *st, const char *path, mode_t forbidden)
{
	return (st->st_uid == 0 && (st->st_mode & forbidden) == 0) ||
	       FAIL("%s has owner uid %u and mode %04o, and must be root's alone: "
		    "chown root %s; chmod %s %s",
		   path, st->st_uid, st->st_mode & 07777, path,
		   forbidden == WRITABLE ? "go-w" : "go-rwx", path);
}

/* What is open as `path`, and every directory above it: whoever can write to one of these
 * can put another file in its place. In a sticky one of root's, as /tmp, nobody can
 * replace what is root's. */
static bool check(int fd, const char *path, mode_t type, mode_t forbidden)
{
	char real[PATH_MAX], *slash = real + 1;
	struct stat st;
	bool good;

	if (fstat(fd, &st) != 0 || (st.st_mode & S_IFMT) != type)
		return FAIL("%s is not a regular file", path);
	good = is_roots(&st, path, forbidden);
	if (!realpath(path, real))
		return FAIL("%s: %s", path, strerror(errno));
	while (good && slash > real) {
		slash = strrchr(real, '/');
		slash[slash == real] = '\0'; /* the root directory keeps its name */
		good = (stat(real, &st) == 0 || FAIL("%s: %s", real, strerror(errno))) &&
		       (is_roots(&st, real, st.st_mode & S_ISVTX ? 0 : WRITABLE) ||
			   FAIL("%s is not used: others could replace it", path));
	}
	return good;
}

/* Counts while copying: the file may have grown since it was looked at. */
static bool copy(int from, int to, const char *path, size_t most)
{
	char bytes[16384];
	size_t total = 0;
	ssize_t n;

	while (
	    (n = read(from, bytes, sizeof bytes)) > 0 && write(to, bytes, (size_t)n) == n)
		if ((total += (size_t)n) > most)
			return FAIL("%s has more than %zu bytes (%zu MiB)", path, most,
			    most >> 20);
	return (n == 0 && fcntl(to, F_ADD_SEALS, SEALS) == 0) ||
	       FAIL("%s: %s", path, strerror(errno));
}

int root_file_take(const char *path, size_t most, const char *advice)
{
	/* O_NONBLOCK: a FIFO must not hold us up before it was looked at. */
	const int from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int taken = memfd_create("privyseal", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (from < 0 || taken < 0)
		log_error("%s: %s; it needs at least %s", path, strerror(errno), advice);
	if (from < 0 || taken < 0 || !check(from, path, S_IFREG, WRITABLE) ||
	    !copy(from, taken, path, most)) {
		close(taken);
		taken = -1;
	}
	close(from);
	return taken;
}

int root_file_reopen(int taken)
{
	char path[32];
	int fd;

	snprintf(path, sizeof path, "/proc/self/fd/%d", taken);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		log_error("%s: %s; is /proc mounted?", path, strerror(errno));
	return fd;
}

int root_directory_open(const char *path, const char *below, mode_t mode)
{
	char name[PATH_MAX];
	size_t length = strlen(path);
	bool made;
	int fd;

	while (
	    length > 1 && path[length - 1] == '/') /* it would follow a symbolic link */
		length--;
	snprintf(name, sizeof name, "%.*s%s", (int)length, path, below);
	made = mkdir(name, mode) == 0;
	fd = open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || (made && fchmod(fd, mode) != 0))
		log_error("%s: %s; it must be a directory, and no symbolic link", name,
		    strerror(errno));
	else if (check(fd, name, S_IFDIR, 0777 & ~mode))
		return fd;
	close(fd);
	return -1;
}

bool root_directory_lock(int directory, const char *path)
{
	const int fd =
	    openat(directory, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	char holder[16] = "";

	if (directory < 0)
		return false; /* which has been said */
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		/* The descriptor stays open; the pid is for whoever comes second. */
		return (ftruncate(fd, 0) == 0 && dprintf(fd, "%d\n", getpid()) > 0) ||
		       FAIL("%s/lock: %s", path, strerror(errno));
	if (fd < 0 || errno != EWOULDBLOCK)
		return FAIL("%s/lock: %s", path, strerror(errno));
	if (pread(fd, holder, sizeof holder - 1, 0) > 0)
		holder[strcspn(holder, "\n")] = '\0';
	return FAIL("another privyseald (pid %s) uses %s: stop it first, or name another "
		    "directory",
	    holder, path);
}
