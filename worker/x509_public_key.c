/*
 * Reads subjects' public keys and certificate requests; x509_public_key.h has the
 * contract. Requests are taken apart with policy/der.h; OpenSSL sees a key that our own
 * reader has accepted, and a signature.
 */
#include "worker/x509_public_key.h"

#include "policy/x509_certificate.h"
#include "worker/pem_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#define EXPONENT_MAX                                                                     \
	8 /* bytes; with a longer one checking a signature takes its time                \
	   */

static bool explain(char error[X509_PUBLIC_KEY_ERROR_MAX], const char *text)
{
	snprintf(error, X509_PUBLIC_KEY_ERROR_MAX, "%s", text);
	return false;
}

/* ---- keys ---- */

static bool take_info(struct slice info, struct x509_public_key *key, struct facts *facts)
{
	if (info.length > sizeof(key->info))
		return false;
	memcpy(key->info, info.at, info.length);
	key->length = info.length;
	return x509_key_read(key->info, key->length, facts);
}

/* Why it is no PEM of a SubjectPublicKeyInfo: what people hand over instead. */
static bool explain_pem(const char *pem, char error[X509_PUBLIC_KEY_ERROR_MAX])
{
	static const struct {
		const char *sign, *text;
	} others[] = {
		{ "PRIVATE KEY", "this is a private key, which must not leave its owner; "
				 "give the public key (openssl pkey -pubout)" },
		{ "BEGIN RSA PUBLIC KEY", "PKCS #1 is not accepted; convert it: openssl "
					  "rsa -RSAPublicKey_in -pubout" },
		{ "CERTIFICATE REQUEST",
		    "this is a certificate request; give it as csr" },
		{ "BEGIN CERTIFICATE", "this is a certificate; give its public key "
				       "(openssl x509 -pubkey -noout)" },
		{ "BEGIN PUBLIC KEY", "the PEM of the public key is damaged, or is not "
				      "alone" },
	};
	size_t i;

	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strstr(pem, others[i].sign))
			return explain(error, others[i].text);
	return explain(error,
	    "must be PEM of a SubjectPublicKeyInfo (-----BEGIN PUBLIC KEY-----); of an "
	    "SSH key: ssh-keygen -e -m PKCS8");
}

bool x509_public_key_read(const char *pem, struct x509_public_key *key,
    struct facts *facts, char error[X509_PUBLIC_KEY_ERROR_MAX])
{
	uint8_t info[X509_PUBLIC_KEY_MAX];
	size_t length;

	if (!pem_read(pem, strlen(pem), "PUBLIC KEY", info, sizeof(info), &length))
		return explain_pem(pem, error);
	return take_info((struct slice){ info, length }, key, facts) ||
	       explain(error, "must be RSA, ECDSA on P-256, P-384 or P-521 (a named "
			      "curve, the point "
			      "uncompressed), or Ed25519, in DER");
}

/* ---- requests ---- */

/* RFC 2986 4: what is signed, and the key in it. */
struct request {
	struct slice content, key, signature;
	enum x509_signature algorithm;
};

/* The next element, header and all. */
static bool take_element(struct slice *from, struct slice *out)
{
	struct slice content;

	out->at = from->at;
	if (!der_take(from, DER_SEQUENCE, &content))
		return false;
	out->length = (size_t)(from->at - out->at);
	return true;
}

static bool take_request(struct slice der, struct request *out)
{
	static const uint8_t version[1] = { 0 };
	struct slice from, content, field;

	if (!der_take_whole(der, DER_SEQUENCE, &from) ||
	    !take_element(&from, &out->content) ||
	    !der_take_whole(out->content, DER_SEQUENCE, &content) ||
	    !der_take(&content, DER_INTEGER, &field) ||
	    !der_equal(&field, version, sizeof(version)) ||
	    !der_take(&content, DER_SEQUENCE, &field) || /* the subject */
	    !take_element(&content, &out->key))
		return false;
	/* The attributes; some tools leave out the empty set. */
	if (content.length > 0 && !der_take_whole(content, DER_EXPLICIT(0), &field))
		return false;
	if (!x509_take_signature(&from, &out->algorithm))
		out->algorithm = X509_SIGNATURE_COUNT;
	else if (!der_take_bits(&from, &out->signature) || from.length != 0)
		return false;
	return true;
}

static const struct {
	int kind;	    /* of the key; EVP_PKEY_... */
	const char *digest; /* NULL: the algorithm has its own */
} algorithms[X509_SIGNATURE_COUNT] = {
	[X509_RSA_SHA256] = { EVP_PKEY_RSA, "SHA256" },
	[X509_RSA_SHA384] = { EVP_PKEY_RSA, "SHA384" },
	[X509_RSA_SHA512] = { EVP_PKEY_RSA, "SHA512" },
	[X509_ECDSA_SHA256] = { EVP_PKEY_EC, "SHA256" },
	[X509_ECDSA_SHA384] = { EVP_PKEY_EC, "SHA384" },
	[X509_ECDSA_SHA512] = { EVP_PKEY_EC, "SHA512" },
	[X509_ED25519] = { EVP_PKEY_ED25519, NULL },
};

static bool verifies(const struct request *request, const struct x509_public_key *key)
{
	const unsigned char *at = key->info;
	EVP_PKEY *public_key = d2i_PUBKEY(NULL, &at, (long)key->length);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool good;

	good =
	    public_key && context &&
	    EVP_PKEY_get_base_id(public_key) == algorithms[request->algorithm].kind &&
	    EVP_DigestVerifyInit_ex(context, NULL, algorithms[request->algorithm].digest,
		NULL, NULL, public_key, NULL) == 1 &&
	    EVP_DigestVerify(context, request->signature.at, request->signature.length,
		request->content.at, request->content.length) == 1;
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(public_key);
	return good;
}

static bool check_request(struct slice der, struct x509_public_key *key,
    struct facts *facts, char error[X509_PUBLIC_KEY_ERROR_MAX])
{
	struct request request = { 0 };

	if (!take_request(der, &request))
		return explain(error, "the PEM holds no certificate request (RFC 2986)");
	if (!take_info(request.key, key, facts) ||
	    facts->subject_exponent_length > EXPONENT_MAX)
		return explain(error,
		    "its key must be RSA with an exponent of at most 64 bits, ECDSA on "
		    "P-256, P-384 or P-521 (a named curve, the point uncompressed), or "
		    "Ed25519");
	if (request.algorithm == X509_SIGNATURE_COUNT)
		return explain(error,
		    "it must be signed by RSA PKCS #1 v1.5 or ECDSA with SHA-256, "
		    "SHA-384 or SHA-512, or by Ed25519");
	return verifies(&request, key) ||
	       explain(error, "its signature is not one of its own key");
}

bool x509_request_read(const char *pem, struct x509_public_key *key, struct facts *facts,
    char error[X509_PUBLIC_KEY_ERROR_MAX])
{
	size_t room = strlen(pem), length;
	uint8_t *der = malloc(room + 1);
	bool good;

	if (!der)
		return explain(error, "there is no memory for it");
	/* Older programs call it NEW. */
	if (pem_read(pem, room, "CERTIFICATE REQUEST", der, room, &length) ||
	    pem_read(pem, room, "NEW CERTIFICATE REQUEST", der, room, &length))
		good = check_request((struct slice){ der, length }, key, facts, error);
	else
		good = explain(error,
		    "must be PEM of one certificate request (-----BEGIN CERTIFICATE "
		    "REQUEST-----)");
	free(der);
	return good;
}
