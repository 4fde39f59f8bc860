/*
 * What a document says, as one flat structure of numbers and slices of the document's own
 * bytes. A reader fills it from bytes, a writer makes the same bytes from it again; lists
 * stay packed as they lie in the document and are walked with facts_next().
 */
#ifndef POLICY_FACTS_H
#define POLICY_FACTS_H

#include "policy/names.h"
#include "policy/text.h"

#define FACTS_PRINCIPALS_MAX 256 /* as OpenSSH */
#define FACTS_PRINCIPAL_MAX  255 /* bytes of one; no host name and no login is longer */
#define FACTS_OPTIONS_MAX    256
#define FACTS_DOCUMENT_MAX   65536 /* bytes of one to-be-signed document */

/* SSH certificate types (PROTOCOL.certkeys) */
#define SSH_CERTIFICATE_USER 1
#define SSH_CERTIFICATE_HOST 2
#define SSH_FOREVER	     UINT64_C(0xffffffffffffffff)

/* Signature algorithms of certificates and CRLs (RFC 4055, RFC 5758, RFC 8410). */
enum x509_signature {
	X509_RSA_SHA256,
	X509_RSA_SHA384,
	X509_RSA_SHA512,
	X509_ECDSA_SHA256,
	X509_ECDSA_SHA384,
	X509_ECDSA_SHA512,
	X509_ED25519,
	X509_SIGNATURE_COUNT
};

/* Bits of x509_key_usage: as in the first byte of the BIT STRING (RFC 5280 4.2.1.3). */
#define X509_DIGITAL_SIGNATURE 0x80u
#define X509_KEY_ENCIPHERMENT  0x20u
#define X509_KEY_AGREEMENT     0x08u
#define X509_KEY_CERT_SIGN     0x04u
#define X509_CRL_SIGN	       0x02u

/* Bits of x509_extended_key_usage */
#define X509_SERVER_AUTH 0x1u
#define X509_CLIENT_AUTH 0x2u

struct facts {
	/* the subject's key, as its SSH or DER form gives it */
	enum key_kind subject_kind;
	const uint8_t
	    *subject_key; /* EC point; Ed25519's 32 bytes; RSA's modulus, unsigned */
	size_t subject_key_length;
	const uint8_t
	    *subject_exponent; /* RSA's e, unsigned, no leading zero; else empty */
	size_t subject_exponent_length;

	/* SSH certificate (OpenSSH PROTOCOL.certkeys) */
	const uint8_t *nonce;
	size_t nonce_length;
	uint64_t serial;   /* the worker leaves 0, the broker stamps */
	size_t serial_at;  /* where in the bytes its 8 bytes lie */
	uint32_t ssh_type; /* 1 user, 2 host */
	const uint8_t *key_id;
	size_t key_id_length;
	const uint8_t *principals; /* packed: u32 length, bytes, ... */
	size_t principals_length;
	uint32_t principals_count;
	uint64_t valid_after;		 /* seconds since 1970, inclusive */
	uint64_t valid_before;		 /* exclusive; SSH_FOREVER is no bound */
	const uint8_t *critical_options; /* packed: name, then a string that holds the
					    value's string */
	size_t critical_options_length;
	uint32_t critical_options_count;
	const uint8_t *extensions;
	size_t extensions_length;
	uint32_t extensions_count;
	const uint8_t *signature_key; /* the CA's public key blob */
	size_t signature_key_length;

	/*
	 * X.509 certificate and CRL (RFC 5280). Absent is a length or a bit set of 0. The
	 * packed lists are walked with x509_next_attribute(), x509_next_alt_name() and
	 * x509_next_revoked(). `serial_at` above is where x509_serial lies.
	 */
	enum x509_signature x509_signature;
	const uint8_t *x509_serial; /* the INTEGER's content; unstamped: 16 zero bytes */
	size_t x509_serial_length;
	const uint8_t *x509_issuer; /* packed attributes, as x509_subject */
	size_t x509_issuer_length;
	const uint8_t *x509_subject;
	size_t x509_subject_length;
	int64_t x509_not_before; /* seconds since 1970; of a CRL thisUpdate ... */
	int64_t x509_not_after;	 /* ... and nextUpdate */
	uint32_t x509_key_usage;
	uint32_t x509_extended_key_usage;
	bool x509_is_ca;
	bool x509_path_limited;	   /* has a path length; CA only */
	uint32_t x509_path_length; /* 0 where it is not limited */
	const uint8_t *x509_subject_key_id;
	size_t x509_subject_key_id_length;
	const uint8_t *x509_authority_key_id;
	size_t x509_authority_key_id_length;
	const uint8_t *x509_alt_names; /* packed */
	size_t x509_alt_names_length;
	const uint8_t *x509_crl_url; /* of the one CRL distribution point */
	size_t x509_crl_url_length;
	uint32_t x509_crl_number;
	const uint8_t *x509_revoked; /* packed; CRL only */
	size_t x509_revoked_length;
};

