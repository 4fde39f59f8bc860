/* policy/der.c: each value has one encoding. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "policy/der.h"

#define SLICE(...)                                                                       \
	((struct slice){ (const uint8_t[]){ __VA_ARGS__ },                               \
	    sizeof((const uint8_t[]){ __VA_ARGS__ }) })

static uint8_t large[DER_MAX + 8], copy[DER_MAX + 8];

static bool takes(struct slice from)
{
	struct slice out;

	return der_take(&from, DER_OCTET_STRING, &out) && from.length == 0;
}

static void a_length_is_minimal_and_definite(void **state)
{
	(void)state;
	assert_true(takes(SLICE(4, 0)));
	assert_true(takes(SLICE(4, 1, 7)));
	assert_false(takes(SLICE(4, 0x81, 1, 7)));
	assert_false(takes(SLICE(4, 0x82, 0, 1, 7)));
	assert_false(takes(SLICE(4, 0x83, 0, 0, 1, 7)));
	assert_false(takes(SLICE(4, 0x84, 0, 0, 0, 1, 7)));
	assert_false(takes(SLICE(4, 0x80, 0, 0)));
	assert_false(takes(SLICE(4, 0xff, 7)));
	assert_false(takes(SLICE(0x24, 1, 7)));
	assert_false(takes(SLICE(4)));
	assert_false(takes(SLICE(4, 1)));
	assert_false(takes(SLICE(4, 0x81)));
	assert_false(takes(SLICE(4, 0x82, 1)));
	assert_false(takes((struct slice){ large, 0 }));
}

/* Also the borders between the forms of a length, and that nothing is read beyond. */
static void every_length_comes_back(void **state)
{
	struct slice from, out;
	struct der_sink to;
	size_t length, opened;

	(void)state;
	memset(large, 0x5a, sizeof(large));
	for (length = 0; length < DER_MAX; length += length < 600 ? 1 : 4321) {
		to = der_sink(copy, sizeof(copy));
		opened = der_open(&to);
		der_put_bytes(&to, large, length);
		der_close(&to, opened, DER_OCTET_STRING);
		if (length > DER_MAX - 4) {
			assert_true(to.failed);
			continue;
		}
		assert_false(to.failed);
		from = (struct slice){ copy, to.used };
		assert_true(der_take(&from, DER_OCTET_STRING, &out));
		assert_int_equal(from.length, 0);
		assert_int_equal(out.length, length);
		if (length > 0)
			assert_memory_equal(out.at, large, length);
		from = (struct slice){ copy, to.used - 1 };
		assert_false(der_take(&from, DER_OCTET_STRING, &out));
	}
}

static void a_full_sink_stays_failed_and_untouched(void **state)
{
	struct der_sink to = der_sink(copy, 3);
	size_t opened;

	(void)state;
	memset(copy, 0, sizeof(copy));
	der_put(&to, DER_OCTET_STRING, large, 2);
	assert_true(to.failed);
	assert_true(to.used <= 3);
	assert_int_equal(copy[3], 0);
	der_put_bytes(&to, large, 1);
	assert_true(to.failed);
	to = der_sink(copy, 3);
	opened = der_open(&to);
	der_put_bytes(&to, large, 2);
	der_close(&to, opened, DER_SEQUENCE);
	assert_true(to.failed);
	assert_int_equal(der_sink(copy, (size_t)1 << 40).room, DER_MAX);
}

static bool number(struct slice from, uint32_t wanted)
{
	uint8_t bytes[16];
	struct der_sink to = der_sink(bytes, sizeof(bytes));
	struct slice whole = from;
	uint32_t is;

	if (!der_take_number(&from, &is))
		return false;
	assert_int_equal(from.length, 0);
	assert_int_equal(is, wanted);
	der_put_number(&to, is);
	assert_true(slice_same((struct slice){ bytes, to.used }, whole));
	return true;
}

static void a_number_is_minimal_and_not_negative(void **state)
{
	(void)state;
	assert_true(number(SLICE(2, 1, 0), 0));
	assert_true(number(SLICE(2, 1, 0x7f), 127));
	assert_true(number(SLICE(2, 2, 0, 0x80), 128));
	assert_true(number(SLICE(2, 2, 1, 0), 256));
	assert_true(number(SLICE(2, 4, 0x7f, 0xff, 0xff, 0xff), DER_NUMBER_MAX));
	assert_false(number(SLICE(2, 0), 0));
	assert_false(number(SLICE(2, 1, 0x80), 128));
	assert_false(number(SLICE(2, 2, 0, 0x7f), 127));
	assert_false(number(SLICE(2, 2, 0, 0), 0));
	assert_false(number(SLICE(2, 5, 0, 0x80, 0, 0, 0), 0));
	assert_false(number(SLICE(2, 5, 1, 0, 0, 0, 0), 0));
}

