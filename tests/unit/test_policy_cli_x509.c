/* `privyseal policy test` of X.509 certificates: what the files may hold. */
#include "x509_trial.h"

#include "cli/policy_command.h"
#include "policy/x509_signed.h"

#include <openssl/evp.h>

#define RULE "cluster example.com\npermit user x509-user ttl 2h subject *\n"

struct file {
	struct bytes bytes;
};

/* What is to be signed, or the whole certificate around it; PEM or DER. */
static void write_file(const struct facts *facts, bool whole, bool pem, struct file *out)
{
	static struct bytes document, certificate;
	unsigned char base64[4096];
	char text[8192];
	int length;

	document.length =
	    x509_certificate_write(facts, document.at, sizeof(document.at) - 8);
	assert_true(document.length > 0);
	certificate = document;
	if (whole)
		add_signature(&document, 2, &certificate);
	out->bytes = certificate;
	if (!pem)
		return;
	length = EVP_EncodeBlock(base64, certificate.at, (int)certificate.length);
	length = snprintf(text, sizeof(text),
	    "subject=x\n-----BEGIN CERTIFICATE-----\n%.*s\r\n%s\n"
	    "-----END CERTIFICATE-----\nmore\n",
	    64, (char *)base64, length > 64 ? (char *)base64 + 64 : "");
	out->bytes.length = 0;
	add_bytes(&out->bytes, text, (size_t)length);
}

static const char *verdict(struct trial *trial, struct file *file, struct file *issuer)
{
	const struct policy_request request = {
		.ca = CA_USER, .document = DOCUMENT_X509_USER, .now = TRIAL_NOW
	};
	struct policy_input document = { .bytes = file->bytes.at,
		.length = file->bytes.length };
	struct policy_input ca = { .name = "ca.pem" };
	static char message[MESSAGE_MAX], said[512];
	char *text = NULL;
	size_t length;
	void *storage;
	const struct policy *policy = policy_of(RULE, &storage);
	FILE *out;

	if (issuer) {
		ca.bytes = issuer->bytes.at;
		ca.length = issuer->bytes.length;
	}
	if (!policy_try(policy, &request, &document, issuer ? &ca : NULL,
		&trial->decision, message)) {
		free(storage);
		return message;
	}
	out = open_memstream(&text, &length);
	policy_show_decision(&trial->decision, "p.conf", false, out);
	fclose(out);
	snprintf(said, sizeof(said), "%s", text);
	free(text);
	free(storage);
	return said;
}

static struct file file, ca_file;

static void each_form_of_a_document_is_read(void **state)
{
	struct trial *trial = trial_new(DOCUMENT_X509_USER);
	unsigned form;

	(void)state;
	for (form = 0; form < 4; form++) {
		write_file(&trial->sample.facts, form & 1, form == 3, &file);
		assert_string_equal(verdict(trial, &file, NULL), "permit p.conf:2\n");
	}
	free(trial);
}

static void only_what_is_yet_to_be_signed_needs_an_unstamped_serial(void **state)
{
	struct trial *trial = trial_new(DOCUMENT_X509_USER);

	(void)state;
	use_serial(&trial->sample, "\x4d", 1);
	write_file(&trial->sample.facts, true, true, &file);
	assert_string_equal(verdict(trial, &file, NULL), "permit p.conf:2\n");
	write_file(&trial->sample.facts, false, false, &file);
	assert_string_equal(verdict(trial, &file, NULL), "refuse invariant serial 4d\n");
	free(trial);
}

