/*
 * Calls of AWS services: signed, sent, retried within their deadline, and answered once.
 * Retries are those of the SDKs' standard mode (aws_retry.h); expired credentials are
 * renewed and a clock that is wrong is corrected, each once for a call. The broker's loop
 * polls for it as it does for http.h.
 *
 * Each request tells the head of the record in its User-Agent, so that AWS's own log
 * bears witness to ours: `privyseal/VERSION seq/N head/HASH`, the first 16 digits of it.
 */
#ifndef BROKER_AWS_H
#define BROKER_AWS_H

#include "broker/audit_log.h"
#include "broker/aws_endpoint.h"
#include "broker/aws_error.h"
#include "broker/credentials.h"
#include "broker/http.h"

#define AWS_CALLS_MAX	   4096
#define AWS_REQUEST_ID_MAX 128
#define AWS_ATTEMPT_MS	   2000 /* an attempt that takes longer is given up */
#define AWS_CONNECT_MS	   1000
#define AWS_SKEW_MAX	   240 /* seconds; beyond, requests are signed by AWS's clock */

struct aws;

struct aws_settings {
	const char *region;
	struct aws_endpoint endpoint[AWS_SERVICE_COUNT];
	struct http *http;
	struct credentials *credentials;
	const struct audit_log *log;
	/* an endpoint could not be connected to; may be NULL */
	void (*unreachable)(void *context, enum aws_service service);
	void *context;
};

struct aws *aws_new(const struct aws_settings *settings, struct failure *failure);
void aws_free(struct aws *aws);

/* The addresses of an endpoint, as the resolver found them: comma-separated, IPv6 in
 * brackets. Before the first ones, calls of it wait. */
void aws_addresses(struct aws *aws, enum aws_service service, const char *addresses);

/* At most so many calls a second that are `limited`; the others wait for their turn. */
void aws_limit(struct aws *aws, unsigned per_second);

struct aws_request {
	enum aws_service service;
	const char *target; /* X-Amz-Target of KMS; NULL: a form, answered in JSON */
	const void *body;   /* copied */
	size_t length;
	uint64_t deadline_ns; /* of the boot clock */
	uint64_t attempt_ms;  /* 0: AWS_ATTEMPT_MS */
	bool limited;
	bool once;   /* is not made again when it may have been carried out */
	bool settle; /* is about a new key: retried until that is known everywhere */
	const struct aws_credentials *with; /* signs it instead of those in use; must
					       live until it is done */
	bool anonymous;			    /* is not signed at all */
};

struct aws_answer {
	bool good;
	const char *body; /* ends in a NUL that length does not count */
	size_t length;
	const char *request_id; /* of the last attempt; may be empty */
	struct aws_error error; /* not good: what was answered, if anything was */
	char why[656];		/* not good: a sentence */
	size_t open;	/* its bytes that are for everybody; behind them is who we are to
			 * AWS, and where that is written */
	bool retryable; /* not good: asking later may help */
	bool out_of_time; /* not good: the deadline passed */
	bool lost; /* an attempt's outcome is not known: AWS may have acted on it */
	unsigned attempts;
};

/* Lives during the call, in which others may be made. */
typedef void aws_done(void *context, const struct aws_answer *answer);

/* False: too many are under way, or memory is out; `done` is not called then. */
bool aws_call(
    struct aws *aws, const struct aws_request *request, aws_done *done, void *context);

/* AWS's clock less ours in whole seconds, from its last answer. False: not known yet. */
bool aws_skew(const struct aws *aws, int64_t *seconds);

unsigned aws_under_way(const struct aws *aws);

/* The loop, as in http.h. */
unsigned aws_fill(const struct aws *aws, struct pollfd *out);
int aws_wait_ms(const struct aws *aws);
void aws_turn(struct aws *aws, const struct pollfd *polled, unsigned count);

#endif
