/* The files of a record, opened before the process is sealed and unread until then. */
#ifndef CLI_AUDIT_FILES_H
#define CLI_AUDIT_FILES_H

#include "policy/record.h"

#include <stdbool.h>
#include <stdint.h>

#define AUDIT_FILES_MAX 4096
#define AUDIT_NAME_MAX	512

struct audit_file {
	char name[AUDIT_NAME_MAX]; /* as messages have it */
	uint32_t number;	   /* of the segment; 0: it was named by hand */
	int fd;
	uint64_t size; /* at one moment, later than that of every file after it */
	/* its last record, once audit_verify() has been there */
	uint64_t last;
	char last_hash[RECORD_HASH_TEXT + 1], last_time[RECORD_TIME_TEXT];
};

struct audit_files {
	struct audit_file *file; /* in order */
	unsigned count;
	int state; /* STATE/state.json, older than each size; -1: named by hand */
};

/* False after a line that says which one can't be read, and what to do. */
bool audit_files_in_state(struct audit_files *files, const char *state_directory);
bool audit_files_named(
    struct audit_files *files, const char *const *names, unsigned count);
void audit_files_close(struct audit_files *files);

#endif
