/* What all keystores share: the public part of a key, and the check of a signature. */
#include "broker/keystore.h"
#include "policy/ssh_certificate.h"
#include "policy/x509_certificate.h"

#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

static bool curve_kind(const EVP_PKEY *key, enum key_kind *kind)
{
	char name[32];
	size_t length;

	if (EVP_PKEY_get_utf8_string_param(
		key, OSSL_PKEY_PARAM_GROUP_NAME, name, sizeof name, &length) != 1)
		return false;
	if (strcmp(name, "prime256v1") == 0)
		*kind = KEY_P256;
	else if (strcmp(name, "secp384r1") == 0)
		*kind = KEY_P384;
	else if (strcmp(name, "secp521r1") == 0)
		*kind = KEY_P521;
	else
		return false;
	return true;
}

static size_t number_bytes(
    const EVP_PKEY *key, const char *name, uint8_t *out, size_t room)
{
	BIGNUM *number = NULL;
	size_t length = 0;

	if (EVP_PKEY_get_bn_param(key, name, &number) != 1)
		return 0;
	if ((size_t)BN_num_bytes(number) <= room)
		length = (size_t)BN_bn2bin(number, out);
	BN_free(number);
	return length;
}

static bool kind_of(struct key *key)
{
	key->bits = (unsigned)EVP_PKEY_get_bits(key->public);
	if (EVP_PKEY_is_a(key->public, "RSA"))
		key->kind = KEY_RSA;
	else if (EVP_PKEY_is_a(key->public, "ED25519"))
		key->kind = KEY_ED25519;
	else
		return EVP_PKEY_is_a(key->public, "EC") &&
		       curve_kind(key->public, &key->kind);
	return true;
}

static bool make_blob(struct key *key)
{
	uint8_t first[KEY_BLOB_MAX], exponent[16];
	struct facts facts = { .subject_kind = key->kind,
		.subject_key = first,
		.subject_exponent = exponent };

	if (key->kind == KEY_RSA) {
		facts.subject_key_length =
		    number_bytes(key->public, OSSL_PKEY_PARAM_RSA_N, first, sizeof first);
		facts.subject_exponent_length = number_bytes(
		    key->public, OSSL_PKEY_PARAM_RSA_E, exponent, sizeof exponent);
	} else if (EVP_PKEY_get_octet_string_param(key->public, OSSL_PKEY_PARAM_PUB_KEY,
		       first, sizeof first, &facts.subject_key_length) != 1)
		return false;
	key->blob_length = ssh_key_write(&facts, key->blob, sizeof key->blob);
	return key->blob_length > 0;
}

/* RSA: as Teleport signs, SHA-512 from 4096 bits on; ECDSA: RFC 5656 6.2.1. */
static bool choose_hash(struct key *key, const struct crypto *crypto)
{
	switch (key->kind) {
	case KEY_RSA:
		key->hash = key->bits < 4096 ? crypto->sha256 : crypto->sha512;
		return key->bits >= 2048;
	case KEY_P256:
		key->hash = crypto->sha256;
		return true;
	case KEY_P521:
		key->hash = crypto->sha512;
		return true;
	case KEY_ED25519:
		key->hash = NULL;
		return true;
	case KEY_P384: /* no suite has such a CA key */
	case KEY_KIND_COUNT:
		break;
	}
	return false;
}

/* An RSA context must know padding and hash; ECDSA takes the digest as it is. */
static bool set_padding(const struct key *key, EVP_PKEY_CTX *context)
{
	return key->kind != KEY_RSA ||
	       (EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
		   EVP_PKEY_CTX_set_signature_md(context, key->hash) == 1);
}

EVP_PKEY_CTX *key_sign_context(const struct key *key)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key->private, NULL);

	if (context && EVP_PKEY_sign_init(context) == 1 && set_padding(key, context))
		return context;
	EVP_PKEY_CTX_free(context);
	return NULL;
}

bool key_prepare(struct key *key, const struct crypto *crypto, struct failure *failure)
{
	if (!kind_of(key) || !choose_hash(key, crypto) || !make_blob(key))
		return failure_say(
		    failure, "key %s is of a kind that no CA has", key->identifier);
	if (key->kind == KEY_ED25519)
		return true;
	key->verify = EVP_PKEY_CTX_new(key->public, NULL);
	if (!key->verify || EVP_PKEY_verify_init(key->verify) != 1 ||
	    !set_padding(key, key->verify))
		return failure_say(
		    failure, "key %s can't be made ready to verify", key->identifier);
	if (!key->private)
		return true;
	key->sign = key_sign_context(key);
	if (!key->sign)
		return failure_say(
		    failure, "key %s can't be made ready to sign", key->identifier);
	return true;
}

size_t key_digest(const struct key *key, const struct crypto *crypto,
    const struct approval *approval, uint8_t out[EVP_MAX_MD_SIZE])
{
	unsigned length = 0;

	if (key->hash == crypto->sha256) {
		memcpy(out, approval->digest, sizeof approval->digest);
		return sizeof approval->digest;
	}
	if (!key->hash || EVP_DigestInit_ex2(crypto->digest, key->hash, NULL) != 1 ||
	    EVP_DigestUpdate(crypto->digest, approval->bytes, approval->length) != 1 ||
	    EVP_DigestFinal_ex(crypto->digest, out, &length) != 1)
		return 0;
	return length;
}

bool key_verify(const struct key *key, const struct crypto *crypto,
    const struct approval *approval, const uint8_t *signature, size_t length)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	size_t digest_length;

	if (key->kind == KEY_ED25519)
		/* Without the reset the context would go on with the key that it last
		 * had. */
		return EVP_MD_CTX_reset(crypto->one_shot) == 1 &&
		       EVP_DigestVerifyInit(
			   crypto->one_shot, NULL, NULL, NULL, key->public) == 1 &&
		       EVP_DigestVerify(crypto->one_shot, signature, length,
			   approval->bytes, approval->length) == 1;
	digest_length = key_digest(key, crypto, approval, digest);
	return digest_length > 0 && key->verify &&
	       EVP_PKEY_verify(key->verify, signature, length, digest, digest_length) ==
		   1;
}

void key_free(struct key *key)
{
	EVP_PKEY_CTX_free(key->sign);
	EVP_PKEY_CTX_free(key->verify);
	EVP_PKEY_free(key->private);
	EVP_PKEY_free(key->public);
	*key = (struct key){ 0 };
}

void keystore_record(const struct keystore_answer *answer, struct record_line *line)
{
	if (answer->request_id && answer->request_id[0] != '\0')
		record_text(line, "kms_request_id", answer->request_id);
	if (answer->attempts > 1)
		record_number(line, "attempts", answer->attempts);
}

EVP_PKEY *key_public(struct slice blob)
{
	uint8_t encoded[KEY_BLOB_MAX + 64];
	const uint8_t *at = encoded;
	struct facts facts;
	size_t length;

	if (!ssh_key_read(blob.at, blob.length, &facts))
		return NULL;
	length = x509_key_write(&facts, encoded, sizeof encoded);
	return length > 0 ? d2i_PUBKEY(NULL, &at, (long)length) : NULL;
}
