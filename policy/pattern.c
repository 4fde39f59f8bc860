/* The matcher of pattern.h. */
#include "policy/pattern.h"

/* Bytes that are looked at together: without leaving early, so that a compiler looks at
 * all of them at once. */
#define BLOCK 16

/* What is not found is found here. */
#define NOWHERE SIZE_MAX

/*@ assigns \nothing;
    ensures \result <==> separator(byte);
*/
static bool is_separator(uint8_t byte)
{
	return byte == '.' || byte == '/';
}

/*@ requires from + BLOCK <= SIZE_MAX;
    requires \valid_read(bytes + (from .. from + BLOCK - 1));
    assigns \nothing;
    ensures !\result ==> one_label(bytes, from, from + BLOCK);
*/
static bool has_separator(const uint8_t *bytes, size_t from)
{
	uint8_t found = 0;
	size_t i;

	/*@ loop invariant i <= BLOCK;
	    loop invariant found == 0 ==> one_label(bytes, from, from + i);
	    loop assigns i, found;
	    loop variant BLOCK - i; */
	for (i = 0; i < BLOCK; i++)
		found |= is_separator(bytes[from + i]);
	return found != 0;
}

/* The first separator, or the end. */
/*@ requires at <= end && \valid_read(bytes + (at .. end - 1));
    assigns \nothing;
    ensures at <= \result <= end && one_label(bytes, at, \result);
    ensures \result < end ==> separator(bytes[\result]);
*/
static size_t label_end(const uint8_t *bytes, size_t at, size_t end)
{
	/*@ loop invariant \at(at, Pre) <= at <= end;
	    loop invariant one_label(bytes, \at(at, Pre), at);
	    loop assigns at;
	    loop variant end - at; */
	while (end - at >= BLOCK && !has_separator(bytes, at))
		at += BLOCK;
	/*@ loop invariant \at(at, Pre) <= at <= end;
	    loop invariant one_label(bytes, \at(at, Pre), at);
	    loop assigns at;
	    loop variant end - at; */
	while (at < end && !is_separator(bytes[at]))
		at++;
	return at;
}

/* Behind the last `@`; the end when there is none. */
/*@ requires \valid_read(bytes + (0 .. length - 1));
    assigns \nothing;
    ensures \result <= length;
*/
static size_t behind_at_sign(const uint8_t *bytes, size_t length)
{
	size_t at = length;

	/*@ loop invariant at <= length;
	    loop assigns at;
	    loop variant at; */
	while (at > 0 && bytes[at - 1] != '@')
		at--;
	return at > 0 ? at : length;
}

/* Behind the first `//`; the end when there is none. */
/*@ requires \valid_read(bytes + (0 .. length - 1));
    assigns \nothing;
    ensures \result <= length;
*/
static size_t behind_slashes(const uint8_t *bytes, size_t length)
{
	size_t at = 2;

	/*@ loop invariant 2 <= at && (length >= 2 ==> at <= length);
	    loop assigns at;
	    loop variant length - at; */
	while (at < length && !(bytes[at - 2] == '/' && bytes[at - 1] == '/'))
		at++;
	return at < length ? at : length;
}

/* Makes the part of the bytes that has no case lower-case. */
/*@ requires \valid(bytes + (0 .. length - 1));
    assigns bytes[0 .. length - 1];
    ensures \forall integer k; 0 <= k < length ==>
      bytes[k] == \old(bytes[k]) || bytes[k] == lower(\old(bytes[k]));
*/
static void fold_case(uint8_t *bytes, size_t length, enum pattern_fold fold)
{
	size_t at = 0, end = length;

	if (fold == PATTERN_EXACT) {
		at = length;
	} else if (fold == PATTERN_EMAIL) {
		at = behind_at_sign(bytes, length);
	} else if (fold == PATTERN_URI) {
		at = behind_slashes(bytes, length);
		end = at + bytes_find(bytes + at, length - at, '/');
	}
	/*@ loop invariant at <= end || at == \at(at, LoopEntry);
	    loop invariant \forall integer k; 0 <= k < length ==>
	      bytes[k] == \at(bytes[k], Pre) || bytes[k] == lower(\at(bytes[k], Pre));
	    loop invariant \forall integer k; at <= k < length ==>
	      bytes[k] == \at(bytes[k], Pre);
	    loop assigns at, bytes[0 .. length - 1];
	    loop variant end - at; */
	for (; at < end; at++)
		if (bytes[at] >= 'A' && bytes[at] <= 'Z')
			bytes[at] = (uint8_t)(bytes[at] + ('a' - 'A'));
}

