/*
 * Real processes under the real seal. The program plays all parts: started with
 * --probe=NAME it seals itself as the twin's role does; with --play=PART it is one of the
 * children below. Needs root.
 */
#include "cli/doctor.h"
#include "confine/steps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

enum { USER = 64123, GROUP = 64124, CONTROL_END = 3, STATE = 6, PATIENCE = 10000 };

static char self[4096];

/* ---- the children ---- */

static void seal_or_exit(enum role role)
{
	struct seal seal = { .role = role,
		.uid = USER,
		.gid = GROUP,
		.state_directory = STATE,
		.control = CONTROL_END,
		.ports = { 443 } };
	struct confine_error error;

	if (confine_early() != 0 || confine_seal(&seal, &error) != 0) {
		dprintf(STDERR_FILENO, "%s\n", error.text);
		_exit(99);
	}
}

static void *sleep_on(void *context)
{
	(void)context;
	for (;;)
		poll(NULL, 0, -1);
	return NULL;
}

/* Sealed, says so on 1, waits for the end of 3. Only a broker has threads. */
static int sit(enum role role)
{
	pthread_t thread;
	char byte;
	int i;

	seal_or_exit(role);
	for (i = 0; has_role("BN", role) && i < 2; i++)
		if (pthread_create(&thread, NULL, sleep_on, NULL) != 0)
			return 97;
	if (write(1, "sealed", 6) != 6)
		return 98;
	while (read(CONTROL_END, &byte, 1) > 0)
		;
	return 0;
}

static int play_unsealed(void)
{
	char byte;

	if (write(1, "ready", 5) != 5)
		return 98;
	return read(CONTROL_END, &byte, 1) == 0 ? 0 : 97;
}

/* Nothing that its parent holds ends it. */
static int play_deaf(void)
{
	if (write(1, "ready", 5) != 5)
		return 98;
	sleep(60);
	return 0;
}

static int play_worker(void)
{
	return sit(ROLE_WORKER);
}

static int play_networked_broker(void)
{
	return sit(ROLE_NETWORKED);
}

static int play_resolver(void)
{
	return sit(ROLE_RESOLVER);
}

static int play_sealed_supervisor(void)
{
	return sit(ROLE_SUPERVISOR);
}

static int play_broker(void)
{
	return sit(ROLE_BROKER);
}

static int play_aborting_worker(void)
{
	seal_or_exit(ROLE_WORKER);
	abort();
}

static int play_aborting_broker(void)
{
	seal_or_exit(ROLE_BROKER);
	abort();
}

static int play_allocating_worker(void)
{
	char *volatile memory[64];
	size_t i, size;

	seal_or_exit(ROLE_WORKER);
	for (i = 0; i < 64; i++) {
		size = (size_t)1 << (i % 24);
		memory[i] = malloc(size);
		if (!memory[i])
			return 1;
		memset(memory[i], 1, size);
		memory[i] = realloc(memory[i], 2 * size);
	}
	for (i = 0; i < 64; i++)
		free(memory[i]);
	return 0;
}

