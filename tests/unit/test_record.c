#include "ssh_samples.h"

#include <time.h>

#include <cjson/cJSON.h>

#include "policy/record.h"

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static char line_text[RECORD_LINE_MAX];

static void begin(struct record_line *line)
{
	record_begin(line, line_text, sizeof(line_text), 7, UINT64_C(1767323045000006),
	    ZEROS, "sign");
}

/* The line read by another's parser. */
static cJSON *end(struct record_line *line)
{
	size_t length = record_end(line);
	cJSON *json;

	assert_true(length > 0 && length < RECORD_LINE_MAX);
	assert_int_equal(strlen(line_text), length);
	assert_null(strchr(line_text, '\n'));
	json = cJSON_ParseWithOpts(line_text, NULL, 1);
	if (!json)
		fail_msg("not JSON: %s", line_text);
	return json;
}

static const char *text_of(const cJSON *json, const char *name)
{
	const char *text =
	    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));

	if (!text)
		fail_msg("no %s in %s", name, line_text);
	return text;
}

static void a_line_begins_with_sequence_time_and_chain(void **state)
{
	struct record_line line;
	cJSON *json;

	(void)state;
	begin(&line);
	record_text(&line, "client", "auth");
	record_number(&line, "big", UINT64_MAX);
	record_hex(&line, "digest", (const uint8_t *)"\x00\xff\x1a", 3);
	json = end(&line);
	assert_string_equal(line_text,
	    "{\"seq\":7,\"time\":\"2026-01-02T03:04:05.000006Z\","
	    "\"prev\":\"" ZEROS "\",\"event\":\"sign\","
	    "\"client\":\"auth\",\"big\":18446744073709551615,"
	    "\"digest\":\"00ff1a\"}");
	cJSON_Delete(json);
}

static void control_characters_and_quotes_are_escaped(void **state)
{
	static const char bytes[] = "a\"b\\c\nd\te\x01\x1b\x7f\xc2\x9b\r";
	struct record_line line;
	cJSON *json;
	size_t i;

	(void)state;
	begin(&line);
	record_bytes(&line, "value", (const uint8_t *)bytes, sizeof(bytes) - 1);
	json = end(&line);
	assert_string_equal(text_of(json, "value"), bytes);
	for (i = 0; line_text[i] != '\0'; i++)
		assert_true(
		    (uint8_t)line_text[i] >= 0x20 && (uint8_t)line_text[i] < 0x7f);
	cJSON_Delete(json);
}

#define BAD "\xef\xbf\xbd"

static void bytes_that_are_not_utf8_become_replacement_characters(void **state)
{
	static const struct {
		const char *bytes;
		const char *shown;
	} rows[] = { { "\xff", BAD }, { "a\x80z", "a" BAD "z" }, { "\xc3", BAD },
		{ "\xc0\xaf", BAD BAD }, { "\xed\xa0\x80", BAD BAD BAD },
		{ "\xf4\x90\x80\x80", BAD BAD BAD BAD }, { "\xe2\x82z", BAD BAD "z" },
		{ "J\xc3\xbc \xe2\x82\xac \xf0\x9f\x94\x91",
		    "J\xc3\xbc \xe2\x82\xac \xf0\x9f\x94\x91" } };
	struct record_line line;
	cJSON *json;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(&line);
		record_text(&line, "value", rows[i].bytes);
		json = end(&line);
		assert_string_equal(text_of(json, "value"), rows[i].shown);
		cJSON_Delete(json);
	}
}

static void a_zero_byte_is_escaped(void **state)
{
	struct record_line line;

	(void)state;
	begin(&line);
	record_bytes(&line, "value", (const uint8_t *)"a\0b", 3);
	assert_true(record_end(&line) > 0);
	assert_non_null(strstr(line_text, "\"a\\u0000b\""));
}

