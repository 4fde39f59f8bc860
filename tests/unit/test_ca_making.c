/* Making of CA keys and of what they show, with a keystore that answers when it likes. */
#include "fake_keystore.h"

#include "ca_making_rig.h"

#include <cjson/cJSON.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

static struct state_key *tls_key(enum ca ca)
{
	return &f->broker->state.keys[ca][PURPOSE_TLS][KEY_SET_ACTIVE].key[0];
}

/* ---- what is made ---- */

static X509 *certificate_of(enum ca ca)
{
	const struct state_key *key = tls_key(ca);
	const uint8_t *at = key->document[CA_CERTIFICATE].bytes;
	X509 *certificate =
	    d2i_X509(NULL, &at, (long)key->document[CA_CERTIFICATE].length);

	assert_non_null(certificate);
	return certificate;
}

static void assert_name(const X509 *certificate)
{
	const X509_NAME *name = X509_get_subject_name(certificate);
	BIGNUM *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
	char *decimal = BN_bn2dec(serial), expected[256], *said;

	snprintf(expected, sizeof expected,
	    "/O=example.com/CN=example.com/serialNumber=%s", decimal);
	said = X509_NAME_oneline(name, NULL, 0);
	assert_string_equal(said, expected);
	assert_int_equal(X509_NAME_cmp(name, X509_get_issuer_name(certificate)), 0);
	assert_true(BN_num_bits(serial) <= 127 && !BN_is_negative(serial));
	OPENSSL_free(said);
	OPENSSL_free(decimal);
	BN_free(serial);
}

/* Seconds from `from` to the time. */
static long seconds_after(time_t from, const ASN1_TIME *time)
{
	ASN1_TIME *start = ASN1_TIME_set(NULL, from);
	int days, seconds;

	assert_int_equal(ASN1_TIME_diff(&days, &seconds, start, time), 1);
	ASN1_TIME_free(start);
	return days * 86400L + seconds;
}

static void certificate_is_as_teleports(void **state)
{
	uint8_t id[SHA1_LENGTH];
	X509 *certificate;
	time_t now = time(NULL);
	unsigned length;
	int ca;

	(void)state;
	for (ca = CA_USER; ca <= CA_HOST; ca++) {
		certificate = certificate_of((enum ca)ca);
		assert_int_equal(
		    X509_verify(certificate, X509_get0_pubkey(certificate)), 1);
		assert_int_equal(X509_check_ca(certificate), 1);
		assert_int_equal(X509_get_key_usage(certificate),
		    KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT | KU_KEY_CERT_SIGN |
			KU_CRL_SIGN);
		assert_int_equal(X509_get_ext_count(certificate), 4);
		assert_name(certificate);
		assert_in_range(
		    seconds_after(now, X509_get0_notBefore(certificate)) + 65, 0, 5);
		assert_in_range(seconds_after(now, X509_get0_notAfter(certificate)),
		    3650 * 86400L - 5, 3650 * 86400L);
		assert_int_equal(
		    X509_pubkey_digest(certificate, EVP_sha1(), id, &length), 1);
		assert_memory_equal(
		    ASN1_STRING_get0_data(X509_get0_subject_key_id(certificate)), id,
		    sizeof id);
		assert_memory_equal(
		    ASN1_STRING_get0_data(X509_get0_authority_key_id(certificate)), id,
		    sizeof id);
		X509_free(certificate);
	}
}

