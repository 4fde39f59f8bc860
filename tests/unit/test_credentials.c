/* broker/credentials.c: the environment and the shared files, and the choice of one. */
#include "tests/unit/credentials_rig.h"

#define ID	 "AWS_ACCESS_KEY_ID=AKIDENVIRONMENT"
#define SECRET	 "AWS_SECRET_ACCESS_KEY=environment-secret"
#define KEYS(id) "aws_access_key_id = " id "\naws_secret_access_key = secret-of-" id "\n"

static char *report_text(void)
{
	cJSON *report = credentials_report(rig.credentials);
	char *text = cJSON_PrintUnformatted(report);

	cJSON_Delete(report);
	return text;
}

static void the_environment_comes_first(void **state)
{
	(void)state;
	rig_write(".aws/credentials", "[default]\n" KEYS("AKIDFILE"), 0600);
	assert_true(LOOK(ID, SECRET, "AWS_SESSION_TOKEN=session"));
	assert_uses("AKIDENVIRONMENT", "environment-secret", "session");
	assert_string_equal(credentials_now(rig.credentials)->source, "environment");
	assert_false(credentials_coming(rig.credentials));
	assert_int_equal(credentials_wait_ms(rig.credentials), -1);
}

static void half_an_environment_stops_the_chain(void **state)
{
	(void)state;
	rig_write(".aws/credentials", "[default]\n" KEYS("AKIDFILE"), 0600);
	assert_false(LOOK(ID));
	assert_refused("must both be set");
	assert_false(LOOK(SECRET));
	assert_refused("must both be set");
	assert_false(LOOK(ID, SECRET, "AWS_CREDENTIAL_EXPIRATION=tomorrow"));
	assert_refused("AWS_CREDENTIAL_EXPIRATION must be a time");
}

/* Once in use it would end every request before it is sent. */
static void what_no_header_can_have_is_no_secret(void **state)
{
	static char long_token[SESSION_TOKEN_MAX + 32] = "AWS_SESSION_TOKEN=";

	(void)state;
	assert_false(LOOK(ID, "AWS_SECRET_ACCESS_KEY=a b"));
	assert_refused("the secret access key is none");
	assert_false(LOOK(ID, SECRET, "AWS_SESSION_TOKEN=a\r\nHost: b"));
	assert_refused("the session token is none");
	memset(long_token + 18, 'x', SESSION_TOKEN_MAX);
	assert_true(LOOK(ID, SECRET, long_token));
	long_token[18 + SESSION_TOKEN_MAX] = 'x';
	assert_false(LOOK(ID, SECRET, long_token));
	assert_refused("the session token is none");
}

static void the_environment_s_own_end_is_kept(void **state)
{
	char end[64];
	const time_t then = time(NULL) + 60;
	struct tm when;

	(void)state;
	strftime(end, sizeof end, "AWS_CREDENTIAL_EXPIRATION=%Y-%m-%dT%H:%M:%SZ",
	    gmtime_r(&then, &when));
	assert_true(LOOK(ID, SECRET, end));
	assert_uses("AKIDENVIRONMENT", "environment-secret", NULL);
	rig.turned_on = 61;
	assert_null(credentials_now(rig.credentials));
	assert_said(credentials_why(rig.credentials), "have expired; set new ones");
	assert_false(LOOK(ID, SECRET, "AWS_CREDENTIAL_EXPIRATION=tomorrow"));
	assert_refused("AWS_CREDENTIAL_EXPIRATION must be a time");
}

/* A wrong word of AWS costs nothing, however many calls it was said to. */
static void a_set_is_not_given_up_for_one_refusal(void **state)
{
	uint64_t number, sent;

	(void)state;
	assert_true(LOOK(ID, SECRET));
	number = credentials_now(rig.credentials)->number;
	sent = clock_boot_ns();
	assert_true(credentials_rejected(rig.credentials, number, sent));
	assert_uses("AKIDENVIRONMENT", "environment-secret", NULL);
	assert_true(credentials_rejected(rig.credentials, number, sent));
	assert_uses("AKIDENVIRONMENT", "environment-secret", NULL);
	rig.turned_on = 11;
	assert_true(credentials_rejected(rig.credentials, number, clock_boot_ns()));
	assert_uses("AKIDENVIRONMENT", "environment-secret", NULL);
}

