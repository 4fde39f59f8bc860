/* Builds SSH certificates; draft_kind.h has the contract. */
#include "worker/base64.h"
#include "worker/draft_kind.h"
#include "worker/ssh_signature.h"
#include "worker/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static bool take_public_key(
    const cJSON *params, struct assembly *a, struct rpc_error *error)
{
	const char *line = cJSON_GetStringValue(params_get(params, "public_key"));
	char why[SSH_PUBLIC_KEY_ERROR_MAX];

	if (!line)
		return params_fail(
		    error, "public_key", "required, one line `TYPE BASE64`");
	if (!ssh_public_key_read(line, strlen(line), &a->key.ssh, &a->facts, why))
		return params_fail(error, "public_key", why);
	return true;
}

static bool take_key_id(
    const cJSON *params, bool required, struct assembly *a, struct rpc_error *error)
{
	const cJSON *item = params_get(params, "key_id");
	const char *text = cJSON_GetStringValue(item);

	if (!item && !required)
		return true;
	if (!text)
		return params_fail(error, "key_id", "required, a string");
	a->facts.key_id = (const uint8_t *)text;
	a->facts.key_id_length = strlen(text);
	return true;
}

static bool take_principals(
    const cJSON *params, struct assembly *a, struct rpc_error *error)
{
	const cJSON *list = params_get(params, "principals"), *item;
	size_t start = a->lists.length;

	if (!cJSON_IsArray(list) || !list->child)
		return params_fail(
		    error, "principals", "required, a list of at least one string");
	cJSON_ArrayForEach(item, list)
	{
		if (!cJSON_IsString(item))
			return params_fail(
			    error, "principals", "every one must be a string");
		if (++a->facts.principals_count > FACTS_PRINCIPALS_MAX)
			return params_fail(error, "principals", "more than 256");
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
	const cJSON *sorted[FACTS_OPTIONS_MAX], *object = params_get(params, name), *item;
	size_t start = a->lists.length;
	uint32_t i, count = 0;

	*out = (struct options){ .list = a->packed + start };
	if (!object)
		return true;
	if (!cJSON_IsObject(object))
		return params_fail(error, name, "must be an object of names and strings");
	cJSON_ArrayForEach(item, object)
	{
		if (!cJSON_IsString(item))
			return params_fail(
			    error, name, "every value must be a string, \"\" for none");
		if (count == FACTS_OPTIONS_MAX)
			return params_fail(error, name, "more than 256");
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

static bool take_params(struct assembly *a, enum document document, const cJSON *params,
    struct rpc_error *error)
{
	bool host = document == DOCUMENT_SSH_HOST;

	a->facts.ssh_type = host ? SSH_CERTIFICATE_HOST : SSH_CERTIFICATE_USER;
	a->lists = (struct wire){ .out = a->packed, .room = sizeof(a->packed) };
	if (!take_public_key(params, a, error) || !take_key_id(params, !host, a, error) ||
	    !take_principals(params, a, error) || !take_all_options(params, a, error))
		return false;
	return !a->lists.failed || draft_too_long(error);
}

static bool take_issuer(
    struct assembly *a, const struct issuer *issuer, struct rpc_error *error)
{
	if (getrandom(a->nonce, sizeof(a->nonce), 0) != (ssize_t)sizeof(a->nonce))
		return rpc_fail(error, RPC_INTERNAL, "the system gives no random bytes");
	a->facts.nonce = a->nonce;
	a->facts.nonce_length = sizeof(a->nonce);
	a->facts.serial = 0;
	a->facts.signature_key = issuer->public_key;
	a->facts.signature_key_length = issuer->public_key_length;
	return true;
}

static void set_times(struct facts *facts, int64_t from, int64_t until)
{
	facts->valid_after = (uint64_t)from;
	facts->valid_before = (uint64_t)until;
}

/* ---- the result ---- */

static size_t attach(
    const struct facts *facts, const struct draft *draft, uint8_t *out, size_t room)
{
	uint8_t blob[SSH_SIGNATURE_MAX];
	struct wire whole = { .out = out, .room = room, .length = draft->length };
	struct facts signer = { 0 };
	size_t length;

	if (!ssh_key_read(facts->signature_key, facts->signature_key_length, &signer))
		return 0;
	length = ssh_signature_write(signer.subject_kind, ssh_modulus_bits(&signer),
	    draft->bytes + draft->length, draft->signature_length, blob, sizeof(blob));
	if (length == 0)
		return 0;
	memcpy(out, draft->bytes, draft->length);
	wire_string(&whole, blob, length);
	return whole.failed ? 0 : whole.length;
}

static bool write_result(const struct facts *facts, const struct draft *draft,
    struct slice whole, struct json_out *out)
{
	const char *type = ssh_certificate_type_name(facts->subject_kind);
	size_t type_length = strlen(type);
	char digits[24], *text;

	(void)draft; /* what it says stands in the facts */
	text = malloc(type_length + 1 + BASE64_LENGTH(whole.length));
	if (!text)
		return false;
	memcpy(text, type, type_length);
	text[type_length] = ' ';
	base64_write(whole.at, whole.length, text + type_length + 1);
	snprintf(digits, sizeof(digits), "%llu", (unsigned long long)facts->serial);
	json_open(out, '{');
	json_name(out, "certificate");
	json_string(out, text, type_length + 1 + BASE64_LENGTH(whole.length));
	json_name(out, "serial");
	json_text(out, digits);
	json_name(out, "valid_after");
	json_number(out, (int64_t)facts->valid_after);
	json_name(out, "valid_before");
	json_number(out, (int64_t)facts->valid_before);
	json_close(out, '}');
	free(text);
	return true;
}

const struct draft_kind draft_ssh = {
	.key_name = "SSH",
	.purpose = PURPOSE_SSH,
	.most = FACTS_DOCUMENT_MAX,
	.take_params = take_params,
	.take_issuer = take_issuer,
	.set_times = set_times,
	.attach = attach,
	.write = write_result,
};
