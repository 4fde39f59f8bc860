/*
 * The words after a command that reads its own: the act, then flags with their values and
 * other words in any order. A command gives its acts and flags as tables, and gets back
 * what was said; what the values mean is its own affair.
 */
#ifndef CLI_WORDS_H
#define CLI_WORDS_H

#include "cli/cli.h"
#include "policy/names.h"

#define WORDS_FLAGS_MAX 16
#define ACT(act)	(1u << (act))
#define ACT_ANY		(ALONE - 1)
#define ALONE		(1u << 31) /* with them: the flag takes no value */

struct words_flag {
	const char *name; /* "--since" */
	unsigned acts;	  /* ACT() of each that knows it; ALONE: its value is itself */
};

struct words_form {
	const char *command;
	const char *const
	    *acts; /* up to a NULL; NULL: the command is one act, number 0 */
	const struct words_flag *flags;
	unsigned flags_count;
};

struct words {
	unsigned act;
	const char
	    *value[WORDS_FLAGS_MAX]; /* of the flag in that place; NULL: not said */
	const char **others;	     /* the caller's, of `room` */
	unsigned room, count;
};

/* `out` has `others` and `room`; the rest is written. False: wrong usage, and `message`
 * says which word. */
bool words_read(const struct words_form *form, const char *const *said, unsigned count,
    struct words *out, char message[MESSAGE_MAX]);

/* False, with that message: WORD: WHY; where to read more. */
bool words_wrong(const struct words_form *form, char message[MESSAGE_MAX],
    const char *word, const char *why);

/* A CA's or a document's name; false: it is none, and `message` lists them. */
bool words_ca(const struct words_form *form, char message[MESSAGE_MAX], const char *word,
    enum ca *out);
bool words_document(const struct words_form *form, char message[MESSAGE_MAX],
    const char *word, enum document *out);

#endif
