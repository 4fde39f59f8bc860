/*
 * First match decides. A permit line matches when every value of the document lies inside
 * what the line names; what it does not name is not allowed. A deny line matches when
 * each of its words does, and a word when any value of the document lies inside.
 */
#include "policy/rules.h"

#include "policy/duration.h"
#include "policy/teleport.h"
#include "policy/x509_words.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* What the invariants allow at most: two names (key id, client), a list of principals,
 * options of two kinds, roles and traits; or 512 attributes, 256 alternative names and as
 * many traits. */
#define VALUES_MAX 1300
#define STEPS	   18 /* of a permit line's judgement, before its ttl */

/* A document's values, by fact. */
struct question {
	const struct request *request;
	const struct facts *facts;
	bool whole; /* there was room for all values */
	uint32_t count;
	struct named_value value[VALUES_MAX];
	uint8_t fact[VALUES_MAX];
	uint16_t order[VALUES_MAX];	/* indexes of value[], by fact */
	uint16_t first[FACT_COUNT + 1]; /* of order[], for each fact */
	uint32_t present;		/* bit 1 << fact: there is a value */
	char oids[X509_ATTRIBUTES_MAX][X509_OID_TEXT];
};

/* What a permit line did not allow, or the value by which a deny line matched. A value
 * that is no option is a name without a value. */
struct hit {
	enum fact fact;
	unsigned step; /* how far a permit line got */
	struct named_value value;
};

static bool matches(const struct pattern *pattern, struct slice value)
{
	return pattern_match(pattern, value.at, value.length);
}

/* A bare name permits the option without a value, and with `any` one with any value. */
static bool option_matches(
    const struct operand *operand, const struct named_value *value, bool any)
{
	if (!matches(&operand->pattern, value->name))
		return false;
	if (operand->has_content && !operand->has_range)
		return value->value.length > 0 &&
		       matches(&operand->content, value->value);
	return any || value->value.length == 0 || operand->pattern.shape == PATTERN_ALL;
}

static bool address_matches(const struct operand *operand, struct slice address)
{
	struct network network = { .bytes = (uint8_t)address.length,
		.prefix = (uint8_t)(8 * address.length) };

	if (!operand->has_range)
		return operand->pattern.shape == PATTERN_ALL;
	if (address.length != 4 && address.length != 16)
		return false;
	memcpy(network.address, address.at, address.length);
	return network_contains(&operand->range, &network);
}

/* A common name that a client may take for a host's: of those with a dot, an `@` tells
 * what is a person's; of those without, only localhost is nobody's. */
static bool may_be_host(struct slice name)
{
	static const char local[] = "localhost";

	if (name.length == sizeof local - 1 &&
	    strncasecmp((const char *)name.at, local, name.length) == 0)
		return true;
	return name.length > 0 && memchr(name.at, '.', name.length) &&
	       !memchr(name.at, '@', name.length);
}

/* People's certificates serve TLS servers too, so a `subject` with neither a dot nor the
 * whole name in it, such as `*`, gives nobody the name of a host. */
static bool subject_matches(const struct question *question, const struct rule *rule,
    const struct operand *operand, struct slice name)
{
	const struct pattern *pattern = &operand->pattern;

	return matches(pattern, name) &&
	       (rule->deny || question->request->document != DOCUMENT_X509_USER ||
		   !may_be_host(name) || pattern->shape == PATTERN_LITERAL ||
		   memchr(pattern->text, '.', pattern->length));
}

static bool operand_matches(const struct question *question, const struct rule *rule,
    enum fact fact, const struct operand *operand, const struct named_value *value)
{
	if (fact == FACT_IP)
		return address_matches(operand, value->name);
	if (fact == FACT_SUBJECT)
		return subject_matches(question, rule, operand, value->name);
	if (fact == FACT_DNS || fact == FACT_WILDCARD_DNS)
		return pattern_match_wildcard(
		    &operand->pattern, value->name.at, value->name.length);
	return option_matches(operand, value, rule->deny || fact == FACT_ATTRIBUTES);
}

static bool lies_among(const struct question *question, const struct rule *rule,
    enum fact fact, const struct named_value *value)
{
	const struct word *word = &rule->words[fact];
	uint32_t i;

