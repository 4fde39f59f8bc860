/*
 * Twins: throw-away processes, sealed as the real ones are, that try one forbidden act
 * each. That they end as they must is the proof that the seal holds on this kernel. An
 * act that is permitted after all does no harm.
 */
#include "confine/steps.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TWIN_MILLISECONDS = 5000, TWIN_UNKNOWN = 125, STARTED_MAX = 8, TWIN_TCP = 8 };

/* 127.0.0.1:1, a port that no seal names */
static const struct sockaddr_in port_1 = {
	.sin_family = AF_INET, .sin_port = 0x0100, .sin_addr = { 0x0100007f }
};

static char page[4096] __attribute__((aligned(4096)));

/* clang-format off */
#define N(number)     (const void *)(number)
#define HERE	      N(AT_FDCWD)
#define ANONYMOUS     N(MAP_PRIVATE | MAP_ANONYMOUS), N(-1)
#define CORE_PATTERN  "/proc/sys/kernel/core_pattern"
#define TCP	      N(TWIN_TCP)
#define SIZE	      N(sizeof port_1)
#define NSCD	      (SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK)
#define CREATE	      N(O_CREAT | O_EXCL | O_WRONLY), N(0600)
#define KILLED	      0
#define DO(...)	      { __VA_ARGS__ }

