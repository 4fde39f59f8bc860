/* The container endpoint and the instance metadata service, as a scripted server plays
 * them: what is asked, how long a set is used, and what each failure says. */
#include "broker/aws.h"
#include "broker/http.h"
#include "broker/json_members.h"

#include <time.h>

#include "tests/unit/credentials_rig.h"
#include "tests/unit/plain_server.h"

#define TOKEN "PUT /latest/api/token HTTP"
#define ROLE  "GET /latest/meta-data/iam/security-credentials/ HTTP"
#define KEYS  "GET /latest/meta-data/iam/security-credentials/signer HTTP"

static struct plain_server server;

/* STS, for roles that are assumed with what these services gave. */
static struct {
	aws_done *done;
	void *context;
} sts;

bool aws_call(
    struct aws *aws, const struct aws_request *request, aws_done *done, void *context)
{
	(void)aws;
	assert_int_equal(request->service, AWS_STS);
	sts.done = done;
	sts.context = context;
	return true;
}

/* ---- the script ---- */

static struct plain_step *add(const char *request, const char *field, int status,
    const char *fields, const char *body)
{
	struct plain_script *script = server.script;
	struct plain_step *step = &script->steps[script->count];

	assert_true(script->count < PLAIN_STEPS_MAX);
	*step = (struct plain_step){ .status = status };
	snprintf(step->request, sizeof step->request, "%s", request);
	snprintf(step->field, sizeof step->field, "%s", field);
	snprintf(step->fields, sizeof step->fields, "%s", fields);
	snprintf(step->body, sizeof step->body, "%s", body);
	script->count++;
	return step;
}

/* A set that lives so many seconds, as both services write it. */
static const char *set_of(const char *id, int lives)
{
	static char body[512];
	const time_t end = clock_wall_seconds() + lives;
	char text[32];
	struct tm when;

	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&end, &when));
	snprintf(body, sizeof body,
	    "{\"Code\":\"Success\",\"Type\":\"AWS-HMAC\",\"AccessKeyId\":\"%s\","
	    "\"SecretAccessKey\":\"secret-of-%s\",\"Token\":\"token-of-%s\","
	    "\"Expiration\":\"%s\"}",
	    id, id, id, text);
	return body;
}

static struct plain_step *add_token(int status, const char *token)
{
	return add(TOKEN, "X-aws-ec2-metadata-token-ttl-seconds: 21600\r\n", status,
	    "X-aws-ec2-metadata-token-ttl-seconds: 21600\r\n", token);
}

static struct plain_step *add_role(int status, const char *role)
{
	return add(ROLE, "X-aws-ec2-metadata-token: TOKEN", status, "", role);
}

static struct plain_step *add_keys(int status, const char *body)
{
	return add(KEYS, "X-aws-ec2-metadata-token: TOKEN", status, "", body);
}

static void add_good(const char *id, int lives)
{
	add_role(200, "signer");
	add_keys(200, set_of(id, lives));
}

/* ---- the rig ---- */

static int start(void **state)
{
	return rig_start(state) == 0 && plain_server_start(&server) ? 0 : -1;
}

static int end(void **state)
{
	plain_server_stop(&server);
	return rig_end(state);
}

static void look_for_metadata(void)
{
	char endpoint[96];

	snprintf(endpoint, sizeof endpoint,
	    "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:%u/", server.port);
	assert_true(LOOK(endpoint));
}

static void look_for_container(const char *more)
{
	char uri[96];

	snprintf(uri, sizeof uri,
	    "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:%u/get?a=b",
	    server.port);
	assert_true(more ? LOOK(uri, more) : LOOK(uri));
}

/* The loop, until nothing is asked any more. */
static void run(void)
{
	const uint64_t limit = clock_boot_ns() + 20 * SECOND_NS;
	struct pollfd polled[HTTP_DESCRIPTORS_MAX];
	unsigned count;
	int wait;

	credentials_turn(rig.credentials, NULL, 0);
	while (credentials_fill(rig.credentials, polled) > 0 && clock_boot_ns() < limit) {
		count = credentials_fill(rig.credentials, polled);
		wait = credentials_wait_ms(rig.credentials);
		poll(polled, count, wait < 0 || wait > 100 ? 100 : wait);
		credentials_turn(rig.credentials, polled, count);
	}
}

