/* The keystore aws_kms: which keys it takes, and what it makes of AWS's answers. */
#include "kms_rig.h"

static struct key key;
static struct aws_key *there;

static int begin(void **state)
{
	rig_begin(state);
	there = rig_key("ECC_NIST_P256", "00112233445566778899aabbccddeeff");
	rig_load(there, &key);
	return 0;
}

static int end(void **state)
{
	key_free(&key);
	return rig_end(state);
}

static void assert_says(const struct failure *why, const char *what)
{
	if (!strstr(why->text, what))
		fail_msg("'%s' does not say '%s'", why->text, what);
}

/* ---- loading ---- */

static bool loads(const char *identifier)
{
	struct key out;
	const bool loaded = keystore_aws_kms.load(&f->broker->kms, identifier,
	    (struct slice){ key.blob, key.blob_length }, &out, &failure);

	if (loaded)
		key_free(&out);
	return loaded;
}

#define ID "key/1234abcd-12ab-34cd-56ef-1234567890ab"

static void loads_what_it_stored(void **state)
{
	(void)state;
	assert_true(loads(key.identifier));
	assert_true(loads("awskms:arn:aws:kms:" AWS_REGION ":" AWS_ACCOUNT ":" ID));
	assert_int_equal(aws_world.logged, 0);
}

static void refuses_a_foreign_account_by_name(void **state)
{
	(void)state;
	assert_false(loads("awskms:arn:aws:kms:" AWS_REGION ":111122223334:" ID));
	assert_says(&failure, "111122223334");
	assert_says(&failure, AWS_ACCOUNT);
}

static void refuses_a_foreign_region_by_name(void **state)
{
	(void)state;
	assert_false(loads("awskms:arn:aws:kms:eu-west-1:" AWS_ACCOUNT ":" ID));
	assert_says(&failure, "eu-west-1");
	assert_says(&failure, AWS_REGION);
}

static void refuses_odd_identifiers(void **state)
{
	static const char *const odd[] = { "", "awskms:", "software:1234",
		"arn:aws:kms:" AWS_REGION ":" AWS_ACCOUNT ":" ID,
		"awskms:arn:aws:kms:" AWS_REGION ":" AWS_ACCOUNT ":alias/x",
		"awskms:arn:aws:kms:" AWS_REGION ":" AWS_ACCOUNT ":key/",
		"awskms:arn:aws:kms:" AWS_REGION ":" AWS_ACCOUNT ":key/a\"b",
		"awskms:arn:aws:s3:" AWS_REGION ":" AWS_ACCOUNT ":" ID,
		"awskms:arn:aws:kms:" AWS_REGION ":" AWS_ACCOUNT ":" ID ":x" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof odd / sizeof odd[0]; i++)
		if (loads(odd[i]))
			fail_msg("took '%s'", odd[i]);
}

static void refuses_public_keys_that_kms_does_not_have(void **state)
{
	const struct key *ed25519 = &f->broker->authorities[CA_USER].key[PURPOSE_SSH];
	struct key out;

	(void)state;
	assert_false(keystore_aws_kms.load(&f->broker->kms, key.identifier,
	    (struct slice){ (const uint8_t *)"junk", 4 }, &out, &failure));
	assert_int_equal(ed25519->kind, KEY_ED25519);
	assert_false(keystore_aws_kms.load(&f->broker->kms, key.identifier,
	    (struct slice){ ed25519->blob, ed25519->blob_length }, &out, &failure));
	assert_says(&failure, "kind");
}

/* ---- checking ---- */

static struct rig_end ended;

/* Asks for it; what is asked of AWS waits. */
static void begin_check(void)
{
	ended = (struct rig_end){ .calls = 0 };
	assert_true(kms_check_key(
	    f->broker->kms.kms, &key, CA_USER, PURPOSE_SSH, rig_done, &ended));
}

static bool check(void)
{
	begin_check();
	(void)aws_until(NULL);
	assert_int_equal(ended.calls, 1);
	return ended.good;
}

static void assert_refused(const char *what)
{
	assert_false(check());
	assert_says(&ended.failure, what);
	assert_says(&ended.failure, there->arn);
}

static void takes_the_key_that_it_stored(void **state)
{
	(void)state;
	assert_true(check());
	assert_string_equal(key.unusable, "");
	assert_string_equal(kms_other_instance(f->broker->kms.kms), "");
	assert_int_equal(aws_asked("DescribeKey"), 1);
	assert_int_equal(aws_asked("GetPublicKey"), 1);
	assert_int_equal(aws_asked("ListResourceTags"), 1);
	assert_int_equal(aws_asked("Sign"), 1);
	assert_non_null(strstr(aws_world.last, "\"DryRun\":true"));
}

