/* A file of the record, plain or gzip, line by line, in memory of a fixed size. */
#ifndef CLI_AUDIT_LINES_H
#define CLI_AUDIT_LINES_H

#include "cli/audit_files.h"
#include "policy/record.h"

#include <zlib.h>

/* As much of a torn line as the broker closes at its next start. */
#define AUDIT_LINE_MAX ((size_t)4 * RECORD_LINE_MAX)

#define AUDIT_UNPACKED_MAX                                                               \
	(UINT64_C(1) << 30) /* of a segment; it is rolled far before                     \
			     */

enum audit_next {
	AUDIT_LINE, /* ended by a newline, which is not in it; cut to AUDIT_LINE_MAX */
	AUDIT_UNFINISHED, /* the file ends in the middle of this one */
	AUDIT_END,
	AUDIT_BROKEN /* `problem` says how the file itself is */
};

struct audit_lines {
	const struct audit_file *file;
	bool live;   /* a daemon may be writing its last line */
	bool beyond; /* it grew while its unfinished line was waited for */
	bool packed; /* gzip, of which `member_ended` */
	bool member_ended;
	uint64_t left;	/* of what was there */
	uint64_t total; /* unpacked */
	z_stream stream;
	size_t at, filled; /* in `bytes` */
	const uint8_t *bytes;
	uint8_t raw[32768], unpacked[32768];
	const char *problem;
	uint64_t number; /* of the line, from 1 */
	size_t length;
	char line[AUDIT_LINE_MAX];
};

void audit_lines_open(
    struct audit_lines *lines, const struct audit_file *file, bool live);
enum audit_next audit_lines_next(struct audit_lines *lines);
void audit_lines_close(struct audit_lines *lines);

#endif
