/* broker/http.c, against a TLS server in a process of its own. */
#include "broker/clocks.h"
#include "broker/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "tests/unit/https_server.h"

#include <cmocka.h>

#define REQUESTS_MAX 100

struct rig {
	struct https_server server;
	struct http *http;
	char url[64], resolve[64];
};

/* One that was asked for, and what came of it. */
struct asked {
	unsigned calls; /* of `done` */
	long status;
	bool timed_out, refused, sent;
	char body[8192], why[256], kept[HTTP_KEPT_COUNT][64];
	size_t length;
};

static void done(void *context, const struct http_answer *answer)
{
	struct asked *asked = context;
	int i;

	asked->calls++;
	asked->status = answer->status;
	asked->timed_out = answer->timed_out;
	asked->refused = answer->refused;
	asked->sent = answer->sent;
	asked->length = answer->length;
	snprintf(asked->body, sizeof asked->body, "%s", answer->body);
	snprintf(asked->why, sizeof asked->why, "%s", answer->why);
	for (i = 0; i < HTTP_KEPT_COUNT; i++)
		snprintf(asked->kept[i], sizeof asked->kept[i], "%s", answer->kept[i]);
}

static void run(struct http *http)
{
	const uint64_t end = clock_boot_ns() + 20 * SECOND_NS;
	struct pollfd polled[HTTP_DESCRIPTORS_MAX];
	unsigned count;
	int wait;

	while (http_under_way(http) > 0 && clock_boot_ns() < end) {
		count = http_fill(http, polled);
		wait = http_wait_ms(http);
		poll(polled, count, wait < 0 || wait > 1000 ? 1000 : wait);
		http_turn(http, polled, count);
	}
	assert_int_equal(http_under_way(http), 0);
}

static struct http *pool(const char *roots, unsigned connections, const char *proxy)
{
	struct failure failure = { "" };
	X509_STORE *store = roots ? http_roots(roots, strlen(roots)) : NULL;
	const struct http_settings settings = { connections, proxy, store };
	struct http *http = http_new(&settings, &failure);

	X509_STORE_free(store);
	assert_non_null(http);
	return http;
}

static void rig_start(struct rig *rig, const char *name, int tls_version)
{
	assert_true(https_server_start(&rig->server, name, tls_version));
	rig->http = pool(rig->server.certificate, 4, NULL);
	snprintf(rig->resolve, sizeof rig->resolve, "localhost:%u:127.0.0.1",
	    rig->server.port);
}

static void rig_stop(struct rig *rig)
{
	http_free(rig->http);
	https_server_stop(&rig->server);
}

static int begin(void **state)
{
	static struct rig rig;

	rig_start(&rig, "DNS:localhost", TLS1_3_VERSION);
	*state = &rig;
	return 0;
}

static int end(void **state)
{
	rig_stop(*state);
	return 0;
}

static struct http_request request(struct rig *rig, const char *path)
{
	snprintf(
	    rig->url, sizeof rig->url, "https://localhost:%u%s", rig->server.port, path);
	return (struct http_request){ .method = "POST",
		.url = rig->url,
		.resolve = rig->resolve,
		.body = "body",
		.length = 4,
		.timeout_ms = 10000,
		.connect_timeout_ms = 5000 };
}

static struct asked ask(struct rig *rig, const struct http_request *what)
{
	static struct asked asked;

	memset(&asked, 0, sizeof asked);
	assert_true(http_send(rig->http, what, done, &asked));
	run(rig->http);
	assert_int_equal(asked.calls, 1);
	return asked;
}

static struct asked ask_for(struct rig *rig, const char *path)
{
	const struct http_request what = request(rig, path);

	return ask(rig, &what);
}

static void sends_exactly_the_headers_and_the_body(void **state)
{
	struct rig *rig = *state;
	const struct http_field fields[] = { { "Content-Type",
						 "application/x-amz-json-1.1" },
		{ "X-Amz-Target", "TrentService.Sign" }, { "User-Agent", "privyseal" } };
	struct http_request what = request(rig, "/echo");
	struct asked asked;
	char expected[512];

	what.fields = fields;
	what.fields_count = 3;
	asked = ask(rig, &what);
	snprintf(expected, sizeof expected,
	    "POST /echo HTTP/1.1\r\nHost: localhost:%u\r\nAccept: */*\r\n"
	    "Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: "
	    "TrentService.Sign\r\nUser-Agent: privyseal\r\nContent-Length: 4\r\n\r\nbody",
	    rig->server.port);
	assert_int_equal(asked.status, 200);
	assert_string_equal(asked.body, expected);
	assert_true(asked.sent);
	what.method = "GET";
	asked = ask(rig, &what);
	assert_int_equal(strncmp(asked.body, "GET /echo HTTP/1.1\r\n", 20), 0);
	assert_null(strstr(asked.body, "body"));
	what.method = "PUT";
	what.length = 0;
	asked = ask(rig, &what);
	assert_int_equal(strncmp(asked.body, "PUT /echo HTTP/1.1\r\n", 20), 0);
}