static void takes_a_key_with_pages_of_tags(void **state)
{
	(void)state;
	aws_world.page = 2;
	assert_true(check());
	assert_int_equal(aws_asked("ListResourceTags"), 3);
}

static void pages_of_tags_have_an_end(void **state)
{
	unsigned i;

	(void)state;
	begin_check();
	assert_true(aws_until("ListResourceTags"));
	for (i = 0; i <= KMS_TAGS_MAX && aws_world.count > 0; i++)
		aws_say("{\"Tags\":[],\"Truncated\":true,\"NextMarker\":\"m\"}");
	assert_int_equal(aws_world.count, 0);
	assert_int_equal(ended.calls, 1);
	assert_says(&ended.failure, "Tags");
}

static void refuses_a_key_that_is_gone(void **state)
{
	(void)state;
	there->gone = true;
	assert_refused("NotFoundException");
}

static void refuses_what_does_not_fit_by_name(void **state)
{
	static const struct {
		size_t at;
		const char *is, *says;
	} rows[] = {
		{ offsetof(struct aws_key, spec), "RSA_2048", "its spec is RSA_2048" },
		{ offsetof(struct aws_key, spec), "ECC_NIST_P384",
		    "its spec is ECC_NIST_P384" },
		{ offsetof(struct aws_key, usage), "ENCRYPT_DECRYPT", "its usage is" },
		{ offsetof(struct aws_key, origin), "EXTERNAL", "its origin is" },
		{ offsetof(struct aws_key, origin), "AWS_CLOUDHSM", "its origin is" },
	};
	struct aws_key kept = *there;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		strcpy((char *)there + rows[i].at, rows[i].is);
		assert_refused(rows[i].says);
		*there = kept;
	}
	there->multi_region = true;
	assert_refused("multi-region");
}

static void refuses_an_answer_about_another_key(void **state)
{
	char body[1024];

	(void)state;
	begin_check();
	assert_true(aws_until("DescribeKey"));
	snprintf(body, sizeof body,
	    "{\"KeyMetadata\":{\"Arn\":\"arn:aws:kms:" AWS_REGION ":" AWS_ACCOUNT ":" ID
	    "\",\"AWSAccountId\":\"" AWS_ACCOUNT "\",\"KeyState\":\"Enabled\","
	    "\"KeySpec\":\"ECC_NIST_P256\",\"KeyUsage\":\"SIGN_VERIFY\","
	    "\"Origin\":\"AWS_KMS\",\"CreationDate\":1,\"MultiRegion\":false}}");
	aws_say(body);
	assert_int_equal(ended.calls, 1);
	assert_false(ended.good);
	assert_says(&ended.failure, "answered for");
}

static void refuses_another_public_key(void **state)
{
	(void)state;
	EVP_PKEY_free(there->pair);
	there->pair = EVP_EC_gen("P-256");
	assert_refused("public key");
}

static void refuses_each_tag_that_is_another_or_missing(void **state)
{
	static const char *const names[] = { "TeleportCluster", "PrivysealCA",
		"PrivysealPurpose" };
	struct aws_key kept = *there;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		aws_tag(there, names[i], "host");
		assert_refused(names[i]);
		aws_untag(there, names[i]);
		assert_refused(names[i]);
		*there = kept;
	}
}

static void refuses_garbage_at_each_step(void **state)
{
	static const char *const steps[] = { "DescribeKey", "GetPublicKey",
		"ListResourceTags" };
	static const char *const garbage[] = { "", "{}", "[]", "{\"KeyMetadata\":7}",
		"{\"Tags\":{}}", "{\"KeyId\":\"x\"}", "nonsense" };
	size_t step, i;

	(void)state;
	for (step = 0; step < 3; step++)
		for (i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
			begin_check();
			assert_true(aws_until(steps[step]));
			aws_say(garbage[i]);
			assert_int_equal(ended.calls, 1);
			assert_false(ended.good);
			assert_int_equal(aws_world.count, 0);
		}
}

