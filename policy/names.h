/*
 * The words for authorities, documents, key purposes, suites and facts: the same in the
 * policy file, the RPC, the CLI, the record and here. Each is written down once, in the
 * lists below, beside its constant.
 */
#ifndef POLICY_NAMES_H
#define POLICY_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAMES_CONSTANT(constant, ...) constant,

/* clang-format off */
#define PURPOSES(X) \
	X(PURPOSE_SSH, "ssh") \
	X(PURPOSE_TLS, "tls") \
	X(PURPOSE_JWT, "jwt")

/* Authorities: constant, word, which keys they have (bit 1 << purpose). */
#define KEYS_SSH (1u << PURPOSE_SSH)
#define KEYS_TLS (1u << PURPOSE_TLS)
#define KEYS_JWT (1u << PURPOSE_JWT)
#define AUTHORITIES(X) \
	X(CA_USER,      "user",      KEYS_SSH | KEYS_TLS) \
	X(CA_HOST,      "host",      KEYS_SSH | KEYS_TLS) \
	X(CA_DB,        "db",        KEYS_TLS) \
	X(CA_DB_CLIENT, "db_client", KEYS_TLS) \
	X(CA_OPENSSH,   "openssh",   KEYS_SSH) \
	X(CA_JWT,       "jwt",       KEYS_JWT) \
	X(CA_SAML_IDP,  "saml_idp",  KEYS_TLS) \
	X(CA_OIDC_IDP,  "oidc_idp",  KEYS_JWT) \
	X(CA_SPIFFE,    "spiffe",    KEYS_TLS | KEYS_JWT)

/* Documents: constant, word, the authorities that may sign it (one, or either of two),
 * with their key of this purpose alone. */
#define DOCUMENTS(X) \
	X(DOCUMENT_SSH_USER,       "ssh-user",       CA_USER,      CA_OPENSSH,   PURPOSE_SSH) \
	X(DOCUMENT_SSH_HOST,       "ssh-host",       CA_HOST,      CA_HOST,      PURPOSE_SSH) \
	X(DOCUMENT_X509_USER,      "x509-user",      CA_USER,      CA_USER,      PURPOSE_TLS) \
	X(DOCUMENT_X509_HOST,      "x509-host",      CA_HOST,      CA_HOST,      PURPOSE_TLS) \
	X(DOCUMENT_X509_DB_SERVER, "x509-db-server", CA_DB,        CA_DB,        PURPOSE_TLS) \
	X(DOCUMENT_X509_DB_CLIENT, "x509-db-client", CA_DB_CLIENT, CA_DB_CLIENT, PURPOSE_TLS) \
	X(DOCUMENT_X509_SVID,      "x509-svid",      CA_SPIFFE,    CA_SPIFFE,    PURPOSE_TLS) \
	X(DOCUMENT_JWT,            "jwt",            CA_JWT,       CA_JWT,       PURPOSE_JWT) \
	X(DOCUMENT_OIDC_TOKEN,     "oidc-token",     CA_OIDC_IDP,  CA_OIDC_IDP,  PURPOSE_JWT) \
	X(DOCUMENT_JWT_SVID,       "jwt-svid",       CA_SPIFFE,    CA_SPIFFE,    PURPOSE_JWT) \
	X(DOCUMENT_SAML_ASSERTION, "saml-assertion", CA_SAML_IDP,  CA_SAML_IDP,  PURPOSE_TLS)

#define KEYSTORES(X) \
	X(KEYSTORE_SOFTWARE, "software") \
	X(KEYSTORE_AWS_KMS,  "aws_kms")

/* "unspecified" is how the absence of a suite is printed, not a suite to ask for. */
#define SUITES(X) \
	X(SUITE_UNSPECIFIED, "unspecified") \
	X(SUITE_LEGACY,      "legacy") \
	X(SUITE_BALANCED_V1, "balanced-v1") \
	X(SUITE_FIPS_V1,     "fips-v1") \
	X(SUITE_HSM_V1,      "hsm-v1")

/* Kinds of keys, CA's and subjects'. RSA of any size is one kind. */
#define KEY_KINDS(X) \
	X(KEY_RSA,     "RSA") \
	X(KEY_P256,    "ECDSA P-256") \
	X(KEY_P384,    "ECDSA P-384") \
	X(KEY_P521,    "ECDSA P-521") \
	X(KEY_ED25519, "Ed25519")

/* What a refusal names: a word of the policy's rules (these come first), or what an
 * invariant is about. */
