/* privyseal iam-policy; iam_policy.h has the contract. */
#include "cli/iam_policy.h"

#include "broker/kms.h"
#include "cli/json_print.h"
#include "ipc/log.h"
#include "policy/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define CLUSTER_TAG "TeleportCluster"
#define OWN_TAGS    "Privyseal"

/* ---- the words ---- */

static bool wrong(char message[MESSAGE_MAX], const char *word, const char *why)
{
	snprintf(
	    message, MESSAGE_MAX, "%s: %s; see privyseal iam-policy --help", word, why);
	return false;
}

/* What AWS lets a tag consist of; beyond ASCII, letters and digits of any script, which
 * are not told apart here. Nothing in it has a meaning of its own in a policy, where
 * ${..} names a variable. */
static bool is_tag_text(const char *text, size_t length)
{
	static const char others[] = " +-=._:/@";
	size_t i;

	for (i = 0; i < length; i++)
		if (!(text[i] >= '0' && text[i] <= '9') &&
		    !(text[i] >= 'A' && text[i] <= 'Z') &&
		    !(text[i] >= 'a' && text[i] <= 'z') &&
		    !((unsigned char)text[i] >= 0x80) &&
		    (text[i] == '\0' || !strchr(others, text[i])))
			return false;
	return text_printable((struct slice){ (const uint8_t *)text, length });
}

/* NULL, or what is wrong with it. */
static const char *fill_tag(
    struct iam_tag *out, const char *name, size_t length, const char *value)
{
	if (length == 0 || length >= sizeof out->name ||
	    strlen(value) >= sizeof out->value)
		return "a tag has a name of 1 to 128 bytes and a value of at most 256";
	if (!is_tag_text(name, length) || !is_tag_text(value, strlen(value)))
		return "a tag consists of letters, digits, blanks and + - = . _ : / @";
	if (length >= 4 && strncasecmp(name, "aws:", 4) == 0)
		return "tags of aws: are AWS's own";
	if (length >= strlen(OWN_TAGS) &&
	    strncasecmp(name, OWN_TAGS, strlen(OWN_TAGS)) == 0)
		return "tags of Privyseal are what keys are bound by, none of a policy";
	memcpy(out->name, name, length);
	out->name[length] = '\0';
	memcpy(out->value, value, strlen(value) + 1);
	return NULL;
}

/* The first tag is the cluster's, and may be given another value. Names are told apart
 * without regard to case, as IAM does with the names of condition keys. */
static const char *read_tag(struct iam_policy *out, const char *text)
{
	const char *equals = strchr(text, '='), *fault;
	struct iam_tag tag;
	unsigned i;

	if (!equals)
		return "a tag is given as NAME=VALUE";
	fault = fill_tag(&tag, text, (size_t)(equals - text), equals + 1);
	if (fault)
		return fault;
	if (strcmp(tag.name, CLUSTER_TAG) == 0) {
		out->tags[0] = tag;
		return tag.value[0] ? NULL : "the cluster's tag needs a value";
	}
	for (i = 0; i < out->count; i++)
		if (strcasecmp(out->tags[i].name, tag.name) == 0)
			return "each tag at most once";
	if (out->count == IAM_TAGS_MAX)
		return "a key has at most 50 tags";
	out->tags[out->count++] = tag;
	return NULL;
}

/* The value of the flag at words[*i], which then is the last word that was used. */
static const char *value_of(
    const char *const *words, unsigned count, unsigned *i, const char *value)
{
	return value ? value : *i + 1 < count ? words[++*i] : NULL;
}

static bool read_tags(const char *const *words, unsigned count, struct iam_policy *out,
    char message[MESSAGE_MAX])
{
	const char *value, *fault;
	unsigned i;

	for (i = 0; i < count; i++)
		if (flag_named(words[i], "--cluster", &value)) {
			value_of(words, count, &i, value);
		} else if (flag_named(words[i], "--tag", &value)) {
			value = value_of(words, count, &i, value);
			fault = value ? read_tag(out, value) : "needs a value";
			if (fault)
				return wrong(message, value ? value : "--tag", fault);
		} else {
			return wrong(message, words[i],
			    words[i][0] == '-' ? "no such flag" : "stray word");
		}
	return true;
}

bool iam_policy_read(const char *const *words, unsigned count, struct iam_policy *out,
    char message[MESSAGE_MAX])
{
	const char *cluster = NULL, *value, *fault;
	unsigned i;

	*out = (struct iam_policy){ 0 };
	for (i = 0; i < count; i++) {
		if (flag_named(words[i], "--tag", &value)) {
			value_of(words, count, &i, value);
		} else if (flag_named(words[i], "--cluster", &value)) {
			if (cluster)
				return wrong(message, "--cluster", "one is enough");
			cluster = value_of(words, count, &i, value);
			if (!cluster || !*cluster)
				return wrong(message, "--cluster", "needs a value");
		}
	}
	if (!cluster)
		return wrong(message, "iam-policy", "needs --cluster NAME");
	fault =
	    fill_tag(&out->tags[out->count++], CLUSTER_TAG, strlen(CLUSTER_TAG), cluster);
	if (fault)
		return wrong(message, cluster, fault);
	return read_tags(words, count, out, message);
}

