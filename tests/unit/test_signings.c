/* Requests that a slow keystore holds: their answers, their deadline, their places. */
#include "fake_keystore.h"

static struct fixture_document d;

static int begin(void **state)
{
	fixture_begin(state);
	fake_start(f->broker);
	fixture_document(f, &d, CA_USER, "alice");
	return 0;
}

/* So many requests are with the keystore, by these ids. */
static void ask(uint32_t first, unsigned count)
{
	unsigned before = fake.waiting, i;

	for (i = 0; i < count; i++) {
		fixture_ask(f, first + i, CA_USER, DOCUMENT_SSH_USER, &d);
		fixture_turn(f);
	}
	assert_int_equal(fake.waiting, before + count);
}

static enum op answer_to(uint32_t id)
{
	assert_true(fixture_receive(f));
	assert_int_equal(f->answer.id, id);
	return f->answer.op;
}

static size_t outcomes(const char *outcome)
{
	static const char of[] = "\"id\":\"request-1\",\"of\":";
	char wanted[64];
	const char *at;
	size_t count = 0;

	assert_true(audit_log_commit(&f->broker->log));
	snprintf(wanted, sizeof wanted, "\"outcome\":\"%s\"", outcome);
	for (at = strstr(fixture_record(), of); at; at = strstr(at + 1, of))
		count += memmem(at, strcspn(at, "\n"), wanted, strlen(wanted)) != NULL;
	return count;
}

/* Does the signature of the answer fit the document with the serial of the answer? */
static bool answer_is_of_its_document(void)
{
	struct approval approval = { .bytes = d.bytes, .length = d.length };
	struct facts read;
	bool good;

	assert_int_equal(ssh_certificate_read(d.bytes, d.length, &read), SSH_FORM_GOOD);
	memcpy(d.bytes + read.serial_at, frame_bytes(&f->answer, 0), 8);
	crypto_sha256(&f->broker->crypto, d.bytes, d.length, approval.digest);
	good = key_verify(ca_key(f->broker, CA_USER, PURPOSE_SSH), &f->broker->crypto,
	    &approval, frame_bytes(&f->answer, 1), frame_length(&f->answer, 1));
	memset(d.bytes + read.serial_at, 0, 8);
	return good;
}

static void answers_come_in_the_keystores_order(void **state)
{
	(void)state;
	ask(1, 4);
	assert_false(fixture_receive(f));
	fake_answer(2, FAKE_RIGHT);
	assert_int_equal(answer_to(3), OP_SIGNED);
	assert_true(answer_is_of_its_document());
	ask(5, 1); /* in the place of the third */
	fake_answer(0, FAKE_RIGHT);
	assert_int_equal(answer_to(1), OP_SIGNED);
	assert_true(answer_is_of_its_document());
	fake_answer(2, FAKE_RIGHT);
	assert_int_equal(answer_to(5), OP_SIGNED);
	assert_true(answer_is_of_its_document());
	fake_answer(1, FAKE_RIGHT);
	assert_int_equal(answer_to(4), OP_SIGNED);
	fake_answer(0, FAKE_RIGHT);
	assert_int_equal(answer_to(2), OP_SIGNED);
	assert_int_equal(outcomes("signed"), 5);
	assert_int_equal(f->channel->in_flight_count, 0);
}

static void late_failure_and_wrong_signature_are_answered(void **state)
{
	(void)state;
	ask(1, 3);
	fake_answer(1, FAKE_WRONG);
	assert_int_equal(answer_to(2), OP_UNAVAILABLE);
	assert_int_equal(frame_number(&f->answer, 0), UNAVAILABLE_KEYSTORE);
	assert_int_equal(outcomes("wrong-signature"), 1);
	fake_answer(1, FAKE_FAILED);
	assert_int_equal(answer_to(3), OP_UNAVAILABLE);
	assert_int_equal(outcomes("failed"), 1);
	fake_answer(0, FAKE_RIGHT);
	assert_int_equal(answer_to(1), OP_SIGNED);
}

/* The approval is bound to bytes that nothing else may write to meanwhile. */
static void nothing_signs_over_a_request_that_waits(void **state)
{
	unsigned i;

	(void)state;
	ask(1, 1);
	for (i = 0; i < 200; i++) {
		fixture_document(f, &d, CA_USER, "root");
		fixture_ask(f, 2, CA_USER, DOCUMENT_SSH_USER, &d);
		fixture_turn(f);
		assert_true(fixture_receive(f));
		f->channel->service->breaker.until = 0;
	}
	fixture_document(f, &d, CA_USER, "alice");
	fake_answer(0, FAKE_RIGHT);
	assert_int_equal(answer_to(1), OP_SIGNED);
}

static void signature_for_a_channel_that_died_is_not_released(void **state)
{
	(void)state;
	ask(1, 3);
	channel_close(f->channel);
	fake_answer(0, FAKE_RIGHT); /* closed, and not yet freed */
	assert_int_equal(outcomes("not-released"), 1);
	f->channel->ended = f->broker->stopping = true; /* no other takes its place */
	workers_tend(f->broker, clock_boot_ns());
	assert_null(f->broker->channels[0]);
	fake_answer(0, FAKE_RIGHT);
	fake_answer(0, FAKE_FAILED);
	assert_int_equal(outcomes("not-released"), 2);
	assert_int_equal(outcomes("failed"), 1);
	assert_int_equal(f->broker->metrics.uses[USE_RELEASED], 0);
	assert_int_equal(f->broker->metrics.uses[USE_UNRELEASED], 2);
}

