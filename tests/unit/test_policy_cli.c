/* `privyseal policy`: its words, what it makes of a document, and what it prints. */
#include "ssh_samples.h"

#include "cli/policy_command.h"

#include <openssl/evp.h>

#define HEAD "cluster example.com\n"
#define RULE HEAD "permit user ssh-user ttl 2h principals alice key-id *\n"

#define READ(out, message, ...)                                                          \
	read_words(out, message, (const char *const[]){ __VA_ARGS__, NULL })

static bool read_words(
    struct policy_request *out, char message[MESSAGE_MAX], const char *const *words)
{
	unsigned count = 0;

	while (words[count])
		count++;
	return policy_request_read(words, count, SAMPLE_NOW, out, message);
}

static void words_are_read(void **state)
{
	struct policy_request request;
	char message[MESSAGE_MAX];

	(void)state;
	assert_true(READ(&request, message, "check"));
	assert_int_equal(request.act, POLICY_CHECK);
	assert_string_equal(request.policy, "/etc/privyseal/policy.conf");
	assert_true(READ(&request, message, "explain", "f"));
	assert_string_equal(request.policy, "f");
	assert_true(READ(&request, message, "test", "--ca", "host", "--document=ssh-host",
	    "d", "--client", "a", "--at", "2025-10-09T08:53:21Z", "--issuer=k",
	    "--policy", "p"));
	assert_int_equal(request.ca, CA_HOST);
	assert_int_equal(request.document, DOCUMENT_SSH_HOST);
	assert_string_equal(request.document_file, "d");
	assert_string_equal(request.client, "a");
	assert_string_equal(request.issuer_file, "k");
	assert_string_equal(request.policy, "p");
	assert_true(request.now == SAMPLE_NOW + 1);
	assert_true(READ(&request, message, "test", "--ca=user", "--document=ssh-user",
	    "--at", "12345", "d"));
	assert_true(request.now == 12345);
	assert_true(
	    READ(&request, message, "test", "--ca=user", "--document=ssh-user", "d"));
	assert_true(request.now == SAMPLE_NOW && !request.client);
}

static void wrong_words_are_named(void **state)
{
	struct policy_request request;
	char message[MESSAGE_MAX];

	(void)state;
#define REFUSES(word, ...)                                                               \
	assert_false(READ(&request, message, __VA_ARGS__));                              \
	assert_memory_equal(message, word ": ", strlen(word ": "))
	assert_false(policy_request_read(NULL, 0, SAMPLE_NOW, &request, message));
	REFUSES("look", "look");
	REFUSES("b", "check", "a", "b");
	REFUSES("--ca", "check", "--ca", "user");
	REFUSES("--x", "test", "--x", "user");
	REFUSES("root", "test", "--ca", "root");
	REFUSES("pdf", "test", "--document=pdf");
	REFUSES("yesterday", "test", "--at", "yesterday");
	REFUSES("--at", "test", "--at");
	REFUSES("--at=", "test", "--at=");
	REFUSES("policy test", "test", "--ca=user", "d");
	REFUSES("policy test", "test", "--document=ssh-user", "d");
	REFUSES("policy test", "test", "--ca=user", "--document=ssh-user");
}

/* ---- documents ---- */

struct trial {
	struct sample *sample;
	struct bytes bytes; /* of the file */
	struct policy_request request;
	struct decision decision;
	char message[MESSAGE_MAX];
};

static int begin(void **state)
{
	struct trial *trial = calloc(1, sizeof(*trial));

	assert_non_null(trial);
	trial->sample = sample_new(DOCUMENT_SSH_USER);
	trial->request = (struct policy_request){
		.ca = CA_USER, .document = DOCUMENT_SSH_USER, .now = SAMPLE_NOW
	};
	*state = trial;
	return 0;
}

static int end(void **state)
{
	struct trial *trial = *state;

	free(trial->sample);
	free(trial);
	return 0;
}

static void to_be_signed(struct trial *trial)
{
	trial->bytes.length = ssh_certificate_write(
	    &trial->sample->facts, trial->bytes.at, sizeof(trial->bytes.at));
	assert_true(trial->bytes.length > 0);
}

static void whole(struct trial *trial)
{
	to_be_signed(trial);
	add_text(&trial->bytes, "not looked at");
}

static void as_line(struct trial *trial, const char *type)
{
	static unsigned char base64[2 * FACTS_DOCUMENT_MAX];
	char text[sizeof(trial->bytes.at)];

	EVP_EncodeBlock(base64, trial->bytes.at, (int)trial->bytes.length);
	trial->bytes.length =
	    (size_t)snprintf(text, sizeof(text), " %s\t%s comment\n", type, base64);
	memcpy(trial->bytes.at, text, trial->bytes.length);
}