/*@ predicate facts_slice{L}(uint8_t *at, integer length) =
      length <= FACTS_DOCUMENT_MAX && \valid_read(at + (0 .. length - 1));

    // The same, of the document's own bytes.
    predicate facts_part{L}(uint8_t *at, integer length, uint8_t *document) =
      facts_slice(at, length) && \base_addr(at) == \base_addr(document);

    // Nothing of an SSH certificate, nothing of X.509.
    predicate facts_without_ssh{L}(struct facts *f) =
      f->nonce_length == 0 && f->key_id_length == 0 &&
      f->principals_length == 0 && f->critical_options_length == 0 &&
      f->extensions_length == 0 && f->signature_key_length == 0;
    predicate facts_without_x509{L}(struct facts *f) =
      f->x509_serial_length == 0 && f->x509_issuer_length == 0 &&
      f->x509_subject_length == 0 && f->x509_subject_key_id_length == 0 &&
      f->x509_authority_key_id_length == 0 && f->x509_alt_names_length == 0 &&
      f->x509_crl_url_length == 0 && f->x509_revoked_length == 0;

    predicate facts_readable{L}(struct facts *f) =
      facts_slice(f->subject_key, f->subject_key_length) &&
      facts_slice(f->subject_exponent, f->subject_exponent_length) &&
      facts_slice(f->key_id, f->key_id_length) &&
      facts_slice(f->principals, f->principals_length) &&
      facts_slice(f->critical_options, f->critical_options_length) &&
      facts_slice(f->extensions, f->extensions_length) &&
      facts_slice(f->signature_key, f->signature_key_length) &&
      facts_slice(f->x509_serial, f->x509_serial_length) &&
      facts_slice(f->x509_issuer, f->x509_issuer_length) &&
      facts_slice(f->x509_subject, f->x509_subject_length) &&
      facts_slice(f->x509_subject_key_id, f->x509_subject_key_id_length) &&
      facts_slice(f->x509_authority_key_id, f->x509_authority_key_id_length) &&
      facts_slice(f->x509_alt_names, f->x509_alt_names_length) &&
      facts_slice(f->x509_crl_url, f->x509_crl_url_length);
*/

/* Facts of no document, which every reader begins with. */
/*@ requires \valid(facts);
    assigns *facts;
    ensures facts_without_ssh(facts) && facts_without_x509(facts);
    ensures facts->subject_key_length == facts->subject_exponent_length == 0;
*/
void facts_clear(struct facts *facts);

