/* The calls of policy.h that join invariants and rules, and give out what is pinned. */
#include "policy/rules.h"

/* The ceilings of a file that names none, by keystore: what AWS KMS signs in a second and
 * what nobody wants to pay for in a day; and more than a machine can do by itself. */
static const struct rate built_in[][2] = {
	[KEYSTORE_SOFTWARE] = { { 100000, 1, 100000 },
	    { 1000000000, 86400, 1000000000 } },
	[KEYSTORE_AWS_KMS] = { { 1000, 1, 1000 }, { 10000000, 86400, 10000000 } },
};

const struct policy_pins *policy_pins(const struct policy *policy)
{
	return &policy->pins;
}

unsigned policy_rules(const struct policy *policy)
{
	return policy->rules_count;
}

/*@ requires policy_readable(policy);
    ensures out->verdict == VERDICT_PERMIT ==> out->rule < policy->rules_count;
    ensures out->verdict == VERDICT_PERMIT ==>
      promised_rule(&policy->rules[out->rule], issuer, request, facts);
    ensures out->verdict == VERDICT_PERMIT ==>
      out->line == policy->rules[out->rule].line &&
      out->ttl == policy->rules[out->rule].ttl;
*/
void policy_check(const struct policy *policy, const struct issuer *issuer,
    const struct request *request, const struct facts *facts, struct decision *out)
{
	if (policy_invariants(issuer, request, facts, out))
		rules_check(policy, issuer, request, facts, out);
	else /* no permit, whatever the check that failed has left */
		out->verdict = VERDICT_INVARIANT;
}

static struct rate ceiling(const struct policy *policy, enum ca ca, unsigned period)
{
	if (policy->ceilings[ca][period].amount != 0)
		return policy->ceilings[ca][period];
	if (policy->ceilings[CEILING_ALL][period].amount != 0)
		return policy->ceilings[CEILING_ALL][period];
	return built_in[policy->pins.keystore][period];
}

void policy_ceiling(const struct policy *policy, enum ca ca, struct rate *per_second,
    struct rate *per_day)
{
	*per_second = ceiling(policy, ca, CEILING_SECOND);
	*per_day = ceiling(policy, ca, CEILING_DAY);
}

void decision_append(struct decision *out, struct slice bytes)
{
	const uint32_t used = out->value_length;
	const size_t room = POLICY_VALUE_MAX - used;
	const size_t length = bytes.length < room ? bytes.length : room;
	size_t i;

	/*@ loop invariant i <= length;
	    loop assigns i, out->value[0 .. POLICY_VALUE_MAX - 1];
	    loop variant length - i; */
	for (i = 0; i < length; i++)
		out->value[used + i] = (char)bytes.at[i];
	out->value_length = used + (uint32_t)length;
}

void decision_refuse(struct decision *out, enum verdict verdict, enum fact fact,
    struct slice value, const char *why)
{
	static const struct decision none = { .verdict = VERDICT_INVARIANT };

	*out = none;
	out->verdict = verdict;
	out->fact = fact;
	out->why = why;
	decision_append(out, value);
}