static void crl_is_empty_and_the_cas_own(void **state)
{
	const struct state_key *key = tls_key(CA_USER);
	const uint8_t *at = key->document[CA_CRL].bytes;
	X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)key->document[CA_CRL].length);
	X509 *certificate = certificate_of(CA_USER);
	ASN1_INTEGER *number;

	(void)state;
	assert_non_null(crl);
	assert_int_equal(X509_CRL_verify(crl, X509_get0_pubkey(certificate)), 1);
	assert_int_equal(
	    X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(certificate)),
	    0);
	assert_int_equal(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)), -1);
	number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
	assert_int_equal(ASN1_INTEGER_get(number), 1);
	assert_int_equal(ASN1_TIME_compare(X509_CRL_get0_lastUpdate(crl),
			     X509_get0_notBefore(certificate)),
	    0);
	assert_int_equal(ASN1_TIME_compare(X509_CRL_get0_nextUpdate(crl),
			     X509_get0_notAfter(certificate)),
	    0);
	ASN1_INTEGER_free(number);
	X509_CRL_free(crl);
	X509_free(certificate);
}

static uint8_t *decoded(const cJSON *entry, const char *name, size_t *length)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(entry, name));
	uint8_t *bytes;
	int n;

	assert_non_null(text);
	bytes = malloc(strlen(text) + 1);
	assert_non_null(bytes);
	n = EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)strlen(text));
	assert_true(n > 0);
	*length = (size_t)n - (strlen(text) - strcspn(text, "="));
	bytes[*length] = '\0';
	return bytes;
}

static void everybody_is_shown_certificate_and_crl(void **state)
{
	cJSON *root = cJSON_Parse(f->broker->authorities[CA_HOST].json), *spec, *keys;
	const struct state_key *key = tls_key(CA_HOST);
	X509 *shown, *certificate = certificate_of(CA_HOST);
	uint8_t *bytes;
	size_t length;
	BIO *text;

	(void)state;
	spec = cJSON_GetObjectItem(root, "spec");
	keys = cJSON_GetObjectItem(cJSON_GetObjectItem(spec, "active_keys"), "tls");
	assert_int_equal(cJSON_GetArraySize(keys), 1);
	bytes = decoded(keys->child, "cert", &length);
	assert_int_equal(bytes[length - 1], '\n');
	text = BIO_new_mem_buf(bytes, (int)length);
	shown = PEM_read_bio_X509(text, NULL, NULL, NULL);
	assert_int_equal(X509_cmp(shown, certificate), 0);
	free(bytes);
	bytes = decoded(keys->child, "crl", &length);
	assert_int_equal(length, key->document[CA_CRL].length);
	assert_memory_equal(bytes, key->document[CA_CRL].bytes, length);
	free(bytes);
	assert_int_equal(cJSON_GetArraySize(keys->child), 2);
	assert_null(cJSON_GetObjectItem(
	    cJSON_GetObjectItem(spec, "additional_trusted_keys"), "tls"));
	BIO_free(text);
	X509_free(shown);
	X509_free(certificate);
	cJSON_Delete(root);
}

static void each_use_of_a_key_is_recorded_before_it(void **state)
{
	(void)state;
	assert_true(audit_log_commit(&f->broker->log));
	assert_int_equal(count_in_record("\"event\":\"key-create\""), 5);
	assert_int_equal(count_in_record("\"event\":\"ca-sign\""), 4);
	assert_int_equal(count_in_record("\"document\":\"ca-certificate\""), 2);
	assert_int_equal(count_in_record("\"document\":\"crl\""), 2);
	assert_int_equal(count_in_record("\"outcome\":\"signed\""), 4);
}

static void no_key_serves_twice(void **state)
{
	const uint8_t *list = f->broker->all_keys, *one[8];
	size_t left = f->broker->all_keys_length, length[8], count = 0, i, j;

	(void)state;
	while (facts_next(&list, &left, &one[count], &length[count]))
		count++;
	assert_int_equal(count, 5);
	for (i = 0; i < count; i++)
		for (j = i + 1; j < count; j++)
			assert_false(length[i] == length[j] &&
				     memcmp(one[i], one[j], length[i]) == 0);
}

/* ---- a keystore that takes its time ---- */

static void take_its_time(void)
{
	fake_start(f->broker);
}

static void restart(void)
{
	restart_with(take_its_time);
}

static void begin_without_cas(void)
{
	forget_cas();
	restart();
}

