/* worker/methods.c, and the builder through it: what the methods promise. */
#include "worker_rig.h"

#include <openssl/pem.h>

#define PRINCIPALS "\"public_key\":\"" RIG_ED25519 "\",\"principals\""

static int start(void **state)
{
	*state = rig_start();
	return 0;
}

static int stop(void **state)
{
	rig_end(*state);
	return 0;
}

/* Does the certificate of that result verify under the rig's key, and what does it say?
 */
static void read_certificate(
    struct rig *rig, const cJSON *answer, uint8_t *bytes, struct facts *facts)
{
	static const char type[] = "ssh-ed25519-cert-v01@openssh.com ";
	const char *text =
	    cJSON_GetStringValue(cJSON_GetObjectItem(rig_result(answer), "certificate"));
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t length, signed_length;

	assert_memory_equal(text, type, strlen(type));
	text += strlen(type);
	assert_true(base64_read(text, strlen(text), bytes, 65536, &length));
	/* the signature's string: u32 length 83, then u32 11, "ssh-ed25519", u32 64, 64
	 * bytes */
	signed_length = length - 4 - 83;
	assert_int_equal(
	    ssh_certificate_read(bytes, signed_length, facts), SSH_FORM_GOOD);
	EVP_DigestVerifyInit(context, NULL, NULL, NULL, rig->key[rig->current]);
	assert_int_equal(
	    EVP_DigestVerify(context, bytes + length - 64, 64, bytes, signed_length), 1);
	EVP_MD_CTX_free(context);
}

static void issues_user_certificate_that_verifies(void **state)
{
	static uint8_t bytes[65536];
	struct facts facts;
	cJSON *answer = rig_call(*state, "ssh-user",
	    "{\"key_id\":\"alice\",\"ttl\":\"1h\",\"extensions\":{\"permit-pty\":\"\","
	    "\"permit-port-forwarding\":\"\"},\"critical_options\":{\"force-command\":"
	    "\"ls\"}," PRINCIPALS ":[\"alice\",\"web\"]}");
	const cJSON *result = rig_result(answer);
	double after = cJSON_GetObjectItem(result, "valid_after")->valuedouble;
	double before = cJSON_GetObjectItem(result, "valid_before")->valuedouble;

	read_certificate(*state, answer, bytes, &facts);
	assert_int_equal(facts.ssh_type, SSH_CERTIFICATE_USER);
	assert_int_equal(facts.principals_count, 2);
	assert_memory_equal(facts.key_id, "alice", 5);
	/* sorted, though asked for the other way round */
	assert_memory_equal(facts.extensions + 4, "permit-port-forwarding", 22);
	assert_memory_equal(facts.critical_options,
	    "\0\0\0\x0d"
	    "force-command"
	    "\0\0\0\x06\0\0\0\x02ls",
	    27);
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(result, "serial")),
	    "1311768467463790320");
	assert_true(facts.serial == UINT64_C(1311768467463790320));
	assert_true(facts.valid_after == (uint64_t)after);
	assert_true(before - after == 3600 + 60);
	cJSON_Delete(answer);
}

static void who_floods_leaves_a_place_to_who_does_not(void **state)
{
	static const char params[] = "{\"key_id\":\"alice\"," PRINCIPALS ":[\"alice\"]}";
	struct rig *rig = *state;
	struct pendings *pendings = &rig->worker->pendings;

	assert_int_equal(rig_call_code(rig, "ssh-user", params), 0);
	/* All but three places are taken, three of these by this client. */
	pendings->count += PENDING_MAX - 3;
	rig->worker->connections.of[0]->outstanding += 3;
	assert_int_equal(rig_call_code(rig, "ssh-user", params), RPC_TOO_MANY);
	rig->worker->connections.of[0]->outstanding -= 3;
	assert_int_equal(rig_call_code(rig, "ssh-user", params), 0);
	pendings->count -= PENDING_MAX - 3;
}

