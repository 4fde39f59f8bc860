/* Loading and showing of CA keys; ca_keys.h has the promises. */
#include "broker/ca_keys.h"
#include "broker/broker.h"
#include "broker/clocks.h"
#include "broker/json_members.h"
#include "ipc/log.h"
#include "policy/ssh_certificate.h"
#include "policy/x509_certificate.h"
#include "policy/x509_signed.h"

#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TELEPORT_AWS_KMS 3

/* ---- what is public ---- */

/* ssh: a line as in authorized_keys. */
static bool fill_ssh(cJSON *item, const struct state_key *key)
{
	char blob[(KEY_BLOB_MAX + 2) / 3 * 4 + 1], line[sizeof blob + 64];
	struct facts facts;
	int n;

	if (!ssh_key_read(key->blob, key->blob_length, &facts))
		return false;
	EVP_EncodeBlock((unsigned char *)blob, key->blob, (int)key->blob_length);
	n = snprintf(
	    line, sizeof line, "%s %s\n", ssh_key_type_name(facts.subject_kind), blob);
	return json_add_bytes(item, "public_key", line, (size_t)n);
}

/* tls: the certificate as PEM, the CRL as it is. */
static bool fill_tls(cJSON *item, const struct state_key *key)
{
	BIO *text = BIO_new(BIO_s_mem());
	char *bytes = NULL;
	long length = 0;
	bool good;

	if (text &&
	    PEM_write_bio(text, PEM_STRING_X509, "", key->document[CA_CERTIFICATE].bytes,
		(long)key->document[CA_CERTIFICATE].length) > 0)
		length = BIO_get_mem_data(text, &bytes);
	good = length > 0 && json_add_bytes(item, "cert", bytes, (size_t)length) &&
	       json_add_bytes(item, "crl", key->document[CA_CRL].bytes,
		   key->document[CA_CRL].length);
	BIO_free(text);
	return good;
}

/* A TLS key is not shown before it has all that it shows. */
static bool is_whole(const struct state_key *key, enum purpose purpose)
{
	return purpose != PURPOSE_TLS || (key->document[CA_CERTIFICATE].length > 0 &&
					     key->document[CA_CRL].length > 0);
}

static bool is_software(const char *identifier)
{
	const char *prefix = keystore_software.prefix;

	return strncmp(identifier, prefix, strlen(prefix)) == 0;
}

/* Where a private key lies, in Teleport's numbers; that of files it leaves out. */
static bool add_storage(cJSON *item, const struct state_key *key, enum purpose purpose)
{
	return is_software(key->identifier) ||
	       cJSON_AddNumberToObject(item,
		   purpose == PURPOSE_TLS ? "key_type" : "private_key_type",
		   TELEPORT_AWS_KMS);
}

static bool add_keys(cJSON *set, const struct state_keys *keys, enum purpose purpose)
{
	cJSON *list = NULL, *item;
	unsigned i;

	for (i = 0; i < keys->count; i++) {
		if (!is_whole(&keys->key[i], purpose))
			continue;
		if (!list)
			list = cJSON_AddArrayToObject(set, purpose_name(purpose));
		item = json_add_object(list);
		if ((purpose == PURPOSE_TLS ? !fill_tls(item, &keys->key[i])
					    : !fill_ssh(item, &keys->key[i])) ||
		    !add_storage(item, &keys->key[i], purpose))
			return false;
	}
	return true;
}

static bool add_set(
    cJSON *spec, const char *name, const struct state *state, enum ca ca, int set)
{
	cJSON *object = cJSON_AddObjectToObject(spec, name);

	return object &&
	       add_keys(object, &state->keys[ca][PURPOSE_SSH][set], PURPOSE_SSH) &&
	       add_keys(object, &state->keys[ca][PURPOSE_TLS][set], PURPOSE_TLS);
}

