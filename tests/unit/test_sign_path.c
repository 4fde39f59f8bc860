/* The sign path, from a worker's frame to the answer, the record and the key. */
#include "broker_fixture.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>

static struct fixture_document d;

static int begin_p256(void **state)
{
	(void)state;
	f = fixture_new(FIXTURE_POLICY, SUITE_HSM_V1);
	return 0;
}

/* The answer to one request for `principal`. */
static enum op ask(enum ca ca, enum document document, const char *principal)
{
	fixture_document(f, &d, ca, principal);
	fixture_ask(f, 5, ca, document, &d);
	fixture_turn(f);
	assert_true(fixture_receive(f));
	assert_int_equal(f->answer.id, 5);
	return f->answer.op;
}

static const char *committed_record(void)
{
	assert_true(audit_log_commit(&f->broker->log));
	return fixture_record();
}

/* The stamped document, verified with OpenSSL alone. */
static void verify(enum ca ca)
{
	struct approval approval = { .bytes = d.bytes, .length = d.length };
	struct facts read;

	assert_int_equal(ssh_certificate_read(d.bytes, d.length, &read), SSH_FORM_GOOD);
	assert_int_equal(frame_length(&f->answer, 0), 8);
	assert_true(frame_number(&f->answer, 0) != 0);
	memcpy(d.bytes + read.serial_at, frame_bytes(&f->answer, 0), 8);
	crypto_sha256(&f->broker->crypto, d.bytes, d.length, approval.digest);
	assert_true(key_verify(ca_key(f->broker, ca, PURPOSE_SSH), &f->broker->crypto,
	    &approval, frame_bytes(&f->answer, 1), frame_length(&f->answer, 1)));
}

static void signs_what_the_policy_permits(void **state)
{
	(void)state;
	assert_int_equal(ask(CA_USER, DOCUMENT_SSH_USER, "alice"), OP_SIGNED);
	verify(CA_USER);
	assert_int_equal(ask(CA_HOST, DOCUMENT_SSH_HOST, "web.example.com"), OP_SIGNED);
	verify(CA_HOST);
}

/* ---- X.509 ---- */

static enum op ask_with_facts(enum ca ca, enum document document)
{
	d.length = x509_certificate_write(&d.facts, d.bytes, sizeof d.bytes);
	assert_true(d.length > 0);
	fixture_ask(f, 5, ca, document, &d);
	fixture_turn(f);
	assert_true(fixture_receive(f));
	return f->answer.op;
}

static X509 *whole_certificate(const uint8_t *bytes, size_t length)
{
	X509 *certificate = d2i_X509(NULL, &bytes, (long)length);

	assert_non_null(certificate);
	return certificate;
}

/* As OpenSSL sees the whole: the CA's certificate confirms it. */
static void verify_certificate(enum ca ca)
{
	const struct state_key *key =
	    &f->broker->state.keys[ca][PURPOSE_TLS][KEY_SET_ACTIVE].key[0];
	const struct ca_signer signer = { .key = ca_key(f->broker, ca, PURPOSE_TLS),
		.crypto = &f->broker->crypto };
	X509 *own = whole_certificate(
	    key->document[CA_CERTIFICATE].bytes, key->document[CA_CERTIFICATE].length);
	uint8_t whole[8192];
	struct facts read;
	size_t length;
	X509 *issued;

	assert_int_equal(x509_certificate_read(d.bytes, d.length, &read), X509_FORM_GOOD);
	assert_int_equal(frame_length(&f->answer, 0), X509_SERIAL_STAMPED);
	memcpy(d.bytes + read.serial_at, frame_bytes(&f->answer, 0), X509_SERIAL_STAMPED);
	length = ca_document_join(&signer, d.bytes, d.length, frame_bytes(&f->answer, 1),
	    frame_length(&f->answer, 1), whole, sizeof whole);
	issued = whole_certificate(whole, length);
	assert_int_equal(X509_verify(issued, X509_get0_pubkey(own)), 1);
	assert_int_equal(X509_check_issued(own, issued), X509_V_OK);
	X509_free(issued);
	X509_free(own);
}