static void a_key_that_is_only_unusable_is_no_failure(void **state)
{
	static const char *const states[] = { "Disabled", "PendingDeletion",
		"Unavailable" };
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		strcpy(there->state, states[i]);
		assert_true(check());
		assert_non_null(strstr(key.unusable, states[i]));
		assert_int_equal(aws_asked("Sign"), 0);
	}
	/* Its tags still must be right. */
	aws_untag(there, "PrivysealCA");
	assert_refused("PrivysealCA");
	aws_tag(there, "PrivysealCA", "user");
	strcpy(there->state, "Enabled");
	assert_true(check());
	assert_string_equal(key.unusable, "");
}

static void notices_another_instance(void **state)
{
	(void)state;
	aws_tag(there, "PrivysealInstance", "ffffffffffffffffffffffffffffffff");
	assert_true(check());
	assert_string_equal(
	    kms_other_instance(f->broker->kms.kms), "ffffffffffffffffffffffffffffffff");
}

static void needs_the_dry_run(void **state)
{
	(void)state;
	begin_check();
	assert_true(aws_until("Sign"));
	aws_refuse("AccessDeniedException");
	assert_int_equal(ended.calls, 1);
	assert_false(ended.good);
	assert_says(&ended.failure, "AccessDeniedException");
}

static void all_permissions_that_are_missing_are_told_at_once(void **state)
{
	static const char *const each[] = { "DescribeKey", "GetPublicKey",
		"ListResourceTags", "Sign" };
	size_t i, n;

	(void)state;
	for (i = 0; i < 4; i++) {
		aws_world.denied = each[i];
		aws_world.logged = 0;
		assert_refused(each[i]);
		for (n = 0; n < 4; n++)
			assert_int_equal(aws_asked(each[n]), 1);
	}
	aws_world.denied = "DescribeKey GetPublicKey ListResourceTags Sign";
	assert_refused("kms:DescribeKey, kms:GetPublicKey, kms:ListResourceTags, "
		       "kms:Sign are not permitted: AccessDeniedException of Describe");
}

static void a_key_is_refused_for_what_is_wrong_beside_what_is_not_permitted(void **state)
{
	(void)state;
	aws_world.denied = "DescribeKey";
	aws_tag(there, "PrivysealCA", "host");
	assert_refused("its tag PrivysealCA is 'host'");
}

static void calls_that_can_not_begin_are_a_failure(void **state)
{
	(void)state;
	aws_world.full = true;
	ended = (struct rig_end){ .calls = 0 };
	(void)kms_check_key(
	    f->broker->kms.kms, &key, CA_USER, PURPOSE_SSH, rig_done, &ended);
	assert_int_equal(ended.calls, 1);
	assert_false(ended.good);
	assert_false(kms_check_account(f->broker->kms.kms, rig_done, &ended));
}

static void the_account_must_be_the_policys(void **state)
{
	(void)state;
	ended = (struct rig_end){ .calls = 0 };
	assert_true(kms_check_account(f->broker->kms.kms, rig_done, &ended));
	aws_go(AWS_RIGHT);
	assert_true(ended.calls == 1 && ended.good);
	strcpy(aws_world.account, "999922223333");
	assert_true(kms_check_account(f->broker->kms.kms, rig_done, &ended));
	aws_go(AWS_RIGHT);
	assert_true(ended.calls == 2 && !ended.good);
	assert_says(&ended.failure, "999922223333");
	assert_says(&ended.failure, AWS_ACCOUNT);
	assert_true(kms_check_account(f->broker->kms.kms, rig_done, &ended));
	aws_lose();
	assert_true(ended.calls == 3 && !ended.good);
	assert_true(kms_check_account(f->broker->kms.kms, rig_done, &ended));
	aws_say("{}");
	assert_true(ended.calls == 4 && !ended.good);
}

/* ---- signing ---- */

static struct approval approval;
static const uint8_t document[] = "a document to be signed";

static struct {
	unsigned calls;
	struct keystore_answer answer;
	char why[512], open_why[512], request_id[64];
	bool verifies;
} signed_by;

static void on_signed(void *context, const struct keystore_answer *answer)
{
	assert_ptr_equal(context, &signed_by);
	signed_by.calls++;
	signed_by.answer = *answer;
	snprintf(
	    signed_by.why, sizeof signed_by.why, "%s", answer->why ? answer->why : "");
	snprintf(signed_by.open_why, sizeof signed_by.open_why, "%s",
	    answer->open_why ? answer->open_why : "");
	snprintf(signed_by.request_id, sizeof signed_by.request_id, "%s",
	    answer->request_id ? answer->request_id : "");
	signed_by.verifies = answer->result == KEYSTORE_SIGNED &&
			     key_verify(&key, &f->broker->crypto, &approval,
				 answer->signature, answer->length);
}

