/*
 * The policy: what may be signed. policy_load() makes rules of the text of policy.conf,
 * policy_check() decides on one document's facts. Both are pure; the caller brings memory
 * and clock. A document is signed only when policy_check() permits it: first the
 * invariants, which no line can switch off, then the rules: first match decides, default
 * deny.
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include "policy/facts.h"
#include "policy/rate.h"

#define POLICY_LINES_MAX   10000
#define POLICY_LINE_MAX	   4096
#define POLICY_TEXT_MAX	   ((size_t)POLICY_LINES_MAX * (POLICY_LINE_MAX + 2))
#define POLICY_SOCKETS_MAX 16
#define POLICY_TAGS_MAX	   45
#define POLICY_ERROR_MAX   320
#define POLICY_VALUE_MAX   256 /* bytes of a refused value that are kept */

struct policy; /* lies in the caller's storage */

struct policy_error {
	unsigned line;		     /* from 1; 0: the file as a whole */
	unsigned column;	     /* in bytes, from 1 */
	char text[POLICY_ERROR_MAX]; /* names the word, and what was expected */
};

/* Bytes of storage that policy_load() needs for this text; 0 when the text is too long.
 */
size_t policy_storage(const uint8_t *text, size_t length);

/*
 * Reads the text (which may be freed afterwards). NULL on error, with `error` filled.
 * `storage` must be aligned as malloc's; the policy lives as long as it does.
 */
struct policy *policy_load(const uint8_t *text, size_t length, void *storage, size_t room,
    struct policy_error *error);

/* What the file pins, beside its rules. Strings live in the storage, end in NUL, and are
 * empty when the file does not name them. */
struct policy_pins {
	const char *cluster;
	enum keystore_kind keystore;
	const char *account;
	const char *region;
	enum suite suite; /* SUITE_UNSPECIFIED when not pinned */
	unsigned
	    sockets; /* at least 1: `auth`, group privyseal-auth, when none is named */
	const char *socket_name[POLICY_SOCKETS_MAX];
	const char *socket_group[POLICY_SOCKETS_MAX];
	unsigned tags;
	const char *tag_name[POLICY_TAGS_MAX];
	const char *tag_value[POLICY_TAGS_MAX];
};

const struct policy_pins *policy_pins(const struct policy *policy);
unsigned policy_rules(const struct policy *policy); /* number of rules */

/* Who signs: everything that the invariants compare a document with. */
struct issuer {
	enum ca ca;
	enum purpose purpose;
	enum key_kind key_kind;
	const uint8_t *public_key; /* the CA key's SSH blob */
	size_t public_key_length;
	int64_t not_after; /* end of the CA's own certificate; INT64_MAX for an SSH key */
	/* of a TLS key, what its own certificate says; empty for an SSH key */
	const uint8_t *name; /* the subject, packed as facts.x509_subject */
	size_t name_length;
	const uint8_t *key_id; /* the subject key identifier */
	size_t key_id_length;
	/* every CA key of this host, past and pending, as packed SSH blobs (facts_next)
	 */
	const uint8_t *ca_keys;
	size_t ca_keys_length;
};

struct request {
	enum document document;
	const char *client; /* the socket's name; "" matches no `client` word */
	int64_t now;	    /* seconds since 1970 */
	bool ignore_ttl; /* the worker, to learn a rule's ttl before it sets the validity
			  */
};

enum verdict { VERDICT_PERMIT, VERDICT_RULE, VERDICT_DEFAULT, VERDICT_INVARIANT };

struct decision {
	enum verdict verdict;
	unsigned line;	  /* of the rule that decided; 0 for default and invariants */
	unsigned rule;	  /* its number from 0; meaningful when line is not 0 */
	uint64_t ttl;	  /* a permit: the rule's, in seconds */
	struct rate rate; /* a permit: the rule's; amount 0 when it has none */
	enum fact fact;	  /* a refusal: what was wrong ... */
	uint32_t
	    value_length; /* ... and the value, at most POLICY_VALUE_MAX bytes of it */
	char value[POLICY_VALUE_MAX];
	const char *why; /* a refusal by invariant: a sentence; else NULL */
};

#include "policy/promises.h"

/* How far a document's start may lie from now (seconds). */
#define VALIDITY_PAST	300
#define VALIDITY_FUTURE 60

/* Invariants, then rules. `out` is written whole. The rate is not taken here. */
/*@ requires \valid_read(issuer) && \valid_read(request) && \valid_read(facts);
    requires issuer_readable(issuer) && facts_readable(facts) && \valid(out);
    assigns *out;
    ensures out->verdict == VERDICT_PERMIT ==> promised(issuer, request, facts);
*/
void policy_check(const struct policy *policy, const struct issuer *issuer,
    const struct request *request, const struct facts *facts, struct decision *out);

/* The invariants alone; true when they hold. */
/*@ requires \valid_read(issuer) && \valid_read(request) && \valid_read(facts);
    requires issuer_readable(issuer) && facts_readable(facts) && \valid(out);
    assigns *out;
    ensures \result ==> promised(issuer, request, facts);
*/
bool policy_invariants(const struct issuer *issuer, const struct request *request,
    const struct facts *facts, struct decision *out);

/* The ceiling of a CA (the file's, else the built-in one): per second and per day. */
void policy_ceiling(const struct policy *policy, enum ca ca, struct rate *per_second,
    struct rate *per_day);

#endif
