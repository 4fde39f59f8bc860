#include "supervisor_said.h"

#include "broker/supervisor/supervisor.h"

#include <getopt.h>

#define READ(out, ...)                                                                   \
	read_words(out, (const char *const[]){ "privyseald", __VA_ARGS__, NULL })

/* Values stay where they stood on the command line. */
static char *kept(const char *word, int place)
{
	static char words[16][64];

	snprintf(words[place], sizeof words[place], "%s", word);
	return words[place];
}

static bool read_words(struct flags *out, const char *const *words)
{
	char *argv[16] = { NULL };
	int count;

	for (count = 0; words[count]; count++)
		argv[count] = kept(words[count], count);
	optind = 0; /* a second command line in one process */
	return flags_read(count, argv, out);
}

static void assert_refuses(const char *one, const char *other, const char *part)
{
	struct flags flags;
	struct said said;
	bool good;

	listen_to_errors(&said);
	good = READ(&flags, one, other);
	assert_says(what_was_said(&said), part);
	assert_false(good);
}

static void has_the_documented_defaults(void **state)
{
	const char *const words[] = { "privyseald", NULL };
	struct flags flags;

	(void)state;
	assert_true(read_words(&flags, words));
	assert_string_equal(flags.config, "/etc/privyseal/privyseal.yaml");
	assert_string_equal(flags.policy, "/etc/privyseal/policy.conf");
	assert_string_equal(flags.state_directory, "/var/lib/privyseal");
	assert_string_equal(flags.runtime_directory, "/run/privyseal");
	assert_string_equal(flags.user, "privyseal");
	assert_string_equal(flags.log_level, "info");
	assert_false(flags.terminal || flags.check || flags.help || flags.version);
}

static void takes_values_in_both_forms(void **state)
{
	struct flags flags;

	(void)state;
	assert_true(READ(&flags, "--config", "a", "--policy=b=c", "--state-dir", "d",
	    "--runtime-dir=e", "--user", "f", "--log-level=debug", "--stdio"));
	assert_string_equal(flags.config, "a");
	assert_string_equal(flags.policy, "b=c");
	assert_string_equal(flags.state_directory, "d");
	assert_string_equal(flags.runtime_directory, "e");
	assert_string_equal(flags.user, "f");
	assert_string_equal(flags.log_level, "debug");
	assert_true(flags.terminal);
	assert_false(flags.check);
}

static void refuses_wrong_usage_naming_the_word(void **state)
{
	(void)state;
	assert_refuses("--colour", "x", "--colour: no such flag");
	assert_refuses("--stdio", "stray", "stray: stray word");
	assert_refuses("--stdio", "-xy", "-xy: no such flag");
	assert_refuses("--\x1b[2J", "x", "--\\x1b[2J: no such flag");
	assert_refuses("--check", "--user", "--user needs a value");
	assert_refuses("--check", "--user=", "--user needs a value");
	assert_refuses("--stdio=yes", "--check", "--stdio=yes: no such flag");
	assert_refuses("--log-level", "loud", "--log-level loud");
	assert_refuses("--check", "--stdio", "exclude each other");
	assert_refuses("--", "-x", "-x: stray word");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_the_documented_defaults),
		cmocka_unit_test(takes_values_in_both_forms),
		cmocka_unit_test(refuses_wrong_usage_naming_the_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
