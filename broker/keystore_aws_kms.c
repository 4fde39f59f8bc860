/* Loading, signing and checking of keys in AWS KMS; keystore_aws_kms.h has the promises.
 * Making them is kms_creation.c's. */
#include "broker/keystore_aws_kms.h"
#include "broker/clocks.h"
#include "broker/kms_keystore.h"
#include "ipc/log.h"

#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK_SECONDS 30

struct kms *kms_new(const struct kms_settings *settings)
{
	struct kms *kms = calloc(1, sizeof *kms);

	if (kms)
		kms->settings = *settings;
	return kms;
}

void kms_free(struct kms *kms)
{
	if (kms)
		kms_creation_free(kms->creation);
	free(kms);
}

const char *kms_other_instance(const struct kms *kms)
{
	return kms->other;
}

const char *kms_key_arn(const char *identifier)
{
	return strncmp(identifier, KMS_PREFIX, sizeof KMS_PREFIX - 1) == 0
		   ? identifier + sizeof KMS_PREFIX - 1
		   : NULL;
}

bool kms_ask(struct aws *aws, struct aws_request how, const char *target,
    const char *body, aws_done *done, void *context)
{
	how.service = AWS_KMS;
	how.target = target;
	how.body = body;
	how.length = strlen(body);
	return aws_call(aws, &how, done, context);
}

bool kms_is_ours(const struct kms *kms, const char *arn, struct failure *failure)
{
	const struct policy_pins *pins = kms->settings.pins;
	struct kms_arn parts;

	if (!arn || !kms_arn_read(arn, &parts))
		return failure_say(
		    failure, "'%s' is no key of AWS KMS", arn ? arn : "an identifier");
	if (strcmp(parts.account, pins->account) != 0)
		return failure_say(failure, "key %s is of account %s, the policy's is %s",
		    arn, parts.account, pins->account);
	if (strcmp(parts.region, pins->region) != 0)
		return failure_say(failure, "key %s is in %s, the policy's region is %s",
		    arn, parts.region, pins->region);
	return true;
}

/* ---- loading ---- */

bool kms_take_key(struct keystore *keystore, const char *arn, EVP_PKEY *public,
    struct key *out, struct failure *failure)
{
	*out = (struct key){ .keystore = keystore, .public = public };
	if (snprintf(out->identifier, sizeof out->identifier, KMS_PREFIX "%s", arn) <
		(int)sizeof out->identifier &&
	    public && key_prepare(out, keystore->crypto, failure) &&
	    kms_key_spec(out->kind, out->bits))
		return true;
	failure_say(failure, "key %s is of a kind that CAs do not have", arn);
	key_free(out);
	return false;
}

static bool load(struct keystore *keystore, const char *identifier, struct slice blob,
    struct key *out, struct failure *failure)
{
	const char *arn = kms_key_arn(identifier);

	return kms_is_ours(keystore->kms, arn, failure) &&
	       kms_take_key(keystore, arn, key_public(blob), out, failure);
}

/* ---- signing ---- */

struct signature_wanted {
	const struct key *key;
	keystore_done *done;
	void *context;
};

/* The validity that a document says is this host's clock's, and whoever relies on it has
 * the world's. */
bool kms_clocks_differ(const struct kms *kms, int64_t *seconds)
{
	return aws_skew(kms->settings.aws, seconds) &&
	       (*seconds < -KMS_SKEW_MAX || *seconds > KMS_SKEW_MAX);
}

static bool clocks_agree(const struct kms *kms, char why[128])
{
	int64_t skew;

	if (!kms_clocks_differ(kms, &skew))
		return true;
	snprintf(why, 128,
	    "AWS's clock and this host's differ by %lld s; nothing is signed until they "
	    "agree",
	    (long long)skew);
	return false;
}

