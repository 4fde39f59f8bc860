/*
 * An AWS that a test plays: broker/aws.h by keys, tags and states in memory. What is
 * called waits until aws_go(), which the test may tell to fail, to lose the answer before
 * or after the deed, or to say something else. Clocks are the test's too.
 *
 * For tests of what calls aws.h; all of aws.h and clocks.h is defined here, so that the
 * real ones are not linked.
 */
#ifndef TESTS_UNIT_FAKE_AWS_H
#define TESTS_UNIT_FAKE_AWS_H

#include "broker/aws.h"
#include "broker/clocks.h"
#include "broker/keystore_aws_kms.h"
#include "broker/kms.h"

#include <cjson/cJSON.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define AWS_ACCOUNT  "111122223333"
#define AWS_REGION   "eu-central-1"
#define AWS_KEYS_MAX 136
#define AWS_LOG_MAX  4096

struct aws_key {
	char arn[KMS_ARN_MAX + 1];
	char spec[KMS_SPEC_MAX + 1], usage[KMS_SPEC_MAX + 1], origin[KMS_SPEC_MAX + 1],
	    state[KMS_SPEC_MAX + 1];
	struct {
		char name[129], value[257];
	} tag[KMS_TAGS_MAX];
	unsigned tags;
	int64_t created;
	bool multi_region, hidden /* its tags may not be read */, gone;
	EVP_PKEY *pair;
};

struct aws_waiting {
	aws_done *done;
	void *context;
	struct aws_request request;
	char body[KMS_BODY_MAX], target[64];
};

static struct {
	struct aws_key key[AWS_KEYS_MAX];
	unsigned keys;
	struct aws_waiting waiting[64];
	unsigned count;
	bool full;		   /* takes no call */
	char log[AWS_LOG_MAX][24]; /* the operations that were asked for */
	unsigned logged;
	char last[KMS_BODY_MAX]; /* the body of the last one */
	struct aws_request last_request;
	unsigned page;	    /* keys and tags on one page; 0: all */
	const char *denied; /* operations that are not permitted */
	char account[16];
	uint64_t boot_ns;
	int64_t wall;
	int64_t skew;
	bool skew_known;
} aws_world;

/* ---- clocks ---- */

uint64_t clock_boot_ns(void)
{
	return aws_world.boot_ns;
}

uint64_t clock_wall_us(void)
{
	return (uint64_t)aws_world.wall * 1000000;
}

int64_t clock_wall_seconds(void)
{
	return aws_world.wall;
}

/* ---- aws.h ---- */

struct aws *aws_new(const struct aws_settings *settings, struct failure *failure)
{
	(void)settings;
	(void)failure;
	return (struct aws *)(void *)&aws_world;
}

void aws_free(struct aws *aws)
{
	(void)aws;
}

void aws_addresses(struct aws *aws, enum aws_service service, const char *addresses)
{
	(void)aws;
	(void)service;
	(void)addresses;
}

void aws_limit(struct aws *aws, unsigned per_second)
{
	(void)aws;
	(void)per_second;
}

bool aws_call(
    struct aws *aws, const struct aws_request *request, aws_done *done, void *context)
{
	struct aws_waiting *waiting = &aws_world.waiting[aws_world.count];
	const char *target = request->target ? strchr(request->target, '.') + 1 : "STS";

	assert_non_null(aws);
	assert_true(request->deadline_ns > aws_world.boot_ns);
	if (aws_world.full)
		return false;
	assert_true(
	    aws_world.count < sizeof aws_world.waiting / sizeof aws_world.waiting[0]);
	*waiting = (struct aws_waiting){ done, context, *request, "", "" };
	assert_true(request->length < sizeof waiting->body);
	memcpy(waiting->body, request->body, request->length);
	waiting->body[request->length] = '\0';
	snprintf(waiting->target, sizeof waiting->target, "%s", target);
	aws_world.count++;
	assert_true(aws_world.logged < AWS_LOG_MAX);
	snprintf(
	    aws_world.log[aws_world.logged++], sizeof aws_world.log[0], "%s", target);
	snprintf(aws_world.last, sizeof aws_world.last, "%s", waiting->body);
	aws_world.last_request = *request;
	return true;
}

