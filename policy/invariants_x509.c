/*
 * What no line of the policy can switch off of an X.509 certificate; x509_holds() lists
 * it. That the bytes are DER in the one accepted form, of version 3 and without other
 * extensions or kinds of names, is the reader's promise; all else is here again.
 */
#include "policy/invariants.h"

#include "policy/x509_words.h"

#include <stdio.h>
#include <string.h>

#define LIST_MAX	256 /* values of one word, as SSH's principals */
#define HEX_BYTES	20  /* of a refused value */
#define COMMON_NAME_MAX 255 /* bytes, as a principal */
#define DNS_NAME_MAX	253 /* RFC 1035 2.3.4 without length bytes */
#define DNS_LABEL_MAX	63  /* the same */
#define LOCAL_PART_MAX	64  /* RFC 5321 4.5.3.1.1 */

#define KEY_USAGE	   (X509_DIGITAL_SIGNATURE | X509_KEY_ENCIPHERMENT)
#define EXTENDED_KEY_USAGE (X509_SERVER_AUTH | X509_CLIENT_AUTH)

/* As must(), of bytes that are no text. */
/*@ requires \valid(out) && slice_readable(value);
    assigns *out;
    ensures \result <==> good;
*/
static bool must_bytes(
    struct decision *out, bool good, enum fact fact, struct slice value, const char *why)
{
	static const uint8_t hex[16] = "0123456789abcdef";
	uint8_t text[2 * HEX_BYTES];
	size_t i;

	/*@ loop invariant i <= HEX_BYTES && i <= value.length;
	    loop assigns i, text[0 .. 2 * HEX_BYTES - 1];
	    loop variant HEX_BYTES - i; */
	for (i = 0; !good && i < value.length && i < HEX_BYTES; i++) {
		text[2 * i] = hex[value.at[i] / 16];
		text[2 * i + 1] = hex[value.at[i] % 16];
	}
	return good || refuse_bytes(out, fact, (struct slice){ text, 2 * i }, why);
}

/*@ requires check_ready(check) && \valid(out);
    assigns *out;
    ensures \result ==> promised_algorithm(check->issuer, check->facts);
*/
static bool algorithm_fits_key(const struct check *check, struct decision *out)
{
	static const enum x509_signature algorithms[KEY_KIND_COUNT] = {
		[KEY_RSA] = X509_RSA_SHA256,
		[KEY_P256] = X509_ECDSA_SHA256,
		[KEY_P384] = X509_ECDSA_SHA384,
		[KEY_P521] = X509_ECDSA_SHA512,
		[KEY_ED25519] = X509_ED25519,
	};
	enum key_kind kind = check->issuer->key_kind;

	return must(out,
	    (unsigned)kind < KEY_KIND_COUNT &&
		check->facts->x509_signature == algorithms[kind],
	    FACT_SIGNATURE_ALGORITHM, key_kind_name(kind),
	    "the signature algorithm is not the one that this CA's key signs with");
}

/*@ requires check_ready(check) && \valid(out);
    assigns *out;
    ensures \result ==> promised_unstamped(check->facts);
*/
static bool serial_is_unstamped(const struct check *check, struct decision *out)
{
	struct slice serial = FACTS_SLICE(check->facts, x509_serial);

	return must_bytes(out, x509_serial_unstamped(serial), FACT_SERIAL, serial,
	    "the serial must be 16 zero bytes, the broker stamps it");
}

/* The first common name, for messages; empty: there is none. */
/*@ requires slice_readable(name);
    assigns \nothing;
*/
static struct slice common_name(struct slice name)
{
	struct x509_attribute attribute;

	while (x509_next_attribute(&name, &attribute))
		if (attribute.kind == X509_COMMON_NAME)
			return attribute.value;
	return (struct slice){ name.at, 0 };
}

/*@ requires check_ready(check) && \valid(out);
    assigns *out;
    ensures \result ==> promised_issuer(check->issuer, check->facts);
*/
static bool issued_by_this_ca(const struct check *check, struct decision *out)
{
	struct slice name = FACTS_SLICE(check->facts, x509_issuer);
	struct slice id = FACTS_SLICE(check->facts, x509_authority_key_id);

	if (check->issuer->name_length == 0 ||
	    !slice_same(name, FACTS_SLICE(check->issuer, name)))
		return refuse_bytes(out, FACT_ISSUER, common_name(name),
		    "the issuer is not the subject of this CA's certificate");
	return must_bytes(out,
	    id.length > 0 && slice_same(id, FACTS_SLICE(check->issuer, key_id)),
	    FACT_ISSUER, id,
	    "the authority key identifier is not that of the key that this CA signs "
	    "with now");
}