/* Where the last star is; the first one is at `first`. */
/*@ requires first < length && \valid_read(text + (0 .. length - 1));
    requires text[first] == '*';
    assigns \nothing;
    ensures first <= \result < length && text[\result] == '*';
    ensures \forall integer k; \result < k < length ==> text[k] != '*';
*/
static size_t last_star(const uint8_t *text, size_t first, size_t length)
{
	size_t last = length - 1;

	/*@ loop invariant first <= last < length;
	    loop invariant \forall integer k; last < k < length ==> text[k] != '*';
	    loop assigns last;
	    loop variant last; */
	while (last > first && text[last] != '*')
		last--;
	return last;
}

/*@ requires first <= last < SIZE_MAX - 2 && \valid_read(text + (first .. last));
    assigns \nothing;
    ensures !\result ==> no_three_stars(text, first, last + 1);
*/
static bool has_three_stars(const uint8_t *text, size_t first, size_t last)
{
	size_t at;

	/*@ loop invariant first <= at <= last + 1;
	    loop invariant \forall integer k; first <= k < at ==>
	      !(text[k] == '*' && text[k + 1] == '*' && text[k + 2] == '*');
	    loop assigns at;
	    loop variant last + 1 - at; */
	for (at = first; at + 2 <= last; at++)
		if (text[at] == '*' && text[at + 1] == '*' && text[at + 2] == '*')
			return true;
	return false;
}

/*@ requires first <= last && \valid_read(text + (first .. last));
    assigns \nothing;
    ensures \result <= last - first;
*/
static size_t literals_between(const uint8_t *text, size_t first, size_t last)
{
	size_t count = 0, at;

	/*@ loop invariant first <= at <= last && count <= at - first;
	    loop assigns at, count;
	    loop variant last - at; */
	for (at = first; at < last; at++)
		count += text[at] != '*';
	return count;
}

/* `first` and `last`: where the stars are; `length` when there is none. */
/*@ requires 0 < length <= 4096 && \valid_read(text + (0 .. length - 1)) && \valid(out);
    requires \separated(text + (0 .. length - 1), out);
    requires fold <= PATTERN_URI && first <= length && no_star(text, 0, first);
    requires first < length ==> first <= last < length;
    requires first < length ==> text[first] == text[last] == '*';
    requires first < length ==> no_star(text, last + 1, length);
    requires first < length ==> no_three_stars(text, first, last + 1);
    assigns out->text, out->length, out->head, out->tail, out->shape, out->fold;
    ensures \forall integer k; 0 <= k < length ==> text[k] == \old(text[k]);
    ensures out->text == text && out->length == length && out->fold == fold;
    ensures out->shape == PATTERN_LITERAL <==> first == length;
    ensures out->shape == PATTERN_ALL <==> first < length == 1;
    ensures pattern_sound(out);
*/
static void describe(const uint8_t *text, size_t length, enum pattern_fold fold,
    size_t first, size_t last, struct pattern *out)
{
	out->text = text;
	out->length = (uint16_t)length;
	out->fold = (uint8_t)fold;
	out->shape = PATTERN_LITERAL;
	out->head = out->tail = 0;
	if (first == length)
		return;
	out->shape = length == 1 ? PATTERN_ALL : PATTERN_STARS;
	out->head = (uint16_t)first;
	out->tail = (uint16_t)(length - 1 - last);
	/*@ assert out->head == first && out->length - out->tail == last + 1; */
	/*@ assert text[first] == text[last] == '*' && no_star(text, 0, first); */
	/*@ assert no_star(text, last + 1, length); */
	/*@ assert no_three_stars(text, first, last + 1); */
	/*@ assert out->text[out->head] == '*' && no_star(out->text, 0, out->head); */
	/*@ assert out->text[out->length - out->tail - 1] == '*'; */
	/*@ assert no_star(out->text, out->length - out->tail, out->length); */
	/*@ assert no_three_stars(out->text, out->head, out->length - out->tail); */
}

