/* Token buckets: `burst` documents at once, `amount` in each `period` after that. Pure:
 * the caller brings the clock (nanoseconds of CLOCK_BOOTTIME) and keeps the bucket. */
#ifndef POLICY_RATE_H
#define POLICY_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* With this many a day the level of a bucket stays within 64 bits. */
#define RATE_MAX 1000000000

struct rate {
	uint32_t amount; /* 1 to RATE_MAX documents ... */
	uint32_t period; /* ... in so many seconds: 1, 60, 3600 or 86400 */
	uint32_t burst;	 /* 1 to RATE_MAX */
};

/* Starts as { 0 }: full at its first use. */
struct bucket {
	uint64_t updated; /* ns, in whole ticks of 10 us */
	uint64_t level;	  /* in units of amount * tick: no division, no drift */
	bool started;
};

/* Takes one token. When there is none: false, nothing taken, and the wait until one. A
 * clock that went back counts as one that stood still. */
bool rate_take(
    struct bucket *bucket, const struct rate *rate, uint64_t now_ns, uint64_t *wait_ns);

/* `100/s`, `20/m`, `5/h`, `1000/d`; the burst is the amount. False: not such a rate. */
bool rate_read(const char *text, size_t length, struct rate *out);

#endif