/* A CA's certificate whose subject the leaf names as its issuer. */
static void the_issuers_certificate_stands_in_for_the_ca(void **state)
{
	struct trial *trial = trial_new(DOCUMENT_X509_USER);
	struct facts *leaf = &trial->sample.facts;
	static struct sample ca;
	unsigned form;

	(void)state;
	sample_authority(&ca, 0);
	leaf->x509_issuer = ca.facts.x509_subject;
	leaf->x509_issuer_length = ca.facts.x509_subject_length;
	leaf->x509_authority_key_id = ca.facts.x509_subject_key_id;
	leaf->x509_authority_key_id_length = ca.facts.x509_subject_key_id_length;
	use_serial(&trial->sample, "\x4d", 1);
	write_file(leaf, false, false, &file);
	for (form = 0; form < 2; form++) {
		write_file(&ca.facts, true, form == 1, &ca_file);
		assert_string_equal(verdict(trial, &file, &ca_file), "permit p.conf:2\n");
	}
	leaf->x509_authority_key_id = (const uint8_t *)"\x01";
	leaf->x509_authority_key_id_length = 1;
	write_file(leaf, true, false, &file);
	assert_string_equal(
	    verdict(trial, &file, &ca_file), "refuse invariant issuer 01\n");
	sample_authority(&ca, 1); /* with an RSA key */
	write_file(&ca.facts, true, true, &ca_file);
	assert_string_equal(verdict(trial, &file, &ca_file),
	    "refuse invariant signature-algorithm RSA\n");
	ca.facts.x509_not_after = TRIAL_NOW + 60;
	leaf->x509_signature = X509_RSA_SHA256;
	leaf->x509_authority_key_id = ca.facts.x509_subject_key_id;
	leaf->x509_authority_key_id_length = ca.facts.x509_subject_key_id_length;
	write_file(leaf, true, false, &file);
	write_file(&ca.facts, true, true, &ca_file);
	assert_string_equal(
	    verdict(trial, &file, &ca_file), "refuse invariant validity 1760003600\n");
	free(trial);
}

static void what_is_no_certificate_is_refused(void **state)
{
	struct trial *trial = trial_new(DOCUMENT_X509_USER);
	static struct file cut;
	size_t length;
	unsigned pem;

	(void)state;
	for (pem = 0; pem < 2; pem++) {
		write_file(&trial->sample.facts, true, pem, &file);
		for (length = 0; length + 40 < file.bytes.length; length++) {
			cut = file;
			cut.bytes.length = length;
			assert_string_equal(
			    verdict(trial, &cut, NULL), "refuse invariant form \"\"\n");
			assert_string_equal(verdict(trial, &file, &cut),
			    "ca.pem: expected a CA's certificate, PEM or DER");
		}
	}
	free(trial);
}

/* The same with every PrintableString of its names a UTF8String, serverAuth after
 * clientAuth and the extensions turned round. */
static void spell_otherwise(const struct bytes *document, struct bytes *out)
{
	static const uint8_t usages[] = { 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1, 6, 8, 0x2b, 6,
		1, 5, 5, 7, 3, 2 };
	static struct parts fields, list, turned;
	static struct bytes some;
	uint8_t *at;
	size_t i;

	split(content_of(document).at, content_of(document).length, &fields);
	some = fields.part[7];
	some.length = content_of(&some).length;
	memmove(some.at, content_of(&fields.part[7]).at, some.length);
	split(content_of(&some).at, content_of(&some).length, &list);
	turned.count = list.count;
	for (i = 0; i < list.count; i++)
		turned.part[list.count - 1 - i] = list.part[i];
	join(&turned, DER_SEQUENCE, &some);
	fields.part[7].length = 0;
	add_element(&fields.part[7], DER_EXPLICIT(3), some.at, some.length);
	join(&fields, DER_SEQUENCE, out);
	for (at = out->at; at + sizeof(usages) < out->at + out->length; at++) {
		if (memcmp(at, usages, sizeof(usages)) == 0) {
			at[9] = 2;
			at[19] = 1;
		}
		if (memcmp(at, "\x06\x03\x55\x04", 4) == 0 &&
		    at[5] == DER_PRINTABLE_STRING)
			at[5] = DER_UTF8_STRING;
		if (memcmp(at, "\x06\x05\x2b\xce\x0f", 5) == 0 &&
		    at[7] == DER_PRINTABLE_STRING)
			at[7] = DER_UTF8_STRING;
	}
}

static void what_another_spelt_otherwise_becomes_ours(void **state)
{
	static struct bytes ours, other, again;
	unsigned number, spelt, all = 0;

	(void)state;
	for (number = 0; number < SAMPLES; number++) {
		make_sample(number, &ours);
		again = ours;
		assert_int_equal(policy_respell(again.at, again.length), 0);
		assert_memory_equal(again.at, ours.at, ours.length);
		spell_otherwise(&ours, &other);
		assert_int_equal(other.length, ours.length);
		spelt = policy_respell(other.at, other.length);
		assert_true(spelt & POLICY_SPELT_STRINGS);
		assert_memory_equal(other.at, ours.at, ours.length);
		all |= spelt;
	}
	assert_int_equal(
	    all, POLICY_SPELT_STRINGS | POLICY_SPELT_USAGES | POLICY_SPELT_ORDER);
}

