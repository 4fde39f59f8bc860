/* broker/sigv4.c, against the figures that AWS publishes for Signature Version 4. */
#include "broker/sigv4.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ACCESS_KEY "AKIDEXAMPLE"
#define SECRET	   "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define HOST                                                                             \
	{                                                                                \
		"Host", "example.amazonaws.com"                                          \
	}
#define DATE                                                                             \
	{                                                                                \
		"X-Amz-Date", "20150830T123600Z"                                         \
	}
#define FORM_HASH "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"

/* 2015-08-30T12:36:00Z, us-east-1, the service "service". */
/* clang-format off */
static const struct published {
	const char *name;
	struct sigv4_header headers[SIGV4_HEADERS_MAX];
	size_t count;
	const char *body, *signed_headers, *signature;
} published[] = {
	{ "post-vanilla", { HOST, DATE }, 2, "", "host;x-amz-date",
	    "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" },
	{ "post-header-value-case", { HOST, { "My-Header1", "VALUE1" }, DATE }, 3, "",
	    "host;my-header1;x-amz-date",
	    "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d" },
	{ "post-x-www-form-urlencoded-parameters",
	    { { "Content-Type", "application/x-www-form-urlencoded; charset=utf-8" }, HOST,
	    { "Content-Length", "13" }, DATE, { "x-amz-content-sha256", FORM_HASH } }, 5,
	    "Param1=value1", "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
	    "328d1b9eaadca9f5818ef05e8392801e091653bafec24fcab71e7344e7f51422" },
};
/* clang-format on */

static bool sign(struct sigv4_signer *signer, const struct published *one, char *out)
{
	return sigv4_sign(signer, ACCESS_KEY, SECRET, 1, one->headers, one->count,
	    one->body, strlen(one->body), out);
}

static void gives_the_published_signatures(void **state)
{
	char out[SIGV4_AUTHORIZATION_MAX], expected[SIGV4_AUTHORIZATION_MAX];
	struct sigv4_signer signer;
	size_t i;

	(void)state;
	assert_true(sigv4_start(&signer, "us-east-1", "service"));
	for (i = 0; i < sizeof published / sizeof published[0]; i++) {
		snprintf(expected, sizeof expected,
		    "AWS4-HMAC-SHA256 Credential=" ACCESS_KEY
		    "/20150830/us-east-1/service/aws4_request, SignedHeaders=%s, "
		    "Signature=%s",
		    published[i].signed_headers, published[i].signature);
		assert_true(sign(&signer, &published[i], out));
		assert_string_equal(out, expected);
	}
	sigv4_stop(&signer);
}

static void header_case_and_order_do_not_matter(void **state)
{
	struct published other = { "",
		{ { "x-aMz-dAte", "20150830T123600Z" },
		    { "HOST", "example.amazonaws.com" } },
		2, "", "", "" };
	char out[SIGV4_AUTHORIZATION_MAX];
	struct sigv4_signer signer;

	(void)state;
	assert_true(sigv4_start(&signer, "us-east-1", "service"));
	assert_true(sign(&signer, &other, out));
	assert_non_null(strstr(out, published[0].signature));
	sigv4_stop(&signer);
}

static void blanks_in_values_and_repeated_headers_are_canonical(void **state)
{
	const struct published spread = { "",
		{ HOST, DATE, { "My-Header", "  a \t b\n  c " }, { "my-header", "d" } },
		4, "", "", "" };
	const struct published plain = { "", { HOST, { "my-header", "a b c,d" }, DATE },
		3, "", "", "" };
	char one[SIGV4_AUTHORIZATION_MAX], other[SIGV4_AUTHORIZATION_MAX];
	struct sigv4_signer signer;

	(void)state;
	assert_true(sigv4_start(&signer, "us-east-1", "service"));
	assert_true(sign(&signer, &spread, one));
	assert_true(sign(&signer, &plain, other));
	assert_string_equal(one, other);
	sigv4_stop(&signer);
}

static void every_part_of_a_request_changes_the_signature(void **state)
{
	struct published one = published[2];
	char before[SIGV4_AUTHORIZATION_MAX], after[SIGV4_AUTHORIZATION_MAX];
	struct sigv4_signer signer, elsewhere;

	(void)state;
	assert_true(sigv4_start(&signer, "us-east-1", "service"));
	assert_true(sigv4_start(&elsewhere, "us-east-2", "service"));
	assert_true(sign(&signer, &one, before));
	assert_true(sign(&elsewhere, &one, after));
	assert_string_not_equal(
	    strstr(before, "Signature="), strstr(after, "Signature="));
	one.body = "Param1=value2";
	assert_true(sign(&signer, &one, after));
	assert_string_not_equal(before, after);
	one.body = published[2].body;
	one.headers[2].value = "14";
	assert_true(sign(&signer, &one, after));
	assert_string_not_equal(before, after);
	sigv4_stop(&signer);
	sigv4_stop(&elsewhere);
}

