/* The matcher of pattern.h. */
#include "policy/pattern.h"

#include "policy/places.h"

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

/* `first` and `last`: where the stars are; `length` when there is none. */
/*@ requires 0 < length <= 4096 && \valid_read(text + (0 .. length - 1)) && \valid(out);
    requires \separated(text + (0 .. length - 1), out);
    requires fold <= PATTERN_URI && first <= length && no_star(text, 0, first);
    requires first < length ==> first <= last < length;
    requires first < length ==> text[first] == text[last] == '*';
    requires first < length ==> no_star(text, last + 1, length);
    requires first < length ==> no_three_stars(text, first, last + 1);
    requires first < length ==> last - first <= PATTERN_MIDDLE_MAX + 1;
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
		if (last - first > PATTERN_MIDDLE_MAX + 1)
			return "a pattern with at most 63 bytes between its first and "
			       "its last star";
	}
	describe(text, length, fold, first, last, out);
	return NULL;
}

/* A block of a value: of its bytes the first `count` are the value's, behind `at`. */
struct block {
	const uint8_t *bytes;
	const uint8_t *value;
	size_t at, end, count;
};

/*@ predicate block_sound{L}(struct block b) =
      b.at <= b.end && \valid_read(b.value + (0 .. b.end - 1)) &&
      b.count == (b.end - b.at < PLACES ? b.end - b.at : PLACES) &&
      \valid_read(b.bytes + (0 .. PLACES - 1)) &&
      bytes_equal(b.bytes, b.value + b.at, b.count);

    // No byte at these places behind `at` is a separator.
    predicate in_labels{L}(uint8_t *value, integer at, integer end, integer places) =
      (\forall integer k; at <= k < at + PLACES && member(places, k - at) ==>
	!separator(value[k])) &&
      (\forall integer k; member(places, k) ==> at + k < end);

    // At each of these places lies the end of what the pattern's first bytes match.
    predicate reached{L}(uint8_t *text, integer done, uint8_t *value, integer at,
      integer end, integer places) =
      \forall integer k; member(places, k) ==>
	at + k <= end && matches(text, done, value, at + k);

    // From the end of what the pattern's first bytes match there are no separators.
    predicate in_label{L}(uint8_t *text, integer done, uint8_t *value, integer to) =
      \exists integer from; from <= to && one_label(value, from, to) &&
	matches(text, done, value, from);

    predicate all_in_label{L}(uint8_t *text, integer done, uint8_t *value, integer at,
      integer end, integer places) =
      \forall integer k; member(places, k) ==>
	at + k <= end && in_label(text, done, value, at + k);

    predicate some_before{L}(uint8_t *text, integer done, uint8_t *value, integer to) =
      \exists integer from; from <= to && matches(text, done, value, from);

    predicate two_stars{L}(uint8_t *text, integer at, integer end) =
      at + 1 < end && two_stars_at(text, at);

    // What the byte or star at `done` has matched goes on where a block begins.
    predicate carried{L}(uint8_t *text, integer done, integer text_end, uint8_t *value,
      integer at) =
      text[done] != '*' ? matches(text, done + 1, value, at)
	: two_stars(text, done, text_end) ? some_before(text, done, value, at)
	: in_label(text, done, value, at);
*/

/*@ requires block_sound(block);
    assigns \nothing;
    ensures \forall integer k; member(\result, k) ==>
      block.at + k < block.end && block.value[block.at + k] == byte;
    ensures \forall integer k; 0 <= k < block.count ==> !member(\result, k) ==>
      block.value[block.at + k] != byte;
*/
static inline uint64_t bytes_that_are(struct block block, uint8_t byte)
{
	return places_in_both(places_of(block.bytes, byte), places_before(block.count));
}

/* Those that are no separators. */
/*@ requires block_sound(block);
    assigns \nothing;
    ensures in_labels(block.value, block.at, block.end, \result);
*/
static inline uint64_t bytes_of_labels(struct block block)
{
	return places_without(
	    places_without(places_before(block.count), bytes_that_are(block, '.')),
	    bytes_that_are(block, '/'));
}

