/* network.h's ranges. inet_pton(3) reads the addresses; it has one form for IPv4. */
#include "policy/network.h"

#include "policy/text.h"

#include <arpa/inet.h>

#define NETWORK_TEXT_MAX 64

/* Do both begin with the same `prefix` bits? */
/*@ requires prefix <= 128;
    requires \valid_read(a + (0 .. 15)) && \valid_read(b + (0 .. 15));
    assigns \nothing;
    ensures \result <==> same_bits(a, b, prefix);
*/
static bool same_prefix(const uint8_t *a, const uint8_t *b, unsigned prefix)
{
	unsigned whole = prefix / 8, rest = prefix % 8;

	return bytes_same(a, b, whole) &&
	       (rest == 0 || a[whole] >> (8 - rest) == b[whole] >> (8 - rest));
}

/*@ requires bytes <= 16 && prefix <= 8 * bytes && \valid_read(address + (0 .. 15));
    assigns \nothing;
    ensures !\result ==> all_zero(address, (prefix + 7) / 8, bytes);
    ensures !\result && prefix % 8 != 0 ==>
      (address[prefix / 8] & (0xff >> prefix % 8)) == 0;
*/
static bool has_host_bits(const uint8_t *address, unsigned bytes, unsigned prefix)
{
	unsigned at = (prefix + 7) / 8;

	if (prefix % 8 != 0 && (address[prefix / 8] & (0xff >> prefix % 8)) != 0)
		return true;
	/*@ loop invariant (prefix + 7) / 8 <= at <= bytes;
	    loop invariant all_zero(address, (prefix + 7) / 8, at);
	    loop assigns at;
	    loop variant bytes - at; */
	while (at < bytes && address[at] == 0)
		at++;
	return at < bytes;
}

/* Digits of one form: no sign, no leading zero. */
/*@ requires most <= 128 && \valid_read(text + (0 .. length - 1)) && \valid(prefix);
    assigns *prefix;
    ensures \result ==> *prefix <= most;
*/
static bool read_prefix(const char *text, size_t length, unsigned most, unsigned *prefix)
{
	uint64_t number;

	if (length == 0 || (text[0] == '0' && length > 1) ||
	    text_number(text, length, most, &number) != length)
		return false;
	*prefix = (unsigned)number;
	return true;
}

/* inet_pton(3), of text that ends with NUL before NETWORK_TEXT_MAX. */
/*@ requires \valid_read(text + (0 .. NETWORK_TEXT_MAX - 1));
    requires \exists integer k; 0 <= k < NETWORK_TEXT_MAX && text[k] == 0;
    requires family == AF_INET || family == AF_INET6;
    requires \valid(address + (0 .. 15));
    assigns address[0 .. 15];
*/
static bool read_address(int family, const char *text, uint8_t address[16])
{
	return inet_pton(family, text, address) == 1;
}

const char *network_read(const uint8_t *text, size_t length, struct network *out)
{
	static const char expected[] =
	    "an IP address or a range such as 10.0.0.0/8 or fd00::/8";
	static const uint8_t mapped[16] = { [10] = 0xff, [11] = 0xff };
	uint8_t address[16] = { 0 };
	unsigned bytes = 4, prefix = 32;
	char copy[NETWORK_TEXT_MAX] = { 0 };
	size_t slash = bytes_find(text, length, '/'), i;

	if (length == 0 || length >= sizeof(copy) || bytes_find(text, length, 0) < length)
		return expected;
	/*@ loop invariant i <= length;
	    loop assigns i, copy[0 .. NETWORK_TEXT_MAX - 1];
	    loop variant length - i; */
	for (i = 0; i < length; i++)
		copy[i] = (char)text[i];
	copy[slash] = '\0';
	if (!read_address(AF_INET, copy, address)) {
		if (!read_address(AF_INET6, copy, address) ||
		    same_prefix(address, mapped, 96))
			return expected;
		bytes = 16;
		prefix = 128;
	}
	if (slash < length &&
	    !read_prefix(copy + slash + 1, length - slash - 1, prefix, &prefix))
		return expected;
	if (has_host_bits(address, bytes, prefix))
		return "a range whose bits behind the prefix are zero";
	bytes_copy(out->address, address, sizeof(address));
	out->bytes = (uint8_t)bytes;
	out->prefix = (uint8_t)prefix;
	return NULL;
}

bool network_contains(const struct network *outer, const struct network *inner)
{
	return outer->bytes == inner->bytes && outer->prefix <= inner->prefix &&
	       same_prefix(outer->address, inner->address, outer->prefix);
}
