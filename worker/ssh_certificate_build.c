/* Builds SSH certificates; ssh_certificate_build.h has the contract. */
#include "worker/ssh_certificate_build.h"

#include "policy/duration.h"
#include "worker/base64.h"
#include "worker/ssh_public_key.h"
#include "worker/ssh_signature.h"
#include "worker/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SERIAL_LENGTH 8
#define LISTS_MAX     FACTS_DOCUMENT_MAX /* principals and options, packed, together */

/* A certificate while it is put together: the facts' slices point into the rest. */
struct assembly {
	struct facts facts;
	struct ssh_public_key key;
	uint8_t nonce[SSH_NONCE_LENGTH];
	struct wire lists;
	uint8_t packed[LISTS_MAX];
	uint8_t document[FACTS_DOCUMENT_MAX];
};

static bool invalid(struct rpc_error *error, const char *param, const char *what)
{
	return rpc_fail(error, RPC_INVALID_PARAMS, "%s: %s", param, what);
}

static const cJSON *param(const cJSON *params, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(params, name);
}

/* ---- params ---- */

static bool take_public_key(
    const cJSON *params, struct assembly *a, struct rpc_error *error)
{
	const char *line = cJSON_GetStringValue(param(params, "public_key"));
	char why[SSH_PUBLIC_KEY_ERROR_MAX];

	if (!line)
		return invalid(error, "public_key", "required, one line `TYPE BASE64`");
	if (!ssh_public_key_read(line, strlen(line), &a->key, &a->facts, why))
		return invalid(error, "public_key", why);
	return true;
}

static bool take_key_id(
    const cJSON *params, bool required, struct assembly *a, struct rpc_error *error)
{
	const cJSON *item = param(params, "key_id");
	const char *text = cJSON_GetStringValue(item);

	if (!item && !required)
		return true;
	if (!text)
		return invalid(error, "key_id", "required, a string");
	a->facts.key_id = (const uint8_t *)text;
	a->facts.key_id_length = strlen(text);
	return true;
}

static bool take_principals(
    const cJSON *params, struct assembly *a, struct rpc_error *error)
{
	const cJSON *list = param(params, "principals"), *item;
	size_t start = a->lists.length;

	if (!cJSON_IsArray(list) || !list->child)
		return invalid(
		    error, "principals", "required, a list of at least one string");
	cJSON_ArrayForEach(item, list)
	{
		if (!cJSON_IsString(item))
			return invalid(error, "principals", "every one must be a string");
		if (++a->facts.principals_count > FACTS_PRINCIPALS_MAX)
			return invalid(error, "principals", "more than 256");
		wire_string(&a->lists, item->valuestring, strlen(item->valuestring));
	}
	a->facts.principals = a->packed + start;
	a->facts.principals_length = a->lists.length - start;
	return true;
}

/* A value is a string within a string (PROTOCOL.certkeys); an empty one is nothing at
 * all. */
static void put_option(struct wire *wire, const cJSON *option)
{
	size_t length = strlen(option->valuestring);

	wire_string(wire, option->string, strlen(option->string));
	if (length == 0) {
		wire_u32(wire, 0);
		return;
	}
	wire_u32(wire, (uint32_t)length + 4);
	wire_string(wire, option->valuestring, length);
}

struct options {
	const uint8_t *list;
	size_t length;
	uint32_t count;
};

static bool take_options(const cJSON *params, const char *name, struct assembly *a,
    struct options *out, struct rpc_error *error)
{
	const cJSON *sorted[FACTS_OPTIONS_MAX], *object = param(params, name), *item;
	size_t start = a->lists.length;
	uint32_t i, count = 0;

