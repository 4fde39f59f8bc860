/* What this kernel can do, tried each in a process of its own. */
#include "cli/doctor.h"
#include "confine/steps.h"

#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGUMENT(number) (const void *)(number)

static const uint32_t kill_process = SECCOMP_RET_KILL_PROCESS;

static int landlock_files(void)
{
	const struct seal seal = { .role = ROLE_WORKER };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || landlock_restrict(&seal) < 0)
		return -1;
	return landlock_effect(&seal);
}

/* What is tried: a function of ours, the rights of a Landlock ABI, or one system call. */
static const struct {
	const char *name;
	int (*attempt)(void);
	int landlock;
	long call;
	const void *arguments[5];
} features[FEATURE_COUNT] = {
	/* clang-format off */
	[FEATURE_SECCOMP] = { "seccomp filters", NULL, 0,
	    SYS_seccomp, { ARGUMENT(SECCOMP_GET_ACTION_AVAIL), NULL, &kill_process } },
	[FEATURE_NO_NEW_PRIVS] = { "no_new_privs", NULL, 0,
	    SYS_prctl, { ARGUMENT(PR_SET_NO_NEW_PRIVS), ARGUMENT(1) } },
	[FEATURE_CAPABILITIES] = { "empty capability sets", capabilities_drop_before_exec, 0,
	    0, { NULL } },
	[FEATURE_NAMESPACES] = { "namespaces", NULL, 0,
	    SYS_unshare, { ARGUMENT(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWPID) } },
	[FEATURE_LANDLOCK_FILES] = { "Landlock files", landlock_files, 0, 0, { NULL } },
	[FEATURE_LANDLOCK_TRUNCATE] = { "Landlock truncation", NULL, 3, 0, { NULL } },
	[FEATURE_LANDLOCK_TCP] = { "Landlock TCP", NULL, 4, 0, { NULL } },
	[FEATURE_LANDLOCK_SCOPES] = { "Landlock scopes", NULL, 6, 0, { NULL } },
	[FEATURE_MDWE] = { "memory-deny-write-execute", NULL, 0,
	    SYS_prctl, { ARGUMENT(65 /* PR_SET_MDWE */), ARGUMENT(1) } },
	[FEATURE_SPECULATION] = { "speculation control", NULL, 0,
	    SYS_prctl, { ARGUMENT(PR_SET_SPECULATION_CTRL), ARGUMENT(PR_SPEC_INDIRECT_BRANCH),
		ARGUMENT(PR_SPEC_FORCE_DISABLE) } },
	[FEATURE_MEMFD_SECRET] = { "memfd_secret", NULL, 0,
	    447 /* on every architecture */, { NULL } },
	/* clang-format on */
};

const char *doctor_feature_name(enum feature feature)
{
	return feature < FEATURE_COUNT ? features[feature].name : "unknown";
}

static bool works(unsigned i)
{
	const void *const *a = features[i].arguments;
	int status = -1;
	pid_t child = fork();

	if (child == 0 && features[i].attempt)
		_exit(features[i].attempt() < 0);
	if (child == 0 && features[i].landlock > 0)
		_exit(landlock_ruleset(features[i].landlock) < 0);
	if (child == 0)
		_exit(syscall(features[i].call, a[0], a[1], a[2], a[3], a[4]) < 0);
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

uint32_t doctor_features(void)
{
	uint32_t present = 0;
	unsigned i;

	for (i = 0; i < FEATURE_COUNT; i++)
		if (works(i))
			present |= UINT32_C(1) << i;
	return present;
}
