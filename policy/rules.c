/*
 * First match decides. A permit line matches when every value of the document lies inside
 * what the line names; what it does not name is not allowed. A deny line matches when
 * each of its words does, and a word when any value of the document lies inside.
 */
#include "policy/rules.h"

#include "policy/duration.h"
#include "policy/teleport.h"

#include <stdio.h>
#include <string.h>

struct question {
	const struct request *request;
	const struct facts *facts;
	struct teleport_names roles;
	struct teleport_names traits;
};

/* What a permit line did not allow, or the value by which a deny line matched. A value
 * that is no option is a name without a value. */
struct hit {
	enum fact fact;
	unsigned step; /* how far a permit line got */
	struct named_value value;
};

/* The values that a document has of one fact, from the next one on. */
struct values {
	enum { VALUES_STRINGS, VALUES_OPTIONS, VALUES_NAMES, VALUES_ONE } form;
	struct slice rest;
	const struct slice *names;
	uint32_t names_left;
};

static struct values values_of(const struct question *question, enum fact fact)
{
	const struct facts *facts = question->facts;
	struct values values = { .form = VALUES_ONE };

	if (fact == FACT_ROLES || fact == FACT_TRAITS) {
		const struct teleport_names *names =
		    fact == FACT_ROLES ? &question->roles : &question->traits;

		return (
		    struct values){ VALUES_NAMES, { NULL, 0 }, names->at, names->count };
	}
	if (fact == FACT_CLIENT)
		values.rest = slice_of(question->request->client);
	if (fact == FACT_KEY_ID)
		values.rest = FACTS_SLICE(facts, key_id);
	if (fact == FACT_PRINCIPALS) {
		values.form = VALUES_STRINGS;
		values.rest = FACTS_SLICE(facts, principals);
	}
	if (fact == FACT_EXTENSIONS || fact == FACT_CRITICAL_OPTIONS) {
		values.form = VALUES_OPTIONS;
		values.rest = fact == FACT_EXTENSIONS
				  ? FACTS_SLICE(facts, extensions)
				  : FACTS_SLICE(facts, critical_options);
	}
	return values;
}

static bool next_value(struct values *values, struct named_value *value)
{
	value->value = (struct slice){ NULL, 0 };
	switch (values->form) {
	case VALUES_STRINGS:
		return facts_next_item(&values->rest, &value->name);
	case VALUES_OPTIONS:
		return facts_next_option(&values->rest, value);
	case VALUES_NAMES:
		if (values->names_left == 0)
			return false;
		value->name = *values->names++;
		values->names_left--;
		return true;
	case VALUES_ONE:
		value->name = values->rest;
		values->rest.length = 0;
		return value->name.length > 0;
	}
	return false;
}

static bool matches(const struct pattern *pattern, struct slice value)
{
	return pattern_match(pattern, value.at, value.length);
}

/* A bare name permits the option without a value, and with `any` one with any value. */
static bool operand_matches(
    const struct operand *operand, const struct named_value *value, bool any)
{
	if (!matches(&operand->pattern, value->name))
		return false;
	if (operand->has_content && !operand->has_range)
		return value->value.length > 0 &&
		       matches(&operand->content, value->value);
	return any || value->value.length == 0 || operand->pattern.shape == PATTERN_ALL;
}

/* What a line requires it also allows; whether it is there is judged by itself. */
static bool is_required(
    const struct rule *rule, enum fact fact, const struct named_value *value)
{
	const struct word *require = &rule->words[FACT_REQUIRE];
	uint32_t i;

	for (i = 0; i < require->count; i++)
		if (require->operands[i].options == fact &&
		    operand_matches(&require->operands[i], value, true))
			return true;
	return false;
}

static bool lies_inside(
    const struct rule *rule, enum fact fact, const struct named_value *value)
{
	const struct word *word = &rule->words[fact];
	uint32_t i;

	for (i = 0; i < word->count; i++)
		if (operand_matches(&word->operands[i], value, rule->deny))
			return true;
	if (rule->deny)
		return false;
	/* `roles` and `traits` judge what is in these. */
	return (fact == FACT_EXTENSIONS && teleport_fact(value->name) != FACT_NONE) ||
	       is_required(rule, fact, value);
}

/* Each range of a comma-separated list inside one of the line's ranges. */
static bool addresses_lie_inside(const struct word *require, struct slice list)
{
	const uint8_t *end = list.at + list.length, *at = list.at, *comma;
	struct network network;
	uint32_t i;

	for (comma = at; list.length > 0 && comma < end; at = comma + 1) {
		comma = memchr(at, ',', (size_t)(end - at));
		comma = comma ? comma : end;
		if (network_read((const char *)at, (size_t)(comma - at), &network))
			return false;
		for (i = 0; i < require->count; i++)
			if (require->operands[i].has_range &&
			    network_contains(&require->operands[i].range, &network))
				break;
		if (i == require->count)
			return false;
	}
	return list.length > 0;
}

static bool requirement_is_met(const struct word *require, const struct operand *operand,
    const struct question *question)
{
	struct values values = values_of(question, operand->options);
	struct named_value option;

	while (next_value(&values, &option))
		if (operand_matches(operand, &option, true) &&
		    (!operand->has_range || addresses_lie_inside(require, option.value)))
			return true;
	return false;
}

