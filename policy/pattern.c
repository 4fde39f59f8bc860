/* The matcher of pattern.h. */
#include "policy/pattern.h"

#include <string.h>

/* Sixteen bytes that are looked at together. */
#define BLOCK 16
typedef uint8_t block __attribute__((vector_size(BLOCK)));
typedef uint64_t block_halves __attribute__((vector_size(BLOCK)));

static block block_at(const uint8_t *at)
{
	block bytes;

	memcpy(&bytes, at, sizeof(bytes));
	return bytes;
}

static bool any(block found)
{
	return (((block_halves)found)[0] | ((block_halves)found)[1]) != 0;
}

/* `.` and `/` differ in their last bit alone. */
static bool is_separator(uint8_t byte)
{
	return (byte | 1) == '/';
}

static block separators_at(const uint8_t *at)
{
	return (block)((block_at(at) | 1) == '/');
}

/* The first separator, or the end. */
static const uint8_t *label_end(const uint8_t *at, const uint8_t *end)
{
	while (end - at >= BLOCK && !any(separators_at(at)))
		at += BLOCK;
	while (at < end && !is_separator(*at))
		at++;
	return at;
}

/* Makes the part of the bytes that has no case lower-case. */
static void fold_case(uint8_t *bytes, size_t length, enum pattern_fold fold)
{
	uint8_t *end = bytes + length, *from = bytes, *to = end;

	if (fold == PATTERN_EMAIL) {
		from = memrchr(bytes, '@', length);
	} else if (fold == PATTERN_URI) {
		from = memmem(bytes, length, "//", 2);
		from = from ? from + 2 : NULL;
		to = from ? memchr(from, '/', (size_t)(end - from)) : NULL;
	}
	for (to = to ? to : end; from && from < to; from++)
		if (*from >= 'A' && *from <= 'Z')
			*from = (uint8_t)(*from + ('a' - 'A'));
}

const char *pattern_read(
    char *text, size_t length, enum pattern_fold fold, struct pattern *out)
{
	const char *first = memchr(text, '*', length), *last, *at;
	size_t literals = 0, run = 0;

	*out = (struct pattern){ text, (uint16_t)length, 0, 0, PATTERN_LITERAL,
		(uint8_t)fold };
	if (length == 0)
		return "a value that is not empty";
	if (fold != PATTERN_EXACT)
		fold_case((uint8_t *)text, length, fold);
	if (!first)
		return NULL;
	last = memrchr(text, '*', length);
	for (at = first; at <= last; at++) {
		run = *at == '*' ? run + 1 : 0;
		literals += *at != '*';
		if (run > 2)
			return "at most two stars in a row: * within a label, ** across "
			       "labels";
	}
	if (literals > PATTERN_MIDDLE_MAX)
		return "a pattern with at most 63 bytes between its first and its last "
		       "star";
	out->shape = length == 1 ? PATTERN_ALL : PATTERN_STARS;
	out->head = (uint16_t)(first - text);
	out->tail = (uint16_t)(length - 1 - (size_t)(last - text));
	return NULL;
}

/* A star and the literal bytes behind it, which only the last piece has none of. */
struct piece {
	const uint8_t *bytes;
	size_t length;
	size_t label; /* bytes before its first separator */
	bool across;  /* the star is `**` */
};

/* Takes the next piece off what lies between a pattern's first and its last star. */
static bool next_piece(const uint8_t **at, const uint8_t *end, struct piece *piece)
{
	const uint8_t *bytes = *at + 1, *star;

	if (*at == end)
		return false;
	piece->across = bytes < end && *bytes == '*';
	if (piece->across)
		bytes++;
	star = bytes < end ? memchr(bytes, '*', (size_t)(end - bytes)) : NULL;
	*at = star ? star : end;
	piece->bytes = bytes;
	piece->length = (size_t)(*at - bytes);
	piece->label = (size_t)(label_end(bytes, *at) - bytes);
	return true;
}

/* May the piece begin, or the label end, at one of the sixteen bytes? */
static bool worth_a_look(const uint8_t *at, const struct piece *piece)
{
	const uint8_t *last = at + piece->length - 1;
	block found = (block)(block_at(at) == piece->bytes[0]) &
		      (block)(block_at(last) == piece->bytes[piece->length - 1]);

	return any(piece->across ? found : found | separators_at(at));
}

