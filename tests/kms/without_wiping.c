/* In the place of wiped_free() and of what gives it to OpenSSL and cJSON, when the search
 * for secrets has to find some: memory is freed as the C library does. */
#include "broker/wiped_memory.h"

#include <stdlib.h>

void __wrap_wiped_free(void *memory);
void __wrap_wiped_memory_start(void);

void __wrap_wiped_free(void *memory)
{
	free(memory);
}

void __wrap_wiped_memory_start(void)
{
}
