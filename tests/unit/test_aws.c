/* broker/aws.c, with an HTTP pool, credentials and clocks that this test plays. */
#include "broker/aws.h"
#include "broker/clocks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ONE_MS	  UINT64_C(1000000)
#define NOON	  INT64_C(1440938160) /* Sun, 30 Aug 2015 12:36:00 GMT */
#define NOON_TEXT "Sun, 30 Aug 2015 12:36:00 GMT"

/* ---- the world ---- */

struct sent {
	http_done *done;
	void *context;
	uint64_t timeout_ms;
	char resolve[128], body[256], fields[4096];
};

static struct {
	uint64_t boot_ns;
	int64_t wall;
	struct sent sent[HTTP_TRANSFERS_MAX];
	unsigned count, all; /* under way; ever */
	struct aws_credentials credentials;
	bool have, coming, renewable, proxied, unsendable;
	unsigned rejected, unreachable;
} world;

static void on_unreachable(void *context, enum aws_service service);

uint64_t clock_boot_ns(void)
{
	return world.boot_ns;
}

uint64_t clock_wall_us(void)
{
	return (uint64_t)world.wall * 1000000;
}

int64_t clock_wall_seconds(void)
{
	return world.wall;
}

const struct aws_credentials *credentials_now(struct credentials *credentials)
{
	(void)credentials;
	return world.have ? &world.credentials : NULL;
}

bool credentials_rejected(
    struct credentials *credentials, uint64_t number, uint64_t sent_ns)
{
	(void)credentials;
	assert_true(sent_ns > 0 && sent_ns <= clock_boot_ns());
	assert_int_equal(number, world.credentials.number);
	world.rejected++;
	if (world.renewable)
		world.credentials.number++;
	return world.renewable;
}

bool credentials_coming(const struct credentials *credentials)
{
	(void)credentials;
	return world.coming;
}

const char *credentials_why(const struct credentials *credentials)
{
	(void)credentials;
	return "no source has credentials";
}

bool http_send(
    struct http *http, const struct http_request *request, http_done *done, void *context)
{
	struct sent *sent = &world.sent[world.count];
	size_t i;

	(void)http;
	if (world.unsendable)
		return false;
	assert_true(world.count < HTTP_TRANSFERS_MAX);
	*sent = (struct sent){ done, context, request->timeout_ms, "", "", "" };
	snprintf(sent->resolve, sizeof sent->resolve, "%s", request->resolve);
	snprintf(sent->body, sizeof sent->body, "%.*s", (int)request->length,
	    (const char *)request->body);
	for (i = 0; i < request->fields_count; i++) {
		strcat(sent->fields, request->fields[i].name);
		strcat(sent->fields, ": ");
		strcat(sent->fields, request->fields[i].value);
		strcat(sent->fields, "\n");
	}
	world.count++;
	world.all++;
	return true;
}

bool http_proxied(const struct http *http)
{
	(void)http;
	return world.proxied;
}

unsigned http_under_way(const struct http *http)
{
	(void)http;
	return world.count;
}

unsigned http_fill(const struct http *http, struct pollfd *out)
{
	(void)http;
	(void)out;
	return 0;
}

int http_wait_ms(const struct http *http)
{
	(void)http;
	return -1;
}

void http_turn(struct http *http, const struct pollfd *polled, unsigned count)
{
	(void)http;
	(void)polled;
	(void)count;
}

/* ---- the rig ---- */

struct got {
	unsigned calls;
	struct aws_answer answer;
	char body[256], request_id[64];
};

static struct audit_log log_of_tests;
static struct aws *aws;
static unsigned waited; /* ms, for what was made again */

static void on_done(void *context, const struct aws_answer *answer)
{
	struct got *got = context;

	got->calls++;
	got->answer = *answer;
	snprintf(got->body, sizeof got->body, "%s", answer->body);
	snprintf(got->request_id, sizeof got->request_id, "%s", answer->request_id);
}

