/* Recording of an administrator's acts; acts.h has the promises. */
#include "broker/acts.h"

#include <string.h>

static const char *const events[ADMIN_COUNT] = {
	[ADMIN_COMPRESS] = "compress",
	[ADMIN_PRUNE] = "prune",
	[ADMIN_BACKUP] = "export-secrets",
};

static bool is_sound(const struct act_request *act, const struct audit_log *log,
    const struct state *state, struct failure *failure)
{
	const bool cut = act->kind == ADMIN_PRUNE;

	if (act->kind == 0 || act->kind >= ADMIN_COUNT)
		return failure_say(failure, "there is no such act");
	if (strcmp(act->instance, state->instance) != 0)
		return failure_say(failure,
		    "the running privyseald has another state directory; "
		    "--runtime-dir names the right one's");
	if ((act->last > 0) != cut || (act->hash[0] != '\0') != cut ||
	    (cut && (act->last >= log->sequence ||
			strspn(act->hash, "0123456789abcdef") != HASH_TEXT)))
		return failure_say(failure, "a cut must end at a record");
	return true;
}

bool act_record(const struct act_request *act, struct audit_log *log, struct state *state,
    const struct directory *directory, struct failure *failure)
{
	struct record_line *line;

	if (!is_sound(act, log, state, failure))
		return false;
	line = audit_log_begin(log, events[act->kind]);
	record_number(line, "uid", act->uid);
	record_number(line, "pid", (uint64_t)act->pid);
	if (act->kind == ADMIN_PRUNE) {
		record_number(line, "last", act->last);
		record_text(line, "hash", act->hash);
	}
	if (audit_log_end(log) == 0 || !audit_log_commit(log))
		return failure_say(failure, "the record can't be written");
	state->head_sequence = log->sequence;
	memcpy(state->head_hash, log->hash, sizeof state->head_hash);
	return state_write(state, directory, failure);
}

void act_record_restored(struct audit_log *log, const struct state *state)
{
	struct record_line *line = audit_log_begin(log, "restore");

	record_number(line, "last", state->head_sequence);
	record_text(line, "hash", state->head_hash);
	audit_log_end(log);
}
