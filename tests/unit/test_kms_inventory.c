/* Which keys root is told of, and which of them are deleted: each rule by itself keeps a
 * key, or all of them. */
#include "kms_rig.h"

#include "broker/kms_inventory.h"

#define NONCE_ONE   "11111111111111111111111111111111"
#define NONCE_TWO   "22222222222222222222222222222222"
#define NONCE_THREE "33333333333333333333333333333333"

static struct aws_key *used, *one, *two;
static cJSON *report;
static unsigned reports;

/* A CA's key, and two that nobody has any more. */
static int begin(void **state)
{
	struct state *known;
	struct key *key;

	rig_begin(state);
	known = &f->broker->state;
	used = rig_key("ECC_NIST_P256", NONCE_THREE);
	one = rig_key("ECC_NIST_P256", NONCE_ONE);
	two = rig_key("RSA_2048", NONCE_TWO);
	used->created = one->created = two->created = aws_world.wall - 3600;
	key = &f->broker->authorities[CA_USER].key[PURPOSE_SSH];
	key_free(key);
	rig_load(used, key);
	memcpy(known->keys[CA_USER][PURPOSE_SSH][KEY_SET_ACTIVE].key[0].identifier,
	    key->identifier, sizeof key->identifier);
	state_nonce_add(known, NONCE_ONE);
	state_nonce_add(known, NONCE_TWO);
	state_nonce_add(known, NONCE_THREE);
	reports = 0;
	return 0;
}

static int end(void **state)
{
	cJSON_Delete(report);
	report = NULL;
	return rig_end(state);
}

static void on_report(struct broker *broker, const cJSON *what)
{
	assert_null(broker->inventory);
	cJSON_Delete(report);
	report = cJSON_Duplicate(what, true);
	reports++;
}

static void start(const char *chosen)
{
	const struct inventory_request request = { chosen, 0, 77 };

	if (!kms_inventory_start(f->broker, &request, on_report, &failure))
		fail_msg("%s", failure.text);
}

static void look(const char *chosen)
{
	reports = 0;
	start(chosen);
	(void)aws_until(NULL);
	assert_int_equal(reports, 1);
}

static const char *text(const cJSON *object, const char *name)
{
	const char *value =
	    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

	return value ? value : "";
}

static const cJSON *told(const struct aws_key *key)
{
	const cJSON *item;

	cJSON_ArrayForEach(
	    item, cJSON_GetObjectItemCaseSensitive(report,
		      "keys")) if (strcmp(text(item, "key"), key->arn) == 0) return item;
	return NULL;
}

#define assert_use(key, use) assert_string_equal(text(told(key), "use"), use)

static const char *both(void)
{
	static char lines[2 * KMS_ARN_MAX + 3];

	snprintf(lines, sizeof lines, "%s\n%s\n", one->arn, two->arn);
	return lines;
}

static unsigned deletions(void)
{
	return aws_asked("ScheduleKeyDeletion");
}

/* ---- looking ---- */

static void each_key_of_the_cluster_is_told(void **state)
{
	struct aws_key *cluster = rig_key("ECC_NIST_P256", NONCE_ONE);

	(void)state;
	aws_tag(cluster, "TeleportCluster", "example.org");
	rig_key("ECC_NIST_P256", NONCE_ONE)->hidden = true;
	look("");
	assert_string_equal(text(report, "failure"), "");
	assert_string_equal(text(report, "cluster"), "example.com");
	assert_int_equal(
	    cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(report, "keys")), 3);
	assert_use(used, "in use");
	assert_use(one, "unused");
	assert_string_equal(text(told(one), "ca"), "user");
	assert_string_equal(text(told(one), "purpose"), "ssh");
	assert_string_equal(text(told(two), "spec"), "RSA_2048");
	assert_string_equal(text(told(two), "state"), "Enabled");
	assert_int_equal(
	    cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(told(two), "created")),
	    two->created);
	assert_int_equal(deletions(), 0);
}

static void looking_deletes_nothing(void **state)
{
	(void)state;
	look("");
	look("\n");
	look("arn:aws:kms:eu-central-1:111122223333:key/\n");
	assert_int_equal(deletions(), 0);
	assert_int_equal(count_in_record("key-delete"), 0);
}

static void a_ca_without_its_key_is_told(void **state)
{
	const cJSON *missing;

	(void)state;
	used->gone = true;
	look("");
	missing = cJSON_GetObjectItemCaseSensitive(report, "missing");
	assert_int_equal(cJSON_GetArraySize(missing), 1);
	assert_string_equal(cJSON_GetStringValue(missing->child), used->arn);
}

