/* state.json, read and written; state.h has the promises. */
#include "broker/state.h"
#include "broker/crypto.h"
#include "broker/json_members.h"
#include "policy/text.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHOLE_NUMBER_MAX 9007199254740991.0 /* 2^53 - 1: RFC 8259 section 6 */

#define CHECKSUM "\"checksum\":\t\""
static const char no_checksum[] =
    "0000000000000000000000000000000000000000000000000000000000000000";

static const char *const set_names[KEY_SETS] = { "active_keys",
	"additional_trusted_keys" };
static const char *const document_members[CA_DOCUMENTS] = { "cert", "crl" };

void state_new(struct state *state, const char *cluster)
{
	uint8_t random[INSTANCE_TEXT / 2];

	*state = (struct state){ .suite = SUITE_UNSPECIFIED };
	crypto_random(random, sizeof random);
	crypto_hex(state->instance, random, sizeof random);
	snprintf(state->cluster, sizeof state->cluster, "%s", cluster);
	memset(state->head_hash, '0', HASH_TEXT);
}

void state_nonce_add(struct state *state, const char *nonce)
{
	if (state->nonces == STATE_NONCES_MAX)
		memmove(state->nonce[0], state->nonce[1],
		    sizeof state->nonce[0] * --state->nonces);
	snprintf(state->nonce[state->nonces++], sizeof state->nonce[0], "%s", nonce);
}

bool state_nonce_known(const struct state *state, const char *nonce)
{
	unsigned i;

	for (i = 0; i < state->nonces; i++)
		if (strcmp(state->nonce[i], nonce) == 0)
			return true;
	return false;
}

const struct state_key *state_key_from(const struct state *state, unsigned *place)
{
	const struct state_keys *keys;
	unsigned number;

	for (; *place < KEYS_KNOWN; (*place)++) {
		number = *place / KEYS_PER_SET;
		keys = &state->keys[number / (PURPOSE_COUNT * KEY_SETS)]
				   [number / KEY_SETS % PURPOSE_COUNT][number % KEY_SETS];
		if (*place % KEYS_PER_SET < keys->count)
			return &keys->key[*place % KEYS_PER_SET];
	}
	return NULL;
}

/* ---- reading ---- */

static bool damaged(struct failure *failure, const char *where, const char *what)
{
	return failure_say(failure,
	    STATE_FILE ": %s: %s; restore the file from the backup", where, what);
}

/* Only these members, each once. */
static bool members_are(const cJSON *object, const char *where, const char *const *names,
    size_t count, struct failure *failure)
{
	const cJSON *member;
	unsigned seen = 0;
	char place[128];
	size_t i;

	if (!cJSON_IsObject(object))
		return damaged(failure, where, "not an object");
	cJSON_ArrayForEach(member, object)
	{
		for (i = 0; i < count; i++)
			if (strcmp(member->string, names[i]) == 0)
				break;
		snprintf(place, sizeof place, "%s.%.40s", where, member->string);
		if (i == count)
			return damaged(failure, place, "not a known member");
		if ((seen & 1u << i) != 0)
			return damaged(failure, place, "twice");
		seen |= 1u << i;
	}
	return true;
}

static bool copy_text(const cJSON *object, const char *name, char *out, size_t room,
    struct failure *failure)
{
	const char *text = json_member_text(object, name);

	if (!text)
		return damaged(failure, name, "missing, or not a string");
	if (strlen(text) >= room)
		return damaged(failure, name, "too long");
	/* It is shown, and may have come from elsewhere with a backup. */
	if (!text_printable(slice_of(text)))
		return damaged(failure, name, "not UTF-8 without control characters");
	snprintf(out, room, "%s", text);
	return true;
}

static bool copy_hex(const cJSON *object, const char *name, char *out, size_t digits,
    struct failure *failure)
{
	if (!copy_text(object, name, out, digits + 1, failure))
		return false;
	if (strlen(out) != digits || strspn(out, "0123456789abcdef") != digits)
		return damaged(
		    failure, name, "not as many lower-case hex digits as it has");
	return true;
}

static bool whole_number(
    const cJSON *object, const char *name, uint64_t *out, struct failure *failure)
{
	const cJSON *number = json_member(object, name);

	if (!cJSON_IsNumber(number) || !(number->valuedouble >= 0) ||
	    number->valuedouble > WHOLE_NUMBER_MAX ||
	    (double)(uint64_t)number->valuedouble < number->valuedouble)
		return damaged(failure, name, "not a whole number");
	*out = (uint64_t)number->valuedouble;
	return true;
}