static int begin_without_addresses(void **state)
{
	struct aws_settings settings = {
		.region = "us-east-1", .log = &log_of_tests, .unreachable = on_unreachable
	};
	const struct aws_endpoint_choice choice = { "us-east-1", false, false, NULL };
	struct failure failure;
	int service;

	(void)state;
	waited = 0;
	memset(&world, 0, sizeof world);
	world.boot_ns = 1000 * SECOND_NS;
	world.wall = NOON;
	world.have = world.renewable = true;
	world.credentials = (struct aws_credentials){ "AKIDEXAMPLE", (char *)"secret",
		NULL, INT64_MAX, 1, "test" };
	log_of_tests.sequence = 42;
	strcpy(log_of_tests.hash, "0123456789abcdef0123456789abcdef");
	for (service = 0; service < AWS_SERVICE_COUNT; service++)
		assert_true(aws_endpoint_make(&settings.endpoint[service],
		    (enum aws_service)service, &choice, &failure));
	aws = aws_new(&settings, &failure);
	assert_non_null(aws);
	return 0;
}

static int begin(void **state)
{
	begin_without_addresses(state);
	aws_addresses(aws, AWS_KMS, "192.0.2.1");
	aws_addresses(aws, AWS_STS, "192.0.2.2");
	return 0;
}

static struct aws_request request(void)
{
	return (struct aws_request){ .service = AWS_KMS,
		.target = "TrentService.Sign",
		.body = "{\"KeyId\":\"k\"}",
		.length = 13,
		.deadline_ns = world.boot_ns + 5 * SECOND_NS };
}

/* Who waits for a call; end() may answer it once the test is over. */
static struct got *waiter(void)
{
	static struct got got;

	memset(&got, 0, sizeof got);
	return &got;
}

static struct got ask(const struct aws_request *what)
{
	struct got *got = waiter();

	assert_true(aws_call(aws, what, on_done, got));
	aws_turn(aws, NULL, 0);
	return *got;
}

/* The oldest transfer ends with this. */
static void answer(long status, const char *body, const char *date, const char *hint)
{
	struct http_answer http = { .status = status,
		.why = "it broke",
		.sent = true,
		.body = body,
		.length = strlen(body),
		.kept = { date, "id-1", "", hint, "" } };
	struct sent first = world.sent[0];

	assert_true(world.count > 0);
	world.count--;
	memmove(world.sent, world.sent + 1, world.count * sizeof first);
	first.done(first.context, &http);
}

/* What is still under way ends first. */
static int end(void **state)
{
	(void)state;
	while (world.count > 0)
		answer(403, "", "", "");
	aws_free(aws);
	return 0;
}

/* Time passes until the call that waits is due; how long that was. */
static uint64_t wait_ms(void)
{
	const int ms = aws_wait_ms(aws);

	assert_true(ms >= 0);
	world.boot_ns += (uint64_t)ms * ONE_MS;
	aws_turn(aws, NULL, 0);
	return (uint64_t)ms;
}

#define FAULT(code) "{\"__type\":\"" code "\",\"message\":\"m\"}"

/* ---- promises ---- */

