/*
 * What AWS's shared files say of a profile, as a plan: where the first credentials come
 * from, and which roles are then assumed with them, one after the other. Pure: texts in,
 * plan out.
 */
#ifndef BROKER_CREDENTIALS_PLAN_H
#define BROKER_CREDENTIALS_PLAN_H

#include "broker/aws_file.h"
#include "broker/profile.h"

#define PLAN_ROLES_MAX	 5
#define PROFILE_NAME_MAX 128
#define ROLE_ARN_MAX	 2048
#define ROLE_SESSION_MAX 64
#define EXTERNAL_ID_MAX	 1224

enum found { FOUND, ABSENT, BAD };

enum plan_base {
	BASE_ENVIRONMENT,
	BASE_PROFILE, /* keys in one of the files */
	BASE_WEB_IDENTITY,
	BASE_CONTAINER,
	BASE_METADATA
};

struct role {
	char arn[ROLE_ARN_MAX + 1];
	char session[ROLE_SESSION_MAX + 1];
	char external_id[EXTERNAL_ID_MAX + 1]; /* "": none */
	unsigned duration;		       /* seconds; 0: as AWS has it */
};

struct plan {
	enum plan_base base;
	char profile[PROFILE_NAME_MAX + 1];	/* BASE_PROFILE: whose keys */
	char token_path[AWS_FILE_PATH_MAX + 1]; /* BASE_WEB_IDENTITY */
	struct role identity;			/* BASE_WEB_IDENTITY */
	struct role roles[PLAN_ROLES_MAX];	/* the last one is assumed first */
	unsigned roles_count;
};

/* The two files; one that is not there is empty. */
struct profile_files {
	struct profile_file credentials, config;
};

/* ABSENT: neither file has credentials for that profile; the failure says so. `chosen`:
 * somebody asked for it by name, so that it must be there. */
enum found plan_make(struct plan *plan, const struct profile_files *files,
    const char *profile, bool chosen, struct failure *failure);

struct profile_keys {
	struct slice id, secret, token; /* no token: length 0 */
	bool in_config;			/* they stand in the config file */
};

/* The keys that stand in a profile itself. */
enum found plan_keys(const struct profile_files *files, const char *profile,
    struct profile_keys *out, struct failure *failure);

/* A role's session name: [A-Za-z0-9_=,.@-], 2 to 64 of them. */
bool role_session_fits(const char *name);

#endif