static bool positive(struct slice from, size_t most)
{
	struct slice out;

	return der_take_positive(&from, most, &out);
}

static void positive_is_above_zero_and_at_most_so_long(void **state)
{
	(void)state;
	assert_true(positive(SLICE(2, 1, 1), 1));
	assert_true(positive(SLICE(2, 2, 0, 0x80), 2));
	assert_false(positive(SLICE(2, 2, 0, 0x80), 1));
	assert_false(positive(SLICE(2, 1, 0), 1));
	assert_false(positive(SLICE(2, 1, 0xff), 1));
	assert_false(positive(SLICE(2, 2, 0, 1), 2));
	assert_false(positive(SLICE(2, 0), 1));
	assert_false(positive(SLICE(3, 1, 1), 1));
}

static void a_magnitude_begins_with_no_zero(void **state)
{
	struct der_sink to = der_sink(copy, sizeof(copy));

	(void)state;
	der_put_magnitude(&to, (const uint8_t[]){ 0x80 }, 1);
	der_put_magnitude(&to, (const uint8_t[]){ 0x7f }, 1);
	assert_true(slice_same(
	    (struct slice){ copy, to.used }, SLICE(2, 2, 0, 0x80, 2, 1, 0x7f)));
	der_put_magnitude(&to, (const uint8_t[]){ 0, 1 }, 2);
	assert_true(to.failed);
	to = der_sink(copy, sizeof(copy));
	der_put_magnitude(&to, copy, 0);
	assert_true(to.failed);
}

static void only_ff_is_true(void **state)
{
	struct slice good = SLICE(1, 1, 0xff), other = SLICE(1, 1, 1);
	struct slice no = SLICE(1, 1, 0), two = SLICE(1, 2, 0xff, 0xff);

	(void)state;
	assert_true(der_take_true(&good));
	assert_false(der_take_true(&other));
	assert_false(der_take_true(&no));
	assert_false(der_take_true(&two));
}

static void bit_strings_are_of_whole_bytes(void **state)
{
	struct slice good = SLICE(3, 2, 0, 9), odd = SLICE(3, 2, 1, 8);
	struct slice none = SLICE(3, 0), out;

	(void)state;
	assert_true(der_take_bits(&good, &out));
	assert_true(slice_same(out, SLICE(9)));
	assert_false(der_take_bits(&odd, &out));
	assert_false(der_take_bits(&none, &out));
}

static void nothing_may_lie_beside_a_whole(void **state)
{
	struct slice out;

	(void)state;
	assert_true(der_take_whole(SLICE(4, 1, 7), DER_OCTET_STRING, &out));
	assert_false(der_take_whole(SLICE(4, 1, 7, 0), DER_OCTET_STRING, &out));
}

/* Midnight of each day from 1950 through 9999, and a second of it, against libc. */
static void every_day_comes_back_and_is_libc_s(void **state)
{
	struct der_sink to;
	struct slice from;
	char year[32];
	const char *wanted;
	struct tm tm;
	time_t time;
	int64_t is;

	(void)state;
	for (time = DER_TIME_MIN; time <= DER_TIME_MAX;
	     time += 86400 - 1 + (time % 2 == 0)) {
		to = der_sink(copy, sizeof(copy));
		der_put_time(&to, time);
		assert_false(to.failed);
		assert_non_null(gmtime_r(&time, &tm));
		strftime(year, sizeof(year), "%Y%m%d%H%M%SZ", &tm);
		wanted = tm.tm_year < 150 ? year + 2 : year;
		assert_int_equal(to.used, 2 + strlen(wanted));
		assert_memory_equal(copy + 2, wanted, strlen(wanted));
		from = (struct slice){ copy, to.used };
		assert_true(der_take_time(&from, &is));
		assert_int_equal(is, time);
	}
	to = der_sink(copy, sizeof(copy));
	der_put_time(&to, DER_TIME_MAX + 1);
	assert_true(to.failed);
	to = der_sink(copy, sizeof(copy));
	der_put_time(&to, DER_TIME_MIN - 1);
	assert_true(to.failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_length_is_minimal_and_definite),
		cmocka_unit_test(every_length_comes_back),
		cmocka_unit_test(a_full_sink_stays_failed_and_untouched),
		cmocka_unit_test(a_number_is_minimal_and_not_negative),
		cmocka_unit_test(positive_is_above_zero_and_at_most_so_long),
		cmocka_unit_test(a_magnitude_begins_with_no_zero),
		cmocka_unit_test(only_ff_is_true),
		cmocka_unit_test(bit_strings_are_of_whole_bytes),
		cmocka_unit_test(nothing_may_lie_beside_a_whole),
		cmocka_unit_test(every_day_comes_back_and_is_libc_s),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