	for (i = 0; i < word->count; i++)
		if (operand_matches(question, rule, fact, &word->operands[i], value))
			return true;
	return false;
}

/* What a line requires it also allows; whether it is there is judged by itself. */
static bool is_required(
    const struct rule *rule, enum fact fact, const struct named_value *value)
{
	const struct word *require = &rule->words[FACT_REQUIRE];
	uint32_t i;

	for (i = 0; i < require->count; i++)
		if (require->operands[i].options == fact &&
		    option_matches(&require->operands[i], value, true))
			return true;
	return false;
}

/* The names in teleport-roles and teleport-traits are judged by `roles` and `traits`. So
 * may the one postal code be, which is where Teleport has traits in a certificate; it can
 * also be permitted as it stands. */
static bool is_judged_by_names(const struct question *question, const struct rule *rule,
    enum fact fact, const struct named_value *value)
{
	uint16_t i = question->first[FACT_TRAITS];

	if (fact == FACT_EXTENSIONS)
		return teleport_fact(value->name) != FACT_NONE;
	if (fact != FACT_POSTAL_CODE || i == question->first[FACT_TRAITS + 1])
		return false;
	for (; i < question->first[FACT_TRAITS + 1]; i++)
		if (!lies_among(question, rule, FACT_TRAITS,
			&question->value[question->order[i]]))
			return false;
	return true;
}

/* Without values `wildcard-dns` leaves it to `dns`, or on a deny line is hit by any. */
static bool wildcard_lies_inside(const struct question *question, const struct rule *rule,
    const struct named_value *value)
{
	if ((rule->named & 1u << FACT_WILDCARD_DNS) == 0)
		return false;
	if (rule->words[FACT_WILDCARD_DNS].count > 0)
		return lies_among(question, rule, FACT_WILDCARD_DNS, value);
	return rule->deny || lies_among(question, rule, FACT_DNS, value);
}

static bool lies_inside(const struct question *question, const struct rule *rule,
    enum fact fact, const struct named_value *value)
{
	if (fact == FACT_WILDCARD_DNS)
		return wildcard_lies_inside(question, rule, value);
	if (lies_among(question, rule, fact, value))
		return true;
	return !rule->deny && (is_judged_by_names(question, rule, fact, value) ||
				  is_required(rule, fact, value));
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
		if (network_read(at, (size_t)(comma - at), &network))
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
	const struct named_value *option;
	uint16_t i;

	for (i = question->first[operand->options];
	     i < question->first[operand->options + 1]; i++) {
		option = &question->value[question->order[i]];
		if (option_matches(operand, option, true) &&
		    (!operand->has_range || addresses_lie_inside(require, option->value)))
			return true;
	}
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
		hit->value.name =
		    (struct slice){ operand->pattern.text, operand->pattern.length };
		hit->value.value = (struct slice){ operand->content.text,
			operand->has_content ? operand->content.length : 0 };
		return true;
	}
	return false;
}

/* Seconds from now to the document's end; 0 when that has passed. */
/*@ requires \valid_read(request) && \valid_read(facts);
    assigns \nothing;
    ensures DOCUMENT_X509_USER <= request->document <= DOCUMENT_X509_SVID ==>
      ends_within(facts->x509_not_after, request->now, \result);
    ensures !(DOCUMENT_X509_USER <= request->document <= DOCUMENT_X509_SVID) ==>
      ends_within(facts->valid_before, request->now, \result);
*/
static uint64_t seconds_left(const struct request *request, const struct facts *facts)
{
	uint64_t now = request->now > 0 ? (uint64_t)request->now : 0;
	int64_t not_after = facts->x509_not_after;
	uint64_t end = facts->valid_before;

	if (document_is_x509(request->document))
		end = not_after > 0 ? (uint64_t)not_after : 0;
	return end > now ? end - now : 0;
}

/*@ requires \valid_read(rule) && \valid_read(request) && \valid_read(facts);
    assigns \nothing;
    ensures !\result ==> promised_ttl(rule, request, facts);
*/
static bool outlives(
    const struct rule *rule, const struct request *request, const struct facts *facts)
{
	return !request->ignore_ttl && seconds_left(request, facts) > rule->ttl;
}

