/* Keys and certificate requests of subjects, made by OpenSSL. */
#ifndef TESTS_X509_SUBJECTS_H
#define TESTS_X509_SUBJECTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

/* What was written to the BIO, as a string; both are gone after. */
static inline char *bio_text(BIO *bio)
{
	char *bytes, *text;
	long length = BIO_get_mem_data(bio, &bytes);

	assert_true(length > 0);
	text = strndup(bytes, (size_t)length);
	BIO_free(bio);
	return text;
}

/* PEM of the public key; the caller frees it. */
static inline char *public_pem(EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());

	assert_int_equal(PEM_write_bio_PUBKEY(bio, key), 1);
	return bio_text(bio);
}

static inline char *request_text(X509_REQ *request)
{
	BIO *bio = BIO_new(BIO_s_mem());

	assert_int_equal(PEM_write_bio_X509_REQ(bio, request), 1);
	X509_REQ_free(request);
	return bio_text(bio);
}

/* A request for this key that names mallory and evil.example.org, signed by `signer`;
 * NULL is the digest of Ed25519. */
static inline X509_REQ *request_for(EVP_PKEY *key, EVP_PKEY *signer, const EVP_MD *digest)
{
	STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
	X509_REQ *request = X509_REQ_new();
	X509_EXTENSION *name =
	    X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:evil.example.org");

	assert_non_null(name);
	sk_X509_EXTENSION_push(extensions, name);
	assert_int_equal(X509_REQ_set_version(request, 0), 1);
	assert_int_equal(
	    X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request), "CN",
		MBSTRING_ASC, (const unsigned char *)"mallory", -1, -1, 0),
	    1);
	assert_int_equal(X509_REQ_add_extensions(request, extensions), 1);
	assert_int_equal(X509_REQ_set_pubkey(request, key), 1);
	assert_true(X509_REQ_sign(request, signer, digest) > 0);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	return request;
}

#endif
