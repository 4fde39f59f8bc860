/* What policy_review.h gives out: rules as they were written. Lint is in policy_lint.c.
 */
#include "cli/policy_review.h"

/* clang-format off */
#define BIT(fact) (1u << (fact))

/* The facts that documents of a purpose have. Where DESIGN leaves it open, they have it. */
#define OF_SSH	 (BIT(FACT_PRINCIPALS) | BIT(FACT_EXTENSIONS) | BIT(FACT_CRITICAL_OPTIONS) | \
		  BIT(FACT_REQUIRE) | BIT(FACT_ROLES) | BIT(FACT_TRAITS) | BIT(FACT_KEY_ID))
#define OF_X509	 (BIT(FACT_DNS) | BIT(FACT_IP) | BIT(FACT_URI) | BIT(FACT_EMAIL) | \
		  BIT(FACT_WILDCARD_DNS) | BIT(FACT_SUBJECT) | BIT(FACT_ROLES) | BIT(FACT_UNITS) | \
		  BIT(FACT_STREET) | BIT(FACT_POSTAL_CODE) | BIT(FACT_ATTRIBUTES) | \
		  BIT(FACT_PRINCIPALS) | BIT(FACT_TRAITS) | BIT(FACT_REQUIRE))
#define OF_TOKEN (BIT(FACT_SUBJECT) | BIT(FACT_ROLES) | BIT(FACT_TRAITS) | BIT(FACT_ISSUER) | \
		  BIT(FACT_AUDIENCE) | BIT(FACT_CLAIMS) | BIT(FACT_REQUIRE) | BIT(FACT_URI))
#define OF_SAML	 (OF_TOKEN | BIT(FACT_EMAIL) | BIT(FACT_ATTRIBUTES))
/* clang-format on */

static const uint32_t document_facts[DOCUMENT_COUNT] = {
	[DOCUMENT_SSH_USER] = OF_SSH,
	[DOCUMENT_SSH_HOST] = OF_SSH,
	[DOCUMENT_X509_USER] = OF_X509,
	[DOCUMENT_X509_HOST] = OF_X509,
	[DOCUMENT_X509_DB_SERVER] = OF_X509,
	[DOCUMENT_X509_DB_CLIENT] = OF_X509,
	[DOCUMENT_X509_SVID] = OF_X509,
	[DOCUMENT_JWT] = OF_TOKEN,
	[DOCUMENT_OIDC_TOKEN] = OF_TOKEN,
	[DOCUMENT_JWT_SVID] = OF_TOKEN,
	[DOCUMENT_SAML_ASSERTION] = OF_SAML,
};

/* The one whose bit is set; `count` when more are. */
static unsigned only(unsigned bits, unsigned count)
{
	unsigned at = 0;

	while (at < count && bits != 1u << at)
		at++;
	return at;
}

struct rule_summary policy_rule(const struct policy *policy, unsigned number)
{
	const struct rule *rule = &policy->rules[number];
	unsigned ca = only(rule->authorities, CA_COUNT);
	unsigned document = only(rule->documents, DOCUMENT_COUNT);

	return (struct rule_summary){ .line = rule->line,
		.deny = rule->deny,
		.ca = ca == CA_COUNT ? "*" : ca_name((enum ca)ca),
		.document = document == DOCUMENT_COUNT
				? "*"
				: document_name((enum document)document),
		.ttl = rule->ttl,
		.rate = rule->rate };
}

bool policy_word_has_values(enum fact fact)
{
	return fact > FACT_TTL && fact < FACT_RATE;
}

bool policy_rule_has(const struct policy *policy, unsigned rule, enum fact fact)
{
	return fact < WORDS && (policy->rules[rule].named & 1u << fact) != 0;
}

bool policy_rule_concerns(const struct policy *policy, unsigned number, enum fact fact)
{
	const struct rule *rule = &policy->rules[number];
	unsigned ca, document;

	if (fact == FACT_CLIENT || fact == FACT_TTL || fact == FACT_RATE)
		return true;
	for (document = 0; document < DOCUMENT_COUNT; document++) {
		if ((rule->documents & 1u << document) == 0 ||
		    (document_facts[document] & 1u << fact) == 0)
			continue;
		for (ca = 0; ca < CA_COUNT; ca++)
			if ((rule->authorities & 1u << ca) != 0 &&
			    ca_signs((enum ca)ca, (enum document)document))
				return true;
	}
	return false;
}

const char *policy_rule_value(
    const struct policy *policy, unsigned rule, enum fact fact, unsigned index)
{
	const struct word *word;

	if (!policy_rule_has(policy, rule, fact))
		return NULL;
	word = &policy->rules[rule].words[fact];
	return index < word->count ? word->operands[index].text : NULL;
}
