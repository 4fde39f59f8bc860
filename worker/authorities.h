/*
 * The public records of this host's certificate authorities, as the broker last gave
 * them: who signs now, every CA key that no certificate may be made for, and what the
 * methods `authorities`, `crl` and `status` show.
 */
#ifndef WORKER_AUTHORITIES_H
#define WORKER_AUTHORITIES_H

#include "policy/policy.h"
#include "worker/json.h"

#define AUTHORITY_KEYS_MAX                                                               \
	8192 /* packed SSH blobs of one CA's keys, past and pending                      \
	      */
#define AUTHORITY_CERTIFICATE_MAX 8192 /* bytes of a CA's own certificate, DER */
#define AUTHORITY_ERROR_MAX	  160

/* The key that signs: the first active one. Where its SSH blob lies in the CA's keys; a
 * length of 0 is none. */
struct authority_signer {
	size_t at, length;
	enum key_kind kind;
};

/* The certificates above a document, PEM: kept until nobody is to give it out any more.
 */
struct chain {
	unsigned holders;
	char text[];
};

struct authority {
	bool exists;
	char *json; /* one element of `get cert_authorities`, on one line; owned */
	size_t json_length;
	uint8_t keys[AUTHORITY_KEYS_MAX];
	size_t keys_length;
	struct authority_signer signer[PURPOSE_COUNT];
	/* the certificate of the TLS key that signs; NULL when there is none */
	uint8_t *certificate;		/* DER; owned */
	struct facts certificate_facts; /* slices of it */
	struct chain *chain;		/* the same as PEM; held */
};

struct authorities {
	struct authority of[CA_COUNT];
	uint8_t keys[CA_COUNT * AUTHORITY_KEYS_MAX]; /* of all, packed */
	size_t keys_length;
};

/* Takes a CA's record; an empty one means that there is no such CA. On false, with
 * `error`, what was known before stays. */
bool authorities_take(struct authorities *authorities, enum ca ca, const char *json,
    size_t length, char error[AUTHORITY_ERROR_MAX]);

/* Who signs that CA's documents of SSH, or of TLS; false when it has no key for it. The
 * slices live until the next authorities_take(). */
bool authorities_issuer(const struct authorities *authorities, enum ca ca,
    enum purpose purpose, struct issuer *issuer);
/* Of that CA's TLS key, to be released; NULL when there is no such key. */
struct chain *authorities_hold_chain(const struct authorities *authorities, enum ca ca);
void chain_release(struct chain *chain); /* NULL is none */

/* The array of `get cert_authorities`; of one CA when `only` is not CA_COUNT. */
void authorities_write(
    const struct authorities *authorities, enum ca only, struct json_out *out);
/* The rows of `status`: cluster_name, type, rotation, keys. */
void authorities_write_status(
    const struct authorities *authorities, struct json_out *out);
/* What a client is given to know this cluster by: `sha256:` and the digest of the
 * SubjectPublicKeyInfo of each TLS key of the host CA, active ones first. */
void authorities_write_pins(const struct authorities *authorities, struct json_out *out);
/* The CRLs of that CA's keys as one text of PEM blocks, active keys' first. False, with
 * nothing written, when there is none. */
bool authorities_write_crl(
    const struct authorities *authorities, enum ca ca, struct json_out *out);

void authorities_free(struct authorities *authorities);

#endif
