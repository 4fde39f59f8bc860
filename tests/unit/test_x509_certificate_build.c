/* worker/x509_certificate_build.c, through the methods: what is asked for comes out, and
 * what is wrong is named. */
#include "worker_rig.h"
#include "x509_subjects.h"

static char *subject_key; /* PEM with its newlines as JSON has them */

static char *as_json(char *text)
{
	cJSON *string = cJSON_CreateString(text);
	char *json = cJSON_PrintUnformatted(string);

	cJSON_Delete(string);
	free(text);
	return json;
}

static int start(void **state)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");

	subject_key = as_json(public_pem(key));
	EVP_PKEY_free(key);
	*state = rig_start();
	return 0;
}

static int stop(void **state)
{
	free(subject_key);
	rig_end(*state);
	return 0;
}

/* With a good key before these params. */
static cJSON *call(struct rig *rig, const char *method, const char *params)
{
	static char whole[LINE_MAX_BYTES * 2];

	snprintf(whole, sizeof(whole), "{\"public_key\":%s%s%s}", subject_key,
	    params[0] ? "," : "", params);
	return rig_call(rig, method, whole);
}

static X509 *certificate_of(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	assert_non_null(certificate);
	BIO_free(bio);
	return certificate;
}

/* The certificate of a result, which verifies under the CA that its chain holds. */
static X509 *verified(struct rig *rig, const cJSON *answer)
{
	const cJSON *result = rig_result(answer),
		    *chain = cJSON_GetObjectItem(result, "chain");
	X509 *certificate = certificate_of(rig_text(result, "certificate"));
	X509 *ca = certificate_of(chain->child->valuestring);

	assert_int_equal(cJSON_GetArraySize(chain), 1);
	assert_int_equal(X509_verify(ca, rig->tls_key[rig->current]), 1);
	assert_int_equal(X509_check_issued(ca, certificate), X509_V_OK);
	assert_int_equal(X509_verify(certificate, X509_get0_pubkey(ca)), 1);
	X509_free(ca);
	return certificate;
}

static void subject_is(X509 *certificate, const char *text)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *subject;

	X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0,
	    XN_FLAG_RFC2253 & ~(unsigned long)XN_FLAG_DN_REV);
	subject = bio_text(bio);
	assert_string_equal(subject, text);
	free(subject);
}

static void alt_names_are(X509 *certificate, const char *text)
{
	int at = X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1);
	BIO *bio = BIO_new(BIO_s_mem());
	char *names;

	assert_true(at >= 0);
	assert_int_equal(X509V3_EXT_print(bio, X509_get_ext(certificate, at), 0, 0), 1);
	names = bio_text(bio);
	assert_string_equal(names, text);
	free(names);
}

static void issues_a_user_certificate_that_verifies(void **state)
{
	cJSON *answer = call(*state, "x509-user",
	    "\"subject\":{\"locality\":[\"alice\"],\"common_name\":\"Alice Müller\","
	    "\"organization\":[\"access\",\"editor\"]},\"ttl\":\"1h\","
	    "\"email\":[\"alice@example.com\"],\"attributes\":{\"1.3.9999.1.7\":"
	    "[\"example.com\"]}");
	const cJSON *result = rig_result(answer);
	X509 *certificate = verified(*state, answer);

	assert_int_equal(X509_get_version(certificate), 2);
	subject_is(certificate,
	    "O=access,O=editor,L=alice,CN=Alice M\\C3\\BCller,1.3.9999.1.7=#130B6578616D"
	    "706C652E636F6D");
	alt_names_are(certificate, "email:alice@example.com");
	assert_int_equal(
	    X509_get_key_usage(certificate), KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT);
	assert_int_equal(
	    X509_get_extended_key_usage(certificate), XKU_SSL_SERVER | XKU_SSL_CLIENT);
	assert_string_equal(
	    rig_text(result, "serial"), "123456789abcdef001020304050607ff");
	assert_true(cJSON_GetObjectItem(result, "not_after")->valuedouble -
			cJSON_GetObjectItem(result, "not_before")->valuedouble ==
		    3600 + 60);
	X509_free(certificate);
	cJSON_Delete(answer);
}

