/*
 * privyseal iam-policy: what the broker must be permitted at AWS, as an IAM policy. A
 * statement for each thing that it does, so that one which is left out takes away that
 * alone.
 */
#ifndef CLI_IAM_POLICY_H
#define CLI_IAM_POLICY_H

#include "cli/cli.h"

#include <cjson/cJSON.h>

#define IAM_TAGS_MAX	 50   /* AWS's limit for a key's tags */
#define IAM_POLICY_BYTES 6144 /* AWS's limit for a managed policy, blanks not counted */

/* The tags of the keys that it speaks of; the first is TeleportCluster. */
struct iam_policy {
	struct iam_tag {
		char name[129], value[257];
	} tags[IAM_TAGS_MAX];
	unsigned count;
};

/* The words after `privyseal iam-policy`; false: wrong usage, and `message` says which
 * word. */
bool iam_policy_read(const char *const *words, unsigned count, struct iam_policy *out,
    char message[MESSAGE_MAX]);

/* cJSON_Delete() it; NULL: no memory. */
cJSON *iam_policy_make(const struct iam_policy *policy);

#endif