static void a_request_is_signed_and_bears_witness(void **state)
{
	struct aws_request what = request();
	struct got *got = waiter();

	(void)state;
	world.credentials.token = (char *)"session";
	assert_true(aws_call(aws, &what, on_done, got));
	got->calls = 0;
	aws_turn(aws, NULL, 0);
	assert_int_equal(world.count, 1);
	assert_string_equal(
	    world.sent[0].resolve, "kms.us-east-1.amazonaws.com:443:192.0.2.1");
	assert_string_equal(world.sent[0].body, "{\"KeyId\":\"k\"}");
	assert_non_null(
	    strstr(world.sent[0].fields, "X-Amz-Target: TrentService.Sign\n"));
	assert_non_null(strstr(world.sent[0].fields, "X-Amz-Date: 20150830T123600Z\n"));
	assert_non_null(strstr(world.sent[0].fields, "X-Amz-Security-Token: session\n"));
	assert_non_null(
	    strstr(world.sent[0].fields, "User-Agent: privyseal/" PRIVYSEAL_VERSION
					 " seq/42 head/0123456789abcdef\n"));
	assert_non_null(strstr(world.sent[0].fields,
	    "Authorization: AWS4-HMAC-SHA256 "
	    "Credential=AKIDEXAMPLE/20150830/us-east-1/kms/aws4_request, "
	    "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-"
	    "target, "
	    "Signature="));
	assert_null(strstr(world.sent[0].fields, "secret"));
	assert_int_equal(world.sent[0].timeout_ms, AWS_ATTEMPT_MS);
	answer(200, "{\"ok\":1}", NOON_TEXT, "");
	assert_int_equal(got->calls, 1);
	assert_true(got->answer.good);
	assert_string_equal(got->body, "{\"ok\":1}");
	assert_string_equal(got->request_id, "id-1");
	assert_int_equal(got->answer.attempts, 1);
	assert_int_equal(aws_under_way(aws), 0);
}

static void a_form_is_answered_in_json(void **state)
{
	struct aws_request what = request();
	struct got got;

	(void)state;
	what.service = AWS_STS;
	what.target = NULL;
	got = ask(&what);
	assert_int_equal(got.calls, 0);
	assert_non_null(strstr(world.sent[0].fields,
	    "Content-Type: application/x-www-form-urlencoded; charset=utf-8\n"));
	assert_non_null(strstr(world.sent[0].fields, "Accept: application/json\n"));
	assert_non_null(strstr(world.sent[0].fields, "/us-east-1/sts/aws4_request"));
	assert_null(strstr(world.sent[0].fields, "X-Amz-Target"));
}

static void other_credentials_sign_what_they_are_given_to(void **state)
{
	const struct aws_credentials other = { "AKIDOTHER", (char *)"other-secret",
		(char *)"other-token", INT64_MAX, 7, "test" };
	struct aws_request what = request();
	struct got got;

	(void)state;
	/* They need no others, and the set in use is not blamed for their refusal. */
	world.have = world.coming = false;
	what.service = AWS_STS;
	what.target = NULL;
	what.with = &other;
	got = ask(&what);
	assert_int_equal(got.calls, 0);
	assert_int_equal(world.count, 1);
	assert_non_null(strstr(world.sent[0].fields, "Credential=AKIDOTHER/"));
	assert_non_null(
	    strstr(world.sent[0].fields, "X-Amz-Security-Token: other-token\n"));
	answer(403, FAULT("ExpiredTokenException"), NOON_TEXT, "");
	assert_int_equal(world.rejected, 0);
	assert_int_equal(aws_under_way(aws), 0);
}

static void an_anonymous_call_is_not_signed(void **state)
{
	struct aws_request what = request();
	struct got got;

	(void)state;
	world.have = world.coming = false;
	what.service = AWS_STS;
	what.target = NULL;
	what.anonymous = true;
	got = ask(&what);
	assert_int_equal(got.calls, 0);
	assert_int_equal(world.count, 1);
	assert_null(strstr(world.sent[0].fields, "Authorization"));
	assert_null(strstr(world.sent[0].fields, "X-Amz-Security-Token"));
	answer(200, "{}", NOON_TEXT, "");
	assert_int_equal(aws_under_way(aws), 0);
	/* A clock that is wrong, or nobody's credentials: no further try than others. */
	got = ask(&what);
	answer(403, FAULT("UnrecognizedClientException"), NOON_TEXT, "");
	assert_int_equal(aws_under_way(aws), 0);
	assert_int_equal(world.rejected, 0);
}

static struct got run(const struct aws_request *what, const char *const *faults)
{
	struct got *got = waiter();

