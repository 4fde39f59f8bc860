/*
 * What all documents have in common: each is read into facts and written from them again,
 * and has a serial, which the worker leaves zero and the broker stamps. A further kind of
 * document is a further row of documents.c.
 */
#ifndef POLICY_DOCUMENTS_H
#define POLICY_DOCUMENTS_H

#include "policy/ssh_certificate.h"
#include "policy/x509_certificate.h"

#define DOCUMENT_SERIAL_MAX 16 /* bytes */

/*@ predicate document_in_ssh(integer document) =
      document == DOCUMENT_SSH_USER || document == DOCUMENT_SSH_HOST;
    predicate document_in_x509(integer document) =
      document == DOCUMENT_X509_USER || document == DOCUMENT_X509_HOST;

    predicate document_parts{L}(integer document, struct facts *f) =
      (document_in_ssh(document) ==> ssh_writable(f)) &&
      (document_in_x509(document) ==> x509_parts(f));

    logic integer document_serial(integer document) =
      document == DOCUMENT_SSH_USER ? 8 : document == DOCUMENT_SSH_HOST ? 8 :
      document == DOCUMENT_X509_USER ? 16 : document == DOCUMENT_X509_HOST ? 16 : 0;
*/

/* NULL when `out` was filled; else what is wrong with the bytes, and `out` has nothing of
 * them. The slices of `out` point into `bytes`. Of a document without a reader: that. */
/*@ requires \valid_read(bytes + (0 .. length - 1)) && \valid(out);
    assigns *out;
    ensures \result == \null ==> document_in_ssh(document) || document_in_x509(document);
    ensures \result == \null ==> document_parts(document, out) && facts_readable(out);
    ensures \result == \null ==> document_in_ssh(document) ==> facts_without_x509(out);
    ensures \result == \null ==> document_in_x509(document) ==> facts_without_ssh(out);
    ensures \result == \null ==> document_in_ssh(document) ==>
      out->serial_at + 8 <= length;
    ensures \result == \null ==> document_in_x509(document) ==>
      out->serial_at + out->x509_serial_length <= length;
*/
const char *document_read(
    enum document document, const uint8_t *bytes, size_t length, struct facts *out);

/* The number of bytes written; 0 when they do not fit into `room`. */
/*@ requires \valid_read(facts) && document_parts(document, facts);
    requires \valid(out + (0 .. room - 1)) && \separated(facts, out + (0 .. room - 1));
    assigns out[0 .. room - 1];
    ensures 0 <= \result <= room;
*/
size_t document_write(
    enum document document, const struct facts *facts, uint8_t *out, size_t room);

/* How many bytes of serial lie at facts->serial_at. */
/*@ assigns \nothing;
    ensures \result == document_serial(document);
*/
size_t document_serial_length(enum document document);

/* Makes a serial of as many random bytes: what it is encoded as stays in place. False for
 * one that no document may have; then with others. */
/*@ requires \valid(serial + (0 .. document_serial(document) - 1));
    assigns serial[0 .. document_serial(document) - 1];
*/
bool document_serial_fit(enum document document, uint8_t *serial);

#endif