bool aws_skew(const struct aws *aws, int64_t *seconds)
{
	(void)aws;
	*seconds = aws_world.skew;
	return aws_world.skew_known;
}

unsigned aws_under_way(const struct aws *aws)
{
	(void)aws;
	return aws_world.count;
}

unsigned aws_fill(const struct aws *aws, struct pollfd *out)
{
	(void)aws;
	(void)out;
	return 0;
}

int aws_wait_ms(const struct aws *aws)
{
	(void)aws;
	return -1;
}

void aws_turn(struct aws *aws, const struct pollfd *polled, unsigned count)
{
	(void)aws;
	(void)polled;
	(void)count;
}

/* ---- the service ---- */

static inline void aws_begin(void)
{
	unsigned i;

	for (i = 0; i < aws_world.keys; i++)
		EVP_PKEY_free(aws_world.key[i].pair);
	memset(&aws_world, 0, sizeof aws_world);
	strcpy(aws_world.account, AWS_ACCOUNT);
	aws_world.boot_ns = 1000 * SECOND_NS;
	aws_world.wall = time(NULL);
}

static inline void aws_tag(struct aws_key *key, const char *name, const char *value)
{
	unsigned i;

	for (i = 0; i < key->tags && strcmp(key->tag[i].name, name) != 0; i++)
		;
	assert_true(i < KMS_TAGS_MAX);
	snprintf(key->tag[i].name, sizeof key->tag[i].name, "%s", name);
	snprintf(key->tag[i].value, sizeof key->tag[i].value, "%s", value);
	key->tags += i == key->tags;
}

static inline void aws_untag(struct aws_key *key, const char *name)
{
	unsigned i;

	for (i = 0; i < key->tags; i++)
		if (strcmp(key->tag[i].name, name) == 0)
			key->tag[i] = key->tag[--key->tags];
}

static inline const char *aws_tag_of(const struct aws_key *key, const char *name)
{
	unsigned i;

	for (i = 0; i < key->tags; i++)
		if (strcmp(key->tag[i].name, name) == 0)
			return key->tag[i].value;
	return NULL;
}

static inline struct aws_key *aws_key_new(const char *spec)
{
	struct aws_key *key = &aws_world.key[aws_world.keys];

	assert_true(aws_world.keys < AWS_KEYS_MAX);
	*key = (struct aws_key){ .created = aws_world.wall + aws_world.skew };
	snprintf(key->arn, sizeof key->arn,
	    "arn:aws:kms:" AWS_REGION ":%s:key/00000000-0000-4000-8000-%012u",
	    aws_world.account, ++aws_world.keys);
	snprintf(key->spec, sizeof key->spec, "%s", spec);
	strcpy(key->usage, "SIGN_VERIFY");
	strcpy(key->origin, "AWS_KMS");
	strcpy(key->state, "Enabled");
	if (strncmp(spec, "RSA_", 4) == 0)
		key->pair = EVP_RSA_gen((unsigned)strtoul(spec + 4, NULL, 10));
	else
		key->pair =
		    EVP_EC_gen(strcmp(spec, "ECC_NIST_P384") == 0 ? "P-384" : "P-256");
	assert_non_null(key->pair);
	return key;
}

static inline struct aws_key *aws_key_found(const char *arn)
{
	unsigned i;

	for (i = 0; i < aws_world.keys; i++)
		if (!aws_world.key[i].gone && strcmp(aws_world.key[i].arn, arn) == 0)
			return &aws_world.key[i];
	return NULL;
}

static inline struct aws_key *aws_key_of(const struct key *key)
{
	struct aws_key *found = aws_key_found(key->identifier + strlen("awskms:"));

	assert_non_null(found);
	return found;
}