/* Where a pattern comes to in a block, and whether it goes on in the next. */
struct step {
	uint64_t places;
	bool goes_on;
};

/* Behind the pattern's next byte; `was`: it has come so from the block before. */
/*@ requires block_sound(block) && \valid_read(text + done) && text[done] != '*';
    requires reached(text, done, block.value, block.at, block.end, places);
    requires was ==> matches(text, done + 1, block.value, block.at);
    assigns \nothing;
    ensures reached(text, done + 1, block.value, block.at, block.end, \result.places);
    ensures \result.goes_on ==>
      matches(text, done + 1, block.value, block.at + PLACES);
*/
static inline struct step pass_byte(
    const uint8_t *text, size_t done, struct block block, uint64_t places, bool was)
{
	const uint64_t found = places_in_both(places, bytes_that_are(block, text[done]));

	/*@ assert no_star(text, done, done + 1); */
	/*@ assert \forall integer k; member(found, k) ==>
	      matches(text, done, block.value, block.at + k); */
	/*@ assert \forall integer k; member(found, k) ==>
	      bytes_equal(block.value + (block.at + k), text + done, 1); */
	/*@ assert \forall integer k; member(found, k) ==> block.at + k < block.end &&
	      matches(text, done + 1, block.value, block.at + k + 1); */
	return (struct step){ places_and_first(places_behind(found), was),
		places_have(found, PLACES - 1) };
}

/* From places in labels: they, and those behind them in the same label. `text` and `done`
 * are what the contract speaks of. */
/*@ requires in_labels(value, at, end, labels);
    requires all_in_label(text, done, value, at, end, places);
    assigns \nothing;
    ensures all_in_label(text, done, value, at, end, \result);
    ensures \forall integer k; member(\result, k) && member(labels, k) ==>
      at + (k + 1) <= end && in_label(text, done, value, at + (k + 1));
*/
static inline uint64_t follow_labels(const uint8_t *text, size_t done,
    const uint8_t *value, size_t at, size_t end, uint64_t labels, uint64_t places)
{
	const uint64_t to = places_along(places, labels);

	(void)text, (void)done, (void)value, (void)at, (void)end;
	/*@ assert \forall integer j, k, p; along(labels, j, k) ==>
	      at + j <= p < at + k ==> member(labels, p - at); */
	/*@ assert \forall integer j, k; along(labels, j, k) ==> 0 <= j <= k <= PLACES ==>
	      one_label(value, at + j, at + k); */
	/*@ assert \forall integer j, k; j <= k ==> one_label(value, at + j, at + k) ==>
	      in_label(text, done, value, at + j) ==> in_label(text, done, value, at + k); */
	/*@ assert \forall integer j, k; j <= k ==> along(labels, j, k) ==> k <= PLACES ==>
	      member(places, j) ==> in_label(text, done, value, at + k); */
	/*@ assert \forall integer k; member(to, k) ==> \exists integer j; 0 <= j <= k &&
	      member(places, j) && along(labels, j, k); */
	/*@ assert \forall integer j, k; along(labels, j, k) ==> member(labels, k) ==>
	      along(labels, j, k + 1); */
	/*@ assert \forall integer k; member(labels, k) ==> at + (k + 1) <= end; */
	/*@ assert \forall integer j, k; j <= k ==> along(labels, j, k + 1) ==>
	      member(labels, k); */
	/*@ assert \forall integer k; member(to, k) ==> k == 0 || member(places, k) ||
	      member(labels, k - 1); */
	return to;
}

