/*
 * The seccomp filters: what a process of each role may ask of the kernel. One row per
 * call and condition; what no row names ends the process. The supervisor's filter is also
 * that of all it starts later, a worker's loader and sealing included, so it is the
 * longest, and every call that a worker has stands in it too. A supervisor that may start
 * resolvers (rows with an M) has a resolver's calls besides.
 */
#include "confine/steps.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#if !defined(__x86_64__) && !defined(__aarch64__)
#error "the call lists were never tried on this architecture"
#endif

/* Values that are known when the filter is built. */
enum { CONTROL = 0x7fff0001, MYSELF = 0x7fff0002 };

struct row {
	const char *name;
	const char *roles;
	struct scmp_arg_cmp when[3];
	uint16_t refuse; /* 0: permitted; else the errno that the caller gets */
};

/* clang-format off */
#define EQ(n, value)	   { .arg = n, .op = SCMP_CMP_EQ, .datum_a = (value) }
#define NE(n, value)	   { .arg = n, .op = SCMP_CMP_NE, .datum_a = (value) }
#define BITS(n, mask, set) { .arg = n, .op = SCMP_CMP_MASKED_EQ, .datum_a = (mask), .datum_b = (set) }
#define WHEN(...)	   .when = { __VA_ARGS__ }
#define CALL(n, r, ...)	   { .name = n, .roles = r, __VA_ARGS__ }
#define READ_WRITE	   (PROT_READ | PROT_WRITE)
#define ANONYMOUS	   (MAP_PRIVATE | MAP_ANONYMOUS)
#define KIND(type)	   BITS(1, ~(unsigned)(SOCK_CLOEXEC | SOCK_NONBLOCK), type)
#define LISTENING	   (SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK)

