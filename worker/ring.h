/*
 * A ring of bytes: where it starts and how much it holds lies apart from the bytes, so
 * that both can live in memory that outlasts a worker. Bytes never move; one store makes
 * what was written part of the ring.
 */
#ifndef WORKER_RING_H
#define WORKER_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring_at {
	uint32_t start;
	uint32_t length;
};

struct ring {
	uint8_t *bytes;
	uint32_t room;
	struct ring_at *at;
};

uint32_t ring_length(const struct ring *ring);

/* Do the indices lie inside the ring? To be asked when another process may have set them.
 */
bool ring_valid(const struct ring *ring);

/* The first stretch of what is free, or held; its length, 0 when there is none. */
size_t ring_free(const struct ring *ring, uint8_t **bytes);
size_t ring_held(const struct ring *ring, const uint8_t **bytes);

/* The first `length` bytes of what is free were written; of what is held are done with.
 */
void ring_add(struct ring *ring, size_t length);
void ring_drop(struct ring *ring, size_t length);

/* Appends all of the bytes, or false when they do not fit. */
bool ring_put(struct ring *ring, const void *bytes, size_t length);
/* Copies `length` bytes from the start; the ring must hold as many. */
void ring_copy(const struct ring *ring, size_t length, uint8_t *out);
/* Where `byte` first is, looking from `from`; ring_length() when nowhere. */
size_t ring_find(const struct ring *ring, size_t from, uint8_t byte);

#endif
