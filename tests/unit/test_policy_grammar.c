#include "ssh_samples.h"

#include "processor_time.h"
#include <unistd.h>

#define HEAD "cluster c\n"
#define P    "permit user ssh-user ttl 1h "

struct error_row {
	const char *text; /* behind HEAD, so that it begins on line 2 */
	unsigned line;
	unsigned column;
	const char *word;     /* stands in the message */
	const char *expected; /* stands in the message */
};

static struct policy_error load_error(const char *text, size_t length)
{
	struct policy_error error;
	size_t room = policy_storage((const uint8_t *)text, length);
	void *storage = malloc(room);

	assert_non_null(storage);
	if (policy_load((const uint8_t *)text, length, storage, room, &error))
		error.text[0] = '\0';
	else
		assert_true(error.text[0] != '\0');
	free(storage);
	return error;
}

static void assert_error(const struct error_row *row)
{
	char text[16384];
	struct policy_error error;

	snprintf(text, sizeof(text), HEAD "%s\n", row->text);
	error = load_error(text, strlen(text));
	if (error.text[0] == '\0')
		fail_msg("accepted: %s", row->text);
	if (error.line != row->line || error.column != row->column ||
	    !strstr(error.text, row->word) || !strstr(error.text, row->expected))
		fail_msg("%s\nsaid %u:%u: %s", row->text, error.line, error.column,
		    error.text);
}

#define ASSERT_ERRORS(rows)                                                              \
	do {                                                                             \
		size_t row_;                                                             \
		for (row_ = 0; row_ < sizeof(rows) / sizeof(rows[0]); row_++)            \
			assert_error(&rows[row_]);                                       \
	} while (0)

static void names_place_and_word_of_a_bad_statement(void **state)
{
	static const struct error_row rows[] = {
		{ "allow user ssh-user", 2, 1, "`allow`", "permit, deny, cluster" },
		{ "\n  Permit user ssh-user", 3, 3, "`Permit`", "permit" },
		{ "\"permit\" user ssh-user ttl 1h", 2, 1, "`permit`", "permit" },
		{ "permit usr ssh-user ttl 1h", 2, 8, "`usr`", "a CA: user" },
		{ "permit", 2, 7, "ends here", "a CA" },
		{ "permit user ssh-usr ttl 1h", 2, 13, "`ssh-usr`",
		    "a document: ssh-user" },
		{ "permit user", 2, 12, "ends here", "a document" },
		{ "permit user ssh-host ttl 1h", 2, 13, "`ssh-host`", "this CA signs" },
		{ "deny jwt x509-user", 2, 10, "`x509-user`", "this CA signs" },
		{ "permit user ssh-user \t  # ttl 1h", 2, 25, "ends here", "ttl" },
		{ "permit user ssh-user principals alice", 2, 38, "ends here", "ttl" },
	};

	(void)state;
	ASSERT_ERRORS(rows);
}

