/* The broker's two clocks: the boot clock for rates and deadlines, since nobody can set
 * it back; the wall clock for validity times and the record. */
#ifndef BROKER_CLOCKS_H
#define BROKER_CLOCKS_H

#include <stdint.h>

#define SECOND_NS UINT64_C(1000000000)

uint64_t clock_boot_ns(void);
uint64_t clock_wall_us(void); /* microseconds since 1970 UTC */
int64_t clock_wall_seconds(void);

static inline uint64_t clock_boot_in(unsigned seconds) /* the boot clock's time then */
{
	return clock_boot_ns() + seconds * SECOND_NS;
}

#endif
