/* worker/serve.c: clients that come, go, half-close and do not read; draining; and what
 * one worker leaves to the next on --stdio. */
#include "worker_rig.h"

#include <fcntl.h>

#define SIGN(id)                                                                         \
	"{\"jsonrpc\":\"2.0\",\"id\":" id                                                \
	",\"method\":\"ssh-host\",\"params\":{\"public_key\":\"" RIG_ED25519             \
	"\",\"principals\":[\"a.example.com\"]}}\n"
#define PING(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"ping\"}\n"
#define PONG(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":{}}\n"

static int start(void **state)
{
	*state = rig_start();
	return 0;
}

static int stop(void **state)
{
	rig_end(*state);
	return 0;
}

static void answers_a_client_that_has_closed_its_writing_side(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(
	    send(rig->client, SIGN("1"), strlen(SIGN("1")), 0), strlen(SIGN("1")));
	shutdown(rig->client, SHUT_WR);
	assert_true(rig_run(rig));
	rig_read(rig, rig->client);
	assert_non_null(strstr(rig->received, "\"id\":1,\"result\""));
	assert_int_equal(
	    recv(rig->client, rig->received, 1, MSG_DONTWAIT), 0); /* closed */
	assert_int_equal(rig->worker->connections.count, 0);
}

static void takes_the_end_of_input_for_the_end_of_the_last_line(void **state)
{
	struct rig *rig = *state;
	size_t length = strlen(PING("1")) - 1;

	assert_int_equal(send(rig->client, PING("1"), length, 0), length);
	shutdown(rig->client, SHUT_WR);
	assert_true(rig_run(rig));
	rig_read(rig, rig->client);
	assert_string_equal(rig->received, PONG("1"));
}

static void keeps_no_buffer_for_an_idle_client(void **state)
{
	struct rig *rig = *state;

	rig_ask(rig, SIGN("1") PING("2"));
	assert_int_equal(rig->worker->connections.bytes, 0);
}

static void stops_reading_from_a_client_that_does_not_read(void **state)
{
	struct rig *rig = *state;
	int other = rig_connect(rig);
	unsigned i;

	for (i = 0; i < 20000; i++) {
		if (send(rig->client, PING("1"), strlen(PING("1")), MSG_DONTWAIT) < 0)
			server_turn(rig->server, 0);
	}
	rig_run(rig);
	assert_true(rig->worker->connections.bytes < 300u * 1024);
	assert_int_equal(send(other, PING("9"), strlen(PING("9")), 0), strlen(PING("9")));
	rig_run(rig);
	rig_read(rig, other);
	assert_string_equal(rig->received, PONG("9"));
	close(other);
}

/* Its lines are in the worker's buffer, where no poll sees them. */
static void answers_all_that_a_client_asked_who_reads_late(void **state)
{
	struct rig *rig = *state;
	unsigned asked = 0, answered = 0, full, turns;
	int64_t begun;
	size_t i;

	for (full = 0; full < 100; full++)
		if (send(rig->client, PING("1"), strlen(PING("1")), MSG_DONTWAIT) < 0)
			server_turn(rig->server, 0);
		else
			asked++, full = 0;
	for (turns = 0; answered < asked && turns < 10000; turns++) {
		rig->received_length = 0;
		rig_read(rig, rig->client);
		for (i = 0; i < rig->received_length; i++)
			answered += rig->received[i] == '\n';
		begun = worker_clock_ms();
		server_turn(rig->server, answered < asked ? 5000 : 0);
		assert_true(worker_clock_ms() - begun < 5000);
	}
	assert_int_equal(answered, asked);
}

/* Nothing is refused, however late the answers are read, and they are held as what was
 * signed until there is room for them. */