static void what_waits_too_long_is_told_and_not_released(void **state)
{
	const uint64_t late = clock_boot_ns() + (KEYSTORE_SECONDS + 1) * SECOND_NS;

	(void)state;
	ask(1, 2);
	sign_tend(f->broker, clock_boot_ns());
	assert_false(fixture_receive(f));
	sign_tend(f->broker, late);
	assert_int_equal(answer_to(1), OP_UNAVAILABLE);
	assert_int_equal(frame_number(&f->answer, 0), UNAVAILABLE_DEADLINE);
	assert_int_equal(answer_to(2), OP_UNAVAILABLE);
	assert_int_equal(f->channel->in_flight_count, 0);
	sign_tend(f->broker, late);
	fake_answer(1, FAKE_RIGHT);
	fake_answer(0, FAKE_FAILED);
	assert_false(fixture_receive(f)); /* one answer for each */
	assert_int_equal(outcomes("not-released"), 1);
	assert_int_equal(outcomes("failed"), 1);
}

static void end_leaves_no_use_without_an_outcome(void **state)
{
	(void)state;
	ask(1, 3);
	fake_answer(1, FAKE_RIGHT);
	sign_end(f->broker);
	assert_int_equal(outcomes("unknown"), 2);
	assert_int_equal(outcomes("signed"), 1);
}

static void channel_has_no_more_than_its_cap_in_flight(void **state)
{
	(void)state;
	ask(1, OP_IN_FLIGHT_MAX);
	fixture_ask(f, 900, CA_USER, DOCUMENT_SSH_USER, &d);
	fixture_turn(f);
	assert_int_equal(fake.waiting, OP_IN_FLIGHT_MAX);
	fake_answer(OP_IN_FLIGHT_MAX - 1, FAKE_RIGHT);
	fixture_turn(f);
	assert_int_equal(fake.waiting, OP_IN_FLIGHT_MAX);
	assert_int_equal(answer_to(OP_IN_FLIGHT_MAX), OP_SIGNED);
}

static void nothing_is_read_while_all_places_are_taken(void **state)
{
	unsigned i;

	(void)state;
	/* answered by the deadline, so that the one channel can go on */
	for (i = 0; i < SIGNINGS_MAX / OP_IN_FLIGHT_MAX; i++) {
		ask(1, OP_IN_FLIGHT_MAX);
		sign_tend(f->broker, UINT64_MAX);
		while (fixture_receive(f))
			channel_flush(f->broker, f->channel);
	}
	assert_int_equal(f->channel->in_flight_count, 0);
	assert_null(signings_next(&f->broker->signings));
	fixture_ask(f, 7, CA_USER, DOCUMENT_SSH_USER, &d);
	fixture_turn(f);
	assert_int_equal(fake.waiting, SIGNINGS_MAX);
	fake_answer(100, FAKE_FAILED);
	fixture_turn(f);
	assert_int_equal(fake.waiting, SIGNINGS_MAX);
	fake_answer(SIGNINGS_MAX - 1, FAKE_RIGHT);
	assert_int_equal(answer_to(7), OP_SIGNED);
	assert_true(answer_is_of_its_document());
	while (fake.waiting > 0)
		fake_answer(fake.waiting / 2, FAKE_RIGHT);
	assert_int_equal(outcomes("not-released"), SIGNINGS_MAX - 1);
}

static int begin_two_sockets(void **state)
{
	(void)state;
	f = fixture_new("socket auth group a\nsocket other group b\n" FIXTURE_POLICY,
	    SUITE_BALANCED_V1);
	fake_start(f->broker);
	fixture_document(f, &d, CA_USER, "alice");
	return 0;
}

/* As many places as it gets, by requests that the deadline answers. */
static void take_places(void)
{
	unsigned before;

	do {
		before = fake.waiting;
		fixture_ask(f, 1, CA_USER, DOCUMENT_SSH_USER, &d);
		fixture_turn(f);
		sign_tend(f->broker, UINT64_MAX);
		while (fixture_receive(f))
			channel_flush(f->broker, f->channel);
	} while (fake.waiting > before);
}

static void one_socket_leaves_places_to_the_others(void **state)
{
	struct channel *first = f->channel;
	int worker = f->worker;

	(void)state;
	take_places();
	assert_int_equal(fake.waiting, SIGNINGS_MAX - SIGNINGS_KEPT);
	assert_false(channel_has_room(f->broker, first));
	/* It is not rid of them by dying. */
	channel_free(first);
	close(worker);
	fixture_worker(f);
	assert_false(channel_has_room(f->broker, f->channel));
	first = f->channel;
	worker = f->worker;
	fixture_worker(f);
	f->channel->service = &f->broker->services[1];
	take_places();
	assert_int_equal(fake.waiting, SIGNINGS_MAX);
	/* What is free again is the second's, as long as it has few. */
	fake_answer(0, FAKE_RIGHT);
	assert_false(channel_has_room(f->broker, first));
	fake_answer(SIGNINGS_MAX - 2, FAKE_RIGHT);
	assert_true(channel_has_room(f->broker, f->channel));
	while (fake.waiting > 0)
		fake_answer(0, FAKE_RIGHT);
	assert_int_equal(f->broker->services[0].signings, 0);
	assert_int_equal(f->broker->services[1].signings, 0);
	assert_int_equal(f->broker->signings.taken, 0);
	channel_free(first);
	close(worker);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, fixture_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(answers_come_in_the_keystores_order),
		TEST(late_failure_and_wrong_signature_are_answered),
		TEST(nothing_signs_over_a_request_that_waits),
		TEST(signature_for_a_channel_that_died_is_not_released),
		TEST(what_waits_too_long_is_told_and_not_released),
		TEST(end_leaves_no_use_without_an_outcome),
		TEST(channel_has_no_more_than_its_cap_in_flight),
		TEST(nothing_is_read_while_all_places_are_taken),
		cmocka_unit_test_setup_teardown(one_socket_leaves_places_to_the_others,
		    begin_two_sockets, fixture_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
