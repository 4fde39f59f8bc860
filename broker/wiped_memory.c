/* The C library's heap, wiped at each free; wiped_memory.h has why. */
#include "broker/wiped_memory.h"

#include <cjson/cJSON.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

void *wiped_allocate(size_t size)
{
	return malloc(size);
}

void *wiped_allocate_zeroed(size_t count, size_t size)
{
	return calloc(count, size);
}

void wiped_free(void *memory)
{
	if (!memory)
		return;
	explicit_bzero(memory, malloc_usable_size(memory));
	free(memory);
}

/* realloc() would leave the old copy behind when it moves. */
void *wiped_reallocate(void *memory, size_t size)
{
	size_t old = memory ? malloc_usable_size(memory) : 0;
	void *moved;

	if (memory && size <= old && size > 0)
		return memory;
	moved = size > 0 ? malloc(size) : NULL;
	if (size > 0 && !moved)
		return NULL;
	if (moved && memory)
		memcpy(moved, memory, old < size ? old : size);
	wiped_free(memory);
	return moved;
}

char *wiped_duplicate(const char *text)
{
	return strdup(text);
}

static void *allocate(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return wiped_allocate(size);
}

static void *reallocate(void *memory, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return wiped_reallocate(memory, size);
}

static void release(void *memory, const char *file, int line)
{
	(void)file;
	(void)line;
	wiped_free(memory);
}

void wiped_memory_start(void)
{
	cJSON_Hooks hooks = { wiped_allocate, wiped_free };

	cJSON_InitHooks(&hooks);
	/* Refused once OpenSSL has allocated (a test's second start): nothing is lost. */
	(void)CRYPTO_set_mem_functions(allocate, reallocate, release);
}