static void a_set_that_aws_refused_twice_is_tried_again_later(void **state)
{
	uint64_t number;

	(void)state;
	assert_true(LOOK(ID, SECRET));
	number = credentials_now(rig.credentials)->number;
	assert_true(credentials_rejected(rig.credentials, number, clock_boot_ns()));
	assert_false(credentials_rejected(rig.credentials, number, clock_boot_ns()));
	assert_null(credentials_now(rig.credentials));
	assert_said(
	    credentials_why(rig.credentials), "AWS does not take the credentials");
	rig.turned_on = 11;
	assert_uses("AKIDENVIRONMENT", "environment-secret", NULL);
}

static void the_shared_credentials_file_is_read(void **state)
{
	(void)state;
	rig_write(".aws/credentials",
	    "[default]\n" KEYS("AKIDDEFAULT") "[other]\n" KEYS(
		"AKIDOTHER") "aws_session_token = session\n",
	    0600);
	assert_true(LOOK(NO_METADATA));
	assert_uses("AKIDDEFAULT", "secret-of-AKIDDEFAULT", NULL);
	assert_true(LOOK("AWS_PROFILE=other", NO_METADATA));
	assert_uses("AKIDOTHER", "secret-of-AKIDOTHER", "session");
	assert_string_equal(
	    credentials_now(rig.credentials)->source, "shared credentials file");
	assert_false(LOOK("AWS_PROFILE=third", NO_METADATA));
	assert_refused("neither shared file has a profile 'third'");
}

static void the_file_s_place_can_be_set(void **state)
{
	char variable[300];

	(void)state;
	rig_write("token", "[default]\n" KEYS("AKIDELSEWHERE"), 0600);
	snprintf(variable, sizeof variable, "AWS_SHARED_CREDENTIALS_FILE=%s",
	    rig_path("token"));
	assert_true(LOOK(variable, NO_METADATA));
	assert_uses("AKIDELSEWHERE", "secret-of-AKIDELSEWHERE", NULL);
	assert_true(LOOK("AWS_SHARED_CREDENTIALS_FILE=~/token", NO_METADATA));
	assert_uses("AKIDELSEWHERE", "secret-of-AKIDELSEWHERE", NULL);
	assert_false(LOOK("AWS_SHARED_CREDENTIALS_FILE=token", NO_METADATA));
	assert_refused("must be the absolute path");
}

/* As systemd and containers hand them over. */
static void a_shared_file_in_run_is_read_where_it_was_opened(void **state)
{
	(void)state;
	rig_write("token", "[default]\n" KEYS("AKIDRUN"), 0400);
	assert_false(LOOK(NO_METADATA, "AWS_SHARED_CREDENTIALS_FILE=/run/a/token"));
	assert_refused("/run/a/token: in /run the broker sees nothing but");
	rig.given = open(rig.directory, O_RDONLY | O_DIRECTORY);
	assert_true(LOOK(NO_METADATA, "AWS_SHARED_CREDENTIALS_FILE=/run/a/token"));
	assert_uses("AKIDRUN", "secret-of-AKIDRUN", NULL);
	rig_write("token", "[default]\n" KEYS("AKIDNEXT"), 0400);
	rig.turned_on = 11;
	credentials_turn(rig.credentials, NULL, 0);
	assert_uses("AKIDNEXT", "secret-of-AKIDNEXT", NULL);
	/* It is a secret there too. */
	rig_write("token", "[default]\n" KEYS("AKIDOPEN"), 0444);
	assert_false(LOOK(NO_METADATA, "AWS_SHARED_CREDENTIALS_FILE=/run/a/token"));
	assert_refused("is open to others");
	close(rig.given);
}

static void half_a_set_in_a_file_is_refused(void **state)
{
	(void)state;
	rig_write(".aws/credentials", "[default]\naws_access_key_id = AKID\n", 0600);
	assert_false(LOOK(NO_METADATA));
	assert_refused("profile 'default' must have both");
}

