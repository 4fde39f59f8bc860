/* privyseal policy test: what would become of a document. policy_command.h has the
 * contract. */
#include "cli/json_print.h"
#include "cli/policy_command.h"
#include "ipc/log.h"
#include "policy/ssh_certificate.h"

#include <string.h>

#include <openssl/evp.h>

/* The next word of a line; empty at its end. */
static struct slice next_word(struct slice *line)
{
	static const char blank[] = " \t\r\n";
	struct slice word;

	while (line->length > 0 && memchr(blank, line->at[0], sizeof blank - 1)) {
		line->at++;
		line->length--;
	}
	word = (struct slice){ line->at, 0 };
	while (line->length > 0 && !memchr(blank, line->at[0], sizeof blank - 1)) {
		line->at++;
		line->length--;
		word.length++;
	}
	return word;
}

static bool read_base64(struct slice text, uint8_t *out, size_t *length)
{
	size_t padding = 0;
	int n;

	if (text.length == 0 || text.length % 4 != 0 || text.length > POLICY_INPUT_MAX)
		return false;
	while (padding < 2 && text.at[text.length - 1 - padding] == '=')
		padding++;
	n = EVP_DecodeBlock(out, text.at, (int)text.length);
	if (n < 0 || (size_t)n < padding)
		return false;
	*length = (size_t)n - padding;
	return true;
}

/* `TYPE BASE64 [COMMENT]`, where the type is that of a certificate or of a key. */
static bool read_line(struct slice line, const char *(*type_name)(enum key_kind),
    uint8_t out[POLICY_INPUT_MAX], struct slice *bytes)
{
	struct slice type = next_word(&line), text = next_word(&line);
	unsigned kind;

	for (kind = 0; kind < KEY_KIND_COUNT; kind++)
		if (slice_is(type, type_name((enum key_kind)kind)))
			break;
	bytes->at = out;
	return kind < KEY_KIND_COUNT && read_base64(text, out, &bytes->length);
}

static bool skip(struct slice *bytes, size_t count)
{
	if (bytes->length < count)
		return false;
	bytes->at += count;
	bytes->length -= count;
	return true;
}

static bool skip_strings(struct slice *bytes, unsigned count)
{
	struct slice item;

	while (count > 0 && facts_next_item(bytes, &item))
		count--;
	return count == 0;
}

/* Cuts the signature off a whole certificate (PROTOCOL.certkeys). False: what is here is
 * no whole one, so the reader may say of all of it what is wrong. */
static bool cut_signature(struct slice *document)
{
	struct slice rest = *document, type;
	unsigned key_strings;

	if (document->length > FACTS_DOCUMENT_MAX || !facts_next_item(&rest, &type))
		return false;
	key_strings = slice_is(type, ssh_certificate_type_name(KEY_ED25519)) ? 1 : 2;
	/* nonce, key; serial, type; key id, principals; validity; options, extensions,
	 * reserved, signature key */
	if (!skip_strings(&rest, 1 + key_strings) || !skip(&rest, 8 + 4) ||
	    !skip_strings(&rest, 2) || !skip(&rest, 8 + 8) || !skip_strings(&rest, 4))
		return false;
	type = rest;
	if (!skip_strings(&rest, 1) || rest.length > 0)
		return false;
	document->length -= type.length;
	return true;
}

static void refuse_form(struct decision *out, const char *value, const char *why)
{
	*out = (struct decision){ .verdict = VERDICT_INVARIANT,
		.fact = FACT_FORM,
		.value_length = (uint32_t)strlen(value),
		.why = why };
	memcpy(out->value, value, out->value_length);
}

/* The serial is the broker's stamp: only what a worker would send has none yet. */
static bool read_document(const struct policy_input *document, bool foreign,
    struct facts *facts, struct decision *out)
{
	static uint8_t decoded[POLICY_INPUT_MAX];
	struct slice bytes;
	enum ssh_form form;

	if (!read_line((struct slice){ document->bytes, document->length },
		ssh_certificate_type_name, decoded, &bytes))
		bytes = (struct slice){ document->bytes, document->length };
	foreign = cut_signature(&bytes) || foreign;
	form = ssh_certificate_read(bytes.at, bytes.length, facts);
	if (form != SSH_FORM_GOOD) {
		refuse_form(out, "", ssh_form_text(form));
		return false;
	}
	if (foreign)
		facts->serial = 0;
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

static bool read_issuer(
    const struct policy_input *input, struct slice *key, char message[MESSAGE_MAX])
{
	static uint8_t decoded[POLICY_INPUT_MAX];
	struct facts unused;

	if (read_line((struct slice){ input->bytes, input->length }, ssh_key_type_name,
		decoded, key) &&
	    ssh_key_read(key->at, key->length, &unused))
		return true;
	snprintf(message, MESSAGE_MAX,
	    "%s: expected a CA's public key, `TYPE BASE64` on one line", input->name);
	return false;
}

static bool is_ssh(enum document document)
{
	return document == DOCUMENT_SSH_USER || document == DOCUMENT_SSH_HOST;
}

bool policy_try(const struct policy *policy, const struct policy_request *request,
    const struct policy_input *document, const struct policy_input *key_line,
    struct decision *out, char message[MESSAGE_MAX])
{
	const struct request asked = { .document = request->document,
		.client = client_of(policy, request->client),
		.now = request->now };
	struct issuer issuer = {
		.ca = request->ca, .purpose = PURPOSE_SSH, .not_after = INT64_MAX
	};
	struct slice key = { NULL, 0 };
	struct facts facts, signer;

	if (key_line && !read_issuer(key_line, &key, message))
		return false;
	if (!is_ssh(request->document)) {
		refuse_form(out, document_name(request->document),
		    "documents of this kind are not signed by this version");
		return true;
	}
	if (!read_document(document, key_line != NULL, &facts, out))
		return true;
	if (!key_line)
		key = FACTS_SLICE(&facts, signature_key);
	issuer.public_key = key.at;
	issuer.public_key_length = key.length;
	if (ssh_key_read(key.at, key.length, &signer))
		issuer.key_kind = signer.subject_kind;
	policy_check(policy, &issuer, &asked, &facts, out);
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
		log_escape(value, sizeof value, (const char *)decision->value,
		    decision->value_length);
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
