/* broker/kms.c: what is said to AWS, and how strictly its answers are read. */
#include "broker/kms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ARN "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"

static void arns_are_read_whole_or_not_at_all(void **state)
{
	static const char *const bad[] = { "", "arn", ARN "/", ARN ":x",
		"arn:aws:kms:us-west-2:123456789012:alias/a",
		"arn:aws:kms:us-west-2:123456789012:key/",
		"arn:aws:kms:us-west-2:12345678901:key/1",
		"arn:aws:kms:us-west-2:1234567890123:key/1",
		"arn:aws:kms:us-west-2:12345678901x:key/1",
		"arn:aws:kms::123456789012:key/1",
		"arn:aws:s3:us-west-2:123456789012:key/1",
		"arn::kms:us-west-2:123456789012:key/1",
		"arn:aws:kms:us west:123456789012:key/1",
		"arn:aws:kms:us-west-2:123456789012:key/\"",
		"ARN:aws:kms:r:123456789012:key/1" };
	struct kms_arn arn;
	size_t i;

	(void)state;
	assert_true(kms_arn_read(ARN, &arn));
	assert_string_equal(arn.partition, "aws");
	assert_string_equal(arn.region, "us-west-2");
	assert_string_equal(arn.account, "123456789012");
	assert_string_equal(arn.id, "1234abcd-12ab-34cd-56ef-1234567890ab");
	assert_true(kms_arn_read(
	    "arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/mrk-0123", &arn));
	assert_string_equal(arn.partition, "aws-us-gov");
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(kms_arn_read(bad[i], &arn));
}

static void specs_and_algorithms_fit_the_key(void **state)
{
	(void)state;
	assert_string_equal(kms_key_spec(KEY_RSA, 2048), "RSA_2048");
	assert_string_equal(kms_key_spec(KEY_P256, 256), "ECC_NIST_P256");
	assert_string_equal(
	    kms_signing_algorithm(KEY_RSA, 2048), "RSASSA_PKCS1_V1_5_SHA_256");
	assert_string_equal(
	    kms_signing_algorithm(KEY_RSA, 4096), "RSASSA_PKCS1_V1_5_SHA_512");
	assert_string_equal(kms_signing_algorithm(KEY_P256, 256), "ECDSA_SHA_256");
	assert_string_equal(kms_signing_algorithm(KEY_P384, 384), "ECDSA_SHA_384");
	assert_null(kms_key_spec(KEY_ED25519, 256));
	assert_null(kms_key_spec(KEY_RSA, 1024));
	assert_null(kms_signing_algorithm(KEY_P521, 521));
}

static void bodies_say_what_the_operation_takes(void **state)
{
	static const struct kms_tag tags[] = { { "TeleportCluster", "a \"b\"" },
		{ "PrivysealCA", "user" } };
	static const uint8_t digest[32] = { 1, 2, 3 };
	char out[KMS_BODY_MAX];

	(void)state;
	assert_true(kms_create_body(out, sizeof out, "RSA_2048", tags, 2));
	assert_string_equal(out,
	    "{\"Description\":\"Teleport CA key\",\"KeySpec\":\"RSA_2048\",\"KeyUsage\":"
	    "\"SIGN_VERIFY\",\"MultiRegion\":false,\"Tags\":[{\"TagKey\":"
	    "\"TeleportCluster\",\"TagValue\":\"a \\\"b\\\"\"},{\"TagKey\":"
	    "\"PrivysealCA\",\"TagValue\":\"user\"}]}");
	assert_true(kms_key_body(out, sizeof out, ARN));
	assert_string_equal(out, "{\"KeyId\":\"" ARN "\"}");
	assert_true(kms_sign_body(
	    out, sizeof out, ARN, "ECDSA_SHA_256", digest, sizeof digest, false));
	assert_string_equal(out,
	    "{\"KeyId\":\"" ARN "\",\"Message\":\"AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	    "AAAA=\",\"MessageType\":\"DIGEST\",\"SigningAlgorithm\":\"ECDSA_SHA_256\"}");
	assert_true(kms_sign_body(
	    out, sizeof out, ARN, "ECDSA_SHA_256", digest, sizeof digest, true));
	assert_non_null(strstr(out, ",\"DryRun\":true}"));
	assert_true(kms_list_body(out, sizeof out, ""));
	assert_string_equal(out, "{\"Limit\":1000}");
	assert_true(kms_list_body(out, sizeof out, "next"));
	assert_string_equal(out, "{\"Limit\":1000,\"Marker\":\"next\"}");
	assert_true(kms_tags_body(out, sizeof out, "k", ""));
	assert_string_equal(out, "{\"KeyId\":\"k\",\"Limit\":50}");
	assert_true(kms_delete_body(out, sizeof out, "k", 7));
	assert_string_equal(out, "{\"KeyId\":\"k\",\"PendingWindowInDays\":7}");
}

