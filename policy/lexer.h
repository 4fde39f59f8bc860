/*
 * The words of a policy file's lines. Strict: what it can't read with one meaning is an
 * error that names line, column and word.
 */
#ifndef POLICY_LEXER_H
#define POLICY_LEXER_H

#include "policy/policy.h"

struct token {
	char text[POLICY_LINE_MAX + 1]; /* without quotes and escapes, NUL at its end */
	size_t length;
	unsigned column;
	bool quoted; /* never one of the grammar's own words */
	bool end;    /* of the line; the column is behind its last word */
};

struct lexer {
	const uint8_t *text; /* of the file, from the next line on */
	size_t left;
	const uint8_t *line; /* without its end */
	size_t line_length;
	size_t at;	 /* in the line */
	unsigned number; /* of the line, from 1 */
	struct token token;
	struct policy_error *error;
};

void lexer_begin(
    struct lexer *lexer, const uint8_t *text, size_t length, struct policy_error *error);

/* Goes to the next line and to its first word. False at the end of the file, and on an
 * error; then error->text is not empty. */
bool lexer_line(struct lexer *lexer);

/* Goes to the next word of the line, at the last to its end. A word that is not well
 * formed is an error, and the line's end. */
void lexer_word(struct lexer *lexer);

/* Makes the error of the present word, unless there is one already. */
void lexer_expected(struct lexer *lexer, const char *what);

#endif