static bool fill_resource(cJSON *root, const struct state *state, enum ca ca)
{
	cJSON *metadata, *spec;

	if (!cJSON_AddStringToObject(root, "kind", "cert_authority") ||
	    !cJSON_AddStringToObject(root, "sub_kind", ca_name(ca)) ||
	    !cJSON_AddStringToObject(root, "version", "v2"))
		return false;
	metadata = cJSON_AddObjectToObject(root, "metadata");
	spec = cJSON_AddObjectToObject(root, "spec");
	if (!metadata || !spec ||
	    !cJSON_AddStringToObject(metadata, "name", state->cluster) ||
	    !cJSON_AddStringToObject(spec, "type", ca_name(ca)) ||
	    !cJSON_AddStringToObject(spec, "cluster_name", state->cluster))
		return false;
	return add_set(spec, "active_keys", state, ca, KEY_SET_ACTIVE) &&
	       add_set(spec, "additional_trusted_keys", state, ca, KEY_SET_TRUSTED);
}

static bool exists(const struct state *state, enum ca ca)
{
	int purpose;

	for (purpose = 0; purpose < PURPOSE_COUNT; purpose++)
		if (state->keys[ca][purpose][KEY_SET_ACTIVE].count > 0)
			return true;
	return false;
}

/* The text is made once and kept, since every new worker asks for all of them. */
static bool show(struct broker *broker, enum ca ca, struct failure *failure)
{
	struct authority *authority = &broker->authorities[ca];
	cJSON *root;

	cJSON_free(authority->json);
	authority->json = NULL;
	authority->json_length = 0;
	if (!exists(&broker->state, ca))
		return true;
	root = cJSON_CreateObject();
	if (fill_resource(root, &broker->state, ca))
		authority->json = cJSON_PrintUnformatted(root);
	cJSON_Delete(root);
	if (!authority->json)
		return failure_say(failure, "out of memory");
	authority->json_length = strlen(authority->json);
	if (authority->json_length > OP_REPORT_MAX)
		return failure_say(
		    failure, "the %s CA has too many keys to be shown", ca_name(ca));
	return true;
}

static void pack_key(struct broker *broker, const struct state_key *key)
{
	uint8_t *at = broker->all_keys + broker->all_keys_length;

	at[0] = at[1] = 0;
	at[2] = (uint8_t)(key->blob_length >> 8);
	at[3] = (uint8_t)(key->blob_length & 0xff);
	memcpy(at + 4, key->blob, key->blob_length);
	broker->all_keys_length += 4 + key->blob_length;
}

static bool bad_document(
    struct failure *failure, enum ca ca, const char *name, const char *fault)
{
	return failure_say(failure,
	    "the %s CA's %s in state.json %s; restore state.json and keys from one "
	    "backup",
	    ca_name(ca), name, fault);
}

/* What the CA's own certificate says is what its documents are compared with. */
static bool know_certificate(struct broker *broker, enum ca ca, struct failure *failure)
{
	const struct state_keys *keys =
	    &broker->state.keys[ca][PURPOSE_TLS][KEY_SET_ACTIVE];
	struct authority *authority = &broker->authorities[ca];
	struct ca_signer signer = { .key = &authority->key[PURPOSE_TLS],
		.crypto = &broker->crypto,
		.cluster = broker->state.cluster };
	const char *fault;
	int i;

	authority->certificate = (struct facts){ .x509_is_ca = false };
	if (keys->count == 0)
		return true;
	for (i = 0; i < CA_DOCUMENTS; i++) {
		if (keys->key[0].document[i].length == 0)
			return true;
		fault = ca_signed_fault((enum ca_document)i, &signer,
		    keys->key[0].document[i].bytes, keys->key[0].document[i].length);
		if (fault)
			return bad_document(
			    failure, ca, ca_document_name((enum ca_document)i), fault);
	}
	if (signer.certificate.x509_not_after <= clock_wall_seconds())
		return failure_say(failure,
		    "the %s CA's certificate has expired; if this host's clock is right, "
		    "move the state directory aside to begin with new CAs",
		    ca_name(ca));
	authority->certificate = signer.certificate;
	return true;
}

bool ca_keys_publish(struct broker *broker, struct failure *failure)
{
	const struct state_key *key;
	unsigned place;
	int ca;

	broker->all_keys_length = 0;
	for (place = 0; (key = state_key_from(&broker->state, &place)); place++)
		pack_key(broker, key);
	for (ca = 0; ca < CA_COUNT; ca++)
		if (!know_certificate(broker, (enum ca)ca, failure) ||
		    !show(broker, (enum ca)ca, failure))
			return false;
	return true;
}

/* ---- keys ---- */

