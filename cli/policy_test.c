/* privyseal policy test: what would become of a document. policy_command.h has the
 * contract. */
#include "cli/json_print.h"
#include "cli/policy_command.h"
#include "ipc/log.h"
#include "policy/documents.h"
#include "policy/ssh_certificate.h"
#include "policy/x509_certificate.h"

#include <string.h>

static void refuse_form(struct decision *out, const char *value, const char *why)
{
	*out = (struct decision){ .verdict = VERDICT_INVARIANT,
		.fact = FACT_FORM,
		.value_length = (uint32_t)strlen(value),
		.why = why };
	memcpy(out->value, value, out->value_length);
}

/* Makes `bytes` a copy in our spelling; returns what was spelt otherwise. */
static unsigned respell(struct slice *bytes, uint8_t copy[POLICY_INPUT_MAX],
    unsigned (*how)(uint8_t *bytes, size_t length))
{
	if (bytes->length > POLICY_INPUT_MAX)
		return 0;
	memcpy(copy, bytes->at, bytes->length);
	bytes->at = copy;
	return how(copy, bytes->length);
}

static void say_spelling(unsigned spelt, char message[MESSAGE_MAX])
{
	static const struct {
		unsigned bit;
		const char *text;
	} ours[] = {
		{ POLICY_SPELT_STRINGS, "names of PrintableString where it will do, else "
					"UTF8String" },
		{ POLICY_SPELT_USAGES, "serverAuth before clientAuth" },
		{ POLICY_SPELT_ORDER, "the extensions in their order" },
	};
	size_t used = 0, i;

	for (i = 0; i < sizeof ours / sizeof ours[0]; i++)
		if (spelt & ours[i].bit)
			used +=
			    (size_t)snprintf(message + used, MESSAGE_MAX - used, "%s%s",
				used == 0 ? "judged in the broker's spelling: " : "; ",
				ours[i].text);
}

/* The serial is the broker's stamp: only what a worker would send has none yet. `spelt`
 * is NULL where the CA is the one that the document names. */
static bool read_document(const struct policy_input *input, enum document document,
    unsigned *spelt, struct facts *facts, struct decision *out)
{
	static const uint8_t unstamped[X509_SERIAL_STAMPED];
	static uint8_t copy[POLICY_INPUT_MAX];
	struct slice bytes;
	const char *why;
	bool foreign = policy_document_read(input, document, &bytes) || spelt;

	if (spelt && document_is_x509(document))
		*spelt |= respell(&bytes, copy, policy_respell);
	why = policy_document_wanted(document, bytes);
	if (!why)
		why = document_read(document, bytes.at, bytes.length, facts);
	if (why) {
		refuse_form(out, "", why);
		return false;
	}
	if (foreign) {
		facts->serial = 0;
		facts->x509_serial = unstamped;
		facts->x509_serial_length = sizeof unstamped;
	}
	return true;
}

static bool read_issuer(const struct policy_input *input, enum document document,
    unsigned *spelt, struct issuer *out, char message[MESSAGE_MAX])
{
	static uint8_t copy[POLICY_INPUT_MAX];
	struct slice name;

	if (!policy_issuer_read(input, document, out, message))
		return false;
	name = FACTS_SLICE(out, name);
	if (name.length > 0)
		*spelt |= respell(&name, copy, policy_respell_name);
	out->name = name.at;
	return true;
}

/* The socket that a request must have come by, where the policy leaves no choice. */
static const char *client_of(const struct policy *policy, const char *said)
{
	const struct policy_pins *pins = policy_pins(policy);

	if (said)
		return said;
	return pins->sockets == 1 ? pins->socket_name[0] : "";
}

/* Who says that it signed: an SSH certificate has the key itself. Of a certificate only
 * the kind of the key can be told, so some key of that kind stands for it. */
