/* text.h's readers; of UTF-8 the shortest forms only, no surrogates, nothing above
 * U+10FFFF. */
#include "policy/text.h"

#include <string.h>

struct slice slice_of(const char *word)
{
	return (struct slice){ (const uint8_t *)word, strlen(word) };
}

bool slice_same(struct slice a, struct slice b)
{
	return a.length == b.length &&
	       (a.length == 0 || memcmp(a.at, b.at, a.length) == 0);
}

bool slice_is(struct slice slice, const char *word)
{
	return slice_same(slice, slice_of(word));
}

/* The number of bytes that the first one announces. */
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
	static const uint8_t share[5] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t count = announced(bytes[0]), i;
	uint32_t value = bytes[0] & share[count];

	if (count == 0 || count > length)
		return 0;
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

/* Without leaving early, so that a compiler looks at all of them at once. */
static bool is_ascii_block(const uint8_t *at)
{
	uint8_t other = 0;
	size_t i;

	for (i = 0; i < BLOCK; i++)
		other |= (uint8_t)(at[i] < 0x20 || at[i] >= 0x7f);
	return other == 0;
}

/* How many bytes at the start are ASCII without control characters: most often all. */
static size_t ascii_length(struct slice text)
{
	size_t at = 0;

	while (text.length - at >= BLOCK && is_ascii_block(text.at + at))
		at += BLOCK;
	while (at < text.length && text.at[at] >= 0x20 && text.at[at] < 0x7f)
		at++;
	return at;
}

bool text_printable(struct slice text)
{
	uint32_t code_point;
	size_t at, count;

	for (at = ascii_length(text); at < text.length; at += count) {
		count = text_character(text.at + at, text.length - at, &code_point);
		if (count == 0 || text_is_control(code_point))
			return false;
	}
	return true;
}

bool text_visible(struct slice text)
{
	size_t i;

	for (i = 0; i < text.length; i++)
		if (text.at[i] <= 0x20 || text.at[i] >= 0x7f)
			return false;
	return true;
}

size_t text_number(const char *text, size_t length, uint64_t most, uint64_t *number)
{
	size_t at;

	*number = 0;
	for (at = 0; at < length && text[at] >= '0' && text[at] <= '9'; at++) {
		*number = *number * 10 + (uint64_t)(text[at] - '0');
		if (*number > most)
			return 0;
	}
	return at;
}
