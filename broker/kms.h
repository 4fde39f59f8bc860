/*
 * What is said to AWS KMS and STS, and what they answer: bodies of requests as JSON, and
 * answers read strictly into structures. No calls are made here.
 */
#ifndef BROKER_KMS_H
#define BROKER_KMS_H

#include "broker/failure.h"
#include "policy/names.h"

#include <stddef.h>
#include <stdint.h>

#define KMS_ARN_MAX	   152 /* what an identifier has room for beside `awskms:` */
#define KMS_KEY_ID_MAX	   64
#define KMS_SPEC_MAX	   32
#define KMS_BODY_MAX	   16384
#define KMS_PUBLIC_KEY_MAX 1024
#define KMS_TAGS_MAX	   50	/* of a key; AWS's own limit */
#define KMS_LIST_MAX	   1000 /* keys on one page */
#define KMS_MARKER_MAX	   1024
#define ACCOUNT_LENGTH	   12

/* X-Amz-Target of each operation. */
#define KMS_TARGET(operation) "TrentService." operation

/* What the broker does at AWS KMS. Each is a statement of the IAM policy that is printed
 * for it, and is named when AWS does not permit it. */
enum kms_function {
	KMS_FIND_KEYS,
	KMS_CREATE_KEYS,
	KMS_READ_TAGS,
	KMS_READ_STATES,
	KMS_READ_PUBLIC_KEYS,
	KMS_SIGN_DIGESTS,
	KMS_DELETE_KEYS,
	KMS_FUNCTIONS
};

extern const struct kms_function_needs {
	const char *name, *actions[3];
} kms_functions[KMS_FUNCTIONS];

/* A sentence for an administrator: which permission is missing, for what, and where he
 * finds it. */
void kms_not_permitted(char *out, size_t room, const char *action);

/* arn:PARTITION:kms:REGION:ACCOUNT:key/ID */
struct kms_arn {
	char partition[16], region[33], account[ACCOUNT_LENGTH + 1],
	    id[KMS_KEY_ID_MAX + 1];
};

bool kms_arn_read(const char *arn, struct kms_arn *out);

/* The KeySpec of a kind and size of key, and the SigningAlgorithm that it signs digests
 * of its hash with. NULL for what KMS does not do. */
const char *kms_key_spec(enum key_kind kind, unsigned bits);
const char *kms_signing_algorithm(enum key_kind kind, unsigned bits);

/* ---- bodies: of `room` bytes, NUL included; false when there is no room ---- */

struct kms_tag {
	const char *name, *value;
};

bool kms_create_body(
    char *out, size_t room, const char *spec, const struct kms_tag *tags, unsigned count);
/* {"KeyId":..}, of GetPublicKey and DescribeKey. */
bool kms_key_body(char *out, size_t room, const char *key);
bool kms_sign_body(char *out, size_t room, const char *key, const char *algorithm,
    const uint8_t *digest, size_t length, bool dry_run);
bool kms_list_body(char *out, size_t room, const char *marker); /* "": the first page */
bool kms_tags_body(char *out, size_t room, const char *key, const char *marker);
bool kms_delete_body(char *out, size_t room, const char *key, unsigned days);

/* ---- answers: false, with `failure`, when they are not what the operation answers ----
 */

struct kms_key {
	char arn[KMS_ARN_MAX + 1];
	char account[ACCOUNT_LENGTH + 1];
	char state[KMS_SPEC_MAX + 1], spec[KMS_SPEC_MAX + 1], usage[KMS_SPEC_MAX + 1],
	    origin[KMS_SPEC_MAX + 1];
	int64_t created; /* seconds since 1970 */
	int64_t deleted; /* when it will be; 0: it is not pending */
	bool multi_region;
};

/* KeyMetadata, of CreateKey and DescribeKey. */
bool kms_key_read(
    const char *body, size_t length, struct kms_key *out, struct failure *failure);

struct kms_public_key {
	char arn[KMS_ARN_MAX + 1];
	char spec[KMS_SPEC_MAX + 1], usage[KMS_SPEC_MAX + 1];
	uint8_t key[KMS_PUBLIC_KEY_MAX]; /* DER SubjectPublicKeyInfo */
	size_t length;
};

bool kms_public_key_read(
    const char *body, size_t length, struct kms_public_key *out, struct failure *failure);

/* The signature, which must be of this key by this algorithm. Its length in *signed. */
bool kms_signature_read(const char *body, size_t length, const char *arn,
    const char *algorithm, uint8_t *out, size_t room, size_t *signed_length,
    struct failure *failure);

struct kms_list {
	unsigned count;
	char (*arn)[KMS_ARN_MAX + 1]; /* KMS_LIST_MAX of them, the caller's */
	char
	    next[KMS_MARKER_MAX + 1]; /* the marker of the next page; "": there is none */
};

bool kms_list_read(
    const char *body, size_t length, struct kms_list *out, struct failure *failure);

struct kms_tags {
	unsigned count, pages;
	struct {
		char name[129], value[257];
	} tag[KMS_TAGS_MAX];
	char next[KMS_MARKER_MAX + 1];
};

/* Adds a page to what is there. There are no more pages than there may be tags. */
bool kms_tags_read(
    const char *body, size_t length, struct kms_tags *out, struct failure *failure);
/* NULL: there is none, nor any in no tags. */
const char *kms_tag_value(const struct kms_tags *tags, const char *name);

/* STS GetCallerIdentity, asked for JSON. */
#define STS_IDENTITY_BODY "Action=GetCallerIdentity&Version=2011-06-15"

struct sts_identity {
	char account[ACCOUNT_LENGTH + 1];
	char arn[2049];
};

bool sts_identity_read(
    const char *body, size_t length, struct sts_identity *out, struct failure *failure);

#endif