const char *pattern_read(
    uint8_t *text, size_t length, enum pattern_fold fold, struct pattern *out)
{
	size_t first, last = length;

	if (length == 0)
		return "a value that is not empty";
	fold_case(text, length, fold);
	first = bytes_find(text, length, '*');
	if (first < length) {
		last = last_star(text, first, length);
		if (has_three_stars(text, first, last))
			return "at most two stars in a row: * within a label, ** across "
			       "labels";
		if (literals_between(text, first, last) > PATTERN_MIDDLE_MAX)
			return "a pattern with at most 63 bytes between its first and "
			       "its last star";
	}
	describe(text, length, fold, first, last, out);
	return NULL;
}

/* A star and the literal bytes behind it, which only the last piece has none of. */
struct piece {
	struct slice bytes;
	size_t label; /* bytes before its first separator */
	bool across;  /* the star is `**` */
};

/* The piece that begins with the star at `at`. */
/*@ requires at < end && \valid_read(text + (0 .. end - 1)) && text[at] == '*';
    assigns \nothing;
    ensures \result.across == 0 || \result.across == 1;
    ensures \result.bytes.at == text + (at + 1 + \result.across);
    ensures at + 1 + \result.across + \result.bytes.length <= end;
    ensures \result.across ==> text[at + 1] == '*';
    ensures \result.label <= \result.bytes.length;
    ensures at + 1 < end && text[at + 1] == '*' ==> \result.across;
    ensures no_star(text, at + 1 + \result.across,
      at + 1 + \result.across + \result.bytes.length);
    ensures one_label(\result.bytes.at, 0, \result.label);
    ensures at + 1 + \result.across + \result.bytes.length < end ==>
      text[at + 1 + \result.across + \result.bytes.length] == '*';
    ensures !\result.across && \result.bytes.length == 0 ==> at + 1 == end;
*/
static struct piece next_piece(const uint8_t *text, size_t at, size_t end)
{
	bool across = at + 1 < end && text[at + 1] == '*';
	size_t from = at + (across ? 2 : 1);
	size_t length = 0;

	/*@ loop invariant from + length <= end && no_star(text, from, from + length);
	    loop assigns length;
	    loop variant end - from - length; */
	while (from + length < end && text[from + length] != '*')
		length++;
	return (struct piece){ { text + from, length }, label_end(text + from, 0, length),
		across };
}

/* May the bytes begin, or the label end, at one of a block's? */
/*@ requires bytes.length > 0 && slice_readable(bytes);
    requires at + BLOCK + bytes.length - 1 <= SIZE_MAX;
    requires \valid_read(value + (at .. at + BLOCK + bytes.length - 2));
    assigns \nothing;
    ensures !\result && !across ==> one_label(value, at, at + BLOCK);
*/
static bool worth_a_look(struct slice bytes, bool across, const uint8_t *value, size_t at)
{
	const uint8_t first = bytes.at[0], last = bytes.at[bytes.length - 1];
	const uint8_t *behind = value + (bytes.length - 1);
	uint8_t found = 0;
	size_t i;

	/*@ loop invariant i <= BLOCK;
	    loop assigns i, found;
	    loop variant BLOCK - i; */
	for (i = 0; i < BLOCK; i++)
		found |= (value[at + i] == first) & (behind[at + i] == last);
	return found != 0 || (!across && has_separator(value, at));
}

/* Where the bytes, which have no separator behind a `*`, begin at the earliest. */
/*@ requires bytes.length > 0 && slice_readable(bytes);
    requires at <= end && \valid_read(value + (0 .. end - 1));
    assigns \nothing;
    ensures \result != NOWHERE ==> at <= \result && \result + bytes.length <= end;
    ensures \result != NOWHERE ==>
      bytes_equal(value + \result, bytes.at, bytes.length);
    ensures \result != NOWHERE && !across ==> one_label(value, at, \result);
*/
static size_t find(
    struct slice bytes, bool across, const uint8_t *value, size_t at, size_t end)
{
	size_t stop;

