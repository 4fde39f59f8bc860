/* Builds X.509 certificates; draft_kind.h has the contract. */
#include "policy/x509_certificate.h"
#include "policy/x509_signed.h"
#include "worker/draft_kind.h"
#include "worker/pem_text.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_MAX_BYTES 96

/* What a param, and each value in it, is called in messages. */
struct path {
	char text[PATH_MAX_BYTES];
};

static struct path path_of(const char *outer, const char *name)
{
	struct path path;

	snprintf(
	    path.text, sizeof(path.text), "%s%s%.60s", outer, outer[0] ? "." : "", name);
	return path;
}

static struct path item_of(const struct path *list, unsigned number)
{
	struct path path;

	snprintf(path.text, sizeof(path.text), "%.76s[%u]", list->text, number);
	return path;
}

/* ---- the key ---- */

static bool take_key(const cJSON *params, struct assembly *a, struct rpc_error *error)
{
	const cJSON *key = params_get(params, "public_key");
	const cJSON *request = params_get(params, "csr");
	const char *text = cJSON_GetStringValue(key ? key : request);
	const char *name = key ? "public_key" : "csr";
	char why[X509_PUBLIC_KEY_ERROR_MAX];

	if (!key == !request)
		return params_fail(
		    error, "public_key, csr", "exactly one of the two is required");
	if (!text)
		return params_fail(error, name, "must be a string, PEM");
	if (key ? x509_public_key_read(text, &a->key.x509, &a->facts, why)
		: x509_request_read(text, &a->key.x509, &a->facts, why))
		return true;
	return params_fail(error, name, why);
}

/* ---- the subject ---- */

/* A name under construction: attributes in a sink, and how many there are. */
struct name {
	struct der_sink sink;
	unsigned count;
};

static bool put_value(struct name *name, struct x509_attribute attribute,
    const cJSON *value, const char *path, struct rpc_error *error)
{
	attribute.value.at = (const uint8_t *)cJSON_GetStringValue(value);
	if (!attribute.value.at)
		return params_fail(error, path, "must be a string");
	attribute.value.length = strlen(value->valuestring);
	if (attribute.value.length == 0)
		return params_fail(error, path, "is empty");
	if (attribute.value.length > X509_VALUE_MAX)
		return params_fail(error, path, "is longer than 16384 bytes");
	if (!text_printable(attribute.value))
		return params_fail(error, path, "holds a control character");
	if (++name->count > X509_ATTRIBUTES_MAX)
		return params_fail(error, path, "a subject has at most 512 values");
	x509_put_attribute(&name->sink, &attribute);
	return !name->sink.failed || draft_too_long(error);
}

static bool put_values(struct name *name, struct x509_attribute attribute,
    const cJSON *list, struct path path, struct rpc_error *error)
{
	const cJSON *value;
	unsigned number = 0;

	if (list && !cJSON_IsArray(list))
		return params_fail(error, path.text, "must be a list of strings");
	cJSON_ArrayForEach(value, list)
	{
		if (!put_value(
			name, attribute, value, item_of(&path, number++).text, error))
			return false;
	}
	return true;
}

/* In the order that Go's crypto/x509 and so Teleport gives them. */
static const struct {
	const char *param;
	enum x509_attribute_kind kind;
} subject_lists[] = {
	{ "organization", X509_ORGANIZATION },
	{ "organizational_unit", X509_UNIT },
	{ "locality", X509_LOCALITY },
	{ "street", X509_STREET },
	{ "postal_code", X509_POSTAL_CODE },
};

#define SUBJECT_LISTS (sizeof(subject_lists) / sizeof(subject_lists[0]))

static bool put_subject(const cJSON *params, struct name *name, struct rpc_error *error)
{
	static const char *const known[] = { "common_name", "organization",
		"organizational_unit", "locality", "street", "postal_code", NULL };
	const cJSON *subject = params_get(params, "subject"), *common_name;
	size_t i;

	if (subject && !cJSON_IsObject(subject))
		return params_fail(error, "subject", "must be an object");
	if (!params_known("subject", known, subject, error))
		return false;
	for (i = 0; i < SUBJECT_LISTS; i++)
		if (!put_values(name,
			(struct x509_attribute){ .kind = subject_lists[i].kind },
			params_get(subject, subject_lists[i].param),
			path_of("subject", subject_lists[i].param), error))
			return false;
	common_name = params_get(subject, "common_name");
	return !common_name ||
	       put_value(name, (struct x509_attribute){ .kind = X509_COMMON_NAME },
		   common_name, "subject.common_name", error);
}

/* A number of 0 to 127 in decimal, and what follows it. */
static bool take_arc(const char **text, char end, unsigned *out)
{
	uint64_t number;
	size_t digits = text_number(*text, strlen(*text), 127, &number);

	if (digits == 0 || (digits > 1 && **text == '0') || (*text)[digits] != end)
		return false;
	*text += digits + 1;
	*out = (unsigned)number;
	return true;
}

