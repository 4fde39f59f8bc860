/*
 * Allocation for libraries through which secrets pass: what is freed is wiped first, so
 * that no copy stays behind on the heap. OpenSSL, cJSON and libcurl all run on it.
 */
#ifndef BROKER_WIPED_MEMORY_H
#define BROKER_WIPED_MEMORY_H

#include <stddef.h>

void *wiped_allocate(size_t size);
void *wiped_allocate_zeroed(size_t count, size_t size);
void *wiped_reallocate(void *memory, size_t size);
char *wiped_duplicate(const char *text);
void wiped_free(void *memory);

/* Gives them to OpenSSL and cJSON. Before anything else touches either; OpenSSL keeps
 * its own if it has allocated already. libcurl takes them when it is started. */
void wiped_memory_start(void);

#endif
