/* Making keys in AWS KMS: under a nonce that the state knows first, once, and found again
 * after whatever cut it off. */
#include "kms_rig.h"

#include "ca_making_rig.h"

#include "broker/kms_survey.h"

/* What AWS has stays; nobody waits for it any more. */
static void restart(void)
{
	unsigned i;

	for (i = 0; i < aws_world.count; i++)
		if (aws_world.waiting[i].context != f->broker->kms.kms->creation)
			free(aws_world.waiting[i].context);
	aws_world.count = 0;
	restart_with(rig_keystore);
}

static int begin(void **state)
{
	rig_begin(state);
	forget_cas();
	restart();
	return 0;
}

static void start(void)
{
	ca_making_start(f->broker, SUITE_HSM_V1, on_made);
}

/* Time passes, as far as something waits for it. */
static bool wait(void)
{
	uint64_t wake = UINT64_MAX;

	kms_tend(f->broker->kms.kms, aws_world.boot_ns, &wake);
	if (wake == UINT64_MAX)
		return false;
	assert_true(wake - aws_world.boot_ns <= 10 * SECOND_NS);
	aws_world.boot_ns = wake;
	aws_world.wall += 3;
	kms_tend(f->broker->kms.kms, aws_world.boot_ns, &wake);
	return true;
}

static void run(void)
{
	unsigned i;

	for (i = 0; i < 100 && ended == 0; i++) {
		(void)aws_until(NULL);
		(void)wait();
	}
	assert_int_equal(ended, 1);
}

/* After a crash it comes when nothing was found for a while. */
static bool until_create(void)
{
	unsigned i;

	for (i = 0; i < 10; i++)
		if (aws_until("CreateKey"))
			return true;
		else if (!wait())
			return false;
	return false;
}

static unsigned creations(void)
{
	return aws_asked("CreateKey");
}

static const struct state_key *stored(enum ca ca, enum purpose purpose)
{
	return &f->broker->state.keys[ca][purpose][KEY_SET_ACTIVE].key[0];
}

/* What the disk says, not the memory. */
static const struct state *on_disk(void)
{
	static struct state state;

	if (state_read(&state, &f->broker->state_directory, &failure) != FILE_READ)
		fail_msg("%s", failure.text);
	return &state;
}

#define ROWS 5

/* ---- what is made ---- */

static void makes_all_keys_and_what_they_show(void **state)
{
	(void)state;
	start();
	run();
	if (!made)
		fail_msg("%s", failure.text);
	assert_int_equal(creations(), ROWS);
	assert_int_equal(aws_world.keys, ROWS);
	assert_true(ca_making_complete(f->broker));
	assert_int_equal(aws_asked("Sign"), 4);
	assert_memory_equal(stored(CA_USER, PURPOSE_SSH)->identifier, "awskms:arn:", 11);
	assert_string_equal(on_disk()->intent.nonce, "");
	restart();
	assert_true(ca_making_complete(f->broker));
}

static void tags_bind_each_key_to_ca_purpose_instance_and_nonce(void **state)
{
	const struct aws_key *key = &aws_world.key[0];
	char nonce[NONCE_TEXT + 1], line[256];

	(void)state;
	start();
	assert_true(aws_until("CreateKey"));
	strcpy(nonce, f->broker->state.intent.nonce);
	assert_non_null(strstr(aws_world.last, "\"Description\":\"Teleport CA key\""));
	assert_non_null(strstr(aws_world.last, "\"KeySpec\":\"ECC_NIST_P256\""));
	assert_non_null(strstr(aws_world.last, "\"KeyUsage\":\"SIGN_VERIFY\""));
	assert_non_null(strstr(aws_world.last, "\"MultiRegion\":false"));
	assert_null(strstr(aws_world.last, "Policy"));
	assert_true(aws_world.last_request.once);
	aws_go(AWS_RIGHT);
	assert_int_equal(key->tags, 6);
	assert_string_equal(aws_tag_of(key, "TeleportCluster"), "example.com");
	assert_string_equal(aws_tag_of(key, "PrivysealCA"), "user");
	assert_string_equal(aws_tag_of(key, "PrivysealPurpose"), "ssh");
	assert_string_equal(aws_tag_of(key, "PrivysealInstance"), RIG_INSTANCE);
	assert_string_equal(aws_tag_of(key, "PrivysealIntent"), nonce);
	assert_string_equal(aws_tag_of(key, "Owner"), "the team");
	snprintf(line, sizeof line, "\"nonce\":\"%s\"", nonce);
	assert_int_equal(count_in_record(line), 1);
	run();
	assert_true(made);
	assert_string_equal(aws_tag_of(&aws_world.key[1], "PrivysealPurpose"), "tls");
	assert_string_not_equal(aws_tag_of(&aws_world.key[1], "PrivysealIntent"), nonce);
}

