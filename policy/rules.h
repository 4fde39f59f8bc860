/*
 * What the grammar makes of the policy file and the rules are judged by; private to
 * policy/ and to what shows rules to people. Everything lies in the caller's storage, in
 * the order of the file, and is not changed after policy_load().
 */
#ifndef POLICY_RULES_H
#define POLICY_RULES_H

#include "policy/network.h"
#include "policy/pattern.h"
#include "policy/policy.h"
#include "policy/teleport.h"

/* One value of a word. */
struct operand {
	const char *text;	/* the value as a whole, as it was read */
	struct pattern pattern; /* of the value as a whole, or of an option's name */
	struct pattern content; /* of an option's value, with `has_content` */
	struct network range;	/* with `has_range`: what the value must lie in */
	enum fact options;	/* of `require`: the options that the name is one of */
	bool has_content;
	bool has_range;
};

struct word {
	const struct operand *operands;
	uint32_t count;
};

#define WORDS (FACT_RATE + 1) /* the facts that are words of a rule */

struct rule {
	uint16_t authorities; /* bit 1 << ca */
	uint16_t documents;   /* bit 1 << document */
	uint32_t named;	      /* bit 1 << fact: the line has that word */
	uint32_t line;
	bool deny;
	struct rate rate;
	uint64_t ttl;
	struct word words[WORDS];
};

/* Ceilings: per second and per day; amount 0 where a line does not say. */
#define CEILING_SECOND 0
#define CEILING_DAY    1
#define CEILING_ALL    CA_COUNT /* of the line for `*` */

struct policy {
	struct policy_pins pins;
	const struct rule *rules;
	uint32_t rules_count;
	struct rate ceilings[CA_COUNT + 1][2];
};

_Static_assert(
    FACT_COUNT <= 32 && CA_COUNT <= 16 && DOCUMENT_COUNT <= 16, "bits of struct rule");

/* Writes a refusal; the value is cut to POLICY_VALUE_MAX. */
/*@ requires \valid(out) && slice_readable(value);
    assigns *out;
    ensures out->verdict == verdict && out->value_length <= POLICY_VALUE_MAX;
*/
void decision_refuse(struct decision *out, enum verdict verdict, enum fact fact,
    struct slice value, const char *why);
/* Adds to the value of a refusal, as far as there is room. */
/*@ requires \valid(out) && slice_readable(bytes);
    requires out->value_length <= POLICY_VALUE_MAX;
    assigns out->value_length, out->value[0 .. POLICY_VALUE_MAX - 1];
    ensures out->value_length <= POLICY_VALUE_MAX;
*/
void decision_append(struct decision *out, struct slice bytes);

