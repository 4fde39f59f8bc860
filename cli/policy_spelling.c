/*
 * privyseal policy test --issuer: an X.509 certificate that another's program made, in
 * our spelling. Each of these says the same in either: which type of string a name's
 * values have, the order of the extensions and of the extended key usages, and a serial,
 * which the broker would stamp. All of them are as long either way, so they are changed
 * where they lie. What a certificate means is left alone, for the reader to judge.
 */
#include "cli/policy_command.h"
#include "policy/bytes.h"
#include "policy/x509_certificate.h"

#include <string.h>

#define DER_TELETEX_STRING 0x14
#define DER_IA5_STRING	   0x16

/* `part` lies in `bytes`. */
static uint8_t *place(uint8_t *bytes, struct slice part)
{
	return bytes + (part.at - bytes);
}

/* Does a string of this type say the same as a UTF8String of the same bytes? */
static bool is_utf8(uint8_t tag, struct slice value)
{
	size_t ascii = 0;

	while (ascii < value.length && value.at[ascii] < 0x80)
		ascii++;
	return tag == DER_UTF8_STRING ||
	       ((tag == DER_PRINTABLE_STRING || tag == DER_TELETEX_STRING ||
		    tag == DER_IA5_STRING) &&
		   ascii == value.length);
}

/* The whole SEQUENCE of type and value; returns whether it was changed. */
static bool respell_attribute(uint8_t *at, size_t length)
{
	static uint8_t room[X509_VALUE_MAX + 64];
	struct der_sink sink = der_sink(room, sizeof room);
	struct slice list = { at, length }, pair, type, ours;
	struct x509_attribute attribute;
	bool changed;

	if (!der_take_whole(list, DER_SEQUENCE, &pair) ||
	    !der_take(&pair, DER_OBJECT_ID, &type) ||
	    !x509_next_attribute(&list, &attribute) ||
	    !is_utf8(pair.at[0], attribute.value))
		return false;
	x509_put_attribute(&sink, &attribute);
	if (sink.failed ||
	    !der_take_whole((struct slice){ room, sink.used }, DER_SET, &ours) ||
	    ours.length != length)
		return false;
	changed = memcmp(at, ours.at, length) != 0;
	memcpy(at, ours.at, length);
	return changed;
}

/* Sorts the elements of a list, where equals stay as they stand; returns whether any was
 * moved. A list of more than any document may have stays as it is. */
static bool sort(
    uint8_t *at, size_t length, bool (*is_before)(struct slice one, struct slice other))
{
	static uint8_t sorted[DER_MAX];
	struct slice list = { at, length }, elements[X509_ATTRIBUTES_MAX], element,
		     content;
	size_t count = 0, used = 0, i;
	bool changed;

	while (list.length > 0) {
		element = list;
		if (count == X509_ATTRIBUTES_MAX ||
		    !der_take(&list, list.at[0], &content))
			return false;
		element.length -= list.length;
		for (i = count++; i > 0 && is_before(element, elements[i - 1]); i--)
			elements[i] = elements[i - 1];
		elements[i] = element;
	}
	for (i = 0; i < count; used += elements[i++].length)
		memcpy(sorted + used, elements[i].at, elements[i].length);
	changed = memcmp(at, sorted, used) != 0;
	memcpy(at, sorted, used);
	return changed;
}

/* X.690 11.6; also that of the two extended key usages, which are as long. */
static bool is_smaller(struct slice one, struct slice other)
{
	const size_t shorter = one.length < other.length ? one.length : other.length;

	return bytes_order(one.at, other.at, shorter) < 0;
}

unsigned policy_respell_name(uint8_t *list, size_t length)
{
	struct slice rest = { list, length }, set, whole, attribute, pair;
	unsigned spelt = 0;
	bool changed;

	while (length <= DER_MAX && der_take(&rest, DER_SET, &set)) {
		changed = false;
		whole = attribute = set;
		for (; der_take(&set, DER_SEQUENCE, &pair); attribute = set)
			if (respell_attribute(
				place(list, attribute), attribute.length - set.length))
				changed = true;
		if (changed) {
			sort(place(list, whole), whole.length, is_smaller);
			spelt = POLICY_SPELT_STRINGS;
		}
	}
	return spelt;
}

/* Where our extensions stand (x509_certificate.h); behind them what is none of them,
 * which the reader then refuses. */
static unsigned rank(struct slice extension)
{
	static const uint8_t order[] = { X509_CE_KEY_USAGE, X509_CE_EXTENDED_KEY_USAGE,
		X509_CE_BASIC_CONSTRAINTS, X509_CE_SUBJECT_KEY_ID,
		X509_CE_AUTHORITY_KEY_ID, X509_CE_ALT_NAMES, X509_CE_CRL_POINTS };
	struct slice content, type;
	unsigned i = 0;

	if (!der_take_whole(extension, DER_SEQUENCE, &content) ||
	    !der_take(&content, DER_OBJECT_ID, &type) || type.length != 3 ||
	    type.at[0] != 0x55 || type.at[1] != 0x1d)
		return sizeof order;
	while (i < sizeof order && order[i] != type.at[2])
		i++;
	return i;
}

static bool is_ranked_before(struct slice one, struct slice other)
{
	return rank(one) < rank(other);
}

static unsigned respell_extensions(uint8_t *at, size_t length)
{
	static const uint8_t usage[] = { 0x55, 0x1d, X509_CE_EXTENDED_KEY_USAGE };
	struct slice list = { at, length }, extension, type, value, usages;
	unsigned spelt = sort(at, length, is_ranked_before) ? POLICY_SPELT_ORDER : 0;

	while (der_take(&list, DER_SEQUENCE, &extension))
		if (der_take(&extension, DER_OBJECT_ID, &type) &&
		    der_equal(&type, usage, sizeof usage) &&
		    der_take_whole(extension, DER_OCTET_STRING, &value) &&
		    der_take_whole(value, DER_SEQUENCE, &usages) &&
		    sort(place(at, usages), usages.length, is_smaller))
			spelt |= POLICY_SPELT_USAGES;
	return spelt;
}

/* It is not judged; so it is made one that the reader does not stumble over. */
static void respell_serial(uint8_t *at, struct slice serial)
{
	if (serial.length > 0 && !der_is_positive(&serial) &&
	    !x509_serial_unstamped(serial))
		at[0] = 0x40;
}

unsigned policy_respell(uint8_t *bytes, size_t length)
{
	struct slice rest = { bytes, length }, serial, issuer, subject, field, list;
	unsigned spelt;

	if (length > DER_MAX || !der_take_whole(rest, DER_SEQUENCE, &rest) ||
	    !der_take(&rest, DER_EXPLICIT(0), &field) ||
	    !der_take(&rest, DER_INTEGER, &serial) ||
	    !der_take(&rest, DER_SEQUENCE, &field) ||
	    !der_take(&rest, DER_SEQUENCE, &issuer) ||
	    !der_take(&rest, DER_SEQUENCE, &field) ||
	    !der_take(&rest, DER_SEQUENCE, &subject) ||
	    !der_take(&rest, DER_SEQUENCE, &field))
		return 0;
	respell_serial(place(bytes, serial), serial);
	spelt = policy_respell_name(place(bytes, issuer), issuer.length) |
		policy_respell_name(place(bytes, subject), subject.length);
	if (x509_read_extensions(rest, DER_EXPLICIT(3), &list))
		spelt |= respell_extensions(place(bytes, list), list.length);
	return spelt;
}