/* A permit line's first requirement that is not met, a deny line's first that is. */
static bool find_requirement(
    const struct rule *rule, const struct question *question, struct hit *hit)
{
	const struct word *require = &rule->words[FACT_REQUIRE];
	const struct operand *operand;
	uint32_t i;

	for (i = 0; i < require->count; i++) {
		operand = &require->operands[i];
		if (requirement_is_met(require, operand, question) != rule->deny)
			continue;
		hit->value.name = (struct slice){ (const uint8_t *)operand->pattern.text,
			operand->pattern.length };
		hit->value.value = (struct slice){ (const uint8_t *)operand->content.text,
			operand->has_content ? operand->content.length : 0 };
		return true;
	}
	return false;
}

/* Seconds from now to the document's end; 0 when that has passed. */
static uint64_t seconds_left(const struct question *question)
{
	uint64_t now = question->request->now > 0 ? (uint64_t)question->request->now : 0;
	uint64_t end = question->facts->valid_before;

	return end > now ? end - now : 0;
}

/* The first value that a permit line does not allow, or that a deny line denies. */
static bool find_value(const struct rule *rule, enum fact fact,
    const struct question *question, struct hit *hit)
{
	struct values values = values_of(question, fact);

	hit->fact = fact;
	hit->value = (struct named_value){ 0 };
	if (fact == FACT_TTL)
		return !question->request->ignore_ttl &&
		       seconds_left(question) > rule->ttl;
	if (fact == FACT_REQUIRE)
		return find_requirement(rule, question, hit);
	if (fact == FACT_CLIENT && !rule->deny) {
		/* The one word whose absence allows any value. */
		if ((rule->named & 1u << FACT_CLIENT) == 0)
			return false;
		if (values.rest.length == 0)
			return true;
	}
	while (next_value(&values, &hit->value))
		if (lies_inside(rule, fact, &hit->value) == rule->deny)
			return true;
	return false;
}

/* The steps are counted so that a refusal can name the line that came nearest. */
static bool permits(
    const struct rule *rule, const struct question *question, struct hit *hit)
{
	static const enum fact steps[] = { FACT_CLIENT, FACT_PRINCIPALS, FACT_KEY_ID,
		FACT_EXTENSIONS, FACT_ROLES, FACT_TRAITS, FACT_CRITICAL_OPTIONS,
		FACT_REQUIRE, FACT_TTL };

	for (hit->step = 0; hit->step < sizeof(steps) / sizeof(steps[0]); hit->step++)
		if (find_value(rule, steps[hit->step], question, hit))
			return false;
	return true;
}

/* A bare deny line matches every document of its CA and kind. The first word that matched
 * is what the refusal names. */
static bool denies(
    const struct rule *rule, const struct question *question, struct hit *hit)
{
	struct hit found;
	unsigned fact;

	*hit = (struct hit){ .fact = FACT_CA };
	for (fact = 0; fact < WORDS; fact++) {
		if ((rule->named & 1u << fact) == 0)
			continue;
		if (!find_value(rule, (enum fact)fact, question, &found))
			return false;
		if (hit->fact == FACT_CA)
			*hit = found;
	}
	return true;
}

static void refuse(const struct question *question, const struct issuer *issuer,
    enum verdict verdict, const struct hit *hit, struct decision *out)
{
	char text[64] = "";

	if (hit->fact == FACT_TTL)
		duration_write(seconds_left(question), text);
	if (hit->fact == FACT_CA)
		snprintf(text, sizeof(text), "%s %s", ca_name(issuer->ca),
		    document_name(question->request->document));
	decision_refuse(out, verdict, hit->fact, hit->value.name, NULL);
	decision_append(out, slice_of(hit->value.value.length > 0 ? "=" : text));
	decision_append(out, hit->value.value);
}

/* The names in teleport-roles and teleport-traits; none when a document has no such
 * extension. The invariants have shown that the values can be read. */
static void read_names(struct question *question)
{
	struct slice extensions = FACTS_SLICE(question->facts, extensions);
	struct named_value option;

	question->roles.count = question->traits.count = 0;
	while (facts_next_option(&extensions, &option)) {
		enum fact fact = teleport_fact(option.name);

		if (fact != FACT_NONE)
			teleport_read(fact, option.value,
			    fact == FACT_ROLES ? &question->roles : &question->traits);
	}
}

void rules_check(const struct policy *policy, const struct issuer *issuer,
    const struct request *request, const struct facts *facts, struct decision *out)
{
	struct question question;
	struct hit hit, nearest = { .fact = FACT_CA };
	const struct rule *rule, *end = policy->rules + policy->rules_count;
	bool found = false;

	question.request = request;
	question.facts = facts;
	read_names(&question);
	for (rule = policy->rules; rule < end; rule++) {
		if ((rule->authorities & 1u << issuer->ca) == 0 ||
		    (rule->documents & 1u << request->document) == 0)
			continue;
		found = rule->deny ? denies(rule, &question, &hit)
				   : permits(rule, &question, &hit);
		if (found)
			break;
		if (!rule->deny && (nearest.fact == FACT_CA || hit.step > nearest.step))
			nearest = hit;
	}
	if (!found) {
		refuse(&question, issuer, VERDICT_DEFAULT, &nearest, out);
		return;
	}
	if (rule->deny)
		refuse(&question, issuer, VERDICT_RULE, &hit, out);
	else
		*out = (struct decision){
			.verdict = VERDICT_PERMIT, .ttl = rule->ttl, .rate = rule->rate
		};
	out->line = rule->line;
	out->rule = (unsigned)(rule - policy->rules);
}
