#include "supervisor_said.h"

#include "broker/supervisor/supervisor.h"
#include "ipc/channel.h"

#include <signal.h>
#include <sys/syscall.h>

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
	struct child child = { .role = "worker" };
	struct said said;
	char how[96];
	int ends[2];
	pid_t pid;

	(void)state;
	assert_int_equal(channel_pair(ends), 0);
	pid = fork();
	if (pid == 0)
		_exit(write(ends[1], "<4>one\n", 7) == 7 &&
			      write(ends[1], "<4>last words", 13) == 13
			  ? 0
			  : 1);
	close(ends[1]);
	child.pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	child.log = ends[0];
	listen_to_errors(&said);
	assert_int_equal(child_bury(&child, 5000, how), 0);
	assert_says(what_was_said(&said), "[worker]: one\n");
	assert_says(said.text, "[worker]: last words\n");
	assert_int_equal(child.log, 0);
}

static void says_one_line_at_a_time_and_then_lets_the_worker_wait(void **state)
{
	struct child child = { .role = "worker auth" };
	struct said said;
	int ends[2];

	(void)state;
	assert_int_equal(channel_pair(ends), 0);
	child.log = ends[0];
	assert_int_equal(write(ends[1], "<4>one\n", 7), 7);
	assert_int_equal(write(ends[1], "\n", 1), 1);
	assert_int_equal(write(ends[1], "<4>two\n<4>pretends\n", 19), 19);
	listen_to_errors(&said);
	assert_true(child_read_log(&child, 5000));
	assert_true(child.log_due > 5000);
	assert_says(what_was_said(&said), "WARNING privyseal[worker auth]: one\n");
	assert_null(strstr(said.text, "two"));
	listen_to_errors(&said);
	assert_true(child_read_log(&child, 5000));
	assert_string_equal(what_was_said(&said), "");
	listen_to_errors(&said);
	assert_true(child_read_log(&child, 5000));
	assert_says(what_was_said(&said), "[worker auth]: two\\x0a<4>pretends\n");
	close(ends[1]);
	assert_false(child_read_log(&child, 5000));
	assert_int_equal(child.log, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_how_a_child_ended),
		cmocka_unit_test(prints_the_last_words_of_a_child),
		cmocka_unit_test(says_one_line_at_a_time_and_then_lets_the_worker_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
