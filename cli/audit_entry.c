/* Is a line what policy/record.c writes? audit_entry.h has the contract. */
#include "cli/audit_entry.h"
#include "policy/text.h"

#include <string.h>

#define DEPTH_MAX    8
#define SEQUENCE_MAX 9007199254740991.0 /* 2^53 - 1: RFC 8259 section 6 */

/* cJSON calls itself for each level, so the levels are counted first. */
static bool is_shallow(const char *line, size_t length)
{
	bool quoted = false;
	int depth = 0;
	size_t i;

	for (i = 0; i < length; i++) {
		if (quoted && line[i] == '\\')
			i++;
		else if (line[i] == '"')
			quoted = !quoted;
		else if (!quoted && (line[i] == '{' || line[i] == '['))
			depth++;
		else if (!quoted && (line[i] == '}' || line[i] == ']'))
			depth--;
		if (depth > DEPTH_MAX)
			return false;
	}
	return true;
}

/* `shape` has 0 for any digit, and x for any lower-case hex digit. */
static bool has_shape(const char *text, const char *shape)
{
	for (; *shape && *text; shape++, text++) {
		if (*shape == '0' && *text >= '0' && *text <= '9')
			continue;
		if (*shape == 'x' && strchr("0123456789abcdef", *text))
			continue;
		if (*shape != *text || *shape == '0' || *shape == 'x')
			return false;
	}
	return *shape == *text;
}

static bool read_sequence(const cJSON *number, uint64_t *out)
{
	if (!cJSON_IsNumber(number) || !(number->valuedouble >= 1) ||
	    number->valuedouble > SEQUENCE_MAX)
		return false;
	*out = (uint64_t)number->valuedouble;
	return (double)*out >= number->valuedouble;
}

static const char *read_members(struct audit_entry *entry)
{
	static const char hash_shape[] =
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

	if (!read_sequence(
		cJSON_GetObjectItemCaseSensitive(entry->json, "seq"), &entry->sequence))
		return "has no sequence number in `seq`";
	entry->time = audit_entry_text(entry, "time");
	if (!entry->time || !has_shape(entry->time, "0000-00-00T00:00:00.000000Z"))
		return "has no time in `time`";
	entry->prev = audit_entry_text(entry, "prev");
	if (!entry->prev || !has_shape(entry->prev, hash_shape))
		return "has no hash in `prev`";
	entry->event = audit_entry_text(entry, "event");
	return entry->event ? NULL : "has no name in `event`";
}

const char *audit_entry_read(struct audit_entry *entry, const char *line, size_t length)
{
	const char *end = NULL, *why;

	*entry = (struct audit_entry){ 0 };
	if (length == 0)
		return "is empty";
	if (length >= RECORD_LINE_MAX)
		return "is longer than any record";
	if (!text_printable((struct slice){ (const uint8_t *)line, length }))
		return "is not UTF-8 without control characters";
	if (!is_shallow(line, length))
		return "is nested deeper than any record";
	entry->json = cJSON_ParseWithLengthOpts(line, length, &end, 0);
	if (!cJSON_IsObject(entry->json) || end != line + length)
		why = "is not a JSON object";
	else
		why = read_members(entry);
	if (why)
		audit_entry_free(entry);
	return why;
}

void audit_entry_free(struct audit_entry *entry)
{
	cJSON_Delete(entry->json);
	entry->json = NULL;
}

const char *audit_entry_text(const struct audit_entry *entry, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry->json, name));
}

bool audit_entry_closes_torn(const struct audit_entry *entry)
{
	const char *torn = audit_entry_text(entry, "torn");

	return strcmp(entry->event, "start") == 0 && torn && strcmp(torn, "true") == 0;
}
