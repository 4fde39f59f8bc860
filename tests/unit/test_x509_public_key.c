/* worker/x509_public_key.c: keys and requests as people hand them over. */
#include "x509_subjects.h"

#include <openssl/bn.h>
#include <openssl/rsa.h>

#include "policy/x509_signed.h"
#include "worker/x509_public_key.h"

static struct x509_public_key key;
static struct facts facts;
static char error[X509_PUBLIC_KEY_ERROR_MAX];

static const struct {
	const char *type, *parameter;
	enum key_kind kind;
	const char *digest;
} kinds[] = {
	{ "RSA", NULL, KEY_RSA, "SHA256" },
	{ "EC", "P-256", KEY_P256, "SHA256" },
	{ "EC", "P-384", KEY_P384, "SHA384" },
	{ "EC", "P-521", KEY_P521, "SHA512" },
	{ "ED25519", NULL, KEY_ED25519, NULL },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static EVP_PKEY *made[KINDS];

static int make_keys(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < KINDS; i++)
		made[i] = kinds[i].parameter ? EVP_PKEY_Q_keygen(NULL, NULL,
						   kinds[i].type, kinds[i].parameter)
			  : kinds[i].kind == KEY_RSA
			      ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048)
			      : EVP_PKEY_Q_keygen(NULL, NULL, kinds[i].type);
	return 0;
}

static int free_keys(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < KINDS; i++)
		EVP_PKEY_free(made[i]);
	return 0;
}

static const EVP_MD *digest_of(size_t kind)
{
	return kinds[kind].digest ? EVP_get_digestbyname(kinds[kind].digest) : NULL;
}

static bool takes(char *request)
{
	bool taken = x509_request_read(request, &key, &facts, error);

	free(request);
	return taken;
}

static void is_the_key_that_was_made(size_t kind)
{
	unsigned char info[1024], *end = info;
	int length = i2d_PUBKEY(made[kind], &end);

	assert_int_equal(facts.subject_kind, kinds[kind].kind);
	assert_int_equal(key.length, length);
	assert_memory_equal(key.info, info, key.length);
}

static void reads_every_kind_of_key(void **state)
{
	char *pem;
	size_t i;

	(void)state;
	for (i = 0; i < KINDS; i++) {
		pem = public_pem(made[i]);
		assert_true(x509_public_key_read(pem, &key, &facts, error));
		is_the_key_that_was_made(i);
		free(pem);
	}
}

static void reads_the_key_of_a_request_of_every_kind(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < KINDS; i++) {
		assert_true(
		    takes(request_text(request_for(made[i], made[i], digest_of(i)))));
		is_the_key_that_was_made(i);
	}
}

static void reads_a_request_under_its_older_label(void **state)
{
	BIO *bio = BIO_new(BIO_s_mem());
	X509_REQ *request = request_for(made[1], made[1], EVP_sha256());

	(void)state;
	assert_int_equal(PEM_write_bio_X509_REQ_NEW(bio, request), 1);
	X509_REQ_free(request);
	assert_true(takes(bio_text(bio)));
}

static void refuses_a_request_signed_by_another_key(void **state)
{
	EVP_PKEY *other = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");

	(void)state;
	assert_false(takes(request_text(request_for(made[1], other, EVP_sha256()))));
	assert_string_equal(error, "its signature is not one of its own key");
	/* ... of another kind */
	assert_false(takes(request_text(request_for(made[1], made[0], EVP_sha256()))));
	assert_string_equal(error, "its signature is not one of its own key");
	EVP_PKEY_free(other);
}

/* The signature is good, its name is another's. */
static void refuses_a_request_that_misnames_its_signature(void **state)
{
	X509_REQ *request = request_for(made[1], made[1], EVP_sha256());
	const ASN1_BIT_STRING *signature;
	unsigned char *content = NULL;
	uint8_t der[2048];
	struct x509_signed parts = { 0 };
	size_t length;
	BIO *bio;

	(void)state;
	X509_REQ_get0_signature(request, &signature, NULL);
	parts.document.length = (size_t)i2d_re_X509_REQ_tbs(request, &content);
	parts.document.at = content;
	parts.signature.at = ASN1_STRING_get0_data(signature);
	parts.signature.length = (size_t)ASN1_STRING_length(signature);
	for (parts.algorithm = 0; parts.algorithm < X509_SIGNATURE_COUNT;
	     parts.algorithm++) {
		length = x509_signed_write(&parts, der, sizeof(der));
		bio = BIO_new(BIO_s_mem());
		PEM_write_bio(bio, "CERTIFICATE REQUEST", "", der, (long)length);
		assert_int_equal(
		    takes(bio_text(bio)), parts.algorithm == X509_ECDSA_SHA256);
	}
	OPENSSL_free(content);
	X509_REQ_free(request);
}

