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
void decision_refuse(struct decision *out, enum verdict verdict, enum fact fact,
    struct slice value, const char *why);
/* Adds to the value of a refusal, as far as there is room. */
void decision_append(struct decision *out, struct slice bytes);

/* The rules alone, for a document whose invariants hold. */
/*@ requires \valid(out);
    assigns *out;
*/
void rules_check(const struct policy *policy, const struct issuer *issuer,
    const struct request *request, const struct facts *facts, struct decision *out);

#endif
