/* Bytes, words, numbers and UTF-8 (RFC 3629) as every reader of policy/ sees them. */
#ifndef POLICY_TEXT_H
#define POLICY_TEXT_H

#include "policy/bytes.h"

/* Bytes of somebody else's buffer. */
struct slice {
	const uint8_t *at;
	size_t length;
};

/*@ predicate slice_readable{L}(struct slice s) =
      \valid_read(s.at + (0 .. s.length - 1));
    predicate slice_equal{L}(struct slice a, struct slice b) =
      a.length == b.length && bytes_equal(a.at, b.at, a.length);
*/

/*@ assigns \nothing;
    ensures slice_readable(\result);
*/
struct slice slice_of(const char *word);

/*@ requires slice_readable(a) && slice_readable(b);
    assigns \nothing;
    ensures \result <==> slice_equal(a, b);
*/
bool slice_same(struct slice a, struct slice b);

/*@ // By their bytes, and what another begins with before it.
    predicate comes_before{L}(uint8_t *a, integer a_length, uint8_t *b,
      integer b_length) =
      (a_length < b_length && bytes_equal(a, b, a_length)) ||
      (\exists integer k; 0 <= k < a_length && k < b_length && bytes_equal(a, b, k) &&
	a[k] < b[k]);
*/
/*@ requires slice_readable(a) && slice_readable(b);
    assigns \nothing;
    ensures \result ==> comes_before(a.at, a.length, b.at, b.length);
*/
bool slice_before(struct slice a, struct slice b);

/*@ requires slice_readable(slice);
    assigns \nothing;
*/
bool slice_is(struct slice slice, const char *word);

/*@ predicate utf8_tail(integer byte) = 0x80 <= byte <= 0xbf;

    // A character of UTF-8 (RFC 3629 4): the shortest form, no surrogate, and none above
    // U+10FFFF.
    predicate utf8_character{L}(uint8_t *at, integer length) =
      (length == 1 && at[0] < 0x80) ||
      (length == 2 && 0xc2 <= at[0] <= 0xdf && utf8_tail(at[1])) ||
      (length == 3 && 0xe0 <= at[0] <= 0xef && utf8_tail(at[1]) && utf8_tail(at[2]) &&
	(at[0] == 0xe0 ==> at[1] >= 0xa0) && (at[0] == 0xed ==> at[1] <= 0x9f)) ||
      (length == 4 && 0xf0 <= at[0] <= 0xf4 && utf8_tail(at[1]) && utf8_tail(at[2]) &&
	utf8_tail(at[3]) && (at[0] == 0xf0 ==> at[1] >= 0x90) &&
	(at[0] == 0xf4 ==> at[1] <= 0x8f));

    // C0, DEL and C1: what a terminal acts on instead of showing it.
    predicate control_character{L}(uint8_t *at, integer length) =
      (length == 1 && (at[0] < 0x20 || at[0] == 0x7f)) ||
      (length == 2 && at[0] == 0xc2 && at[1] <= 0x9f);
    predicate control_point(integer c) = c < 0x20 || 0x7f <= c < 0xa0;

    // Characters that are none of these: the least predicate of which this is true.
    axiomatic Printable {
      predicate printable{L}(uint8_t *text, integer to)
	reads text[0 .. to - 1];
      axiom no_character{L}:
	\forall uint8_t *text; printable(text, 0);
      axiom one_more_character{L}:
	\forall uint8_t *text, integer at, integer length; printable(text, at) ==>
	utf8_character(text + at, length) ==> !control_character(text + at, length) ==>
	printable(text, at + length);
    }
*/

/*@ // Of the character that `at` begins with; 0: there is none.
    axiomatic CharacterLength {
      logic integer character_length{L}(uint8_t *at, integer left)
	reads at[0 .. left - 1];
      axiom of_a_character{L}:
	\forall uint8_t *at, integer left, integer length;
	utf8_character(at, length) ==> length <= left ==>
	character_length(at, left) == length;
      axiom of_none{L}:
	\forall uint8_t *at, integer left;
	!(left >= 1 && utf8_character(at, 1)) ==>
	!(left >= 2 && utf8_character(at, 2)) ==>
	!(left >= 3 && utf8_character(at, 3)) ==>
	!(left >= 4 && utf8_character(at, 4)) ==> character_length(at, left) == 0;
    }
*/
/* The length of the character that begins at `bytes`, 1 to 4, and its code point; 0 when
 * these bytes begin no character. `length` is at least 1. */
/*@ requires 0 < length && \valid_read(bytes + (0 .. length - 1)) && \valid(code_point);
    assigns *code_point;
    ensures 0 <= \result <= 4 && \result <= length;
    ensures \result == character_length(bytes, length);
    ensures \result > 0 ==> utf8_character(bytes, \result);
    ensures \result == 1 ==> *code_point == bytes[0];
    ensures \result > 1 ==> *code_point >= 0x80;
    ensures \result > 0 ==>
      (control_point(*code_point) <==> control_character(bytes, \result));
*/
size_t text_character(const uint8_t *bytes, size_t length, uint32_t *code_point);

/*@ assigns \nothing;
    ensures \result <==> control_point(code_point);
*/
bool text_is_control(uint32_t code_point);

/* UTF-8 without control characters. */
/*@ requires slice_readable(text);
    assigns \nothing;
    ensures \result ==> printable(text.at, text.length);
*/
bool text_printable(struct slice text);

/* ASCII that can be seen: no blank, no control character. */
/*@ predicate bytes_visible{L}(uint8_t *bytes, integer length) =
      \forall integer i; 0 <= i < length ==> 0x20 < bytes[i] < 0x7f;
*/
/*@ requires slice_readable(text);
    assigns \nothing;
    ensures \result <==> bytes_visible(text.at, text.length);
*/
bool text_visible(struct slice text);

/* The decimal digits at the start of the text: how many there are, and their number. 0
 * when there is none or the number is above `most`, which is at most UINT64_MAX / 16. */
/*@ requires \valid_read(text + (0 .. length - 1)) && \valid(number);
    requires most <= UINT64_MAX / 16;
    assigns *number;
    ensures 0 <= \result <= length;
    ensures \result > 0 ==> *number <= most;
*/
size_t text_number(const char *text, size_t length, uint64_t most, uint64_t *number);

/* The number's decimal digits, from the result to the end of `out`. */
#define NUMBER_DIGITS 20 /* of UINT64_MAX */
/*@ requires \valid(out + (0 .. NUMBER_DIGITS - 1));
    assigns out[0 .. NUMBER_DIGITS - 1];
    ensures 0 <= \result < NUMBER_DIGITS;
*/
size_t text_digits(uint64_t number, uint8_t out[NUMBER_DIGITS]);

#endif