static void a_file_that_others_can_read_or_write_is_refused(void **state)
{
	static const mode_t modes[] = { 0640, 0604, 0620, 0602, 0644, 0610 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof modes / sizeof modes[0]; i++) {
		rig_write(".aws/credentials", "[default]\n" KEYS("AKID"), modes[i]);
		assert_false(LOOK(NO_METADATA));
		assert_refused(".aws/credentials is open to others");
		assert_refused("chmod 600");
	}
}

static void a_file_of_somebody_else_is_refused(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	rig_write(".aws/credentials", "[default]\n" KEYS("AKID"), 0600);
	assert_int_equal(chown(rig_path(".aws/credentials"), 12345, 0), 0);
	assert_false(LOOK(NO_METADATA));
	assert_refused(".aws/credentials belongs to uid 12345; chown root it");
}

static void a_directory_that_others_can_write_to_is_refused(void **state)
{
	(void)state;
	rig_write(".aws/credentials", "[default]\n" KEYS("AKID"), 0600);
	assert_int_equal(chmod(rig_path(".aws"), 0770), 0);
	assert_false(LOOK(NO_METADATA));
	assert_refused("others may put files into the directory");
	assert_int_equal(chmod(rig_path(".aws"), 0755), 0);
	assert_true(LOOK(NO_METADATA));
	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(rig_path(".aws"), 12345, 0), 0);
	assert_false(LOOK(NO_METADATA));
	assert_refused("belongs to uid 12345");
}

static void a_symbolic_link_is_not_followed(void **state)
{
	char target[256];

	(void)state;
	rig_write("token", "[default]\n" KEYS("AKID"), 0600);
	strcpy(target, rig_path("token"));
	assert_int_equal(symlink(target, rig_path(".aws/credentials")), 0);
	assert_false(LOOK(NO_METADATA));
	assert_refused("is a symbolic link");
}

static void what_is_no_file_is_refused(void **state)
{
	(void)state;
	assert_int_equal(mkdir(rig_path(".aws/credentials"), 0700), 0);
	assert_false(LOOK(NO_METADATA));
	assert_refused("is no regular file");
	assert_int_equal(rmdir(rig_path(".aws/credentials")), 0);
	assert_int_equal(mkfifo(rig_path(".aws/credentials"), 0600), 0);
	assert_false(LOOK(NO_METADATA));
	assert_refused("is no regular file");
}

static void a_file_that_is_too_long_is_refused(void **state)
{
	static char text[64 * 1024 + 2];

	(void)state;
	memset(text, '#', sizeof text - 1);
	rig_write(".aws/credentials", text, 0600);
	assert_false(LOOK(NO_METADATA));
	assert_refused("has more than 65536 bytes");
}

static void a_replaced_file_is_read_again(void **state)
{
	uint64_t number;

	(void)state;
	rig_write(".aws/credentials", "[default]\n" KEYS("AKIDONE"), 0600);
	assert_true(LOOK(NO_METADATA));
	number = credentials_now(rig.credentials)->number;
	assert_true(credentials_wait_ms(rig.credentials) > 9000);
	rig.turned_on = 11;
	credentials_turn(rig.credentials, NULL, 0);
	assert_int_equal(credentials_now(rig.credentials)->number, number);
	rig_write(".aws/credentials", "[default]\n" KEYS("AKIDTWO"), 0600);
	rig.turned_on = 22;
	credentials_turn(rig.credentials, NULL, 0);
	assert_uses("AKIDTWO", "secret-of-AKIDTWO", NULL);
	assert_true(credentials_now(rig.credentials)->number != number);
}

static void a_refused_set_is_looked_for_at_once(void **state)
{
	uint64_t number;

	(void)state;
	rig_write(".aws/credentials", "[default]\n" KEYS("AKIDONE"), 0600);
	assert_true(LOOK(NO_METADATA));
	number = credentials_now(rig.credentials)->number;
	assert_true(credentials_rejected(rig.credentials, number, clock_boot_ns()));
	assert_uses("AKIDONE", "secret-of-AKIDONE", NULL);
	assert_false(credentials_rejected(rig.credentials, number, clock_boot_ns()));
	assert_null(credentials_now(rig.credentials));
	rig_write(".aws/credentials", "[default]\n" KEYS("AKIDTWO"), 0600);
	assert_true(credentials_rejected(rig.credentials, number, clock_boot_ns()));
	assert_uses("AKIDTWO", "secret-of-AKIDTWO", NULL);
	assert_true(credentials_rejected(rig.credentials, number, clock_boot_ns()));
	assert_uses("AKIDTWO", "secret-of-AKIDTWO", NULL);
}

