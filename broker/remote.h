/*
 * AWS in the broker's life, when the policy says `keystore aws_kms`: what is prepared
 * before the seal, the checks before the first worker is started, and the broker's loop.
 */
#ifndef BROKER_REMOTE_H
#define BROKER_REMOTE_H

#include "broker/aws_environment.h"
#include "broker/credentials.h"
#include "broker/http.h"
#include "broker/keystore_aws_kms.h"

struct broker;

#define REMOTE_DESCRIPTORS_MAX (2 * HTTP_DESCRIPTORS_MAX) /* credentials, calls */

typedef void remote_checked_done(struct broker *broker, const struct failure *failure);

struct remote {
	bool on; /* all else is empty when it is not */
	struct aws_environment environment;
	struct http *http;
	struct credentials *credentials;
	struct aws_endpoint endpoint[AWS_SERVICE_COUNT];
	struct aws *aws;
	unsigned sources; /* of the descriptors that were filled last: the credentials' */
	remote_checked_done *done;
	bool checked; /* the account and every key */
	bool probing;
	unsigned next_key; /* to be checked: counts CAs and purposes */
	uint64_t probe_ns; /* boot clock: when the next dry run is due */
	bool skew_told;
};

/* Takes the credentials' environment, reads roots and endpoints. Before the seal. */
bool remote_prepare(struct broker *broker, struct failure *failure);

/* What the seal has to leave: ports and directories. */
struct seal;
bool remote_seal(const struct broker *broker, struct seal *out, struct failure *failure);

/* broker->kms, for the state's instance, whose place must stay. */
bool remote_keystore(struct broker *broker, struct failure *failure);

/* Asks the supervisor whether the metadata service is closed to others, where that is the
 * credentials' source. Before control_announce(). */
void remote_start(struct broker *broker);

/* Whose credentials these are, and what each loaded key is. A config comes first, since
 * it has the proxy. */
void remote_check(struct broker *broker, remote_checked_done *done);
/* Has it been well? True without AWS. */
bool remote_checked(const struct broker *broker);

struct remote_limits; /* generation.h */
/* Can a worker's config have them? */
bool remote_limits_good(const struct broker *broker, const struct remote_limits *limits,
    struct failure *failure);
/* From now on. Of a reload: only once its generation serves. */
void remote_configure(struct broker *broker, const struct remote_limits *limits);

/* The loop: as in http.h. */
unsigned remote_fill(struct broker *broker, struct pollfd *out);
int remote_wait_ms(const struct broker *broker); /* -1: as long as you like */
void remote_turn(struct broker *broker, const struct pollfd *polled, unsigned count);
/* Checks of keys, with dry runs, so that readiness and AWS's clock are known while nobody
 * asks. */
void remote_tend(struct broker *broker, uint64_t now_ns);
/* A key was made: seconds later one is looked at, so that what is not permitted shows. */
void remote_probe_soon(struct broker *broker);

#endif
