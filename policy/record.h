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

/* Writes {"seq":N,"time":"...","prev":"...","event":"..." ; `prev` is 64 hex digits,
 * `microseconds` since 1970 UTC. */
void record_begin(struct record_line *line, char *out, size_t room, uint64_t sequence,
    uint64_t microseconds, const char *prev, const char *event);
/* A string, of bytes of any kind or ended by a NUL. */
void record_bytes(
    struct record_line *line, const char *name, const void *bytes, size_t length);
void record_text(struct record_line *line, const char *name, const char *text);
void record_number(struct record_line *line, const char *name, uint64_t value);
void record_hex(
    struct record_line *line, const char *name, const uint8_t *bytes, size_t length);
/* "facts":{...}: all that the document says, for `document`'s kind. */
void record_facts(
    struct record_line *line, enum document document, const struct facts *facts);
/* Do the facts fit a line whole? What does not is not signed (policy_invariants()), so
 * that nobody can hide a value behind many others. */
#define RECORD_FACTS_MAX 13824
/*@ requires \valid_read(facts);
    assigns \nothing;
*/
bool record_fits(enum document document, const struct facts *facts);
/* Closes the object (no newline). The length, or 0 when it did not fit. */
size_t record_end(struct record_line *line);

/* RFC 3339 UTC with microseconds, as 2026-01-02T03:04:05.000006Z */
#define RECORD_TIME_TEXT 28
void record_time(uint64_t microseconds, char out[RECORD_TIME_TEXT]);

#endif
