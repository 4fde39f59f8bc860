/* Roles and web identities: what a profile leads to, and what STS is asked. The calls of
 * AWS are this test's own. */
#include "broker/aws.h"
#include "broker/credentials_plan.h"
#include "broker/kms.h"

#include "tests/unit/credentials_rig.h"

#define ROLE(name) "arn:aws:iam::123456789012:role/" name
#define KEYS(id)   "aws_access_key_id = " id "\naws_secret_access_key = secret-of-" id "\n"

/* ---- AWS ---- */

static struct {
	aws_done *done;
	void *context;
	char body[65536];
	char signer[ACCESS_KEY_ID_MAX + 1]; /* "": nobody signed it */
	unsigned calls;
	bool busy;
} sts;

bool aws_call(
    struct aws *aws, const struct aws_request *request, aws_done *done, void *context)
{
	(void)aws;
	assert_int_equal(request->service, AWS_STS);
	assert_true(request->anonymous == !request->with);
	if (sts.busy)
		return false;
	sts.done = done;
	sts.context = context;
	snprintf(sts.body, sizeof sts.body, "%.*s", (int)request->length,
	    (const char *)request->body);
	snprintf(sts.signer, sizeof sts.signer, "%s",
	    request->with ? request->with->access_key_id : "");
	if (request->with)
		assert_true(request->with->secret != NULL);
	sts.calls++;
	return true;
}

static void answer_bad(const char *why)
{
	struct aws_answer answer = { .good = false, .body = "" };

	snprintf(answer.why, sizeof answer.why, "%s", why);
	sts.done(sts.context, &answer);
}

static void answer_text(const char *body)
{
	struct aws_answer answer = { .good = true, .body = body, .length = strlen(body) };

	sts.done(sts.context, &answer);
}

static void answer_set(const char *id, int lives)
{
	char body[1024];

	snprintf(body, sizeof body,
	    "{\"AssumeRoleResponse\":{\"AssumeRoleResult\":{\"AssumedRoleUser\":{\"Arn\":"
	    "\"a\"},\"Credentials\":{\"AccessKeyId\":\"%s\",\"SecretAccessKey\":"
	    "\"secret-of-%s\",\"SessionToken\":\"token-of-%s\",\"Expiration\":%lld.0}},"
	    "\"ResponseMetadata\":{\"RequestId\":\"1\"}}}",
	    id, id, id, (long long)clock_wall_seconds() + lives);
	answer_text(body);
}

/* ---- the rig ---- */

static int start(void **state)
{
	memset(&sts, 0, sizeof sts);
	return rig_start(state);
}

static bool look_at(const char *config, const char *variable)
{
	const char *const variables[] = { NO_METADATA, variable, NULL };

	rig_write(".aws/config", config, 0600);
	if (!rig_look(variables))
		return false;
	credentials_call_through(rig.credentials, (struct aws *)&sts);
	return true;
}

static void turn(void)
{
	credentials_turn(rig.credentials, NULL, 0);
}

static void assert_config_refused(const char *config, const char *why)
{
	assert_false(look_at(config, NULL));
	assert_refused(why);
}

static void assert_asked(const char *signer, const char *body)
{
	assert_string_equal(sts.signer, signer);
	assert_string_equal(sts.body, body);
}

#define FORM(action, role, session)                                                      \
	"Action=" action                                                                 \
	"&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2F" role   \
	"&RoleSessionName=" session

/* ---- promises ---- */

static void a_role_is_assumed_with_its_source_profile(void **state)
{
	(void)state;
	assert_true(look_at(
	    "[default]\nrole_arn = " ROLE(
		"signer") "\nsource_profile = base\n"
			  "external_id = a b&c\nduration_seconds = 1800\n"
			  "role_session_name = host@example\n[profile base]\n" KEYS(
			      "AKIDBASE"),
	    NULL));
	assert_null(credentials_now(rig.credentials));
	assert_true(credentials_coming(rig.credentials));
	turn();
	turn();
	assert_int_equal(sts.calls, 1);
	assert_asked("AKIDBASE",
	    FORM("AssumeRole", "signer",
		"host%40example") "&DurationSeconds=1800&ExternalId=a%20b%26c");
	answer_set("ASIAROLE", 1800);
	assert_uses("ASIAROLE", "secret-of-ASIAROLE", "token-of-ASIAROLE");
	assert_string_equal(
	    credentials_now(rig.credentials)->source, "shared config file");
	assert_false(credentials_coming(rig.credentials));
	assert_in_range(credentials_wait_ms(rig.credentials), 899000, 1500000);
}

