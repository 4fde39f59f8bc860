/* network.h's ranges. inet_pton(3) reads the addresses; it has one form for IPv4. */
#include "policy/network.h"

#include "policy/text.h"

#include <arpa/inet.h>
#include <string.h>

#define NETWORK_TEXT_MAX 64

/* Do both begin with the same `prefix` bits? */
static bool same_prefix(const uint8_t *a, const uint8_t *b, unsigned prefix)
{
	unsigned whole = prefix / 8, rest = prefix % 8;

	return memcmp(a, b, whole) == 0 &&
	       (rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

static bool has_host_bits(const struct network *network)
{
	unsigned at = network->prefix / 8u, rest = network->prefix % 8u;
	unsigned behind = network->address[at % 16] & (0xffu >> rest);

	if (at == network->bytes)
		return false;
	while (++at < network->bytes)
		behind |= network->address[at];
	return behind != 0;
}

/* Digits of one form: no sign, no leading zero. */
static bool read_prefix(const char *text, struct network *network)
{
	size_t length = strlen(text);
	uint64_t prefix;

	if (text_number(text, length, network->prefix, &prefix) != length ||
	    length == 0 || (text[0] == '0' && length > 1))
		return false;
	network->prefix = (uint8_t)prefix;
	return true;
}

const char *network_read(const char *text, size_t length, struct network *out)
{
	static const char expected[] =
	    "an IP address or a range such as 10.0.0.0/8 or fd00::/8";
	static const uint8_t mapped[16] = { [10] = 0xff, [11] = 0xff };
	struct network network = { .bytes = 4, .prefix = 32 };
	char copy[NETWORK_TEXT_MAX], *slash;

	if (length == 0 || length >= sizeof(copy) || memchr(text, '\0', length))
		return expected;
	memcpy(copy, text, length);
	copy[length] = '\0';
	slash = strchr(copy, '/');
	if (slash)
		*slash++ = '\0';
	if (inet_pton(AF_INET, copy, network.address) != 1) {
		if (inet_pton(AF_INET6, copy, network.address) != 1 ||
		    same_prefix(network.address, mapped, 96))
			return expected;
		network.bytes = 16;
		network.prefix = 128;
	}
	if (slash && !read_prefix(slash, &network))
		return expected;
	if (has_host_bits(&network))
		return "a range whose bits behind the prefix are zero";
	*out = network;
	return NULL;
}

bool network_contains(const struct network *outer, const struct network *inner)
{
	return outer->bytes == inner->bytes && outer->prefix <= inner->prefix &&
	       same_prefix(outer->address, inner->address, outer->prefix);
}
