/*
 * A subject's SSH public key as people hand it over: one line of authorized_keys(5)
 * without options, `TYPE BASE64 [COMMENT]`. Whether the key is sound is the policy's to
 * say; here it only has to be one whole key of a type that certificates are made for.
 */
#ifndef WORKER_SSH_PUBLIC_KEY_H
#define WORKER_SSH_PUBLIC_KEY_H

#include "policy/facts.h"

#define SSH_PUBLIC_KEY_BLOB_MAX	 4096 /* RSA 16384 has 2 KiB */
#define SSH_PUBLIC_KEY_ERROR_MAX 256

struct ssh_public_key {
	uint8_t blob[SSH_PUBLIC_KEY_BLOB_MAX];
	size_t length;
};

/* Fills `key`, and the subject_* members of `facts` with slices of key->blob. False with
 * `error` saying what is wrong and what would be right. */
bool ssh_public_key_read(const char *line, size_t length, struct ssh_public_key *key,
    struct facts *facts, char error[SSH_PUBLIC_KEY_ERROR_MAX]);

/* Is an elliptic curve point on its curve? True for other kinds of keys. */
bool ssh_public_key_on_curve(const struct facts *facts);

#endif
