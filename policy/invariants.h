/* What the invariants of all kinds of documents share; private to policy/. */
#ifndef POLICY_INVARIANTS_H
#define POLICY_INVARIANTS_H

#include "policy/rules.h"

/* Everything that an invariant compares; `out` takes the refusal. */
struct check {
	const struct issuer *issuer;
	const struct request *request;
	const struct facts *facts;
	struct decision *out;
};

/* Makes a refusal, and is false. */
bool check_refuse(
    const struct check *check, enum fact fact, struct slice value, const char *why);

/* Each of these gives `good` back, and makes the refusal if it does not hold. */
bool must(const struct check *check, bool good, enum fact fact, const char *value,
    const char *why);
bool must_number(const struct check *check, bool good, enum fact fact, uint64_t value,
    const char *why);

/* Is the CA's public key of the kind that its private key is? */
bool issuer_key_fits(const struct check *check);
/* Seconds since 1970, the last one of the validity being `end`. */
bool validity_holds(const struct check *check, uint64_t start, uint64_t end);
bool subject_key_is_sound(const struct check *check);
bool subject_is_no_ca(const struct check *check);
/* One principal of a list: of an SSH certificate, or a login in a certificate's L. */
bool principal_holds(const struct check *check, struct slice principal);
bool record_line_holds(const struct check *check);

/* All of an X.509 certificate's (invariants_x509.c). */
bool x509_holds(const struct check *check);

#endif
