/* The channel to a worker: what breaks it, and that it never costs anybody else. */
#include "broker_fixture.h"

static struct fixture_document d;

static void send_bytes(const void *bytes, size_t length)
{
	assert_int_equal(write(f->worker, bytes, length), length);
}

static void assert_on_record(const char *what)
{
	assert_true(count_in_record("\"event\":\"violation\"") > 0);
	assert_true(count_in_record(what) > 0);
}

/* The channel is closed, it is on the record, and the supervisor is told. */
static void assert_violation(const char *what)
{
	uint8_t bytes[FRAME_MAX + 1];
	struct gate gate = { .phase = PHASE_BOOT };
	struct frame frame;
	size_t length = 0;

	fixture_turn(f);
	assert_false(f->channel->open);
	assert_int_equal(f->broker->services[0].counts[SERVICE_VIOLATIONS], 1);
	assert_int_equal(channel_receive(f->supervisor, bytes, &length), CHANNEL_FRAME);
	assert_int_equal(
	    frame_read(bytes, length, PARTY_BROKER, 0, &gate, &frame), FRAME_GOOD);
	assert_int_equal(frame.op, OP_DROP_WORKER);
	assert_int_equal(frame_number(&frame, 0), 7);
	assert_true(f->channel->dropped);
	assert_on_record(what);
}

static void frame_without_a_byte_is_a_violation(void **state)
{
	(void)state;
	send_bytes("", 0);
	assert_violation("empty frame");
}

static void short_frame_is_a_violation(void **state)
{
	(void)state;
	send_bytes("abc", 3);
	assert_violation("truncated frame");
}

static void oversized_frame_is_a_violation(void **state)
{
	static uint8_t big[FRAME_MAX + 100];

	(void)state;
	send_bytes(big, sizeof big);
	assert_violation("oversized frame");
}

static void admin_op_is_a_violation(void **state)
{
	uint8_t frame[64];
	struct frame_writer w;

	(void)state;
	frame_begin(&w, frame, sizeof frame, OP_ADMIN_STATUS, 1);
	send_bytes(frame, frame_end(&w));
	assert_violation("op of another party");
}

static void op_out_of_phase_is_a_violation(void **state)
{
	(void)state;
	f->channel->gate.phase = PHASE_SEALED;
	fixture_document(f, &d, CA_USER, "alice");
	fixture_ask(f, 1, CA_USER, DOCUMENT_SSH_USER, &d);
	assert_violation("op out of phase");
}

static void second_sealed_is_a_violation(void **state)
{
	uint8_t frame[64];
	struct frame_writer w;

	(void)state;
	f->channel->gate =
	    (struct gate){ .phase = PHASE_BOOT, .seen = { [OP_SEALED] = true } };
	frame_begin(&w, frame, sizeof frame, OP_SEALED, 1);
	frame_put_u32(&w, 1);
	send_bytes(frame, frame_end(&w));
	assert_violation("op that is permitted once was repeated");
}

static void id_in_flight_is_a_violation(void **state)
{
	(void)state;
	fixture_document(f, &d, CA_USER, "alice");
	fixture_ask(f, 1, CA_USER, DOCUMENT_SSH_USER, &d);
	fixture_ask(f, 1, CA_USER, DOCUMENT_SSH_USER, &d);
	assert_violation("an id that is still in flight");
	/* What was recorded before it is finished all the same, but not released. */
	assert_int_equal(f->broker->metrics.uses[USE_RELEASED], 0);
}

static void unsealed_worker_is_not_answered(void **state)
{
	uint8_t frame[64];
	struct frame_writer w;
	size_t length = 0;

	(void)state;
	/* Its status is /dev/null here, which no kernel writes for a process. */
	f->channel->gate = (struct gate){ .phase = PHASE_BOOT };
	frame_begin(&w, frame, sizeof frame, OP_SEALED, 1);
	frame_put_u32(&w, 1);
	send_bytes(frame, frame_end(&w));
	assert_violation("the kernel does not tell its status");
	assert_int_equal(
	    channel_receive(f->worker, f->received, &length), CHANNEL_CLOSED);
}

