/*
 * The keystore aws_kms: keys that AWS KMS makes, keeps and uses. Only `awskms:ARN` and
 * the public part are ours. A key is bound to its CA and purpose by tags, and one whose
 * tags, account, region, spec, usage or origin do not fit is refused by name.
 *
 * Making: the state knows a random nonce before CreateKey, which becomes a tag; after a
 * crash the key with exactly that nonce is adopted, and no other. Another privyseal's
 * keys for the same cluster stop the making of new ones.
 */
#ifndef BROKER_KEYSTORE_AWS_KMS_H
#define BROKER_KEYSTORE_AWS_KMS_H

#include "broker/aws.h"
#include "broker/keystore.h"
#include "policy/policy.h"

#define KMS_SKEW_MAX                                                                     \
	60 /* seconds between AWS's clock and ours; then nothing is signed               \
	    */
#define KMS_SIGN_SECONDS  5 /* a signature's deadline, attempts included */
#define KMS_DELETION_DAYS 7 /* until a deleted key is gone; AWS's least */

extern const struct keystore_methods keystore_aws_kms;

struct kms_settings {
	struct aws *aws;
	const struct policy_pins *pins; /* cluster, account, region, tags */
	const char *instance;		/* of this installation's state */
};

/* What keystore->kms is; NULL: no memory. The settings' pointers must outlive it. */
struct kms *kms_new(const struct kms_settings *settings);
void kms_free(struct kms *kms);

/* The credentials are the account's. */
typedef void kms_checked(void *context, const struct failure *failure);
bool kms_check_account(struct kms *kms, kms_checked *done, void *context);
/* Whose they are; empty before that check has gone well. */
const struct sts_identity *kms_identity(const struct kms *kms);

/*
 * Is this loaded key what the state takes it for: the same public part, enabled, of our
 * making, and may we sign with it (a dry run)? One that is only disabled or pending
 * deletion is no failure: key->unusable says so then. `other` becomes the instance whose
 * tag it has, when that is not ours.
 */
bool kms_check_key(struct kms *kms, struct key *key, enum ca ca, enum purpose purpose,
    kms_checked *done, void *context);

/* AWS's clock and this host's differ by more than KMS_SKEW_MAX: by so many seconds. */
bool kms_clocks_differ(const struct kms *kms, int64_t *seconds);

/* Another instance of privyseal that has keys for this cluster; empty: none was seen. */
const char *kms_other_instance(const struct kms *kms);

/* Steps that wait for time to pass; the next time is in *wake_ns when that is sooner. */
void kms_tend(struct kms *kms, uint64_t now_ns, uint64_t *wake_ns);

#endif
