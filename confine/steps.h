/* What the files of confine/ share among themselves, and with the doctor. */
#ifndef CONFINE_STEPS_H
#define CONFINE_STEPS_H

#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

#include "confine/confine.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define BIT(number)  (UINT64_C(1) << (number))

/* Tables name roles by letter: S supervisor, B broker, N networked broker, W worker, R
 * resolver, C command line. */
static inline bool has_role(const char *letters, enum role role)
{
	return letters && strchr(letters, "SBNWRC"[role]);
}

/* pthread_create()'s flags, and none more or less. */
#define CLONE_PTHREAD                                                                    \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |              \
	    CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

/* The namespaces are made by clone() itself, so that no instant without them exists, and
 * by clone(2) rather than clone3(2), whose flags a filter can't see. */
#define CLONE_CHILD    ((unsigned)CLONE_PIDFD | SIGCHLD)
#define CLONE_BROKER   (CLONE_CHILD | CLONE_NEWNS | CLONE_NEWIPC)
#define CLONE_RESOLVER (CLONE_BROKER | CLONE_NEWPID)
#define CLONE_WORKER   (CLONE_RESOLVER | CLONE_NEWNET)

/* What starting workers takes: namespaces and mounts; a worker becomes its user, locks
 * its securebits and empties its bounding set; one that misbehaves is another user's to
 * kill. And the record is made append-only. That makes the supervisor root's equal: it is
 * kept small. */
#define SUPERVISOR_KEEPS                                                                 \
	(BIT(CAP_SYS_ADMIN) | BIT(CAP_SETUID) | BIT(CAP_SETGID) | BIT(CAP_SETPCAP) |     \
	    BIT(CAP_KILL) | BIT(CAP_LINUX_IMMUTABLE))

/* Writes the error, with errno's text when errno is not 0. Always -1. */
int confine_fail(struct confine_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Steps of sealing, and what else other files need of theirs. 0, or -1 with errno. */
int mounts_hide_ways_to_root(void);
int mounts_hide_kernel(const struct seal *seal);
int mounts_empty_root(const struct seal *seal);

bool seals_as_root(const struct seal *seal);
int capabilities_drop_before_exec(void);
int capabilities_lock(const struct seal *seal);
int capabilities_bound(const struct seal *seal);
int capabilities_reduce(const struct seal *seal);
int capabilities_verify(const struct seal *seal);

/* A descriptor; fails where the kernel refuses the rights of that ABI. */
int landlock_ruleset(int abi);
int landlock_restrict(const struct seal *seal);
int landlock_effect(const struct seal *seal); /* 0: the root directory can't be listed */

/* filters.c; 0, or -1 with `error` */
int filters_load(const struct seal *seal, struct confine_error *error);
/* The first call in the lists that this architecture (SCMP_ARCH_...) does not have
 * although it should, or has although it is listed as lacking; NULL: none. */
const char *filters_mistaken(uint32_t architecture);

/* One line of a status, as it is and as a role promises it. */
struct promise {
	const char *line;
	bool is_set; /* of capabilities: `wanted` are the most that may be in it */
	bool kept;
	uint64_t found, wanted;
};

#define WANTED_ANY UINT64_MAX

struct promise status_promise(const struct process_status *status, unsigned line,
    enum role role, uid_t uid, gid_t gid);

#endif
