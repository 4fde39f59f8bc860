/* What went wrong, told where it is known and printed once, at the edge. */
#ifndef BROKER_FAILURE_H
#define BROKER_FAILURE_H

#include <stdbool.h>

#define FAILURE_TEXT_MAX 640

struct failure {
	char
	    text[FAILURE_TEXT_MAX]; /* a sentence: the place, what is wrong, what to do */
};

/* Always false, so that a caller can `return failure_say(...)`. */
bool failure_say(struct failure *failure, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
