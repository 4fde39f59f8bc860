/* What is printed of the record, and that it can't harm who reads it. */
#include "audit_sample.h"

#include "cli/audit.h"

static struct sample sample;
static struct audit_request request;
static struct said said;
static uint64_t bad;

static int begin(void **state)
{
	(void)state;
	sample_make(&sample, "0123456789abcdef0123456789abcdef");
	request = (struct audit_request){ .act = AUDIT_SHOW, .json = true };
	return 0;
}

/* Of all samples, and of `extra` after them. */
static char *show(const char *extra)
{
	struct audit_file file = { .name = "f" };
	struct audit_files files = { .file = &file, .count = 1, .state = -1 };
	FILE *out, *held = tmpfile();
	char *text = NULL;
	size_t length;
	unsigned i;

	assert_non_null(held);
	for (i = 1; i <= SAMPLES; i++)
		fprintf(held, "%s\n", sample.line[i]);
	fprintf(held, "%s", extra);
	file.size = (uint64_t)ftell(held);
	fflush(held);
	file.fd = fileno(held);
	out = open_memstream(&text, &length);
	listen_to_errors(&said);
	bad = audit_show(&files, &request, out);
	what_was_said(&said);
	fclose(out);
	fclose(held);
	return text;
}

static void assert_shown(unsigned first, unsigned last)
{
	char *text = show(""), expected[SAMPLES * 512] = "";

	for (; first <= last; first++) {
		strcat(expected, sample.line[first]);
		strcat(expected, "\n");
	}
	assert_string_equal(text, expected);
	assert_int_equal(bad, 0);
	free(text);
}

static void prints_lines_as_they_stand(void **state)
{
	(void)state;
	assert_shown(1, SAMPLES);
}

static void prints_what_matches(void **state)
{
	(void)state;
	request.filter[FILTER_EVENT] = "start";
	assert_shown(1, 1);
	request.filter[FILTER_EVENT] = "sign";
	request.filter[FILTER_CA] = "user";
	assert_shown(2, SAMPLES);
	request.filter[FILTER_CLIENT] = "auth";
	assert_shown(1, 0);
}

static void bounds_are_part_of_the_time_asked_for(void **state)
{
	(void)state;
	strcpy(request.since, "2026-01-02T03:04:03.000006Z");
	strcpy(request.until, "2026-01-02T03:04:07.000006Z");
	assert_shown(3, 7);
}

static void prints_the_last_of_what_matches(void **state)
{
	(void)state;
	request.last = 3;
	strcpy(request.until, "2026-01-02T03:04:07.000006Z");
	assert_shown(5, 7);
	request.last = 100;
	assert_shown(1, 7);
}

static void shows_facts_in_one_row_and_members_that_it_has_never_heard_of(void **state)
{
	char *text;

	(void)state;
	request.json = false;
	request.last = 1;
	sample_record(sample.line[SAMPLES], SAMPLES, sample.hash[0], "sign",
	    ",\"client\":\"auth\",\"ca\":\"user\",\"document\":\"ssh-user\",\"rule\":"
	    "\"/etc/p.conf:4\",\"decision\":\"permit\",\"facts\":{\"key_id\":\"alice\","
	    "\"principals\":[\"a\",\"b\"]},\"new\":\"thing\",\"count\":3,\"policy\":"
	    "\"ab\"");
	text = show("");
	assert_says(text,
	    "2026-01-02T03:04:12Z sign           auth     user     ssh-user   "
	    "permit   p.conf:4 key_id=alice principals=a,b new=thing count=3\n");
	free(text);
}

static void no_value_can_be_taken_for_another_member(void **state)
{
	char *text;

	(void)state;
	request.json = false;
	request.last = 1;
	sample_record(sample.line[SAMPLES], SAMPLES, sample.hash[0], "sign",
	    ",\"id\":\"\\\"a b\\\"\",\"facts\":{\"public_key\":\"x\",\"key_id\":"
	    "\"a principals=\\\"root\\\"\",\"principals\":[\"a,b\",\"c\"],\"uri\":[],"
	    "\"subject\":{\"common_name\":\"w\",\"organization\":[\"o\",\"\"]},"
	    "\"extensions\":{\"permit-pty\":\"\",\"x key_id=root\":\"\"}}");
	text = show("");
	assert_says(text, " key_id=\"a principals=\"\"root\"\"\" principals=\"a,b\",c "
			  "subject.common_name=w subject.organization=o,\"\" "
			  "extensions.permit-pty=\"\" extensions.\"x key_id=root\"=\"\" "
			  "id=\"a b\"\n");
	free(text);
}

