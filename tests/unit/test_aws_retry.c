/* broker/aws_retry.c: how often, how long, and what a quota allows. */
#include "broker/aws_retry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define LONGEST UINT32_MAX

static void a_call_has_three_attempts(void **state)
{
	struct aws_retry_quota quota = { AWS_RETRY_TOKENS };
	struct aws_retry retry = { 0 };
	uint64_t delay;

	(void)state;
	assert_true(aws_retry_again(&retry, &quota, AWS_FAULT_TRANSIENT, -1, 0, &delay));
	assert_int_equal(delay, 0);
	assert_true(aws_retry_again(&retry, &quota, AWS_FAULT_TRANSIENT, -1, 0, &delay));
	assert_false(aws_retry_again(&retry, &quota, AWS_FAULT_TRANSIENT, -1, 0, &delay));
}

static void delays_double_from_a_base_that_the_fault_has(void **state)
{
	struct aws_retry_quota quota = { AWS_RETRY_TOKENS };
	struct aws_retry transient = { 0 }, throttled = { 0 };
	uint64_t delay;

	(void)state;
	aws_retry_again(&transient, &quota, AWS_FAULT_TRANSIENT, -1, LONGEST, &delay);
	assert_int_equal(delay, 49);
	aws_retry_again(&transient, &quota, AWS_FAULT_TRANSIENT, -1, LONGEST, &delay);
	assert_int_equal(delay, 99);
	aws_retry_again(&throttled, &quota, AWS_FAULT_THROTTLED, -1, LONGEST / 2, &delay);
	assert_int_equal(delay, 499);
	aws_retry_again(&throttled, &quota, AWS_FAULT_THROTTLED, -1, LONGEST, &delay);
	assert_int_equal(delay, 1999);
}

static void a_hint_lengthens_a_delay_but_not_without_end(void **state)
{
	static const struct {
		int64_t hint;
		uint64_t delay;
	} hints[] = { { 0, 500 }, { 100, 500 }, { 600, 600 }, { 5499, 5499 },
		{ 60000, 5500 }, { INT64_MAX, 5500 }, { -7, 500 } };
	uint64_t delay;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof hints / sizeof hints[0]; i++) {
		struct aws_retry_quota quota = { AWS_RETRY_TOKENS };
		struct aws_retry retry = { 0 };

		assert_true(aws_retry_again(&retry, &quota, AWS_FAULT_THROTTLED,
		    hints[i].hint, UINT32_C(1) << 31, &delay));
		assert_int_equal(delay, hints[i].delay);
	}
}

static void other_faults_are_not_retried_here(void **state)
{
	struct aws_retry_quota quota = { AWS_RETRY_TOKENS };
	uint64_t delay;
	unsigned fault;

	(void)state;
	for (fault = 0; fault <= AWS_FAULT_COUNT; fault++) {
		struct aws_retry retry = { 0 };

		if (fault == AWS_FAULT_THROTTLED || fault == AWS_FAULT_TRANSIENT)
			continue;
		assert_false(aws_retry_again(
		    &retry, &quota, (enum aws_fault)fault, -1, 0, &delay));
	}
	assert_int_equal(quota.left, AWS_RETRY_TOKENS);
}

static void a_service_that_is_down_uses_the_quota_up(void **state)
{
	struct aws_retry_quota quota = { AWS_RETRY_TOKENS };
	unsigned retries = 0, calls;
	uint64_t delay;

	(void)state;
	for (calls = 0; calls < 1000; calls++) {
		struct aws_retry retry = { 0 };

		while (
		    aws_retry_again(&retry, &quota, AWS_FAULT_TRANSIENT, -1, 0, &delay))
			retries++;
	}
	assert_int_equal(retries, AWS_RETRY_TOKENS / 14);
}

static void successes_fill_the_quota_again(void **state)
{
	struct aws_retry_quota quota = { 100 };
	struct aws_retry retry = { 0 }, first = { 0 };
	uint64_t delay;
	unsigned i;

	(void)state;
	assert_true(aws_retry_again(&retry, &quota, AWS_FAULT_THROTTLED, -1, 0, &delay));
	assert_int_equal(quota.left, 95);
	aws_retry_done(&retry, &quota);
	assert_int_equal(quota.left, 100);
	aws_retry_done(&first, &quota);
	assert_int_equal(quota.left, 101);
	for (i = 0; i < AWS_RETRY_TOKENS; i++)
		aws_retry_done(&first, &quota);
	assert_int_equal(quota.left, AWS_RETRY_TOKENS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_has_three_attempts),
		cmocka_unit_test(delays_double_from_a_base_that_the_fault_has),
		cmocka_unit_test(a_hint_lengthens_a_delay_but_not_without_end),
		cmocka_unit_test(other_faults_are_not_retried_here),
		cmocka_unit_test(a_service_that_is_down_uses_the_quota_up),
		cmocka_unit_test(successes_fill_the_quota_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