static void ids_may_come_again_after_their_answer(void **state)
{
	unsigned i;

	(void)state;
	fixture_document(f, &d, CA_USER, "alice");
	for (i = 0; i < 3; i++) {
		fixture_ask(f, 1, CA_USER, DOCUMENT_SSH_USER, &d);
		fixture_turn(f);
		assert_true(fixture_receive(f));
		assert_int_equal(f->answer.op, OP_SIGNED);
	}
}

/* Answers that do not fit the socket wait; then nothing more is read from that worker. */
static void worker_that_does_not_read_is_not_read_from(void **state)
{
	uint8_t frame[64];
	struct frame_writer w;
	uint32_t id = 0;
	unsigned answers = 0;
	int small = 4096, i;

	(void)state;
	assert_int_equal(
	    setsockopt(f->channel->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
	for (i = 0; i < 4 * OP_IN_FLIGHT_MAX; i++) {
		frame_begin(&w, frame, sizeof frame, OP_AUTHORITIES, ++id);
		frame_put_u8(&w, CA_USER);
		if (channel_send(f->worker, frame, frame_end(&w)) != 0) {
			id--;
			fixture_turn(f);
			if (!channel_has_room(f->broker, f->channel))
				break;
		}
	}
	fixture_turn(f);
	assert_true(f->channel->open);
	assert_false(channel_has_room(f->broker, f->channel));
	assert_int_equal(f->channel->in_flight_count, OP_IN_FLIGHT_MAX);
	assert_int_equal(f->broker->services[0].counts[SERVICE_VIOLATIONS], 0);
	/* It reads again, and misses nothing. */
	for (i = 0; i < 4 * OP_IN_FLIGHT_MAX && answers < id; i++) {
		while (fixture_receive(f)) {
			assert_int_equal(f->answer.op, OP_AUTHORITIES_ARE);
			assert_int_equal(f->answer.id, ++answers);
		}
		fixture_turn(f);
	}
	assert_int_equal(answers, id);
	assert_int_equal(f->channel->in_flight_count, 0);
}

static void drains_with_a_full_queue(void **state)
{
	(void)state;
	f->channel->queued = f->channel->in_flight_count = OP_IN_FLIGHT_MAX;
	close(f->worker);
	f->worker = open("/dev/null", O_RDWR);
	channel_drain(f->broker, f->channel);
	assert_int_equal(f->channel->gate.phase, PHASE_DRAIN);
	assert_false(f->channel->open); /* the other end is gone */
}

static void authority_of_no_ca_is_a_violation(void **state)
{
	uint8_t frame[64];
	struct frame_writer w;

	(void)state;
	frame_begin(&w, frame, sizeof frame, OP_AUTHORITIES, 1);
	frame_put_u8(&w, CA_COUNT);
	send_bytes(frame, frame_end(&w));
	assert_violation("a CA that does not exist");
}

static void authority_that_does_not_exist_is_empty(void **state)
{
	uint8_t frame[64];
	struct frame_writer w;

	(void)state;
	frame_begin(&w, frame, sizeof frame, OP_AUTHORITIES, 1);
	frame_put_u8(&w, CA_JWT);
	send_bytes(frame, frame_end(&w));
	fixture_turn(f);
	assert_true(fixture_receive(f));
	assert_int_equal(f->answer.op, OP_AUTHORITIES_ARE);
	assert_int_equal(frame_length(&f->answer, 0), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frame_without_a_byte_is_a_violation),
		TEST(short_frame_is_a_violation),
		TEST(oversized_frame_is_a_violation),
		TEST(admin_op_is_a_violation),
		TEST(op_out_of_phase_is_a_violation),
		TEST(second_sealed_is_a_violation),
		TEST(id_in_flight_is_a_violation),
		TEST(unsealed_worker_is_not_answered),
		TEST(ids_may_come_again_after_their_answer),
		TEST(worker_that_does_not_read_is_not_read_from),
		TEST(drains_with_a_full_queue),
		TEST(authority_of_no_ca_is_a_violation),
		TEST(authority_that_does_not_exist_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
