/* worker/connections.c: what clients may cost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "worker/connections.h"

static struct connections connections;
static int others[CONNECTIONS_MAX];

static struct connection *add(void)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	others[connections.count] = ends[1];
	return connections_add(&connections, ends[0], ends[0], NULL);
}

static int stop(void **state)
{
	(void)state;
	while (connections.count > 0) {
		close(others[connections.count - 1]);
		connections_remove(&connections, connections.count - 1);
	}
	return connections.bytes == 0 ? 0 : -1;
}

static void gives_lines_in_order_and_waits_for_their_end(void **state)
{
	static char line[LINE_MAX_BYTES + 2];
	struct connection *connection = add();
	size_t length;

	(void)state;
	assert_int_equal(send(others[0], "one\r\ntwo\nthr", 12, 0), 12);
	assert_true(connection_wants_input(connection));
	connection_read(&connections, connection);
	assert_int_equal(connection_line(connection, line, &length), LINE_WHOLE);
	assert_string_equal(line, "one");
	connection_line_done(&connections, connection);
	assert_int_equal(connection_line(connection, line, &length), LINE_WHOLE);
	assert_string_equal(line, "two");
	connection_line_done(&connections, connection);
	assert_false(connection_has_line(connection));
	assert_int_equal(connection_line(connection, line, &length), LINE_NONE);
	assert_int_equal(send(others[0], "ee\n", 3, 0), 3);
	connection_read(&connections, connection);
	assert_int_equal(connection_line(connection, line, &length), LINE_WHOLE);
	assert_string_equal(line, "three");
	connection_line_done(&connections, connection);
	assert_int_equal(connections.bytes, 0);
}

static void cuts_off_a_client_whose_answers_do_not_fit(void **state)
{
	static char answer[OUTPUT_MAX];
	struct connection *connection = add();

	(void)state;
	connection_answer(&connections, connection, answer, sizeof(answer));
	assert_false(connection->broken);
	connection_answer(&connections, connection, answer, 1);
	assert_true(connection->broken);
}

/* The smallest is served although others have used all memory. */
static void cuts_off_the_largest_when_memory_is_used_up(void **state)
{
	static char answer[OUTPUT_MAX];
	struct connection *small = add();
	unsigned i;

	(void)state;
	for (i = 0; i < WORKER_BYTES / OUTPUT_MAX; i++)
		connection_answer(&connections, add(), answer, sizeof(answer));
	assert_int_equal(connections.bytes, WORKER_BYTES);
	connection_answer(&connections, small, answer, 10);
	assert_false(small->broken);
	assert_true(connections.of[1]->broken);
	assert_false(connections.of[2]->broken);
	assert_int_equal(connections.cut_off, 1);
	assert_true(connections.bytes <= WORKER_BYTES);
}

/* Of those with requests; who has read lately, or has nothing to read, keeps all. */
static void cuts_off_who_reads_nothing_when_there_is_no_memory_for_requests(void **state)
{
	static const struct {
		size_t pending_bytes;
		unsigned answer;
		int64_t took;
	} rows[] = { { 100, 0, 0 }, { 20, 1, 0 }, { 30, 1, 0 }, { 90, 1, 500 },
		{ 0, 1, 0 } };
	unsigned i;

	(void)state;
	for (i = 0; i < 5; i++) {
		connections.now = rows[i].took;
		add()->pending_bytes = rows[i].pending_bytes;
		connection_answer(&connections, connections.of[i], "\n", rows[i].answer);
	}
	connections.now = UNREAD_MS - 1;
	assert_int_equal(connections_cut_off_unread(&connections), UNREAD_MS);
	connections.now = UNREAD_MS;
	assert_int_equal(connections_cut_off_unread(&connections), UNREAD_MS);
	for (i = 0; i < 5; i++)
		assert_int_equal(connections.of[i]->broken, i == 2);
	assert_int_equal(connections_cut_off_unread(&connections), UNREAD_MS);
	assert_true(connections.of[1]->broken);
	assert_int_equal(connections_cut_off_unread(&connections), UNREAD_MS + 500);
	connection_write(&connections, connections.of[3]);
	assert_int_equal(connections_cut_off_unread(&connections), -1);
}

static void takes_no_more_clients_than_it_may(void **state)
{
	(void)state;
	connections.count = CONNECTIONS_MAX;
	assert_null(connections_add(&connections, 0, 0, NULL));
	connections.count = 0;
}

/* Clients of users 1 1 1 1 2 2, in the order of their last line. */
static void six_clients(void)
{
	unsigned i;

	for (i = 0; i < 6; i++)
		add()->uid = i < 4 ? 1 : 2;
}

static void user_with_most_clients_gives_up_the_one_idle_for_longest(void **state)
{
	(void)state;
	six_clients();
	assert_ptr_equal(connections_to_give_way(&connections, 2), connections.of[0]);
	assert_ptr_equal(connections_to_give_way(&connections, 3), connections.of[0]);
	assert_ptr_equal(connections_to_give_way(&connections, 1), connections.of[0]);
	connections.of[0]->used = ++connections.clock;
	connections.of[1]->outstanding = 1;
	assert_ptr_equal(connections_to_give_way(&connections, 2), connections.of[2]);
}

static void work_under_way_gives_way_to_other_users_alone(void **state)
{
	unsigned i;

	(void)state;
	six_clients();
	for (i = 0; i < 4; i++)
		connections.of[i]->outstanding = 1;
	assert_ptr_equal(connections_to_give_way(&connections, 2), connections.of[0]);
	assert_null(connections_to_give_way(&connections, 1));
}

static void users_with_equal_shares_keep_them(void **state)
{
	(void)state;
	six_clients();
	connections.of[3]->uid = 2;
	/* With one more the newcomer's user has most: its own gives way. */
	assert_ptr_equal(connections_to_give_way(&connections, 2), connections.of[3]);
	assert_ptr_equal(connections_to_give_way(&connections, 1), connections.of[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
		    gives_lines_in_order_and_waits_for_their_end, stop),
		cmocka_unit_test_teardown(
		    cuts_off_a_client_whose_answers_do_not_fit, stop),
		cmocka_unit_test_teardown(
		    cuts_off_the_largest_when_memory_is_used_up, stop),
		cmocka_unit_test_teardown(
		    cuts_off_who_reads_nothing_when_there_is_no_memory_for_requests,
		    stop),
		cmocka_unit_test_teardown(takes_no_more_clients_than_it_may, stop),
		cmocka_unit_test_teardown(
		    user_with_most_clients_gives_up_the_one_idle_for_longest, stop),
		cmocka_unit_test_teardown(
		    work_under_way_gives_way_to_other_users_alone, stop),
		cmocka_unit_test_teardown(users_with_equal_shares_keep_them, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
