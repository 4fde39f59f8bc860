/* worker/authorities.c: the records as the broker gives them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/authorities.h"

/* base64 of the authorized_keys line of an Ed25519 key */
#define KEY_A                                                                            \
	"c3NoLWVkMjU1MTkgQUFBQUMzTnphQzFsWkRJMU5URTVBQUFBSUdwNWdHZmJWUVJpUFRYVFJu"       \
	"Qk05Yk45Rnd0R2RiUWRyRm1jV2pvQ1dPeWQK"

static struct authorities authorities;
static char error[AUTHORITY_ERROR_MAX];

static bool take(enum ca ca, const char *active, const char *trusted)
{
	char json[2048];

	snprintf(json, sizeof(json),
	    "{ \"spec\" : {\"type\":\"%s\",\"cluster_name\":\"c\","
	    "\"active_keys\":{%s},\"additional_trusted_keys\":{%s}}}",
	    ca_name(ca), active, trusted);
	return authorities_take(&authorities, ca, json, strlen(json), error);
}

static int stop(void **state)
{
	(void)state;
	authorities_free(&authorities);
	return 0;
}

static void knows_no_issuer_without_an_ssh_key(void **state)
{
	struct issuer issuer;

	(void)state;
	assert_false(authorities_issuer(&authorities, CA_USER, PURPOSE_SSH, &issuer));
	assert_true(authorities_take(&authorities, CA_USER, "", 0, error));
	assert_false(authorities_issuer(&authorities, CA_USER, PURPOSE_SSH, &issuer));
	assert_true(take(CA_USER, "", ""));
	assert_false(authorities_issuer(&authorities, CA_USER, PURPOSE_SSH, &issuer));
}

static void signs_with_an_active_key_and_knows_all_of_them(void **state)
{
	struct issuer issuer;

	(void)state;
	assert_true(take(CA_USER, "\"ssh\":[{\"public_key\":\"" KEY_A "\"}]",
	    "\"ssh\":[{\"public_key\":\"" KEY_A "\"}]"));
	assert_true(take(CA_HOST, "", "\"ssh\":[{\"public_key\":\"" KEY_A "\"}]"));
	assert_true(authorities_issuer(&authorities, CA_USER, PURPOSE_SSH, &issuer));
	assert_int_equal(issuer.key_kind, KEY_ED25519);
	assert_int_equal(issuer.public_key_length, 51);
	assert_int_equal(issuer.ca_keys_length, 3 * (4 + 51));
	assert_false(authorities_issuer(
	    &authorities, CA_HOST, PURPOSE_SSH, &issuer)); /* trusted alone */
}

static void keeps_what_it_knew_when_a_record_is_not_readable(void **state)
{
	struct issuer issuer;

	(void)state;
	assert_true(take(CA_USER, "\"ssh\":[{\"public_key\":\"" KEY_A "\"}]", ""));
	assert_false(take(CA_USER, "\"ssh\":[{\"public_key\":\"AAAA\"}]", ""));
	assert_false(authorities_take(&authorities, CA_USER, "{", 1, error));
	assert_false(authorities_take(
	    &authorities, CA_HOST, "{\"spec\":{\"type\":\"user\"}}", 25, error));
	assert_string_equal(error, "the record of CA host is not readable");
	assert_true(authorities_issuer(&authorities, CA_USER, PURPOSE_SSH, &issuer));
}

static void writes_records_on_one_line(void **state)
{
	static const char record[] = "{\n\"spec\":\n{\"type\":\"user\"}}";
	struct json_out out = { 0 };

	(void)state;
	assert_true(
	    authorities_take(&authorities, CA_USER, record, strlen(record), error));
	authorities_write(&authorities, CA_COUNT, &out);
	json_put_raw(&out, "", 1);
	assert_string_equal(out.bytes, "[{\"spec\":{\"type\":\"user\"}}]");
	json_out_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(knows_no_issuer_without_an_ssh_key, stop),
		cmocka_unit_test_teardown(
		    signs_with_an_active_key_and_knows_all_of_them, stop),
		cmocka_unit_test_teardown(
		    keeps_what_it_knew_when_a_record_is_not_readable, stop),
		cmocka_unit_test_teardown(writes_records_on_one_line, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
