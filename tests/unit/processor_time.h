/* Budgets of time, as the test's own processor time, of which a busy machine takes nothing.
 * What is asserted of microseconds is a few times the figure that is promised, since
 * processors differ, and SLOWNESS times that under the sanitizers. */
#ifndef TESTS_UNIT_PROCESSOR_TIME_H
#define TESTS_UNIT_PROCESSOR_TIME_H

#include <time.h>

#ifdef __SANITIZE_ADDRESS__
#define SLOWNESS 6
#else
#define SLOWNESS 1
#endif

static inline double processor_microseconds(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

#endif
