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

/*@ requires slice_readable(slice);
    assigns \nothing;
*/
bool slice_is(struct slice slice, const char *word);

/* The length of the character that begins at `bytes`, 1 to 4, and its code point; 0 when
 * these bytes begin no character. `length` is at least 1. */
/*@ requires 0 < length && \valid_read(bytes + (0 .. length - 1)) && \valid(code_point);
    assigns *code_point;
    ensures 0 <= \result <= 4 && \result <= length;
    ensures \result > 0 ==> *code_point <= 0x10ffff;
    ensures \result == 1 ==> *code_point == bytes[0] < 0x80;
    ensures \result > 1 ==> bytes[0] >= 0x80 && bytes[1] >= 0x80;
    ensures \result > 2 ==> bytes[2] >= 0x80;
    ensures \result > 3 ==> bytes[3] >= 0x80;
*/
size_t text_character(const uint8_t *bytes, size_t length, uint32_t *code_point);

/* C0, DEL and C1: what a terminal acts on instead of showing it. */
/*@ assigns \nothing;
    ensures \result <==> code_point < 0x20 || 0x7f <= code_point < 0xa0;
*/
bool text_is_control(uint32_t code_point);

/* UTF-8 without control characters. */
/*@ predicate bytes_without_control{L}(uint8_t *bytes, integer length) =
      \forall integer i; 0 <= i < length ==> bytes[i] >= 0x20 && bytes[i] != 0x7f;
*/
/*@ requires slice_readable(text);
    assigns \nothing;
    ensures \result ==> bytes_without_control(text.at, text.length);
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

#endif
