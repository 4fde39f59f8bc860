/*
 * Landlock: no file, no TCP port, no abstract socket and no signal to the outside, but
 * for the broker's one directory and what the seal names. The constants stand here
 * because the headers of the oldest system that we build on end at ABI 2. Kernels report
 * ABIs whose rights they then refuse, so the ladder is climbed down until the kernel
 * takes what we ask.
 */
#include "confine/steps.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct ruleset {
	uint64_t files, network, scopes;
};

struct __attribute__((packed)) beneath {
	uint64_t rights;
	int32_t directory;
};

struct port {
	uint64_t rights, port;
};

enum { RULE_PATH_BENEATH = 1, RULE_NET_PORT = 2, ABI_KNOWN = 6 };

#define FILES(rights)                                                                    \
	(BIT(rights) - 1) /* each ABI's are the former one's and some more */
#define BOTH	    3	  /* TCP bind and connect; abstract sockets and signals */
#define CONNECT	    BIT(1)
#define READ_RIGHTS (BIT(2) /* read */ | BIT(3) /* list */)
#define STATE_RIGHTS                                                                     \
	(READ_RIGHTS | BIT(1) /* write */ |                                              \
	    BIT(5) /* remove: rename over a file is that too */ |                        \
	    BIT(8) /* make a regular file */ | BIT(14) /* truncate */)

static const struct ruleset ladder[ABI_KNOWN + 1] = {
	/* clang-format off */
	[1] = { FILES(13), 0, 0 },
	[2] = { FILES(14), 0, 0 }, /* refer */
	[3] = { FILES(15), 0, 0 }, /* truncate */
	[4] = { FILES(15), BOTH, 0 },
	[5] = { FILES(16), BOTH, 0 }, /* ioctl of devices */
	[6] = { FILES(16), BOTH, BOTH },
	/* clang-format on */
};

/* A kernel that knows fewer fields takes the others as long as they are 0. */
int landlock_ruleset(int abi)
{
	return (int)syscall(
	    SYS_landlock_create_ruleset, &ladder[abi], sizeof ladder[abi], 0);
}

/* What is no directory (/dev/null, where there is no state) opens nothing. */
static int permit_beneath(int ruleset, int abi, int directory, uint64_t rights)
{
	struct beneath rule = { .rights = rights & ladder[abi].files,
		.directory = directory };
	struct stat status;

	if (directory < 0)
		return 0;
	if (fstat(directory, &status) < 0)
		return -1;
	if (!S_ISDIR(status.st_mode))
		return 0;
	return (int)syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0);
}

static int permit(int ruleset, int abi, const struct seal *seal)
{
	struct port rule = { .rights = CONNECT };
	size_t i;

	if (has_role("BN", seal->role) &&
	    permit_beneath(ruleset, abi, seal->state_directory, STATE_RIGHTS) != 0)
		return -1;
	if (!has_role("NR", seal->role))
		return 0;
	for (i = 0; i < COUNT(seal->readable) && seal->readable[i] > 0; i++)
		if (permit_beneath(ruleset, abi, seal->readable[i], READ_RIGHTS) != 0)
			return -1;
	for (i = 0; i < COUNT(seal->ports) && seal->ports[i] != 0; i++) {
		rule.port = seal->ports[i];
		if (ladder[abi].network != 0 &&
		    syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &rule, 0) != 0)
			return -1;
	}
	return 0;
}

int landlock_restrict(const struct seal *seal)
{
	int abi, ruleset = -1, result = -1;

	for (abi = ABI_KNOWN; abi > 0; abi--) {
		ruleset = landlock_ruleset(abi);
		if (ruleset >= 0 || (errno != EINVAL && errno != E2BIG))
			break;
	}
	if (ruleset < 0)
		return -1;
	if (permit(ruleset, abi, seal) == 0)
		result = (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
	close(ruleset);
	return result;
}

int landlock_effect(const struct seal *seal)
{
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)seal;
	if (fd < 0)
		return errno == EACCES ? 0 : -1;
	close(fd);
	errno = 0;
	return -1;
}
