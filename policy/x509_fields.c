/* x509_fields.h's readers and writers. */
#include "policy/x509_fields.h"

#include "policy/bytes.h"

bool x509_serial_unstamped(struct slice serial)
{
	static const uint8_t zero[X509_SERIAL_STAMPED] = { 0 };

	return der_equal(&serial, zero, sizeof(zero));
}

void x509_serial_fit(uint8_t serial[X509_SERIAL_STAMPED])
{
	serial[0] = (uint8_t)(0x40 + serial[0] % 0x40);
}

/* Divides the number by ten in place; returns the remainder. */
/*@ requires \valid(number + (0 .. length - 1));
    assigns number[0 .. length - 1];
    ensures \result < 10;
*/
static unsigned divide_by_ten(uint8_t *number, size_t length)
{
	unsigned rest = 0;
	size_t i;

	/*@ loop invariant 0 <= i <= length && rest < 10;
	    loop assigns i, rest, number[0 .. length - 1];
	    loop variant length - i; */
	for (i = 0; i < length; i++) {
		rest = 256u * rest + number[i];
		number[i] = (uint8_t)(rest / 10);
		rest %= 10;
	}
	return rest;
}

size_t x509_serial_decimal(struct slice serial, uint8_t out[X509_DECIMAL_MAX])
{
	uint8_t number[X509_SERIAL_MAX], digits[X509_DECIMAL_MAX];
	size_t i, zeros = 0;

	if (serial.length > sizeof(number))
		return 0;
	bytes_copy(number, serial.at, serial.length);
	/*@ loop invariant 0 <= i <= X509_DECIMAL_MAX;
	    loop assigns i, digits[0 .. X509_DECIMAL_MAX - 1], number[0 .. 19];
	    loop variant i; */
	for (i = X509_DECIMAL_MAX; i > 0; i--)
		digits[i - 1] = (uint8_t)('0' + divide_by_ten(number, serial.length));
	/*@ loop invariant 0 <= zeros <= X509_DECIMAL_MAX - 1;
	    loop assigns zeros;
	    loop variant X509_DECIMAL_MAX - zeros; */
	while (zeros < X509_DECIMAL_MAX - 1 && digits[zeros] == '0')
		zeros++;
	bytes_copy(out, digits + zeros, X509_DECIMAL_MAX - zeros);
	return X509_DECIMAL_MAX - zeros;
}

/* A bit for each character of a PrintableString: letters, digits and " '()+,-./:=?"
 * (X.680 41.4; Go's encoding/asn1 writes no others). */
static const uint64_t printable_string[2] = { 0xa7fffb8100000000, 0x07fffffe07fffffe };

static bool is_printable(uint8_t c)
{
	return c < 128 && printable_string[c / 64] >> c % 64 & 1;
}

/* The one tag that this value may have; 0 when it has none. */
static uint8_t value_tag(enum x509_attribute_kind kind, struct slice value)
{
	size_t i = 0;

	if (value.length == 0 || value.length > X509_VALUE_MAX)
		return 0;
	while (i < value.length && is_printable(value.at[i]))
		i++;
	if (i == value.length)
		return DER_PRINTABLE_STRING;
	/* X.520 6.2.9 has the serialNumber attribute as PrintableString alone. */
	if (kind == X509_SERIAL_NUMBER || !text_printable(value))
		return 0;
	return DER_UTF8_STRING;
}

#define X520	 0x55, 0x04	  /* 2.5.4 */
#define TELEPORT 0x2b, 0xce, 0x0f /* 1.3.9999 */

/*@ assigns \nothing;
    ensures \result ==> X509_COMMON_NAME <= number <= X509_POSTAL_CODE;
*/
static bool is_x520(unsigned number)
{
	return number == X509_COMMON_NAME || number == X509_SERIAL_NUMBER ||
	       number == X509_LOCALITY || number == X509_STREET ||
	       number == X509_ORGANIZATION || number == X509_UNIT ||
	       number == X509_POSTAL_CODE;
}

/*@ requires der_readable(oid.at, oid.length) && arc_length <= length <= DER_MAX;
    requires \valid_read(arc + (0 .. arc_length - 1));
    assigns \nothing;
    ensures \result ==> oid.length == length;
*/
static bool begins(struct slice oid, size_t length, const uint8_t *arc, size_t arc_length)
{
	struct slice prefix = { oid.at, arc_length };

	return oid.length == length && der_equal(&prefix, arc, arc_length);
}

