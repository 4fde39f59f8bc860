#include "ssh_samples.h"

#include "policy/rules.h"
#include "processor_time.h"

#define HEAD "cluster example.com\n"
static void set_extension(struct sample *sample, const char *name, const char *value)
{
	sample->extensions.length = 0;
	add_option(&sample->extensions, name, value);
	sample_pack(sample);
}

static void set_critical(struct sample *sample, const char *name, const char *value)
{
	sample->critical_options.length = 0;
	add_option(&sample->critical_options, name, value);
	sample_pack(sample);
}

static void permits_what_lies_inside_the_line(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);

	(void)state;
	assert_permit(
	    sample, "permit user ssh-user ttl 2h key-id alice principals alice bob\n", 2);
	assert_int_equal(sample->decision.ttl, 7200);
	assert_int_equal(sample->decision.rule, 0);
	assert_int_equal(sample->decision.rate.amount, 0);
	assert_permit(sample,
	    "# comment\n\npermit user ssh-user rate 5/m burst 9 principals * key-id * "
	    "ttl 1h\n",
	    4);
	assert_int_equal(sample->decision.rate.amount, 5);
	assert_int_equal(sample->decision.rate.period, 60);
	assert_int_equal(sample->decision.rate.burst, 9);
	free(sample);
}

static void what_a_permit_line_does_not_name_is_not_allowed(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);

	(void)state;
	assert_default(
	    sample, "permit user ssh-user ttl 2h key-id *\n", FACT_PRINCIPALS, "alice");
	assert_default(
	    sample, "permit user ssh-user ttl 2h principals *\n", FACT_KEY_ID, "alice");
	set_extension(sample, "permit-pty", NULL);
	assert_default(sample, "permit user ssh-user ttl 2h principals * key-id *\n",
	    FACT_EXTENSIONS, "permit-pty");
	sample->extensions.length = 0;
	set_critical(sample, "force-command", "/bin/sh");
	assert_default(sample,
	    "permit user ssh-user ttl 2h principals * key-id * extensions *\n",
	    FACT_CRITICAL_OPTIONS, "force-command=/bin/sh");
	free(sample);
}

static void without_a_line_the_ca_is_named(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);

	(void)state;
	assert_default(sample, "", FACT_CA, "user ssh-user");
	assert_default(sample,
	    "permit host ssh-host ttl 1h principals *\n"
	    "permit openssh ssh-user ttl 2h key-id * principals *\n"
	    "deny user ssh-user principals bob\n",
	    FACT_CA, "user ssh-user");
	free(sample);
}

static void every_principal_must_lie_inside(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	static const char rules[] =
	    "permit user ssh-user ttl 2h key-id * principals alice bob\n";

	(void)state;
	sample_principals(sample, "bob", "alice");
	assert_permit(sample, rules, 2);
	sample_principals(sample, "alice", "root");
	assert_default(sample, rules, FACT_PRINCIPALS, "root");
	sample_principals(sample, "Alice", NULL);
	assert_default(sample, rules, FACT_PRINCIPALS, "Alice");
	free(sample);
}

/* The invariants refuse such lists as well; these are the rules alone. */
static enum verdict verdict_of_rules(struct sample *sample)
{
	static const char text[] =
	    HEAD "permit user ssh-user ttl 2h key-id * principals * extensions *\n";
	void *storage;

	rules_check(policy_of(text, &storage), &sample->issuer, &sample->request,
	    &sample->facts, &sample->decision);
	free(storage);
	return sample->decision.verdict;
}

static void no_line_permits_lists_with_anything_left_over(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);

	(void)state;
	set_extension(sample, "permit-pty", NULL);
	assert_int_equal(verdict_of_rules(sample), VERDICT_PERMIT);
	sample->facts.principals_length--;
	assert_int_equal(verdict_of_rules(sample), VERDICT_DEFAULT);
	assert_int_equal(sample->decision.fact, FACT_FORM);
	sample->facts.principals_length++;
	sample->facts.extensions_length--;
	assert_int_equal(verdict_of_rules(sample), VERDICT_DEFAULT);
	assert_int_equal(sample->decision.fact, FACT_FORM);
	free(sample);
}