static int begin_own_tag(void **state)
{
	rig_new(KMS_POLICY "tag TeleportCluster prod\n");
	forget_cas();
	restart();
	(void)state;
	return 0;
}

static void the_policys_own_cluster_tag_is_the_one(void **state)
{
	(void)state;
	start();
	run();
	assert_true(made);
	assert_int_equal(aws_world.key[0].tags, 6);
	assert_string_equal(aws_tag_of(&aws_world.key[0], "TeleportCluster"), "prod");
}

/* The intent and its record are on disk when CreateKey is asked for. */
static void the_intent_is_durable_before_the_call(void **state)
{
	char line[256];
	unsigned i;

	(void)state;
	start();
	for (i = 0; i < ROWS; i++) {
		assert_true(aws_until("CreateKey"));
		snprintf(
		    line, sizeof line, "\"nonce\":\"%.32s\"", on_disk()->intent.nonce);
		assert_non_null(strstr(aws_world.last, on_disk()->intent.nonce));
		assert_int_equal(on_disk()->intent.since, aws_world.wall);
		assert_int_equal(on_disk()->creations, i + 1);
		assert_int_equal(count_in_record(line), 1);
		aws_go(AWS_RIGHT);
	}
	run();
	assert_true(made);
}

static void nothing_is_asked_for_that_the_state_does_not_know(void **state)
{
	struct directory *directory = &f->broker->state_directory;
	const int fd = directory->fd;

	(void)state;
	directory->fd = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	start();
	(void)aws_until(NULL);
	assert_true(ended == 1 && !made);
	assert_int_equal(creations(), 0);
	close(directory->fd);
	directory->fd = fd;
}

static void nothing_is_asked_for_that_the_record_does_not_have(void **state)
{
	(void)state;
	close(f->broker->log.fd);
	f->broker->log.fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	start();
	(void)aws_until(NULL);
	assert_true(ended == 1 && !made);
	assert_int_equal(creations(), 0);
}

static void forty_keys_an_hour_and_no_more(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < 40; i++) {
		start();
		assert_true(until_create());
		aws_refuse("LimitExceededException");
		assert_true(ended == 1 && !made);
		restart(); /* a service that is started again and again */
	}
	start();
	(void)aws_until(NULL);
	assert_true(ended == 1 && !made);
	assert_non_null(strstr(failure.text, "40 keys"));
	assert_int_equal(creations(), 40);
	ended = 0;
	aws_world.wall += 3600;
	start();
	run();
	assert_true(made);
}

static void what_kms_refuses_is_told(void **state)
{
	(void)state;
	start();
	assert_true(aws_until("CreateKey"));
	aws_refuse("AccessDeniedException");
	assert_true(ended == 1 && !made);
	assert_non_null(strstr(failure.text, "AccessDeniedException"));
	assert_non_null(strstr(failure.text, "user CA"));
}

static void an_odd_new_key_is_not_taken(void **state)
{
	static const char *const odd[] = { "", "{}",
		"{\"KeyMetadata\":{\"Arn\":\"arn:aws:kms:eu-west-1:" AWS_ACCOUNT
		":key/1\",\"AWSAccountId\":\"" AWS_ACCOUNT "\",\"KeyState\":\"Enabled\","
		"\"KeySpec\":\"ECC_NIST_P256\",\"KeyUsage\":\"SIGN_VERIFY\","
		"\"Origin\":\"AWS_KMS\",\"CreationDate\":1}}",
		"{\"KeyMetadata\":{\"Arn\":\"arn:aws:kms:" AWS_REGION ":" AWS_ACCOUNT
		":key/1\",\"AWSAccountId\":\"" AWS_ACCOUNT "\",\"KeyState\":\"Enabled\","
		"\"KeySpec\":\"ECC_NIST_P256\",\"KeyUsage\":\"SIGN_VERIFY\","
		"\"Origin\":\"EXTERNAL\",\"CreationDate\":1}}" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		start();
		assert_true(until_create());
		aws_say(odd[i]);
		assert_true(ended == 1 && !made);
		assert_int_equal(stored(CA_USER, PURPOSE_SSH)->blob_length, 0);
		restart();
	}
}

