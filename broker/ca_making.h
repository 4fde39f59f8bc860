/*
 * Making what the CAs lack: keys first, then the certificate and the CRL of each TLS key.
 * One step after another, each of which may wait for the keystore: on the record before
 * it is done, in the state before anything builds on it. A step begins from what the
 * state says, so that after a crash at any time the missing ones are made, and nothing
 * else.
 */
#ifndef BROKER_CA_MAKING_H
#define BROKER_CA_MAKING_H

#include "broker/ca_documents.h"

struct broker;

/* NULL: nothing is missing. Else why something could not be made. */
typedef void ca_made(struct broker *broker, const struct failure *failure);

struct ca_making {
	bool running;
	bool waiting; /* for the keystore */
	bool driving; /* the keystore answers within its call: who called goes on */
	bool changed;
	enum suite suite;
	ca_made *done;
	unsigned row; /* of the table: whose turn it is */
	enum ca_document document;
	struct ca_signer signer;
	struct approval approval;
	uint8_t bytes[CA_DOCUMENT_MAX]; /* to be signed */
};

/* Starts, or joins what has started; `done` is called once, perhaps before this returns.
 * There is one `done` at a time. */
void ca_making_start(struct broker *broker, enum suite suite, ca_made *done);

/* Is there all that the table of CAs wants? */
bool ca_making_complete(const struct broker *broker);

#endif
