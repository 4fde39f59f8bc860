/*
 * Places in a block of 64 bytes, as the bits of a number, the first byte's the lowest: so
 * that a pattern is followed from all the places at once that it may have come to.
 * `make prove` takes the contracts here on trust, since its provers know numbers and no
 * bits. Each function is an operator or two; of those that add or subtract z3 shows for
 * every number that they do what is said (tests/places.smt2), and test_places.c holds all
 * against plain loops.
 */
#ifndef POLICY_PLACES_H
#define POLICY_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#if defined(__SSE2__) && !defined(__FRAMAC__)
#include <emmintrin.h>
#endif

#define PLACES 64

/*@ axiomatic Places {
      // Is the bit of that number set?
      predicate member(integer places, integer place);
      axiom in_block: \forall integer places, place;
      member(places, place) ==> 0 <= place < PLACES;
    }

    predicate along(integer way, integer from, integer to) =
      \forall integer k; from <= k < to ==> member(way, k);
*/

#if defined(__SSE2__) && !defined(__FRAMAC__)
static inline uint64_t places_of_16(const uint8_t *bytes, __m128i byte)
{
	const __m128i same = _mm_cmpeq_epi8(_mm_loadu_si128((const void *)bytes), byte);

	return (uint16_t)_mm_movemask_epi8(same);
}
#endif

/* Where a block has the byte. */
/*@ requires \valid_read(block + (0 .. PLACES - 1));
    assigns \nothing;
    ensures \forall integer k; 0 <= k < PLACES ==>
      (member(\result, k) <==> block[k] == byte);
*/
static inline uint64_t places_of(const uint8_t *block, uint8_t byte)
{
#if defined(__SSE2__) && !defined(__FRAMAC__)
	const __m128i all = _mm_set1_epi8((char)byte);

	return places_of_16(block, all) | places_of_16(block + 16, all) << 16 |
	       places_of_16(block + 32, all) << 32 | places_of_16(block + 48, all) << 48;
#else
	uint64_t places = 0;
	unsigned i;

	for (i = 0; i < PLACES; i++)
		places |= (uint64_t)(block[i] == byte) << i;
	return places;
#endif
}

/* The first `count`, or all. */
/*@ assigns \nothing;
    ensures \forall integer k; 0 <= k < PLACES ==> (member(\result, k) <==> k < count);
*/
static inline uint64_t places_before(size_t count)
{
	return count < PLACES ? ((uint64_t)1 << count) - 1 : UINT64_MAX;
}

/*@ assigns \nothing;
    ensures \forall integer k; member(\result, k) <==> member(a, k) && member(b, k);
*/
static inline uint64_t places_in_both(uint64_t a, uint64_t b)
{
	return a & b;
}

/*@ assigns \nothing;
    ensures \forall integer k; member(\result, k) <==> member(a, k) && !member(b, k);
*/
static inline uint64_t places_without(uint64_t a, uint64_t b)
{
	return a & ~b;
}

/* And the first place, or not. */
/*@ assigns \nothing;
    ensures \forall integer k;
      member(\result, k) <==> member(places, k) || (first && k == 0);
*/
static inline uint64_t places_and_first(uint64_t places, bool first)
{
	return places | first;
}

/* Each moved to the next; the last is gone. */
/*@ assigns \nothing;
    ensures \forall integer k; 0 <= k < PLACES ==>
      (member(\result, k) <==> member(places, k - 1));
*/
static inline uint64_t places_behind(uint64_t places)
{
	return places << 1;
}

/* Each, and those that follow it through places of `way` without a gap, up to the one
 * behind them: what is added at a place is carried through the ones of `way`. */
/*@ assigns \nothing;
    ensures \forall integer k; 0 <= k < PLACES ==> (member(\result, k) <==>
      \exists integer j; 0 <= j <= k && member(places, j) && along(way, j, k));
*/
static inline uint64_t places_along(uint64_t places, uint64_t way)
{
	return places | (((places & way) + way) ^ way);
}

/* From the first of them on. */
/*@ assigns \nothing;
    ensures \forall integer k; 0 <= k < PLACES ==>
      (member(\result, k) <==> \exists integer j; j <= k && member(places, j));
*/
static inline uint64_t places_from(uint64_t places)
{
	return 0 - (places & (0 - places));
}

/*@ requires place < PLACES;
    assigns \nothing;
    ensures \result <==> member(places, place);
*/
static inline bool places_have(uint64_t places, size_t place)
{
	return (places >> place & 1) != 0;
}

/*@ assigns \nothing;
    ensures \result <==> \exists integer k; member(places, k);
*/
static inline bool places_any(uint64_t places)
{
	return places != 0;
}

#endif