static void holds_what_is_finished_until_its_client_reads(void **state)
{
	struct rig *rig = *state;
	struct connection *connection = rig->worker->connections.of[0];
	const unsigned asked = CONNECTION_REQUESTS + 40;
	const int least = 1;
	unsigned sent = 0, answered = 0, turns;
	size_t i;

	setsockopt(connection->in, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
	for (turns = 0; sent < asked && turns < 2000; turns++) {
		if (send(rig->client, SIGN("1"), strlen(SIGN("1")), MSG_DONTWAIT) > 0)
			sent++;
		assert_true(rig_run(rig));
		assert_true(connection->outstanding <= CONNECTION_REQUESTS);
		assert_true(ring_length(&connection->output) < OUTPUT_ENOUGH + 2048);
		if (ring_length(&connection->output) >= OUTPUT_ENOUGH && sent == asked)
			break;
	}
	assert_int_equal(sent, asked);
	assert_non_null(connection->finished.first);
	assert_int_equal(rig->worker->pendings.count, 0);
	assert_int_equal(rig->worker->pendings.bytes, connection->pending_bytes);
	for (turns = 0; answered < asked && turns < 2000; turns++) {
		rig->received_length = 0;
		rig_read(rig, rig->client);
		assert_null(strstr(rig->received, "\"error\""));
		for (i = 0; i < rig->received_length; i++)
			answered += rig->received[i] == '\n';
		assert_true(rig_run(rig));
	}
	assert_int_equal(answered, asked);
	assert_int_equal(connection->outstanding, 0);
	assert_int_equal(rig->worker->pendings.bytes, 0);
}

static void reads_no_request_that_there_is_no_memory_for(void **state)
{
	struct rig *rig = *state;
	int other = rig_connect(rig);

	rig->mode = RIG_SILENT;
	rig_ask(rig, SIGN("1"));
	rig->worker->pendings.bytes += PENDING_BYTES;
	assert_int_equal(send(other, PING("2"), strlen(PING("2")), 0), strlen(PING("2")));
	assert_true(rig_run(rig));
	rig->received_length = 0;
	rig_read(rig, other);
	assert_int_equal(rig->received_length, 0);
	/* As soon as there is some, without a word from anybody. */
	rig->worker->pendings.bytes -= PENDING_BYTES;
	(void)server_turn(rig->server, 5000);
	rig_read(rig, other);
	assert_string_equal(rig->received, PONG("2"));
	close(other);
}

static void forgets_what_a_client_asked_that_has_gone(void **state)
{
	struct rig *rig = *state;

	rig->mode = RIG_SILENT;
	rig->worker->config.in_flight = 1;
	rig_ask(rig, SIGN("1") SIGN("2"));
	close(rig->client);
	rig->client = -1;
	assert_true(rig_run(rig));
	assert_int_equal(rig->worker->connections.count, 0);
	assert_int_equal(rig->signs, 1);
	assert_int_equal(rig->worker->pendings.count, 1); /* what was sent */
	rig_sign(rig, rig->worker->pendings.of[0]->id);	  /* late, for nobody */
	assert_true(rig_run(rig));
	assert_int_equal(rig->signs, 1); /* the queued one was never sent */
	assert_int_equal(rig->worker->pendings.count, 0);
}

static void finishes_what_has_begun_when_draining(void **state)
{
	struct rig *rig = *state;
	uint8_t out[64];
	struct frame_writer w;

	rig->mode = RIG_SILENT;
	rig_ask(rig, SIGN("1"));
	frame_begin(&w, out, sizeof(out), OP_DRAIN, 0);
	rig_send(rig, &w);
	assert_true(rig_run(rig)); /* still waits for the signature */
	assert_string_equal(rig_ask(rig, PING("2")), "");
	rig_sign(rig, rig->worker->pendings.of[0]->id);
	assert_false(rig_run(rig));
	assert_false(rig->worker->broken);
	rig_read(rig, rig->client);
	assert_non_null(strstr(rig->received, "\"id\":1,\"result\""));
}

/* Lines that one read() does not bring, and that no pause parts. */
static void a_drain_hears_all_that_was_sent(void **state)
{
	struct rig *rig = *state;
	char lines[16384];
	uint8_t out[64];
	struct frame_writer w;
	int length = snprintf(
	    lines, sizeof(lines), "%6000s%s%6000s%s", "", SIGN("2"), "", PING("3"));

	rig->mode = RIG_SILENT;
	rig_ask(rig, SIGN("1"));
	frame_begin(&w, out, sizeof(out), OP_DRAIN, 0);
	rig_send(rig, &w);
	assert_int_equal(send(rig->client, lines, (size_t)length, 0), length);
	assert_true(rig_run(rig));
	rig_sign(rig, rig->worker->pendings.of[0]->id);
	assert_true(rig_run(rig));
	rig_read(rig, rig->client);
	assert_non_null(strstr(rig->received, "\"id\":1,\"result\""));
	assert_non_null(strstr(rig->received, PONG("3")));
	rig_sign(rig, rig->worker->pendings.of[0]->id);
	assert_false(rig_run(rig));
	rig_read(rig, rig->client);
	assert_non_null(strstr(rig->received, "\"id\":2,\"result\""));
}

static void no_client_waits_for_another_to_learn_of_a_drain(void **state)
{
	struct rig *rig = *state;
	int other = rig_connect(rig);
	uint8_t out[64];
	struct frame_writer w;

	assert_int_equal(send(other, PING("9"), strlen(PING("9")), 0), strlen(PING("9")));
	rig->mode = RIG_SILENT;
	rig_ask(rig, SIGN("1"));
	assert_int_equal(recv(other, out, sizeof(out), MSG_DONTWAIT), strlen(PONG("9")));
	frame_begin(&w, out, sizeof(out), OP_DRAIN, 0);
	rig_send(rig, &w);
	assert_int_equal(send(other, PING("8"), strlen(PING("8")), 0), strlen(PING("8")));
	assert_true(rig_run(rig)); /* still waits for the signature */
	assert_int_equal(recv(other, out, sizeof(out), MSG_DONTWAIT), strlen(PONG("8")));
	assert_int_equal(recv(other, out, sizeof(out), MSG_DONTWAIT), 0);
	assert_int_equal(rig->worker->connections.count, 1);
	close(other);
}

static void ends_when_the_broker_is_gone(void **state)
{
	struct rig *rig = *state;

	shutdown(rig->broker, SHUT_RDWR);
	assert_false(rig_run(rig));
	assert_true(rig->worker->broken);
}

static void ends_when_the_broker_answers_what_was_not_asked(void **state)
{
	struct rig *rig = *state;

	rig->document_length = 100;
	rig_sign(rig, 4711);
	assert_false(rig_run(rig));
	assert_true(rig->worker->broken);
}

/* ---- --stdio ---- */

struct stdio {
	int in, out; /* our ends */
	int their_in, their_out;
	struct continuity *continuity;
};

static void stdio_open(struct stdio *stdio)
{
	int in[2], out[2];

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	fcntl(in[1], F_SETFL, O_NONBLOCK);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	*stdio = (struct stdio){ .in = in[1],
		.out = out[0],
		.their_in = in[0],
		.their_out = out[1],
		.continuity = calloc(1, sizeof(struct continuity)) };
}

static void stdio_close(struct stdio *stdio)
{
	close(stdio->in);
	close(stdio->out);
	close(stdio->their_in);
	close(stdio->their_out);
	free(stdio->continuity);
}

static struct rig *stdio_worker(const struct stdio *stdio)
{
	return rig_start_stdio(stdio->continuity, stdio->their_in, stdio->their_out);
}

static const char *stdio_read(struct stdio *stdio, struct rig *rig)
{
	ssize_t n = 1;

	rig->received_length = 0;
	while (n > 0) {
		rig_run(rig);
		n = read(stdio->out, rig->received + rig->received_length,
		    sizeof(rig->received) - 1 - rig->received_length);
		rig->received_length += n > 0 ? (size_t)n : 0;
	}
	rig->received[rig->received_length] = '\0';
	return rig->received;
}

static void tell(struct stdio *stdio, const char *text)
{
	assert_int_equal(write(stdio->in, text, strlen(text)), strlen(text));
}

static void serves_stdio_until_the_end_of_input(void **state)
{
	struct stdio stdio;
	struct rig *rig;

	(void)state;
	stdio_open(&stdio);
	rig = stdio_worker(&stdio);
	tell(&stdio, SIGN("1") PING("2"));
	close(stdio.in);
	stdio_read(&stdio, rig);
	assert_non_null(strstr(rig->received, "\"id\":1,\"result\""));
	assert_non_null(strstr(rig->received, PONG("2")));
	assert_false(rig_run(rig));
	assert_false(rig->worker->broken);
	rig_end(rig);
	stdio_close(&stdio);
}

/* Ends a worker as SIGKILL would: nothing is told to what outlasts it. */
static void die(struct rig *rig)
{
	struct connection *connection = rig->worker->connections.of[0];
	unsigned i;

	for (i = 0; i < PENDING_MAX; i++)
		if (rig->worker->pendings.of[i])
			rig->worker->pendings.of[i]->connection = NULL;
	connection->continuity = NULL;
	connection->input = (struct ring){ .at = &connection->input_at };
	connection->output = (struct ring){ .at = &connection->output_at };
	rig_end(rig);
}

static void next_worker_continues_a_line_and_an_answer(void **state)
{
	struct stdio stdio;
	struct rig *rig;
	const char *half = PING("3");

	(void)state;
	stdio_open(&stdio);
	rig = stdio_worker(&stdio);
	rig->mode = RIG_SILENT;
	tell(&stdio, SIGN("1") SIGN("\"two\""));
	rig_run(rig);
	assert_int_equal(write(stdio.in, half, 20), 20);
	rig_run(rig);
	/* it dies with an answer that is half written */
	connection_answer(&rig->worker->connections, rig->worker->connections.of[0],
	    PONG("0"), strlen(PONG("0")));
	ring_drop(&rig->worker->connections.of[0]->output, 10);
	die(rig);

	rig = stdio_worker(&stdio);
	tell(&stdio, half + 20);
	stdio_read(&stdio, rig);
	assert_memory_equal(rig->received, &PONG("0")[10], strlen(PONG("0")) - 10);
	assert_non_null(strstr(rig->received, "\"id\":1,\"error\":{\"code\":-32002"));
	assert_non_null(
	    strstr(rig->received, "\"id\":\"two\",\"error\":{\"code\":-32002"));
	assert_non_null(strstr(rig->received, PONG("3")));
	rig_end(rig);
	stdio_close(&stdio);
}

/* 128 bytes, spelt with more: the longest that there is room for. */
static void next_worker_answers_the_longest_ids(void **state)
{
	struct stdio stdio;
	struct rig *rig;
	char id[OP_REQUEST_ID_MAX + 1], line[sizeof(SIGN("")) + sizeof(id)],
	    answer[sizeof(id) + 32];

	(void)state;
	memset(id, 'i', sizeof(id));
	memcpy(id, "\"\\\"\\\"\\\"\\\"\\\"\\\"", 13);
	memcpy(id + OP_REQUEST_ID_MAX - 1, "\"", 2);
	snprintf(line, sizeof(line), SIGN("%s"), id);
	snprintf(answer, sizeof(answer), "\"id\":%s,\"error\"", id);
	stdio_open(&stdio);
	rig = stdio_worker(&stdio);
	rig->mode = RIG_SILENT;
	tell(&stdio, line);
	rig_run(rig);
	die(rig);
	rig = stdio_worker(&stdio);
	assert_non_null(strstr(stdio_read(&stdio, rig), answer));
	rig_end(rig);
	stdio_close(&stdio);
}

static void next_worker_skips_the_line_that_killed_the_last(void **state)
{
	struct stdio stdio;
	struct rig *rig;
	struct ring input;

	(void)state;
	stdio_open(&stdio);
	input = continuity_input(stdio.continuity);
	ring_put(&input, "poison\n" PING("5"), strlen("poison\n" PING("5")));
	stdio.continuity->handling = 1;
	rig = stdio_worker(&stdio);
	stdio_read(&stdio, rig);
	assert_non_null(strstr(rig->received, "\"id\":null,\"error\":{\"code\":-32002"));
	assert_non_null(strstr(rig->received, PONG("5")));
	rig_end(rig);
	stdio_close(&stdio);
}

static void next_worker_trusts_no_index_of_the_last(void **state)
{
	struct stdio stdio;
	struct rig *rig;

	(void)state;
	stdio_open(&stdio);
	memset(stdio.continuity, 0xff, sizeof(*stdio.continuity));
	rig = stdio_worker(&stdio);
	tell(&stdio, "\n" PING("5"));
	stdio_read(&stdio, rig);
	assert_non_null(strstr(rig->received, PONG("5")));
	rig_end(rig);
	stdio_close(&stdio);
}

static void ends_when_nobody_reads_stdio_any_more(void **state)
{
	struct stdio stdio;
	struct rig *rig;

	(void)state;
	stdio_open(&stdio);
	rig = stdio_worker(&stdio);
	close(stdio.out);
	assert_false(rig_run(rig));
	assert_false(rig->worker->broken);
	rig_end(rig);
	stdio.out = -1;
	stdio_close(&stdio);
}

/* A flood of lines would hide other processes' lines, and fill the worker's pipe. */
static void tells_of_many_cut_off_clients_once_a_second(void **state)
{
	const int log = dup(STDERR_FILENO);
	struct rig *rig = *state;
	char text[4096];
	int ends[2], i;
	ssize_t n;

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	for (i = 0; i < 100; i++) {
		rig->worker->connections.cut_off++;
		(void)server_turn(rig->server, 0);
	}
	assert_int_equal(dup2(log, STDERR_FILENO), STDERR_FILENO);
	close(log);
	close(ends[1]);
	n = read(ends[0], text, sizeof(text) - 1);
	close(ends[0]);
	assert_true(n > 0);
	text[n] = '\0';
	assert_non_null(strstr(text, "cut off 1 clients"));
	assert_int_equal(strcspn(text, "\n"), n - 1);
	assert_int_equal(rig->worker->connections.cut_off, 99);
}

/* Two with one id under way would cost the worker its channel. */
static void asks_for_no_authority_that_is_on_its_way(void **state)
{
	uint8_t buffer[FRAME_MAX + 1];
	struct rig *rig = *state;
	size_t length;

	rig->worker->asked = rig->worker->to_ask = 1u << CA_USER;
	(void)server_turn(rig->server, 0);
	assert_int_equal(channel_receive(rig->broker, buffer, &length), CHANNEL_NOTHING);
	rig->worker->asked = 0;
	(void)server_turn(rig->server, 0);
	assert_int_equal(channel_receive(rig->broker, buffer, &length), CHANNEL_FRAME);
	assert_int_equal(rig->worker->to_ask, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(answers_a_client_that_has_closed_its_writing_side),
		TEST(takes_the_end_of_input_for_the_end_of_the_last_line),
		TEST(keeps_no_buffer_for_an_idle_client),
		TEST(stops_reading_from_a_client_that_does_not_read),
		TEST(answers_all_that_a_client_asked_who_reads_late),
		TEST(holds_what_is_finished_until_its_client_reads),
		TEST(reads_no_request_that_there_is_no_memory_for),
		TEST(forgets_what_a_client_asked_that_has_gone),
		TEST(finishes_what_has_begun_when_draining),
		TEST(a_drain_hears_all_that_was_sent),
		TEST(no_client_waits_for_another_to_learn_of_a_drain),
		TEST(tells_of_many_cut_off_clients_once_a_second),
		TEST(asks_for_no_authority_that_is_on_its_way),
		TEST(ends_when_the_broker_is_gone),
		TEST(ends_when_the_broker_answers_what_was_not_asked),
		cmocka_unit_test(serves_stdio_until_the_end_of_input),
		cmocka_unit_test(next_worker_continues_a_line_and_an_answer),
		cmocka_unit_test(next_worker_answers_the_longest_ids),
		cmocka_unit_test(next_worker_skips_the_line_that_killed_the_last),
		cmocka_unit_test(next_worker_trusts_no_index_of_the_last),
		cmocka_unit_test(ends_when_nobody_reads_stdio_any_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