static void roles_are_assumed_one_with_the_other(void **state)
{
	(void)state;
	assert_true(
	    look_at("[default]\nrole_arn = " ROLE(
			"three") "\nsource_profile = two\n[profile two]\nrole_arn "
				 "= " ROLE("two") "\nsource_profile = one\n[profile "
						  "one]\nrole_arn = " ROLE(
						      "one") "\nsour"
							     "ce_"
							     "profil"
							     "e = "
							     "one"
							     "\n" KEYS("AKIDBASE"),
		NULL));
	turn();
	assert_asked("AKIDBASE", FORM("AssumeRole", "one", "privyseal"));
	answer_set("ASIAONE", 3600);
	assert_asked("ASIAONE", FORM("AssumeRole", "two", "privyseal"));
	answer_set("ASIATWO", 3600);
	assert_null(credentials_now(rig.credentials));
	assert_asked("ASIATWO", FORM("AssumeRole", "three", "privyseal"));
	answer_set("ASIATHREE", 3600);
	assert_uses("ASIATHREE", "secret-of-ASIATHREE", "token-of-ASIATHREE");
	assert_int_equal(sts.calls, 3);
}

static void the_environment_can_be_the_source_of_a_role(void **state)
{
	const char *const variables[] = { "AWS_PROFILE=a", NO_METADATA,
		"AWS_ACCESS_KEY_ID=AKIDENV", "AWS_SECRET_ACCESS_KEY=secret", NULL };

	(void)state;
	rig_write(".aws/config",
	    "[profile a]\nrole_arn = " ROLE("a") "\ncredential_source = Environment\n",
	    0644);
	/* As the SDKs have it, keys in the environment come before any profile. */
	assert_true(rig_look(variables));
	assert_uses("AKIDENV", "secret", NULL);
	/* Without them there is nothing to assume the role with. */
	assert_true(look_at(
	    "[default]\nrole_arn = " ROLE("a") "\ncredential_source = Environment\n",
	    NULL));
	turn();
	assert_int_equal(sts.calls, 0);
	assert_said(credentials_why(rig.credentials), "AWS_ACCESS_KEY_ID is not set");
}

static void loops_of_profiles_are_named(void **state)
{
	(void)state;
	assert_config_refused(
	    "[default]\nrole_arn = " ROLE("a") "\nsource_profile = b\n"
					       "[profile b]\nrole_arn = " ROLE(
						   "b") "\nsource_profile = c\n"
							"[profile c]\nrole_arn = " ROLE(
							    "c") "\nsource_profile = b\n",
	    "leads back to where it came from: b -> c -> b");
	assert_config_refused(
	    "[default]\nrole_arn = " ROLE("a") "\nsource_profile = default\n",
	    "is its own source_profile, but has no keys");
}

static void long_chains_of_roles_are_refused(void **state)
{
	char config[2048] = "[default]\nrole_arn = " ROLE("r") "\nsource_profile = p0\n";
	int i;

	(void)state;
	for (i = 0; i < 6; i++)
		sprintf(config + strlen(config),
		    "[profile p%d]\nrole_arn = " ROLE("r") "\nsource_profile = p%d\n", i,
		    i + 1);
	strcat(config, "[profile p6]\n" KEYS("AKID"));
	assert_config_refused(config, "needs more than 5 roles");
}