static void issues_host_certificate_without_key_id(void **state)
{
	static uint8_t bytes[65536];
	struct facts facts;
	cJSON *answer =
	    rig_call(*state, "ssh-host", "{" PRINCIPALS ":[\"web.example.com\"]}");

	read_certificate(*state, answer, bytes, &facts);
	assert_int_equal(facts.ssh_type, SSH_CERTIFICATE_HOST);
	assert_int_equal(facts.key_id_length, 0);
	cJSON_Delete(answer);
}

static void cuts_the_default_ttl_to_the_rules_own(void **state)
{
	cJSON *answer = rig_call(*state, "ssh-user",
	    "{\"key_id\":\"a\",\"ca\":\"openssh\"," PRINCIPALS ":[\"a\"]}");
	const cJSON *result = rig_result(answer);

	assert_true(cJSON_GetObjectItem(result, "valid_before")->valuedouble -
			cJSON_GetObjectItem(result, "valid_after")->valuedouble ==
		    3600 + 60);
	cJSON_Delete(answer);
}

static void uses_the_default_ttl_where_the_rule_permits_more(void **state)
{
	cJSON *answer =
	    rig_call(*state, "ssh-host", "{" PRINCIPALS ":[\"a.example.com\"]}");
	const cJSON *result = rig_result(answer);

	assert_true(cJSON_GetObjectItem(result, "valid_before")->valuedouble -
			cJSON_GetObjectItem(result, "valid_after")->valuedouble ==
		    12 * 3600 + 60);
	cJSON_Delete(answer);
}

static void refuses_with_the_line_that_refused(void **state)
{
	struct rig *rig = *state;
	cJSON *answer = rig_call(
	    rig, "ssh-user", "{\"key_id\":\"a\"," PRINCIPALS ":[\"a\",\"root\"]}");

	assert_int_equal(rig_code(answer), RPC_REFUSED);
	assert_string_equal(rig_data(answer, "rule"), "policy.conf:2");
	assert_string_equal(rig_data(answer, "fact"), "principals");
	assert_string_equal(rig_data(answer, "value"), "root");
	assert_int_equal(rig->signs, 0);
	cJSON_Delete(answer);
}

static void refuses_by_default_what_no_line_permits(void **state)
{
	cJSON *answer =
	    rig_call(*state, "ssh-host", "{" PRINCIPALS ":[\"web.example.org\"]}");

	assert_int_equal(rig_code(answer), RPC_REFUSED);
	assert_string_equal(rig_data(answer, "rule"), "default");
	assert_string_equal(rig_data(answer, "fact"), "principals");
	assert_string_equal(rig_data(answer, "value"), "web.example.org");
	cJSON_Delete(answer);
}

static void refuses_principals_that_no_certificate_may_have(void **state)
{
	static const char *const bad[] = { "a\\nb", "a,b", "*", "a?", "!a", "a b", "" };
	char params[512];
	cJSON *answer;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(params, sizeof(params),
		    "{\"key_id\":\"a\"," PRINCIPALS ":[\"%s\"]}", bad[i]);
		answer = rig_call(*state, "ssh-user", params);
		assert_int_equal(rig_code(answer), RPC_REFUSED);
		assert_string_equal(rig_data(answer, "rule"), "invariant");
		assert_string_equal(rig_data(answer, "fact"), "principals");
		cJSON_Delete(answer);
	}
}

static void refuses_a_ca_key_as_subject(void **state)
{
	struct rig *rig = *state;
	char params[512], text[128] = "";
	uint8_t blob[64];
	cJSON *answer;

	base64_write(blob, rig_blob(rig, 0, blob), text);
	snprintf(params, sizeof(params),
	    "{\"key_id\":\"a\",\"principals\":[\"a\"],"
	    "\"public_key\":\"ssh-ed25519 %s\"}",
	    text);
	answer = rig_call(rig, "ssh-user", params);
	assert_int_equal(rig_code(answer), RPC_REFUSED);
	assert_string_equal(rig_data(answer, "fact"), "subject-key");
	cJSON_Delete(answer);
}