static void the_first_line_that_matches_decides(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);

	(void)state;
	assert_permit(sample,
	    "permit user ssh-user ttl 2h key-id * principals bob\n"
	    "permit user ssh-user ttl 3h key-id * principals alice\n"
	    "permit user ssh-user ttl 4h key-id * principals alice\n"
	    "deny user ssh-user\n",
	    3);
	assert_int_equal(sample->decision.ttl, 10800);
	assert_int_equal(sample->decision.rule, 1);
	assert_refusal(sample,
	    "deny user ssh-user\npermit user ssh-user ttl 2h key-id * principals *\n",
	    VERDICT_RULE, 2, FACT_CA, "user ssh-user");
	free(sample);
}

static void a_deny_line_needs_every_word_and_any_value(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	static const char both[] = "deny user ssh-user principals root key-id alice\n"
				   "permit user ssh-user ttl 2h key-id * principals *\n";

	(void)state;
	assert_permit(sample, both, 3);
	sample_principals(sample, "bob", "root");
	assert_refusal(sample, both, VERDICT_RULE, 2, FACT_PRINCIPALS, "root");
	sample_key_id(sample, "bob");
	assert_permit(sample, both, 3);
	sample_key_id(sample, "");
	assert_permit(sample,
	    "deny user ssh-user key-id *\n"
	    "permit user ssh-user ttl 2h principals *\n",
	    3);
	free(sample);
}

static void a_deny_line_names_options_with_any_value(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	static const char rules[] = "deny * * critical-options force-command\n"
				    "deny * * extensions login-ip=10.*.*.*\n"
				    "permit user ssh-user ttl 2h key-id * principals * "
				    "extensions * critical-options *\n";

	(void)state;
	set_critical(sample, "force-command", "/bin/sh");
	assert_refusal(sample, rules, VERDICT_RULE, 2, FACT_CRITICAL_OPTIONS,
	    "force-command=/bin/sh");
	set_critical(sample, "verify-required", NULL);
	assert_permit(sample, rules, 4);
	set_extension(sample, "login-ip", "10.1.2.3");
	assert_refusal(
	    sample, rules, VERDICT_RULE, 3, FACT_EXTENSIONS, "login-ip=10.1.2.3");
	set_extension(sample, "login-ip", "11.1.2.3");
	assert_permit(sample, rules, 4);
	free(sample);
}

static void a_deny_line_for_values_that_ssh_lacks_never_matches(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);

	(void)state;
	assert_permit(sample,
	    "deny user * dns * \n"
	    "deny user * subject *\n"
	    "deny * * roles *\n"
	    "deny * * traits *\n"
	    "deny * * client other\n"
	    "deny * * require source-address=0.0.0.0/0\n"
	    "permit user ssh-user ttl 2h key-id * principals *\n",
	    8);
	free(sample);
}

static void options_need_their_own_value(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	static const char bare[] = "permit user ssh-user ttl 2h key-id * principals * "
				   "extensions login-ip permit-pty\n";
	static const char pair[] = "permit user ssh-user ttl 2h key-id * principals * "
				   "extensions login-ip=10.*.*.* permit-*\n";

	(void)state;
	set_extension(sample, "login-ip", "10.1.2.3");
	assert_default(sample, bare, FACT_EXTENSIONS, "login-ip=10.1.2.3");
	assert_permit(sample, pair, 2);
	set_extension(sample, "login-ip", NULL);
	assert_permit(sample, bare, 2);
	assert_default(sample, pair, FACT_EXTENSIONS, "login-ip");
	set_extension(sample, "login-ip", "11.1.2.3");
	assert_default(sample, pair, FACT_EXTENSIONS, "login-ip=11.1.2.3");
	set_extension(sample, "permit-agent-forwarding", NULL);
	assert_permit(sample, pair, 2);
	assert_default(sample, bare, FACT_EXTENSIONS, "permit-agent-forwarding");
	free(sample);
}

