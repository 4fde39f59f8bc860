/*
 * Requests that are not answered yet: each has an id on the channel while the broker may
 * have a part in it, a client (until that one goes, or was told that its deadline
 * passed), and what is needed to answer it. The answer itself is made when its connection
 * has room for it, so that until then a request costs what its documents cost.
 */
#ifndef WORKER_PENDING_H
#define WORKER_PENDING_H

#include "worker/connections.h"
#include "worker/draft.h"

#define PENDING_MAX 4096 /* of one worker; a power of two */
#define PENDING_ROUNDS                                                                   \
	512 /* what is later than these goes with the last; a power of two */
#define PENDING_BYTES	(12u * 1024 * 1024) /* of all, their documents included */
#define PENDING_LARGEST (40u * 1024)	    /* of one; a `user` may have 34 KiB */
#define PENDING_LITTLE	(32u * 1024)	    /* whose connection has less than that ... */
#define PENDING_KEPT	(2u * 1024 * 1024)  /* ... for that one is so much kept */

enum pending_state {
	PENDING_QUEUED,	     /* not yet sent to the broker */
	PENDING_SENT,	     /* the broker will answer */
	PENDING_AUTHORITIES, /* waits for the CAs' records */
	PENDING_FINISHED     /* waits until its connection has room for the answer */
};

enum pending_order {
	BY_AGE, /* all whose deadline may still pass */
	BY_TURN /* what is to be sent in the same round, or was finished for one client */
};
#define PENDING_ORDERS 2

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
	size_t bytes;	      /* that it takes, its documents included */
	struct draft *drafts; /* the documents, for methods that sign; owned */
	struct draft **turn;  /* the one that the broker signs next, where it hangs */
	bool rebuilt;	      /* it was made anew after the CA's key had changed */
	enum ca only;	      /* `authorities`, `crl`: one CA, or CA_COUNT */
	struct {
		struct pending_list *list; /* NULL: it is in none */
		struct pending *next, *previous;
	} in[PENDING_ORDERS];
};

struct pendings {
	struct pending *of[PENDING_MAX];
	uint16_t free[PENDING_MAX]; /* slots, as a stack */
	unsigned count;
	unsigned sent;		    /* under way at the broker */
	uint32_t turn;		    /* makes ids of one slot differ */
	size_t bytes;		    /* of all, finished ones included */
	struct pending_list by_age; /* with a client, not finished */
	/* What is to be sent, in rounds: of each client one request a round, so that none
	 * waits behind all that another has asked. */
	struct pending_list queue[PENDING_ROUNDS]; /* by round, modulo their number */
	unsigned queued;
	uint32_t round; /* which is being sent */
};

void pendings_start(struct pendings *pendings);

/* Is there memory for another request of this connection's? The more is taken, the less
 * each may have; one that may not have it now waits, and nobody is turned away. One alone
 * may have 256 of the largest. */
bool pendings_have_room(
    const struct pendings *pendings, const struct connection *connection);
/* Not even for one who has none. */
bool pendings_exhausted(const struct pendings *pendings);

/* A new one, waiting for `connection`; NULL when there are PENDING_MAX or memory is
 * short. */
struct pending *pendings_add(struct pendings *pendings, struct connection *connection);
/* Its documents have changed. */
void pendings_weigh(struct pendings *pendings, struct pending *pending);
struct pending *pendings_find(const struct pendings *pendings, uint32_t id);
/* Nobody waits for it any more: frees it, or its documents alone while the broker still
 * owes an answer. */
void pendings_leave(struct pendings *pendings, struct pending *pending);
/* Frees it. */
void pendings_remove(struct pendings *pendings, struct pending *pending);

void pendings_enqueue(struct pendings *pendings, struct pending *pending);
/* The first to be sent; NULL: none. */
struct pending *pendings_next_to_send(struct pendings *pendings);
void pendings_sent(struct pendings *pendings, struct pending *pending);
/* It has all that its answer needs: the last of connection->finished, and no more one of
 * the PENDING_MAX. */
void pendings_finish(struct pendings *pendings, struct pending *pending);

/* The client is gone: leaves all of its requests. */
void pendings_drop_connection(
    struct pendings *pendings, const struct connection *connection);

#endif