/* All that the broker does with its directory. */
static int play_storing_broker(void)
{
	struct stat status;
	int fd;

	seal_or_exit(ROLE_BROKER);
	fd = openat(STATE, "new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, "x", 1) != 1 || fdatasync(fd) != 0 || close(fd) != 0)
		return 1;
	if (renameat(STATE, "new", STATE, "kept") != 0)
		return 2;
	fd = openat(STATE, "new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || close(fd) != 0 || renameat(STATE, "new", STATE, "kept") != 0)
		return 3;
	fd = openat(STATE, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0 || fstat(fd, &status) != 0)
		return 4;
	fd = openat(STATE, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 || errno != EACCES)
		return 5;
	/* the directory is of the mount namespace where /proc is not hidden */
	fd = openat(STATE, "../../../proc/sys/kernel/core_pattern", O_WRONLY | O_CLOEXEC);
	return fd < 0 && errno == EACCES ? 0 : 6;
}

static int play_environment(void)
{
	extern char **environ;
	char **one;

	for (one = environ; *one; one++)
		dprintf(1, "%s\n", *one);
	return 0;
}

/* Tells which descriptors are open, and the first byte of each. */
static int play_descriptors(void)
{
	char byte;
	int fd;

	for (fd = 3; fd < 200; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			dprintf(1, "%d=%c%s ", fd,
			    pread(fd, &byte, 1, 0) == 1 ? byte : '-',
			    fcntl(fd, F_GETFD) == 0 ? "" : "!");
	return 0;
}

static int play_signals(void)
{
	struct sigaction action;
	sigset_t mask;

	if (sigaction(SIGTERM, NULL, &action) != 0 || action.sa_handler != SIG_DFL)
		return 1;
	if (sigprocmask(SIG_SETMASK, NULL, &mask) != 0 || sigismember(&mask, SIGUSR1))
		return 2;
	return getsid(0) == getpid() ? 0 : 3;
}

/* A sealed supervisor must still be able to start workers that seal, and to kill them. */
static int play_supervisor(void)
{
	char *const arguments[] = { self, (char[]){ "--play=worker" }, NULL };
	struct spawn spawn = { .role = ROLE_WORKER,
		.path = self,
		.arguments = arguments,
		.descriptors = { -1, 0, 2, 0 },
		.count = 4 };
	struct confine_error error;
	struct process_status status;
	struct spawned out;
	siginfo_t info = { 0 };
	char said[16];
	int ends[2], hold[2];

	seal_or_exit(ROLE_SUPERVISOR);
	if (pipe2(ends, O_CLOEXEC) != 0 || pipe2(hold, O_CLOEXEC) != 0)
		return 1;
	spawn.descriptors[1] = ends[1];
	spawn.descriptors[3] = hold[0];
	if (confine_spawn(&spawn, &out, &error) != 0) {
		dprintf(STDERR_FILENO, "%s\n", error.text);
		return 2;
	}
	close(ends[1]);
	if (read(ends[0], said, sizeof said) != 6)
		return 3;
	if (confine_status_read(out.status, &status) != 0 ||
	    !confine_status_check(&status, ROLE_WORKER, USER, GROUP, &error))
		return 4;
	if (syscall(SYS_pidfd_send_signal, out.pidfd, SIGKILL, NULL, 0) != 0)
		return 5;
	if (waitid(P_PIDFD, (id_t)out.pidfd, &info, WEXITED) != 0 ||
	    info.si_status != SIGKILL)
		return 6;
	return 0;
}

static const struct {
	const char *name;
	int (*play)(void);
} parts[] = {
	{ "unsealed", play_unsealed },
	{ "deaf", play_deaf },
	{ "worker", play_worker },
	{ "broker", play_broker },
	{ "networked-broker", play_networked_broker },
	{ "resolver", play_resolver },
	{ "supervisor", play_supervisor },
	{ "sealed-supervisor", play_sealed_supervisor },
	{ "aborting-worker", play_aborting_worker },
	{ "aborting-broker", play_aborting_broker },
	{ "allocating-worker", play_allocating_worker },
	{ "storing-broker", play_storing_broker },
	{ "environment", play_environment },
	{ "descriptors", play_descriptors },
	{ "signals", play_signals },
};

static int play(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof parts / sizeof *parts; i++)
		if (strcmp(parts[i].name, name) == 0)
			return parts[i].play();
	return 96;
}

/* Whoever starts a twin names it for its role. */
static int probe(const char *program, const char *act)
{
	unsigned role;
	char name[64];

	for (role = 0; role < ROLE_COUNT; role++) {
		snprintf(name, sizeof name, "privyseal-%s", role_name((enum role)role));
		if (strcmp(program, name) == 0)
			seal_or_exit((enum role)role);
	}
	confine_twin_act(act);
}

/* ---- the stage ---- */

struct child {
	struct spawned process;
	int said; /* what it writes to 1 */
	int hold; /* its descriptor 3 ends when this is closed */
};

static struct child begin_in(enum role role, const char *part, int state)
{
	char argument[64];
	char *const arguments[] = { self, argument, NULL };
	struct spawn spawn = { .role = role,
		.path = self,
		.arguments = arguments,
		.descriptors = { -1, 0, 0, 0, -1, -1, state },
		.count = 7 };
	struct confine_error error;
	struct child child;
	int said[2], hold[2];

	snprintf(argument, sizeof argument, "--play=%s", part);
	assert_int_equal(pipe2(said, O_CLOEXEC), 0);
	assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
	spawn.descriptors[1] = said[1];
	spawn.descriptors[2] = said[1];
	spawn.descriptors[3] = hold[0];
	if (confine_spawn(&spawn, &child.process, &error) != 0)
		fail_msg("%s", error.text);
	close(said[1]);
	close(hold[0]);
	child.said = said[0];
	child.hold = hold[1];
	return child;
}

static struct child begin(enum role role, const char *part)
{
	return begin_in(role, part, -1);
}

static int end(struct child *child)
{
	struct pollfd ended = { .fd = child->process.pidfd, .events = POLLIN };
	int status = -1;

	close(child->hold);
	assert_int_equal(poll(&ended, 1, PATIENCE), 1);
	assert_int_equal(waitpid(child->process.pid, &status, 0), child->process.pid);
	close(child->said);
	close(child->process.pidfd);
	close(child->process.status);
	return status;
}

static void read_all(int fd, char *text, size_t room)
{
	size_t length = 0;
	ssize_t n;

	while (length < room - 1 && (n = read(fd, text + length, room - 1 - length)) > 0)
		length += (size_t)n;
	text[length] = '\0';
}

static void await_word(struct child *child, const char *word)
{
	char said[CONFINE_ERROR_MAX] = "";

	assert_true(read(child->said, said, sizeof said - 1) > 0);
	assert_string_equal(said, word);
}

/* ---- starting ---- */

/* Moves a descriptor out of the way of small numbers. */
static int lifted(int fd)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, 100);

	assert_true(high >= 0);
	close(fd);
	return high;
}

