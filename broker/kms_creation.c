/*
 * Making a key in AWS KMS. What may go wrong is that nobody knows whether it was made: so
 * the nonce is looked for before a second one is, at once after a lost answer and at the
 * next start after a crash.
 *
 *   [survey ->] CreateKey -> GetPublicKey         a new one
 *    survey  -> DescribeKey -> GetPublicKey       one that was made before
 */
#include "broker/clocks.h"
#include "broker/kms_keystore.h"
#include "broker/kms_survey.h"
#include "ipc/log.h"

#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SURVEY_SECONDS 120
#define CREATE_SECONDS 30
#define CREATE_MS      10000 /* one attempt */
#define SETTLE_SECONDS 120   /* until a new key is known everywhere */
#define LOOKS	       4     /* for a key whose making was not answered, or was cut off */
#define LOOK_PAUSE     (3 * SECOND_NS)
#define CLOCKS_APART   300 /* seconds that a key may seem older than its nonce */

struct kms_creation {
	struct keystore *keystore;
	struct key_wanted wanted;
	char nonce[NONCE_TEXT + 1];
	struct key *out;
	keystore_created *done;
	void *context;
	char arn[KMS_ARN_MAX + 1]; /* of the key with the nonce; empty: not found */
	unsigned looks;		   /* left */
	bool lost;		   /* it was asked for, without an answer */
	uint64_t look_at;	   /* boot clock; 0: nothing waits for time */
};

static struct kms *kms_of(const struct kms_creation *creation)
{
	return creation->keystore->kms;
}

void kms_creation_free(struct kms_creation *creation)
{
	free(creation);
}

static void finish(struct kms_creation *creation, const struct failure *failure)
{
	kms_of(creation)->creation = NULL;
	creation->done(creation->context, failure);
	kms_creation_free(creation);
}

static void fail(struct kms_creation *creation, const char *why)
{
	struct failure failure;

	failure_say(&failure, "AWS KMS: %s", why);
	finish(creation, &failure);
}

/* ---- the public part ---- */

static void on_public_key(void *context, const struct aws_answer *answer)
{
	struct kms_creation *creation = context;
	struct kms_public_key public;
	const uint8_t *at = public.key;
	struct failure failure;

	if (!answer->good)
		fail(creation, answer->why);
	else if (!kms_public_key_read(answer->body, answer->length, &public, &failure))
		fail(creation, failure.text);
	else if (strcmp(public.arn, creation->arn) != 0 ||
		 strcmp(public.usage, "SIGN_VERIFY") != 0)
		fail(creation, "the public key is another key's");
	else if (!kms_take_key(creation->keystore, public.arn,
		     d2i_PUBKEY(NULL, &at, (long)public.length), creation->out, &failure))
		fail(creation, failure.text);
	else if (creation->out->kind != creation->wanted.kind) {
		key_free(creation->out);
		fail(creation, "the new key is of another kind than was asked for");
	} else
		finish(creation, NULL);
}

static void ask_public_key(struct kms_creation *creation)
{
	char body[KMS_ARN_MAX + 64];
	const struct aws_request how = { .deadline_ns = clock_boot_in(SETTLE_SECONDS),
		.settle = true };

	kms_key_body(body, sizeof body, creation->arn);
	if (!kms_ask(kms_of(creation)->settings.aws, how, KMS_TARGET("GetPublicKey"),
		body, on_public_key, creation))
		fail(creation, "too many calls are under way");
}

/* ---- making ---- */

static unsigned bits_of(enum key_kind kind)
{
	return kind == KEY_RSA ? 2048 : kind == KEY_P384 ? 384 : 256;
}

static bool fits(const struct kms_creation *creation, const struct kms_key *found,
    struct failure *failure)
{
	return kms_is_ours(kms_of(creation), found->arn, failure) &&
	       kms_key_fits(found, creation->wanted.kind, bits_of(creation->wanted.kind),
		   found->arn, failure);
}

static void look(struct kms_creation *creation);