/* Everything was asked that the script has, and nothing else. */
static void assert_script_done(void)
{
	assert_string_equal(server.script->wrong, "");
	assert_int_equal(server.script->next, server.script->count);
}

static void assert_fails(const char *why)
{
	run();
	assert_script_done();
	assert_null(credentials_now(rig.credentials));
	assert_said(credentials_why(rig.credentials), why);
}

/* When the next fetch is due, in seconds. */
static int due(void)
{
	return credentials_wait_ms(rig.credentials) / 1000;
}

static void pass(int seconds)
{
	rig.turned_on += seconds;
	run();
}

/* ---- the metadata service ---- */

static void metadata_gives_the_credentials_of_the_role(void **state)
{
	struct credentials_needs needs;

	(void)state;
	look_for_metadata();
	assert_true(credentials_coming(rig.credentials));
	assert_null(credentials_now(rig.credentials));
	add_token(200, "TOKEN-1==");
	add_good("AKIDONE", 21600);
	run();
	assert_script_done();
	assert_uses("AKIDONE", "secret-of-AKIDONE", "token-of-AKIDONE");
	credentials_needs(rig.credentials, &needs);
	assert_int_equal(needs.port, server.port);
	assert_null(needs.guarded); /* that address is our own */
	assert_false(credentials_coming(rig.credentials));
	assert_true(CRYPTO_secure_allocated(credentials_now(rig.credentials)->secret));
}

static void a_set_is_renewed_five_to_ten_minutes_ahead(void **state)
{
	int i, least = 3600, most = 0;

	(void)state;
	for (i = 0; i < 6; i++) {
		server.script->count = server.script->next = 0;
		look_for_metadata();
		add_token(200, "TOKEN");
		add_good("AKIDONE", 3600);
		run();
		assert_script_done();
		least = due() < least ? due() : least;
		most = due() > most ? due() : most;
	}
	assert_true(least >= 3600 - 601);
	assert_true(most <= 3600 - 300);
	assert_true(most > least); /* six hosts would not ask in the same second */
}

/* A first fetch that gives this set. */
static void use_of_metadata(const char *id, int seconds)
{
	look_for_metadata();
	add_token(200, "TOKEN");
	add_good(id, seconds);
	run();
}

static void a_renewed_set_replaces_the_old_one(void **state)
{
	(void)state;
	use_of_metadata("AKIDONE", 3600);
	add_good("AKIDTWO", 6600); /* with the same token */
	pass(3301);
	assert_script_done();
	assert_uses("AKIDTWO", "secret-of-AKIDTWO", "token-of-AKIDTWO");
}

static void short_lives_are_renewed_at_half(void **state)
{
	(void)state;
	use_of_metadata("AKIDONE", 4);
	assert_true(credentials_wait_ms(rig.credentials) <= 2000);
	assert_true(credentials_wait_ms(rig.credentials) > 500);
}

static void the_same_set_is_asked_for_again_soon(void **state)
{
	uint64_t number;

	(void)state;
	use_of_metadata("AKIDONE", 3600);
	number = credentials_now(rig.credentials)->number;
	add_good("AKIDONE", 3600); /* the same end */
	pass(3301);
	assert_script_done();
	assert_int_equal(credentials_now(rig.credentials)->number, number);
	assert_in_range(due(), 30, 61);
}

static void a_token_that_is_refused_is_asked_for_once_more(void **state)
{
	(void)state;
	look_for_metadata();
	add_token(200, "TOKEN-1");
	add_role(401, "");
	add_token(200, "TOKEN-2");
	add_good("AKIDONE", 3600);
	run();
	assert_script_done();
	assert_uses("AKIDONE", "secret-of-AKIDONE", "token-of-AKIDONE");
}

static void a_token_that_is_refused_twice_is_given_up(void **state)
{
	(void)state;
	look_for_metadata();
	add_token(200, "TOKEN-1");
	add_role(401, "");
	add_token(200, "TOKEN-2");
	add_role(401, "");
	assert_fails("HTTP 401 for a token that it has just given");
}

