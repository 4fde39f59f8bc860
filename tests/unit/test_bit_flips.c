/* Facts and bytes determine each other: no bit of a document can be another without its
 * facts being others, or the document being refused. tests/integration/story_peers.py
 * does the same with documents of other programs. */
#include "tests/unit/x509_samples.h"

#include "policy/documents.h"
#include "policy/ssh_certificate.h"
#include "policy/x509_crl.h"
#include "tests/unit/bit_flips.h"

static bool read_certificate(const uint8_t *bytes, size_t length, struct facts *out)
{
	return !document_read(DOCUMENT_X509_HOST, bytes, length, out);
}

static bool read_crl(const uint8_t *bytes, size_t length, struct facts *out)
{
	return x509_crl_read(bytes, length, out) == X509_FORM_GOOD;
}

static bool read_ssh(const uint8_t *bytes, size_t length, struct facts *out)
{
	return !document_read(DOCUMENT_SSH_USER, bytes, length, out);
}

static void no_bit_is_free(flips_read read, const struct bytes *document)
{
	struct flips flips;

	assert_true(flip_each_bit(read, document->at, document->length, &flips));
	if (flips.same > 0)
		fail_msg("%zu bits are free; the first: %zu of byte %zu", flips.same,
		    flips.first % 8, flips.first / 8);
	/* a key's bits and a name's letters may be others, its frame may not */
	assert_true(flips.other > 0 && flips.refused > 0);
}

static void no_bit_of_a_certificate_is_free(void **state)
{
	static struct bytes document;
	unsigned number;

	(void)state;
	for (number = 0; number < SAMPLES; number++) {
		make_sample(number, &document);
		no_bit_is_free(read_certificate, &document);
	}
}

static void make_crl(unsigned revoked_count, struct bytes *out)
{
	static struct sample sample;
	const uint8_t serials[3][2] = { { 1 }, { 0x7f, 1 }, { 0x7f, 2 } };
	struct der_sink to = der_sink(sample.subject, sizeof(sample.subject));
	struct facts *facts = &sample.facts;
	struct x509_revoked revoked;
	unsigned i;

	*facts = (struct facts){ 0 };
	sample_issuer(&sample);
	for (i = 0; i < revoked_count; i++) {
		revoked.serial = (struct slice){ serials[i], i > 0 ? 2 : 1 };
		revoked.date = INT64_C(1760000000) * (i % 2 + 1);
		x509_put_revoked(&to, &revoked);
	}
	facts->x509_revoked = sample.subject;
	facts->x509_revoked_length = to.used;
	facts->x509_signature = (enum x509_signature)(revoked_count % 7);
	facts->x509_not_before = INT64_C(1760000000);
	facts->x509_not_after = INT64_C(1760000000) * (1 + revoked_count % 2);
	facts->x509_authority_key_id = (const uint8_t *)"authority's";
	facts->x509_authority_key_id_length = 11;
	facts->x509_crl_number = 1 + 1000 * revoked_count;
	out->length = x509_crl_write(facts, out->at, sizeof(out->at));
	assert_true(out->length > 0);
}

static void no_bit_of_a_crl_is_free(void **state)
{
	static struct bytes document;
	unsigned revoked;

	(void)state;
	for (revoked = 0; revoked <= 3; revoked++) {
		make_crl(revoked, &document);
		no_bit_is_free(read_crl, &document);
	}
}

static void add_string(struct bytes *to, const void *bytes, size_t length)
{
	const uint8_t size[4] = { 0, 0, (uint8_t)(length / 256), (uint8_t)length };

	add_bytes(to, size, 4);
	add_bytes(to, bytes, length);
}

/* A user's or a host's certificate with, and without, each optional part. */
static void make_ssh(enum key_kind subject, unsigned parts, struct bytes *out)
{
	static struct bytes principals, options, extensions, ca, value;
	uint8_t key[1024], nonce[SSH_NONCE_LENGTH] = { 3, 1, 4 };
	uint8_t *at = key;
	struct facts facts = { 0 }, authority = { .subject_kind = KEY_ED25519,
		.subject_key = nonce,
		.subject_key_length = 32 };

	assert_true(i2d_PUBKEY(sample_key(subject), NULL) <= (int)sizeof(key));
	assert_true(
	    x509_key_read(key, (size_t)i2d_PUBKEY(sample_key(subject), &at), &facts));
	principals.length = options.length = extensions.length = value.length = 0;
	if (parts & 1)
		add_string(&principals, "alice", 5);
	add_string(&principals, "web.example.com", 15);
	if (parts & 2) {
		add_string(&value, "10.0.0.0/8", 10);
		add_string(&options, "source-address", 14);
		add_string(&options, value.at, value.length);
		add_string(&extensions, "permit-pty", 10);
		add_string(&extensions, "", 0);
	}
	ca.length = ssh_key_write(&authority, ca.at, sizeof(ca.at));
	facts.nonce = nonce;
	facts.nonce_length = sizeof(nonce);
	facts.serial = parts & 1 ? 0 : 77;
	facts.ssh_type = parts & 2 ? SSH_CERTIFICATE_USER : SSH_CERTIFICATE_HOST;
	facts.key_id = (const uint8_t *)"alice";
	facts.key_id_length = parts & 4 ? 0 : 5;
	facts.valid_after = 1760000000;
	facts.valid_before = parts & 4 ? SSH_FOREVER : 1760003600;
	X509_SET(
	    &facts, principals, ((struct slice){ principals.at, principals.length }));
	X509_SET(
	    &facts, critical_options, ((struct slice){ options.at, options.length }));
	X509_SET(
	    &facts, extensions, ((struct slice){ extensions.at, extensions.length }));
	X509_SET(&facts, signature_key, ((struct slice){ ca.at, ca.length }));
	out->length = ssh_certificate_write(&facts, out->at, sizeof(out->at));
	assert_true(out->length > 0);
}

static void no_bit_of_an_ssh_certificate_is_free(void **state)
{
	static struct bytes document;
	unsigned kind, parts;

	(void)state;
	for (kind = 0; kind < KEY_KIND_COUNT; kind++)
		for (parts = 0; parts < 8; parts++) {
			make_ssh((enum key_kind)kind, parts, &document);
			no_bit_is_free(read_ssh, &document);
		}
}

/* The comparison itself sees every kind of change. */
static void facts_that_differ_are_not_the_same(void **state)
{
	static struct bytes document;
	struct facts facts, other;

	(void)state;
	make_sample(7, &document);
	assert_true(read_certificate(document.at, document.length, &facts));
	other = facts;
	assert_true(facts_same(&facts, &other));
#define DIFFERS_BY_LENGTH(member)                                                        \
	other = facts;                                                                   \
	other.member##_length++;                                                         \
	assert_false(facts_same(&facts, &other));
#define DIFFERS_BY_VALUE(member)                                                         \
	memset(&other, 0, sizeof(other));                                                \
	other.member = 1;                                                                \
	assert_false(facts_same(&(struct facts){ 0 }, &other));
	FACTS_SLICES(DIFFERS_BY_LENGTH)
	FACTS_VALUES(DIFFERS_BY_VALUE)
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_bit_of_a_certificate_is_free),
		cmocka_unit_test(no_bit_of_a_crl_is_free),
		cmocka_unit_test(no_bit_of_an_ssh_certificate_is_free),
		cmocka_unit_test(facts_that_differ_are_not_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
