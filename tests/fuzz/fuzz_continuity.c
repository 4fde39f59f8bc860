/* worker/continuity.c: whatever a dead worker left behind, its successor finds rings
 * whose indices lie inside, and serves on. An input is laid over the beginning of it. */
#include "tests/fuzz/fuzz.h"

#include "ipc/log.h"
#include "worker/continuity.h"

#include <string.h>

#define LEFT (offsetof(struct continuity, input) + 512)

static const char *const words[] = { "\xff\xff\xff\xff", "\x01", "\x80", "{\"id\":1}\n",
	NULL };

static size_t seed(unsigned number, uint8_t *out, size_t room)
{
	static struct continuity left;
	const char *line = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n";
	struct ring ring;

	if (number >= 4 || room < 512)
		return 0;
	memset(&left, 0, sizeof(left));
	ring = continuity_input(&left);
	ring_put(&ring, line, strlen(line));
	left.reading = number & 1;
	left.handling = number >> 1 & 1;
	if (number == 3)
		continuity_remember(&left, "1", 1);
	memcpy(out, &left, 512);
	return 512;
}

const struct fuzz_target fuzz_target = { words, NULL, seed };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static struct continuity left;
	struct ring input, output;
	const uint8_t *held;

	memset(&left, 0, LEFT);
	if (length > LEFT)
		length = LEFT;
	if (length > 0)
		memcpy(&left, bytes, length);
	log_level_set(LOG_LEVEL_ERROR);
	continuity_take_over(&left);
	input = continuity_input(&left);
	output = continuity_output(&left);
	fuzz_require(ring_valid(&input) && ring_valid(&output));
	fuzz_accepted += ring_length(&input) > 0;
	fuzz_require(ring_held(&input, &held) <= ring_length(&input));
	ring_put(&input, "x", 1);
	ring_drop(&input, ring_length(&input));
	fuzz_require(ring_length(&input) == 0);
	return 0;
}
