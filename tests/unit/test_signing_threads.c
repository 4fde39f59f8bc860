/* RSA signatures made beside the loop: each is the right one, and comes back once. */
#include "broker_fixture.h"

#include "broker/signing_threads.h"

#include <poll.h>

#define REQUESTS 200
#define JOBS                                                                             \
	64 /* fewer, so that the loop itself signs what is too much for the threads */

static struct fixture_document d;
static struct signing_threads threads;

static void wait_for_one(void)
{
	struct pollfd polled = { .fd = threads.event, .events = POLLIN };

	assert_int_equal(poll(&polled, 1, 60000), 1);
	signing_threads_turn(&threads);
}

static void leave_so_many(unsigned jobs)
{
	struct signing_job *last = threads.free;

	while (--jobs > 0)
		last = last->next;
	last->next = NULL;
}

static void requests_are_signed_side_by_side(void **state)
{
	bool seen[REQUESTS + 1] = { false };
	unsigned i, answered = 0;

	(void)state;
	for (i = 1; i <= REQUESTS; i++) {
		fixture_document(f, &d, CA_USER, "alice");
		fixture_ask(f, i, CA_USER, DOCUMENT_SSH_USER, &d);
		fixture_turn(f);
	}
	while (f->broker->metrics.uses[USE_RELEASED] < REQUESTS)
		wait_for_one();
	while (answered < REQUESTS) {
		channel_flush(f->broker, f->channel);
		assert_true(fixture_receive(f));
		assert_int_equal(f->answer.op, OP_SIGNED);
		assert_false(seen[f->answer.id]);
		seen[f->answer.id] = true;
		answered++;
	}
	assert_int_equal(f->broker->metrics.uses[USE_RELEASED], REQUESTS);
}

static void channel_may_die_meanwhile(void **state)
{
	unsigned i;

	(void)state;
	for (i = 1; i <= JOBS; i++) {
		fixture_document(f, &d, CA_USER, "alice");
		fixture_ask(f, i, CA_USER, DOCUMENT_SSH_USER, &d);
	}
	channel_turn(f->broker, f->channel, JOBS);
	sign_batch(f->broker);
	channel_close(f->channel);
	while (f->broker->metrics.uses[USE_UNRELEASED] < JOBS)
		wait_for_one();
	assert_int_equal(f->broker->metrics.uses[USE_UNRELEASED], JOBS);
}

static int begin(void **state)
{
	struct failure failure = { "" };

	(void)state;
	f = fixture_new(FIXTURE_POLICY, SUITE_LEGACY);
	if (threads.event == 0) {
		assert_true(signing_threads_prepare(&threads, &failure));
		leave_so_many(JOBS);
		assert_true(signing_threads_start(&threads, &failure));
	}
	f->broker->keystore.threads = &threads;
	return 0;
}

static int end(void **state)
{
	(void)state;
	signing_threads_stop(&threads);
	return fixture_end(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_are_signed_side_by_side),
		TEST(channel_may_die_meanwhile),
	};

	/* The threads never end: what OpenSSL keeps for each is no leak, and exit() would
	 * have it looked for. */
	const int failed = cmocka_run_group_tests(tests, NULL, NULL);

	fflush(NULL);
	_exit(failed);
}
