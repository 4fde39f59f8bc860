/* SSH certificates, keys and policies for the tests of policy/. */
#ifndef TESTS_SSH_SAMPLES_H
#define TESTS_SSH_SAMPLES_H

#include "policy_judged.h"

#include "policy/ssh_certificate.h"

#define SAMPLE_NOW INT64_C(1760000000)

struct bytes {
	uint8_t at[FACTS_DOCUMENT_MAX];
	size_t length;
};

static inline void add_bytes(struct bytes *to, const void *bytes, size_t length)
{
	assert_true(length <= sizeof(to->at) - to->length);
	if (length > 0)
		memcpy(to->at + to->length, bytes, length);
	to->length += length;
}

static inline void add_u32(struct bytes *to, uint32_t value)
{
	const uint8_t bytes[4] = { (uint8_t)(value >> 24), (uint8_t)(value >> 16 & 0xff),
		(uint8_t)(value >> 8 & 0xff), (uint8_t)(value & 0xff) };

	add_bytes(to, bytes, sizeof(bytes));
}

static inline void add_string(struct bytes *to, const void *bytes, size_t length)
{
	add_u32(to, (uint32_t)length);
	add_bytes(to, bytes, length);
}

static inline void add_text(struct bytes *to, const char *text)
{
	add_string(to, text, strlen(text));
}

/* An option; a NULL value is none. */
static inline void add_option(struct bytes *to, const char *name, const char *value)
{
	add_text(to, name);
	if (!value) {
		add_u32(to, 0);
		return;
	}
	add_u32(to, (uint32_t)strlen(value) + 4);
	add_text(to, value);
}

/* Everything that one certificate's facts point into. */
struct sample {
	uint8_t key[2100];
	uint8_t exponent[3];
	uint8_t nonce[SSH_NONCE_LENGTH];
	struct bytes principals;
	struct bytes critical_options;
	struct bytes extensions;
	struct bytes signature_key;
	struct facts facts;
	struct issuer issuer;
	struct request request;
	struct decision decision;
};

static inline void sample_key(struct facts *facts, uint8_t *key, uint8_t exponent[3],
    enum key_kind kind, uint8_t seed)
{
	static const size_t lengths[KEY_KIND_COUNT] = { 256, 65, 97, 133, 32 };
	size_t i;

	for (i = 0; i < lengths[kind]; i++)
		key[i] = (uint8_t)(0x80u | (seed + 7 * i));
	key[lengths[kind] - 1] |= 1;
	if (kind != KEY_RSA && kind != KEY_ED25519)
		key[0] = 4;
	memcpy(exponent, "\x01\x00\x01", 3);
	facts->subject_kind = kind;
	facts->subject_key = key;
	facts->subject_key_length = lengths[kind];
	facts->subject_exponent = exponent;
	facts->subject_exponent_length = kind == KEY_RSA ? 3 : 0;
}

static inline void sample_signed_by(struct sample *sample, enum key_kind kind)
{
	uint8_t key[256], exponent[3];
	struct facts facts = { 0 };

	sample_key(&facts, key, exponent, kind, 91);
	sample->signature_key.length = ssh_key_write(
	    &facts, sample->signature_key.at, sizeof(sample->signature_key.at));
	assert_true(sample->signature_key.length > 0);
	sample->issuer.key_kind = kind;
	sample->issuer.public_key = sample->signature_key.at;
	sample->issuer.public_key_length = sample->signature_key.length;
	sample->facts.signature_key = sample->signature_key.at;
	sample->facts.signature_key_length = sample->signature_key.length;
}

/* After changes of the lists: the facts say what they hold. */
static inline void sample_pack(struct sample *sample)
{
	struct facts *facts = &sample->facts;

	facts->principals = sample->principals.at;
	facts->principals_length = sample->principals.length;
	facts->critical_options = sample->critical_options.at;
	facts->critical_options_length = sample->critical_options.length;
	facts->extensions = sample->extensions.at;
	facts->extensions_length = sample->extensions.length;
}

static inline void sample_principals(
    struct sample *sample, const char *first, const char *second)
{
	sample->principals.length = 0;
	if (first)
		add_text(&sample->principals, first);
	if (second)
		add_text(&sample->principals, second);
	sample_pack(sample);
}

static inline void sample_key_id(struct sample *sample, const char *key_id)
{
	sample->facts.key_id = (const uint8_t *)key_id;
	sample->facts.key_id_length = strlen(key_id);
}

/* An honest certificate: `ssh-user` for alice of the user CA, or `ssh-host` for a host.
 */
static inline struct sample *sample_new(enum document document)
{
	struct sample *sample = calloc(1, sizeof(*sample));
	bool host = document == DOCUMENT_SSH_HOST;

	assert_non_null(sample);
	sample_key(&sample->facts, sample->key, sample->exponent, KEY_ED25519, 3);
	memset(sample->nonce, 0x5a, sizeof(sample->nonce));
	sample->facts.nonce = sample->nonce;
	sample->facts.nonce_length = sizeof(sample->nonce);
	sample->facts.ssh_type = host ? SSH_CERTIFICATE_HOST : SSH_CERTIFICATE_USER;
	sample_key_id(sample, host ? "" : "alice");
	sample->facts.valid_after = (uint64_t)SAMPLE_NOW - 60;
	sample->facts.valid_before = (uint64_t)SAMPLE_NOW + 3600;
	sample_signed_by(sample, KEY_ED25519);
	sample_principals(sample, host ? "web.example.com" : "alice", NULL);
	sample->issuer.ca = host ? CA_HOST : CA_USER;
	sample->issuer.purpose = PURPOSE_SSH;
	sample->issuer.not_after = INT64_MAX;
	sample->request.document = document;
	sample->request.client = "auth";
	sample->request.now = SAMPLE_NOW;
	return sample;
}

#define JUDGED(sample)                                                                   \
	((struct judged){ &(sample)->issuer, &(sample)->request, &(sample)->facts,       \
	    &(sample)->decision })

#endif
