/* worker/rpc.c: the framing of requests, and what is no request. */
#include "worker_rig.h"

static int start(void **state)
{
	*state = rig_start();
	return 0;
}

static int stop(void **state)
{
	rig_end(*state);
	return 0;
}

/* The code and the id's text of the one answer to a line. */
static void expect(struct rig *rig, const char *line, int code, const char *id)
{
	const char *text = rig_ask(rig, line);
	char wanted[256];
	cJSON *answer = cJSON_Parse(text);

	if (!answer || rig_code(answer) != code)
		fail_msg("%s gave %s, not %d", line, text, code);
	snprintf(wanted, sizeof(wanted), "{\"jsonrpc\":\"2.0\",\"id\":%s,", id);
	if (strncmp(text, wanted, strlen(wanted)) != 0)
		fail_msg("%s gave %s, not the id %s", line, text, id);
	assert_int_equal(text[strlen(text) - 1], '\n');
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	cJSON_Delete(answer);
}

#define PING(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"ping\"}\n"

static void echoes_an_id_as_it_came(void **state)
{
	static const char *const ids[] = { "0", "-5", "9007199254740992",
		"-9007199254740992", "\"\"", "\"a\"", "\"\\u0041\\n\"", "\"\xc3\xa9\"" };
	char line[256];
	size_t i;

	for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		snprintf(line, sizeof(line), PING("%s"), ids[i]);
		expect(*state, line, 0, ids[i]);
	}
}

/* 128 bytes are meant, not spelt: a program may escape all that is not ASCII. */
static void escapes_do_not_make_an_id_longer(void **state)
{
	char escaped[64 * 6 + 1], plain[64 * 2 + 3], line[512];
	size_t i;

	plain[0] = '"';
	for (i = 0; i < 64; i++) {
		memcpy(escaped + 6 * i, "\\u00e9", 7);
		memcpy(plain + 1 + 2 * i, "\xc3\xa9", 3);
	}
	strcpy(plain + 1 + 128, "\"");
	snprintf(line, sizeof(line), PING("\"%s\""), escaped);
	expect(*state, line, 0, plain);
	snprintf(line, sizeof(line), PING("\"%s.\""), escaped);
	expect(*state, line, RPC_INVALID_REQUEST, "null");
}

static void refuses_ids_that_it_would_not_echo(void **state)
{
	static const char *const ids[] = { "null", "true", "1.0", "1e3",
		"9007199254740993", "99999999999999999999", "[]", "{}" };
	char line[512], id[200];
	size_t i;

	for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		snprintf(line, sizeof(line), PING("%s"), ids[i]);
		expect(*state, line, RPC_INVALID_REQUEST, "null");
	}
	memset(id, 'x', sizeof(id));
	snprintf(line, sizeof(line), PING("\"%.128s\""), id);
	assert_non_null(strstr(rig_ask(*state, line), "\"result\""));
	snprintf(line, sizeof(line), PING("\"%.129s\""), id);
	expect(*state, line, RPC_INVALID_REQUEST, "null");
	expect(*state, "{\"jsonrpc\":\"2.0\",\"i\\u0064\":1,\"method\":\"ping\"}\n",
	    RPC_INVALID_REQUEST, "null");
}

static void accepts_crlf(void **state)
{
	expect(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\r\n", 0, "1");
}

static void refuses_what_is_not_json(void **state)
{
	static const char *const lines[] = { "\n", "{\n", "nonsense\n", "{\"a\":1}}\n",
		"{\"a\":01}\n", "{\"a\":\"\t\"}\n", "{\"a\":\"\xff\"}\n",
		"{\"a\":\"\\ud800\"}\n", "{\"a\":\"\xed\xa0\x80\"}\n", "{'a':1}\n",
		"{\"a\":1,}\n", "[1,]\n", "tru\n", "{\"a\":NaN}\n", "\xef\xbb\xbf{}\n",
		"{\"a\":1} x\n", "{\"a\":\"\\x\"}\n" };
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		expect(*state, lines[i], RPC_PARSE_ERROR, "null");
}

static void refuses_batches_and_other_values(void **state)
{
	expect(*state,
	    "["
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}"
	    "]\n",
	    RPC_INVALID_REQUEST, "null");
	expect(*state, "[]\n", RPC_INVALID_REQUEST, "null");
	expect(*state, "\"ping\"\n", RPC_INVALID_REQUEST, "null");
	expect(*state, "{}\n", RPC_INVALID_REQUEST, "null");
	expect(*state, "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}\n",
	    RPC_INVALID_REQUEST, "1");
	expect(*state, "{\"id\":1,\"method\":\"ping\"}\n", RPC_INVALID_REQUEST, "1");
	expect(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":5}\n",
	    RPC_INVALID_REQUEST, "1");
	expect(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"x\":1}\n",
	    RPC_INVALID_REQUEST, "1");
}

static void refuses_members_that_stand_twice(void **state)
{
	expect(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"ping\"}\n",
	    RPC_INVALID_REQUEST, "null");
	expect(*state,
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":"
	    "{\"a\":{\"b\":1,\"c\":2,\"b\":3}}}\n",
	    RPC_INVALID_REQUEST, "1");
	expect(*state,
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":"
	    "{\"a\":[{\"b\":1,\"\\u0062\":3}]}}\n",
	    RPC_INVALID_REQUEST, "1");
}

