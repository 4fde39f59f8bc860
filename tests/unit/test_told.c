/* ipc/told.c: what a process of ours takes for its flags. */
#include "ipc/told.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <getopt.h>

#include <cmocka.h>

#define WORDS_MAX 16

static struct told told;

static bool read_words(char *const *words)
{
	char *argv[WORDS_MAX + 2] = { "program" };
	int argc = 1;

	while (words[argc - 1]) {
		argv[argc] = words[argc - 1];
		argc++;
	}
	optind = 0; /* anew */
	return told_read(argc, argv, &told);
}

#define READ(...) read_words((char *[]){ __VA_ARGS__, NULL })

static void says_what_was_told(void **state)
{
	(void)state;
	assert_true(READ("--uid", "12", "--gid", "4294967294", "--filters", "3",
	    "--policy-name", "p", "--config-name", "c", "--socket", "auth", "--log-level",
	    "debug", "--journal", "--check"));
	assert_int_equal(told.uid, 12);
	assert_true(told.gid == 4294967294u);
	assert_int_equal(told.filters, 3);
	assert_string_equal(told.policy_name, "p");
	assert_string_equal(told.config_name, "c");
	assert_string_equal(told.socket, "auth");
	assert_int_equal(told.log_level, LOG_LEVEL_DEBUG);
	assert_true(told.journal && told.check);
	assert_false(told.terminal || told.networked || told.probe);
}

static void a_twin_is_told_its_act(void **state)
{
	(void)state;
	assert_true(READ("--probe=open", "--uid", "7", "--gid", "8", "--networked"));
	assert_string_equal(told.probe, "open");
	assert_int_equal(told.uid, 7);
	assert_true(told.networked);
}

static void what_is_not_said_is_nothing(void **state)
{
	(void)state;
	assert_true(READ("--terminal"));
	assert_int_equal(told.uid, 0);
	assert_null(told.policy_name);
	assert_int_equal(told.log_level, LOG_LEVEL_INFO);
}

static void refuses_all_else(void **state)
{
	(void)state;
	assert_false(READ("--root"));
	assert_false(READ("stray"));
	assert_false(READ("--uid"));
	assert_false(READ("--uid", ""));
	assert_false(READ("--uid", "-1"));
	assert_false(READ("--uid", " 1"));
	assert_false(READ("--uid", "1x"));
	assert_false(READ("--gid", "4294967295"));
	assert_false(READ("--filters", "99999999999999999999"));
	assert_false(READ("--log-level", "loud"));
	assert_false(READ("--check=yes"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_was_told),
		cmocka_unit_test(a_twin_is_told_its_act),
		cmocka_unit_test(what_is_not_said_is_nothing),
		cmocka_unit_test(refuses_all_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