static void a_file_that_goes_bad_leaves_what_was_read(void **state)
{
	char *text;

	(void)state;
	rig_write(".aws/credentials", "[default]\n" KEYS("AKIDONE"), 0600);
	assert_true(LOOK(NO_METADATA));
	rig_write(".aws/credentials", "[default]\n" KEYS("AKIDTWO"), 0644);
	rig.turned_on = 11;
	credentials_turn(rig.credentials, NULL, 0);
	assert_uses("AKIDONE", "secret-of-AKIDONE", NULL);
	assert_said(credentials_why(rig.credentials), "is open to others");
	assert_int_equal(remove(rig_path(".aws/credentials")), 0);
	rig.turned_on = 30;
	credentials_turn(rig.credentials, NULL, 0);
	assert_uses("AKIDONE", "secret-of-AKIDONE", NULL);
	rig_write(".aws/credentials", "[default]\n" KEYS("AKIDTWO"), 0600);
	rig.turned_on = 60;
	credentials_turn(rig.credentials, NULL, 0);
	assert_uses("AKIDTWO", "secret-of-AKIDTWO", NULL);
	/* What is over is told as that. */
	text = report_text();
	assert_said(text, "\"state\":\"good\"");
	assert_said(text, "\"failures\":0,\"failures_total\":2,\"last_failure\":\"");
	assert_said(text, "neither shared file has a profile");
	assert_null(strstr(text, "\"why\":\"/"));
	cJSON_free(text);
}

static void the_config_file_has_keys_too(void **state)
{
	(void)state;
	rig_write(".aws/config",
	    "[default]\nregion = us-west-2\n[profile one]\n" KEYS("AKIDCONFIG"), 0600);
	assert_true(LOOK("AWS_PROFILE=one", NO_METADATA));
	assert_uses("AKIDCONFIG", "secret-of-AKIDCONFIG", NULL);
	assert_string_equal(
	    credentials_now(rig.credentials)->source, "shared config file");
	rig_write(".aws/credentials", "[one]\n" KEYS("AKIDFILE"), 0600);
	assert_true(LOOK("AWS_PROFILE=one", NO_METADATA));
	assert_uses("AKIDFILE", "secret-of-AKIDFILE", NULL);
}

static void a_config_file_may_be_read_by_others_without_a_secret(void **state)
{
	(void)state;
	rig_write(".aws/credentials", "[default]\n" KEYS("AKID"), 0600);
	rig_write(".aws/config", "[default]\nregion = us-west-2\n", 0644);
	assert_true(LOOK(NO_METADATA));
	rig_write(".aws/config", "[default]\nregion = us-west-2\n", 0664);
	assert_false(LOOK(NO_METADATA));
	assert_refused("others may write to");
	rig_write(".aws/config", "[profile a]\n" KEYS("AKID"), 0644);
	assert_false(LOOK(NO_METADATA));
	assert_refused("has a secret key in it and is open to others");
}