static void a_disabled_service_is_told_with_its_option(void **state)
{
	(void)state;
	look_for_metadata();
	add_token(403, "");
	assert_fails("HTTP 403, it is disabled for this instance");
	assert_said(credentials_why(rig.credentials), "--http-endpoint enabled");
}

static void an_instance_without_a_role_is_told(void **state)
{
	(void)state;
	look_for_metadata();
	add_token(200, "TOKEN");
	add_role(404, "");
	assert_fails("HTTP 404, the instance has no role");
	assert_said(credentials_why(rig.credentials), "associate-iam-instance-profile");
}

static void version_one_is_never_used(void **state)
{
	static const int statuses[] = { 400, 404, 405 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
		look_for_metadata();
		add_token(statuses[i], "");
		assert_fails("version 1 is never used");
	}
}

static void silence_hints_at_the_hop_limit(void **state)
{
	(void)state;
	look_for_metadata();
	add_token(200, "")->way = PLAIN_SILENCE;
	assert_fails("--http-put-response-hop-limit 2");
}

static void a_closed_port_is_told(void **state)
{
	(void)state;
	look_for_metadata();
	kill(server.pid, SIGKILL);
	waitpid(server.pid, NULL, 0);
	assert_fails("refuses connections");
}

static void server_errors_and_half_answers_are_tried_again(void **state)
{
	(void)state;
	look_for_metadata();
	add_token(200, "TOKEN");
	add_role(503, "");
	assert_fails("HTTP 503");
	assert_in_range(credentials_wait_ms(rig.credentials), 1, 2000);
	assert_true(credentials_coming(rig.credentials));
	add_role(200, "signer")->way = PLAIN_HALF;
	pass(3);
	assert_script_done();
	add_role(200, "signer");
	add_keys(200, set_of("AKIDONE", 3600))->way = PLAIN_CLOSE;
	pass(5);
	assert_script_done();
	assert_null(credentials_now(rig.credentials));
	add_good("AKIDONE", 3600);
	pass(9);
	assert_script_done();
	assert_uses("AKIDONE", "secret-of-AKIDONE", "token-of-AKIDONE");
}

/* What a service may answer instead of what was asked for, and the word for it. */
static const struct {
	int status;
	enum plain_way way;
	const char *why;
} failures[] = {
	{ 401, PLAIN_WHOLE, "HTTP 401" },
	{ 403, PLAIN_WHOLE, "HTTP 403" },
	{ 404, PLAIN_WHOLE, "HTTP 404" },
	{ 500, PLAIN_WHOLE, "HTTP 500" },
	{ 502, PLAIN_WHOLE, "HTTP 502" },
	{ 503, PLAIN_WHOLE, "HTTP 503" },
	{ 504, PLAIN_WHOLE, "HTTP 504" },
	{ 200, PLAIN_HALF, "http://127.0.0.1:" },
	{ 200, PLAIN_CLOSE, "http://127.0.0.1:" },
	{ 200, PLAIN_SILENCE, "http://127.0.0.1:" },
};
#define FAILURES (sizeof failures / sizeof failures[0])

static void begin_script(void)
{
	server.script->count = server.script->next = 0;
}

/* 0: token, 1: role, 2: keys. */
static void add_failure(unsigned step, size_t which)
{
	struct plain_step *at;

	if (step == 2)
		add_role(200, "signer");
	at = step == 0	 ? add_token(failures[which].status, "a token, or half")
	     : step == 1 ? add_role(failures[which].status, "signer, or half")
			 : add_keys(failures[which].status, set_of("AKIDHALF", 3600));
	at->way = failures[which].way;
}