static void another_kind_of_public_key_is_not_taken(void **state)
{
	(void)state;
	start();
	assert_true(aws_until("GetPublicKey"));
	EVP_PKEY_free(aws_world.key[0].pair);
	aws_world.key[0].pair = EVP_RSA_gen(2048);
	aws_go(AWS_RIGHT);
	assert_true(ended == 1 && !made);
	assert_non_null(strstr(failure.text, "another kind"));
}

/* ---- lost answers ---- */

static void a_lost_answer_is_looked_for_and_the_key_adopted(void **state)
{
	(void)state;
	start();
	assert_true(aws_until("CreateKey"));
	aws_go(AWS_LOST);
	assert_true(aws_until("DescribeKey"));
	run();
	assert_true(made);
	assert_int_equal(creations(), ROWS);
	assert_int_equal(aws_world.keys, ROWS);
	assert_non_null(
	    strstr(stored(CA_USER, PURPOSE_SSH)->identifier, aws_world.key[0].arn));
}

/* A new key is not on every list at once. */
static void a_lost_answer_is_looked_for_again(void **state)
{
	(void)state;
	start();
	assert_true(aws_until("CreateKey"));
	aws_go(AWS_LOST);
	aws_world.key[0].gone = true;
	assert_false(aws_until("DescribeKey"));
	assert_int_equal(ended, 0);
	assert_true(wait());
	assert_false(aws_until("DescribeKey"));
	assert_true(wait());
	aws_world.key[0].gone = false;
	run();
	assert_true(made);
	assert_int_equal(creations(), ROWS);
}

static void a_key_that_is_not_found_is_not_made_twice(void **state)
{
	unsigned i;

	(void)state;
	start();
	assert_true(aws_until("CreateKey"));
	aws_go(AWS_LOST);
	aws_world.key[0].gone = true;
	for (i = 0; i < 100 && ended == 0; i++) {
		assert_false(aws_until("DescribeKey"));
		(void)wait();
	}
	assert_true(ended == 1 && !made);
	assert_non_null(strstr(failure.text, "not known"));
	assert_int_equal(creations(), 1);
	/* The next start finds it, or makes it when there is none. */
	restart();
	aws_world.key[0].gone = false;
	start();
	run();
	assert_true(made);
	assert_int_equal(creations(), ROWS);
}

static void a_key_that_was_not_made_is_made_by_the_next_start(void **state)
{
	char nonce[NONCE_TEXT + 1];

	(void)state;
	start();
	assert_true(aws_until("CreateKey"));
	strcpy(nonce, on_disk()->intent.nonce);
	aws_go(AWS_UNDONE);
	run();
	assert_false(made);
	restart();
	start();
	run();
	assert_true(made);
	assert_int_equal(aws_world.keys, ROWS);
	assert_string_equal(aws_tag_of(&aws_world.key[0], "PrivysealIntent"), nonce);
}

/* ---- crashes ---- */

/* The process ends at the n-th call, which AWS has or has not carried out. */
static void a_crash_at_each_step_adopts(void **state)
{
	unsigned n, done, i, steps = 1;

	for (done = 0; done < 2; done++)
		for (n = 0; n < steps; n++) {
			begin(state);
			start();
			for (i = 0; i < n; i++)
				aws_go(AWS_RIGHT);
			if (done)
				aws_go(AWS_DONE);
			restart();
			start();
			run();
			if (!made)
				fail_msg("%u: %s", n, failure.text);
			assert_int_equal(aws_world.keys, ROWS);
			assert_true(ca_making_complete(f->broker));
			if (n == 0 && !done) {
				aws_world.logged = 0;
				rig_end(state);
				begin(state);
				start();
				run();
				steps = aws_world.logged;
			}
			rig_end(state);
		}
	begin(state);
	/* The survey, a key and its public part for each row, four documents. */
	assert_int_equal(steps, 1 + 2 * ROWS + 4);
}

/* ---- which key is adopted ---- */

static struct aws_key *crash_after_create(void)
{
	start();
	assert_true(aws_until("CreateKey"));
	aws_go(AWS_DONE);
	restart();
	return &aws_world.key[0];
}

static bool is_adopted(const struct aws_key *key)
{
	return strstr(stored(CA_USER, PURPOSE_SSH)->identifier, key->arn) != NULL;
}

static void only_exactly_our_tags_are_adopted(void **state)
{
	static const char *const names[] = { "TeleportCluster", "PrivysealCA",
		"PrivysealPurpose", "PrivysealIntent" };
	struct aws_key *key;
	unsigned i, missing;

	for (i = 0; i < 4; i++)
		for (missing = 0; missing < 2; missing++) {
			rig_end(state);
			begin(state);
			key = crash_after_create();
			aws_untag(key, names[i]);
			if (!missing)
				aws_tag(key, names[i], "host");
			start();
			run();
			assert_true(made);
			assert_false(is_adopted(key));
			assert_int_equal(aws_world.keys, ROWS + 1);
		}
}