/* `key`: an authorized_keys line that stands in for the CA's; NULL: none. */
static bool try(struct trial *trial, const char *text, const char *key)
{
	struct policy_input document = { .bytes = trial->bytes.at,
		.length = trial->bytes.length };
	char copy[8192] = "";
	struct policy_input issuer = { .name = "k", .bytes = (uint8_t *)copy };
	void *storage;
	const struct policy *policy = policy_of(text, &storage);
	bool good;

	snprintf(copy, sizeof(copy), "%s", key ? key : "");
	issuer.length = strlen(copy);
	good = policy_try(policy, &trial->request, &document, key ? &issuer : NULL,
	    &trial->decision, trial->message);
	free(storage);
	return good;
}

static void assert_verdict(struct trial *trial, const char *text, const char *expected)
{
	char *said = NULL;
	size_t length;
	FILE *out;

	if (text)
		assert_true(try(trial, text, NULL));
	out = open_memstream(&said, &length);
	policy_show_decision(&trial->decision, "p.conf", false, out);
	fclose(out);
	assert_string_equal(said, expected);
	free(said);
}

static void each_form_of_a_document_is_read(void **state)
{
	struct trial *trial = *state;

	to_be_signed(trial);
	assert_verdict(trial, RULE, "permit p.conf:2\n");
	as_line(trial, "ssh-ed25519-cert-v01@openssh.com");
	assert_verdict(trial, RULE, "permit p.conf:2\n");
	whole(trial);
	assert_verdict(trial, RULE, "permit p.conf:2\n");
	as_line(trial, "ssh-ed25519-cert-v01@openssh.com");
	assert_verdict(trial, RULE, "permit p.conf:2\n");
}

static void each_kind_of_key_is_read(void **state)
{
	struct trial *trial = *state;
	unsigned kind;

	for (kind = 0; kind < KEY_KIND_COUNT; kind++) {
		sample_key(&trial->sample->facts, trial->sample->key,
		    trial->sample->exponent, (enum key_kind)kind, 3);
		whole(trial);
		assert_verdict(trial, RULE, "permit p.conf:2\n");
	}
}

static void refusals_name_rule_fact_and_value(void **state)
{
	struct trial *trial = *state;

	whole(trial);
	assert_verdict(trial, HEAD, "refuse default ca user ssh-user\n");
	assert_verdict(trial, HEAD "deny user ssh-user principals al*\n",
	    "refuse p.conf:2 principals alice\n");
	sample_principals(trial->sample, "al\x1b[2J", NULL);
	whole(trial);
	assert_verdict(trial, RULE, "refuse invariant principals al\\x1b[2J\n");
	trial->request.document = DOCUMENT_X509_DB_SERVER;
	assert_verdict(trial, RULE, "refuse invariant form x509-db-server\n");
	assert_non_null(strstr(trial->decision.why, "are not signed by this version"));
}

static void what_is_no_document_is_refused(void **state)
{
	struct trial *trial = *state;
	size_t length, i;

	assert_verdict(trial, RULE, "refuse invariant form \"\"\n");
	to_be_signed(trial);
	length = trial->bytes.length;
	for (i = 0; i < length; i++) {
		trial->bytes.length = i;
		assert_verdict(trial, RULE, "refuse invariant form \"\"\n");
	}
	whole(trial);
	add_u32(&trial->bytes, 0);
	assert_verdict(trial, RULE, "refuse invariant form \"\"\n");
}

static void only_what_is_yet_to_be_signed_needs_a_serial_of_zero(void **state)
{
	struct trial *trial = *state;

	trial->sample->facts.serial = 77;
	whole(trial);
	assert_verdict(trial, RULE, "permit p.conf:2\n");
	to_be_signed(trial);
	assert_verdict(trial, RULE, "refuse invariant serial 77\n");
}

static void the_issuer_stands_in_for_the_ca(void **state)
{
	struct trial *trial = *state;
	struct slice key = FACTS_SLICE(&trial->sample->issuer, public_key);
	unsigned char base64[512];
	char line[600];

	EVP_EncodeBlock(base64, key.at, (int)key.length);
	snprintf(line, sizeof(line), "ssh-ed25519 %s ca\n", base64);
	trial->sample->facts.serial = 77;
	to_be_signed(trial);
	assert_true(try(trial, RULE, line));
	assert_verdict(trial, NULL, "permit p.conf:2\n");

	sample_signed_by(trial->sample, KEY_P256);
	to_be_signed(trial);
	assert_true(try(trial, RULE, line));
	assert_verdict(trial, NULL, "refuse invariant issuer user\n");

	assert_false(try(trial, RULE, "ssh-ed25519 AAAA"));
	assert_false(try(trial, RULE, ""));
	assert_false(try(trial, RULE, "ssh-ed25519 ===="));
	assert_non_null(strstr(trial->message, "k: expected a CA's public key"));
}

static void the_client_is_the_only_socket_if_it_is_not_said(void **state)
{
	static const char text[] =
	    HEAD "permit user ssh-user ttl 2h principals * key-id * client auth\n";
	struct trial *trial = *state;

	whole(trial);
	assert_verdict(trial, text, "permit p.conf:2\n");
	trial->request.client = "other";
	assert_verdict(trial, text, "refuse default client other\n");
	trial->request.client = NULL;
	assert_verdict(trial,
	    HEAD "socket auth group a\nsocket b group b\n"
		 "permit user ssh-user ttl 2h client auth\n",
	    "refuse default client \"\"\n");
}

