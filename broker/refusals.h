/*
 * Refusals on their way to the record. Equal ones within a second become one line with a
 * count, and what a socket is refused in too many ways at once is only counted, so that
 * whoever is refused can't fill the disk, nor keep another's refusals from it.
 */
#ifndef BROKER_REFUSALS_H
#define BROKER_REFUSALS_H

#include "broker/crypto.h"
#include "ipc/ops.h"
#include "policy/policy.h"

#define REFUSALS_KINDS 16 /* of one socket */
#define REFUSALS_MAX   (REFUSALS_KINDS * POLICY_SOCKETS_MAX)

struct broker;
struct signing;

struct refusal {
	char client[OP_NAME_MAX + 1];
	enum ca ca;
	enum document document;
	struct decision decision; /* of the first one, as what follows */
	uint8_t request_id[OP_REQUEST_ID_MAX];
	size_t request_id_length;
	uint8_t digest[SHA256_LENGTH]; /* of the bytes as the worker sent them */
	uint64_t count, since;	       /* since: boot clock */
};

struct refusals {
	unsigned used;
	uint64_t unlisted, unlisted_since; /* further kinds, when the table was full */
	uint64_t coalesced; /* since the start: those without a line of their own */
	struct refusal kind[REFUSALS_MAX];
};

void refusals_add(struct broker *broker, const struct signing *signing, uint64_t now_ns);

/* Appends what is older than a second; all of it when `now_ns` is UINT64_MAX. */
void refusals_flush(struct broker *broker, uint64_t now_ns);

#endif
