/* Bodies and answers of AWS KMS and STS, one function each; kms.h. */
#include "broker/kms.h"
#include "broker/json_members.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define DIGEST_MAX 64

const struct kms_function_needs kms_functions[KMS_FUNCTIONS] = {
	[KMS_FIND_KEYS] = { "FindKeys", { "kms:ListKeys" } },
	[KMS_CREATE_KEYS] = { "CreateKeys", { "kms:CreateKey", "kms:TagResource" } },
	[KMS_READ_TAGS] = { "ReadTags", { "kms:ListResourceTags" } },
	[KMS_READ_STATES] = { "ReadStates", { "kms:DescribeKey" } },
	[KMS_READ_PUBLIC_KEYS] = { "ReadPublicKeys", { "kms:GetPublicKey" } },
	[KMS_SIGN_DIGESTS] = { "SignDigests", { "kms:Sign" } },
	[KMS_DELETE_KEYS] = { "DeleteKeys", { "kms:ScheduleKeyDeletion" } },
};

static const char *function_of(const char *action)
{
	size_t i, n;

	for (i = 0; i < KMS_FUNCTIONS; i++)
		for (n = 0; kms_functions[i].actions[n]; n++)
			if (strcmp(kms_functions[i].actions[n], action) == 0)
				return kms_functions[i].name;
	return "no statement";
}

void kms_not_permitted(char *out, size_t room, const char *action)
{
	snprintf(out, room, "%s is not permitted (%s of `privyseal iam-policy`)", action,
	    function_of(action));
}

static const struct {
	enum key_kind kind;
	unsigned bits;
	const char *spec, *algorithm;
} specs[] = {
	{ KEY_RSA, 2048, "RSA_2048", "RSASSA_PKCS1_V1_5_SHA_256" },
	{ KEY_RSA, 3072, "RSA_3072", "RSASSA_PKCS1_V1_5_SHA_256" },
	{ KEY_RSA, 4096, "RSA_4096", "RSASSA_PKCS1_V1_5_SHA_512" },
	{ KEY_P256, 256, "ECC_NIST_P256", "ECDSA_SHA_256" },
	{ KEY_P384, 384, "ECC_NIST_P384", "ECDSA_SHA_384" },
};

static int spec_of(enum key_kind kind, unsigned bits)
{
	size_t i;

	for (i = 0; i < sizeof specs / sizeof specs[0]; i++)
		if (specs[i].kind == kind && specs[i].bits == bits)
			return (int)i;
	return -1;
}

const char *kms_key_spec(enum key_kind kind, unsigned bits)
{
	const int i = spec_of(kind, bits);

	return i < 0 ? NULL : specs[i].spec;
}

const char *kms_signing_algorithm(enum key_kind kind, unsigned bits)
{
	const int i = spec_of(kind, bits);

	return i < 0 ? NULL : specs[i].algorithm;
}

/* One part of an ARN, up to the colon, or to the end for the last one. */
static bool take_part(const char **at, char *out, size_t room, bool last)
{
	const size_t length = strcspn(*at, ":");

	if (length == 0 || length >= room || ((*at)[length] == '\0') != last)
		return false;
	memcpy(out, *at, length);
	out[length] = '\0';
	*at += length + !last;
	return true;
}

bool kms_arn_read(const char *arn, struct kms_arn *out)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	char word[8], resource[KMS_KEY_ID_MAX + 5];

	if (strlen(arn) > KMS_ARN_MAX || !take_part(&arn, word, sizeof word, false) ||
	    strcmp(word, "arn") != 0 ||
	    !take_part(&arn, out->partition, sizeof out->partition, false) ||
	    !take_part(&arn, word, sizeof word, false) || strcmp(word, "kms") != 0 ||
	    !take_part(&arn, out->region, sizeof out->region, false) ||
	    !take_part(&arn, out->account, sizeof out->account, false) ||
	    !take_part(&arn, resource, sizeof resource, true) ||
	    strncmp(resource, "key/", 4) != 0)
		return false;
	snprintf(out->id, sizeof out->id, "%s", resource + 4);
	return out->id[0] != '\0' && out->id[strspn(out->id, safe)] == '\0' &&
	       out->region[strspn(out->region, safe)] == '\0' &&
	       out->partition[strspn(out->partition, safe)] == '\0' &&
	       strspn(out->account, "0123456789") == ACCOUNT_LENGTH;
}

/* ---- bodies ---- */

static bool print(cJSON *root, bool good, char *out, size_t room)
{
	good = good && room <= INT32_MAX &&
	       cJSON_PrintPreallocated(root, out, (int)room, false);
	cJSON_Delete(root);
	return good;
}

static bool add_tag(cJSON *list, const struct kms_tag *tag)
{
	cJSON *item = json_add_object(list);

	return cJSON_AddStringToObject(item, "TagKey", tag->name) &&
	       cJSON_AddStringToObject(item, "TagValue", tag->value);
}