/*@ // What policy_load() makes.
    predicate operand_sound{L}(struct operand *o) =
      pattern_sound(&o->pattern) && (o->has_content ==> pattern_sound(&o->content)) &&
      (o->has_range ==> network_sound(&o->range)) && o->options < FACT_COUNT;
    predicate word_sound{L}(struct word *w) =
      \valid_read(w->operands + (0 .. w->count - 1)) &&
      (\forall integer k; 0 <= k < w->count ==> operand_sound(&w->operands[k]));
    predicate rule_sound{L}(struct rule *rule) =
      \forall integer word; 0 <= word < WORDS ==> word_sound(&rule->words[word]);
    predicate policy_readable{L}(struct policy *p) =
      \valid_read(p) && \valid_read(p->rules + (0 .. p->rules_count - 1)) &&
      (\forall integer k; 0 <= k < p->rules_count ==> rule_sound(&p->rules[k]));

    // What a pattern names: any value, the same bytes, or what its stars match. Where it
    // says so, letters match in either case.
    predicate alike{L}(struct pattern *p, uint8_t *at, integer length) =
      p->shape == PATTERN_ALL ||
      (p->shape == PATTERN_LITERAL && length == p->length &&
	same_but_case(at, p->text, length) &&
	(p->fold == PATTERN_EXACT ==> bytes_equal(at, p->text, length))) ||
      (p->shape == PATTERN_STARS && no_star(at, 0, length) &&
	matches_in_any_case(p->text, p->length, at, length) &&
	(p->fold == PATTERN_EXACT ==> matches(p->text, p->length, at, length)));

    // The same of a host's name, whose first label may be a `*`.
    predicate alike_wildcard{L}(struct pattern *p, uint8_t *at, integer length) =
      p->shape == PATTERN_ALL ||
      (p->shape == PATTERN_LITERAL && length == p->length &&
	same_but_case(at, p->text, length)) ||
      (p->shape == PATTERN_STARS &&
	matches_in_any_case(p->text, p->length, at, length) &&
	(no_star(at, 0, length) ||
	  (length >= 2 && at[0] == '*' && at[1] == '.' && no_star(at, 1, length))));

    // A name without a value, or with one that the line names; `any` where a bare name
    // allows any.
    predicate option_alike{L}(struct operand *o, uint8_t *name, integer length,
      uint8_t *value, integer value_length, integer any) =
      alike(&o->pattern, name, length) &&
      (o->has_content && !o->has_range
	? value_length > 0 && alike(&o->content, value, value_length)
	: any != 0 || value_length == 0 || o->pattern.shape == PATTERN_ALL);

    predicate address_within{L}(struct operand *o, uint8_t *at, integer length) =
      o->has_range ? length == o->range.bytes &&
	  same_bits(&o->range.address[0], at, o->range.prefix)
	: o->pattern.shape == PATTERN_ALL;

    predicate has_byte{L}(uint8_t *at, integer length, integer byte) =
      \exists integer k; 0 <= k < length && at[k] == byte;

    predicate localhost{L}(uint8_t *at, integer length) =
      length == 9 && lower(at[0]) == 'l' && lower(at[1]) == 'o' &&
      lower(at[2]) == 'c' && lower(at[3]) == 'a' && lower(at[4]) == 'l' &&
      lower(at[5]) == 'h' && lower(at[6]) == 'o' && lower(at[7]) == 's' &&
      lower(at[8]) == 't';
    predicate may_be_host{L}(uint8_t *name, integer length) =
      localhost(name, length) ||
      (has_byte(name, length, '.') && !has_byte(name, length, '@'));

    // To a person no `*` alone gives a name that may be a host's.
    predicate subject_alike{L}(integer document, struct pattern *p, uint8_t *name,
      integer length) =
      alike(p, name, length) &&
      (document == DOCUMENT_X509_USER && may_be_host(name, length) ==>
	p->shape == PATTERN_LITERAL || has_byte(p->text, p->length, '.'));

    // What one value of a permit line's word allows.
    predicate operand_allows{L}(integer document, integer word, struct operand *o,
      uint8_t *name, integer length, uint8_t *value, integer value_length) =
      word == FACT_IP ? address_within(o, name, length)
	: word == FACT_SUBJECT
	? subject_alike(document, &o->pattern, name, length)
	: word == FACT_DNS || word == FACT_WILDCARD_DNS
	? alike_wildcard(&o->pattern, name, length)
	: option_alike(o, name, length, value, value_length,
	  word == FACT_ATTRIBUTES ? 1 : 0);

    predicate word_allows{L}(struct rule *rule, integer document, integer word,
      uint8_t *name, integer length, uint8_t *value, integer value_length) =
      \exists integer k; 0 <= k < rule->words[word].count &&
      operand_allows(document, word, &rule->words[word].operands[k], name, length, value,
	value_length);

    // What a line requires it also allows.
    predicate requirement_allows{L}(struct rule *rule, integer fact, uint8_t *name,
      integer length, uint8_t *value, integer value_length) =
      \exists integer k; 0 <= k < rule->words[FACT_REQUIRE].count &&
      rule->words[FACT_REQUIRE].operands[k].options == fact &&
      option_alike(&rule->words[FACT_REQUIRE].operands[k], name, length, value,
	value_length, 1);

    predicate says{L}(struct rule *rule, integer word) =
      ((rule->named >> word) & 1) != 0;

    // The value lies within what the permit line names. Without `client` it allows every
    // client, and a bare `wildcard-dns` leaves wildcards to `dns`.
    predicate lies_within{L}(struct rule *rule, integer document, integer fact,
      uint8_t *name, integer length, uint8_t *value, integer value_length) =
      word_allows(rule, document, fact, name, length, value, value_length) ||
      requirement_allows(rule, fact, name, length, value, value_length) ||
      (fact == FACT_CLIENT && !says(rule, FACT_CLIENT)) ||
      (fact == FACT_WILDCARD_DNS && says(rule, FACT_WILDCARD_DNS) &&
	rule->words[FACT_WILDCARD_DNS].count == 0 &&
	word_allows(rule, document, FACT_DNS, name, length, value, value_length));

    // A value that is no option is a name alone.
    predicate name_within{L}(struct rule *rule, integer document, integer fact,
      uint8_t *at, integer length) =
      lies_within(rule, document, fact, at, length, \null, 0);

    // Every string of a packed list, which has nothing else in it.
    predicate items_within{L}(struct rule *rule, integer document, integer fact,
      uint8_t *list, integer length) =
      \exists integer count; 0 <= count && packed_item(list, count) == list + length &&
      (\forall integer n; 0 <= n < count ==>
	name_within(rule, document, fact, packed_item(list, n) + 4,
	  packed_length(packed_item(list, n))));

    predicate promised_values{L}(struct rule *rule, struct request *r, struct facts *f) =
      (f->key_id_length > 0 ==>
	name_within(rule, r->document, FACT_KEY_ID, f->key_id, f->key_id_length)) &&
      items_within(rule, r->document, FACT_PRINCIPALS, f->principals,
	f->principals_length);

    // The line is about this CA and kind of document.
    predicate promised_scope{L}(struct rule *rule, struct issuer *i, struct request *r) =
      ((rule->authorities >> i->ca) & 1) != 0 &&
      ((rule->documents >> r->document) & 1) != 0;

    // The document ends before the line's time is over.
    predicate ends_within{L}(integer end, integer now, integer ttl) =
      end <= (now > 0 ? now : 0) + ttl;
    predicate promised_ttl{L}(struct rule *rule, struct request *r, struct facts *f) =
      !r->ignore_ttl ==>
	(DOCUMENT_X509_USER <= r->document <= DOCUMENT_X509_SVID
	  ? ends_within(f->x509_not_after, r->now, rule->ttl)
	  : ends_within(f->valid_before, r->now, rule->ttl));

    // It is a permit line, and it is about this document. What else the line says of the
    // document is tested alone.
    predicate promised_rule{L}(struct rule *rule, struct issuer *i, struct request *r,
      struct facts *f) =
      !rule->deny && promised_scope(rule, i, r) && promised_ttl(rule, r, f) &&
      promised_values(rule, r, f);
*/

/* The rules alone, for a document whose invariants hold. */
/*@ requires policy_readable(policy) && \valid_read(issuer) && \valid_read(request);
    requires \valid_read(facts) && facts_readable(facts) && \valid(out);
    requires issuer->ca < CA_COUNT && request->document < DOCUMENT_COUNT;
    assigns *out;
    ensures out->verdict == VERDICT_PERMIT ==> out->rule < policy->rules_count;
    ensures out->verdict == VERDICT_PERMIT ==>
      promised_rule(&policy->rules[out->rule], issuer, request, facts);
    ensures out->verdict == VERDICT_PERMIT ==>
      out->line == policy->rules[out->rule].line &&
      out->ttl == policy->rules[out->rule].ttl;
*/
void rules_check(const struct policy *policy, const struct issuer *issuer,
    const struct request *request, const struct facts *facts, struct decision *out);

#endif