static void issues_a_host_certificate_with_names_of_every_kind(void **state)
{
	cJSON *answer = call(*state, "x509-host",
	    "\"subject\":{\"common_name\":\"web.example.com\"},\"uri\":[\"https://"
	    "a.example.com/x\"],\"ip\":[\"10.1.2.3\",\"fd00::1\"],\"dns\":[\"WEB.Example."
	    "com\",\"www.example.com\"]");
	X509 *certificate = verified(*state, answer);

	subject_is(certificate, "CN=web.example.com");
	alt_names_are(certificate,
	    "DNS:web.example.com, DNS:www.example.com, IP Address:10.1.2.3, "
	    "IP Address:FD00:0:0:0:0:0:0:1, URI:https://a.example.com/x");
	X509_free(certificate);
	cJSON_Delete(answer);
}

static void puts_subject_values_in_one_order(void **state)
{
	cJSON *answer = call(*state, "x509-host",
	    "\"subject\":{\"postal_code\":[\"p\"],\"street\":[\"s\"],"
	    "\"organizational_unit\":[\"u1\",\"u2\"],\"common_name\":\"a.example.com\","
	    "\"organization\":[\"o\"]}");
	X509 *certificate = verified(*state, answer);

	subject_is(certificate, "O=o,OU=u1,OU=u2,street=s,postalCode=p,CN=a.example.com");
	X509_free(certificate);
	cJSON_Delete(answer);
}

/* An object of JSON has no order, a subject has. */
static void puts_attributes_in_the_order_of_their_oids(void **state)
{
	cJSON *answer = call(*state, "x509-user",
	    "\"subject\":{\"common_name\":\"a\"},\"attributes\":{\"1.3.9999.2.3\":[\"d\"]"
	    ","
	    "\"1.3.9999.1.10\":[\"b\",\"c\"],\"1.3.9999.1.7\":[\"a\"]}");
	X509 *certificate = verified(*state, answer);

	subject_is(certificate,
	    "CN=a,1.3.9999.1.7=#130161,1.3.9999.1.10=#130162,1.3.9999.1.10=#130163,"
	    "1.3.9999.2.3=#130164");
	X509_free(certificate);
	cJSON_Delete(answer);
}

/* Whoever made a request has its key; who they are, the caller says. */
static void takes_from_a_request_its_key_alone(void **state)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	char *request = as_json(request_text(request_for(key, key, EVP_sha256())));
	char params[4096];
	X509 *certificate;
	cJSON *answer;

	snprintf(params, sizeof(params),
	    "{\"csr\":%s,\"subject\":{\"common_name\":\"alice\"}}", request);
	answer = rig_call(*state, "x509-user", params);
	certificate = verified(*state, answer);
	subject_is(certificate, "CN=alice");
	assert_int_equal(X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1), -1);
	assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(certificate), key), 1);
	X509_free(certificate);
	cJSON_Delete(answer);
	/* So one that says nothing else names nobody. */
	snprintf(params, sizeof(params), "{\"csr\":%s}", request);
	assert_int_equal(rig_call_code(*state, "x509-user", params), RPC_INVALID_PARAMS);
	free(request);
	EVP_PKEY_free(key);
}

static void cuts_the_default_ttl_to_the_rules_own(void **state)
{
	cJSON *answer =
	    call(*state, "x509-user", "\"subject\":{\"common_name\":\"alice\"}");
	const cJSON *result = rig_result(answer);

	assert_true(cJSON_GetObjectItem(result, "not_after")->valuedouble -
			cJSON_GetObjectItem(result, "not_before")->valuedouble ==
		    8 * 3600 + 60);
	cJSON_Delete(answer);
}

