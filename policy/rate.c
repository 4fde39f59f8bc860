/* Token buckets and the text of rates; rate.h has the units. */
#include "policy/rate.h"

#include "policy/duration.h"
#include "policy/text.h"

#define NS_PER_TICK	 UINT64_C(10000)
#define NS_PER_SECOND	 UINT64_C(1000000000)
#define TICKS_PER_SECOND (NS_PER_SECOND / NS_PER_TICK)

_Static_assert(
    UINT64_MAX / RATE_MAX / 86400 > TICKS_PER_SECOND, "the level of a full bucket");

/* Adds what has come in since the last time; what exceeds the burst is lost. */
/*@ requires \valid(bucket) && \valid_read(rate) && \separated(bucket, rate);
    requires rate->amount > 0;
    assigns bucket->updated, bucket->level, bucket->started;
    ensures bucket->started && bucket->level <= capacity;
    ensures \old(bucket->started) ==> \old(bucket->updated) <= bucket->updated;
    ensures bucket->updated <= \max(now_ns, \old(bucket->updated));
    ensures \old(bucket->started) ==> bucket->level <= \old(bucket->level) +
      (bucket->updated - \old(bucket->updated)) / NS_PER_TICK * rate->amount;
    ensures now_ns > bucket->updated ==> now_ns - bucket->updated < NS_PER_TICK;
*/
static void refill(
    struct bucket *bucket, const struct rate *rate, uint64_t now_ns, uint64_t capacity)
{
	uint64_t ticks, missing;

	if (!bucket->started) {
		bucket->started = true;
		bucket->level = capacity;
		bucket->updated = now_ns - now_ns % NS_PER_TICK;
		return;
	}
	if (bucket->level > capacity) /* the rate was made smaller */
		bucket->level = capacity;
	if (now_ns <= bucket->updated)
		return;
	ticks = (now_ns - bucket->updated) / NS_PER_TICK;
	missing = capacity - bucket->level;
	/*@ assert ticks > missing / rate->amount ==>
	      ticks * rate->amount >= (missing / rate->amount + 1) * rate->amount; */
	/*@ assert (missing / rate->amount + 1) * rate->amount >= missing; */
	if (ticks > missing / rate->amount)
		bucket->level = capacity;
	else
		bucket->level += ticks * rate->amount;
	bucket->updated += ticks * NS_PER_TICK;
	/*@ assert (bucket->updated - \at(bucket->updated, Pre)) / NS_PER_TICK == ticks; */
	/*@ assert bucket->level <=
	      \at(bucket->level, Pre) + ticks * rate->amount; */
}

/*@ requires \valid_read(bucket) && \valid_read(rate);
    requires 0 < rate->amount <= RATE_MAX && bucket->level < cost <= 8640000000;
    requires now_ns > bucket->updated ==> now_ns - bucket->updated < NS_PER_TICK;
    assigns \nothing;
    ensures \result > 0;
*/
static uint64_t wait_for(
    const struct bucket *bucket, const struct rate *rate, uint64_t now_ns, uint64_t cost)
{
	uint64_t missing = cost - bucket->level;
	uint64_t wait = (missing + rate->amount - 1) / rate->amount * NS_PER_TICK;
	uint64_t passed = now_ns > bucket->updated ? now_ns - bucket->updated : 0;

	return wait - passed; /* passed is below a tick, wait is not */
}

bool rate_take(
    struct bucket *bucket, const struct rate *rate, uint64_t now_ns, uint64_t *wait_ns)
{
	uint64_t cost = rate->period * TICKS_PER_SECOND;

	*wait_ns = NS_PER_SECOND;
	if (rate->amount == 0 || rate->period == 0) /* not a rate: it permits nothing */
		return false;
	refill(bucket, rate, now_ns, rate->burst * cost);
	if (bucket->level < cost) {
		*wait_ns = wait_for(bucket, rate, now_ns, cost);
		return false;
	}
	bucket->level -= cost;
	*wait_ns = 0;
	return true;
}

bool rate_read(const char *text, size_t length, struct rate *out)
{
	uint64_t amount;
	size_t digits = text_number(text, length, RATE_MAX, &amount);
	uint32_t period;

	if (digits == 0 || amount == 0 || length - digits != 2 || text[digits] != '/')
		return false;
	period = duration_unit(text[digits + 1]);
	if (period == 0)
		return false;
	out->amount = out->burst = (uint32_t)amount;
	out->period = period;
	return true;
}