#define FACTS(X) \
	X(FACT_NONE,                "none") \
	X(FACT_TTL,                 "ttl") \
	X(FACT_PRINCIPALS,          "principals") \
	X(FACT_EXTENSIONS,          "extensions") \
	X(FACT_CRITICAL_OPTIONS,    "critical-options") \
	X(FACT_REQUIRE,             "require") \
	X(FACT_DNS,                 "dns") \
	X(FACT_IP,                  "ip") \
	X(FACT_URI,                 "uri") \
	X(FACT_EMAIL,               "email") \
	X(FACT_WILDCARD_DNS,        "wildcard-dns") \
	X(FACT_SUBJECT,             "subject") \
	X(FACT_ROLES,               "roles") \
	X(FACT_UNITS,               "units") \
	X(FACT_STREET,              "street") \
	X(FACT_POSTAL_CODE,         "postal-code") \
	X(FACT_TRAITS,              "traits") \
	X(FACT_ATTRIBUTES,          "attributes") \
	X(FACT_KEY_ID,              "key-id") \
	X(FACT_ISSUER,              "issuer") \
	X(FACT_AUDIENCE,            "audience") \
	X(FACT_CLAIMS,              "claims") \
	X(FACT_CLIENT,              "client") \
	X(FACT_RATE,                "rate") \
	X(FACT_SERIAL,              "serial") \
	X(FACT_VALIDITY,            "validity") \
	X(FACT_SUBJECT_KEY,         "subject-key") \
	X(FACT_SIGNATURE_ALGORITHM, "signature-algorithm") \
	X(FACT_CA,                  "ca") \
	X(FACT_KEY_USAGE,           "key-usage") \
	X(FACT_FORM,                "form")
/* clang-format on */

enum purpose { PURPOSES(NAMES_CONSTANT) PURPOSE_COUNT };
enum ca { AUTHORITIES(NAMES_CONSTANT) CA_COUNT };
enum document { DOCUMENTS(NAMES_CONSTANT) DOCUMENT_COUNT };
enum keystore_kind { KEYSTORES(NAMES_CONSTANT) KEYSTORE_COUNT };
enum suite { SUITES(NAMES_CONSTANT) SUITE_COUNT };
enum key_kind { KEY_KINDS(NAMES_CONSTANT) KEY_KIND_COUNT };
enum fact { FACTS(NAMES_CONSTANT) FACT_COUNT };

/* Names as they are written; "unknown" for a value out of range. */
/*@ assigns \nothing; */
const char *ca_name(enum ca ca);
const char *purpose_name(enum purpose purpose);
/*@ assigns \nothing; */
const char *document_name(enum document document);
const char *suite_name(enum suite suite);
const char *keystore_name(enum keystore_kind keystore);
/*@ assigns \nothing; */
const char *key_kind_name(enum key_kind kind); /* "RSA", "ECDSA P-256", "Ed25519" */
const char *fact_name(enum fact fact);

/* From `length` bytes (no NUL needed); false when it is no such name. */
bool ca_named(const char *name, size_t length, enum ca *out);
bool document_named(const char *name, size_t length, enum document *out);
bool suite_named(const char *name, size_t length, enum suite *out);

/* The fixed table: may this CA's key of this purpose sign this document? (DESIGN: no
 * policy line can widen it.) */
/*@ assigns \nothing;
    ensures \result && document <= DOCUMENT_SSH_HOST ==> purpose == PURPOSE_SSH;
    ensures \result && DOCUMENT_X509_USER <= document <= DOCUMENT_X509_SVID ==>
      purpose == PURPOSE_TLS;
    ensures \result && document == DOCUMENT_SSH_USER ==>
      ca == CA_USER || ca == CA_OPENSSH;
    ensures \result && document == DOCUMENT_SSH_HOST ==> ca == CA_HOST;
    ensures \result && document == DOCUMENT_X509_USER ==> ca == CA_USER;
    ensures \result && document == DOCUMENT_X509_HOST ==> ca == CA_HOST;
*/
bool document_fits(enum document document, enum ca ca, enum purpose purpose);
/* The same, with any of its keys. */
bool ca_signs(enum ca ca, enum document document);
/* The documents that are SSH certificates, and those that are X.509 certificates. */
/*@ assigns \nothing;
    ensures \result <==> document == DOCUMENT_SSH_USER || document == DOCUMENT_SSH_HOST;
*/
bool document_is_ssh(enum document document);
/*@ assigns \nothing;
    ensures \result <==> DOCUMENT_X509_USER <= document <= DOCUMENT_X509_SVID;
*/
bool document_is_x509(enum document document);
/* Does a CA of that type have a key of that purpose? */
bool ca_has_purpose(enum ca ca, enum purpose purpose);

#endif
