/* The words after `privyseal audit`. */
#include "supervisor_said.h"

#include "cli/audit.h"

#define NOW 1767323045 /* 2026-01-02T03:04:05Z */

static struct audit_request request;
static char message[MESSAGE_MAX];

#define READ(...) read_words((const char *const[]){ __VA_ARGS__, NULL })

static bool read_words(const char *const *words)
{
	unsigned count = 0;

	while (words[count])
		count++;
	return audit_request_read(words, count, NOW, &request, message);
}

static void reads_flags_in_both_forms_and_files_between_them(void **state)
{
	(void)state;
	assert_true(
	    READ("show", "one", "--event", "sign", "--ca=user", "two", "--last", "7"));
	assert_int_equal(request.act, AUDIT_SHOW);
	assert_string_equal(request.filter[FILTER_EVENT], "sign");
	assert_string_equal(request.filter[FILTER_CA], "user");
	assert_null(request.filter[FILTER_CLIENT]);
	assert_int_equal(request.names_count, 2);
	assert_string_equal(request.names[1], "two");
	assert_int_equal(request.last, 7);
	assert_true(READ("show", "--document", "crl"));
	assert_true(READ("show", "--document", "x509-host"));
	assert_true(READ("verify", "--state-dir", "/x"));
	assert_int_equal(request.act, AUDIT_VERIFY);
	assert_string_equal(request.state_directory, "/x");
}

static void refuses_wrong_usage_naming_the_word(void **state)
{
	static const struct {
		const char *words[4], *says;
	} cases[] = {
		{ { NULL }, "needs one of verify show compress prune" },
		{ { "look", NULL }, "look: is not one of verify show compress prune" },
		{ { "verify", "--event", "sign", NULL },
		    "--event: is no flag of audit verify" },
		{ { "show", "--evil", NULL }, "--evil: no such flag" },
		{ { "show", "--id", NULL }, "--id: needs a value" },
		{ { "show", "--id=", NULL }, "--id=: needs a value" },
		{ { "show", "--last", "0", NULL }, "0: --last" },
		{ { "show", "--last", "-1", NULL }, "-1: --last" },
		{ { "show", "--last", "99999999999", NULL }, "--last" },
		{ { "show", "--until", "soon", NULL }, "soon: a time is" },
		{ { "verify", "x", "--state-dir=/y", NULL }, "x: either" },
		{ { "show", "--ca", "nope", NULL },
		    "nope: is no CA; they are user host db db_client openssh jwt "
		    "saml_idp oidc_idp spiffe;" },
		{ { "show", "--document", "ssh-usr", NULL },
		    "ssh-usr: is no kind of document; they are ssh-user ssh-host" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		if (read_words(cases[i].words))
			fail_msg("accepted what %s", cases[i].says);
		assert_says(message, cases[i].says);
	}
}

static void its_words_and_the_global_flags_may_be_mixed(void **state)
{
	static char *words[] = { "privyseal", "--format=json", "audit", "show", "--last",
		"7", "--runtime-dir", "/x", "file", NULL };
	static struct arguments arguments;

	(void)state;
	assert_true(arguments_read(9, words, &arguments, message));
	assert_true(arguments.json);
	assert_string_equal(arguments.runtime_directory, "/x");
	assert_int_equal(arguments.words_count, 4);
	assert_true(audit_request_read(
	    arguments.words, arguments.words_count, NOW, &request, message));
	assert_int_equal(request.last, 7);
	assert_string_equal(request.names[0], "file");
}

static void reads_every_form_of_time(void **state)
{
	static const char *const cases[][2] = {
		{ "2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000000Z" },
		{ "2026-01-02T03:04:05.5Z", "2026-01-02T03:04:05.500000Z" },
		{ "2026-01-02 03:04:05.1234567Z", "2026-01-02T03:04:05.123456Z" },
		{ "2026-01-02T03:04:05+02:30", "2026-01-02T00:34:05.000000Z" },
		{ "2026-01-02T03:04:05-01:00", "2026-01-02T04:04:05.000000Z" },
		{ "1767323045", "2026-01-02T03:04:05.000000Z" },
		{ "0", "1970-01-01T00:00:00.000000Z" },
		{ "2h", "2026-01-02T01:04:05.000000Z" },
		{ "1d1h", "2026-01-01T02:04:05.000000Z" },
	};
	char out[RECORD_TIME_TEXT];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		if (!audit_time_read(cases[i][0], NOW, out))
			fail_msg("%s is no time", cases[i][0]);
		assert_string_equal(out, cases[i][1]);
	}
}

static void refuses_what_is_no_time(void **state)
{
	static const char *const cases[] = { "", "h", "2026-01-02", "2026-01-02T03:04:05",
		"2026-01-02T03:04:05.Z", "2026-13-02T03:04:05Z", "2026-02-29T03:04:05Z",
		"2026-01-02T03:04:05+2:30", "2026-01-02T03:04:05+02:300",
		"2026-01-02T03:04:05+99:00", "1900-01-02T03:04:05Z", "-5",
		"99999999999999999999", "1h ago" };
	char out[RECORD_TIME_TEXT];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (audit_time_read(cases[i], NOW, out))
			fail_msg("`%s` is %s", cases[i], out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_flags_in_both_forms_and_files_between_them),
		cmocka_unit_test(refuses_wrong_usage_naming_the_word),
		cmocka_unit_test(its_words_and_the_global_flags_may_be_mixed),
		cmocka_unit_test(reads_every_form_of_time),
		cmocka_unit_test(refuses_what_is_no_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