static bool read_oid(const char *text, struct x509_attribute *out)
{
	static const char arc[] = "1.3.9999.";

	*out = (struct x509_attribute){ .kind = X509_TELEPORT };
	if (strncmp(text, arc, sizeof(arc) - 1) != 0)
		return false;
	text += sizeof(arc) - 1;
	return take_arc(&text, '.', &out->branch) && take_arc(&text, '\0', &out->leaf);
}

/* The objects's members in the order of their OIDs, since those of an object have none.
 */
static bool sort_attributes(
    const cJSON *object, const cJSON **sorted, unsigned *count, struct rpc_error *error)
{
	struct x509_attribute one, other;
	const cJSON *item;
	unsigned at;

	cJSON_ArrayForEach(item, object)
	{
		if (!read_oid(item->string, &one))
			return params_fail(error,
			    path_of("attributes", item->string).text,
			    "must be the OID of an attribute of Teleport's, "
			    "1.3.9999.N.N");
		if (*count == X509_ATTRIBUTES_MAX)
			return params_fail(error, "attributes", "more than 512");
		for (at = (*count)++; at > 0; at--) {
			read_oid(sorted[at - 1]->string, &other);
			if (other.branch * 128 + other.leaf < one.branch * 128 + one.leaf)
				break;
			sorted[at] = sorted[at - 1];
		}
		sorted[at] = item;
	}
	return true;
}

static bool put_attributes(
    const cJSON *params, struct name *name, struct rpc_error *error)
{
	const cJSON *object = params_get(params, "attributes");
	const cJSON *sorted[X509_ATTRIBUTES_MAX];
	struct x509_attribute attribute;
	unsigned count = 0, i;

	if (object && !cJSON_IsObject(object))
		return params_fail(
		    error, "attributes", "must be an object of OIDs and lists");
	if (!sort_attributes(object, sorted, &count, error))
		return false;
	for (i = 0; i < count; i++) {
		read_oid(sorted[i]->string, &attribute);
		if (!put_values(name, attribute, sorted[i],
			path_of("attributes", sorted[i]->string), error))
			return false;
	}
	return true;
}

/* ---- alternative names ---- */

/* A DNS name has no case; it is written as the policy wants it. */
static bool fill_dns(const char *text, uint8_t *out, struct slice *value)
{
	size_t i, length = strlen(text);

	if (length > X509_ALT_NAME_MAX)
		return false;
	for (i = 0; i < length; i++)
		out[i] =
		    (uint8_t)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]);
	*value = (struct slice){ out, length };
	return length > 0 && text_visible(*value);
}

static bool fill_ip(const char *text, uint8_t *out, struct slice *value)
{
	value->at = out;
	value->length = inet_pton(AF_INET, text, out) == 1 ? 4 : 16;
	return value->length == 4 || inet_pton(AF_INET6, text, out) == 1;
}

static bool fill_text(const char *text, uint8_t *out, struct slice *value)
{
	(void)out; /* it stays where it is */
	*value = (struct slice){ (const uint8_t *)text, strlen(text) };
	return value->length > 0 && value->length <= X509_ALT_NAME_MAX &&
	       text_visible(*value);
}

/* In the order that Go's crypto/x509 gives them. */
static const struct {
	const char *param;
	enum x509_alt_name_kind kind;
	bool (*fill)(const char *text, uint8_t *out, struct slice *value);
	const char *form;
} alt_names[] = {
	{ "dns", X509_ALT_DNS, fill_dns,
	    "must be a DNS name, other than ASCII as xn--..." },
	{ "email", X509_ALT_EMAIL, fill_text,
	    "must be an address of visible ASCII, not longer than 2048 bytes" },
	{ "ip", X509_ALT_IP, fill_ip, "must be an IPv4 or IPv6 address" },
	{ "uri", X509_ALT_URI, fill_text,
	    "must be a URI of visible ASCII, not longer than 2048 bytes" },
};

#define ALT_NAMES (sizeof(alt_names) / sizeof(alt_names[0]))

static bool put_alt_name(struct name *names, size_t row, const cJSON *item,
    struct path path, struct rpc_error *error)
{
	uint8_t bytes[X509_ALT_NAME_MAX];
	struct x509_alt_name name = { .kind = alt_names[row].kind };

	if (!cJSON_IsString(item))
		return params_fail(error, path.text, "must be a string");
	if (!alt_names[row].fill(item->valuestring, bytes, &name.value))
		return params_fail(error, path.text, alt_names[row].form);
	if (++names->count > X509_ALT_NAMES_MAX)
		return params_fail(error, path.text,
		    "dns, email, ip and uri have at most 256 values together");
	x509_put_alt_name(&names->sink, &name);
	return !names->sink.failed || draft_too_long(error);
}

