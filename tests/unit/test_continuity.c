/* worker/continuity.c: what a worker finds that comes after a dead one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "worker/continuity.h"

static struct continuity continuity;

static int start(void **state)
{
	(void)state;
	memset(&continuity, 0, sizeof(continuity));
	return 0;
}

static void expect_input(const char *text)
{
	struct ring input = continuity_input(&continuity);
	char out[256] = "";

	assert_int_equal(ring_length(&input), strlen(text));
	ring_copy(&input, strlen(text), (uint8_t *)out);
	assert_string_equal(out, text);
}

static void finds_nothing_in_fresh_memory(void **state)
{
	(void)state;
	assert_false(continuity_take_over(&continuity));
	expect_input("");
}

/* The kernel had filled the buffer, but the worker did not live to say how far. */
static void completes_a_read_that_was_under_way(void **state)
{
	struct ring input = continuity_input(&continuity);
	uint8_t *bytes;

	(void)state;
	assert_true(ring_put(&input, "{\"a\":", 5));
	assert_true(ring_free(&input, &bytes) > 100);
	memset(bytes, 'x', 100);
	continuity_read_begins(&continuity, bytes, 100);
	memcpy(bytes, "1}\n{", 4);
	assert_false(continuity_take_over(&continuity));
	expect_input("{\"a\":1}\n{");
	assert_false(continuity_take_over(&continuity));
	expect_input("{\"a\":1}\n{");
}

static void drops_the_line_that_was_being_handled(void **state)
{
	struct ring input = continuity_input(&continuity);

	(void)state;
	assert_true(ring_put(&input, "bad\ngood\n", 9));
	continuity_line_begins(&continuity);
	assert_true(continuity_take_over(&continuity)); /* its id is not known */
	expect_input("good\n");
	continuity_line_begins(&continuity);
	assert_int_equal(continuity_remember(&continuity, "7", 1), 0);
	assert_false(continuity_take_over(&continuity)); /* it is in the table */
	expect_input("");
}

static void remembers_256_requests_and_no_more(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < CONTINUITY_REQUESTS; i++)
		assert_int_equal(continuity_remember(&continuity, "1", 1), i);
	assert_int_equal(continuity_remember(&continuity, "1", 1), CONTINUITY_NO_REQUEST);
	continuity_forget(&continuity, 77);
	assert_int_equal(continuity_remember(&continuity, "1", 1), 77);
	continuity_forget(&continuity, CONTINUITY_NO_REQUEST);
}

static void empties_rings_whose_indices_can_not_be(void **state)
{
	(void)state;
	continuity.output_at =
	    (struct ring_at){ .start = CONTINUITY_OUTPUT, .length = 1 };
	continuity.input_at = (struct ring_at){ .length = UINT32_MAX };
	continuity.reading = continuity.handling = 1;
	assert_false(continuity_take_over(&continuity));
	expect_input("");
	assert_int_equal(continuity.output_at.length, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(finds_nothing_in_fresh_memory, start),
		cmocka_unit_test_setup(completes_a_read_that_was_under_way, start),
		cmocka_unit_test_setup(drops_the_line_that_was_being_handled, start),
		cmocka_unit_test_setup(remembers_256_requests_and_no_more, start),
		cmocka_unit_test_setup(empties_rings_whose_indices_can_not_be, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