static void writes_what_a_certificate_says(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	const cJSON *facts, *list;
	struct record_line line;
	cJSON *json;

	(void)state;
	sample_principals(sample, "alice", "bob");
	add_option(&sample->critical_options, "force-command", "echo \"hi\"");
	add_option(&sample->extensions, "permit-pty", NULL);
	sample_pack(sample);
	begin(&line);
	record_facts(&line, DOCUMENT_SSH_USER, &sample->facts);
	record_text(&line, "decision", "permit");
	json = end(&line);
	facts = cJSON_GetObjectItem(json, "facts");
	assert_string_equal(text_of(facts, "key_id"), "alice");
	list = cJSON_GetObjectItem(facts, "principals");
	assert_int_equal(cJSON_GetArraySize(list), 2);
	assert_string_equal(cJSON_GetStringValue(cJSON_GetArrayItem(list, 1)), "bob");
	assert_string_equal(
	    text_of(cJSON_GetObjectItem(facts, "critical_options"), "force-command"),
	    "echo \"hi\"");
	assert_string_equal(
	    text_of(cJSON_GetObjectItem(facts, "extensions"), "permit-pty"), "");
	assert_true(cJSON_GetObjectItem(facts, "valid_before")->valuedouble ==
		    (double)sample->facts.valid_before);
	assert_int_equal(
	    strncmp(text_of(facts, "public_key"), "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5", 32),
	    0);
	assert_string_equal(text_of(json, "decision"), "permit");
	cJSON_Delete(json);
	free(sample);
}

static void base64_is_padded(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	struct record_line line;

	(void)state;
	sample_key(&sample->facts, sample->key, sample->exponent, KEY_P256, 1);
	begin(&line);
	record_facts(&line, DOCUMENT_SSH_USER, &sample->facts);
	assert_true(record_end(&line) > 0);
	assert_non_null(
	    strstr(line_text, "\"ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY"
			      "AAAAIbmlzdHAyNTYAAABB"));
	assert_non_null(strstr(line_text, "=\",\"key_id\""));
	free(sample);
}

/* The most that each field can be, in bytes that take six each. */
static void fill_with_the_worst(struct sample *sample)
{
	static char control[20001];
	unsigned i;
	char name[300];

	memset(control, 1, sizeof(control) - 1);
	sample_key(&sample->facts, sample->key, sample->exponent, KEY_RSA, 1);
	memset(sample->key, 0xff, sizeof(sample->key));
	sample->facts.subject_key_length = 2048;
	sample_key_id(sample, control);
	sample->principals.length = 0;
	for (i = 0; i < 100; i++)
		add_string(&sample->principals, control, 500);
	for (i = 0; i < 50; i++) {
		memset(name, 2, sizeof(name));
		snprintf(name + 280, 20, "%u", i);
		add_option(
		    &sample->critical_options, name, control + sizeof(control) - 400);
		add_option(&sample->extensions, name, control + sizeof(control) - 400);
	}
	sample_pack(sample);
}

static void facts_fit_whole_or_not_at_all(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	struct record_line line;
	unsigned count = 0;
	char name[64];
	cJSON *json;

	(void)state;
	sample->principals.length = 0;
	for (;;) {
		snprintf(name, sizeof(name), "principal-%050u", count++);
		add_string(&sample->principals, name, strlen(name));
		sample_pack(sample);
		begin(&line);
		record_facts(&line, DOCUMENT_SSH_USER, &sample->facts);
		if (!record_fits(DOCUMENT_SSH_USER, &sample->facts))
			break;
		json = end(&line);
		assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(
				     cJSON_GetObjectItem(json, "facts"), "principals")),
		    count);
		cJSON_Delete(json);
	}
	assert_in_range(count, 180, FACTS_PRINCIPALS_MAX);
	free(sample);
}

static void the_worst_facts_do_not_fit(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	struct record_line line;

	(void)state;
	fill_with_the_worst(sample);
	assert_false(record_fits(DOCUMENT_SSH_USER, &sample->facts));
	begin(&line);
	record_facts(&line, DOCUMENT_SSH_USER, &sample->facts);
	assert_int_equal(record_end(&line), 0);
	free(sample);
}

static void a_line_that_does_not_fit_is_none(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	struct record_line line;
	size_t whole, room;

	(void)state;
	begin(&line);
	record_facts(&line, DOCUMENT_SSH_USER, &sample->facts);
	whole = record_end(&line);
	for (room = 1; room < whole + 3; room++) {
		char *out = malloc(room);

		record_begin(
		    &line, out, room, 7, UINT64_C(1767323045000006), ZEROS, "sign");
		record_facts(&line, DOCUMENT_SSH_USER, &sample->facts);
		assert_int_equal(record_end(&line), room > whole ? whole : 0);
		free(out);
	}
	free(sample);
}

