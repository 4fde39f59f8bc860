/* Lines for people: their form, their levels, and that nothing makes two of one. */
#include "ipc/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char text[3 * LOG_LINE_MAX], printed[8 * LOG_LINE_MAX];

/* Runs what logs with standard error going to a pipe; what came is in `printed`. */
#define CAPTURE(...)                                                                     \
	do {                                                                             \
		int ends[2], kept = dup(STDERR_FILENO);                                  \
		ssize_t n;                                                               \
                                                                                         \
		assert_int_equal(pipe2(ends, O_NONBLOCK), 0);                            \
		dup2(ends[1], STDERR_FILENO);                                            \
		__VA_ARGS__;                                                             \
		dup2(kept, STDERR_FILENO);                                               \
		n = read(ends[0], printed, sizeof printed - 1);                          \
		printed[n > 0 ? n : 0] = '\0';                                           \
		close(kept);                                                             \
		close(ends[0]);                                                          \
		close(ends[1]);                                                          \
	} while (0)

static void lines_name_level_program_and_role(void **state)
{
	(void)state;
	log_start("privyseald", "broker", LOG_LEVEL_INFO, 0);
	CAPTURE(log_error("%d keys", 3));
	assert_string_equal(printed, "ERROR privyseald[broker]: 3 keys\n");
	log_start("privyseal", NULL, LOG_LEVEL_INFO, 0);
	CAPTURE(log_warning("w"); log_notice("n"); log_info("i"));
	assert_string_equal(
	    printed, "WARNING privyseal: w\nNOTICE privyseal: n\nINFO privyseal: i\n");
}

static void journal_gets_a_severity_before_each_line(void **state)
{
	(void)state;
	log_start("privyseald", "broker", LOG_LEVEL_DEBUG, 1);
	CAPTURE(log_error("e"); log_debug("d"));
	assert_string_equal(
	    printed, "<3>ERROR privyseald[broker]: e\n<7>DEBUG privyseald[broker]: d\n");
}

static void lines_below_the_least_level_are_not_printed(void **state)
{
	(void)state;
	log_start("privyseald", NULL, LOG_LEVEL_WARNING, 0);
	CAPTURE(log_notice("no"); log_info("no"); log_debug("no"));
	assert_string_equal(printed, "");
	/* another process has its own level: a worker that of its config */
	CAPTURE(log_line("worker", "<7>yes", 6));
	assert_string_equal(printed, "DEBUG privyseald[worker]: yes\n");
	log_level_set(LOG_LEVEL_NOTICE);
	CAPTURE(log_notice("yes"));
	assert_string_equal(printed, "NOTICE privyseald: yes\n");
}

static void what_is_logged_stays_one_line(void **state)
{
	(void)state;
	log_start("privyseald", NULL, LOG_LEVEL_INFO, 0);
	CAPTURE(log_error("%s", "a\nERROR privyseald: b\033[2J\\\x7f\xff"));
	assert_string_equal(printed,
	    "ERROR privyseald: a\\x0aERROR privyseald: b\\x1b[2J\\\\\\x7f\\xff\n");
}

static void line_of_a_worker_is_printed_as_its_own_and_escaped(void **state)
{
	(void)state;
	log_start("privyseald", "supervisor", LOG_LEVEL_INFO, 0);
	CAPTURE(log_line("worker", "<4>x\n<3>y", 9));
	assert_string_equal(printed, "WARNING privyseald[worker]: x\\x0a<3>y\n");
	CAPTURE(log_line("worker", "<9>x", 4));
	assert_string_equal(printed, "INFO privyseald[worker]: x\n");
	CAPTURE(log_line("worker", "<0>x", 4));
	assert_string_equal(printed, "INFO privyseald[worker]: x\n");
	CAPTURE(log_line("worker", "", 0));
	assert_string_equal(printed, "INFO privyseald[worker]: \n");
	CAPTURE(log_line("worker", "a\0b", 3));
	assert_string_equal(printed, "INFO privyseald[worker]: a\\x00b\n");
}