static void refuses_a_ttl_that_is_none(void **state)
{
	static const char *const bad[] = { "0", "-1", "1.5", "60.0", "1e3", "\"0s\"",
		"\"-1h\"", "\"\"", "\"1\"", "\"1.5h\"", "\"11000d\"", "315360001", "true",
		"null", "[]" };
	char params[512];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(params, sizeof(params),
		    "{\"key_id\":\"a\",\"ttl\":%s," PRINCIPALS ":[\"a\"]}", bad[i]);
		assert_int_equal(
		    rig_call_code(*state, "ssh-user", params), RPC_INVALID_PARAMS);
	}
}

static void refuses_a_ttl_beyond_the_rule(void **state)
{
	cJSON *answer = rig_call(*state, "ssh-user",
	    "{\"key_id\":\"a\",\"ttl\":43201," PRINCIPALS ":[\"a\"]}");

	assert_int_equal(rig_code(answer), RPC_REFUSED);
	assert_string_equal(rig_data(answer, "fact"), "ttl");
	cJSON_Delete(answer);
	assert_int_equal(rig_call_code(*state, "ssh-user",
			     "{\"key_id\":\"a\",\"ttl\":43200," PRINCIPALS ":[\"a\"]}"),
	    0);
}

static void refuses_params_of_the_wrong_shape(void **state)
{
	static const char *const bad[] = {
		"{}",
		"{\"key_id\":\"a\",\"principals\":[\"a\"]}",
		"{\"key_id\":\"a\",\"public_key\":\"x\",\"principals\":[\"a\"]}",
		"{\"key_id\":\"a\",\"public_key\":5,\"principals\":[\"a\"]}",
		"{" PRINCIPALS ":[\"a\"]}",
		"{\"key_id\":5," PRINCIPALS ":[\"a\"]}",
		"{\"key_id\":\"a\"," PRINCIPALS ":[]}",
		"{\"key_id\":\"a\"," PRINCIPALS ":\"a\"}",
		"{\"key_id\":\"a\"," PRINCIPALS ":{\"a\":\"b\"}}",
		"{\"key_id\":\"a\"," PRINCIPALS ":[\"a\",1]}",
		"{\"key_id\":\"a\",\"extensions\":[]," PRINCIPALS ":[\"a\"]}",
		"{\"key_id\":\"a\",\"extensions\":{\"permit-pty\":true}," PRINCIPALS
		":[\"a\"]}",
		"{\"key_id\":\"a\",\"ca\":\"host\"," PRINCIPALS ":[\"a\"]}",
		"{\"key_id\":\"a\",\"ca\":5," PRINCIPALS ":[\"a\"]}",
		"{\"key_id\":\"a\",\"color\":5," PRINCIPALS ":[\"a\"]}",
		"{\"key_id\":\"a\\u0000b\"," PRINCIPALS ":[\"a\"]}",
	};
	struct rig *rig = *state;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(
		    rig_call_code(rig, "ssh-user", bad[i]), RPC_INVALID_PARAMS);
	assert_int_equal(rig->signs, 0);
}

static void names_the_params_that_it_does_not_know(void **state)
{
	cJSON *answer = rig_call(*state, "ping", "{\"color\":1,\"shape\":2}");

	assert_int_equal(rig_code(answer), RPC_INVALID_PARAMS);
	assert_non_null(strstr(((struct rig *)*state)->received, "color"));
	assert_non_null(strstr(((struct rig *)*state)->received, "shape"));
	cJSON_Delete(answer);
}

static void builds_anew_once_when_the_ca_key_has_changed(void **state)
{
	static uint8_t bytes[65536];
	struct rig *rig = *state;
	struct facts facts;
	cJSON *answer;

	rig->mode = RIG_STALE_ONCE;
	answer = rig_call(rig, "ssh-host", "{" PRINCIPALS ":[\"a.example.com\"]}");
	read_certificate(rig, answer, bytes, &facts); /* under the second key */
	assert_int_equal(rig->current, 1);
	assert_int_equal(rig->signs, 2);
	cJSON_Delete(answer);
}

static void gives_up_when_the_ca_key_changes_again(void **state)
{
	struct rig *rig = *state;
	cJSON *answer;

	rig->mode = RIG_UNAVAILABLE;
	rig->reason = UNAVAILABLE_STALE;
	answer = rig_call(rig, "ssh-host", "{" PRINCIPALS ":[\"a.example.com\"]}");
	assert_int_equal(rig_code(answer), RPC_UNAVAILABLE);
	assert_int_equal(rig->signs, 2);
	cJSON_Delete(answer);
}

