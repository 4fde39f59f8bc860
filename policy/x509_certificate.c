/*
 * Reader and writer of certificates; x509_certificate.h has what is accepted. The reader
 * runs in the broker over bytes of an untrusted worker. Each function takes its field off
 * a slice or fails; of what was not accepted whole no fact is left.
 */
#include "policy/x509_certificate.h"

static const uint8_t version[3] = { DER_INTEGER, 1, 2 }; /* v3 */

/*@ requires \valid(from) && der_readable(from->at, from->length);
    assigns *from;
    ensures der_readable(from->at, from->length);
    ensures \result ==> from->length < \old(from->length);
    ensures \result ==> from->at + from->length == \old(from->at + from->length);
*/
static bool take_version(struct slice *from)
{
	struct slice content;

	return der_take(from, DER_EXPLICIT(0), &content) &&
	       der_equal(&content, version, sizeof(version));
}

/*@ requires der_readable(serial.at, serial.length);
    assigns \nothing;
    ensures \result ==> 0 < serial.length <= X509_SERIAL_MAX;
*/
static bool is_serial(struct slice serial)
{
	return x509_serial_unstamped(serial) ||
	       (serial.length <= X509_SERIAL_MAX && der_is_positive(&serial));
}

/* Empty when it is none. */
/*@ requires \valid(from) && der_readable(from->at, from->length);
    assigns *from;
    ensures der_readable(from->at, from->length);
    ensures \result.length <= X509_SERIAL_MAX;
    ensures \result.length > 0 ==> der_readable(\result.at, \result.length);
    ensures \result.length > 0 ==>
      \result.at + \result.length + from->length == \old(from->at + from->length);
    ensures \result.length > 0 ==>
      \result.length + from->length < \old(from->length);
*/
static struct slice take_serial(struct slice *from)
{
	struct slice serial;

	if (!der_take(from, DER_INTEGER, &serial) || !is_serial(serial))
		return (struct slice){ from->at, 0 };
	return serial;
}

/*@ requires \valid(from) && der_readable(from->at, from->length) && \valid(facts);
    requires \separated(from, facts);
    assigns *from, facts->x509_not_before, facts->x509_not_after;
    ensures der_readable(from->at, from->length);
*/
static bool take_validity(struct slice *from, struct facts *facts)
{
	struct slice validity;

	return der_take(from, DER_SEQUENCE, &validity) &&
	       der_take_time(&validity, &facts->x509_not_before) &&
	       der_take_time(&validity, &facts->x509_not_after) && validity.length == 0;
}

/* clang-format off */
#define EC(length) 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, length
static const struct x509_choice kinds[KEY_KIND_COUNT] = {
	[KEY_RSA]     = { { 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00 }, 13 },
	[KEY_P256]    = { { EC(8), 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 }, 19 },
	[KEY_P384]    = { { EC(5), 0x2b, 0x81, 0x04, 0x00, 0x22 }, 16 },
	[KEY_P521]    = { { EC(5), 0x2b, 0x81, 0x04, 0x00, 0x23 }, 16 },
	[KEY_ED25519] = { { 0x06, 0x03, 0x2b, 0x65, 0x70 }, 5 },
};
/* clang-format on */

/* Of the point, of Ed25519's key; RSA has none. */
static const uint8_t key_lengths[KEY_KIND_COUNT] = {
	[KEY_P256] = 65, [KEY_P384] = 97, [KEY_P521] = 133, [KEY_ED25519] = 32
};

#define POINT_UNCOMPRESSED 0x04 /* SEC 1 2.3.3 */

/* A positive number without the zero byte that keeps it positive. */
/*@ requires \valid(from) && \valid(out) && \separated(from, out);
    requires der_readable(from->at, from->length);
    assigns *from, *out;
    ensures der_readable(from->at, from->length);
    ensures \result ==> der_readable(out->at, out->length) && out->length > 0;
*/
static bool take_magnitude(struct slice *from, struct slice *out)
{
	if (!der_take_positive(from, DER_MAX, out))
		return false;
	if (out->at[0] == 0) {
		out->at++;
		out->length--;
	}
	return true;
}