static void more_keys_than_fit_are_counted(void **state)
{
	char *whole;
	unsigned i;

	(void)state;
	for (i = 3; i < AWS_KEYS_MAX; i++) {
		aws_world.key[i] = *one;
		aws_world.key[i].pair = NULL;
		snprintf(aws_world.key[i].arn, sizeof one->arn, "%.*s%012u",
		    (int)strlen(one->arn) - 12, one->arn, i + 1);
		aws_world.keys++;
	}
	look("");
	assert_int_equal(
	    cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(report, "more")),
	    AWS_KEYS_MAX - INVENTORY_MAX);
	assert_int_equal(
	    cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(report, "keys")),
	    INVENTORY_MAX);
	whole = cJSON_PrintUnformatted(report);
	assert_true(strlen(whole) < OP_REPORT_MAX);
	cJSON_free(whole);
}

static void one_looks_at_a_time(void **state)
{
	const struct inventory_request request = { "", 0, 0 };
	struct kms *kms = f->broker->kms.kms;

	(void)state;
	start("");
	assert_false(kms_inventory_start(f->broker, &request, on_report, &failure));
	(void)aws_until(NULL);
	assert_int_equal(reports, 1);
	f->broker->kms.kms = NULL;
	assert_false(kms_inventory_start(f->broker, &request, on_report, &failure));
	assert_non_null(strstr(failure.text, "not aws_kms"));
	f->broker->kms.kms = kms;
	aws_world.full = true;
	assert_false(kms_inventory_start(f->broker, &request, on_report, &failure));
	assert_null(f->broker->inventory);
}

/* ---- what is deleted ---- */

static void unused_keys_that_were_chosen_are_deleted(void **state)
{
	char lines[KMS_ARN_MAX + 2], wanted[512];

	(void)state;
	snprintf(lines, sizeof lines, "%s\n", one->arn);
	look(lines);
	assert_int_equal(deletions(), 1);
	assert_string_equal(one->state, "PendingDeletion");
	assert_string_equal(two->state, "Enabled");
	assert_string_equal(used->state, "Enabled");
	assert_use(one, "pending deletion");
	assert_string_equal(text(told(one), "outcome"), "scheduled");
	assert_string_equal(text(told(two), "outcome"), "");
	snprintf(wanted, sizeof wanted,
	    "\"key\":\"%s\",\"uid\":0,\"pid\":77,\"nonce\":\"" NONCE_ONE "\",\"days\":7",
	    one->arn);
	assert_int_equal(count_in_record(wanted), 1);
	assert_int_equal(count_in_record("\"outcome\":\"scheduled\""), 1);
	look(both());
	assert_int_equal(deletions(), 2);
	assert_string_equal(two->state, "PendingDeletion");
}

static void the_record_is_on_disk_before_the_call(void **state)
{
	(void)state;
	start(both());
	assert_true(aws_until("ScheduleKeyDeletion"));
	assert_int_equal(count_in_record("\"event\":\"key-delete\""), 1);
	assert_true(aws_world.last_request.once);
	aws_go(AWS_RIGHT);
	assert_true(aws_until("ScheduleKeyDeletion"));
	assert_int_equal(count_in_record("\"event\":\"key-delete\""), 2);
	assert_int_equal(count_in_record("\"outcome\":\"scheduled\""), 1);
	(void)aws_until(NULL);
	assert_int_equal(reports, 1);
}

static void nothing_is_deleted_that_the_record_does_not_have(void **state)
{
	(void)state;
	close(f->broker->log.fd);
	f->broker->log.fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	look(both());
	assert_int_equal(deletions(), 0);
	assert_non_null(strstr(text(report, "failure"), "record"));
}

static void the_first_failure_is_the_last(void **state)
{
	static const enum aws_outcome outcomes[] = { AWS_THROTTLED, AWS_LOST };
	static const char *const words[] = { "failed", "unknown" };
	unsigned i;

	(void)state;
	for (i = 0; i < 2; i++) {
		reports = 0;
		start(both());
		assert_true(aws_until("ScheduleKeyDeletion"));
		aws_go(outcomes[i]);
		assert_int_equal(reports, 1);
		assert_int_equal(aws_world.count, 0);
		assert_string_not_equal(text(report, "failure"), "");
		assert_string_equal(text(told(one), "outcome"), words[i]);
		assert_string_equal(text(told(two), "outcome"), "");
		assert_string_equal(two->state, "Enabled");
	}
	assert_int_equal(count_in_record("\"outcome\":\"failed\""), 1);
	assert_int_equal(count_in_record("\"outcome\":\"unknown\""), 1);
}