static void passes_on_why_the_broker_did_not_sign(void **state)
{
	static const struct {
		enum unavailable reason;
		int code;
		const char *data;
	} cases[] = {
		{ UNAVAILABLE_KEYSTORE, RPC_UNAVAILABLE,
		    "\"data\":{\"retryable\":true}" },
		{ UNAVAILABLE_RATE, RPC_RATE, "\"data\":{\"retry_after\":2}" },
		{ UNAVAILABLE_BREAKER, RPC_RATE, "\"data\":{\"retry_after\":2}" },
		{ UNAVAILABLE_DEADLINE, RPC_DEADLINE, "the broker says why" },
		{ UNAVAILABLE_RECORD, RPC_NO_RECORD, "the broker says why" },
	};
	struct rig *rig = *state;
	size_t i;

	rig->mode = RIG_UNAVAILABLE;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig->reason = cases[i].reason;
		assert_int_equal(rig_call_code(rig, "ssh-host",
				     "{" PRINCIPALS ":[\"a.example.com\"]}"),
		    cases[i].code);
		assert_non_null(strstr(rig->received, cases[i].data));
	}
}

static void passes_on_a_refusal_of_the_broker(void **state)
{
	struct rig *rig = *state;
	cJSON *answer;

	rig->mode = RIG_REFUSES;
	answer = rig_call(rig, "ssh-host", "{" PRINCIPALS ":[\"a.example.com\"]}");
	assert_int_equal(rig_code(answer), RPC_REFUSED);
	assert_string_equal(rig_data(answer, "rule"), "policy.conf:7");
	assert_string_equal(rig_data(answer, "value"), "mallory");
	cJSON_Delete(answer);
}

static void shows_authorities_and_one_of_them(void **state)
{
	cJSON *answer = rig_call(*state, "authorities", "{}");

	assert_int_equal(cJSON_GetArraySize(rig_result(answer)), 3);
	cJSON_Delete(answer);
	answer = rig_call(*state, "authorities", "{\"type\":\"host\"}");
	assert_int_equal(cJSON_GetArraySize(rig_result(answer)), 1);
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(
				rig_result(answer)->child, "sub_kind")),
	    "host");
	cJSON_Delete(answer);
	assert_int_equal(rig_call_code(*state, "authorities", "{\"type\":\"hosts\"}"),
	    RPC_INVALID_PARAMS);
}

static void shows_status_with_a_row_a_key(void **state)
{
	cJSON *answer = rig_call(*state, "status", "{}");
	const cJSON *result = rig_result(answer), *row, *key;

	assert_string_equal(
	    cJSON_GetStringValue(cJSON_GetObjectItem(result, "cluster")), "example.com");
	assert_int_equal(cJSON_GetObjectItem(result, "rpc")->valueint, 1);
	assert_true(cJSON_IsTrue(cJSON_GetObjectItem(result, "ready")));
	row = cJSON_GetObjectItem(result, "authorities")->child;
	assert_string_equal(
	    cJSON_GetStringValue(cJSON_GetObjectItem(row, "type")), "user");
	key = cJSON_GetObjectItem(row, "keys")->child;
	assert_string_equal(
	    cJSON_GetStringValue(cJSON_GetObjectItem(key, "algorithm")), "Ed25519");
	assert_string_equal(
	    cJSON_GetStringValue(cJSON_GetObjectItem(key, "storage")), "software");
	cJSON_Delete(answer);
}

static void alerts_are_the_brokers_as_they_are(void **state)
{
	cJSON *answer = rig_call(*state, "alerts", "{}");
	char *text = cJSON_PrintUnformatted(rig_result(answer));

	assert_string_equal(text, RIG_ALERTS);
	cJSON_free(text);
	cJSON_Delete(answer);
	assert_int_equal(
	    rig_call_code(*state, "alerts", "{\"id\":1}"), RPC_INVALID_PARAMS);
}