	assert_true(aws_call(aws, what, on_done, got));
	aws_turn(aws, NULL, 0);
	for (; *faults && world.count > 0; faults++) {
		if (strcmp(*faults, "lost") == 0)
			answer(0, "", "", "");
		else if (strcmp(*faults, "good") == 0)
			answer(200, "{}", NOON_TEXT, "");
		else
			answer(400, *faults, NOON_TEXT, "");
		if (got->calls == 0 && world.count == 0)
			waited += (unsigned)wait_ms();
	}
	return *got;
}

static void transient_faults_are_retried(void **state)
{
	const char *const faults[] = { FAULT("KMSInternalException"), "lost", "good",
		NULL };
	const struct aws_request what = request();
	struct got got = run(&what, faults);

	(void)state;
	assert_int_equal(got.calls, 1);
	assert_true(got.answer.good);
	assert_int_equal(got.answer.attempts, 3);
	assert_true(got.answer.lost);
	assert_true(waited <= 150);
}

static void a_third_failure_is_the_last(void **state)
{
	const char *const faults[] = { FAULT("ThrottlingException"),
		FAULT("ThrottlingException"), FAULT("ThrottlingException"), "good",
		NULL };
	const struct aws_request what = request();
	struct got got = run(&what, faults);

	(void)state;
	assert_int_equal(got.calls, 1);
	assert_false(got.answer.good);
	assert_true(got.answer.retryable);
	assert_false(got.answer.lost);
	assert_int_equal(got.answer.attempts, 3);
	assert_int_equal(got.answer.error.fault, AWS_FAULT_THROTTLED);
	assert_string_equal(got.answer.why, "kms.us-east-1.amazonaws.com: "
					    "ThrottlingException, HTTP 400: m");
	/* AWS's own words, who asked among them, are for root. */
	got.answer.why[got.answer.open] = '\0';
	assert_string_equal(got.answer.why, "kms.us-east-1.amazonaws.com: "
					    "ThrottlingException, HTTP 400");
}

static void a_final_fault_is_not_retried(void **state)
{
	const char *const faults[] = { FAULT("AccessDeniedException"), "good", NULL };
	const struct aws_request what = request();
	struct got got = run(&what, faults);

	(void)state;
	assert_int_equal(got.calls, 1);
	assert_false(got.answer.good);
	assert_false(got.answer.retryable);
	assert_int_equal(got.answer.attempts, 1);
	/* Whoever reads it knows what to permit, though AWS has not said it here. */
	assert_non_null(strstr(got.answer.why,
	    "kms:Sign is not permitted (SignDigests of `privyseal iam-policy`); "
	    "AccessDeniedException"));
	assert_string_equal(got.answer.error.action, "kms:Sign");
}

static void what_may_have_been_done_once_is_not_done_again(void **state)
{
	const char *const lost[] = { "lost", "good", NULL };
	const char *const internal[] = { FAULT("KMSInternalException"), "good", NULL };
	const char *const throttled[] = { FAULT("ThrottlingException"), "good", NULL };
	const char *const *const doubtful[] = { lost, internal };
	struct aws_request what = request();
	unsigned i;
	struct got got;

	(void)state;
	what.once = true;
	for (i = 0; i < 2; i++) {
		got = run(&what, doubtful[i]);
		assert_int_equal(got.calls, 1);
		assert_false(got.answer.good);
		assert_true(got.answer.lost);
		assert_int_equal(got.answer.attempts, 1);
	}
	got = run(&what, throttled);
	assert_true(got.answer.good);
	assert_int_equal(got.answer.attempts, 2);
}