static void nothing_is_assumed_to_be_done_at_once(void **state)
{
	unsigned answers;

	(void)state;
	begin_without_cas();
	ca_making_start(f->broker, SUITE_BALANCED_V1, on_made);
	for (answers = 0; ended == 0; answers++) {
		assert_int_equal(fake.waiting, 1);
		assert_false(ca_making_complete(f->broker));
		assert_null(ca_key(f->broker, CA_USER, PURPOSE_TLS));
		ca_making_start(f->broker, SUITE_BALANCED_V1, on_made); /* joins it */
		assert_int_equal(fake.waiting, 1);
		fake_answer(0, FAKE_RIGHT);
	}
	assert_int_equal(answers, 5 + 4);
	assert_int_equal(ended, 1);
	assert_true(made);
	assert_true(ca_making_complete(f->broker));
}

/* The process ends while the keystore does what it was asked as the n-th thing, with and
 * without having done it. What the state knew then is what it knows at the end. */
static void end_at_any_step_loses_no_ca(void **state)
{
	static struct state before;
	unsigned n, i, purpose;
	int ca;

	(void)state;
	for (n = 0; n < 9; n++) {
		begin_without_cas();
		ca_making_start(f->broker, SUITE_BALANCED_V1, on_made);
		for (i = 0; i < n; i++)
			fake_answer(0, FAKE_RIGHT);
		restart();
		before = f->broker->state;
		assert_false(ca_making_complete(f->broker));
		ca_making_start(f->broker, SUITE_BALANCED_V1, on_made);
		for (i = 0; ended == 0; i++)
			fake_answer(0, FAKE_RIGHT);
		assert_true(made);
		assert_int_equal(i, 9 - n);
		for (ca = 0; ca < CA_COUNT; ca++)
			for (purpose = 0; purpose < PURPOSE_COUNT; purpose++) {
				const struct state_keys
				    *then = &before.keys[ca][purpose][KEY_SET_ACTIVE],
				    *now = &f->broker->state
						.keys[ca][purpose][KEY_SET_ACTIVE];

				if (then->count > 0)
					assert_string_equal(then->key[0].identifier,
					    now->key[0].identifier);
			}
		restart();
		assert_true(ca_making_complete(f->broker));
		ca_making_start(f->broker, SUITE_BALANCED_V1, on_made);
		assert_int_equal(fake.waiting, 0);
		assert_int_equal(ended, 1);
	}
}

static void failing_keystore_is_told_and_leaves_nothing_half(void **state)
{
	(void)state;
	begin_without_cas();
	ca_making_start(f->broker, SUITE_BALANCED_V1, on_made);
	fake_answer(0, FAKE_FAILED);
	assert_int_equal(ended, 1);
	assert_false(made);
	assert_non_null(strstr(failure.text, "away"));
	assert_int_equal(
	    f->broker->state.keys[CA_USER][PURPOSE_SSH][KEY_SET_ACTIVE].count, 0);
}

static void wrong_signature_is_no_certificate(void **state)
{
	const enum fake_answer answers[] = { FAKE_WRONG, FAKE_FAILED };
	const char *const outcomes[] = { "\"outcome\":\"wrong-signature\"",
		"\"outcome\":\"failed\"" };
	unsigned i, which;

	(void)state;
	for (which = 0; which < 2; which++) {
		begin_without_cas();
		ca_making_start(f->broker, SUITE_BALANCED_V1, on_made);
		for (i = 0; i < 5; i++)
			fake_answer(0, FAKE_RIGHT);
		fake_answer(0, answers[which]);
		assert_int_equal(ended, 1);
		assert_false(made);
		assert_non_null(strstr(failure.text, "user CA's ca-certificate"));
		assert_true(audit_log_commit(&f->broker->log));
		assert_int_equal(count_in_record(outcomes[which]), 1);
		assert_int_equal(tls_key(CA_USER)->document[CA_CERTIFICATE].length, 0);
		assert_null(ca_key(f->broker, CA_USER, PURPOSE_TLS));
	}
}