static void keeps_connections_alive(void **state)
{
	struct rig *rig = *state;
	struct http_request what = request(rig, "/count");
	struct asked asked;
	int i;

	for (i = 0; i < 5; i++)
		asked = ask(rig, &what);
	assert_string_equal(asked.body, "5");
}

static void a_fresh_request_meets_no_used_connection(void **state)
{
	struct rig *rig = *state;
	struct http_request what = request(rig, "/count");

	assert_string_equal(ask(rig, &what).body, "1");
	what.fresh = true;
	assert_string_equal(ask(rig, &what).body, "1");
}

static void many_transfers_share_few_connections(void **state)
{
	struct rig *rig = *state;
	static struct asked asked[HTTP_TRANSFERS_MAX];
	unsigned i, least = UINT32_MAX, requests = 0;
	struct http_request what;

	memset(asked, 0, sizeof asked);
	what = request(rig, "/count");
	for (i = 0; i < HTTP_TRANSFERS_MAX; i++)
		assert_true(http_send(rig->http, &what, done, &asked[i]));
	assert_false(http_send(rig->http, &what, done, &asked[0]));
	run(rig->http);
	for (i = 0; i < HTTP_TRANSFERS_MAX; i++) {
		assert_int_equal(asked[i].calls, 1);
		assert_int_equal(asked[i].status, 200);
		requests = (unsigned)atoi(asked[i].body) > requests
			       ? (unsigned)atoi(asked[i].body)
			       : requests;
		least = (unsigned)atoi(asked[i].body) < least
			    ? (unsigned)atoi(asked[i].body)
			    : least;
	}
	/* 64 requests over at most four connections: one had 16 or more. */
	assert_true(requests >= HTTP_TRANSFERS_MAX / 4);
	assert_int_equal(least, 1);
}

static void keeps_the_headers_that_somebody_needs(void **state)
{
	struct rig *rig = *state;
	struct asked asked = ask_for(rig, "/fields");

	assert_int_equal(asked.status, 400);
	assert_string_equal(asked.kept[HTTP_DATE], "Sun, 30 Aug 2015 12:36:00 GMT");
	assert_string_equal(asked.kept[HTTP_REQUEST_ID], "1-2-3");
	assert_string_equal(asked.kept[HTTP_ERROR_TYPE], "");
}

static void what_is_no_whole_answer_is_a_failure(void **state)
{
	struct rig *rig = *state;
	static const char *const paths[] = { "/half", "/long", "/close" };
	struct asked asked;
	size_t i;

	for (i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		asked = ask_for(rig, paths[i]);
		assert_int_equal(asked.status, 0);
		assert_true(asked.sent);
		assert_string_not_equal(asked.why, "");
	}
}

static void an_answer_has_an_end(void **state)
{
	struct rig *rig = *state;
	static const char *const paths[] = { "/long", "/head" };
	struct asked asked;
	size_t i;

	for (i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		asked = ask_for(rig, paths[i]);
		assert_int_equal(asked.status, 0);
		assert_false(asked.timed_out);
		assert_string_equal(asked.why, "the answer is too long");
		assert_true(asked.length <= HTTP_ANSWER_MAX);
	}
}

static void silence_ends_with_the_time_out(void **state)
{
	struct rig *rig = *state;
	const uint64_t before = clock_boot_ns();
	struct http_request what = request(rig, "/silence");
	struct asked asked;

	what.timeout_ms = 200;
	asked = ask(rig, &what);
	assert_int_equal(asked.status, 0);
	assert_true(asked.timed_out);
	assert_true(asked.sent);
	assert_true(clock_boot_ns() - before >= SECOND_NS / 5);
	assert_true(clock_boot_ns() - before < 5 * SECOND_NS);
}

static void follows_no_redirect(void **state)
{
	struct rig *rig = *state;
	struct asked asked = ask_for(rig, "/redirect");

	assert_int_equal(asked.status, 302);
}

/* Nothing of the request may leave before the other side has shown who it is. */
static void assert_not_trusted(struct rig *rig)
{
	const struct http_request what = request(rig, "/echo");
	const struct asked asked = ask(rig, &what);

	assert_int_equal(asked.status, 0);
	assert_false(asked.sent);
	assert_false(asked.timed_out);
	assert_string_not_equal(asked.why, "");
}

