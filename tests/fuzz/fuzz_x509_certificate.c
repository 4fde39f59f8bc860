/* policy/x509_certificate.c: what is accepted is written again as the same bytes, and
 * OpenSSL accepts it and sees the same. */
#include "tests/fuzz/fuzz.h"

#include "tests/fuzz/fuzz_x509.h"
#include "tests/unit/x509_samples.h"

#include "policy/documents.h"

/* With a key that is the same each time. */
static size_t seed(unsigned number, uint8_t *out, size_t room)
{
	static struct bytes document;
	static uint8_t key[1024];
	struct facts facts;

	if (number >= SAMPLES)
		return 0;
	make_sample(number, &document);
	fuzz_require(
	    !document_read(DOCUMENT_X509_USER, document.at, document.length, &facts));
	fuzz_require(facts.subject_key_length <= sizeof(key));
	memset(key, 0xa5, sizeof(key));
	if (facts.subject_kind != KEY_RSA && facts.subject_kind != KEY_ED25519)
		key[0] = 4;
	facts.subject_key = key;
	return document_write(DOCUMENT_X509_USER, &facts, out, room);
}

const struct fuzz_target fuzz_target = { x509_words, fuzz_der_nodes, seed };

static void openssl_agrees(const struct bytes *document, const struct facts *facts)
{
	static struct bytes whole;
	const uint8_t *at = whole.at;
	uint8_t *again = NULL;
	X509 *certificate;

	add_signature(document, 2, &whole);
	certificate = d2i_X509(NULL, &at, (long)whole.length);
	fuzz_require(certificate && at == whole.at + whole.length);
	/* OpenSSL's own encoding of what it has understood */
	fuzz_require(i2d_re_X509_tbs(certificate, &again) == (int)document->length);
	fuzz_require(memcmp(again, document->at, document->length) == 0);
	OPENSSL_free(again);
	assert_same_serial(
	    X509_get0_serialNumber(certificate), FACTS_SLICE(facts, x509_serial));
	fuzz_require(
	    seconds_of_time(X509_get0_notBefore(certificate)) == facts->x509_not_before);
	fuzz_require(
	    seconds_of_time(X509_get0_notAfter(certificate)) == facts->x509_not_after);
	fuzz_require((X509_get_extension_flags(certificate) & EXFLAG_INVALID) == 0);
	fuzz_require(((X509_get_extension_flags(certificate) & EXFLAG_CA) != 0) ==
		     facts->x509_is_ca);
	X509_free(certificate);
}

/* As the broker does, in place; the rest of the document stays what it was. */
static void stamp(struct bytes *document, struct facts *facts)
{
	static uint8_t written[FACTS_DOCUMENT_MAX];
	static const uint8_t zeros[X509_SERIAL_STAMPED];
	struct facts stamped, unstamped;
	uint8_t *serial = document->at + facts->serial_at;

	memset(serial, 0xa5, X509_SERIAL_STAMPED);
	fuzz_require(document_serial_fit(DOCUMENT_X509_USER, serial));
	fuzz_require(
	    !document_read(DOCUMENT_X509_USER, document->at, document->length, &stamped));
	fuzz_require(stamped.serial_at == facts->serial_at);
	unstamped = stamped;
	unstamped.x509_serial = zeros;
	fuzz_require(x509_certificate_write(&unstamped, written, sizeof(written)) ==
		     document->length);
	memcpy(serial, zeros, sizeof(zeros));
	fuzz_require(memcmp(written, document->at, document->length) == 0);
	memset(serial, 0xa5, X509_SERIAL_STAMPED);
	document_serial_fit(DOCUMENT_X509_USER, serial);
	*facts = stamped;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static uint8_t again[FACTS_DOCUMENT_MAX];
	static struct bytes document;
	struct facts facts;

	if (document_read(DOCUMENT_X509_USER, bytes, length, &facts))
		return 0;
	fuzz_accepted++;
	fuzz_require(
	    document_write(DOCUMENT_X509_USER, &facts, again, sizeof(again)) == length);
	fuzz_require(memcmp(again, bytes, length) == 0);
	document.length = 0;
	add_bytes(&document, bytes, length);
	if (x509_serial_unstamped(FACTS_SLICE(&facts, x509_serial)))
		stamp(&document, &facts);
	openssl_agrees(&document, &facts);
	return 0;
}
