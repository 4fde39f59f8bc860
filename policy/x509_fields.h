/*
 * What certificates and CRLs have in common: faults, names, serials, signature algorithms
 * and the frame of an extension, each with a reader and a writer. Private to the X.509
 * files, but for the faults and for the walking of names.
 */
#ifndef POLICY_X509_FIELDS_H
#define POLICY_X509_FIELDS_H

#include "policy/der.h"
#include "policy/facts.h"

enum x509_form {
	X509_FORM_GOOD,
	X509_FORM_OVERSIZED, /* longer than FACTS_DOCUMENT_MAX */
	X509_FORM_FRAME,     /* no one DER SEQUENCE, or bytes where nothing should be */
	X509_FORM_VERSION,
	X509_FORM_SERIAL,
	X509_FORM_SIGNATURE,
	X509_FORM_ISSUER,
	X509_FORM_VALIDITY,
	X509_FORM_SUBJECT,
	X509_FORM_SUBJECT_KEY,
	X509_FORM_EXTENSION, /* unknown, repeated, out of order, or wrongly (not) critical
			      */
	X509_FORM_KEY_USAGE,
	X509_FORM_EXTENDED_KEY_USAGE,
	X509_FORM_BASIC_CONSTRAINTS,
	X509_FORM_SUBJECT_KEY_ID,
	X509_FORM_AUTHORITY_KEY_ID,
	X509_FORM_ALT_NAMES,
	X509_FORM_CRL_URL,
	X509_FORM_AUTHORITY, /* a CA's certificate that has not what ours have */
	X509_FORM_REVOKED,
	X509_FORM_CRL_NUMBER,
	X509_FORM_COUNT
};

/*@ assigns \nothing;
    ensures \result != \null;
*/
const char *x509_form_text(enum x509_form form);

