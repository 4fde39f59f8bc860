/*
 * The requests under way: a fixed number of places, each with the frame that it came in.
 * A place is kept from the permit until the keystore has finished with it, which may be
 * long after the channel that asked is gone. When all are taken nothing more is read, so
 * that workers wait and nobody is turned away.
 */
#ifndef BROKER_SIGNINGS_H
#define BROKER_SIGNINGS_H

#include "broker/approval.h"
#include "ipc/frame.h"

struct broker;
struct channel;
struct service;

#define SIGNINGS_MAX  512
#define SIGNINGS_KEPT 8	 /* so many the other sockets leave to each */
#define BATCH_MAX     64 /* how many one fdatasync makes durable */

struct signing {
	struct signing *next; /* of the free ones */
	struct broker *broker;
	struct channel *channel; /* NULL: nobody waits for it any more */
	struct service
	    *service; /* the channel's, which has the place; NULL: it is free */
	uint32_t id;
	const uint8_t *request_id; /* the client's, for the record */
	size_t request_id_length;
	enum ca ca;
	enum purpose purpose;
	enum document document;
	uint8_t *bytes; /* the document, in the frame */
	size_t length;
	struct facts facts;
	struct decision decision;
	struct approval approval;
	uint64_t received_ns, begun_ns; /* boot clock: its frame, the key's use */
	uint64_t answer_by;		/* boot clock; 0: it is not at the keystore */
	uint8_t frame[FRAME_MAX + 1];
};

struct signings {
	struct signing
	    *place;	      /* SIGNINGS_MAX; memory that was never used costs nothing */
	unsigned touched;     /* the first so many were used */
	unsigned taken;	      /* so many are not free */
	struct signing *free; /* of those; the one that was used last comes first */
	struct signing *batch[BATCH_MAX]; /* permitted, and recorded when durable */
	unsigned batched;
};

bool signings_start(struct signings *signings);
void signings_stop(struct signings *signings);

/* The place whose frame is to be read next; NULL: the batch is full, or all places are
 * taken. It stays free until it joins the batch. */
struct signing *signings_next(struct signings *signings);
/* May one of so many sockets take another place? One that has few always may. */
bool signings_has_place(
    const struct signings *signings, const struct service *service, unsigned sockets);
void signings_join_batch(struct signings *signings, struct signing *signing);

void signings_release(struct signings *signings, struct signing *signing);

/* The channel is about to be freed. */
void signings_forget(struct signings *signings, const struct channel *channel);

#endif
