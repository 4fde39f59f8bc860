#include "supervisor_said.h"

#include "broker/supervisor/supervisor.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static void hands_over_aws_variables_and_wipes_all(void **state)
{
	static const char expected[] =
	    "AWS_ACCESS_KEY_ID=id\0AWS_SECRET_ACCESS_KEY=secret";
	char path[] = "PATH=/bin", id[] = "AWS_ACCESS_KEY_ID=id", other[] = "LAWS_=x";
	char secret[] = "AWS_SECRET_ACCESS_KEY=secret", journal[] = "JOURNAL_STREAM=8:1";
	char notify[] = "NOTIFY_SOCKET=@abstract";
	char *variables[] = { path, id, other, secret, journal, notify, NULL };
	const char *const all[] = { path, id, other, secret, journal, notify };
	const size_t sizes[] = { sizeof path, sizeof id, sizeof other, sizeof secret,
		sizeof journal, sizeof notify };
	struct environment environment;
	char bytes[128];
	size_t i, j;

	(void)state;
	assert_true(environment_take(variables, &environment));
	assert_int_equal(
	    read(environment.credentials, bytes, sizeof bytes), sizeof expected);
	assert_memory_equal(bytes, expected, sizeof expected);
	/* the writing end is closed, so that the reader sees an end */
	assert_int_equal(read(environment.credentials, bytes, sizeof bytes), 0);
	close(environment.credentials);
	assert_true(environment.journal);
	assert_string_equal(environment.notify, "@abstract");
	assert_null(variables[0]);
	for (i = 0; i < sizeof all / sizeof all[0]; i++)
		for (j = 0; j < sizes[i]; j++)
			assert_int_equal(all[i][j], 0);
}

static void takes_an_empty_environment(void **state)
{
	char *variables[] = { NULL };
	struct environment environment;
	char byte;

	(void)state;
	assert_true(environment_take(variables, &environment));
	assert_false(environment.journal);
	assert_string_equal(environment.notify, "");
	assert_int_equal(read(environment.credentials, &byte, 1), 0);
	close(environment.credentials);
}

static void opens_directories_in_run_alone(void **state)
{
	char folder[] = "/run/privyseal-test.XXXXXX";
	char identity[] = "AWS_WEB_IDENTITY_TOKEN_FILE=/tmp/token",
	     all_of_run[] = "AWS_CONFIG_FILE=/var/run/./config", container[128],
	     shared[128], other[] = "AWS_CA_BUNDLE=/run/ca",
	     absent[] = "AWS_WEB_IDENTITY_TOKEN_FILE=/var/run/is not there/token";
	char *variables[] = { identity, container, shared, all_of_run, other, NULL },
	     *none[] = { absent, NULL };
	struct environment environment;
	struct stat made, opened;
	unsigned i;

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_int_equal(stat(folder, &made), 0);
	(void)snprintf(container, sizeof container,
	    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=%s/token", folder);
	(void)snprintf(shared, sizeof shared,
	    "AWS_SHARED_CREDENTIALS_FILE=/var%s/credentials", folder);
	assert_true(environment_take(variables, &environment));
	assert_int_equal(environment.hidden[0], -1);
	assert_int_equal(environment.hidden[3], -1);
	for (i = 1; i < 3; i++) {
		assert_int_equal(fstat(environment.hidden[i], &opened), 0);
		assert_true(made.st_ino == opened.st_ino && made.st_dev == opened.st_dev);
		close(environment.hidden[i]);
	}
	close(environment.credentials);
	assert_true(environment_take(none, &environment));
	for (i = 0; i < 4; i++)
		assert_int_equal(environment.hidden[i], -1);
	close(environment.credentials);
	assert_int_equal(rmdir(folder), 0);
}

static void refuses_more_than_a_pipe_holds_and_wipes_it_too(void **state)
{
	static char large[200000];
	char *variables[] = { large, NULL };
	struct environment environment;
	struct said said;
	bool good;

	(void)state;
	memset(large, 'x', sizeof large - 1);
	memcpy(large, "AWS_SESSION_TOKEN=", 18);
	listen_to_errors(&said);
	good = environment_take(variables, &environment);
	assert_says(what_was_said(&said), "unset AWS_SESSION_TOKEN");
	assert_null(strstr(said.text, "xxx"));
	assert_false(good);
	assert_int_equal(large[0], 0);
	assert_int_equal(large[sizeof large - 2], 0);
	close(environment.credentials);
}

static void tells_a_service_manager_in_the_abstract_space(void **state)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	char address[64], bytes[32];
	int manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), fd;
	socklen_t length;

	(void)state;
	snprintf(address, sizeof address, "@privyseal-test-%d", (int)getpid());
	memcpy(name.sun_path + 1, address + 1, strlen(address) - 1);
	length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(address));
	assert_int_equal(bind(manager, (struct sockaddr *)&name, length), 0);
	fd = notify_open(address);
	assert_true(fd >= 0);
	notify_send(fd, "READY=1");
	assert_int_equal(recv(manager, bytes, sizeof bytes, 0), 7);
	assert_memory_equal(bytes, "READY=1", 7);
	close(fd);
	close(manager);
}

static void does_without_a_service_manager(void **state)
{
	(void)state;
	assert_int_equal(notify_open(""), -1);
	assert_int_equal(notify_open("relative"), -1);
	notify_send(-1, "READY=1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hands_over_aws_variables_and_wipes_all),
		cmocka_unit_test(takes_an_empty_environment),
		cmocka_unit_test(opens_directories_in_run_alone),
		cmocka_unit_test(refuses_more_than_a_pipe_holds_and_wipes_it_too),
		cmocka_unit_test(tells_a_service_manager_in_the_abstract_space),
		cmocka_unit_test(does_without_a_service_manager),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