static void signs_certificates_that_the_policy_permits(void **state)
{
	char serial[64];
	const char *line;

	(void)state;
	fixture_certificate(f, &d, CA_USER, "alice");
	assert_int_equal(ask_with_facts(CA_USER, DOCUMENT_X509_USER), OP_SIGNED);
	verify_certificate(CA_USER);
	snprintf(serial, sizeof serial, "\"serial\":\"");
	crypto_hex(serial + strlen(serial), frame_bytes(&f->answer, 0), 16);
	line = strstr(committed_record(), "\"document\":\"x509-user\"");
	assert_non_null(line);
	assert_non_null(strstr(line, serial));
	fixture_certificate(f, &d, CA_HOST, "web.example.com");
	assert_int_equal(ask_with_facts(CA_HOST, DOCUMENT_X509_HOST), OP_SIGNED);
	verify_certificate(CA_HOST);
}

static void hostile(const char *what, enum fact fact)
{
	if (ask_with_facts(CA_USER, DOCUMENT_X509_USER) != OP_REFUSED ||
	    frame_number(&f->answer, 0) != fact)
		fail_msg("%s: op %u, fact %s", what, f->answer.op,
		    fact_name((enum fact)frame_number(&f->answer, 0)));
	fixture_certificate(f, &d, CA_USER, "alice");
}

static void refuses_hostile_certificates(void **state)
{
	static const uint8_t stamped[X509_SERIAL_STAMPED] = { 0x41 }, other[20] = { 1 };
	const struct facts *host = &f->broker->authorities[CA_HOST].certificate;

	(void)state;
	fixture_certificate(f, &d, CA_USER, "alice");
	X509_SET(&d.facts, x509_issuer, FACTS_SLICE(host, x509_subject));
	hostile("another CA's name", FACT_ISSUER);
	X509_SET(&d.facts, x509_authority_key_id, FACTS_SLICE(host, x509_subject_key_id));
	hostile("another CA's key", FACT_ISSUER);
	X509_SET(&d.facts, x509_authority_key_id, ((struct slice){ other, 20 }));
	hostile("nobody's key", FACT_ISSUER);
	d.facts.x509_authority_key_id_length = 0;
	hostile("no key identifier", FACT_ISSUER);
	d.facts.x509_is_ca = true;
	hostile("a CA's certificate", FACT_FORM);
	d.facts.x509_extended_key_usage = X509_CLIENT_AUTH;
	hostile("another extended key usage", FACT_KEY_USAGE);
	d.facts.x509_key_usage = X509_DIGITAL_SIGNATURE;
	hostile("another key usage", FACT_KEY_USAGE);
	d.facts.x509_serial = stamped;
	hostile("a serial of its own", FACT_SERIAL);
	d.facts.x509_signature = X509_RSA_SHA256;
	hostile("another key's algorithm", FACT_SIGNATURE_ALGORITHM);
	d.facts.x509_not_after = clock_wall_seconds() + 7200;
	hostile("more than the rule's ttl", FACT_TTL);
	d.facts.subject_key = ca_key(f->broker, CA_HOST, PURPOSE_SSH)->blob + 19;
	hostile("a CA's own key", FACT_SUBJECT_KEY);
}

/* Of the policy's permits none reaches beyond the CA's own certificate. */
static void refuses_certificate_that_outlives_its_ca(void **state)
{
	struct facts *own = &f->broker->authorities[CA_USER].certificate;

	(void)state;
	own->x509_not_after = clock_wall_seconds() + 500;
	fixture_certificate(f, &d, CA_USER, "alice");
	hostile("more than its CA has", FACT_VALIDITY);
	own->x509_not_after = clock_wall_seconds() + 700;
	assert_int_equal(ask_with_facts(CA_USER, DOCUMENT_X509_USER), OP_SIGNED);
}

