/* Certificates and CRLs for the tests of policy/x509_*.c: made by our writer, taken apart
 * and put together again, and looked at with OpenSSL. */
#ifndef TESTS_X509_SAMPLES_H
#define TESTS_X509_SAMPLES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "policy/x509_certificate.h"

struct bytes {
	uint8_t at[FACTS_DOCUMENT_MAX + 8];
	size_t length;
};

static inline void add_bytes(struct bytes *to, const void *bytes, size_t length)
{
	assert_true(length <= sizeof(to->at) - to->length);
	if (length > 0)
		memcpy(to->at + to->length, bytes, length);
	to->length += length;
}

/* "30 03 02 01 02" */
static inline void add_hex(struct bytes *to, const char *hex)
{
	unsigned value;
	uint8_t byte;
	int used;

	while (sscanf(hex, "%2x%n", &value, &used) == 1) {
		byte = (uint8_t)value;
		add_bytes(to, &byte, 1);
		hex += used;
	}
}

/* An element around the content, with as short a length as there is. */
static inline void add_element(
    struct bytes *to, uint8_t tag, const void *content, size_t length)
{
	const uint8_t head[5] = { tag, 0x83, (uint8_t)(length >> 16),
		(uint8_t)(length >> 8 & 0xff), (uint8_t)(length & 0xff) };

	add_bytes(to, &tag, 1);
	if (length < 0x80) {
		add_bytes(to, head + 4, 1);
	} else if (length < 0x100) {
		add_bytes(to, "\x81", 1);
		add_bytes(to, head + 4, 1);
	} else if (length < 0x10000) {
		add_bytes(to, "\x82", 1);
		add_bytes(to, head + 3, 2);
	} else {
		add_bytes(to, head + 1, 4);
	}
	add_bytes(to, content, length);
}

/* The elements of a document's SEQUENCE, each whole. */
#define PARTS_MAX 16
struct parts {
	struct bytes part[PARTS_MAX];
	size_t count;
};

static inline void split(const uint8_t *content, size_t length, struct parts *out)
{
	size_t at = 0, head, size;

	out->count = 0;
	while (at < length) {
		assert_true(out->count < PARTS_MAX);
		head = 2;
		size = content[at + 1];
		if (size == 0x81) {
			head = 3;
			size = content[at + 2];
		} else if (size == 0x82) {
			head = 4;
			size = 256u * content[at + 2] + content[at + 3];
		}
		out->part[out->count].length = 0;
		add_bytes(&out->part[out->count++], content + at, head + size);
		at += head + size;
	}
}

/* The content of the element that `bytes` are. */
static inline struct slice content_of(const struct bytes *bytes)
{
	size_t head = bytes->at[1] == 0x82 ? 4 : bytes->at[1] == 0x81 ? 3 : 2;

	return (struct slice){ bytes->at + head, bytes->length - head };
}

static inline void join(const struct parts *parts, uint8_t tag, struct bytes *out)
{
	static struct bytes content;
	size_t i;

	content.length = 0;
	for (i = 0; i < parts->count; i++)
		add_bytes(&content, parts->part[i].at, parts->part[i].length);
	out->length = 0;
	add_element(out, tag, content.at, content.length);
}

static inline EVP_PKEY *sample_key(enum key_kind kind)
{
	static EVP_PKEY *keys[KEY_KIND_COUNT];

	if (!keys[kind]) {
		switch (kind) {
		case KEY_RSA:
			keys[kind] = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
			break;
		case KEY_P256:
			keys[kind] = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
			break;
		case KEY_P384:
			keys[kind] = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
			break;
		case KEY_P521:
			keys[kind] = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-521");
			break;
		case KEY_ED25519:
			keys[kind] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
			break;
		case KEY_KIND_COUNT:
			break;
		}
	}
	assert_non_null(keys[kind]);
	return keys[kind];
}

/* A document's facts, and the bytes that they point to. */
struct sample {
	struct facts facts;
	uint8_t key[1024];
	uint8_t serial[X509_SERIAL_MAX];
	uint8_t issuer[1024];
	uint8_t subject[4096];
	uint8_t alt_names[4096];
};