/* Bytes of the facts and their length as one value. */
#define FACTS_SLICE(facts, member)                                                       \
	((struct slice){ (facts)->member, (facts)->member##_length })

/*
 * Walks a packed list: takes the next u32-length-prefixed string off [*list, *length).
 * False at the end, and when what is left is no whole string.
 */
/*@ logic integer packed_length{L}(uint8_t *at) =
      16777216 * at[0] + 65536 * at[1] + 256 * at[2] + at[3];

    // Where the string of this number begins, from 0: each behind the one before.
    axiomatic PackedItems {
      logic uint8_t *packed_item{L}(uint8_t *list, integer number) reads list[0 ..];
      axiom first_item{L}: \forall uint8_t *list; packed_item(list, 0) == list;
      axiom next_item{L}: \forall uint8_t *list, integer number, next;
      0 <= number < next <= number + 1 ==> packed_item(list, next) ==
      packed_item(list, number) + (4 + packed_length(packed_item(list, number)));
    }
*/
/*@ requires \valid(list) && \valid(length) && \valid(item) && \valid(item_length);
    requires \separated(list, length, item, item_length);
    requires *length <= FACTS_DOCUMENT_MAX;
    requires \valid_read(*list + (0 .. *length - 1));
    assigns *list, *length, *item, *item_length;
    ensures *length <= \old(*length);
    ensures \valid_read(*list + (0 .. *length - 1));
    ensures \result ==> *length + 4 + *item_length == \old(*length);
    ensures \result ==> *item == \old(*list) + 4;
    ensures \result ==> *item_length == packed_length(\old(*list));
    ensures \result ==> *list == *item + *item_length;
    ensures \result ==> \valid_read(*item + (0 .. *item_length - 1));
    ensures \base_addr(*list) == \base_addr(\old(*list));
    ensures \result ==> \base_addr(*item) == \base_addr(\old(*list));
    ensures !\result ==> *length == \old(*length) && *list == \old(*list);
    ensures !\result ==> *item == \old(*item) && *item_length == \old(*item_length);
*/
bool facts_next(
    const uint8_t **list, size_t *length, const uint8_t **item, size_t *item_length);

/* The same on slices. */
/*@ requires \valid(list) && \valid(item) && \separated(list, item);
    requires list->length <= FACTS_DOCUMENT_MAX;
    requires \valid_read(list->at + (0 .. list->length - 1));
    assigns *list, *item;
    ensures list->length <= \old(list->length);
    ensures \valid_read(list->at + (0 .. list->length - 1));
    ensures \result ==> list->length + 4 + item->length == \old(list->length);
    ensures \result ==> item->at == \old(list->at) + 4;
    ensures \result ==> item->length == packed_length(\old(list->at));
    ensures \result ==> list->at == item->at + item->length;
    ensures \result ==> \valid_read(item->at + (0 .. item->length - 1));
    ensures \base_addr(list->at) == \base_addr(\old(list->at));
    ensures \result ==> \base_addr(item->at) == \base_addr(\old(list->at));
    ensures !\result ==> list->length == \old(list->length);
    ensures !\result ==> item->at == \old(item->at);
    ensures !\result ==> item->length == \old(item->length);
*/
bool facts_next_item(struct slice *list, struct slice *item);

/* An option's name and value, and the next of a packed list of them, its value packed
 * once more. An option without value has an empty one. */
struct named_value {
	struct slice name;
	struct slice value;
};

/*@ requires \valid(list) && \valid(out) && \separated(list, out);
    requires list->length <= FACTS_DOCUMENT_MAX;
    requires \valid_read(list->at + (0 .. list->length - 1));
    assigns *list, *out;
    ensures list->length <= \old(list->length);
    ensures \valid_read(list->at + (0 .. list->length - 1));
    ensures \result ==> list->length < \old(list->length);
    ensures \result ==> out->name.length <= FACTS_DOCUMENT_MAX;
    ensures \result ==> out->value.length <= FACTS_DOCUMENT_MAX;
    ensures \result ==> \valid_read(out->name.at + (0 .. out->name.length - 1));
    ensures \result ==> \valid_read(out->value.at + (0 .. out->value.length - 1));
    ensures \result ==> out->name.at == \old(list->at) + 4;
    ensures \result ==> out->name.length == packed_length(\old(list->at));
    ensures \result ==> list->length + out->name.length + 8 +
      packed_length(\old(list->at) + (4 + out->name.length)) == \old(list->length);
    ensures \result ==>
      list->at == \old(list->at) + (\old(list->length) - list->length);
    ensures \result && out->value.length == 0 ==>
      packed_length(\old(list->at) + (4 + out->name.length)) == 0;
    ensures \result && out->value.length > 0 ==>
      out->value.at == \old(list->at) + (12 + out->name.length);
    ensures \result && out->value.length > 0 ==>
      packed_length(\old(list->at) + (4 + out->name.length)) == 4 + out->value.length;
    ensures \result && out->value.length > 0 ==>
      packed_length(\old(list->at) + (8 + out->name.length)) == out->value.length;
    ensures !\result ==> list->length == \old(list->length) && list->at == \old(list->at);
*/
bool facts_next_option(struct slice *list, struct named_value *out);

#endif