/*@ requires der_readable(key.at, key.length) && \valid(facts);
    assigns facts->subject_key, facts->subject_key_length, facts->subject_exponent,
      facts->subject_exponent_length;
    ensures \result ==> der_readable(facts->subject_key, facts->subject_key_length);
    ensures \result ==>
      der_readable(facts->subject_exponent, facts->subject_exponent_length);
*/
static bool read_rsa(struct slice key, struct facts *facts)
{
	struct slice numbers, modulus, exponent;

	if (!der_take_whole(key, DER_SEQUENCE, &numbers) ||
	    !take_magnitude(&numbers, &modulus) || !take_magnitude(&numbers, &exponent) ||
	    numbers.length != 0)
		return false;
	X509_SET(facts, subject_key, modulus);
	X509_SET(facts, subject_exponent, exponent);
	return true;
}

/*@ requires der_readable(key.at, key.length) && \valid(facts);
    requires KEY_RSA < kind < KEY_KIND_COUNT;
    assigns facts->subject_key, facts->subject_key_length, facts->subject_exponent,
      facts->subject_exponent_length;
    ensures \result ==> der_readable(facts->subject_key, facts->subject_key_length);
    ensures \result ==>
      der_readable(facts->subject_exponent, facts->subject_exponent_length);
*/
static bool read_point(struct slice key, enum key_kind kind, struct facts *facts)
{
	if (key.length != key_lengths[kind] ||
	    (kind != KEY_ED25519 && key.at[0] != POINT_UNCOMPRESSED))
		return false;
	X509_SET(facts, subject_key, key);
	facts->subject_exponent = key.at;
	facts->subject_exponent_length = 0;
	return true;
}

/*@ requires \valid(from) && der_readable(from->at, from->length) && \valid(facts);
    requires \separated(from, facts);
    assigns *from, facts->subject_kind, facts->subject_key, facts->subject_key_length,
      facts->subject_exponent, facts->subject_exponent_length;
    ensures der_readable(from->at, from->length);
    ensures \result ==> x509_key(facts);
*/
static bool take_key(struct slice *from, struct facts *facts)
{
	struct slice info, key;
	enum key_kind kind;

	if (!der_take(from, DER_SEQUENCE, &info))
		return false;
	kind = (enum key_kind)x509_take_choice(&info, kinds, KEY_KIND_COUNT);
	if (kind >= KEY_KIND_COUNT || !der_take_bits(&info, &key) || info.length != 0)
		return false;
	facts->subject_kind = kind;
	return kind == KEY_RSA ? read_rsa(key, facts) : read_point(key, kind, facts);
}

bool x509_key_read(const uint8_t *bytes, size_t length, struct facts *out)
{
	struct slice from = { bytes, length };

	return length <= DER_MAX && take_key(&from, out) && from.length == 0;
}

#define KEY_USAGES                                                                       \
	(X509_DIGITAL_SIGNATURE | X509_KEY_ENCIPHERMENT | X509_KEY_AGREEMENT |           \
	    X509_KEY_CERT_SIGN | X509_CRL_SIGN)
#define AUTHORITY_USAGES                                                                 \
	(X509_DIGITAL_SIGNATURE | X509_KEY_ENCIPHERMENT | X509_KEY_CERT_SIGN |           \
	    X509_CRL_SIGN)

/* How many bits at the end are not used: all zeros (X.690 11.2.2). */
/*@ assigns \nothing;
    ensures \result <= 7;
*/
static unsigned unused_bits(unsigned byte)
{
	unsigned unused;

	/*@ loop invariant unused <= 7;
	    loop assigns unused, byte;
	    loop variant 7 - unused; */
	for (unused = 0; unused < 7 && byte % 2 == 0; unused++)
		byte /= 2;
	return unused;
}

