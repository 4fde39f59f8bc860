/*
 * What a CA with a TLS key shows of itself: its self-signed certificate, and its CRL, on
 * which there is nothing. The broker writes both from its own facts alone, and nobody can
 * ask it to; the shape is Teleport's. Whatever is signed or loaded here is read back with
 * the policy's readers first, and compared with the key.
 */
#ifndef BROKER_CA_DOCUMENTS_H
#define BROKER_CA_DOCUMENTS_H

#include "broker/keystore.h"

#define CA_DOCUMENT_MAX	 3072 /* bytes, signed; with a cluster's longest name 2600 */
#define CA_DOCUMENT_DAYS 3650 /* how long it is good */

enum ca_document { CA_CERTIFICATE, CA_CRL, CA_DOCUMENTS };

/* As the record calls it: "ca-certificate", "crl". */
const char *ca_document_name(enum ca_document document);

struct ca_signer {
	const struct key *key;
	const struct crypto *crypto;
	const char *cluster;
	struct facts certificate; /* the CA's own, once it was read: a CRL needs it */
};

/* The to-be-signed bytes, good from a minute before `now` on; 0 when they do not fit. */
size_t ca_document_write(enum ca_document document, const struct ca_signer *signer,
    int64_t now, uint8_t *out, size_t room);

/* Reads to-be-signed bytes: NULL when they are such a document of this key and cluster,
 * else what is wrong. A certificate becomes signer->certificate, whose slices point into
 * `bytes`. */
const char *ca_document_fault(enum ca_document document, struct ca_signer *signer,
    const uint8_t *bytes, size_t length);

/* The signed document of the bytes; 0 when it does not fit. */
size_t ca_document_join(const struct ca_signer *signer, const uint8_t *bytes,
    size_t length, const uint8_t *signature, size_t signature_length, uint8_t *out,
    size_t room);

/* The same as ca_document_fault() for a signed document; the signature is this key's. */
const char *ca_signed_fault(enum ca_document document, struct ca_signer *signer,
    const uint8_t *bytes, size_t length);

#endif
