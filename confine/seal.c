/*
 * The order of sealing. Each step needs what a later one takes away, so the table is read
 * from top to bottom; whatever fails ends the start.
 */
#include "confine/steps.h"

#include <errno.h>
#include <grp.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE		 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1UL
#endif

#define DESCRIPTORS_MAX 4096 /* 2048 connections and what goes with them */

const char *role_name(enum role role)
{
	static const char *const names[ROLE_COUNT] = { "supervisor", "broker",
		"networked-broker", "worker", "resolver", "cli" };

	return role < ROLE_COUNT ? names[role] : "unknown";
}

int confine_fail(struct confine_error *error, const char *format, ...)
{
	const char *why = errno != 0 ? strerror(errno) : NULL;
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(error->text, sizeof error->text, format, arguments);
	va_end(arguments);
	if (why && n >= 0 && (size_t)n < sizeof error->text)
		snprintf(error->text + n, sizeof error->text - (size_t)n, ": %s", why);
	return -1;
}

static int limit(__rlimit_resource_t resource, rlim_t most)
{
	struct rlimit now;

	if (getrlimit(resource, &now) < 0)
		return -1;
	now.rlim_max = now.rlim_max < most ? now.rlim_max : most;
	now.rlim_cur = now.rlim_max;
	return setrlimit(resource, &now);
}

int confine_early(void)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || limit(RLIMIT_CORE, 0) < 0 ||
	    signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
	    signal(SIGXFSZ, SIG_IGN) == SIG_ERR || !setlocale(LC_ALL, "C"))
		return -1;
	umask(077);
	return 0;
}

/* Landlock and capabilities belong to one thread, so there must be no other. The kernel
 * takes this unshare(), which changes nothing, from a process of one thread alone. */
static int one_thread(const struct seal *seal)
{
	(void)seal;
	return unshare(CLONE_THREAD);
}

/* confine_spawn() makes a worker the first process of its namespace, and hides the
 * broker's /proc; a program that somebody else started is not what we promise. */
static int started_by_us(const struct seal *seal)
{
	errno = 0;
	if (has_role("WR", seal->role))
		return getpid() == 1 ? 0 : -1;
	return access("/proc/self", F_OK) < 0 ? 0 : -1;
}

static int become_user(const struct seal *seal)
{
	uid_t uid[3];
	gid_t gid[3];
	int i;

	if (!seals_as_root(seal))
		return 0;
	if (setgroups(0, NULL) < 0)
		return -1;
	if (seal->role == ROLE_SUPERVISOR)
		return 0;
	if (setresgid(seal->gid, seal->gid, seal->gid) < 0 ||
	    setresuid(seal->uid, seal->uid, seal->uid) < 0 ||
	    getresuid(&uid[0], &uid[1], &uid[2]) < 0 ||
	    getresgid(&gid[0], &gid[1], &gid[2]) < 0)
		return -1;
	errno = 0;
	for (i = 0; i < 3; i++)
		if (uid[i] != seal->uid || uid[i] == 0 || gid[i] != seal->gid ||
		    gid[i] == 0)
			return -1;
	/* At once: it was reset, and a parent that ends before this is not noticed. */
	return has_role("WR", seal->role) ? prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) : 0;
}

/* A change of user has reset whether dumps are made. */
static int no_dumps_nor_privileges(const struct seal *seal)
{
	(void)seal;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return -1;
	return 0;
}

/* Used where the kernel and the processor have it; doctor reports their absence. */
static int used_if_present(const struct seal *seal)
{
	static const int side_channels[] = { PR_SPEC_STORE_BYPASS,
		PR_SPEC_INDIRECT_BRANCH };
	size_t i;

	prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0);
	for (i = 0; has_role("WR", seal->role) && i < COUNT(side_channels); i++)
		prctl(PR_SET_SPECULATION_CTRL, side_channels[i], PR_SPEC_FORCE_DISABLE, 0,
		    0);
	return 0;
}

/* Not before exec: no process of a user at its limit could exec. */
static int limits(const struct seal *seal)
{
	static const struct {
		const char *roles;
		__rlimit_resource_t resource;
		rlim_t most;
	} all[] = {
		{ "SBNWRC", RLIMIT_CORE, 0 },
		{ "BNWR", RLIMIT_NOFILE, DESCRIPTORS_MAX },
		{ "WR", RLIMIT_NPROC, 0 },
		{ "WR", RLIMIT_FSIZE, 0 },
	};
	size_t i;

	for (i = 0; i < COUNT(all); i++)
		if (has_role(all[i].roles, seal->role) &&
		    limit(all[i].resource, all[i].most) < 0)
			return -1;
	return 0;
}

static const struct step {
	const char *roles;
	int (*take)(
	    const struct seal *seal); /* 0, or -1; errno is 0 when it says nothing */
	const char *failure;
} steps[] = {
	/* clang-format off */
	{ "SBNWRC", one_thread, "another thread runs already" },
	{ "BNWR", started_by_us, "no namespaces of its own, privyseald must start it" },
	{ "W", mounts_empty_root, "cannot move to an empty root directory" },
	{ "R", mounts_hide_kernel, "cannot hide /proc and /sys" },
	{ "WRC", capabilities_lock, "cannot lock the securebits" },
	{ "SWRC", capabilities_bound, "cannot reduce the bounding set" },
	{ "SWRC", become_user, "cannot drop the groups and become the unprivileged user" },
	{ "SWRC", capabilities_reduce, "cannot reduce the capability sets" },
	{ "SBNWRC", capabilities_verify, "capabilities are left" },
	{ "SBNWRC", no_dumps_nor_privileges, "cannot refuse dumps and new privileges" },
	{ "SBNWRC", used_if_present, "" },
	{ "SBNWRC", limits, "cannot set resource limits" },
	/* not the supervisor: it would forbid the mounts of its children */
	{ "BNWRC", landlock_restrict, "no Landlock (boot with lsm=landlock,...)" },
	{ "BNWRC", landlock_effect, "the root directory opens despite Landlock" },
	/* clang-format on */
};

int confine_seal(const struct seal *seal, struct confine_error *error)
{
	const struct step *step;

	for (step = steps; step < steps + COUNT(steps); step++)
		if (has_role(step->roles, seal->role) && step->take(seal) < 0)
			return confine_fail(error, "sealing the %s: %s",
			    role_name(seal->role), step->failure);
	return filters_load(seal, error);
}
