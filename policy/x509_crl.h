/*
 * Reader and writer of TBSCertList (RFC 5280 5.1) as the broker makes it: version 2, both
 * dates, revoked serials in ascending order each with its date alone (no list when there
 * is none), the authority key identifier and the CRL's number.
 *
 * For each input that the reader accepts, writing the facts gives the input again.
 *
 * No allocation, no I/O, linear time.
 */
#ifndef POLICY_X509_CRL_H
#define POLICY_X509_CRL_H

#include "policy/x509_fields.h"

/*@ // The parts of the document that the reader leaves in the facts.
    predicate x509_crl_parts{L}(struct facts *f) =
      der_readable(f->x509_issuer, f->x509_issuer_length) &&
      der_readable(f->x509_authority_key_id, f->x509_authority_key_id_length) &&
      der_readable(f->x509_revoked, f->x509_revoked_length);

    predicate x509_crl_facts{L}(struct facts *f) =
      x509_crl_parts(f) && 0 <= f->x509_signature < X509_SIGNATURE_COUNT;
*/

/* The slices of `out` point into `bytes`, and what belongs to other documents is 0; it is
 * empty when the result is not X509_FORM_GOOD. */
/*@ requires \valid_read(bytes + (0 .. length - 1)) && \valid(out);
    assigns *out;
    ensures \result == X509_FORM_GOOD ==> x509_crl_facts(out) && facts_without_ssh(out);
*/
enum x509_form x509_crl_read(const uint8_t *bytes, size_t length, struct facts *out);

/* The number of bytes written; 0 when they do not fit into `room` or FACTS_DOCUMENT_MAX,
 * or the facts have no encoding. The packed list is written as it is. */
/*@ requires \valid_read(facts) && x509_crl_parts(facts);
    requires \valid(out + (0 .. room - 1)) && \separated(facts, out + (0 .. room - 1));
    assigns out[0 .. room - 1];
    ensures 0 <= \result <= room;
*/
size_t x509_crl_write(const struct facts *facts, uint8_t *out, size_t room);

struct x509_revoked {
	struct slice serial; /* the INTEGER's content: positive and minimal */
	int64_t date;	     /* seconds since 1970 */
};

/* The next of a packed list that a reader accepted; false at its end. */
/*@ requires \valid(list) && \valid(out) && \separated(list, out);
    requires der_readable(list->at, list->length);
    assigns *list, *out;
    ensures der_readable(list->at, list->length);
    ensures \result ==> list->length < \old(list->length);
    ensures \result ==> der_readable(out->serial.at, out->serial.length);
    ensures \result ==> 0 < out->serial.length <= X509_SERIAL_MAX;
*/
bool x509_next_revoked(struct slice *list, struct x509_revoked *out);
/*@ requires der_writable(to) && \valid_read(revoked) && \separated(to, revoked);
    requires der_readable(revoked->serial.at, revoked->serial.length);
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to) && to->used >= \old(to->used);
*/
void x509_put_revoked(struct der_sink *to, const struct x509_revoked *revoked);

#endif