const struct twin confine_twins[] = {
	/* files */
	{ "open", "BNWC", EACCES, SYS_openat, DO(HERE, "/etc/passwd", N(O_RDWR)), "BNW" },
	{ "open", "R", KILLED, SYS_openat, DO(HERE, "/etc/passwd", N(O_RDWR)), "R" },
	{ "list", "BNWRC", EACCES, SYS_openat, DO(HERE, "/", N(O_DIRECTORY)), "" },
	{ "stat", "BNWC", EACCES, SYS_newfstatat, DO(HERE, "/", page), "" },
	{ "core-pattern", "BN", ENOENT, SYS_openat, DO(HERE, CORE_PATTERN, N(O_WRONLY)), "BN" },
	{ "sysfs", "BNR", ENOENT, SYS_openat, DO(HERE, "/sys/kernel", N(O_RDONLY)), "" },
	{ "systemd", "BN", ENOENT, SYS_openat, DO(HERE, "/run/systemd", N(O_RDONLY)), "" },
	{ "create", "BN", EACCES, SYS_openat, DO(HERE, "/privyseal-twin", CREATE), "" },
	{ "chmod", "BNWR", KILLED, SYS_fchmod, DO(N(0), N(0666)), "" },
	{ "chmod-path", "BNWR", KILLED, SYS_fchmodat, DO(HERE, "/dev/null", N(0666)), "" },
	{ "chown", "BNWR", KILLED, SYS_fchown, DO(N(0), N(0), N(0)), "" },
	{ "setxattr", "BNWR", KILLED, SYS_fsetxattr, DO(N(0), "user.x", page, N(1)), "" },
	{ "utimensat", "BNWR", KILLED, SYS_utimensat, DO(HERE, "/dev/null"), "" },
	{ "link", "BNWR", KILLED, SYS_linkat, DO(HERE, "/dev/null", HERE, "/privyseal-twin"), "" },
	{ "mknod", "BNWR", KILLED, SYS_mknodat, DO(HERE, "/privyseal-twin", N(0600)), "" },
	{ "truncate", "BNWR", KILLED, SYS_ftruncate, DO(N(0)), "" },
	{ "ioctl", "BNC", ENOTTY, SYS_ioctl, DO(N(0), N(FIOCLEX)), "" },
	{ "ioctl", "SWR", KILLED, SYS_ioctl, DO(N(0), N(FIOCLEX)), "" },

	/* sockets and descriptors */
	{ "socket-inet", "SBNWC", KILLED, SYS_socket, DO(N(AF_INET), N(SOCK_STREAM)), "W" },
	{ "socket-udp", "SBNWC", KILLED, SYS_socket, DO(N(AF_INET), N(SOCK_DGRAM)), "N" },
	{ "socket-unix", "SBNWRC", KILLED, SYS_socket, DO(N(AF_UNIX), N(SOCK_STREAM)), "BN" },
	{ "socket-nscd", "R", EACCES, SYS_socket, DO(N(AF_UNIX), N(NSCD)), "" },
	{ "socket-netlink", "SBNWC", KILLED, SYS_socket, DO(N(AF_NETLINK), N(SOCK_RAW)), "" },
	{ "socket-netlink", "R", EAFNOSUPPORT, SYS_socket, DO(N(AF_NETLINK), N(SOCK_RAW)), "" },
	{ "socket-mptcp", "NR", KILLED, SYS_socket, DO(N(AF_INET), N(SOCK_STREAM), N(262)), "NR" },
	{ "socket-raw", "NR", KILLED, SYS_socket, DO(N(AF_INET), N(SOCK_RAW), N(1)), "" },
	{ "socketpair", "BNWR", KILLED, SYS_socketpair, DO(N(AF_UNIX), N(SOCK_STREAM), N(0), page), "" },
	{ "connect", "SBW", KILLED, SYS_connect, DO(N(3), page, N(2)), "" },
	{ "connect-port", "NR", EACCES, SYS_connect, DO(TCP, &port_1, SIZE), "NR" },
	{ "fastopen", "NR", KILLED, SYS_sendto, DO(TCP, "x", N(1), N(MSG_FASTOPEN), &port_1), "NR" },
	{ "bind", "BNWR", KILLED, SYS_bind, DO(TCP, &port_1, SIZE), "" },
	{ "listen-tcp", "NR", KILLED, SYS_listen, DO(TCP, N(1)), "" },
	{ "listen", "BNWR", KILLED, SYS_listen, DO(N(3), N(1)), "" },
	{ "sendmsg", "BNWRC", KILLED, SYS_sendmsg, DO(N(3), page), "W" },
	{ "recvmsg-elsewhere", "SBNWR", KILLED, SYS_recvmsg, DO(N(0), page), "" },
	{ "pidfd-getfd", "SBNWR", KILLED, SYS_pidfd_getfd, DO(N(0), N(0)), "" },

	/* programs, processes, memory */
	{ "exec", "BNWRC", KILLED, SYS_execve, DO("/bin/true"), "BNWR" },
	{ "execveat", "SBNWRC", KILLED, SYS_execveat, DO(N(3), "", NULL, NULL, N(AT_EMPTY_PATH)), "" },
	{ "fork", "SBNWRC", KILLED, SYS_clone, DO(N(SIGCHLD)), "" },
	{ "thread", "SWRC", KILLED, SYS_clone, DO(N(CLONE_PTHREAD)), "" },
	{ "thread-elsewhere", "BN", KILLED, SYS_clone, DO(N(CLONE_PTHREAD | CLONE_NEWNS)), "" },
	{ "clone3", "SBNWRC", ENOSYS, SYS_clone3, DO(page, N(64)), "" },
	{ "ptrace", "SBNWRC", KILLED, SYS_ptrace, DO(N(PTRACE_TRACEME)), "" },
	{ "process-vm-readv", "SBNWRC", KILLED, SYS_process_vm_readv, DO(N(1)), "" },
	{ "kill", "SBNWRC", KILLED, SYS_kill, DO(N(1)), "" },
	{ "mmap-exec", "BNWRC", KILLED, SYS_mmap, DO(NULL, N(4096), N(PROT_EXEC), ANONYMOUS), "" },
	{ "mmap-wx", "S", KILLED, SYS_mmap, DO(NULL, N(4096), N(PROT_WRITE | PROT_EXEC), ANONYMOUS), "" },
	{ "mprotect-exec", "SBNWRC", KILLED, SYS_mprotect, DO(page, N(4096), N(PROT_EXEC)), "" },

	/* privileges and the kernel itself */
	{ "setuid", "BNWRC", KILLED, SYS_setresuid, DO(N(0), N(0), N(0)), "" },
	{ "mount", "BNWRC", KILLED, SYS_mount, DO("none", "/", "tmpfs"), "" },
	{ "unshare", "SBNWRC", KILLED, SYS_unshare, DO(N(CLONE_NEWUSER)), "" },
	{ "setns", "SBNWRC", KILLED, SYS_setns, DO(N(0)), "" },
	{ "prctl", "WRC", KILLED, SYS_prctl, DO(N(4 /* PR_SET_DUMPABLE */), N(1)), "" },
	{ "prctl", "BN", EPERM, SYS_prctl, DO(N(4), N(1)), "" },
	{ "bpf", "SBNWRC", KILLED, SYS_bpf, DO(NULL), "" },
	{ "io-uring", "SBNWRC", KILLED, SYS_io_uring_setup, DO(N(1), page), "" },
	{ "keyctl", "SBNWRC", KILLED, SYS_keyctl, DO(NULL), "" },
	{ "init-module", "SBNWRC", KILLED, SYS_init_module, DO(page, N(1), ""), "" },
#if defined(__x86_64__)
	{ "x32", "SBNWRC", KILLED, SYS_getpid | 0x40000000, DO(NULL), "" },
	{ "compat", "SBNWRC", KILLED, TWIN_COMPAT_CALL, DO(NULL), "" },
#endif
};
/* clang-format on */

