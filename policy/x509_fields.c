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

/*@ assigns \nothing; */
static bool is_printable(uint8_t c)
{
	return c < 128 && printable_string[c / 64] >> c % 64 & 1;
}

/* The one tag that this value may have; 0 when it has none. */
/*@ requires der_readable(value.at, value.length);
    assigns \nothing;
*/
static uint8_t value_tag(enum x509_attribute_kind kind, struct slice value)
{
	size_t i = 0;

	if (value.length == 0 || value.length > X509_VALUE_MAX)
		return 0;
	/*@ loop invariant i <= value.length;
	    loop assigns i;
	    loop variant value.length - i; */
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

/*@ requires der_readable(oid.at, oid.length) && \valid(out);
    assigns *out;
    ensures \result ==> X509_TELEPORT <= out->kind <= X509_POSTAL_CODE;
    ensures \result ==> out->branch <= 127 && out->leaf <= 127;
    ensures \result ==> attribute_type(oid.at, oid.length, out->kind);
    ensures \result ==> oid_ends(oid.at, out->kind, out->branch, out->leaf);
*/
static bool read_attribute_type(struct slice oid, struct x509_attribute *out)
{
	const uint8_t *at = oid.at;
	enum x509_attribute_kind kind = X509_TELEPORT;
	unsigned branch = 0, leaf = 0;

	/* as X520 and TELEPORT have it */
	if (oid.length == 3 && at[0] == 0x55 && at[1] == 0x04 && is_x520(at[2])) {
		kind = (enum x509_attribute_kind)at[2];
	} else if (oid.length == 5 && at[0] == 0x2b && at[1] == 0xce && at[2] == 0x0f &&
		   at[3] <= 127 && at[4] <= 127) {
		branch = at[3];
		leaf = at[4];
	} else {
		return false;
	}
	out->kind = kind;
	out->branch = branch;
	out->leaf = leaf;
	return true;
}

/*@ requires der_writable(to);
    requires \valid_read(attribute);
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to) && to->used >= \old(to->used);
*/
static void put_attribute_type(
    struct der_sink *to, const struct x509_attribute *attribute)
{
	const uint8_t x520[3] = { X520, (uint8_t)attribute->kind };
	const uint8_t teleport[5] = { TELEPORT, (uint8_t)attribute->branch,
		(uint8_t)attribute->leaf };

	if (is_x520(attribute->kind))
		der_put(to, DER_OBJECT_ID, x520, sizeof(x520));
	else if (attribute->kind == X509_TELEPORT && attribute->branch <= 127 &&
		 attribute->leaf <= 127)
		der_put(to, DER_OBJECT_ID, teleport, sizeof(teleport));
	else
		to->failed = true;
}

/* The content of a SEQUENCE of type and value. Returns the tag of the latter; 0 when this
 * is no attribute, since no value has that tag. */
/*@ requires der_readable(pair.at, pair.length) && \valid(out);
    assigns *out;
    ensures \result != 0 ==> der_readable(out->value.at, out->value.length);
    ensures \result != 0 ==> X509_TELEPORT <= out->kind <= X509_POSTAL_CODE;
    ensures \result != 0 ==> out->branch <= 127 && out->leaf <= 127;
    ensures \result != 0 ==>
      attribute_is(pair.at, out->kind, out->value.at, out->value.length);
    ensures \result != 0 ==>
      oid_ends(pair.at + der_head(pair.at), out->kind, out->branch, out->leaf);
    ensures \result != 0 ==> out->value.at + out->value.length == pair.at + pair.length;
*/
static uint8_t read_attribute(struct slice pair, struct x509_attribute *out)
{
	struct slice oid, value;
	uint8_t tag;

	if (!der_take(&pair, DER_OBJECT_ID, &oid) || !read_attribute_type(oid, out) ||
	    pair.length == 0)
		return 0;
	tag = pair.at[0];
	if (!der_take_whole(pair, tag, &value))
		return 0;
	out->value = value;
	return tag;
}

/* Inside a SET the list begins with a SEQUENCE, else with a SET. */
bool x509_next_attribute(struct slice *list, struct x509_attribute *out)
{
	struct slice rest = *list, behind = *list, set, pair;

	if (der_take(&behind, DER_SET, &set))
		rest = (struct slice){ set.at, set.length + behind.length };
	//@ assert rest.at + rest.length == list->at + list->length;
	//@ ghost const uint8_t *at = rest.at;
	if (!der_take(&rest, DER_SEQUENCE, &pair) || read_attribute(pair, out) == 0)
		return false;
	//@ assert at == (list->at[0] == 0x31 ? list->at + der_head(list->at) : list->at);
	//@ assert pair_oid(at) == pair.at + der_head(pair.at);
	*list = rest;
	return true;
}

void x509_put_attribute(struct der_sink *to, const struct x509_attribute *attribute)
{
	const struct slice value = attribute->value;
	const uint8_t tag = value_tag(attribute->kind, value);
	const size_t set = der_open(to), pair = der_open(to);

	if (tag == 0)
		to->failed = true;
	put_attribute_type(to, attribute);
	der_put(to, tag, value.at, value.length);
	der_close(to, pair, DER_SEQUENCE);
	der_close(to, set, DER_SET);
}

/* By their bytes (X.690 11.6), and none twice. Two that differ do so before the end of
 * the shorter one, since an element begins with its length. */
/*@ requires der_readable(one.at, one.length) && der_readable(next.at, next.length);
    assigns \nothing;
*/
static bool in_order(struct slice one, struct slice next)
{
	const size_t shorter = one.length < next.length ? one.length : next.length;

	return bytes_order(one.at, next.at, shorter) < 0;
}

/* An attribute whose value has the tag that it must have; returns the whole element,
 * empty when it is none. */
/*@ requires \valid(set) && der_readable(set->at, set->length);
    assigns *set;
    ensures der_readable(set->at, set->length);
    ensures der_readable(\result.at, \result.length);
    ensures \result.length > 0 ==> set->length < \old(set->length);
*/
static struct slice take_attribute(struct slice *set)
{
	struct slice element = *set, pair;
	struct x509_attribute attribute;
	uint8_t tag;

	if (!der_take(set, DER_SEQUENCE, &pair))
		return (struct slice){ set->at, 0 };
	tag = read_attribute(pair, &attribute);
	if (tag == 0 || tag != value_tag(attribute.kind, attribute.value))
		return (struct slice){ set->at, 0 };
	element.length -= set->length;
	return element;
}

/* The attributes of one RDN: how many there are; 0 when they are not as they must be, or
 * more than `most`. */
/*@ requires der_readable(set.at, set.length) && most <= X509_ATTRIBUTES_MAX;
    assigns \nothing;
    ensures \result <= most;
*/
static unsigned read_set(struct slice set, unsigned most)
{
	struct slice element, previous = { set.at, 0 };
	unsigned count;

	/*@ loop invariant count <= most && der_readable(set.at, set.length);
	    loop invariant der_readable(previous.at, previous.length);
	    loop assigns count, set, previous, element;
	    loop variant set.length; */
	for (count = 0; set.length > 0; count++) {
		element = take_attribute(&set);
		if (element.length == 0 || count == most ||
		    (count > 0 && !in_order(previous, element)))
			return 0;
		previous = element;
	}
	return count;
}

bool x509_take_name(struct slice *from, struct slice *list)
{
	struct slice rest, set;
	unsigned left = X509_ATTRIBUTES_MAX, count;

	if (!der_take(from, DER_SEQUENCE, list))
		return false;
	rest = *list;
	/*@ loop invariant left <= X509_ATTRIBUTES_MAX;
	    loop invariant der_readable(rest.at, rest.length);
	    loop assigns left, count, rest, set;
	    loop variant rest.length; */
	while (rest.length > 0) {
		count = der_take(&rest, DER_SET, &set) ? read_set(set, left) : 0;
		if (count == 0)
			return false;
		left -= count;
	}
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

bool x509_read_extensions(struct slice from, uint8_t tag, struct slice *list)
{
	struct slice wrapped;

	*list = from;
	return from.length == 0 || (der_take_whole(from, tag, &wrapped) &&
				       der_take_whole(wrapped, DER_SEQUENCE, list));
}

#define EXTENSION_ARC 0x55, 0x1d /* 2.5.29 */

/*@ requires der_readable(oid.at, oid.length);
    assigns \nothing;
*/
static bool is_extension(struct slice oid, enum x509_extension number)
{
	return oid.length == 3 && oid.at[0] == 0x55 && oid.at[1] == 0x1d &&
	       oid.at[2] == number; /* EXTENSION_ARC */
}

struct slice x509_take_extension(
    struct slice *list, enum x509_extension number, bool critical)
{
	struct slice rest = *list, content, oid, value;

	if (!der_take(&rest, DER_SEQUENCE, &content) ||
	    !der_take(&content, DER_OBJECT_ID, &oid) || !is_extension(oid, number) ||
	    der_next_is(&content, DER_BOOLEAN) != critical ||
	    (critical && !der_take_true(&content)) ||
	    !der_take_whole(content, DER_OCTET_STRING, &value) || value.length == 0)
		return (struct slice){ list->at, 0 };
	*list = rest;
	return value;
}

struct x509_opened x509_open_extension(
    struct der_sink *to, enum x509_extension number, bool critical)
{
	const uint8_t oid[3] = { EXTENSION_ARC, (uint8_t)number };
	struct x509_opened opened = { .whole = der_open(to) };

	der_put(to, DER_OBJECT_ID, oid, sizeof(oid));
	if (critical)
		der_put_true(to);
	opened.value = der_open(to);
	return opened;
}

void x509_close_extension(struct der_sink *to, struct x509_opened opened)
{
	der_close(to, opened.value, DER_OCTET_STRING);
	der_close(to, opened.whole, DER_SEQUENCE);
}

struct slice x509_read_authority_key_id(struct slice value)
{
	struct slice content, id;

	if (!der_take_whole(value, DER_SEQUENCE, &content) ||
	    !der_take_whole(content, DER_CONTEXT(0), &id) || id.length > X509_KEY_ID_MAX)
		return (struct slice){ value.at, 0 };
	return id;
}

void x509_put_authority_key_id(struct der_sink *to, struct slice id)
{
	const struct x509_opened opened =
	    x509_open_extension(to, X509_CE_AUTHORITY_KEY_ID, false);
	const size_t content = der_open(to);

	der_put(to, DER_CONTEXT(0), id.at, id.length);
	der_close(to, content, DER_SEQUENCE);
	x509_close_extension(to, opened);
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
