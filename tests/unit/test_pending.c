/* worker/pending.c: ids, the queue, and who waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>

#include "worker/pending.h"

#define LARGEST (34 * 1024) /* more than any request has been seen to take */

static struct pendings pendings;
static struct connection one, two;

static int start(void **state)
{
	(void)state;
	one = two = (struct connection){ 0 };
	pendings_start(&pendings);
	return 0;
}

static void gives_ids_that_do_not_come_back_soon(void **state)
{
	struct pending *first = pendings_add(&pendings, &one), *second;
	uint32_t id = first->id;

	(void)state;
	assert_int_equal(one.outstanding, 1);
	assert_int_equal(one.pending_bytes, pendings.bytes);
	assert_ptr_equal(pendings_find(&pendings, id), first);
	pendings_remove(&pendings, first);
	assert_int_equal(one.pending_bytes, 0);
	second = pendings_add(&pendings, &one); /* the same slot */
	assert_null(pendings_find(&pendings, id));
	pendings_remove(&pendings, second);
	assert_int_equal(one.outstanding, 0);
}

static void holds_4096_and_no_more(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < PENDING_MAX; i++)
		assert_non_null(pendings_add(&pendings, &one));
	assert_null(pendings_add(&pendings, &one));
	for (i = 0; i < PENDING_MAX; i++)
		pendings_remove(&pendings, pendings.of[i]);
	assert_int_equal(pendings.count, 0);
	assert_null(pendings.by_age.first);
	assert_int_equal(pendings.bytes, 0);
}

static void sends_in_order_and_never_for_nobody(void **state)
{
	struct pending *first = pendings_add(&pendings, &one);
	struct pending *second = pendings_add(&pendings, &two);
	struct pending *third = pendings_add(&pendings, &one);

	(void)state;
	pendings_enqueue(&pendings, first);
	pendings_enqueue(&pendings, second);
	pendings_enqueue(&pendings, third);
	assert_ptr_equal(pendings_next_to_send(&pendings), first);
	pendings_sent(&pendings, first);
	pendings_drop_connection(&pendings, &two);
	assert_int_equal(two.outstanding, 0);
	assert_ptr_equal(pendings_next_to_send(&pendings), third);
	assert_int_equal(pendings.count, 2);
	pendings_drop_connection(&pendings, &one);
	assert_null(pendings_next_to_send(&pendings));
	assert_int_equal(pendings.count, 1); /* the broker owes the first's answer */
	assert_int_equal(pendings.sent, 1);
	pendings_remove(&pendings, first);
	assert_int_equal(pendings.sent, 0);
}

/* A document of so many bytes, nothing but its size. */
static void give_document(struct pending *pending, size_t length)
{
	pending->drafts = calloc(1, sizeof(*pending->drafts) + length);
	pending->drafts->length = length;
	pendings_weigh(&pendings, pending);
}

/* A broker that stands still must not turn those away who are still there. */
static void who_is_gone_keeps_no_place_but_for_what_was_sent(void **state)
{
	struct pending *pending;
	unsigned i;

	(void)state;
	for (i = 0; i < PENDING_MAX; i++) {
		pending = pendings_add(&pendings, i % 2 == 0 ? &one : &two);
		give_document(pending, 1000);
		pendings_enqueue(&pendings, pending);
	}
	for (i = 0; i < 10; i++)
		pendings_sent(&pendings, pendings_next_to_send(&pendings));
	pendings_drop_connection(&pendings, &one);
	assert_int_equal(pendings.count, PENDING_MAX / 2 + 5);
	assert_int_equal(pendings.sent, 10);
	/* The broker signs these five from what it has. */
	assert_int_equal(pendings.bytes - two.pending_bytes, 5 * sizeof(*pending));
	assert_non_null(pendings_add(&pendings, &one));
	pendings_drop_connection(&pendings, &one);
	/* So with one whose deadline passes. */
	pending = pendings_next_to_send(&pendings);
	assert_ptr_equal(pending->connection, &two);
	pendings_leave(&pendings, pending);
	assert_int_equal(pendings.count, PENDING_MAX / 2 + 4);
	assert_int_equal(pendings.queued, PENDING_MAX / 2 - 6);
	pendings_drop_connection(&pendings, &two);
	assert_int_equal(pendings.count, 10);
	assert_null(pendings_next_to_send(&pendings));
	for (i = 0; i < PENDING_MAX; i++)
		if (pendings.of[i])
			pendings_remove(&pendings, pendings.of[i]);
	assert_int_equal(pendings.sent + pendings.count + pendings.bytes, 0);
}

