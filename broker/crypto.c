/* OpenSSL's start, and the few primitives beside keys. */
#include "broker/crypto.h"
#include "broker/secret_memory.h"
#include "broker/wiped_memory.h"

#include <openssl/crypto.h>
#include <openssl/obj_mac.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

static bool start_curve(struct crypto *crypto, enum key_kind kind, int curve)
{
	crypto->group[kind] = EC_GROUP_new_by_curve_name(curve);
	if (!crypto->group[kind])
		return false;
	crypto->point[kind] = EC_POINT_new(crypto->group[kind]);
	return crypto->point[kind] != NULL;
}

bool crypto_start(struct crypto *crypto, struct failure *failure)
{
	uint8_t seed[SHA256_LENGTH];

	wiped_memory_start();
	if (OPENSSL_init_crypto(
		OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_CRYPTO_STRINGS |
		    OPENSSL_INIT_ADD_ALL_CIPHERS | OPENSSL_INIT_ADD_ALL_DIGESTS,
		NULL) != 1)
		return failure_say(failure, "OpenSSL does not start");
	if (!secret_memory_start(failure))
		return false;
	crypto->sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
	crypto->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	crypto->sha512 = EVP_MD_fetch(NULL, "SHA512", NULL);
	crypto->digest = EVP_MD_CTX_new();
	crypto->one_shot = EVP_MD_CTX_new();
	crypto->numbers = BN_CTX_new();
	if (!crypto->sha1 || !crypto->sha256 || !crypto->sha512 || !crypto->digest ||
	    !crypto->one_shot || !crypto->numbers ||
	    !start_curve(crypto, KEY_P256, NID_X9_62_prime256v1) ||
	    !start_curve(crypto, KEY_P384, NID_secp384r1) ||
	    !start_curve(crypto, KEY_P521, NID_secp521r1))
		return failure_say(failure, "OpenSSL lacks SHA-1, SHA-2 or a NIST curve");
	if (RAND_bytes(seed, sizeof seed) != 1)
		return failure_say(failure, "OpenSSL has no random numbers");
	return true;
}

void crypto_stop(struct crypto *crypto)
{
	int kind;

	for (kind = 0; kind < KEY_KIND_COUNT; kind++) {
		EC_POINT_free(crypto->point[kind]);
		EC_GROUP_free(crypto->group[kind]);
	}
	BN_CTX_free(crypto->numbers);
	EVP_MD_CTX_free(crypto->digest);
	EVP_MD_CTX_free(crypto->one_shot);
	EVP_MD_free(crypto->sha1);
	EVP_MD_free(crypto->sha256);
	EVP_MD_free(crypto->sha512);
	*crypto = (struct crypto){ 0 };
}

static void hash(const struct crypto *crypto, const EVP_MD *algorithm, const void *bytes,
    size_t length, uint8_t *out)
{
	if (EVP_DigestInit_ex2(crypto->digest, algorithm, NULL) != 1 ||
	    EVP_DigestUpdate(crypto->digest, bytes, length) != 1 ||
	    EVP_DigestFinal_ex(crypto->digest, out, NULL) != 1)
		abort();
}

void crypto_sha256(const struct crypto *crypto, const void *bytes, size_t length,
    uint8_t out[SHA256_LENGTH])
{
	hash(crypto, crypto->sha256, bytes, length, out);
}

void crypto_sha1(const struct crypto *crypto, const void *bytes, size_t length,
    uint8_t out[SHA1_LENGTH])
{
	hash(crypto, crypto->sha1, bytes, length, out);
}

bool crypto_on_curve(
    const struct crypto *crypto, enum key_kind kind, const uint8_t *point, size_t length)
{
	if ((unsigned)kind >= KEY_KIND_COUNT || !crypto->group[kind])
		return false;
	/* oct2point refuses a point off the curve; infinity is one byte, and no key. The
	 * cofactor of the NIST curves is 1, so being on the curve is all. */
	return length > 1 && EC_POINT_oct2point(crypto->group[kind], crypto->point[kind],
				 point, length, crypto->numbers) == 1;
}

void crypto_random(uint8_t *out, size_t length)
{
	if (RAND_bytes(out, (int)length) != 1)
		abort();
}

void crypto_hex(char *out, const uint8_t *bytes, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < length; i++) {
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	*out = '\0';
}
