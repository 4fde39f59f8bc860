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
/*@ requires facts_slice(name.at, name.length);
    assigns \nothing;
    ensures slice_readable(\result);
*/
static struct slice common_name(struct slice name)
{
	struct slice none = { name.at, 0 };
	struct x509_attribute attribute;

	/*@ loop invariant facts_slice(name.at, name.length);
	    loop assigns name, attribute;
	    loop variant name.length; */
	while (x509_next_attribute(&name, &attribute))
		if (attribute.kind == X509_COMMON_NAME)
			return attribute.value;
	return none;
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

/*@ requires \valid(out) && facts_slice(value.at, value.length);
    assigns *out;
    ensures \result ==> sound_value(kind, value.at, value.length);
*/
static bool attribute_holds(struct decision *out, enum fact fact,
    enum x509_attribute_kind kind, struct slice value)
{
	if (kind == X509_LOCALITY)
		return principal_holds(out, value);
	if (value.length == 0 || !text_printable(value))
		return refuse_bytes(out, fact, value,
		    "an attribute of the subject is empty, or not UTF-8 without control "
		    "characters");
	return kind != X509_COMMON_NAME || value.length <= COMMON_NAME_MAX ||
	       refuse_bytes(out, fact, value, "the common name is longer than 255 bytes");
}

/* The OIDs of the `attributes`, in the order in which they begin. */
struct oids {
	uint16_t numbers[LIST_MAX];
	unsigned count;
};

/*@ predicate new_oid{L}(struct oids *o, integer number) =
      \forall integer k; 0 <= k < o->count ==> o->numbers[k] != number;
    predicate last_oid{L}(struct oids *o, integer number) =
      o->count > 0 && o->numbers[o->count - 1] == number;
    // What one_oid() says of each of them, and of those that are none of them; and with
    // one that is about to be added.
    predicate oids_stand{L}(struct oids *o, uint8_t *list, uint8_t *to) =
      (\forall integer n; new_oid(o, n) ==> one_oid(list, to, n, 0)) &&
      (\forall integer n; last_oid(o, n) ==> one_oid(list, to, n, 1)) &&
      (\forall integer k; 0 <= k < o->count - 1 ==>
	one_oid(list, to, o->numbers[k], 2) && !last_oid(o, o->numbers[k]));
    predicate oids_end{L}(struct oids *o, integer number, uint8_t *list, uint8_t *to) =
      new_oid(o, number) && one_oid(list, to, number, 1) &&
      (\forall integer n; new_oid(o, n) && n != number ==> one_oid(list, to, n, 0)) &&
      (\forall integer k; 0 <= k < o->count ==> one_oid(list, to, o->numbers[k], 2));
*/

/* A number for each OID that an attribute of the `attributes` can have. */
/*@ requires \valid_read(attribute);
    requires attribute->branch <= 127 && attribute->leaf <= 127;
    requires oid_ends(
      attribute_oid(at), attribute->kind, attribute->branch, attribute->leaf);
    assigns \nothing;
    ensures \result <= 16384;
    ensures \forall integer n; oid_is(at, attribute->kind, n) <==> n == \result;
*/
static unsigned oid_of(const struct x509_attribute *attribute)
/*@ ghost (const uint8_t *at) */
{
	return attribute->kind == X509_TELEPORT
		   ? 128 * attribute->branch + attribute->leaf
		   : 128 * 128;
}

/*@ requires \valid_read(oids) && oids->count <= LIST_MAX;
    assigns \nothing;
    ensures \result <==> new_oid(oids, number);
*/
static bool is_new_oid(const struct oids *oids, unsigned number)
{
	unsigned i;

	/*@ loop invariant i <= oids->count;
	    loop invariant \forall integer k; 0 <= k < i ==> oids->numbers[k] != number;
	    loop assigns i;
	    loop variant oids->count - i; */
	for (i = 0; i < oids->count; i++)
		if (oids->numbers[i] == number)
			return false;
	return true;
}

/*@ requires \valid(oids) && oids->count < LIST_MAX && number <= 16384;
    requires oids_end(oids, number, list, to);
    assigns oids->numbers[0 .. LIST_MAX - 1], oids->count;
    ensures oids->count == \old(oids->count) + 1;
    ensures oids_stand(oids, list, to);
*/
static void add_oid(struct oids *oids, unsigned number)
/*@ ghost (const uint8_t *list, const uint8_t *to) */
{
	oids->numbers[oids->count] = (uint16_t)number;
	oids->count++;
}

/* Does the attribute follow another of its OID, or come first? That it is the one at `at`
 * of the list the prover alone is told. */
/*@ requires \valid(oids) && \valid_read(attribute) && oids->count <= LIST_MAX;
    requires fact == attribute_word(attribute->kind);
    requires fact == FACT_ATTRIBUTES ==> oids->count < LIST_MAX;
    requires attribute->branch <= 127 && attribute->leaf <= 127;
    requires oid_ends(
      attribute_oid(at), attribute->kind, attribute->branch, attribute->leaf);
    requires attribute_at(
      at, attribute->kind, attribute->value.at, attribute->value.length);
    requires oids_stand(oids, list, at);
    assigns oids->numbers[0 .. LIST_MAX - 1], oids->count;
    ensures oids->count <= \old(oids->count) + (fact == FACT_ATTRIBUTES ? 1 : 0);
    ensures \result ==>
      oids_stand(oids, list, attribute->value.at + attribute->value.length);
*/
static bool stands_together(
    struct oids *oids, enum fact fact, const struct x509_attribute *attribute)
/*@ ghost (const uint8_t *list, const uint8_t *at) */
{
	//@ ghost const uint8_t *to = attribute->value.at + attribute->value.length;
	unsigned number;

	if (fact != FACT_ATTRIBUTES)
		return true;
	number = oid_of(attribute) /*@ ghost (at) */;
	/*@ assert \forall integer n; n != number && one_oid(list, at, n, 0) ==>
	      one_oid(list, to, n, 0); */
	/*@ assert \forall integer n, place; n != number && place > 0 &&
	      one_oid(list, at, n, place) ==> one_oid(list, to, n, 2); */
	/*@ assert \forall integer place; place < 2 && one_oid(list, at, number, place) ==>
	      one_oid(list, to, number, 1); */
	if (oids->count > 0 && oids->numbers[oids->count - 1] == number) {
		//@ assert last_oid(oids, number) && one_oid(list, to, number, 1);
		/*@ assert \forall integer k; 0 <= k < oids->count - 1 ==>
		      oids->numbers[k] != number &&
		      one_oid(list, to, oids->numbers[k], 2); */
		/*@ assert \forall integer n; new_oid(oids, n) ==>
		      n != number && one_oid(list, to, n, 0); */
		//@ assert oids_stand(oids, list, to);
		return true;
	}
	if (!is_new_oid(oids, number))
		return false;
	//@ assert one_oid(list, to, number, 1);
	/*@ assert \forall integer k; 0 <= k < oids->count ==>
	      oids->numbers[k] != number &&
	      (last_oid(oids, oids->numbers[k]) ||
		one_oid(list, at, oids->numbers[k], 2)); */
	//@ assert oids_end(oids, number, list, to);
	add_oid(oids, number) /*@ ghost (list, to) */;
	return true;
}

/*@ requires facts_slice(all.at, all.length) && \valid(out);
    assigns *out;
    ensures \result ==> sound_attributes(all.at, all.at + all.length);
*/
static bool attributes_hold(struct slice all, struct decision *out)
{
	struct slice list = all, left = all;
	unsigned counts[FACT_COUNT] = { 0 };
	struct oids oids;
	struct x509_attribute attribute;
	enum fact fact;

	oids.count = 0;
	/*@ loop invariant left == list && list.length <= all.length;
	    loop invariant list.at + list.length == all.at + all.length;
	    loop invariant \forall integer word; 0 <= word < FACT_COUNT ==>
	      sound_subject(all.at, list.at, word, counts[word]);
	    loop invariant \forall integer k;
	      0 <= k < FACT_COUNT ==> counts[k] <= LIST_MAX;
	    loop invariant oids.count <= counts[FACT_ATTRIBUTES];
	    loop invariant oids_stand(&oids, all.at, list.at);
	    loop assigns list, left, attribute, fact, counts[0 .. FACT_COUNT - 1], *out,
	      oids.numbers[0 .. LIST_MAX - 1], oids.count;
	    loop variant list.length; */
	while (x509_next_attribute(&left, &attribute)) {
		fact = x509_attribute_fact(&attribute);
		if (counts[fact] == LIST_MAX)
			return must(out, false, fact, "", "there are more than 256");
		if (!attribute_holds(out, fact, attribute.kind, attribute.value))
			return false;
		//@ assert sound_subject(all.at, left.at, fact, counts[fact] + 1);
		/*@ assert \forall integer word; 0 <= word < FACT_COUNT && word != fact ==>
		      sound_subject(all.at, left.at, word, counts[word]); */
		if (!stands_together(&oids, fact, &attribute)
		    /*@ ghost (all.at, list.at) */)
			return refuse_bytes(out, fact, attribute.value,
			    "the attributes of one OID do not follow each other");
		counts[fact]++;
		list = left;
	}
	if (list.length != 0)
		return refuse_text(out, FACT_FORM, "", "the subject is no packed list");
	if (counts[FACT_SUBJECT] != 1)
		return refuse_number(out, FACT_SUBJECT, counts[FACT_SUBJECT],
		    "there must be one common name");
	//@ assert list.at == all.at + all.length;
	//@ assert sound_subject(all.at, list.at, FACT_SUBJECT, counts[FACT_SUBJECT]);
	//@ assert sound_subject(all.at, list.at, FACT_ROLES, counts[FACT_ROLES]);
	//@ assert sound_subject(all.at, list.at, FACT_UNITS, counts[FACT_UNITS]);
	//@ assert sound_subject(all.at, list.at, FACT_PRINCIPALS, counts[FACT_PRINCIPALS]);
	//@ assert sound_subject(all.at, list.at, FACT_STREET, counts[FACT_STREET]);
	/*@ assert sound_subject(
	      all.at, list.at, FACT_POSTAL_CODE, counts[FACT_POSTAL_CODE]); */
	//@ assert sound_subject(all.at, list.at, FACT_ATTRIBUTES, counts[FACT_ATTRIBUTES]);
	/*@ assert \forall integer oid; new_oid(&oids, oid) || last_oid(&oids, oid) ||
	      (\exists integer k; 0 <= k < oids.count - 1 && oids.numbers[k] == oid); */
	//@ assert \forall integer oid; oid_stands(all.at, list.at, oid);
	//@ assert sound_attributes(all.at, list.at);
	return true;
}

/*@ requires check_ready(check) && \valid(out);
    assigns *out;
    ensures \result ==> promised_subject(check->issuer, check->facts);
*/
static bool subject_holds(const struct check *check, struct decision *out)
{
	struct slice subject = FACTS_SLICE(check->facts, x509_subject);

	return attributes_hold(subject, out) &&
	       (!slice_same(subject, FACTS_SLICE(check->issuer, name)) ||
		   refuse_bytes(out, FACT_SUBJECT, common_name(subject),
		       "the subject's name is the CA's own"));
}

/*@ assigns \nothing;
    ensures \result <==> is_a_digit(c);
*/
static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/*@ assigns \nothing;
    ensures \result <==> is_a_letter(c);
*/
static bool is_letter(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Letters, digits and hyphens, the latter not at an end. */
/*@ requires \valid_read(at + (0 .. length - 1));
    assigns \nothing;
    ensures \result ==> label(at, length);
*/
static bool is_label(const uint8_t *at, size_t length)
{
	size_t i;

	/*@ loop invariant i <= length;
	    loop invariant \forall integer k; 0 <= k < i ==>
	      is_a_letter(at[k]) || is_a_digit(at[k]) || at[k] == '-';
	    loop assigns i;
	    loop variant length - i; */
	for (i = 0; i < length; i++)
		if (!is_letter(at[i]) && !is_digit(at[i]) && at[i] != '-')
			return false;
	return length > 0 && length <= DNS_LABEL_MAX && at[0] != '-' &&
	       at[length - 1] != '-';
}

/*@ requires \valid_read(at + (0 .. length - 1));
    assigns \nothing;
    ensures \result <==> digits(at, length);
*/
static bool is_number(const uint8_t *at, size_t length)
{
	size_t i = 0;

	/*@ loop invariant i <= length && digits(at, i);
	    loop assigns i;
	    loop variant length - i; */
	while (i < length && is_digit(at[i]))
		i++;
	return i == length;
}

/* Labels between dots. The last one is no number, which would make it an address. */
/*@ requires facts_slice(name.at, name.length);
    assigns \nothing;
    ensures \result ==> host_name(name.at, name.length);
*/
static bool is_host_name(struct slice name)
{
	size_t at, begin = 0;

	/*@ loop invariant begin <= at <= name.length;
	    loop invariant labels(name.at, begin);
	    loop assigns at, begin;
	    loop variant name.length - at; */
	for (at = 0; at < name.length; at++) {
		if (name.at[at] != '.')
			continue;
		if (!is_label(name.at + begin, at - begin))
			return false;
		begin = at + 1;
	}
	return name.length <= DNS_NAME_MAX &&
	       is_label(name.at + begin, name.length - begin) &&
	       !is_number(name.at + begin, name.length - begin);
}

/*@ requires facts_slice(text.at, text.length);
    assigns \nothing;
    ensures !\result ==>
      (\forall integer k; 0 <= k < text.length ==> !('A' <= text.at[k] <= 'Z'));
*/
static bool has_upper_case(struct slice text)
{
	size_t i;

	/*@ loop invariant i <= text.length;
	    loop invariant \forall integer k; 0 <= k < i ==> !('A' <= text.at[k] <= 'Z');
	    loop assigns i;
	    loop variant text.length - i; */
	for (i = 0; i < text.length; i++)
		if (text.at[i] >= 'A' && text.at[i] <= 'Z')
			return true;
	return false;
}

/*@ requires facts_slice(name.at, name.length);
    requires wildcard ==> name.length >= 2 && name.at[0] == '*' && name.at[1] == '.';
    assigns \nothing;
    ensures \result ==> dns_name(name.at, name.length);
*/
static bool dns_holds(struct slice name, bool wildcard)
{
	struct slice host = name;

	if (wildcard)
		host = (struct slice){ name.at + 2, name.length - 2 };
	return name.length <= DNS_NAME_MAX && !has_upper_case(name) && is_host_name(host);
}

/*@ requires facts_slice(address.at, address.length);
    assigns \nothing;
    ensures \result ==> address(address.at, address.length);
*/
static bool address_holds(struct slice address)
{
	size_t zeros = 0;

	if (address.length != 16)
		return address.length == 4;
	/*@ loop invariant zeros <= 10;
	    loop invariant \forall integer k; 0 <= k < zeros ==> address.at[k] == 0;
	    loop assigns zeros;
	    loop variant 10 - zeros; */
	while (zeros < 10 && address.at[zeros] == 0)
		zeros++;
	return zeros < 10 || address.at[10] != 0xff || address.at[11] != 0xff;
}

/*@ assigns \nothing;
    ensures \result <==> hex_digit(c);
*/
static bool is_hex(uint8_t c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/*@ assigns \nothing;
    ensures \result <==> uri_byte(c);
*/
static bool is_uri_byte(uint8_t c)
{
	return c > ' ' && c <= '~' && c != '"' && c != '<' && c != '>' && c != '\\' &&
	       c != '^' && c != '`' && c != '{' && c != '|' && c != '}';
}

/* The characters of RFC 3986 2, with `%` before two hex digits alone. */
/*@ requires facts_slice(text.at, text.length);
    assigns \nothing;
    ensures \result ==> uri_text(text.at, text.length);
*/
static bool is_uri_text(struct slice text)
{
	size_t i;

	/*@ loop invariant i <= text.length;
	    loop invariant \forall integer k; 0 <= k < i ==> uri_byte(text.at[k]);
	    loop invariant \forall integer k; 0 <= k < i && text.at[k] == '%' ==>
	      k + 2 < text.length && hex_digit(text.at[k + 1]) &&
	      hex_digit(text.at[k + 2]);
	    loop assigns i;
	    loop variant text.length - i; */
	for (i = 0; i < text.length; i++) {
		if (text.at[i] == '%' &&
		    (text.length - i < 3 || !is_hex(text.at[i + 1]) ||
			!is_hex(text.at[i + 2])))
			return false;
		if (!is_uri_byte(text.at[i]))
			return false;
	}
	return true;
}

/*@ assigns \nothing;
    ensures \result <==>
      is_a_letter(c) || is_a_digit(c) || c == '+' || c == '-' || c == '.';
*/
static bool is_scheme_byte(uint8_t c)
{
	return is_letter(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
}

/* How many bytes the scheme before the first colon has (RFC 3986 3.1); 0: it is none. */
/*@ requires facts_slice(uri.at, uri.length);
    assigns \nothing;
    ensures \result > 0 ==> \result < uri.length - 1 && uri_scheme(uri.at, \result);
*/
static size_t scheme_length(struct slice uri)
{
	size_t i = 0;

	if (uri.length == 0 || !is_letter(uri.at[0]))
		return 0;
	/*@ loop invariant i <= uri.length;
	    loop invariant \forall integer k; 0 <= k < i ==> is_a_letter(uri.at[k]) ||
	      is_a_digit(uri.at[k]) || uri.at[k] == '+' || uri.at[k] == '-' ||
	      uri.at[k] == '.';
	    loop assigns i;
	    loop variant uri.length - i; */
	while (i < uri.length && is_scheme_byte(uri.at[i]))
		i++;
	return i + 1 < uri.length && uri.at[i] == ':' ? i : 0;
}

/*@ assigns \nothing;
    ensures \result <==> either_case(c, lower);
*/
static bool is_either_case(uint8_t c, uint8_t lower)
{
	return c == lower || c == lower - 32;
}

/*@ requires facts_slice(scheme.at, scheme.length);
    assigns \nothing;
    ensures \result <==> spiffe(scheme.at, scheme.length);
*/
static bool is_spiffe(struct slice scheme)
{
	const uint8_t *at = scheme.at;

	return scheme.length == 6 && is_either_case(at[0], 's') &&
	       is_either_case(at[1], 'p') && is_either_case(at[2], 'i') &&
	       is_either_case(at[3], 'f') && is_either_case(at[4], 'f') &&
	       is_either_case(at[5], 'e');
}

/* How many bytes at the start are an IP literal in its brackets; 0: they are none. */
/*@ requires facts_slice(text.at, text.length);
    assigns \nothing;
    ensures \result <= text.length && uri_host(text.at, \result);
*/
static size_t literal_length(struct slice text)
{
	size_t i = 1;

	if (text.length == 0 || text.at[0] != '[')
		return 0;
	/*@ loop invariant 1 <= i <= text.length;
	    loop invariant \forall integer k; 0 < k < i ==> literal_byte(text.at[k]);
	    loop assigns i;
	    loop variant text.length - i; */
	while (i < text.length &&
	       (is_hex(text.at[i]) || text.at[i] == ':' || text.at[i] == '.'))
		i++;
	return i < text.length && text.at[i] == ']' ? i + 1 : 0;
}

/* How many bytes at the start are a host. */
/*@ requires facts_slice(text.at, text.length);
    assigns \nothing;
    ensures \result <= text.length && uri_host(text.at, \result);
*/
static size_t host_length(struct slice text)
{
	size_t i = 0;

	if (text.length > 0 && text.at[0] == '[')
		return literal_length(text);
	/*@ loop invariant i <= text.length;
	    loop invariant \forall integer k; 0 <= k < i ==> host_byte(text.at[k]);
	    loop assigns i;
	    loop variant text.length - i; */
	while (i < text.length &&
	       (is_letter(text.at[i]) || is_digit(text.at[i]) || text.at[i] == '-' ||
		   text.at[i] == '.' || text.at[i] == '_' || text.at[i] == '~'))
		i++;
	return i;
}

/*@ requires facts_slice(text.at, text.length);
    assigns \nothing;
    ensures \result ==> uri_port(text.at, text.length);
*/
static bool is_port(struct slice text)
{
	return text.length == 0 ||
	       (text.at[0] == ':' && is_number(text.at + 1, text.length - 1));
}

/* A host and perhaps a port (RFC 3986 3.2), where a pattern's star must not find what
 * ends the host for others: a user before it, a query or fragment instead of the path. */
/*@ requires facts_slice(text.at, text.length);
    assigns \nothing;
    ensures \result ==> authority(text.at, text.length);
*/
static bool is_authority(struct slice text)
{
	const size_t host = host_length(text);

	return is_port((struct slice){ text.at + host, text.length - host });
}

/*@ requires facts_slice(rest.at, rest.length);
    assigns \nothing;
    ensures \result ==> plain_host(rest.at, rest.length);
*/
static bool has_plain_host(struct slice rest)
{
	if (rest.length < 2 || rest.at[0] != '/' || rest.at[1] != '/')
		return true;
	return is_authority(
	    (struct slice){ rest.at + 2, bytes_find(rest.at + 2, rest.length - 2, '/') });
}

/*@ requires facts_slice(text.at, text.length) && from <= text.length;
    assigns \nothing;
    ensures \result == dot(text.at, from, text.length);
*/
static size_t dot_length(struct slice text, size_t from)
{
	const size_t left = text.length - from;

	if (left > 0 && text.at[from] == '.')
		return 1;
	return left > 2 && text.at[from] == '%' && text.at[from + 1] == '2' &&
		       (text.at[from + 2] == 'e' || text.at[from + 2] == 'E')
		   ? 3
		   : 0;
}

/*@ requires facts_slice(text.at, text.length);
    assigns \nothing;
    ensures \result <==> segment_ends(text.at, from, text.length);
*/
static bool is_segment_end(struct slice text, size_t from)
{
	return from >= text.length || text.at[from] == '/' || text.at[from] == '?' ||
	       text.at[from] == '#';
}

/*@ requires facts_slice(text.at, text.length) && from <= text.length;
    assigns \nothing;
    ensures \result <==> dot_segment(text.at, from, text.length);
*/
static bool is_dot_segment(struct slice text, size_t from)
{
	const size_t one = dot_length(text, from), two = dot_length(text, from + one);

	return one > 0 && (is_segment_end(text, from + one) ||
			      (two > 0 && is_segment_end(text, from + one + two)));
}

/* What a pattern such as `https://host/a/` and two stars permits must not leave that. */
/*@ requires facts_slice(rest.at, rest.length);
    assigns \nothing;
    ensures \result ==> plain_path(rest.at, rest.length);
*/
static bool has_plain_path(struct slice rest)
{
	size_t i;

	/*@ loop invariant i <= rest.length && in_path(rest.at, i);
	    loop invariant \forall integer k; 0 <= k < i &&
	      (k == 0 || rest.at[k - 1] == '/') ==> !dot_segment(rest.at, k, rest.length);
	    loop assigns i;
	    loop variant rest.length - i; */
	for (i = 0; i < rest.length && rest.at[i] != '?' && rest.at[i] != '#'; i++)
		if ((i == 0 || rest.at[i - 1] == '/') && is_dot_segment(rest, i))
			return false;
	return true;
}

/*@ requires facts_slice(uri.at, uri.length);
    assigns \nothing;
    ensures \result ==> uri(uri.at, uri.length);
*/
static bool uri_holds(struct slice uri)
{
	const size_t scheme = scheme_length(uri);
	struct slice rest;

	if (scheme == 0 || is_spiffe((struct slice){ uri.at, scheme }))
		return false;
	rest = (struct slice){ uri.at + scheme + 1, uri.length - scheme - 1 };
	if (!is_uri_text(uri) || !has_plain_host(rest) || !has_plain_path(rest))
		return false;
	//@ assert uri_parts(uri.at, scheme, uri.length);
	return true;
}

/*@ assigns \nothing;
    ensures \result <==> local_byte(c);
*/
static bool is_local_byte(uint8_t c)
{
	return c > ' ' && c <= '~' && c != '(' && c != ')' && c != '<' && c != '>' &&
	       c != '[' && c != ']' && c != ':' && c != ';' && c != '\\' && c != ',' &&
	       c != '"' && c != '@';
}

/* How many bytes at the start are a dot-string (RFC 5321 4.1.2), up to what ends it; 0:
 * they are none. */
/*@ requires facts_slice(email.at, email.length);
    assigns \nothing;
    ensures \result <= email.length;
    ensures 0 < \result <= 64 ==> local_part(email.at, \result);
*/
static size_t local_length(struct slice email)
{
	size_t i = 0;

	/*@ loop invariant i <= email.length;
	    loop invariant \forall integer k; 0 <= k < i ==> local_byte(email.at[k]);
	    loop invariant i > 0 ==> email.at[0] != '.';
	    loop invariant \forall integer k; 0 < k < i ==>
	      email.at[k - 1] != '.' || email.at[k] != '.';
	    loop assigns i;
	    loop variant email.length - i; */
	while (i < email.length && is_local_byte(email.at[i]) &&
	       (email.at[i] != '.' || (i > 0 && email.at[i - 1] != '.')))
		i++;
	return i > 0 && email.at[i - 1] != '.' ? i : 0;
}

/*@ requires facts_slice(email.at, email.length);
    assigns \nothing;
    ensures \result ==> email(email.at, email.length);
*/
static bool email_holds(struct slice email)
{
	const size_t local = local_length(email);

	return local > 0 && local <= LOCAL_PART_MAX && local < email.length &&
	       email.at[local] == '@' &&
	       is_host_name(
		   (struct slice){ email.at + local + 1, email.length - local - 1 });
}

/*@ requires \valid(out) && facts_slice(address.at, address.length);
    assigns *out;
    ensures \result ==> address(address.at, address.length);
*/
static bool ip_holds(struct decision *out, enum fact fact, struct slice address)
{
	char text[X509_ADDRESS_TEXT];

	if (address_holds(address))
		return true;
	x509_address_text(address, text);
	return must(out, false, fact, text,
	    "an address is neither IPv4 nor IPv6, or is IPv4 mapped into IPv6");
}

/*@ requires \valid(out) && facts_slice(value.at, value.length);
    requires fact == FACT_WILDCARD_DNS && kind == X509_ALT_DNS ==>
      value.length >= 2 && value.at[0] == '*' && value.at[1] == '.';
    assigns *out;
    ensures \result ==> sound_name(kind + 0x80, value.at, value.length);
*/
static bool alt_name_holds(struct decision *out, enum fact fact,
    enum x509_alt_name_kind kind, struct slice value)
{
	switch (kind) {
	case X509_ALT_DNS:
		return dns_holds(value, fact == FACT_WILDCARD_DNS) ||
		       refuse_bytes(out, fact, value,
			   "a DNS name is not of lower-case letters, digits and hyphens "
			   "in labels of 1 to 63, at most 253, the last of them no "
			   "number");
	case X509_ALT_IP:
		return ip_holds(out, fact, value);
	case X509_ALT_URI:
		return uri_holds(value) ||
		       refuse_bytes(out, fact, value,
			   "a URI is not as RFC 3986 has it with a scheme, has more than "
			   "a host and a port before its path or a dot segment in it, "
			   "or has the scheme spiffe, which belongs to x509-svid");
	case X509_ALT_EMAIL:
		return email_holds(value) || refuse_bytes(out, fact, value,
						 "an e-mail address is not NAME@DOMAIN");
	}
	return must(out, false, FACT_FORM, "", "a name of another kind");
}

/*@ requires facts_slice(all.at, all.length) && \valid(out);
    assigns *out;
    ensures \result ==> listed_names(all.at, all.length);
*/
static bool list_holds(struct slice all, struct decision *out)
{
	struct slice list = all, left = all;
	struct x509_alt_name name;
	unsigned count = 0;
	enum fact fact;

	/*@ loop invariant left == list && list.length <= all.length;
	    loop invariant list.at + list.length == all.at + all.length;
	    loop invariant sound_names(all.at, list.at, count);
	    loop invariant count <= X509_ALT_NAMES_MAX;
	    loop assigns list, left, name, fact, count, *out;
	    loop variant list.length; */
	while (x509_next_alt_name(&left, &name)) {
		//@ assert name.kind + 0x80 == list.at[0];
		fact = x509_alt_name_fact(&name);
		if (count == X509_ALT_NAMES_MAX)
			return must(out, false, fact, "", "there are more than 256");
		if (!alt_name_holds(out, fact, name.kind, name.value))
			return false;
		//@ assert sound_name(list.at[0], name.value.at, name.value.length);
		//@ assert sound_names(all.at, left.at, count + 1);
		count++;
		list = left;
	}
	if (list.length != 0)
		return must(out, false, FACT_FORM, "",
		    "the alternative names are no packed list");
	//@ assert sound_names(all.at, all.at + all.length, count);
	return true;
}

/*@ requires check_ready(check) && \valid(out);
    assigns *out;
    ensures \result ==> promised_alt_names(check->facts);
*/
static bool alt_names_hold(const struct check *check, struct decision *out)
{
	return list_holds(FACTS_SLICE(check->facts, x509_alt_names), out);
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