static void only_keys_of_our_kind_and_origin_are_adopted(void **state)
{
	struct aws_key *key = crash_after_create();

	(void)state;
	strcpy(key->origin, "EXTERNAL");
	start();
	run();
	assert_false(made);
	assert_non_null(strstr(failure.text, "origin"));
	restart();
	strcpy(key->origin, "AWS_KMS");
	strcpy(key->spec, "RSA_2048");
	start();
	run();
	assert_false(made);
	assert_non_null(strstr(failure.text, "spec"));
	assert_int_equal(aws_world.keys, 1);
}

static void a_key_that_is_not_listed_yet_is_adopted(void **state)
{
	struct aws_key *key = crash_after_create();

	(void)state;
	key->gone = true;
	start();
	assert_false(aws_until("CreateKey"));
	assert_true(wait());
	assert_false(aws_until("CreateKey"));
	assert_int_equal(ended, 0);
	assert_true(wait());
	key->gone = false;
	run();
	assert_true(made && is_adopted(key));
	assert_int_equal(aws_world.keys, ROWS);
}

/* It would have been made before the nonce was. */
static void a_key_older_than_its_nonce_is_not_adopted(void **state)
{
	struct aws_key *key = crash_after_create();

	(void)state;
	key->created = on_disk()->intent.since - 301;
	start();
	run();
	assert_true(made);
	assert_false(is_adopted(key));
	assert_int_equal(aws_world.keys, ROWS + 1);
}

static void a_key_that_is_disabled_or_pending_is_not_adopted(void **state)
{
	struct aws_key *key = crash_after_create();

	(void)state;
	strcpy(key->state, "PendingDeletion");
	start();
	run();
	assert_true(made);
	assert_false(is_adopted(key));
	assert_int_equal(aws_world.keys, ROWS + 1);
}

static void what_was_intended_is_made_though_the_suite_has_changed(void **state)
{
	struct aws_key *key = crash_after_create();

	(void)state;
	ca_making_start(f->broker, SUITE_LEGACY, on_made);
	run();
	assert_true(made);
	assert_true(is_adopted(key));
	assert_string_equal(key->spec, "ECC_NIST_P256");
	assert_string_equal(aws_world.key[1].spec, "RSA_2048");
}

/* ---- others in the account ---- */

static struct aws_key *key_of_another_instance(void)
{
	struct aws_key *key = rig_key("ECC_NIST_P256", "other");

	aws_tag(key, "PrivysealInstance", "ffffffffffffffffffffffffffffffff");
	return key;
}

static void another_instance_stops_the_making(void **state)
{
	struct aws_key *key = key_of_another_instance();

	(void)state;
	start();
	run();
	assert_false(made);
	assert_non_null(strstr(failure.text, "ffffffffffffffffffffffffffffffff"));
	assert_non_null(strstr(failure.text, "example.com"));
	assert_int_equal(creations(), 0);
	/* Whether it still is there is looked at anew. */
	key->gone = true;
	ended = 0;
	start();
	run();
	assert_true(made);
}

/* Also when our own key with the nonce can't be adopted. */
static void another_instance_stops_the_making_of_a_second_one(void **state)
{
	struct aws_key *key = crash_after_create();

	(void)state;
	strcpy(key->state, "Disabled");
	key_of_another_instance();
	start();
	run();
	assert_false(made);
	assert_non_null(strstr(failure.text, "another privyseal"));
	assert_int_equal(creations(), 1);
}

static void an_instance_of_another_cluster_is_no_matter(void **state)
{
	(void)state;
	aws_tag(key_of_another_instance(), "TeleportCluster", "example.org");
	start();
	run();
	assert_true(made);
}

/* ---- the survey ---- */

static struct {
	unsigned seen, unread, tags, calls;
	bool good;
	struct failure failure;
} survey;

static void on_seen(void *context, const char *arn, const struct kms_tags *tags)
{
	(void)context;
	assert_non_null(aws_key_found(arn));
	survey.seen++;
	survey.unread += !tags;
	survey.tags += tags ? tags->count : 0;
}

static void on_surveyed(void *context, const struct failure *why)
{
	(void)context;
	survey.calls++;
	survey.good = why == NULL;
	if (why)
		survey.failure = *why;
}

