/* policy/grammar.c and all that walks a loaded policy: a text is a policy, whose every
 * rule can be told, linted and asked, or an error that names its place. */
#include "tests/fuzz/fuzz.h"

#include "cli/policy_review.h"
#include "tests/unit/ssh_samples.h"

static const char *const words[] = { "cluster ", "account ", "region ", "keystore ",
	"suite ", "tag ", "ceiling ", "socket ", "group ", "permit ", "deny ", "user ",
	"host ", "openssh ", "* ", "ssh-user ", "ssh-host ", "x509-user ", "x509-host ",
	"ttl ", "30h ", "key-id ", "principals ", "extensions ", "critical-options ",
	"require ", "dns ", "ip ", "10.0.0.0/8 ", "2001:db8::/32 ", "uri ", "email ",
	"wildcard-dns ", "subject ", "roles ", "units ", "street ", "postal-code ",
	"traits ", "attributes ", "1.3.9999.1.7=x ", "client ", "rate ", "100/s ",
	"20/m burst 40 ", "software ", "aws_kms ", "balanced-v1 ", "\n", "\r\n", "#",
	"\"", "\\", "**", "*.", "source-address=10.0.0.0/8 ", "force-command=\"a b\" ",
	"permit-pty ", "\xc3\xbc", "\xff", "0", "4294967296", "18446744073709551616",
	NULL };

static const char *const texts[] = {
	"cluster example.com\n",
	("cluster example.com\r\naccount 123456789012\r\nregion us-west-2\r\n"
	 "keystore aws_kms\r\nsuite hsm-v1\r\ntag a b\r\nsocket auth group g\r\n"
	 "ceiling user 100/s 10000/d\r\n"),
	("cluster example.com # c\n\ndeny user ssh-user principals root\n"
	 "permit user ssh-user ttl 30h key-id * principals * extensions permit-pty "
	 "teleport-roles critical-options force-command=* source-address=10.0.0.0/8 "
	 "client auth rate 100/s burst 200\n"
	 "permit host ssh-host ttl 30d key-id * principals localhost *.example.com\n"
	 "deny * *\n"),
	("cluster example.com\nsocket auth group a\nsocket other group b\n"
	 "permit user x509-user ttl 30h subject * roles access editor principals * units "
	 "a "
	 "street b postal-code * attributes 1.3.9999.1.7 1.3.9999.2.1=\"x y\"\n"
	 "permit host x509-host ttl 30d subject **.example.com dns *.example.com "
	 "wildcard-dns ip 10.0.0.0/8 2001:db8::/32 uri spiffe://e/** email "
	 "*@example.com\n"
	 "permit openssh ssh-user ttl 90s key-id a\\\"b\n"),
	("cluster example.com\npermit user ssh-user ttl 8h key-id * principals * require "
	 "source-address=10.0.0.0/8 rate 20/m burst 40\n"),
};

static size_t seed(unsigned number, uint8_t *out, size_t room)
{
	return fuzz_seed_text(texts, sizeof(texts) / sizeof(texts[0]), number, out, room);
}

const struct fuzz_target fuzz_target = { words, NULL, seed };

static void look_at_rules(const struct policy *policy)
{
	static struct policy_lint lint;
	struct policy_warning warning;
	struct rule_summary rule;
	const char *value;
	unsigned i, fact, n;

	for (i = 0; i < policy_rules(policy); i++) {
		rule = policy_rule(policy, i);
		fuzz_require(rule.line > 0 && rule.ca && rule.document);
		fuzz_require(rule.deny == (rule.ttl == 0));
		for (fact = 0; fact < FACT_COUNT; fact++)
			for (n = 0;
			     policy_word_has_values((enum fact)fact) &&
			     (value = policy_rule_value(policy, i, (enum fact)fact, n));
			     n++)
				fuzz_require(strlen(value) <= POLICY_LINE_MAX);
	}
	policy_lint_begin(&lint, policy);
	for (n = 0; policy_lint_next(&lint, &warning); n++) {
		fuzz_require(warning.text[0] != '\0');
		fuzz_require(n < 64 * (policy_rules(policy) + 1));
	}
}

static void decide(const struct policy *policy)
{
	static struct sample *samples[2];
	unsigned i;

	for (i = 0; i < 2; i++) {
		if (!samples[i])
			samples[i] =
			    sample_new(i ? DOCUMENT_SSH_HOST : DOCUMENT_SSH_USER);
		policy_check(policy, &samples[i]->issuer, &samples[i]->request,
		    &samples[i]->facts, &samples[i]->decision);
		/* an honest document breaks no invariant, whatever the rules are */
		fuzz_require(samples[i]->decision.verdict != VERDICT_INVARIANT);
		fuzz_require((samples[i]->decision.line == 0) ==
			     (samples[i]->decision.verdict == VERDICT_DEFAULT));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct policy_error error = { 0 };
	size_t room = policy_storage(bytes, length);
	void *storage = malloc(room);
	struct policy *policy;

	fuzz_require(room > 0 && storage);
	policy = policy_load(bytes, length, storage, room, &error);
	if (policy) {
		fuzz_accepted++;
		fuzz_require(policy_pins(policy)->cluster[0] != '\0');
		look_at_rules(policy);
		decide(policy);
	} else {
		fuzz_require(error.text[0] != '\0');
		fuzz_require(memchr(error.text, '\0', sizeof(error.text)));
		/* only of what is missing there is no place */
		fuzz_require(error.line > 0 ? error.column > 0
					    : strstr(error.text, "cluster") ||
						  strstr(error.text, "account") ||
						  strstr(error.text, "region"));
	}
	free(storage);
	return 0;
}