static void extensions_do_not_allow_critical_options(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);

	(void)state;
	set_critical(sample, "permit-pty", NULL);
	assert_default(sample,
	    "permit user ssh-user ttl 2h key-id * principals * extensions permit-pty\n",
	    FACT_CRITICAL_OPTIONS, "permit-pty");
	free(sample);
}

static void the_end_lies_within_the_ttl_from_now(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	static const char rules[] = "permit user ssh-user ttl 1h key-id * principals *\n";

	(void)state;
	assert_permit(sample, rules, 2); /* the minute before now does not count */
	sample->facts.valid_before++;
	assert_default(sample, rules, FACT_TTL, "3601s");
	sample->facts.valid_after = (uint64_t)SAMPLE_NOW + 60;
	assert_default(sample, rules, FACT_TTL, "3601s");
	sample->request.ignore_ttl = true;
	assert_permit(sample, rules, 2);
	assert_int_equal(sample->decision.ttl, 3600);
	sample->facts.valid_before = sample->facts.valid_after = 0;
	assert_permit(sample, rules, 2);
	free(sample);
}

static void a_longer_ttl_further_down_is_found(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	static const char rules[] =
	    "permit user ssh-user ttl 1h key-id * principals *\n"
	    "permit user ssh-user ttl 8h key-id * principals alice\n";

	(void)state;
	sample->facts.valid_before = (uint64_t)SAMPLE_NOW + 7 * 3600;
	assert_permit(sample, rules, 3);
	sample->facts.valid_before = (uint64_t)SAMPLE_NOW + 9 * 3600;
	assert_default(sample, rules, FACT_TTL, "9h");
	free(sample);
}

static void a_refusal_by_default_names_the_line_that_came_nearest(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);

	(void)state;
	set_extension(sample, "permit-pty", NULL);
	assert_default(sample,
	    "permit user ssh-user ttl 2h key-id * principals bob\n"
	    "permit user ssh-user ttl 2h key-id * principals alice\n"
	    "permit user ssh-user ttl 2h key-id carol principals alice\n",
	    FACT_EXTENSIONS, "permit-pty");
	free(sample);
}

static void the_socket_is_judged_by_client(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	static const char rules[] =
	    "permit user ssh-user ttl 2h key-id * principals * client "
	    "ci-*\n";
	static const char any[] =
	    "permit user ssh-user ttl 2h key-id * principals * client *\n";

	(void)state;
	assert_default(sample, rules, FACT_CLIENT, "auth");
	assert_permit(sample, any, 2);
	sample->request.client = "ci-one";
	assert_permit(sample, rules, 2);
	assert_refusal(sample, "deny user ssh-user client ci-one\n", VERDICT_RULE, 2,
	    FACT_CLIENT, "ci-one");
	sample->request.client = ""; /* --stdio: no `client` word matches */
	assert_default(sample, any, FACT_CLIENT, "");
	assert_permit(sample,
	    "deny user ssh-user client *\npermit user ssh-user ttl 2h key-id * "
	    "principals *\n",
	    3);
	free(sample);
}

static void stars_stand_for_every_ca_and_document(void **state)
{
	struct sample *user = sample_new(DOCUMENT_SSH_USER);
	struct sample *host = sample_new(DOCUMENT_SSH_HOST);
	static const char rules[] =
	    "permit * * ttl 2h key-id * principals alice *.example.com\n";

	(void)state;
	assert_permit(user, rules, 2);
	assert_permit(host, rules, 2);
	assert_permit(host, "permit * ssh-host ttl 2h principals *.example.com\n", 2);
	assert_default(
	    user, "permit * ssh-host ttl 2h principals *\n", FACT_CA, "user ssh-user");
	free(user);
	free(host);
}

static void a_host_certificate_needs_no_key_id(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_HOST);
	static const char rules[] =
	    "permit host ssh-host ttl 30d principals *.example.com\n";

	(void)state;
	assert_permit(sample, rules, 2);
	sample_key_id(sample, "web");
	assert_default(sample, rules, FACT_KEY_ID, "web");
	sample_key_id(sample, "");
	sample_principals(sample, "web.example.com", "web.example.org");
	assert_default(sample, rules, FACT_PRINCIPALS, "web.example.org");
	free(sample);
}