static void derives_the_key_once_a_day_and_for_new_credentials(void **state)
{
	struct published next_day = published[0];
	char out[SIGV4_AUTHORIZATION_MAX];
	struct sigv4_signer signer;

	(void)state;
	assert_true(sigv4_start(&signer, "us-east-1", "service"));
	assert_true(sign(&signer, &published[0], out));
	/* The same number is a promise that the secret is the same: it is not read. */
	assert_true(
	    sigv4_sign(&signer, ACCESS_KEY, "", 1, published[0].headers, 2, "", 0, out));
	assert_non_null(strstr(out, published[0].signature));
	assert_true(
	    sigv4_sign(&signer, ACCESS_KEY, "", 2, published[0].headers, 2, "", 0, out));
	assert_null(strstr(out, published[0].signature));
	next_day.headers[1].value = "20150831T000000Z";
	assert_true(sign(&signer, &next_day, out));
	assert_string_equal(signer.day, "20150831");
	assert_true(sign(&signer, &published[0], out));
	assert_non_null(strstr(out, published[0].signature));
	sigv4_stop(&signer);
	assert_null(signer.derived);
}

static void refuses_what_it_can_not_sign(void **state)
{
	struct sigv4_header many[SIGV4_HEADERS_MAX + 1] = { HOST, DATE };
	struct sigv4_header one[] = { DATE, HOST };
	char out[SIGV4_AUTHORIZATION_MAX], *longest;
	struct sigv4_signer signer;
	char name[SIGV4_NAME_MAX + 2];
	size_t i;

	(void)state;
	memset(name, 'a', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	assert_false(sigv4_start(&signer, name, "service"));
	assert_true(sigv4_start(&signer, "us-east-1", "service"));
	for (i = 2; i < SIGV4_HEADERS_MAX + 1; i++)
		many[i] = (struct sigv4_header){ "a", "b" };
	assert_false(sigv4_sign(
	    &signer, ACCESS_KEY, SECRET, 1, many, SIGV4_HEADERS_MAX + 1, "", 0, out));
	assert_true(sigv4_sign(
	    &signer, ACCESS_KEY, SECRET, 1, many, SIGV4_HEADERS_MAX, "", 0, out));
	assert_false(sigv4_sign(&signer, ACCESS_KEY, SECRET, 1, one, 1, "", 0, out));
	assert_false(sigv4_sign(&signer, ACCESS_KEY, SECRET, 1, one + 1, 1, "", 0, out));
	one[0].value = "20150830";
	assert_false(sigv4_sign(&signer, ACCESS_KEY, SECRET, 1, one, 2, "", 0, out));
	longest = malloc(SIGV4_CANONICAL_MAX + 1);
	memset(longest, 'a', SIGV4_CANONICAL_MAX);
	longest[SIGV4_CANONICAL_MAX] = '\0';
	many[2].value = longest;
	assert_false(sigv4_sign(&signer, ACCESS_KEY, SECRET, 1, many, 3, "", 0, out));
	free(longest);
	sigv4_stop(&signer);
}

static void writes_dates_in_their_one_form(void **state)
{
	char out[SIGV4_DATE_TEXT];

	(void)state;
	assert_true(sigv4_date(1440938160, out));
	assert_string_equal(out, "20150830T123600Z");
	assert_true(sigv4_date(1440979199, out));
	assert_string_equal(out, "20150830T235959Z");
	assert_true(sigv4_date(1440979200, out));
	assert_string_equal(out, "20150831T000000Z");
	assert_false(sigv4_date(INT64_MAX / 2, out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_the_published_signatures),
		cmocka_unit_test(header_case_and_order_do_not_matter),
		cmocka_unit_test(blanks_in_values_and_repeated_headers_are_canonical),
		cmocka_unit_test(every_part_of_a_request_changes_the_signature),
		cmocka_unit_test(derives_the_key_once_a_day_and_for_new_credentials),
		cmocka_unit_test(refuses_what_it_can_not_sign),
		cmocka_unit_test(writes_dates_in_their_one_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