static void on_signature(void *context, const struct aws_answer *answer)
{
	struct signature_wanted *wanted = context;
	const struct key *key = wanted->key;
	struct keystore_answer ours = { .result = KEYSTORE_FAILED,
		.request_id = answer->request_id,
		.attempts = answer->attempts,
		.lost = answer->lost };
	uint8_t signature[KEY_SIGNATURE_MAX];
	struct failure failure;
	char why[128], open[sizeof answer->why];

	snprintf(open, sizeof open, "%.*s", (int)answer->open, answer->why);
	ours.signature = signature;
	if (!answer->good)
		ours.why = answer->why;
	else if (!kms_signature_read(answer->body, answer->length,
		     kms_key_arn(key->identifier),
		     kms_signing_algorithm(key->kind, key->bits), signature,
		     sizeof signature, &ours.length, &failure)) {
		ours.why = failure.text;
		ours.lost = true;
	} else if (!clocks_agree(key->keystore->kms, why)) {
		ours.why = why;
		ours.lost = true;
	} else
		ours.result = KEYSTORE_SIGNED;
	ours.open_why = answer->good ? ours.why : open;
	wanted->done(wanted->context, &ours);
	free(wanted);
}

static const char *ask_signature(struct kms *kms, struct signature_wanted *wanted,
    const uint8_t *digest, size_t length)
{
	char body[KMS_ARN_MAX + 256];
	const struct aws_request how = { .deadline_ns = clock_boot_in(KMS_SIGN_SECONDS),
		.limited = true };

	if (length == 0 ||
	    !kms_sign_body(body, sizeof body, kms_key_arn(wanted->key->identifier),
		kms_signing_algorithm(wanted->key->kind, wanted->key->bits), digest,
		length, false))
		return "the document has no digest";
	return kms_ask(
		   kms->settings.aws, how, KMS_TARGET("Sign"), body, on_signature, wanted)
		   ? NULL
		   : "too many calls of AWS KMS are under way";
}

static void sign(struct keystore *keystore, const struct key *key,
    struct approval *approval, keystore_done *done, void *context)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	struct keystore_answer answer = { .result = KEYSTORE_FAILED };
	struct signature_wanted *wanted = malloc(sizeof *wanted);
	char why[128];

	if (!wanted)
		answer.why = "out of memory";
	else if (key->unusable[0] != '\0')
		answer.why = key->unusable;
	else if (!clocks_agree(keystore->kms, why))
		answer.why = why;
	else if (!approval_spend(approval, keystore->crypto, keystore->log, key))
		answer.result = KEYSTORE_UNAPPROVED;
	else {
		*wanted = (struct signature_wanted){ key, done, context };
		answer.why = ask_signature(keystore->kms, wanted, digest,
		    key_digest(key, keystore->crypto, approval, digest));
		if (!answer.why)
			return;
	}
	free(wanted);
	answer.open_why = answer.why;
	done(context, &answer);
}

/* ---- checking ---- */

struct check {
	struct kms *kms;
	struct key *key;
	enum ca ca;
	enum purpose purpose;
	kms_checked *done;
	void *context;
	struct kms_tags tags;
	char denied[KMS_FUNCTIONS * (AWS_ACTION_MAX + 2)]; /* permissions, so far */
	struct failure first;				   /* why the first of them is */
};

static void check_ends(struct check *check, const struct failure *failure)
{
	check->done(check->context, failure);
	free(check);
}

static void check_fails(struct check *check, const char *why)
{
	struct failure failure;

	failure_say(&failure, "key %s: %s",
	    check->key ? kms_key_arn(check->key->identifier) : "", why);
	check_ends(check, &failure);
}

/* A permission that is missing ends the check only after all else was asked: so one start
 * tells all that are. False: the check has ended. */
static bool check_goes_on(struct check *check, const struct aws_answer *answer)
{
	const size_t length = strlen(check->denied);

	if (answer->error.action[0] == '\0') {
		check_fails(check, answer->why);
		return false;
	}
	if (length == 0)
		failure_say(&check->first, "%s", answer->why);
	snprintf(check->denied + length, sizeof check->denied - length, "%s%s",
	    length > 0 ? ", " : "", answer->error.action);
	return true;
}

static void check_done(struct check *check)
{
	struct failure all;

	if (check->denied[0] == '\0') {
		check_ends(check, NULL);
	} else if (!strchr(check->denied, ',')) {
		check_fails(check, check->first.text);
	} else {
		failure_say(
		    &all, "%s are not permitted: %s", check->denied, check->first.text);
		check_fails(check, all.text);
	}
}

static void check_asks(
    struct check *check, const char *target, const char *body, aws_done *done)
{
	const struct aws_request how = { .deadline_ns = clock_boot_in(CHECK_SECONDS) };

