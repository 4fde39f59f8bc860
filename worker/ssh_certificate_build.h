/*
 * From the params of `ssh-user` and `ssh-host` to an SSH certificate: the bytes to be
 * signed are built and judged by the same policy that the broker has, and the broker's
 * signature is put behind them. Encoding is policy/ssh_certificate.c's alone.
 */
#ifndef WORKER_SSH_CERTIFICATE_BUILD_H
#define WORKER_SSH_CERTIFICATE_BUILD_H

#include "policy/policy.h"
#include "policy/ssh_certificate.h"
#include "worker/authorities.h"
#include "worker/json.h"
#include "worker/rpc_error.h"

#define SSH_BACKDATE 60 /* seconds; not counted against the ttl */

/* What every document is built with; kept by the worker. */
struct builder {
	const struct policy *policy;
	const char *policy_name; /* as in messages */
	const char *client;	 /* the socket's name; "" on --stdio */
	const struct authorities *authorities;
	uint64_t default_session_ttl; /* seconds */
};

struct ssh_draft {
	enum document document;
	enum ca ca;
	uint64_t ttl; /* seconds; as asked, or as the rule and the default gave it */
	size_t length;
	uint8_t bytes[]; /* to be signed */
};

/*
 * `now` is in seconds since 1970; `fraction`: a number on the line has a fraction, so
 * that a ttl of 1.0 can be told from 1. NULL with `error`; the caller frees the draft.
 */
struct ssh_draft *ssh_draft_build(const struct builder *builder, enum document document,
    const cJSON *params, bool fraction, int64_t now, struct rpc_error *error);

/* The same certificate for the CA's present key, with a new nonce and new times. */
bool ssh_draft_rebuild(const struct builder *builder, struct ssh_draft **draft,
    int64_t now, struct rpc_error *error);

/* Stamps the serial, adds the signature, and writes the method's result. */
bool ssh_draft_finish(const struct ssh_draft *draft, const uint8_t *serial,
    size_t serial_length, const uint8_t *signature, size_t signature_length,
    struct json_out *out, struct rpc_error *error);

void ssh_draft_free(struct ssh_draft *draft);

#endif
