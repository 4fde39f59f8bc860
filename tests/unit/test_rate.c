#include "ssh_samples.h"

#define SECOND UINT64_C(1000000000)

static void reads_the_four_periods(void **state)
{
	struct rate rate;

	(void)state;
	assert_true(rate_read("100/s", 5, &rate));
	assert_int_equal(rate.amount, 100);
	assert_int_equal(rate.period, 1);
	assert_int_equal(rate.burst, 100);
	assert_true(rate_read("20/m", 4, &rate));
	assert_int_equal(rate.period, 60);
	assert_true(rate_read("5/h", 3, &rate));
	assert_int_equal(rate.period, 3600);
	assert_true(rate_read("1000000000/d", 12, &rate));
	assert_int_equal(rate.amount, RATE_MAX);
	assert_int_equal(rate.period, 86400);
}

static void refuses_what_is_no_rate(void **state)
{
	static const char *const texts[] = { "", "/s", "100", "100/", "100/x", "0/s",
		"-1/s", "1.5/s", "100/ss", "1000000001/d", "4294967297/s", "1 /s",
		"100s" };
	struct rate rate;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (rate_read(texts[i], strlen(texts[i]), &rate))
			fail_msg("accepted `%s`", texts[i]);
}

static void a_bucket_starts_full_and_empties(void **state)
{
	const struct rate rate = { 10, 1, 3 };
	struct bucket bucket = { 0 };
	uint64_t wait, now = 12345678901;
	unsigned i;

	(void)state;
	for (i = 0; i < 3; i++)
		assert_true(rate_take(&bucket, &rate, now, &wait));
	assert_false(rate_take(&bucket, &rate, now, &wait));
	assert_in_range(wait, SECOND / 10 - 10000, SECOND / 10);
}

static void the_wait_that_is_told_is_enough_and_not_too_long(void **state)
{
	static const struct rate rates[] = { { 10, 1, 1 }, { 7, 60, 2 }, { 3, 3600, 1 },
		{ 1000000000, 86400, 1 }, { 1, 86400, 1 }, { 999999, 1, 1 } };
	uint64_t wait, now;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct bucket bucket = { 0 }, early;

		now = 1234567;
		while (rate_take(&bucket, &rates[i], now, &wait))
			continue;
		now += 17;
		assert_false(rate_take(&bucket, &rates[i], now, &wait));
		early = bucket;
		assert_false(
		    rate_take(&early, &rates[i], now + wait - 1000, &(uint64_t){ 0 }));
		assert_true(rate_take(&bucket, &rates[i], now + wait, &(uint64_t){ 0 }));
	}
}

/* However often it is asked, a day gives the day's number and the burst, to the token. */
static void nothing_drifts_over_a_day(void **state)
{
	const struct rate rate = { 7, 60, 1 };
	struct bucket bucket = { 0 };
	uint64_t now, wait, taken = 0;

	(void)state;
	for (now = 999; now <= 86400 * SECOND + 999; now += 33333333)
		taken += rate_take(&bucket, &rate, now, &wait);
	assert_in_range(taken, 7 * 1440 - 40, 7 * 1440 + 1);

	taken = 0;
	memset(&bucket, 0, sizeof(bucket));
	for (now = 0; now <= 86400 * SECOND; now += wait) {
		if (rate_take(&bucket, &rate, now, &wait)) {
			taken++;
			wait = 0;
			assert_false(rate_take(&bucket, &rate, now, &wait));
		}
	}
	assert_in_range(taken, 7 * 1440, 7 * 1440 + 1);
}

static void a_clock_that_went_back_gives_nothing(void **state)
{
	const struct rate rate = { 1, 1, 1 };
	struct bucket bucket = { 0 };
	uint64_t wait;

	(void)state;
	assert_true(rate_take(&bucket, &rate, 100 * SECOND, &wait));
	assert_false(rate_take(&bucket, &rate, 50 * SECOND, &wait));
	assert_true(wait <= SECOND);
	assert_false(rate_take(&bucket, &rate, 100 * SECOND + SECOND / 2, &wait));
	assert_true(rate_take(&bucket, &rate, 101 * SECOND, &wait));
}

static void the_largest_numbers_do_not_wrap(void **state)
{
	const struct rate rate = { RATE_MAX, 86400, RATE_MAX };
	struct bucket bucket = { 0 };
	uint64_t wait;

	(void)state;
	assert_true(rate_take(&bucket, &rate, 0, &wait));
	assert_true(rate_take(&bucket, &rate, UINT64_MAX, &wait));
	assert_int_equal(bucket.level, (UINT64_C(1000000000) - 1) * 86400 * 100000);
	assert_true(rate_take(&bucket, &rate, UINT64_MAX, &wait));
}

static void a_smaller_rate_cuts_what_was_saved_up(void **state)
{
	const struct rate large = { 100, 1, 100 }, small = { 1, 1, 1 };
	struct bucket bucket = { 0 };
	uint64_t wait;

	(void)state;
	assert_true(rate_take(&bucket, &large, SECOND, &wait));
	assert_true(rate_take(&bucket, &small, SECOND, &wait));
	assert_false(rate_take(&bucket, &small, SECOND, &wait));
}

static void no_rate_at_all_permits_nothing(void **state)
{
	const struct rate none = { 0 };
	struct bucket bucket = { 0 };
	uint64_t wait = 0;

	(void)state;
	assert_false(rate_take(&bucket, &none, SECOND, &wait));
	assert_true(wait > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_the_four_periods),
		cmocka_unit_test(refuses_what_is_no_rate),
		cmocka_unit_test(a_bucket_starts_full_and_empties),
		cmocka_unit_test(the_wait_that_is_told_is_enough_and_not_too_long),
		cmocka_unit_test(nothing_drifts_over_a_day),
		cmocka_unit_test(a_clock_that_went_back_gives_nothing),
		cmocka_unit_test(the_largest_numbers_do_not_wrap),
		cmocka_unit_test(a_smaller_rate_cuts_what_was_saved_up),
		cmocka_unit_test(no_rate_at_all_permits_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