/* Readers of extensions. An empty value is an extension that is not there. */

/*@ requires der_readable(value.at, value.length) && \valid(facts);
    assigns facts->x509_key_usage;
*/
static bool read_key_usage(struct slice value, struct facts *facts)
{
	struct slice bits;

	if (value.length == 0)
		return true;
	if (!der_take_whole(value, DER_BIT_STRING, &bits) || bits.length != 2 ||
	    bits.at[1] == 0 || bits.at[0] != unused_bits(bits.at[1]))
		return false;
	facts->x509_key_usage = bits.at[1];
	return (facts->x509_key_usage & ~KEY_USAGES) == 0;
}

/* clang-format off */
#define KEY_PURPOSE(n) 0x06, 0x08, 0x2b, 6, 1, 5, 5, 7, 3, n /* RFC 5280 4.2.1.12 */
static const struct x509_choice key_purposes[] = {
	[X509_SERVER_AUTH] = { { KEY_PURPOSE(1) }, 10 },
	[X509_CLIENT_AUTH] = { { KEY_PURPOSE(2) }, 10 },
	[X509_SERVER_AUTH | X509_CLIENT_AUTH] = { { KEY_PURPOSE(1), KEY_PURPOSE(2) }, 20 },
};
/* clang-format on */
#define KEY_PURPOSES (sizeof(key_purposes) / sizeof(key_purposes[0]))

/*@ requires der_readable(value.at, value.length) && \valid(facts);
    assigns facts->x509_extended_key_usage;
*/
static bool read_extended_key_usage(struct slice value, struct facts *facts)
{
	unsigned which;

	if (value.length == 0)
		return true;
	which = x509_take_choice(&value, key_purposes, KEY_PURPOSES);
	if (which == 0 || which == KEY_PURPOSES || value.length != 0)
		return false;
	facts->x509_extended_key_usage = which;
	return true;
}

/* It is always there. */
/*@ requires der_readable(value.at, value.length) && \valid(facts);
    assigns facts->x509_is_ca, facts->x509_path_limited, facts->x509_path_length;
*/
static bool read_basic_constraints(struct slice value, struct facts *facts)
{
	struct slice content;

	if (!der_take_whole(value, DER_SEQUENCE, &content))
		return false;
	facts->x509_is_ca = content.length > 0;
	if (facts->x509_is_ca && !der_take_true(&content))
		return false;
	facts->x509_path_limited = content.length > 0;
	if (facts->x509_path_limited &&
	    !der_take_number(&content, &facts->x509_path_length))
		return false;
	return content.length == 0;
}

/*@ requires der_readable(value.at, value.length) && \valid(facts);
    assigns facts->x509_subject_key_id, facts->x509_subject_key_id_length;
    ensures \result ==> der_readable(facts->x509_subject_key_id,
   facts->x509_subject_key_id_length);
*/
static bool read_subject_key_id(struct slice value, struct facts *facts)
{
	struct slice id = value;

	if (value.length > 0 && (!der_take_whole(value, DER_OCTET_STRING, &id) ||
				    id.length == 0 || id.length > X509_KEY_ID_MAX))
		return false;
	X509_SET(facts, x509_subject_key_id, id);
	return true;
}

/*@ requires der_readable(value.at, value.length) && \valid(facts);
    assigns facts->x509_authority_key_id, facts->x509_authority_key_id_length;
    ensures \result ==> der_readable(facts->x509_authority_key_id,
   facts->x509_authority_key_id_length);
*/
static bool read_authority_key_id(struct slice value, struct facts *facts)
{
	const struct slice id = x509_read_authority_key_id(value);

	X509_SET(facts, x509_authority_key_id, id);
	return value.length == 0 || id.length > 0;
}

/*@ requires der_readable(value.at, value.length);
    assigns \nothing;
*/
static bool is_url(struct slice value)
{
	return value.length > 0 && value.length <= X509_ALT_NAME_MAX &&
	       text_visible(value);
}