/* The first of the document's values of a fact that the line's word does not allow, or by
 * which a deny line's is hit. */
static bool find_among(const struct rule *rule, enum fact word, enum fact fact,
    const struct question *question, struct hit *hit)
{
	const struct named_value *value;
	uint16_t i;

	for (i = question->first[fact]; i < question->first[fact + 1]; i++) {
		value = &question->value[question->order[i]];
		if (lies_inside(question, rule, word, value) == rule->deny) {
			hit->value = *value;
			return true;
		}
	}
	return false;
}

/*@ requires \valid_read(rule) && \valid_read(question) && \valid(hit);
    assigns hit->fact, hit->value;
*/
static bool find_value(const struct rule *rule, enum fact fact,
    const struct question *question, struct hit *hit)
{
	hit->fact = fact;
	if (fact == FACT_REQUIRE)
		return find_requirement(rule, question, hit);
	if (fact == FACT_CLIENT && !rule->deny) {
		/* The one word whose absence allows any value. */
		if ((rule->named & 1u << FACT_CLIENT) == 0)
			return false;
		if ((question->present & 1u << FACT_CLIENT) == 0)
			return true;
	}
	if (find_among(rule, fact, fact, question, hit))
		return true;
	/* What is denied as a name is also denied under a wildcard. */
	return rule->deny && fact == FACT_DNS &&
	       find_among(rule, FACT_DNS, FACT_WILDCARD_DNS, question, hit);
}

/*@ assigns \nothing; */
static bool has_bit(uint32_t bits, unsigned bit)
{
	return bit < 32 && (bits >> bit & 1u) != 0;
}

/* All that a permit line says but for its ttl. The steps are counted so that a refusal
 * can name the line that came nearest. The names of traits are not among them: with a
 * certificate's postal code they were judged. */
/*@ requires \valid_read(rule) && \valid_read(question) && \valid(hit);
    assigns hit->fact, hit->value, hit->step;
*/
static bool values_lie_inside(
    const struct rule *rule, const struct question *question, struct hit *hit)
{
	static const struct named_value none = { { NULL, 0 }, { NULL, 0 } };
	static const enum fact steps[STEPS] = { FACT_CLIENT, FACT_SUBJECT,
		FACT_PRINCIPALS, FACT_KEY_ID, FACT_EXTENSIONS, FACT_ROLES, FACT_TRAITS,
		FACT_CRITICAL_OPTIONS, FACT_UNITS, FACT_STREET, FACT_POSTAL_CODE,
		FACT_ATTRIBUTES, FACT_DNS, FACT_WILDCARD_DNS, FACT_IP, FACT_URI,
		FACT_EMAIL, FACT_REQUIRE };
	const uint32_t looked_at =
	    question->present | 1u << FACT_CLIENT | 1u << FACT_REQUIRE;
	unsigned step;

	hit->value = none;
	/*@ loop invariant step <= STEPS;
	    loop assigns step, hit->fact, hit->value, hit->step;
	    loop variant STEPS - step; */
	for (step = 0; step < STEPS; step++) {
		hit->step = step;
		if (has_bit(looked_at, steps[step]) &&
		    find_value(rule, steps[step], question, hit))
			return false;
	}
	return true;
}

/*@ requires \valid_read(rule) && \valid_read(question) && \valid(hit);
    requires \valid_read(request) && \valid_read(facts);
    assigns hit->fact, hit->value, hit->step;
    ensures \result ==> promised_ttl(rule, request, facts);
*/
static bool permits(const struct rule *rule, const struct question *question,
    const struct request *request, const struct facts *facts, struct hit *hit)
{
	if (!values_lie_inside(rule, question, hit))
		return false;
	hit->step = STEPS;
	hit->fact = FACT_TTL;
	return !outlives(rule, request, facts);
}

/* A bare deny line matches every document of its CA and kind. The first word that matched
 * is what the refusal names. */
