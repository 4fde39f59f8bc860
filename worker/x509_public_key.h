/*
 * A subject's public key for X.509 as people hand it over: PEM of a SubjectPublicKeyInfo,
 * or of a certificate request (RFC 2986), of which the key alone is taken. A request's
 * signature is checked, so that whoever made it has the private key; what it says of
 * names and extensions is not looked at. Whether the key is sound is the policy's to say.
 */
#ifndef WORKER_X509_PUBLIC_KEY_H
#define WORKER_X509_PUBLIC_KEY_H

#include "policy/facts.h"

#define X509_PUBLIC_KEY_MAX	  4096 /* RSA 16384 has 2 KiB */
#define X509_PUBLIC_KEY_ERROR_MAX 256

struct x509_public_key {
	uint8_t info[X509_PUBLIC_KEY_MAX]; /* SubjectPublicKeyInfo, DER */
	size_t length;
};

/* Fills `key`, and the subject_* members of `facts` with slices of key->info. False with
 * `error` saying what is wrong and what would be right. */
bool x509_public_key_read(const char *pem, struct x509_public_key *key,
    struct facts *facts, char error[X509_PUBLIC_KEY_ERROR_MAX]);

/* The same of a request. */
bool x509_request_read(const char *pem, struct x509_public_key *key, struct facts *facts,
    char error[X509_PUBLIC_KEY_ERROR_MAX]);

#endif