static void finds_an_id_as_it_is_meant_and_as_it_stands(void **state)
{
	static const char *const wanted[] = { "a\x1b", "\"a\\u001b\"" };
	char *text;
	unsigned i;

	(void)state;
	sample_record(sample.line[SAMPLES], SAMPLES, sample.hash[0], "sign",
	    ",\"id\":\"\\\"a\\\\u001b\\\"\"");
	for (i = 0; i < 2; i++) {
		request.filter[FILTER_ID] = wanted[i];
		text = show("");
		assert_says(text, sample.line[SAMPLES]);
		free(text);
	}
	request.filter[FILTER_ID] = "a";
	text = show("");
	assert_string_equal(text, "");
	free(text);
}

static void lets_no_record_move_the_cursor(void **state)
{
	char *text, *p;

	(void)state;
	request.json = false;
	sample_record(sample.line[2], 2, sample.hash[0], "\\u001b[2J\\n", "");
	sample_record(sample.line[3], 3, sample.hash[0], "sign",
	    ",\"\\u0007\":\"\\u009b\",\"facts\":{\"principals\":[\"\\r\",7]},\"rule\":"
	    "\"\xe2\x80\xae\"");
	text = show("");
	for (p = text; *p; p++)
		if ((unsigned char)*p > 0x7e || (*p < 0x20 && *p != '\n'))
			fail_msg("byte %02x was printed", (unsigned char)*p);
	assert_says(text, "\\x1b[2J\\x0a");
	free(text);
}

static void survives_records_of_another_shape(void **state)
{
	(void)state;
	request.json = false;
	sample_record(sample.line[2], 2, sample.hash[0], "sign",
	    ",\"facts\":[1],\"ca\":7,\"rule\":{},\"count\":1e300,\"event\":[]");
	free(show(""));
	assert_int_equal(bad, 0);
}

static void tells_of_each_line_that_is_no_record_and_counts_them(void **state)
{
	(void)state;
	free(show("\x1b[2J\n{}\n"));
	assert_int_equal(bad, 2);
	assert_says(said.text, "f:13: is no record: it is not UTF-8");
	assert_says(said.text, "f:14: is no record: it has no sequence");
	request.last = 1;
	free(show("{}\n{\"seq"));
	assert_int_equal(bad, 2);
	assert_says(said.text, "f:14: is no record: it is unfinished");
}

static void does_not_blame_the_line_that_a_crash_tore(void **state)
{
	char extra[600] = "{\"seq\":13,\"ti\n";

	(void)state;
	sample_record(
	    extra + strlen(extra), 14, sample.hash[0], "start", ",\"torn\":\"true\"");
	strcat(extra, "\n");
	free(show(extra));
	assert_int_equal(bad, 0);
	assert_string_equal(said.text, "");
}

#define WITH_SAMPLE(test) cmocka_unit_test_setup(test, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SAMPLE(prints_lines_as_they_stand),
		WITH_SAMPLE(prints_what_matches),
		WITH_SAMPLE(bounds_are_part_of_the_time_asked_for),
		WITH_SAMPLE(prints_the_last_of_what_matches),
		WITH_SAMPLE(
		    shows_facts_in_one_row_and_members_that_it_has_never_heard_of),
		WITH_SAMPLE(no_value_can_be_taken_for_another_member),
		WITH_SAMPLE(finds_an_id_as_it_is_meant_and_as_it_stands),
		WITH_SAMPLE(lets_no_record_move_the_cursor),
		WITH_SAMPLE(survives_records_of_another_shape),
		WITH_SAMPLE(tells_of_each_line_that_is_no_record_and_counts_them),
		WITH_SAMPLE(does_not_blame_the_line_that_a_crash_tore),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
