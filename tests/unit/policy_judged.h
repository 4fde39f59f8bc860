/* A policy from text, and what it and the invariants say of a document. Where its parts
 * are the document's own header tells: JUDGED() makes a struct judged of them. */
#ifndef TESTS_UNIT_POLICY_JUDGED_H
#define TESTS_UNIT_POLICY_JUDGED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/policy.h"

/* free() the storage. */
static inline struct policy *policy_of(const char *text, void **storage)
{
	struct policy_error error;
	size_t length = strlen(text),
	       room = policy_storage((const uint8_t *)text, length);
	struct policy *policy;

	*storage = malloc(room);
	assert_non_null(*storage);
	policy = policy_load((const uint8_t *)text, length, *storage, room, &error);
	if (!policy)
		fail_msg("line %u column %u: %s", error.line, error.column, error.text);
	return policy;
}

struct judged {
	const struct issuer *issuer;
	const struct request *request;
	const struct facts *facts;
	struct decision *decision;
};

/* The rules stand from line 2. */
static inline void judge_by(struct judged judged, const char *rules)
{
	char text[8192];
	void *storage;

	snprintf(text, sizeof(text), "cluster example.com\n%s", rules);
	policy_check(policy_of(text, &storage), judged.issuer, judged.request,
	    judged.facts, judged.decision);
	free(storage);
}

static inline void judged_permit(struct judged judged, const char *rules, unsigned line)
{
	const struct decision *decision = judged.decision;

	judge_by(judged, rules);
	if (decision->verdict != VERDICT_PERMIT)
		fail_msg("refused: %s `%.*s` (%s)", fact_name(decision->fact),
		    (int)decision->value_length, decision->value,
		    decision->why ? decision->why : "");
	assert_int_equal(decision->line, line);
}

static inline void judged_refusal(struct judged judged, const char *rules,
    enum verdict verdict, unsigned line, enum fact fact, const char *value)
{
	const struct decision *decision = judged.decision;

	judge_by(judged, rules);
	assert_int_equal(decision->verdict, verdict);
	assert_int_equal(decision->line, line);
	assert_string_equal(fact_name(decision->fact), fact_name(fact));
	assert_int_equal(decision->value_length, strlen(value));
	assert_memory_equal(decision->value, value, strlen(value));
	assert_null(decision->why);
}

static inline bool judged_holds(struct judged judged)
{
	memset(judged.decision, 0xee, sizeof(*judged.decision));
	return policy_invariants(
	    judged.issuer, judged.request, judged.facts, judged.decision);
}

static inline void judged_sound(struct judged judged)
{
	const struct decision *decision = judged.decision;

	if (!judged_holds(judged))
		fail_msg("refused: %s `%.*s`: %s", fact_name(decision->fact),
		    (int)decision->value_length, decision->value, decision->why);
}

/* A value of NULL may be any. */
static inline void judged_unsound(struct judged judged, enum fact fact, const char *value)
{
	const struct decision *decision = judged.decision;

	assert_false(judged_holds(judged));
	assert_int_equal(decision->verdict, VERDICT_INVARIANT);
	assert_string_equal(fact_name(decision->fact), fact_name(fact));
	assert_int_equal(decision->line, 0);
	assert_non_null(decision->why);
	assert_true(strlen(decision->why) > 10);
	if (value) {
		assert_int_equal(decision->value_length, strlen(value));
		assert_memory_equal(decision->value, value, strlen(value));
	}
}

#define assert_holds(what)		  judged_sound(JUDGED(what))
#define assert_refused(what, fact, value) judged_unsound(JUDGED(what), fact, value)
#define check(what, rules)		  judge_by(JUDGED(what), rules)
#define assert_permit(what, ...)	  judged_permit(JUDGED(what), __VA_ARGS__)
#define assert_refusal(what, ...)	  judged_refusal(JUDGED(what), __VA_ARGS__)
#define assert_default(what, rules, fact, value)                                         \
	assert_refusal(what, rules, VERDICT_DEFAULT, 0, fact, value)

#endif
