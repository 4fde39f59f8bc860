/* Writing of SSH's wire format (RFC 4251 section 5) into a buffer of fixed size. */
#ifndef WORKER_WIRE_H
#define WORKER_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wire {
	uint8_t *out;
	size_t room;
	size_t length;
	bool failed; /* it did not fit */
};

void wire_u32(struct wire *wire, uint32_t value);
void wire_string(struct wire *wire, const void *bytes, size_t length);
/* A number that is not negative, from its big-endian bytes. */
void wire_mpint(struct wire *wire, const uint8_t *bytes, size_t length);

#endif
