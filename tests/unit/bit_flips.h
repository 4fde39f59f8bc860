/* Facts as values, and what becomes of a document when one of its bits is another. */
#ifndef TESTS_BIT_FLIPS_H
#define TESTS_BIT_FLIPS_H

#include <stdlib.h>
#include <string.h>

#include "policy/facts.h"

/* clang-format off */
#define FACTS_SLICES(X) \
	X(subject_key) X(subject_exponent) X(nonce) X(key_id) X(principals) \
	X(critical_options) X(extensions) X(signature_key) X(x509_serial) X(x509_issuer) \
	X(x509_subject) X(x509_subject_key_id) X(x509_authority_key_id) X(x509_alt_names) \
	X(x509_crl_url) X(x509_revoked)
#define FACTS_VALUES(X) \
	X(subject_kind) X(serial) X(serial_at) X(ssh_type) X(principals_count) \
	X(valid_after) X(valid_before) X(critical_options_count) X(extensions_count) \
	X(x509_signature) X(x509_not_before) X(x509_not_after) X(x509_key_usage) \
	X(x509_extended_key_usage) X(x509_is_ca) X(x509_path_limited) X(x509_path_length) \
	X(x509_crl_number)
/* clang-format on */

/* Bytes that are equal, wherever they lie. */
static inline bool facts_same(const struct facts *a, const struct facts *b)
{
#define SAME_SLICE(member)                                                               \
	if (!slice_same(FACTS_SLICE(a, member), FACTS_SLICE(b, member)))                 \
		return false;
#define SAME_VALUE(member)                                                               \
	if (a->member != b->member)                                                      \
		return false;
	FACTS_SLICES(SAME_SLICE)
	FACTS_VALUES(SAME_VALUE)
	return true;
}

/* A reader; true when `out` was filled. */
typedef bool (*flips_read)(const uint8_t *bytes, size_t length, struct facts *out);

struct flips {
	size_t refused;
	size_t other; /* accepted with other facts */
	size_t same;  /* accepted with the same: what must not be */
	size_t first; /* the first such bit */
};

/* Turns each bit of a document once; the document itself must be accepted. */
static inline bool flip_each_bit(
    flips_read read, const uint8_t *document, size_t length, struct flips *out)
{
	uint8_t *bytes = malloc(length);
	struct facts facts, flipped;
	size_t bit;

	*out = (struct flips){ 0 };
	if (!bytes || !read(document, length, &facts)) {
		free(bytes);
		return false;
	}
	memcpy(bytes, document, length);
	for (bit = 0; bit < 8 * length; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (!read(bytes, length, &flipped))
			out->refused++;
		else if (!facts_same(&facts, &flipped))
			out->other++;
		else if (out->same++ == 0)
			out->first = bit;
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	free(bytes);
	return true;
}

#endif