static void expired_credentials_are_renewed_once(void **state)
{
	const char *const once[] = { FAULT("ExpiredTokenException"), "good", NULL };
	const char *const twice[] = { FAULT("ExpiredTokenException"),
		FAULT("ExpiredTokenException"), "good", NULL };
	const struct aws_request what = request();
	struct got got = run(&what, once);

	(void)state;
	assert_true(got.answer.good);
	assert_int_equal(world.rejected, 1);
	got = run(&what, twice);
	assert_false(got.answer.good);
	assert_int_equal(got.answer.attempts, 2);
	assert_int_equal(world.rejected, 3); /* of each refusal they hear */
	world.renewable = false;
	got = run(&what, once);
	assert_false(got.answer.good);
	assert_int_equal(got.answer.attempts, 1);
	assert_int_equal(waited, 0);
}

static void a_wrong_clock_is_corrected_once_and_known(void **state)
{
	const char *const faults[] = { FAULT("RequestTimeTooSkewed"), NULL };
	const struct aws_request what = request();
	struct got got;
	int64_t skew;

	(void)state;
	assert_false(aws_skew(aws, &skew));
	world.wall = NOON - 3600;
	run(&what, faults);
	assert_true(aws_skew(aws, &skew));
	assert_int_equal(skew, 3600);
	assert_int_equal(world.count, 1);
	assert_non_null(strstr(world.sent[0].fields, "X-Amz-Date: 20150830T123600Z\n"));
	answer(400, FAULT("RequestTimeTooSkewed"), NOON_TEXT, "");
	assert_int_equal(world.count, 0);
	assert_int_equal(aws_under_way(aws), 0);
	/* Once our clock is right again, so is what is known of it. */
	world.wall = NOON;
	got = ask(&what);
	answer(200, "{}", NOON_TEXT, "");
	assert_true(aws_skew(aws, &skew));
	assert_int_equal(skew, 0);
	(void)got;
}

static void a_clock_that_was_corrected_is_corrected_back(void **state)
{
	const char *const faults[] = { FAULT("RequestTimeTooSkewed"), "good", NULL };
	const struct aws_request what = request();
	struct got got;

	(void)state;
	world.wall = NOON - 3600;
	got = run(&what, faults);
	assert_true(got.answer.good);
	world.wall = NOON;
	got = run(&what, faults);
	assert_true(got.answer.good);
	assert_int_equal(got.answer.attempts, 2);
}

static void a_small_skew_is_no_reason_to_ask_again(void **state)
{
	const char *const faults[] = { FAULT("RequestTimeTooSkewed"), "good", NULL };
	const struct aws_request what = request();
	struct got got;

	(void)state;
	world.wall = NOON - AWS_SKEW_MAX;
	got = run(&what, faults);
	assert_false(got.answer.good);
	assert_int_equal(got.answer.attempts, 1);
}

static void a_new_key_is_asked_for_until_it_is_known(void **state)
{
	const char *const faults[] = { FAULT("NotFoundException"),
		FAULT("NotFoundException"), FAULT("NotFoundException"),
		FAULT("KMSInvalidStateException"), "good", NULL };
	struct aws_request what = request();
	struct got got;

	(void)state;
	what.settle = true;
	what.deadline_ns = world.boot_ns + 120 * SECOND_NS;
	got = run(&what, faults);
	assert_true(got.answer.good);
	assert_int_equal(waited, 500 + 1000 + 1500 + 2500);
	what.settle = false;
	got = run(&what, faults);
	assert_false(got.answer.good);
	assert_int_equal(got.answer.attempts, 1);
}

static void a_call_ends_at_its_deadline_whatever_it_waits_for(void **state)
{
	struct aws_request what = request();
	struct got *got = waiter();

	(void)state;
	world.have = false;
	world.coming = true;
	assert_true(aws_call(aws, &what, on_done, got));
	aws_turn(aws, NULL, 0);
	assert_int_equal(world.all, 0);
	assert_int_equal(wait_ms(), 5000);
	assert_int_equal(got->calls, 1);
	assert_true(got->answer.out_of_time);
	assert_true(got->answer.retryable);
	assert_string_equal(got->answer.why,
	    "kms.us-east-1.amazonaws.com: no AWS credentials that can be "
	    "used: no source has credentials");
	got->answer.why[got->answer.open] = '\0';
	assert_string_equal(got->answer.why,
	    "kms.us-east-1.amazonaws.com: no AWS credentials that can be used");
	assert_int_equal(got->answer.attempts, 0);
}