/* ---- what keeps one key ---- */

/* The first of the two is kept, and only that. */
static void assert_kept(const char *use)
{
	look(both());
	assert_string_not_equal(one->state, "PendingDeletion");
	assert_string_equal(two->state, "PendingDeletion");
	assert_use(one, use);
	assert_string_equal(text(report, "failure"), "");
}

static void a_key_that_is_in_use_is_kept(void **state)
{
	struct state_keys *keys =
	    &f->broker->state.keys[CA_HOST][PURPOSE_SSH][KEY_SET_TRUSTED];

	(void)state;
	keys->count = 1;
	snprintf(keys->key[0].identifier, sizeof keys->key[0].identifier, "awskms:%s",
	    one->arn);
	assert_kept("in use");
}

static void a_key_that_was_not_chosen_is_kept(void **state)
{
	char lines[2 * KMS_ARN_MAX + 8];

	(void)state;
	/* Neither a part of a line, nor a line without its end. */
	snprintf(lines, sizeof lines, "x%s\n%s\n", one->arn, two->arn);
	look(lines);
	assert_string_equal(one->state, "Enabled");
	assert_string_equal(two->state, "PendingDeletion");
	snprintf(lines, sizeof lines, "%s", one->arn);
	look(lines);
	snprintf(lines, sizeof lines, "%s0\n", one->arn);
	look(lines);
	assert_string_equal(one->state, "Enabled");
}

static void a_key_whose_making_is_not_known_is_kept(void **state)
{
	(void)state;
	aws_tag(one, "PrivysealIntent", "44444444444444444444444444444444");
	assert_kept("not of this state's making");
	strcpy(two->state, "Enabled");
	aws_tag(one, "PrivysealIntent", NONCE_ONE "1");
	assert_kept("not of this state's making");
	strcpy(two->state, "Enabled");
	aws_untag(one, "PrivysealIntent");
	assert_kept("not of this state's making");
}

static void a_key_with_other_tags_is_kept(void **state)
{
	(void)state;
	aws_tag(one, "Owner", "another team");
	assert_kept("not of this state's making");
	strcpy(two->state, "Enabled");
	aws_untag(one, "Owner");
	assert_kept("not of this state's making");
	strcpy(two->state, "Enabled");
	aws_tag(one, "Owner", "the team");
	aws_untag(one, "PrivysealInstance"); /* as Teleport's own keys are */
	assert_kept("not of this state's making");
}

static void a_key_that_is_not_as_ours_are_is_kept(void **state)
{
	(void)state;
	strcpy(one->origin, "EXTERNAL");
	assert_kept("not of this state's making");
	strcpy(one->origin, "AWS_KMS");
	strcpy(two->state, "Enabled");
	one->multi_region = true;
	assert_kept("not of this state's making");
}

static void a_key_that_is_being_made_is_kept(void **state)
{
	(void)state;
	strcpy(f->broker->state.intent.nonce, NONCE_ONE);
	assert_kept("being made");
}

static void a_key_that_is_not_enabled_is_kept(void **state)
{
	(void)state;
	strcpy(one->state, "Disabled");
	assert_kept("disabled");
	assert_string_equal(one->state, "Disabled");
}

static void a_key_younger_than_five_minutes_is_kept(void **state)
{
	(void)state;
	one->created = aws_world.wall - 299;
	assert_kept("new");
	strcpy(two->state, "Enabled");
	one->created = aws_world.wall + 3600; /* whatever that is */
	assert_kept("new");
	strcpy(two->state, "Enabled");
	one->created = aws_world.wall - 300;
	look(both());
	assert_string_equal(one->state, "PendingDeletion");
}

/* ---- what keeps all keys ---- */

static void assert_all_kept(const char *why)
{
	look(both());
	assert_int_equal(deletions(), 0);
	assert_int_equal(count_in_record("key-delete"), 0);
	if (!strstr(text(report, "failure"), why))
		fail_msg("'%s' does not say '%s'", text(report, "failure"), why);
}

