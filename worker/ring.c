/* Rings of bytes; ring.h has the contract. */
#include "worker/ring.h"

#include <stdatomic.h>
#include <string.h>

/* Keeps the compiler from moving an index's store before the bytes that it speaks for. */
static void settle(void)
{
	atomic_signal_fence(memory_order_seq_cst);
}

uint32_t ring_length(const struct ring *ring)
{
	return ring->at->length;
}

bool ring_valid(const struct ring *ring)
{
	return ring->at->length <= ring->room &&
	       (ring->at->start < ring->room ||
		   (ring->at->start == 0 && ring->room == 0));
}

static size_t end_of(const struct ring *ring)
{
	size_t end = (size_t)ring->at->start + ring->at->length;

	return end < ring->room ? end : end - ring->room;
}

size_t ring_free(const struct ring *ring, uint8_t **bytes)
{
	size_t end = end_of(ring), free = ring->room - ring->at->length;

	if (free == 0)
		return 0;
	*bytes = ring->bytes + end;
	return free < ring->room - end ? free : ring->room - end;
}

size_t ring_held(const struct ring *ring, const uint8_t **bytes)
{
	size_t to_edge = ring->room - ring->at->start;

	if (ring->at->length == 0)
		return 0;
	*bytes = ring->bytes + ring->at->start;
	return ring->at->length < to_edge ? ring->at->length : to_edge;
}

void ring_add(struct ring *ring, size_t length)
{
	settle();
	ring->at->length += (uint32_t)length;
	settle();
}

void ring_drop(struct ring *ring, size_t length)
{
	size_t start = ring->at->start + length;

	settle();
	if (length >= ring->at->length) {
		/* Empty: begin anew, so that the same few pages are used again. */
		ring->at->length = 0;
		ring->at->start = 0;
	} else {
		ring->at->start =
		    (uint32_t)(start < ring->room ? start : start - ring->room);
		ring->at->length -= (uint32_t)length;
	}
	settle();
}

bool ring_put(struct ring *ring, const void *bytes, size_t length)
{
	const uint8_t *from = bytes;
	size_t end, first;

	if (length > ring->room - ring->at->length)
		return false;
	if (length == 0)
		return true;
	end = end_of(ring);
	first = length < ring->room - end ? length : ring->room - end;
	memcpy(ring->bytes + end, from, first);
	memcpy(ring->bytes, from + first, length - first);
	ring_add(ring, length);
	return true;
}

void ring_copy(const struct ring *ring, size_t length, uint8_t *out)
{
	const uint8_t *held;
	size_t first = ring_held(ring, &held);

	if (length == 0 || first == 0)
		return;
	first = length < first ? length : first;
	memcpy(out, held, first);
	memcpy(out + first, ring->bytes, length - first);
}

size_t ring_find(const struct ring *ring, size_t from, uint8_t byte)
{
	const uint8_t *held, *found;
	size_t first = ring_held(ring, &held), length = ring->at->length;

	if (from < first) {
		found = memchr(held + from, byte, first - from);
		if (found)
			return (size_t)(found - held);
		from = first;
	}
	if (from >= length)
		return length;
	found = memchr(ring->bytes + (from - first), byte, length - from);
	return found ? (size_t)(found - ring->bytes) + first : length;
}