/* Behind a `*`. */
/*@ requires block_sound(block) && \valid_read(text + done) && text[done] == '*';
    requires in_labels(block.value, block.at, block.end, labels);
    requires reached(text, done, block.value, block.at, block.end, places);
    requires was ==> in_label(text, done, block.value, block.at);
    assigns \nothing;
    ensures reached(text, done + 1, block.value, block.at, block.end, \result.places);
    ensures \result.goes_on ==> in_label(text, done, block.value, block.at + PLACES);
*/
static inline struct step pass_star(const uint8_t *text, size_t done, struct block block,
    uint64_t labels, uint64_t places, bool was)
{
	const uint64_t from = places_and_first(places, was);
	uint64_t to;

	/*@ assert \forall integer k; member(places, k) ==>
	      in_label(text, done, block.value, block.at + k); */
	/*@ assert all_in_label(text, done, block.value, block.at, block.end, from); */
	to = follow_labels(text, done, block.value, block.at, block.end, labels, from);
	/*@ assert \forall integer k; member(to, k) ==>
	      matches(text, done + 1, block.value, block.at + k); */
	return (struct step){ to, places_have(places_in_both(to, labels), PLACES - 1) };
}

/* Behind a `**`. */
/*@ requires block_sound(block) && \valid_read(text + (done .. done + 1));
    requires two_stars_at(text, done);
    requires reached(text, done, block.value, block.at, block.end, places);
    requires was ==> some_before(text, done, block.value, block.at);
    assigns \nothing;
    ensures reached(text, done + 2, block.value, block.at, block.end, \result.places);
    ensures \result.goes_on ==> some_before(text, done, block.value, block.at + PLACES);
*/
static inline struct step pass_two_stars(
    const uint8_t *text, size_t done, struct block block, uint64_t places, bool was)
{
	const uint64_t from = places_from(places_and_first(places, was));
	uint64_t to;

	(void)text, (void)done;
	/*@ assert \forall integer k; member(places, k) ==>
	      some_before(text, done, block.value, block.at + k); */
	/*@ assert \forall integer k; member(from, k) ==>
	      some_before(text, done, block.value, block.at + k); */
	/*@ assert \forall integer k; member(from, k) ==>
	      matches(text, done + 2, block.value, block.at + k); */
	to = places_in_both(from, places_before(block.count + 1));
	return (struct step){ to, places_any(to) };
}

/*
 * Follows a pattern's stars, and what is between them, through a block: all the places at
 * once that it comes to, so that nothing is tried twice. It begins at the first one when
 * `first`; `over` says of each of its bytes and stars whether it goes on here from the
 * block before, and then whether it does to the next; if `alone` there is none.
 */