/* ---- the policy ---- */

enum {
	REQUEST_TAGS = 1,  /* the tags that the request gives the key are ours */
	RESOURCE_TAGS = 2, /* those of the key itself are */
	DIGEST_ALONE = 4,  /* never a message, never by another algorithm */
};

static const unsigned conditions_of[KMS_FUNCTIONS] = {
	[KMS_FIND_KEYS] = 0,
	[KMS_CREATE_KEYS] = REQUEST_TAGS | RESOURCE_TAGS,
	[KMS_READ_TAGS] = RESOURCE_TAGS,
	[KMS_READ_STATES] = RESOURCE_TAGS,
	[KMS_READ_PUBLIC_KEYS] = RESOURCE_TAGS,
	[KMS_SIGN_DIGESTS] = RESOURCE_TAGS | DIGEST_ALONE,
	[KMS_DELETE_KEYS] = RESOURCE_TAGS,
};

static bool add_tags(cJSON *equals, const struct iam_policy *policy, const char *of)
{
	char key[160];
	unsigned i;

	for (i = 0; i < policy->count; i++) {
		snprintf(key, sizeof key, "aws:%s/%s", of, policy->tags[i].name);
		if (!cJSON_AddStringToObject(equals, key, policy->tags[i].value))
			return false;
	}
	return true;
}

/* Of every kind of key that a CA may have; two kinds may share one. */
static bool add_algorithms(cJSON *equals)
{
	static const struct {
		enum key_kind kind;
		unsigned bits;
	} keys[] = { { KEY_RSA, 2048 }, { KEY_RSA, 4096 }, { KEY_P256, 256 },
		{ KEY_P384, 384 } };
	cJSON *list = cJSON_AddArrayToObject(equals, "kms:SigningAlgorithm");
	size_t i;

	for (i = 0; i < sizeof keys / sizeof keys[0]; i++)
		if (!cJSON_AddItemToArray(list, cJSON_CreateString(kms_signing_algorithm(
						    keys[i].kind, keys[i].bits))))
			return false;
	return true;
}

static bool add_conditions(
    cJSON *out, const struct iam_policy *policy, unsigned conditions)
{
	cJSON *equals;

	if (!conditions)
		return true;
	equals = cJSON_AddObjectToObject(
	    cJSON_AddObjectToObject(out, "Condition"), "StringEquals");
	return equals &&
	       (!(conditions & REQUEST_TAGS) || add_tags(equals, policy, "RequestTag")) &&
	       (!(conditions & RESOURCE_TAGS) ||
		   add_tags(equals, policy, "ResourceTag")) &&
	       (!(conditions & DIGEST_ALONE) ||
		   (cJSON_AddStringToObject(equals, "kms:MessageType", "DIGEST") &&
		       add_algorithms(equals)));
}

static bool add_statement(
    cJSON *list, enum kms_function function, const struct iam_policy *policy)
{
	const struct kms_function_needs *statement = &kms_functions[function];
	cJSON *out = cJSON_CreateObject(), *actions;
	unsigned i;

	if (!cJSON_AddItemToArray(list, out)) {
		cJSON_Delete(out);
		return false;
	}
	if (!cJSON_AddStringToObject(out, "Sid", statement->name) ||
	    !cJSON_AddStringToObject(out, "Effect", "Allow"))
		return false;
	actions = cJSON_AddArrayToObject(out, "Action");
	for (i = 0; statement->actions[i]; i++)
		if (!cJSON_AddItemToArray(
			actions, cJSON_CreateString(statement->actions[i])))
			return false;
	return cJSON_AddStringToObject(out, "Resource", "*") &&
	       add_conditions(out, policy, conditions_of[function]);
}

cJSON *iam_policy_make(const struct iam_policy *policy)
{
	cJSON *out = cJSON_CreateObject(), *list;
	size_t i;

	if (!cJSON_AddStringToObject(out, "Version", "2012-10-17") ||
	    !(list = cJSON_AddArrayToObject(out, "Statement")))
		goto fail;
	for (i = 0; i < KMS_FUNCTIONS; i++)
		if (!add_statement(list, (enum kms_function)i, policy))
			goto fail;
	return out;
fail:
	cJSON_Delete(out);
	return NULL;
}

/* ---- the command ---- */

static bool is_short_enough(const cJSON *policy)
{
	char *text = cJSON_PrintUnformatted(policy);
	bool fits = text && strlen(text) <= IAM_POLICY_BYTES;

	cJSON_free(text);
	return fits;
}

enum exit_status command_iam_policy(const struct arguments *arguments)
{
	struct iam_policy policy;
	char message[MESSAGE_MAX];
	cJSON *out;

	if (!iam_policy_read(
		arguments->words, arguments->words_count, &policy, message)) {
		log_error("%s", message);
		return EXIT_USAGE;
	}
	out = iam_policy_make(&policy);
	if (!out || !is_short_enough(out)) {
		log_error(
		    "%s", out ? "the policy would be longer than the 6144 characters "
				"that AWS takes; name fewer tags"
			      : "no memory");
		cJSON_Delete(out);
		return EXIT_REFUSED;
	}
	json_print(out, stdout);
	cJSON_Delete(out);
	return EXIT_DONE;
}