static void issuer_of(
    const struct facts *facts, enum document document, struct issuer *out)
{
	static const struct {
		enum key_kind kind;
		size_t length;
	} signers[X509_SIGNATURE_COUNT] = { { KEY_RSA, 256 }, { KEY_RSA, 256 },
		{ KEY_RSA, 256 }, { KEY_P256, 65 }, { KEY_P384, 97 }, { KEY_P521, 133 },
		{ KEY_ED25519, 32 } };
	static uint8_t some[256], blob[600];
	struct facts key = { .subject_key = some,
		.subject_exponent = (const uint8_t *)"\x03" };

	if (!document_is_x509(document)) {
		out->public_key = facts->signature_key;
		out->public_key_length = facts->signature_key_length;
		if (ssh_key_read(out->public_key, out->public_key_length, &key))
			out->key_kind = key.subject_kind;
		return;
	}
	out->name = facts->x509_issuer;
	out->name_length = facts->x509_issuer_length;
	out->key_id = facts->x509_authority_key_id;
	out->key_id_length = facts->x509_authority_key_id_length;
	out->key_kind = signers[facts->x509_signature].kind;
	memset(some, 4, sizeof some);
	key.subject_kind = out->key_kind;
	key.subject_key_length = signers[facts->x509_signature].length;
	key.subject_exponent_length = out->key_kind == KEY_RSA ? 1 : 0;
	out->public_key = blob;
	out->public_key_length = ssh_key_write(&key, blob, sizeof blob);
}

bool policy_try(const struct policy *policy, const struct policy_request *request,
    const struct policy_input *document, const struct policy_input *issuer_file,
    struct decision *out, char message[MESSAGE_MAX])
{
	const struct request asked = { .document = request->document,
		.client = client_of(policy, request->client),
		.now = request->now };
	struct issuer issuer = { .ca = request->ca,
		.purpose = document_is_ssh(request->document) ? PURPOSE_SSH : PURPOSE_TLS,
		.not_after = INT64_MAX };
	struct facts facts;
	unsigned spelt = 0;

	message[0] = '\0';
	if (document_serial_length(request->document) == 0) {
		refuse_form(out, document_name(request->document),
		    "documents of this kind are not signed by this version");
		return true;
	}
	if (issuer_file &&
	    !read_issuer(issuer_file, request->document, &spelt, &issuer, message))
		return false;
	if (read_document(
		document, request->document, issuer_file ? &spelt : NULL, &facts, out)) {
		if (!issuer_file)
			issuer_of(&facts, request->document, &issuer);
		policy_check(policy, &issuer, &asked, &facts, out);
	}
	say_spelling(spelt, message);
	return true;
}

static void write_rule(const struct decision *decision, const char *name, char out[4096])
{
	if (decision->line > 0)
		snprintf(out, 4096, "%s:%u", name, decision->line);
	else
		snprintf(out, 4096, "%s",
		    decision->verdict == VERDICT_DEFAULT ? "default" : "invariant");
}

static void print_json(const struct decision *decision, const char *rule, FILE *out)
{
	char value[4 * POLICY_VALUE_MAX + 1];
	cJSON *object = cJSON_CreateObject();
	bool permit = decision->verdict == VERDICT_PERMIT;

	cJSON_AddStringToObject(object, "decision", permit ? "permit" : "refuse");
	cJSON_AddStringToObject(object, "rule", rule);
	if (!permit) {
		log_escape(value, sizeof value, decision->value, decision->value_length);
		cJSON_AddStringToObject(object, "fact", fact_name(decision->fact));
		cJSON_AddStringToObject(object, "value", value);
	}
	if (!permit && decision->why)
		cJSON_AddStringToObject(object, "why", decision->why);
	json_print(object, out);
	cJSON_Delete(object);
}

void policy_show_decision(
    const struct decision *decision, const char *name, bool json, FILE *out)
{
	char rule[4096];
	bool permit = decision->verdict == VERDICT_PERMIT;

	write_rule(decision, name, rule);
	if (json) {
		print_json(decision, rule, out);
		return;
	}
	fprintf(out, permit ? "permit " : "refuse ");
	policy_print_escaped(rule, strlen(rule), out);
	if (!permit) {
		fprintf(out, " %s ", fact_name(decision->fact));
		if (decision->value_length == 0)
			fputs("\"\"", out);
		policy_print_escaped(decision->value, decision->value_length, out);
	}
	fputc('\n', out);
}
