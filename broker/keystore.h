/*
 * Keystores: where CA keys live. The interface is small so that each keystore can be read
 * whole: make a key, load one by its identifier, sign what was approved. Making and
 * signing are asynchronous in shape: the call starts it and `done` is called once, at
 * once by a keystore that is local, later by one that is remote.
 */
#ifndef BROKER_KEYSTORE_H
#define BROKER_KEYSTORE_H

#include "broker/approval.h"
#include "broker/files.h"
#include "policy/record.h"

#define KEY_IDENTIFIER_MAX 160 /* software:<32 hex>, awskms:<ARN> */
#define KEY_BLOB_MAX	   640 /* an SSH public key blob; RSA 4096 has 535 bytes */
#define KEY_SIGNATURE_MAX  1024

struct keystore;

struct key {
	struct keystore *keystore; /* where it lives */
	enum key_kind kind;
	unsigned bits;
	char identifier[KEY_IDENTIFIER_MAX];
	uint8_t blob[KEY_BLOB_MAX]; /* the public key as SSH writes it */
	size_t blob_length;
	const EVP_MD *hash; /* what is signed is this digest; NULL: the bytes (Ed25519) */
	EVP_PKEY *public; /* its own object, so that no fault in the private one shows */
	EVP_PKEY_CTX *verify; /* prepared; NULL for Ed25519 */
	EVP_PKEY *private;    /* a software key's */
	EVP_PKEY_CTX *sign;   /* prepared; NULL for Ed25519 */
	char unusable[96];    /* why the keystore will not sign with it; else empty */
};

#define KEYSTORE_SECONDS 10 /* who asked for a signature waits no longer */

enum keystore_result {
	KEYSTORE_SIGNED,
	KEYSTORE_UNAPPROVED, /* the approval can't be spent: a fault of ours, or worse */
	KEYSTORE_FAILED	     /* the key can't be used now */
};

/* Valid during the call of keystore_done(). */
struct keystore_answer {
	enum keystore_result result;
	/* in its raw form: RSA as PKCS #1 v1.5 gives it, ECDSA as DER, Ed25519's 64 bytes
	 */
	const uint8_t *signature;
	size_t length;
	const char *request_id; /* of a remote keystore, for the record; else NULL */
	const char *why;	/* failed: a sentence; NULL: there is no more to say */
	const char *open_why;	/* ... as a worker may know it; NULL likewise */
	unsigned attempts;	/* of a remote keystore; else 0 */
	bool lost; /* of an attempt nobody knows whether a signature was made */
};

typedef void keystore_done(void *context, const struct keystore_answer *answer);

/* NULL: the key is made, and durable; else why not. */
typedef void keystore_created(void *context, const struct failure *failure);

/* A key that is to be made. */
#define NONCE_TEXT 32 /* hex digits */
struct key_wanted {
	enum ca ca;
	enum purpose purpose;
	enum key_kind kind; /* RSA is of 2048 bits */
	/* Of a remote keystore: what the key is marked with, and since when the state has
	 * known that; `resumed`: it may have been made already, before a crash. */
	const char *nonce;
	int64_t since;
	bool resumed;
};

struct keystore_methods {
	enum keystore_kind kind;
	const char *prefix; /* of its identifiers */
	bool remote;	    /* a crash may leave keys there that no file of ours names */
	/* A new key in `out`, which stays where it is until `done`. */
	void (*create)(struct keystore *keystore, const struct key_wanted *wanted,
	    struct key *out, keystore_created *done, void *context);
	/* The key that has this identifier and (as SSH writes it) this public part. */
	bool (*load)(struct keystore *keystore, const char *identifier, struct slice blob,
	    struct key *out, struct failure *failure);
	void (*sign)(struct keystore *keystore, const struct key *key,
	    struct approval *approval, keystore_done *done, void *context);
};

struct signing_threads;

struct keystore {
	const struct keystore_methods *methods;
	const struct crypto *crypto;
	const struct audit_log *log;	 /* approvals are spent against it */
	struct directory keys;		 /* software: where the files are */
	struct signing_threads *threads; /* software: NULL, or for its RSA keys */
	struct kms *kms;		 /* aws_kms: what keystore_aws_kms.h makes */
};

extern const struct keystore_methods keystore_software;

/* A public object of what SSH writes; NULL when it can't be read. */
EVP_PKEY *key_public(struct slice blob);

/* For keystores: fills all that concerns the public part from key->public. */
bool key_prepare(struct key *key, const struct crypto *crypto, struct failure *failure);
/* For keystores: what a key of this kind is asked to sign is EVP_MD_get_size(key->hash)
 * bytes, made of the approval's bytes. The length, or 0. */
size_t key_digest(const struct key *key, const struct crypto *crypto,
    const struct approval *approval, uint8_t out[EVP_MAX_MD_SIZE]);

/* For keystores: a context to sign digests with a key that is here. NULL: out of memory.
 */
EVP_PKEY_CTX *key_sign_context(const struct key *key);

/* Is that the key's signature of these bytes? */
bool key_verify(const struct key *key, const struct crypto *crypto,
    const struct approval *approval, const uint8_t *signature, size_t length);

void key_free(struct key *key);

/* Members of an `outcome` that a remote keystore has more to say of. */
void keystore_record(const struct keystore_answer *answer, struct record_line *line);

#endif