static inline void aws_add_bytes(
    cJSON *root, const char *name, const uint8_t *bytes, size_t length)
{
	char text[4096];

	EVP_EncodeBlock((unsigned char *)text, bytes, (int)length);
	cJSON_AddStringToObject(root, name, text);
}

static inline void aws_metadata(cJSON *root, const struct aws_key *key)
{
	cJSON *item = cJSON_AddObjectToObject(root, "KeyMetadata");

	cJSON_AddStringToObject(item, "Arn", key->arn);
	cJSON_AddStringToObject(item, "AWSAccountId", aws_world.account);
	cJSON_AddStringToObject(item, "KeyState", key->state);
	cJSON_AddStringToObject(item, "KeySpec", key->spec);
	cJSON_AddStringToObject(item, "KeyUsage", key->usage);
	cJSON_AddStringToObject(item, "Origin", key->origin);
	cJSON_AddNumberToObject(item, "CreationDate", (double)key->created + 0.25);
	cJSON_AddBoolToObject(item, "MultiRegion", key->multi_region);
}

static inline const char *aws_do_create(const cJSON *ask, cJSON *root)
{
	struct aws_key *key = aws_key_new(
	    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(ask, "KeySpec")));
	const cJSON *tag;

	cJSON_ArrayForEach(tag, cJSON_GetObjectItemCaseSensitive(ask, "Tags")) aws_tag(
	    key, cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tag, "TagKey")),
	    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tag, "TagValue")));
	aws_metadata(root, key);
	return NULL;
}

static inline const char *aws_do_public(const struct aws_key *key, cJSON *root)
{
	uint8_t *der = NULL;
	const int length = i2d_PUBKEY(key->pair, &der);

	if (strcmp(key->state, "Enabled") != 0)
		return "KMSInvalidStateException";
	assert_true(length > 0);
	cJSON_AddStringToObject(root, "KeyId", key->arn);
	cJSON_AddStringToObject(root, "KeySpec", key->spec);
	cJSON_AddStringToObject(root, "KeyUsage", key->usage);
	aws_add_bytes(root, "PublicKey", der, (size_t)length);
	OPENSSL_free(der);
	return NULL;
}

static inline const char *aws_do_sign(
    const struct aws_key *key, const cJSON *ask, cJSON *root)
{
	const char *text =
	    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(ask, "Message"));
	const char *algorithm = cJSON_GetStringValue(
	    cJSON_GetObjectItemCaseSensitive(ask, "SigningAlgorithm"));
	const char *bits = strrchr(algorithm, '_') + 1;
	const EVP_MD *hash = strcmp(bits, "256") == 0	? EVP_sha256()
			     : strcmp(bits, "384") == 0 ? EVP_sha384()
							: EVP_sha512();
	uint8_t digest[96], signature[1024];
	size_t length = sizeof signature;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key->pair, NULL);

	if (strcmp(key->state, "Enabled") != 0)
		return "KMSInvalidStateException";
	if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(ask, "DryRun"))) {
		EVP_PKEY_CTX_free(context);
		return "DryRunOperationException";
	}
	assert_true(EVP_DecodeBlock(digest, (const uint8_t *)text, (int)strlen(text)) >=
		    EVP_MD_get_size(hash));
	assert_int_equal(EVP_PKEY_sign_init(context), 1);
	assert_int_equal(EVP_PKEY_CTX_set_signature_md(context, hash), 1);
	assert_int_equal(EVP_PKEY_sign(context, signature, &length, digest,
			     (size_t)EVP_MD_get_size(hash)),
	    1);
	cJSON_AddStringToObject(root, "KeyId", key->arn);
	cJSON_AddStringToObject(root, "SigningAlgorithm", algorithm);
	aws_add_bytes(root, "Signature", signature, length);
	EVP_PKEY_CTX_free(context);
	return NULL;
}