static void on_created(void *context, const struct aws_answer *answer)
{
	struct kms_creation *creation = context;
	struct kms_key made;
	struct failure failure;

	if (answer->lost && !answer->good) {
		log_warning(
		    "AWS KMS did not say whether it made a key (%s): looking for it",
		    answer->why);
		creation->lost = true;
		creation->looks = LOOKS;
		look(creation);
	} else if (!answer->good)
		fail(creation, answer->why);
	else if (!kms_key_read(answer->body, answer->length, &made, &failure) ||
		 !fits(creation, &made, &failure))
		fail(creation, failure.text);
	else {
		log_notice("AWS KMS made key %s", made.arn);
		snprintf(creation->arn, sizeof creation->arn, "%s", made.arn);
		ask_public_key(creation);
	}
}

const char *kms_cluster_tag(const struct kms *kms)
{
	const struct policy_pins *pins = kms->settings.pins;
	unsigned i;

	for (i = 0; i < pins->tags; i++)
		if (strcmp(pins->tag_name[i], KMS_TAG_CLUSTER) == 0)
			return pins->tag_value[i];
	return pins->cluster;
}

static unsigned list_tags(
    const struct kms_creation *creation, struct kms_tag out[KMS_TAGS_MAX])
{
	const struct kms *kms = kms_of(creation);
	const struct policy_pins *pins = kms->settings.pins;
	unsigned n = 0, i;

	out[n++] = (struct kms_tag){ KMS_TAG_CLUSTER, kms_cluster_tag(kms) };
	out[n++] = (struct kms_tag){ KMS_TAG_CA, ca_name(creation->wanted.ca) };
	out[n++] =
	    (struct kms_tag){ KMS_TAG_PURPOSE, purpose_name(creation->wanted.purpose) };
	out[n++] = (struct kms_tag){ KMS_TAG_INSTANCE, kms->settings.instance };
	out[n++] = (struct kms_tag){ KMS_TAG_INTENT, creation->nonce };
	for (i = 0; i < pins->tags && n < KMS_TAGS_MAX; i++)
		if (strcmp(pins->tag_name[i], KMS_TAG_CLUSTER) != 0)
			out[n++] =
			    (struct kms_tag){ pins->tag_name[i], pins->tag_value[i] };
	return n;
}

static void ask_key(struct kms_creation *creation)
{
	const char *spec =
	    kms_key_spec(creation->wanted.kind, bits_of(creation->wanted.kind));
	struct kms_tag tags[KMS_TAGS_MAX];
	char body[KMS_BODY_MAX];
	const struct aws_request how = { .deadline_ns = clock_boot_in(CREATE_SECONDS),
		.attempt_ms = CREATE_MS,
		.once = true };

	if (!spec ||
	    !kms_create_body(body, sizeof body, spec, tags, list_tags(creation, tags))) {
		fail(creation, "it has no such kind of key");
		return;
	}
	if (!kms_ask(kms_of(creation)->settings.aws, how, KMS_TARGET("CreateKey"), body,
		on_created, creation))
		fail(creation, "too many calls are under way");
}

/* ---- looking ---- */

static bool is(const struct kms_tags *tags, const char *name, const char *value)
{
	const char *found = kms_tag_value(tags, name);

	return found && strcmp(found, value) == 0;
}

static void on_seen(void *context, const char *arn, const struct kms_tags *tags)
{
	struct kms_creation *creation = context;
	struct kms *kms = kms_of(creation);
	const char *instance = kms_tag_value(tags, KMS_TAG_INSTANCE);

	if (!instance || !is(tags, KMS_TAG_CLUSTER, kms_cluster_tag(kms)))
		return;
	if (strcmp(instance, kms->settings.instance) != 0)
		snprintf(kms->other, sizeof kms->other, "%s", instance);
	else if (is(tags, KMS_TAG_INTENT, creation->nonce) &&
		 is(tags, KMS_TAG_CA, ca_name(creation->wanted.ca)) &&
		 is(tags, KMS_TAG_PURPOSE, purpose_name(creation->wanted.purpose)))
		snprintf(creation->arn, sizeof creation->arn, "%s", arn);
}

