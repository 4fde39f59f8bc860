/*
 * What our readers make of documents, for the tests that compare it with other programs:
 * a line of standard input is `certificate`, `crl` or `ssh` and the to-be-signed bytes in
 * hex; the answer is a line of JSON, {"refused": why} or the facts, and how many bits of
 * the document can be turned without the facts' being others (`free_bits`; 0 is right).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/documents.h"
#include "policy/ssh_certificate.h"
#include "policy/x509_certificate.h"
#include "policy/x509_crl.h"
#include "tests/unit/bit_flips.h"
#include "worker/json.h"

#define LINE_MAX_TEXT (2 * FACTS_DOCUMENT_MAX + 64)

static void put_hex(struct json_out *out, const char *name, struct slice bytes)
{
	static char text[2 * FACTS_DOCUMENT_MAX + 1];
	size_t i;

	for (i = 0; i < bytes.length; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes.at[i]);
	text[2 * bytes.length] = '\0';
	json_name(out, name);
	json_text(out, text);
}

static void put_number(struct json_out *out, const char *name, int64_t number)
{
	json_name(out, name);
	json_number(out, number);
}

/* [["2.5.4.3", value], ...] */
static void put_name(struct json_out *out, const char *name, struct slice list)
{
	struct x509_attribute attribute;
	char oid[32];

	json_name(out, name);
	json_open(out, '[');
	while (x509_next_attribute(&list, &attribute)) {
		if (attribute.kind == X509_TELEPORT)
			snprintf(oid, sizeof(oid), "1.3.9999.%u.%u", attribute.branch,
			    attribute.leaf);
		else
			snprintf(oid, sizeof(oid), "2.5.4.%u", (unsigned)attribute.kind);
		json_open(out, '[');
		json_text(out, oid);
		json_string(out, attribute.value.at, attribute.value.length);
		json_close(out, ']');
	}
	json_close(out, ']');
}

/* ["dns:...", "ip:" and hex, ...] */
static void put_alt_names(struct json_out *out, struct slice list)
{
	struct x509_alt_name name;
	char text[X509_ALT_NAME_MAX + 8];
	const char *kind;
	size_t i, n;

	json_name(out, "alt_names");
	json_open(out, '[');
	while (x509_next_alt_name(&list, &name)) {
		kind = name.kind == X509_ALT_DNS     ? "dns"
		       : name.kind == X509_ALT_EMAIL ? "email"
		       : name.kind == X509_ALT_URI   ? "uri"
						     : "ip";
		n = (size_t)snprintf(text, sizeof(text), "%s:", kind);
		for (i = 0; i < name.value.length; i++)
			n += (size_t)snprintf(text + n, sizeof(text) - n,
			    name.kind == X509_ALT_IP ? "%02x" : "%c", name.value.at[i]);
		json_string(out, text, n);
	}
	json_close(out, ']');
}

static void put_certificate(struct json_out *out, const struct facts *facts)
{
	uint8_t key[4096];
	const size_t key_length = x509_key_write(facts, key, sizeof(key));

	put_hex(out, "serial", FACTS_SLICE(facts, x509_serial));
	put_name(out, "issuer", FACTS_SLICE(facts, x509_issuer));
	put_name(out, "subject", FACTS_SLICE(facts, x509_subject));
	put_number(out, "not_before", facts->x509_not_before);
	put_number(out, "not_after", facts->x509_not_after);
	put_hex(out, "key", (struct slice){ key, key_length });
	put_number(out, "key_usage", facts->x509_key_usage);
	put_number(out, "extended_key_usage", facts->x509_extended_key_usage);
	json_name(out, "is_ca");
	json_bool(out, facts->x509_is_ca);
	put_number(out, "path_length",
	    facts->x509_path_limited ? (int64_t)facts->x509_path_length : -1);
	put_hex(out, "subject_key_id", FACTS_SLICE(facts, x509_subject_key_id));
	put_hex(out, "authority_key_id", FACTS_SLICE(facts, x509_authority_key_id));
	put_alt_names(out, FACTS_SLICE(facts, x509_alt_names));
	json_name(out, "crl_url");
	json_string(out, facts->x509_crl_url, facts->x509_crl_url_length);
}

static void put_crl(struct json_out *out, const struct facts *facts)
{
	struct slice list = FACTS_SLICE(facts, x509_revoked);
	struct x509_revoked revoked;

	put_name(out, "issuer", FACTS_SLICE(facts, x509_issuer));
	put_number(out, "not_before", facts->x509_not_before);
	put_number(out, "not_after", facts->x509_not_after);
	put_number(out, "number", facts->x509_crl_number);
	put_hex(out, "authority_key_id", FACTS_SLICE(facts, x509_authority_key_id));
	json_name(out, "revoked");
	json_open(out, '[');
	while (x509_next_revoked(&list, &revoked)) {
		json_open(out, '{');
		put_hex(out, "serial", revoked.serial);
		put_number(out, "date", revoked.date);
		json_close(out, '}');
	}
	json_close(out, ']');
}