/* From which one on, and up to which; says whether there are more. */
static inline unsigned aws_page(
    const cJSON *ask, cJSON *root, unsigned all, unsigned *from)
{
	const char *marker =
	    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(ask, "Marker"));
	unsigned to = all;
	char next[16];

	*from = marker ? (unsigned)strtoul(marker, NULL, 10) : 0;
	if (aws_world.page > 0 && *from + aws_world.page < all)
		to = *from + aws_world.page;
	cJSON_AddBoolToObject(root, "Truncated", to < all);
	snprintf(next, sizeof next, "%u", to);
	if (to < all)
		cJSON_AddStringToObject(root, "NextMarker", next);
	return to;
}

static inline const char *aws_do_list(const cJSON *ask, cJSON *root)
{
	cJSON *list = cJSON_AddArrayToObject(root, "Keys"), *item;
	unsigned i, to = aws_page(ask, root, aws_world.keys, &i);

	for (; i < to; i++) {
		if (aws_world.key[i].gone)
			continue;
		item = cJSON_CreateObject();
		cJSON_AddStringToObject(item, "KeyArn", aws_world.key[i].arn);
		cJSON_AddItemToArray(list, item);
	}
	return NULL;
}

static inline const char *aws_do_tags(
    const struct aws_key *key, const cJSON *ask, cJSON *root)
{
	cJSON *list = cJSON_AddArrayToObject(root, "Tags"), *item;
	unsigned i, to = aws_page(ask, root, key->tags, &i);

	for (; i < to; i++) {
		item = cJSON_CreateObject();
		cJSON_AddStringToObject(item, "TagKey", key->tag[i].name);
		cJSON_AddStringToObject(item, "TagValue", key->tag[i].value);
		cJSON_AddItemToArray(list, item);
	}
	return key->hidden ? "AccessDeniedException" : NULL;
}

static inline const char *aws_do_identity(cJSON *root)
{
	cJSON *result = cJSON_AddObjectToObject(
	    cJSON_AddObjectToObject(root, "GetCallerIdentityResponse"),
	    "GetCallerIdentityResult");

	cJSON_AddStringToObject(result, "Account", aws_world.account);
	cJSON_AddStringToObject(result, "Arn", "arn:aws:iam::1:role/signer");
	return NULL;
}

static inline const char *aws_do_delete(
    struct aws_key *key, const cJSON *ask, cJSON *root)
{
	const cJSON *days = cJSON_GetObjectItemCaseSensitive(ask, "PendingWindowInDays");

	if (strcmp(key->state, "PendingDeletion") == 0)
		return "KMSInvalidStateException";
	assert_int_equal(cJSON_GetNumberValue(days), 7);
	strcpy(key->state, "PendingDeletion");
	cJSON_AddStringToObject(root, "KeyId", key->arn);
	return NULL;
}

/* The code of an error, or NULL and an answer in `root`. */
static inline const char *aws_do(
    const struct aws_waiting *waiting, const cJSON *ask, cJSON *root)
{
	const char *id =
	    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(ask, "KeyId"));
	struct aws_key *key = id ? aws_key_found(id) : NULL;
	const char *target = waiting->target;

	if (aws_world.denied && strstr(aws_world.denied, target))
		return "AccessDeniedException";
	if (strcmp(target, "STS") == 0)
		return aws_do_identity(root);
	if (strcmp(target, "CreateKey") == 0)
		return aws_do_create(ask, root);
	if (strcmp(target, "ListKeys") == 0)
		return aws_do_list(ask, root);
	if (!key)
		return "NotFoundException";
	if (strcmp(target, "DescribeKey") == 0)
		return aws_metadata(root, key), NULL;
	if (strcmp(target, "GetPublicKey") == 0)
		return aws_do_public(key, root);
	if (strcmp(target, "ListResourceTags") == 0)
		return aws_do_tags(key, ask, root);
	if (strcmp(target, "Sign") == 0)
		return aws_do_sign(key, ask, root);
	if (strcmp(target, "ScheduleKeyDeletion") == 0)
		return aws_do_delete(key, ask, root);
	return "UnknownOperationException";
}