static void nothing_is_made_that_the_record_does_not_have(void **state)
{
	(void)state;
	begin_without_cas();
	close(f->broker->log.fd);
	f->broker->log.fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	ca_making_start(f->broker, SUITE_BALANCED_V1, on_made);
	assert_int_equal(fake.waiting, 0);
	assert_int_equal(ended, 1);
	assert_false(made);
	assert_non_null(strstr(failure.text, "record"));
}

/* ---- configs wait for it ---- */

static void send_config(uint32_t id)
{
	uint8_t bytes[512];
	const size_t length = fixture_config(
	    bytes, id, "example.com", KEYSTORE_SOFTWARE, SUITE_BALANCED_V1, 1, "");

	f->channel->gate = f->gate = (struct gate){ .phase = PHASE_SEALED };
	assert_int_equal(channel_send(f->worker, bytes, length), 0);
	fixture_turn(f);
	f->gate.phase = PHASE_CONFIG;
}

static void config_is_taken_when_its_cas_are_made(void **state)
{
	unsigned i;

	(void)state;
	begin_without_cas();
	send_config(9);
	for (i = 0; i < 9; i++) {
		assert_false(fixture_receive(f));
		assert_int_equal(f->channel->gate.phase, PHASE_CONFIG);
		fake_answer(0, FAKE_RIGHT);
	}
	assert_true(fixture_receive(f));
	assert_int_equal(f->answer.op, OP_CONFIG_TAKEN);
	assert_int_equal(f->answer.id, 9);
	assert_int_equal(f->channel->gate.phase, PHASE_SERVE);
	assert_string_equal(
	    suite_name(f->broker->state.suite), suite_name(SUITE_BALANCED_V1));
}

static void config_is_refused_when_they_can_not_be_made(void **state)
{
	(void)state;
	begin_without_cas();
	send_config(9);
	fake_answer(0, FAKE_FAILED);
	assert_true(fixture_receive(f));
	assert_int_equal(f->answer.op, OP_CONFIG_REFUSED);
	assert_true(f->broker->failed);
}

static void worker_that_died_meanwhile_is_no_matter(void **state)
{
	unsigned i;

	(void)state;
	begin_without_cas();
	send_config(9);
	channel_close(f->channel);
	for (i = 0; i < 9; i++)
		fake_answer(0, FAKE_RIGHT);
	assert_true(ca_making_complete(f->broker));
	assert_false(f->broker->failed);
}

/* ---- what a state must not say ---- */

static bool loads(void)
{
	ca_keys_free(f->broker);
	return ca_keys_load(f->broker, &failure);
}

static void refuses_certificate_of_another_key(void **state)
{
	(void)state;
	memcpy(tls_key(CA_USER)->document, tls_key(CA_HOST)->document,
	    sizeof tls_key(CA_USER)->document);
	assert_false(loads());
	assert_non_null(strstr(failure.text, "user CA's ca-certificate"));
	assert_non_null(strstr(failure.text, "one backup"));
}

static void refuses_crl_of_another_ca(void **state)
{
	(void)state;
	tls_key(CA_USER)->document[CA_CRL] = tls_key(CA_HOST)->document[CA_CRL];
	assert_false(loads());
	assert_non_null(strstr(failure.text, "user CA's crl"));
}

static void refuses_every_changed_byte_of_a_certificate(void **state)
{
	uint8_t *bytes = tls_key(CA_USER)->document[CA_CERTIFICATE].bytes;
	const size_t length = tls_key(CA_USER)->document[CA_CERTIFICATE].length;
	struct ca_signer signer = { .key = ca_key(f->broker, CA_USER, PURPOSE_TLS),
		.crypto = &f->broker->crypto,
		.cluster = "example.com" };
	size_t i;

	(void)state;
	assert_null(ca_signed_fault(CA_CERTIFICATE, &signer, bytes, length));
	for (i = 0; i < length; i++) {
		bytes[i] ^= 1;
		assert_non_null(ca_signed_fault(CA_CERTIFICATE, &signer, bytes, length));
		bytes[i] ^= 1;
	}
	assert_non_null(ca_signed_fault(CA_CERTIFICATE, &signer, bytes, length - 1));
}

