/* worker/user.c: both certificates, or none. */
#include "worker_rig.h"
#include "x509_subjects.h"

static char *tls_key; /* PEM as a JSON string */

static int start(void **state)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	char *pem = public_pem(key);
	cJSON *string = cJSON_CreateString(pem);

	tls_key = cJSON_PrintUnformatted(string);
	cJSON_Delete(string);
	free(pem);
	EVP_PKEY_free(key);
	*state = rig_start();
	return 0;
}

static int stop(void **state)
{
	free(tls_key);
	rig_end(*state);
	return 0;
}

#define SSH_KEY "\"ssh_public_key\":\"" RIG_ED25519 "\","
#define ALICE	"\"username\":\"alice\",\"principals\":[\"alice\"]"

/* With a key for each. */
static cJSON *call(struct rig *rig, const char *params)
{
	char whole[8192];

	snprintf(whole, sizeof(whole), "{" SSH_KEY "\"tls_public_key\":%s,%s}", tls_key,
	    params);
	return rig_call(rig, "user", whole);
}

/* The bytes of the ssh member's certificate, as text. */
static size_t ssh_bytes(const cJSON *result, uint8_t bytes[8192])
{
	const char *text = rig_text(cJSON_GetObjectItem(result, "ssh"), "certificate");
	size_t length;

	text = strchr(text, ' ') + 1;
	assert_true(base64_read(text, strlen(text), bytes, 8192, &length));
	return length;
}

static char *subject_text(const cJSON *result)
{
	const char *pem = rig_text(cJSON_GetObjectItem(result, "tls"), "certificate");
	BIO *in = BIO_new_mem_buf(pem, -1), *out = BIO_new(BIO_s_mem());
	X509 *certificate = PEM_read_bio_X509(in, NULL, NULL, NULL);

	assert_non_null(certificate);
	X509_NAME_print_ex(out, X509_get_subject_name(certificate), 0, 0);
	X509_free(certificate);
	BIO_free(in);
	return bio_text(out);
}

static void issues_both_as_teleport_does(void **state)
{
	static const char roles[] =
	    "\0\0\0\x0eteleport-roles\0\0\0\x30\0\0\0\x2c"
	    "{\"version\":\"v1\",\"roles\":[\"access\",\"editor\"]}";
	struct rig *rig = *state;
	cJSON *answer = call(rig, ALICE ",\"roles\":[\"access\",\"editor\"],\"traits\":{"
					"\"unit\":null,\"team\":[\"a\"]},"
					"\"ttl\":\"1h\"");
	const cJSON *result = rig_result(answer);
	uint8_t bytes[8192];
	size_t length = ssh_bytes(result, bytes);
	char *subject = subject_text(result);

	assert_string_equal(subject,
	    "O=access, O=editor, "
	    "L=alice/postalCode={\"team\":[\"a\"],\"unit\":null}, CN=alice");
	assert_non_null(memmem(bytes, length, "\0\0\0\x0apermit-pty\0\0\0\0", 18));
	assert_non_null(memmem(bytes, length, "{\"team\":[\"a\"],\"unit\":null}", 26));
	assert_non_null(memmem(bytes, length, roles, sizeof(roles) - 1));
	assert_int_equal(rig->signs, 2);
	assert_int_equal(rig->worker->pendings.count, 0);
	assert_int_equal(rig->worker->connections.of[0]->outstanding, 0);
	assert_int_equal(rig->worker->pendings.bytes, 0);
	free(subject);
	cJSON_Delete(answer);
}

static void issues_one_where_there_is_one_key(void **state)
{
	char params[4096];
	cJSON *answer = rig_call(*state, "user", "{" SSH_KEY ALICE "}");

	assert_non_null(cJSON_GetObjectItem(rig_result(answer), "ssh"));
	assert_null(cJSON_GetObjectItem(rig_result(answer), "tls"));
	cJSON_Delete(answer);
	snprintf(params, sizeof(params), "{\"tls_public_key\":%s," ALICE "}", tls_key);
	answer = rig_call(*state, "user", params);
	assert_null(cJSON_GetObjectItem(rig_result(answer), "ssh"));
	assert_non_null(cJSON_GetObjectItem(rig_result(answer), "tls"));
	cJSON_Delete(answer);
}

static void asks_for_nothing_when_one_of_them_is_refused(void **state)
{
	struct rig *rig = *state;
	cJSON *answer =
	    call(rig, "\"username\":\"a\",\"principals\":[\"bob\"]"); /* L alone */

	assert_int_equal(rig_code(answer), RPC_REFUSED);
	assert_string_equal(rig_data(answer, "fact"), "principals");
	assert_string_equal(rig_data(answer, "value"), "bob");
	cJSON_Delete(answer);
	answer = call(rig, "\"username\":\"a\",\"principals\":[\"root\"]"); /* SSH */
	assert_string_equal(rig_data(answer, "rule"), "policy.conf:2");
	cJSON_Delete(answer);
	assert_int_equal(rig->signs, 0);
}