bool kms_create_body(
    char *out, size_t room, const char *spec, const struct kms_tag *tags, unsigned count)
{
	cJSON *root = cJSON_CreateObject(), *list;
	bool good;
	unsigned i;

	good = cJSON_AddStringToObject(root, "Description", "Teleport CA key") &&
	       cJSON_AddStringToObject(root, "KeySpec", spec) &&
	       cJSON_AddStringToObject(root, "KeyUsage", "SIGN_VERIFY") &&
	       cJSON_AddFalseToObject(root, "MultiRegion");
	list = cJSON_AddArrayToObject(root, "Tags");
	for (i = 0; good && list && i < count; i++)
		good = add_tag(list, &tags[i]);
	return print(root, good && list, out, room);
}

bool kms_key_body(char *out, size_t room, const char *key)
{
	cJSON *root = cJSON_CreateObject();

	return print(root, cJSON_AddStringToObject(root, "KeyId", key), out, room);
}

/* The one body that is made a thousand times a second: nothing in it wants escaping. */
bool kms_sign_body(char *out, size_t room, const char *key, const char *algorithm,
    const uint8_t *digest, size_t length, bool dry_run)
{
	char text[(DIGEST_MAX + 2) / 3 * 4 + 1];
	int n;

	if (length > DIGEST_MAX)
		return false;
	EVP_EncodeBlock((unsigned char *)text, digest, (int)length);
	n = snprintf(out, room,
	    "{\"KeyId\":\"%s\",\"Message\":\"%s\",\"MessageType\":\"DIGEST\","
	    "\"SigningAlgorithm\":\"%s\"%s}",
	    key, text, algorithm, dry_run ? ",\"DryRun\":true" : "");
	return n > 0 && (size_t)n < room;
}

static bool page_body(
    char *out, size_t room, cJSON *root, bool good, unsigned limit, const char *marker)
{
	good = good && cJSON_AddNumberToObject(root, "Limit", limit);
	if (*marker != '\0')
		good = good && cJSON_AddStringToObject(root, "Marker", marker);
	return print(root, good, out, room);
}

bool kms_list_body(char *out, size_t room, const char *marker)
{
	return page_body(out, room, cJSON_CreateObject(), true, KMS_LIST_MAX, marker);
}

bool kms_tags_body(char *out, size_t room, const char *key, const char *marker)
{
	cJSON *root = cJSON_CreateObject();

	return page_body(out, room, root, cJSON_AddStringToObject(root, "KeyId", key),
	    KMS_TAGS_MAX, marker);
}

bool kms_delete_body(char *out, size_t room, const char *key, unsigned days)
{
	cJSON *root = cJSON_CreateObject();

	return print(root,
	    cJSON_AddStringToObject(root, "KeyId", key) &&
		cJSON_AddNumberToObject(root, "PendingWindowInDays", days),
	    out, room);
}

/* ---- answers ---- */

static bool wrong(struct failure *failure, const char *member)
{
	return failure_say(
	    failure, "AWS's answer has no %s that can be believed", member);
}

/* Printable ASCII that fits. */
static bool take_text(const cJSON *object, const char *name, char *out, size_t room,
    struct failure *failure)
{
	const char *text = json_member_text(object, name);
	size_t i;

	if (!text || strlen(text) >= room)
		return wrong(failure, name);
	for (i = 0; text[i] != '\0'; i++)
		if (text[i] < ' ' || text[i] > '~')
			return wrong(failure, name);
	strcpy(out, text);
	return true;
}

/* Seconds since 1970 with a fraction, as JSON has them. */
static bool take_time(
    const cJSON *object, const char *name, int64_t *out, struct failure *failure)
{
	const cJSON *item = json_member(object, name);

	if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) ||
	    !(item->valuedouble < 253402300800.0))
		return wrong(failure, name);
	*out = (int64_t)item->valuedouble;
	return true;
}

static bool take_bytes(const cJSON *object, const char *name, uint8_t *out, size_t room,
    size_t *length, struct failure *failure)
{
	return json_member_bytes(object, name, out, room, length) || wrong(failure, name);
}

static bool read_key(const cJSON *root, struct kms_key *out, struct failure *failure)
{
	const cJSON *key = json_member(root, "KeyMetadata");
	struct kms_arn arn;

	if (!take_text(key, "Arn", out->arn, sizeof out->arn, failure) ||
	    !take_text(key, "AWSAccountId", out->account, sizeof out->account, failure) ||
	    !take_text(key, "KeyState", out->state, sizeof out->state, failure) ||
	    !take_text(key, "KeySpec", out->spec, sizeof out->spec, failure) ||
	    !take_text(key, "KeyUsage", out->usage, sizeof out->usage, failure) ||
	    !take_text(key, "Origin", out->origin, sizeof out->origin, failure) ||
	    !take_time(key, "CreationDate", &out->created, failure))
		return false;
	if (!kms_arn_read(out->arn, &arn) || strcmp(arn.account, out->account) != 0)
		return wrong(failure, "Arn");
	out->multi_region = cJSON_IsTrue(json_member(key, "MultiRegion"));
	return !json_member(key, "DeletionDate") ||
	       take_time(key, "DeletionDate", &out->deleted, failure);
}

