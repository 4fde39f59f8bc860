/*
 * What the broker needs of OpenSSL, fetched before the process is sealed: afterwards no
 * library may want a file, a thread or a new provider.
 */
#ifndef BROKER_CRYPTO_H
#define BROKER_CRYPTO_H

#include "broker/failure.h"
#include "policy/names.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

#define SHA1_LENGTH   20
#define SHA256_LENGTH 32
#define SHA256_TEXT   64 /* hex digits */

struct crypto {
	EVP_MD *sha1; /* for key identifiers; nothing is signed with it */
	EVP_MD *sha256, *sha512;
	EVP_MD_CTX *digest;
	EVP_MD_CTX *one_shot; /* for signatures of bytes (Ed25519) */
	BN_CTX *numbers;
	EC_GROUP *group[KEY_KIND_COUNT]; /* of the three curves; else NULL */
	EC_POINT *point[KEY_KIND_COUNT];
};

/* Before anything else touches OpenSSL. Freed memory is wiped from then on. */
bool crypto_start(struct crypto *crypto, struct failure *failure);
void crypto_stop(struct crypto *crypto);

/* SHA-256 of the bytes. Aborts when OpenSSL can't hash: nothing could go on. */
void crypto_sha256(const struct crypto *crypto, const void *bytes, size_t length,
    uint8_t out[SHA256_LENGTH]);
void crypto_sha1(const struct crypto *crypto, const void *bytes, size_t length,
    uint8_t out[SHA1_LENGTH]);

/* Is this encoded point (SEC 1 2.3.4) on the curve of `kind`? False for other kinds. */
bool crypto_on_curve(
    const struct crypto *crypto, enum key_kind kind, const uint8_t *point, size_t length);

/* Random bytes; aborts when there are none. */
void crypto_random(uint8_t *out, size_t length);

/* `length` bytes as lower-case hex and a NUL. */
void crypto_hex(char *out, const uint8_t *bytes, size_t length);

#endif