	*out = (struct options){ .list = a->packed + start };
	if (!object)
		return true;
	if (!cJSON_IsObject(object))
		return invalid(error, name, "must be an object of names and strings");
	cJSON_ArrayForEach(item, object)
	{
		if (!cJSON_IsString(item))
			return invalid(
			    error, name, "every value must be a string, \"\" for none");
		if (count == FACTS_OPTIONS_MAX)
			return invalid(error, name, "more than 256");
		sorted[count++] = item;
	}
	json_sort_members(sorted, count);
	for (i = 0; i < count; i++)
		put_option(&a->lists, sorted[i]);
	out->length = a->lists.length - start;
	out->count = count;
	return true;
}

static bool take_all_options(
    const cJSON *params, struct assembly *a, struct rpc_error *error)
{
	struct options options;

	if (!take_options(params, "critical_options", a, &options, error))
		return false;
	a->facts.critical_options = options.list;
	a->facts.critical_options_length = options.length;
	a->facts.critical_options_count = options.count;
	if (!take_options(params, "extensions", a, &options, error))
		return false;
	a->facts.extensions = options.list;
	a->facts.extensions_length = options.length;
	a->facts.extensions_count = options.count;
	return true;
}

/* 0 when there is none. */
static bool take_ttl(
    const cJSON *params, bool fraction, uint64_t *ttl, struct rpc_error *error)
{
	const cJSON *item = param(params, "ttl");
	const char *text = cJSON_GetStringValue(item);

	*ttl = 0;
	if (!item)
		return true;
	if (text && duration_read(text, strlen(text), ttl))
		return true;
	if (!text && cJSON_IsNumber(item) && !fraction && item->valuedouble >= 1 &&
	    item->valuedouble <= (double)DURATION_MAX) {
		*ttl = (uint64_t)item->valuedouble;
		return true;
	}
	return invalid(error, "ttl",
	    "must be whole seconds or a duration such as \"8h\", from 1 second to ten "
	    "years");
}

static bool take_ca(
    const cJSON *params, enum document document, enum ca *ca, struct rpc_error *error)
{
	const cJSON *item = param(params, "ca");
	const char *text = cJSON_GetStringValue(item);

	*ca = document == DOCUMENT_SSH_HOST ? CA_HOST : CA_USER;
	if (!item)
		return true;
	if (text && ca_named(text, strlen(text), ca) &&
	    document_fits(document, *ca, PURPOSE_SSH))
		return true;
	return invalid(error, "ca", "must be \"user\" or \"openssh\"");
}

/* ---- judging and writing ---- */

static bool judge(const struct builder *builder, const struct issuer *issuer,
    const struct request *request, const struct facts *facts, struct decision *decision,
    struct rpc_error *error)
{
	policy_check(builder->policy, issuer, request, facts, decision);
	if (decision->verdict == VERDICT_PERMIT)
		return true;
	return rpc_refuse(error, builder->policy_name, decision->verdict, decision->line,
	    decision->fact, decision->value, decision->value_length, decision->why);
}

static void set_times(struct facts *facts, int64_t now, uint64_t ttl)
{
	facts->valid_after = (uint64_t)now - SSH_BACKDATE;
	facts->valid_before = (uint64_t)now + ttl;
}

/*
 * Without a ttl of the caller's, the rule that matches says how long it may be. Then the
 * whole is judged as the broker will judge it.
 */
static bool settle_times(const struct builder *builder, const struct issuer *issuer,
    enum document document, int64_t now, struct facts *facts, uint64_t *ttl,
    struct rpc_error *error)
{
	struct request request = {
		.document = document, .client = builder->client, .now = now
	};
	struct decision decision;

	if (*ttl == 0) {
		set_times(facts, now, 1);
		request.ignore_ttl = true;
		if (!judge(builder, issuer, &request, facts, &decision, error))
			return false;
		*ttl = builder->default_session_ttl < decision.ttl
			   ? builder->default_session_ttl
			   : decision.ttl;
		request.ignore_ttl = false;
	}
	set_times(facts, now, *ttl);
	if (!judge(builder, issuer, &request, facts, &decision, error))
		return false;
	if (ssh_public_key_on_curve(facts))
		return true;
	return rpc_refuse(error, builder->policy_name, VERDICT_INVARIANT, 0,
	    FACT_SUBJECT_KEY, (const uint8_t *)key_kind_name(facts->subject_kind),
	    strlen(key_kind_name(facts->subject_kind)),
	    "the public key is not a point of its curve");
}

