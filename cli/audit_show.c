/* privyseal audit show: the records that match, as people or programs read them. */
#include "cli/audit.h"
#include "cli/audit_entry.h"
#include "cli/audit_lines.h"
#include "ipc/log.h"

#include <stdlib.h>
#include <string.h>

#define CELL_MAX 4096

struct show {
	const struct audit_files *files;
	const struct audit_request *request;
	FILE *out;
	bool counting;	  /* the pass before the one that prints */
	uint64_t matched; /* of this pass */
	uint64_t skip;	  /* matches before the last ones that are wanted */
	bool headed;
	uint64_t bad;
	struct audit_place torn; /* a bad line that a start may yet vouch for */
	const char *problem;
};

/* ---- which ---- */

/* An id stands in the record as it stood in the request: text in quotes, with JSON's
 * escapes. It may be asked for as it is meant, too. */
static bool is_id(const char *recorded, const char *wanted)
{
	cJSON *id = recorded[0] == '"' ? cJSON_Parse(recorded) : NULL;
	const char *text = cJSON_GetStringValue(id);
	const bool is = strcmp(text ? text : recorded, wanted) == 0;

	cJSON_Delete(id);
	return is;
}

static bool matches(const struct audit_request *request, const struct audit_entry *entry)
{
	static const char *const members[FILTERS] = {
		[FILTER_EVENT] = "event",
		[FILTER_CA] = "ca",
		[FILTER_DOCUMENT] = "document",
		[FILTER_CLIENT] = "client",
		[FILTER_ID] = "id",
		[FILTER_SERIAL] = "serial",
	};
	const char *text;
	int i;

	if (request->since[0] && strcmp(entry->time, request->since) < 0)
		return false;
	if (request->until[0] && strcmp(entry->time, request->until) > 0)
		return false;
	for (i = 0; i < FILTERS; i++) {
		text = request->filter[i] ? audit_entry_text(entry, members[i]) : NULL;
		if (request->filter[i] &&
		    (!text || (strcmp(text, request->filter[i]) != 0 &&
				  (i != FILTER_ID || !is_id(text, request->filter[i])))))
			return false;
	}
	return true;
}

/* ---- as text ---- */

struct cell {
	size_t length;
	char text[CELL_MAX];
};

static void put(struct cell *cell, const char *text)
{
	cell->length += log_escape(cell->text + cell->length,
	    sizeof cell->text - cell->length, text, strlen(text));
}

/* In quotes, which are doubled inside, when it could be taken for more than one value or
 * for the next name. */
static void put_value(struct cell *cell, const char *text)
{
	const bool quoted = text[0] == '\0' || strpbrk(text, " \"=,");
	size_t plain;

	put(cell, quoted ? "\"" : "");
	for (; *text; text += plain) {
		plain = strcspn(text, "\"") + (text[0] == '"');
		put(cell, text[0] == '"' ? "\"" : "");
		cell->length += log_escape(cell->text + cell->length,
		    sizeof cell->text - cell->length, text, plain);
	}
	put(cell, quoted ? "\"" : "");
}

static void put_name(struct cell *cell, const char *of, const char *name)
{
	put(cell, cell->length > 0 ? " " : "");
	put(cell, of);
	put(cell, of[0] ? "." : "");
	put_value(cell, name); /* an extension's name is a client's word too */
}

/* name=value, of what is text or a number. */
static void put_member(struct cell *cell, const char *of, const cJSON *member)
{
	char number[32];

	if (!cJSON_IsString(member) && !cJSON_IsNumber(member))
		return;
	snprintf(number, sizeof number, "%.0f", member->valuedouble);
	put_name(cell, of, member->string);
	put(cell, "=");
	if (!cJSON_IsString(member))
		put(cell, number);
	else if (strcmp(member->string, "id") == 0) /* JSON, so it has its quotes */
		put(cell, member->valuestring);
	else
		put_value(cell, member->valuestring);
}

static void put_list(struct cell *cell, const char *of, const cJSON *list)
{
	const cJSON *item;
	const char *before = "=";

	cJSON_ArrayForEach(item, list)
	{
		if (!cJSON_IsString(item))
			continue;
		if (before[0] == '=')
			put_name(cell, of, list->string);
		put(cell, before);
		put_value(cell, item->valuestring);
		before = ",";
	}
}

/* What the document says: texts, lists of them, and either by name (a subject's parts,
 * extensions). The key would fill the row. */
static void put_facts(struct cell *cell, const char *of, const cJSON *facts)
{
	const cJSON *fact;

	if (!cJSON_IsObject(facts))
		return;
	cJSON_ArrayForEach(fact, facts)
	{
		if (cJSON_IsObject(fact) && of[0] == '\0')
			put_facts(cell, fact->string, fact);
		else if (cJSON_IsArray(fact))
			put_list(cell, of, fact);
		else if (cJSON_IsString(fact) && strcmp(fact->string, "public_key") != 0)
			put_member(cell, of, fact);
	}
}

