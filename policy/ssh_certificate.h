/*
 * Reader and writer of the to-be-signed part of an OpenSSH certificate (OpenSSH
 * PROTOCOL.certkeys, RFC 4251 section 5, RFC 5656, RFC 8709, RFC 8332): everything from
 * the type's name through the signature key, without the signature.
 *
 * The reader accepts one encoding of each certificate and accounts for every byte:
 * minimal mpints, names known, a nonce of 32 bytes, options sorted and unique (empty list
 * fields are fine), the reserved string empty, nothing after the signature key. For each
 * input that it accepts, writing the facts gives the input again.
 *
 * No allocation, no I/O, linear time.
 */
#ifndef POLICY_SSH_CERTIFICATE_H
#define POLICY_SSH_CERTIFICATE_H

#include "policy/facts.h"

#define SSH_NONCE_LENGTH 32

enum ssh_form {
	SSH_FORM_GOOD,
	SSH_FORM_TRUNCATED,
	SSH_FORM_OVERSIZED, /* longer than FACTS_DOCUMENT_MAX */
	SSH_FORM_KEY_TYPE,  /* a certificate type that we do not issue */
	SSH_FORM_NONCE,
	SSH_FORM_SUBJECT_KEY, /* not the fixed form of its kind */
	SSH_FORM_TYPE,	      /* neither user nor host */
	SSH_FORM_PRINCIPALS,  /* not a packed list, or more than FACTS_PRINCIPALS_MAX */
	SSH_FORM_CRITICAL_OPTIONS, /* not packed, unsorted, repeated, or too many */
	SSH_FORM_EXTENSIONS,
	SSH_FORM_RESERVED,
	SSH_FORM_SIGNATURE_KEY,
	SSH_FORM_TRAILING,
	SSH_FORM_COUNT
};

/* `out` is written only when the result is SSH_FORM_GOOD; its slices point into `bytes`.
 */
enum ssh_form ssh_certificate_read(
    const uint8_t *bytes, size_t length, struct facts *out);

/* The number of bytes written, or 0 when they do not fit into `room`. */
size_t ssh_certificate_write(const struct facts *facts, uint8_t *out, size_t room);

const char *ssh_form_text(enum ssh_form form);

/*
 * A plain SSH public key blob (RFC 4253 6.6, RFC 5656 3.1, RFC 8709 4) to and from its
 * parts: the worker reads subjects' keys with it, the broker compares keys with it. The
 * slices of `out` point into `blob`; only the subject_* members are written.
 */
bool ssh_key_read(const uint8_t *blob, size_t length, struct facts *out);
size_t ssh_key_write(const struct facts *facts, uint8_t *out, size_t room);

/* "ssh-ed25519", "ssh-rsa", ... and the same with -cert-v01@openssh.com */
const char *ssh_key_type_name(enum key_kind kind);
const char *ssh_certificate_type_name(enum key_kind kind);

#endif