static void each_failure_at_each_step_is_told_and_got_over(void **state)
{
	unsigned step;
	size_t i;

	(void)state;
	for (step = 0; step < 3; step++)
		for (i = 0; i < FAILURES; i++) {
			if (failures[i].way == PLAIN_SILENCE && step != 2)
				continue; /* it takes its time, and is always the same */
			begin_script();
			look_for_metadata();
			if (step > 0)
				add_token(200, "TOKEN");
			add_failure(step, i);
			if (step > 0 && failures[i].status == 401) {
				add_token(200, "TOKEN");
				add_failure(step, i);
			}
			assert_fails(failures[i].why);
			assert_true(credentials_coming(rig.credentials));
			if (step == 0 || failures[i].status == 401)
				add_token(200, "TOKEN");
			add_good("AKIDONE", 3600);
			pass(3);
			assert_script_done();
			assert_uses("AKIDONE", "secret-of-AKIDONE", "token-of-AKIDONE");
		}
}

static void a_token_that_has_ended_is_asked_for_anew(void **state)
{
	(void)state;
	use_of_metadata("AKIDONE", 30000);
	add_token(200, "TOKEN");
	add_good("AKIDTWO", 60000);
	pass(29701);
	assert_script_done();
	assert_uses("AKIDTWO", "secret-of-AKIDTWO", "token-of-AKIDTWO");
}

/* A listener whose queue is full drops what comes, as a firewall does. */
static void what_is_dropped_on_the_way_is_no_service(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t length = sizeof address;
	char endpoint[96];
	int fds[4], i;

	(void)state;
	for (i = 0; i < 4; i++)
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fds[0], (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(fds[0], 0), 0);
	assert_int_equal(getsockname(fds[0], (struct sockaddr *)&address, &length), 0);
	for (i = 1; i < 4; i++)
		(void)connect(fds[i], (struct sockaddr *)&address, length);
	snprintf(endpoint, sizeof endpoint,
	    "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:%u",
	    ntohs(address.sin_port));
	assert_true(LOOK(endpoint));
	assert_fails("is not there: this is no EC2 instance, or a firewall drops");
	for (i = 0; i < 4; i++)
		close(fds[i]);
}

static void failures_come_further_and_further_apart(void **state)
{
	int i, waits[8];

	(void)state;
	look_for_metadata();
	for (i = 0; i < 8; i++) {
		add_token(500, "");
		pass(i == 0 ? 0 : waits[i - 1] + 1);
		assert_script_done();
		waits[i] = due();
		assert_int_equal(credentials_failing(rig.credentials), i >= 2);
	}
	assert_in_range(waits[0], 0, 2);
	assert_in_range(waits[3], 7, 16);
	assert_in_range(waits[7], 15, 32);
	assert_false(credentials_coming(rig.credentials));
	add_token(200, "TOKEN");
	add_good("AKIDONE", 3600);
	pass(waits[7] + 1);
	assert_script_done();
	assert_false(credentials_failing(rig.credentials));
}

static void what_is_no_set_is_refused(void **state)
{
	static const struct {
		const char *body, *why;
	} bad[] = { { "<html>", "it is no JSON" }, { "", "it is no JSON" },
		{ "[]", "AccessKeyId, SecretAccessKey or Token is missing" },
		{ "{\"Code\":\"Success\",\"AccessKeyId\":\"A\"}", "is missing" },
		{ "{\"Code\":\"AssumeRoleUnauthorizedAccess\",\"Message\":\"no trust\"}",
		    "role signer: AssumeRoleUnauthorizedAccess: no trust" },
		{ "{\"Code\":\"Success\",\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\","
		  "\"Token\":\"T\"}",
		    "Expiration is missing" },
		{ "{\"Code\":\"Success\",\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\","
		  "\"Token\":\"T\",\"Expiration\":\"soon\"}",
		    "Expiration is missing, or no time" },
		{ "{\"Code\":\"Success\",\"AccessKeyId\":\"A "
		  "B\",\"SecretAccessKey\":\"S\","
		  "\"Token\":\"T\",\"Expiration\":\"2040-01-01T00:00:00Z\"}",
		    "the access key id is none" } };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		look_for_metadata();
		add_token(200, "TOKEN");
		add_role(200, "signer");
		add_keys(200, bad[i].body);
		assert_fails(bad[i].why);
	}
}