/*@ requires der_readable(value.at, value.length);
    assigns \nothing;
    ensures \result ==> X509_ALT_EMAIL <= kind <= X509_ALT_IP;
*/
static bool is_alt_name(enum x509_alt_name_kind kind, struct slice value)
{
	if (kind == X509_ALT_IP)
		return value.length == 4 || value.length == 16;
	return (kind == X509_ALT_EMAIL || kind == X509_ALT_DNS || kind == X509_ALT_URI) &&
	       is_url(value);
}

bool x509_next_alt_name(struct slice *list, struct x509_alt_name *out)
{
	struct slice rest = *list, value;
	uint8_t tag;

	if (rest.length == 0 || rest.at[0] < DER_CONTEXT(0))
		return false;
	tag = rest.at[0];
	if (!der_take(&rest, tag, &value) ||
	    !is_alt_name((enum x509_alt_name_kind)(tag - DER_CONTEXT(0)), value))
		return false;
	out->kind = (enum x509_alt_name_kind)(tag - DER_CONTEXT(0));
	out->value = value;
	*list = rest;
	return true;
}

/*@ requires der_readable(value.at, value.length) && \valid(facts);
    assigns facts->x509_alt_names, facts->x509_alt_names_length;
    ensures \result ==> der_readable(facts->x509_alt_names, facts->x509_alt_names_length);
*/
static bool read_alt_names(struct slice value, struct facts *facts)
{
	struct slice list = value;
	struct x509_alt_name name;
	unsigned count = 0;

	if (value.length > 0 &&
	    (!der_take_whole(value, DER_SEQUENCE, &list) || list.length == 0))
		return false;
	X509_SET(facts, x509_alt_names, list);
	/*@ loop invariant count <= X509_ALT_NAMES_MAX;
	    loop invariant der_readable(list.at, list.length);
	    loop assigns list, name, count;
	    loop variant list.length; */
	while (list.length > 0)
		if (count++ == X509_ALT_NAMES_MAX || !x509_next_alt_name(&list, &name))
			return false;
	return true;
}

/* From the outside in: the points, the one point, its name, the full name, the URI. */
static const uint8_t crl_point_tags[5] = { DER_SEQUENCE, DER_SEQUENCE, DER_EXPLICIT(0),
	DER_EXPLICIT(0), DER_CONTEXT(X509_ALT_URI) };

/*@ requires der_readable(value.at, value.length) && \valid(facts);
    assigns facts->x509_crl_url, facts->x509_crl_url_length;
    ensures \result ==> der_readable(facts->x509_crl_url, facts->x509_crl_url_length);
*/
static bool read_crl_points(struct slice value, struct facts *facts)
{
	const bool there = value.length > 0;
	struct slice content;
	size_t i;

	/*@ loop invariant i <= sizeof(crl_point_tags);
	    loop invariant der_readable(value.at, value.length);
	    loop assigns i, value, content;
	    loop variant sizeof(crl_point_tags) - i; */
	for (i = 0; there && i < sizeof(crl_point_tags); i++) {
		if (!der_take_whole(value, crl_point_tags[i], &content))
			return false;
		value = content;
	}
	X509_SET(facts, x509_crl_url, value);
	return !there || is_url(value);
}

