/*
 * Who serves which socket: the broker decides which workers there are to be, and the
 * supervisor starts and ends them on its word. A generation serves once each of its
 * sockets has a worker that does; after that it has as many as the config says.
 */
#ifndef BROKER_WORKERS_H
#define BROKER_WORKERS_H

#include "broker/channel_worker.h"
#include "policy/policy.h"

#define SERVICES_MAX (2 * POLICY_SOCKETS_MAX)

struct broker;
struct failure;
struct generation;

/* What is counted of a socket since it was made. */
enum service_count {
	SERVICE_VIOLATIONS, /* of the contract */
	SERVICE_OFFENCES,   /* refusals that no clock explains ... */
	SERVICE_UNTIMELY,   /* ... and those that one may */
	SERVICE_TRIPPED,    /* its breaker */
	SERVICE_LOST,	    /* workers */
	SERVICE_COUNTS
};

#define LOSSES_MAX 5 /* so many losses are looked back at */

/* A socket by its name. It outlasts workers and reloads, so that nobody is rid of a
 * tripped breaker or a growing delay by dying. */
struct service {
	char name[OP_NAME_MAX + 1]; /* empty: this place is free */
	struct breaker breaker;
	uint64_t start_due; /* boot clock: no worker is started before */
	uint64_t lost_at;   /* ... and when the last one was lost */
	unsigned losses;    /* without a minute of quiet between */
	unsigned restarts;  /* in this generation */
	unsigned
	    signings; /* places that its requests have, also of workers that are gone */
	uint64_t counts[SERVICE_COUNTS],
	    seen[SERVICE_COUNTS];  /* seen: by alerts_look() */
	uint64_t loss[LOSSES_MAX]; /* when the last ones were seen: a ring */
	unsigned next_loss;
};

/* Places for the sockets of a generation that is to come into service from now on; false:
 * too many removed ones still drain. */
bool workers_take_sockets(
    struct broker *broker, struct generation *generation, struct failure *failure);

/* Starts what is missing and drops what has outstayed its time. The next time at which
 * there is something to do is in broker->wake_ns. */
void workers_tend(struct broker *broker, uint64_t now_ns);

/* Its config was taken: it serves from now on. */
void workers_ready(struct broker *broker, struct channel *channel);
/* It has ended, as the supervisor tells. */
void workers_ended(struct broker *broker, struct channel *channel, const char *how);
/* It has to end: the supervisor kills it. */
void workers_drop(struct broker *broker, struct channel *channel, const char *why);
/* What belongs to the next generation ends, and the supervisor is told. */
void workers_refuse_next(struct broker *broker, const char *why);

/* How many sockets the generation's workers serve. */
unsigned workers_sockets(
    const struct broker *broker, const struct generation *generation);

/* How long the next worker of a socket waits, in milliseconds, after one was lost at
 * `now_ns`: not at all after the first, then 100 ms doubling up to 30 s; a minute of
 * quiet forgets. */
unsigned workers_delay(struct service *service, uint64_t now_ns);

#endif