static void addresses_are_waited_for_unless_there_is_a_proxy(void **state)
{
	struct aws_request what = request();

	(void)state;
	ask(&what);
	assert_int_equal(world.all, 0);
	world.proxied = true;
	aws_turn(aws, NULL, 0);
	assert_int_equal(world.all, 1);
}

static void without_credentials_to_come_it_fails_at_once(void **state)
{
	const struct aws_request what = request();
	struct got *got = waiter();

	(void)state;
	world.have = false;
	assert_true(aws_call(aws, &what, on_done, got));
	aws_turn(aws, NULL, 0);
	assert_int_equal(got->calls, 1);
	assert_false(got->answer.good);
}

static void attempts_end_with_the_deadline(void **state)
{
	const char *const faults[] = { "lost", NULL };
	struct aws_request what = request();

	(void)state;
	what.deadline_ns = world.boot_ns + 500 * ONE_MS;
	run(&what, faults);
	assert_int_equal(world.count, 1);
	assert_true(world.sent[0].timeout_ms <= 501 - waited);
}

static void a_retry_that_would_be_too_late_is_not_waited_for(void **state)
{
	struct aws_request what = request();
	struct got *got = waiter();

	(void)state;
	what.deadline_ns = world.boot_ns + 100 * ONE_MS;
	assert_true(aws_call(aws, &what, on_done, got));
	aws_turn(aws, NULL, 0);
	answer(400, FAULT("ThrottlingException"), NOON_TEXT, "5000");
	assert_int_equal(got->calls, 1);
	assert_false(got->answer.good);
	assert_int_equal(got->answer.attempts, 1);
}

static void limited_calls_wait_for_their_turn_and_others_pass(void **state)
{
	struct aws_request limited = request(), other = request();
	struct got *got = waiter();
	unsigned i;

	(void)state;
	limited.limited = true;
	aws_limit(aws, 10);
	for (i = 0; i < 15; i++)
		assert_true(aws_call(aws, &limited, on_done, got));
	assert_true(aws_call(aws, &other, on_done, got));
	aws_turn(aws, NULL, 0);
	assert_int_equal(world.all, 11);
	while (world.count > 0)
		answer(200, "{}", NOON_TEXT, "");
	for (i = 0; i < 100 && world.all < 16; i++)
		wait_ms();
	assert_int_equal(world.all, 16);
	assert_true(world.boot_ns >= 1000 * SECOND_NS + 499 * ONE_MS);
	assert_true(world.boot_ns <= 1000 * SECOND_NS + 510 * ONE_MS);
}

static void more_calls_than_transfers_wait_in_order(void **state)
{
	static struct got got[HTTP_TRANSFERS_MAX + 2];
	const struct aws_request what = request();
	unsigned i;

	(void)state;
	memset(got, 0, sizeof got);
	for (i = 0; i < HTTP_TRANSFERS_MAX + 2; i++)
		assert_true(aws_call(aws, &what, on_done, &got[i]));
	aws_turn(aws, NULL, 0);
	assert_int_equal(world.count, HTTP_TRANSFERS_MAX);
	assert_true(aws_wait_ms(aws) > 1000);
	answer(200, "{}", NOON_TEXT, "");
	aws_turn(aws, NULL, 0);
	assert_int_equal(world.all, HTTP_TRANSFERS_MAX + 1);
	while (world.count > 0)
		answer(200, "{}", NOON_TEXT, "");
	assert_int_equal(got[HTTP_TRANSFERS_MAX].calls, 1);
	assert_int_equal(got[HTTP_TRANSFERS_MAX + 1].calls, 0);
}