#define X509_SET(facts, member, slice)                                                   \
	((facts)->member = (slice).at, (facts)->member##_length = (slice).length)

/*
 * Serials. The worker leaves 16 zero bytes, which is no minimal INTEGER and so no real
 * serial; the broker writes 16 bytes over them that x509_serial_fit() has made positive
 * and minimal.
 */
#define X509_SERIAL_STAMPED 16
#define X509_SERIAL_MAX	    20 /* RFC 5280 4.1.2.2 */

/*@ requires der_readable(serial.at, serial.length);
    assigns \nothing;
    ensures \result <==> serial.length == X509_SERIAL_STAMPED &&
      (\forall integer i; 0 <= i < X509_SERIAL_STAMPED ==> serial.at[i] == 0);
*/
bool x509_serial_unstamped(struct slice serial);
/*@ requires \valid(serial + (0 .. X509_SERIAL_STAMPED - 1));
    assigns serial[0];
    ensures 0x40 <= serial[0] < 0x80;
*/
void x509_serial_fit(uint8_t serial[X509_SERIAL_STAMPED]);

/* The serial in decimal digits; returns how many. 0 when it is longer than a serial. */
#define X509_DECIMAL_MAX 49
/*@ requires der_readable(serial.at, serial.length);
    requires \valid(out + (0 .. X509_DECIMAL_MAX - 1));
    requires \separated(out + (0 .. X509_DECIMAL_MAX - 1),
      serial.at + (0 .. serial.length - 1));
    assigns out[0 .. X509_DECIMAL_MAX - 1];
    ensures 0 <= \result <= X509_DECIMAL_MAX;
*/
size_t x509_serial_decimal(struct slice serial, uint8_t out[X509_DECIMAL_MAX]);

/*
 * Attributes of a name, in the order in which they were given. They are written each in
 * an RDN of its own, and read also where several are one RDN, as Go's crypto/x509 puts
 * the values of one type: sorted, none twice. X.520's are named by the last number of
 * their OID, Teleport's 1.3.9999.branch.leaf by these two. The value is a PrintableString
 * where its characters allow that, else a UTF8String.
 */
#define X509_ATTRIBUTES_MAX 512
#define X509_VALUE_MAX	    16384 /* bytes of one attribute's value */

enum x509_attribute_kind {
	X509_TELEPORT = 0,
	X509_COMMON_NAME = 3,
	X509_SERIAL_NUMBER = 5,
	X509_LOCALITY = 7,
	X509_STREET = 9,
	X509_ORGANIZATION = 10,
	X509_UNIT = 11,
	X509_POSTAL_CODE = 17
};

struct x509_attribute {
	enum x509_attribute_kind kind;
	unsigned branch; /* of X509_TELEPORT, at most 127; else 0 */
	unsigned leaf;
	struct slice value;
};

/*@ // 2.5.4.KIND, or 1.3.9999 and two numbers for Teleport's.
    predicate attribute_type{L}(uint8_t *oid, integer length, integer kind) =
      (length == 5 && oid[0] == 0x2b && oid[1] == 0xce && oid[2] == 0x0f &&
      kind == X509_TELEPORT) ||
      (length == 3 && oid[0] == 0x55 && oid[1] == 0x04 && oid[2] == kind &&
      kind != X509_TELEPORT);
    // An attribute's OID and value; and where the list begins with a SET, the one in it.
    predicate attribute_is{L}(
      uint8_t *oid, integer kind, uint8_t *value, integer length) =
      oid[0] == 0x06 && attribute_type(oid + der_head(oid), der_size(oid), kind) &&
      der_content(oid + (der_head(oid) + der_size(oid)), value, length);
    predicate pair_is{L}(
      uint8_t *at, integer kind, uint8_t *value, integer length) =
      at[0] == 0x30 && attribute_is(at + der_head(at), kind, value, length);
    predicate attribute_at{L}(
      uint8_t *at, integer kind, uint8_t *value, integer length) =
      pair_is(at[0] == 0x31 ? at + der_head(at) : at, kind, value, length);
    // What the OID's element holds there.
    logic uint8_t *pair_oid{L}(uint8_t *at) =
      at + der_head(at) + der_head(at + der_head(at));
    logic uint8_t *attribute_oid{L}(uint8_t *at) =
      pair_oid(at[0] == 0x31 ? at + der_head(at) : at);
    predicate oid_ends{L}(uint8_t *oid, integer kind, integer branch, integer leaf) =
      kind == X509_TELEPORT ==> oid[3] == branch && oid[4] == leaf;
*/

/* The next of a packed list; false at its end, which is before what is no such
 * attribute. What characters a value has only x509_take_name() looks at. */
/*@ requires \valid(list) && \valid(out) && \separated(list, out);
    requires der_readable(list->at, list->length);
    assigns *list, *out;
    ensures der_readable(list->at, list->length);
    ensures \result ==> list->length < \old(list->length);
    ensures \result ==> der_readable(out->value.at, out->value.length);
    ensures \result ==> X509_TELEPORT <= out->kind <= X509_POSTAL_CODE;
    ensures \result ==> out->branch <= 127 && out->leaf <= 127;
    ensures \result ==>
      attribute_at(\old(list->at), out->kind, out->value.at, out->value.length);
    ensures \result ==>
      oid_ends(attribute_oid(\old(list->at)), out->kind, out->branch, out->leaf);
    ensures \result ==> list->at == out->value.at + out->value.length;
    ensures \result ==>
      list->at + list->length == \old(list->at) + \old(list->length);
*/
bool x509_next_attribute(struct slice *list, struct x509_attribute *out);
/*@ requires der_writable(to);
    requires \valid_read(attribute);
    requires der_readable(attribute->value.at, attribute->value.length);
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to) && to->used >= \old(to->used);
*/
void x509_put_attribute(struct der_sink *to, const struct x509_attribute *attribute);

/* A Name, whose content is the packed list; it is written as it is. */
/*@ requires \valid(from) && \valid(list) && \separated(from, list);
    requires der_readable(from->at, from->length);
    assigns *from, *list;
    ensures der_readable(from->at, from->length);
    ensures \result ==> from->length < \old(from->length);
    ensures \result ==> der_readable(list->at, list->length);
*/
bool x509_take_name(struct slice *from, struct slice *list);

/* The content of a SEQUENCE that is one of few, as algorithms are. */
struct x509_choice {
	uint8_t content[20];
	uint8_t length;
};

/* Which of the table it is; `count` when it is none. */
/*@ requires \valid(from) && der_readable(from->at, from->length);
    requires \valid_read(table + (0 .. count - 1));
    requires \forall integer i; 0 <= i < count ==> table[i].length <= 20;
    assigns *from;
    ensures 0 <= \result <= count;
    ensures der_readable(from->at, from->length);
    ensures \result < count ==> from->length < \old(from->length);
*/
unsigned x509_take_choice(
    struct slice *from, const struct x509_choice *table, unsigned count);
/*@ requires der_writable(to);
    requires \valid_read(table + (0 .. count - 1));
    requires \forall integer i; 0 <= i < count ==> table[i].length <= 20;
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to) && to->used >= \old(to->used);
    ensures which >= count ==> to->failed;
*/
void x509_put_choice(
    struct der_sink *to, const struct x509_choice *table, unsigned count, unsigned which);

/*@ requires \valid(from) && \valid(out) && \separated(from, out);
    requires der_readable(from->at, from->length);
    assigns *from, *out;
    ensures der_readable(from->at, from->length);
    ensures \result ==> 0 <= *out < X509_SIGNATURE_COUNT;
    ensures \result ==> from->length < \old(from->length);
*/
bool x509_take_signature(struct slice *from, enum x509_signature *out);
/*@ requires der_writable(to);
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to) && to->used >= \old(to->used);
*/
void x509_put_signature(struct der_sink *to, enum x509_signature signature);

/*
 * Extensions, by the last number of their OID 2.5.29.N (RFC 5280 4.2). A document has
 * those that it may carry in one order, which also sees to it that none comes twice.
 */
enum x509_extension {
	X509_CE_SUBJECT_KEY_ID = 14,
	X509_CE_KEY_USAGE = 15,
	X509_CE_ALT_NAMES = 17,
	X509_CE_BASIC_CONSTRAINTS = 19,
	X509_CE_CRL_NUMBER = 20,
	X509_CE_CRL_POINTS = 31,
	X509_CE_AUTHORITY_KEY_ID = 35,
	X509_CE_EXTENDED_KEY_USAGE = 37
};

/* The list of them, which is the last field, under the tag DER_EXPLICIT(n); empty when
 * there is no such field. */
/*@ requires der_readable(from.at, from.length) && \valid(list);
    assigns *list;
    ensures \result ==> der_readable(list->at, list->length);
*/
bool x509_read_extensions(struct slice from, uint8_t tag, struct slice *list);

/* The value of this extension, when it is the next and critical or not as it must be.
 * Else it is empty and the list stays: what nobody takes is left in it. */
/*@ requires \valid(list) && der_readable(list->at, list->length);
    assigns *list;
    ensures der_readable(list->at, list->length);
    ensures der_readable(\result.at, \result.length);
*/
struct slice x509_take_extension(
    struct slice *list, enum x509_extension number, bool critical);

/* An extension whose value is put between the two calls. */
struct x509_opened {
	size_t whole;
	size_t value;
};
/*@ requires der_writable(to);
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to) && to->used >= \old(to->used);
    ensures \old(to->used) == \result.whole <= \result.value == to->used;
*/
struct x509_opened x509_open_extension(
    struct der_sink *to, enum x509_extension number, bool critical);
/*@ requires der_writable(to);
    requires opened.whole <= opened.value <= to->used;
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to) && to->used >= \old(to->used);
*/
void x509_close_extension(struct der_sink *to, struct x509_opened opened);

/* The identifier, and nothing else (RFC 5280 4.2.1.1); empty when the value is not one.
 */
#define X509_KEY_ID_MAX 64
/*@ requires der_readable(value.at, value.length);
    assigns \nothing;
    ensures der_readable(\result.at, \result.length);
    ensures \result.length <= X509_KEY_ID_MAX;
*/
struct slice x509_read_authority_key_id(struct slice value);
/*@ requires der_writable(to);
    requires der_readable(id.at, id.length);
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to) && to->used >= \old(to->used);
*/
void x509_put_authority_key_id(struct der_sink *to, struct slice id);

#endif