static void bad_roles_are_refused_by_name(void **state)
{
#define BASE "[profile base]\n" KEYS("AKID")
	static const struct {
		const char *config, *why;
	} bad[] = {
		{ "[default]\nrole_arn = a\n", "needs one of source_profile" },
		{ "[default]\nrole_arn = a\nsource_profile = base\ncredential_source = "
		  "Environment\n" BASE,
		    "and one alone" },
		{ "[default]\nrole_arn = a\nsource_profile = other\n" BASE,
		    "source_profile 'other', which is in neither file" },
		{ "[default]\nrole_arn = a\ncredential_source = Magic\n",
		    "credential_source must be" },
		{ "[default]\nrole_arn = a\nsource_profile = base\nmfa_serial = m\n" BASE,
		    "mfa_serial" },
		{ "[default]\nrole_arn = a\nsource_profile = base\nduration_seconds = "
		  "899\n" BASE,
		    "duration_seconds must be a number from 900 to 43200, not '899'" },
		{ "[default]\nrole_arn = a\nsource_profile = base\nduration_seconds = "
		  "1h\n" BASE,
		    "not '1h'" },
		{ "[default]\nrole_arn = a\nsource_profile = base\nrole_session_name = a "
		  "b\n" BASE,
		    "role_session_name may have" },
		{ "[default]\nrole_arn = a\nsource_profile = base\n[profile "
		  "base]\nregion = x\n",
		    "profile 'base' has no credentials in it" },
		{ "[default]\nrole_arn = a\nsource_profile = base\n[profile "
		  "base]\naws_access_key_id = a\n",
		    "must have both" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_config_refused(bad[i].config, bad[i].why);
}

static void programs_and_browsers_are_refused_with_what_to_do(void **state)
{
	static const char *const sso[] = { "sso_session = a", "sso_start_url = https://a",
		"sso_account_id = 1", "sso_role_name = a" };
	char config[256];
	size_t i;

	(void)state;
	assert_config_refused("[default]\ncredential_process = /bin/true\n",
	    "starts no programs. Let a timer");
	for (i = 0; i < sizeof sso / sizeof sso[0]; i++) {
		snprintf(config, sizeof config, "[default]\n%s\n", sso[i]);
		assert_config_refused(config, "is for people, not for a service. Use an");
	}
	assert_config_refused("[default]\nrole_arn = a\nsource_profile = b\n[profile "
			      "b]\ncredential_process = x\n",
	    "profile 'b' has credential_process");
	/* Keys beside it make it unneeded. */
	assert_true(
	    look_at("[default]\ncredential_process = x\n" KEYS("AKIDPLAIN"), NULL));
	assert_uses("AKIDPLAIN", "secret-of-AKIDPLAIN", NULL);
}

static void a_web_identity_token_is_read_each_time(void **state)
{
	char file[300];
	const char *const variables[] = { file, "AWS_ROLE_ARN=" ROLE("web"),
		"AWS_ROLE_SESSION_NAME=pod-1", NULL };
	struct credentials_needs needs;

	(void)state;
	snprintf(file, sizeof file, "AWS_WEB_IDENTITY_TOKEN_FILE=%s", rig_path("token"));
	rig_write("token", "eyJ.first.token\n", 0600);
	assert_true(rig_look(variables));
	credentials_call_through(rig.credentials, (struct aws *)&sts);
	credentials_needs(rig.credentials, &needs);
	assert_true(needs.sts);
	assert_int_equal(needs.directories_count, 3); /* two are ~/.aws */
	turn();
	assert_asked("", FORM("AssumeRoleWithWebIdentity", "web",
			     "pod-1") "&WebIdentityToken=eyJ.first.token");
	answer_set("ASIAWEB", 3600);
	assert_uses("ASIAWEB", "secret-of-ASIAWEB", "token-of-ASIAWEB");
	rig_write("token", "eyJ.second.token", 0600);
	rig.turned_on = 3301;
	turn();
	assert_asked("", FORM("AssumeRoleWithWebIdentity", "web",
			     "pod-1") "&WebIdentityToken=eyJ.second.token");
	assert_uses("ASIAWEB", "secret-of-ASIAWEB", "token-of-ASIAWEB");
}

static void web_identities_are_configured_whole(void **state)
{
	char file[300];
	const char *variables[] = { file, NULL, NULL, NULL };

	(void)state;
	snprintf(file, sizeof file, "AWS_WEB_IDENTITY_TOKEN_FILE=%s", rig_path("token"));
	assert_false(rig_look(variables));
	assert_refused("AWS_ROLE_ARN must name the role");
	variables[1] = "AWS_ROLE_ARN=" ROLE("web");
	variables[2] = "AWS_ROLE_SESSION_NAME=a b";
	assert_false(rig_look(variables));
	assert_refused("AWS_ROLE_SESSION_NAME may have");
	variables[2] = NULL;
	variables[0] = "AWS_WEB_IDENTITY_TOKEN_FILE=/var/run/secrets/token";
	assert_false(rig_look(variables));
	assert_refused("in /run the broker sees nothing but");
	variables[0] = file;
	assert_true(rig_look(variables));
	credentials_call_through(rig.credentials, (struct aws *)&sts);
	turn();
	assert_int_equal(sts.calls, 0);
	assert_said(credentials_why(rig.credentials), "token is not there");
}

/* Kubernetes gives 644, with fsGroup 640, with runAsUser 600. */
static void a_token_may_be_read_but_not_written_by_others(void **state)
{
	static const mode_t read[] = { 0644, 0640, 0600, 0444 },
			    written[] = { 0666, 0660, 0620, 0602, 0622 };
	char file[300];
	const char *const variables[] = { file, "AWS_ROLE_ARN=" ROLE("web"), NULL };
	size_t i;

	(void)state;
	snprintf(file, sizeof file, "AWS_WEB_IDENTITY_TOKEN_FILE=%s", rig_path("token"));
	for (i = 0; i < sizeof read / sizeof read[0]; i++) {
		rig_write("token", "eyJ.mode", read[i]);
		assert_true(rig_look(variables));
		credentials_call_through(rig.credentials, (struct aws *)&sts);
		turn();
		assert_said(sts.body, "WebIdentityToken=eyJ.mode");
		answer_bad("enough");
	}
	for (i = 0; i < sizeof written / sizeof written[0]; i++) {
		rig_write("token", "eyJ.mode", written[i]);
		assert_true(rig_look(variables));
		credentials_call_through(rig.credentials, (struct aws *)&sts);
		turn();
		assert_said(credentials_why(rig.credentials), "others may write to");
	}
}

static void a_token_of_somebody_else_is_refused(void **state)
{
	char file[300];
	const char *const variables[] = { file, "AWS_ROLE_ARN=" ROLE("web"), NULL };

	(void)state;
	if (geteuid() != 0)
		skip();
	snprintf(file, sizeof file, "AWS_WEB_IDENTITY_TOKEN_FILE=%s", rig_path("token"));
	rig_write("token", "eyJ", 0600);
	assert_int_equal(chown(rig_path("token"), 12345, 0), 0);
	assert_true(rig_look(variables));
	credentials_call_through(rig.credentials, (struct aws *)&sts);
	turn();
	assert_said(credentials_why(rig.credentials), "belongs to uid 12345");
}

/* The one that a profile names is found where the variable leads as well. */
static void a_profile_s_token_in_run_is_opened_by_the_variable(void **state)
{
	static const char config[] = "[default]\nrole_arn = " ROLE(
	    "web") "\n"
		   "web_identity_token_file = /run/a/token\n";

	(void)state;
	rig_write("token", "eyJ.given", 0644);
	rig.given = open(rig.directory, O_RDONLY | O_DIRECTORY);
	assert_true(look_at(config, "AWS_WEB_IDENTITY_TOKEN_FILE=/run/a/token"));
	turn();
	assert_said(sts.body, "WebIdentityToken=eyJ.given");
	answer_bad("enough");
	assert_false(look_at(config, "AWS_WEB_IDENTITY_TOKEN_FILE=/run/b/token"));
	assert_refused("/run/a/token: in /run the broker sees nothing but");
	assert_refused("set AWS_WEB_IDENTITY_TOKEN_FILE to it as well");
	assert_false(look_at(config, "AWS_WEB_IDENTITY_TOKEN_FILE=/run/a/b/token"));
	assert_false(look_at(config, NULL));
	assert_refused("profile 'default'");
	close(rig.given);
}

static void a_token_in_run_is_read_where_it_was_opened(void **state)
{
	const char *const variables[] = { "AWS_WEB_IDENTITY_TOKEN_FILE=/run/a/token",
		"AWS_ROLE_ARN=" ROLE("web"), NULL };

	(void)state;
	rig_write("token", "eyJ.given", 0600);
	rig.given = open(rig.directory, O_RDONLY | O_DIRECTORY);
	/* as Kubernetes has it: root's alone to replace */
	assert_int_equal(chmod(rig.directory, 01777), 0);
	assert_true(rig_look(variables));
	close(rig.given);
	credentials_call_through(rig.credentials, (struct aws *)&sts);
	turn();
	assert_said(sts.body, "WebIdentityToken=eyJ.given");
	answer_bad("enough");
	rig.given = open(rig.directory, O_RDONLY | O_DIRECTORY);
	assert_int_equal(chmod(rig.directory, 0777), 0);
	assert_false(rig_look(variables));
	assert_refused("others may put files into the directory /run/a/");
	close(rig.given);
	rig.given = open("/dev/null", O_RDONLY);
	assert_false(rig_look(variables));
	assert_refused("in /run the broker sees nothing but");
	close(rig.given);
}

static void a_link_that_others_laid_is_not_followed(void **state)
{
	const char *const variables[] = { "AWS_WEB_IDENTITY_TOKEN_FILE=/run/a/token",
		"AWS_ROLE_ARN=" ROLE("web"), NULL };

	(void)state;
	if (geteuid() != 0)
		skip();
	rig_write("secret", "eyJ.not.theirs", 0644);
	assert_int_equal(symlink("secret", rig_path("token")), 0);
	rig.given = open(rig.directory, O_RDONLY | O_DIRECTORY);
	assert_int_equal(chmod(rig.directory, 01777), 0);
	assert_true(rig_look(variables));
	credentials_call_through(rig.credentials, (struct aws *)&sts);
	turn();
	assert_said(sts.body, "WebIdentityToken=eyJ.not.theirs");
	answer_bad("enough");
	assert_int_equal(lchown(rig_path("token"), 65534, 65534), 0);
	assert_true(rig_look(variables));
	close(rig.given);
	credentials_call_through(rig.credentials, (struct aws *)&sts);
	sts.body[0] = '\0';
	turn();
	assert_string_equal(sts.body, "");
	assert_said(credentials_why(rig.credentials), "link");
	assert_int_equal(remove(rig_path("secret")), 0);
}

static void secrets_stay_out_of_directories_of_all(void **state)
{
	(void)state;
	rig_write(".aws/credentials", "[default]\n" KEYS("AKIDBASE"), 0600);
	assert_int_equal(chmod(rig_path(".aws"), 01777), 0);
	assert_false(LOOK(NO_METADATA));
	assert_refused("others may put files into the directory");
}

static void a_profile_can_have_a_web_identity(void **state)
{
	char config[1024];

	(void)state;
	rig_write("token", "eyJ.a.b", 0600);
	snprintf(config, sizeof config,
	    "[default]\nrole_arn = " ROLE(
		"last") "\nsource_profile = web\n[profile web]\n"
			"role_arn = " ROLE("web") "\nweb_identity_token_file = %s\n",
	    rig_path("token"));
	assert_true(look_at(config, NULL));
	turn();
	assert_asked("", FORM("AssumeRoleWithWebIdentity", "web",
			     "privyseal") "&WebIdentityToken=eyJ.a.b");
	answer_set("ASIAWEB", 3600);
	assert_asked("ASIAWEB", FORM("AssumeRole", "last", "privyseal"));
	answer_set("ASIALAST", 3600);
	assert_uses("ASIALAST", "secret-of-ASIALAST", "token-of-ASIALAST");
}

#define ONE_ROLE                                                                         \
	"[default]\nrole_arn = " ROLE("a") "\nsource_profile = b\n[profile b]\n" KEYS(   \
	    "AKID")

static void what_sts_refuses_is_told_and_tried_again(void **state)
{
	(void)state;
	assert_true(look_at(ONE_ROLE, NULL));
	turn();
	answer_bad("sts.us-east-1.amazonaws.com: AccessDenied, HTTP 403: no");
	assert_null(credentials_now(rig.credentials));
	assert_said(credentials_why(rig.credentials),
	    "the role " ROLE("a") " can't be assumed: sts.us-east-1.amazonaws.com: "
				  "AccessDenied");
	rig.turned_on = 3;
	turn();
	assert_int_equal(sts.calls, 2);
	answer_set("ASIAROLE", 3600);
	assert_uses("ASIAROLE", "secret-of-ASIAROLE", "token-of-ASIAROLE");
}

static void what_is_no_answer_of_sts_is_refused(void **state)
{
	static const char *const bad[] = { "", "nonsense", "[]", "{}", "{\"a\":{}}",
		"{\"a\":{\"b\":{\"Credentials\":{\"AccessKeyId\":\"A\"}}}}",
		"{\"a\":{\"b\":{\"Credentials\":{\"AccessKeyId\":\"A\","
		"\"SecretAccessKey\":"
		"\"B\",\"SessionToken\":\"C\",\"Expiration\":-1}}}}" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_true(look_at(ONE_ROLE, NULL));
		turn();
		answer_text(bad[i]);
		assert_null(credentials_now(rig.credentials));
		assert_said(credentials_why(rig.credentials), "the answer of AWS STS");
	}
}

static void roles_are_not_used_beyond_their_end(void **state)
{
	(void)state;
	assert_true(look_at(ONE_ROLE, NULL));
	turn();
	answer_set("ASIAROLE", -1);
	assert_null(credentials_now(rig.credentials));
	assert_said(credentials_why(rig.credentials), "have expired");
	rig.turned_on = 3;
	turn();
	answer_set("ASIAROLE", 900);
	assert_uses("ASIAROLE", "secret-of-ASIAROLE", "token-of-ASIAROLE");
	rig.turned_on = 700;
	turn();
	answer_bad("out of order");
	assert_uses("ASIAROLE", "secret-of-ASIAROLE", "token-of-ASIAROLE");
	rig.turned_on = 904;
	assert_null(credentials_now(rig.credentials));
	assert_said(credentials_why(rig.credentials), "out of order");
}

static void web_identities_are_not_used_beyond_their_end(void **state)
{
	char file[300];
	const char *const variables[] = { file, "AWS_ROLE_ARN=" ROLE("web"), NULL };

	(void)state;
	snprintf(file, sizeof file, "AWS_WEB_IDENTITY_TOKEN_FILE=%s", rig_path("token"));
	rig_write("token", "eyJ", 0644);
	assert_true(rig_look(variables));
	credentials_call_through(rig.credentials, (struct aws *)&sts);
	turn();
	answer_set("ASIAWEB", 900);
	rig.turned_on = 700;
	turn();
	answer_bad("out of order");
	assert_uses("ASIAWEB", "secret-of-ASIAWEB", "token-of-ASIAWEB");
	rig.turned_on = 901;
	assert_null(credentials_now(rig.credentials));
}

/* Five to ten minutes, never in the same second, and never two at once. */
static void roles_are_renewed_ahead_one_at_a_time(void **state)
{
	int i, n, wait, least = INT32_MAX, most = 0;

	(void)state;
	for (i = 0; i < 6; i++) {
		assert_true(look_at(ONE_ROLE, NULL));
		sts.calls = 0;
		for (n = 0; n < 50; n++)
			turn();
		assert_int_equal(sts.calls, 1);
		answer_set("ASIAROLE", 3600);
		wait = credentials_wait_ms(rig.credentials) / 1000;
		least = wait < least ? wait : least;
		most = wait > most ? wait : most;
		for (n = 0; n < 50; n++)
			turn();
		assert_int_equal(sts.calls, 1);
	}
	assert_true(least >= 3600 - 601 && most <= 3600 - 300 && most > least);
}

static void a_call_that_finds_no_place_is_made_later(void **state)
{
	(void)state;
	assert_true(look_at(ONE_ROLE, NULL));
	sts.busy = true;
	turn();
	assert_said(credentials_why(rig.credentials), "too many calls");
	sts.busy = false;
	rig.turned_on = 3;
	turn();
	assert_int_equal(sts.calls, 1);
}

static void a_changed_config_is_followed(void **state)
{
	(void)state;
	assert_true(look_at(ONE_ROLE, NULL));
	turn();
	answer_set("ASIAROLE", 900);
	rig_write(".aws/config",
	    "[default]\nrole_arn = " ROLE(
		"other") "\nsource_profile = b\n[profile b]\n" KEYS("AKIDNEW"),
	    0600);
	rig.turned_on = 700;
	turn();
	assert_asked("AKIDNEW", FORM("AssumeRole", "other", "privyseal"));
	answer_set("ASIAOTHER", 900);
	rig_write(".aws/config", "[default]\n" KEYS("AKIDPLAIN"), 0600);
	rig.turned_on = 1500;
	turn();
	assert_said(credentials_why(rig.credentials), "restart privyseald");
	assert_uses("ASIAOTHER", "secret-of-ASIAOTHER", "token-of-ASIAOTHER");
}

static void answer_account(const char *account)
{
	char body[512];

	assert_string_equal(sts.body, STS_IDENTITY_BODY);
	snprintf(body, sizeof body,
	    "{\"GetCallerIdentityResponse\":{\"GetCallerIdentityResult\":{\"Account\":"
	    "\"%s\",\"Arn\":\"arn:aws:sts::%s:assumed-role/a/b\",\"UserId\":\"c\"}}}",
	    account, account);
	answer_text(body);
}

static void renew_role(const char *id)
{
	rig.turned_on += 1800;
	turn();
	assert_asked("AKIDBASE", FORM("AssumeRole", "signer", "privyseal"));
	answer_set(id, 3600);
	assert_string_equal(sts.signer, id);
}

static void look_at_role(void)
{
	assert_true(look_at(
	    "[default]\nrole_arn = " ROLE(
		"signer") "\nsource_profile = base\n[profile base]\n" KEYS("AKIDBASE"),
	    NULL));
	turn();
	answer_set("ASIAFIRST", 2100);
	credentials_identity(rig.credentials, "123456789012", "arn:aws:iam::1:user/a");
}

static void a_new_set_is_used_once_its_account_is_known(void **state)
{
	(void)state;
	look_at_role();
	renew_role("ASIASECOND");
	assert_uses("ASIAFIRST", "secret-of-ASIAFIRST", "token-of-ASIAFIRST");
	answer_account("123456789012");
	assert_uses("ASIASECOND", "secret-of-ASIASECOND", "token-of-ASIASECOND");
	assert_false(credentials_foreign(rig.credentials));
}

static void a_set_of_another_account_is_never_used(void **state)
{
	(void)state;
	look_at_role();
	renew_role("ASIAFOREIGN");
	answer_account("999999999999");
	assert_true(credentials_foreign(rig.credentials));
	assert_said(credentials_why(rig.credentials),
	    "of the shared config file are of account 999999999999, not of 123456789012");
	assert_uses("ASIAFIRST", "secret-of-ASIAFIRST", "token-of-ASIAFIRST");
	rig.turned_on += 400;
	assert_null(credentials_now(rig.credentials));
	rig.turned_on -= 1800;
	renew_role("ASIATHIRD");
	answer_account("123456789012");
	assert_uses("ASIATHIRD", "secret-of-ASIATHIRD", "token-of-ASIATHIRD");
	assert_false(credentials_foreign(rig.credentials));
}

static void a_set_whose_account_can_t_be_told_is_not_used(void **state)
{
	(void)state;
	look_at_role();
	renew_role("ASIASECOND");
	answer_bad("sts: no answer in time");
	assert_uses("ASIAFIRST", "secret-of-ASIAFIRST", "token-of-ASIAFIRST");
	assert_said(credentials_why(rig.credentials), "can't be told: sts: no answer");
	renew_role("ASIATHIRD");
	answer_text("{}");
	assert_said(credentials_why(rig.credentials), "can't be told: AWS's answer");
	assert_false(credentials_foreign(rig.credentials));
}

static void new_keys_in_a_file_are_asked_about_as_well(void **state)
{
	uint64_t first;

	(void)state;
	assert_true(look_at("[default]\n" KEYS("AKIDFIRST"), NULL));
	credentials_identity(rig.credentials, "123456789012", "arn:aws:iam::1:user/a");
	first = credentials_now(rig.credentials)->number;
	rig_write(".aws/config", "[default]\n" KEYS("AKIDOTHER"), 0600);
	assert_true(credentials_rejected(rig.credentials, first, clock_boot_ns()));
	assert_true(credentials_coming(rig.credentials));
	assert_null(credentials_now(rig.credentials));
	assert_string_equal(sts.signer, "AKIDOTHER");
	assert_true(credentials_rejected(rig.credentials, first, clock_boot_ns()));
	assert_int_equal(sts.calls, 1);
	answer_account("999999999999");
	assert_null(credentials_now(rig.credentials));
	assert_false(credentials_coming(rig.credentials));
	rig_write(".aws/config", "[default]\n" KEYS("AKIDTHIRD"), 0600);
	rig.turned_on += 20;
	turn();
	answer_account("123456789012");
	assert_uses("AKIDTHIRD", "secret-of-AKIDTHIRD", NULL);
}

static void secrets_leave_the_arena_as_they_came(void **state)
{
	const size_t before = CRYPTO_secure_used();

	(void)state;
	assert_true(look_at(ONE_ROLE, NULL));
	turn();
	answer_set("ASIAROLE", 900);
	rig.turned_on = 700;
	turn();
	answer_bad("no");
	rig_stop_credentials();
	assert_int_equal(CRYPTO_secure_used(), before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, rig_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_role_is_assumed_with_its_source_profile),
		TEST(roles_are_assumed_one_with_the_other),
		TEST(the_environment_can_be_the_source_of_a_role),
		TEST(loops_of_profiles_are_named),
		TEST(long_chains_of_roles_are_refused),
		TEST(bad_roles_are_refused_by_name),
		TEST(programs_and_browsers_are_refused_with_what_to_do),
		TEST(a_web_identity_token_is_read_each_time),
		TEST(web_identities_are_configured_whole),
		TEST(a_token_may_be_read_but_not_written_by_others),
		TEST(a_token_of_somebody_else_is_refused),
		TEST(a_profile_s_token_in_run_is_opened_by_the_variable),
		TEST(a_token_in_run_is_read_where_it_was_opened),
		TEST(a_link_that_others_laid_is_not_followed),
		TEST(secrets_stay_out_of_directories_of_all),
		TEST(a_profile_can_have_a_web_identity),
		TEST(what_sts_refuses_is_told_and_tried_again),
		TEST(what_is_no_answer_of_sts_is_refused),
		TEST(roles_are_not_used_beyond_their_end),
		TEST(web_identities_are_not_used_beyond_their_end),
		TEST(roles_are_renewed_ahead_one_at_a_time),
		TEST(a_call_that_finds_no_place_is_made_later),
		TEST(a_changed_config_is_followed),
		TEST(a_new_set_is_used_once_its_account_is_known),
		TEST(a_set_of_another_account_is_never_used),
		TEST(a_set_whose_account_can_t_be_told_is_not_used),
		TEST(new_keys_in_a_file_are_asked_about_as_well),
		TEST(secrets_leave_the_arena_as_they_came),
	};
	struct failure failure;

	wiped_memory_start();
	if (!secret_memory_start(&failure))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