static bool put_alt_names(
    const cJSON *params, struct name *names, struct rpc_error *error)
{
	const cJSON *list, *item;
	struct path path;
	unsigned number;
	size_t row;

	for (row = 0; row < ALT_NAMES; row++) {
		list = params_get(params, alt_names[row].param);
		path = path_of("", alt_names[row].param);
		number = 0;
		if (list && !cJSON_IsArray(list))
			return params_fail(error, path.text, "must be a list of strings");
		cJSON_ArrayForEach(item, list)
		{
			if (!put_alt_name(
				names, row, item, item_of(&path, number++), error))
				return false;
		}
	}
	return true;
}

/* ---- the facts ---- */

static bool take_params(struct assembly *a, enum document document, const cJSON *params,
    struct rpc_error *error)
{
	struct name subject = { .sink = der_sink(a->packed, sizeof(a->packed)) }, names;
	size_t used;

	(void)document; /* those of users and of hosts have the same form */
	a->facts.x509_key_usage = X509_DIGITAL_SIGNATURE | X509_KEY_ENCIPHERMENT;
	a->facts.x509_extended_key_usage = X509_SERVER_AUTH | X509_CLIENT_AUTH;
	if (!take_key(params, a, error) || !put_subject(params, &subject, error) ||
	    !put_attributes(params, &subject, error))
		return false;
	used = subject.sink.used;
	names =
	    (struct name){ .sink = der_sink(a->packed + used, sizeof(a->packed) - used) };
	if (!put_alt_names(params, &names, error))
		return false;
	X509_SET(&a->facts, x509_subject, ((struct slice){ a->packed, used }));
	X509_SET(&a->facts, x509_alt_names,
	    ((struct slice){ a->packed + used, names.sink.used }));
	return subject.count + names.count > 0 ||
	       params_fail(error, "subject", "required, an object with a common_name");
}

static const enum x509_signature signatures[KEY_KIND_COUNT] = {
	[KEY_RSA] = X509_RSA_SHA256,
	[KEY_P256] = X509_ECDSA_SHA256,
	[KEY_P384] = X509_ECDSA_SHA384,
	[KEY_P521] = X509_ECDSA_SHA512,
	[KEY_ED25519] = X509_ED25519,
};

static bool take_issuer(
    struct assembly *a, const struct issuer *issuer, struct rpc_error *error)
{
	static const uint8_t unstamped[X509_SERIAL_STAMPED];

	(void)error; /* it can't fail */
	X509_SET(
	    &a->facts, x509_serial, ((struct slice){ unstamped, sizeof(unstamped) }));
	a->facts.x509_signature = signatures[issuer->key_kind];
	a->facts.x509_issuer = issuer->name;
	a->facts.x509_issuer_length = issuer->name_length;
	a->facts.x509_authority_key_id = issuer->key_id;
	a->facts.x509_authority_key_id_length = issuer->key_id_length;
	return true;
}

static void set_times(struct facts *facts, int64_t from, int64_t until)
{
	facts->x509_not_before = from;
	facts->x509_not_after = until;
}

/* ---- the result ---- */

static size_t attach(
    const struct facts *facts, const struct draft *draft, uint8_t *out, size_t room)
{
	const struct x509_signed parts = {
		.document = { draft->bytes, draft->length },
		.algorithm = facts->x509_signature,
		.signature = { draft->bytes + draft->length, draft->signature_length },
	};

	return draft->signature_length > 0 ? x509_signed_write(&parts, out, room) : 0;
}

static void write_serial(const struct facts *facts, struct json_out *out)
{
	char digits[2 * X509_SERIAL_MAX + 1] = "";
	size_t i;

	for (i = 0; i < facts->x509_serial_length; i++)
		snprintf(digits + 2 * i, 3, "%02x", facts->x509_serial[i]);
	json_name(out, "serial");
	json_text(out, digits);
}

static bool write_result(const struct facts *facts, const struct draft *draft,
    struct slice whole, struct json_out *out)
{
	char *text = malloc(PEM_ROOM(whole.length));
	size_t length;

	if (!text)
		return false;
	length = pem_write("CERTIFICATE", whole.at, whole.length, text);
	json_open(out, '{');
	json_name(out, "certificate");
	json_string(out, text, length);
	free(text);
	json_name(out, "chain");
	json_open(out, '[');
	json_text(out, draft->chain->text);
	json_close(out, ']');
	write_serial(facts, out);
	json_name(out, "not_before");
	json_number(out, facts->x509_not_before);
	json_name(out, "not_after");
	json_number(out, facts->x509_not_after);
	json_close(out, '}');
	return true;
}

const struct draft_kind draft_x509 = {
	.key_name = "TLS",
	.purpose = PURPOSE_TLS,
	.most = DER_MAX - X509_SIGNED_MORE,
	.has_chain = true,
	.take_params = take_params,
	.take_issuer = take_issuer,
	.set_times = set_times,
	.attach = attach,
	.write = write_result,
};
