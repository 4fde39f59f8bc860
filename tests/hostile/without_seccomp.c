/* Stands in for filters_load() in a hostile worker of the tests: it is sealed but for
 * seccomp. With it the hostile tests of forbidden system calls must fail. */
#include "confine/steps.h"

int __wrap_filters_load(const struct seal *seal, struct confine_error *error);

int __wrap_filters_load(const struct seal *seal, struct confine_error *error)
{
	(void)seal;
	(void)error;
	return 0;
}
