/* Making, loading and showing of CA keys; ca_keys.h has the promises. */
#include "broker/ca_keys.h"
#include "ipc/log.h"
#include "policy/ssh_certificate.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Which kind of key each suite gives a CA for a purpose (Teleport's suites). A CA and
 * purpose without a row has no key yet. */
/* clang-format off */
static const struct authority_row {
	enum ca ca;
	enum purpose purpose;
	enum key_kind kind[SUITE_COUNT]; /* unspecified, legacy, balanced-v1, fips-v1, hsm-v1 */
} authority_rows[] = {
	{ CA_USER,    PURPOSE_SSH, { KEY_RSA, KEY_RSA, KEY_ED25519, KEY_P256, KEY_P256 } },
	{ CA_HOST,    PURPOSE_SSH, { KEY_RSA, KEY_RSA, KEY_ED25519, KEY_P256, KEY_P256 } },
	{ CA_OPENSSH, PURPOSE_SSH, { KEY_RSA, KEY_RSA, KEY_ED25519, KEY_P256, KEY_P256 } },
};
/* clang-format on */

#define ROWS (sizeof authority_rows / sizeof authority_rows[0])

static struct state_keys *active(struct broker *broker, const struct authority_row *row)
{
	return &broker->state.keys[row->ca][row->purpose][KEY_SET_ACTIVE];
}

/* ---- what is public ---- */

/* Base64 in `out`, which has room for it. */
static void base64(char *out, const void *bytes, size_t length)
{
	EVP_EncodeBlock((unsigned char *)out, bytes, (int)length);
}

/* public_key of an ssh entry: the base64 of a line as in authorized_keys. */
static bool add_ssh_key(cJSON *list, const struct state_key *key, enum key_kind kind)
{
	char blob[(KEY_BLOB_MAX + 2) / 3 * 4 + 1], line[sizeof blob + 64],
	    text[(sizeof line + 2) / 3 * 4 + 1];
	cJSON *item = cJSON_CreateObject();
	int n;

	base64(blob, key->blob, key->blob_length);
	n = snprintf(line, sizeof line, "%s %s\n", ssh_key_type_name(kind), blob);
	base64(text, line, (size_t)n);
	if (cJSON_AddStringToObject(item, "public_key", text) &&
	    cJSON_AddItemToArray(list, item))
		return true;
	cJSON_Delete(item);
	return false;
}

static bool add_ssh_keys(cJSON *set, const struct state_keys *keys)
{
	struct facts facts;
	cJSON *list;
	unsigned i;

	if (keys->count == 0)
		return true;
	list = cJSON_AddArrayToObject(set, "ssh");
	for (i = 0; list && i < keys->count; i++)
		if (!ssh_key_read(keys->key[i].blob, keys->key[i].blob_length, &facts) ||
		    !add_ssh_key(list, &keys->key[i], facts.subject_kind))
			return false;
	return list != NULL;
}