static void a_role_s_name_is_no_path(void **state)
{
	static const char *const bad[] = { "", "../secret", "a b", "a?x=1", "a\r\nb/",
		"01234567890123456789012345678901234567890123456789012345678901234" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		look_for_metadata();
		add_token(200, "TOKEN");
		add_role(200, bad[i]);
		assert_fails("names no role");
	}
}

static void a_token_that_is_none_is_not_sent(void **state)
{
	(void)state;
	look_for_metadata();
	add_token(200, "");
	assert_fails("gives no token");
	look_for_metadata();
	add_token(200, "TOKEN\r\nHost: other");
	assert_fails("gives no token");
}

static void a_dead_service_leaves_what_it_gave_last(void **state)
{
	(void)state;
	use_of_metadata("AKIDONE", 3600);
	add_role(500, "");
	pass(3301);
	assert_script_done();
	assert_uses("AKIDONE", "secret-of-AKIDONE", "token-of-AKIDONE");
	assert_in_range(due(), 0, 2);
	add_role(500, "");
	pass(300); /* they have expired, by now */
	assert_script_done();
	assert_uses("AKIDONE", "secret-of-AKIDONE", "token-of-AKIDONE");
	assert_in_range(due(), 299, 600);
	add_good("AKIDTWO", 3600);
	pass(601);
	assert_script_done();
	assert_uses("AKIDTWO", "secret-of-AKIDTWO", "token-of-AKIDTWO");
}

static void expired_ones_that_it_gives_are_used(void **state)
{
	(void)state;
	use_of_metadata("AKIDONE", -10);
	assert_script_done();
	assert_uses("AKIDONE", "secret-of-AKIDONE", "token-of-AKIDONE");
	assert_in_range(due(), 299, 600);
}

static void a_set_that_aws_refused_is_fetched_anew(void **state)
{
	uint64_t number;

	(void)state;
	use_of_metadata("AKIDONE", 3600);
	number = credentials_now(rig.credentials)->number;
	assert_true(credentials_rejected(rig.credentials, number, clock_boot_ns()));
	assert_null(credentials_now(rig.credentials));
	assert_true(credentials_coming(rig.credentials));
	add_good("AKIDTWO", 3600);
	pass(2);
	assert_script_done();
	assert_uses("AKIDTWO", "secret-of-AKIDTWO", "token-of-AKIDTWO");
	/* Many calls were under way with the old ones: one fetch was enough. */
	assert_true(credentials_rejected(rig.credentials, number, clock_boot_ns()));
	run();
	assert_script_done();
}

static void a_refused_set_that_the_service_stands_by_is_tried_once_more(void **state)
{
	uint64_t number;

	(void)state;
	use_of_metadata("AKIDONE", 3600);
	number = credentials_now(rig.credentials)->number;
	assert_true(credentials_rejected(rig.credentials, number, clock_boot_ns()));
	assert_null(credentials_now(rig.credentials));
	add_good("AKIDONE", 3600);
	pass(2);
	assert_script_done();
	assert_uses("AKIDONE", "secret-of-AKIDONE", "token-of-AKIDONE");
	assert_true(credentials_rejected(rig.credentials, number, clock_boot_ns()));
	add_good("AKIDONE", 3600);
	pass(4);
	assert_script_done();
	assert_null(credentials_now(rig.credentials));
	assert_said(credentials_why(rig.credentials), "does not take the credentials");
	pass(15);
	assert_uses("AKIDONE", "secret-of-AKIDONE", "token-of-AKIDONE");
}

static void one_fetch_is_under_way_at_most(void **state)
{
	int i;

	(void)state;
	look_for_metadata();
	add_token(200, "TOKEN");
	add_good("AKIDONE", 3600);
	for (i = 0; i < 50; i++)
		credentials_turn(rig.credentials, NULL, 0);
	run();
	assert_script_done();
	for (i = 0; i < 50; i++)
		credentials_turn(rig.credentials, NULL, 0);
	run();
	assert_script_done();
}

