/* Capability sets. What libcap-ng says it did is not believed: the kernel is asked. */
#include "confine/steps.h"

#include <cap-ng.h>
#include <errno.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* uid 0 gains nothing from exec or from changing users, and nobody can undo that. */
#define SECUREBITS_LOCKED                                                                \
	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |                 \
	    SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |                    \
	    SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

/* Only root has bounds and users to give away; a command line may be anybody's. */
bool seals_as_root(const struct seal *seal)
{
	return seal->role != ROLE_CLI || geteuid() == 0;
}

static uint64_t kept_by(enum role role)
{
	return role == ROLE_SUPERVISOR ? SUPERVISOR_KEEPS : 0;
}

/* libcap-ng remembers the process that used it first, which may be our parent. Of what a
 * role may keep, a container may have taken some. */
static int apply(enum role role, capng_select_t sets)
{
	uint64_t kept = 0;
	unsigned one;

	capng_setpid(getpid());
	if (kept_by(role) != 0)
		capng_get_caps_process();
	for (one = 0; one <= CAP_LAST_CAP; one++)
		if ((kept_by(role) & BIT(one)) != 0 &&
		    capng_have_capability(CAPNG_PERMITTED, one))
			kept |= BIT(one);
	capng_clear(CAPNG_SELECT_ALL);
	for (one = 0; one <= CAP_LAST_CAP; one++)
		if ((kept & BIT(one)) != 0)
			capng_update(CAPNG_ADD,
			    CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET, one);
	errno = EPERM;
	return capng_apply(sets) == 0 ? 0 : -1;
}

int capabilities_lock(const struct seal *seal)
{
	return seals_as_root(seal) ? prctl(PR_SET_SECUREBITS, SECUREBITS_LOCKED, 0, 0, 0)
				   : 0;
}

int capabilities_bound(const struct seal *seal)
{
	return seals_as_root(seal) ? apply(seal->role, CAPNG_SELECT_BOUNDS) : 0;
}

int capabilities_reduce(const struct seal *seal)
{
	return apply(seal->role, CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT);
}

/* The bounding set first: emptying it takes CAP_SETPCAP. */
int capabilities_drop_before_exec(void)
{
	const struct seal broker = { .role = ROLE_BROKER };

	if (capabilities_lock(&broker) < 0 || capabilities_bound(&broker) < 0 ||
	    capabilities_reduce(&broker) < 0)
		return -1;
	return capabilities_verify(&broker);
}

/* Nothing but what the role may have, as the kernel tells it. The bounding set of a
 * command line that root did not start is not ours to empty. */
int capabilities_verify(const struct seal *seal)
{
	const bool locked = has_role("BNWR", seal->role);
	struct __user_cap_header_struct header = { .version =
						       _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };
	uint64_t sets, never;
	int i, bound;

	if (syscall(SYS_capget, &header, data) < 0)
		return -1;
	sets = (uint64_t)(data[1].effective | data[1].permitted) << 32 |
	       data[0].effective | data[0].permitted;
	never = data[0].inheritable | data[1].inheritable;
	for (i = 0; (bound = prctl(PR_CAPBSET_READ, i, 0, 0, 0)) >= 0; i++) {
		if (seal->role != ROLE_CLI && bound != 0)
			sets |= BIT(i);
		never |= prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, i, 0, 0) != 0;
	}
	errno = EPERM;
	if ((sets & ~kept_by(seal->role)) != 0 || never != 0)
		return -1;
	return locked && prctl(PR_GET_SECUREBITS, 0, 0, 0, 0) != SECUREBITS_LOCKED ? -1
										   : 0;
}