static void nothing_configured_is_told_source_by_source(void **state)
{
	char *text;

	(void)state;
	assert_true(LOOK(NO_METADATA));
	assert_null(credentials_now(rig.credentials));
	assert_false(credentials_coming(rig.credentials));
	assert_said(credentials_why(rig.credentials), "no source of AWS credentials");
	text = report_text();
	assert_said(text, "AWS_ACCESS_KEY_ID is not set");
	assert_said(text, ".aws/credentials is not there");
	assert_said(text, ".aws/config is not there");
	assert_said(text, "AWS_WEB_IDENTITY_TOKEN_FILE is not set");
	assert_said(text, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	assert_said(text, "AWS_EC2_METADATA_DISABLED is true");
	assert_said(text, "\"state\":\"none\"");
	cJSON_free(text);
}

static void the_report_has_no_secret(void **state)
{
	char *text;

	(void)state;
	assert_true(LOOK(ID, SECRET, "AWS_SESSION_TOKEN=session-token"));
	credentials_identity(rig.credentials, "123456789012", "arn:aws:iam::1:user/a");
	text = report_text();
	assert_said(text, "\"source\":\"environment\"");
	assert_said(text, "\"access_key_id\":\"AKIDENVIRONMENT\"");
	assert_said(text, "\"account\":\"123456789012\"");
	assert_said(text, "\"state\":\"good\"");
	assert_null(strstr(text, "environment-secret"));
	assert_null(strstr(text, "session-token"));
	cJSON_free(text);
}

static void secrets_lie_in_secret_memory(void **state)
{
	const struct aws_credentials *now;

	(void)state;
	rig_write(".aws/credentials",
	    "[default]\n" KEYS("AKID") "aws_session_token = t\n", 0600);
	assert_true(LOOK(NO_METADATA));
	now = credentials_now(rig.credentials);
	assert_true(CRYPTO_secure_allocated(now->secret));
	assert_true(CRYPTO_secure_allocated(now->token));
}

static void the_arena_is_empty_again_at_the_end(void **state)
{
	const size_t before = CRYPTO_secure_used();
	int i;

	(void)state;
	rig_write(".aws/credentials", "[default]\n" KEYS("AKID"), 0600);
	for (i = 0; i < 3; i++) {
		assert_true(LOOK(NO_METADATA));
		rig.turned_on += 11;
		credentials_turn(rig.credentials, NULL, 0);
	}
	rig_write(".aws/credentials", "[default]\n" KEYS("AKID"), 0644);
	assert_false(LOOK(NO_METADATA));
	rig_stop_credentials();
	assert_int_equal(CRYPTO_secure_used(), before);
}

static void the_seal_is_told_what_it_must_leave(void **state)
{
	struct credentials_needs needs;

	(void)state;
	rig_write(".aws/credentials", "[default]\n" KEYS("AKID"), 0600);
	assert_true(LOOK(NO_METADATA));
	credentials_needs(rig.credentials, &needs);
	assert_int_equal(needs.directories_count, 2);
	assert_true(needs.directories[0] >= 0 && needs.directories[1] >= 0);
	assert_int_equal(needs.port, 0);
	assert_null(needs.host);
	assert_false(needs.sts);
	assert_null(needs.guarded);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_start, rig_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_environment_comes_first),
		TEST(half_an_environment_stops_the_chain),
		TEST(what_no_header_can_have_is_no_secret),
		TEST(the_environment_s_own_end_is_kept),
		TEST(a_set_is_not_given_up_for_one_refusal),
		TEST(a_set_that_aws_refused_twice_is_tried_again_later),
		TEST(the_shared_credentials_file_is_read),
		TEST(the_file_s_place_can_be_set),
		TEST(a_shared_file_in_run_is_read_where_it_was_opened),
		TEST(half_a_set_in_a_file_is_refused),
		TEST(a_file_that_others_can_read_or_write_is_refused),
		TEST(a_file_of_somebody_else_is_refused),
		TEST(a_directory_that_others_can_write_to_is_refused),
		TEST(a_symbolic_link_is_not_followed),
		TEST(what_is_no_file_is_refused),
		TEST(a_file_that_is_too_long_is_refused),
		TEST(a_replaced_file_is_read_again),
		TEST(a_refused_set_is_looked_for_at_once),
		TEST(a_file_that_goes_bad_leaves_what_was_read),
		TEST(the_config_file_has_keys_too),
		TEST(a_config_file_may_be_read_by_others_without_a_secret),
		TEST(nothing_configured_is_told_source_by_source),
		TEST(the_report_has_no_secret),
		TEST(secrets_lie_in_secret_memory),
		TEST(the_arena_is_empty_again_at_the_end),
		TEST(the_seal_is_told_what_it_must_leave),
	};
	struct failure failure;

	wiped_memory_start();
	if (!secret_memory_start(&failure))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