static bool find_issuer(const struct builder *builder, enum ca ca, struct issuer *issuer,
    struct rpc_error *error)
{
	if (authorities_ssh_issuer(builder->authorities, ca, issuer))
		return true;
	rpc_fail(error, RPC_UNAVAILABLE, "the CA %s has no SSH key yet; ask again later",
	    ca_name(ca));
	error->retryable = true;
	return false;
}

static bool fill_nonce(struct assembly *a, struct rpc_error *error)
{
	if (getrandom(a->nonce, sizeof(a->nonce), 0) != (ssize_t)sizeof(a->nonce))
		return rpc_fail(error, RPC_INTERNAL, "the system gives no random bytes");
	a->facts.nonce = a->nonce;
	a->facts.nonce_length = sizeof(a->nonce);
	return true;
}

/* Facts that lack only issuer, nonce and times become a draft. */
static struct ssh_draft *complete(const struct builder *builder, enum document document,
    enum ca ca, uint64_t ttl, int64_t now, struct assembly *a, struct rpc_error *error)
{
	struct issuer issuer;
	struct ssh_draft *draft;
	size_t length;

	if (!find_issuer(builder, ca, &issuer, error) || !fill_nonce(a, error))
		return NULL;
	a->facts.serial = 0;
	a->facts.signature_key = issuer.public_key;
	a->facts.signature_key_length = issuer.public_key_length;
	if (!settle_times(builder, &issuer, document, now, &a->facts, &ttl, error))
		return NULL;
	length = ssh_certificate_write(&a->facts, a->document, sizeof(a->document));
	draft = length > 0 ? malloc(sizeof(*draft) + length) : NULL;
	if (!draft) {
		rpc_fail(error, length > 0 ? RPC_INTERNAL : RPC_INVALID_PARAMS, "%s",
		    length > 0 ? "no memory for the certificate"
			       : "the certificate would be longer than 65536 bytes");
		return NULL;
	}
	*draft = (struct ssh_draft){
		.document = document, .ca = ca, .ttl = ttl, .length = length
	};
	memcpy(draft->bytes, a->document, length);
	return draft;
}

struct ssh_draft *ssh_draft_build(const struct builder *builder, enum document document,
    const cJSON *params, bool fraction, int64_t now, struct rpc_error *error)
{
	struct assembly *a = malloc(sizeof(*a));
	struct ssh_draft *draft = NULL;
	enum ca ca;
	uint64_t ttl;

	if (!a) {
		rpc_fail(error, RPC_INTERNAL, "no memory for the certificate");
		return NULL;
	}
	a->facts = (struct facts){ .ssh_type = document == DOCUMENT_SSH_HOST
						   ? SSH_CERTIFICATE_HOST
						   : SSH_CERTIFICATE_USER };
	a->lists = (struct wire){ .out = a->packed, .room = sizeof(a->packed) };
	if (take_public_key(params, a, error) &&
	    take_key_id(params, document == DOCUMENT_SSH_USER, a, error) &&
	    take_principals(params, a, error) && take_all_options(params, a, error) &&
	    take_ttl(params, fraction, &ttl, error) &&
	    take_ca(params, document, &ca, error)) {
		if (a->lists.failed)
			rpc_fail(error, RPC_INVALID_PARAMS,
			    "the certificate would be longer than 65536 bytes");
		else
			draft = complete(builder, document, ca, ttl, now, a, error);
	}
	free(a);
	return draft;
}

