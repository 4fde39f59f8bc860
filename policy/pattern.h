/*
 * Patterns of the policy file. A lone `*` matches everything. Inside a pattern `*`
 * matches any bytes within one label (none of them `.` or `/`), `**` any bytes at all.
 * Matching takes time linear in the value, whatever the value is. A `*` in a value is
 * matched by a lone `*` only, never by a pattern that happens to be written the same.
 */
#ifndef POLICY_PATTERN_H
#define POLICY_PATTERN_H

#include "policy/text.h"

/* Bytes between the first and the last star of a pattern. */
#define PATTERN_MIDDLE_MAX 63
/* Of a value that is compared without case; only a lone `*` matches a longer one. */
#define PATTERN_FOLDED_MAX 2048

/* Which part of a value is compared without case (ASCII). */
enum pattern_fold {
	PATTERN_EXACT,
	PATTERN_DNS,   /* all of it */
	PATTERN_EMAIL, /* what follows the last `@` */
	PATTERN_URI    /* the host, between `//` and the next `/` */
};

enum pattern_shape {
	PATTERN_LITERAL, /* no star */
	PATTERN_ALL,	 /* a lone `*` */
	PATTERN_STARS
};

struct pattern {
	const uint8_t *text;
	uint16_t length;
	uint16_t head; /* literal bytes before the first star */
	uint16_t tail; /* literal bytes after the last star */
	uint8_t shape;
	uint8_t fold;
};

/*@ predicate separator(integer byte) = byte == '.' || byte == '/';

    predicate one_label{L}(uint8_t *bytes, integer from, integer to) =
      \forall integer k; from <= k < to ==> !separator(bytes[k]);

    predicate no_star{L}(uint8_t *bytes, integer from, integer to) =
      \forall integer k; from <= k < to ==> bytes[k] != '*';

    predicate two_stars_at{L}(uint8_t *text, integer at) =
      text[at] == text[at + 1] == '*';

    predicate no_three_stars{L}(uint8_t *text, integer from, integer to) =
      \forall integer k; from <= k && k + 2 < to ==>
      !(text[k] == '*' && text[k + 1] == '*' && text[k + 2] == '*');

    logic integer lower(integer byte) = 'A' <= byte <= 'Z' ? byte + 32 : byte;

    predicate same_but_case{L}(uint8_t *a, uint8_t *b, integer length) =
      \forall integer k; 0 <= k < length ==> lower(a[k]) == lower(b[k]);

    // A pattern's first `to` bytes match a value's first `end`: the least predicate of
    // which this is true.
    axiomatic Matches {
      predicate matches{L}(uint8_t *text, integer to, uint8_t *value, integer end)
      reads text[0 .. to - 1], value[0 .. end - 1];
      axiom nothing{L}: \forall uint8_t *text, *value; matches(text, 0, value, 0);
      axiom literally{L}: \forall uint8_t *text, *value, integer i, to, j, end;
      matches(text, i, value, j) ==> 0 <= to - i <= end - j <= to - i ==>
      no_star(text, i, to) && bytes_equal(value + j, text + i, to - i) ==>
      matches(text, to, value, end);
      axiom star{L}: \forall uint8_t *text, *value, integer i, to, j, end;
      matches(text, i, value, j) ==> to == i + 1 && text[i] == '*' ==>
      j <= end && one_label(value, j, end) ==> matches(text, to, value, end);
      axiom two_stars{L}: \forall uint8_t *text, *value, integer i, to, j, end;
      matches(text, i, value, j) ==> to == i + 2 && two_stars_at(text, i) ==>
      j <= end ==> matches(text, to, value, end);
    }

    // Of a copy that differs in the case of letters alone.
    axiomatic MatchesInAnyCase {
      predicate matches_in_any_case{L}(uint8_t *text, integer to, uint8_t *value,
      integer end) reads text[0 .. to - 1], value[0 .. end - 1];
      axiom a_copy{L}: \forall uint8_t *text, *value, *copy, integer to, end;
      matches(text, to, copy, end) ==> same_but_case(copy, value, end) ==>
      matches_in_any_case(text, to, value, end);
    }

    // What pattern_read() makes.
    predicate pattern_sound{L}(struct pattern *p) =
      \valid_read(p->text + (0 .. p->length - 1)) && p->shape <= PATTERN_STARS &&
      (p->shape == PATTERN_STARS ==> p->head + p->tail < p->length &&
      p->length - p->head - p->tail <= PATTERN_MIDDLE_MAX + 2 &&
      p->text[p->head] == p->text[p->length - p->tail - 1] == '*' &&
      no_star(p->text, 0, p->head) &&
      no_star(p->text, p->length - p->tail, p->length) &&
      no_three_stars(p->text, p->head, p->length - p->tail));
*/

