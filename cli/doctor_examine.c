/*
 * The doctor's look at a running process, from outside and as root: what its role
 * promises beside what the kernel says. What /proc can't show says "self-tested": the
 * process has tried it itself, and the twins show it.
 */
#include "cli/doctor.h"
#include "confine/steps.h"

#include <cap-ng.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define RECORD_DESCRIPTOR_MAX 64

struct examination {
	int proc; /* /proc/PID, which is the same process however often it is opened */
	enum role role;
	struct finding *findings;
	int count;
};

static void add(struct examination *e, bool kept, const char *what, const char *promised,
    const char *format, ...) __attribute__((format(printf, 5, 6)));

static void add(struct examination *e, bool kept, const char *what, const char *promised,
    const char *format, ...)
{
	struct finding *finding = &e->findings[e->count];
	va_list arguments;

	if (e->count == FINDINGS_MAX)
		return;
	e->count++;
	finding->kept = kept;
	snprintf(finding->what, sizeof finding->what, "%s", what);
	snprintf(finding->promised, sizeof finding->promised, "%s", promised);
	va_start(arguments, format);
	vsnprintf(finding->found, sizeof finding->found, format, arguments);
	va_end(arguments);
}

/* Capabilities by name, as long as they are few. */
static void set_text(uint64_t set, char *out, size_t room)
{
	const char *name;
	unsigned one;
	size_t n = 0;

	snprintf(out, room, set == 0 ? "none" : "%#" PRIx64, set);
	if (__builtin_popcountll(set) > 8)
		return;
	for (one = 0; one < 64 && n < room; one++) {
		name = (set & BIT(one)) != 0 ? capng_capability_to_name(one) : NULL;
		if (name)
			n += (size_t)snprintf(
			    out + n, room - n, n > 0 ? " %s" : "%s", name);
	}
}

static void add_promise(struct examination *e, const struct promise *promise)
{
	char promised[96], found[96];

	if (promise->is_set) {
		set_text(promise->wanted, promised, sizeof promised);
		set_text(promise->found, found, sizeof found);
	} else {
		snprintf(promised, sizeof promised, "%" PRIu64, promise->wanted);
		snprintf(found, sizeof found, "%" PRIu64, promise->found);
	}
	add(e, promise->kept, promise->line,
	    promise->wanted == WANTED_ANY ? "any" : promised, "%s", found);
}

static int examine_status(struct examination *e, uid_t uid, gid_t gid)
{
	struct process_status status;
	struct promise promise;
	int fd = openat(e->proc, "status", O_RDONLY | O_CLOEXEC);
	int result = fd < 0 ? -1 : confine_status_read(fd, &status);
	unsigned line;

	if (fd >= 0)
		close(fd);
	for (line = 0; result == 0 && line < STATUS_LINES; line++) {
		promise = status_promise(&status, line, e->role, uid, gid);
		add_promise(e, &promise);
	}
	return result;
}

/* The kernel gives what /proc has of a process that may not be dumped to root; where the
 * user is root, that tells nothing. */
static void examine_dumpable(struct examination *e)
{
	struct stat status;

	if (has_role("SBN", e->role))
		add(e, true, "dumpable", "no", "self-tested");
	else if (fstatat(e->proc, "mem", &status, 0) == 0)
		add(e, status.st_uid == 0, "dumpable", "no", "memory belongs to user %u",
		    (unsigned)status.st_uid);
}

/* Calls `judge` for each line (`end` '\n') or string (0) of a file; the first that it
 * refuses is copied to `found`. True when none is, and the file could be read. */