static void certificate_of_the_cas_old_key_is_stale_and_no_offence(void **state)
{
	const struct facts *host = &f->broker->authorities[CA_HOST].certificate;
	struct state_keys *old =
	    &f->broker->state.keys[CA_USER][PURPOSE_TLS][KEY_SET_TRUSTED];

	(void)state;
	old->count = 1;
	old->key[0] = f->broker->state.keys[CA_HOST][PURPOSE_TLS][KEY_SET_ACTIVE].key[0];
	fixture_certificate(f, &d, CA_USER, "alice");
	X509_SET(&d.facts, x509_issuer, FACTS_SLICE(host, x509_subject));
	X509_SET(&d.facts, x509_authority_key_id, FACTS_SLICE(host, x509_subject_key_id));
	assert_int_equal(ask_with_facts(CA_USER, DOCUMENT_X509_USER), OP_UNAVAILABLE);
	assert_int_equal(frame_number(&f->answer, 0), UNAVAILABLE_STALE);
	assert_int_equal(f->channel->service->breaker.next, 0);
}

static void refuses_certificate_for_a_point_off_its_curve(void **state)
{
	uint8_t point[97] = { 4, 1, 2, 3 };

	(void)state;
	fixture_certificate(f, &d, CA_USER, "alice");
	d.facts.subject_kind = KEY_P384;
	d.facts.subject_key = point;
	d.facts.subject_key_length = sizeof point;
	hostile("a point off its curve", FACT_SUBJECT_KEY);
}

static void signs_nothing_under_a_key_without_certificate(void **state)
{
	(void)state;
	fixture_certificate(f, &d, CA_USER, "alice");
	f->broker->authorities[CA_USER].certificate.x509_is_ca = false;
	assert_int_equal(ask_with_facts(CA_USER, DOCUMENT_X509_USER), OP_UNAVAILABLE);
	assert_int_equal(frame_number(&f->answer, 0), UNAVAILABLE_KEYSTORE);
}

/* ---- both ---- */

static void each_serial_is_another(void **state)
{
	uint64_t first;

	(void)state;
	assert_int_equal(ask(CA_USER, DOCUMENT_SSH_USER, "alice"), OP_SIGNED);
	first = frame_number(&f->answer, 0);
	assert_int_equal(ask(CA_USER, DOCUMENT_SSH_USER, "alice"), OP_SIGNED);
	assert_true(frame_number(&f->answer, 0) != first);
}

static void signature_is_preceded_by_its_durable_record(void **state)
{
	const char *permit, *outcome;

	(void)state;
	assert_int_equal(ask(CA_USER, DOCUMENT_SSH_USER, "alice"), OP_SIGNED);
	assert_true(f->broker->log.durable >= 4); /* keys were made before it */
	permit = strstr(committed_record(), "\"event\":\"sign\"");
	outcome = strstr(permit ? permit : "", "\"event\":\"outcome\"");
	assert_non_null(permit);
	assert_non_null(outcome);
	assert_non_null(strstr(permit, "\"rule\":\"policy.conf:3\""));
	assert_non_null(strstr(permit, "alice"));
	assert_non_null(strstr(outcome, "\"outcome\":\"signed\""));
}

static void signs_nothing_when_the_record_fails(void **state)
{
	(void)state;
	close(f->broker->log.fd);
	f->broker->log.fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	assert_int_equal(ask(CA_USER, DOCUMENT_SSH_USER, "alice"), OP_UNAVAILABLE);
	assert_int_equal(frame_number(&f->answer, 0), UNAVAILABLE_RECORD);
	/* ... and it is final. */
	f->broker->log.fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_int_equal(ask(CA_USER, DOCUMENT_SSH_USER, "alice"), OP_UNAVAILABLE);
	assert_int_equal(f->broker->metrics.uses[USE_RELEASED], 0);
}

