/* The one context of a worker, passed to whoever needs it. */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include "worker/authorities.h"
#include "worker/broker_calls.h"
#include "worker/config.h"
#include "worker/connections.h"
#include "worker/json.h"
#include "worker/pending.h"

#define ASK_ALERTS (1u << CA_COUNT)
#define ASK_ALL	   (2 * ASK_ALERTS - 1)

struct worker {
	bool terminal; /* --stdio: one client, on descriptors 0 and 1 */
	struct config config;
	char cluster[OP_CLUSTER_MAX + 1];
	struct builder builder;
	struct broker broker;
	struct authorities authorities;
	struct pendings pendings;
	struct connections connections;
	char *alerts;	  /* as the broker last told them, an array; owned */
	unsigned to_ask;  /* bit 1 << CA: its record is to be asked for; the last bit: the
			   * alerts ... */
	unsigned asked;	  /* ... was asked for and has not come */
	bool ready;	  /* all records came once */
	bool unrecorded;  /* the broker has said that the record can't be written */
	unsigned refused; /* by the policy, since it was last told ... */
	char last_refused[160]; /* ... and the last of these */
	bool draining;
	bool broken; /* the broker's channel is of no more use */
	char line[LINE_MAX_BYTES + 2];
	struct json_out answer; /* the one that is being written */
};

int64_t worker_now(void);      /* seconds since 1970 */
int64_t worker_clock_ms(void); /* of a clock that never goes back */

#endif