static void a_body_without_room_is_not_made(void **state)
{
	static const uint8_t digest[65];
	char out[64];

	(void)state;
	assert_false(kms_create_body(out, sizeof out, "RSA_2048", NULL, 0));
	assert_false(kms_key_body(out, sizeof out, ARN));
	assert_false(
	    kms_sign_body(out, sizeof out, ARN, "ECDSA_SHA_256", digest, 32, false));
	assert_false(kms_sign_body(out, sizeof out, "k", "a", digest, 65, false));
}

#define METADATA                                                                         \
	"\"AWSAccountId\":\"123456789012\",\"Arn\":\"" ARN                               \
	"\",\"CreationDate\":1.7e9,\"KeySpec\":\"RSA_2048\",\"KeyState\":"               \
	"\"Enabled\",\"KeyUsage\":\"SIGN_VERIFY\",\"MultiRegion\":false,\"Origin\":"     \
	"\"AWS_KMS\""

static bool reads_key(const char *body, struct kms_key *out)
{
	struct failure failure = { "" };
	const bool good = kms_key_read(body, strlen(body), out, &failure);

	assert_true(good || strstr(failure.text, "AWS's answer has no"));
	return good;
}

static void a_keys_metadata_is_read(void **state)
{
	struct kms_key key;

	(void)state;
	assert_true(reads_key("{\"KeyMetadata\":{" METADATA "}}", &key));
	assert_string_equal(key.arn, ARN);
	assert_string_equal(key.account, "123456789012");
	assert_string_equal(key.state, "Enabled");
	assert_string_equal(key.spec, "RSA_2048");
	assert_string_equal(key.usage, "SIGN_VERIFY");
	assert_string_equal(key.origin, "AWS_KMS");
	assert_int_equal(key.created, 1700000000);
	assert_int_equal(key.deleted, 0);
	assert_false(key.multi_region);
	assert_true(
	    reads_key("{\"KeyMetadata\":{" METADATA ",\"DeletionDate\":1.8e9}}", &key));
	assert_int_equal(key.deleted, 1800000000);
}

static void metadata_that_contradict_themselves_are_refused(void **state)
{
	static const char *const bad[] = { "", "[]", "{\"KeyMetadata\":{}}",
		"{" METADATA "}", "{\"KeyMetadata\":{" METADATA,
		"{\"KeyMetadata\":{\"AWSAccountId\":\"210987654321\"," METADATA "}}",
		"{\"KeyMetadata\":{\"Arn\":\"arn:x\"," METADATA "}}",
		"{\"KeyMetadata\":{\"CreationDate\":\"now\"," METADATA "}}",
		"{\"KeyMetadata\":{\"CreationDate\":1e300," METADATA "}}",
		"{\"KeyMetadata\":{\"KeyState\":\"\\u001b[2J\"," METADATA "}}",
		"{\"KeyMetadata\":{" METADATA ",\"DeletionDate\":-1}}" };
	struct kms_key key;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(reads_key(bad[i], &key));
}

static void a_public_key_comes_as_bytes(void **state)
{
	const char *good = "{\"KeyId\":\"" ARN "\",\"KeySpec\":\"ECC_NIST_P256\","
			   "\"KeyUsage\":\"SIGN_VERIFY\",\"PublicKey\":\"AQIDBA==\"}";
	const char *bad[] = { "{\"KeyId\":\"" ARN "\",\"KeySpec\":\"ECC_NIST_P256\","
			      "\"KeyUsage\":\"SIGN_VERIFY\",\"PublicKey\":\"AQIDB\"}",
		"{\"KeyId\":\"" ARN "\",\"KeySpec\":\"ECC_NIST_P256\","
		"\"KeyUsage\":\"SIGN_VERIFY\",\"PublicKey\":\"\"}",
		"{\"KeyId\":\"k\",\"KeySpec\":\"ECC_NIST_P256\","
		"\"KeyUsage\":\"SIGN_VERIFY\",\"PublicKey\":\"AQIDBA==\"}" };
	static const uint8_t bytes[] = { 1, 2, 3, 4 };
	struct kms_public_key key;
	struct failure failure;
	size_t i;

	(void)state;
	assert_true(kms_public_key_read(good, strlen(good), &key, &failure));
	assert_int_equal(key.length, sizeof bytes);
	assert_memory_equal(key.key, bytes, sizeof bytes);
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(kms_public_key_read(bad[i], strlen(bad[i]), &key, &failure));
}

