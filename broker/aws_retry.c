/* Delays and the retry quota; aws_retry.h has where the numbers are from. */
#include "broker/aws_retry.h"

static const struct {
	unsigned cost;
	uint64_t base_ms;
} terms[AWS_FAULT_COUNT] = {
	[AWS_FAULT_THROTTLED] = { 5, 1000 },
	[AWS_FAULT_TRANSIENT] = { 14, 50 },
};

bool aws_retry_again(struct aws_retry *retry, struct aws_retry_quota *quota,
    enum aws_fault fault, int64_t hint_ms, uint32_t chance, uint64_t *delay_ms)
{
	uint64_t longest, delay, hint = hint_ms > 0 ? (uint64_t)hint_ms : 0;

	if ((unsigned)fault >= AWS_FAULT_COUNT || terms[fault].cost == 0 ||
	    retry->retries + 1 >= AWS_ATTEMPTS || quota->left < terms[fault].cost)
		return false;
	quota->left -= terms[fault].cost;
	retry->paid = terms[fault].cost;
	longest = terms[fault].base_ms << retry->retries;
	longest = longest < AWS_RETRY_MAX_MS ? longest : AWS_RETRY_MAX_MS;
	delay = longest * chance >> 32;
	if (hint > delay)
		delay =
		    hint < delay + AWS_RETRY_HINT_MS ? hint : delay + AWS_RETRY_HINT_MS;
	retry->retries++;
	*delay_ms = delay;
	return true;
}

void aws_retry_done(const struct aws_retry *retry, struct aws_retry_quota *quota)
{
	quota->left += retry->retries > 0 ? retry->paid : 1;
	if (quota->left > AWS_RETRY_TOKENS)
		quota->left = AWS_RETRY_TOKENS;
}