static void child_gets_the_descriptors_in_order_though_sources_overlap_targets(
    void **state)
{
	char *const arguments[] = { self, (char[]){ "--play=descriptors" }, NULL };
	struct spawn spawn = {
		.role = ROLE_CLI, .path = self, .arguments = arguments, .count = 8
	};
	struct confine_error error;
	struct spawned out;
	int fds[5], said[2], i, saved[5];
	char text[256];

	(void)state;
	assert_int_equal(pipe2(said, O_CLOEXEC), 0);
	/* descriptors 3 to 7 hold the letters c to g, and are asked for in reverse */
	for (i = 0; i < 5; i++) {
		fds[i] = memfd_create("letter", MFD_CLOEXEC);
		assert_int_equal(write(fds[i], &"cdefg"[i], 1), 1);
		fds[i] = lifted(fds[i]);
	}
	said[0] = lifted(said[0]);
	said[1] = lifted(said[1]);
	for (i = 0; i < 5; i++) {
		saved[i] = fcntl(3 + i, F_DUPFD_CLOEXEC, 120);
		assert_true(dup2(fds[i], 3 + i) >= 0);
		spawn.descriptors[3 + i] = 7 - i;
	}
	spawn.descriptors[0] = -1;
	spawn.descriptors[1] = said[1];
	spawn.descriptors[2] = STDERR_FILENO;
	i = confine_spawn(&spawn, &out, &error);
	close(said[1]);
	read_all(said[0], text, sizeof text);
	for (i = 0; i < 5; i++) {
		if (saved[i] >= 0)
			dup2(saved[i], 3 + i);
		else
			close(3 + i);
		close(saved[i]);
		close(fds[i]);
	}
	close(said[0]);
	assert_int_equal(waitpid(out.pid, &i, 0), out.pid);
	assert_int_equal(i, 0);
	assert_string_equal(text, "3=g 4=f 5=e 6=d 7=c ");
}

static void child_gets_an_environment_of_our_own(void **state)
{
	struct child child;
	char text[1024];

	(void)state;
	setenv("AWS_SECRET_ACCESS_KEY", "x", 1);
	setenv("LD_PRELOAD", "", 1);
	child = begin(ROLE_BROKER, "environment");
	read_all(child.said, text, sizeof text);
	assert_int_equal(end(&child), 0);
	unsetenv("AWS_SECRET_ACCESS_KEY");
	unsetenv("LD_PRELOAD");
	assert_string_equal(
	    text, "PATH=/usr/sbin:/usr/bin:/sbin:/bin\nTZ=UTC\nLC_ALL=C\n");
}

