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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_form_of_a_document_is_read),
		cmocka_unit_test(only_what_is_yet_to_be_signed_needs_an_unstamped_serial),
		cmocka_unit_test(the_issuers_certificate_stands_in_for_the_ca),
		cmocka_unit_test(what_is_no_certificate_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
