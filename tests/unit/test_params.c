/* worker/params.c: what is wrong with params is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "worker/params.h"

static struct rpc_error error;

static bool known(const char *json)
{
	static const char *const names[] = { "a", "b", NULL };
	cJSON *object = cJSON_Parse(json);
	bool good = params_known("where", names, object, &error);

	cJSON_Delete(object);
	return good;
}

static void names_up_to_four_members_that_are_unknown(void **state)
{
	(void)state;
	assert_true(known("{}"));
	assert_true(known("{\"b\":1,\"a\":2}"));
	assert_false(known("{\"a\":1,\"A\":2}"));
	assert_int_equal(error.code, RPC_INVALID_PARAMS);
	assert_string_equal(error.message, "where: unknown param \"A\"");
	assert_false(known("{\"c\":1,\"d\":1,\"e\":1,\"f\":1}"));
	assert_string_equal(
	    error.message, "where: unknown params \"c\", \"d\", \"e\", \"f\"");
	assert_false(known("{\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1}"));
	assert_string_equal(
	    error.message, "where: unknown params \"c\", \"d\", \"e\", \"f\", and more");
}

static bool is_list(const char *json)
{
	cJSON *list = cJSON_Parse(json);
	bool good = params_list(list, "dns", &error);

	cJSON_Delete(list);
	return good;
}

static void takes_lists_of_strings_alone(void **state)
{
	(void)state;
	assert_true(params_list(NULL, "dns", &error));
	assert_true(is_list("[]"));
	assert_true(is_list("[\"a\",\"\"]"));
	assert_false(is_list("\"a\""));
	assert_string_equal(error.message, "dns: must be a list of strings");
	assert_false(is_list("[\"a\",null]"));
	assert_string_equal(error.message, "dns: every one must be a string");
	assert_false(is_list("{\"a\":\"b\"}"));
}

static uint64_t ttl_of(const char *json)
{
	cJSON *params = cJSON_Parse(json);
	uint64_t ttl = 0;
	bool good = params_ttl(params, strchr(json, '.') != NULL, &ttl, &error);

	cJSON_Delete(params);
	return good ? ttl : UINT64_MAX;
}

static void reads_a_ttl_in_seconds_or_as_a_duration(void **state)
{
	(void)state;
	assert_int_equal(ttl_of("{}"), 0);
	assert_int_equal(ttl_of("{\"ttl\":1}"), 1);
	assert_int_equal(ttl_of("{\"ttl\":315360000}"), 315360000);
	assert_int_equal(ttl_of("{\"ttl\":\"1h30m\"}"), 5400);
	assert_int_equal(ttl_of("{\"ttl\":315360001}"), UINT64_MAX);
	assert_int_equal(ttl_of("{\"ttl\":0}"), UINT64_MAX);
	assert_int_equal(ttl_of("{\"ttl\":1.0}"), UINT64_MAX);
	assert_int_equal(ttl_of("{\"ttl\":\"1\"}"), UINT64_MAX);
	assert_int_equal(ttl_of("{\"ttl\":null}"), UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_up_to_four_members_that_are_unknown),
		cmocka_unit_test(takes_lists_of_strings_alone),
		cmocka_unit_test(reads_a_ttl_in_seconds_or_as_a_duration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
