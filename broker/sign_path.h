/*
 * The sign path, the one story that this process is for:
 *
 *   read -> rewrite and compare -> subject's key on its curve -> the CA's key -> policy
 * -> rates -> stamp -> digest -> record, durable -> key used -> verified -> answered
 *
 * Requests are gathered into a batch so that one fdatasync makes the records of all of
 * them durable; no key is used before it. Keystores answer when they have finished, in
 * any order; a request that waited too long is told so, and its signature, if one comes,
 * is not released.
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

#include "broker/signings.h"

/* How far the clock may be behind the record (microseconds); then nothing is signed. */
#define CLOCK_BEHIND_MAX UINT64_C(60000000)

/* Judges one OP_SIGN, whose frame was read into the next free place. What is permitted
 * joins the batch; all else is answered here. */
void sign_request(
    struct broker *broker, struct channel *channel, const struct frame *frame);

/* Makes the batch's records durable and has the keystore sign it. */
void sign_batch(struct broker *broker);

/* Answers what has waited too long for the keystore. */
void sign_tend(struct broker *broker, uint64_t now_ns);

/* The broker ends: what the keystore has not answered goes on the record as unknown. */
void sign_end(struct broker *broker);

#endif