/* Software keys are used on after `keystore aws_kms` was configured, until the CA is
 * rotated. */
static struct keystore *keystore_of(struct broker *broker, const char *identifier)
{
	struct keystore *kms = &broker->kms;

	return kms->methods && strncmp(identifier, kms->methods->prefix,
				   strlen(kms->methods->prefix)) == 0
		   ? kms
		   : &broker->keystore;
}

static bool load_one(
    struct broker *broker, enum ca ca, enum purpose purpose, struct failure *failure)
{
	const struct state_keys *keys = &broker->state.keys[ca][purpose][KEY_SET_ACTIVE];
	struct key *key = &broker->authorities[ca].key[purpose];
	struct keystore *keystore;

	if (keys->count == 0)
		return true;
	if (!broker->kms.methods && !is_software(keys->key[0].identifier))
		return failure_say(failure,
		    "the %s CA's key is %s, but the policy says `keystore software`; put "
		    "`keystore aws_kms` with its account and region back",
		    ca_name(ca), keys->key[0].identifier);
	keystore = keystore_of(broker, keys->key[0].identifier);
	return keystore->methods->load(keystore, keys->key[0].identifier,
	    (struct slice){ keys->key[0].blob, keys->key[0].blob_length }, key, failure);
}

bool ca_keys_load(struct broker *broker, struct failure *failure)
{
	int ca, purpose;

	for (ca = 0; ca < CA_COUNT; ca++)
		for (purpose = 0; purpose < PURPOSE_COUNT; purpose++)
			if (!load_one(
				broker, (enum ca)ca, (enum purpose)purpose, failure))
				return false;
	for (ca = 0; ca < CA_COUNT; ca++)
		if (ca_keys_local(broker, (enum ca)ca))
			log_warning(
			    "the %s CA has software keys, while the policy says "
			    "`keystore aws_kms`: it signs with them until it is rotated",
			    ca_name((enum ca)ca));
	return ca_keys_publish(broker, failure);
}

bool ca_keys_local(const struct broker *broker, enum ca ca)
{
	const struct key *key = broker->authorities[ca].key;
	int purpose;

	for (purpose = 0; purpose < PURPOSE_COUNT; purpose++)
		if (broker->kms.kms && key[purpose].blob_length > 0 &&
		    !key[purpose].keystore->methods->remote)
			return true;
	return false;
}

const struct key *ca_key(const struct broker *broker, enum ca ca, enum purpose purpose)
{
	const struct authority *authority = &broker->authorities[ca];

	if (purpose == PURPOSE_TLS && !authority->certificate.x509_is_ca)
		return NULL;
	return authority->key[purpose].blob_length > 0 ? &authority->key[purpose] : NULL;
}

/* Certificates name what signs them by its identifier. */
static bool has_key_id(const struct state_key *key, struct slice id)
{
	struct x509_signed parts;
	struct facts facts;

	return x509_signed_read(key->document[CA_CERTIFICATE].bytes,
		   key->document[CA_CERTIFICATE].length, &parts) &&
	       x509_certificate_read(parts.document.at, parts.document.length, &facts) ==
		   X509_FORM_GOOD &&
	       slice_same(id, FACTS_SLICE(&facts, x509_subject_key_id));
}

bool ca_key_was(const struct broker *broker, enum ca ca, enum purpose purpose,
    const struct facts *facts)
{
	const struct state_keys *keys = &broker->state.keys[ca][purpose][KEY_SET_TRUSTED];
	unsigned i;

	for (i = 0; i < keys->count; i++)
		if (purpose == PURPOSE_TLS
			? has_key_id(
			      &keys->key[i], FACTS_SLICE(facts, x509_authority_key_id))
			: slice_same((struct slice){ keys->key[i].blob,
					 keys->key[i].blob_length },
			      FACTS_SLICE(facts, signature_key)))
			return true;
	return false;
}

void ca_keys_free(struct broker *broker)
{
	int ca, purpose;

	for (ca = 0; ca < CA_COUNT; ca++) {
		for (purpose = 0; purpose < PURPOSE_COUNT; purpose++)
			key_free(&broker->authorities[ca].key[purpose]);
		cJSON_free(broker->authorities[ca].json);
		broker->authorities[ca].json = NULL;
	}
}