/* `text` (at most 4096 bytes) must live as long as the pattern; what is compared without
 * case is made lower-case in it. NULL when it was read; else what was expected. */
/*@ requires \valid(text + (0 .. length - 1)) && length <= 4096 && \valid(out);
    requires \separated(text + (0 .. length - 1), out) && fold <= PATTERN_URI;
    assigns text[0 .. length - 1], out->text, out->length, out->head, out->tail,
      out->shape, out->fold;
    ensures \forall integer k; 0 <= k < length ==>
      text[k] == \old(text[k]) || text[k] == lower(\old(text[k]));
    ensures \result == \null ==>
      out->text == text && out->length == length && out->fold == fold;
    ensures \result == \null ==> length > 0 && pattern_sound(out);
    ensures \result == \null ==>
      (out->shape == PATTERN_LITERAL <==> no_star(text, 0, length));
    ensures \result == \null ==>
      (out->shape == PATTERN_ALL <==> length == 1 && text[0] == '*');
*/
const char *pattern_read(
    uint8_t *text, size_t length, enum pattern_fold fold, struct pattern *out);

/*@ requires \valid_read(pattern) && pattern_sound(pattern);
    requires \valid_read(value + (0 .. length - 1));
    assigns \nothing;
    ensures pattern->shape == PATTERN_ALL ==> \result;
    ensures pattern->shape == PATTERN_LITERAL && pattern->fold == PATTERN_EXACT ==>
      (\result <==> length == pattern->length &&
	bytes_equal(value, pattern->text, length));
    ensures \result && pattern->shape == PATTERN_LITERAL ==>
      length == pattern->length && same_but_case(value, pattern->text, length);
    ensures \result && pattern->shape == PATTERN_STARS ==> no_star(value, 0, length);
    ensures \result && pattern->shape == PATTERN_STARS &&
      pattern->fold == PATTERN_EXACT ==>
	matches(pattern->text, pattern->length, value, length);
    ensures \result && pattern->shape == PATTERN_STARS ==>
      matches_in_any_case(pattern->text, pattern->length, value, length);
*/
bool pattern_match(const struct pattern *pattern, const uint8_t *value, size_t length);

/* The same, where a `*.` that the value begins with is a label as any other. */
/*@ requires \valid_read(pattern) && pattern_sound(pattern);
    requires \valid_read(value + (0 .. length - 1));
    assigns \nothing;
    ensures pattern->shape == PATTERN_ALL ==> \result;
    ensures \result && pattern->shape == PATTERN_LITERAL ==>
      length == pattern->length && same_but_case(value, pattern->text, length);
    ensures \result && pattern->shape == PATTERN_STARS ==> no_star(value, 0, length) ||
      (length >= 2 && value[0] == '*' && value[1] == '.' &&
	no_star(value, 1, length));
    ensures \result && pattern->shape == PATTERN_STARS ==>
      matches_in_any_case(pattern->text, pattern->length, value, length);
*/
bool pattern_match_wildcard(
    const struct pattern *pattern, const uint8_t *value, size_t length);

#endif
