/*
 * What root does with files of the state directory, as the record has it: who, and how
 * far a cut reaches. On disk before it is done. The broker records for an administrator
 * who asks; the command line by itself where no broker runs, with the directory locked.
 */
#ifndef BROKER_ACTS_H
#define BROKER_ACTS_H

#include "broker/audit_log.h"
#include "broker/state.h"

struct act_request {
	uint64_t kind; /* enum admin_act */
	char instance[INSTANCE_TEXT + 1];
	uint64_t last;		  /* ADMIN_PRUNE: of the last record that goes; else 0 */
	char hash[HASH_TEXT + 1]; /* that record's; else empty */
	uid_t uid;
	pid_t pid;
};

/* Durable when true, and the state's head covers it. The log must be open. */
bool act_record(const struct act_request *act, struct audit_log *log, struct state *state,
    const struct directory *directory, struct failure *failure);

/* A state that came out of a backup: the record tells where it was taken. */
void act_record_restored(struct audit_log *log, const struct state *state);

#endif
