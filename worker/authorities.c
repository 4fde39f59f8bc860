/* The public records of the CAs; authorities.h has the contract. */
#include "worker/authorities.h"

#include "policy/ssh_certificate.h"
#include "worker/base64.h"
#include "worker/ssh_public_key.h"
#include "worker/ssh_signature.h"
#include "worker/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_TEXT_MAX 8192 /* an authorized_keys line */

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

/* An entry's public_key is the base64 of an authorized_keys line. */
static bool read_entry(
    const cJSON *entry, struct ssh_public_key *key, struct facts *facts)
{
	char line[KEY_TEXT_MAX], error[SSH_PUBLIC_KEY_ERROR_MAX];
	const char *text = text_of(entry, "public_key");
	size_t length;

	return base64_read(text, strlen(text), (uint8_t *)line, sizeof(line), &length) &&
	       ssh_public_key_read(line, length, key, facts, error);
}

static bool take_keys(struct authority *authority, const cJSON *spec)
{
	struct wire packed = { .out = authority->keys, .room = sizeof(authority->keys) };
	struct ssh_public_key key;
	struct facts facts = { 0 };
	const cJSON *entry;
	unsigned i;

	for (i = 0; i < KEY_SETS; i++) {
		cJSON_ArrayForEach(entry, member(member(spec, key_sets[i].member), "ssh"))
		{
			if (!read_entry(entry, &key, &facts))
				return false;
			wire_string(&packed, key.blob, key.length);
			if (packed.failed)
				return false;
			if (i > 0 || authority->ssh_key)
				continue;
			authority->ssh_key = authority->keys + packed.length - key.length;
			authority->ssh_key_length = key.length;
		}
	}
	authority->keys_length = packed.length;
	return true;
}

/* The slices that point into the authority itself, set where it lies for good. */
static void settle(struct authority *to, const struct authority *from)
{
	*to = *from;
	if (!from->ssh_key)
		return;
	to->ssh_key = to->keys + (from->ssh_key - from->keys);
	(void)ssh_key_read(
	    to->ssh_key, to->ssh_key_length, &to->ssh_key_facts); /* read before */
}

static void sum_up(struct authorities *authorities)
{
	unsigned ca;

	authorities->keys_length = 0;
	authorities->json_length = 0;
	for (ca = 0; ca < CA_COUNT; ca++) {
		memcpy(authorities->keys + authorities->keys_length,
		    authorities->of[ca].keys, authorities->of[ca].keys_length);
		authorities->keys_length += authorities->of[ca].keys_length;
		authorities->json_length += authorities->of[ca].json_length;
	}
}

static bool read_record(struct authority *authority, enum ca ca, const char *json,
    size_t length, char error[AUTHORITY_ERROR_MAX])
{
	struct json_outline outline;
	const cJSON *spec;
	cJSON *tree = NULL;
	size_t at;
	bool good;

	if (json_check(json, length, &outline, &at) == JSON_GOOD)
		tree = json_parse(json, length);
	spec = member(tree, "spec");
	good = tree && strcmp(text_of(spec, "type"), ca_name(ca)) == 0;
	if (!good)
		snprintf(error, AUTHORITY_ERROR_MAX,
		    "the record of CA %s is not readable", ca_name(ca));
	else if (!(good = take_keys(authority, spec)))
		snprintf(error, AUTHORITY_ERROR_MAX,
		    "CA %s has an SSH key that is not readable", ca_name(ca));
	else
		authority->json = cJSON_PrintUnformatted(tree);
	cJSON_Delete(tree);
	if (!good || !authority->json)
		return false;
	authority->json_length = strlen(authority->json);
	authority->exists = true;
	return true;
}

bool authorities_take(struct authorities *authorities, enum ca ca, const char *json,
    size_t length, char error[AUTHORITY_ERROR_MAX])
{
	struct authority fresh = { 0 };

	snprintf(
	    error, AUTHORITY_ERROR_MAX, "no memory for the record of CA %s", ca_name(ca));
	if (length > 0 && !read_record(&fresh, ca, json, length, error))
		return false;
	free(authorities->of[ca].json);
	settle(&authorities->of[ca], &fresh);
	sum_up(authorities);
	return true;
}

bool authorities_ssh_issuer(
    const struct authorities *authorities, enum ca ca, struct issuer *issuer)
{
	const struct authority *authority = &authorities->of[ca];

	if (!authority->exists || authority->ssh_key_length == 0)
		return false;
	*issuer = (struct issuer){
		.ca = ca,
		.purpose = PURPOSE_SSH,
		.key_kind = authority->ssh_key_facts.subject_kind,
		.public_key = authority->ssh_key,
		.public_key_length = authority->ssh_key_length,
		.not_after = INT64_MAX,
		.ca_keys = authorities->keys,
		.ca_keys_length = authorities->keys_length,
	};
	return true;
}

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
static const char *storage_of(const cJSON *entry)
{
	const cJSON *type = member(entry, "private_key_type");

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

static void write_key(const cJSON *entry, const char *status, struct json_out *out)
{
	struct ssh_public_key key;
	struct facts facts = { 0 };
	char algorithm[32] = "unknown";

	if (read_entry(entry, &key, &facts) && facts.subject_kind == KEY_RSA)
		snprintf(
		    algorithm, sizeof(algorithm), "RSA %zu", ssh_modulus_bits(&facts));
	else if (facts.subject_key_length > 0)
		snprintf(algorithm, sizeof(algorithm), "%s",
		    key_kind_name(facts.subject_kind));
	json_open(out, '{');
	json_name(out, "protocol");
	json_text(out, "SSH");
	json_name(out, "status");
	json_text(out, status);
	json_name(out, "algorithm");
	json_text(out, algorithm);
	json_name(out, "storage");
	json_text(out, storage_of(entry));
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
	const cJSON *spec = member(tree, "spec"), *entry;
	unsigned i;

	json_open(out, '{');
	json_name(out, "cluster_name");
	json_text(out, text_of(spec, "cluster_name"));
	json_name(out, "type");
	json_text(out, text_of(spec, "type"));
	write_rotation(spec, out);
	json_name(out, "keys");
	json_open(out, '[');
	for (i = 0; i < KEY_SETS; i++)
		cJSON_ArrayForEach(entry, member(member(spec, key_sets[i].member), "ssh"))
		    write_key(entry, key_sets[i].status, out);
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

void authorities_free(struct authorities *authorities)
{
	unsigned ca;

	for (ca = 0; ca < CA_COUNT; ca++)
		free(authorities->of[ca].json);
	memset(authorities, 0, sizeof(*authorities));
}