static void nothing_is_deleted_when_one_key_of_a_ca_is_missing(void **state)
{
	(void)state;
	used->gone = true;
	assert_all_kept("was not among");
	used->gone = false;
	used->hidden = true; /* its tags may not be read any more */
	assert_all_kept("kms:ListResourceTags");
	used->hidden = false;
	aws_tag(used, "TeleportCluster", "example.org");
	assert_all_kept("was not among");
}

static void what_may_not_be_read_hides_nothing_else(void **state)
{
	const cJSON *missing;

	(void)state;
	aws_world.denied = "DescribeKey";
	assert_all_kept("kms:DescribeKey is not permitted (ReadStates");
	assert_use(used, "in use");
	assert_use(one, "unknown");
	assert_string_equal(text(told(one), "ca"), "user");
	aws_world.denied = "ListResourceTags";
	assert_all_kept("kms:ListResourceTags is not permitted (ReadTags");
	missing = cJSON_GetObjectItemCaseSensitive(report, "missing");
	assert_int_equal(cJSON_GetArraySize(missing), 0);
	assert_use(used, "in use");
	assert_string_equal(text(told(used), "state"), "Enabled");
	assert_null(told(one));
}

static void nothing_is_deleted_beside_another_instance(void **state)
{
	(void)state;
	aws_tag(rig_key("ECC_NIST_P256", "x"), "PrivysealInstance", RIG_INSTANCE "0");
	assert_all_kept("another privyseal");
	assert_int_equal(strlen(kms_other_instance(f->broker->kms.kms)), 32);
	aws_world.key[3].gone = true;
	look(both());
	assert_int_equal(deletions(), 2);
	assert_string_equal(kms_other_instance(f->broker->kms.kms), "");
}

static void nothing_is_deleted_while_keys_are_made(void **state)
{
	(void)state;
	f->broker->making.running = true;
	assert_all_kept("being made");
	f->broker->making.running = false;
}

static void nothing_is_deleted_while_clocks_differ(void **state)
{
	(void)state;
	aws_world.skew_known = true;
	aws_world.skew = -61;
	assert_all_kept("clock");
}

static void nothing_is_deleted_when_not_all_was_seen(void **state)
{
	static const char *const steps[] = { "ListKeys", "ListResourceTags",
		"DescribeKey" };
	unsigned i;

	(void)state;
	for (i = 0; i < 3; i++) {
		start(both());
		assert_true(aws_until(steps[i]));
		aws_go(AWS_THROTTLED);
		assert_int_equal(reports, i + 1);
		assert_string_not_equal(text(report, "failure"), "");
		assert_int_equal(aws_world.count, 0);
	}
	assert_int_equal(deletions(), 0);
}

static void what_takes_too_long_ends(void **state)
{
	(void)state;
	start(both());
	assert_true(aws_until("ScheduleKeyDeletion"));
	aws_world.boot_ns += INVENTORY_SECONDS * SECOND_NS;
	aws_go(AWS_RIGHT);
	assert_int_equal(reports, 1);
	assert_int_equal(deletions(), 1);
	assert_non_null(strstr(text(report, "failure"), "too long"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_key_of_the_cluster_is_told),
		TEST(looking_deletes_nothing),
		TEST(a_ca_without_its_key_is_told),
		TEST(more_keys_than_fit_are_counted),
		TEST(one_looks_at_a_time),
		TEST(unused_keys_that_were_chosen_are_deleted),
		TEST(the_record_is_on_disk_before_the_call),
		TEST(nothing_is_deleted_that_the_record_does_not_have),
		TEST(the_first_failure_is_the_last),
		TEST(a_key_that_is_in_use_is_kept),
		TEST(a_key_that_was_not_chosen_is_kept),
		TEST(a_key_whose_making_is_not_known_is_kept),
		TEST(a_key_with_other_tags_is_kept),
		TEST(a_key_that_is_not_as_ours_are_is_kept),
		TEST(a_key_that_is_being_made_is_kept),
		TEST(a_key_that_is_not_enabled_is_kept),
		TEST(a_key_younger_than_five_minutes_is_kept),
		TEST(nothing_is_deleted_when_one_key_of_a_ca_is_missing),
		TEST(what_may_not_be_read_hides_nothing_else),
		TEST(nothing_is_deleted_beside_another_instance),
		TEST(nothing_is_deleted_while_keys_are_made),
		TEST(nothing_is_deleted_while_clocks_differ),
		TEST(nothing_is_deleted_when_not_all_was_seen),
		TEST(what_takes_too_long_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