	if (!kms_ask(check->kms->settings.aws, how, target, body, done, check))
		check_fails(check, "too many calls of AWS KMS are under way");
}

static bool may_ask_again(const struct aws_answer *answer)
{
	return answer->error.fault == AWS_FAULT_DRY_RUN;
}

static void on_dry_run(void *context, const struct aws_answer *answer)
{
	struct check *check = context;

	if (answer->good || may_ask_again(answer) || check_goes_on(check, answer))
		check_done(check);
}

static void dry_run(struct check *check)
{
	static const uint8_t zeros[EVP_MAX_MD_SIZE];
	const struct key *key = check->key;
	char body[KMS_ARN_MAX + 256];

	kms_sign_body(body, sizeof body, kms_key_arn(key->identifier),
	    kms_signing_algorithm(key->kind, key->bits), zeros,
	    (size_t)EVP_MD_get_size(key->hash), true);
	check_asks(check, KMS_TARGET("Sign"), body, on_dry_run);
}

static void check_use(struct check *check)
{
	if (check->key->unusable[0] != '\0')
		check_done(check);
	else
		dry_run(check);
}

static bool tag_is(const struct check *check, const char *name, const char *expected,
    struct failure *failure)
{
	const char *value = kms_tag_value(&check->tags, name);

	return (value && strcmp(value, expected) == 0) ||
	       failure_say(failure, "its tag %s is '%s' and should be '%s'", name,
		   value ? value : "", expected);
}

static void on_tags(void *context, const struct aws_answer *answer)
{
	struct check *check = context;
	struct kms *kms = check->kms;
	const char *instance;
	struct failure failure;
	char body[KMS_ARN_MAX + KMS_MARKER_MAX + 64];

	if (!answer->good) {
		if (check_goes_on(check, answer))
			check_use(check);
		return;
	}
	if (!kms_tags_read(answer->body, answer->length, &check->tags, &failure)) {
		check_fails(check, failure.text);
		return;
	}
	if (check->tags.next[0] != '\0') {
		kms_tags_body(body, sizeof body, kms_key_arn(check->key->identifier),
		    check->tags.next);
		check_asks(check, KMS_TARGET("ListResourceTags"), body, on_tags);
		return;
	}
	if (!tag_is(check, KMS_TAG_CLUSTER, kms_cluster_tag(kms), &failure) ||
	    !tag_is(check, KMS_TAG_CA, ca_name(check->ca), &failure) ||
	    !tag_is(check, KMS_TAG_PURPOSE, purpose_name(check->purpose), &failure)) {
		check_fails(check, failure.text);
		return;
	}
	instance = kms_tag_value(&check->tags, KMS_TAG_INSTANCE);
	if (instance && strcmp(instance, kms->settings.instance) != 0)
		snprintf(kms->other, sizeof kms->other, "%s", instance);
	check_use(check);
}

static void ask_tags(struct check *check)
{
	char body[KMS_ARN_MAX + 64];

	kms_tags_body(body, sizeof body, kms_key_arn(check->key->identifier), "");
	check_asks(check, KMS_TARGET("ListResourceTags"), body, on_tags);
}

static void on_public_key(void *context, const struct aws_answer *answer)
{
	struct check *check = context;
	const struct key *key = check->key;
	struct kms_public_key public;
	struct failure failure;
	struct key theirs;
	const uint8_t *at = public.key;
	bool same;

	if (!answer->good) {
		if (check_goes_on(check, answer))
			ask_tags(check);
		return;
	}
	if (!kms_public_key_read(answer->body, answer->length, &public, &failure) ||
	    !kms_take_key(key->keystore, public.arn,
		d2i_PUBKEY(NULL, &at, (long)public.length), &theirs, &failure)) {
		check_fails(check, failure.text);
		return;
	}
	same = slice_same((struct slice){ key->blob, key->blob_length },
		   (struct slice){ theirs.blob, theirs.blob_length }) &&
	       strcmp(key->identifier, theirs.identifier) == 0;
	key_free(&theirs);
	if (same)
		ask_tags(check);
	else
		check_fails(check, "its public key is not the one that state.json knows");
}

static void ask_public_key(struct check *check)
{
	char body[KMS_ARN_MAX + 64];

	kms_key_body(body, sizeof body, kms_key_arn(check->key->identifier));
	check_asks(check, KMS_TARGET("GetPublicKey"), body, on_public_key);
}