static inline void use_key(struct sample *sample, enum key_kind kind)
{
	uint8_t *at = sample->key;
	int length = i2d_PUBKEY(sample_key(kind), NULL);

	assert_true(length > 0 && (size_t)length <= sizeof(sample->key));
	assert_int_equal(i2d_PUBKEY(sample_key(kind), &at), length);
	assert_true(x509_key_read(sample->key, (size_t)length, &sample->facts));
}

static inline void use_serial(struct sample *sample, const void *serial, size_t length)
{
	memcpy(sample->serial, serial, length);
	sample->facts.x509_serial = sample->serial;
	sample->facts.x509_serial_length = length;
}

static inline void add_attribute(struct der_sink *to, unsigned kind, const char *value)
{
	struct x509_attribute attribute = {
		.kind = kind < 256 ? (enum x509_attribute_kind)kind : X509_TELEPORT,
		.branch = (uint8_t)(kind / 256 & 0xff),
		.leaf = kind < 256 ? 0 : (uint8_t)(kind % 256),
		.value = { (const uint8_t *)value, strlen(value) },
	};

	x509_put_attribute(to, &attribute);
	assert_false(to->failed);
}
#define TELEPORT(branch, leaf) (256 * (branch) + (leaf))

static inline void add_alt_name(
    struct der_sink *to, enum x509_alt_name_kind kind, const char *value, size_t length)
{
	struct x509_alt_name name = { kind, { (const uint8_t *)value, length } };

	x509_put_alt_name(to, &name);
	assert_false(to->failed);
}

static inline void sample_issuer(struct sample *sample)
{
	struct der_sink to = der_sink(sample->issuer, sizeof(sample->issuer));

	add_attribute(&to, X509_ORGANIZATION, "example.com");
	add_attribute(&to, X509_COMMON_NAME, "example.com");
	add_attribute(&to, X509_SERIAL_NUMBER, "340282366920938463463374607431768211455");
	sample->facts.x509_issuer = sample->issuer;
	sample->facts.x509_issuer_length = to.used;
}

static inline void sample_subject(struct sample *sample, unsigned number)
{
	struct der_sink to = der_sink(sample->subject, sizeof(sample->subject));

	if (number % 5 != 4) {
		add_attribute(&to, X509_ORGANIZATION, "access");
		add_attribute(&to, X509_ORGANIZATION, "editor*");
		add_attribute(&to, X509_COMMON_NAME,
		    number % 2 ? "alice@example.com" : "J\xc3\xbcrgen");
	}
	if (number % 5 == 1) {
		add_attribute(&to, X509_UNIT, "usage:kube");
		add_attribute(&to, X509_LOCALITY, "root");
		add_attribute(&to, X509_STREET, "leaf.example.com");
		add_attribute(&to, X509_POSTAL_CODE, "{\"logins\":[\"root\"]}");
		add_attribute(&to, TELEPORT(1, 7), "example.com");
		add_attribute(&to, TELEPORT(3, 3), "credential");
		add_attribute(&to, TELEPORT(2, 21), "true");
	}
	sample->facts.x509_subject = sample->subject;
	sample->facts.x509_subject_length = to.used;
}