static void one_alone_has_room_for_256_of_the_largest(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < CONNECTION_REQUESTS; i++) {
		assert_true(pendings_have_room(&pendings, &one));
		give_document(pendings_add(&pendings, &one), LARGEST);
	}
	assert_true(pendings_have_room(&pendings, &two));
	pendings_drop_connection(&pendings, &one);
	assert_int_equal(pendings.bytes, 0);
}

/* Each who comes finds less, but something, until there are many. */
static void the_more_there_are_the_less_each_may_have(void **state)
{
	static struct connection greedy[64];
	unsigned i, had, before = CONNECTION_REQUESTS;

	(void)state;
	for (i = 0; i < 64; i++) {
		for (had = 0; had < CONNECTION_REQUESTS &&
			      pendings_have_room(&pendings, &greedy[i]);
		     had++)
			give_document(pendings_add(&pendings, &greedy[i]), LARGEST);
		assert_true(had <= before && (had > 0 || i >= 60));
		before = had;
	}
	assert_true(pendings.bytes <= PENDING_BYTES);
	assert_false(pendings_have_room(&pendings, &greedy[0]));
	for (i = 0; i < 64; i++)
		pendings_drop_connection(&pendings, &greedy[i]);
	assert_true(pendings_have_room(&pendings, &greedy[0]));
}

/* It counts as the connection's until it is written, but keeps none of the places. */
static void what_is_finished_is_its_connections_alone(void **state)
{
	struct pending *first = pendings_add(&pendings, &one);
	struct pending *second = pendings_add(&pendings, &one);

	(void)state;
	pendings_enqueue(&pendings, first);
	pendings_sent(&pendings, pendings_next_to_send(&pendings));
	pendings_finish(&pendings, first);
	pendings_finish(&pendings, second);
	assert_int_equal(pendings.count + pendings.sent, 0);
	assert_null(pendings_find(&pendings, first->id));
	assert_null(pendings.by_age.first); /* no deadline takes it back */
	assert_ptr_equal(one.finished.first, first);
	assert_ptr_equal(one.finished.last, second);
	assert_int_equal(one.outstanding, 2);
	pendings_remove(&pendings, first);
	assert_ptr_equal(one.finished.first, second);
	pendings_drop_connection(&pendings, &one);
	assert_null(one.finished.first);
	assert_int_equal(one.outstanding + pendings.bytes, 0);
}

static void no_client_waits_behind_all_of_another(void **state)
{
	struct connection flood = { .outstanding = 0 }, other = { .outstanding = 0 };
	struct pending *pending = NULL, *first;
	unsigned i;

	(void)state;
	for (i = 0; i < 2 * PENDING_ROUNDS; i++)
		pendings_enqueue(&pendings, pendings_add(&pendings, &flood));
	first = pendings_next_to_send(&pendings);
	pendings_sent(&pendings, first);
	for (i = 0; i < 3; i++)
		pendings_enqueue(&pendings, pendings_add(&pendings, &other));
	/* From now on they take turns, and each is sent in its own order. */
	for (i = 0; i < 6; i++) {
		pending = pendings_next_to_send(&pendings);
		assert_ptr_equal(pending->connection, i % 2 == 0 ? &other : &flood);
		pendings_sent(&pendings, pending);
	}
	for (; (first = pendings_next_to_send(&pendings)) != NULL; pending = first) {
		assert_true(first->id % PENDING_MAX > pending->id % PENDING_MAX);
		pendings_sent(&pendings, first);
	}
	assert_int_equal(pendings.sent, 2 * PENDING_ROUNDS + 3);
	assert_int_equal(pendings.queued, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(gives_ids_that_do_not_come_back_soon, start),
		cmocka_unit_test_setup(holds_4096_and_no_more, start),
		cmocka_unit_test_setup(sends_in_order_and_never_for_nobody, start),
		cmocka_unit_test_setup(
		    who_is_gone_keeps_no_place_but_for_what_was_sent, start),
		cmocka_unit_test_setup(one_alone_has_room_for_256_of_the_largest, start),
		cmocka_unit_test_setup(the_more_there_are_the_less_each_may_have, start),
		cmocka_unit_test_setup(what_is_finished_is_its_connections_alone, start),
		cmocka_unit_test_setup(no_client_waits_behind_all_of_another, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