static void names_place_and_word_of_a_bad_rule_word(void **state)
{
	static const struct error_row rows[] = {
		{ P "prinicpals root", 2, 29, "`prinicpals`", "ttl, principals" },
		{ P "\"principals\" root", 2, 29, "`principals`", "ttl, principals" },
		{ P "ttl 2h", 2, 29, "`ttl`", "at most once" },
		{ P "principals a key-id * principals b", 2, 51, "`principals`",
		    "at most once" },
		{ P "principals", 2, 39, "ends here", "a value" },
		{ P "principals key-id *", 2, 40, "`key-id`", "a value" },
		{ P "principals \"\"", 2, 40, "``", "not empty" },
		{ P "key-id * prinicpals root", 2, 38, "`prinicpals`", "stands alone" },
		{ P "principals root *", 2, 45, "`*`", "stands alone" },
		{ P "principals a***b", 2, 40, "`a***b`", "two stars" },
		{ P "extensions =x", 2, 40, "`=x`", "name" },
		{ P "extensions login-ip=", 2, 40, "`login-ip=`", "after the =" },
		{ P "ip 10.0.0.0/33", 2, 32, "`10.0.0.0/33`", "IP address" },
		{ P "ip 10.0.0.1/8", 2, 32, "`10.0.0.1/8`", "behind the prefix" },
		{ P "ip 10.0.0.*", 2, 32, "`10.0.0.*`", "IP address" },
		{ P "ip ::ffff:10.0.0.1", 2, 32, "`::ffff:10.0.0.1`", "IP address" },
		{ P "attributes cn=x", 2, 40, "`cn=x`", "OID" },
		{ P "attributes 1..3=x", 2, 40, "`1..3=x`", "OID" },
		{ P "require source-address=ten", 2, 37, "`source-address=ten`",
		    "IP address" },
		{ "permit user ssh-user ttl", 2, 25, "ends here", "a duration" },
		{ "permit user ssh-user ttl 1x", 2, 26, "`1x`", "a duration" },
		{ "permit user ssh-user ttl 0s", 2, 26, "`0s`", "a duration" },
		{ "permit user ssh-user ttl 1h 30m", 2, 29, "`30m`", "ttl, principals" },
		{ "permit user ssh-user ttl 3651d", 2, 26, "`3651d`", "ten years" },
		{ P "rate 10", 2, 34, "`10`", "a rate" },
		{ P "rate 0/s", 2, 34, "`0/s`", "a rate" },
		{ P "rate", 2, 33, "ends here", "a rate" },
		{ P "rate 1/s burst", 2, 43, "ends here", "a number" },
		{ P "rate 1/s burst 0", 2, 44, "`0`", "a number" },
		{ P "rate 1/s burst 1x", 2, 44, "`1x`", "a number" },
		{ P "rate 1/s burst 1000000001", 2, 44, "`1000000001`", "a number" },
		{ P "burst 5", 2, 29, "`burst`", "ttl, principals" },
		{ P "principals a burst 5", 2, 42, "`burst`", "rate N/s before" },
		{ "deny user ssh-user ttl 1h", 2, 20, "`ttl`", "deny line" },
		{ "deny user ssh-user principals a rate 1/s", 2, 33, "`rate`",
		    "deny line" },
	};

	(void)state;
	ASSERT_ERRORS(rows);
}

static void names_place_and_word_of_a_bad_pin(void **state)
{
	static const struct error_row rows[] = {
		{ "cluster d", 2, 1, "`cluster`", "at most once" },
		{ "keystore", 2, 9, "ends here", "aws_kms" },
		{ "keystore hsm", 2, 10, "`hsm`", "aws_kms" },
		{ "keystore software\nkeystore software", 3, 1, "`keystore`",
		    "at most once" },
		{ "account 12345678901", 2, 9, "`12345678901`", "12 digits" },
		{ "account 1234567890123", 2, 9, "`1234567890123`", "12 digits" },
		{ "account 12345678901x", 2, 9, "`12345678901x`", "12 digits" },
		{ "account 123456789012\naccount 123456789012", 3, 1, "`account`",
		    "at most once" },
		{ "region us/west", 2, 8, "`us/west`", "region" },
		{ "region a\nregion b", 3, 1, "`region`", "at most once" },
		{ "suite v1", 2, 7, "`v1`", "balanced-v1" },
		{ "suite legacy\nsuite legacy", 3, 1, "`suite`", "at most once" },
		{ "suite legacy hsm-v1", 2, 14, "`hsm-v1`", "end of the line" },
		{ "tag env", 2, 8, "ends here", "value" },
		{ "tag \"\" x", 2, 5, "``", "tag's name" },
		{ "tag a b\ntag a c", 3, 5, "`a`", "at most once" },
		{ "tag PrivysealCA user", 2, 5, "`PrivysealCA`", "Privyseal" },
		{ "tag AWS:a b", 2, 5, "`AWS:a`", "aws:" },
		{ "tag a,b c", 2, 5, "`a,b`", "a tag of letters" },
		{ "tag a *", 2, 7, "`*`", "a tag of letters" },
		{ "socket auth", 2, 12, "ends here", "group" },
		{ "socket auth privyseal-auth", 2, 13, "`privyseal-auth`", "group" },
		{ "socket admin group g", 2, 8, "`admin`", "other than" },
		{ "socket ../x group g", 2, 8, "`../x`", "letters" },
		{ "socket a group", 2, 15, "ends here", "group" },
		{ "socket a group g h", 2, 18, "`h`", "end of the line" },
		{ "socket a group g\nsocket a group g", 3, 8, "`a`", "at most once" },
		{ "ceiling", 2, 8, "ends here", "a CA" },
		{ "ceiling user", 2, 13, "ends here", "per second or per day" },
		{ "ceiling user 5/m", 2, 14, "`5/m`", "per second or per day" },
		{ "ceiling user 5/s 6/s", 2, 18, "`6/s`", "one ceiling per second" },
		{ "ceiling user 5/s 6/d 7/d", 2, 22, "`7/d`", "one ceiling per second" },
		{ "ceiling user 5/s\nceiling user 6/d", 3, 14, "`6/d`", "each CA" },
		{ "ceiling * 5/s\nceiling * 6/d", 3, 11, "`6/d`", "each CA" },
	};

	(void)state;
	ASSERT_ERRORS(rows);
}

