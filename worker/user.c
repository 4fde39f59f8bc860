/* The method `user`; user.h has the contract. */
#include "worker/user.h"

#include "policy/teleport.h"
#include "worker/params.h"

#include <stdio.h>
#include <string.h>

/* What the params say, checked; it stays theirs. */
struct person {
	const char *username;
	const cJSON *principals, *roles, *ttl;
	const cJSON *traits; /* an object of lists of strings */
};

static bool no_memory(struct rpc_error *error)
{
	return rpc_fail(error, RPC_INTERNAL, "no memory for the certificate");
}

/* ---- params ---- */

static bool take_traits(const cJSON *traits, struct rpc_error *error)
{
	const cJSON *trait;
	unsigned count = 0;
	char path[80];

	if (traits && !cJSON_IsObject(traits))
		return params_fail(
		    error, "traits", "must be an object of names and lists of strings");
	cJSON_ArrayForEach(trait, traits)
	{
		snprintf(path, sizeof(path), "traits.%.60s", trait->string);
		if (!cJSON_IsNull(trait) && !params_list(trait, path, error))
			return false;
		if (++count > TELEPORT_NAMES_MAX)
			return params_fail(error, "traits", "more than 256");
	}
	return true;
}

static bool take_person(
    const cJSON *params, struct person *person, struct rpc_error *error)
{
	*person = (struct person){
		.username = cJSON_GetStringValue(params_get(params, "username")),
		.principals = params_get(params, "principals"),
		.roles = params_get(params, "roles"),
		.traits = params_get(params, "traits"),
		.ttl = params_get(params, "ttl"),
	};
	if (!person->username || person->username[0] == '\0')
		return params_fail(error, "username", "required, a string");
	if (!person->principals || !person->principals->child)
		return params_fail(
		    error, "principals", "required, a list of at least one string");
	if (!params_get(params, "ssh_public_key") &&
	    !params_get(params, "tls_public_key"))
		return params_fail(error, "ssh_public_key, tls_public_key",
		    "at least one of the two is required");
	return params_list(person->principals, "principals", error) &&
	       params_list(person->roles, "roles", error) &&
	       take_traits(person->traits, error);
}

/* ---- what Teleport writes ---- */

static bool add_copy(cJSON *object, const char *name, const cJSON *item)
{
	return !item || cJSON_AddItemToObject(object, name, cJSON_Duplicate(item, true));
}

/* Takes the object; NULL when it is not whole, or memory is short. */
static char *print(cJSON *object, bool whole)
{
	char *text = whole ? cJSON_PrintUnformatted(object) : NULL;

	cJSON_Delete(object);
	return text;
}

/* {"name":["value"]} in the order of the names, as Go writes a map. */
static char *traits_text(const cJSON *traits)
{
	const cJSON *sorted[TELEPORT_NAMES_MAX], *trait;
	cJSON *object = cJSON_CreateObject();
	size_t count = 0, i;
	bool whole = true;

	cJSON_ArrayForEach(trait, traits) sorted[count++] = trait;
	json_sort_members(sorted, count);
	for (i = 0; i < count; i++)
		whole = whole && add_copy(object, sorted[i]->string, sorted[i]);
	return print(object, whole);
}

/* {"version":"v1","roles":["a"]} */
static char *roles_text(const cJSON *roles)
{
	cJSON *object = cJSON_CreateObject();
	bool whole = cJSON_AddStringToObject(object, "version", "v1") &&
		     add_copy(object, "roles", roles);

	return print(object, whole);
}

/* Takes the text. */
static bool add_text(cJSON *object, const char *name, char *text)
{
	bool good = text && cJSON_AddStringToObject(object, name, text);

	cJSON_free(text);
	return good;
}

static bool fill_ssh(const struct person *person, cJSON *params)
{
	cJSON *extensions = cJSON_AddObjectToObject(params, "extensions");

	return cJSON_AddStringToObject(params, "key_id", person->username) &&
	       add_copy(params, "principals", person->principals) && extensions &&
	       cJSON_AddStringToObject(extensions, "permit-pty", "") &&
	       (!person->roles || !person->roles->child ||
		   add_text(extensions, "teleport-roles", roles_text(person->roles))) &&
	       (!person->traits || !person->traits->child ||
		   add_text(extensions, "teleport-traits", traits_text(person->traits)));
}

/* The traits are the subject's postalCode, as JSON. */
static bool fill_tls(const struct person *person, cJSON *params)
{
	cJSON *subject = cJSON_AddObjectToObject(params, "subject"), *codes, *code;
	char *text;

	if (!subject ||
	    !cJSON_AddStringToObject(subject, "common_name", person->username) ||
	    !add_copy(subject, "organization", person->roles) ||
	    !add_copy(subject, "locality", person->principals))
		return false;
	if (!person->traits || !person->traits->child)
		return true;
	text = traits_text(person->traits);
	code = text ? cJSON_CreateString(text) : NULL;
	cJSON_free(text);
	codes = cJSON_AddArrayToObject(subject, "postal_code");
	return code && cJSON_AddItemToArray(codes, code);
}

/* ---- the drafts ---- */

static const struct part {
	const char *key; /* the param */
	enum document document;
	bool (*fill)(const struct person *person, cJSON *params);
} parts[] = {
	{ "ssh_public_key", DOCUMENT_SSH_USER, fill_ssh },
	{ "tls_public_key", DOCUMENT_X509_USER, fill_tls },
};

#define PARTS (sizeof(parts) / sizeof(parts[0]))

/* A document calls its key public_key; here it is another param. */
static void name_key(const struct part *part, struct rpc_error *error)
{
	static const char own[] = "public_key: ";
	char text[RPC_MESSAGE_MAX];

	if (error->code != RPC_INVALID_PARAMS ||
	    strncmp(error->message, own, sizeof(own) - 1) != 0)
		return;
	snprintf(text, sizeof(text), "%s", error->message + sizeof(own) - 1);
	rpc_fail(error, RPC_INVALID_PARAMS, "%s: %s", part->key, text);
}

static struct draft *build_part(const struct builder *builder, const struct part *part,
    const struct person *person, const cJSON *key, bool fraction, int64_t now,
    struct rpc_error *error)
{
	cJSON *params = cJSON_CreateObject();
	struct draft *draft = NULL;

	if (params && add_copy(params, "public_key", key) &&
	    add_copy(params, "ttl", person->ttl) && part->fill(person, params))
		draft =
		    draft_build(builder, part->document, params, fraction, now, error);
	else
		no_memory(error);
	cJSON_Delete(params);
	if (!draft)
		name_key(part, error);
	return draft;
}

struct draft *user_build(const struct builder *builder, const cJSON *params,
    bool fraction, int64_t now, struct rpc_error *error)
{
	struct draft *drafts = NULL, **end = &drafts;
	struct person person;
	const cJSON *key;
	size_t i;

	if (!take_person(params, &person, error))
		return NULL;
	for (i = 0; i < PARTS; i++) {
		key = params_get(params, parts[i].key);
		if (!key)
			continue;
		*end = build_part(builder, &parts[i], &person, key, fraction, now, error);
		if (!*end) {
			draft_free(drafts);
			return NULL;
		}
		end = &(*end)->next;
	}
	return drafts;
}

bool user_write(const struct draft *drafts, struct json_out *out, struct rpc_error *error)
{
	json_open(out, '{');
	for (; drafts; drafts = drafts->next) {
		json_name(out, drafts->purpose == PURPOSE_SSH ? "ssh" : "tls");
		if (!draft_write(drafts, out, error))
			return false;
	}
	json_close(out, '}');
	return true;
}