static inline void sample_alt_names(struct sample *sample, unsigned number)
{
	struct der_sink to = der_sink(sample->alt_names, sizeof(sample->alt_names));

	if (number % 3 != 0 || number % 5 == 4) {
		add_alt_name(&to, X509_ALT_DNS, "node.example.com", 16);
		add_alt_name(&to, X509_ALT_IP, "\x0a\x00\x00\x01", 4);
		add_alt_name(&to, X509_ALT_URI, "spiffe://example.com/svc", 24);
	}
	if (number % 3 == 1) {
		add_alt_name(&to, X509_ALT_EMAIL, "alice@example.com", 17);
		add_alt_name(
		    &to, X509_ALT_IP, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	}
	sample->facts.x509_alt_names = sample->alt_names;
	sample->facts.x509_alt_names_length = to.used;
}

/* An issued certificate: every kind of key, with and without each optional field. */
static inline void sample_leaf(struct sample *sample, unsigned number)
{
	static const uint8_t serials[4][X509_SERIAL_MAX] = { { 0 }, { 1 },
		{ 0x7f, 0xee, 3 }, { 0, 0x80, 5 } };
	static const uint8_t lengths[4] = { 16, 1, 20, 17 };
	struct facts *facts = &sample->facts;

	memset(sample, 0, sizeof(*sample));
	use_key(sample, (enum key_kind)(number % KEY_KIND_COUNT));
	use_serial(sample, serials[number % 4], lengths[number % 4]);
	sample_issuer(sample);
	sample_subject(sample, number);
	sample_alt_names(sample, number);
	facts->x509_signature = (enum x509_signature)(number % X509_SIGNATURE_COUNT);
	facts->x509_not_before = INT64_C(1760000000) + number;
	facts->x509_not_after = number % 2 ? INT64_C(1760100000) : INT64_C(4000000000);
	if (number % 7 != 6)
		facts->x509_key_usage = X509_DIGITAL_SIGNATURE | X509_KEY_ENCIPHERMENT;
	if (number % 7 == 5)
		facts->x509_key_usage = X509_KEY_AGREEMENT;
	facts->x509_extended_key_usage = number % 4;
	if (number % 3 == 0) {
		facts->x509_subject_key_id = (const uint8_t *)"subject's identifier";
		facts->x509_subject_key_id_length = 20;
	}
	if (number % 4 != 0) {
		facts->x509_authority_key_id = (const uint8_t *)"authority's";
		facts->x509_authority_key_id_length = 11;
	}
	if (number % 6 == 1) {
		facts->x509_crl_url = (const uint8_t *)"https://example.com/crl";
		facts->x509_crl_url_length = 23;
	}
}

/* A CA's own certificate. */
static inline void sample_authority(struct sample *sample, unsigned number)
{
	static const uint8_t serial[16] = { 0x41, 2, 3, 4, 5, 6, 7, 8, 9, 10 };
	struct der_sink to = der_sink(sample->subject, sizeof(sample->subject));
	struct facts *facts = &sample->facts;
	uint8_t decimal[X509_DECIMAL_MAX];
	struct x509_attribute attribute = { .kind = X509_SERIAL_NUMBER };

	memset(sample, 0, sizeof(*sample));
	use_key(sample, number % 2 ? KEY_RSA : KEY_P256);
	use_serial(sample, serial, sizeof(serial));
	add_attribute(&to, X509_ORGANIZATION, "example.com");
	add_attribute(&to, X509_COMMON_NAME, "example.com");
	attribute.value.at = decimal;
	attribute.value.length =
	    x509_serial_decimal(FACTS_SLICE(facts, x509_serial), decimal);
	x509_put_attribute(&to, &attribute);
	facts->x509_issuer = facts->x509_subject = sample->subject;
	facts->x509_issuer_length = facts->x509_subject_length = to.used;
	facts->x509_signature = number % 2 ? X509_RSA_SHA256 : X509_ECDSA_SHA256;
	facts->x509_not_before = INT64_C(1760000000);
	facts->x509_not_after = INT64_C(1760000000) + INT64_C(3650) * 86400;
	facts->x509_is_ca = true;
	facts->x509_path_limited = number / 2 % 2;
	facts->x509_path_length = number / 4 % 2 && facts->x509_path_limited ? 300 : 0;
	facts->x509_key_usage = X509_DIGITAL_SIGNATURE | X509_KEY_CERT_SIGN |
				(number % 2 ? X509_CRL_SIGN : X509_KEY_ENCIPHERMENT);
	facts->x509_subject_key_id = (const uint8_t *)"subject's identifier";
	facts->x509_subject_key_id_length = 20;
}

#define ISSUED	    120
#define SELF_SIGNED 8
#define SAMPLES	    (ISSUED + SELF_SIGNED)

static inline void write_sample(const struct sample *sample, struct bytes *out)
{
	out->length = x509_certificate_write(&sample->facts, out->at, FACTS_DOCUMENT_MAX);
	assert_true(out->length > 0);
}

static inline void make_sample(unsigned number, struct bytes *out)
{
	static struct sample sample;

	if (number < ISSUED)
		sample_leaf(&sample, number);
	else
		sample_authority(&sample, number - ISSUED);
	write_sample(&sample, out);
}

/* A whole certificate or CRL around to-be-signed bytes, with a signature of no worth. */
static inline void add_signature(
    const struct bytes *document, size_t algorithm_at, struct bytes *out)
{
	static struct parts parts;
	static struct bytes content;
	struct slice inner = content_of(document);

	split(inner.at, inner.length, &parts);
	content.length = 0;
	add_bytes(&content, document->at, document->length);
	add_bytes(&content, parts.part[algorithm_at].at, parts.part[algorithm_at].length);
	add_hex(&content, "03 02 00 00");
	out->length = 0;
	add_element(out, DER_SEQUENCE, content.at, content.length);
}

static inline int64_t seconds_of_time(const ASN1_TIME *time)
{
	struct tm tm;

	assert_int_equal(ASN1_TIME_to_tm(time, &tm), 1);
	return (int64_t)timegm(&tm);
}

static inline void assert_same_string(const ASN1_STRING *string, struct slice value)
{
	assert_int_equal(ASN1_STRING_length(string), value.length);
	if (value.length > 0)
		assert_memory_equal(
		    ASN1_STRING_get0_data(string), value.at, value.length);
}

static inline void assert_same_name(const X509_NAME *name, struct slice list)
{
	struct x509_attribute attribute;
	char wanted[64], is[64];
	X509_NAME_ENTRY *entry;
	int i;

	for (i = 0; x509_next_attribute(&list, &attribute); i++) {
		assert_true(i < X509_NAME_entry_count(name));
		entry = X509_NAME_get_entry(name, i);
		assert_int_equal(X509_NAME_ENTRY_set(entry), i);
		OBJ_obj2txt(is, sizeof(is), X509_NAME_ENTRY_get_object(entry), 1);
		if (attribute.kind == X509_TELEPORT)
			snprintf(wanted, sizeof(wanted), "1.3.9999.%u.%u",
			    attribute.branch, attribute.leaf);
		else
			snprintf(
			    wanted, sizeof(wanted), "2.5.4.%u", (unsigned)attribute.kind);
		assert_string_equal(is, wanted);
		assert_same_string(X509_NAME_ENTRY_get_data(entry), attribute.value);
	}
	assert_int_equal(list.length, 0);
	assert_int_equal(X509_NAME_entry_count(name), i);
}

static inline void assert_same_serial(const ASN1_INTEGER *serial, struct slice value)
{
	BIGNUM *is = ASN1_INTEGER_to_BN(serial, NULL);
	BIGNUM *wanted = BN_bin2bn(value.at, (int)value.length, NULL);

	assert_int_equal(BN_cmp(is, wanted), 0);
	BN_free(is);
	BN_free(wanted);
}

static inline void assert_same_signature(
    const X509_ALGOR *algorithm, enum x509_signature is)
{
	static const int nids[X509_SIGNATURE_COUNT] = { NID_sha256WithRSAEncryption,
		NID_sha384WithRSAEncryption, NID_sha512WithRSAEncryption,
		NID_ecdsa_with_SHA256, NID_ecdsa_with_SHA384, NID_ecdsa_with_SHA512,
		NID_ED25519 };
	const ASN1_OBJECT *oid;
	int parameters;

	X509_ALGOR_get0(&oid, &parameters, NULL, algorithm);
	assert_int_equal(OBJ_obj2nid(oid), nids[is]);
	assert_int_equal(parameters, is <= X509_RSA_SHA512 ? V_ASN1_NULL : V_ASN1_UNDEF);
}

/* Bounded by the caller: xorshift, so that a failure comes again. */
static inline uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* One to three changes: a byte set, taken out, put in, or a stretch copied elsewhere. */
static inline void mutate(struct bytes *bytes, uint32_t *state)
{
	unsigned changes = 1 + next_random(state) % 3, i;
	size_t at, other, stretch;

	for (i = 0; i < changes && bytes->length > 16; i++) {
		at = next_random(state) % bytes->length;
		other = next_random(state) % bytes->length;
		stretch = next_random(state) % 8;
		switch (next_random(state) % 5) {
		case 0:
			bytes->at[at] = (uint8_t)next_random(state);
			break;
		case 1:
			bytes->at[at] =
			    (uint8_t)(bytes->at[at] + (stretch % 2 ? 1 : 255));
			break;
		case 2:
			memmove(
			    bytes->at + at, bytes->at + at + 1, bytes->length - at - 1);
			bytes->length--;
			break;
		case 3:
			memmove(bytes->at + at + 1, bytes->at + at, bytes->length - at);
			bytes->length++;
			break;
		default:
			if (at + stretch <= bytes->length &&
			    other + stretch <= bytes->length)
				memmove(bytes->at + at, bytes->at + other, stretch);
			break;
		}
	}
}

#endif
