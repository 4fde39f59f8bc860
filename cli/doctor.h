/*
 * privyseal doctor in three parts: asking (admin_ask.c), looking (doctor_look.c; at
 * processes doctor_examine.c, at the kernel doctor_features.c) and showing
 * (doctor_show.c). What was seen is one JSON value from its beginning, which
 * `--format json` prints as it is:
 *
 *   processes  [{role, pid, socket, findings: [{what, promised, found, kept}]}]
 *   credentials  of the broker at AWS, if it has any, as `status` has them
 *   features   [{name, required, present}]
 *   twins      [{name, expected, happened, kept}], with --probe
 *   broken     [sentence]: each promise that does not hold
 */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include "confine/confine.h"

#include <cjson/cJSON.h>
#include <stdio.h>

cJSON *doctor_examination(void);
/* Every process that the broker's report names. */
void doctor_look_at_processes(cJSON *seen, const cJSON *report);
/* Takes them out of it. */
void doctor_look_at_credentials(cJSON *seen, cJSON *report);
void doctor_look_at_features(cJSON *seen);
/* Runs every twin of every role. */
void doctor_run_twins(cJSON *seen);
/* Adds to `broken`. */
void doctor_broken(cJSON *seen, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

enum feature {
	/* required */
	FEATURE_SECCOMP,
	FEATURE_NO_NEW_PRIVS,
	FEATURE_CAPABILITIES,
	FEATURE_NAMESPACES,
	FEATURE_LANDLOCK_FILES,
	/* used and reported where the kernel has them */
	FEATURE_LANDLOCK_TRUNCATE,
	FEATURE_LANDLOCK_TCP,
	FEATURE_LANDLOCK_SCOPES,
	FEATURE_MDWE,
	FEATURE_SPECULATION,
	FEATURE_MEMFD_SECRET,
	FEATURE_COUNT
};

#define FEATURE_REQUIRED(f) ((f) <= FEATURE_LANDLOCK_FILES)

const char *doctor_feature_name(enum feature feature);
/* Root only, not sealed: tries each in a process of its own. A bit per feature. */
uint32_t doctor_features(void);

/* One promise of a role beside what the kernel says of a process. */
struct finding {
	char what[32];
	char promised[96];
	char found[160];
	bool kept;
};

#define FINDINGS_MAX 32

/* Root only, not sealed. The number of findings, or -1: no such process. */
int doctor_examine(pid_t pid, enum role role, uid_t uid, gid_t gid,
    struct finding findings[FINDINGS_MAX]);

void doctor_show(const cJSON *seen, FILE *out);

#endif
