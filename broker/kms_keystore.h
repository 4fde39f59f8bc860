/* What the files of the keystore aws_kms share, and nobody else needs. */
#ifndef BROKER_KMS_KEYSTORE_H
#define BROKER_KMS_KEYSTORE_H

#include "broker/keystore_aws_kms.h"
#include "broker/kms.h"

#define KMS_PREFIX	 "awskms:"
#define KMS_TAG_CLUSTER	 "TeleportCluster"
#define KMS_TAG_CA	 "PrivysealCA"
#define KMS_TAG_PURPOSE	 "PrivysealPurpose"
#define KMS_TAG_INSTANCE "PrivysealInstance"
#define KMS_TAG_INTENT	 "PrivysealIntent"

struct kms_creation;

struct kms {
	struct kms_settings settings;
	struct sts_identity identity;
	char other[64]; /* another instance that has keys for the cluster */
	bool surveyed;	/* all keys were looked at, for that */
	struct kms_creation *creation; /* at most one at a time */
};

const char *kms_key_arn(const char *identifier); /* NULL: it is none of ours */

/* The value of TeleportCluster: the policy's own tag line, else the cluster's name. */
const char *kms_cluster_tag(const struct kms *kms);

/* Asks AWS KMS; `how` says until when, and what is special about it. */
bool kms_ask(struct aws *aws, struct aws_request how, const char *target,
    const char *body, aws_done *done, void *context);

/* Account and region of an ARN, which may be NULL, are the policy's. */
bool kms_is_ours(const struct kms *kms, const char *arn, struct failure *failure);

/* Is a key that AWS describes one that we would have made? Its state is not judged. */
bool kms_key_fits(const struct kms_key *found, enum key_kind kind, unsigned bits,
    const char *arn, struct failure *failure);

/* A loaded key; takes `public` over, which may be NULL (a failure). */
bool kms_take_key(struct keystore *keystore, const char *arn, EVP_PKEY *public,
    struct key *out, struct failure *failure);

void kms_create(struct keystore *keystore, const struct key_wanted *wanted,
    struct key *out, keystore_created *done, void *context);
void kms_creation_free(struct kms_creation *creation);

#endif
