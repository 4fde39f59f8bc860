#include "supervisor_said.h"

#include "cli/json_print.h"
#include "cli/status_table.h"

static char *print(const char *json, void (*how)(const cJSON *, FILE *))
{
	cJSON *value = cJSON_Parse(json);
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	assert_non_null(value);
	how(value, out);
	fclose(out);
	cJSON_Delete(value);
	return text;
}

static void shows_one_row_for_each_key_in_order(void **state)
{
	char *text = print("{\"version\":\"1\",\"cluster\":\"c\",\"ca_pins\":[\"sha256:"
			   "aa\",\"sha256:bb\"],"
			   "\"authorities\":[{\"type\":\"user\",\"keys\":["
			   "{\"protocol\":\"TLS\",\"status\":\"active\",\"algorithm\":"
			   "\"A\",\"storage\":\"s\"},"
			   "{\"protocol\":\"SSH\",\"status\":\"trusted\",\"algorithm\":"
			   "\"A\",\"storage\":\"s\"},"
			   "{\"protocol\":\"SSH\",\"status\":\"active\",\"algorithm\":"
			   "\"A\",\"storage\":\"s\"}]},"
			   "{\"type\":\"host\",\"keys\":[]}]}",
	    status_print);

	(void)state;
	assert_string_equal(text, "Cluster:  c\n"
				  "Version:  1\n"
				  "CA pins:  sha256:aa\n"
				  "          sha256:bb\n"
				  "\n"
				  "authority  rotation                 protocol          "
				  "  status   algorithm  storage\n"
				  "---------  --------                 --------          "
				  "  ------   ---------  -------\n"
				  "user       standby (never rotated)  SSH               "
				  "  active   A          s\n"
				  "                                    SSH               "
				  "  trusted  A          s\n"
				  "                                    TLS               "
				  "  active   A          s\n"
				  "host       standby (never rotated)  no keys were "
				  "found                      \n");
	free(text);
}

static void lets_no_answer_move_the_cursor(void **state)
{
	char *text = print("{\"version\":\"\\u001b[2J\\n\",\"cluster\":\"\\u009b\",\"ca_"
			   "pins\":[\"a\\rb\"],"
			   "\"authorities\":[{\"type\":\"\\u0007\",\"keys\":[{"
			   "\"protocol\":\"\\u001b\"}]}]}",
	    status_print);
	const char *p;

	(void)state;
	for (p = text; *p; p++)
		if ((unsigned char)*p > 0x7e || (*p < 0x20 && *p != '\n'))
			fail_msg("byte %02x was printed", (unsigned char)*p);
	assert_says(text, "\\x1b[2J\\x0a");
	free(text);
}

static void survives_an_answer_of_another_shape(void **state)
{
	static const char *const answers[] = { "{}", "[]", "3",
		("{\"ca_pins\":{\"a\":1},\"authorities\":"
		 "[1,{\"keys\":[null,[],{}]},{\"type\":7,\"rotation\":\"x\"}]}") };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof answers / sizeof answers[0]; i++)
		free(print(answers[i], status_print));
}

static void leaves_out_rows_that_do_not_fit_and_says_so(void **state)
{
	static char json[200000] = "{\"authorities\":[";
	size_t length = strlen(json);
	char *text;
	int i;

	(void)state;
	for (i = 0; i < 2000; i++)
		length += (size_t)snprintf(json + length, sizeof json - length,
		    "%s{\"type\":\"t\"}", i ? "," : "");
	snprintf(json + length, sizeof json - length, "]}");
	text = print(json, status_print);
	assert_says(text, "(1490 more rows)");
	free(text);
}

static void prints_json_in_plain_ascii(void **state)
{
	char *text =
	    print("[\"\\u009b\xc3\xa9\xf0\x9f\x94\x91\x7f\xc0\xaf\xed\xa0\x80\xff\"]",
		json_print);

	(void)state;
	assert_says(text,
	    "\"\\u009b\\u00e9\\ud83d\\udd11\\u007f\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd"
	    "\\ufffd\"");
	free(text);
}

static void shows_alerts_and_the_brokers_numbers(void **state)
{
	char *text = print("{\"alerts\":[{\"id\":\"record-lost\",\"severity\":\"high\","
			   "\"audience\":\"everyone\",\"message\":\"no\\u001broom\"}],"
			   "\"counters\":{\"signed\":3,\"refused\":2,\"refused_by\":{"
			   "\"ttl\":0,\"roles\":2},\"unavailable\":0,\"permits\":["
			   "{\"count\":3},{\"count\":1}],\"queue\":{\"buckets\":[1,2],"
			   "\"sum\":0.006,\"max\":0.004}},\"sockets\":[{\"socket\":"
			   "\"auth\",\"workers\":2,\"lost\":1,\"in_flight\":7,"
			   "\"breaker_open\":true},{\"socket\":\"idle\"}],"
			   "\"record\":{\"sequence\":12},"
			   "\"credentials\":{\"source\":\"container endpoint\","
			   "\"state\":\"good\",\"account\":\"123456789012\","
			   "\"expires\":1760000000,\"next_refresh\":1759999700,"
			   "\"failures_total\":2,\"last_failed\":1759990000,"
			   "\"last_failure\":\"no\\u001banswer\"}}",
	    status_print);

	(void)state;
	assert_says(text,
	    "Credentials:  container endpoint: good; account 123456789012\n"
	    "              end 2025-10-09T08:53:20Z, next look 2025-10-09T08:48:20Z\n"
	    "              2 failures, the last at 2025-10-09T06:06:40Z: "
	    "no\\x1banswer\n");
	assert_says(text, "Signed:       3 of 4 permitted\n");
	assert_says(text, "Refused:      2: roles 2\n");
	assert_says(text, "Not served:   0\n");
	assert_says(text, "Queue:        3 times, mean 2.00 ms, at most 4.00 ms\n");
	assert_says(text, "Record:       12 lines; synced 0 times, mean 0.00 ms");
	assert_says(text, "auth: 2 serve, 1 restarts, 7 requests in flight; closed after "
			  "too many refusals\n");
	assert_null(strstr(text, "idle"));
	assert_says(text, "high      everyone  record-lost  no\\x1broom\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shows_one_row_for_each_key_in_order),
		cmocka_unit_test(lets_no_answer_move_the_cursor),
		cmocka_unit_test(survives_an_answer_of_another_shape),
		cmocka_unit_test(leaves_out_rows_that_do_not_fit_and_says_so),
		cmocka_unit_test(shows_alerts_and_the_brokers_numbers),
		cmocka_unit_test(prints_json_in_plain_ascii),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
