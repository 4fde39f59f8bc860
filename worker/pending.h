/*
 * Requests that wait for the broker: each has an id on the channel, a client (until that
 * one goes, or was told that its deadline passed), and what is needed to answer it.
 */
#ifndef WORKER_PENDING_H
#define WORKER_PENDING_H

#include "worker/connections.h"
#include "worker/draft.h"

#define PENDING_MAX 4096 /* of one worker; a power of two */
#define PENDING_ROUNDS                                                                   \
	512 /* what is later than these goes with the last; a power of two */

enum pending_state {
	PENDING_QUEUED,	    /* not yet sent to the broker */
	PENDING_SENT,	    /* the broker will answer */
	PENDING_AUTHORITIES /* waits for the CAs' records */
};

struct method;

struct pending {
	uint32_t id;
	enum pending_state state;
	const struct method *method;
	struct connection *connection; /* NULL: nobody waits any more */
	int64_t deadline;	       /* ms of CLOCK_BOOTTIME */
	char request_id[OP_REQUEST_ID_MAX];
	size_t request_id_length;
	unsigned place;	      /* in the connection's continuity */
	size_t reserved;      /* bytes of the connection's budget */
	struct draft *drafts; /* the documents, for methods that sign; owned */
	struct draft **turn;  /* the one that the broker signs next, where it hangs */
	bool rebuilt;	      /* it was made anew after the CA's key had changed */
	enum ca only;	      /* `authorities`, `crl`: one CA, or CA_COUNT */
	struct pending *next, *previous; /* waiting, by age */
	struct pending *next_in_queue;	 /* to be sent in the same round, by age */
};

struct pendings {
	struct pending *of[PENDING_MAX];
	uint16_t free[PENDING_MAX]; /* slots, as a stack */
	unsigned count;
	unsigned sent;			 /* under way at the broker */
	uint32_t turn;			 /* makes ids of one slot differ */
	struct pending *oldest, *newest; /* with a client */
	/* What is to be sent, in rounds: of each client one request a round, so that none
	 * waits behind all that another has asked. */
	struct {
		struct pending *first, **end;
	} queue[PENDING_ROUNDS]; /* by round, modulo their number */
	unsigned queued;
	uint32_t round; /* which is being sent */
};

void pendings_start(struct pendings *pendings);

/* A new one, waiting for `connection`; NULL when there are PENDING_MAX or memory is
 * short. */
struct pending *pendings_add(
    struct pendings *pendings, struct connection *connection, size_t reserved);
struct pending *pendings_find(const struct pendings *pendings, uint32_t id);
/* Nobody waits for it any more. It stays while the broker still owes an answer. */
void pendings_leave(struct pendings *pendings, struct pending *pending);
/* Frees it; nobody may wait for it, and it must not be in the queue. */
void pendings_remove(struct pendings *pendings, struct pending *pending);

void pendings_enqueue(struct pendings *pendings, struct pending *pending);
/* The first to be sent that somebody waits for (others are removed on the way); NULL:
 * none. */
struct pending *pendings_next_to_send(struct pendings *pendings);
void pendings_sent(struct pendings *pendings, struct pending *pending);

/* The client is gone: leaves all of its requests. */
void pendings_drop_connection(
    struct pendings *pendings, const struct connection *connection);

#endif
