/* privyseal audit verify: all files into one chain. */
#include "cli/audit.h"
#include "cli/audit_lines.h"
#include "ipc/log.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATE_MAX 262144

/* What state.json says must be read before the first segment; it is older than they are.
 */
static bool read_state(const struct audit_files *files, struct audit_chain *chain)
{
	static char text[STATE_MAX];
	size_t length = 0;
	ssize_t n = 1;

	while (n > 0 && length < sizeof text) {
		n = read(files->state, text + length, sizeof text - length);
		length += n > 0 ? (size_t)n : 0;
	}
	return audit_chain_head(chain, "state.json", text, length);
}

static bool unfinished(
    struct audit_chain *chain, struct audit_place place, const struct audit_lines *lines)
{
	const char *why =
	    "a crash tore it, which the next start of privyseald closes, or "
	    "the end was cut";

	if (lines->beyond)
		why = "privyseald is writing it, ask again";
	else if (!lines->live)
		why = "the end was cut, since another file follows";
	return audit_chain_fault(chain, place, audit_chain_due(chain),
	    "is unfinished, without a newline: %s", why);
}

static bool verify_file(struct audit_chain *chain, struct audit_lines *lines)
{
	struct audit_place place = { .file = lines->file->name };
	enum audit_next next;

	while ((next = audit_lines_next(lines)) == AUDIT_LINE) {
		place.line = lines->number;
		if (!audit_chain_take(chain, place, lines->line, lines->length))
			return false;
	}
	place.line = lines->number;
	switch (next) {
	case AUDIT_BROKEN:
		return audit_chain_fault(chain, place, audit_chain_due(chain),
		    "can't be read: the file %s", lines->problem);
	case AUDIT_UNFINISHED:
		return unfinished(chain, place, lines);
	case AUDIT_LINE:
	case AUDIT_END:
		break;
	}
	/* The segment that was just begun is empty, and the last. */
	if (lines->number == 1 && !lines->live)
		return audit_chain_fault(chain, place, audit_chain_due(chain),
		    "is missing: the file is empty, and another follows");
	return true;
}

static bool is_numbered_on(
    struct audit_chain *chain, const struct audit_file *file, uint32_t before)
{
	struct audit_place place = { .file = file->name, .line = 1 };

	if (file->number == 0 || before == 0 || file->number == before + 1)
		return true;
	if (file->number == before + 2)
		return audit_chain_fault(chain, place, audit_chain_due(chain),
		    "is missing: segment %u, before this one, is not there", before + 1);
	return audit_chain_fault(chain, place, audit_chain_due(chain),
	    "is missing: segments %u to %u, before this one, are not there", before + 1,
	    file->number - 1);
}

/* Of two files that do not join, the first may have a changed end, or the second may be
 * another record's: then it does not join what comes after it either. */
static void judge_seam(
    const struct audit_files *files, struct audit_chain *chain, struct audit_lines *lines)
{
	static struct audit_chain rest;
	const struct audit_place seam = chain->fault.seam;
	struct audit_place end = { .line = 1 };
	unsigned i, second = 0;
	bool good = true;

	while (files->file[second].name != seam.file)
		second++;
	rest = (struct audit_chain){ .sha256 = chain->sha256,
		.digest = chain->digest,
		.headed = chain->headed,
		.head_sequence = chain->head_sequence };
	memcpy(rest.head_hash, chain->head_hash, sizeof rest.head_hash);
	for (i = second; good && i < files->count && i <= second + 1; i++) {
		audit_lines_open(lines, &files->file[i], i + 1 == files->count);
		good = verify_file(&rest, lines);
		end = (struct audit_place){ files->file[i].name, lines->number };
		audit_lines_close(lines);
	}
	if (good && i == files->count)
		good = audit_chain_end(&rest, end);
	if (good || rest.fault.place.file != seam.file ||
	    (rest.fault.seam.line == 0 && second + 1 < files->count))
		return;
	audit_chain_fault(chain, seam, chain->fault.sequence + 1,
	    "is not of this record, nor is all of the file: it joins neither what is "
	    "before nor %s",
	    second + 1 < files->count ? "what comes after" : "what state.json knows");
}

bool audit_verify(struct audit_files *files, struct audit_chain *chain)
{
	struct audit_place end = { .file = files->file[files->count - 1].name };
	struct audit_lines *lines = malloc(sizeof *lines);
	uint32_t before = 0;
	bool good = lines && (files->state < 0 || read_state(files, chain));
	unsigned i;

	if (!lines)
		log_error("out of memory");
	for (i = 0; good && i < files->count; i++) {
		good = is_numbered_on(chain, &files->file[i], before);
		if (!good)
			break;
		before = files->file[i].number;
		audit_lines_open(lines, &files->file[i], i + 1 == files->count);
		good = verify_file(chain, lines);
		end.line = lines->number;
		files->file[i].last = chain->last.sequence;
		memcpy(
		    files->file[i].last_hash, chain->last.hash, sizeof chain->last.hash);
		memcpy(
		    files->file[i].last_time, chain->last.time, sizeof chain->last.time);
		audit_lines_close(lines);
	}
	good = good && audit_chain_end(chain, end);
	if (lines && chain->fault.seam.line > 0)
		judge_seam(files, chain, lines);
	free(lines);
	return good;
}
