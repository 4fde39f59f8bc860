/*
 * worker/x509_public_key.c: a key is written again as the same bytes; a request that is
 * accepted is one whose signature OpenSSL finds good too, and has its key. An input is a
 * byte and DER, which gets its PEM here: of a key (1), of a request (2) and of one that
 * is signed anew whatever became of it (3); or text as it is (0).
 */
#include "tests/fuzz/fuzz.h"

#include "tests/fuzz/fuzz_x509.h"
#include "tests/unit/x509_samples.h"

#include "worker/pem_text.h"
#include "worker/x509_public_key.h"

enum { TEXT, KEY, REQUEST, SIGNED, WAYS };

static void nodes(const uint8_t *bytes, size_t length, struct fuzz_nodes *out)
{
	unsigned i;

	if (length < 2 || bytes[0] % WAYS == TEXT)
		return;
	fuzz_der_nodes(bytes + 1, length - 1, out);
	for (i = 0; i < out->count; i++) {
		out->of[i].at++;
		out->of[i].content++;
	}
}

static EVP_PKEY *signer(void)
{
	static EVP_PKEY *key;
	static const uint8_t secret[32] = { 7 };

	if (!key)
		key = EVP_PKEY_new_raw_private_key(
		    EVP_PKEY_ED25519, NULL, secret, sizeof(secret));
	fuzz_require(key);
	return key;
}

static size_t make_request(EVP_PKEY *key, uint8_t *out, size_t room)
{
	X509_REQ *request = X509_REQ_new();
	X509_NAME *name = X509_REQ_get_subject_name(request);
	const EVP_MD *digest =
	    EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
	uint8_t *at = out;
	int length;

	fuzz_require(X509_REQ_set_pubkey(request, key));
	fuzz_require(X509_NAME_add_entry_by_txt(
	    name, "CN", MBSTRING_ASC, (const uint8_t *)"alice", -1, -1, 0));
	fuzz_require(X509_REQ_sign(request, key, digest) > 0);
	length = i2d_X509_REQ(request, NULL);
	fuzz_require(length > 0 && (size_t)length <= room);
	i2d_X509_REQ(request, &at);
	X509_REQ_free(request);
	return (size_t)length;
}

static size_t seed(unsigned number, uint8_t *out, size_t room)
{
	enum key_kind kind = (enum key_kind)(number % KEY_KIND_COUNT);
	uint8_t der[2048], *at = der;
	size_t length;

	if (number >= WAYS * KEY_KIND_COUNT)
		return 0;
	out[0] = (uint8_t)(number / KEY_KIND_COUNT);
	if (out[0] <= KEY)
		length = (size_t)i2d_PUBKEY(sample_key(kind), &at);
	else
		length = make_request(
		    out[0] == SIGNED ? signer() : sample_key(kind), der, sizeof(der));
	if (out[0] == TEXT) {
		char text[PEM_ROOM(sizeof(der))];

		length = pem_write("PUBLIC KEY", der, length, text);
		memcpy(out + 1, text, length);
		return 1 + length;
	}
	fuzz_require(length < room);
	memcpy(out + 1, der, length);
	return 1 + length;
}

static const char *const words[] = { "-----BEGIN PUBLIC KEY-----",
	"-----END PUBLIC KEY-----", "-----BEGIN CERTIFICATE REQUEST-----", "-----",
	"MIIB", "=", "\r\n", "\x55\x04\x03", "\x2b\x65\x70",
	"\x2a\x86\x48\xce\x3d\x02\x01", "\x02\x01\x01", "\x05", NULL };

const struct fuzz_target fuzz_target = { words, nodes, seed };

/* Signs what a request's first element has become; 0 when there is none. */
static size_t sign_anew(const uint8_t *der, size_t length, uint8_t *out, size_t room)
{
	static struct bytes content, whole;
	struct slice from = { der, length }, request, inner;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t signature[65] = { 0 };
	size_t size = 64;

	fuzz_require(context);
	content.length = whole.length = 0;
	if (!der_take(&from, DER_SEQUENCE, &request) ||
	    !der_take(&request, DER_SEQUENCE, &inner) || inner.length > 8000) {
		EVP_MD_CTX_free(context);
		return 0;
	}
	add_element(&content, DER_SEQUENCE, inner.at, inner.length);
	fuzz_require(EVP_DigestSignInit(context, NULL, NULL, NULL, signer()) == 1);
	fuzz_require(EVP_DigestSign(
			 context, signature + 1, &size, content.at, content.length) == 1);
	EVP_MD_CTX_free(context);
	add_hex(&content, "30 05 06 03 2b 65 70");
	add_element(&content, DER_BIT_STRING, signature, sizeof(signature));
	add_element(&whole, DER_SEQUENCE, content.at, content.length);
	fuzz_require(whole.length <= room);
	memcpy(out, whole.at, whole.length);
	return whole.length;
}

static void openssl_agrees(
    const uint8_t *der, size_t length, const struct x509_public_key *key)
{
	const uint8_t *at = der;
	X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)length);
	uint8_t *info = NULL;

	/* Of the names that we do not look at OpenSSL may think less. */
	if (!request)
		return;
	fuzz_require(X509_REQ_verify(request, X509_REQ_get0_pubkey(request)) == 1);
	fuzz_require(
	    i2d_PUBKEY(X509_REQ_get0_pubkey(request), &info) == (int)key->length);
	fuzz_require(memcmp(info, key->info, key->length) == 0);
	OPENSSL_free(info);
	X509_REQ_free(request);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static char pem[PEM_ROOM(FUZZ_INPUT_MAX + 128)];
	static uint8_t der[FUZZ_INPUT_MAX + 128], again[X509_PUBLIC_KEY_MAX];
	char error[X509_PUBLIC_KEY_ERROR_MAX] = "";
	struct x509_public_key key;
	struct facts facts = { 0 };
	unsigned way;

	if (length < 2 || length > FUZZ_INPUT_MAX)
		return 0;
	way = *bytes++ % WAYS;
	length--;
	memcpy(der, bytes, length);
	if (way == SIGNED)
		length = sign_anew(bytes, length, der, sizeof(der));
	if (way == TEXT) {
		memcpy(pem, bytes, length);
		pem[length] = '\0';
	} else {
		pem_write(
		    way == KEY ? "PUBLIC KEY" : "CERTIFICATE REQUEST", der, length, pem);
	}
	if (way <= KEY ? !x509_public_key_read(pem, &key, &facts, error)
		       : !x509_request_read(pem, &key, &facts, error)) {
		fuzz_require(error[0] != '\0' && memchr(error, '\0', sizeof(error)));
		return 0;
	}
	fuzz_accepted++;
	fuzz_require(x509_key_write(&facts, again, sizeof(again)) == key.length);
	fuzz_require(memcmp(again, key.info, key.length) == 0);
	if (way > KEY)
		openssl_agrees(der, length, &key);
	return 0;
}
