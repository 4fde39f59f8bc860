/*
 * privyseal audit: the record, read without a running privyseald. Opening is done first,
 * as who was called (audit_files.c); then the process seals itself, and what it reads
 * (audit_lines.c, audit_entry.c) it believes no more than any input. From lines to their
 * chain: audit_chain.c; to what people read: audit_show.c.
 */
#ifndef CLI_AUDIT_H
#define CLI_AUDIT_H

#include "cli/audit_chain.h"
#include "cli/audit_files.h"
#include "cli/cli.h"

#include <stdio.h>

/* Texts that a member of the record must be, each NULL or given. */
enum audit_filter {
	FILTER_EVENT,
	FILTER_CA,
	FILTER_DOCUMENT,
	FILTER_CLIENT,
	FILTER_ID,
	FILTER_SERIAL,
	FILTERS
};

enum audit_act { AUDIT_VERIFY, AUDIT_SHOW, AUDIT_COMPRESS, AUDIT_PRUNE };

struct audit_request {
	enum audit_act act;
	bool json;
	const char *state_directory;
	const char *names[WORDS_MAX]; /* the files; none: those of the state directory */
	unsigned names_count;
	const char *filter[FILTERS];
	/* as records write it, so that they compare as text; empty: no bound */
	char since[RECORD_TIME_TEXT], until[RECORD_TIME_TEXT];
	char before[RECORD_TIME_TEXT]; /* prune: what ends before that */
	bool yes;		       /* ... goes */
	uint64_t last;		       /* only so many of those that match; 0: all */
};

/* The words after `privyseal audit`, at most WORDS_MAX; false: wrong usage, and `message`
 * says which word. `now` is in seconds. `out` points into the words. */
bool audit_request_read(const char *const *words, unsigned count, time_t now,
    struct audit_request *out, char message[MESSAGE_MAX]);

#define AUDIT_TIME_FORMS                                                                 \
	"a time is RFC 3339 (2026-01-02T03:04:05Z), seconds since 1970, or how long "    \
	"ago (2h)"

/* RFC 3339, seconds since 1970, or a duration, which is that long before `now`. */
bool audit_time_read(const char *text, time_t now, char out[RECORD_TIME_TEXT]);

/* True when each line is a record and in its place; else chain->fault says what is not.
 */
bool audit_verify(struct audit_files *files, struct audit_chain *chain);

/* The same by a sealed child, for a caller that can't be sealed. False: after a line. */
bool audit_survey(struct audit_files *files);

/* retention.c: each its command's exit status. */
enum exit_status audit_compress(
    const struct audit_request *request, const char *runtime_directory);
enum exit_status audit_prune(
    const struct audit_request *request, const char *runtime_directory);

/* Prints what matches. The number of lines that are no record; each has been told of. */
uint64_t audit_show(
    const struct audit_files *files, const struct audit_request *request, FILE *out);

#endif