static void refusal_names_line_and_value(void **state)
{
	(void)state;
	assert_int_equal(ask(CA_USER, DOCUMENT_SSH_USER, "root"), OP_REFUSED);
	assert_int_equal(frame_number(&f->answer, 0), FACT_PRINCIPALS);
	assert_int_equal(frame_number(&f->answer, 1), VERDICT_RULE);
	assert_int_equal(frame_number(&f->answer, 2), 2);
	assert_memory_equal(frame_bytes(&f->answer, 3), "root", 4);
}

static void refuses_document_of_another_ca(void **state)
{
	(void)state;
	assert_int_equal(ask(CA_USER, DOCUMENT_SSH_HOST, "alice"), OP_REFUSED);
	assert_int_equal(frame_number(&f->answer, 0), FACT_CA);
	assert_int_equal(ask(CA_HOST, DOCUMENT_SSH_USER, "web.example.com"), OP_REFUSED);
	assert_int_equal(frame_number(&f->answer, 0), FACT_CA);
}

static void refuses_certificate_that_names_another_cas_key(void **state)
{
	const struct key *host = ca_key(f->broker, CA_HOST, PURPOSE_SSH);

	(void)state;
	fixture_document(f, &d, CA_USER, "alice");
	d.facts.signature_key = host->blob;
	d.length = ssh_certificate_write(&d.facts, d.bytes, sizeof d.bytes);
	fixture_ask(f, 1, CA_USER, DOCUMENT_SSH_USER, &d);
	fixture_turn(f);
	assert_true(fixture_receive(f));
	assert_int_equal(f->answer.op, OP_REFUSED);
	assert_int_equal(frame_number(&f->answer, 0), FACT_ISSUER);
}

static void old_key_of_the_ca_is_stale_and_no_offence(void **state)
{
	struct state_keys *old =
	    &f->broker->state.keys[CA_USER][PURPOSE_SSH][KEY_SET_TRUSTED];
	unsigned i;

	(void)state;
	old->count = 1;
	old->key[0] = f->broker->state.keys[CA_HOST][PURPOSE_SSH][KEY_SET_ACTIVE].key[0];
	for (i = 0; i < 2 * BREAKER_LIMIT; i++) {
		fixture_document(f, &d, CA_USER, "alice");
		d.facts.signature_key = old->key[0].blob;
		d.length = ssh_certificate_write(&d.facts, d.bytes, sizeof d.bytes);
		fixture_ask(f, 1, CA_USER, DOCUMENT_SSH_USER, &d);
		fixture_turn(f);
		assert_true(fixture_receive(f));
		assert_int_equal(f->answer.op, OP_UNAVAILABLE);
		assert_int_equal(frame_number(&f->answer, 0), UNAVAILABLE_STALE);
	}
}

static void refuses_subject_key_off_its_curve(void **state)
{
	uint8_t point[65] = { 4, 1, 2, 3 };

	(void)state;
	fixture_document(f, &d, CA_USER, "alice");
	d.facts.subject_kind = KEY_P256;
	d.facts.subject_key = point;
	d.facts.subject_key_length = sizeof point;
	d.length = ssh_certificate_write(&d.facts, d.bytes, sizeof d.bytes);
	assert_true(d.length > 0);
	fixture_ask(f, 1, CA_USER, DOCUMENT_SSH_USER, &d);
	fixture_turn(f);
	assert_true(fixture_receive(f));
	assert_int_equal(f->answer.op, OP_REFUSED);
	assert_int_equal(frame_number(&f->answer, 0), FACT_SUBJECT_KEY);
}

static void refuses_bytes_after_the_document(void **state)
{
	(void)state;
	fixture_document(f, &d, CA_USER, "alice");
	d.bytes[d.length++] = 0;
	fixture_ask(f, 1, CA_USER, DOCUMENT_SSH_USER, &d);
	fixture_turn(f);
	assert_true(fixture_receive(f));
	assert_int_equal(f->answer.op, OP_REFUSED);
	assert_int_equal(frame_number(&f->answer, 0), FACT_FORM);
}