static bool fill_resource(cJSON *root, const struct state *state, enum ca ca)
{
	cJSON *metadata, *spec, *now, *trusted;

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
	now = cJSON_AddObjectToObject(spec, "active_keys");
	trusted = cJSON_AddObjectToObject(spec, "additional_trusted_keys");
	return now && trusted &&
	       add_ssh_keys(now, &state->keys[ca][PURPOSE_SSH][KEY_SET_ACTIVE]) &&
	       add_ssh_keys(trusted, &state->keys[ca][PURPOSE_SSH][KEY_SET_TRUSTED]);
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

/* All that is derived from the state's keys. */
static bool publish(struct broker *broker, struct failure *failure)
{
	const struct state_keys *keys;
	int ca, purpose, set;
	unsigned i;

	broker->all_keys_length = 0;
	for (ca = 0; ca < CA_COUNT; ca++) {
		for (purpose = 0; purpose < PURPOSE_COUNT; purpose++)
			for (set = 0; set < KEY_SETS; set++) {
				keys = &broker->state.keys[ca][purpose][set];
				for (i = 0; i < keys->count; i++)
					pack_key(broker, &keys->key[i]);
			}
		if (!show(broker, (enum ca)ca, failure))
			return false;
	}
	return true;
}

/* ---- keys ---- */

static bool load_one(
    struct broker *broker, enum ca ca, enum purpose purpose, struct failure *failure)
{
	const struct state_keys *keys = &broker->state.keys[ca][purpose][KEY_SET_ACTIVE];
	struct key *key = &broker->authorities[ca].key[purpose];

	if (keys->count == 0)
		return true;
	if (!broker->keystore.methods->load(
		&broker->keystore, keys->key[0].identifier, key, failure))
		return false;
	if (key->blob_length != keys->key[0].blob_length ||
	    memcmp(key->blob, keys->key[0].blob, key->blob_length) != 0)
		return failure_say(failure,
		    "key %s of the %s CA is not the key that state.json "
		    "knows; restore both from one backup",
		    key->identifier, ca_name(ca));
	return true;
}

bool ca_keys_load(struct broker *broker, struct failure *failure)
{
	int ca, purpose;

	for (ca = 0; ca < CA_COUNT; ca++)
		for (purpose = 0; purpose < PURPOSE_COUNT; purpose++)
			if (!load_one(
				broker, (enum ca)ca, (enum purpose)purpose, failure))
				return false;
	return publish(broker, failure);
}

static bool record_creation(struct broker *broker, const struct authority_row *row,
    enum key_kind kind, struct failure *failure)
{
	struct record_line *line = audit_log_begin(&broker->log, "key-create");
	const char *keystore = broker->keystore.methods->prefix;

	record_text(line, "ca", ca_name(row->ca), strlen(ca_name(row->ca)));
	record_text(line, "purpose", purpose_name(row->purpose),
	    strlen(purpose_name(row->purpose)));
	record_text(line, "kind", key_kind_name(kind), strlen(key_kind_name(kind)));
	record_text(line, "keystore", keystore, strcspn(keystore, ":"));
	if (audit_log_end(&broker->log) == 0 || !audit_log_commit(&broker->log))
		return failure_say(
		    failure, "no key is made, since the record can't be written");
	return true;
}

static bool create_one(struct broker *broker, const struct authority_row *row,
    enum key_kind kind, struct failure *failure)
{
	struct key *key = &broker->authorities[row->ca].key[row->purpose];
	struct state_keys *keys = active(broker, row);
	bool created;

	if (!record_creation(broker, row, kind, failure))
		return false;
	created = broker->keystore.methods->create(&broker->keystore, kind, key, failure);
	metrics_key_created(&broker->metrics, broker->keystore.methods->kind,
	    row->purpose, kind, created);
	if (!created)
		return false;
	memcpy(keys->key[0].identifier, key->identifier, sizeof key->identifier);
	memcpy(keys->key[0].blob, key->blob, key->blob_length);
	keys->key[0].blob_length = key->blob_length;
	keys->count = 1;
	log_notice("made the %s CA's %s key: %s", ca_name(row->ca),
	    purpose_name(row->purpose), key_kind_name(kind));
	return true;
}

bool ca_keys_create(struct broker *broker, enum suite suite, struct failure *failure)
{
	bool made = false;
	size_t i;

	for (i = 0; i < ROWS; i++) {
		if (active(broker, &authority_rows[i])->count > 0)
			continue;
		if (!create_one(broker, &authority_rows[i], authority_rows[i].kind[suite],
			failure))
			return false;
		made = true;
	}
	if (!made)
		return true;
	broker->state.suite = suite;
	return state_write(&broker->state, &broker->state_directory, failure) &&
	       publish(broker, failure);
}

const struct key *ca_key(const struct broker *broker, enum ca ca, enum purpose purpose)
{
	const struct key *key = &broker->authorities[ca].key[purpose];

	return key->blob_length > 0 ? key : NULL;
}

static bool among(const struct state_keys *keys, const uint8_t *blob, size_t length)
{
	unsigned i;

	for (i = 0; i < keys->count; i++)
		if (keys->key[i].blob_length == length &&
		    memcmp(keys->key[i].blob, blob, length) == 0)
			return true;
	return false;
}

bool ca_key_was(const struct broker *broker, enum ca ca, enum purpose purpose,
    const uint8_t *blob, size_t length)
{
	return among(&broker->state.keys[ca][purpose][KEY_SET_TRUSTED], blob, length);
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
