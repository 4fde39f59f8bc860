/* Documents on their way; draft.h has the contract. */
#include "worker/draft.h"

#include "policy/documents.h"
#include "worker/draft_kind.h"

#include <stdlib.h>
#include <string.h>

static const struct draft_kind *const kinds[DOCUMENT_COUNT] = {
	[DOCUMENT_SSH_USER] = &draft_ssh,
	[DOCUMENT_SSH_HOST] = &draft_ssh,
	[DOCUMENT_X509_USER] = &draft_x509,
	[DOCUMENT_X509_HOST] = &draft_x509,
};

bool draft_too_long(struct rpc_error *error)
{
	return rpc_fail(error, RPC_INVALID_PARAMS,
	    "the certificate would be longer than %d bytes", FACTS_DOCUMENT_MAX);
}

static bool no_memory(struct rpc_error *error)
{
	return rpc_fail(error, RPC_INTERNAL, "no memory for the certificate");
}

/* Without the param `ca`, the first of the fixed table that signs such a document. */
static bool take_ca(
    const cJSON *params, enum document document, enum ca *ca, struct rpc_error *error)
{
	const cJSON *item = params_get(params, "ca");
	const char *text = cJSON_GetStringValue(item);

	*ca = (enum ca)0;
	while (!ca_signs(*ca, document))
		*ca = (enum ca)(*ca + 1);
	if (!item)
		return true;
	if (text && ca_named(text, strlen(text), ca) && ca_signs(*ca, document))
		return true;
	return params_fail(error, "ca", "must be \"user\" or \"openssh\"");
}

/* ---- judging ---- */

static bool judge(const struct builder *builder, const struct issuer *issuer,
    const struct request *request, const struct facts *facts, struct decision *decision,
    struct rpc_error *error)
{
	policy_check(builder->policy, issuer, request, facts, decision);
	if (decision->verdict == VERDICT_PERMIT)
		return true;
	return rpc_refuse(error, builder->policy_name, decision->verdict, decision->line,
	    decision->fact, (const uint8_t *)decision->value, decision->value_length,
	    decision->why);
}

/* The config's default, cut to the rule's own and to the CA's end. */
static uint64_t default_ttl(const struct builder *builder, const struct issuer *issuer,
    const struct decision *decision, int64_t now)
{
	uint64_t ttl = builder->default_session_ttl, left = 0;

	if (ttl > decision->ttl)
		ttl = decision->ttl;
	if (issuer->not_after > now)
		left = (uint64_t)(issuer->not_after - now);
	return ttl < left ? ttl : left;
}

/*
 * Without a ttl of the caller's, the rule that matches says how long it may be. Then the
 * whole is judged as the broker will judge it.
 */
static bool settle_times(const struct builder *builder, const struct issuer *issuer,
    enum document document, int64_t now, struct facts *facts, uint64_t *ttl,
    struct rpc_error *error)
{
	const struct draft_kind *kind = kinds[document];
	struct request request = {
		.document = document, .client = builder->client, .now = now
	};
	struct decision decision;

	if (*ttl == 0) {
		kind->set_times(facts, now - DRAFT_BACKDATE, now + 1);
		request.ignore_ttl = true;
		if (!judge(builder, issuer, &request, facts, &decision, error))
			return false;
		*ttl = default_ttl(builder, issuer, &decision, now);
		request.ignore_ttl = false;
	}
	kind->set_times(facts, now - DRAFT_BACKDATE, now + (int64_t)*ttl);
	if (!judge(builder, issuer, &request, facts, &decision, error))
		return false;
	if (ssh_public_key_on_curve(facts))
		return true;
	return rpc_refuse(error, builder->policy_name, VERDICT_INVARIANT, 0,
	    FACT_SUBJECT_KEY, (const uint8_t *)key_kind_name(facts->subject_kind),
	    strlen(key_kind_name(facts->subject_kind)),
	    "the public key is not a point of its curve");
}

/* ---- building ---- */

static bool find_issuer(const struct builder *builder, enum ca ca,
    const struct draft_kind *kind, struct issuer *issuer, struct rpc_error *error)
{
	if (authorities_issuer(builder->authorities, ca, kind->purpose, issuer))
		return true;
	rpc_fail(error, RPC_UNAVAILABLE, "the CA %s has no %s key yet; ask again later",
	    ca_name(ca), kind->key_name);
	error->retryable = true;
	return false;
}

static struct draft *new_draft(
    const struct builder *builder, const struct draft *like, const uint8_t *bytes)
{
	struct draft *draft = malloc(sizeof(*draft) + like->length);

	if (!draft)
		return NULL;
	*draft = *like;
	memcpy(draft->bytes, bytes, like->length);
	if (kinds[draft->document]->has_chain)
		draft->chain = authorities_hold_chain(builder->authorities, draft->ca);
	return draft;
}

