/*
 * An approval: the permit for one document under one key, good once. The sign path makes
 * it of a policy decision; it can be spent only when the record of it is durable; a
 * keystore uses a key for nothing else.
 */
#ifndef BROKER_APPROVAL_H
#define BROKER_APPROVAL_H

#include "broker/crypto.h"
#include "policy/policy.h"

struct audit_log;
struct key;

struct approval {
	const struct key *key;
	const uint8_t *bytes; /* the document, until it is signed */
	size_t length;
	uint8_t digest[SHA256_LENGTH];
	uint64_t sequence; /* of its `sign` record; 0 before it has one */
	bool permitted;
	bool spent;
};

/* Binds the permit to the bytes as they are now, and to the key. False (and an approval
 * that can't be spent) when the decision is no permit. */
bool approval_make(struct approval *approval, const struct crypto *crypto,
    const struct decision *decision, const struct key *key, const uint8_t *bytes,
    size_t length);

/* True once: the record with the approval's sequence is durable in `log`, the key is the
 * approved one, and the bytes still are the bytes that were approved. */
bool approval_spend(struct approval *approval, const struct crypto *crypto,
    const struct audit_log *log, const struct key *key);

#endif
