/*
 * The public records of this host's certificate authorities, as the broker last gave
 * them: who signs now, every CA key that no certificate may be made for, and what the
 * methods `authorities` and `status` show.
 */
#ifndef WORKER_AUTHORITIES_H
#define WORKER_AUTHORITIES_H

#include "policy/policy.h"
#include "worker/json.h"

#define AUTHORITY_KEYS_MAX  8192 /* packed SSH keys of one CA, past and pending */
#define AUTHORITY_ERROR_MAX 160

struct authority {
	bool exists;
	char *json; /* one element of `get cert_authorities`, on one line; owned */
	size_t json_length;
	uint8_t keys[AUTHORITY_KEYS_MAX];
	size_t keys_length;
	/* the key that signs SSH certificates: the first of keys; empty when there is
	 * none */
	const uint8_t *ssh_key;
	size_t ssh_key_length;
	struct facts ssh_key_facts; /* its subject_* members */
};

struct authorities {
	struct authority of[CA_COUNT];
	uint8_t keys[CA_COUNT * AUTHORITY_KEYS_MAX]; /* of all, packed */
	size_t keys_length;
	size_t json_length; /* of all */
};

/* Takes a CA's record; an empty one means that there is no such CA. On false, with
 * `error`, what was known before stays. */
bool authorities_take(struct authorities *authorities, enum ca ca, const char *json,
    size_t length, char error[AUTHORITY_ERROR_MAX]);

/* Who signs SSH certificates of that CA; false when it has no key for it. The slices live
 * until the next authorities_take(). */
bool authorities_ssh_issuer(
    const struct authorities *authorities, enum ca ca, struct issuer *issuer);

/* The array of `get cert_authorities`; of one CA when `only` is not CA_COUNT. */
void authorities_write(
    const struct authorities *authorities, enum ca only, struct json_out *out);
/* The rows of `status`: cluster_name, type, rotation, keys. */
void authorities_write_status(
    const struct authorities *authorities, struct json_out *out);

void authorities_free(struct authorities *authorities);

#endif
