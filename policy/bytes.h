/*
 * Copying, comparing and searching bytes: the calls of libc that policy/ makes on what a
 * document says. `make prove` takes the contracts here on trust, and only them: they say
 * of uint8_t what C17 7.24 says of memcpy, memmove, memcmp and memchr; libc's prototypes
 * have void and text has char, which the prover's memory model keeps apart from uint8_t.
 * What text_length() is given is not shown to end in NUL; it says why.
 * Each function is one call, and none is made for no bytes, since then the pointers may
 * be NULL.
 */
#ifndef POLICY_BYTES_H
#define POLICY_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*@ predicate bytes_equal{L}(uint8_t *a, uint8_t *b, integer length) =
      \forall integer i; 0 <= i < length ==> a[i] == b[i];
*/

/* Eight bytes as a number, the lowest first. */
/*@ logic integer bytes_number{L}(uint8_t *at) =
      at[0] + 256 * at[1] + 65536 * at[2] + 16777216 * at[3] + 4294967296 * at[4] +
      1099511627776 * at[5] + 281474976710656 * at[6] + 72057594037927936 * at[7];
*/

/* That a text ends in NUL the prover is not shown: it is a literal, a word of names.h, or
 * was just written by the caller. */
/*@ assigns \nothing;
    ensures \valid_read(text + (0 .. \result - 1));
*/
static inline size_t text_length(const char *text)
{
	return strlen(text);
}

/* Text as bytes. */
/*@ requires \valid_read(text + (0 .. length - 1));
    assigns \nothing;
    ensures \valid_read(\result + (0 .. length - 1));
*/
static inline const uint8_t *text_bytes(const char *text, size_t length)
{
	(void)length;
	return (const uint8_t *)text;
}

/*@ requires \valid(to + (0 .. length - 1)) && \valid_read(from + (0 .. length - 1));
    requires \separated(to + (0 .. length - 1), from + (0 .. length - 1));
    assigns to[0 .. length - 1] \from from[0 .. length - 1];
    ensures bytes_equal(to, from, length);
*/
static inline void bytes_copy(uint8_t *to, const uint8_t *from, size_t length)
{
	if (length > 0)
		memcpy(to, from, length);
}

/* The same, where the two may overlap. */
/*@ requires \valid(to + (0 .. length - 1)) && \valid_read(from + (0 .. length - 1));
    assigns to[0 .. length - 1] \from from[0 .. length - 1];
    ensures \forall integer i; 0 <= i < length ==> to[i] == \old(from[i]);
*/
static inline void bytes_move(uint8_t *to, const uint8_t *from, size_t length)
{
	if (length > 0)
		memmove(to, from, length);
}

/*@ requires \valid_read(a + (0 .. length - 1)) && \valid_read(b + (0 .. length - 1));
    assigns \nothing;
    ensures \result <==> bytes_equal(a, b, length);
*/
static inline bool bytes_same(const uint8_t *a, const uint8_t *b, size_t length)
{
	return length == 0 || memcmp(a, b, length) == 0;
}

/* Below, at or above 0 as `a` comes before, with or after `b`. */
/*@ requires \valid_read(a + (0 .. length - 1)) && \valid_read(b + (0 .. length - 1));
    assigns \nothing;
    ensures \result == 0 <==> bytes_equal(a, b, length);
    ensures \result < 0 ==>
      (\exists integer k; 0 <= k < length && bytes_equal(a, b, k) && a[k] < b[k]);
*/
static inline int bytes_order(const uint8_t *a, const uint8_t *b, size_t length)
{
	return length > 0 ? memcmp(a, b, length) : 0;
}

/* Where the byte is first; `length` when it is not there. */
/*@ requires \valid_read(bytes + (0 .. length - 1));
    assigns \nothing;
    ensures 0 <= \result <= length;
    ensures \result < length ==> bytes[\result] == byte;
    ensures \forall integer i; 0 <= i < \result ==> bytes[i] != byte;
*/
static inline size_t bytes_find(const uint8_t *bytes, size_t length, uint8_t byte)
{
	const uint8_t *found = length > 0 ? memchr(bytes, byte, length) : NULL;

	return found ? (size_t)(found - bytes) : length;
}

#endif