static void gives_nothing_when_the_broker_refuses_the_second(void **state)
{
	struct rig *rig = *state;
	cJSON *answer;

	rig->refuse_from = 2;
	answer = call(rig, ALICE);
	assert_int_equal(rig_code(answer), RPC_REFUSED);
	assert_null(strstr(rig->received, "certificate\""));
	assert_int_equal(rig->signs, 2);
	assert_int_equal(rig->worker->pendings.count, 0);
	cJSON_Delete(answer);
}

static void builds_anew_the_one_whose_ca_key_has_changed(void **state)
{
	struct rig *rig = *state;
	cJSON *answer;

	rig->mode = RIG_STALE_ONCE;
	answer = call(rig, ALICE);
	assert_non_null(cJSON_GetObjectItem(rig_result(answer), "ssh"));
	/* The second, too, was built for the old key: this broker does not mind. */
	assert_non_null(cJSON_GetObjectItem(rig_result(answer), "tls"));
	assert_int_equal(rig->signs, 3);
	cJSON_Delete(answer);
}

static void is_forgotten_with_its_client(void **state)
{
	struct rig *rig = *state;
	char line[4096];

	rig->mode = RIG_SILENT;
	snprintf(line, sizeof(line),
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"user\",\"params\":{" SSH_KEY
	    "\"tls_public_key\":%s," ALICE "}}\n",
	    tls_key);
	rig_ask(rig, line);
	assert_int_equal(rig->signs, 1);
	close(rig->client);
	rig->client = -1;
	assert_true(rig_run(rig));
	rig->mode = RIG_SIGNS;
	rig_sign(rig, rig->worker->pendings.of[0]->id);
	assert_true(rig_run(rig));
	assert_int_equal(rig->signs, 1); /* the second is not asked for */
	assert_int_equal(rig->worker->pendings.count, 0);
}

static void names_the_param_that_is_wrong(void **state)
{
	static const struct {
		const char *params, *begins;
	} cases[] = {
		{ "{" ALICE "}", "ssh_public_key, tls_public_key: at least one" },
		{ "{\"ssh_public_key\":\"x\"," ALICE "}", "ssh_public_key: \"x\" is no" },
		{ "{\"tls_public_key\":\"x\"," ALICE "}", "tls_public_key: must be PEM" },
		{ "{" SSH_KEY "\"principals\":[\"a\"]}", "username: required" },
		{ "{" SSH_KEY "\"username\":\"\",\"principals\":[\"a\"]}",
		    "username: required" },
		{ "{" SSH_KEY "\"username\":\"a\"}", "principals: required" },
		{ "{" SSH_KEY "\"username\":\"a\",\"principals\":[]}",
		    "principals: required" },
		{ "{" SSH_KEY "\"username\":\"a\",\"principals\":[1]}",
		    "principals: every one" },
		{ "{" SSH_KEY ALICE ",\"roles\":\"a\"}", "roles: must be a list" },
		{ "{" SSH_KEY ALICE ",\"roles\":[5]}", "roles: every one" },
		{ "{" SSH_KEY ALICE ",\"traits\":[]}", "traits: must be an object" },
		{ "{" SSH_KEY ALICE ",\"traits\":{\"a\":\"b\"}}",
		    "traits.a: must be a list" },
		{ "{" SSH_KEY ALICE ",\"traits\":{\"a\":[1]}}", "traits.a: every one" },
		{ "{" SSH_KEY ALICE ",\"ttl\":0}", "ttl: must be" },
		{ "{" SSH_KEY ALICE ",\"color\":0}", "user: unknown param \"color\"" },
	};
	struct rig *rig = *state;
	cJSON *answer;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		answer = rig_call(rig, "user", cases[i].params);
		assert_int_equal(rig_code(answer), RPC_INVALID_PARAMS);
		if (strncmp(rig_message(answer), cases[i].begins,
			strlen(cases[i].begins)) != 0)
			fail_msg("'%s' does not begin with '%s'", rig_message(answer),
			    cases[i].begins);
		cJSON_Delete(answer);
	}
	assert_int_equal(rig->signs, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(issues_both_as_teleport_does),
		TEST(issues_one_where_there_is_one_key),
		TEST(asks_for_nothing_when_one_of_them_is_refused),
		TEST(gives_nothing_when_the_broker_refuses_the_second),
		TEST(builds_anew_the_one_whose_ca_key_has_changed),
		TEST(is_forgotten_with_its_client),
		TEST(names_the_param_that_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