static void refuses_certificate_of_another_cluster(void **state)
{
	(void)state;
	snprintf(
	    f->broker->state.cluster, sizeof f->broker->state.cluster, "example.org");
	assert_false(loads());
	assert_non_null(strstr(failure.text, "does not name this cluster"));
}

/* A CA certificate of this time, signed as it should be. */
static void replace_certificate(int64_t now)
{
	const struct key *key = ca_key(f->broker, CA_USER, PURPOSE_TLS);
	struct ca_signer signer = {
		.key = key, .crypto = &f->broker->crypto, .cluster = "example.com"
	};
	uint8_t bytes[CA_DOCUMENT_MAX], signature[KEY_SIGNATURE_MAX];
	size_t length = 0, signature_length = sizeof signature;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	int i;

	for (i = 0; i < CA_DOCUMENTS; i++) {
		length = ca_document_write(
		    (enum ca_document)i, &signer, now, bytes, sizeof bytes);
		assert_true(length > 0);
		signature_length = sizeof signature;
		assert_int_equal(
		    EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key->private),
		    1);
		assert_int_equal(
		    EVP_DigestSign(context, signature, &signature_length, bytes, length),
		    1);
		tls_key(CA_USER)->document[i].length =
		    ca_document_join(&signer, bytes, length, signature, signature_length,
			tls_key(CA_USER)->document[i].bytes, CA_DOCUMENT_MAX);
		assert_null(ca_signed_fault((enum ca_document)i, &signer,
		    tls_key(CA_USER)->document[i].bytes,
		    tls_key(CA_USER)->document[i].length));
		assert_int_equal(EVP_MD_CTX_reset(context), 1);
	}
	EVP_MD_CTX_free(context);
}

static void expired_certificate_says_what_to_do(void **state)
{
	const int64_t life = (int64_t)CA_DOCUMENT_DAYS * 86400;

	(void)state;
	replace_certificate(clock_wall_seconds() - life + 60);
	assert_true(loads());
	replace_certificate(clock_wall_seconds() - life);
	assert_false(loads());
	assert_non_null(strstr(failure.text, "expired"));
	assert_non_null(strstr(failure.text, "clock"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(certificate_is_as_teleports),
		cmocka_unit_test_setup_teardown(
		    certificate_is_as_teleports, fixture_begin_legacy, fixture_end),
		TEST(crl_is_empty_and_the_cas_own),
		cmocka_unit_test_setup_teardown(
		    crl_is_empty_and_the_cas_own, fixture_begin_legacy, fixture_end),
		TEST(everybody_is_shown_certificate_and_crl),
		TEST(each_use_of_a_key_is_recorded_before_it),
		TEST(no_key_serves_twice),
		TEST(nothing_is_assumed_to_be_done_at_once),
		TEST(end_at_any_step_loses_no_ca),
		TEST(failing_keystore_is_told_and_leaves_nothing_half),
		TEST(wrong_signature_is_no_certificate),
		TEST(nothing_is_made_that_the_record_does_not_have),
		TEST(config_is_taken_when_its_cas_are_made),
		TEST(config_is_refused_when_they_can_not_be_made),
		TEST(worker_that_died_meanwhile_is_no_matter),
		TEST(refuses_certificate_of_another_key),
		TEST(refuses_crl_of_another_ca),
		TEST(refuses_every_changed_byte_of_a_certificate),
		TEST(refuses_certificate_of_another_cluster),
		TEST(expired_certificate_says_what_to_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
