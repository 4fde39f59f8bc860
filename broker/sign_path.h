/*
 * The sign path, the one story that this process is for:
 *
 *   read -> rewrite and compare -> subject's key on its curve -> the CA's key -> policy
 * -> rates -> stamp -> digest -> record, durable -> key used -> verified -> answered
 *
 * Requests are gathered into a batch so that one fdatasync makes the records of all of
 * them durable; no key is used before it.
 *
 * What OP_SIGNED carries, for who makes the certificate of it: `serial` is the bytes (8
 * of SSH, 16 of X.509) that the broker stamped where the worker had left zeros,
 * big-endian; `signature` is the raw form of the algorithm: RSA the bytes of RFC 8017 8.2
 * (with SHA-256 when the CA's modulus has 2048 to 4095 bits, with SHA-512 from 4096),
 * ECDSA the DER of ECDSA-Sig-Value (RFC 3279 2.2.3), Ed25519 the 64 bytes of RFC 8032.
 * X.509 takes it as it is, SSH wraps it.
 */
#ifndef BROKER_SIGN_PATH_H
#define BROKER_SIGN_PATH_H

#include "broker/approval.h"
#include "ipc/frame.h"

struct broker;
struct channel;

#define CLOCK_BEHIND_MAX UINT64_C(60000000) /* microseconds behind the record */
#define BATCH_MAX	 64
#define BATCH_ARENA	 ((size_t)1024 * 1024)

/* One request under way. Its slices point into the batch's arena. */
struct signing {
	struct channel *channel;
	struct broker *broker;
	uint32_t id;
	const uint8_t *request_id; /* the client's, for the record */
	size_t request_id_length;
	enum ca ca;
	enum purpose purpose;
	enum document document;
	uint8_t *bytes;
	size_t length;
	struct facts facts;
	struct decision decision;
	struct approval approval;
	uint64_t received_ns, begun_ns; /* boot clock: its frame, the key's use */
};

struct batch {
	uint8_t *arena; /* BATCH_ARENA bytes: the frames that are under way */
	size_t used;
	unsigned count;
	struct signing signing[BATCH_MAX];
};

/* Room for one more frame, where the next is to be read; NULL: the batch is full. */
uint8_t *batch_room(struct batch *batch);

/* Judges one OP_SIGN, whose frame lies at batch_room(). What is permitted joins the
 * batch; all else is answered here. */
void sign_request(
    struct broker *broker, struct channel *channel, const struct frame *frame);

/* Makes the batch's records durable, signs, answers, and empties it. */
void sign_batch(struct broker *broker);

#endif