/* Where the piece, which has no separator behind a `*`, begins at the earliest. */
static const uint8_t *find(
    const uint8_t *at, const uint8_t *end, const struct piece *piece)
{
	const uint8_t *stop;

	if ((size_t)(end - at) < piece->length)
		return NULL;
	end -= piece->length - 1;
	while (at < end) {
		stop = end - at < BLOCK ? end : at + BLOCK;
		if (stop - at == BLOCK && !worth_a_look(at, piece)) {
			/* The last look goes back over what was seen, so as to be whole.
			 */
			at = stop == end || end - stop >= BLOCK ? stop : end - BLOCK;
			continue;
		}
		for (; at < stop; at++) {
			if (*at == piece->bytes[0] &&
			    memcmp(at, piece->bytes, piece->length) == 0)
				return at;
			if (!piece->across && is_separator(*at))
				return NULL;
		}
	}
	return NULL;
}

/*
 * Where the piece behind a `*` begins, at the earliest; NULL: nowhere in this label. A
 * piece with a separator can begin in one place only: its first one is the label's end.
 */
static const uint8_t *find_in_label(
    const uint8_t *at, const uint8_t *end, const struct piece *piece)
{
	const uint8_t *label;

	if (piece->length > 0 && piece->label == piece->length)
		return find(at, end, piece);
	label = label_end(at, end);
	if (piece->length == 0)
		return label == end ? end : NULL;
	if ((size_t)(label - at) < piece->label ||
	    (size_t)(end - label) < piece->length - piece->label)
		return NULL;
	at = label - piece->label;
	return memcmp(at, piece->bytes, piece->length) == 0 ? at : NULL;
}

/*
 * Several stars. The earliest place is the best one for each piece, since of two places
 * in one label the earlier leaves more to the next piece. So when a piece is not found,
 * only the one behind the last `**` can be moved: to its next place in a later label.
 */
static bool match_pieces(const uint8_t *pattern, const uint8_t *pattern_end,
    const uint8_t *at, const uint8_t *end)
{
	const uint8_t *again = NULL, *later = NULL, *start = pattern, *found;
	struct piece piece;

	while (next_piece(&pattern, pattern_end, &piece)) {
		if (piece.across && piece.length == 0)
			return true;
		found =
		    piece.across ? find(at, end, &piece) : find_in_label(at, end, &piece);
		if (found) {
			at = found + piece.length;
			if (piece.across) {
				again = start;
				later = piece.label < piece.length ? found : at;
			}
		} else {
			if (piece.across || !again)
				return false;
			/* Behind the separator that the moved piece contains or precedes.
			 */
			at = label_end(later, end);
			if (at == end)
				return false;
			at++;
			pattern = again;
		}
		start = pattern;
	}
	return true;
}

/* `literal`: how many bytes of the value are as they are, even if they are stars. */
static bool match(
    const struct pattern *pattern, const uint8_t *value, size_t length, size_t literal)
{
	const uint8_t *text = (const uint8_t *)pattern->text;
	uint8_t folded[PATTERN_FOLDED_MAX];

	if (pattern->shape == PATTERN_ALL)
		return true;
	if (pattern->shape == PATTERN_LITERAL
		? length != pattern->length
		: length < (size_t)pattern->head + pattern->tail)
		return false;
	if (length == 0)
		value = folded;
	if (pattern->fold != PATTERN_EXACT) {
		if (length > sizeof(folded))
			return false;
		memmove(folded, value, length);
		fold_case(folded, length, (enum pattern_fold)pattern->fold);
		value = folded;
	}
	if (pattern->shape == PATTERN_LITERAL)
		return memcmp(value, text, length) == 0;
	return memcmp(value, text, pattern->head) == 0 &&
	       memcmp(value + length - pattern->tail,
		   text + pattern->length - pattern->tail, pattern->tail) == 0 &&
	       match_pieces(text + pattern->head, text + pattern->length - pattern->tail,
		   value + pattern->head, value + length - pattern->tail) &&
	       !memchr(value + literal, '*', length - literal);
}

bool pattern_match(const struct pattern *pattern, const uint8_t *value, size_t length)
{
	return match(pattern, value, length, 0);
}

bool pattern_match_wildcard(
    const struct pattern *pattern, const uint8_t *value, size_t length)
{
	return match(
	    pattern, value, length, length >= 2 && memcmp(value, "*.", 2) == 0 ? 1 : 0);
}
