/*
 * Patterns of the policy file. A lone `*` matches everything. Inside a pattern `*`
 * matches any bytes within one label (none of them `.` or `/`), `**` any bytes at all.
 * Matching takes time linear in the value, whatever the value is. A `*` in a value is
 * matched by a lone `*` only, never by a pattern that happens to be written the same.
 */
#ifndef POLICY_PATTERN_H
#define POLICY_PATTERN_H

#include "policy/text.h"

/* Literal bytes between the first and the last star of a pattern. */
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
	const char *text;
	uint16_t length;
	uint16_t head; /* literal bytes before the first star */
	uint16_t tail; /* literal bytes after the last star */
	uint8_t shape;
	uint8_t fold;
};

/* `text` (at most 4096 bytes) must live as long as the pattern; what is compared without
 * case is made lower-case in it. NULL when it was read; else what was expected. */
const char *pattern_read(
    char *text, size_t length, enum pattern_fold fold, struct pattern *out);

bool pattern_match(const struct pattern *pattern, const uint8_t *value, size_t length);

/* The same, where a `*.` that the value begins with is a label as any other. */
bool pattern_match_wildcard(
    const struct pattern *pattern, const uint8_t *value, size_t length);

#endif