	if (end - at < bytes.length)
		return NOWHERE;
	end -= bytes.length - 1; /* of where they can begin */
	/*@ loop invariant \at(at, Pre) <= at <= end;
	    loop invariant !across ==> one_label(value, \at(at, Pre), at);
	    loop assigns at, stop;
	    loop variant end - at; */
	while (at < end) {
		stop = end - at < BLOCK ? end : at + BLOCK;
		if (stop - at == BLOCK && !worth_a_look(bytes, across, value, at)) {
			/* The last look goes back over what was seen, to be whole. */
			at = stop == end || end - stop >= BLOCK ? stop : end - BLOCK;
			continue;
		}
		/*@ loop invariant \at(at, LoopEntry) <= at <= stop;
		    loop invariant !across ==> one_label(value, \at(at, Pre), at);
		    loop assigns at;
		    loop variant stop - at; */
		for (; at < stop; at++) {
			if (value[at] == bytes.at[0] &&
			    bytes_same(value + at, bytes.at, bytes.length))
				return at;
			if (!across && is_separator(value[at]))
				return NOWHERE;
		}
	}
	return NOWHERE;
}

/*
 * Where the bytes behind a `*` begin, at the earliest, if they do in this label;
 * `in_label` of them come before their first separator. With one they can begin in one
 * place only: it is the label's end.
 */
/*@ requires slice_readable(bytes) && in_label <= bytes.length;
    requires at <= end && \valid_read(value + (0 .. end - 1));
    assigns \nothing;
    ensures \result != NOWHERE ==> at <= \result && \result + bytes.length <= end;
    ensures \result != NOWHERE ==>
      bytes_equal(value + \result, bytes.at, bytes.length);
    ensures \result != NOWHERE ==> one_label(value, at, \result);
    ensures \result != NOWHERE && bytes.length == 0 ==> \result == end;
*/
static size_t find_in_label(
    struct slice bytes, size_t in_label, const uint8_t *value, size_t at, size_t end)
{
	size_t label;

	if (bytes.length > 0 && in_label == bytes.length)
		return find(bytes, false, value, at, end);
	label = label_end(value, at, end);
	if (bytes.length == 0)
		return label == end ? end : NOWHERE;
	if (label - at < in_label || end - label < bytes.length - in_label)
		return NOWHERE;
	at = label - in_label;
	return bytes_same(value + at, bytes.at, bytes.length) ? at : NOWHERE;
}

/*@ requires slice_readable(piece.bytes) && piece.label <= piece.bytes.length;
    requires piece.across ==> piece.bytes.length > 0;
    requires at <= end && \valid_read(value + (0 .. end - 1));
    assigns \nothing;
    ensures \result != NOWHERE ==>
      at <= \result && \result + piece.bytes.length <= end;
    ensures \result != NOWHERE ==>
      bytes_equal(value + \result, piece.bytes.at, piece.bytes.length);
    ensures \result != NOWHERE && !piece.across ==> one_label(value, at, \result);
    ensures \result != NOWHERE && piece.bytes.length == 0 ==> \result == end;
*/
static size_t find_piece(struct piece piece, const uint8_t *value, size_t at, size_t end)
{
	return piece.across ? find(piece.bytes, true, value, at, end)
			    : find_in_label(piece.bytes, piece.label, value, at, end);
}

/* Says again what the axiom `literally` does, where the provers need not look for it. */
/*@ ghost
    /@ requires matches(text, i, value, j) && no_star(text, i, i + count);
       requires bytes_equal(value + j, text + i, count);
       assigns \nothing;
       ensures matches(text, i + count, value, j + count);
    @/
    static void literal_matches(const uint8_t *text, size_t i, const uint8_t *value,
	size_t j, size_t count)
    {
    }
*/

/*
 * Several stars, from the first to behind the last one. The earliest place is the best
 * one for each piece, since of two places in one label the earlier leaves more to the
 * next piece. So when a piece is not found, only the one behind the last `**` can be
 * moved: to its next place in a later label.
 */