/*@ requires check_ready(check) && \valid(out);
    assigns *out;
    ensures \result ==> promised_leaf(check->facts);
*/
static bool is_plain_leaf(const struct check *check, struct decision *out)
{
	const struct facts *facts = check->facts;
	struct slice key_id = FACTS_SLICE(facts, x509_subject_key_id);

	return must(out, !facts->x509_is_ca && !facts->x509_path_limited, FACT_FORM, "CA",
		   "the broker alone makes certificates of CAs") &&
	       must_bytes(out, key_id.length == 0, FACT_FORM, key_id,
		   "there must be no subject key identifier") &&
	       (facts->x509_crl_url_length == 0 ||
		   refuse_bytes(out, FACT_FORM, FACTS_SLICE(facts, x509_crl_url),
		       "there must be no CRL distribution point"));
}

/* The names of RFC 5280 4.2.1.3 and 4.2.1.12. */
static const char *const key_usages[8] = { "encipherOnly", "cRLSign", "keyCertSign",
	"keyAgreement", "dataEncipherment", "keyEncipherment", "nonRepudiation",
	"digitalSignature" };
static const char *const extended_key_usages[8] = { "serverAuth", "clientAuth" };

/*@ requires \valid(out) && \valid_read(names + (0 .. 7));
    assigns *out;
    ensures !\result;
*/
static bool refuse_usage(
    struct decision *out, uint32_t usage, const char *const names[8], const char *why)
{
	bool first = true;
	unsigned bit;

	refuse_text(out, FACT_KEY_USAGE, "", why);
	/*@ loop invariant bit <= 8 && out->value_length <= POLICY_VALUE_MAX;
	    loop assigns bit, usage, first, out->value_length,
	      out->value[0 .. POLICY_VALUE_MAX - 1];
	    loop variant 8 - bit; */
	for (bit = 0; bit < 8; bit++, usage /= 2) {
		if (usage % 2 == 0 || !names[bit])
			continue;
		decision_append(out, slice_of(first ? "" : " "));
		decision_append(out, slice_of(names[bit]));
		first = false;
	}
	return false;
}

/*@ requires check_ready(check) && \valid(out);
    assigns *out;
    ensures \result ==> promised_usage(check->facts);
*/
static bool usage_is_documents(const struct check *check, struct decision *out)
{
	const struct facts *facts = check->facts;

	return (facts->x509_key_usage == KEY_USAGE ||
		   refuse_usage(out, facts->x509_key_usage, key_usages,
		       "the key usage must be digitalSignature and keyEncipherment")) &&
	       (facts->x509_extended_key_usage == EXTENDED_KEY_USAGE ||
		   refuse_usage(out, facts->x509_extended_key_usage, extended_key_usages,
		       "the extended key usage must be serverAuth and clientAuth"));
}

/*@ requires check_ready(check) && \valid(out);
    assigns *out;
    ensures \result ==> promised_validity(check->issuer, check->request,
      check->facts->x509_not_before, check->facts->x509_not_after);
*/
static bool times_hold(const struct check *check, struct decision *out)
{
	int64_t start = check->facts->x509_not_before, end = check->facts->x509_not_after;

	if (check->request->ignore_ttl)
		return true;
	return must(out, start >= 0 && end >= 0, FACT_VALIDITY, "before 1970",
		   "the validity starts or ends before 1970") &&
	       validity_holds(check, out, (uint64_t)start, (uint64_t)end);
}

/* ---- names ---- */

static bool attribute_holds(
    struct decision *out, enum fact fact, const struct x509_attribute *attribute)
{
	struct slice value = attribute->value;

	if (fact == FACT_PRINCIPALS)
		return principal_holds(out, value);
	if (value.length == 0 || !text_printable(value))
		return refuse_bytes(out, fact, value,
		    "an attribute of the subject is empty, or not UTF-8 without control "
		    "characters");
	return fact != FACT_SUBJECT || value.length <= COMMON_NAME_MAX ||
	       refuse_bytes(out, fact, value, "the common name is longer than 255 bytes");
}

/* Which attributes are `attributes`, a bit for each; the record writes those of one OID
 * as one list. */
struct seen {
	uint8_t bits[128 * 128 / 8];
	bool serial_number;
	unsigned previous;
};

/* Does it follow another of its OID, or come first? */
static bool stands_together(struct seen *seen, const struct x509_attribute *attribute)
{
	unsigned at = 128u * (attribute->branch & 127u) + (attribute->leaf & 127u);
	unsigned number = attribute->kind == X509_TELEPORT ? at + 2 : 1;
	bool before = attribute->kind == X509_TELEPORT
			  ? (seen->bits[at / 8] >> at % 8 & 1) != 0
			  : seen->serial_number;
	bool together = !before || number == seen->previous;

	if (attribute->kind == X509_TELEPORT)
		seen->bits[at / 8] |= (uint8_t)(1u << at % 8);
	else
		seen->serial_number = true;
	seen->previous = number;
	return together;
}

