/*
 * The channel to one worker: what it may say now, which of its requests are under way,
 * and the answers that it has not taken yet. A worker that does not read costs only
 * itself: no more is read from it than there are free places for answers.
 */
#ifndef BROKER_CHANNEL_WORKER_H
#define BROKER_CHANNEL_WORKER_H

#include "ipc/channel.h"
#include "policy/names.h"

#include <sys/types.h>

struct broker;
struct generation;
struct service;

#define REPLY_MAX	(FRAME_HEADER + 64 + OP_SIGNATURE_MAX) /* all that is not JSON */
#define QUEUE_MAX	(OP_IN_FLIGHT_MAX + 1)		       /* answers, and `drain` */
#define BREAKER_LIMIT	30
#define BREAKER_SECONDS 60
#define DRAIN_SECONDS	10
#define ENDING_SECONDS	1 /* from the end of a channel to that of its worker */

struct reply {
	uint32_t id;
	uint16_t length; /* 0: the authority `ca`, or the alerts (CA_COUNT), made when it
			  * is sent */
	bool answers;	 /* it ends the request with that id */
	enum ca ca;
	uint8_t bytes[REPLY_MAX];
};

/* The refusals of one socket. It outlasts workers, so that none is rid of it by dying. */
struct breaker {
	uint64_t refusals[BREAKER_LIMIT]; /* when; a ring */
	unsigned next;
	uint64_t until; /* boot clock; 0: not tripped */
};

struct channel {
	int fd, status;	 /* status: the worker's /proc/PID/status */
	uint32_t worker; /* the supervisor's number, never used twice */
	uint32_t pid;
	struct generation *generation;
	struct service *service; /* its socket, which it shares with other workers */
	const char *socket;	 /* the service's name */
	const char
	    *client; /* socket; or "", for one that is none of the policy's (--stdio) */
	struct gate gate;
	uint32_t config;		      /* the id of its config, ... */
	bool config_waiting;		      /* ... which is good, and waits for CAs */
	bool open;			      /* from its start until it is closed */
	bool dropped;			      /* the supervisor was asked to kill it */
	bool ended;			      /* ... has told its end: to be freed */
	uint64_t told_by;		      /* boot clock: its end is told; 0: open */
	uint32_t in_flight[OP_IN_FLIGHT_MAX]; /* ids */
	unsigned in_flight_count;
	unsigned first, queued;
	struct reply queue[QUEUE_MAX];
	uint64_t drain_by; /* boot clock; 0: not draining */
};

/* Of a worker that is to start; takes a reference of the generation. NULL: no memory. */
struct channel *channel_new(uint32_t worker, struct generation *generation,
    struct service *service, const char *client);
/* It has started: takes ownership of both descriptors. */
void channel_started(struct channel *channel, int fd, int status, uint32_t pid);
void channel_free(struct channel *channel);

/* Reads and handles at most `most` frames; how many there were. */
unsigned channel_turn(struct broker *broker, struct channel *channel, unsigned most);
/* May another frame be read? */
bool channel_has_room(const struct broker *broker, const struct channel *channel);

/* Answers the request with the frame's id: now, or when the worker reads. */
void channel_answer(struct channel *channel, const uint8_t *frame, size_t length);
/* Sends what waits, as far as the worker takes it. */
void channel_flush(struct broker *broker, struct channel *channel);

/* The worker broke the contract: it is recorded, and costs the channel. */
void channel_violation(struct broker *broker, struct channel *channel, const char *what);
/* A request of its was refused; too many trip the breaker. */
void channel_refused(struct broker *broker, struct channel *channel, uint64_t now_ns);

/* Asks the worker to finish what it has begun. */
void channel_drain(struct broker *broker, struct channel *channel);
void channel_close(struct channel *channel);

#endif