static void names_place_of_a_word_that_is_not_well_formed(void **state)
{
	static const struct error_row rows[] = {
		{ P "principals \"a b", 2, 40, "`\"a b`", "no end" },
		{ P "principals \"", 2, 40, "`\"`", "no end" },
		{ P "principals \"a\"b", 2, 43, "blank", "closing quote" },
		{ P "principals a\"b\"", 2, 41, "`\"`", "quotes" },
		{ P "principals a\\b", 2, 41, "`\\`", "quotes" },
		{ P "principals a#b", 2, 41, "`#`", "quotes" },
		{ P "principals \"a\\n\"", 2, 42, "\\", "quotes" },
		{ P "principals \"a\\", 2, 42, "\\", "quotes" },
		{ P "principals a\x01", 2, 41, "0x01", "control" },
		{ P "principals a\x7f", 2, 41, "0x7f", "control" },
		{ P "principals a\rb", 2, 41, "0x0d", "control" },
		{ P "principals a # \x1b[0m", 2, 44, "0x1b", "control" },
		{ P "principals \xc3", 2, 40, "0xc3", "UTF-8" },
		{ P "principals \xc2\x85", 2, 40, "0x85", "control" },
	};

	(void)state;
	ASSERT_ERRORS(rows);
}

static void refuses_a_zero_byte(void **state)
{
	static const char text[] = "cluster c\npermit user ssh-user\0 ttl 1h\n";
	struct policy_error error = load_error(text, sizeof(text) - 1);

	(void)state;
	assert_int_equal(error.line, 2);
	assert_int_equal(error.column, 21);
}

static void assert_whole_file_error(const char *text, const char *expected)
{
	struct policy_error error = load_error(text, strlen(text));

	assert_int_equal(error.line, 0);
	if (!strstr(error.text, expected))
		fail_msg("said: %s", error.text);
}

static void says_what_the_file_lacks(void **state)
{
	(void)state;
	assert_whole_file_error("", "cluster NAME");
	assert_whole_file_error("keystore software\n", "cluster NAME");
	assert_whole_file_error(HEAD "keystore aws_kms\nregion r\n", "account NUMBER");
	assert_whole_file_error(HEAD "keystore aws_kms\naccount 123456789012\nregion r\n"
				     "suite balanced-v1\n",
	    "suite balanced-v1");
	assert_whole_file_error(
	    HEAD "keystore aws_kms\naccount 123456789012\n", "region NAME");
}

static void refuses_lines_that_are_too_long(void **state)
{
	char text[POLICY_LINE_MAX + 100] = HEAD "#";
	size_t head = strlen(HEAD);
	struct policy_error error;

	(void)state;
	memset(text + head + 1, 'x', POLICY_LINE_MAX);
	text[head + POLICY_LINE_MAX] = '\0';
	assert_int_equal(load_error(text, strlen(text)).text[0], '\0');
	text[head + POLICY_LINE_MAX] = 'x';
	text[head + POLICY_LINE_MAX + 1] = '\0';
	error = load_error(text, strlen(text));
	assert_int_equal(error.line, 2);
	assert_non_null(strstr(error.text, "4096 bytes"));
}

