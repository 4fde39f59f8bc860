#include "ssh_samples.h"

#include "policy/places.h"

static bool has(uint64_t places, unsigned place)
{
	return (places / ((uint64_t)1 << place)) % 2 == 1;
}

static void every_byte_is_found_at_every_place(void **state)
{
	uint8_t block[PLACES];
	unsigned byte, i, other;

	(void)state;
	for (byte = 0; byte < 256; byte++)
		for (other = 1; other < 256; other *= 2)
			for (i = 0; i < PLACES; i++) {
				memset(block, (int)(byte ^ other), sizeof(block));
				assert_int_equal(places_of(block, (uint8_t)byte), 0);
				block[i] = (uint8_t)byte;
				assert_true(
				    places_of(block, (uint8_t)byte) == (uint64_t)1 << i);
			}
}

static void equal_bytes_are_all_found(void **state)
{
	uint8_t block[PLACES];
	uint64_t found;
	unsigned byte, i;

	(void)state;
	for (i = 0; i < PLACES; i++)
		block[i] = (uint8_t)("ab.a/"[i * i % 5]);
	for (byte = 0; byte < 256; byte++) {
		found = places_of(block, (uint8_t)byte);
		for (i = 0; i < PLACES; i++)
			assert_int_equal(has(found, i), block[i] == byte);
	}
}

/* The lowest `count` bits, and what is above them: of a few shapes and any. */
static uint64_t some_places(unsigned number)
{
	static uint64_t seed = 1;

	seed = seed * 6364136223846793005u + 1442695040888963407u;
	switch (number % 5) {
	case 0:
		return seed ^ seed >> 29;
	case 1:
		return (seed >> 7) & (seed << 17);
	case 2:
		return (seed >> 7) | (seed << 17);
	case 3:
		return UINT64_MAX << (seed >> 58);
	default:
		return number % 2 ? UINT64_MAX : 0;
	}
}

static void check_one(uint64_t places, uint64_t way, uint64_t (*call)(uint64_t, uint64_t),
    bool (*follows)(uint64_t, unsigned))
{
	uint64_t out = call(places, way);
	bool reached = false;
	unsigned k;

	for (k = 0; k < PLACES; k++) {
		reached = has(places, k) || (reached && follows(way, k));
		assert_int_equal(has(out, k), reached);
	}
}

static bool by_the_way(uint64_t way, unsigned k)
{
	return has(way, k - 1);
}

static bool always(uint64_t way, unsigned k)
{
	(void)way;
	(void)k;
	return true;
}

static uint64_t from(uint64_t places, uint64_t way)
{
	(void)way;
	return places_from(places);
}

static void places_are_followed_to_the_end_of_their_way(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < 100000; i++)
		check_one(some_places(i), some_places(i / 5), places_along, by_the_way);
	check_one(1, UINT64_MAX, places_along, by_the_way);
	check_one(UINT64_MAX, UINT64_MAX, places_along, by_the_way);
	check_one((uint64_t)1 << 63, UINT64_MAX, places_along, by_the_way);
}

static void all_that_follow_the_first_are_found(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < 100000; i++)
		check_one(some_places(i), 0, from, always);
	check_one(0, 0, from, always);
	check_one(1, 0, from, always);
	check_one((uint64_t)1 << 63, 0, from, always);
}

static void the_others_keep_to_their_contracts(void **state)
{
	unsigned i, k;

	(void)state;
	for (i = 0; i < 20000; i++) {
		uint64_t a = some_places(i), b = some_places(i / 5);

		assert_int_equal(places_any(a), a != 0);
		for (k = 0; k < PLACES; k++) {
			assert_int_equal(places_have(a, k), has(a, k));
			assert_int_equal(
			    has(places_in_both(a, b), k), has(a, k) && has(b, k));
			assert_int_equal(
			    has(places_without(a, b), k), has(a, k) && !has(b, k));
			assert_int_equal(
			    has(places_behind(a), k), k > 0 && has(a, k - 1));
			assert_int_equal(
			    has(places_and_first(a, true), k), k == 0 || has(a, k));
			assert_int_equal(has(places_and_first(a, false), k), has(a, k));
			assert_int_equal(has(places_before(i % 70), k), k < i % 70);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_is_found_at_every_place),
		cmocka_unit_test(equal_bytes_are_all_found),
		cmocka_unit_test(places_are_followed_to_the_end_of_their_way),
		cmocka_unit_test(all_that_follow_the_first_are_found),
		cmocka_unit_test(the_others_keep_to_their_contracts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
