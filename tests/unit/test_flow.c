#include "supervisor_said.h"

#include "cli/flow.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>

static struct flow flow;
static int in[2], out[2];

static int start(void **state)
{
	(void)state;
	memset(&flow, 0, sizeof flow);
	if (pipe2(in, O_NONBLOCK) != 0 || pipe2(out, O_NONBLOCK) != 0)
		return -1;
	signal(SIGPIPE, SIG_IGN);
	flow.from = in[0];
	flow.to = out[1];
	return 0;
}

static int finish(void **state)
{
	(void)state;
	close(in[0]);
	close(out[1]);
	if (in[1] >= 0)
		close(in[1]);
	if (out[0] >= 0)
		close(out[0]);
	return 0;
}

static void carries_every_byte_in_order(void **state)
{
	static char sent[300000], got[300000];
	size_t written = 0, read_so_far = 0, i;
	ssize_t n;

	(void)state;
	for (i = 0; i < sizeof sent; i++)
		sent[i] = (char)(i * 7919 >> 3);
	while (read_so_far < sizeof sent) {
		n = write(in[1], sent + written, sizeof sent - written);
		written += n > 0 ? (size_t)n : 0;
		if (flow_wants(&flow))
			flow_fill(&flow);
		if (flow_holds(&flow))
			flow_drain(&flow);
		n = read(out[0], got + read_so_far, sizeof got - read_so_far);
		read_so_far += n > 0 ? (size_t)n : 0;
	}
	assert_memory_equal(sent, got, sizeof sent);
	assert_false(flow.ended || flow.broken);
}

static void wants_no_more_than_its_room(void **state)
{
	static const char bytes[FLOW_ROOM];

	(void)state;
	assert_int_equal(write(in[1], bytes, sizeof bytes), sizeof bytes);
	flow_fill(&flow);
	assert_false(flow_wants(&flow));
	assert_true(flow_holds(&flow));
	flow_drain(&flow);
	assert_true(flow.start <= PIPE_BUF);
}

static void knows_the_end_of_its_input(void **state)
{
	(void)state;
	assert_int_equal(write(in[1], "x", 1), 1);
	close(in[1]);
	in[1] = -1;
	flow_fill(&flow);
	assert_false(flow.ended);
	flow_fill(&flow);
	assert_true(flow.ended);
	assert_false(flow_wants(&flow));
	assert_true(flow_holds(&flow)); /* what came is still passed on */
}

static void throws_away_what_nobody_reads(void **state)
{
	(void)state;
	close(out[0]);
	out[0] = -1;
	assert_int_equal(write(in[1], "x", 1), 1);
	flow_fill(&flow);
	flow_drain(&flow);
	assert_true(flow.broken);
	assert_false(flow_holds(&flow));
	assert_true(flow_wants(&flow));
	assert_int_equal(write(in[1], "y", 1), 1);
	flow_fill(&flow);
	assert_int_equal(flow.end, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    carries_every_byte_in_order, start, finish),
		cmocka_unit_test_setup_teardown(
		    wants_no_more_than_its_room, start, finish),
		cmocka_unit_test_setup_teardown(
		    knows_the_end_of_its_input, start, finish),
		cmocka_unit_test_setup_teardown(
		    throws_away_what_nobody_reads, start, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