static void cuts_the_default_ttl_to_the_cas_end(void **state)
{
	struct rig *rig = *state;
	cJSON *answer;
	double end;

	rig->ca_lifetime = 1800;
	cJSON_Delete(rig_call(rig, "authorities", "{}")); /* it has the record now */
	answer = call(rig, "x509-user", "\"subject\":{\"common_name\":\"alice\"}");
	end = cJSON_GetObjectItem(rig_result(answer), "not_after")->valuedouble;
	assert_true(end <= (double)worker_now() + 1800);
	assert_true(end >= (double)worker_now() + 1790);
	cJSON_Delete(answer);
	/* A ttl that was asked for is not cut but refused. */
	answer = call(
	    rig, "x509-user", "\"ttl\":\"1h\",\"subject\":{\"common_name\":\"alice\"}");
	assert_int_equal(rig_code(answer), RPC_REFUSED);
	assert_string_equal(rig_data(answer, "fact"), "validity");
	cJSON_Delete(answer);
}

static void signs_nothing_under_a_ca_that_has_ended(void **state)
{
	struct rig *rig = *state;
	cJSON *answer;

	rig->ca_lifetime = -5;
	cJSON_Delete(rig_call(rig, "authorities", "{}"));
	answer = call(rig, "x509-user", "\"subject\":{\"common_name\":\"alice\"}");
	assert_int_equal(rig_code(answer), RPC_REFUSED);
	assert_string_equal(rig_data(answer, "fact"), "validity");
	assert_int_equal(rig->signs, 0);
	cJSON_Delete(answer);
}

static void builds_anew_for_the_cas_new_key(void **state)
{
	struct rig *rig = *state;
	cJSON *answer;

	rig->mode = RIG_STALE_ONCE;
	answer = call(rig, "x509-host",
	    "\"subject\":{\"common_name\":\"a.example.com\"},\"dns\":[\"a.example."
	    "com\"]");
	X509_free(verified(rig, answer)); /* under the second key, and its chain */
	assert_int_equal(rig->current, 1);
	assert_int_equal(rig->signs, 2);
	cJSON_Delete(answer);
}

static void refuses_what_the_policy_does_not_permit(void **state)
{
	static const struct {
		const char *method, *params, *fact, *value, *rule;
	} cases[] = {
		{ "x509-user",
		    "\"subject\":{\"common_name\":\"a\",\"organization\":[\"admin\"]}",
		    "roles", "admin", "default" },
		{ "x509-user",
		    "\"subject\":{\"common_name\":\"a\",\"locality\":[\"root\"]}",
		    "principals", "root", "default" },
		{ "x509-user",
		    "\"subject\":{\"common_name\":\"a\"},\"dns\":[\"a.example.com\"]",
		    "dns", "a.example.com", "default" },
		{ "x509-host",
		    "\"subject\":{\"common_name\":\"a.example.com\"},\"ip\":[\"11.0.0."
		    "1\"]",
		    "ip", "11.0.0.1", "default" },
		{ "x509-host",
		    "\"subject\":{\"common_name\":\"a.example.com\"},\"dns\":[\"*."
		    "example."
		    "com\"]",
		    "wildcard-dns", "*.example.com", "default" },
		{ "x509-host",
		    "\"subject\":{\"common_name\":\"a.example.com\"},\"ip\":[\"::ffff:10."
		    "0."
		    "0.1\"]",
		    "ip", "::ffff:10.0.0.1", "invariant" },
		{ "x509-host",
		    "\"subject\":{\"common_name\":\"a.example.com\"},\"dns\":[\"a_b."
		    "example."
		    "com\"]",
		    "dns", "a_b.example.com", "invariant" },
		{ "x509-host", "\"dns\":[\"a.example.com\"]", "subject", "0",
		    "invariant" },
		{ "x509-user", "\"subject\":{\"common_name\":\"a\"},\"ttl\":\"9h\"",
		    "ttl", "9h", "default" },
	};
	struct rig *rig = *state;
	cJSON *answer;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		answer = call(rig, cases[i].method, cases[i].params);
		if (rig_code(answer) != RPC_REFUSED)
			fail_msg("%s: %s", cases[i].params, rig->received);
		assert_string_equal(rig_data(answer, "fact"), cases[i].fact);
		assert_string_equal(rig_data(answer, "value"), cases[i].value);
		assert_string_equal(rig_data(answer, "rule"), cases[i].rule);
		cJSON_Delete(answer);
	}
	assert_int_equal(rig->signs, 0);
}

