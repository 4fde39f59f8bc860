/* worker/pending.c: ids, the queue, and who waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>

#include "worker/pending.h"

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
	struct pending *first = pendings_add(&pendings, &one, 10), *second;
	uint32_t id = first->id;

	(void)state;
	assert_int_equal(one.outstanding, 1);
	assert_int_equal(one.reserved, 10);
	assert_ptr_equal(pendings_find(&pendings, id), first);
	pendings_remove(&pendings, first);
	assert_int_equal(one.reserved, 0);
	second = pendings_add(&pendings, &one, 10); /* the same slot */
	assert_null(pendings_find(&pendings, id));
	pendings_remove(&pendings, second);
	assert_int_equal(one.outstanding, 0);
}

static void holds_4096_and_no_more(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < PENDING_MAX; i++)
		assert_non_null(pendings_add(&pendings, &one, 1));
	assert_null(pendings_add(&pendings, &one, 1));
	for (i = 0; i < PENDING_MAX; i++)
		pendings_remove(&pendings, pendings.of[i]);
	assert_int_equal(pendings.count, 0);
	assert_null(pendings.oldest);
}

static void sends_in_order_and_never_for_nobody(void **state)
{
	struct pending *first = pendings_add(&pendings, &one, 1);
	struct pending *second = pendings_add(&pendings, &two, 1);
	struct pending *third = pendings_add(&pendings, &one, 1);

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

static void no_client_waits_behind_all_of_another(void **state)
{
	struct connection flood = { .outstanding = 0 }, other = { .outstanding = 0 };
	struct pending *pending = NULL, *first;
	unsigned i;

	(void)state;
	for (i = 0; i < 2 * PENDING_ROUNDS; i++)
		pendings_enqueue(&pendings, pendings_add(&pendings, &flood, 1));
	first = pendings_next_to_send(&pendings);
	pendings_sent(&pendings, first);
	for (i = 0; i < 3; i++)
		pendings_enqueue(&pendings, pendings_add(&pendings, &other, 1));
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
		cmocka_unit_test_setup(no_client_waits_behind_all_of_another, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