const unsigned confine_twins_count = COUNT(confine_twins);

static long perform(const struct twin *twin)
{
	const void *const *a = twin->arguments;

#if defined(__x86_64__)
	long result = 20; /* getpid on i386 */

	if (twin->call == TWIN_COMPAT_CALL) {
		__asm__ volatile("int $0x80"
				 : "+a"(result)
				 :
				 : "memory", "r8", "r9", "r10", "r11");
		return result;
	}
#endif
	return syscall(twin->call, a[0], a[1], a[2], a[3], a[4], NULL);
}

/* Rows of the same name are the same act, refused in another way. */
_Noreturn void confine_twin_act(const char *act)
{
	unsigned i;

	for (i = 0; i < confine_twins_count; i++)
		if (strcmp(confine_twins[i].act, act) == 0 &&
		    write(STDOUT_FILENO, TWIN_SEALED, strlen(TWIN_SEALED)) > 0)
			_exit(perform(&confine_twins[i]) < 0 ? errno : 0);
	_exit(TWIN_UNKNOWN);
}

struct started {
	const struct twin *twin;
	struct spawned process;
	int sealed; /* the pipe that it writes TWIN_SEALED to */
};

static bool start(struct started *out, const struct twin *twin, enum role role,
    const char *program, uid_t uid, gid_t gid, char said[TWIN_SAID_MAX])
{
	char name[64], probe[64], user[16], group[16];
	char *const arguments[] = { name, probe, (char[]){ "--uid" }, user,
		(char[]){ "--gid" }, group,
		role == ROLE_NETWORKED ? (char[]){ "--networked" } : NULL, NULL };
	struct confine_error error;
	int ends[2];
	struct spawn spawn = { .role = role,
		.path = program,
		.arguments = arguments,
		.descriptors = { -1, -1, STDERR_FILENO, -1, -1, -1, -1, -1 },
		.count = has_role("NR", role) ? TWIN_TCP + 1 : TWIN_TCP };
	bool started;

	snprintf(name, sizeof name, "privyseal-%s", role_name(role));
	snprintf(probe, sizeof probe, "--probe=%s", twin->act);
	snprintf(user, sizeof user, "%u", (unsigned)uid);
	snprintf(group, sizeof group, "%u", (unsigned)gid);
	if (pipe2(ends, O_CLOEXEC) < 0) {
		snprintf(said, TWIN_SAID_MAX, "no pipe: %s", strerror(errno));
		return false;
	}
	spawn.descriptors[1] = ends[1];
	spawn.descriptors[TWIN_TCP] =
	    has_role("NR", role) ? socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;
	*out = (struct started){ .twin = twin, .sealed = ends[0] };
	started = confine_spawn(&spawn, &out->process, &error) == 0;
	close(ends[1]);
	close(spawn.descriptors[TWIN_TCP]);
	if (!started) {
		snprintf(said, TWIN_SAID_MAX, "%.127s", error.text);
		close(ends[0]);
	}
	return started;
}