/* ---- what is printed of a policy ---- */

static char *explained(const char *text, bool json)
{
	void *storage;
	const struct policy *policy = policy_of(text, &storage);
	char *said = NULL;
	size_t length;
	FILE *out = open_memstream(&said, &length);

	policy_show_rules(policy, json, out);
	fclose(out);
	free(storage);
	return said;
}

static void policies_that_say_the_same_explain_the_same(void **state)
{
	char *one = explained(HEAD "permit  user ssh-user ttl 60m principals b a # x\n"
				   "deny * *\n",
	    false);
	char *other = explained("# another host's\n\n" HEAD
				"permit user ssh-user principals \"a\" b ttl 1h\n"
				"deny * *",
	    false);

	(void)state;
	assert_string_equal(one, other);
	assert_non_null(strstr(one,
	    "\npermit   user       ssh-user         1h      (ceiling)             "
	    "principals a b; extensions (none); "));
	assert_non_null(strstr(one, "client (any)\ndeny "));
	assert_non_null(strstr(one, "cluster   example.com\n"));
	free(one);
	free(other);
}

static void values_can_not_pretend_to_be_others(void **state)
{
	char *said = explained(HEAD
	    "deny user ssh-user principals \"a b\" (none) \"x;\" \"\\\"\" \xc3\xa4\n",
	    false);

	(void)state;
	assert_non_null(
	    strstr(said, "principals \"\\\"\" \"(none)\" \"a b\" \"x;\" \\xc3\\xa4\n"));
	free(said);
}

static char *checked(const char *text, bool json)
{
	struct policy_input input = { .length = strlen(text) };
	struct policy_error error;
	const struct policy *policy;
	void *storage;
	char *said = NULL;
	size_t length;
	FILE *out = open_memstream(&said, &length);

	input.bytes = malloc(input.length + 1);
	assert_non_null(input.bytes);
	memcpy(input.bytes, text, input.length);
	policy = policy_of_input(&input, &storage, &error);
	policy_show_check(policy, "p\x1b.conf", &error, json, out);
	fclose(out);
	free(input.bytes);
	free(storage);
	return said;
}

static void check_names_the_place(void **state)
{
	/* clang-format off */
	static const struct { const char *text, *said; } rows[] = {
		{ "clutser x\n", "p\\x1b.conf:1:1: `clutser`: expected " },
		{ HEAD "deny user ssh-user principals\n", "p\\x1b.conf:2:30: the line ends here, expected " },
		{ "# nothing\n", "p\\x1b.conf:1:1: no cluster: " },
		{ HEAD "deny user *\n", "1 rule, 0 warnings\n" },
		{ HEAD "permit user ssh-user ttl 1h\ndeny user ssh-user dns x\n",
		  "p\\x1b.conf:2: warning: permits nothing: its documents always have a value of principals, and the line names none\n"
		  "p\\x1b.conf:2: warning: no rate: only the CA's ceiling limits how many documents\n"
		  "p\\x1b.conf:3: warning: never matches: a document of user ssh-user has no dns\n"
		  "2 rules, 3 warnings\n" },
	};
	/* clang-format on */
	size_t i;
	char *said;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		said = checked(rows[i].text, false);
		assert_memory_equal(said, rows[i].said, strlen(rows[i].said));
		free(said);
	}
}

static void json_is_whole(void **state)
{
	char *said = checked("x\n", true);

	(void)state;
	assert_non_null(strstr(said, "\"good\":\tfalse"));
	assert_non_null(strstr(said, "\"column\":\t1"));
	free(said);
	said = explained(HEAD "permit host x509-host ttl 1h wildcard-dns\n", true);
	assert_non_null(strstr(said, "\"ttl\":\t3600"));
	assert_non_null(strstr(said, "\"rate\":\tnull"));
	assert_non_null(strstr(said, "\"wildcard-dns\":\t\"as dns\""));
	free(said);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_read),
		cmocka_unit_test(wrong_words_are_named),
#define TRIAL(test) cmocka_unit_test_setup_teardown(test, begin, end)
		TRIAL(each_form_of_a_document_is_read),
		TRIAL(each_kind_of_key_is_read),
		TRIAL(refusals_name_rule_fact_and_value),
		TRIAL(what_is_no_document_is_refused),
		TRIAL(only_what_is_yet_to_be_signed_needs_a_serial_of_zero),
		TRIAL(the_issuer_stands_in_for_the_ca),
		TRIAL(the_client_is_the_only_socket_if_it_is_not_said),
		cmocka_unit_test(policies_that_say_the_same_explain_the_same),
		cmocka_unit_test(values_can_not_pretend_to_be_others),
		cmocka_unit_test(check_names_the_place),
		cmocka_unit_test(json_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