/* What is not there yet is made at the next config. */
static bool read_documents(
    const cJSON *item, const char *where, struct state_key *out, struct failure *failure)
{
	const char *name;
	int i;

	for (i = 0; i < CA_DOCUMENTS; i++) {
		name = document_members[i];
		if (json_member(item, name) &&
		    !json_member_bytes(item, name, out->document[i].bytes,
			CA_DOCUMENT_MAX, &out->document[i].length))
			return damaged(failure, where, "cert or crl is not base64");
	}
	return out->document[CA_CRL].length == 0 ||
	       out->document[CA_CERTIFICATE].length > 0 ||
	       damaged(failure, where, "a crl without its cert");
}

static bool read_key(const cJSON *item, const char *where, bool documents,
    struct state_key *out, struct failure *failure)
{
	static const char *const names[] = { "key", "public_key", "cert", "crl" };

	if (!members_are(item, where, names, documents ? 4 : 2, failure) ||
	    !copy_text(item, "key", out->identifier, sizeof out->identifier, failure))
		return false;
	if (!json_member_bytes(
		item, "public_key", out->blob, sizeof out->blob, &out->blob_length))
		return damaged(
		    failure, where, "public_key is not base64 of a public key");
	return !documents || read_documents(item, where, out, failure);
}

static bool read_set(const cJSON *object, enum ca ca, enum key_set set,
    struct state_keys keys[PURPOSE_COUNT][KEY_SETS], struct failure *failure)
{
	const char *names[PURPOSE_COUNT];
	const cJSON *list, *item;
	struct state_keys *into;
	char where[96];
	int purpose;

	for (purpose = 0; purpose < PURPOSE_COUNT; purpose++)
		names[purpose] = purpose_name((enum purpose)purpose);
	snprintf(where, sizeof where, "%s.%s", ca_name(ca), set_names[set]);
	if (!members_are(object, where, names, PURPOSE_COUNT, failure))
		return false;
	for (purpose = 0; purpose < PURPOSE_COUNT; purpose++) {
		list = json_member(object, names[purpose]);
		if (!list)
			continue;
		into = &keys[purpose][set];
		if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) > KEYS_PER_SET ||
		    !ca_has_purpose(ca, (enum purpose)purpose))
			return damaged(
			    failure, where, "not the keys that this CA can have");
		cJSON_ArrayForEach(
		    item, list) if (!read_key(item, where, purpose == PURPOSE_TLS,
					&into->key[into->count++], failure)) return false;
	}
	return true;
}

static bool read_authority(
    const cJSON *item, struct state *state, unsigned *seen, struct failure *failure)
{
	static const char *const names[] = { "type", "active_keys",
		"additional_trusted_keys" };
	const char *type;
	enum ca ca;
	int set;

	if (!members_are(item, "authorities", names, 3, failure))
		return false;
	type = json_member_text(item, "type");
	if (!type || !ca_named(type, strlen(type), &ca))
		return damaged(failure, "authorities.type", "not a CA's name");
	if ((*seen & 1u << ca) != 0)
		return damaged(failure, type, "twice");
	*seen |= 1u << ca;
	for (set = 0; set < KEY_SETS; set++)
		if (!read_set(json_member(item, set_names[set]), ca, (enum key_set)set,
			state->keys[ca], failure))
			return false;
	return true;
}

static bool read_suite(const cJSON *root, enum suite *out, struct failure *failure)
{
	const char *name = json_member_text(root, "suite");

	if (name && name[0] == '\0')
		*out = SUITE_UNSPECIFIED;
	else if (!name || !suite_named(name, strlen(name), out))
		return damaged(failure, "suite", "not a suite's name");
	return true;
}

bool state_keys_differ(const struct state *state, struct failure *failure)
{
	const struct state_key *one, *other;
	unsigned i, j;

	for (i = 0; (one = state_key_from(state, &i)); i++)
		for (j = i + 1; (other = state_key_from(state, &j)); j++)
			if (one->blob_length == other->blob_length &&
			    memcmp(one->blob, other->blob, one->blob_length) == 0)
				return damaged(
				    failure, one->identifier, "one key in two places");
	return true;
}

static bool named_among(
    const char *name, const char *(*name_of)(unsigned), unsigned count, unsigned *out)
{
	for (*out = 0; *out < count; (*out)++)
		if (name && strcmp(name, name_of(*out)) == 0)
			return true;
	return false;
}

