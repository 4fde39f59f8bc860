/* Base64; base64.h has the rules. */
#include "worker/base64.h"

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_write(const uint8_t *bytes, size_t length, char *out)
{
	size_t i, n;
	uint32_t group;

	for (i = 0; i < length; i += 3, out += 4) {
		n = length - i;
		group = 65536u * bytes[i] + (n > 1 ? 256u * bytes[i + 1] : 0) +
			(n > 2 ? bytes[i + 2] : 0u);
		out[0] = alphabet[group >> 18];
		out[1] = alphabet[group >> 12 & 63];
		out[2] = n > 1 ? alphabet[group >> 6 & 63] : '=';
		out[3] = n > 2 ? alphabet[group & 63] : '=';
	}
}

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

bool base64_read(
    const char *text, size_t length, uint8_t *out, size_t room, size_t *out_length)
{
	size_t i, bits = 0, n = 0, padding = 0;
	uint32_t group = 0;
	int value;

	if (length % 4 != 0)
		return false;
	while (padding < 2 && length > padding && text[length - 1 - padding] == '=')
		padding++;
	for (i = 0; i < length - padding; i++) {
		value = value_of(text[i]);
		if (value < 0)
			return false;
		group = (group << 6 | (uint32_t)value) & 0xffffff;
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		if (n == room)
			return false;
		out[n++] = (uint8_t)(group >> bits & 0xff);
	}
	if ((group & ((1u << bits) - 1)) != 0)
		return false;
	*out_length = n;
	return true;
}