/* Whatever has no column of its own, so that new events need no word here. */
static void put_rest(struct cell *cell, const struct audit_entry *entry)
{
	static const char *const shown[] = { "seq", "time", "prev", "event", "client",
		"ca", "document", "digest", "decision", "outcome", "rule", "policy" };
	const cJSON *member;
	size_t i;

	put_facts(cell, "", cJSON_GetObjectItemCaseSensitive(entry->json, "facts"));
	cJSON_ArrayForEach(member, entry->json)
	{
		for (i = 0; i < sizeof shown / sizeof shown[0]; i++)
			if (strcmp(member->string, shown[i]) == 0)
				break;
		if (i == sizeof shown / sizeof shown[0])
			put_member(cell, "", member);
	}
}

/* Columns have a width from the start, since a record may be longer than memory. */
static void print_row(FILE *out, const char *const cells[6], const char *rest)
{
	fprintf(out, "%-20s %-14s %-8s %-8s %-10s %-8s %s\n", cells[0], cells[1],
	    cells[2], cells[3], cells[4], cells[5], rest);
}

static void print_text(struct show *show, const struct audit_entry *entry)
{
	static const char *const names[] = { "event", "client", "ca", "document",
		"decision", "outcome" };
	static const char *const head[6] = { "time", "event", "client", "ca", "document",
		"result" };
	static struct cell cells[6], rest;
	const char *texts[6], *text;
	size_t i;

	if (!show->headed)
		print_row(show->out, head, "rule and facts");
	show->headed = true;
	memset(cells, 0, sizeof cells);
	memset(&rest, 0, sizeof rest);
	for (i = 0; i < 6; i++)
		texts[i] = cells[i].text;
	snprintf(cells[0].text, sizeof cells[0].text, "%.19sZ", entry->time);
	for (i = 0; i < sizeof names / sizeof names[0]; i++) {
		text = audit_entry_text(entry, names[i]);
		if (text)
			put(&cells[i < 5 ? i + 1 : 5], text);
	}
	text = audit_entry_text(entry, "rule");
	if (text) {
		/* The policy's name is known; what differs is behind it. */
		put(&rest, strrchr(text, '/') ? strrchr(text, '/') + 1 : text);
	}
	put_rest(&rest, entry);
	if (rest.length > sizeof rest.text - 5) /* cut: --format json has all of it */
		strcpy(rest.text + sizeof rest.text - 9, "...");
	print_row(show->out, texts, rest.text);
}

/* ---- all lines, once or twice ---- */

static void tell_of_bad(struct show *show)
{
	if (show->torn.line == 0)
		return;
	show->bad++;
	if (!show->counting)
		log_error("%s:%llu: is no record: it %s", show->torn.file,
		    (unsigned long long)show->torn.line, show->problem);
	show->torn.line = 0;
}

static void show_line(struct show *show, const struct audit_lines *lines)
{
	const struct audit_request *request = show->request;
	struct audit_entry entry;
	const char *problem = audit_entry_read(&entry, lines->line, lines->length);

	if (problem) {
		tell_of_bad(show);
		show->torn = (struct audit_place){ lines->file->name, lines->number };
		show->problem = problem;
		return;
	}
	if (audit_entry_closes_torn(&entry))
		show->torn.line = 0;
	tell_of_bad(show);
	if (matches(request, &entry) && show->matched++ >= show->skip &&
	    !show->counting) {
		if (request->json)
			fprintf(show->out, "%.*s\n", (int)lines->length, lines->line);
		else
			print_text(show, &entry);
	}
	audit_entry_free(&entry);
}

static void show_file(struct show *show, struct audit_lines *lines)
{
	enum audit_next next;

	/* Nobody may read it to its end. */
	while ((next = audit_lines_next(lines)) == AUDIT_LINE && !ferror(show->out))
		show_line(show, lines);
	if (next == AUDIT_END || next == AUDIT_LINE)
		return;
	tell_of_bad(show);
	show->torn = (struct audit_place){ lines->file->name, lines->number };
	show->problem = next == AUDIT_BROKEN ? lines->problem : "is unfinished";
	tell_of_bad(show);
}

static void pass(struct show *show, struct audit_lines *lines)
{
	unsigned i;

	show->matched = show->bad = 0;
	for (i = 0; i < show->files->count; i++) {
		audit_lines_open(
		    lines, &show->files->file[i], i + 1 == show->files->count);
		show_file(show, lines);
		audit_lines_close(lines);
	}
	tell_of_bad(show);
}

uint64_t audit_show(
    const struct audit_files *files, const struct audit_request *request, FILE *out)
{
	struct show show = { .files = files, .request = request, .out = out };
	struct audit_lines *lines = malloc(sizeof *lines);

	if (!lines) {
		log_error("out of memory");
		return 1;
	}
	if (request->last > 0) {
		show.counting = true;
		pass(&show, lines);
		show.counting = false;
		show.skip =
		    show.matched > request->last ? show.matched - request->last : 0;
	}
	pass(&show, lines);
	free(lines);
	return show.bad;
}