static const struct row rows[] = {
	/* descriptors that were given */
	CALL("read", "SBNWRC"),
	CALL("write", "SBNWRC"),
	CALL("close", "SBNWRC"),
	CALL("ppoll", "SBNWRC"),
	CALL("poll", "SBNWRC"),
	CALL("fstat", "SBNWRC"),
	CALL("newfstatat", "BNWC", WHEN(EQ(3, AT_EMPTY_PATH))), /* fstat() of newer C libraries */
	CALL("newfstatat", "BNWC", WHEN(NE(3, AT_EMPTY_PATH)), .refuse = EACCES),
	CALL("accept4", "SBNW"),
	CALL("getsockopt", "SBNW", WHEN(EQ(1, SOL_SOCKET), EQ(2, SO_PEERCRED))),
	CALL("recvmsg", "SBN", WHEN(EQ(0, CONTROL))), /* the one way for descriptors ... */
	CALL("sendmsg", "S", WHEN(EQ(0, CONTROL))), /* ... which only the supervisor hands out */
	CALL("lseek", "SBNRC"),
	CALL("pread64", "SBN"), /* a worker's /proc status; the loader */
	CALL("shutdown", "C", WHEN(EQ(1, SHUT_WR))), /* the end of what was piped in */
	CALL("writev", "SBNWC", WHEN(EQ(0, STDERR_FILENO))), /* last words of the C library */
	CALL("ioctl", "BNC", .refuse = ENOTTY), /* "is it a terminal?" of stdio */

	/* memory; never executable, but for what the loader of a new program maps */
	CALL("mmap", "W", WHEN(EQ(2, READ_WRITE), EQ(3, ANONYMOUS))),
	CALL("mmap", "SBNRC", WHEN(BITS(2, PROT_EXEC, 0))),
	CALL("mmap", "S", WHEN(BITS(2, PROT_EXEC | PROT_WRITE, PROT_EXEC))),
	CALL("mprotect", "SBNR", WHEN(BITS(2, PROT_EXEC, 0))),
	CALL("munmap", "SBNWRC"),
	CALL("mremap", "SBNWRC"),
	CALL("brk", "SBNWRC"),
	CALL("madvise", "SBNR"),
	CALL("futex", "SBNWRC"),

	/* time and chance; the clocks come from the vDSO, unless a hypervisor forbids that */
	CALL("clock_gettime", "SBNWRC"),
	CALL("gettimeofday", "SBNWRC"),
	CALL("clock_nanosleep", "SC"),
	CALL("getrandom", "SBNWRC"),

	/* oneself */
	CALL("getpid", "SBNWRC"),
	CALL("gettid", "SBNWRC"),
	CALL("exit_group", "SBNWRC"),
	CALL("restart_syscall", "SBNWRC"),
	CALL("rt_sigreturn", "SBNWRC"),
	CALL("rt_sigprocmask", "SBNWRC"),
	/* abort() must look like abort(), not like an attack */
	CALL("tgkill", "BNWRC", WHEN(EQ(0, MYSELF), EQ(1, MYSELF), EQ(2, SIGABRT))),
	CALL("tgkill", "S", WHEN(EQ(2, SIGABRT))),
	CALL("rt_sigaction", "BNWRC", WHEN(EQ(0, SIGABRT))),
	CALL("rt_sigaction", "S"),

	/* asked for by libraries that manage without */
	CALL("openat", "WC", .refuse = EACCES),
	CALL("clone3", "SBNWRC", .refuse = ENOSYS),
	CALL("sysinfo", "SBNWRC", .refuse = ENOSYS), /* qsort() of much */
	CALL("prctl", "BN", .refuse = EPERM), /* names for memory and threads */

	/* files: Landlock keeps the broker in its directory */
	CALL("openat", "SBN"),
	CALL("fcntl", "BN", WHEN(EQ(1, F_GETFL))), /* fdopendir(), both */
	CALL("fcntl", "BN", WHEN(EQ(1, F_SETFD), EQ(2, FD_CLOEXEC))),
	CALL("getdents64", "SBN"),
	CALL("fsync", "SBNC"),
	CALL("fdatasync", "SBN"),
	CALL("renameat", "SBN"),
	CALL("fcntl", "S"),
	CALL("newfstatat", "S"),
	CALL("fstatfs", "S"), /* libcap-ng: is that really /proc? */
	CALL("access", "S"),
	CALL("faccessat", "S"),
	CALL("readlink", "S"),
	CALL("readlinkat", "S"),
	CALL("rename", "S"),
	CALL("unlink", "S"),
	CALL("unlinkat", "S"),
	CALL("ioctl", "S", WHEN(EQ(1, 0x5401 /* TCGETS */))),
	CALL("ioctl", "S", WHEN(EQ(1, FS_IOC_GETFLAGS))),
	CALL("ioctl", "S", WHEN(EQ(1, FS_IOC_SETFLAGS))), /* the record: append-only */
	CALL("memfd_create", "S"),
	CALL("pipe2", "S"),
	CALL("dup3", "S"),
	CALL("close_range", "S"),
	CALL("umask", "S"),
	CALL("chdir", "S"),
	CALL("getcwd", "S"), /* realpath() of what was named on the command line */

	/* a worker's channel; the service manager's socket is made and connected before */
	CALL("socketpair", "S", WHEN(EQ(0, AF_UNIX))),
	/* the sockets of a policy that root has reloaded; our own never connect */
	CALL("socket", "S", WHEN(EQ(0, AF_UNIX), EQ(1, LISTENING), EQ(2, 0))),
	CALL("bind", "S"),
	CALL("listen", "S"),

	/* threads that sign; of what fork() needs nothing. The C library tries clone3() first */
	CALL("clone", "BN", WHEN(EQ(0, CLONE_PTHREAD))),
	CALL("set_robust_list", "BN"),
	CALL("rseq", "BN"),
	CALL("rt_sigaction", "BN", WHEN(EQ(0, 33))), /* the C library's own signal between threads */

	/* TCP, and not MPTCP, which Landlock does not see; all connections are our own */
	CALL("socket", "N", WHEN(EQ(0, AF_INET), KIND(SOCK_STREAM), EQ(2, IPPROTO_TCP))),
	CALL("socket", "N", WHEN(EQ(0, AF_INET6), KIND(SOCK_STREAM), EQ(2, IPPROTO_TCP))),
	CALL("connect", "NMR"),
	CALL("sendto", "NMR", WHEN(BITS(3, MSG_FASTOPEN, 0))), /* which connects, unseen too */
	CALL("recvfrom", "NMR"),
	CALL("fcntl", "N", WHEN(EQ(1, F_SETFL), EQ(2, O_RDWR | O_NONBLOCK))),
	CALL("setsockopt", "N", WHEN(EQ(1, IPPROTO_TCP), EQ(2, TCP_NODELAY))),
	CALL("getsockopt", "N", WHEN(EQ(1, SOL_SOCKET), EQ(2, SO_ERROR))), /* has it connected? */
	CALL("getsockname", "NMR"), /* libcurl's notes; the order of addresses */
	CALL("getpeername", "N"), /* libcurl's notes */

	/* names: UDP, and TCP for long answers; what the C library reads for it is in /etc */
	CALL("socket", "MR", WHEN(EQ(0, AF_INET), KIND(SOCK_DGRAM), EQ(2, 0))),
	CALL("socket", "MR", WHEN(EQ(0, AF_INET6), KIND(SOCK_DGRAM), EQ(2, 0))),
	CALL("socket", "MR", WHEN(EQ(0, AF_INET), KIND(SOCK_STREAM), EQ(2, 0))),
	CALL("socket", "MR", WHEN(EQ(0, AF_INET6), KIND(SOCK_STREAM), EQ(2, 0))),
	CALL("socket", "R", WHEN(EQ(0, AF_UNIX), EQ(1, LISTENING)), .refuse = EACCES), /* nscd */
	CALL("socket", "MR", WHEN(EQ(0, AF_NETLINK)), .refuse = EAFNOSUPPORT), /* addresses of ours */
	CALL("setsockopt", "MR", WHEN(EQ(1, IPPROTO_IP), EQ(2, IP_RECVERR))),
	CALL("setsockopt", "MR", WHEN(EQ(1, IPPROTO_IPV6), EQ(2, IPV6_RECVERR))),
	CALL("sendmmsg", "MR", WHEN(EQ(3, MSG_NOSIGNAL))), /* both questions at once */
	CALL("ioctl", "MR", WHEN(EQ(1, FIONREAD))),
	CALL("writev", "MR"), /* a question by TCP */
	CALL("uname", "MR", .refuse = EPERM), /* a domain to search, from the host's name */
	CALL("openat", "R", WHEN(BITS(2, O_ACCMODE | O_CREAT, O_RDONLY))),
	CALL("newfstatat", "R"), /* resolv.conf has changed? a refusal would mean: it is empty */

	/* starting, watching and ending workers, always with namespaces of their own */
	CALL("clone", "S", WHEN(EQ(0, CLONE_WORKER))),
	CALL("clone", "M", WHEN(EQ(0, CLONE_RESOLVER))),
	CALL("execve", "S"),
	CALL("wait4", "S"),
	CALL("waitid", "S"),
	CALL("pidfd_send_signal", "S"),
	CALL("signalfd4", "S"),
	CALL("setsid", "S"),
	CALL("set_tid_address", "S"),
	CALL("set_robust_list", "S"),
	CALL("rseq", "S"),
	CALL("arch_prctl", "S"),
	CALL("prlimit64", "S"),
	CALL("sched_getaffinity", "S"),
	CALL("getuid", "S"),
	CALL("geteuid", "S"),

	/* a worker seals itself */
	CALL("unshare", "S", WHEN(EQ(0, CLONE_THREAD))), /* asks whether there is one thread */
	CALL("mount", "S"),
	CALL("pivot_root", "S"),
	CALL("umount2", "S"),
	CALL("prctl", "S"),
	CALL("capget", "S"),
	CALL("capset", "S"),
	CALL("setgroups", "S"),
	CALL("setresgid", "S"),
	CALL("getresgid", "S"),
	CALL("setresuid", "S"),
	CALL("getresuid", "S"),
	CALL("landlock_create_ruleset", "S"),
	CALL("landlock_add_rule", "S"),
	CALL("landlock_restrict_self", "S"),
	CALL("seccomp", "S"),
};
/* What arm64 has no call for; its C library asks for the newer one of the same kind. */
static const char *const arm64_lacks[] = { "poll", "access", "readlink", "rename", "unlink",
	"arch_prctl" };
