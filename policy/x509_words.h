/*
 * Which word of the policy judges which part of a certificate, and how that part is
 * written where people read it. Invariants, rules and record share it, so that all three
 * speak of the same value by the same name.
 */
#ifndef POLICY_X509_WORDS_H
#define POLICY_X509_WORDS_H

#include "policy/x509_certificate.h"

/* `subject` is the common name, `roles` O, `units` OU, `principals` L; what has no word
 * of its own is one of the `attributes`. */
enum fact x509_attribute_fact(const struct x509_attribute *attribute);

/* A DNS name that begins with `*.` is judged by `wildcard-dns`. */
enum fact x509_alt_name_fact(const struct x509_alt_name *name);

/* The attribute's OID in decimal; returns its length. */
#define X509_OID_TEXT 24
size_t x509_attribute_oid(
    const struct x509_attribute *attribute, char out[X509_OID_TEXT]);

/* An address of 4 or 16 bytes as text; empty for another length. */
#define X509_ADDRESS_TEXT 46
void x509_address_text(struct slice address, char out[X509_ADDRESS_TEXT]);

#endif