/*@ requires der_readable(list.at, list.length) && \valid(facts);
    assigns facts->x509_key_usage, facts->x509_extended_key_usage, facts->x509_is_ca,
      facts->x509_path_limited, facts->x509_path_length, facts->x509_subject_key_id,
      facts->x509_subject_key_id_length, facts->x509_authority_key_id,
      facts->x509_authority_key_id_length, facts->x509_alt_names,
      facts->x509_alt_names_length, facts->x509_crl_url, facts->x509_crl_url_length;
    ensures \result == X509_FORM_GOOD ==> x509_extension_facts(facts);
*/
static enum x509_form read_extensions(
    struct slice list, bool has_subject, struct facts *facts)
{
	const struct slice key_usage =
	    x509_take_extension(&list, X509_CE_KEY_USAGE, true);
	const struct slice extended_key_usage =
	    x509_take_extension(&list, X509_CE_EXTENDED_KEY_USAGE, false);
	const struct slice basic_constraints =
	    x509_take_extension(&list, X509_CE_BASIC_CONSTRAINTS, true);
	const struct slice subject_key_id =
	    x509_take_extension(&list, X509_CE_SUBJECT_KEY_ID, false);
	const struct slice authority_key_id =
	    x509_take_extension(&list, X509_CE_AUTHORITY_KEY_ID, false);
	const struct slice alt_names =
	    x509_take_extension(&list, X509_CE_ALT_NAMES, !has_subject);
	const struct slice crl_points =
	    x509_take_extension(&list, X509_CE_CRL_POINTS, false);

	if (list.length > 0)
		return X509_FORM_EXTENSION;
	if (!read_key_usage(key_usage, facts))
		return X509_FORM_KEY_USAGE;
	if (!read_extended_key_usage(extended_key_usage, facts))
		return X509_FORM_EXTENDED_KEY_USAGE;
	if (!read_basic_constraints(basic_constraints, facts))
		return X509_FORM_BASIC_CONSTRAINTS;
	if (!read_subject_key_id(subject_key_id, facts))
		return X509_FORM_SUBJECT_KEY_ID;
	if (!read_authority_key_id(authority_key_id, facts))
		return X509_FORM_AUTHORITY_KEY_ID;
	if (!read_alt_names(alt_names, facts))
		return X509_FORM_ALT_NAMES;
	return read_crl_points(crl_points, facts) ? X509_FORM_GOOD : X509_FORM_CRL_URL;
}

/*@ requires der_writable(to);
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to) && to->used >= \old(to->used);
*/
static void put_key_usage(struct der_sink *to, unsigned usage)
{
	const uint8_t bits[2] = { (uint8_t)unused_bits(usage), (uint8_t)usage };
	const struct x509_opened opened =
	    x509_open_extension(to, X509_CE_KEY_USAGE, true);

	if ((usage & ~KEY_USAGES) != 0)
		to->failed = true;
	der_put(to, DER_BIT_STRING, bits, sizeof(bits));
	x509_close_extension(to, opened);
}

/*@ requires der_writable(to);
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to) && to->used >= \old(to->used);
*/
static void put_extended_key_usage(struct der_sink *to, unsigned usage)
{
	const struct x509_opened opened =
	    x509_open_extension(to, X509_CE_EXTENDED_KEY_USAGE, false);

	x509_put_choice(to, key_purposes, KEY_PURPOSES, usage);
	x509_close_extension(to, opened);
}

/*@ requires der_writable(to);
    requires \valid_read(facts);
    requires \separated(to, facts);
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to) && to->used >= \old(to->used);
*/
static void put_basic_constraints(struct der_sink *to, const struct facts *facts)
{
	const struct x509_opened opened =
	    x509_open_extension(to, X509_CE_BASIC_CONSTRAINTS, true);
	const size_t content = der_open(to);

	if (facts->x509_is_ca)
		der_put_true(to);
	if (facts->x509_path_limited)
		der_put_number(to, facts->x509_path_length);
	der_close(to, content, DER_SEQUENCE);
	x509_close_extension(to, opened);
}

/* One whose value is an element with this content. */
/*@ requires der_writable(to);
    requires der_readable(content.at, content.length);
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to) && to->used >= \old(to->used);
*/
static void put_extension(struct der_sink *to, enum x509_extension number, bool critical,
    uint8_t tag, struct slice content)
{
	const struct x509_opened opened = x509_open_extension(to, number, critical);

	der_put(to, tag, content.at, content.length);
	x509_close_extension(to, opened);
}

