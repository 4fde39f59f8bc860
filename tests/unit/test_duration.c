#include "ssh_samples.h"

#include "policy/duration.h"

struct row {
	const char *text;
	uint64_t seconds;
};

static void reads_numbers_with_units(void **state)
{
	static const struct row rows[] = {
		{ "1s", 1 },
		{ "90s", 90 },
		{ "15m", 900 },
		{ "8h", 28800 },
		{ "30d", 2592000 },
		{ "1h30m", 5400 },
		{ "1d1h1m1s", 90061 },
		{ "3650d", DURATION_MAX },
		{ "0h5m", 300 },
	};
	uint64_t seconds;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(duration_read(rows[i].text, strlen(rows[i].text), &seconds));
		assert_int_equal(seconds, rows[i].seconds);
	}
}

static void refuses_what_is_no_duration(void **state)
{
	static const char *const texts[] = { "", "0s", "0d0h", "5", "h", "-5s", "+5s",
		"1.5h", "1 h", " 1h", "1h ", "1w", "1H", "3651d", "3650d1s",
		"99999999999999999999s", "18446744073709551617s", "1h30", "1hm" };
	uint64_t seconds = 77;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (duration_read(texts[i], strlen(texts[i]), &seconds))
			fail_msg("accepted `%s`", texts[i]);
	assert_int_equal(seconds, 77);
}

static void what_is_written_reads_as_the_same(void **state)
{
	static const struct row rows[] = { { "1s", 1 }, { "1m", 60 }, { "30h", 108000 },
		{ "1d", 86400 }, { "3661s", 3661 }, { "90m", 5400 },
		{ "3650d", DURATION_MAX } };
	char text[24];
	uint64_t seconds, back;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		duration_write(rows[i].seconds, text);
		assert_string_equal(text, rows[i].text);
	}
	for (seconds = 1; seconds <= DURATION_MAX; seconds += seconds / 3 + 1) {
		duration_write(seconds, text);
		assert_true(duration_read(text, strlen(text), &back));
		assert_int_equal(back, seconds);
	}
	duration_write(0, text);
	assert_string_equal(text, "0s");
	duration_write(UINT64_MAX, text);
	assert_string_equal(text, "18446744073709551615s");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_numbers_with_units),
		cmocka_unit_test(refuses_what_is_no_duration),
		cmocka_unit_test(what_is_written_reads_as_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
