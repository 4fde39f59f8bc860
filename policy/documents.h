/*
 * What all documents have in common: each is read into facts and written from them again,
 * and has a serial, which the worker leaves zero and the broker stamps. A further kind of
 * document is a further row of documents.c.
 */
#ifndef POLICY_DOCUMENTS_H
#define POLICY_DOCUMENTS_H

#include "policy/facts.h"

#define DOCUMENT_SERIAL_MAX 16 /* bytes */

/* NULL when `out` was filled; else what is wrong with the bytes, and `out` has nothing of
 * them. The slices of `out` point into `bytes`. Of a document without a reader: that. */
const char *document_read(
    enum document document, const uint8_t *bytes, size_t length, struct facts *out);

/* The number of bytes written; 0 when they do not fit into `room`. */
size_t document_write(
    enum document document, const struct facts *facts, uint8_t *out, size_t room);

/* How many bytes of serial lie at facts->serial_at. */
size_t document_serial_length(enum document document);

/* Makes a serial of as many random bytes: what it is encoded as stays in place. False for
 * one that no document may have; then with others. */
bool document_serial_fit(enum document document, uint8_t *serial);

#endif