static const char *purpose_word(unsigned purpose)
{
	return purpose_name((enum purpose)purpose);
}

static const char *kind_word(unsigned kind)
{
	return key_kind_name((enum key_kind)kind);
}

static bool read_intent(
    const cJSON *item, struct state_intent *out, struct failure *failure)
{
	static const char *const names[] = { "type", "purpose", "kind", "nonce", "time" };
	const char *type = json_member_text(item, "type");
	unsigned purpose, kind;
	uint64_t since;

	if (!item)
		return true;
	if (!members_are(item, "intent", names, 5, failure) ||
	    !copy_hex(item, "nonce", out->nonce, NONCE_TEXT, failure) ||
	    !whole_number(item, "time", &since, failure))
		return false;
	if (!type || !ca_named(type, strlen(type), &out->ca) ||
	    !named_among(json_member_text(item, "purpose"), purpose_word, PURPOSE_COUNT,
		&purpose) ||
	    !named_among(
		json_member_text(item, "kind"), kind_word, KEY_KIND_COUNT, &kind))
		return damaged(failure, "intent", "no key that a CA has");
	out->purpose = (enum purpose)purpose;
	out->kind = (enum key_kind)kind;
	out->since = (int64_t)since;
	return true;
}

static bool read_creations(
    const cJSON *item, struct state *state, struct failure *failure)
{
	static const char *const names[] = { "since", "count" };
	uint64_t since, count;

	if (!item)
		return true;
	if (!members_are(item, "creations", names, 2, failure) ||
	    !whole_number(item, "since", &since, failure) ||
	    !whole_number(item, "count", &count, failure))
		return false;
	state->creations_since = (int64_t)since;
	state->creations = count < UINT32_MAX ? (unsigned)count : UINT32_MAX;
	return true;
}

static bool read_nonces(const cJSON *list, struct state *state, struct failure *failure)
{
	const cJSON *item;

	if (list && !cJSON_IsArray(list))
		return damaged(failure, "nonces", "not a list");
	cJSON_ArrayForEach(item, list)
	{
		const char *nonce = cJSON_GetStringValue(item);

		if (!nonce || strlen(nonce) != NONCE_TEXT ||
		    strspn(nonce, "0123456789abcdef") != NONCE_TEXT ||
		    state->nonces == STATE_NONCES_MAX)
			return damaged(failure, "nonces", "not nonces of keys");
		memcpy(state->nonce[state->nonces++], nonce, NONCE_TEXT + 1);
	}
	return true;
}

static bool read_root(const cJSON *root, struct state *state, struct failure *failure)
{
	static const char *const names[] = { "version", "instance", "cluster", "suite",
		"authorities", "record", "restored", "intent", "creations", "nonces",
		"checksum" };
	static const char *const record_names[] = { "sequence", "hash" };
	const cJSON *record = json_member(root, "record"),
		    *restored = json_member(root, "restored"), *list, *item;
	uint64_t version;
	unsigned seen = 0;

	/* The version first: what a later one may contain is not for this one to judge.
	 */
	if (!cJSON_IsObject(root))
		return damaged(failure, "the file", "not a JSON object");
	if (!whole_number(root, "version", &version, failure))
		return false;
	if (version != STATE_VERSION)
		return failure_say(failure,
		    STATE_FILE ": version %llu was written by another "
			       "privyseal, this one knows %d; install that one again",
		    (unsigned long long)version, STATE_VERSION);
	list = json_member(root, "authorities");
	if (!members_are(root, "the file", names, 11, failure) ||
	    !read_intent(json_member(root, "intent"), &state->intent, failure) ||
	    !read_creations(json_member(root, "creations"), state, failure) ||
	    !read_nonces(json_member(root, "nonces"), state, failure) ||
	    !copy_hex(root, "instance", state->instance, INSTANCE_TEXT, failure) ||
	    !copy_text(root, "cluster", state->cluster, sizeof state->cluster, failure) ||
	    !read_suite(root, &state->suite, failure) ||
	    !members_are(record, "record", record_names, 2, failure) ||
	    !whole_number(record, "sequence", &state->head_sequence, failure) ||
	    !copy_hex(record, "hash", state->head_hash, HASH_TEXT, failure))
		return false;
	if (restored && !cJSON_IsTrue(restored))
		return damaged(failure, "restored", "not true");
	state->restored = restored != NULL;
	if (!cJSON_IsArray(list))
		return damaged(failure, "authorities", "not a list");
	cJSON_ArrayForEach(
	    item, list) if (!read_authority(item, state, &seen, failure)) return false;
	return state_keys_differ(state, failure);
}

