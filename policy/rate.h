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

/*@ predicate rate_sound{L}(struct rate *r) =
      r->amount <= RATE_MAX && r->burst <= RATE_MAX && r->period <= 86400;
    // In the units of a bucket's level.
    logic integer rate_cost{L}(struct rate *r) = r->period * 100000;
*/

/* Takes one token. So of a bucket that has begun, no more tokens are had than it held and
 * than came in with the time that has passed. When there is none: false, nothing taken,
 * and the wait until one. A clock that went back counts as one that stood still. */
/*@ requires \valid(bucket) && \valid_read(rate) && \valid(wait_ns);
    requires \separated(bucket, rate, wait_ns) && rate_sound(rate);
    assigns bucket->updated, bucket->level, bucket->started, *wait_ns;
    ensures \result ==> rate->amount > 0 && rate->period > 0;
    ensures \result ==> bucket->level + rate_cost(rate) <= rate->burst * rate_cost(rate);
    ensures \old(bucket->started) ==> \old(bucket->updated) <= bucket->updated;
    ensures bucket->updated <= \max(now_ns, \old(bucket->updated));
    ensures \result && \old(bucket->started) ==>
      bucket->level + rate_cost(rate) <= \old(bucket->level) +
      (bucket->updated - \old(bucket->updated)) / 10000 * rate->amount;
    ensures \result || *wait_ns > 0;
*/
bool rate_take(
    struct bucket *bucket, const struct rate *rate, uint64_t now_ns, uint64_t *wait_ns);

/* `100/s`, `20/m`, `5/h`, `1000/d`; the burst is the amount. False: not such a rate. */
/*@ requires \valid_read(text + (0 .. length - 1)) && \valid(out);
    assigns out->amount, out->period, out->burst;
    ensures \result ==> rate_sound(out) && out->amount > 0 && out->period > 0;
    ensures \result ==> out->burst == out->amount;
*/
bool rate_read(const char *text, size_t length, struct rate *out);

#endif
