/*
 * Whether and when a failed call is made again: the standard mode of AWS's SDKs with the
 * numbers of 2026. A call has three attempts. A quota that all calls share pays for
 * retries, so that a service that is down is not asked thrice as much.
 */
#ifndef BROKER_AWS_RETRY_H
#define BROKER_AWS_RETRY_H

#include "broker/aws_error.h"

#include <stdbool.h>
#include <stdint.h>

#define AWS_ATTEMPTS	  3
#define AWS_RETRY_TOKENS  500
#define AWS_RETRY_MAX_MS  20000
#define AWS_RETRY_HINT_MS 5000 /* a service's own word adds at most so much */

struct aws_retry_quota {
	unsigned left; /* starts with AWS_RETRY_TOKENS */
};

/* Of one call; starts as zeros. */
struct aws_retry {
	unsigned retries;
	unsigned paid; /* for the last one */
};

/*
 * After an attempt that failed with `fault` (throttled or transient; no other is retried
 * here). `hint_ms` is X-Amz-Retry-After, or -1; `chance` any random number. True when
 * there is one more, and after how long.
 */
bool aws_retry_again(struct aws_retry *retry, struct aws_retry_quota *quota,
    enum aws_fault fault, int64_t hint_ms, uint32_t chance, uint64_t *delay_ms);

/* After an attempt that succeeded. */
void aws_retry_done(const struct aws_retry *retry, struct aws_retry_quota *quota);

#endif