static void child_has_default_signals_and_a_session_of_its_own(void **state)
{
	struct child child;
	sigset_t blocked;

	(void)state;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	signal(SIGTERM, SIG_IGN);
	child = begin(ROLE_CLI, "signals");
	signal(SIGTERM, SIG_DFL);
	sigprocmask(SIG_UNBLOCK, &blocked, NULL);
	assert_int_equal(end(&child), 0);
}

static void child_that_cannot_exec_ends_with_127_and_a_line(void **state)
{
	char *const arguments[] = { (char[]){ "absent" }, NULL };
	struct spawn spawn = { .role = ROLE_CLI,
		.path = "/nonexistent/program",
		.arguments = arguments,
		.descriptors = { -1, -1, -1 },
		.count = 3 };
	struct confine_error error;
	struct spawned out;
	char text[256];
	int ends[2], status;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	spawn.descriptors[2] = ends[1];
	assert_int_equal(confine_spawn(&spawn, &out, &error), 0);
	close(ends[1]);
	read_all(ends[0], text, sizeof text);
	assert_int_equal(waitpid(out.pid, &status, 0), out.pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 127);
	assert_string_equal(text,
	    "ERROR privyseald[cli]: /nonexistent/program: cannot execute: "
	    "No such file or directory\n");
	close(ends[0]);
	close(out.pidfd);
	close(out.status);
}

/* ---- sealed ---- */

static void sealed_process_has_the_status_of_its_role(enum role role, const char *part)
{
	struct process_status status;
	struct confine_error error = { "" };
	struct child child = begin(role, part);
	bool good;

	await_word(&child, "sealed");
	assert_int_equal(confine_status_read(child.process.status, &status), 0);
	good = confine_status_check(&status, role, USER, GROUP, &error);
	assert_int_equal(end(&child), 0);
	assert_string_equal(error.text, "");
	assert_true(good);
	assert_int_equal(confine_status_read(child.process.status, &status), -1);
}

static void sealed_worker_has_the_status_that_is_promised(void **state)
{
	(void)state;
	sealed_process_has_the_status_of_its_role(ROLE_WORKER, "worker");
}

static void sealed_broker_has_the_status_that_is_promised(void **state)
{
	(void)state;
	sealed_process_has_the_status_of_its_role(ROLE_BROKER, "broker");
}

static void sealed_resolver_has_the_status_that_is_promised(void **state)
{
	(void)state;
	sealed_process_has_the_status_of_its_role(ROLE_RESOLVER, "resolver");
}

static void unsealed_worker_is_refused_by_its_status(void **state)
{
	struct process_status status;
	struct confine_error error;
	struct child child = begin(ROLE_WORKER, "unsealed");

	(void)state;
	await_word(&child, "ready");
	assert_int_equal(confine_status_read(child.process.status, &status), 0);
	assert_false(confine_status_check(&status, ROLE_WORKER, USER, GROUP, &error));
	assert_non_null(
	    strstr(error.text, "Uid of the worker is 0, where 64123 was promised"));
	assert_int_equal(end(&child), 0);
}

/* Its parent may be killed before the worker has sealed itself, or though it never does.
 */
static void unsealed_worker_ends_with_its_parent(void **state)
{
	struct child child;
	struct pollfd hold;
	int ends[2], status;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		child = begin(ROLE_WORKER, "deaf");
		await_word(&child, "ready");
		if (write(ends[1], &child.process.pid, sizeof child.process.pid) < 0)
			_exit(1);
		pause();
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &child.process.pid, sizeof child.process.pid),
	    sizeof child.process.pid);
	hold.fd = (int)syscall(SYS_pidfd_open, child.process.pid, 0);
	hold.events = POLLIN;
	assert_true(hold.fd >= 0);
	assert_int_equal(poll(&hold, 1, 100), 0);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	assert_int_equal(poll(&hold, 1, PATIENCE), 1);
	close(hold.fd);
	close(ends[0]);
}