static void used_up_rate_says_when_and_is_no_offence(void **state)
{
	(void)state;
	assert_int_equal(ask(CA_OPENSSH, DOCUMENT_SSH_USER, "alice"), OP_SIGNED);
	assert_int_equal(ask(CA_OPENSSH, DOCUMENT_SSH_USER, "alice"), OP_SIGNED);
	assert_int_equal(ask(CA_OPENSSH, DOCUMENT_SSH_USER, "alice"), OP_UNAVAILABLE);
	assert_int_equal(frame_number(&f->answer, 0), UNAVAILABLE_RATE);
	assert_in_range(frame_number(&f->answer, 1), 25000, 30000);
	assert_int_equal(metrics_refusals(&f->broker->metrics), 0);
	refusals_flush(f->broker, UINT64_MAX);
	assert_non_null(strstr(f->broker->log.text, "\"fact\":\"rate\""));
}

static void breaker_trips_at_the_thirtieth_refusal(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < BREAKER_LIMIT; i++)
		assert_int_equal(ask(CA_USER, DOCUMENT_SSH_USER, "root"), OP_REFUSED);
	assert_int_equal(ask(CA_USER, DOCUMENT_SSH_USER, "alice"), OP_UNAVAILABLE);
	assert_int_equal(frame_number(&f->answer, 0), UNAVAILABLE_BREAKER);
	assert_in_range(frame_number(&f->answer, 1), 59000, 60000);
	f->channel->service->breaker.until = 1; /* the minute is over */
	assert_int_equal(ask(CA_USER, DOCUMENT_SSH_USER, "alice"), OP_SIGNED);
}

/* Without it a clock that was set back would open a window again that had closed. */
static void signs_nothing_while_the_clock_is_behind_the_record(void **state)
{
	struct audit_log *log = &f->broker->log;

	(void)state;
	log_level_set(LOG_LEVEL_ERROR);
	log->latest = clock_wall_us() + 63 * 1000000;
	assert_int_equal(ask(CA_USER, DOCUMENT_SSH_USER, "alice"), OP_UNAVAILABLE);
	assert_int_equal(frame_number(&f->answer, 0), UNAVAILABLE_KEYSTORE);
	assert_non_null(
	    memmem(frame_bytes(&f->answer, 2), frame_length(&f->answer, 2), "clock", 5));
	assert_int_equal(metrics_refusals(&f->broker->metrics), 0);
	log->latest = clock_wall_us() + 57 * 1000000;
	assert_int_equal(ask(CA_USER, DOCUMENT_SSH_USER, "alice"), OP_SIGNED);
	assert_true(
	    audit_log_clock_behind(log) > 0); /* its own line moved nothing back */
}

static void clock_that_was_set_back_is_no_offence(void **state)
{
	struct breaker *breaker = &f->channel->service->breaker;

	(void)state;
	fixture_document(f, &d, CA_USER, "alice");
	d.facts.valid_before = (uint64_t)clock_wall_seconds() + 3605;
	d.length = ssh_certificate_write(&d.facts, d.bytes, sizeof d.bytes);
	f->broker->log.latest = clock_wall_us() + 10 * 1000000;
	fixture_ask(f, 1, CA_USER, DOCUMENT_SSH_USER, &d);
	fixture_turn(f);
	assert_true(fixture_receive(f));
	assert_int_equal(f->answer.op, OP_REFUSED);
	assert_int_equal(frame_number(&f->answer, 0), FACT_TTL);
	assert_int_equal(breaker->next, 0);
	f->broker->log.latest = 0;
	fixture_ask(f, 1, CA_USER, DOCUMENT_SSH_USER, &d);
	fixture_turn(f);
	assert_int_equal(breaker->next, 1);
}