/*@ requires \valid_read(rule) && \valid_read(question) && \valid(hit);
    assigns hit->fact, hit->value, hit->step;
*/
static bool denies(
    const struct rule *rule, const struct question *question, struct hit *hit)
{
	struct hit found = { 0 };
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

/*@ requires \valid_read(question) && \valid_read(issuer) && \valid_read(hit);
    requires \valid(out) && verdict != VERDICT_PERMIT;
    assigns *out;
    ensures out->verdict == verdict;
*/
static void refuse(const struct question *question, const struct issuer *issuer,
    enum verdict verdict, const struct hit *hit, struct decision *out)
{
	char text[64] = "";
	struct slice name = hit->value.name;

	if (hit->fact == FACT_TTL)
		duration_write(seconds_left(question->request, question->facts), text);
	if (hit->fact == FACT_CA)
		snprintf(text, sizeof(text), "%s %s", ca_name(issuer->ca),
		    document_name(question->request->document));
	if (hit->fact == FACT_IP) {
		x509_address_text(name, text);
		name.length = 0;
	}
	decision_refuse(out, verdict, hit->fact, name, NULL);
	decision_append(out, slice_of(hit->value.value.length > 0 ? "=" : text));
	decision_append(out, hit->value.value);
}

/* ---- the document's values ---- */

static void add(
    struct question *question, enum fact fact, struct slice name, struct slice value)
{
	if (question->count == VALUES_MAX) {
		question->whole = false;
		return;
	}
	question->fact[question->count] = (uint8_t)fact;
	question->value[question->count++] = (struct named_value){ name, value };
}

static void add_name(struct question *question, enum fact fact, struct slice name)
{
	if (name.length > 0)
		add(question, fact, name, (struct slice){ NULL, 0 });
}

/* The names in Teleport's JSON. That of an SSH certificate the invariants have read. */
static void add_names(struct question *question, enum fact fact, struct slice json)
{
	struct teleport_names names;
	uint32_t i;

	if (!teleport_read(fact, json, &names))
		return;
	for (i = 0; i < names.count; i++)
		add_name(question, fact, names.at[i]);
}

static void add_options(struct question *question, enum fact fact, struct slice list)
{
	struct named_value option;
	enum fact names;

	while (facts_next_option(&list, &option)) {
		add(question, fact, option.name, option.value);
		names = fact == FACT_EXTENSIONS ? teleport_fact(option.name) : FACT_NONE;
		if (names != FACT_NONE)
			add_names(question, names, option.value);
	}
}

static void add_attributes(struct question *question, struct slice list)
{
	struct slice none = { NULL, 0 }, postal_code = none, oid;
	unsigned oids = 0, postal_codes = 0;
	struct x509_attribute attribute;
	enum fact fact;

	while (x509_next_attribute(&list, &attribute)) {
		fact = x509_attribute_fact(&attribute);
		if (fact == FACT_ATTRIBUTES && oids < X509_ATTRIBUTES_MAX) {
			oid.at = (const uint8_t *)question->oids[oids];
			oid.length =
			    x509_attribute_oid(&attribute, question->oids[oids++]);
			add(question, fact, oid, attribute.value);
			continue;
		}
		add(question, fact, attribute.value, none);
		if (fact == FACT_POSTAL_CODE) {
			postal_codes++;
			postal_code = attribute.value;
		}
	}
	if (postal_codes == 1)
		add_names(question, FACT_TRAITS, postal_code);
}

/* By fact, in the order in which they stand in the document. */
static void sort_values(struct question *question)
{
	uint16_t next[FACT_COUNT], at;
	unsigned fact;
	uint32_t i;

	memset(question->first, 0, sizeof(question->first));
	for (i = 0; i < question->count; i++)
		question->first[question->fact[i] + 1]++;
	question->present = 0;
	for (fact = 0; fact < FACT_COUNT; fact++) {
		if (question->first[fact + 1] > 0)
			question->present |= 1u << fact;
		question->first[fact + 1] =
		    (uint16_t)(question->first[fact] + question->first[fact + 1]);
		next[fact] = question->first[fact];
	}
	for (i = 0; i < question->count; i++) {
		at = next[question->fact[i]]++;
		question->order[at] = (uint16_t)i;
	}
}

/*@ requires \valid(question) && \valid_read(request) && \valid_read(facts);
    assigns *question;
*/
static void read_values(
    struct question *question, const struct request *request, const struct facts *facts)
{
	struct slice item, list = FACTS_SLICE(facts, principals);
	struct x509_alt_name name;

	question->request = request;
	question->facts = facts;
	question->whole = true;
	question->count = 0;
	add_name(question, FACT_CLIENT, slice_of(question->request->client));
	add_name(question, FACT_KEY_ID, FACTS_SLICE(facts, key_id));
	while (facts_next_item(&list, &item))
		add(question, FACT_PRINCIPALS, item, (struct slice){ NULL, 0 });
	add_options(
	    question, FACT_CRITICAL_OPTIONS, FACTS_SLICE(facts, critical_options));
	add_options(question, FACT_EXTENSIONS, FACTS_SLICE(facts, extensions));
	add_attributes(question, FACTS_SLICE(facts, x509_subject));
	list = FACTS_SLICE(facts, x509_alt_names);
	while (x509_next_alt_name(&list, &name))
		add_name(question, x509_alt_name_fact(&name), name.value);
	sort_values(question);
	if (document_is_x509(question->request->document))
		question->present &= ~(1u << FACT_TRAITS);
}

/*@ requires \valid_read(rule) && \valid_read(issuer) && \valid_read(request);
    requires issuer->ca < CA_COUNT && request->document < DOCUMENT_COUNT;
    assigns \nothing;
    ensures \result ==> promised_scope(rule, issuer, request);
*/
static bool is_about(
    const struct rule *rule, const struct issuer *issuer, const struct request *request)
{
	return (rule->authorities >> issuer->ca & 1) != 0 &&
	       (rule->documents >> request->document & 1) != 0;
}

/*@ requires \valid_read(rule) && \valid(out);
    assigns *out;
    ensures out->verdict == VERDICT_PERMIT && out->ttl == rule->ttl;
*/
static void permit(const struct rule *rule, struct decision *out)
{
	static const struct decision none = { .verdict = VERDICT_PERMIT };

	*out = none;
	out->ttl = rule->ttl;
	out->rate = rule->rate;
}

/* The first rule that decides, of the first `count`; `count` when none does. `hit` says
 * by what it denies, or what the permit line that came nearest does not allow. */
/*@ requires policy_readable(policy) && \valid_read(issuer) && \valid_read(question);
    requires \valid_read(request) && \valid_read(facts) && \valid(hit);
    requires issuer->ca < CA_COUNT && request->document < DOCUMENT_COUNT;
    assigns *hit;
    ensures \result <= policy->rules_count;
    ensures \result < policy->rules_count && !policy->rules[\result].deny ==>
      promised_rule(&policy->rules[\result], issuer, request, facts);
*/
static uint32_t find_rule(const struct policy *policy, const struct issuer *issuer,
    const struct request *request, const struct facts *facts,
    const struct question *question, struct hit *hit)
{
	static const struct hit none = { .fact = FACT_CA };
	struct hit now, nearest = none;
	const struct rule *rule;
	uint32_t at;

	/*@ loop invariant at <= policy->rules_count;
	    loop assigns at, rule, now, nearest, *hit;
	    loop variant policy->rules_count - at; */
	for (at = 0; at < policy->rules_count; at++) {
		rule = &policy->rules[at];
		if (!is_about(rule, issuer, request))
			continue;
		now = none;
		if (rule->deny ? denies(rule, question, &now)
			       : permits(rule, question, request, facts, &now)) {
			*hit = now;
			return at;
		}
		if (!rule->deny && (nearest.fact == FACT_CA || now.step > nearest.step))
			nearest = now;
	}
	*hit = nearest;
	return at;
}

void rules_check(const struct policy *policy, const struct issuer *issuer,
    const struct request *request, const struct facts *facts, struct decision *out)
{
	struct question question;
	struct hit hit = { .fact = FACT_FORM };
	uint32_t at = policy->rules_count;

	read_values(&question, request, facts);
	if (question.whole)
		at = find_rule(policy, issuer, request, facts, &question, &hit);
	if (at == policy->rules_count) {
		refuse(&question, issuer, VERDICT_DEFAULT, &hit, out);
		return;
	}
	if (policy->rules[at].deny)
		refuse(&question, issuer, VERDICT_RULE, &hit, out);
	else
		permit(&policy->rules[at], out);
	out->line = policy->rules[at].line;
	out->rule = at;
}