/*@ requires der_readable(oid.at, oid.length) && \valid(out);
    assigns *out;
    ensures \result ==> out->branch <= 127 && out->leaf <= 127;
*/
static bool read_attribute_type(struct slice oid, struct x509_attribute *out)
{
	static const uint8_t x520[2] = { X520 }, teleport[3] = { TELEPORT };

	*out = (struct x509_attribute){ .kind = X509_TELEPORT };
	if (begins(oid, 3, x520, sizeof(x520)) && is_x520(oid.at[2])) {
		out->kind = (enum x509_attribute_kind)oid.at[2];
		return true;
	}
	if (!begins(oid, 5, teleport, sizeof(teleport)) || oid.at[3] > 127 ||
	    oid.at[4] > 127)
		return false;
	out->branch = oid.at[3];
	out->leaf = oid.at[4];
	return true;
}

static void put_attribute_type(
    struct der_sink *to, const struct x509_attribute *attribute)
{
	const uint8_t x520[3] = { X520, (uint8_t)attribute->kind };
	const uint8_t teleport[5] = { TELEPORT, attribute->branch, attribute->leaf };

	if (is_x520(attribute->kind))
		der_put(to, DER_OBJECT_ID, x520, sizeof(x520));
	else if (attribute->kind == X509_TELEPORT && attribute->branch <= 127 &&
		 attribute->leaf <= 127)
		der_put(to, DER_OBJECT_ID, teleport, sizeof(teleport));
	else
		to->failed = true;
}

/* The content of a SEQUENCE of type and value, and the tag of the latter. */
static bool read_attribute(struct slice pair, struct x509_attribute *out, uint8_t *tag)
{
	struct slice oid;

	if (!der_take(&pair, DER_OBJECT_ID, &oid) || !read_attribute_type(oid, out) ||
	    pair.length == 0)
		return false;
	*tag = pair.at[0];
	return der_take_whole(pair, *tag, &out->value);
}

/* Inside a SET the list begins with a SEQUENCE, else with a SET. */
bool x509_next_attribute(struct slice *list, struct x509_attribute *out)
{
	struct slice rest = *list, behind = *list, set, pair;
	uint8_t tag;

	if (der_take(&behind, DER_SET, &set))
		rest = (struct slice){ set.at, set.length + behind.length };
	if (!der_take(&rest, DER_SEQUENCE, &pair) || !read_attribute(pair, out, &tag))
		return false;
	*list = rest;
	return true;
}

void x509_put_attribute(struct der_sink *to, const struct x509_attribute *attribute)
{
	const uint8_t tag = value_tag(attribute->kind, attribute->value);
	const size_t set = der_open(to), pair = der_open(to);

	if (tag == 0)
		to->failed = true;
	put_attribute_type(to, attribute);
	der_put(to, tag, attribute->value.at, attribute->value.length);
	der_close(to, pair, DER_SEQUENCE);
	der_close(to, set, DER_SET);
}

/* By their bytes (X.690 11.6), and none twice. Two that differ do so before the end of
 * the shorter one, since an element begins with its length. */
static bool in_order(struct slice one, struct slice next)
{
	const size_t shorter = one.length < next.length ? one.length : next.length;

	return bytes_order(one.at, next.at, shorter) < 0;
}

/* The attributes of one RDN; adds to their number. */
static bool read_set(struct slice set, unsigned *count)
{
	struct slice previous = { set.at, 0 }, element, pair;
	struct x509_attribute attribute;
	const uint8_t *begin;
	uint8_t tag;

	do {
		begin = set.at;
		if ((*count)++ == X509_ATTRIBUTES_MAX ||
		    !der_take(&set, DER_SEQUENCE, &pair) ||
		    !read_attribute(pair, &attribute, &tag))
			return false;
		/* A value without a tag of its own must not go by the tag 0. */
		if (tag == 0 || tag != value_tag(attribute.kind, attribute.value))
			return false;
		element = (struct slice){ begin, (size_t)(set.at - begin) };
		if (previous.length > 0 && !in_order(previous, element))
			return false;
		previous = element;
	} while (set.length > 0);
	return true;
}

bool x509_take_name(struct slice *from, struct slice *list)
{
	struct slice rest, set;
	unsigned count = 0;

	if (!der_take(from, DER_SEQUENCE, list))
		return false;
	rest = *list;
	while (rest.length > 0)
		if (!der_take(&rest, DER_SET, &set) || !read_set(set, &count))
			return false;
	return true;
}