/*@ requires der_writable(to);
    requires der_readable(url.at, url.length);
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to) && to->used >= \old(to->used);
*/
static void put_crl_points(struct der_sink *to, struct slice url)
{
	const struct x509_opened opened =
	    x509_open_extension(to, X509_CE_CRL_POINTS, false);
	const size_t content = der_open(to);
	size_t i;

	der_put_bytes(to, url.at, url.length);
	/*@ loop invariant i <= sizeof(crl_point_tags);
	    loop invariant der_writable(to) && content <= to->used;
	    loop assigns i, to->used, to->failed,
	      to->bytes[0 .. to->room - 1];
	    loop variant i; */
	for (i = sizeof(crl_point_tags); i > 0; i--)
		der_close(to, content, crl_point_tags[i - 1]);
	x509_close_extension(to, opened);
}

/*@ requires der_writable(to) && \valid_read(facts) && \separated(to, facts);
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to) && to->used >= \old(to->used);
*/
static void put_uses(struct der_sink *to, const struct facts *facts)
{
	if (facts->x509_key_usage != 0)
		put_key_usage(to, facts->x509_key_usage);
	if (facts->x509_extended_key_usage != 0)
		put_extended_key_usage(to, facts->x509_extended_key_usage);
	put_basic_constraints(to, facts);
}

/*@ requires der_writable(to) && \valid_read(facts) && \separated(to, facts);
    requires x509_extension_facts(facts);
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to) && to->used >= \old(to->used);
*/
static void put_identifiers(struct der_sink *to, const struct facts *facts)
{
	if (facts->x509_subject_key_id_length != 0)
		put_extension(to, X509_CE_SUBJECT_KEY_ID, false, DER_OCTET_STRING,
		    FACTS_SLICE(facts, x509_subject_key_id));
	if (facts->x509_authority_key_id_length != 0)
		x509_put_authority_key_id(to, FACTS_SLICE(facts, x509_authority_key_id));
	if (facts->x509_alt_names_length != 0)
		put_extension(to, X509_CE_ALT_NAMES, facts->x509_subject_length == 0,
		    DER_SEQUENCE, FACTS_SLICE(facts, x509_alt_names));
	if (facts->x509_crl_url_length != 0)
		put_crl_points(to, FACTS_SLICE(facts, x509_crl_url));
}

/*@ requires der_writable(to) && \valid_read(facts) && \separated(to, facts);
    requires x509_extension_facts(facts);
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to) && to->used >= \old(to->used);
*/
static void put_extensions(struct der_sink *to, const struct facts *facts)
{
	const size_t opened = der_open(to), list = der_open(to);

	put_uses(to, facts);
	put_identifiers(to, facts);
	der_close(to, list, DER_SEQUENCE);
	der_close(to, opened, DER_EXPLICIT(3));
}

void x509_put_alt_name(struct der_sink *to, const struct x509_alt_name *name)
{
	if (is_alt_name(name->kind, name->value))
		der_put(to, (uint8_t)DER_CONTEXT(name->kind), name->value.at,
		    name->value.length);
	else
		to->failed = true;
}

/* A CA's subject has its serial in decimal, which keeps two CAs of one cluster apart. */
/*@ requires der_readable(subject.at, subject.length);
    requires der_readable(serial.at, serial.length);
    assigns \nothing;
*/
static bool subject_has_serial(struct slice subject, struct slice serial)
{
	struct x509_attribute attribute;
	uint8_t digits[X509_DECIMAL_MAX];
	const struct slice decimal = { digits, x509_serial_decimal(serial, digits) };
	unsigned found = 0;

	/*@ loop invariant der_readable(subject.at, subject.length);
	    loop invariant found + subject.length <= \at(subject.length, Pre);
	    loop assigns subject, attribute, found;
	    loop variant subject.length; */
	while (x509_next_attribute(&subject, &attribute))
		if (attribute.kind == X509_SERIAL_NUMBER) {
			if (!slice_same(attribute.value, decimal))
				return false;
			found++;
		}
	return found == 1;
}