/* A start out of time, an end that no clock makes: whether it is an offence. */
static void only_what_a_clock_explains_is_no_offence(void **state)
{
	struct facts *own = &f->broker->authorities[CA_USER].certificate;
	const struct breaker *breaker = &f->channel->service->breaker;
	const int64_t now = clock_wall_seconds();
	const struct {
		int64_t start, end;
		bool offence;
	} rows[] = { { now - 7200, now + 60, false }, { now + 7200, now + 7300, false },
		{ now - 60, now - 61, true }, { now + 7200, now + 7200, true },
		{ now - 60, now + 86400, true } };
	unsigned i, before;

	(void)state;
	own->x509_not_after = now + 80000;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		before = breaker->next;
		fixture_certificate(f, &d, CA_USER, "alice");
		d.facts.x509_not_before = rows[i].start;
		d.facts.x509_not_after = rows[i].end;
		d.length = x509_certificate_write(&d.facts, d.bytes, sizeof d.bytes);
		fixture_ask(f, i, CA_USER, DOCUMENT_X509_USER, &d);
		fixture_turn(f);
		assert_true(fixture_receive(f));
		assert_int_equal(f->answer.op, OP_REFUSED);
		assert_int_equal(frame_number(&f->answer, 0), FACT_VALIDITY);
		assert_int_equal(breaker->next - before, rows[i].offence);
	}
	fixture_document(f, &d, CA_USER, "alice");
	d.facts.valid_before = SSH_FOREVER;
	d.length = ssh_certificate_write(&d.facts, d.bytes, sizeof d.bytes);
	fixture_ask(f, i, CA_USER, DOCUMENT_SSH_USER, &d);
	fixture_turn(f);
	assert_int_equal(breaker->next - before, 2);
	assert_int_equal(f->broker->services[0].counts[SERVICE_UNTIMELY], 2);
}

static void equal_refusals_become_one_line(void **state)
{
	const char *text;
	unsigned i;

	(void)state;
	for (i = 0; i < 10; i++)
		assert_int_equal(ask(CA_USER, DOCUMENT_SSH_USER, "root"), OP_REFUSED);
	refusals_flush(f->broker, UINT64_MAX);
	text = committed_record();
	assert_non_null(strstr(text, "\"count\":10"));
	assert_null(
	    strstr(strstr(text, "\"event\":\"refuse\"") + 1, "\"event\":\"refuse\""));
}

static void no_flood_of_refusals_makes_many_lines(void **state)
{
	static struct channel other = { .socket = "other" };
	struct signing signing = { .channel = f->channel,
		.broker = f->broker,
		.request_id = (const uint8_t *)"",
		.bytes = (uint8_t[]){ 0 },
		.length = 1 };
	uint64_t before = f->broker->log.sequence;
	unsigned i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		signing.decision = (struct decision){
			.verdict = VERDICT_RULE, .fact = FACT_RATE, .line = i + 1
		};
		refusals_add(f->broker, &signing, 1);
	}
	refusals_flush(f->broker, 2);
	assert_int_equal(f->broker->log.sequence, before);
	/* Nor does one socket's flood keep another's refusal from the record. */
	signing.channel = &other;
	refusals_add(f->broker, &signing, 1);
	refusals_flush(f->broker, SECOND_NS + 1);
	assert_int_equal(f->broker->log.sequence, before + REFUSALS_KINDS + 1 + 1);
	assert_non_null(strstr(f->broker->log.text, "\"count\":984"));
}

static void wrong_signature_is_kept_back(void **state)
{
	struct key *key = &f->broker->authorities[CA_USER].key[PURPOSE_SSH];
	EVP_PKEY *good = key->public;
	const char *text;

	(void)state;
	key->public = f->broker->authorities[CA_HOST].key[PURPOSE_SSH].public;
	log_level_set(LOG_LEVEL_ERROR);
	assert_int_equal(ask(CA_USER, DOCUMENT_SSH_USER, "alice"), OP_UNAVAILABLE);
	key->public = good;
	assert_int_equal(frame_number(&f->answer, 0), UNAVAILABLE_KEYSTORE);
	assert_int_equal(f->broker->metrics.uses[USE_WRONG], 1);
	text = committed_record();
	assert_non_null(strstr(text, "\"outcome\":\"wrong-signature\""));
}

