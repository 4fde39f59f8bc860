#include "supervisor_said.h"

#include "cli/cli.h"

#define READ(out, message, ...)                                                          \
	read_words(out, message, (const char *const[]){ "privyseal", __VA_ARGS__, NULL })

static bool read_words(
    struct arguments *out, char message[MESSAGE_MAX], const char *const *words)
{
	union {
		const char *const *in;
		char *const *out;
	} both = { .in = words };
	int count = 0;

	while (words[count])
		count++;
	return arguments_read(count, both.out, out, message);
}

static void global_flags_may_stand_anywhere(void **state)
{
	struct arguments before, after;
	char message[MESSAGE_MAX];

	(void)state;
	assert_true(
	    READ(&before, message, "--runtime-dir", "/x", "--format=json", "status"));
	assert_true(
	    READ(&after, message, "status", "--runtime-dir=/x", "--format", "json"));
	assert_string_equal(before.command->name, "status");
	assert_ptr_equal(before.command, after.command);
	assert_string_equal(before.runtime_directory, "/x");
	assert_string_equal(after.runtime_directory, "/x");
	assert_true(before.json && after.json);
}

/* audit show and policy test have a --client of their own. */
static void client_is_the_socket_that_pipe_and_status_ask_over(void **state)
{
	struct arguments arguments;
	char message[MESSAGE_MAX];

	(void)state;
	assert_true(READ(&arguments, message, "status", "--client", "deploy"));
	assert_string_equal(arguments.client, "deploy");
	assert_true(READ(&arguments, message, "--client=deploy", "pipe"));
	assert_string_equal(arguments.client, "deploy");
	assert_true(READ(&arguments, message, "audit", "show", "--client", "deploy"));
	assert_int_equal(arguments.words_count, 3);
	assert_false(READ(&arguments, message, "doctor", "--client", "deploy"));
	assert_false(READ(&arguments, message, "--client", "deploy", "audit", "show"));
	assert_false(READ(&arguments, message, "pipe", "--client", "../deploy"));
}

static void has_the_documented_defaults(void **state)
{
	struct arguments arguments;
	char message[MESSAGE_MAX];

	(void)state;
	assert_true(READ(&arguments, message, "pipe"));
	assert_string_equal(arguments.runtime_directory, "/run/privyseal");
	assert_string_equal(arguments.client, "auth");
	assert_false(
	    arguments.json || arguments.probe || arguments.help || arguments.version);
}

static void gives_help_and_version_everywhere(void **state)
{
	struct arguments arguments;
	char message[MESSAGE_MAX];

	(void)state;
	assert_true(READ(&arguments, message, "--help"));
	assert_true(arguments.help && !arguments.command);
	assert_true(READ(&arguments, message, "doctor", "--help"));
	assert_true(arguments.help && arguments.command);
	assert_true(READ(&arguments, message, "--version", "pipe"));
	assert_true(arguments.version);
}

static void refuses_wrong_usage_naming_the_word(void **state)
{
	static const struct {
		const char *words[4], *says;
	} cases[] = {
		{ { "privyseal", NULL }, "needs a command" },
		{ { "privyseal", "stat", NULL }, "stat: no such command" },
		{ { "privyseal", "status", "extra", NULL }, "extra: stray word" },
		{ { "privyseal", "status", "--loud", NULL }, "--loud: no such flag" },
		{ { "privyseal", "status", "--formats=json", NULL },
		    "--formats=json: no such flag" },
		{ { "privyseal", "status", "--format", NULL },
		    "--format: needs a value" },
		{ { "privyseal", "status", "--runtime-dir=", NULL }, "needs a value" },
		{ { "privyseal", "status", "--format=xml", NULL },
		    "xml: --format is text or json" },
		{ { "privyseal", "pipe", "--probe", NULL }, "--probe" },
		{ { "privyseal", "--help=yes", "pipe", NULL },
		    "--help=yes: no such flag" },
	};
	struct arguments arguments;
	char message[MESSAGE_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		if (read_words(&arguments, message, cases[i].words))
			fail_msg("accepted what %s", cases[i].says);
		assert_says(message, cases[i].says);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(global_flags_may_stand_anywhere),
		cmocka_unit_test(has_the_documented_defaults),
		cmocka_unit_test(client_is_the_socket_that_pipe_and_status_ask_over),
		cmocka_unit_test(gives_help_and_version_everywhere),
		cmocka_unit_test(refuses_wrong_usage_naming_the_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
