/* `privyseal iam-policy`: its words, and the policy that comes of them. */
#include "supervisor_said.h"

#include "cli/iam_policy.h"

#define READ(out, message, ...)                                                          \
	read_words(out, message, (const char *const[]){ __VA_ARGS__, NULL })

static bool read_words(
    struct iam_policy *out, char message[MESSAGE_MAX], const char *const *words)
{
	unsigned count = 0;

	while (words[count])
		count++;
	return iam_policy_read(words, count, out, message);
}

static void words_become_tags(void **state)
{
	struct iam_policy policy;
	char message[MESSAGE_MAX];

	(void)state;
	assert_true(READ(&policy, message, "--tag", "env=a=b", "--cluster", "example.com",
	    "--tag=owner=", "--tag", "team=Zug\xc3\xbc"));
	assert_int_equal(policy.count, 4);
	assert_string_equal(policy.tags[0].name, "TeleportCluster");
	assert_string_equal(policy.tags[0].value, "example.com");
	assert_string_equal(policy.tags[1].name, "env");
	assert_string_equal(policy.tags[1].value, "a=b");
	assert_string_equal(policy.tags[2].name, "owner");
	assert_string_equal(policy.tags[2].value, "");
	assert_string_equal(policy.tags[3].value, "Zug\xc3\xbc");
	assert_true(READ(&policy, message, "--cluster=c", "--tag=TeleportCluster=other"));
	assert_int_equal(policy.count, 1);
	assert_string_equal(policy.tags[0].value, "other");
}

static void wrong_words_are_named(void **state)
{
	struct iam_policy policy;
	char message[MESSAGE_MAX];
	char name[131], value[258];

	(void)state;
#define REFUSES(word, ...)                                                               \
	assert_false(READ(&policy, message, __VA_ARGS__));                               \
	assert_memory_equal(message, word ": ", strlen(word ": "))
	assert_false(iam_policy_read(NULL, 0, &policy, message));
	REFUSES("iam-policy", "--tag=a=b");
	REFUSES("--cluster", "--cluster");
	REFUSES("--cluster", "--cluster=");
	REFUSES("--cluster", "--cluster=a", "--cluster=b");
	REFUSES("--tag", "--cluster=a", "--tag");
	REFUSES("b", "--cluster=a", "--tag=b");
	REFUSES("=b", "--cluster=a", "--tag", "=b");
	REFUSES("Env=c", "--cluster=a", "--tag=env=b", "--tag=Env=c");
	REFUSES("aws:x=c", "--cluster=a", "--tag=aws:x=c");
	REFUSES("PrivysealCA=c", "--cluster=a", "--tag=PrivysealCA=c");
	REFUSES("TeleportCluster=", "--cluster=a", "--tag=TeleportCluster=");
	REFUSES("teleportcluster=b", "--cluster=a", "--tag=teleportcluster=b");
	REFUSES("x", "--cluster=a", "x");
	REFUSES("--cluste", "--cluster=a", "--cluste");
	/* What would be a variable, a pattern or no tag at all at AWS. */
	REFUSES("${aws:username}", "--cluster", "${aws:username}");
	REFUSES("*.com", "--cluster", "*.com");
	REFUSES("a\"b", "--cluster", "a\"b");
	REFUSES("a\nb", "--cluster", "a\nb");
	REFUSES("a\xff", "--cluster", "a\xff");
	REFUSES("k=a\\", "--cluster=a", "--tag=k=a\\");

	memset(name, 'n', sizeof name);
	name[128] = '=';
	name[129] = '\0';
	assert_true(READ(&policy, message, "--cluster=a", "--tag", name));
	name[128] = 'n';
	name[129] = '=';
	name[130] = '\0';
	assert_false(READ(&policy, message, "--cluster=a", "--tag", name));
	memset(value, 'v', sizeof value);
	value[256] = '\0';
	assert_true(READ(&policy, message, "--cluster", value));
	value[256] = 'v';
	value[257] = '\0';
	assert_false(READ(&policy, message, "--cluster", value));
}

static void fifty_tags_are_the_most(void **state)
{
	const char *words[IAM_TAGS_MAX + 1] = { "--cluster=a" };
	char tags[IAM_TAGS_MAX][16], message[MESSAGE_MAX];
	struct iam_policy policy;
	unsigned i;

	(void)state;
	for (i = 0; i < IAM_TAGS_MAX; i++) {
		snprintf(tags[i], sizeof tags[i], "--tag=t%u=v", i);
		words[i + 1] = tags[i];
	}
	assert_true(iam_policy_read(words, IAM_TAGS_MAX, &policy, message));
	assert_int_equal(policy.count, IAM_TAGS_MAX);
	assert_false(iam_policy_read(words, IAM_TAGS_MAX + 1, &policy, message));
	assert_says(message, "at most 50 tags");
}

static const cJSON *equals_of(const cJSON *statement)
{
	return cJSON_GetObjectItemCaseSensitive(
	    cJSON_GetObjectItemCaseSensitive(statement, "Condition"), "StringEquals");
}

static const char *string(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static void statements_are_limited_to_the_tags_and_to_digests(void **state)
{
	struct iam_policy policy;
	char message[MESSAGE_MAX];
	const cJSON *statement, *list, *equals;
	cJSON *made;

	(void)state;
	assert_true(READ(&policy, message, "--cluster=c", "--tag=env=prod"));
	made = iam_policy_make(&policy);
	assert_non_null(made);
	assert_string_equal(string(made, "Version"), "2012-10-17");
	list = cJSON_GetObjectItemCaseSensitive(made, "Statement");
	assert_int_equal(cJSON_GetArraySize(list), 7);
	cJSON_ArrayForEach(statement, list)
	{
		assert_string_equal(string(statement, "Effect"), "Allow");
		assert_string_equal(string(statement, "Resource"), "*");
		equals = equals_of(statement);
		if (strcmp(string(statement, "Sid"), "FindKeys") == 0) {
			assert_null(equals);
			continue;
		}
		assert_string_equal(
		    string(equals, "aws:ResourceTag/TeleportCluster"), "c");
		assert_string_equal(string(equals, "aws:ResourceTag/env"), "prod");
		if (strcmp(string(statement, "Sid"), "CreateKeys") == 0)
			assert_string_equal(string(equals, "aws:RequestTag/env"), "prod");
		if (strcmp(string(statement, "Sid"), "SignDigests") == 0)
			assert_string_equal(string(equals, "kms:MessageType"), "DIGEST");
	}
	cJSON_Delete(made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_become_tags),
		cmocka_unit_test(wrong_words_are_named),
		cmocka_unit_test(fifty_tags_are_the_most),
		cmocka_unit_test(statements_are_limited_to_the_tags_and_to_digests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