static void shows_tls_keys_and_what_the_host_ca_is_known_by(void **state)
{
	struct rig *rig = *state;
	unsigned char info[512], *end = info, digest[32];
	char pin[80] = "sha256:";
	cJSON *answer = rig_call(rig, "status", "{}");
	const cJSON *pins = cJSON_GetObjectItem(rig_result(answer), "ca_pins"), *key;
	size_t i;

	key = cJSON_GetObjectItem(
	    cJSON_GetObjectItem(rig_result(answer), "authorities")->child, "keys")
		  ->child->next;
	assert_string_equal(rig_text(key, "protocol"), "TLS");
	assert_string_equal(rig_text(key, "status"), "active");
	assert_string_equal(rig_text(key, "algorithm"), "ECDSA P-256");
	assert_string_equal(rig_text(key, "storage"), "AWS KMS");
	assert_true(i2d_PUBKEY(rig->tls_key[0], &end) > 0);
	assert_int_equal(
	    EVP_Q_digest(NULL, "SHA256", NULL, info, (size_t)(end - info), digest, NULL),
	    1);
	for (i = 0; i < sizeof(digest); i++)
		snprintf(pin + 7 + 2 * i, 3, "%02x", digest[i]);
	assert_int_equal(cJSON_GetArraySize(pins), 1);
	assert_string_equal(pins->child->valuestring, pin);
	cJSON_Delete(answer);
}

static void shows_the_crl_of_a_ca_as_openssl_reads_it(void **state)
{
	struct rig *rig = *state;
	cJSON *answer = rig_call(rig, "crl", "{\"type\":\"user\"}");
	const char *text = rig_text(rig_result(answer), "crl");
	BIO *bio = BIO_new_mem_buf(text, -1);
	X509_CRL *crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);

	assert_non_null(crl);
	assert_int_equal(X509_CRL_verify(crl, rig->tls_key[0]), 1);
	assert_int_equal(text[strlen(text) - 1], '\n');
	X509_CRL_free(crl);
	BIO_free(bio);
	cJSON_Delete(answer);
}

static void says_which_cas_have_no_crl(void **state)
{
	cJSON *answer = rig_call(*state, "crl", "{\"type\":\"openssh\"}");

	assert_int_equal(rig_code(answer), RPC_INVALID_PARAMS);
	assert_string_equal(rig_message(answer),
	    "type: the CA openssh has no CRL; CAs with a TLS key have one");
	cJSON_Delete(answer);
	assert_int_equal(
	    rig_call_code(*state, "crl", "{\"type\":\"db\"}"), RPC_INVALID_PARAMS);
	assert_int_equal(rig_call_code(*state, "crl", "{}"), RPC_INVALID_PARAMS);
	assert_int_equal(
	    rig_call_code(*state, "crl", "{\"type\":\"x\"}"), RPC_INVALID_PARAMS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(issues_user_certificate_that_verifies),
		TEST(who_floods_leaves_a_place_to_who_does_not),
		TEST(issues_host_certificate_without_key_id),
		TEST(cuts_the_default_ttl_to_the_rules_own),
		TEST(uses_the_default_ttl_where_the_rule_permits_more),
		TEST(refuses_with_the_line_that_refused),
		TEST(refuses_by_default_what_no_line_permits),
		TEST(refuses_principals_that_no_certificate_may_have),
		TEST(refuses_a_ca_key_as_subject),
		TEST(refuses_a_ttl_that_is_none),
		TEST(refuses_a_ttl_beyond_the_rule),
		TEST(refuses_params_of_the_wrong_shape),
		TEST(names_the_params_that_it_does_not_know),
		TEST(builds_anew_once_when_the_ca_key_has_changed),
		TEST(gives_up_when_the_ca_key_changes_again),
		TEST(passes_on_why_the_broker_did_not_sign),
		TEST(passes_on_a_refusal_of_the_broker),
		TEST(shows_authorities_and_one_of_them),
		TEST(shows_status_with_a_row_a_key),
		TEST(alerts_are_the_brokers_as_they_are),
		TEST(shows_tls_keys_and_what_the_host_ca_is_known_by),
		TEST(shows_the_crl_of_a_ca_as_openssl_reads_it),
		TEST(says_which_cas_have_no_crl),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
