/* worker/json.c: what may reach cJSON, and what is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/json.h"

static enum json_fault check(const char *text, struct json_outline *outline)
{
	size_t at;

	return json_check(text, strlen(text), outline, &at);
}

static void accepts_json(void **state)
{
	static const char *const good[] = { "{}", "[]", " \t{ } \r", "-0.5e+3",
		"\"\\u00e9\\n\"", "[1,2,[3,{\"a\":null}],true]", "\"\\ud83d\\ude00\"",
		"\"\xf0\x9f\x98\x80\"" };
	struct json_outline outline;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(check(good[i], &outline), JSON_GOOD);
}

static void refuses_what_cjson_would_let_pass(void **state)
{
	static const struct {
		const char *text;
		enum json_fault fault;
	} bad[] = {
		{ "\"\x01\"", JSON_CONTROL },
		{ "\x01{}", JSON_SYNTAX },
		{ "01", JSON_TRAILING },
		{ "1.", JSON_SYNTAX },
		{ "-", JSON_SYNTAX },
		{ "{} {}", JSON_TRAILING },
		{ "\"\xc0\x80\"", JSON_UTF8 },
		{ "\"\xed\xa0\x80\"", JSON_UTF8 },
		{ "\"\xf4\x90\x80\x80\"", JSON_UTF8 },
		{ "\"\xe2\x82\"", JSON_UTF8 },
		{ "\"\\udc00\"", JSON_UTF8 },
		{ "\"\\ud800x\"", JSON_UTF8 },
		{ "[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]", JSON_DEPTH },
		{ "", JSON_SYNTAX },
		{ "{\"a\"}", JSON_SYNTAX },
		{ "{\"a\":1", JSON_SYNTAX },
		{ "[1 2]", JSON_SYNTAX },
		{ "{\"a\":1,}", JSON_SYNTAX },
		{ "[}", JSON_SYNTAX },
		{ "{1:2}", JSON_SYNTAX },
	};
	struct json_outline outline;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (check(bad[i].text, &outline) != bad[i].fault)
			fail_msg("%s", bad[i].text);
}

static void finds_the_outermost_id_alone(void **state)
{
	static const char text[] =
	    "{\"params\":{\"id\":1},\"x\":[{\"id\":2}], \"id\" : \"seven\" ,\"y\":3}";
	struct json_outline outline;

	(void)state;
	assert_int_equal(check(text, &outline), JSON_GOOD);
	assert_int_equal(outline.id_length, 7);
	assert_memory_equal(text + outline.id_at, "\"seven\"", 7);
	assert_int_equal(
	    check("{\"params\":{\"id\":1},\"z\":\"id\"}", &outline), JSON_GOOD);
	assert_int_equal(outline.id_length, 0);
}

static void sees_nul_escapes_and_fractions(void **state)
{
	struct json_outline outline;

	(void)state;
	assert_int_equal(check("[\"\\\\u0000\",10]", &outline), JSON_GOOD);
	assert_false(outline.nul_escape || outline.fraction);
	assert_int_equal(check("[\"\\u0000\"]", &outline), JSON_GOOD);
	assert_true(outline.nul_escape);
	assert_int_equal(check("[1.0]", &outline), JSON_GOOD);
	assert_true(outline.fraction);
	assert_int_equal(check("[1e3]", &outline), JSON_GOOD);
	assert_true(outline.fraction);
}

static void finds_duplicates_among_many_members(void **state)
{
	static char text[65536];
	bool short_of_memory = false;
	size_t n = 1;
	cJSON *value;
	int i;

	(void)state;
	text[0] = '{';
	for (i = 0; i < 5000; i++)
		n += (size_t)snprintf(
		    text + n, sizeof(text) - n, "\"%x\":0,", i * 7919 % 5003);
	snprintf(text + n, sizeof(text) - n, "\"z\":[{\"b\":1,\"a\":2}]}");
	value = json_parse(text, strlen(text));
	assert_non_null(value);
	assert_null(json_duplicate(value, &short_of_memory));
	cJSON_Delete(value);
	snprintf(text + n, sizeof(text) - n, "\"z\":[{\"b\":1,\"b\":2}]}");
	value = json_parse(text, strlen(text));
	assert_string_equal(json_duplicate(value, &short_of_memory), "b");
	cJSON_Delete(value);
	assert_false(short_of_memory);
}

static void writes_strings_that_read_back(void **state)
{
	struct json_out out = { 0 };
	struct json_outline outline;
	size_t at;

	(void)state;
	json_open(&out, '{');
	json_name(&out, "a");
	json_string(&out, "x\"\\\n\x01\xc3\xa9\xff\x7f", 9);
	json_name(&out, "b");
	json_open(&out, '[');
	json_number(&out, -5);
	json_bool(&out, true);
	json_close(&out, ']');
	json_close(&out, '}');
	assert_false(out.failed);
	assert_int_equal(json_check(out.bytes, out.length, &outline, &at), JSON_GOOD);
	json_put_raw(&out, "", 1);
	assert_string_equal(out.bytes,
	    "{\"a\":\"x\\\"\\\\\\n\\u0001\xc3\xa9\xef\xbf\xbd\\u007f\",\"b\":[-5,true]}");
	json_out_free(&out);
}

static void remembers_that_it_grew_too_large(void **state)
{
	static char block[65536];
	struct json_out out = { 0 };
	int i;

	(void)state;
	for (i = 0; i < 17; i++)
		json_put_raw(&out, block, sizeof(block));
	assert_true(out.failed);
	assert_true(out.room <= JSON_OUT_MAX);
	json_out_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_json),
		cmocka_unit_test(refuses_what_cjson_would_let_pass),
		cmocka_unit_test(finds_the_outermost_id_alone),
		cmocka_unit_test(sees_nul_escapes_and_fractions),
		cmocka_unit_test(finds_duplicates_among_many_members),
		cmocka_unit_test(writes_strings_that_read_back),
		cmocka_unit_test(remembers_that_it_grew_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
