/* IP addresses and ranges of them in CIDR form, as `10.0.0.0/8`, `::1`, `fd00::/8`. */
#ifndef POLICY_NETWORK_H
#define POLICY_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct network {
	uint8_t address[16]; /* IPv4: the first four */
	uint8_t bytes;	     /* 4 or 16 */
	uint8_t prefix;	     /* bits that count */
};

/* An address without `/` is a range of one. IPv4 mapped into IPv6 is refused, and so are
 * bits behind the prefix. NULL when it was read; else what was expected. */
const char *network_read(const char *text, size_t length, struct network *out);

/* Does each address of `inner` lie in `outer`? */
bool network_contains(const struct network *outer, const struct network *inner);

#endif