static void facts_of_any_bytes_are_json(void **state)
{
	static struct bytes bytes;
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	struct record_line line;
	uint64_t seed = 99;
	unsigned i, j;

	(void)state;
	for (i = 0; i < 2000; i++) {
		bytes.length = 0;
		for (j = 0; j < 40; j++) {
			uint8_t byte;

			seed = seed * 6364136223846793005u + 1442695040888963407u;
			byte = (uint8_t)(seed >> 40);
			add_bytes(&bytes, &byte, 1);
		}
		sample->facts.key_id = bytes.at;
		sample->facts.key_id_length = bytes.length;
		sample->principals.length = sample->extensions.length = 0;
		add_string(&sample->principals, bytes.at, 20);
		add_string(&sample->extensions, bytes.at, 20);
		add_u32(&sample->extensions, 24);
		add_string(&sample->extensions, bytes.at + 20, 20);
		sample_pack(sample);
		begin(&line);
		record_facts(&line, DOCUMENT_SSH_USER, &sample->facts);
		cJSON_Delete(end(&line));
	}
	free(sample);
}

static void documents_without_facts_have_an_empty_object(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	struct record_line line;

	(void)state;
	begin(&line);
	record_facts(&line, DOCUMENT_JWT, &sample->facts);
	record_text(&line, "x", "y");
	assert_true(record_end(&line) > 0);
	assert_non_null(strstr(line_text, ",\"facts\":{},\"x\":\"y\"}"));
	free(sample);
}

static void times_are_those_of_the_calendar(void **state)
{
	static const struct {
		uint64_t seconds;
		const char *text;
	} rows[] = { { 0, "1970-01-01T00:00:00.000000Z" },
		{ 951782399, "2000-02-28T23:59:59.000000Z" },
		{ 951782400, "2000-02-29T00:00:00.000000Z" },
		{ 951868800, "2000-03-01T00:00:00.000000Z" },
		{ 1709164800, "2024-02-29T00:00:00.000000Z" },
		{ 1735689599, "2024-12-31T23:59:59.000000Z" },
		{ 4107542400, "2100-03-01T00:00:00.000000Z" },
		{ 253402300799, "9999-12-31T23:59:59.000000Z" } };
	char text[RECORD_TIME_TEXT];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		record_time(rows[i].seconds * 1000000, text);
		assert_string_equal(text, rows[i].text);
	}
	record_time(UINT64_MAX, text);
	assert_string_equal(text, "9999-12-31T23:59:59.999999Z");
}

static void times_agree_with_the_c_library(void **state)
{
	char text[RECORD_TIME_TEXT], expected[40];
	uint64_t seconds;
	struct tm tm;
	time_t time;

	(void)state;
	for (seconds = 0; seconds < UINT64_C(20000000000); seconds += 8765432) {
		time = (time_t)seconds;
		assert_non_null(gmtime_r(&time, &tm));
		strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S.000123Z", &tm);
		record_time(seconds * 1000000 + 123, text);
		assert_string_equal(text, expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_begins_with_sequence_time_and_chain),
		cmocka_unit_test(control_characters_and_quotes_are_escaped),
		cmocka_unit_test(bytes_that_are_not_utf8_become_replacement_characters),
		cmocka_unit_test(a_zero_byte_is_escaped),
		cmocka_unit_test(writes_what_a_certificate_says),
		cmocka_unit_test(base64_is_padded),
		cmocka_unit_test(facts_fit_whole_or_not_at_all),
		cmocka_unit_test(the_worst_facts_do_not_fit),
		cmocka_unit_test(a_line_that_does_not_fit_is_none),
		cmocka_unit_test(facts_of_any_bytes_are_json),
		cmocka_unit_test(documents_without_facts_have_an_empty_object),
		cmocka_unit_test(times_are_those_of_the_calendar),
		cmocka_unit_test(times_agree_with_the_c_library),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