/* SHA-256 over the file with zeros in its place: against a failing disk, not against
 * anybody. */
static void checksum_of(
    const char *text, size_t length, const char *at, char out[HASH_TEXT + 1])
{
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	uint8_t hash[HASH_TEXT / 2];
	const char *rest = at + HASH_TEXT;

	if (!digest || EVP_DigestInit_ex(digest, EVP_sha256(), NULL) != 1 ||
	    EVP_DigestUpdate(digest, text, (size_t)(at - text)) != 1 ||
	    EVP_DigestUpdate(digest, no_checksum, HASH_TEXT) != 1 ||
	    EVP_DigestUpdate(digest, rest, length - (size_t)(rest - text)) != 1 ||
	    EVP_DigestFinal_ex(digest, hash, NULL) != 1)
		abort();
	EVP_MD_CTX_free(digest);
	crypto_hex(out, hash, sizeof hash);
}

/* Who edits the file by hand takes the checksum out. */
static bool checksum_fits(
    const char *text, size_t length, const char *stated, struct failure *failure)
{
	const char *at = strstr(text, CHECKSUM);
	char found[HASH_TEXT + 1] = "";

	if (at && length - (size_t)(at - text) > sizeof CHECKSUM - 1 + HASH_TEXT)
		checksum_of(text, length, at + sizeof CHECKSUM - 1, found);
	return !stated || strcmp(stated, found) == 0 ||
	       damaged(failure, "checksum", "the file was changed");
}

static bool bad_syntax(const char *text, const char *at, struct failure *failure)
{
	unsigned line = 1, column = 1;

	for (; text < at; text++) {
		column++;
		if (*text == '\n') {
			line++;
			column = 1;
		}
	}
	return failure_say(failure,
	    STATE_FILE ":%u:%u: not JSON; restore the file from the backup", line,
	    column);
}

bool state_parse(
    struct state *state, const char *text, size_t length, struct failure *failure)
{
	const char *end = text;
	cJSON *root;
	bool good;

	*state = (struct state){ .suite = SUITE_UNSPECIFIED };
	if (strlen(text) != length)
		return bad_syntax(text, text + strlen(text), failure);
	root = cJSON_ParseWithLengthOpts(text, length + 1, &end, 1);
	if (!root)
		return bad_syntax(text, end, failure);
	good = read_root(root, state, failure) &&
	       checksum_fits(text, length, json_member_text(root, "checksum"), failure);
	cJSON_Delete(root);
	return good;
}

enum file_read state_read(
    struct state *state, const struct directory *directory, struct failure *failure)
{
	uint8_t *text = malloc(STATE_MAX + 1);
	enum file_read result;
	size_t length = 0;

	if (!text) {
		failure_say(failure, "out of memory");
		return FILE_BAD;
	}
	result = file_read(directory, STATE_FILE, text, STATE_MAX, &length, failure);
	if (result == FILE_READ) {
		text[length] = '\0';
		if (!state_parse(state, (const char *)text, length, failure))
			result = FILE_BAD;
	}
	free(text);
	return result;
}

/* ---- writing ---- */

static bool add_documents(cJSON *item, const struct state_key *key)
{
	int i;

	for (i = 0; i < CA_DOCUMENTS; i++)
		if (key->document[i].length > 0 &&
		    !json_add_bytes(item, document_members[i], key->document[i].bytes,
			key->document[i].length))
			return false;
	return true;
}

static bool add_key(cJSON *list, const struct state_key *key)
{
	cJSON *item = json_add_object(list);

	return cJSON_AddStringToObject(item, "key", key->identifier) &&
	       json_add_bytes(item, "public_key", key->blob, key->blob_length) &&
	       add_documents(item, key);
}

static bool add_set(cJSON *authority, const struct state *state, int ca, int set)
{
	cJSON *object = cJSON_AddObjectToObject(authority, set_names[set]), *list;
	const struct state_keys *keys;
	int purpose;
	unsigned i;

	for (purpose = 0; object && purpose < PURPOSE_COUNT; purpose++) {
		keys = &state->keys[ca][purpose][set];
		if (keys->count == 0)
			continue;
		list =
		    cJSON_AddArrayToObject(object, purpose_name((enum purpose)purpose));
		for (i = 0; i < keys->count; i++)
			if (!list || !add_key(list, &keys->key[i]))
				return false;
	}
	return object != NULL;
}