static void endpoints_of_metadata_are_addresses(void **state)
{
	struct credentials_needs needs;

	(void)state;
	assert_false(LOOK("AWS_EC2_METADATA_SERVICE_ENDPOINT=http://name/"));
	assert_refused("must be http:// and an address");
	assert_false(LOOK("AWS_EC2_METADATA_SERVICE_ENDPOINT=https://127.0.0.1/"));
	assert_refused("must be http:// and an address");
	assert_false(LOOK("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=IPv5"));
	assert_refused("must be IPv4 or IPv6");
	assert_false(LOOK("AWS_EC2_METADATA_DISABLED=yes"));
	assert_refused("AWS_EC2_METADATA_DISABLED must be true or false");
	assert_true(LOOK("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=ipv6"));
	credentials_needs(rig.credentials, &needs);
	assert_int_equal(needs.port, 80);
	assert_string_equal(needs.guarded, "fd00:ec2::254");
	assert_true(LOOK("AWS_EC2_METADATA_SERVICE_ENDPOINT=http://[fd00:ec2::254]:81"));
	credentials_needs(rig.credentials, &needs);
	assert_int_equal(needs.port, 81);
}

/* ---- containers ---- */

static void a_container_s_endpoint_is_asked_with_its_token(void **state)
{
	(void)state;
	look_for_container("AWS_CONTAINER_AUTHORIZATION_TOKEN=Basic abc");
	add("GET /get?a=b HTTP", "Authorization: Basic abc\r\n", 200, "",
	    set_of("AKIDONE", 3600));
	run();
	assert_script_done();
	assert_uses("AKIDONE", "secret-of-AKIDONE", "token-of-AKIDONE");
	assert_string_equal(
	    credentials_now(rig.credentials)->source, "container endpoint");
}

static void a_token_file_is_read_each_time(void **state)
{
	char variable[300];

	(void)state;
	snprintf(variable, sizeof variable, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=%s",
	    rig_path("token"));
	rig_write("token", "first", 0600);
	look_for_container(variable);
	add("GET /get", "Authorization: first\r\n", 200, "", set_of("AKIDONE", 3600));
	run();
	rig_write("token", "second", 0644); /* as Kubernetes has it */
	add("GET /get", "Authorization: second\r\n", 200, "", set_of("AKIDTWO", 6600));
	pass(3301);
	assert_script_done();
	assert_uses("AKIDTWO", "secret-of-AKIDTWO", "token-of-AKIDTWO");
}

static void a_token_file_that_can_t_be_used_is_told(void **state)
{
	char variable[300];

	(void)state;
	snprintf(variable, sizeof variable, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=%s",
	    rig_path("token"));
	look_for_container(variable);
	assert_fails("token is not there");
	rig_write("token", "two\r\nlines: x", 0600);
	look_for_container(variable);
	assert_fails("has a line break in it");
	rig_write("token", "first", 0660);
	look_for_container(variable);
	assert_fails("others may write to");
	rig_write("token", "", 0600);
	look_for_container(variable);
	assert_fails("is empty");
}

static void a_token_with_a_line_break_stops_the_chain(void **state)
{
	(void)state;
	assert_false(LOOK("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/a",
	    "AWS_CONTAINER_AUTHORIZATION_TOKEN=a\r\nHost: b"));
	assert_refused("has a line break in it");
}

static void containers_are_asked_at_allowed_addresses_alone(void **state)
{
	static const char *const bad[] = { "http://169.254.169.254/a",
		"http://10.0.0.1/a", "http://example.com/a",
		"http://127.0.0.1.example.com/a", "ftp://127.0.0.1/",
		"http://user@127.0.0.1/", "http://[::2]/", "http://169.254.170.2:0/",
		"http://169.254.170.2:99999/", "file:///etc/passwd", "http://a b/" };
	static const char *const good[] = { "http://169.254.170.2/a",
		"http://169.254.170.23/v1/credentials", "http://[fd00:ec2::23]/v1",
		"http://127.1.2.3:8080/", "http://[::1]:1/", "http://localhost/a",
		"https://example.com/a" };
	struct credentials_needs needs;
	char variable[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		snprintf(variable, sizeof variable,
		    "AWS_CONTAINER_CREDENTIALS_FULL_URI=%s", bad[i]);
		assert_false(LOOK(variable));
		assert_refused("AWS_CONTAINER_CREDENTIALS_FULL_URI");
	}
	for (i = 0; i < sizeof good / sizeof good[0]; i++) {
		snprintf(variable, sizeof variable,
		    "AWS_CONTAINER_CREDENTIALS_FULL_URI=%s", good[i]);
		assert_true(LOOK(variable));
	}
	credentials_needs(rig.credentials, &needs);
	assert_string_equal(needs.host, "example.com");
	assert_int_equal(needs.port, 443);
	assert_false(LOOK("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=@10.0.0.1/"));
	assert_refused("must be a path");
}

