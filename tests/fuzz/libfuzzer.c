/* What a libFuzzer program has in the place of driver.c: our changes beside its own. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

unsigned long fuzz_accepted;

size_t LLVMFuzzerMutate(uint8_t *bytes, size_t length, size_t room);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t length, size_t room, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_length, const uint8_t *b,
    size_t b_length, uint8_t *out, size_t room, unsigned seed);

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t length, size_t room, unsigned seed)
{
	static uint8_t copy[FUZZ_INPUT_MAX];
	uint32_t state = seed | 1;
	const size_t size = smaller(length, sizeof(copy));

	if (seed % 4 == 0)
		return LLVMFuzzerMutate(bytes, length, room);
	memcpy(copy, bytes, size);
	return fuzz_mutate(
	    bytes, length, smaller(room, FUZZ_INPUT_MAX), copy, size, &state);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_length, const uint8_t *b,
    size_t b_length, uint8_t *out, size_t room, unsigned seed)
{
	uint32_t state = seed | 1;

	if (a_length > room)
		return 0;
	memcpy(out, a, a_length);
	return fuzz_mutate(
	    out, a_length, smaller(room, FUZZ_INPUT_MAX), b, b_length, &state);
}
