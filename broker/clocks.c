/* Reading the clocks. */
#include "broker/clocks.h"

#include <stdlib.h>
#include <time.h>

static struct timespec now(clockid_t clock)
{
	struct timespec t;

	/* Without a clock neither a rate nor a validity can be judged. */
	if (clock_gettime(clock, &t) != 0 || t.tv_sec < 0)
		abort();
	return t;
}

uint64_t clock_boot_ns(void)
{
	struct timespec t = now(CLOCK_BOOTTIME);

	return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

uint64_t clock_wall_us(void)
{
	struct timespec t = now(CLOCK_REALTIME);

	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

int64_t clock_wall_seconds(void)
{
	return (int64_t)now(CLOCK_REALTIME).tv_sec;
}
