/* What code under test prints on standard error, for tests of the supervisor's messages.
 */
#ifndef TESTS_SUPERVISOR_SAID_H
#define TESTS_SUPERVISOR_SAID_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct said {
	int before;
	FILE *file;
	char text[16384];
};

static inline void listen_to_errors(struct said *said)
{
	said->file = tmpfile();
	assert_non_null(said->file);
	said->before = dup(STDERR_FILENO);
	dup2(fileno(said->file), STDERR_FILENO);
}

static inline const char *what_was_said(struct said *said)
{
	size_t n;

	dup2(said->before, STDERR_FILENO);
	close(said->before);
	rewind(said->file);
	n = fread(said->text, 1, sizeof said->text - 1, said->file);
	said->text[n] = '\0';
	fclose(said->file);
	return said->text;
}

static inline void assert_says(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("`%s` does not say `%s`", text, part);
}

#endif
