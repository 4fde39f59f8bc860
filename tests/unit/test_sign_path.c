/* The sign path, from a worker's frame to the answer, the record and the key. */
#include "broker_fixture.h"

#include <openssl/evp.h>

static struct fixture *f;
static struct fixture_document d;

static int begin(void **state)
{
	(void)state;
	f = fixture_new(FIXTURE_POLICY, SUITE_BALANCED_V1);
	return 0;
}

static int begin_legacy(void **state)
{
	(void)state;
	f = fixture_new(FIXTURE_POLICY, SUITE_LEGACY);
	return 0;
}

static int begin_p256(void **state)
{
	(void)state;
	f = fixture_new(FIXTURE_POLICY, SUITE_HSM_V1);
	return 0;
}

static int end(void **state)
{
	(void)state;
	fixture_free(f);
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

static size_t record_text_of(char *out, size_t room)
{
	char path[128];
	ssize_t n;
	int fd;

	assert_true(audit_log_commit(&f->broker->log));
	fixture_path(f, "audit/audit-000001.jsonl", path);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	n = read(fd, out, room - 1);
	assert_true(n > 0);
	out[n] = '\0';
	close(fd);
	return (size_t)n;
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
	char text[65536], *permit, *outcome;

	(void)state;
	assert_int_equal(ask(CA_USER, DOCUMENT_SSH_USER, "alice"), OP_SIGNED);
	assert_true(f->broker->log.durable >= 4); /* keys were made before it */
	record_text_of(text, sizeof text);
	permit = strstr(text, "\"event\":\"sign\"");
	outcome = strstr(permit ? permit : text, "\"event\":\"outcome\"");
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

static void equal_refusals_become_one_line(void **state)
{
	char text[65536];
	unsigned i;

	(void)state;
	for (i = 0; i < 10; i++)
		assert_int_equal(ask(CA_USER, DOCUMENT_SSH_USER, "root"), OP_REFUSED);
	refusals_flush(f->broker, UINT64_MAX);
	record_text_of(text, sizeof text);
	assert_non_null(strstr(text, "\"count\":10"));
	assert_null(
	    strstr(strstr(text, "\"event\":\"refuse\"") + 1, "\"event\":\"refuse\""));
}

static void no_flood_of_refusals_makes_many_lines(void **state)
{
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
	refusals_flush(f->broker, SECOND_NS + 1);
	assert_int_equal(f->broker->log.sequence, before + REFUSALS_KINDS + 1);
	assert_non_null(strstr(f->broker->log.text, "\"count\":984"));
}

static void wrong_signature_is_kept_back(void **state)
{
	struct key *key = &f->broker->authorities[CA_USER].key[PURPOSE_SSH];
	EVP_PKEY *good = key->public;
	char text[65536];

	(void)state;
	key->public = f->broker->authorities[CA_HOST].key[PURPOSE_SSH].public;
	log_level_set(LOG_LEVEL_ERROR);
	assert_int_equal(ask(CA_USER, DOCUMENT_SSH_USER, "alice"), OP_UNAVAILABLE);
	key->public = good;
	assert_int_equal(frame_number(&f->answer, 0), UNAVAILABLE_KEYSTORE);
	assert_int_equal(f->broker->metrics.uses[USE_WRONG], 1);
	record_text_of(text, sizeof text);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(signs_what_the_policy_permits),
		cmocka_unit_test_setup_teardown(
		    signs_what_the_policy_permits, begin_legacy, end),
		cmocka_unit_test_setup_teardown(
		    signs_what_the_policy_permits, begin_p256, end),
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
		TEST(equal_refusals_become_one_line),
		TEST(no_flood_of_refusals_makes_many_lines),
		TEST(wrong_signature_is_kept_back),
		TEST(approval_is_spent_once_for_its_key_and_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