unsigned x509_take_choice(
    struct slice *from, const struct x509_choice *table, unsigned count)
{
	struct slice content;
	unsigned which = 0;

	if (!der_take(from, DER_SEQUENCE, &content))
		return count;
	/*@ loop invariant 0 <= which <= count;
	    loop assigns which;
	    loop variant count - which; */
	while (which < count &&
	       !der_equal(&content, table[which].content, table[which].length))
		which++;
	return which;
}

void x509_put_choice(
    struct der_sink *to, const struct x509_choice *table, unsigned count, unsigned which)
{
	if (which < count)
		der_put(to, DER_SEQUENCE, table[which].content, table[which].length);
	else
		to->failed = true;
}

/* clang-format off */
static const struct x509_choice signatures[X509_SIGNATURE_COUNT] = {
#define PKCS1(n) { { 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, n, 0x05, 0x00 }, 13 }
#define X962(n)  { { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, n }, 10 }
	[X509_RSA_SHA256]   = PKCS1(11), /* RFC 4055 5: the parameters are NULL */
	[X509_RSA_SHA384]   = PKCS1(12),
	[X509_RSA_SHA512]   = PKCS1(13),
	[X509_ECDSA_SHA256] = X962(2),   /* RFC 5758 3.2: there are none */
	[X509_ECDSA_SHA384] = X962(3),
	[X509_ECDSA_SHA512] = X962(4),
	[X509_ED25519]      = { { 0x06, 0x03, 0x2b, 0x65, 0x70 }, 5 }, /* RFC 8410 3 */
};
/* clang-format on */

bool x509_take_signature(struct slice *from, enum x509_signature *out)
{
	*out =
	    (enum x509_signature)x509_take_choice(from, signatures, X509_SIGNATURE_COUNT);
	return *out < X509_SIGNATURE_COUNT;
}

void x509_put_signature(struct der_sink *to, enum x509_signature signature)
{
	x509_put_choice(to, signatures, X509_SIGNATURE_COUNT, (unsigned)signature);
}

#define EXTENSION_ARC 0x55, 0x1d /* 2.5.29 */

struct extension {
	uint8_t number;
	bool critical;
	struct slice value;
};

static bool take_extension(struct slice *from, struct extension *out)
{
	static const uint8_t arc[2] = { EXTENSION_ARC };
	struct slice content, oid;

	if (!der_take(from, DER_SEQUENCE, &content) ||
	    !der_take(&content, DER_OBJECT_ID, &oid) || !begins(oid, 3, arc, sizeof(arc)))
		return false;
	out->number = oid.at[2];
	out->critical = der_next_is(&content, DER_BOOLEAN);
	if (out->critical && !der_take_true(&content))
		return false;
	return der_take_whole(content, DER_OCTET_STRING, &out->value);
}

static bool is_critical(const struct x509_extension *row, const struct facts *facts)
{
	return row->critical == X509_ALWAYS ||
	       (row->critical == X509_WITHOUT_SUBJECT && facts->x509_subject_length == 0);
}

/* The order of the table also sees to it that none comes twice. */
static enum x509_form read_list(struct slice list, const struct x509_extension *table,
    size_t rows, struct facts *facts)
{
	struct extension extension;
	unsigned seen = 0;
	size_t place = 0;

	for (; list.length > 0; place++) {
		if (!take_extension(&list, &extension))
			return X509_FORM_EXTENSION;
		while (place < rows && table[place].number != extension.number)
			place++;
		if (place == rows ||
		    extension.critical != is_critical(&table[place], facts))
			return X509_FORM_EXTENSION;
		if (!table[place].read(extension.value, facts))
			return table[place].fault;
		seen |= 1u << place;
	}
	for (place = 0; place < rows; place++)
		if (table[place].needed && (seen & 1u << place) == 0)
			return table[place].fault;
	return X509_FORM_GOOD;
}

enum x509_form x509_read_extensions(struct slice from, uint8_t tag,
    const struct x509_extension *table, size_t rows, struct facts *facts)
{
	struct slice wrapped, list = { from.at, 0 };

	if (from.length > 0 && (!der_take_whole(from, tag, &wrapped) ||
				   !der_take_whole(wrapped, DER_SEQUENCE, &list)))
		return X509_FORM_FRAME;
	return read_list(list, table, rows, facts);
}