bool kms_key_fits(const struct kms_key *found, enum key_kind kind, unsigned bits,
    const char *arn, struct failure *failure)
{
	const char *spec = kms_key_spec(kind, bits);

	if (strcmp(found->arn, arn) != 0)
		return failure_say(failure, "AWS KMS answered for %s", found->arn);
	if (strcmp(found->spec, spec) != 0)
		return failure_say(
		    failure, "its spec is %s and should be %s", found->spec, spec);
	if (strcmp(found->usage, "SIGN_VERIFY") != 0)
		return failure_say(
		    failure, "its usage is %s and should be SIGN_VERIFY", found->usage);
	if (strcmp(found->origin, "AWS_KMS") != 0)
		return failure_say(failure,
		    "its origin is %s: somebody else may have a copy; it should be "
		    "AWS_KMS",
		    found->origin);
	return !found->multi_region ||
	       failure_say(failure, "it is a multi-region key, which are not supported");
}

static void on_described(void *context, const struct aws_answer *answer)
{
	struct check *check = context;
	struct key *key = check->key;
	struct kms_key found;
	struct failure failure;

	if (!answer->good) {
		if (check_goes_on(check, answer))
			ask_public_key(check);
		return;
	}
	if (!kms_key_read(answer->body, answer->length, &found, &failure) ||
	    !kms_key_fits(
		&found, key->kind, key->bits, kms_key_arn(key->identifier), &failure)) {
		check_fails(check, failure.text);
		return;
	}
	key->unusable[0] = '\0';
	if (strcmp(found.state, "Enabled") != 0) {
		snprintf(key->unusable, sizeof key->unusable,
		    "AWS KMS says that the key is %s", found.state);
		ask_tags(check); /* its public key can't be asked for */
		return;
	}
	ask_public_key(check);
}

static struct check *check_new(struct kms *kms, kms_checked *done, void *context)
{
	struct check *check = calloc(1, sizeof *check);

	if (check) {
		check->kms = kms;
		check->done = done;
		check->context = context;
	}
	return check;
}

bool kms_check_key(struct kms *kms, struct key *key, enum ca ca, enum purpose purpose,
    kms_checked *done, void *context)
{
	struct check *check = check_new(kms, done, context);
	char body[KMS_ARN_MAX + 64];

	if (!check)
		return false;
	check->key = key;
	check->ca = ca;
	check->purpose = purpose;
	kms_key_body(body, sizeof body, kms_key_arn(key->identifier));
	check_asks(check, KMS_TARGET("DescribeKey"), body, on_described);
	return true;
}

static void on_identity(void *context, const struct aws_answer *answer)
{
	struct check *check = context;
	const char *pinned = check->kms->settings.pins->account;
	struct sts_identity identity;
	struct failure failure;

	if (!answer->good)
		failure_say(&failure,
		    "the account of the AWS credentials can't be told: %s", answer->why);
	else if (sts_identity_read(answer->body, answer->length, &identity, &failure)) {
		if (strcmp(identity.account, pinned) == 0) {
			log_notice(
			    "AWS: account %s as %s", identity.account, identity.arn);
			check->kms->identity = identity;
			check_ends(check, NULL);
			return;
		}
		failure_say(&failure,
		    "the AWS credentials are of account %s, the policy's is %s",
		    identity.account, pinned);
	}
	check_ends(check, &failure);
}

const struct sts_identity *kms_identity(const struct kms *kms)
{
	return &kms->identity;
}

bool kms_check_account(struct kms *kms, kms_checked *done, void *context)
{
	struct check *check = check_new(kms, done, context);
	const struct aws_request request = { .service = AWS_STS,
		.body = STS_IDENTITY_BODY,
		.length = sizeof STS_IDENTITY_BODY - 1,
		.deadline_ns = clock_boot_in(CHECK_SECONDS) };

	if (check && aws_call(kms->settings.aws, &request, on_identity, check))
		return true;
	free(check);
	return false;
}

const struct keystore_methods keystore_aws_kms = {
	.kind = KEYSTORE_AWS_KMS,
	.prefix = KMS_PREFIX,
	.remote = true,
	.create = kms_create,
	.load = load,
	.sign = sign,
};
