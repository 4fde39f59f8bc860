/*
 * The record's format: JSON lines, each with the SHA-256 of the one before it (without
 * its newline). This file makes the lines, member by member, into the caller's buffer;
 * hashing, writing and fsync are the broker's. Strings that are not UTF-8 have their bad
 * bytes written as U+FFFD, so that a line is always valid JSON (RFC 8259).
 */
#ifndef POLICY_RECORD_H
#define POLICY_RECORD_H

#include "policy/facts.h"

#define RECORD_LINE_MAX	 16384
#define RECORD_HASH_TEXT 64 /* hex digits */

struct record_line {
	char *out;
	size_t room;
	size_t length;
	bool failed; /* it did not fit */
};

/*@ predicate line_ready{L}(struct record_line *line) =
      \valid(line) && line->length < line->room &&
      \valid(line->out + (0 .. line->room - 1));

    // At least so many bytes more, if it did not fail.
    predicate line_took{Before,After}(struct record_line *line, integer bytes) =
      \at(line->length, After) >= \at(line->length, Before) &&
      (!\at(line->failed, After) ==> !\at(line->failed, Before) &&
	\at(line->length, After) >= \at(line->length, Before) + bytes);

    // What a character, or a byte that begins none, takes in a string of JSON.
    logic integer character_step{L}(uint8_t *at, integer left) =
      character_length(at, left) == 0 ? 1 : character_length(at, left);
    axiomatic CharacterTakes {
      logic integer character_takes{L}(uint8_t *at, integer left)
	reads at[0 .. left - 1];
      axiom replaced{L}:
	\forall uint8_t *at, integer left; character_length(at, left) == 0 ==>
	character_takes(at, left) == 3;
      axiom by_number{L}:
	\forall uint8_t *at, integer left; character_length(at, left) > 0 ==>
	control_character(at, character_length(at, left)) ==>
	character_takes(at, left) == 6;
      axiom behind_a_backslash{L}:
	\forall uint8_t *at, integer left; character_length(at, left) > 0 ==>
	at[0] == '"' || at[0] == '\\' ==> character_takes(at, left) == 2;
      axiom as_it_is{L}:
	\forall uint8_t *at, integer left; character_length(at, left) > 0 ==>
	!control_character(at, character_length(at, left)) ==> at[0] != '"' ==>
	at[0] != '\\' ==> character_takes(at, left) == character_length(at, left);
    }

    // And a text, all that lies in it.
    axiomatic Escaped {
      logic integer escaped{L}(uint8_t *text, integer length)
	reads text[0 .. length - 1];
      axiom nothing_escaped{L}:
	\forall uint8_t *text; escaped(text, 0) == 0;
      axiom one_more_escaped{L}:
	\forall uint8_t *text, integer length; length > 0 ==>
	escaped(text, length) == character_takes(text, length) +
	  escaped(text + character_step(text, length),
	    length - character_step(text, length));
    }
*/

/* Writes {"seq":N,"time":"...","prev":"...","event":"..." ; `prev` is 64 hex digits,
 * `microseconds` since 1970 UTC. There is room for a byte at least. */
/*@ requires 0 < room && \valid(line) && \valid(out + (0 .. room - 1));
    assigns line->out, line->room, line->length, line->failed, out[0 .. room - 1];
    ensures line_ready(line);
*/
void record_begin(struct record_line *line, char *out, size_t room, uint64_t sequence,
    uint64_t microseconds, const char *prev, const char *event);
/* A string, of bytes of any kind or ended by a NUL. */
/*@ requires line_ready(line) && \valid_read(bytes + (0 .. length - 1));
    assigns line->failed, line->length, line->out[0 .. line->room - 1];
    ensures line_ready(line);
    ensures line_took{Pre,Post}(line, escaped(bytes, length));
*/
void record_bytes(
    struct record_line *line, const char *name, const uint8_t *bytes, size_t length);
/*@ requires line_ready(line);
    assigns line->failed, line->length, line->out[0 .. line->room - 1];
    ensures line_ready(line) && line_took{Pre,Post}(line, 0);
*/
void record_text(struct record_line *line, const char *name, const char *text);
/*@ requires line_ready(line);
    assigns line->failed, line->length, line->out[0 .. line->room - 1];
    ensures line_ready(line) && line_took{Pre,Post}(line, 0);
*/
void record_number(struct record_line *line, const char *name, uint64_t value);
/*@ requires line_ready(line) && \valid_read(bytes + (0 .. length - 1));
    assigns line->failed, line->length, line->out[0 .. line->room - 1];
    ensures line_ready(line) && line_took{Pre,Post}(line, 2 * length);
*/
void record_hex(
    struct record_line *line, const char *name, const uint8_t *bytes, size_t length);
/* "facts":{...}: all that the document says, for `document`'s kind. */
/*@ requires line_ready(line) && \valid_read(facts) && facts_readable(facts);
    requires \separated(line, facts);
    assigns line->failed, line->length, line->out[0 .. line->room - 1];
    ensures line_ready(line) && line_took{Pre,Post}(line, 0);
*/
void record_facts(
    struct record_line *line, enum document document, const struct facts *facts);
/* Do the facts fit a line whole? What does not is not signed (policy_invariants()), so
 * that nobody can hide a value behind many others. */
#define RECORD_FACTS_MAX 13824
/*@ requires \valid_read(facts) && facts_readable(facts);
    assigns \nothing;
*/
bool record_fits(enum document document, const struct facts *facts);
/* Closes the object (no newline). The length, or 0 when it did not fit. */
/*@ requires line_ready(line);
    assigns line->failed, line->length, line->out[0 .. line->room - 1];
    ensures line_ready(line) && \result < line->room;
    ensures \result > 0 ==> !line->failed && line->out[\result] == 0;
*/
size_t record_end(struct record_line *line);

/* RFC 3339 UTC with microseconds, as 2026-01-02T03:04:05.000006Z */
#define RECORD_TIME_TEXT 28
/*@ requires \valid(out + (0 .. RECORD_TIME_TEXT - 1));
    assigns out[0 .. RECORD_TIME_TEXT - 1];
    ensures out[RECORD_TIME_TEXT - 1] == 0;
*/
void record_time(uint64_t microseconds, char out[RECORD_TIME_TEXT]);

#endif
