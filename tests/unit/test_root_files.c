#include "supervisor_said.h"

#include "broker/supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char directory[64];

static const char *at(const char *name)
{
	static char path[128];

	snprintf(path, sizeof path, "%s/%s", directory, name);
	return path;
}

static void make_file(const char *name, const char *text, mode_t mode)
{
	int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static int start(void **state)
{
	(void)state;
	snprintf(directory, sizeof directory, "/tmp/privyseal-test-XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static int finish(void **state)
{
	char command[96];

	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", directory);
	return system(command);
}

static void root_alone(void)
{
	if (geteuid() != 0)
		skip();
}

static void refuses(const char *path, const char *part)
{
	struct said said;
	int fd;

	listen_to_errors(&said);
	fd = root_file_take(path, 16, "a line");
	assert_says(what_was_said(&said), part);
	assert_int_equal(fd, -1);
}

static void takes_a_file_of_roots_into_memory_that_nobody_changes(void **state)
{
	char bytes[32];
	int taken, fd;

	(void)state;
	root_alone();
	make_file("good", "cluster x", 0644);
	taken = root_file_take(at("good"), 16, "");
	assert_true(taken >= 0);
	make_file("good", "changed", 0644);
	fd = root_file_reopen(taken);
	assert_int_equal(read(fd, bytes, sizeof bytes), 9);
	assert_memory_equal(bytes, "cluster x", 9);
	assert_int_equal(write(fd, "y", 1), -1);
	assert_int_equal(pwrite(taken, "y", 1, 0), -1);
	assert_int_equal(ftruncate(taken, 0), -1);
	close(fd);
	fd = root_file_reopen(taken); /* an offset of its own */
	assert_int_equal(read(fd, bytes, sizeof bytes), 9);
	close(fd);
	close(taken);
}

static void refuses_what_others_may_write_to(void **state)
{
	(void)state;
	root_alone();
	make_file("group", "x", 0664);
	refuses(at("group"), "and mode 0664");
	refuses(at("group"), "chmod go-w ");
	make_file("world", "x", 0646);
	refuses(at("world"), "and mode 0646");
	make_file("theirs", "x", 0600);
	assert_int_equal(chown(at("theirs"), 65534, 65534), 0);
	refuses(at("theirs"), "has owner uid 65534");
	refuses(at("theirs"), "chown root ");
}

static void refuses_a_file_in_a_directory_of_others(void **state)
{
	struct said said;
	int fd;

	(void)state;
	root_alone();
	assert_int_equal(mkdir(at("open"), 0700), 0);
	make_file("open/file", "x", 0644);
	assert_int_equal(chmod(at("open"), 0777), 0);
	refuses(at("open/file"), "/open has owner uid 0 and mode 0777");
	refuses(at("open/file"), "others could replace it");
	/* past a symbolic link as well */
	assert_int_equal(symlink("open/file", at("link")), 0);
	refuses(at("link"), "/open has owner uid 0 and mode 0777");
	assert_int_equal(chmod(at("open"), 01777), 0); /* as /tmp */
	listen_to_errors(&said);
	fd = root_file_take(at("open/file"), 16, "");
	assert_string_equal(what_was_said(&said), "");
	assert_true(fd >= 0);
	close(fd);
}

static void refuses_what_is_no_file_and_does_not_hang(void **state)
{
	(void)state;
	root_alone();
	assert_int_equal(mkfifo(at("fifo"), 0600), 0);
	refuses(at("fifo"), "is not a regular file");
	refuses(directory, "is not a regular file");
	refuses("/dev/null", "is not a regular file");
	refuses(at("absent"), "No such file or directory; it needs at least a line");
}

static void refuses_a_file_that_is_too_long(void **state)
{
	(void)state;
	root_alone();
	make_file("exact", "0123456789abcdef", 0644);
	close(root_file_take(at("exact"), 16, ""));
	make_file("long", "0123456789abcdefg", 0644);
	refuses(at("long"), "more than 16 bytes");
}

static void makes_a_directory_that_is_absent(void **state)
{
	struct stat st;
	int fd;

	(void)state;
	root_alone();
	umask(077);
	fd = root_directory_open(at("new/"), "", 0755);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	close(fd);
	assert_int_equal(chmod(at("new"), 0500), 0);
	fd = root_directory_open(at("new"), "", 0700); /* stricter is good */
	assert_true(fd >= 0);
	close(fd);
}

static void refuses_directory(const char *path, const char *part)
{
	struct said said;
	int fd;

	listen_to_errors(&said);
	fd = root_directory_open(path, "", 0700);
	assert_says(what_was_said(&said), part);
	assert_int_equal(fd, -1);
}

static void refuses_a_directory_that_others_can_enter(void **state)
{
	(void)state;
	root_alone();
	assert_int_equal(mkdir(at("wide"), 0700), 0);
	assert_int_equal(chmod(at("wide"), 0750), 0);
	refuses_directory(at("wide"), "and mode 0750");
	refuses_directory(at("wide"), "chmod go-rwx ");
	assert_int_equal(mkdir(at("others"), 0700), 0);
	assert_int_equal(chown(at("others"), 65534, 65534), 0);
	refuses_directory(at("others"), "has owner uid 65534");
	assert_int_equal(mkdir(at("real"), 0700), 0);
	assert_int_equal(symlink("real", at("link")), 0);
	refuses_directory(at("link"), "no symbolic link");
	refuses_directory(at("link/"), "no symbolic link");
	refuses_directory(at("absent/below"), "No such file or directory");
}

static void lets_one_instance_have_a_directory_and_names_it(void **state)
{
	struct said said;
	char expected[48];
	int fd, status = -1;
	pid_t child;

	(void)state;
	root_alone();
	fd = root_directory_open(at("state"), "", 0700);
	assert_true(root_directory_lock(fd, at("state")));
	snprintf(expected, sizeof expected, "(pid %d)", (int)getpid());
	child = fork();
	if (child == 0) {
		listen_to_errors(&said);
		status = root_directory_lock(fd, at("state")) ? 1 : 0;
		_exit(strstr(what_was_said(&said), expected) ? status : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    takes_a_file_of_roots_into_memory_that_nobody_changes, start, finish),
		cmocka_unit_test_setup_teardown(
		    refuses_what_others_may_write_to, start, finish),
		cmocka_unit_test_setup_teardown(
		    refuses_a_file_in_a_directory_of_others, start, finish),
		cmocka_unit_test_setup_teardown(
		    refuses_what_is_no_file_and_does_not_hang, start, finish),
		cmocka_unit_test_setup_teardown(
		    refuses_a_file_that_is_too_long, start, finish),
		cmocka_unit_test_setup_teardown(
		    makes_a_directory_that_is_absent, start, finish),
		cmocka_unit_test_setup_teardown(
		    refuses_a_directory_that_others_can_enter, start, finish),
		cmocka_unit_test_setup_teardown(
		    lets_one_instance_have_a_directory_and_names_it, start, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