static void names_the_param_that_is_wrong(void **state)
{
	static const struct {
		const char *params, *begins;
	} cases[] = {
		{ "", "subject: required" },
		{ "\"csr\":\"x\"", "public_key, csr: exactly one" },
		{ "\"principals\":[\"a\"]", "x509-host: unknown param \"principals\"" },
		{ "\"subject\":[]", "subject: must be an object" },
		{ "\"subject\":\"CN=a\"", "subject: must be an object" },
		{ "\"subject\":{\"CN\":\"a\",\"country\":\"b\"}",
		    "subject: unknown params \"CN\", \"country\"" },
		{ "\"subject\":{\"common_name\":[\"a\"]}",
		    "subject.common_name: must be a string" },
		{ "\"subject\":{\"common_name\":null}",
		    "subject.common_name: must be a string" },
		{ "\"subject\":{\"common_name\":\"\"}", "subject.common_name: is empty" },
		{ "\"subject\":{\"common_name\":\"a\\nb\"}",
		    "subject.common_name: holds a control character" },
		{ "\"subject\":{\"organization\":\"a\"}",
		    "subject.organization: must be a list" },
		{ "\"subject\":{\"organization\":[\"a\",5]}",
		    "subject.organization[1]: must be a string" },
		{ "\"subject\":{\"street\":[\"a\",\"b\",\"\"]}",
		    "subject.street[2]: is empty" },
		{ "\"attributes\":[]", "attributes: must be an object" },
		{ "\"attributes\":{\"2.5.4.6\":[\"DE\"]}",
		    "attributes.2.5.4.6: must be the OID" },
		{ "\"attributes\":{\"1.3.9999.1.128\":[\"a\"]}",
		    "attributes.1.3.9999.1.128: must be the OID" },
		{ "\"attributes\":{\"1.3.9999.1.07\":[\"a\"]}",
		    "attributes.1.3.9999.1.07: must be the OID" },
		{ "\"attributes\":{\"1.3.9999.1\":[\"a\"]}",
		    "attributes.1.3.9999.1: must be the OID" },
		{ "\"attributes\":{\"1.3.9999.1.7.1\":[\"a\"]}",
		    "attributes.1.3.9999.1.7.1: must be the OID" },
		{ "\"attributes\":{\"1.3.9999.1.7\":\"a\"}",
		    "attributes.1.3.9999.1.7: must be a list" },
		{ "\"attributes\":{\"1.3.9999.1.7\":[\"a\",\"\"]}",
		    "attributes.1.3.9999.1.7[1]: is empty" },
		{ "\"dns\":\"a.example.com\"", "dns: must be a list" },
		{ "\"dns\":[\"a.example.com\",7]", "dns[1]: must be a string" },
		{ "\"dns\":[\"\"]", "dns[0]: must be a DNS name" },
		{ "\"dns\":[\"m\\u00fcller.example.com\"]",
		    "dns[0]: must be a DNS name" },
		{ "\"dns\":[\"a b\"]", "dns[0]: must be a DNS name" },
		{ "\"ip\":[\"10.0.0.1\",\"10.0.0.256\"]", "ip[1]: must be an IPv4" },
		{ "\"ip\":[\"10.0.0.0/8\"]", "ip[0]: must be an IPv4" },
		{ "\"ip\":[\"fe80::1%eth0\"]", "ip[0]: must be an IPv4" },
		{ "\"ip\":[\"010.0.0.1\"]", "ip[0]: must be an IPv4" },
		{ "\"uri\":[\"\"]", "uri[0]: must be a URI" },
		{ "\"email\":[\"a\\tb@c\"]", "email[0]: must be an address" },
		{ "\"subject\":{\"common_name\":\"a.example.com\"},\"ttl\":1.5",
		    "ttl: must be" },
	};
	struct rig *rig = *state;
	cJSON *answer;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		answer = call(rig, "x509-host", cases[i].params);
		assert_int_equal(rig_code(answer), RPC_INVALID_PARAMS);
		if (strncmp(rig_message(answer), cases[i].begins,
			strlen(cases[i].begins)) != 0)
			fail_msg("'%s' does not begin with '%s'", rig_message(answer),
			    cases[i].begins);
		cJSON_Delete(answer);
	}
	assert_int_equal(rig->signs, 0);
}

