/* A broker of broker_fixture.h beside the AWS of fake_aws.h: with `keystore aws_kms`, and
 * keys there that fit it. */
#ifndef TESTS_UNIT_KMS_RIG_H
#define TESTS_UNIT_KMS_RIG_H

#include "broker_fixture.h"
#include "fake_aws.h"

#include "broker/kms_keystore.h"

#define KMS_POLICY                                                                       \
	"cluster example.com\n"                                                          \
	"keystore aws_kms\n"                                                             \
	"account " AWS_ACCOUNT "\n"                                                      \
	"region " AWS_REGION "\n"                                                        \
	"tag Owner \"the team\"\n"                                                       \
	"permit user ssh-user ttl 1h key-id * principals *\n"

#define RIG_INSTANCE "0123456789abcdef0123456789abcdef"

static struct failure failure;

/* As remote_keystore() does. */
static inline void rig_keystore(void)
{
	struct broker *b = f->broker;
	const struct kms_settings settings = { .aws = (struct aws *)(void *)&aws_world,
		.pins = policy_pins(b->generation->rules->policy),
		.instance = b->state.instance };

	kms_free(b->kms.kms);
	b->kms = b->keystore;
	b->kms.methods = &keystore_aws_kms;
	b->kms.kms = kms_new(&settings);
	assert_non_null(b->kms.kms);
}

static inline void rig_new(const char *policy)
{
	aws_begin();
	f = fixture_new(policy, SUITE_BALANCED_V1);
	strcpy(f->broker->state.instance, RIG_INSTANCE);
	rig_keystore();
	/* What is logged as an error here is what the tests provoke. */
	log_level_set(LOG_LEVEL_ERROR);
}

static inline int rig_begin(void **state)
{
	(void)state;
	rig_new(KMS_POLICY);
	return 0;
}

static inline int rig_end(void **state)
{
	(void)state;
	kms_free(f->broker->kms.kms);
	fixture_free(f);
	aws_begin();
	return 0;
}

/* A key of the user CA's that the service has, tagged as ours are. */
static inline struct aws_key *rig_key(const char *spec, const char *nonce)
{
	struct aws_key *key = aws_key_new(spec);

	aws_tag(key, "TeleportCluster", "example.com");
	aws_tag(key, "PrivysealCA", "user");
	aws_tag(key, "PrivysealPurpose", "ssh");
	aws_tag(key, "PrivysealInstance", RIG_INSTANCE);
	aws_tag(key, "PrivysealIntent", nonce);
	aws_tag(key, "Owner", "the team");
	return key;
}

/* Loads it as a start does, by identifier and public part. */
static inline void rig_load(const struct aws_key *there, struct key *out)
{
	struct keystore *keystore = &f->broker->kms;
	struct key made;

	assert_int_equal(EVP_PKEY_up_ref(there->pair), 1);
	if (!kms_take_key(keystore, there->arn, there->pair, &made, &failure))
		fail_msg("%s", failure.text);
	if (!keystore_aws_kms.load(keystore, made.identifier,
		(struct slice){ made.blob, made.blob_length }, out, &failure))
		fail_msg("%s", failure.text);
	key_free(&made);
}

/* The end of what is asynchronous. */
struct rig_end {
	unsigned calls;
	bool good;
	struct failure failure;
};

static inline void rig_done(void *context, const struct failure *why)
{
	struct rig_end *ended = context;

	ended->calls++;
	ended->good = why == NULL;
	if (why)
		ended->failure = *why;
}

#endif
