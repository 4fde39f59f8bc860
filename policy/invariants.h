/* What the invariants of all kinds of documents share; private to policy/. */
#ifndef POLICY_INVARIANTS_H
#define POLICY_INVARIANTS_H

#include "policy/promises.h"
#include "policy/rules.h"

/* Everything that an invariant compares; `out` takes the refusal. */
struct check {
	const struct issuer *issuer;
	const struct request *request;
	const struct facts *facts;
	struct decision *out;
};

/* What a check may rely on: facts as their reader left them, and a decision that lies
 * apart from all that is judged. */
/*@ predicate check_slice{L}(struct decision *d, uint8_t *at, integer length) =
      facts_slice(at, length) && \separated(d, at + (0 .. length - 1));

    predicate check_ready{L}(struct check *c) =
      \valid_read(c) && \valid(c->out) && \valid_read(c->issuer) &&
      \valid_read(c->request) && \valid_read(c->facts) &&
      \separated(c->out, c, c->issuer, c->request, c->facts) &&
      check_slice(c->out, c->issuer->public_key, c->issuer->public_key_length) &&
      check_slice(c->out, c->issuer->name, c->issuer->name_length) &&
      check_slice(c->out, c->issuer->key_id, c->issuer->key_id_length) &&
      check_slice(c->out, c->issuer->ca_keys, c->issuer->ca_keys_length) &&
      check_slice(c->out, c->facts->subject_key, c->facts->subject_key_length) &&
      check_slice(c->out, c->facts->subject_exponent, c->facts->subject_exponent_length)
   && check_slice(c->out, c->facts->key_id, c->facts->key_id_length) &&
      check_slice(c->out, c->facts->principals, c->facts->principals_length) &&
      check_slice(c->out, c->facts->critical_options, c->facts->critical_options_length)
   && check_slice(c->out, c->facts->extensions, c->facts->extensions_length) &&
      check_slice(c->out, c->facts->signature_key, c->facts->signature_key_length);
*/

/* Makes a refusal, and is false. */
/*@ requires \valid_read(check) && \valid(check->out);
    assigns *check->out;
    ensures !\result;
*/
bool check_refuse(
    const struct check *check, enum fact fact, struct slice value, const char *why);

/*@ requires \valid_read(check) && \valid(check->out);
    assigns *check->out;
    ensures !\result;
*/
bool refuse_text(
    const struct check *check, enum fact fact, const char *value, const char *why);
/*@ requires \valid_read(check) && \valid(check->out);
    assigns *check->out;
    ensures !\result;
*/
bool refuse_number(
    const struct check *check, enum fact fact, uint64_t value, const char *why);

/* Each of these gives `good` back, and makes the refusal if it does not hold. */
/*@ requires \valid_read(check) && \valid(check->out);
    assigns *check->out;
    ensures \result <==> good;
*/
static inline bool must(const struct check *check, bool good, enum fact fact,
    const char *value, const char *why)
{
	return good || refuse_text(check, fact, value, why);
}

/*@ requires \valid_read(check) && \valid(check->out);
    assigns *check->out;
    ensures \result <==> good;
*/
static inline bool must_number(
    const struct check *check, bool good, enum fact fact, uint64_t value, const char *why)
{
	return good || refuse_number(check, fact, value, why);
}

/* Is the CA's public key of the kind that its private key is? */
/*@ requires check_ready(check);
    assigns *check->out;
*/
bool issuer_key_fits(const struct check *check);
/* Seconds since 1970, the last one of the validity being `end`. */
/*@ requires check_ready(check);
    assigns *check->out;
    ensures \result ==> promised_validity(check->issuer, check->request, start, end);
*/
bool validity_holds(const struct check *check, uint64_t start, uint64_t end);
/*@ requires check_ready(check);
    assigns *check->out;
    ensures \result ==> promised_key(check->facts);
*/
bool subject_key_is_sound(const struct check *check);
/*@ requires check_ready(check);
    assigns *check->out;
*/
bool subject_is_no_ca(const struct check *check);
/* One principal of a list: of an SSH certificate, or a login in a certificate's L. */
/*@ requires check_ready(check) && facts_slice(principal.at, principal.length);
    assigns *check->out;
    ensures \result ==> plain_principal(principal.at, principal.length);
*/
bool principal_holds(const struct check *check, struct slice principal);
/*@ requires check_ready(check);
    assigns *check->out;
*/
bool record_line_holds(const struct check *check);

/* All of an X.509 certificate's (invariants_x509.c). */
/*@ requires check_ready(check);
    assigns *check->out;
    ensures \result ==> promised_x509(check->issuer, check->request, check->facts);
*/
bool x509_holds(const struct check *check);

#endif
