/* What SSH and X.509 certificates are built by; private to draft.c and to the builders,
 * which are ssh_certificate_build.c and x509_certificate_build.c. */
#ifndef WORKER_DRAFT_KIND_H
#define WORKER_DRAFT_KIND_H

#include "policy/ssh_certificate.h"
#include "worker/draft.h"
#include "worker/params.h"
#include "worker/ssh_public_key.h"
#include "worker/wire.h"
#include "worker/x509_public_key.h"

#define DRAFT_SIGNATURE_ROOM 1280 /* an RSA 8192 signature and all around it */

/* A document while it is put together: the facts' slices point into the rest. */
struct assembly {
	struct facts facts;
	union {
		struct ssh_public_key ssh;
		struct x509_public_key x509;
	} key;
	uint8_t nonce[SSH_NONCE_LENGTH];
	struct wire lists;		    /* of SSH, in packed */
	uint8_t packed[FACTS_DOCUMENT_MAX]; /* lists and names, together */
	uint8_t document[FACTS_DOCUMENT_MAX];
};

struct draft_kind {
	const char *key_name; /* in messages: the CA's key that signs it */
	enum purpose purpose;
	size_t most;	/* bytes to be signed */
	bool has_chain; /* the certificates above it go with it */

	/* Fills the facts from the params, but for what take_issuer() and set_times()
	 * know. */
	bool (*take_params)(struct assembly *a, enum document document,
	    const cJSON *params, struct rpc_error *error);
	/* What depends on who signs, and an unstamped serial. */
	bool (*take_issuer)(
	    struct assembly *a, const struct issuer *issuer, struct rpc_error *error);
	void (*set_times)(struct facts *facts, int64_t from, int64_t until);

	/* Puts the signature behind the stamped bytes as the whole has it; its length, at
	 * most `room`. 0 when the signature is not of its form. */
	size_t (*attach)(const struct facts *facts, const struct draft *draft,
	    uint8_t *out, size_t room);
	/* The result; false when memory is short. */
	bool (*write)(const struct facts *facts, const struct draft *draft,
	    struct slice whole, struct json_out *out);
};

extern const struct draft_kind draft_ssh, draft_x509;

/* Nothing more fits into a->packed; gives false. */
bool draft_too_long(struct rpc_error *error);

#endif