static void look(void)
{
	memset(&survey, 0, sizeof survey);
	assert_true(kms_survey((struct aws *)(void *)&aws_world,
	    aws_world.boot_ns + 60 * SECOND_NS, on_seen, on_surveyed, NULL));
}

static void an_empty_account_is_seen_whole(void **state)
{
	(void)state;
	look();
	(void)aws_until(NULL);
	assert_true(survey.calls == 1 && survey.good && survey.seen == 0);
}

static void every_key_and_tag_on_all_pages_is_seen(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < 7; i++)
		rig_key("ECC_NIST_P256", "nonce");
	for (aws_world.page = 0; aws_world.page < 9; aws_world.page++) {
		look();
		(void)aws_until(NULL);
		assert_true(survey.calls == 1 && survey.good);
		assert_int_equal(survey.seen, 7);
		assert_int_equal(survey.tags, 7 * 6);
	}
}

static void keys_of_others_are_seen_without_tags(void **state)
{
	(void)state;
	rig_key("ECC_NIST_P256", "1");
	rig_key("ECC_NIST_P256", "2")->hidden = true;
	rig_key("ECC_NIST_P256", "3");
	look();
	assert_true(aws_until("ListResourceTags"));
	aws_world.key[0].gone = true; /* listed, and deleted meanwhile */
	(void)aws_until(NULL);
	assert_true(survey.calls == 1 && survey.good);
	assert_int_equal(survey.seen, 2);
	assert_int_equal(survey.unread, 1);
}

static void a_survey_that_can_not_see_all_says_so(void **state)
{
	static const char *const steps[] = { "ListKeys", "ListResourceTags" };
	unsigned i;

	(void)state;
	rig_key("ECC_NIST_P256", "1");
	for (i = 0; i < 2; i++) {
		look();
		assert_true(aws_until(steps[i]));
		aws_go(AWS_THROTTLED);
		assert_true(survey.calls == 1 && !survey.good);
		look();
		assert_true(aws_until(steps[i]));
		aws_lose();
		assert_true(survey.calls == 1 && !survey.good);
		look();
		assert_true(aws_until(steps[i]));
		aws_say("{\"Keys\":7,\"Tags\":7}");
		assert_true(survey.calls == 1 && !survey.good);
	}
	look();
	assert_true(aws_until("ListKeys"));
	aws_refuse("AccessDeniedException");
	assert_true(survey.calls == 1 && !survey.good);
}

static void keys_are_not_made_when_the_survey_fails(void **state)
{
	(void)state;
	start();
	assert_true(aws_until("ListKeys"));
	aws_go(AWS_THROTTLED);
	assert_true(ended == 1 && !made);
	assert_int_equal(creations(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, rig_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(makes_all_keys_and_what_they_show),
		TEST(tags_bind_each_key_to_ca_purpose_instance_and_nonce),
		cmocka_unit_test_setup_teardown(
		    the_policys_own_cluster_tag_is_the_one, begin_own_tag, rig_end),
		TEST(the_intent_is_durable_before_the_call),
		TEST(nothing_is_asked_for_that_the_state_does_not_know),
		TEST(nothing_is_asked_for_that_the_record_does_not_have),
		TEST(forty_keys_an_hour_and_no_more),
		TEST(what_kms_refuses_is_told),
		TEST(an_odd_new_key_is_not_taken),
		TEST(another_kind_of_public_key_is_not_taken),
		TEST(a_lost_answer_is_looked_for_and_the_key_adopted),
		TEST(a_lost_answer_is_looked_for_again),
		TEST(a_key_that_is_not_found_is_not_made_twice),
		TEST(a_key_that_was_not_made_is_made_by_the_next_start),
		cmocka_unit_test_teardown(a_crash_at_each_step_adopts, rig_end),
		TEST(only_exactly_our_tags_are_adopted),
		TEST(only_keys_of_our_kind_and_origin_are_adopted),
		TEST(a_key_that_is_not_listed_yet_is_adopted),
		TEST(a_key_older_than_its_nonce_is_not_adopted),
		TEST(a_key_that_is_disabled_or_pending_is_not_adopted),
		TEST(what_was_intended_is_made_though_the_suite_has_changed),
		TEST(another_instance_stops_the_making),
		TEST(another_instance_stops_the_making_of_a_second_one),
		TEST(an_instance_of_another_cluster_is_no_matter),
		TEST(an_empty_account_is_seen_whole),
		TEST(every_key_and_tag_on_all_pages_is_seen),
		TEST(keys_of_others_are_seen_without_tags),
		TEST(a_survey_that_can_not_see_all_says_so),
		TEST(keys_are_not_made_when_the_survey_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
