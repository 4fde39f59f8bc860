/* One line of the record. */
#ifndef CLI_AUDIT_ENTRY_H
#define CLI_AUDIT_ENTRY_H

#include "policy/record.h"

#include <cjson/cJSON.h>

struct audit_entry {
	cJSON *json; /* all of it; the texts below point into it */
	uint64_t sequence;
	const char *time, *prev, *event;
};

/* NULL, or why this is no record, which leaves nothing to free. */
const char *audit_entry_read(struct audit_entry *entry, const char *line, size_t length);
void audit_entry_free(struct audit_entry *entry);

/* A member that is a string; else NULL. */
const char *audit_entry_text(const struct audit_entry *entry, const char *name);

/* The first record after a crash in the middle of a line: it vouches for that line. */
bool audit_entry_closes_torn(const struct audit_entry *entry);

#endif