static void trusts_only_the_given_roots_and_the_right_name(void **state)
{
	struct https_server other;
	struct rig rig;

	(void)state;
	rig_start(&rig, "DNS:example.com", TLS1_3_VERSION);
	assert_not_trusted(&rig);
	rig_stop(&rig);
	assert_true(https_server_start(&other, "DNS:localhost", TLS1_3_VERSION));
	rig_start(&rig, "DNS:localhost", TLS1_3_VERSION);
	http_free(rig.http);
	rig.http = pool(other.certificate, 1, NULL);
	assert_not_trusted(&rig);
	http_free(rig.http);
	rig.http = pool(NULL, 1, NULL);
	assert_not_trusted(&rig);
	rig_stop(&rig);
	https_server_stop(&other);
}

static void refuses_old_versions_of_tls(void **state)
{
	struct asked asked;
	struct rig rig;

	(void)state;
	rig_start(&rig, "DNS:localhost", TLS1_1_VERSION);
	assert_not_trusted(&rig);
	rig_stop(&rig);
	rig_start(&rig, "DNS:localhost", TLS1_2_VERSION);
	asked = ask_for(&rig, "/count");
	assert_int_equal(asked.status, 200);
	rig_stop(&rig);
}

static void a_closed_port_is_told_from_a_lost_answer(void **state)
{
	struct asked asked;
	struct rig rig;

	(void)state;
	rig_start(&rig, "DNS:localhost", TLS1_3_VERSION);
	https_server_stop(&rig.server);
	asked = ask_for(&rig, "/echo");
	assert_true(asked.refused);
	assert_false(asked.sent);
	http_free(rig.http);
}

static void other_addresses_are_tried(void **state)
{
	struct rig *rig = *state;
	struct http_request what;
	struct asked asked;
	char resolve[96];

	snprintf(resolve, sizeof resolve, "localhost:%u:127.0.0.2,[::1],127.0.0.1",
	    rig->server.port);
	what = request(rig, "/count");
	what.resolve = resolve;
	asked = ask(rig, &what);
	assert_int_equal(asked.status, 200);
}

struct chain {
	struct rig *rig;
	unsigned left, ended;
};

static void next(void *context, const struct http_answer *answer)
{
	struct chain *chain = context;
	const struct http_request what = request(chain->rig, "/count");

	chain->ended += answer->status == 200;
	if (chain->left-- > 0)
		assert_true(http_send(chain->rig->http, &what, next, chain));
}

static void a_transfer_may_start_another(void **state)
{
	struct rig *rig = *state;
	struct chain chain = { rig, 3, 0 };
	struct http_request what = request(rig, "/count");

	assert_true(http_send(rig->http, &what, next, &chain));
	run(rig->http);
	assert_int_equal(chain.ended, 4);
}

static void refuses_fields_that_would_be_more_than_one(void **state)
{
	struct rig *rig = *state;
	const struct http_field field = { "X-Amz-Target", "a\r\nHost: b" };
	struct http_request what = request(rig, "/echo");
	struct asked asked;

	what.fields = &field;
	what.fields_count = 1;
	assert_false(http_send(rig->http, &what, done, &asked));
	what.fields_count = HTTP_HEADERS_MAX + 1;
	assert_false(http_send(rig->http, &what, done, &asked));
	assert_int_equal(http_under_way(rig->http), 0);
}

static void roots_are_whole_or_none(void **state)
{
	struct https_server server;
	char text[2 * sizeof server.certificate + 16];
	X509_STORE *store;
	size_t length;

	(void)state;
	assert_true(https_server_start(&server, "DNS:localhost", TLS1_3_VERSION));
	length = strlen(server.certificate);
	snprintf(text, sizeof text, "# comment\n%s\n%s", server.certificate,
	    server.certificate);
	store = http_roots(text, strlen(text));
	assert_non_null(store);
	X509_STORE_free(store);
	assert_null(http_roots("", 0));
	assert_null(http_roots("nothing\n", 8));
	text[strlen(text) - 60] = '*';
	assert_null(http_roots(text, strlen(text)));
	assert_null(http_roots(server.certificate, length / 2));
	https_server_stop(&server);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sends_exactly_the_headers_and_the_body),
		TEST(keeps_connections_alive),
		TEST(a_fresh_request_meets_no_used_connection),
		TEST(many_transfers_share_few_connections),
		TEST(keeps_the_headers_that_somebody_needs),
		TEST(what_is_no_whole_answer_is_a_failure),
		TEST(an_answer_has_an_end),
		TEST(silence_ends_with_the_time_out),
		TEST(follows_no_redirect),
		cmocka_unit_test(trusts_only_the_given_roots_and_the_right_name),
		cmocka_unit_test(refuses_old_versions_of_tls),
		cmocka_unit_test(a_closed_port_is_told_from_a_lost_answer),
		TEST(other_addresses_are_tried),
		TEST(a_transfer_may_start_another),
		TEST(refuses_fields_that_would_be_more_than_one),
		cmocka_unit_test(roots_are_whole_or_none),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