/* `lines` lines, each of them the same. */
static char *many(const char *line, unsigned lines)
{
	char *text = malloc(strlen(HEAD) + lines * strlen(line) + 1), *at;
	unsigned i;

	assert_non_null(text);
	at = stpcpy(text, HEAD);
	for (i = 0; i < lines; i++)
		at = stpcpy(at, line);
	return text;
}

static void refuses_more_than_ten_thousand_lines(void **state)
{
	char *text = many("# x\n", POLICY_LINES_MAX - 1);
	struct policy_error error;

	(void)state;
	assert_int_equal(load_error(text, strlen(text)).text[0], '\0');
	free(text);
	text = many("# x\n", POLICY_LINES_MAX);
	error = load_error(text, strlen(text));
	assert_int_equal(error.line, POLICY_LINES_MAX + 1);
	assert_non_null(strstr(error.text, "10000 lines"));
	free(text);
}

static void refuses_a_text_that_is_too_long_or_has_no_room(void **state)
{
	struct policy_error error;
	char storage[64] __attribute__((aligned(16)));

	(void)state;
	assert_int_equal(policy_storage(NULL, POLICY_TEXT_MAX + 1), 0);
	assert_null(policy_load(
	    (const uint8_t *)HEAD, strlen(HEAD), storage, sizeof(storage), &error));
	assert_int_equal(error.line, 0);
	assert_non_null(strstr(error.text, "no room"));
}

static void takes_all_words_of_the_grammar(void **state)
{
	static const char text[] = HEAD
	    "permit user x509-user ttl 1d2h subject \"a b\" roles access editor "
	    "units * street s postal-code \"12 \\\"x\\\" \\\\\" traits logins "
	    "attributes 1.3.9999.1.7=c 1.3.* principals * dns *.Example.com ip "
	    "10.0.0.0/8 ::1 "
	    "uri https://** email *@example.com wildcard-dns client auth rate 5/s\n"
	    "permit jwt jwt ttl 1h subject * issuer c audience https://*.c/** claims x "
	    "y=1 "
	    "require x\n"
	    "permit host x509-host ttl 1h wildcard-dns *.example.com ip *\n"
	    "permit user ssh-user ttl 1h extensions permit-pty a=b critical-options * "
	    "principals \"subject\" key-id *\n"
	    "deny * *\n";
	void *storage;

	(void)state;
	assert_int_equal(policy_rules(policy_of(text, &storage)), 5);
	free(storage);
}

static void takes_crlf_and_a_last_line_without_an_end(void **state)
{
	void *storage;
	struct policy *policy = policy_of(
	    "cluster c.example\r\n\r\n# x\r\npermit user ssh-user ttl 1h\r\nsuite hsm-v1",
	    &storage);

	(void)state;
	assert_string_equal(policy_pins(policy)->cluster, "c.example");
	assert_int_equal(policy_pins(policy)->suite, SUITE_HSM_V1);
	assert_int_equal(policy_rules(policy), 1);
	free(storage);
}

static void gives_out_what_is_pinned(void **state)
{
	void *storage;
	struct policy *policy =
	    policy_of("region us-west-2\naccount 012345678901\n"
		      "keystore aws_kms\ncluster example.com\nsuite fips-v1\n"
		      "tag Team \"a b\"\ntag Empty \"\"\n"
		      "socket web group www-data\nsocket ci group ci\n",
		&storage);
	const struct policy_pins *pins = policy_pins(policy);

	(void)state;
	assert_string_equal(pins->cluster, "example.com");
	assert_string_equal(pins->account, "012345678901");
	assert_string_equal(pins->region, "us-west-2");
	assert_int_equal(pins->keystore, KEYSTORE_AWS_KMS);
	assert_int_equal(pins->suite, SUITE_FIPS_V1);
	assert_int_equal(pins->tags, 2);
	assert_string_equal(pins->tag_name[0], "Team");
	assert_string_equal(pins->tag_value[0], "a b");
	assert_string_equal(pins->tag_value[1], "");
	assert_int_equal(pins->sockets, 2);
	assert_string_equal(pins->socket_name[1], "ci");
	assert_string_equal(pins->socket_group[0], "www-data");
	free(storage);
}

