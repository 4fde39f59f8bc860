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

/*@ // A public key blob: the name of its kind, then the curve's or RSA's exponent, but for
    // Ed25519, then the key; RSA's has a zero byte before it that keeps it positive.
    predicate begins_rsa{L}(uint8_t *name) =
      name[0] == 's' && name[1] == 's' && name[2] == 'h' && name[3] == '-' &&
      name[4] == 'r' && name[5] == 's' && name[6] == 'a';
    predicate begins_ed25519{L}(uint8_t *name) =
      name[0] == 's' && name[1] == 's' && name[2] == 'h' && name[3] == '-' &&
      name[4] == 'e' && name[5] == 'd' && name[6] == '2' && name[7] == '5' &&
      name[8] == '5' && name[9] == '1' && name[10] == '9';
    predicate begins_nistp{L}(uint8_t *name) =
      name[0] == 'e' && name[1] == 'c' && name[2] == 'd' && name[3] == 's' &&
      name[4] == 'a' && name[5] == '-' && name[6] == 's' && name[7] == 'h' &&
      name[8] == 'a' && name[9] == '2' && name[10] == '-' && name[11] == 'n' &&
      name[12] == 'i' && name[13] == 's' && name[14] == 't' && name[15] == 'p';
    predicate names_kind{L}(uint8_t *name, integer length, integer kind) =
      (kind == KEY_RSA && length == 7 && begins_rsa(name)) ||
      (kind == KEY_ED25519 && length == 11 && begins_ed25519(name)) ||
      (length == 19 && begins_nistp(name) &&
        ((kind == KEY_P256 && name[16] == '2' && name[17] == '5' && name[18] == '6') ||
          (kind == KEY_P384 && name[16] == '3' && name[17] == '8' && name[18] == '4') ||
          (kind == KEY_P521 && name[16] == '5' && name[17] == '2' && name[18] == '1')));
    predicate blob_named{L}(uint8_t *blob, integer kind) =
      names_kind(blob + 4, packed_length(blob), kind);

    logic integer string_end{L}(uint8_t *string) = 4 + packed_length(string);
    logic integer key_offset{L}(uint8_t *behind_name, integer kind) =
      kind == KEY_ED25519 ? 0 : string_end(behind_name);
    logic integer key_pad{L}(uint8_t *string, integer kind) =
      kind == KEY_RSA && string[4] == 0 ? 1 : 0;
    predicate key_string{L}(uint8_t *string, integer kind, uint8_t *key, integer length) =
      length + key_pad(string, kind) == packed_length(string) &&
      bytes_equal(string + (4 + key_pad(string, kind)), key, length);
    predicate key_behind_name{L}(uint8_t *at, integer left, integer kind, uint8_t *key,
      integer length) =
      left == key_offset(at, kind) + string_end(at + key_offset(at, kind)) &&
      key_string(at + key_offset(at, kind), kind, key, length);
    predicate blob_holds{L}(uint8_t *blob, integer left, integer kind, uint8_t *key,
      integer length) =
      blob_named(blob, kind) && key_behind_name(blob + string_end(blob),
        left - string_end(blob), kind, key, length);
*/

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

/* The slices of `out` point into `bytes`, and what belongs to other documents is 0; it is
 * empty when the result is not SSH_FORM_GOOD. */
/*@ requires \valid_read(bytes + (0 .. length - 1)) && \valid(out);
    assigns *out;
    ensures \result == SSH_FORM_GOOD ==> facts_without_x509(out);
    ensures \result == SSH_FORM_GOOD ==> KEY_RSA <= out->subject_kind < KEY_KIND_COUNT;
    ensures \result == SSH_FORM_GOOD ==>
      facts_part(out->subject_key, out->subject_key_length, bytes);
    ensures \result == SSH_FORM_GOOD ==>
      facts_part(out->subject_exponent, out->subject_exponent_length, bytes);
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
    assigns out[0 .. room - 1];
    ensures 0 <= \result <= room;
*/
size_t ssh_certificate_write(const struct facts *facts, uint8_t *out, size_t room);

/*@ assigns \nothing;
    ensures \result != \null;
*/
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
    ensures \result ==> KEY_RSA <= out->subject_kind < KEY_KIND_COUNT;
    ensures \result ==> facts_part(out->subject_key, out->subject_key_length, blob);
    ensures \result ==>
      facts_part(out->subject_exponent, out->subject_exponent_length, blob);
    ensures \result ==> blob_named(blob, out->subject_kind);
    ensures \result ==> blob_holds(blob, length, out->subject_kind, out->subject_key,
      out->subject_key_length);
*/
bool ssh_key_read(const uint8_t *blob, size_t length, struct facts *out);
/*@ requires \valid_read(facts) && key_writable(facts) && \valid(out + (0 .. room - 1));
    requires \separated(facts, out + (0 .. room - 1));
    assigns out[0 .. room - 1];
    ensures 0 <= \result <= room;
*/
size_t ssh_key_write(const struct facts *facts, uint8_t *out, size_t room);

/* "ssh-ed25519", "ssh-rsa", ... and the same with -cert-v01@openssh.com */
/*@ assigns \nothing; */
const char *ssh_key_type_name(enum key_kind kind);
/*@ assigns \nothing; */
const char *ssh_certificate_type_name(enum key_kind kind);

#endif
