/* policy/x509_signed.c, held against OpenSSL. */
#include "x509_samples.h"

#include "policy/x509_signed.h"

static struct bytes whole;

/* A certificate that OpenSSL signed. */
static void make_whole(enum key_kind kind)
{
	X509 *certificate = X509_new();
	uint8_t *at = whole.at;

	assert_int_equal(X509_set_version(certificate, X509_VERSION_3), 1);
	assert_int_equal(X509_set_pubkey(certificate, sample_key(kind)), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 60);
	assert_true(X509_sign(certificate, sample_key(kind),
			kind == KEY_ED25519 ? NULL : EVP_sha256()) > 0);
	whole.length = (size_t)i2d_X509(certificate, &at);
	X509_free(certificate);
}

static bool reads(const uint8_t *bytes, size_t length)
{
	uint8_t *copy = malloc(length ? length : 1);
	struct x509_signed parts;
	bool good;

	assert_non_null(copy);
	memcpy(copy, bytes, length);
	good = x509_signed_read(copy, length, &parts);
	free(copy);
	return good;
}

static void parts_of_what_openssl_signed_make_it_again(void **state)
{
	static const struct {
		enum key_kind kind;
		enum x509_signature algorithm;
	} rows[] = { { KEY_RSA, X509_RSA_SHA256 }, { KEY_P256, X509_ECDSA_SHA256 },
		{ KEY_ED25519, X509_ED25519 } };
	static struct bytes again;
	struct x509_signed parts;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make_whole(rows[i].kind);
		assert_true(x509_signed_read(whole.at, whole.length, &parts));
		assert_int_equal(parts.algorithm, rows[i].algorithm);
		again.length = x509_signed_write(&parts, again.at, sizeof(again.at));
		assert_int_equal(again.length, whole.length);
		assert_memory_equal(again.at, whole.at, whole.length);
		assert_int_equal(
		    x509_signed_write(&parts, again.at, whole.length - 1), 0);
		assert_true(whole.length <= parts.document.length + X509_SIGNED_MORE);
	}
}

static void refuses_what_is_cut_or_has_more(void **state)
{
	size_t length;

	(void)state;
	make_whole(KEY_P256);
	for (length = 0; length < whole.length; length++)
		assert_false(reads(whole.at, length));
	assert_true(reads(whole.at, whole.length));
	add_bytes(&whole, "", 1);
	assert_false(reads(whole.at, whole.length));
	make_whole(KEY_RSA);
	add_bytes(&whole, "\x05", 2); /* inside: the outer length says so */
	whole.at[2] = (uint8_t)((whole.length - 4) >> 8);
	whole.at[3] = (uint8_t)((whole.length - 4) & 0xff);
	assert_int_equal(whole.at[1], 0x82);
	assert_false(reads(whole.at, whole.length));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_of_what_openssl_signed_make_it_again),
		cmocka_unit_test(refuses_what_is_cut_or_has_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