/*@ requires \valid_read(facts);
    requires der_readable(facts->x509_serial, facts->x509_serial_length);
    requires der_readable(facts->x509_subject, facts->x509_subject_length);
    assigns \nothing;
*/
static enum x509_form check_authority(const struct facts *facts)
{
	const unsigned usage = facts->x509_key_usage;
	const struct slice serial = FACTS_SLICE(facts, x509_serial);

	if ((usage & X509_KEY_CERT_SIGN) == 0 || (usage & ~AUTHORITY_USAGES) != 0)
		return X509_FORM_KEY_USAGE;
	if (x509_serial_unstamped(serial))
		return X509_FORM_SERIAL;
	if (facts->x509_extended_key_usage != 0 || facts->x509_alt_names_length != 0 ||
	    facts->x509_crl_url_length != 0 || facts->x509_subject_key_id_length == 0 ||
	    !subject_has_serial(FACTS_SLICE(facts, x509_subject), serial))
		return X509_FORM_AUTHORITY;
	return X509_FORM_GOOD;
}

/*@ requires \valid_read(facts);
    requires der_readable(facts->x509_serial, facts->x509_serial_length);
    requires der_readable(facts->x509_subject, facts->x509_subject_length);
    assigns \nothing;
*/
static enum x509_form check_whole(const struct facts *facts)
{
	if (facts->x509_is_ca)
		return check_authority(facts);
	if (facts->x509_key_usage & (X509_KEY_CERT_SIGN | X509_CRL_SIGN))
		return X509_FORM_KEY_USAGE;
	/* RFC 5280 4.1.2.6 */
	if (facts->x509_subject_length == 0 && facts->x509_alt_names_length == 0)
		return X509_FORM_SUBJECT;
	return X509_FORM_GOOD;
}

/*@ requires der_readable(from.at, from.length) && \valid(facts);
    requires facts_without_ssh(facts);
    assigns *facts;
    ensures facts_without_ssh(facts);
    ensures \result == X509_FORM_GOOD ==> x509_facts(facts);
    ensures \result == X509_FORM_GOOD ==>
      facts->x509_serial == from.at + facts->serial_at &&
      facts->serial_at + facts->x509_serial_length <= from.length;
*/
static enum x509_form read_fields(struct slice from, struct facts *facts)
{
	const size_t length = from.length;
	struct slice serial, issuer, subject, extensions;
	size_t serial_at;
	enum x509_form form;

	if (!take_version(&from))
		return X509_FORM_VERSION;
	serial = take_serial(&from);
	if (serial.length == 0)
		return X509_FORM_SERIAL;
	serial_at = length - from.length - serial.length;
	/*@ assert serial.at == \at(from.at, Pre) + serial_at; */
	if (!x509_take_signature(&from, &facts->x509_signature))
		return X509_FORM_SIGNATURE;
	if (!x509_take_name(&from, &issuer) || issuer.length == 0)
		return X509_FORM_ISSUER;
	if (!take_validity(&from, facts))
		return X509_FORM_VALIDITY;
	if (!x509_take_name(&from, &subject))
		return X509_FORM_SUBJECT;
	if (!take_key(&from, facts))
		return X509_FORM_SUBJECT_KEY;
	if (!x509_read_extensions(from, DER_EXPLICIT(3), &extensions))
		return X509_FORM_FRAME;
	form = read_extensions(extensions, subject.length > 0, facts);
	if (form != X509_FORM_GOOD)
		return form;
	X509_SET(facts, x509_serial, serial);
	facts->serial_at = serial_at;
	X509_SET(facts, x509_issuer, issuer);
	X509_SET(facts, x509_subject, subject);
	return check_whole(facts);
}

enum x509_form x509_certificate_read(
    const uint8_t *bytes, size_t length, struct facts *out)
{
	struct slice fields;
	enum x509_form form;

	facts_clear(out);
	if (length > FACTS_DOCUMENT_MAX)
		return X509_FORM_OVERSIZED;
	if (!der_take_whole((struct slice){ bytes, length }, DER_SEQUENCE, &fields))
		return X509_FORM_FRAME;
	form = read_fields(fields, out);
	if (form == X509_FORM_GOOD)
		out->serial_at += length - fields.length;
	else
		facts_clear(out);
	return form;
}

