/* A certificate, who would sign it and what is asked, for the tests of what the policy
 * says of certificates. */
#ifndef TESTS_X509_TRIAL_H
#define TESTS_X509_TRIAL_H

#include "policy_judged.h"
#include "x509_samples.h"

#include "policy/ssh_certificate.h"

#include <arpa/inet.h>

#define TRIAL_NOW INT64_C(1760000000)

struct trial {
	struct sample sample;
	uint8_t subject[32768];
	uint8_t alt_names[32768];
	uint8_t public_key[1024]; /* the CA's */
	struct issuer issuer;
	struct request request;
	struct decision decision;
};

/* The CA signs with the key that sample_key() has of this kind. */
static inline void trial_signed_by(struct trial *trial, enum key_kind kind)
{
	static const enum x509_signature algorithms[KEY_KIND_COUNT] = { X509_RSA_SHA256,
		X509_ECDSA_SHA256, X509_ECDSA_SHA384, X509_ECDSA_SHA512, X509_ED25519 };
	static struct sample ca;

	use_key(&ca, kind);
	trial->issuer.key_kind = kind;
	trial->issuer.public_key = trial->public_key;
	trial->issuer.public_key_length =
	    ssh_key_write(&ca.facts, trial->public_key, sizeof(trial->public_key));
	assert_true(trial->issuer.public_key_length > 0);
	trial->sample.facts.x509_signature = algorithms[kind];
}

/* "CN=alice", "1.7=x" for Teleport's 1.3.9999.1.7 */
static inline void trial_add_attribute(struct der_sink *to, const char *text)
{
	static const struct {
		const char *name;
		unsigned kind;
	} rows[] = { { "CN=", X509_COMMON_NAME }, { "O=", X509_ORGANIZATION },
		{ "OU=", X509_UNIT }, { "L=", X509_LOCALITY }, { "STREET=", X509_STREET },
		{ "postalCode=", X509_POSTAL_CODE }, { "SERIAL=", X509_SERIAL_NUMBER } };
	struct x509_attribute attribute = { .kind = X509_TELEPORT };
	unsigned branch, leaf;
	size_t i;
	int used = 0;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strncmp(text, rows[i].name, strlen(rows[i].name)) == 0) {
			add_attribute(to, rows[i].kind, text + strlen(rows[i].name));
			return;
		}
	assert_int_equal(sscanf(text, "%u.%u=%n", &branch, &leaf, &used), 2);
	attribute.branch = (uint8_t)branch;
	attribute.leaf = (uint8_t)leaf;
	attribute.value = slice_of(text + used);
	x509_put_attribute(to, &attribute);
	assert_false(to->failed);
}

static inline void trial_subject(struct trial *trial, const char *const *texts)
{
	struct der_sink to = der_sink(trial->subject, sizeof(trial->subject));

	for (; *texts; texts++)
		trial_add_attribute(&to, *texts);
	trial->sample.facts.x509_subject = trial->subject;
	trial->sample.facts.x509_subject_length = to.used;
}
#define SUBJECT(trial, ...)                                                              \
	trial_subject(trial, (const char *const[]){ __VA_ARGS__, NULL })

/* "dns:a", "ip:10.0.0.1", "uri:x:y", "email:a@b" */
static inline void trial_names(struct trial *trial, const char *const *texts)
{
	struct der_sink to = der_sink(trial->alt_names, sizeof(trial->alt_names));
	char address[16];

	for (; *texts; texts++) {
		const char *value = strchr(*texts, ':') + 1;

		if (**texts == 'd')
			add_alt_name(&to, X509_ALT_DNS, value, strlen(value));
		else if (**texts == 'u')
			add_alt_name(&to, X509_ALT_URI, value, strlen(value));
		else if (**texts == 'e')
			add_alt_name(&to, X509_ALT_EMAIL, value, strlen(value));
		else if (inet_pton(AF_INET, value, address) == 1)
			add_alt_name(&to, X509_ALT_IP, address, 4);
		else if (inet_pton(AF_INET6, value, address) == 1)
			add_alt_name(&to, X509_ALT_IP, address, 16);
		else
			fail();
	}
	trial->sample.facts.x509_alt_names = trial->alt_names;
	trial->sample.facts.x509_alt_names_length = to.used;
}
#define NAMES(trial, ...) trial_names(trial, (const char *const[]){ __VA_ARGS__, NULL })

/* An honest certificate of the user or the host CA; free() it. */
static inline struct trial *trial_new(enum document document)
{
	static const uint8_t unstamped[X509_SERIAL_STAMPED];
	struct trial *trial = calloc(1, sizeof(*trial));
	bool host = document == DOCUMENT_X509_HOST;
	struct facts *facts;

	assert_non_null(trial);
	facts = &trial->sample.facts;
	use_key(&trial->sample, KEY_ED25519);
	use_serial(&trial->sample, unstamped, sizeof(unstamped));
	sample_issuer(&trial->sample);
	facts->x509_not_before = TRIAL_NOW - 60;
	facts->x509_not_after = TRIAL_NOW + 3600;
	facts->x509_key_usage = X509_DIGITAL_SIGNATURE | X509_KEY_ENCIPHERMENT;
	facts->x509_extended_key_usage = X509_SERVER_AUTH | X509_CLIENT_AUTH;
	facts->x509_authority_key_id = (const uint8_t *)"identifier of the CA";
	facts->x509_authority_key_id_length = 20;
	trial_signed_by(trial, KEY_P256);
	trial->issuer.ca = host ? CA_HOST : CA_USER;
	trial->issuer.purpose = PURPOSE_TLS;
	trial->issuer.not_after = TRIAL_NOW + 86400;
	trial->issuer.name = facts->x509_issuer;
	trial->issuer.name_length = facts->x509_issuer_length;
	trial->issuer.key_id = facts->x509_authority_key_id;
	trial->issuer.key_id_length = facts->x509_authority_key_id_length;
	trial->request.document = document;
	trial->request.client = "auth";
	trial->request.now = TRIAL_NOW;
	if (host)
		SUBJECT(trial, "CN=web.example.com");
	else
		SUBJECT(trial, "CN=alice");
	return trial;
}

#define JUDGED(trial)                                                                    \
	((struct judged){ &(trial)->issuer, &(trial)->request, &(trial)->sample.facts,   \
	    &(trial)->decision })

#endif