/* A permit for the document, on the record. */
static void approve(void)
{
	const struct decision permit = { .verdict = VERDICT_PERMIT };

	assert_true(approval_make(
	    &approval, &f->broker->crypto, &permit, &key, document, sizeof document));
	(void)audit_log_begin(&f->broker->log, "sign");
	approval.sequence = audit_log_end(&f->broker->log);
	assert_true(audit_log_commit(&f->broker->log));
}

static void ask(void)
{
	memset(&signed_by, 0, sizeof signed_by);
	keystore_aws_kms.sign(&f->broker->kms, &key, &approval, on_signed, &signed_by);
}

static void signs_by_digest_with_keys_of_each_kind(void **state)
{
	static const char *const specs[] = { "ECC_NIST_P256", "RSA_2048", "RSA_4096" };
	static const char *const algorithms[] = { "ECDSA_SHA_256",
		"RSASSA_PKCS1_V1_5_SHA_256", "RSASSA_PKCS1_V1_5_SHA_512" };
	char wanted[64];
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		key_free(&key);
		there = rig_key(specs[i], "");
		rig_load(there, &key);
		approve();
		ask();
		snprintf(
		    wanted, sizeof wanted, "\"SigningAlgorithm\":\"%s\"", algorithms[i]);
		assert_non_null(strstr(aws_world.last, wanted));
		assert_non_null(strstr(aws_world.last, "\"MessageType\":\"DIGEST\""));
		assert_null(strstr(aws_world.last, "DryRun"));
		assert_true(aws_world.last_request.limited);
		assert_in_range(aws_world.last_request.deadline_ns - aws_world.boot_ns, 1,
		    KEYSTORE_SECONDS * SECOND_NS);
		aws_go(AWS_RIGHT);
		assert_int_equal(signed_by.calls, 1);
		assert_int_equal(signed_by.answer.result, KEYSTORE_SIGNED);
		assert_true(signed_by.verifies);
	}
}

static void a_permit_is_spent_once(void **state)
{
	(void)state;
	approve();
	ask();
	aws_go(AWS_RIGHT);
	assert_true(signed_by.verifies);
	ask();
	assert_int_equal(signed_by.answer.result, KEYSTORE_UNAPPROVED);
	assert_int_equal(aws_asked("Sign"), 1);
}

static void nothing_is_asked_without_a_record_on_disk(void **state)
{
	(void)state;
	approve();
	approval.sequence += 5;
	ask();
	assert_int_equal(signed_by.calls, 1);
	assert_int_equal(signed_by.answer.result, KEYSTORE_UNAPPROVED);
	assert_int_equal(aws_asked("Sign"), 0);
}

static void a_permit_is_kept_while_the_key_is_unusable(void **state)
{
	(void)state;
	approve();
	strcpy(key.unusable, "AWS KMS says that the key is Disabled");
	ask();
	assert_int_equal(signed_by.answer.result, KEYSTORE_FAILED);
	assert_non_null(strstr(signed_by.why, "Disabled"));
	assert_false(approval.spent);
	assert_int_equal(aws_asked("Sign"), 0);
}

static void nothing_is_signed_when_clocks_differ_by_more_than_a_minute(void **state)
{
	static const int64_t skews[] = { 61, -61, 86400, -86400 };
	size_t i;

	(void)state;
	aws_world.skew_known = true;
	approve();
	for (i = 0; i < 4; i++) {
		aws_world.skew = skews[i];
		ask();
		assert_int_equal(signed_by.answer.result, KEYSTORE_FAILED);
		assert_non_null(strstr(signed_by.why, "clock"));
		assert_false(approval.spent);
	}
	assert_int_equal(aws_asked("Sign"), 0);
	for (i = 0; i < 2; i++) {
		aws_world.skew = i == 0 ? 60 : -60;
		approve();
		ask();
		aws_go(AWS_RIGHT);
		assert_true(signed_by.verifies);
	}
}

/* The clocks are only known to differ by the answer. */
static void a_signature_of_differing_clocks_is_kept_back(void **state)
{
	(void)state;
	approve();
	ask();
	aws_world.skew = 61;
	aws_world.skew_known = true;
	aws_go(AWS_RIGHT);
	assert_int_equal(signed_by.calls, 1);
	assert_int_equal(signed_by.answer.result, KEYSTORE_FAILED);
	assert_non_null(strstr(signed_by.why, "clock"));
	assert_string_equal(signed_by.request_id, "request-1");
}

