/* The public records of the CAs; authorities.h has the contract. */
#include "worker/authorities.h"

#include "policy/ssh_certificate.h"
#include "policy/x509_certificate.h"
#include "policy/x509_signed.h"
#include "worker/base64.h"
#include "worker/pem_text.h"
#include "worker/ssh_public_key.h"
#include "worker/ssh_signature.h"
#include "worker/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#define KEY_TEXT_MAX  PEM_ROOM(AUTHORITY_CERTIFICATE_MAX)
#define CRL_MAX	      32768 /* bytes of one, DER */
#define SHA256_LENGTH 32

/* In this order keys are looked at: the first active one signs. */
static const struct {
	const char *member;
	const char *status;
} key_sets[] = { { "active_keys", "active" }, { "additional_trusted_keys", "trusted" } };

#define KEY_SETS (sizeof(key_sets) / sizeof(key_sets[0]))

static const cJSON *member(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

static const char *text_of(const cJSON *object, const char *name)
{
	const char *text = cJSON_GetStringValue(member(object, name));

	return text ? text : "";
}

/* The base64 of a member of an entry. */
static bool bytes_of(
    const cJSON *entry, const char *name, void *out, size_t room, size_t *length)
{
	const char *text = text_of(entry, name);

	return base64_read(text, strlen(text), out, room, length);
}

/* ---- entries ---- */

/* A key of a record: its SSH blob, and of a TLS key its certificate. */
struct entry {
	struct facts facts; /* subject_*; of a TLS key all of the certificate's */
	struct ssh_public_key key;
	uint8_t certificate[AUTHORITY_CERTIFICATE_MAX];
	size_t certificate_length;
};

/* An authorized_keys line. */
static bool read_ssh(const cJSON *json, struct entry *entry)
{
	char line[KEY_TEXT_MAX], error[SSH_PUBLIC_KEY_ERROR_MAX];
	size_t length;

	return bytes_of(json, "public_key", line, sizeof(line), &length) &&
	       ssh_public_key_read(line, length, &entry->key, &entry->facts, error);
}

/* Who signed it is not asked: the broker made it. */
static bool read_certificate(const uint8_t *der, size_t length, struct facts *facts)
{
	struct x509_signed parts;

	return x509_signed_read(der, length, &parts) &&
	       x509_certificate_read(parts.document.at, parts.document.length, facts) ==
		   X509_FORM_GOOD &&
	       facts->x509_is_ca;
}

/* PEM of a certificate. */
static bool read_tls(const cJSON *json, struct entry *entry)
{
	char text[KEY_TEXT_MAX];
	size_t length;

	if (!bytes_of(json, "cert", text, sizeof(text), &length) ||
	    !pem_read(text, length, "CERTIFICATE", entry->certificate,
		sizeof(entry->certificate), &entry->certificate_length) ||
	    !read_certificate(
		entry->certificate, entry->certificate_length, &entry->facts))
		return false;
	entry->key.length =
	    ssh_key_write(&entry->facts, entry->key.blob, sizeof(entry->key.blob));
	return entry->key.length > 0;
}

/* The protocols whose keys are shown, in the order in which they are. */
static const struct protocol {
	enum purpose purpose;
	const char *member;  /* of a key set */
	const char *name;    /* in `status` */
	const char *storage; /* the entry's member that says where the private key lies */
	bool (*read)(const cJSON *json, struct entry *entry);
} protocols[] = {
	{ PURPOSE_SSH, "ssh", "SSH", "private_key_type", read_ssh },
	{ PURPOSE_TLS, "tls", "TLS", "key_type", read_tls },
};

#define PROTOCOLS (sizeof(protocols) / sizeof(protocols[0]))

static bool read_entry(
    const struct protocol *protocol, const cJSON *json, struct entry *entry)
{
	entry->facts = (struct facts){ 0 };
	entry->certificate_length = 0;
	return protocol->read(json, entry);
}

/* ---- taking a record ---- */

static bool keep_certificate(struct authority *authority, const struct entry *entry)
{
	size_t length = entry->certificate_length;

	authority->certificate = malloc(length);
	authority->chain = calloc(1, sizeof(*authority->chain) + PEM_ROOM(length));
	if (!authority->certificate || !authority->chain)
		return false;
	memcpy(authority->certificate, entry->certificate, length);
	authority->chain->holders = 1;
	pem_write("CERTIFICATE", authority->certificate, length, authority->chain->text);
	return read_certificate(
	    authority->certificate, length, &authority->certificate_facts);
}

/* Packs the key; the first of the active ones is the one that signs. */
static bool take_entry(struct authority *authority, enum purpose purpose, bool active,
    const struct entry *entry, struct wire *packed)
{
	struct authority_signer *signer = &authority->signer[purpose];

	wire_string(packed, entry->key.blob, entry->key.length);
	if (packed->failed)
		return false;
	authority->keys_length = packed->length;
	if (!active || signer->length > 0)
		return true;
	*signer = (struct authority_signer){ packed->length - entry->key.length,
		entry->key.length, entry->facts.subject_kind };
	return purpose != PURPOSE_TLS || keep_certificate(authority, entry);
}

static bool take_keys(struct authority *authority, const cJSON *spec,
    const struct protocol *protocol, struct wire *packed)
{
	struct entry entry;
	const cJSON *json;
	unsigned i;

	for (i = 0; i < KEY_SETS; i++)
		cJSON_ArrayForEach(
		    json, member(member(spec, key_sets[i].member), protocol->member))
		{
			if (!read_entry(protocol, json, &entry) ||
			    !take_entry(
				authority, protocol->purpose, i == 0, &entry, packed))
				return false;
		}
	return true;
}

static bool take_all_keys(struct authority *authority, enum ca ca, const cJSON *spec,
    char error[AUTHORITY_ERROR_MAX])
{
	struct wire packed = { .out = authority->keys, .room = sizeof(authority->keys) };
	unsigned i;

	for (i = 0; i < PROTOCOLS; i++) {
		if (take_keys(authority, spec, &protocols[i], &packed))
			continue;
		snprintf(error, AUTHORITY_ERROR_MAX, "CA %s: its %s key is not readable",
		    ca_name(ca), protocols[i].name);
		return false;
	}
	return true;
}

void chain_release(struct chain *chain)
{
	/* One that is not whole yet has no holder. */
	if (chain && (chain->holders == 0 || --chain->holders == 0))
		free(chain);
}

static void free_authority(struct authority *authority)
{
	cJSON_free(authority->json);
	free(authority->certificate);
	chain_release(authority->chain);
	*authority = (struct authority){ 0 };
}

static void sum_up(struct authorities *authorities)
{
	unsigned ca;

	authorities->keys_length = 0;
	for (ca = 0; ca < CA_COUNT; ca++) {
		memcpy(authorities->keys + authorities->keys_length,
		    authorities->of[ca].keys, authorities->of[ca].keys_length);
		authorities->keys_length += authorities->of[ca].keys_length;
	}
}

static bool read_record(struct authority *authority, enum ca ca, const char *json,
    size_t length, char error[AUTHORITY_ERROR_MAX])
{
	struct json_outline outline;
	const cJSON *spec;
	cJSON *tree = NULL;
	size_t at;

	if (json_check(json, length, &outline, &at) == JSON_GOOD)
		tree = json_parse(json, length);
	spec = member(tree, "spec");
	if (!tree || strcmp(text_of(spec, "type"), ca_name(ca)) != 0)
		snprintf(error, AUTHORITY_ERROR_MAX,
		    "the record of CA %s is not readable", ca_name(ca));
	else if (take_all_keys(authority, ca, spec, error))
		authority->json = cJSON_PrintUnformatted(tree);
	cJSON_Delete(tree);
	if (!authority->json)
		return false;
	authority->json_length = strlen(authority->json);
	authority->exists = true;
	return true;
}

/* The records come again and again: one chain is held once, however often it came. */
static void share_chain(struct authority *fresh, const struct authority *old)
{
	if (!fresh->chain || !old->chain ||
	    strcmp(fresh->chain->text, old->chain->text) != 0)
		return;
	chain_release(fresh->chain);
	fresh->chain = old->chain;
	fresh->chain->holders++;
}

bool authorities_take(struct authorities *authorities, enum ca ca, const char *json,
    size_t length, char error[AUTHORITY_ERROR_MAX])
{
	struct authority fresh = { 0 };

	snprintf(
	    error, AUTHORITY_ERROR_MAX, "no memory for the record of CA %s", ca_name(ca));
	if (length > 0 && !read_record(&fresh, ca, json, length, error)) {
		free_authority(&fresh);
		return false;
	}
	share_chain(&fresh, &authorities->of[ca]);
	free_authority(&authorities->of[ca]);
	authorities->of[ca] = fresh;
	sum_up(authorities);
	return true;
}

/* ---- who signs ---- */

bool authorities_issuer(const struct authorities *authorities, enum ca ca,
    enum purpose purpose, struct issuer *issuer)
{
	const struct authority *authority = &authorities->of[ca];
	const struct authority_signer *signer = &authority->signer[purpose];
	const struct facts *facts = &authority->certificate_facts;

	if (!authority->exists || signer->length == 0)
		return false;
	*issuer = (struct issuer){
		.ca = ca,
		.purpose = purpose,
		.key_kind = signer->kind,
		.public_key = authority->keys + signer->at,
		.public_key_length = signer->length,
		.not_after = INT64_MAX,
		.ca_keys = authorities->keys,
		.ca_keys_length = authorities->keys_length,
	};
	if (purpose != PURPOSE_TLS)
		return true;
	issuer->not_after = facts->x509_not_after;
	issuer->name = facts->x509_subject;
	issuer->name_length = facts->x509_subject_length;
	issuer->key_id = facts->x509_subject_key_id;
	issuer->key_id_length = facts->x509_subject_key_id_length;
	return true;
}

struct chain *authorities_hold_chain(const struct authorities *authorities, enum ca ca)
{
	struct chain *chain = authorities->of[ca].chain;

	if (chain)
		chain->holders++;
	return chain;
}

/* ---- what is shown ---- */

void authorities_write(
    const struct authorities *authorities, enum ca only, struct json_out *out)
{
	unsigned ca;

	json_open(out, '[');
	for (ca = 0; ca < CA_COUNT; ca++)
		if (authorities->of[ca].exists &&
		    (only == CA_COUNT || only == (enum ca)ca))
			json_value(out, authorities->of[ca].json,
			    authorities->of[ca].json_length);
	json_close(out, ']');
}

/* Teleport's numbers for where a private key lies. */
static const char *storage_of(const cJSON *entry, const char *name)
{
	const cJSON *type = member(entry, name);

	switch (cJSON_IsNumber(type) ? type->valueint : 0) {
	case 0:
		return "software";
	case 1:
		return "PKCS#11 HSM";
	case 2:
		return "GCP KMS";
	case 3:
		return "AWS KMS";
	default:
		return "unknown";
	}
}

static void write_key(const struct protocol *protocol, const cJSON *json,
    const char *status, struct json_out *out)
{
	char algorithm[32] = "unknown";
	struct entry entry;

	if (read_entry(protocol, json, &entry) && entry.facts.subject_kind == KEY_RSA)
		snprintf(algorithm, sizeof(algorithm), "RSA %zu",
		    ssh_modulus_bits(&entry.facts));
	else if (entry.facts.subject_key_length > 0)
		snprintf(algorithm, sizeof(algorithm), "%s",
		    key_kind_name(entry.facts.subject_kind));
	json_open(out, '{');
	json_name(out, "protocol");
	json_text(out, protocol->name);
	json_name(out, "status");
	json_text(out, status);
	json_name(out, "algorithm");
	json_text(out, algorithm);
	json_name(out, "storage");
	json_text(out, storage_of(json, protocol->storage));
	json_close(out, '}');
}

static void write_rotation(const cJSON *spec, struct json_out *out)
{
	char *rotation = cJSON_PrintUnformatted(member(spec, "rotation"));

	json_name(out, "rotation");
	if (rotation)
		json_value(out, rotation, strlen(rotation));
	else /* absent until the first rotation */
		json_value(out, "{\"state\":\"standby\"}", 19);
	cJSON_free(rotation);
}

static void write_row(const struct authority *authority, struct json_out *out)
{
	cJSON *tree = json_parse(authority->json, authority->json_length);
	const cJSON *spec = member(tree, "spec"), *json;
	unsigned p, i;

	json_open(out, '{');
	json_name(out, "cluster_name");
	json_text(out, text_of(spec, "cluster_name"));
	json_name(out, "type");
	json_text(out, text_of(spec, "type"));
	write_rotation(spec, out);
	json_name(out, "keys");
	json_open(out, '[');
	for (p = 0; p < PROTOCOLS; p++)
		for (i = 0; i < KEY_SETS; i++)
			cJSON_ArrayForEach(json,
			    member(member(spec, key_sets[i].member), protocols[p].member))
			    write_key(&protocols[p], json, key_sets[i].status, out);
	json_close(out, ']');
	json_close(out, '}');
	cJSON_Delete(tree);
}

void authorities_write_status(const struct authorities *authorities, struct json_out *out)
{
	unsigned ca;

	json_open(out, '[');
	for (ca = 0; ca < CA_COUNT; ca++)
		if (authorities->of[ca].exists)
			write_row(&authorities->of[ca], out);
	json_close(out, ']');
}

/* Calls `show` for each TLS key of that CA, active ones first. */
static void each_tls(const struct authorities *authorities, enum ca ca,
    void (*show)(const cJSON *json, void *context), void *context)
{
	const struct authority *authority = &authorities->of[ca];
	cJSON *tree;
	const cJSON *json;
	unsigned i;

	if (!authority->exists)
		return;
	tree = json_parse(authority->json, authority->json_length);
	for (i = 0; i < KEY_SETS; i++)
		cJSON_ArrayForEach(
		    json, member(member(member(tree, "spec"), key_sets[i].member), "tls"))
		    show(json, context);
	cJSON_Delete(tree);
}

static void write_pin(const cJSON *json, void *context)
{
	char text[7 + 2 * SHA256_LENGTH + 1] = "sha256:";
	uint8_t info[SSH_PUBLIC_KEY_BLOB_MAX], digest[SHA256_LENGTH];
	struct entry entry;
	size_t length, i;

	if (!read_entry(&protocols[1], json, &entry))
		return; /* it was read before */
	length = x509_key_write(&entry.facts, info, sizeof(info));
	if (length == 0 ||
	    EVP_Q_digest(NULL, "SHA256", NULL, info, length, digest, NULL) != 1)
		return;
	for (i = 0; i < sizeof(digest); i++)
		snprintf(text + 7 + 2 * i, 3, "%02x", digest[i]);
	json_text(context, text);
}

void authorities_write_pins(const struct authorities *authorities, struct json_out *out)
{
	json_open(out, '[');
	each_tls(authorities, CA_HOST, write_pin, out);
	json_close(out, ']');
}

/* PEM blocks one after another. */
struct crls {
	char *text;
	size_t length;
};

static void add_crl(const cJSON *json, void *context)
{
	struct crls *crls = context;
	uint8_t crl[CRL_MAX];
	size_t length;
	char *text;

	if (!bytes_of(json, "crl", crl, sizeof(crl), &length) || length == 0)
		return;
	text = realloc(crls->text, crls->length + PEM_ROOM(length));
	if (!text)
		return;
	crls->text = text;
	crls->length += pem_write("X509 CRL", crl, length, text + crls->length);
}

bool authorities_write_crl(
    const struct authorities *authorities, enum ca ca, struct json_out *out)
{
	struct crls crls = { 0 };

	each_tls(authorities, ca, add_crl, &crls);
	if (crls.length == 0)
		return false;
	json_open(out, '{');
	json_name(out, "crl");
	json_string(out, crls.text, crls.length);
	json_close(out, '}');
	free(crls.text);
	return true;
}

void authorities_free(struct authorities *authorities)
{
	unsigned ca;

	for (ca = 0; ca < CA_COUNT; ca++)
		free_authority(&authorities->of[ca]);
	memset(authorities, 0, sizeof(*authorities));
}
