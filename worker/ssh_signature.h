/*
 * A signature as a keystore makes it (RSA: PKCS #1 bytes; ECDSA: DER; Ed25519: 64 bytes),
 * made into the blob that ends an SSH certificate (RFC 4253 6.6, RFC 5656 3.1.2, RFC
 * 8332, RFC 8709).
 */
#ifndef WORKER_SSH_SIGNATURE_H
#define WORKER_SSH_SIGNATURE_H

#include "policy/facts.h"

#define SSH_SIGNATURE_MAX (1024 + 64)

/* `key_bits` is the modulus's size, for RSA: below 4096 rsa-sha2-256, else rsa-sha2-512.
 * The blob's length; 0 when the signature is not of that form or does not fit. */
size_t ssh_signature_write(enum key_kind kind, size_t key_bits, const uint8_t *signature,
    size_t length, uint8_t *out, size_t room);

/* The bits of an RSA modulus without leading zeros; 0 for other keys. */
size_t ssh_modulus_bits(const struct facts *key);

#endif
