/*
 * What an auditor asks of a loaded policy: each rule as it was written, and what is odd
 * about it. Nothing here decides on a document, so none of it is in the broker.
 */
#ifndef CLI_POLICY_REVIEW_H
#define CLI_POLICY_REVIEW_H

#include "policy/rules.h"

/* A rule by its number from 0, without its words' values. */
struct rule_summary {
	unsigned line;
	bool deny;
	const char *ca;	      /* a name, or "*" */
	const char *document; /* a name, or "*" */
	uint64_t ttl;	      /* seconds; 0 on a deny line */
	struct rate rate;     /* amount 0: the line has none */
};

struct rule_summary policy_rule(const struct policy *policy, unsigned rule);

/* The words of a rule that name values. FACT_NONE, `ttl` and `rate` are none of them. */
bool policy_word_has_values(enum fact fact);
/* Does the line have this word? */
bool policy_rule_has(const struct policy *policy, unsigned rule, enum fact fact);
/* Has any document that the line is about such a fact? */
bool policy_rule_concerns(const struct policy *policy, unsigned rule, enum fact fact);
/* Value `index` of that word, as it was read (without quotes, lower-case where case does
 * not count), or NULL: there are no more. */
const char *policy_rule_value(
    const struct policy *policy, unsigned rule, enum fact fact, unsigned index);

/*
 * Lint. A warning is never a matter of taste alone: what it says is true of the line. A
 * rule is said to match nothing only when one earlier line is seen to match all of it;
 * several that do so together are not looked for, nor one behind a thousand (fewer with
 * hundreds of values) that look as if they could.
 */
struct policy_warning {
	unsigned line;
	char text[POLICY_ERROR_MAX];
};

/* What is looked at before two rules are compared: what an earlier one may cover. */
#define GLANCE_BITS 4096
struct glance {
	uint64_t values[GLANCE_BITS / 64]; /* a bit for each value of each word */
	/* bit 1 << fact: of words that match any value, that have patterns for names, and
	 * that have ranges of several addresses */
	uint32_t any, patterns, ranges;
	uint16_t denied; /* authorities for which it denies some principals */
};

/* ... and each value of the later one. */
struct glance_value {
	uint32_t word;		/* bit 1 << fact */
	uint16_t bit;		/* of GLANCE_BITS */
	bool is_name, is_range; /* what a pattern or a range may match */
};

/* Too large for a stack. */
struct policy_lint {
	const struct policy *policy;
	unsigned rule, check;
	unsigned denied; /* all that the glances say */
	/* of the rule at hand */
	struct glance_value values[POLICY_LINE_MAX];
	unsigned values_count;
	uint64_t effort;			 /* left for its comparison with others */
	struct glance glances[POLICY_LINES_MAX]; /* of each rule */
};

void policy_lint_begin(struct policy_lint *lint, const struct policy *policy);
/* False at the end. In the order of the file. */
bool policy_lint_next(struct policy_lint *lint, struct policy_warning *out);

#endif