/* Else the loop would look at it again and again, and do nothing else. */
static void a_late_call_ends_behind_one_that_waits_for_a_transfer(void **state)
{
	static struct got got[HTTP_TRANSFERS_MAX + 1];
	struct aws_request patient = request(), what = request();
	struct got late;
	unsigned i;

	(void)state;
	memset(got, 0, sizeof got);
	memset(&late, 0, sizeof late);
	patient.deadline_ns += 30 * SECOND_NS;
	for (i = 0; i < HTTP_TRANSFERS_MAX + 1; i++)
		assert_true(aws_call(aws, &patient, on_done, &got[i]));
	assert_true(aws_call(aws, &what, on_done, &late));
	aws_turn(aws, NULL, 0);
	assert_int_equal(wait_ms(), 5000);
	assert_int_equal(late.calls, 1);
	assert_true(late.answer.out_of_time);
	assert_true(aws_wait_ms(aws) > 1000);
}

static void what_cannot_be_sent_ends_at_once(void **state)
{
	const struct aws_request what = request();
	struct got got;

	(void)state;
	world.unsendable = true;
	got = ask(&what);
	assert_int_equal(got.calls, 1);
	assert_false(got.answer.good);
	assert_true(got.answer.retryable);
	assert_int_equal(aws_wait_ms(aws), -1);
}

static void calls_have_a_limit(void **state)
{
	const struct aws_request what = request();
	struct got *got = waiter();
	unsigned i;

	(void)state;
	for (i = 0; i < AWS_CALLS_MAX; i++)
		assert_true(aws_call(aws, &what, on_done, got));
	assert_false(aws_call(aws, &what, on_done, got));
	assert_int_equal(aws_under_way(aws), AWS_CALLS_MAX);
}

static void on_unreachable(void *context, enum aws_service service)
{
	(void)context;
	assert_int_equal(service, AWS_KMS);
	world.unreachable++;
}

static void an_endpoint_that_takes_no_connection_is_told(void **state)
{
	struct http_answer nobody = {
		.why = "refused", .body = "", .kept = { "", "", "", "", "" }
	};
	const struct aws_request what = request();

	(void)state;
	ask(&what);
	world.count = 0;
	world.sent[0].done(world.sent[0].context, &nobody);
	assert_int_equal(world.unreachable, 1);
	wait_ms();
	answer(500, "", NOON_TEXT, "");
	assert_int_equal(world.unreachable, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_is_signed_and_bears_witness),
		TEST(a_form_is_answered_in_json),
		TEST(other_credentials_sign_what_they_are_given_to),
		TEST(an_anonymous_call_is_not_signed),
		TEST(transient_faults_are_retried),
		TEST(a_third_failure_is_the_last),
		TEST(a_final_fault_is_not_retried),
		TEST(what_may_have_been_done_once_is_not_done_again),
		TEST(expired_credentials_are_renewed_once),
		TEST(a_wrong_clock_is_corrected_once_and_known),
		TEST(a_clock_that_was_corrected_is_corrected_back),
		TEST(a_small_skew_is_no_reason_to_ask_again),
		TEST(a_new_key_is_asked_for_until_it_is_known),
		TEST(a_call_ends_at_its_deadline_whatever_it_waits_for),
		cmocka_unit_test_setup_teardown(
		    addresses_are_waited_for_unless_there_is_a_proxy,
		    begin_without_addresses, end),
		TEST(without_credentials_to_come_it_fails_at_once),
		TEST(attempts_end_with_the_deadline),
		TEST(a_retry_that_would_be_too_late_is_not_waited_for),
		TEST(limited_calls_wait_for_their_turn_and_others_pass),
		TEST(more_calls_than_transfers_wait_in_order),
		TEST(a_late_call_ends_behind_one_that_waits_for_a_transfer),
		TEST(what_cannot_be_sent_ends_at_once),
		TEST(calls_have_a_limit),
		TEST(an_endpoint_that_takes_no_connection_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