static void approval_is_spent_once_for_its_key_and_bytes(void **state)
{
	const struct key *user = ca_key(f->broker, CA_USER, PURPOSE_SSH),
			 *host = ca_key(f->broker, CA_HOST, PURPOSE_SSH);
	const struct decision permit = { .verdict = VERDICT_PERMIT },
			      refusal = { .verdict = VERDICT_RULE };
	const struct crypto *crypto = &f->broker->crypto;
	const struct audit_log *log = &f->broker->log;
	uint8_t bytes[4] = "abc";
	struct approval a;

	(void)state;
	assert_false(approval_make(&a, crypto, &refusal, user, bytes, 4));
	a.sequence = 1;
	assert_false(approval_spend(&a, crypto, log, user));
	assert_true(approval_make(&a, crypto, &permit, user, bytes, 4));
	assert_false(approval_spend(&a, crypto, log, user)); /* not on the record */
	assert_true(approval_make(&a, crypto, &permit, user, bytes, 4));
	a.sequence = log->durable + 1;
	assert_false(approval_spend(&a, crypto, log, user)); /* not durable */
	assert_true(approval_make(&a, crypto, &permit, user, bytes, 4));
	a.sequence = 1;
	assert_false(approval_spend(&a, crypto, log, host)); /* another key */
	bytes[0] = 'x';
	assert_false(approval_spend(&a, crypto, log, user)); /* other bytes */
	assert_true(approval_make(&a, crypto, &permit, user, bytes, 4));
	a.sequence = 1;
	assert_true(approval_spend(&a, crypto, log, user));
	assert_false(approval_spend(&a, crypto, log, user)); /* twice */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(signs_what_the_policy_permits),
		cmocka_unit_test_setup_teardown(
		    signs_what_the_policy_permits, fixture_begin_legacy, fixture_end),
		cmocka_unit_test_setup_teardown(
		    signs_what_the_policy_permits, begin_p256, fixture_end),
		TEST(signs_certificates_that_the_policy_permits),
		cmocka_unit_test_setup_teardown(
		    signs_certificates_that_the_policy_permits, fixture_begin_legacy,
		    fixture_end),
		TEST(refuses_hostile_certificates),
		TEST(refuses_certificate_that_outlives_its_ca),
		TEST(certificate_of_the_cas_old_key_is_stale_and_no_offence),
		TEST(refuses_certificate_for_a_point_off_its_curve),
		TEST(signs_nothing_under_a_key_without_certificate),
		TEST(each_serial_is_another),
		TEST(signature_is_preceded_by_its_durable_record),
		TEST(signs_nothing_when_the_record_fails),
		TEST(refusal_names_line_and_value),
		TEST(refuses_document_of_another_ca),
		TEST(refuses_certificate_that_names_another_cas_key),
		TEST(old_key_of_the_ca_is_stale_and_no_offence),
		TEST(refuses_subject_key_off_its_curve),
		TEST(refuses_bytes_after_the_document),
		TEST(used_up_rate_says_when_and_is_no_offence),
		TEST(breaker_trips_at_the_thirtieth_refusal),
		TEST(signs_nothing_while_the_clock_is_behind_the_record),
		TEST(clock_that_was_set_back_is_no_offence),
		TEST(only_what_a_clock_explains_is_no_offence),
		TEST(equal_refusals_become_one_line),
		TEST(no_flood_of_refusals_makes_many_lines),
		TEST(wrong_signature_is_kept_back),
		TEST(approval_is_spent_once_for_its_key_and_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