static void an_absent_pin_has_the_documented_value(void **state)
{
	void *storage;
	const struct policy_pins *pins = policy_pins(policy_of(HEAD, &storage));

	(void)state;
	assert_int_equal(pins->keystore, KEYSTORE_SOFTWARE);
	assert_int_equal(pins->suite, SUITE_UNSPECIFIED);
	assert_string_equal(pins->account, "");
	assert_string_equal(pins->region, "");
	assert_int_equal(pins->tags, 0);
	assert_int_equal(pins->sockets, 1);
	assert_string_equal(pins->socket_name[0], "auth");
	assert_string_equal(pins->socket_group[0], "privyseal-auth");
	free(storage);
}

static void limits_the_number_of_sockets_and_tags(void **state)
{
	char text[8192] = HEAD;
	size_t length;
	unsigned i;

	(void)state;
	for (i = 0; i < POLICY_SOCKETS_MAX; i++)
		snprintf(text + strlen(text), 64, "socket s%u group g\n", i);
	assert_int_equal(load_error(text, strlen(text)).text[0], '\0');
	length = strlen(text);
	strcat(text, "socket more group g\n");
	assert_int_equal(load_error(text, strlen(text)).line, 18);
	text[length] = '\0';
	for (i = 0; i < POLICY_TAGS_MAX; i++)
		snprintf(text + strlen(text), 64, "tag t%u v\n", i);
	assert_int_equal(load_error(text, strlen(text)).text[0], '\0');
	strcat(text, "tag more v\n");
	assert_int_equal(load_error(text, strlen(text)).line, 18 + POLICY_TAGS_MAX);
}

static void assert_ceiling(
    const struct policy *policy, enum ca ca, uint32_t second, uint32_t day)
{
	struct rate per_second, per_day;

	policy_ceiling(policy, ca, &per_second, &per_day);
	assert_int_equal(per_second.amount, second);
	assert_int_equal(per_second.burst, second);
	assert_int_equal(per_second.period, 1);
	assert_int_equal(per_day.amount, day);
	assert_int_equal(per_day.burst, day);
	assert_int_equal(per_day.period, 86400);
}

static void every_ca_has_a_ceiling(void **state)
{
	void *storage;
	struct policy *policy = policy_of(HEAD, &storage);

	(void)state;
	assert_ceiling(policy, CA_USER, 100000, 1000000000);
	free(storage);
	policy = policy_of(HEAD
	    "keystore aws_kms\naccount 123456789012\nregion r\nceiling host 7/s\n",
	    &storage);
	assert_ceiling(policy, CA_USER, 1000, 10000000);
	assert_ceiling(policy, CA_HOST, 7, 10000000);
	free(storage);
	policy = policy_of(HEAD "ceiling user 200/s\nceiling * 300/s 7000/d\n"
				"ceiling host 1000000/d 5/s\nceiling db 9/d\n",
	    &storage);
	assert_ceiling(policy, CA_USER, 200, 7000);
	assert_ceiling(policy, CA_HOST, 5, 1000000);
	assert_ceiling(policy, CA_DB, 300, 9);
	assert_ceiling(policy, CA_JWT, 300, 7000);
	free(storage);
}

static void the_text_may_go_once_it_is_loaded(void **state)
{
	char *text = strdup(HEAD P "principals alice key-id *\n");
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	struct policy *policy;
	void *storage;

	(void)state;
	policy = policy_of(text, &storage);
	memset(text, 'x', strlen(text));
	free(text);
	policy_check(
	    policy, &sample->issuer, &sample->request, &sample->facts, &sample->decision);
	assert_int_equal(sample->decision.verdict, VERDICT_PERMIT);
	free(storage);
	free(sample);
}