/* An RDN of several attributes stays one; it is sorted where their types decide. */
static void only_names_of_the_same_meaning_are_respelt(void **state)
{
	static const struct {
		const char *theirs, *ours;
		bool changed;
	} rows[] = {
		{ "310a 3008 0603550403 0c0161", "310a 3008 0603550403 130161", true },
		{ "310a 3008 0603550403 160161", "310a 3008 0603550403 130161", true },
		{ "310a 3008 0603550403 140140", "310a 3008 0603550403 0c0140", true },
		{ "310a 3008 0603550403 130140", "310a 3008 0603550403 0c0140", true },
		{ "3114 3008 060355040a 0c0161 3008 060355040a 0c0140",
		    "3114 3008 060355040a 0c0140 3008 060355040a 130161", true },
		/* Latin-1, UTF-16, another country's attribute; out of order already */
		{ "310a 3008 0603550403 1401fc", NULL, false },
		{ "310b 3009 0603550403 1e020061", NULL, false },
		{ "310b 3009 0603550406 0c025553", NULL, false },
		{ "3114 3008 060355040a 130162 3008 060355040a 130161", NULL, false },
	};
	struct bytes *theirs = &file.bytes, *ours = &ca_file.bytes;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		theirs->length = ours->length = 0;
		add_hex(theirs, rows[i].theirs);
		add_hex(ours, rows[i].changed ? rows[i].ours : rows[i].theirs);
		assert_int_equal(policy_respell_name(theirs->at, theirs->length),
		    rows[i].changed ? POLICY_SPELT_STRINGS : 0);
		assert_memory_equal(theirs->at, ours->at, ours->length);
	}
}

/* Whatever it is given, it ends, stays inside, and is done after once. */
static void any_bytes_can_be_respelt(void **state)
{
	static struct bytes bytes, once;
	uint32_t random = 26;
	unsigned round;

	(void)state;
	for (round = 0; round < 20000; round++) {
		make_sample(round % SAMPLES, &once);
		spell_otherwise(&once, &bytes);
		mutate(&bytes, &random);
		policy_respell(bytes.at, bytes.length);
		memcpy(once.at, bytes.at, bytes.length);
		assert_int_equal(policy_respell(bytes.at, bytes.length), 0);
		assert_memory_equal(bytes.at, once.at, bytes.length);
	}
}

static void another_spelling_counts_with_an_issuer_alone(void **state)
{
	struct trial *trial = trial_new(DOCUMENT_X509_USER);
	struct facts *leaf = &trial->sample.facts;
	static struct sample ca;
	static struct file other;

	(void)state;
	sample_authority(&ca, 0);
	leaf->x509_issuer = ca.facts.x509_subject;
	leaf->x509_issuer_length = ca.facts.x509_subject_length;
	leaf->x509_authority_key_id = ca.facts.x509_subject_key_id;
	leaf->x509_authority_key_id_length = ca.facts.x509_subject_key_id_length;
	write_file(leaf, false, false, &file);
	spell_otherwise(&file.bytes, &other.bytes);
	write_file(&ca.facts, true, false, &ca_file);
	assert_string_equal(verdict(trial, &other, &ca_file), "permit p.conf:2\n");
	assert_string_equal(verdict(trial, &other, NULL), "refuse invariant form \"\"\n");
	write_file(&ca.facts, false, false, &file);
	spell_otherwise(&file.bytes, &ca_file.bytes);
	file.bytes = ca_file.bytes;
	add_signature(&file.bytes, 2, &ca_file.bytes);
	assert_string_equal(verdict(trial, &other, &ca_file), "permit p.conf:2\n");
	free(trial);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_form_of_a_document_is_read),
		cmocka_unit_test(only_what_is_yet_to_be_signed_needs_an_unstamped_serial),
		cmocka_unit_test(the_issuers_certificate_stands_in_for_the_ca),
		cmocka_unit_test(what_is_no_certificate_is_refused),
		cmocka_unit_test(what_another_spelt_otherwise_becomes_ours),
		cmocka_unit_test(only_names_of_the_same_meaning_are_respelt),
		cmocka_unit_test(any_bytes_can_be_respelt),
		cmocka_unit_test(another_spelling_counts_with_an_issuer_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