static void text_of_any_length_is_cut_to_one_whole_line(void **state)
{
	size_t length;

	(void)state;
	log_start("privyseald", "supervisor", LOG_LEVEL_INFO, 1);
	memset(text, '\n', sizeof text - 1);
	CAPTURE(log_error("%s", text));
	length = strlen(printed);
	assert_in_range(length, LOG_LINE_MAX, 5 * LOG_LINE_MAX);
	assert_ptr_equal(strchr(printed, '\n'), printed + length - 1);
	CAPTURE(log_line("worker", text, sizeof text - 1));
	length = strlen(printed);
	assert_in_range(length, LOG_LINE_MAX, 5 * LOG_LINE_MAX);
	assert_ptr_equal(strchr(printed, '\n'), printed + length - 1);
}

static void escaping_never_ends_inside_of_an_escape(void **state)
{
	static const char *const whole[] = { "", "a", "a", "a", "a", "a\\x01", "a\\x01",
		"a\\x01\\\\", "a\\x01\\\\b" };
	char out[16];
	size_t room;

	(void)state;
	for (room = 1; room < 10; room++) {
		memset(out, 'Z', sizeof out);
		assert_int_equal(
		    log_escape(out, room, "a\001\\b", 4), strlen(whole[room - 1]));
		assert_string_equal(out, whole[room - 1]);
		assert_int_equal(out[room], 'Z');
	}
	out[0] = 'Z';
	assert_int_equal(log_escape(out, 0, "a", 1), 0);
	assert_int_equal(out[0], 'Z');
}

static void every_byte_is_printable_once_escaped(void **state)
{
	char byte, out[8];
	unsigned i, n;

	(void)state;
	for (i = 0; i < 256; i++) {
		byte = (char)i;
		log_escape(out, sizeof out, &byte, 1);
		for (n = 0; out[n] != '\0'; n++)
			assert_in_range(out[n], 0x20, 0x7e);
		assert_int_equal(n, i == '\\' ? 2 : i < 0x20 || i > 0x7e ? 4 : 1);
	}
}

static void levels_have_their_names_and_no_others(void **state)
{
	(void)state;
	assert_int_equal(log_level_named("error"), LOG_LEVEL_ERROR);
	assert_int_equal(log_level_named("warning"), LOG_LEVEL_WARNING);
	assert_int_equal(log_level_named("notice"), LOG_LEVEL_NOTICE);
	assert_int_equal(log_level_named("info"), LOG_LEVEL_INFO);
	assert_int_equal(log_level_named("debug"), LOG_LEVEL_DEBUG);
	assert_int_equal(log_level_named("err"), -1);
	assert_int_equal(log_level_named("ERROR"), -1);
	assert_int_equal(log_level_named(""), -1);
}

/* Last: there is no way back from being a worker. */
static void worker_writes_severity_and_one_line_for_its_supervisor(void **state)
{
	(void)state;
	log_start_worker(LOG_LEVEL_INFO);
	CAPTURE(log_notice("two\nlines, a \\ and a \033"); log_debug("no"));
	assert_string_equal(printed, "<5>two lines, a \\ and a \033\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_name_level_program_and_role),
		cmocka_unit_test(journal_gets_a_severity_before_each_line),
		cmocka_unit_test(lines_below_the_least_level_are_not_printed),
		cmocka_unit_test(what_is_logged_stays_one_line),
		cmocka_unit_test(line_of_a_worker_is_printed_as_its_own_and_escaped),
		cmocka_unit_test(text_of_any_length_is_cut_to_one_whole_line),
		cmocka_unit_test(escaping_never_ends_inside_of_an_escape),
		cmocka_unit_test(every_byte_is_printable_once_escaped),
		cmocka_unit_test(levels_have_their_names_and_no_others),
		cmocka_unit_test(worker_writes_severity_and_one_line_for_its_supervisor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