/* Two installations that make keys for one cluster would delete each other's. */
static void ask_key_if_alone(struct kms_creation *creation)
{
	const struct kms *kms = kms_of(creation);
	char why[256];

	if (kms->other[0] == '\0') {
		ask_key(creation);
		return;
	}
	snprintf(why, sizeof why,
	    "another privyseal (instance %s) has keys for the cluster %s in this "
	    "account; there may be one, so no key is made",
	    kms->other, kms_cluster_tag(kms));
	fail(creation, why);
}

/* A key with our nonce is ours only if nobody can have made it before the nonce was. */
static void on_described(void *context, const struct aws_answer *answer)
{
	struct kms_creation *creation = context;
	struct kms_key found;
	struct failure failure;

	if (!answer->good) {
		fail(creation, answer->why);
		return;
	}
	if (!kms_key_read(answer->body, answer->length, &found, &failure) ||
	    !fits(creation, &found, &failure)) {
		fail(creation, failure.text);
		return;
	}
	if (strcmp(found.state, "Enabled") != 0 ||
	    found.created < creation->wanted.since - CLOCKS_APART) {
		log_warning("key %s has our mark, but is %s or too old: another is made",
		    found.arn, found.state);
		creation->arn[0] = '\0';
		ask_key_if_alone(creation);
		return;
	}
	log_notice("adopted key %s, which was made before a crash", found.arn);
	ask_public_key(creation);
}

static void describe(struct kms_creation *creation)
{
	const struct aws_request how = { .deadline_ns = clock_boot_in(SURVEY_SECONDS) };
	char body[KMS_ARN_MAX + 64];

	kms_key_body(body, sizeof body, creation->arn);
	if (!kms_ask(kms_of(creation)->settings.aws, how, KMS_TARGET("DescribeKey"), body,
		on_described, creation))
		fail(creation, "too many calls are under way");
}

static void on_surveyed(void *context, const struct failure *failure)
{
	struct kms_creation *creation = context;

	if (failure) {
		finish(creation, failure);
		return;
	}
	kms_of(creation)->surveyed = true;
	if (creation->arn[0] != '\0')
		describe(creation);
	else if (creation->looks > 0)
		creation->look_at = clock_boot_ns() + LOOK_PAUSE;
	else if (creation->lost)
		fail(creation, "it is not known whether a key was made; the next start "
			       "looks for it again");
	else
		ask_key_if_alone(creation);
}

static void look(struct kms_creation *creation)
{
	struct kms *kms = kms_of(creation);

	creation->look_at = 0;
	creation->looks -= creation->looks > 0;
	kms->other[0] = '\0';
	if (!kms_survey(kms->settings.aws, clock_boot_in(SURVEY_SECONDS), on_seen,
		on_surveyed, creation))
		fail(creation, "too many calls are under way");
}

void kms_tend(struct kms *kms, uint64_t now_ns, uint64_t *wake_ns)
{
	struct kms_creation *creation = kms->creation;

	if (!creation || creation->look_at == 0)
		return;
	if (now_ns >= creation->look_at)
		look(creation);
	else if (creation->look_at < *wake_ns)
		*wake_ns = creation->look_at;
}

void kms_create(struct keystore *keystore, const struct key_wanted *wanted,
    struct key *out, keystore_created *done, void *context)
{
	struct kms_creation *creation = calloc(1, sizeof *creation);
	struct kms *kms = keystore->kms;
	const struct failure failure = { "AWS KMS: a key is being made already" };

	if (!creation || kms->creation) {
		free(creation);
		done(context, &failure);
		return;
	}
	*creation = (struct kms_creation){ .keystore = keystore,
		.wanted = *wanted,
		.out = out,
		.done = done,
		.context = context };
	snprintf(creation->nonce, sizeof creation->nonce, "%s", wanted->nonce);
	kms->creation = creation;
	/* What was made just before a crash may not be listed yet. */
	if (wanted->resumed && clock_wall_seconds() < wanted->since + SETTLE_SECONDS) {
		log_notice("the making of a key was cut off: looking for it in AWS KMS");
		creation->looks = LOOKS;
	}
	if (wanted->resumed || !kms->surveyed || kms->other[0] != '\0')
		look(creation);
	else
		ask_key(creation);
}