bool ssh_draft_rebuild(const struct builder *builder, struct ssh_draft **draft,
    int64_t now, struct rpc_error *error)
{
	struct assembly *a = malloc(sizeof(*a));
	struct ssh_draft *old = *draft, *rebuilt = NULL;

	if (!a)
		return rpc_fail(error, RPC_INTERNAL, "no memory for the certificate");
	if (ssh_certificate_read(old->bytes, old->length, &a->facts) == SSH_FORM_GOOD)
		rebuilt =
		    complete(builder, old->document, old->ca, old->ttl, now, a, error);
	else
		rpc_fail(error, RPC_INTERNAL, "a certificate could not be built anew");
	free(a);
	if (!rebuilt)
		return false;
	*draft = rebuilt;
	ssh_draft_free(old);
	return true;
}

/* ---- the result ---- */

static uint64_t number(const uint8_t *bytes)
{
	uint64_t value = 0;
	unsigned i;

	for (i = 0; i < SERIAL_LENGTH; i++)
		value = value << 8 | bytes[i];
	return value;
}

static size_t write_signature(const struct facts *facts, const uint8_t *signature,
    size_t length, uint8_t *out, size_t room)
{
	struct facts signer = { 0 };

	if (!ssh_key_read(facts->signature_key, facts->signature_key_length, &signer))
		return 0;
	return ssh_signature_write(
	    signer.subject_kind, ssh_modulus_bits(&signer), signature, length, out, room);
}

static void write_result(const struct facts *facts, uint64_t serial,
    const struct wire *bytes, char *text, struct json_out *out)
{
	const char *type = ssh_certificate_type_name(facts->subject_kind);
	size_t type_length = strlen(type);
	char digits[24];

	memcpy(text, type, type_length);
	text[type_length] = ' ';
	base64_write(bytes->out, bytes->length, text + type_length + 1);
	snprintf(digits, sizeof(digits), "%llu", (unsigned long long)serial);
	json_open(out, '{');
	json_name(out, "certificate");
	json_string(out, text, type_length + 1 + BASE64_LENGTH(bytes->length));
	json_name(out, "serial");
	json_text(out, digits);
	json_name(out, "valid_after");
	json_number(out, (int64_t)facts->valid_after);
	json_name(out, "valid_before");
	json_number(out, (int64_t)facts->valid_before);
	json_close(out, '}');
}

bool ssh_draft_finish(const struct ssh_draft *draft, const uint8_t *serial,
    size_t serial_length, const uint8_t *signature, size_t signature_length,
    struct json_out *out, struct rpc_error *error)
{
	uint8_t blob[SSH_SIGNATURE_MAX];
	struct wire whole = { .room = draft->length + 4 + sizeof(blob) };
	struct facts facts;
	size_t length;
	char *text;

	if (serial_length != SERIAL_LENGTH ||
	    ssh_certificate_read(draft->bytes, draft->length, &facts) != SSH_FORM_GOOD)
		return rpc_fail(error, RPC_INTERNAL, "the broker's serial does not fit");
	length = write_signature(&facts, signature, signature_length, blob, sizeof(blob));
	if (length == 0)
		return rpc_fail(
		    error, RPC_INTERNAL, "the broker's signature is not of its form");
	whole.out = malloc(whole.room);
	text = malloc(64 + BASE64_LENGTH(whole.room));
	if (!whole.out || !text) {
		free(whole.out);
		free(text);
		return rpc_fail(error, RPC_INTERNAL, "no memory for the certificate");
	}
	memcpy(whole.out, draft->bytes, draft->length);
	memcpy(whole.out + facts.serial_at, serial, SERIAL_LENGTH);
	whole.length = draft->length;
	wire_string(&whole, blob, length);
	write_result(&facts, number(serial), &whole, text, out);
	free(whole.out);
	free(text);
	return true;
}

void ssh_draft_free(struct ssh_draft *draft)
{
	free(draft);
}
