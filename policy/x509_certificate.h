/*
 * Reader and writer of TBSCertificate (RFC 5280 4.1), for the certificates that we issue
 * and for those of our CAs.
 *
 * The reader accepts one encoding of each certificate and accounts for every byte.
 * Version 3, no unique identifiers; strict DER; names as x509_fields.h says; a subject's
 * key that is RSA, an uncompressed point on P-256, P-384 or P-521, or Ed25519.
 * Extensions, each at most once and in this order, as Go's crypto/x509 has it:
 *
 *     keyUsage (critical), extKeyUsage, basicConstraints (critical, always there),
 *     subjectKeyIdentifier, authorityKeyIdentifier (the identifier alone),
 *     subjectAltName (critical when the subject is empty, RFC 5280 4.2.1.6),
 *     cRLDistributionPoints (one URI)
 *
 * For each input that it accepts, writing the facts gives the input again.
 *
 * No allocation, no I/O, linear time.
 */
#ifndef POLICY_X509_CERTIFICATE_H
#define POLICY_X509_CERTIFICATE_H

#include "policy/x509_fields.h"

#define X509_ALT_NAMES_MAX 256
#define X509_ALT_NAME_MAX  2048 /* bytes */

/*@ // The subject's key, and the parts of the document that a reader leaves in the facts.
    predicate x509_key_parts{L}(struct facts *f) =
      der_readable(f->subject_key, f->subject_key_length) &&
      der_readable(f->subject_exponent, f->subject_exponent_length);

    predicate x509_key{L}(struct facts *f) =
      KEY_RSA <= f->subject_kind < KEY_KIND_COUNT && x509_key_parts(f);

    predicate x509_extension_facts{L}(struct facts *f) =
      der_readable(f->x509_subject_key_id, f->x509_subject_key_id_length) &&
      der_readable(f->x509_authority_key_id, f->x509_authority_key_id_length) &&
      der_readable(f->x509_alt_names, f->x509_alt_names_length) &&
      der_readable(f->x509_crl_url, f->x509_crl_url_length);

    predicate x509_parts{L}(struct facts *f) =
      x509_key_parts(f) && x509_extension_facts(f) &&
      der_readable(f->x509_serial, f->x509_serial_length) &&
      der_readable(f->x509_issuer, f->x509_issuer_length) &&
      der_readable(f->x509_subject, f->x509_subject_length);

    predicate x509_facts{L}(struct facts *f) =
      x509_parts(f) && KEY_RSA <= f->subject_kind < KEY_KIND_COUNT &&
      0 <= f->x509_signature < X509_SIGNATURE_COUNT &&
      0 < f->x509_serial_length <= X509_SERIAL_MAX;
*/

/* The slices of `out` point into `bytes`, and what belongs to other documents is 0; it is
 * empty when the result is not X509_FORM_GOOD. */
/*@ requires \valid_read(bytes + (0 .. length - 1)) && \valid(out);
    assigns *out;
    ensures \result == X509_FORM_GOOD ==> x509_facts(out) && facts_without_ssh(out);
    ensures \result == X509_FORM_GOOD ==> out->x509_serial == bytes + out->serial_at &&
      out->serial_at + out->x509_serial_length <= length;
*/
enum x509_form x509_certificate_read(
    const uint8_t *bytes, size_t length, struct facts *out);

/* The number of bytes written; 0 when they do not fit into `room` or FACTS_DOCUMENT_MAX,
 * or the facts have no encoding. Packed lists are written as they are, and how the facts
 * fit together is not judged: both are the reader's. */
/*@ requires \valid_read(facts) && x509_parts(facts);
    requires \valid(out + (0 .. room - 1)) && \separated(facts, out + (0 .. room - 1));
    assigns out[0 .. room - 1];
    ensures 0 <= \result <= room;
*/
size_t x509_certificate_write(const struct facts *facts, uint8_t *out, size_t room);

/* A SubjectPublicKeyInfo to and from its parts. Only the subject_* members are written,
 * and they mean nothing when it returns false. */
/*@ requires \valid_read(bytes + (0 .. length - 1)) && \valid(out);
    assigns out->subject_kind, out->subject_key, out->subject_key_length,
      out->subject_exponent, out->subject_exponent_length;
    ensures \result ==> x509_key(out);
*/
bool x509_key_read(const uint8_t *bytes, size_t length, struct facts *out);
/*@ requires \valid_read(facts) && x509_key_parts(facts);
    requires \valid(out + (0 .. room - 1)) && \separated(facts, out + (0 .. room - 1));
    assigns out[0 .. room - 1];
    ensures 0 <= \result <= room;
*/
size_t x509_key_write(const struct facts *facts, uint8_t *out, size_t room);

/* Alternative names, by their tag (RFC 5280 4.2.1.6). An IP address has 4 or 16 bytes;
 * the others are visible ASCII. */
enum x509_alt_name_kind {
	X509_ALT_EMAIL = 1,
	X509_ALT_DNS = 2,
	X509_ALT_URI = 6,
	X509_ALT_IP = 7
};

struct x509_alt_name {
	enum x509_alt_name_kind kind;
	struct slice value;
};

/* The next of a packed list; false at its end, which is before what is no such name. */
/*@ requires \valid(list) && \valid(out) && \separated(list, out);
    requires der_readable(list->at, list->length);
    assigns *list, *out;
    ensures der_readable(list->at, list->length);
    ensures \result ==> list->length < \old(list->length);
    ensures \result ==> der_readable(out->value.at, out->value.length);
    ensures \result ==>
      list->at + list->length == \old(list->at) + \old(list->length);
    ensures \result ==> der_content(\old(list->at), out->value.at, out->value.length);
    ensures \result ==> list->at == out->value.at + out->value.length;
    ensures \result ==> out->kind == \old(list->at)[0] - 0x80;
    ensures !\result ==> *list == \old(*list);
*/
bool x509_next_alt_name(struct slice *list, struct x509_alt_name *out);
/*@ requires der_writable(to);
    requires \valid_read(name) && der_readable(name->value.at, name->value.length);
    requires \separated(to, name);
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to) && to->used >= \old(to->used);
*/
void x509_put_alt_name(struct der_sink *to, const struct x509_alt_name *name);

#endif
