/*
 * A document on its way: from a method's params to the bytes to be signed, judged by the
 * same policy that the broker has, and from the broker's signature to the method's
 * result. What kinds of documents differ in is a row of draft_kind.h; encoding is
 * policy/'s alone.
 */
#ifndef WORKER_DRAFT_H
#define WORKER_DRAFT_H

#include "policy/policy.h"
#include "worker/authorities.h"
#include "worker/json.h"
#include "worker/rpc_error.h"

#define DRAFT_BACKDATE 60 /* seconds; not counted against the ttl */

/* What every document is built with; kept by the worker. */
struct builder {
	const struct policy *policy;
	const char *policy_name; /* as in messages */
	const char *client;	 /* the socket's name; "" on --stdio */
	const struct authorities *authorities;
	uint64_t default_session_ttl; /* seconds */
};

struct draft {
	struct draft *next; /* a further document of the same request; owned */
	enum document document;
	enum ca ca;
	enum purpose purpose;
	uint64_t ttl; /* seconds; as asked, or as the rule and the default gave it */
	struct chain *chain; /* X.509: who signs it; held. Else NULL */
	size_t length;
	size_t signature_length; /* 0 until draft_sign() */
	uint8_t bytes[];	 /* to be signed; behind them the signature */
};

/* `now` is in seconds since 1970; `fraction` as in params_ttl(). NULL with `error`; the
 * caller frees the draft. */
struct draft *draft_build(const struct builder *builder, enum document document,
    const cJSON *params, bool fraction, int64_t now, struct rpc_error *error);

/* The same document for the CA's present key, with new times; those behind it stay. */
bool draft_rebuild(const struct builder *builder, struct draft **draft, int64_t now,
    struct rpc_error *error);

/* Stamps the serial and keeps the signature: the answer is some three times as long, and
 * made when it is sent. */
bool draft_sign(struct draft **draft, const uint8_t *serial, size_t serial_length,
    const uint8_t *signature, size_t signature_length, struct rpc_error *error);

/* Writes a signed document as its method's result. */
bool draft_write(
    const struct draft *draft, struct json_out *out, struct rpc_error *error);

/* What it, and those behind it, take of memory; a chain is shared. */
size_t draft_size(const struct draft *draft);

/* NULL is none; those behind it go too. */
void draft_free(struct draft *draft);

#endif