static void an_answer_that_is_not_ours_fails_and_may_have_been_signed(void **state)
{
	char good[512], other[512], algorithm[512];
	const char *bad[] = { "", "{}", "nonsense", other, algorithm,
		"{\"Signature\":\"QUJD\"}" };
	size_t i;

	(void)state;
	snprintf(good, sizeof good,
	    "{\"KeyId\":\"%s\",\"SigningAlgorithm\":\"ECDSA_SHA_256\",\"Signature\":"
	    "\"QUJD\"}",
	    there->arn);
	snprintf(other, sizeof other,
	    "{\"KeyId\":\"%.*s0\",\"SigningAlgorithm\":\"ECDSA_SHA_256\",\"Signature\":"
	    "\"QUJD\"}",
	    (int)strlen(there->arn) - 1, there->arn);
	snprintf(algorithm, sizeof algorithm,
	    "{\"KeyId\":\"%s\",\"SigningAlgorithm\":\"ECDSA_SHA_384\",\"Signature\":"
	    "\"QUJD\"}",
	    there->arn);
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		approve();
		ask();
		aws_say(bad[i]);
		assert_int_equal(signed_by.calls, 1);
		assert_int_equal(signed_by.answer.result, KEYSTORE_FAILED);
		assert_true(signed_by.answer.lost);
		assert_string_equal(signed_by.request_id, "request-1");
	}
	/* This one is of the right form; its signature is for the sign path to judge. */
	approve();
	ask();
	aws_say(good);
	assert_int_equal(signed_by.answer.result, KEYSTORE_SIGNED);
	assert_int_equal(signed_by.answer.length, 3);
	assert_false(signed_by.verifies);
}

static void what_aws_says_of_a_call_is_passed_on(void **state)
{
	(void)state;
	approve();
	ask();
	aws_say("{}");
	assert_int_equal(signed_by.answer.attempts, 2);
	approve();
	ask();
	aws_lose();
	assert_true(signed_by.answer.lost);
	assert_non_null(strstr(signed_by.why, "no answer"));
	approve();
	ask();
	aws_go(AWS_THROTTLED);
	assert_false(signed_by.answer.lost);
	assert_string_equal(signed_by.request_id, "request-1");
	assert_string_equal(signed_by.why, "ThrottlingException of Sign");
	assert_string_equal(signed_by.open_why, "ThrottlingException");
}

static void too_many_calls_fail_at_once(void **state)
{
	(void)state;
	approve();
	aws_world.full = true;
	ask();
	assert_int_equal(signed_by.calls, 1);
	assert_int_equal(signed_by.answer.result, KEYSTORE_FAILED);
	assert_false(signed_by.answer.lost);
	assert_non_null(strstr(signed_by.why, "too many"));
	assert_string_equal(signed_by.why, signed_by.open_why);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(loads_what_it_stored),
		TEST(refuses_a_foreign_account_by_name),
		TEST(refuses_a_foreign_region_by_name),
		TEST(refuses_odd_identifiers),
		TEST(refuses_public_keys_that_kms_does_not_have),
		TEST(takes_the_key_that_it_stored),
		TEST(takes_a_key_with_pages_of_tags),
		TEST(pages_of_tags_have_an_end),
		TEST(refuses_a_key_that_is_gone),
		TEST(refuses_what_does_not_fit_by_name),
		TEST(refuses_an_answer_about_another_key),
		TEST(refuses_another_public_key),
		TEST(refuses_each_tag_that_is_another_or_missing),
		TEST(refuses_garbage_at_each_step),
		TEST(a_key_that_is_only_unusable_is_no_failure),
		TEST(notices_another_instance),
		TEST(needs_the_dry_run),
		TEST(all_permissions_that_are_missing_are_told_at_once),
		TEST(a_key_is_refused_for_what_is_wrong_beside_what_is_not_permitted),
		TEST(calls_that_can_not_begin_are_a_failure),
		TEST(the_account_must_be_the_policys),
		TEST(signs_by_digest_with_keys_of_each_kind),
		TEST(a_permit_is_spent_once),
		TEST(nothing_is_asked_without_a_record_on_disk),
		TEST(a_permit_is_kept_while_the_key_is_unusable),
		TEST(nothing_is_signed_when_clocks_differ_by_more_than_a_minute),
		TEST(a_signature_of_differing_clocks_is_kept_back),
		TEST(an_answer_that_is_not_ours_fails_and_may_have_been_signed),
		TEST(what_aws_says_of_a_call_is_passed_on),
		TEST(too_many_calls_fail_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
