/*
 * The addresses of the few hosts that the broker speaks to, whose names root's files
 * give. A resolver finds them, a sealed process that the supervisor starts on our word:
 * asked at the start, each minute, and soon after a connection has failed. What was found
 * stays in use until something else is found, so that a resolver that is lost, and
 * replaced with a growing delay, costs nothing. It is not trusted: TLS tells who is at an
 * address; a frame that is none, or an answer to no question, costs it its life.
 *
 * A host that is an address needs no resolver, and without hosts there is none.
 */
#ifndef BROKER_HOSTS_H
#define BROKER_HOSTS_H

#include "broker/workers.h"
#include "ipc/frame.h"

#define HOSTS_MAX 8

/* In the form of CURLOPT_RESOLVE: comma-separated, IPv6 in brackets. Called when they are
 * found first, and when they are others. */
typedef void hosts_found(void *context, unsigned which, const char *addresses);

struct hosts {
	struct host {
		char name[OP_HOST_MAX + 1];
		char addresses[OP_ADDRESSES_MAX + 1]; /* empty: not known yet */
		char trouble[128];		      /* what was said of it last */
		bool literal;			      /* an address: never asked for */
		uint64_t due; /* boot clock: when to ask; and when it was asked last */
		uint64_t asked;
	} of[HOSTS_MAX];
	unsigned count;
	hosts_found *found;
	void *context;
	/* the resolver; zeros when there is none */
	uint32_t worker; /* its number, which is of the workers' kind */
	uint32_t pid;
	bool open;	  /* it runs, and has a channel */
	bool trusted;	  /* the kernel has told that it is sealed */
	int fd, status;	  /* its channel, and what the kernel says of it */
	unsigned filters; /* that it must have */
	struct gate gate;
	uint32_t last_id;	/* of a question */
	struct host *question;	/* the one that is open */
	uint64_t by;		/* when it must have started, or answered */
	struct service service; /* what outlasts it: its delay */
};

/* Before hosts_tend() is called first. */
void hosts_begin(struct hosts *hosts, hosts_found *found, void *context);
/* One more; its number, from 0, or -1: there are too many, or it is no name. */
int hosts_add(struct hosts *hosts, const char *name);

/* A connection to it has failed: it is asked for again, though not more often than every
 * five seconds. */
void hosts_failed(struct hosts *hosts, unsigned which);

/* The loop: what to poll, -1 or readable; what to do then; and in each turn, which brings
 * broker->wake_ns forward if need be. */
int hosts_fd(const struct broker *broker);
void hosts_turn(struct broker *broker);
void hosts_tend(struct broker *broker, uint64_t now_ns);

/* control.c: true when that worker is the resolver. It takes the descriptors. */
bool hosts_started(
    struct broker *broker, uint32_t worker, uint32_t pid, int descriptors[2]);
bool hosts_ended(struct broker *broker, uint32_t worker, const char *how);

#endif
