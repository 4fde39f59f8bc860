/* text.h's readers; of UTF-8 the shortest forms only, no surrogates, nothing above
 * U+10FFFF. */
#include "policy/text.h"

struct slice slice_of(const char *word)
{
	const size_t length = text_length(word);

	return (struct slice){ text_bytes(word, length), length };
}

bool slice_same(struct slice a, struct slice b)
{
	return a.length == b.length && bytes_same(a.at, b.at, a.length);
}

bool slice_before(struct slice a, struct slice b)
{
	const size_t common = a.length < b.length ? a.length : b.length;
	const int order = bytes_order(a.at, b.at, common);

	return order < 0 || (order == 0 && a.length < b.length);
}

bool slice_is(struct slice slice, const char *word)
{
	return slice_same(slice, slice_of(word));
}

/* The number of bytes that the first one announces. */
/*@ assigns \nothing;
    ensures (\result == 0 && (0x80 <= first < 0xc2 || first > 0xf4)) ||
      (\result == 1 && first < 0x80) ||
      (\result == 2 && 0xc2 <= first < 0xe0) || (\result == 3 && 0xe0 <= first < 0xf0) ||
      (\result == 4 && 0xf0 <= first <= 0xf4);
*/
static size_t announced(uint8_t first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

size_t text_character(const uint8_t *bytes, size_t length, uint32_t *code_point)
{
	static const uint8_t announcing[5] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t count = announced(bytes[0]), i;
	uint32_t value;

	if (count == 0 || count > length)
		return 0;
	value = (uint32_t)bytes[0] - announcing[count];
	/*@ loop invariant 1 <= i <= count;
	    loop invariant i == 1 ==> value == bytes[0] - announcing[count];
	    loop invariant i == 2 ==>
	      value == 64 * (bytes[0] - announcing[count]) + bytes[1] - 0x80;
	    loop invariant i == 3 ==> value == 4096 * (bytes[0] - announcing[count]) +
	      64 * (bytes[1] - 0x80) + bytes[2] - 0x80;
	    loop invariant i == 4 ==> value == 262144 * (bytes[0] - announcing[count]) +
	      4096 * (bytes[1] - 0x80) + 64 * (bytes[2] - 0x80) + bytes[3] - 0x80;
	    loop invariant \forall integer k; 1 <= k < i ==> utf8_tail(bytes[k]);
	    loop assigns i, value;
	    loop variant count - i; */
	for (i = 1; i < count; i++) {
		if (bytes[i] < 0x80 || bytes[i] > 0xbf)
			return 0;
		value = 64u * value + (bytes[i] - 0x80u);
	}
	if (value < least[count] || value > 0x10ffff ||
	    (value >= 0xd800 && value < 0xe000))
		return 0;
	*code_point = value;
	return count;
}

bool text_is_control(uint32_t code_point)
{
	return code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0);
}

#define BLOCK 16

/*@ predicate bytes_from{L}(uint8_t *bytes, integer least, integer from, integer to) =
      \forall integer k; from <= k < to ==> least <= bytes[k] < 0x7f;
*/

/* Without leaving early, so that a compiler looks at all of them at once. */
/*@ requires from + BLOCK <= SIZE_MAX;
    requires \valid_read(bytes + (from .. from + BLOCK - 1));
    assigns \nothing;
    ensures \result ==> bytes_from(bytes, least, from, from + BLOCK);
*/
static bool is_block_from(const uint8_t *bytes, size_t from, uint8_t least)
{
	uint8_t other = 0;
	size_t i;

	/*@ loop invariant i <= BLOCK;
	    loop invariant other == 0 ==> bytes_from(bytes, least, from, from + i);
	    loop assigns i, other;
	    loop variant BLOCK - i; */
	for (i = 0; i < BLOCK; i++)
		other |= (uint8_t)(bytes[from + i] < least || bytes[from + i] >= 0x7f);
	return other == 0;
}

/* How many bytes at the start are ASCII from `least` to the tilde: most often all. */
/*@ requires slice_readable(text);
    assigns \nothing;
    ensures \result <= text.length && bytes_from(text.at, least, 0, \result);
    ensures \result < text.length ==> !(least <= text.at[\result] < 0x7f);
*/
static size_t length_from(struct slice text, uint8_t least)
{
	size_t at = 0;

	/*@ loop invariant at <= text.length && bytes_from(text.at, least, 0, at);
	    loop assigns at;
	    loop variant text.length - at; */
	while (text.length - at >= BLOCK && is_block_from(text.at, at, least))
		at += BLOCK;
	/*@ loop invariant at <= text.length && bytes_from(text.at, least, 0, at);
	    loop assigns at;
	    loop variant text.length - at; */
	while (at < text.length && text.at[at] >= least && text.at[at] < 0x7f)
		at++;
	return at;
}

bool text_printable(struct slice text)
{
	uint32_t code_point;
	size_t at = length_from(text, 0x20), count;
	//@ ghost size_t ascii;

	/*@ ghost
	    /@ loop invariant ascii <= at && printable(text.at, ascii);
	       loop assigns ascii;
	       loop variant at - ascii; @/
	    for (ascii = 0; ascii < at; ascii++)
	      /@ assert utf8_character(text.at + ascii, 1); @/ ; */
	/*@ loop invariant at <= text.length && printable(text.at, at);
	    loop assigns at, count, code_point;
	    loop variant text.length - at; */
	for (; at < text.length; at += count) {
		count = text_character(text.at + at, text.length - at, &code_point);
		if (count == 0 || text_is_control(code_point))
			return false;
	}
	return true;
}

bool text_visible(struct slice text)
{
	return length_from(text, 0x21) == text.length;
}

size_t text_number(const char *text, size_t length, uint64_t most, uint64_t *number)
{
	size_t at;

	*number = 0;
	/*@ loop invariant at <= length && *number <= most;
	    loop assigns at, *number;
	    loop variant length - at; */
	for (at = 0; at < length && text[at] >= '0' && text[at] <= '9'; at++) {
		*number = *number * 10 + (uint64_t)(text[at] - '0');
		if (*number > most)
			return 0;
	}
	return at;
}

size_t text_digits(uint64_t number, uint8_t out[NUMBER_DIGITS])
{
	size_t at;

	/*@ loop invariant at <= NUMBER_DIGITS;
	    loop assigns at, number, out[0 .. NUMBER_DIGITS - 1];
	    loop variant at; */
	for (at = NUMBER_DIGITS; at > 0 && (number > 0 || at == NUMBER_DIGITS);
	     number /= 10)
		out[--at] = (uint8_t)('0' + number % 10);
	return at;
}