/*@ requires star < text_end <= 65535 && \valid_read(text + (0 .. text_end - 1));
    requires text[star] == text[text_end - 1] == '*';
    requires no_three_stars(text, star, text_end);
    requires at <= end && \valid_read(value + (0 .. end - 1));
    requires matches(text, star, value, at);
    assigns \nothing;
    ensures \result ==> matches(text, text_end, value, end);
*/
static bool match_pieces(const uint8_t *text, size_t star, size_t text_end,
    const uint8_t *value, size_t at, size_t end)
{
	size_t again = NOWHERE, later = at, found;
	struct piece piece;

	/* What the pattern's bytes before `star`, and those before `again`, match. */
	//@ ghost size_t matched = at, kept = at;
	/*@ loop invariant \at(star, Pre) <= star <= text_end;
	    loop invariant star < text_end ==> text[star] == '*';
	    loop invariant star == text_end ==> matched == end;
	    loop invariant matched <= at && later <= at <= end && kept <= later;
	    loop invariant matches(text, star, value, matched);
	    loop invariant matched == at || star == again;
	    loop invariant again == NOWHERE || \at(star, Pre) <= again <= star;
	    loop invariant again != NOWHERE ==> again + 1 < text_end;
	    loop invariant again != NOWHERE ==> two_stars_at(text, again);
	    loop invariant again != NOWHERE ==> matches(text, again, value, kept);
	    loop assigns star, piece, found, at, again, later, matched, kept;
	    loop variant (end - later) * 65536 + (text_end - star); */
	while (star < text_end) {
		piece = next_piece(text, star, text_end);
		/*@ assert piece.bytes.length == 0 ==>
		      star + 1 + piece.across == text_end; */
		/*@ assert star + 1 + piece.across + piece.bytes.length == text_end ==>
		      piece.bytes.length == 0; */
		if (piece.across && piece.bytes.length == 0)
			return true;
		found = find_piece(piece, value, at, end);
		if (found != NOWHERE) {
			/*@ assert !piece.across ==> matched == at; */
			/*@ assert piece.across ==> matches(text, star + 2, value, found); */
			/*@ assert matches(text, star + 1 + piece.across, value, found); */
			/*@ ghost literal_matches(text, star + 1 + piece.across, value,
			      found, piece.bytes.length); */
			at = found + piece.bytes.length;
			if (piece.across) {
				again = star;
				//@ ghost kept = matched;
				later = piece.label < piece.bytes.length ? found : at;
			}
			star += 1u + piece.across + piece.bytes.length;
			//@ ghost matched = at;
		} else {
			if (piece.across || again == NOWHERE)
				return false;
			/* Behind the separator that the moved piece has or precedes. */
			later = label_end(value, later, end);
			if (later == end)
				return false;
			at = ++later;
			//@ ghost matched = kept;
			star = again;
		}
	}
	return true;
}

/*@ requires \valid_read(pattern);
    assigns \nothing;
    ensures \result && pattern->shape == PATTERN_LITERAL ==> length == pattern->length;
    ensures length == pattern->length ==> pattern->shape == PATTERN_LITERAL ==> \result;
    ensures \result && pattern->shape != PATTERN_LITERAL ==>
      length >= pattern->head + pattern->tail;
*/
static bool length_fits(const struct pattern *pattern, size_t length)
{
	return pattern->shape == PATTERN_LITERAL
		   ? length == pattern->length
		   : length >= (size_t)pattern->head + pattern->tail;
}

/*@ requires from <= length && \valid_read(bytes + (0 .. length - 1));
    assigns \nothing;
    ensures !\result ==> no_star(bytes, from, length);
*/
static bool has_star(const uint8_t *bytes, size_t from, size_t length)
{
	/*@ loop invariant \at(from, Pre) <= from <= length;
	    loop invariant no_star(bytes, \at(from, Pre), from);
	    loop assigns from;
	    loop variant length - from; */
	while (from < length && bytes[from] != '*')
		from++;
	return from < length;
}

/* `literal`: how many bytes of the value are as they are, even if they are stars. */
/*@ requires \valid_read(pattern);
    requires pattern_sound(pattern) && literal <= length;
    requires \valid_read(value + (0 .. length - 1));
    requires pattern->shape == PATTERN_LITERAL ==> length == pattern->length;
    requires pattern->shape == PATTERN_STARS && length >= pattern->head + pattern->tail ||
      pattern->shape == PATTERN_LITERAL;
    assigns \nothing;
    ensures pattern->shape == PATTERN_LITERAL ==>
      (\result <==> bytes_equal(value, pattern->text, length));
    ensures \result && pattern->shape == PATTERN_STARS ==>
      no_star(value, literal, length);
    ensures \result && pattern->shape == PATTERN_STARS ==>
      matches(pattern->text, pattern->length, value, length);
*/
static bool match_bytes(
    const struct pattern *pattern, const uint8_t *value, size_t length, size_t literal)
{
	const size_t head = pattern->head, tail = pattern->tail;
	const uint8_t *text = pattern->text;
	size_t text_end, end;

	if (pattern->shape == PATTERN_LITERAL)
		return bytes_same(value, text, length);
	text_end = pattern->length - tail;
	end = length - tail;
	return bytes_same(value, text, head) &&
	       bytes_same(value + end, text + text_end, tail) &&
	       match_pieces(text, head, text_end, value, head, end) &&
	       !has_star(value, literal, length);
}

