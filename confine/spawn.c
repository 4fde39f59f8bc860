/*
 * Starting a process of ours. Between clone() and exec the child is a copy of its parent,
 * which may be the sealed supervisor: it asks the kernel for little, allocates nothing
 * and never returns.
 */
#include "confine/steps.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Nothing that changes what a library does: no LD_*, OPENSSL_CONF, *_proxy, AWS_*. */
static char *const environment[] = { (char[]){ "PATH=/usr/sbin:/usr/bin:/sbin:/bin" },
	(char[]){ "TZ=UTC" }, (char[]){ "LC_ALL=C" }, NULL };

/* What the policy says of the network, the broker alone reads: its seal decides. */
static const unsigned long clone_flags[ROLE_COUNT] = { CLONE_CHILD, CLONE_BROKER,
	CLONE_BROKER, CLONE_WORKER, CLONE_RESOLVER, CLONE_CHILD };

static int default_signals(void)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t none;
	int number;

	for (number = 1; number < NSIG; number++)
		if (sigaction(number, &action, NULL) < 0 &&
		    errno != EINVAL) /* SIGKILL, SIGSTOP, the C library's own */
			return -1;
	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL);
}

/* All sources first move above all targets, so that no target overwrites a source. */
static int place_descriptors(const struct spawn *spawn)
{
	int high[SPAWN_DESCRIPTORS_MAX];
	unsigned i, count = spawn->count < 3 ? 3 : spawn->count;
	int fd;

	for (i = 0; i < count; i++) {
		fd = i < spawn->count ? spawn->descriptors[i] : -1;
		if (fd < 0)
			fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		high[i] = fcntl(fd, F_DUPFD_CLOEXEC, SPAWN_DESCRIPTORS_MAX);
		if (high[i] < 0)
			return -1;
	}
	for (i = 0; i < count; i++)
		if (dup3(high[i], (int)i, 0) < 0)
			return -1;
	return (int)syscall(SYS_close_range, count, ~0U, 0);
}

static int confine_broker(void)
{
	if (mounts_hide_ways_to_root() < 0 || setgroups(0, NULL) < 0 ||
	    capabilities_drop_before_exec() < 0)
		return -1;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* The step that failed. */
static const char *become(const struct spawn *spawn, int go)
{
	char byte;

	if (read(go, &byte, 1) != 1)
		return "starting: the parent is gone";
	if (setsid() < 0 || default_signals() < 0)
		return "starting: session and signals";
	/* for a worker that never seals; becoming its user undoes it, and sealing redoes
	 * it */
	if (has_role("WR", spawn->role) && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return "starting: ending with its parent";
	if (place_descriptors(spawn) < 0)
		return "starting: descriptors";
	if (has_role("BN", spawn->role) && confine_broker() < 0)
		return "starting: the broker's mounts and capabilities (/ must be a "
		       "mount "
		       "point, which a plain chroot's is not)";
	execve(spawn->path, spawn->arguments, environment);
	return "cannot execute";
}

static _Noreturn void child(const struct spawn *spawn, int go)
{
	const char *step = become(spawn, go);
	const int why = errno;

	/* A worker's words become a line in the supervisor, a resolver's too; the others'
	 * are one already.
	 */
	if (has_role("WR", spawn->role))
		dprintf(STDERR_FILENO, "<3>");
	else
		dprintf(STDERR_FILENO, "ERROR privyseald[%s]: ", role_name(spawn->role));
	dprintf(STDERR_FILENO, "%s: %s: %s\n", spawn->path, step, strerror(why));
	_exit(127);
}

/* The status descriptor belongs to this very process for good, whatever becomes of its
 * number; the child runs once it is open. */
static int watch(struct spawned *out, int go)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/status", (int)out->pid);
	out->status = open(path, O_RDONLY | O_CLOEXEC);
	if (out->status >= 0 && write(go, "", 1) == 1)
		return 0;
	syscall(SYS_pidfd_send_signal, out->pidfd, SIGKILL, NULL, 0);
	waitpid(out->pid, NULL, 0);
	close(out->pidfd);
	if (out->status >= 0)
		close(out->status);
	return -1;
}

/* No signal may reach the child while it still has its parent's handlers. */
int confine_spawn(
    const struct spawn *spawn, struct spawned *out, struct confine_error *error)
{
	sigset_t all, before;
	int go[2], result;

	*out = (struct spawned){ .pid = -1, .pidfd = -1, .status = -1 };
	if (spawn->count > SPAWN_DESCRIPTORS_MAX || pipe2(go, O_CLOEXEC) < 0)
		return confine_fail(error, "starting %s: descriptors", spawn->path);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	out->pid = (pid_t)syscall(
	    SYS_clone, clone_flags[spawn->role], NULL, &out->pidfd, NULL, NULL);
	if (out->pid == 0) {
		close(go[1]);
		child(spawn, go[0]);
	}
	result = out->pid < 0 ? -1 : watch(out, go[1]);
	if (result < 0)
		confine_fail(
		    error, "starting %s as %s", spawn->path, role_name(spawn->role));
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(go[0]);
	close(go[1]);
	return result;
}
