/*
 * privyseal policy test: what may lie in the files that it is given: an OpenSSH line,
 * PEM, or bytes as they are. What is found is handed on; whether it is sound the readers
 * of policy/ say.
 */
#include "cli/policy_command.h"
#include "policy/ssh_certificate.h"
#include "policy/x509_signed.h"
#include "policy/x509_certificate.h"

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

/* ---- PEM (RFC 7468): the first block of this label, if there is one ---- */

static struct slice text_between(struct slice text, const char *begin, const char *end)
{
	const uint8_t *from = memmem(text.at, text.length, begin, strlen(begin)), *to;
	struct slice none = { text.at, 0 };

	if (!from)
		return none;
	from += strlen(begin);
	to = memmem(from, (size_t)(text.at + text.length - from), end, strlen(end));
	return to ? (struct slice){ from, (size_t)(to - from) } : none;
}

/* The DER of a certificate; what is no PEM is taken as it is. */
static struct slice read_pem(
    const struct policy_input *input, uint8_t out[POLICY_INPUT_MAX])
{
	static uint8_t joined[POLICY_INPUT_MAX];
	struct slice whole = { input->bytes, input->length }, word, bytes = { out, 0 };
	struct slice text = text_between(
	    whole, "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----");
	size_t length = 0;

	for (word = next_word(&text); word.length > 0; word = next_word(&text)) {
		memcpy(joined + length, word.at, word.length);
		length += word.length;
	}
	return read_base64((struct slice){ joined, length }, out, &bytes.length) ? bytes
										 : whole;
}

/* Each begins with the name of its type. */
static bool looks_like_ssh(struct slice document)
{
	struct slice type;
	unsigned kind = 0;

	if (!facts_next_item(&document, &type))
		return false;
	while (kind < KEY_KIND_COUNT &&
	       !slice_is(type, ssh_certificate_type_name((enum key_kind)kind)))
		kind++;
	return kind < KEY_KIND_COUNT;
}

const char *policy_document_wanted(enum document document, struct slice bytes)
{
	if (document_is_x509(document))
		return bytes.length > 0 && bytes.at[0] == DER_SEQUENCE
			   ? NULL
			   : "no X.509 certificate: expected one as PEM (BEGIN "
			     "CERTIFICATE) or DER, or what of it is to be signed";
	return looks_like_ssh(bytes)
		   ? NULL
		   : "no SSH certificate: expected a line `TYPE-cert-v01@openssh.com "
		     "BASE64`, its bytes, or what of them is to be signed";
}

bool policy_document_read(
    const struct policy_input *input, enum document document, struct slice *bytes)
{
	static uint8_t decoded[POLICY_INPUT_MAX];
	struct x509_signed certificate;

	if (document_is_x509(document)) {
		*bytes = read_pem(input, decoded);
		if (!x509_signed_read(bytes->at, bytes->length, &certificate))
			return false;
		*bytes = certificate.document;
		return true;
	}
	if (!read_line((struct slice){ input->bytes, input->length },
		ssh_certificate_type_name, decoded, bytes))
		*bytes = (struct slice){ input->bytes, input->length };
	return cut_signature(bytes);
}

static bool read_ssh_issuer(
    struct slice line, uint8_t decoded[POLICY_INPUT_MAX], struct issuer *out)
{
	struct slice key;
	struct facts facts;

	if (!read_line(line, ssh_key_type_name, decoded, &key) ||
	    !ssh_key_read(key.at, key.length, &facts))
		return false;
	out->key_kind = facts.subject_kind;
	out->public_key = key.at;
	out->public_key_length = key.length;
	return true;
}

/* The subject key identifier among a certificate's extensions; there may be none. */
static void find_key_id(struct slice from, struct issuer *out)
{
	static const uint8_t oid[] = { 0x55, 0x1d, 14 }; /* RFC 5280 4.2.1.2 */
	struct slice wrapped, list, extension, name, value, id;

	if (!der_take_whole(from, DER_EXPLICIT(3), &wrapped) ||
	    !der_take_whole(wrapped, DER_SEQUENCE, &list))
		return;
	while (der_take(&list, DER_SEQUENCE, &extension))
		if (der_take(&extension, DER_OBJECT_ID, &name) &&
		    der_equal(&name, oid, sizeof oid) &&
		    der_take_whole(extension, DER_OCTET_STRING, &value) &&
		    der_take_whole(value, DER_OCTET_STRING, &id)) {
			out->key_id = id.at;
			out->key_id_length = id.length;
		}
}

/* Of a CA certificate, which may have been made elsewhere, only what a document is
 * compared with. */
static bool read_x509_issuer(struct slice certificate, struct issuer *out)
{
	static uint8_t blob[POLICY_INPUT_MAX];
	struct slice rest, field, times, name;
	struct x509_signed parts;
	struct facts key = { .subject_kind = KEY_RSA };
	const uint8_t *info;
	int64_t not_before;

	if (!x509_signed_read(certificate.at, certificate.length, &parts) ||
	    !der_take_whole(parts.document, DER_SEQUENCE, &rest) ||
	    !der_take(&rest, DER_EXPLICIT(0), &field) ||
	    !der_take(&rest, DER_INTEGER, &field) ||
	    !der_take(&rest, DER_SEQUENCE, &field) ||
	    !der_take(&rest, DER_SEQUENCE, &field) ||
	    !der_take(&rest, DER_SEQUENCE, &times) ||
	    !der_take_time(&times, &not_before) ||
	    !der_take_time(&times, &out->not_after) ||
	    !der_take(&rest, DER_SEQUENCE, &name))
		return false;
	info = rest.at;
	if (!der_take(&rest, DER_SEQUENCE, &field) ||
	    !x509_key_read(info, (size_t)(rest.at - info), &key))
		return false;
	find_key_id(rest, out);
	out->name = name.at;
	out->name_length = name.length;
	out->key_kind = key.subject_kind;
	out->public_key = blob;
	out->public_key_length = ssh_key_write(&key, blob, sizeof blob);
	return out->public_key_length > 0;
}

bool policy_issuer_read(const struct policy_input *input, enum document document,
    struct issuer *out, char message[MESSAGE_MAX])
{
	static uint8_t decoded[POLICY_INPUT_MAX];
	const struct slice line = { input->bytes, input->length };
	bool x509 = document_is_x509(document);

	if (x509 ? read_x509_issuer(read_pem(input, decoded), out)
		 : read_ssh_issuer(line, decoded, out))
		return true;
	snprintf(message, MESSAGE_MAX, "%s: expected %s", input->name,
	    x509 ? "a CA's certificate, PEM or DER"
		 : "a CA's public key, `TYPE BASE64` on one line");
	return false;
}