static bool add_authority(cJSON *list, const struct state *state, int ca)
{
	cJSON *item = json_add_object(list);
	int set;

	if (!cJSON_AddStringToObject(item, "type", ca_name((enum ca)ca)))
		return false;
	for (set = 0; set < KEY_SETS; set++)
		if (!add_set(item, state, ca, set))
			return false;
	return true;
}

static bool ca_has_key(const struct state *state, int ca)
{
	int purpose, set;

	for (purpose = 0; purpose < PURPOSE_COUNT; purpose++)
		for (set = 0; set < KEY_SETS; set++)
			if (state->keys[ca][purpose][set].count > 0)
				return true;
	return false;
}

static bool add_intent(cJSON *root, const struct state_intent *intent)
{
	cJSON *item;

	if (intent->nonce[0] == '\0')
		return true;
	item = cJSON_AddObjectToObject(root, "intent");
	return cJSON_AddStringToObject(item, "type", ca_name(intent->ca)) &&
	       cJSON_AddStringToObject(item, "purpose", purpose_name(intent->purpose)) &&
	       cJSON_AddStringToObject(item, "kind", key_kind_name(intent->kind)) &&
	       cJSON_AddStringToObject(item, "nonce", intent->nonce) &&
	       cJSON_AddNumberToObject(item, "time", (double)intent->since);
}

static bool add_creations(cJSON *root, const struct state *state)
{
	cJSON *item;

	if (state->creations == 0)
		return true;
	item = cJSON_AddObjectToObject(root, "creations");
	return cJSON_AddNumberToObject(item, "since", (double)state->creations_since) &&
	       cJSON_AddNumberToObject(item, "count", state->creations);
}

static bool add_nonces(cJSON *root, const struct state *state)
{
	cJSON *list;
	unsigned i;

	if (state->nonces == 0)
		return true;
	list = cJSON_AddArrayToObject(root, "nonces");
	for (i = 0; list && i < state->nonces; i++)
		if (!cJSON_AddItemToArray(list, cJSON_CreateString(state->nonce[i])))
			return false;
	return list != NULL;
}

static cJSON *to_json(const struct state *state)
{
	cJSON *root = cJSON_CreateObject(), *list, *record;
	bool good;
	int ca;

	good = cJSON_AddNumberToObject(root, "version", STATE_VERSION) &&
	       cJSON_AddStringToObject(root, "instance", state->instance) &&
	       cJSON_AddStringToObject(root, "cluster", state->cluster) &&
	       cJSON_AddStringToObject(root, "suite",
		   state->suite == SUITE_UNSPECIFIED ? "" : suite_name(state->suite));
	list = good ? cJSON_AddArrayToObject(root, "authorities") : NULL;
	good = list != NULL;
	for (ca = 0; good && ca < CA_COUNT; ca++)
		good = !ca_has_key(state, ca) || add_authority(list, state, ca);
	record = good ? cJSON_AddObjectToObject(root, "record") : NULL;
	good =
	    record &&
	    cJSON_AddNumberToObject(record, "sequence", (double)state->head_sequence) &&
	    cJSON_AddStringToObject(record, "hash", state->head_hash) &&
	    add_intent(root, &state->intent) && add_creations(root, state) &&
	    add_nonces(root, state) &&
	    (!state->restored || cJSON_AddTrueToObject(root, "restored")) &&
	    cJSON_AddStringToObject(root, "checksum", no_checksum);
	if (!good) {
		cJSON_Delete(root);
		root = NULL;
	}
	return root;
}

bool state_write(
    const struct state *state, const struct directory *directory, struct failure *failure)
{
	cJSON *root = to_json(state);
	char *text = root ? cJSON_Print(root) : NULL, *at, hash[HASH_TEXT + 1];
	bool written = false;
	size_t length;

	if (text) {
		/* The NUL becomes the last line's newline. */
		length = strlen(text);
		at = strstr(text, CHECKSUM) + sizeof CHECKSUM - 1;
		text[length] = '\n';
		checksum_of(text, length + 1, at, hash);
		memcpy(at, hash, HASH_TEXT);
		written = file_replace(directory, STATE_FILE, text, length + 1, failure);
	} else
		failure_say(failure, "out of memory");
	cJSON_free(text);
	cJSON_Delete(root);
	return written;
}