static void put_extension(
    struct der_sink *to, const struct x509_extension *row, const struct facts *facts)
{
	const uint8_t oid[3] = { EXTENSION_ARC, row->number };
	size_t whole = der_open(to), value;

	der_put(to, DER_OBJECT_ID, oid, sizeof(oid));
	if (is_critical(row, facts))
		der_put_true(to);
	value = der_open(to);
	row->put(to, facts);
	if (to->used == value) {
		to->used = whole;
		return;
	}
	der_close(to, value, DER_OCTET_STRING);
	der_close(to, whole, DER_SEQUENCE);
}

void x509_put_extensions(struct der_sink *to, uint8_t tag,
    const struct x509_extension *table, size_t rows, const struct facts *facts)
{
	size_t opened = der_open(to), i;

	for (i = 0; i < rows; i++)
		put_extension(to, &table[i], facts);
	der_close(to, opened, DER_SEQUENCE);
	der_close(to, opened, tag);
}

bool x509_read_authority_key_id(struct slice value, struct facts *facts)
{
	struct slice content, id;

	if (!der_take_whole(value, DER_SEQUENCE, &content) ||
	    !der_take_whole(content, DER_CONTEXT(0), &id) || id.length == 0 ||
	    id.length > X509_KEY_ID_MAX)
		return false;
	X509_SET(facts, x509_authority_key_id, id);
	return true;
}

void x509_put_authority_key_id(struct der_sink *to, const struct facts *facts)
{
	size_t opened = der_open(to);

	if (facts->x509_authority_key_id_length == 0)
		return;
	der_put(to, DER_CONTEXT(0), facts->x509_authority_key_id,
	    facts->x509_authority_key_id_length);
	der_close(to, opened, DER_SEQUENCE);
}

/* clang-format off */
static const char *const texts[X509_FORM_COUNT] = {
	[X509_FORM_GOOD]      = "good",
	[X509_FORM_OVERSIZED] = "the document is longer than 65536 bytes",
	[X509_FORM_FRAME]     = "the document is no one DER sequence that ends where it says",
	[X509_FORM_VERSION]   = "the version is neither a certificate's 3 nor a CRL's 2",
	[X509_FORM_SERIAL]    = "the serial is neither 16 zero bytes nor positive, minimal and at most 20 bytes",
	[X509_FORM_SIGNATURE] = "the signature algorithm is none of RSA or ECDSA with SHA-2, and Ed25519",
	[X509_FORM_ISSUER]    = "the issuer is empty, or has an attribute or a string type that is not used here",
	[X509_FORM_VALIDITY]  = "a time is not as RFC 5280 writes it: UTCTime until 2049, then GeneralizedTime",
	[X509_FORM_SUBJECT]   = "the subject has an attribute or a string type that is not used here, "
	                        "or is empty beside no alternative name",
	[X509_FORM_SUBJECT_KEY] = "the subject's key is not in the one form of its kind",
	[X509_FORM_EXTENSION]   = "an extension is unknown, repeated, out of order, or wrongly critical or not",
	[X509_FORM_KEY_USAGE]   = "the key usage is not minimal, or says what is not used here",
	[X509_FORM_EXTENDED_KEY_USAGE] = "the extended key usage is not serverAuth, clientAuth or both in this order",
	[X509_FORM_BASIC_CONSTRAINTS]  = "the basic constraints are missing or not minimal",
	[X509_FORM_SUBJECT_KEY_ID]     = "the subject key identifier is no octet string of 1 to 64 bytes",
	[X509_FORM_AUTHORITY_KEY_ID]   = "the authority key identifier is not one of 1 to 64 bytes alone",
	[X509_FORM_ALT_NAMES] = "the alternative names are not 1 to 256 of DNS, IP, URI and e-mail",
	[X509_FORM_CRL_URL]   = "the CRL distribution point is not one URI",
	[X509_FORM_AUTHORITY] = "a CA's certificate needs certSign, a key identifier and its serial in its subject, "
	                        "and has neither extended key usage nor alternative names nor a CRL's place",
	[X509_FORM_REVOKED]    = "the revoked serials are not in ascending order with their dates alone",
	[X509_FORM_CRL_NUMBER] = "the CRL's number is missing, or not from 0 to 2147483647",
};
/* clang-format on */

const char *x509_form_text(enum x509_form form)
{
	return (unsigned)form < X509_FORM_COUNT ? texts[form] : "unknown";
}