static void a_container_s_refusal_is_told_in_its_words(void **state)
{
	cJSON *report;

	(void)state;
	look_for_container(NULL);
	add("GET /get", "", 403, "",
	    "{\"code\":\"Denied\",\"message\":\"not this task\"}");
	assert_fails("HTTP 403: not this task");
	look_for_container(NULL);
	add("GET /get", "", 403, "", "{\"message\":\"a\\n\xff\\u001bb\"}");
	assert_fails("HTTP 403: a");
	report = credentials_report(rig.credentials);
	assert_said(json_member_text(report, "why"), "HTTP 403: a???b");
	cJSON_Delete(report);
	look_for_container(NULL);
	add("GET /get", "", 200, "", "nonsense");
	assert_fails("it is no JSON");
	look_for_container(NULL);
	add("GET /get", "", 500, "", "")->way = PLAIN_HALF;
	run();
	assert_null(credentials_now(rig.credentials));
}

static void each_failure_of_a_container_s_endpoint_is_told_and_got_over(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < FAILURES; i++) {
		begin_script();
		look_for_container(NULL);
		add("GET /get", "", failures[i].status, "", set_of("AKIDHALF", 3600))
		    ->way = failures[i].way;
		assert_fails(failures[i].why);
		assert_true(credentials_coming(rig.credentials));
		add("GET /get", "", 200, "", set_of("AKIDONE", 3600));
		pass(3);
		assert_script_done();
		assert_uses("AKIDONE", "secret-of-AKIDONE", "token-of-AKIDONE");
	}
}

static void a_dead_container_s_endpoint_leaves_what_it_gave_last(void **state)
{
	int i;

	(void)state;
	look_for_container(NULL);
	add("GET /get", "", 200, "", set_of("AKIDONE", 3600));
	for (i = 0; i < 50; i++)
		credentials_turn(rig.credentials, NULL, 0);
	run();
	assert_script_done();
	assert_in_range(due(), 3600 - 601, 3600 - 300);
	add("GET /get", "", 503, "", "");
	pass(3601);
	assert_script_done();
	assert_uses("AKIDONE", "secret-of-AKIDONE", "token-of-AKIDONE");
	assert_in_range(due(), 299, 600);
	add("GET /get", "", 200, "", set_of("AKIDTWO", 3600));
	pass(601);
	assert_uses("AKIDTWO", "secret-of-AKIDTWO", "token-of-AKIDTWO");
}

static void assume(const char *id, int lives)
{
	char body[512];
	struct aws_answer answer = { .good = true, .body = body };

	snprintf(body, sizeof body,
	    "{\"AssumeRoleResponse\":{\"AssumeRoleResult\":{\"Credentials\":{"
	    "\"AccessKeyId\":\"%s\",\"SecretAccessKey\":\"secret-of-%s\","
	    "\"SessionToken\":\"token-of-%s\",\"Expiration\":%lld}}}}",
	    id, id, id, (long long)clock_wall_seconds() + lives);
	answer.length = strlen(body);
	sts.done(sts.context, &answer);
}

