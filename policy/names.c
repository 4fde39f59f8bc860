/* From the lists of names.h to their words and back, and the fixed table of what may sign
 * what. */
#include "policy/names.h"

#include "policy/text.h"

#include <string.h>

#define WORD(constant, word, ...)			word,
#define PURPOSES_OF(constant, word, purposes)		purposes,
#define AUTHORITY_OF(constant, word, one, two, purpose) one,
#define SECOND_OF(constant, word, one, two, purpose)	two,
#define PURPOSE_OF(constant, word, one, two, purpose)	purpose,

static const char *const purpose_words[] = { PURPOSES(WORD) };
static const char *const ca_words[] = { AUTHORITIES(WORD) };
static const char *const document_words[] = { DOCUMENTS(WORD) };
static const char *const keystore_words[] = { KEYSTORES(WORD) };
static const char *const suite_words[] = { SUITES(WORD) };
static const char *const key_kind_words[] = { KEY_KINDS(WORD) };
static const char *const fact_words[] = { FACTS(WORD) };

static const unsigned ca_purposes[] = { AUTHORITIES(PURPOSES_OF) };
static const enum ca document_authority[] = { DOCUMENTS(AUTHORITY_OF) };
static const enum ca document_second[] = { DOCUMENTS(SECOND_OF) };
static const enum purpose document_purpose[] = { DOCUMENTS(PURPOSE_OF) };

static const char *word_at(const char *const *words, size_t count, unsigned index)
{
	return index < count ? words[index] : "unknown";
}

#define WORD_AT(words, value)                                                            \
	word_at(words, sizeof(words) / sizeof(words[0]), (unsigned)(value))

/* The first of `words` that is `name`, or `count`. */
static unsigned find(
    const char *const *words, unsigned count, const char *name, size_t length)
{
	const struct slice slice = { (const uint8_t *)name, length };
	unsigned at = 0;

	while (at < count && !slice_is(slice, words[at]))
		at++;
	return at;
}

const char *ca_name(enum ca ca)
{
	return WORD_AT(ca_words, ca);
}

const char *purpose_name(enum purpose purpose)
{
	return WORD_AT(purpose_words, purpose);
}

const char *document_name(enum document document)
{
	return WORD_AT(document_words, document);
}

const char *suite_name(enum suite suite)
{
	return WORD_AT(suite_words, suite);
}

const char *keystore_name(enum keystore_kind keystore)
{
	return WORD_AT(keystore_words, keystore);
}

const char *key_kind_name(enum key_kind kind)
{
	return WORD_AT(key_kind_words, kind);
}

const char *fact_name(enum fact fact)
{
	return WORD_AT(fact_words, fact);
}

bool ca_named(const char *name, size_t length, enum ca *out)
{
	unsigned at = find(ca_words, CA_COUNT, name, length);

	if (at < CA_COUNT)
		*out = (enum ca)at;
	return at < CA_COUNT;
}

bool document_named(const char *name, size_t length, enum document *out)
{
	unsigned at = find(document_words, DOCUMENT_COUNT, name, length);

	if (at < DOCUMENT_COUNT)
		*out = (enum document)at;
	return at < DOCUMENT_COUNT;
}

bool suite_named(const char *name, size_t length, enum suite *out)
{
	unsigned at = find(suite_words, SUITE_COUNT, name, length);

	if (at < SUITE_COUNT && at != SUITE_UNSPECIFIED)
		*out = (enum suite)at;
	return at < SUITE_COUNT && at != SUITE_UNSPECIFIED;
}

bool document_fits(enum document document, enum ca ca, enum purpose purpose)
{
	return (unsigned)document < DOCUMENT_COUNT &&
	       (ca == document_authority[document] || ca == document_second[document]) &&
	       purpose == document_purpose[document];
}

bool ca_signs(enum ca ca, enum document document)
{
	unsigned purpose;

	for (purpose = 0; purpose < PURPOSE_COUNT; purpose++)
		if (document_fits(document, ca, (enum purpose)purpose))
			return true;
	return false;
}

bool document_is_ssh(enum document document)
{
	return document == DOCUMENT_SSH_USER || document == DOCUMENT_SSH_HOST;
}

bool document_is_x509(enum document document)
{
	return document >= DOCUMENT_X509_USER && document <= DOCUMENT_X509_SVID;
}

bool ca_has_purpose(enum ca ca, enum purpose purpose)
{
	if ((unsigned)ca >= CA_COUNT || (unsigned)purpose >= PURPOSE_COUNT)
		return false;
	return (ca_purposes[ca] & 1u << purpose) != 0;
}