static void put_options(struct json_out *out, const char *name, struct slice list)
{
	struct named_value option;
	char text[512];

	json_name(out, name);
	json_open(out, '{');
	while (facts_next_option(&list, &option)) {
		snprintf(text, sizeof(text), "%.*s", (int)option.name.length,
		    (const char *)option.name.at);
		json_name(out, text);
		json_string(out, option.value.at, option.value.length);
	}
	json_close(out, '}');
}

static void put_text_number(struct json_out *out, const char *name, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	json_name(out, name);
	json_text(out, text);
}

static void put_ssh(struct json_out *out, const struct facts *facts)
{
	struct slice list = FACTS_SLICE(facts, principals), item;
	uint8_t key[4096];

	put_hex(
	    out, "key", (struct slice){ key, ssh_key_write(facts, key, sizeof(key)) });
	put_text_number(out, "serial", facts->serial);
	put_number(out, "type", facts->ssh_type);
	json_name(out, "key_id");
	json_string(out, facts->key_id, facts->key_id_length);
	json_name(out, "principals");
	json_open(out, '[');
	while (facts_next_item(&list, &item))
		json_string(out, item.at, item.length);
	json_close(out, ']');
	put_text_number(out, "valid_after", facts->valid_after);
	put_text_number(out, "valid_before", facts->valid_before);
	put_options(out, "critical_options", FACTS_SLICE(facts, critical_options));
	put_options(out, "extensions", FACTS_SLICE(facts, extensions));
	put_hex(out, "signature_key", FACTS_SLICE(facts, signature_key));
}

static const char *certificate_fault(
    const uint8_t *bytes, size_t length, struct facts *out)
{
	return document_read(DOCUMENT_X509_HOST, bytes, length, out);
}

static const char *crl_fault(const uint8_t *bytes, size_t length, struct facts *out)
{
	enum x509_form form = x509_crl_read(bytes, length, out);

	return form == X509_FORM_GOOD ? NULL : x509_form_text(form);
}

static const char *ssh_fault(const uint8_t *bytes, size_t length, struct facts *out)
{
	return document_read(DOCUMENT_SSH_USER, bytes, length, out);
}

static bool certificate_read(const uint8_t *bytes, size_t length, struct facts *out)
{
	return !certificate_fault(bytes, length, out);
}

static bool crl_read(const uint8_t *bytes, size_t length, struct facts *out)
{
	return !crl_fault(bytes, length, out);
}

static bool ssh_read(const uint8_t *bytes, size_t length, struct facts *out)
{
	return !ssh_fault(bytes, length, out);
}

static const struct {
	const char *name;
	const char *(*fault)(const uint8_t *bytes, size_t length, struct facts *out);
	flips_read read;
	void (*put)(struct json_out *out, const struct facts *facts);
} kinds[] = {
	{ "certificate", certificate_fault, certificate_read, put_certificate },
	{ "crl", crl_fault, crl_read, put_crl },
	{ "ssh", ssh_fault, ssh_read, put_ssh },
};

static size_t read_hex(const char *hex, uint8_t *out, size_t room)
{
	size_t length = 0;
	unsigned byte;

	while (length < room && sscanf(hex + 2 * length, "%2x", &byte) == 1)
		out[length++] = (uint8_t)byte;
	return length;
}

static void answer(const char *kind, const uint8_t *bytes, size_t length)
{
	struct json_out out = { 0 };
	struct facts facts;
	struct flips flips = { 0 };
	const char *why = "unknown kind";
	size_t i;

	json_open(&out, '{');
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kind, kinds[i].name) != 0)
			continue;
		why = kinds[i].fault(bytes, length, &facts);
		if (why)
			continue;
		flip_each_bit(kinds[i].read, bytes, length, &flips);
		kinds[i].put(&out, &facts);
		put_number(&out, "free_bits", (int64_t)flips.same);
	}
	if (why) {
		json_name(&out, "refused");
		json_text(&out, why);
	}
	json_close(&out, '}');
	printf("%.*s\n", (int)out.length, out.bytes);
	json_out_free(&out);
}

int main(void)
{
	static char line[LINE_MAX_TEXT];
	static uint8_t bytes[FACTS_DOCUMENT_MAX];
	char *space;

	while (fgets(line, sizeof(line), stdin)) {
		space = strchr(line, ' ');
		if (!space)
			return 1;
		*space = '\0';
		answer(line, bytes, read_hex(space + 1, bytes, sizeof(bytes)));
	}
	return fflush(stdout) == 0 ? 0 : 1;
}