/* Whether it ended as it must, and in words how it ended. */
static bool judge(const struct started *s, int status, char said[TWIN_SAID_MAX])
{
	const int expected = s->twin->expected;
	char mark[sizeof TWIN_SEALED];

	if (read(s->sealed, mark, sizeof mark) != (ssize_t)strlen(TWIN_SEALED)) {
		snprintf(said, TWIN_SAID_MAX, "ended before it was sealed (status %#x)",
		    status);
		return false;
	}
	if (WIFSIGNALED(status)) {
		snprintf(
		    said, TWIN_SAID_MAX, "killed by %s", strsignal(WTERMSIG(status)));
		return expected == KILLED && WTERMSIG(status) == SIGSYS;
	}
	snprintf(said, TWIN_SAID_MAX, "%s%s", WEXITSTATUS(status) != 0 ? "refused, " : "",
	    WEXITSTATUS(status) != 0 ? strerror(WEXITSTATUS(status)) : "PERMITTED");
	return expected != KILLED && WEXITSTATUS(status) == expected;
}

static bool finish(struct started *s, char said[TWIN_SAID_MAX])
{
	struct pollfd ended = { .fd = s->process.pidfd, .events = POLLIN };
	const bool in_time = poll(&ended, 1, TWIN_MILLISECONDS) == 1;
	int status = -1;
	bool right;

	if (!in_time)
		syscall(SYS_pidfd_send_signal, s->process.pidfd, SIGKILL, NULL, 0);
	waitpid(s->process.pid, &status, 0);
	right = judge(s, status, said) && in_time;
	close(s->process.pidfd);
	close(s->process.status);
	close(s->sealed);
	return right;
}

/* A port is refused by what Landlock has since its ABI 4. */
static bool is_for_this_kernel(const struct twin *twin)
{
	const int ruleset = landlock_ruleset(4);

	close(ruleset);
	return ruleset >= 0 || twin->call != SYS_connect || twin->expected != EACCES;
}

bool confine_twin_run(const struct twin *twin, enum role role, const char *program,
    uid_t uid, gid_t gid, char said[TWIN_SAID_MAX])
{
	struct started started;

	if (!is_for_this_kernel(twin)) {
		snprintf(said, TWIN_SAID_MAX, "not tried: Landlock is older here");
		return true;
	}
	return start(&started, twin, role, program, uid, gid, said) &&
	       finish(&started, said);
}

bool confine_twins_start(
    enum role role, const char *program, uid_t uid, gid_t gid, char said[TWIN_SAID_MAX])
{
	struct started started[STARTED_MAX];
	unsigned i, count = 0;
	bool right = true;
	char how[TWIN_SAID_MAX];

	for (i = 0; i < confine_twins_count && right && count < STARTED_MAX; i++)
		if (has_role(confine_twins[i].at_start, role) &&
		    is_for_this_kernel(&confine_twins[i])) {
			right = start(&started[count], &confine_twins[i], role, program,
			    uid, gid, said);
			count += right;
		}
	for (i = 0; i < count; i++)
		if (!finish(&started[i], how)) {
			snprintf(said, TWIN_SAID_MAX, "%s-%s %.80s", role_name(role),
			    started[i].twin->act, how);
			right = false;
		}
	return right;
}