static void worker_that_privyseald_did_not_start_does_not_seal(void **state)
{
	struct seal seal = { .role = ROLE_WORKER, .uid = USER, .gid = GROUP };
	struct confine_error error;
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(confine_seal(&seal, &error) != 0 &&
			      strstr(error.text, "privyseald must start it")
			  ? 7
			  : 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 7);
}

static void ends_with(enum role role, const char *part, int signal_number)
{
	struct child child = begin(role, part);
	int status = end(&child);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), signal_number);
}

/* The first process of a PID namespace is deaf to its own SIGABRT; the C library then
 * executes an instruction that faults. What matters is that it is not SIGSYS. */
static void abort_does_not_look_like_an_attack(void **state)
{
	(void)state;
	ends_with(ROLE_WORKER, "aborting-worker", SIGSEGV);
	ends_with(ROLE_BROKER, "aborting-broker", SIGABRT);
}

static void sealed_worker_can_allocate(void **state)
{
	struct child child = begin(ROLE_WORKER, "allocating-worker");

	(void)state;
	assert_int_equal(end(&child), 0);
}

static void sealed_broker_can_store_in_its_directory_alone(void **state)
{
	char directory[] = "/var/tmp/privyseal-test-XXXXXX";
	struct child child;
	int fd, status;

	(void)state;
	assert_non_null(mkdtemp(directory));
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	child = begin_in(ROLE_BROKER, "storing-broker", fd);
	status = end(&child);
	unlinkat(fd, "kept", 0);
	unlinkat(fd, "new", 0);
	close(fd);
	rmdir(directory);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void sealed_supervisor_still_starts_and_kills_workers_that_seal(void **state)
{
	struct child child = begin(ROLE_SUPERVISOR, "supervisor");
	int status = end(&child);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- twins ---- */

static void every_twin_ends_as_it_must(void **state)
{
	char said[TWIN_SAID_MAX];
	unsigned i, role, wrong = 0;

	(void)state;
	for (role = 0; role < ROLE_COUNT; role++)
		for (i = 0; i < confine_twins_count; i++)
			if (has_role(confine_twins[i].roles, (enum role)role) &&
			    !confine_twin_run(&confine_twins[i], (enum role)role, self,
				USER, GROUP, said)) {
				print_error("%s\n", said);
				wrong++;
			}
	assert_int_equal(wrong, 0);
}

static void twins_of_the_start_end_as_they_must(void **state)
{
	char said[TWIN_SAID_MAX];

	(void)state;
	assert_true(confine_twins_start(ROLE_WORKER, self, USER, GROUP, said));
	assert_true(confine_twins_start(ROLE_BROKER, self, USER, GROUP, said));
	assert_true(confine_twins_start(ROLE_NETWORKED, self, USER, GROUP, said));
	assert_true(confine_twins_start(ROLE_RESOLVER, self, USER, GROUP, said));
	assert_false(confine_twins_start(ROLE_WORKER, "/bin/true", USER, GROUP, said));
	assert_non_null(strstr(said, "worker-"));
	assert_non_null(strstr(said, "ended before it was sealed"));
}

static unsigned twins_at_start(enum role role)
{
	unsigned i, count = 0;

	for (i = 0; i < confine_twins_count; i++)
		count += has_role(confine_twins[i].at_start, role);
	return count;
}

static void start_tries_some_twins_of_each_role(void **state)
{
	(void)state;
	assert_in_range(twins_at_start(ROLE_WORKER), 4, 8);
	assert_in_range(twins_at_start(ROLE_BROKER), 4, 8);
	assert_in_range(twins_at_start(ROLE_NETWORKED), 4, 8);
	assert_in_range(twins_at_start(ROLE_RESOLVER), 4, 8);
}

/* A permitted act, a wrong refusal and a death on the way there are each told apart. */
static void twin_that_ends_otherwise_is_found(void **state)
{
	static const struct {
		struct twin twin;
		const char *said;
	} wrong[] = {
		{ { .act = "open", .expected = 0 }, "refused, Permission denied" },
		{ { .act = "open", .expected = EPERM }, "refused, Permission denied" },
		{ { .act = "socket-inet", .expected = EACCES },
		    "killed by Bad system call" },
		{ { .act = "nothing", .expected = 0 },
		    "ended before it was sealed (status 0x7d00)" },
	};
	char said[TWIN_SAID_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(wrong); i++) {
		assert_false(confine_twin_run(
		    &wrong[i].twin, ROLE_WORKER, self, USER, GROUP, said));
		assert_string_equal(said, wrong[i].said);
	}
	assert_false(confine_twin_run(
	    &confine_twins[0], ROLE_WORKER, "/bin/true", USER, GROUP, said));
	assert_false(confine_twin_run(
	    &confine_twins[0], ROLE_WORKER, "/nonexistent/program", USER, GROUP, said));
}

/* The sealed act is one that the role is permitted: that is told, and is no success. */
static void twin_that_is_permitted_its_act_is_found(void **state)
{
	const struct twin list = { .act = "list", .expected = EACCES };
	char said[TWIN_SAID_MAX];

	(void)state;
	assert_false(confine_twin_run(&list, ROLE_SUPERVISOR, self, USER, GROUP, said));
	assert_string_equal(said, "PERMITTED");
}

/* ---- the doctor's look ---- */

static const struct finding *finding_of(
    const struct finding *findings, int count, const char *what)
{
	int i;

	for (i = 0; i < count; i++)
		if (strcmp(findings[i].what, what) == 0)
			return &findings[i];
	fail_msg("no finding: %s", what);
	return NULL;
}

static void doctor_finds_every_promise_kept(enum role role, const char *part, int least)
{
	struct finding findings[FINDINGS_MAX];
	struct child child = begin(role, part);
	int i, count, wrong = 0;

	await_word(&child, "sealed");
	count = doctor_examine(child.process.pid, role, USER, GROUP, findings);
	for (i = 0; i < count; i++)
		if (!findings[i].kept) {
			print_error("%s: promised %s, found %s\n", findings[i].what,
			    findings[i].promised, findings[i].found);
			wrong++;
		}
	assert_int_equal(end(&child), 0);
	assert_int_equal(wrong, 0);
	assert_true(count >= least);
}

static void doctor_finds_a_sealed_worker_and_broker_as_promised(void **state)
{
	(void)state;
	doctor_finds_every_promise_kept(ROLE_WORKER, "worker", 21);
	doctor_finds_every_promise_kept(ROLE_BROKER, "broker", 21);
	doctor_finds_every_promise_kept(ROLE_NETWORKED, "networked-broker", 21);
	doctor_finds_every_promise_kept(ROLE_RESOLVER, "resolver", 21);
}

static void doctor_finds_what_an_unsealed_worker_lacks(void **state)
{
	static const char *const broken[] = { "Uid", "Gid", "CapEff", "CapBnd",
		"NoNewPrivs", "Seccomp", "root directory" };
	struct finding findings[FINDINGS_MAX];
	struct child child = begin(ROLE_WORKER, "unsealed");
	bool kept = false;
	int count;
	size_t i;

	(void)state;
	await_word(&child, "ready");
	count = doctor_examine(child.process.pid, ROLE_WORKER, USER, GROUP, findings);
	assert_int_equal(end(&child), 0);
	for (i = 0; i < sizeof broken / sizeof *broken; i++)
		kept = kept || finding_of(findings, count, broken[i])->kept;
	assert_false(kept);
	assert_true(finding_of(findings, count, "network namespace")->kept);
	assert_string_equal(finding_of(findings, count, "CapEff")->promised, "none");
	assert_memory_equal(finding_of(findings, count, "CapEff")->found, "0x", 2);
}

static void doctor_names_the_capabilities_of_the_supervisor(void **state)
{
	const char *names = "kill setgid setuid setpcap linux_immutable sys_admin";
	struct finding findings[FINDINGS_MAX];
	struct child child = begin(ROLE_SUPERVISOR, "sealed-supervisor");
	int count;

	(void)state;
	await_word(&child, "sealed");
	count = doctor_examine(child.process.pid, ROLE_SUPERVISOR, USER, GROUP, findings);
	assert_int_equal(end(&child), 0);
	assert_string_equal(finding_of(findings, count, "CapEff")->promised, names);
	assert_string_equal(finding_of(findings, count, "CapEff")->found, names);
	assert_true(finding_of(findings, count, "Groups")->kept);
}

static void doctor_finds_secrets_in_the_environment_and_shared_namespaces(void **state)
{
	struct finding findings[FINDINGS_MAX];
	int count, status;
	pid_t pid;

	(void)state;
	pid = fork();
	if (pid == 0) {
		execle("/bin/sleep", "sleep", "30", NULL,
		    ((char *[]){ (char[]){ "AWS_SECRET_ACCESS_KEY=x" }, NULL }));
		_exit(1);
	}
	for (status = 0; status < 200; status++) {
		usleep(10000);
		count = doctor_examine(pid, ROLE_WORKER, USER, GROUP, findings);
		if (strcmp(finding_of(findings, count, "environment")->found,
			"AWS_SECRET_ACCESS_KEY") == 0)
			break;
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	assert_false(finding_of(findings, count, "environment")->kept);
	assert_string_equal(
	    finding_of(findings, count, "environment")->found, "AWS_SECRET_ACCESS_KEY");
	assert_false(finding_of(findings, count, "network namespace")->kept);
	assert_false(finding_of(findings, count, "PID namespace")->kept);
}

static void doctor_says_that_a_process_is_gone(void **state)
{
	struct finding findings[FINDINGS_MAX];
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	assert_int_equal(doctor_examine(pid, ROLE_WORKER, USER, GROUP, findings), -1);
}

static void required_features_are_here(void **state)
{
	uint32_t present = doctor_features();
	unsigned i;

	(void)state;
	for (i = 0; i < FEATURE_COUNT; i++) {
		assert_non_null(doctor_feature_name((enum feature)i));
		if (FEATURE_REQUIRED(i))
			assert_true((present >> i & 1) != 0);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    child_gets_the_descriptors_in_order_though_sources_overlap_targets),
		cmocka_unit_test(child_gets_an_environment_of_our_own),
		cmocka_unit_test(child_has_default_signals_and_a_session_of_its_own),
		cmocka_unit_test(child_that_cannot_exec_ends_with_127_and_a_line),
		cmocka_unit_test(sealed_worker_has_the_status_that_is_promised),
		cmocka_unit_test(sealed_broker_has_the_status_that_is_promised),
		cmocka_unit_test(sealed_resolver_has_the_status_that_is_promised),
		cmocka_unit_test(unsealed_worker_is_refused_by_its_status),
		cmocka_unit_test(unsealed_worker_ends_with_its_parent),
		cmocka_unit_test(worker_that_privyseald_did_not_start_does_not_seal),
		cmocka_unit_test(abort_does_not_look_like_an_attack),
		cmocka_unit_test(sealed_worker_can_allocate),
		cmocka_unit_test(sealed_broker_can_store_in_its_directory_alone),
		cmocka_unit_test(
		    sealed_supervisor_still_starts_and_kills_workers_that_seal),
		cmocka_unit_test(every_twin_ends_as_it_must),
		cmocka_unit_test(twins_of_the_start_end_as_they_must),
		cmocka_unit_test(start_tries_some_twins_of_each_role),
		cmocka_unit_test(twin_that_ends_otherwise_is_found),
		cmocka_unit_test(twin_that_is_permitted_its_act_is_found),
		cmocka_unit_test(doctor_finds_a_sealed_worker_and_broker_as_promised),
		cmocka_unit_test(doctor_finds_what_an_unsealed_worker_lacks),
		cmocka_unit_test(doctor_names_the_capabilities_of_the_supervisor),
		cmocka_unit_test(
		    doctor_finds_secrets_in_the_environment_and_shared_namespaces),
		cmocka_unit_test(doctor_says_that_a_process_is_gone),
		cmocka_unit_test(required_features_are_here),
	};

	if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
		snprintf(self, sizeof self, "%s", argv[0]);
	if (argc > 1 && strncmp(argv[1], "--play=", 7) == 0)
		return play(argv[1] + 7);
	if (argc > 1 && strncmp(argv[1], "--probe=", 8) == 0)
		return probe(argv[0], argv[1] + 8);
#ifdef SANITIZED
	(void)tests;
	puts("not run: a sealed process can't do what AddressSanitizer does");
	return 0;
#endif
	if (geteuid() != 0) {
		fputs("test_confine_seal: needs root (namespaces, users, capabilities)\n",
		    stderr);
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