/* Facts that lack only issuer and times become a draft. What the broker could not read
 * again must not be sent there: it would take this worker for somebody else's. */
static struct draft *complete(const struct builder *builder, enum document document,
    enum ca ca, uint64_t ttl, int64_t now, struct assembly *a, struct rpc_error *error)
{
	const struct draft_kind *kind = kinds[document];
	struct draft like = { .document = document, .ca = ca, .purpose = kind->purpose },
		     *draft;
	struct issuer issuer;
	struct facts again;
	const char *fault;

	if (!find_issuer(builder, ca, kind, &issuer, error) ||
	    !kind->take_issuer(a, &issuer, error) ||
	    !settle_times(builder, &issuer, document, now, &a->facts, &ttl, error))
		return NULL;
	like.ttl = ttl;
	like.length =
	    document_write(document, &a->facts, a->document, sizeof(a->document));
	if (like.length == 0 || like.length > kind->most) {
		draft_too_long(error);
		return NULL;
	}
	fault = document_read(document, a->document, like.length, &again);
	if (fault) {
		rpc_fail(error, RPC_INVALID_PARAMS, "no such certificate can be made: %s",
		    fault);
		return NULL;
	}
	draft = new_draft(builder, &like, a->document);
	if (!draft)
		no_memory(error);
	return draft;
}

struct draft *draft_build(const struct builder *builder, enum document document,
    const cJSON *params, bool fraction, int64_t now, struct rpc_error *error)
{
	struct assembly *a = malloc(sizeof(*a));
	struct draft *draft = NULL;
	enum ca ca;
	uint64_t ttl;

	if (!a) {
		no_memory(error);
		return NULL;
	}
	a->facts = (struct facts){ 0 };
	if (kinds[document]->take_params(a, document, params, error) &&
	    params_ttl(params, fraction, &ttl, error) &&
	    take_ca(params, document, &ca, error))
		draft = complete(builder, document, ca, ttl, now, a, error);
	free(a);
	return draft;
}

bool draft_rebuild(const struct builder *builder, struct draft **draft, int64_t now,
    struct rpc_error *error)
{
	struct assembly *a = malloc(sizeof(*a));
	struct draft *old = *draft, *rebuilt = NULL;

	if (!a)
		return no_memory(error);
	if (document_read(old->document, old->bytes, old->length, &a->facts))
		rpc_fail(error, RPC_INTERNAL, "a certificate could not be built anew");
	else
		rebuilt =
		    complete(builder, old->document, old->ca, old->ttl, now, a, error);
	free(a);
	if (!rebuilt)
		return false;
	rebuilt->next = old->next;
	old->next = NULL;
	*draft = rebuilt;
	draft_free(old);
	return true;
}

/* ---- the result ---- */

static bool stamp(
    struct draft *draft, const uint8_t *serial, size_t length, struct facts *facts)
{
	if (length != document_serial_length(draft->document) ||
	    document_read(draft->document, draft->bytes, draft->length, facts))
		return false;
	memcpy(draft->bytes + facts->serial_at, serial, length);
	return !document_read(draft->document, draft->bytes, draft->length, facts);
}

bool draft_sign(struct draft **draft, const uint8_t *serial, size_t serial_length,
    const uint8_t *signature, size_t signature_length, struct rpc_error *error)
{
	struct draft *with;
	struct facts facts;

	if (!stamp(*draft, serial, serial_length, &facts))
		return rpc_fail(error, RPC_INTERNAL, "the broker's serial does not fit");
	with = realloc(*draft, sizeof(*with) + (*draft)->length + signature_length);
	if (!with)
		return no_memory(error);
	memcpy(with->bytes + with->length, signature, signature_length);
	with->signature_length = signature_length;
	*draft = with;
	return true;
}

bool draft_write(const struct draft *draft, struct json_out *out, struct rpc_error *error)
{
	const struct draft_kind *kind = kinds[draft->document];
	const size_t room = draft->length + DRAFT_SIGNATURE_ROOM;
	uint8_t *whole = malloc(room);
	size_t length = 0;
	struct facts facts;
	bool good;

	if (!whole)
		return no_memory(error);
	if (!document_read(draft->document, draft->bytes, draft->length, &facts))
		length = kind->attach(&facts, draft, whole, room);
	if (length == 0)
		good = rpc_fail(
		    error, RPC_INTERNAL, "the broker's signature is not of its form");
	else
		good = kind->write(&facts, draft, (struct slice){ whole, length }, out) ||
		       no_memory(error);
	free(whole);
	return good;
}

size_t draft_size(const struct draft *draft)
{
	size_t size = 0;

	for (; draft; draft = draft->next)
		size += sizeof(*draft) + draft->length + draft->signature_length;
	return size;
}

void draft_free(struct draft *draft)
{
	struct draft *next;

	for (; draft; draft = next) {
		next = draft->next;
		chain_release(draft->chain);
		free(draft);
	}
}
