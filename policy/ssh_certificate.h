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

/*@ predicate key_writable{L}(struct facts *f) =
      facts_slice(f->subject_key, f->subject_key_length) &&
      facts_slice(f->subject_exponent, f->subject_exponent_length);
    predicate ssh_writable{L}(struct facts *f) =
      key_writable(f) &&
      facts_slice(f->nonce, f->nonce_length) &&
      facts_slice(f->key_id, f->key_id_length) &&
      facts_slice(f->principals, f->principals_length) &&
      facts_slice(f->critical_options, f->critical_options_length) &&
      facts_slice(f->extensions, f->extensions_length) &&
      facts_slice(f->signature_key, f->signature_key_length);
*/

/*@ predicate facts_apart{L}(uint8_t *at, integer length, uint8_t *out, integer room) =
      \separated(at + (0 .. length - 1), out + (0 .. room - 1));
    predicate ssh_key_apart{L}(struct facts *f, uint8_t *out, integer room) =
      facts_apart(f->subject_key, f->subject_key_length, out, room) &&
      facts_apart(f->subject_exponent, f->subject_exponent_length, out, room);
    predicate ssh_apart{L}(struct facts *f, uint8_t *out, integer room) =
      ssh_key_apart(f, out, room) &&
      facts_apart(f->nonce, f->nonce_length, out, room) &&
      facts_apart(f->key_id, f->key_id_length, out, room) &&
      facts_apart(f->principals, f->principals_length, out, room) &&
      facts_apart(f->critical_options, f->critical_options_length, out, room) &&
      facts_apart(f->extensions, f->extensions_length, out, room) &&
      facts_apart(f->signature_key, f->signature_key_length, out, room);
*/

/* The slices of `out` point into `bytes`; it is empty when the result is not
 * SSH_FORM_GOOD. */
/*@ requires \valid_read(bytes + (0 .. length - 1)) && \valid(out);
    assigns *out;
    ensures \result == SSH_FORM_GOOD ==> facts_key(out, bytes);
    ensures \result == SSH_FORM_GOOD ==> facts_part(out->nonce, out->nonce_length, bytes);
    ensures \result == SSH_FORM_GOOD ==>
      facts_part(out->key_id, out->key_id_length, bytes);
    ensures \result == SSH_FORM_GOOD ==>
      facts_part(out->principals, out->principals_length, bytes);
    ensures \result == SSH_FORM_GOOD ==>
      facts_part(out->critical_options, out->critical_options_length, bytes);
    ensures \result == SSH_FORM_GOOD ==>
      facts_part(out->extensions, out->extensions_length, bytes);
    ensures \result == SSH_FORM_GOOD ==>
      facts_part(out->signature_key, out->signature_key_length, bytes);
    ensures \result == SSH_FORM_GOOD ==> out->nonce_length == SSH_NONCE_LENGTH;
    ensures \result == SSH_FORM_GOOD ==>
      out->ssh_type == SSH_CERTIFICATE_USER || out->ssh_type == SSH_CERTIFICATE_HOST;
    ensures \result == SSH_FORM_GOOD ==> out->principals_count <= FACTS_PRINCIPALS_MAX;
    ensures \result == SSH_FORM_GOOD ==>
      out->critical_options_count <= FACTS_OPTIONS_MAX;
    ensures \result == SSH_FORM_GOOD ==> out->extensions_count <= FACTS_OPTIONS_MAX;
    ensures \result == SSH_FORM_GOOD ==> out->serial_at + 8 <= length;
*/
enum ssh_form ssh_certificate_read(
    const uint8_t *bytes, size_t length, struct facts *out);

/* The number of bytes written, or 0 when they do not fit into `room` or
 * FACTS_DOCUMENT_MAX. */
/*@ requires \valid_read(facts) && ssh_writable(facts) && \valid(out + (0 .. room - 1));
    requires \separated(facts, out + (0 .. room - 1));
    requires ssh_apart(facts, out, room);
    assigns out[0 .. room - 1];
    ensures 0 <= \result <= room;
*/
size_t ssh_certificate_write(const struct facts *facts, uint8_t *out, size_t room);

const char *ssh_form_text(enum ssh_form form);

/*
 * A plain SSH public key blob (RFC 4253 6.6, RFC 5656 3.1, RFC 8709 4) to and from its
 * parts: the worker reads subjects' keys with it, the broker compares keys with it. The
 * slices of `out` point into `blob`; only the subject_* members are written, and they
 * mean nothing when it returns false.
 */
/*@ requires \valid_read(blob + (0 .. length - 1)) && \valid(out);
    assigns out->subject_kind, out->subject_key, out->subject_key_length,
      out->subject_exponent, out->subject_exponent_length;
    ensures \result ==> facts_key(out, blob);
*/
bool ssh_key_read(const uint8_t *blob, size_t length, struct facts *out);
/*@ requires \valid_read(facts) && key_writable(facts) && \valid(out + (0 .. room - 1));
    requires \separated(facts, out + (0 .. room - 1));
    requires ssh_key_apart(facts, out, room);
    assigns out[0 .. room - 1];
    ensures 0 <= \result <= room;
*/
size_t ssh_key_write(const struct facts *facts, uint8_t *out, size_t room);

/* "ssh-ed25519", "ssh-rsa", ... and the same with -cert-v01@openssh.com */
const char *ssh_key_type_name(enum key_kind kind);
const char *ssh_certificate_type_name(enum key_kind kind);

#endif
