/* What the invariants of all kinds of documents share; private to policy/. */
#ifndef POLICY_INVARIANTS_H
#define POLICY_INVARIANTS_H

#include "policy/rules.h"

/* Everything that an invariant compares. Beside it goes `out`, which takes the refusal.
 */
struct check {
	const struct issuer *issuer;
	const struct request *request;
	const struct facts *facts;
};

/* What a check may rely on: facts as their reader left them, and a decision that lies
 * apart from all that is judged. */
/*@ predicate check_ready{L}(struct check *c) =
      \valid_read(c) && \valid_read(c->issuer) &&
      \valid_read(c->request) && \valid_read(c->facts) &&
      issuer_readable(c->issuer) && facts_readable(c->facts);
*/

/* Makes a refusal, and is false. */
/*@ requires \valid(out) && slice_readable(value);
    assigns *out;
    ensures !\result && out->value_length <= POLICY_VALUE_MAX;
*/
bool refuse_bytes(
    struct decision *out, enum fact fact, struct slice value, const char *why);

/*@ requires \valid(out);
    assigns *out;
    ensures !\result && out->value_length <= POLICY_VALUE_MAX;
*/
bool refuse_text(
    struct decision *out, enum fact fact, const char *value, const char *why);
/*@ requires \valid(out);
    assigns *out;
    ensures !\result;
*/
bool refuse_number(struct decision *out, enum fact fact, uint64_t value, const char *why);

/* Adds the number to the value of a refusal. */
/*@ requires \valid(out) && out->value_length <= POLICY_VALUE_MAX;
    assigns out->value_length, out->value[0 .. POLICY_VALUE_MAX - 1];
    ensures out->value_length <= POLICY_VALUE_MAX;
*/
void append_number(struct decision *out, uint64_t number);

/* Each of these gives `good` back, and makes the refusal if it does not hold. */
/*@ requires \valid(out);
    assigns *out;
    ensures \result <==> good;
*/
static inline bool must(
    struct decision *out, bool good, enum fact fact, const char *value, const char *why)
{
	return good || refuse_text(out, fact, value, why);
}

/*@ requires \valid(out);
    assigns *out;
    ensures \result <==> good;
*/
static inline bool must_number(
    struct decision *out, bool good, enum fact fact, uint64_t value, const char *why)
{
	return good || refuse_number(out, fact, value, why);
}

/* Is the CA's public key of the kind that its private key is? */
/*@ requires check_ready(check) && \valid(out);
    assigns *out;
    ensures \result ==> promised_issuer_key(check->issuer);
*/
bool issuer_key_fits(const struct check *check, struct decision *out);
/* Seconds since 1970, the last one of the validity being `end`. */
/*@ requires check_ready(check) && \valid(out);
    assigns *out;
    ensures \result ==> promised_validity(check->issuer, check->request, start, end);
*/
bool validity_holds(
    const struct check *check, struct decision *out, uint64_t start, uint64_t end);
/*@ requires check_ready(check) && \valid(out);
    assigns *out;
    ensures \result ==> promised_key(check->facts);
*/
bool subject_key_is_sound(const struct check *check, struct decision *out);
/*@ requires check_ready(check) && \valid(out);
    assigns *out;
    ensures \result ==> promised_no_ca(check->issuer, check->facts);
*/
bool subject_is_no_ca(const struct check *check, struct decision *out);
/* One principal of a list: of an SSH certificate, or a login in a certificate's L. */
/*@ requires \valid(out) && facts_slice(principal.at, principal.length);
    assigns *out;
    ensures \result ==> plain_principal(principal.at, principal.length);
*/
bool principal_holds(struct decision *out, struct slice principal);
/*@ requires check_ready(check) && \valid(out);
    assigns *out;
*/
bool record_line_holds(const struct check *check, struct decision *out);

/* All of an X.509 certificate's (invariants_x509.c). */
/*@ requires check_ready(check) && \valid(out);
    assigns *out;
    ensures \result ==> promised_x509(check->issuer, check->request, check->facts);
*/
bool x509_holds(const struct check *check, struct decision *out);

#endif
