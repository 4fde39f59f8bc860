/* Bytes, words, numbers and UTF-8 (RFC 3629) as every reader of policy/ sees them. */
#ifndef POLICY_TEXT_H
#define POLICY_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of somebody else's buffer. */
struct slice {
	const uint8_t *at;
	size_t length;
};

struct slice slice_of(const char *word);
bool slice_same(struct slice a, struct slice b);
bool slice_is(struct slice slice, const char *word);

/* The length of the character that begins at `bytes`, 1 to 4, and its code point; 0 when
 * these bytes begin no character. `length` is at least 1. */
size_t text_character(const uint8_t *bytes, size_t length, uint32_t *code_point);

/* C0, DEL and C1: what a terminal acts on instead of showing it. */
bool text_is_control(uint32_t code_point);

/* UTF-8 without control characters. */
bool text_printable(struct slice text);

/* ASCII that can be seen: no blank, no control character. */
bool text_visible(struct slice text);

/* The decimal digits at the start of the text: how many there are, and their number. 0
 * when there is none or the number is above `most`, which is at most UINT64_MAX / 16. */
size_t text_number(const char *text, size_t length, uint64_t most, uint64_t *number);

#endif