static void refuses_unknown_methods_and_params(void **state)
{
	expect(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sign\"}\n",
	    RPC_NO_METHOD, "1");
	expect(*state,
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":[]}\n",
	    RPC_INVALID_PARAMS, "1");
	expect(*state,
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":null}\n",
	    RPC_INVALID_PARAMS, "1");
	expect(*state,
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{\"a\":1}}\n",
	    RPC_INVALID_PARAMS, "1");
}

static void drops_requests_without_id_and_signs_nothing(void **state)
{
	struct rig *rig = *state;

	assert_string_equal(
	    rig_ask(rig, "{\"jsonrpc\":\"2.0\",\"method\":\"ssh-host\",\"params\":"
			 "{\"public_key\":\"" RIG_ED25519
			 "\",\"principals\":[\"a.example.com\"]}}\n"),
	    "");
	assert_int_equal(rig->signs, 0);
}

static void takes_lines_of_65536_bytes_and_skips_longer_ones(void **state)
{
	static char line[LINE_MAX_BYTES + 64];
	struct rig *rig = *state;
	int length = snprintf(
	    line, sizeof(line), "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"");
	int extra;

	for (extra = 0; extra < 2; extra++) {
		memset(line + length, ' ', LINE_MAX_BYTES);
		memcpy(line + LINE_MAX_BYTES - 1 + extra, "}\r\n", 4);
		if (extra == 0)
			expect(rig, line, 0, "1");
		else
			expect(rig, line, RPC_PARSE_ERROR, "null");
	}
	expect(rig, PING("2"), 0, "2");
}

static void skips_the_whole_of_a_line_that_never_seems_to_end(void **state)
{
	const size_t length = 1000000;
	char *line = malloc(length + 200);
	struct rig *rig = *state;

	memset(line, 'x', length);
	snprintf(line + length, 200, "\n" PING("2"));
	rig_ask(rig, line);
	assert_non_null(strstr(rig->received, "\"code\":-32700"));
	assert_non_null(
	    strstr(rig->received, "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}\n"));
	free(line);
}

static void permits_16_levels_and_not_17(void **state)
{
	char line[256] =
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{\"a\":";
	char deeper[512];

	/* the object, params, and fourteen or fifteen lists */
	snprintf(deeper, sizeof(deeper), "%s[[[[[[[[[[[[[[]]]]]]]]]]]]]]}}\n", line);
	expect(*state, deeper, RPC_INVALID_PARAMS,
	    "1"); /* it is the param that is unknown */
	snprintf(deeper, sizeof(deeper), "%s[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}}\n", line);
	expect(*state, deeper, RPC_PARSE_ERROR, "null");
}

static void answers_the_257th_request_in_flight_at_once(void **state)
{
	static char lines[300 * 256];
	struct rig *rig = *state;
	size_t n = 0;
	int i;

	rig->mode = RIG_SILENT;
	for (i = 0; i < 257; i++)
		n += (size_t)snprintf(lines + n, sizeof(lines) - n,
		    "{\"jsonrpc\":\"2.0\",\"id\":%d,"
		    "\"method\":\"ssh-host\",\"params\":{\"public_key\":\"" RIG_ED25519
		    "\",\"principals\":[\"a.example.com\"]}}\n",
		    i);
	rig_ask(rig, lines);
	assert_memory_equal(rig->received,
	    "{\"jsonrpc\":\"2.0\",\"id\":256,\"error\":"
	    "{\"code\":-32005",
	    48);
	assert_int_equal(rig->worker->pendings.count, 256);
	assert_int_equal(rig->signs, 200); /* as many as may be under way */
}

static void answers_when_the_deadline_passes_and_drops_the_late_answer(void **state)
{
	struct rig *rig = *state;

	rig->worker->config.deadline = 0;
	rig->mode = RIG_SILENT;
	expect(rig,
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ssh-host\",\"params\":{\"public_"
	    "key\":\"" RIG_ED25519 "\",\"principals\":[\"a.example.com\"]}}\n",
	    RPC_DEADLINE, "1");
	assert_int_equal(
	    rig->worker->pendings.count, 1); /* the broker still owes its answer */
	rig_sign(rig, rig->worker->pendings.of[0]->id);
	assert_string_equal(rig_ask(rig, ""), "");
	assert_int_equal(rig->worker->pendings.count, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(echoes_an_id_as_it_came),
		TEST(escapes_do_not_make_an_id_longer),
		TEST(refuses_ids_that_it_would_not_echo),
		TEST(accepts_crlf),
		TEST(refuses_what_is_not_json),
		TEST(refuses_batches_and_other_values),
		TEST(refuses_members_that_stand_twice),
		TEST(refuses_unknown_methods_and_params),
		TEST(drops_requests_without_id_and_signs_nothing),
		TEST(takes_lines_of_65536_bytes_and_skips_longer_ones),
		TEST(skips_the_whole_of_a_line_that_never_seems_to_end),
		TEST(permits_16_levels_and_not_17),
		TEST(answers_the_257th_request_in_flight_at_once),
		TEST(answers_when_the_deadline_passes_and_drops_the_late_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