enum aws_outcome {
	AWS_RIGHT,     /* what the service does */
	AWS_LOST,      /* it does it, and its answer is lost */
	AWS_UNDONE,    /* its answer is lost, and it did nothing */
	AWS_THROTTLED, /* it says so, to the last attempt */
	AWS_DONE       /* it does it; whoever asked does not live to hear of it */
};

static inline struct aws_waiting aws_take(void)
{
	const struct aws_waiting first = aws_world.waiting[0];

	assert_true(aws_world.count > 0);
	aws_world.count--;
	memmove(aws_world.waiting, aws_world.waiting + 1, aws_world.count * sizeof first);
	return first;
}

/* The oldest call is answered with this body. */
static inline void aws_say(const char *body)
{
	const struct aws_waiting waiting = aws_take();
	const struct aws_answer answer = { .good = true,
		.body = body,
		.length = strlen(body),
		.request_id = "request-1",
		.attempts = 2 };

	waiting.done(waiting.context, &answer);
}

static inline void aws_refuse(const char *code)
{
	const struct aws_waiting waiting = aws_take();
	struct aws_answer answer = {
		.body = "", .request_id = "request-1", .attempts = 1
	};

	snprintf(answer.error.code, sizeof answer.error.code, "%s", code);
	if (aws_error_denies(&answer.error))
		snprintf(answer.error.action, sizeof answer.error.action, "kms:%.48s",
		    waiting.target);
	answer.error.fault = strcmp(code, "DryRunOperationException") == 0
				 ? AWS_FAULT_DRY_RUN
				 : AWS_FAULT_FINAL;
	snprintf(answer.why, sizeof answer.why, "%s of %s", code, waiting.target);
	answer.open = strlen(code);
	waiting.done(waiting.context, &answer);
}

static inline void aws_lose(void)
{
	const struct aws_waiting waiting = aws_take();
	struct aws_answer answer = { .body = "",
		.request_id = "",
		.attempts = 1,
		.lost = true,
		.out_of_time = true };

	snprintf(answer.why, sizeof answer.why, "no answer");
	waiting.done(waiting.context, &answer);
}

static inline void aws_go(enum aws_outcome outcome)
{
	const struct aws_waiting *waiting = &aws_world.waiting[0];
	cJSON *ask, *root = cJSON_CreateObject();
	const char *code;
	char *body;

	assert_true(aws_world.count > 0);
	ask = cJSON_Parse(waiting->body);
	code = outcome != AWS_UNDONE && outcome != AWS_THROTTLED
		   ? aws_do(waiting, ask, root)
		   : NULL;
	body = cJSON_PrintUnformatted(root);
	cJSON_Delete(ask);
	cJSON_Delete(root);
	if (outcome == AWS_THROTTLED)
		aws_refuse("ThrottlingException");
	else if (outcome == AWS_LOST || outcome == AWS_UNDONE)
		aws_lose();
	else if (outcome != AWS_DONE && code)
		aws_refuse(code);
	else if (outcome != AWS_DONE)
		aws_say(body);
	cJSON_free(body);
}

/* All that is asked is answered rightly, up to the next call of this operation (NULL: to
 * the end). Is there one? */
static inline bool aws_until(const char *target)
{
	unsigned i;

	for (i = 0; i < 4000 && aws_world.count > 0; i++) {
		if (target && strcmp(aws_world.waiting[0].target, target) == 0)
			return true;
		aws_go(AWS_RIGHT);
	}
	assert_int_equal(aws_world.count, 0);
	return false;
}

static inline unsigned aws_asked(const char *target)
{
	unsigned i, n = 0;

	for (i = 0; i < aws_world.logged; i++)
		n += strcmp(aws_world.log[i], target) == 0;
	return n;
}

#endif
