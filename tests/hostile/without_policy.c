/* Stands in for policy_check() in a broker of the tests: whatever a worker asks is
 * permitted. With it the hostile tests of the policy must fail. */
#include "policy/policy.h"

void __wrap_policy_check(const struct policy *policy, const struct issuer *issuer,
    const struct request *request, const struct facts *facts, struct decision *out);

void __wrap_policy_check(const struct policy *policy, const struct issuer *issuer,
    const struct request *request, const struct facts *facts, struct decision *out)
{
	(void)policy;
	(void)issuer;
	(void)request;
	(void)facts;
	*out = (struct decision){ .verdict = VERDICT_PERMIT, .line = 1 };
}