/* clang-format on */

static bool is_lacking(uint32_t architecture, const char *name)
{
	size_t i;

	for (i = 0; i < COUNT(arm64_lacks) && architecture == SCMP_ARCH_AARCH64; i++)
		if (strcmp(arm64_lacks[i], name) == 0)
			return true;
	return false;
}

const char *filters_mistaken(uint32_t architecture)
{
	const struct row *row;
	bool known;

	for (row = rows; row < rows + COUNT(rows); row++) {
		known = seccomp_syscall_resolve_name_arch(architecture, row->name) >= 0;
		if (known == is_lacking(architecture, row->name))
			return row->name;
	}
	return NULL;
}

static int add_row(scmp_filter_ctx filter, const struct seal *seal, const struct row *row)
{
	uint32_t action = row->refuse != 0 ? SCMP_ACT_ERRNO(row->refuse) : SCMP_ACT_ALLOW;
	struct scmp_arg_cmp when[3];
	int call = seccomp_syscall_resolve_name(row->name);
	unsigned n;

	if (call < 0) /* lacking here, as filters_mistaken() has seen */
		return 0;
	for (n = 0; n < 3 && row->when[n].op != 0; n++) {
		when[n] = row->when[n];
		if (when[n].datum_a == CONTROL)
			when[n].datum_a = (scmp_datum_t)seal->control;
		else if (when[n].datum_a == MYSELF)
			when[n].datum_a = (scmp_datum_t)getpid();
	}
	return seccomp_rule_add_array(filter, action, call, n, when);
}

int filters_load(const struct seal *seal, struct confine_error *error)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	const char *mistaken = filters_mistaken(seccomp_arch_native());
	const struct row *row;
	int result = -ENOMEM;

	if (mistaken) {
		seccomp_release(filter);
		errno = ENOSYS;
		return confine_fail(error, "sealing the %s: the call %s",
		    role_name(seal->role), mistaken);
	}
	/* a call from another architecture, x32 included, ends the process as any other
	 */
	if (filter)
		result = seccomp_attr_set(
		    filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (result == 0)
		result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (result == 0)
		result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	for (row = rows; result == 0 && row < rows + COUNT(rows); row++)
		if (has_role(row->roles, seal->role) ||
		    (seal->resolvers && strchr(row->roles, 'M')))
			result = add_row(filter, seal, row);
	if (result == 0)
		result = seccomp_load(filter);
	seccomp_release(filter);
	errno = -result;
	return result == 0 ? 0
			   : confine_fail(error, "sealing the %s: its seccomp filter",
				 role_name(seal->role));
}