static bool attributes_hold(
    const struct check *check, struct decision *out, unsigned counts[FACT_COUNT])
{
	struct slice list = FACTS_SLICE(check->facts, x509_subject);
	struct seen seen = { .previous = 0 };
	struct x509_attribute attribute;
	enum fact fact;

	while (x509_next_attribute(&list, &attribute)) {
		fact = x509_attribute_fact(&attribute);
		if (counts[fact]++ == LIST_MAX)
			return must(out, false, fact, "", "there are more than 256");
		if (!attribute_holds(out, fact, &attribute))
			return false;
		if (fact == FACT_ATTRIBUTES && !stands_together(&seen, &attribute))
			return refuse_bytes(out, fact, attribute.value,
			    "the attributes of one OID do not follow each other");
	}
	return must(
	    out, list.length == 0, FACT_FORM, "", "the subject is no packed list");
}

/*@ requires check_ready(check) && \valid(out);
    assigns *out;
*/
static bool subject_holds(const struct check *check, struct decision *out)
{
	struct slice subject = FACTS_SLICE(check->facts, x509_subject);
	unsigned counts[FACT_COUNT] = { 0 };

	return attributes_hold(check, out, counts) &&
	       must_number(out, counts[FACT_SUBJECT] == 1, FACT_SUBJECT,
		   counts[FACT_SUBJECT], "there must be one common name") &&
	       (!slice_same(subject, FACTS_SLICE(check->issuer, name)) ||
		   refuse_bytes(out, FACT_SUBJECT, common_name(subject),
		       "the subject's name is the CA's own"));
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(uint8_t c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* Letters, digits and hyphens, the latter not at an end. */
static bool is_label(const uint8_t *at, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		if (!is_letter(at[i]) && !is_digit(at[i]) && at[i] != '-')
			return false;
	return length > 0 && length <= DNS_LABEL_MAX && at[0] != '-' &&
	       at[length - 1] != '-';
}

/* Labels between dots. The last one is no number, which would make it an address. */
static bool is_host_name(struct slice name)
{
	bool number = true;
	size_t at, begin = 0;

	for (at = 0; at < name.length; at++) {
		number = number && is_digit(name.at[at]);
		if (name.at[at] != '.')
			continue;
		if (!is_label(name.at + begin, at - begin))
			return false;
		begin = at + 1;
		number = true;
	}
	return name.length <= DNS_NAME_MAX &&
	       is_label(name.at + begin, name.length - begin) && !number;
}

static bool has_upper_case(struct slice text)
{
	size_t i;

	for (i = 0; i < text.length; i++)
		if (text.at[i] >= 'A' && text.at[i] <= 'Z')
			return true;
	return false;
}

static bool dns_holds(struct slice name, bool wildcard)
{
	struct slice host = name;

	if (wildcard && name.length >= 2)
		host = (struct slice){ name.at + 2, name.length - 2 };
	return name.length <= DNS_NAME_MAX && !has_upper_case(name) && is_host_name(host);
}

static bool address_holds(struct slice address)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return address.length == 4 ||
	       (address.length == 16 && memcmp(address.at, mapped, sizeof(mapped)) != 0);
}

static bool is_hex(uint8_t c)
{
	return is_digit(c) || (is_letter(c) && (c | 0x20) <= 'f');
}

/* The characters of RFC 3986 2, with `%` before two hex digits alone. */
static bool is_uri_text(struct slice text)
{
	size_t i;

	for (i = 0; i < text.length; i++) {
		uint8_t c = text.at[i];

		if (c == '%' && (text.length - i < 3 || !is_hex(text.at[i + 1]) ||
				    !is_hex(text.at[i + 2])))
			return false;
		if (c <= ' ' || c > '~' || strchr("\"<>\\^`{|}", c))
			return false;
	}
	return true;
}

/* How many bytes the scheme before the first colon has (RFC 3986 3.1); 0: it is none. */
static size_t scheme_length(struct slice uri)
{
	size_t i = 0;

	while (
	    i < uri.length && (is_letter(uri.at[i]) ||
				  (i > 0 && (is_digit(uri.at[i]) || uri.at[i] == '+' ||
						uri.at[i] == '-' || uri.at[i] == '.'))))
		i++;
	return i + 1 < uri.length && uri.at[i] == ':' ? i : 0;
}

/* A host and perhaps a port (RFC 3986 3.2), where a pattern's star must not find what
 * ends the host for others: a user before it, a query or fragment instead of the path. */
static bool is_authority(const uint8_t *at, const uint8_t *end)
{
	const uint8_t *bracket =
	    at < end && *at == '[' ? memchr(at, ']', (size_t)(end - at)) : NULL;

	if (bracket)
		for (at++; at < bracket && (is_hex(*at) || *at == ':' || *at == '.');
		     at++)
			continue;
	else
		while (
		    at < end && (is_letter(*at) || is_digit(*at) || strchr("-._~", *at)))
			at++;
	at += bracket && at == bracket;
	if (at < end && *at == ':')
		for (at++; at < end && is_digit(*at); at++)
			continue;
	return at == end;
}

static bool has_plain_host(struct slice rest)
{
	const uint8_t *end = rest.at + rest.length, *slash;

	if (rest.length < 2 || memcmp(rest.at, "//", 2) != 0)
		return true;
	slash = memchr(rest.at + 2, '/', rest.length - 2);
	return is_authority(rest.at + 2, slash ? slash : end);
}

static bool uri_holds(struct slice uri)
{
	static const char spiffe[] = "spiffe";
	size_t length = scheme_length(uri), i = 0;

	while (i < length && i < 6 && (uri.at[i] | 0x20) == spiffe[i])
		i++;
	return length > 0 && !(length == 6 && i == 6) && is_uri_text(uri) &&
	       has_plain_host(
		   (struct slice){ uri.at + length + 1, uri.length - length - 1 });
}

/* local@domain, the local part a dot-string (RFC 5321 4.1.2). */
static bool email_holds(struct slice email)
{
	uint8_t previous = '.';
	size_t i;

	for (i = 0; i < email.length && email.at[i] != '@'; i++) {
		uint8_t c = email.at[i];

		if (c <= ' ' || c > '~' || strchr("()<>[]:;\\,\"", c) ||
		    (c == '.' && previous == '.'))
			return false;
		previous = c;
	}
	return i > 0 && i <= LOCAL_PART_MAX && previous != '.' && i < email.length &&
	       is_host_name((struct slice){ email.at + i + 1, email.length - i - 1 });
}

static bool alt_name_holds(
    struct decision *out, enum fact fact, const struct x509_alt_name *name)
{
	char text[X509_ADDRESS_TEXT];

	switch (name->kind) {
	case X509_ALT_DNS:
		return dns_holds(name->value, fact == FACT_WILDCARD_DNS) ||
		       refuse_bytes(out, fact, name->value,
			   "a DNS name is not of lower-case letters, digits and hyphens "
			   "in labels of 1 to 63, at most 253, the last of them no "
			   "number");
	case X509_ALT_IP:
		x509_address_text(name->value, text);
		return must(out, address_holds(name->value), fact, text,
		    "an address is neither IPv4 nor IPv6, or is IPv4 mapped into IPv6");
	case X509_ALT_URI:
		return uri_holds(name->value) ||
		       refuse_bytes(out, fact, name->value,
			   "a URI is not as RFC 3986 has it with a scheme, has more than "
			   "a host and a port before its path, or has the scheme "
			   "spiffe, which belongs to x509-svid");
	case X509_ALT_EMAIL:
		return email_holds(name->value) ||
		       refuse_bytes(out, fact, name->value,
			   "an e-mail address is not NAME@DOMAIN");
	}
	return must(out, false, FACT_FORM, "", "a name of another kind");
}

/*@ requires check_ready(check) && \valid(out);
    assigns *out;
*/
static bool alt_names_hold(const struct check *check, struct decision *out)
{
	struct slice list = FACTS_SLICE(check->facts, x509_alt_names);
	unsigned counts[FACT_COUNT] = { 0 };
	struct x509_alt_name name;
	enum fact fact;

	while (x509_next_alt_name(&list, &name)) {
		fact = x509_alt_name_fact(&name);
		if (counts[fact]++ == LIST_MAX)
			return must(out, false, fact, "", "there are more than 256");
		if (!alt_name_holds(out, fact, &name))
			return false;
	}
	return must(out, list.length == 0, FACT_FORM, "",
	    "the alternative names are no packed list");
}

bool x509_holds(const struct check *check, struct decision *out)
{
	return algorithm_fits_key(check, out) && issuer_key_fits(check, out) &&
	       issued_by_this_ca(check, out) && serial_is_unstamped(check, out) &&
	       is_plain_leaf(check, out) && usage_is_documents(check, out) &&
	       times_hold(check, out) && subject_key_is_sound(check, out) &&
	       subject_is_no_ca(check, out) && subject_holds(check, out) &&
	       alt_names_hold(check, out) && record_line_holds(check, out);
}