static void requires_a_key_that_is_one(void **state)
{
	static const char *const bad[] = { "{}", "{\"public_key\":5}", "{\"csr\":5}",
		"{\"public_key\":\"ssh-ed25519 AAAA\"}", "{\"csr\":\"x\"}" };
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(
		    rig_call_code(*state, "x509-user", bad[i]), RPC_INVALID_PARAMS);
}

static void refuses_a_ca_key_as_subject(void **state)
{
	struct rig *rig = *state;
	char *key = as_json(public_pem(rig->tls_key[0])), params[4096];
	cJSON *answer;

	snprintf(params, sizeof(params),
	    "{\"public_key\":%s,\"subject\":{\"common_name\":\"a\"}}", key);
	answer = rig_call(rig, "x509-user", params);
	assert_int_equal(rig_code(answer), RPC_REFUSED);
	assert_string_equal(rig_data(answer, "fact"), "subject-key");
	cJSON_Delete(answer);
	free(key);
}

/* `count` times the same value. */
static const char *list_of(
    const char *before, const char *value, unsigned count, const char *after)
{
	static char text[LINE_MAX_BYTES];
	size_t n = (size_t)snprintf(text, sizeof(text), "%s", before);
	unsigned i;

	for (i = 0; i < count; i++)
		n += (size_t)snprintf(
		    text + n, sizeof(text) - n, "%s%s", i > 0 ? "," : "", value);
	snprintf(text + n, sizeof(text) - n, "%s", after);
	return text;
}

static void holds_the_caps_on_lists(void **state)
{
	const char *host = "],\"subject\":{\"common_name\":\"a.example.com\"}";
	cJSON *answer;

	answer = call(
	    *state, "x509-host", list_of("\"dns\":[", "\"a.example.com\"", 256, host));
	X509_free(verified(*state, answer));
	cJSON_Delete(answer);
	answer = call(
	    *state, "x509-host", list_of("\"dns\":[", "\"a.example.com\"", 257, host));
	assert_int_equal(rig_code(answer), RPC_INVALID_PARAMS);
	assert_string_equal(rig_message(answer),
	    "dns[256]: dns, email, ip and uri have at most 256 values together");
	cJSON_Delete(answer);
	answer = call(*state, "x509-host",
	    list_of("\"subject\":{\"street\":[", "\"a\"", 513, "]}"));
	assert_string_equal(
	    rig_message(answer), "subject.street[512]: a subject has at most 512 values");
	cJSON_Delete(answer);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(issues_a_user_certificate_that_verifies),
		TEST(issues_a_host_certificate_with_names_of_every_kind),
		TEST(puts_subject_values_in_one_order),
		TEST(puts_attributes_in_the_order_of_their_oids),
		TEST(takes_from_a_request_its_key_alone),
		TEST(cuts_the_default_ttl_to_the_rules_own),
		TEST(cuts_the_default_ttl_to_the_cas_end),
		TEST(signs_nothing_under_a_ca_that_has_ended),
		TEST(builds_anew_for_the_cas_new_key),
		TEST(refuses_what_the_policy_does_not_permit),
		TEST(names_the_param_that_is_wrong),
		TEST(requires_a_key_that_is_one),
		TEST(refuses_a_ca_key_as_subject),
		TEST(holds_the_caps_on_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
