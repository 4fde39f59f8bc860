/*
 * What is around a TBSCertificate or TBSCertList once it is signed (RFC
 * 5280 4.1.1, 5.1.1): the document, the algorithm, which is the one that the document
 * names, and the signature.
 *
 * No allocation, no I/O, linear time.
 */
#ifndef POLICY_X509_SIGNED_H
#define POLICY_X509_SIGNED_H

#include "policy/x509_fields.h"

#define X509_SIGNED_MORE 1100 /* bytes that signing adds, at most: RSA of 8192 bits */

struct x509_signed {
	struct slice document; /* what is signed */
	enum x509_signature algorithm;
	struct slice
	    signature; /* RSA as RFC 8017 8.2, ECDSA as DER, Ed25519's 64 bytes */
};

/* Nothing may lie around it; the slices of `out` point into `bytes`. The document itself
 * is not read. */
/*@ requires \valid_read(bytes + (0 .. length - 1)) && \valid(out);
    assigns *out;
    ensures \result ==> der_readable(out->document.at, out->document.length);
    ensures \result ==> 0 <= out->algorithm < X509_SIGNATURE_COUNT;
    ensures \result ==> der_readable(out->signature.at, out->signature.length);
*/
bool x509_signed_read(const uint8_t *bytes, size_t length, struct x509_signed *out);

/* The number of bytes written; 0 when they do not fit into `room` or DER_MAX. */
/*@ requires \valid_read(parts);
    requires der_readable(parts->document.at, parts->document.length);
    requires der_readable(parts->signature.at, parts->signature.length);
    requires \valid(out + (0 .. room - 1)) && \separated(parts, out + (0 .. room - 1));
    assigns out[0 .. room - 1];
    ensures 0 <= \result <= room;
*/
size_t x509_signed_write(const struct x509_signed *parts, uint8_t *out, size_t room);

#endif