/* The same for values whose case does not count, or not everywhere. */
/*@ requires \valid_read(pattern);
    requires pattern_sound(pattern) && literal <= length;
    requires \valid_read(value + (0 .. length - 1));
    requires pattern->shape == PATTERN_LITERAL ==> length == pattern->length;
    requires pattern->shape == PATTERN_STARS && length >= pattern->head + pattern->tail ||
      pattern->shape == PATTERN_LITERAL;
    assigns \nothing;
    ensures \result && pattern->shape == PATTERN_LITERAL ==>
      same_but_case(value, pattern->text, length);
    ensures \result && pattern->shape == PATTERN_STARS ==>
      no_star(value, literal, length);
    ensures \result && pattern->shape == PATTERN_STARS ==>
      matches_in_any_case(pattern->text, pattern->length, value, length);
*/
static bool match_folded(
    const struct pattern *pattern, const uint8_t *value, size_t length, size_t literal)
{
	uint8_t folded[PATTERN_FOLDED_MAX];

	if (length > sizeof(folded))
		return false;
	bytes_copy(folded, value, length);
	/*@ assert bytes_equal(&folded[0], value, length); */
	fold_case(folded, length, (enum pattern_fold)pattern->fold);
	/*@ assert same_but_case(&folded[0], value, length); */
	/*@ assert \forall integer k; 0 <= k < length ==>
	      value[k] == '*' ==> folded[k] == '*'; */
	/*@ assert \valid_read(pattern->text + (0 .. pattern->length - 1)); */
	/*@ assert \forall integer k; 0 <= k < pattern->length ==>
	      pattern->text[k] == \at(pattern->text[k], Pre); */
	/*@ assert pattern->shape == PATTERN_STARS ==>
	      no_star(pattern->text, 0, pattern->head) &&
	      no_three_stars(pattern->text, pattern->head,
		pattern->length - pattern->tail); */
	return match_bytes(pattern, folded, length, literal);
}

/*@ requires \valid_read(pattern) && pattern_sound(pattern) && literal <= length;
    requires \valid_read(value + (0 .. length - 1));
    assigns \nothing;
    ensures pattern->shape == PATTERN_ALL ==> \result;
    ensures pattern->shape == PATTERN_LITERAL && pattern->fold == PATTERN_EXACT ==>
      (\result <==> length == pattern->length &&
	bytes_equal(value, pattern->text, length));
    ensures \result && pattern->shape == PATTERN_LITERAL ==>
      length == pattern->length && same_but_case(value, pattern->text, length);
    ensures \result && pattern->shape == PATTERN_STARS ==>
      no_star(value, literal, length);
    ensures \result && pattern->shape == PATTERN_STARS &&
      pattern->fold == PATTERN_EXACT ==>
	matches(pattern->text, pattern->length, value, length);
    ensures \result && pattern->shape == PATTERN_STARS ==>
      matches_in_any_case(pattern->text, pattern->length, value, length);
*/
static bool match(
    const struct pattern *pattern, const uint8_t *value, size_t length, size_t literal)
{
	if (pattern->shape == PATTERN_ALL)
		return true;
	if (!length_fits(pattern, length))
		return false;
	if (pattern->fold == PATTERN_EXACT)
		return match_bytes(pattern, value, length, literal);
	return match_folded(pattern, value, length, literal);
}

bool pattern_match(const struct pattern *pattern, const uint8_t *value, size_t length)
{
	return match(pattern, value, length, 0);
}

bool pattern_match_wildcard(
    const struct pattern *pattern, const uint8_t *value, size_t length)
{
	return match(pattern, value, length,
	    length >= 2 && value[0] == '*' && value[1] == '.' ? 1 : 0);
}