/*@ requires block_sound(block) && star <= text_end <= 65535;
    requires \valid_read(text + (0 .. text_end - 1));
    requires \valid(over + (0 .. text_end - star - 1));
    requires first ==> matches(text, star, block.value, block.at);
    requires \forall integer i; star <= i < text_end && over[i - star] ==>
      carried(text, i, text_end, block.value, block.at);
    assigns over[0 .. text_end - star - 1];
    ensures reached(text, text_end, block.value, block.at, block.end, \result);
    ensures \forall integer i; star <= i < text_end && over[i - star] ==>
      alone || carried(text, i, text_end, block.value, block.at + PLACES);
*/
static inline __attribute__((always_inline)) uint64_t match_block(const uint8_t *text,
    size_t star, size_t text_end, struct block block, bool first, bool alone, bool *over)
{
	const uint64_t labels = bytes_of_labels(block);
	struct step step = { places_before(first), false };
	size_t i, count;
	bool was;

	/*@ loop invariant star <= i <= text_end;
	    loop invariant reached(text, i, block.value, block.at, block.end, step.places);
	    loop invariant \forall integer k; star <= k < i && over[k - star] ==> alone ||
	      carried(text, k, text_end, block.value, block.at + PLACES);
	    loop invariant \forall integer k; i <= k < text_end && over[k - star] ==>
	      carried(text, k, text_end, block.value, block.at);
	    loop assigns i, count, was, step, over[0 .. text_end - star - 1];
	    loop variant text_end - i; */
	for (i = star; i < text_end && (!alone || places_any(step.places)); i += count) {
		was = !alone && over[i - star];
		/*@ assert was ==> over[i - star]; */
		/*@ assert was ==> carried(text, i, text_end, block.value, block.at); */
		count = 1;
		if (text[i] != '*') {
			step = pass_byte(text, i, block, step.places, was);
		} else if (i + 1 < text_end && text[i + 1] == '*') {
			step = pass_two_stars(text, i, block, step.places, was);
			count = 2;
		} else {
			step = pass_star(text, i, block, labels, step.places, was);
		}
		/*@ assert step.goes_on ==>
		      carried(text, i, text_end, block.value, block.at + PLACES); */
		if (!alone) {
			over[i + count - 1 - star] = false;
			over[i - star] = step.goes_on;
		}
		/*@ assert \forall integer k; star <= k < i && over[k - star] ==> alone ||
		      carried(text, k, text_end, block.value, block.at + PLACES); */
		/*@ assert alone || (over[i - star] ==> step.goes_on); */
		/*@ assert alone || (count == 2 ==> !over[i + 1 - star]); */
		/*@ assert count == 1 || count == 2; */
		/*@ assert over[i - star] ==> alone ||
		      carried(text, i, text_end, block.value, block.at + PLACES); */
		/*@ assert count == 2 && over[i + 1 - star] ==> alone ||
		      carried(text, i + 1, text_end, block.value, block.at + PLACES); */
		/*@ assert \forall integer k; i <= k < i + count && over[k - star] ==>
		      alone ||
		      carried(text, k, text_end, block.value, block.at + PLACES); */
	}
	return i < text_end ? places_before(0) : step.places;
}

/* From the first to behind the last star; the value begins as the pattern does. */
/*@ requires star < text_end <= 65535 && \valid_read(text + (0 .. text_end - 1));
    requires text_end - star <= PATTERN_MIDDLE_MAX + 2;
    requires \valid_read(value + (0 .. end - 1));
    requires star <= end && no_star(text, 0, star) && bytes_equal(value, text, star);
    assigns \nothing;
    ensures \result ==> matches(text, text_end, value, end);
*/
static bool match_stars(const uint8_t *text, size_t star, size_t text_end,
    const uint8_t *value, size_t end)
{
	const size_t rest = (end - star) % PLACES;
	bool over[PATTERN_MIDDLE_MAX + 2] = { false };
	uint8_t last[PLACES] = { 0 };
	struct block block = { last, value, star, end, rest };

	bytes_copy(last, value + (end - rest), rest);
	/*@ assert no_star(text, 0, star) && bytes_equal(value, text, star); */
	/*@ assert matches(text, 0, value, 0); */
	/*@ assert matches(text, star, value, star); */
	/*@ assert bytes_equal(&last[0], value + (end - rest), rest); */
	if (end - star < PLACES)
		return places_have(
		    match_block(text, star, text_end, block, true, true, over), rest);
	block.count = PLACES;
	/*@ loop invariant star <= block.at <= end && (block.at - star) % PLACES == 0;
	    loop invariant \forall integer i; star <= i < text_end && over[i - star] ==>
	      carried(text, i, text_end, value, block.at);
	    loop assigns block.at, block.bytes, over[0 .. PATTERN_MIDDLE_MAX + 1];
	    loop variant end - block.at; */
	while (end - block.at >= PLACES) {
		block.bytes = value + block.at;
		match_block(
		    text, star, text_end, block, block.at == star, false, over);
		block.at += PLACES;
	}
	/*@ assert end - block.at == rest; */
	block.bytes = last;
	block.count = rest;
	return places_have(
	    match_block(text, star, text_end, block, false, false, over), rest);
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
	if (bytes_find(bytes, length, '*') == length) /* most often */
		return false;
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
	       match_stars(text, head, text_end, value, end) &&
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
