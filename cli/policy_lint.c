/*
 * Lint of a loaded policy; policy_review.h has the contract. A check looks at one rule
 * and at those before it; what it can't decide, it does not warn of.
 */
#include "cli/policy_review.h"
#include "policy/duration.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LONG_TTL (UINT64_C(30) * 86400)

/* Of 10,000 rules each has thousands before it: as many values are compared. */
#define EFFORT_MAX 30000

struct subject {
	struct policy_lint *lint;
	const struct policy *policy;
	unsigned number;
	const struct rule *rule;
	struct policy_warning *out;
};

static bool warn(const struct subject *subject, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool warn(const struct subject *subject, const char *format, ...)
{
	va_list arguments;

	subject->out->line = subject->rule->line;
	va_start(arguments, format);
	vsnprintf(subject->out->text, sizeof(subject->out->text), format, arguments);
	va_end(arguments);
	return true;
}

static bool named(const struct rule *rule, enum fact fact)
{
	return (rule->named & 1u << fact) != 0;
}

/* Are all documents of the rule SSH certificates? These have a principal at least. */
static bool all_ssh(const struct rule *rule)
{
	return (rule->documents & ~(1u << DOCUMENT_SSH_USER | 1u << DOCUMENT_SSH_HOST)) ==
	       0;
}

/* ---- one rule matches all that another does ---- */

static bool is_all(const struct operand *operand)
{
	return operand->pattern.shape == PATTERN_ALL && !operand->has_content &&
	       !operand->has_range;
}

/* Does `wide` match each value that `narrow` does? */
static bool covers(const struct operand *wide, const struct operand *narrow)
{
	if (wide->options != narrow->options)
		return false;
	if (is_all(wide) || strcmp(wide->text, narrow->text) == 0)
		return true;
	if (wide->has_content || narrow->has_content ||
	    wide->has_range != narrow->has_range)
		return false;
	if (wide->has_range)
		return network_contains(&wide->range, &narrow->range);
	return narrow->pattern.shape == PATTERN_LITERAL &&
	       pattern_match(
		   &wide->pattern, narrow->pattern.text, narrow->pattern.length);
}

/* Values that are the same have the same. */
static uint16_t bit_of(const struct operand *operand, unsigned fact)
{
	const uint8_t *bytes = (const uint8_t *)operand->text;
	size_t length = strlen(operand->text);
	uint32_t hash = 2166136261u ^ fact; /* FNV-1a */

	if (operand->has_range) { /* 10.0.0.1 is 10.0.0.1/32 */
		bytes = operand->range.address;
		length = operand->range.bytes;
		hash ^= operand->range.prefix * 256u;
	}
	for (; length > 0; length--)
		hash = (hash ^ *bytes++) * 16777619u;
	return (uint16_t)((hash ^ hash >> 16) % GLANCE_BITS);
}

static bool is_name(const struct operand *operand)
{
	return !operand->has_content && !operand->has_range &&
	       operand->pattern.shape == PATTERN_LITERAL;
}

static void glance_at_word(const struct word *word, unsigned fact, struct glance *out)
{
	const struct operand *operand;
	uint32_t i, bit;

	for (i = 0; i < word->count; i++) {
		operand = &word->operands[i];
		bit = bit_of(operand, fact);
		out->values[bit / 64] |= UINT64_C(1) << bit % 64;
		if (is_all(operand))
			out->any |= 1u << fact;
		else if (operand->has_range &&
			 operand->range.prefix < 8 * operand->range.bytes)
			out->ranges |= 1u << fact;
		else if (!operand->has_range && !operand->has_content &&
			 !is_name(operand))
			out->patterns |= 1u << fact;
	}
}

static bool any_value(const struct rule *rule, enum fact fact)
{
	return rule->words[fact].count > 0 && is_all(&rule->words[fact].operands[0]);
}

/* What a deny line and `client` do not name they do not look at. */
static void glance_at(const struct rule *rule, struct glance *out)
{
	unsigned fact;

	*out = (struct glance){ 0 };
	for (fact = 0; fact < WORDS; fact++) {
		if (!named(rule, (enum fact)fact) && (rule->deny || fact == FACT_CLIENT))
			out->any |= 1u << fact;
		glance_at_word(&rule->words[fact], fact, out);
	}
	out->denied = rule->deny && named(rule, FACT_PRINCIPALS) &&
			      !any_value(rule, FACT_PRINCIPALS)
			  ? rule->authorities
			  : 0;
}

static void list_values(struct policy_lint *lint, const struct rule *rule)
{
	const struct operand *operand;
	unsigned fact, i;

	lint->values_count = 0;
	lint->effort = EFFORT_MAX;
	for (fact = 0; fact < WORDS; fact++)
		for (i = 0; i < rule->words[fact].count; i++) {
			operand = &rule->words[fact].operands[i];
			if (lint->values_count < POLICY_LINE_MAX)
				lint->values[lint->values_count++] =
				    (struct glance_value){ .word = 1u << fact,
					    .bit = bit_of(operand, fact),
					    .is_name = is_name(operand),
					    .is_range = operand->has_range };
		}
}

static bool may_cover(const struct glance *earlier, const struct policy_lint *lint)
{
	const struct glance_value *value;
	unsigned i;

	for (i = 0; i < lint->values_count; i++) {
		value = &lint->values[i];
		if ((earlier->any & value->word) == 0 &&
		    (earlier->values[value->bit / 64] >> value->bit % 64 & 1) == 0 &&
		    !(value->is_name && (earlier->patterns & value->word) != 0) &&
		    !(value->is_range && (earlier->ranges & value->word) != 0))
			return false;
	}
	return true;
}

/* On a permit line a `subject` without a dot gives no names of hosts (rules.c). */
static bool covers_hosts(const struct operand *wide, const struct operand *narrow)
{
	return !strchr(narrow->text, '.') || strchr(wide->text, '.');
}

/* Values in the same order are found at once. Each look costs `effort`. */
static bool word_covers(
    const struct word *wide, const struct word *narrow, bool hosts, uint64_t *effort)
{
	const struct operand *one, *other;
	uint32_t i, tried, at = 0;

	for (i = 0; i < narrow->count; i++) {
		other = &narrow->operands[i];
		for (tried = 0; tried < wide->count; tried++, at++) {
			one = &wide->operands[at % wide->count];
			*effort -= *effort > 0;
			if (covers(one, other) && (!hosts || covers_hosts(one, other)))
				break;
		}
		if (tried == wide->count)
			return false;
	}
	return true;
}

static bool same_word(const struct rule *a, const struct rule *b, enum fact fact)
{
	const struct word *one = &a->words[fact], *other = &b->words[fact];
	uint32_t i;

	if (named(a, fact) != named(b, fact) || one->count != other->count)
		return false;
	for (i = 0; i < one->count; i++)
		if (strcmp(one->operands[i].text, other->operands[i].text) != 0)
			return false;
	return true;
}

/* A deny line is hit by one value. For a permit line to come after it in vain, each
 * document that it permits must have such a value. */
static bool deny_covers(
    const struct rule *earlier, const struct rule *later, uint64_t *effort)
{
	unsigned fact;

	for (fact = FACT_NONE + 1; fact < WORDS; fact++) {
		if (!named(earlier, (enum fact)fact))
			continue;
		if (!named(later, (enum fact)fact) || later->words[fact].count == 0)
			return false;
		if (!later->deny && fact != FACT_CLIENT &&
		    (fact != FACT_PRINCIPALS || !all_ssh(later)))
			return false;
		if (!word_covers(
			&earlier->words[fact], &later->words[fact], false, effort))
			return false;
	}
	return true;
}

/* What is not simply wider on the earlier line must be the same on both: a requirement
 * narrows and widens at once, an absent issuer has a meaning of its own. */
static bool permit_covers(
    const struct rule *earlier, const struct rule *later, uint64_t *effort)
{
	unsigned fact;

	if (later->deny || earlier->ttl < later->ttl ||
	    !same_word(earlier, later, FACT_REQUIRE) ||
	    !same_word(earlier, later, FACT_WILDCARD_DNS) ||
	    named(earlier, FACT_ISSUER) != named(later, FACT_ISSUER) ||
	    (named(earlier, FACT_CLIENT) && !named(later, FACT_CLIENT)))
		return false;
	for (fact = FACT_TTL + 1; fact < FACT_RATE; fact++) {
		if (fact == FACT_REQUIRE || fact == FACT_WILDCARD_DNS ||
		    (fact == FACT_CLIENT && !named(earlier, FACT_CLIENT)))
			continue;
		if (!word_covers(&earlier->words[fact], &later->words[fact],
			fact == FACT_SUBJECT, effort))
			return false;
	}
	return true;
}

/* Are the later line's documents among those of the earlier one? */
static bool same_documents(const struct rule *earlier, const struct rule *later)
{
	return (later->authorities & ~earlier->authorities) == 0 &&
	       (later->documents & ~earlier->documents) == 0;
}

/* Is there a document that both are about? */
static bool share_documents(const struct rule *a, const struct rule *b)
{
	unsigned ca, document;

	if ((a->documents & b->documents) == 0)
		return false;
	for (ca = 0; ca < CA_COUNT; ca++)
		for (document = 0; document < DOCUMENT_COUNT; document++)
			if ((a->authorities & b->authorities & 1u << ca) != 0 &&
			    (a->documents & b->documents & 1u << document) != 0 &&
			    ca_signs((enum ca)ca, (enum document)document))
				return true;
	return false;
}

/* ---- the checks ---- */

static bool hides(const struct rule *earlier, const struct rule *later, uint64_t *effort)
{
	*effort -= *effort > 0;
	return same_documents(earlier, later) &&
	       (earlier->deny ? deny_covers(earlier, later, effort)
			      : permit_covers(earlier, later, effort));
}

static bool never_matches(const struct subject *subject)
{
	const struct policy *policy = subject->policy;
	struct policy_lint *lint = subject->lint;
	unsigned at;

	list_values(lint, subject->rule);
	for (at = 0; at < subject->number && lint->effort > 0; at++)
		if (may_cover(&lint->glances[at], lint) &&
		    hides(&policy->rules[at], subject->rule, &lint->effort))
			return warn(subject,
			    "never matches: line %u comes first and matches all that "
			    "this line does",
			    policy->rules[at].line);
	return false;
}

/* The earlier line is warned of. What its ttl refuses goes on to the later one. */
static bool outlived(const struct subject *subject)
{
	const struct policy *policy = subject->policy;
	const struct rule *rule = subject->rule, *later;
	struct policy_lint *lint = subject->lint;
	unsigned at;

	list_values(lint, rule);
	for (at = subject->number + 1; at < policy->rules_count && lint->effort > 0;
	     at++) {
		later = &policy->rules[at];
		if (later->ttl > rule->ttl && !rule->deny && !later->deny &&
		    may_cover(&lint->glances[at], lint) &&
		    hides(later, rule, &lint->effort))
			return warn(subject,
			    "this ttl limits nothing: line %u permits the same for "
			    "longer",
			    later->line);
	}
	return false;
}

static bool no_such_socket(const struct subject *subject)
{
	const struct policy_pins *pins = policy_pins(subject->policy);
	const struct word *client = &subject->rule->words[FACT_CLIENT];
	unsigned i, at;

	for (i = 0; i < client->count; i++)
		for (at = 0; at < pins->sockets; at++)
			if (pattern_match(&client->operands[i].pattern,
				(const uint8_t *)pins->socket_name[at],
				strlen(pins->socket_name[at])))
				return false;
	return client->count > 0 &&
	       warn(subject, "no request comes by it: no socket line has the name %s",
		   client->operands[0].text);
}

/* Several names in one value, most likely, and none of them is denied or permitted. */
static bool no_principal(const struct subject *subject)
{
	const struct word *principals = &subject->rule->words[FACT_PRINCIPALS];
	unsigned i;

	for (i = 0; i < principals->count; i++)
		if (all_ssh(subject->rule) &&
		    strpbrk(principals->operands[i].text, ",?! "))
			return warn(subject,
			    "`%s`: no principal has a blank or one of , ? !",
			    principals->operands[i].text);
	return false;
}

static bool word_without_fact(const struct subject *subject)
{
	const struct rule_summary summary = policy_rule(subject->policy, subject->number);
	unsigned fact;

	for (fact = FACT_NONE + 1; fact < WORDS; fact++)
		if (named(subject->rule, (enum fact)fact) &&
		    !policy_rule_concerns(
			subject->policy, subject->number, (enum fact)fact))
			return subject->rule->deny &&
			       warn(subject,
				   "never matches: a document of %s %s has no %s",
				   summary.ca, summary.document,
				   fact_name((enum fact)fact));
	return false;
}

/* Each SSH certificate has a principal, each X.509 certificate a common name. */
static bool permits_nothing(const struct subject *subject)
{
	const struct rule *rule = subject->rule;
	enum fact fact = all_ssh(rule) ? FACT_PRINCIPALS : FACT_SUBJECT;
	unsigned document;

	for (document = 0; document < DOCUMENT_COUNT; document++)
		if ((rule->documents & 1u << document) != 0 && !all_ssh(rule) &&
		    !document_is_x509((enum document)document))
			return false;
	if (rule->deny || named(rule, fact))
		return false;
	return warn(subject,
	    "permits nothing: its documents always have a value of %s, "
	    "and the line names none",
	    fact_name(fact));
}

/* The permit line is warned of, whichever of the two comes first. */
static bool deny_beside_all(const struct subject *subject)
{
	const struct policy *policy = subject->policy;
	const struct rule *rule = subject->rule, *other;
	unsigned at;

	if (rule->deny || !any_value(rule, FACT_PRINCIPALS) ||
	    (subject->lint->denied & rule->authorities) == 0)
		return false;
	for (at = 0; at < policy->rules_count; at++) {
		other = &policy->rules[at];
		if ((subject->lint->glances[at].denied & rule->authorities) == 0 ||
		    !share_documents(rule, other))
			continue;
		if (other > rule)
			return warn(subject,
			    "principals * comes before the deny of line %u, which "
			    "judges nothing that this line permits",
			    other->line);
		return warn(subject,
		    "principals * permits every name that the deny of line %u does not "
		    "list; list those to be permitted instead",
		    other->line);
	}
	return false;
}

static bool long_ttl(const struct subject *subject)
{
	char ttl[24];

	if (subject->rule->ttl <= LONG_TTL)
		return false;
	duration_write(subject->rule->ttl, ttl);
	return warn(subject, "ttl %s is longer than 30d", ttl);
}

static bool any_of(const struct subject *subject, enum fact fact)
{
	if (subject->rule->deny || !any_value(subject->rule, fact))
		return false;
	return warn(
	    subject, "%s * permits any: list those to be permitted", fact_name(fact));
}

static bool any_role(const struct subject *subject)
{
	return any_of(subject, FACT_ROLES);
}

static bool any_audience(const struct subject *subject)
{
	return any_of(subject, FACT_AUDIENCE);
}

static bool no_rate(const struct subject *subject)
{
	if (subject->rule->deny || subject->rule->rate.amount > 0)
		return false;
	return warn(subject, "no rate: only the CA's ceiling limits how many documents");
}

static bool (*const checks[])(const struct subject *) = { never_matches, outlived,
	no_such_socket, no_principal, word_without_fact, permits_nothing, deny_beside_all,
	long_ttl, any_role, any_audience, no_rate };

#define CHECKS (sizeof(checks) / sizeof(checks[0]))

void policy_lint_begin(struct policy_lint *lint, const struct policy *policy)
{
	uint32_t i;

	lint->policy = policy;
	lint->rule = lint->check = 0;
	lint->denied = 0;
	for (i = 0; i < policy->rules_count; i++) {
		glance_at(&policy->rules[i], &lint->glances[i]);
		lint->denied |= lint->glances[i].denied;
	}
}

bool policy_lint_next(struct policy_lint *lint, struct policy_warning *out)
{
	struct subject subject = { .lint = lint, .policy = lint->policy, .out = out };

	while (lint->rule < lint->policy->rules_count) {
		subject.number = lint->rule;
		subject.rule = &lint->policy->rules[lint->rule];
		while (lint->check < CHECKS)
			if (checks[lint->check++](&subject))
				return true;
		lint->rule++;
		lint->check = 0;
	}
	return false;
}
