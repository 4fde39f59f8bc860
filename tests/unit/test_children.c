#include "supervisor_said.h"

#include "broker/supervisor/supervisor.h"

#include <signal.h>
#include <sys/syscall.h>

static void waits_longer_after_each_death_up_to_half_a_minute(void **state)
{
	static const int delays[] = { 0, 100, 200, 400, 800, 1600, 3200, 6400, 12800,
		25600, 30000, 30000 };
	struct restart restart = { 0 };
	int64_t now = 1000;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof delays / sizeof delays[0]; i++) {
		assert_int_equal(restart_delay(&restart, now), delays[i]);
		now += delays[i] + 1;
	}
}

static void forgets_deaths_after_a_minute_of_quiet(void **state)
{
	struct restart restart = { 0 };

	(void)state;
	restart_delay(&restart, 1000);
	restart_delay(&restart, 1001);
	assert_int_equal(restart_delay(&restart, 1001 + 59999), 200);
	assert_int_equal(restart_delay(&restart, 61000 + 60000), 0);
	assert_int_equal(restart_delay(&restart, 121001), 100);
}

static void never_overflows_however_often_it_dies(void **state)
{
	struct restart restart = { .deaths = 4000000000u, .last = 1000 };

	(void)state;
	assert_int_equal(restart_delay(&restart, 1001), 30000);
}

static void ended_by(void (*act)(void), int expected, const char *words)
{
	struct child child = { .pidfd = 0 };
	char how[96];
	pid_t pid = fork();

	if (pid == 0) {
		act();
		_exit(7);
	}
	child.pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	assert_int_equal(child_bury(&child, 1000, how), expected);
	assert_string_equal(how, words);
	assert_int_equal(child.pidfd, 0);
}

static void nothing(void)
{
}

static void die_of_sigkill(void)
{
	raise(SIGKILL);
}

static void die_of_sigsys(void)
{
	signal(SIGSYS, SIG_DFL);
	raise(SIGSYS);
}

static void says_how_a_child_ended(void **state)
{
	(void)state;
	ended_by(nothing, 7, "exited with status 7");
	ended_by(die_of_sigkill, -1, "was killed by SIGKILL");
	ended_by(die_of_sigsys, -1,
	    "was killed by SIGSYS (a system call that its filter forbids)");
}

static void prints_the_last_words_of_a_child(void **state)
{
	struct child child = { .pidfd = 0 };
	struct said said;
	char how[96];
	int ends[2];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0)
		_exit(write(ends[1], "<4>one\n<4>last words", 20) == 20 ? 0 : 1);
	close(ends[1]);
	child.pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	child.log_end = ends[0];
	listen_to_errors(&said);
	assert_int_equal(child_bury(&child, 5000, how), 0);
	assert_says(what_was_said(&said), "one\n");
	assert_says(said.text, "last words\n");
	assert_int_equal(child.log_end, 0);
}

static void joins_pieces_into_lines_and_then_lets_the_worker_wait(void **state)
{
	struct child child = { .pidfd = 0 };
	struct said said;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	child.log_end = ends[0];
	listen_to_errors(&said);
	assert_int_equal(write(ends[1], "<4>on", 5), 5);
	child_read_log(&child, 5000);
	assert_true(child.log_due > 5000);
	assert_int_equal(write(ends[1], "e\n<4>two\n<4>thr", 15), 15);
	child_read_log(&child, 6000);
	assert_true(child_has_line(&child));
	close(ends[1]);
	while (child_read_log(&child, 7000))
		continue;
	assert_int_equal(child.log_end, 0);
	assert_says(what_was_said(&said), "[worker]: one\n");
	assert_says(said.text, "[worker]: two\n");
	assert_says(said.text, "[worker]: thr\n");
}

static void says_one_line_at_a_time_and_no_empty_ones(void **state)
{
	struct child child = { .pidfd = 0 };
	struct said said;
	int ends[2], i;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	child.log_end = ends[0];
	listen_to_errors(&said);
	assert_int_equal(write(ends[1], "<4>one\n\n\n\n<4>two\n", 17), 17);
	child_read_log(&child, 5000);
	child_read_log(&child, 5000);
	assert_non_null(strstr(what_was_said(&said), "one\n"));
	assert_null(strstr(said.text, "two"));
	listen_to_errors(&said);
	for (i = 0; i < 4; i++)
		child_read_log(&child, 5000);
	assert_says(what_was_said(&said), "[worker]: two\n");
	assert_null(strstr(said.text, ": \n"));
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_longer_after_each_death_up_to_half_a_minute),
		cmocka_unit_test(forgets_deaths_after_a_minute_of_quiet),
		cmocka_unit_test(never_overflows_however_often_it_dies),
		cmocka_unit_test(says_how_a_child_ended),
		cmocka_unit_test(prints_the_last_words_of_a_child),
		cmocka_unit_test(joins_pieces_into_lines_and_then_lets_the_worker_wait),
		cmocka_unit_test(says_one_line_at_a_time_and_no_empty_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
