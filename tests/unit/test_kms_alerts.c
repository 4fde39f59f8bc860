/* Alerts about AWS KMS: each comes from what the keystore knows, and goes with it. */
#include "kms_rig.h"

static struct key *key;
static struct aws_key *there;

/* The user CA's SSH key is AWS's, all others are software keys. */
static int begin(void **state)
{
	rig_begin(state);
	there = rig_key("ECC_NIST_P256", "00112233445566778899aabbccddeeff");
	key = &f->broker->authorities[CA_USER].key[PURPOSE_SSH];
	key_free(key);
	rig_load(there, key);
	return 0;
}

static void look(void)
{
	aws_world.boot_ns += SECOND_NS;
	alerts_look(f->broker, aws_world.boot_ns);
}

/* The alert as it is told, up to its end; NULL: it does not stand. */
static const char *told(const char *id, const char *rest)
{
	static char *text;
	char member[160];
	const char *at;

	cJSON_free(text);
	text = alerts_text(&f->broker->alerts);
	snprintf(member, sizeof member, "{\"id\":\"%s\",%s", id, rest);
	at = strstr(text, member);
	return at;
}

#define HIGH_EVERYONE "\"severity\":\"high\",\"audience\":\"everyone\""
#define MEDIUM_ADMINS "\"severity\":\"medium\",\"audience\":\"admins\""

static void check(void)
{
	struct rig_end ended = { .calls = 0 };

	assert_true(kms_check_key(
	    f->broker->kms.kms, key, CA_USER, PURPOSE_SSH, rig_done, &ended));
	(void)aws_until(NULL);
	assert_true(ended.calls == 1 && ended.good);
	look();
}

static void a_key_that_is_disabled_or_to_be_deleted_is_an_alert(void **state)
{
	(void)state;
	check();
	assert_null(told("ca-key-unusable/user", ""));
	strcpy(there->state, "PendingDeletion");
	check();
	assert_non_null(told("ca-key-unusable/user", HIGH_EVERYONE));
	assert_non_null(strstr(told("ca-key-unusable/user", ""), "PendingDeletion"));
	strcpy(there->state, "Disabled");
	check();
	assert_non_null(strstr(told("ca-key-unusable/user", ""), "Disabled"));
	assert_null(told("ca-key-unusable/host", ""));
	strcpy(there->state, "Enabled");
	check();
	assert_null(told("ca-key-unusable/user", ""));
}

static void another_instances_tag_is_an_alert(void **state)
{
	(void)state;
	check();
	assert_null(told("other-instance", ""));
	aws_tag(there, "PrivysealInstance", "ffffffffffffffffffffffffffffffff");
	check();
	assert_non_null(told("other-instance", MEDIUM_ADMINS));
}

static void software_keys_are_an_alert_while_the_policy_says_kms(void **state)
{
	struct kms *kms = f->broker->kms.kms;

	(void)state;
	look();
	assert_non_null(told("ca-key-types", MEDIUM_ADMINS));
	assert_non_null(strstr(told("ca-key-types", ""), ": user host openssh\""));
	key_free(&f->broker->authorities[CA_USER].key[PURPOSE_TLS]);
	look();
	assert_non_null(strstr(told("ca-key-types", ""), ": host openssh\""));
	assert_false(ca_keys_local(f->broker, CA_USER));
	f->broker->kms.kms = NULL;
	assert_false(ca_keys_local(f->broker, CA_HOST));
	f->broker->kms.kms = kms;
}

static void clocks_that_differ_are_an_alert(void **state)
{
	(void)state;
	aws_world.skew = 61;
	look();
	assert_null(told("clock-differs-from-aws", ""));
	aws_world.skew_known = true;
	look();
	assert_non_null(told("clock-differs-from-aws", HIGH_EVERYONE));
	assert_non_null(strstr(told("clock-differs-from-aws", ""), "61 s"));
	aws_world.skew = -60;
	look();
	assert_null(told("clock-differs-from-aws", ""));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, rig_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_key_that_is_disabled_or_to_be_deleted_is_an_alert),
		TEST(another_instances_tag_is_an_alert),
		TEST(software_keys_are_an_alert_while_the_policy_says_kms),
		TEST(clocks_that_differ_are_an_alert),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