/* AWS extends what it gave itself, and no role that was assumed with that. */
static void a_role_assumed_with_a_container_s_set_is_not_used_beyond_its_end(void **state)
{
	char uri[96];

	(void)state;
	snprintf(uri, sizeof uri,
	    "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:%u/get?a=b",
	    server.port);
	rig_write(".aws/config",
	    "[default]\nrole_arn = arn:aws:iam::1:role/a\n"
	    "credential_source = EcsContainer\n",
	    0644);
	assert_true(LOOK(uri));
	credentials_call_through(rig.credentials, (struct aws *)&sts);
	add("GET /get", "", 200, "", set_of("AKIDBASE", 3600));
	run();
	assume("ASIAROLE", 900);
	assert_uses("ASIAROLE", "secret-of-ASIAROLE", "token-of-ASIAROLE");
	add("GET /get", "", 503, "", "");
	pass(700);
	assert_script_done();
	assert_uses("ASIAROLE", "secret-of-ASIAROLE", "token-of-ASIAROLE");
	add("GET /get", "", 503, "", "");
	pass(201);
	assert_null(credentials_now(rig.credentials));
	assert_said(credentials_why(rig.credentials), "HTTP 503");
}

static void a_profile_can_name_these_sources(void **state)
{
	char endpoint[96];
	struct credentials_needs needs;

	(void)state;
	snprintf(endpoint, sizeof endpoint,
	    "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:%u", server.port);
	rig_write(".aws/config",
	    "[default]\nrole_arn = arn:aws:iam::1:role/a\n"
	    "credential_source = Ec2InstanceMetadata\n",
	    0644);
	assert_true(LOOK(endpoint));
	credentials_needs(rig.credentials, &needs);
	assert_true(needs.sts);
	assert_int_equal(needs.port, server.port);
	rig_write(".aws/config",
	    "[default]\nrole_arn = arn:aws:iam::1:role/a\n"
	    "credential_source = EcsContainer\n",
	    0644);
	assert_false(LOOK(endpoint));
	assert_refused("AWS_CONTAINER_CREDENTIALS_FULL_URI are not set");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(metadata_gives_the_credentials_of_the_role),
		TEST(a_set_is_renewed_five_to_ten_minutes_ahead),
		TEST(a_renewed_set_replaces_the_old_one),
		TEST(short_lives_are_renewed_at_half),
		TEST(the_same_set_is_asked_for_again_soon),
		TEST(a_token_that_is_refused_is_asked_for_once_more),
		TEST(a_token_that_is_refused_twice_is_given_up),
		TEST(a_disabled_service_is_told_with_its_option),
		TEST(an_instance_without_a_role_is_told),
		TEST(version_one_is_never_used),
		TEST(silence_hints_at_the_hop_limit),
		TEST(a_closed_port_is_told),
		TEST(server_errors_and_half_answers_are_tried_again),
		TEST(each_failure_at_each_step_is_told_and_got_over),
		TEST(a_token_that_has_ended_is_asked_for_anew),
		TEST(what_is_dropped_on_the_way_is_no_service),
		TEST(failures_come_further_and_further_apart),
		TEST(what_is_no_set_is_refused),
		TEST(a_role_s_name_is_no_path),
		TEST(a_token_that_is_none_is_not_sent),
		TEST(a_dead_service_leaves_what_it_gave_last),
		TEST(expired_ones_that_it_gives_are_used),
		TEST(a_set_that_aws_refused_is_fetched_anew),
		TEST(a_refused_set_that_the_service_stands_by_is_tried_once_more),
		TEST(one_fetch_is_under_way_at_most),
		TEST(endpoints_of_metadata_are_addresses),
		TEST(a_container_s_endpoint_is_asked_with_its_token),
		TEST(a_token_file_is_read_each_time),
		TEST(a_token_file_that_can_t_be_used_is_told),
		TEST(a_token_with_a_line_break_stops_the_chain),
		TEST(containers_are_asked_at_allowed_addresses_alone),
		TEST(a_container_s_refusal_is_told_in_its_words),
		TEST(each_failure_of_a_container_s_endpoint_is_told_and_got_over),
		TEST(a_dead_container_s_endpoint_leaves_what_it_gave_last),
		TEST(a_role_assumed_with_a_container_s_set_is_not_used_beyond_its_end),
		TEST(a_profile_can_name_these_sources),
	};
	struct failure failure;

	signal(SIGPIPE, SIG_IGN);
	wiped_memory_start();
	if (!secret_memory_start(&failure))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
