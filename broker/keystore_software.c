/*
 * The software keystore: keys in root-only files (PKCS #8 PEM in STATE/keys) that the
 * broker alone makes and uses. A private key stays in memory only inside OpenSSL's
 * objects, which have it in the arena of secret_memory.h; what it passed through on the
 * way is wiped when it is freed.
 */
#include "broker/signing_threads.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#define PREFIX	     "software:"
#define NAME_BYTES   16
#define NAME_TEXT    (2 * NAME_BYTES)
#define KEY_FILE_MAX 8192

static bool file_name(
    const char *identifier, char out[NAME_TEXT + 5], struct failure *failure)
{
	const char *name = identifier + sizeof PREFIX - 1;

	if (strncmp(identifier, PREFIX, sizeof PREFIX - 1) != 0 ||
	    strlen(name) != NAME_TEXT || strspn(name, "0123456789abcdef") != NAME_TEXT)
		return failure_say(
		    failure, "'%s' is no key of the software keystore", identifier);
	snprintf(out, NAME_TEXT + 5, "%s.pem", name);
	return true;
}

/* A public object of its own, made from the encoded public key. */
static EVP_PKEY *public_part(EVP_PKEY *private)
{
	uint8_t *encoded = NULL;
	const uint8_t *at;
	EVP_PKEY *public = NULL;
	int length = i2d_PUBKEY(private, &encoded);

	if (length > 0) {
		at = encoded;
		public = d2i_PUBKEY(NULL, &at, length);
	}
	OPENSSL_free(encoded);
	return public;
}

static bool adopt(struct keystore *keystore, EVP_PKEY *private, const char *identifier,
    struct key *out, struct failure *failure)
{
	*out = (struct key){
		.keystore = keystore, .private = private, .public = public_part(private)
	};
	snprintf(out->identifier, sizeof out->identifier, "%s", identifier);
	if (out->public && key_prepare(out, keystore->crypto, failure))
		return true;
	if (!out->public)
		failure_say(failure, "key %s has no public part", identifier);
	key_free(out);
	return false;
}

static EVP_PKEY *generate(enum key_kind kind)
{
	switch (kind) {
	case KEY_RSA:
		return EVP_RSA_gen(2048);
	case KEY_P256:
		return EVP_EC_gen("P-256");
	case KEY_ED25519:
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	case KEY_P384:
	case KEY_P521:
	case KEY_KIND_COUNT:
		break;
	}
	return NULL;
}

static bool store(struct keystore *keystore, EVP_PKEY *private, const char *name,
    struct failure *failure)
{
	BIO *text = BIO_new(BIO_s_mem());
	bool stored = false;
	char *bytes;
	long length;

	if (text && PEM_write_bio_PKCS8PrivateKey(
			text, private, NULL, NULL, 0, NULL, NULL) == 1) {
		length = BIO_get_mem_data(text, &bytes);
		stored = length > 0 && file_replace(&keystore->keys, name, bytes,
					   (size_t)length, failure);
	} else
		failure_say(failure, "OpenSSL can't encode a new key");
	BIO_free(text);
	return stored;
}

static bool make(struct keystore *keystore, enum key_kind kind, struct key *out,
    struct failure *failure)
{
	char identifier[sizeof PREFIX + NAME_TEXT] = PREFIX, name[NAME_TEXT + 5];
	uint8_t random[NAME_BYTES];
	EVP_PKEY *private = generate(kind);

	if (!private)
		return failure_say(
		    failure, "OpenSSL can't make a %s key", key_kind_name(kind));
	crypto_random(random, sizeof random);
	crypto_hex(identifier + sizeof PREFIX - 1, random, sizeof random);
	if (!file_name(identifier, name, failure) ||
	    !store(keystore, private, name, failure)) {
		EVP_PKEY_free(private);
		return false;
	}
	return adopt(keystore, private, identifier, out, failure);
}

static void create(struct keystore *keystore, const struct key_wanted *wanted,
    struct key *out, keystore_created *done, void *context)
{
	struct failure failure = { "" };

	done(context, make(keystore, wanted->kind, out, &failure) ? NULL : &failure);
}

static int no_passphrase(char *buffer, int size, int writing, void *context)
{
	(void)buffer;
	(void)size;
	(void)writing;
	(void)context;
	return -1;
}

static bool load(struct keystore *keystore, const char *identifier, struct slice blob,
    struct key *out, struct failure *failure)
{
	char name[NAME_TEXT + 5];
	uint8_t text[KEY_FILE_MAX];
	EVP_PKEY *private = NULL;
	BIO *source;
	size_t length;

	if (!file_name(identifier, name, failure))
		return false;
	switch (file_read(&keystore->keys, name, text, sizeof text, &length, failure)) {
	case FILE_READ:
		break;
	case FILE_ABSENT:
		return failure_say(failure,
		    "keys/%s: is not there, but state.json names it; "
		    "restore it from the backup, or from keys/%.32s.unused if that is "
		    "there",
		    name, name);
	case FILE_BAD:
		return false;
	}
	source = BIO_new_mem_buf(text, (int)length);
	if (source)
	private = PEM_read_bio_PrivateKey(source, NULL, no_passphrase, NULL);
	BIO_free(source);
	OPENSSL_cleanse(text, sizeof text);
	if (!private)
		return failure_say(failure,
		    "keys/%s: not a PKCS #8 PEM key; restore it from the "
		    "backup",
		    name);
	if (!adopt(keystore, private, identifier, out, failure))
		return false;
	return slice_same(blob, (struct slice){ out->blob, out->blob_length }) ||
	       failure_say(failure,
		   "keys/%s is not the key that state.json knows; restore both from one "
		   "backup",
		   name);
}

static bool sign_bytes(const struct crypto *crypto, const struct key *key,
    const struct approval *approval, uint8_t *signature, size_t *length)
{
	/* Without the reset the context would go on with the key that it last had. */
	return EVP_MD_CTX_reset(crypto->one_shot) == 1 &&
	       EVP_DigestSignInit(crypto->one_shot, NULL, NULL, NULL, key->private) ==
		   1 &&
	       EVP_DigestSign(crypto->one_shot, signature, length, approval->bytes,
		   approval->length) == 1;
}

static void sign(struct keystore *keystore, const struct key *key,
    struct approval *approval, keystore_done *done, void *context)
{
	uint8_t signature[KEY_SIGNATURE_MAX], digest[EVP_MAX_MD_SIZE];
	size_t length = sizeof signature, digest_length;
	bool made;

	if (!approval_spend(approval, keystore->crypto, keystore->log, key)) {
		done(context, &(struct keystore_answer){ .result = KEYSTORE_UNAPPROVED });
		return;
	}
	if (key->kind == KEY_ED25519)
		made = sign_bytes(keystore->crypto, key, approval, signature, &length);
	else {
		digest_length = key_digest(key, keystore->crypto, approval, digest);
		if (key->kind == KEY_RSA && digest_length > 0 &&
		    signing_threads_sign(
			keystore->threads, key, digest, digest_length, done, context))
			return;
		made = digest_length > 0 && key->sign &&
		       EVP_PKEY_sign(
			   key->sign, signature, &length, digest, digest_length) == 1;
	}
	done(context,
	    &(struct keystore_answer){ .result = made ? KEYSTORE_SIGNED : KEYSTORE_FAILED,
		.signature = signature,
		.length = made ? length : 0 });
}

const struct keystore_methods keystore_software = {
	.kind = KEYSTORE_SOFTWARE,
	.prefix = PREFIX,
	.create = create,
	.load = load,
	.sign = sign,
};
