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
/*@ logic integer attribute_word(integer kind) =
      kind == X509_COMMON_NAME ? FACT_SUBJECT :
      kind == X509_ORGANIZATION ? FACT_ROLES :
      kind == X509_UNIT ? FACT_UNITS :
      kind == X509_LOCALITY ? FACT_PRINCIPALS :
      kind == X509_STREET ? FACT_STREET :
      kind == X509_POSTAL_CODE ? FACT_POSTAL_CODE : FACT_ATTRIBUTES;
*/
/*@ requires \valid_read(attribute);
    assigns \nothing;
    ensures \result == attribute_word(attribute->kind);
    ensures FACT_NONE < \result < FACT_COUNT;
*/
enum fact x509_attribute_fact(const struct x509_attribute *attribute);

/* A DNS name that begins with `*.` is judged by `wildcard-dns`. */
/*@ requires \valid_read(name) && slice_readable(name->value);
    assigns \nothing;
    ensures FACT_NONE < \result < FACT_COUNT;
    ensures name->kind == X509_ALT_DNS ==> (\result == FACT_WILDCARD_DNS <==>
      name->value.length >= 2 && name->value.at[0] == '*' && name->value.at[1] == '.');
*/
enum fact x509_alt_name_fact(const struct x509_alt_name *name);

/* The attribute's OID in decimal; returns its length. */
#define X509_OID_TEXT 24
/*@ requires \valid_read(attribute) && \valid(out + (0 .. X509_OID_TEXT - 1));
    requires attribute->branch <= 127 && attribute->leaf <= 127;
    requires \separated(attribute, out + (0 .. X509_OID_TEXT - 1));
    assigns out[0 .. X509_OID_TEXT - 1];
    ensures 0 < \result < X509_OID_TEXT && out[\result] == 0;
*/
size_t x509_attribute_oid(
    const struct x509_attribute *attribute, char out[X509_OID_TEXT]);

/* An address of 4 or 16 bytes as text; empty for another length. */
#define X509_ADDRESS_TEXT 46
/*@ requires slice_readable(address) && \valid(out + (0 .. X509_ADDRESS_TEXT - 1));
    assigns out[0 .. X509_ADDRESS_TEXT - 1];
*/
void x509_address_text(struct slice address, char out[X509_ADDRESS_TEXT]);

#endif