static bool each_line(const struct examination *e, const char *name, int end,
    bool (*judge)(const char *line), char found[128])
{
	int fd = openat(e->proc, name, O_RDONLY | O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	char *line = NULL;
	size_t room = 0;
	bool good = true;

	snprintf(found, 128, file ? "none" : "%s can't be read", name);
	if (!file)
		return false;
	while (good && getdelim(&line, &room, end, file) > 0) {
		good = judge(line);
		if (!good)
			snprintf(found, 128, "%.*s", (int)strcspn(line, "=\n"), line);
	}
	free(line);
	fclose(file);
	return good;
}

/* A line of /proc/PID/limits is another limit's, or says that nothing is allowed. */
static bool is_nothing(const char *line, const char *limit)
{
	const size_t n = strlen(limit);

	return strncmp(line, limit, n) != 0 ||
	       strncmp(line + n + strspn(line + n, " "), "0 ", 2) == 0;
}

static bool dumps_no_core(const char *line)
{
	return is_nothing(line, "Max core file size");
}

static bool writes_no_file(const char *line)
{
	return is_nothing(line, "Max file size");
}

static bool starts_no_process(const char *line)
{
	return is_nothing(line, "Max processes");
}

static bool is_read_only_mount(const char *line)
{
	return strstr(line, " / / ro,") != NULL;
}

static bool is_harmless_variable(const char *line)
{
	return strncmp(line, "AWS_", 4) != 0 && strncmp(line, "LD_", 3) != 0;
}

static bool is_not_writable_and_executable(const char *line)
{
	const char *rights = strchr(line, ' ');

	return !rights || rights[2] != 'w' || rights[3] != 'x';
}

static void examine_files(struct examination *e)
{
	static const struct {
		const char *roles, *file, *what, *promised;
		int end;
		bool (*judge)(const char *line);
	} checks[] = {
		{ "SBNWRC", "limits", "core files", "none", '\n', dumps_no_core },
		{ "WR", "limits", "file size limit", "none", '\n', writes_no_file },
		{ "WR", "limits", "process limit", "none", '\n', starts_no_process },
		{ "W", "mountinfo", "mounts", "none but a read-only /", '\n',
		    is_read_only_mount },
		{ "SBNWRC", "environ", "environment", "no AWS_ and LD_", '\0',
		    is_harmless_variable },
		{ "SBNWRC", "maps", "memory", "none both writable and executable", '\n',
		    is_not_writable_and_executable },
	};
	char found[128];
	size_t i;

	for (i = 0; i < sizeof checks / sizeof *checks; i++) {
		bool kept;

		if (!has_role(checks[i].roles, e->role))
			continue;
		kept =
		    each_line(e, checks[i].file, checks[i].end, checks[i].judge, found);
		add(e, kept, checks[i].what, checks[i].promised, "%s", found);
	}
}

static void examine_namespaces(struct examination *e)
{
	static const struct {
		const char *roles, *what, *link, *ours;
	} checks[] = {
		{ "W", "network namespace", "ns/net", "/proc/self/ns/net" },
		{ "BNWR", "mount namespace", "ns/mnt", "/proc/self/ns/mnt" },
		{ "BNWR", "IPC namespace", "ns/ipc", "/proc/self/ns/ipc" },
		{ "WR", "PID namespace", "ns/pid", "/proc/self/ns/pid" },
	};
	char theirs[64] = "", ours[64] = "";
	size_t i;

	for (i = 0; i < sizeof checks / sizeof *checks; i++) {
		ssize_t n =
		    readlinkat(e->proc, checks[i].link, theirs, sizeof theirs - 1);
		ssize_t m = readlink(checks[i].ours, ours, sizeof ours - 1);

		if (has_role(checks[i].roles, e->role))
			add(e, n > 0 && (n != m || memcmp(theirs, ours, (size_t)n) != 0),
			    checks[i].what, "its own", "%.*s", (int)(n > 0 ? n : 0),
			    theirs);
	}
}

/* Entries of a directory, -1 when it can't be read; `judge` may be NULL: every entry is
 * one too many. The first that is refused goes to `found`. */
static int refused_entries(const struct examination *e, const char *path,
    bool (*judge)(
	const struct examination *, int directory, const char *name, char *found),
    char found[128])
{
	int fd = openat(e->proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), count = 0;
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	snprintf(found, 128, directory ? "empty" : "can't be read");
	if (!directory)
		return -1;
	while (count == 0 && (entry = readdir(directory)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (!judge)
			snprintf(found, 128, "%.127s", entry->d_name);
		count += !judge || !judge(e, fd, entry->d_name, found);
	}
	closedir(directory);
	return count;
}

static void examine_root(struct examination *e)
{
	static const struct {
		const char *roles, *what, *path;
	} checks[] = {
		{ "W", "root directory", "root" },
		{ "BNR", "/proc as it sees it", "root/proc" },
		{ "BNR", "/sys as it sees it", "root/sys" },
		{ "BN", "/run as it sees it", "root/run" },
	};
	char found[128];
	size_t i;

	for (i = 0; i < sizeof checks / sizeof *checks; i++)
		if (has_role(checks[i].roles, e->role)) {
			int count = refused_entries(e, checks[i].path, NULL, found);

			add(e, count == 0, checks[i].what, "empty", "%s", found);
		}
}

/* Sockets, pipes, /dev/null and memory files (by what they are: to a process that left
 * its root behind, paths say little). The broker has its log, its state directory by a
 * fixed number, what lies in that, and the status of workers as well. */
static bool is_expected_descriptor(
    const struct examination *e, int directory, const char *name, char *found)
{
	char link[PATH_MAX] = "", state[PATH_MAX] = "";
	struct stat status;
	size_t n;

	if (readlinkat(directory, name, link, sizeof link - 1) < 0 ||
	    fstatat(directory, name, &status, 0) < 0)
		return errno == ENOENT;
	if (S_ISSOCK(status.st_mode) || S_ISFIFO(status.st_mode) ||
	    strncmp(link, "/memfd:", 7) == 0 ||
	    (S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3)))
		return true;
	if (e->role == ROLE_NETWORKED && S_ISDIR(status.st_mode))
		return true; /* of credentials */
	if (has_role("BN", e->role) &&
	    readlinkat(directory, "6", state, sizeof state - 1) > 0) {
		n = strlen(state);
		if (strcmp(name, "2") == 0 ||
		    (strncmp(link, state, n) == 0 &&
			(link[n] == '/' || link[n] == '\0')) ||
		    (strncmp(link, "/proc/", 6) == 0 && strstr(link, "/status")))
			return true;
	}
	if (e->role == ROLE_SUPERVISOR &&
	    (S_ISDIR(status.st_mode) ||
		(n = strlen(link), n > 5 && strcmp(link + n - 5, "/lock") == 0) ||
		strcmp(link, "anon_inode:[pidfd]") == 0 ||
		strcmp(link, "anon_inode:[signalfd]") == 0 ||
		(name[1] == '\0' && strchr("012", name[0]))))
		return true;
	snprintf(found, 128, "%s: %.110s", name, link);
	return false;
}

static void examine_descriptors(struct examination *e)
{
	static const char *const promised[ROLE_COUNT] = {
		[ROLE_SUPERVISOR] =
		    "sockets, pipes, memory files, directories, locks, children",
		[ROLE_BROKER] = "sockets, pipes, memory files, state, workers' status",
		[ROLE_NETWORKED] = "as the broker's, and directories of credentials",
		[ROLE_WORKER] = "sockets, pipes, memory files",
		[ROLE_RESOLVER] = "sockets, pipes, memory files",
		[ROLE_CLI] = "sockets, pipes, memory files",
	};
	char found[128];
	int count;

	count = refused_entries(e, "fd", is_expected_descriptor, found);
	add(e, count == 0, "descriptors", promised[e->role], "%s",
	    count == 0 ? "no others" : found);
}

/* The segment that the broker writes, seen through its own descriptor. */
static void examine_record(struct examination *e)
{
	char name[16], link[PATH_MAX];
	struct statx status;
	ssize_t n;
	int fd;

	for (fd = 3; fd < RECORD_DESCRIPTOR_MAX; fd++) {
		snprintf(name, sizeof name, "fd/%d", fd);
		n = readlinkat(e->proc, name, link, sizeof link - 1);
		link[n < 0 ? 0 : n] = '\0';
		if (n < 6 || strcmp(link + n - 6, ".jsonl") != 0 ||
		    statx(e->proc, name, 0, STATX_TYPE, &status) != 0)
			continue;
		add(e,
		    (status.stx_attributes & STATX_ATTR_APPEND) != 0 ||
			(status.stx_attributes_mask & STATX_ATTR_APPEND) == 0,
		    "record", "append-only where the file system can", "%s",
		    (status.stx_attributes & STATX_ATTR_APPEND) != 0 ? "append-only"
		    : (status.stx_attributes_mask & STATX_ATTR_APPEND) != 0
			? "the flag is not set"
			: "this file system has no such flag");
		return;
	}
}

int doctor_examine(pid_t pid, enum role role, uid_t uid, gid_t gid,
    struct finding findings[FINDINGS_MAX])
{
	static const char *const networks[ROLE_COUNT] = {
		[ROLE_BROKER] = "no socket at all",
		[ROLE_NETWORKED] = "TCP alone, to its keystore's ports",
		[ROLE_RESOLVER] = "UDP and TCP, to name servers",
	};
	struct examination e = { .role = role, .findings = findings };
	char path[32];

	snprintf(path, sizeof path, "/proc/%d", (int)pid);
	e.proc = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (e.proc < 0)
		return -1;
	if (examine_status(&e, uid, gid) < 0) {
		close(e.proc);
		return -1;
	}
	examine_dumpable(&e);
	examine_files(&e);
	examine_namespaces(&e);
	examine_root(&e);
	examine_descriptors(&e);
	if (has_role("BN", role))
		examine_record(&e);
	if (role != ROLE_SUPERVISOR)
		add(&e, true, "Landlock", "no file but its own", "self-tested");
	if (has_role("BNR", role))
		add(&e, true, "network", networks[role], "self-tested");
	close(e.proc);
	return e.count;
}