/* Every bit of a request matters: with one changed it is refused. */
static void refuses_a_request_with_any_bit_changed(void **state)
{
	X509_REQ *request = request_for(made[4], made[4], NULL);
	unsigned char *der = NULL;
	int length = i2d_X509_REQ(request, &der), i;
	BIO *bio;

	(void)state;
	for (i = 0; i < length * 8; i++) {
		der[i / 8] ^= (unsigned char)(1u << i % 8);
		bio = BIO_new(BIO_s_mem());
		PEM_write_bio(bio, "CERTIFICATE REQUEST", "", der, length);
		if (takes(bio_text(bio)))
			fail_msg("bit %d", i);
		der[i / 8] ^= (unsigned char)(1u << i % 8);
	}
	OPENSSL_free(der);
	X509_REQ_free(request);
}

static void refuses_a_request_with_a_weak_signature(void **state)
{
	(void)state;
	assert_false(takes(request_text(request_for(made[0], made[0], EVP_sha1()))));
	assert_non_null(strstr(error, "SHA-256"));
}

/* It would cost more to check than it is worth; the policy refuses such a key anyway. */
static void refuses_a_request_of_a_key_with_a_long_exponent(void **state)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	BIGNUM *exponent = BN_new();
	EVP_PKEY *long_key = NULL;

	(void)state;
	assert_int_equal(BN_set_word(exponent, 3), 1);
	assert_int_equal(BN_set_bit(exponent, 66), 1);
	assert_int_equal(EVP_PKEY_keygen_init(context), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048), 1);
	assert_int_equal(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context, exponent), 1);
	assert_int_equal(EVP_PKEY_generate(context, &long_key), 1);
	assert_false(takes(request_text(request_for(long_key, long_key, EVP_sha256()))));
	assert_non_null(strstr(error, "its key must be RSA with an exponent"));
	EVP_PKEY_free(long_key);
	EVP_PKEY_CTX_free(context);
	BN_free(exponent);
}

static void refuses_a_request_of_another_kind_of_key(void **state)
{
	EVP_PKEY *other = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "secp256k1");

	(void)state;
	assert_false(takes(request_text(request_for(other, other, EVP_sha256()))));
	assert_non_null(strstr(error, "P-256"));
	EVP_PKEY_free(other);
}

static void says_what_was_given_instead_of_a_key(void **state)
{
	static const struct {
		const char *pem, *says;
	} cases[] = {
		{ "", "SubjectPublicKeyInfo" },
		{ "ssh-ed25519 AAAA", "ssh-keygen -e -m PKCS8" },
		{ "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
		    "private key" },
		{ "-----BEGIN EC PRIVATE KEY-----\nAAAA\n", "private key" },
		{ "-----BEGIN RSA PUBLIC KEY-----\nAAAA\n-----END RSA PUBLIC KEY-----\n",
		    "PKCS #1" },
		{ "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
		    "certificate" },
		{ "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n", "csr" },
		{ "-----BEGIN PUBLIC KEY-----\nA\n-----END PUBLIC KEY-----\n",
		    "damaged" },
		{ "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
		    "must be RSA" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_false(x509_public_key_read(cases[i].pem, &key, &facts, error));
		if (!strstr(error, cases[i].says))
			fail_msg("'%s' does not say '%s'", error, cases[i].says);
	}
}

static void refuses_what_is_no_request(void **state)
{
	static const char *const bad[] = { "", "x",
		"-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE "
		"REQUEST-----\n",
		"-----BEGIN CERTIFICATE REQUEST-----\nMAAA\n"
		"-----END CERTIFICATE REQUEST-----\n",
		"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(x509_request_read(bad[i], &key, &facts, error));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_every_kind_of_key),
		cmocka_unit_test(reads_the_key_of_a_request_of_every_kind),
		cmocka_unit_test(reads_a_request_under_its_older_label),
		cmocka_unit_test(refuses_a_request_signed_by_another_key),
		cmocka_unit_test(refuses_a_request_that_misnames_its_signature),
		cmocka_unit_test(refuses_a_request_with_any_bit_changed),
		cmocka_unit_test(refuses_a_request_with_a_weak_signature),
		cmocka_unit_test(refuses_a_request_of_a_key_with_a_long_exponent),
		cmocka_unit_test(refuses_a_request_of_another_kind_of_key),
		cmocka_unit_test(says_what_was_given_instead_of_a_key),
		cmocka_unit_test(refuses_what_is_no_request),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
