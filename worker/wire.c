/* SSH's wire format; see wire.h. */
#include "worker/wire.h"

#include <string.h>

static void put(struct wire *wire, const void *bytes, size_t length)
{
	if (wire->failed || length > wire->room - wire->length) {
		wire->failed = true;
		return;
	}
	if (length > 0)
		memcpy(wire->out + wire->length, bytes, length);
	wire->length += length;
}

void wire_u32(struct wire *wire, uint32_t value)
{
	const uint8_t bytes[4] = { (uint8_t)(value >> 24), (uint8_t)(value >> 16),
		(uint8_t)(value >> 8), (uint8_t)value };

	put(wire, bytes, sizeof(bytes));
}

void wire_string(struct wire *wire, const void *bytes, size_t length)
{
	if (length > UINT32_MAX) {
		wire->failed = true;
		return;
	}
	wire_u32(wire, (uint32_t)length);
	put(wire, bytes, length);
}

void wire_mpint(struct wire *wire, const uint8_t *bytes, size_t length)
{
	while (length > 0 && bytes[0] == 0) {
		bytes++;
		length--;
	}
	/* A leading one bit would make the number negative. */
	if (length > 0 && (bytes[0] & 0x80) != 0) {
		wire_u32(wire, (uint32_t)length + 1);
		put(wire, "", 1);
		put(wire, bytes, length);
	} else {
		wire_string(wire, bytes, length);
	}
}