/*@ requires der_writable(to) && \valid_read(facts) && \separated(to, facts);
    requires x509_key_parts(facts);
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to) && to->used >= \old(to->used);
*/
static void put_rsa(struct der_sink *to, const struct facts *facts)
{
	static const uint8_t unused[1] = { 0 };
	size_t bits = der_open(to), numbers;

	der_put_bytes(to, unused, sizeof(unused));
	numbers = der_open(to);
	der_put_magnitude(to, facts->subject_key, facts->subject_key_length);
	der_put_magnitude(to, facts->subject_exponent, facts->subject_exponent_length);
	der_close(to, numbers, DER_SEQUENCE);
	der_close(to, bits, DER_BIT_STRING);
}

/*@ requires der_writable(to) && \valid_read(facts) && \separated(to, facts);
    requires x509_key_parts(facts);
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to) && to->used >= \old(to->used);
*/
static void put_key(struct der_sink *to, const struct facts *facts)
{
	const struct slice key = FACTS_SLICE(facts, subject_key);
	const size_t opened = der_open(to);

	x509_put_choice(to, kinds, KEY_KIND_COUNT, (unsigned)facts->subject_kind);
	if (facts->subject_kind == KEY_RSA)
		put_rsa(to, facts);
	else if (!to->failed && key.length == key_lengths[facts->subject_kind])
		der_put_bits(to, key.at, key.length);
	else
		to->failed = true;
	der_close(to, opened, DER_SEQUENCE);
}

size_t x509_key_write(const struct facts *facts, uint8_t *out, size_t room)
{
	struct der_sink to = der_sink(out, room);

	put_key(&to, facts);
	return to.failed ? 0 : to.used;
}

/*@ requires der_writable(to) && \valid_read(facts) && \separated(to, facts);
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to) && to->used >= \old(to->used);
*/
static void put_validity(struct der_sink *to, const struct facts *facts)
{
	const size_t opened = der_open(to);

	der_put_time(to, facts->x509_not_before);
	der_put_time(to, facts->x509_not_after);
	der_close(to, opened, DER_SEQUENCE);
}

/* From the version through the issuer. */
/*@ requires der_writable(to) && \valid_read(facts) && \separated(to, facts);
    requires der_readable(facts->x509_serial, facts->x509_serial_length);
    requires der_readable(facts->x509_issuer, facts->x509_issuer_length);
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to) && to->used >= \old(to->used);
*/
static void put_issue(struct der_sink *to, const struct facts *facts)
{
	const struct slice serial = FACTS_SLICE(facts, x509_serial);

	der_put(to, DER_EXPLICIT(0), version, sizeof(version));
	if (!is_serial(serial))
		to->failed = true;
	der_put(to, DER_INTEGER, serial.at, serial.length);
	x509_put_signature(to, facts->x509_signature);
	der_put(to, DER_SEQUENCE, facts->x509_issuer, facts->x509_issuer_length);
}

/*@ requires der_writable(to) && \valid_read(facts) && \separated(to, facts);
    requires x509_parts(facts);
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to) && to->used >= \old(to->used);
*/
static void put_fields(struct der_sink *to, const struct facts *facts)
{
	const size_t whole = der_open(to);

	put_issue(to, facts);
	put_validity(to, facts);
	der_put(to, DER_SEQUENCE, facts->x509_subject, facts->x509_subject_length);
	put_key(to, facts);
	put_extensions(to, facts);
	der_close(to, whole, DER_SEQUENCE);
}

size_t x509_certificate_write(const struct facts *facts, uint8_t *out, size_t room)
{
	struct der_sink to = der_sink(out, room);

	put_fields(&to, facts);
	return to.failed ? 0 : to.used;
}
