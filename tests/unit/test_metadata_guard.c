/* broker/supervisor/metadata_guard.c and what it has broker/resolver/metadata.c ask,
 * against services on addresses of the loopback network; who is refused and who not,
 * tests/kms tries with real rules. */
#include "supervisor_said.h"

#include "broker/resolver/metadata.h"
#include "broker/supervisor/supervisor.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define NOBODY 65534

static char address[32];
static pid_t service;

/* Answers each request with `answer`; NULL: never, "": closes. */
static void serve(const char *answer)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(80) };
	char request[1024];
	const int yes = 1;
	int listener, fd;

	inet_pton(AF_INET, address, &name.sin_addr);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	assert_int_equal(bind(listener, (struct sockaddr *)&name, sizeof name), 0);
	assert_int_equal(listen(listener, 8), 0);
	service = fork();
	if (service > 0) {
		close(listener);
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		if (!answer)
			pause();
		if (read(fd, request, sizeof request) <= 0 ||
		    write(fd, answer, strlen(answer)) < 0)
			_exit(1);
		close(fd);
	}
	_exit(1);
}

static int begin(void **state)
{
	(void)state;
	service = 0;
	snprintf(address, sizeof address, "127.83.%d.%d", getpid() >> 8 & 127,
	    1 + getpid() % 250);
	return 0;
}

static int end(void **state)
{
	(void)state;
	if (service > 0) {
		kill(service, SIGKILL);
		waitpid(service, NULL, 0);
	}
	return 0;
}

static int ask_as(uid_t uid)
{
	const pid_t pid = fork();
	int status = -1;

	if (pid == 0)
		_exit((int)metadata_ask(address, uid, uid));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void assert_refuses(const char *why)
{
	const int root = ask_as(0);
	const int other = root == METADATA_ANSWERS ? ask_as(NOBODY) : METADATA_SILENT;
	struct said said;
	const char *text;
	bool guarded;

	listen_to_errors(&said);
	guarded = metadata_judge(address, root, other, NOBODY);
	text = what_was_said(&said);
	assert_false(guarded);
	if (!strstr(text, why) || !strstr(text, address))
		fail_msg("'%s' is not in: %s", why, text);
}

static void a_service_that_is_open_to_users_is_told(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	serve("HTTP/1.1 403 Forbidden\r\n\r\n");
	assert_refuses("every user gets AWS credentials");
}

static void a_service_that_is_not_there_is_told(void **state)
{
	(void)state;
	assert_refuses("root is refused");
}

static void silence_and_nonsense_are_no_answers(void **state)
{
	static const char *const answers[] = { NULL, "", "SSH-2.0-x\r\n" };
	size_t i;

	(void)state;
	if (geteuid() != 0)
		skip();
	for (i = 0; i < sizeof answers / sizeof answers[0]; i++) {
		serve(answers[i]);
		assert_refuses("root gets no answer");
		end(NULL);
	}
}

/* Our own trouble is no refusal: a user's would be taken for a guard. */
static void who_can_not_ask_is_not_refused(void **state)
{
	struct rlimit before;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(
	    setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 0, before.rlim_max }), 0);
	assert_int_equal(ask_as(NOBODY), METADATA_SILENT);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	strcpy(address, "localhost");
	assert_refuses("root gets no answer");
}

/* A process that could not even ask has proven nothing, whatever it ended with. */
static void only_a_refusal_is_a_guard(void **state)
{
	static const int others[] = { -1, 0, 1, 2, 127, METADATA_SILENT };
	struct said said;
	size_t i;

	(void)state;
	listen_to_errors(&said);
	assert_true(metadata_judge(address, METADATA_ANSWERS, METADATA_REFUSES, NOBODY));
	for (i = 0; i < sizeof others / sizeof others[0]; i++) {
		assert_false(
		    metadata_judge(address, METADATA_ANSWERS, others[i], NOBODY));
		assert_false(
		    metadata_judge(address, others[i], METADATA_REFUSES, NOBODY));
	}
	assert_non_null(strstr(what_was_said(&said), "proves nothing"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_service_that_is_open_to_users_is_told),
		TEST(a_service_that_is_not_there_is_told),
		TEST(silence_and_nonsense_are_no_answers),
		TEST(who_can_not_ask_is_not_refused),
		TEST(only_a_refusal_is_a_guard),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