#define PERMIT_ALICE "permit user ssh-user ttl 2h key-id * principals * "

static void teleport_roles_are_judged_by_roles(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	static const char role[] =
	    "{\"version\":\"v1\",\"roles\":[\"access\",\"editor\"]}";

	(void)state;
	set_extension(sample, "teleport-roles", role);
	assert_permit(sample, PERMIT_ALICE "roles access editor\n", 2);
	assert_default(sample, PERMIT_ALICE "roles access\n", FACT_ROLES, "editor");
	assert_default(sample, PERMIT_ALICE "extensions *\n", FACT_ROLES, "access");
	assert_default(
	    sample, PERMIT_ALICE "extensions teleport-roles=*\n", FACT_ROLES, "access");
	assert_refusal(sample,
	    "deny user ssh-user roles editor\n" PERMIT_ALICE "roles *\n", VERDICT_RULE, 2,
	    FACT_ROLES, "editor");
	assert_refusal(sample, "deny user ssh-user extensions teleport-roles\n",
	    VERDICT_RULE, 2, FACT_EXTENSIONS,
	    "teleport-roles={\"version\":\"v1\",\"roles\":[\"access\",\"editor\"]}");
	set_extension(sample, "teleport-roles", "{\"version\":\"v1\",\"roles\":[]}");
	assert_permit(sample, PERMIT_ALICE "\n", 2);
	free(sample);
}

static void teleport_traits_are_judged_by_their_names(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);

	(void)state;
	set_extension(sample, "teleport-traits",
	    "{\"logins\":[\"alice\",\"a\\\"b\"],\"groups\":[]}");
	assert_permit(sample, PERMIT_ALICE "traits logins groups\n", 2);
	assert_default(sample, PERMIT_ALICE "traits logins\n", FACT_TRAITS, "groups");
	assert_default(
	    sample, PERMIT_ALICE "roles * extensions *\n", FACT_TRAITS, "logins");
	assert_refusal(sample, "deny user ssh-user traits groups\n", VERDICT_RULE, 2,
	    FACT_TRAITS, "groups");
	set_extension(sample, "teleport-traits", "{\"groups\":null,\"logins\":[\"a\"]}");
	assert_permit(sample, PERMIT_ALICE "traits logins groups\n", 2);
	assert_default(sample, PERMIT_ALICE "traits logins\n", FACT_TRAITS, "groups");
	free(sample);
}

static void requires_a_source_address_within_the_range(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	static const char rules[] =
	    PERMIT_ALICE "require source-address=10.0.0.0/8 source-address=fd00::/8\n";

	(void)state;
	assert_default(sample, rules, FACT_REQUIRE, "source-address=10.0.0.0/8");
	set_critical(sample, "source-address", "10.1.0.0/16,10.2.3.4,fd00:1::/32");
	assert_permit(sample, rules, 2);
	set_critical(sample, "source-address", "10.1.0.0/16,11.0.0.0/8");
	assert_default(sample, rules, FACT_REQUIRE, "source-address=10.0.0.0/8");
	set_critical(sample, "source-address", "0.0.0.0/0");
	assert_default(sample, rules, FACT_REQUIRE, "source-address=10.0.0.0/8");
	set_critical(sample, "source-address", "10.0.0.0/8,");
	assert_default(sample, rules, FACT_REQUIRE, "source-address=10.0.0.0/8");
	set_critical(sample, "source-address", "10.1.2.3/8");
	assert_default(sample, rules, FACT_REQUIRE, "source-address=10.0.0.0/8");
	set_critical(sample, "source-address", NULL);
	assert_default(sample, rules, FACT_REQUIRE, "source-address=10.0.0.0/8");
	sample->critical_options.length = 0; /* an extension of that name binds nobody */
	sample_pack(sample);
	set_extension(sample, "source-address", "10.0.0.0/8");
	assert_default(sample,
	    PERMIT_ALICE "extensions * require source-address=10.0.0.0/8\n", FACT_REQUIRE,
	    "source-address=10.0.0.0/8");
	free(sample);
}