static void a_signature_must_be_of_the_key_and_the_algorithm(void **state)
{
	const char *body = "{\"KeyId\":\"" ARN "\",\"Signature\":\"AQID\","
			   "\"SigningAlgorithm\":\"ECDSA_SHA_256\"}";
	struct failure failure;
	uint8_t out[8];
	size_t length;

	(void)state;
	assert_true(kms_signature_read(body, strlen(body), ARN, "ECDSA_SHA_256", out,
	    sizeof out, &length, &failure));
	assert_int_equal(length, 3);
	assert_false(kms_signature_read(body, strlen(body), ARN "0", "ECDSA_SHA_256", out,
	    sizeof out, &length, &failure));
	assert_false(kms_signature_read(body, strlen(body), ARN, "ECDSA_SHA_384", out,
	    sizeof out, &length, &failure));
	assert_false(kms_signature_read(
	    body, strlen(body), ARN, "ECDSA_SHA_256", out, 2, &length, &failure));
	assert_false(kms_signature_read(body, strlen(body) - 1, ARN, "ECDSA_SHA_256", out,
	    sizeof out, &length, &failure));
}

static void lists_come_in_pages(void **state)
{
	static char arns[KMS_LIST_MAX][KMS_ARN_MAX + 1];
	const char *first = "{\"Keys\":[{\"KeyArn\":\"" ARN "\",\"KeyId\":\"k\"}],"
			    "\"NextMarker\":\"m\",\"Truncated\":true}";
	const char *last = "{\"Keys\":[],\"Truncated\":false}";
	const char *lost = "{\"Keys\":[],\"Truncated\":true}";
	struct kms_list list = { .arn = arns };
	struct failure failure;

	(void)state;
	assert_true(kms_list_read(first, strlen(first), &list, &failure));
	assert_int_equal(list.count, 1);
	assert_string_equal(list.arn[0], ARN);
	assert_string_equal(list.next, "m");
	assert_true(kms_list_read(last, strlen(last), &list, &failure));
	assert_int_equal(list.count, 0);
	assert_string_equal(list.next, "");
	assert_false(kms_list_read(lost, strlen(lost), &list, &failure));
	assert_false(kms_list_read("{}", 2, &list, &failure));
}

static void tags_add_up_over_pages(void **state)
{
	const char *first = "{\"Tags\":[{\"TagKey\":\"a\",\"TagValue\":\"1\"}],"
			    "\"NextMarker\":\"m\",\"Truncated\":true}";
	const char *last = "{\"Tags\":[{\"TagKey\":\"b\",\"TagValue\":\"\"},"
			   "{\"TagKey\":\"\\u00e4\",\"TagValue\":\"x\"}]}";
	static struct kms_tags tags;
	struct failure failure;

	(void)state;
	assert_true(kms_tags_read(first, strlen(first), &tags, &failure));
	assert_string_equal(tags.next, "m");
	assert_true(kms_tags_read(last, strlen(last), &tags, &failure));
	assert_string_equal(tags.next, "");
	assert_int_equal(tags.count, 2);
	assert_string_equal(kms_tag_value(&tags, "a"), "1");
	assert_string_equal(kms_tag_value(&tags, "b"), "");
	assert_null(kms_tag_value(&tags, "c"));
}

static void an_identity_has_an_account(void **state)
{
	const char *good =
	    "{\"GetCallerIdentityResponse\":{\"GetCallerIdentityResult\":{\"Account\":"
	    "\"123456789012\",\"Arn\":\"arn:aws:sts::123456789012:assumed-role/r/i\","
	    "\"UserId\":\"A\"},\"ResponseMetadata\":{\"RequestId\":\"1\"}}}";
	const char *bad =
	    "{\"GetCallerIdentityResponse\":{\"GetCallerIdentityResult\":{\"Account\":"
	    "\"12345678901\",\"Arn\":\"a\"}}}";
	struct sts_identity identity;
	struct failure failure;

	(void)state;
	assert_true(sts_identity_read(good, strlen(good), &identity, &failure));
	assert_string_equal(identity.account, "123456789012");
	assert_false(sts_identity_read(bad, strlen(bad), &identity, &failure));
	assert_false(sts_identity_read("{}", 2, &identity, &failure));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arns_are_read_whole_or_not_at_all),
		cmocka_unit_test(specs_and_algorithms_fit_the_key),
		cmocka_unit_test(bodies_say_what_the_operation_takes),
		cmocka_unit_test(a_body_without_room_is_not_made),
		cmocka_unit_test(a_keys_metadata_is_read),
		cmocka_unit_test(metadata_that_contradict_themselves_are_refused),
		cmocka_unit_test(a_public_key_comes_as_bytes),
		cmocka_unit_test(a_signature_must_be_of_the_key_and_the_algorithm),
		cmocka_unit_test(lists_come_in_pages),
		cmocka_unit_test(tags_add_up_over_pages),
		cmocka_unit_test(an_identity_has_an_account),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
