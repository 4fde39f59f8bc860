/* worker/ring.c against a plain array, over every start and length of a small ring. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "worker/ring.h"

#define ROOM 7

static void holds_what_was_put_in_whatever_place(void **state)
{
	uint8_t bytes[ROOM], out[ROOM];
	struct ring_at at;
	struct ring ring = { .bytes = bytes, .room = ROOM, .at = &at };
	uint32_t start, length;

	(void)state;
	for (start = 0; start < ROOM; start++)
		for (length = 0; length <= ROOM; length++) {
			at = (struct ring_at){ .start = start };
			memset(bytes, '-', sizeof(bytes));
			assert_true(ring_put(&ring, "abcdefg", length));
			assert_false(ring_put(&ring, "abcdefgh", ROOM - length + 1));
			assert_int_equal(ring_length(&ring), length);
			ring_copy(&ring, length, out);
			assert_memory_equal(out, "abcdefg", length);
			assert_int_equal(
			    ring_find(&ring, 0, 'e'), length > 4 ? 4 : length);
			assert_int_equal(ring_find(&ring, 3, 'b'), length);
			assert_int_equal(ring_find(&ring, length, 'a'), length);
			ring_drop(&ring, length / 2);
			ring_copy(&ring, length - length / 2, out);
			assert_memory_equal(
			    out, &"abcdefg"[length / 2], length - length / 2);
			assert_true(ring_valid(&ring));
		}
}

static void starts_anew_when_empty(void **state)
{
	uint8_t bytes[ROOM], *free;
	struct ring_at at = { .start = 5 };
	struct ring ring = { .bytes = bytes, .room = ROOM, .at = &at };

	(void)state;
	assert_true(ring_put(&ring, "abc", 3));
	ring_drop(&ring, 3);
	assert_int_equal(at.start, 0);
	assert_int_equal(ring_free(&ring, &free), ROOM);
	assert_ptr_equal(free, bytes);
}

static void sees_indices_that_can_not_be(void **state)
{
	uint8_t bytes[ROOM];
	struct ring_at at = { .start = ROOM };
	struct ring ring = { .bytes = bytes, .room = ROOM, .at = &at };

	(void)state;
	assert_false(ring_valid(&ring));
	at = (struct ring_at){ .length = ROOM + 1 };
	assert_false(ring_valid(&ring));
	at = (struct ring_at){ .start = ROOM - 1, .length = ROOM };
	assert_true(ring_valid(&ring));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_what_was_put_in_whatever_place),
		cmocka_unit_test(starts_anew_when_empty),
		cmocka_unit_test(sees_indices_that_can_not_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