static void requires_options_by_name_and_value(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	static const char command[] =
	    PERMIT_ALICE "require force-command=/usr/bin/deploy\n";
	static const char verify[] = PERMIT_ALICE "require verify-required permit-pty\n";

	(void)state;
	set_critical(sample, "force-command", "/usr/bin/deploy");
	assert_permit(sample, command, 2);
	set_critical(sample, "force-command", "/bin/sh");
	assert_default(sample, command, FACT_CRITICAL_OPTIONS, "force-command=/bin/sh");
	set_critical(sample, "verify-required", NULL);
	assert_default(sample, verify, FACT_REQUIRE, "permit-pty");
	set_extension(sample, "permit-pty", NULL);
	assert_permit(sample, verify, 2);
	sample->critical_options.length = 0;
	sample_pack(sample);
	set_extension(sample, "verify-required", NULL);
	assert_default(sample, PERMIT_ALICE "extensions * require verify-required\n",
	    FACT_REQUIRE, "verify-required");
	free(sample);
}

static void a_long_value_is_cut(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	char name[400];

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	sample_principals(sample, name, NULL);
	check(sample, "permit user ssh-user ttl 2h principals bob key-id *\n");
	assert_int_equal(sample->decision.fact, FACT_PRINCIPALS);
	assert_int_equal(sample->decision.value_length, POLICY_VALUE_MAX);
	free(sample);
}

static void an_invariant_comes_before_every_line(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);

	(void)state;
	sample->facts.serial = 1;
	check(sample, "permit * * ttl 2h key-id * principals *\n");
	assert_int_equal(sample->decision.verdict, VERDICT_INVARIANT);
	assert_int_equal(sample->decision.fact, FACT_SERIAL);
	assert_int_equal(sample->decision.line, 0);
	assert_non_null(sample->decision.why);
	free(sample);
}

static void twenty_rules_are_judged_in_microseconds(void **state)
{
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	static uint8_t bytes[4096];
	char text[8192] = HEAD;
	struct policy *policy;
	struct facts facts;
	void *storage;
	double start, each, best = 1e9;
	unsigned i, n;

	(void)state;
	for (i = 0; i < 19; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
		    "permit user ssh-user ttl 8h key-id * principals team-%u "
		    "*.%u.example.com\n",
		    i, i);
	strcat(text,
	    "permit user ssh-user ttl 8h key-id * principals * extensions permit-*\n");
	policy = policy_of(text, &storage);
	add_option(&sample->extensions, "permit-port-forwarding", NULL);
	add_option(&sample->extensions, "permit-pty", NULL);
	sample_pack(sample);
	for (n = 0; n < 10; n++) {
		start = processor_microseconds();
		for (i = 0; i < 2000; i++) {
			size_t length =
			    ssh_certificate_write(&sample->facts, bytes, sizeof(bytes));

			assert_int_equal(
			    ssh_certificate_read(bytes, length, &facts), SSH_FORM_GOOD);
			policy_check(policy, &sample->issuer, &sample->request, &facts,
			    &sample->decision);
			if (sample->decision.verdict != VERDICT_PERMIT)
				fail();
		}
		each = (processor_microseconds() - start) / 2000;
		best = each < best ? each : best;
	}
	print_message("read, write and check with 20 rules: %.2f us\n", best);
	assert_true(best < 2 * 2 * SLOWNESS);
	free(storage);
	free(sample);
}

/* Lines that deny nothing of it, and one that permits it: every principal is compared
 * with every line. In microseconds, at best. */
static double judge(struct sample *sample, const char *pattern, unsigned lines)
{
	char text[16384] = HEAD;
	struct policy *policy;
	double start, each, best = 1e9;
	void *storage;
	unsigned i;

	for (i = 0; i < lines; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
		    "deny user ssh-user principals %s\n", pattern);
	strcat(text, "permit user ssh-user ttl 8h key-id * principals *\n");
	policy = policy_of(text, &storage);
	for (i = 0; i < 50; i++) {
		start = processor_microseconds();
		policy_check(policy, &sample->issuer, &sample->request, &sample->facts,
		    &sample->decision);
		each = processor_microseconds() - start;
		best = each < best ? each : best;
		assert_int_equal(sample->decision.verdict, VERDICT_PERMIT);
	}
	free(storage);
	return best;
}

