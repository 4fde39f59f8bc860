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
      !rule->deny && promised_scope(rule, i, r) && promised_ttl(rule, r, f);
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