bool kms_key_read(
    const char *body, size_t length, struct kms_key *out, struct failure *failure)
{
	cJSON *root = cJSON_ParseWithLength(body, length);
	bool good;

	*out = (struct kms_key){ .created = 0 };
	good = read_key(root, out, failure);
	cJSON_Delete(root);
	return good;
}

bool kms_public_key_read(
    const char *body, size_t length, struct kms_public_key *out, struct failure *failure)
{
	cJSON *root = cJSON_ParseWithLength(body, length);
	struct kms_arn arn;
	bool good;

	*out = (struct kms_public_key){ .length = 0 };
	good = take_text(root, "KeyId", out->arn, sizeof out->arn, failure) &&
	       (kms_arn_read(out->arn, &arn) || wrong(failure, "KeyId")) &&
	       take_text(root, "KeySpec", out->spec, sizeof out->spec, failure) &&
	       take_text(root, "KeyUsage", out->usage, sizeof out->usage, failure) &&
	       take_bytes(
		   root, "PublicKey", out->key, sizeof out->key, &out->length, failure);
	cJSON_Delete(root);
	return good;
}

static bool says(const cJSON *object, const char *name, const char *expected)
{
	const char *text = json_member_text(object, name);

	return text && strcmp(text, expected) == 0;
}

bool kms_signature_read(const char *body, size_t length, const char *arn,
    const char *algorithm, uint8_t *out, size_t room, size_t *signed_length,
    struct failure *failure)
{
	cJSON *root = cJSON_ParseWithLength(body, length);
	bool good;

	good = (says(root, "KeyId", arn) || wrong(failure, "KeyId")) &&
	       (says(root, "SigningAlgorithm", algorithm) ||
		   wrong(failure, "SigningAlgorithm")) &&
	       take_bytes(root, "Signature", out, room, signed_length, failure);
	cJSON_Delete(root);
	return good;
}

/* The marker of the page after this one. */
static bool take_next(const cJSON *root, char *out, size_t room, struct failure *failure)
{
	out[0] = '\0';
	if (!cJSON_IsTrue(json_member(root, "Truncated")))
		return true;
	return take_text(root, "NextMarker", out, room, failure) &&
	       (out[0] != '\0' || wrong(failure, "NextMarker"));
}

static bool read_list(const cJSON *root, struct kms_list *out, struct failure *failure)
{
	const cJSON *keys = json_member(root, "Keys"), *one;
	struct kms_arn arn;

	if (!cJSON_IsArray(keys))
		return wrong(failure, "Keys");
	cJSON_ArrayForEach(one, keys)
	{
		char *to = out->arn[out->count];

		if (out->count == KMS_LIST_MAX ||
		    !take_text(one, "KeyArn", to, KMS_ARN_MAX + 1, failure) ||
		    !kms_arn_read(to, &arn))
			return wrong(failure, "KeyArn");
		out->count++;
	}
	return take_next(root, out->next, sizeof out->next, failure);
}

bool kms_list_read(
    const char *body, size_t length, struct kms_list *out, struct failure *failure)
{
	cJSON *root = cJSON_ParseWithLength(body, length);
	bool good;

	out->count = 0;
	good = read_list(root, out, failure);
	cJSON_Delete(root);
	return good;
}

/* A tag that is not ours may say anything; one that does not fit is none of ours. */
static bool read_tags(const cJSON *root, struct kms_tags *out, struct failure *failure)
{
	const cJSON *tags = json_member(root, "Tags"), *one;

	if (!cJSON_IsArray(tags) || out->pages++ == KMS_TAGS_MAX)
		return wrong(failure, "Tags");
	cJSON_ArrayForEach(one, tags)
	{
		struct failure unused;

		if (out->count == KMS_TAGS_MAX)
			return wrong(failure, "Tags");
		if (take_text(one, "TagKey", out->tag[out->count].name,
			sizeof out->tag[0].name, &unused) &&
		    take_text(one, "TagValue", out->tag[out->count].value,
			sizeof out->tag[0].value, &unused))
			out->count++;
	}
	return take_next(root, out->next, sizeof out->next, failure);
}

bool kms_tags_read(
    const char *body, size_t length, struct kms_tags *out, struct failure *failure)
{
	cJSON *root = cJSON_ParseWithLength(body, length);
	const bool good = read_tags(root, out, failure);

	cJSON_Delete(root);
	return good;
}

const char *kms_tag_value(const struct kms_tags *tags, const char *name)
{
	unsigned i;

	for (i = 0; tags && i < tags->count; i++)
		if (strcmp(tags->tag[i].name, name) == 0)
			return tags->tag[i].value;
	return NULL;
}

bool sts_identity_read(
    const char *body, size_t length, struct sts_identity *out, struct failure *failure)
{
	cJSON *root = cJSON_ParseWithLength(body, length);
	const cJSON *result = json_member(
	    json_member(root, "GetCallerIdentityResponse"), "GetCallerIdentityResult");
	bool good;

	good = take_text(result, "Account", out->account, sizeof out->account, failure) &&
	       (strspn(out->account, "0123456789") == ACCOUNT_LENGTH ||
		   wrong(failure, "Account")) &&
	       take_text(result, "Arn", out->arn, sizeof out->arn, failure);
	cJSON_Delete(root);
	return good;
}