/* As many principals as there may be, long, and near to what the lines name: 200 us, or
 * twice that where the processor is shared. A long run of one byte between stars takes
 * more, if the names are of that byte. */
static void the_worst_document_is_judged_in_time(void **state)
{
	static const struct {
		const char *principal; /* this over and over */
		const char *pattern;
		double most; /* microseconds */
	} rows[] = {
		{ "aaaaaaaa", "*b*c", 200 },
		{ "aaaaaaaa", "*ab*a", 200 },
		{ "aaaaaaaa", "**aaaab**a", 200 },
		{ "aaaaaaab", "**ab*abc*", 200 },
		{ "web.aaaa", "*.*.*", 200 },
		{ "web-aaaa", "*-*-*.example.com", 200 },
		{ "team-web", "*-*-*team-x*", 200 },
		{ "a.b.c.d/", "**a*.b*c/d*", 200 },
		{ "a.b.c.d/", "**a**a**b**b*x**d*", 200 },
		{ "web-abc.", "*-abc.web-*", 200 },
		{ "aaaaaaaa", "*aaaaaaaaaaaaaaaaaaaaaaab*", 400 },
		{ "aaaaaaaa", "*aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab*", 800 },
	};
	struct sample *sample = sample_new(DOCUMENT_SSH_USER);
	char name[49]; /* with as many as may be, all that the record holds */
	unsigned row, i;
	double each;

	(void)state;
	for (row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		for (i = 0; i < sizeof(name); i++)
			name[i] = rows[row].principal[i % 8];
		sample->principals.length = 0;
		for (i = 0; i < FACTS_PRINCIPALS_MAX; i++)
			add_string(&sample->principals, name, sizeof(name));
		sample_pack(sample);
		each = judge(sample, rows[row].pattern, 20);
		print_message("256 principals of 49 bytes, 20 lines `%s`: %.0f us\n",
		    rows[row].pattern, each);
		assert_true(each < 2 * rows[row].most * SLOWNESS);
	}
	free(sample);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(permits_what_lies_inside_the_line),
		cmocka_unit_test(what_a_permit_line_does_not_name_is_not_allowed),
		cmocka_unit_test(without_a_line_the_ca_is_named),
		cmocka_unit_test(every_principal_must_lie_inside),
		cmocka_unit_test(no_line_permits_lists_with_anything_left_over),
		cmocka_unit_test(the_first_line_that_matches_decides),
		cmocka_unit_test(a_deny_line_needs_every_word_and_any_value),
		cmocka_unit_test(a_deny_line_names_options_with_any_value),
		cmocka_unit_test(a_deny_line_for_values_that_ssh_lacks_never_matches),
		cmocka_unit_test(options_need_their_own_value),
		cmocka_unit_test(extensions_do_not_allow_critical_options),
		cmocka_unit_test(the_end_lies_within_the_ttl_from_now),
		cmocka_unit_test(a_longer_ttl_further_down_is_found),
		cmocka_unit_test(a_refusal_by_default_names_the_line_that_came_nearest),
		cmocka_unit_test(the_socket_is_judged_by_client),
		cmocka_unit_test(stars_stand_for_every_ca_and_document),
		cmocka_unit_test(a_host_certificate_needs_no_key_id),
		cmocka_unit_test(teleport_roles_are_judged_by_roles),
		cmocka_unit_test(teleport_traits_are_judged_by_their_names),
		cmocka_unit_test(requires_a_source_address_within_the_range),
		cmocka_unit_test(requires_options_by_name_and_value),
		cmocka_unit_test(a_long_value_is_cut),
		cmocka_unit_test(an_invariant_comes_before_every_line),
		cmocka_unit_test(twenty_rules_are_judged_in_microseconds),
		cmocka_unit_test(the_worst_document_is_judged_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
