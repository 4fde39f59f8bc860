/* policy/x509_crl.c: what is accepted is written again as the same bytes, and OpenSSL
 * accepts it and sees the same. */
#include "tests/fuzz/fuzz.h"

#include "tests/fuzz/fuzz_x509.h"
#include "tests/unit/x509_samples.h"

#include "policy/x509_crl.h"

static size_t seed(unsigned number, uint8_t *out, size_t room)
{
	static const uint8_t serials[3][3] = { { 1 }, { 0x7f, 1 }, { 0x12, 0x34, 0x56 } };
	static struct sample sample;
	struct der_sink to = der_sink(sample.subject, sizeof(sample.subject));
	struct facts *facts = &sample.facts;
	struct x509_revoked revoked;
	unsigned i;

	if (number >= 4 * X509_SIGNATURE_COUNT)
		return 0;
	*facts = (struct facts){ 0 };
	sample_issuer(&sample);
	for (i = 0; i < number % 4; i++) {
		revoked.serial = (struct slice){ serials[i], i + 1 };
		revoked.date = INT64_C(1700000000) * (i % 2 + 1);
		x509_put_revoked(&to, &revoked);
	}
	facts->x509_revoked = sample.subject;
	facts->x509_revoked_length = to.used;
	facts->x509_signature = (enum x509_signature)(number % X509_SIGNATURE_COUNT);
	facts->x509_not_before = INT64_C(1760000000);
	facts->x509_not_after = number % 2 ? INT64_C(1770000000) : INT64_C(4000000000);
	facts->x509_authority_key_id = (const uint8_t *)"authority's";
	facts->x509_authority_key_id_length = 11;
	facts->x509_crl_number = number % 3 ? number : DER_NUMBER_MAX;
	return x509_crl_write(facts, out, room);
}

const struct fuzz_target fuzz_target = { x509_words, fuzz_der_nodes, seed };

static void openssl_agrees(const uint8_t *bytes, size_t length, const struct facts *facts)
{
	static struct bytes document, whole;
	struct slice list = FACTS_SLICE(facts, x509_revoked);
	const uint8_t *at = whole.at;
	struct x509_revoked revoked;
	uint8_t *again = NULL;
	X509_CRL *crl;
	int count = 0;

	document.length = 0;
	add_bytes(&document, bytes, length);
	add_signature(&document, 1, &whole);
	crl = d2i_X509_CRL(NULL, &at, (long)whole.length);
	fuzz_require(crl && at == whole.at + whole.length);
	fuzz_require(i2d_re_X509_CRL_tbs(crl, &again) == (int)length);
	fuzz_require(memcmp(again, bytes, length) == 0);
	OPENSSL_free(again);
	fuzz_require(
	    seconds_of_time(X509_CRL_get0_lastUpdate(crl)) == facts->x509_not_before);
	fuzz_require(
	    seconds_of_time(X509_CRL_get0_nextUpdate(crl)) == facts->x509_not_after);
	while (x509_next_revoked(&list, &revoked))
		count++;
	fuzz_require(list.length == 0);
	fuzz_require(
	    sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)) == (count > 0 ? count : -1));
	X509_CRL_free(crl);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static uint8_t again[FACTS_DOCUMENT_MAX];
	struct facts facts;

	if (x509_crl_read(bytes, length, &facts) != X509_FORM_GOOD)
		return 0;
	fuzz_accepted++;
	fuzz_require(x509_crl_write(&facts, again, sizeof(again)) == length);
	fuzz_require(memcmp(again, bytes, length) == 0);
	openssl_agrees(bytes, length, &facts);
	return 0;
}