/* Truncated and damaged files never read or write beyond what they were given. */
static void damaged_text_is_read_without_harm(void **state)
{
	static const char text[] =
	    HEAD P "principals \"a b\" *.c extensions x=y rate 5/s burst 7 # end\r\n"
		   "deny user * ip 10.0.0.0/8 require source-address=::/0\n"
		   "ceiling * 5/s 6/d\nsocket a group g\ntag a \"b\\\\\"\n";
	static const char bytes[] = " \"\\*#=/.\n\rz\x80\0";
	uint64_t seed = 7;
	unsigned i;
	size_t length;

	(void)state;
	for (i = 0; i < 30000; i++) {
		char *copy;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		length = i % 3 ? sizeof(text) - 1 : (seed >> 30) % sizeof(text);
		copy = malloc(length ? length : 1);
		assert_non_null(copy);
		memcpy(copy, text, length);
		if (length > 0) {
			copy[(seed >> 33) % length] = bytes[(seed >> 20) % sizeof(bytes)];
			copy[(seed >> 40) % length] = bytes[(seed >> 25) % sizeof(bytes)];
		}
		load_error(copy, length);
		free(copy);
	}
}

static void ten_thousand_lines_load_in_a_moment(void **state)
{
	char *text =
	    many("permit user ssh-user ttl 8h key-id * principals deploy *.example.com "
		 "extensions permit-pty rate 5/s\n",
		POLICY_LINES_MAX - 1);
	double begun, took, best = 1e9;
	void *storage;
	unsigned i;

	(void)state;
	for (i = 0; i < 5; i++) {
		begun = processor_microseconds();
		policy_of(text, &storage);
		took = processor_microseconds() - begun;
		best = took < best ? took : best;
		free(storage);
	}
	print_message("10,000 lines: %.1f ms\n", best / 1e3);
	assert_true(best < 100e3 * SLOWNESS);
	free(text);
}

static enum verdict verdict_on(const struct policy *policy, const char *login)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	enum verdict verdict;

	sample_principals(sample, login, NULL);
	policy_check(
	    policy, &sample->issuer, &sample->request, &sample->facts, &sample->decision);
	verdict = sample->decision.verdict;
	free(sample);
	return verdict;
}

/* The file is looked for from the directory in which the tests are started, the tree's.
 */
static void the_shipped_policy_loads(void **state)
{
	static char text[65536];
	FILE *file = fopen("policy/policy.conf", "r");
	struct policy *policy;
	void *storage;

	(void)state;
	if (!file)
		skip();
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	policy = policy_of(text, &storage);
	assert_string_equal(policy_pins(policy)->cluster, "example.com");
	assert_int_equal(verdict_on(policy, "ops"), VERDICT_PERMIT);
	assert_int_equal(verdict_on(policy, "root"), VERDICT_DEFAULT);
	free(storage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_place_and_word_of_a_bad_statement),
		cmocka_unit_test(names_place_and_word_of_a_bad_rule_word),
		cmocka_unit_test(names_place_and_word_of_a_bad_pin),
		cmocka_unit_test(names_place_of_a_word_that_is_not_well_formed),
		cmocka_unit_test(refuses_a_zero_byte),
		cmocka_unit_test(says_what_the_file_lacks),
		cmocka_unit_test(refuses_lines_that_are_too_long),
		cmocka_unit_test(refuses_more_than_ten_thousand_lines),
		cmocka_unit_test(refuses_a_text_that_is_too_long_or_has_no_room),
		cmocka_unit_test(takes_all_words_of_the_grammar),
		cmocka_unit_test(takes_crlf_and_a_last_line_without_an_end),
		cmocka_unit_test(gives_out_what_is_pinned),
		cmocka_unit_test(an_absent_pin_has_the_documented_value),
		cmocka_unit_test(limits_the_number_of_sockets_and_tags),
		cmocka_unit_test(every_ca_has_a_ceiling),
		cmocka_unit_test(the_text_may_go_once_it_is_loaded),
		cmocka_unit_test(damaged_text_is_read_without_harm),
		cmocka_unit_test(ten_thousand_lines_load_in_a_moment),
		cmocka_unit_test(the_shipped_policy_loads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
