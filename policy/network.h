/* IP addresses and ranges of them in CIDR form, as `10.0.0.0/8`, `::1`, `fd00::/8`. */
#ifndef POLICY_NETWORK_H
#define POLICY_NETWORK_H

#include "policy/bytes.h"

struct network {
	uint8_t address[16]; /* IPv4: the first four */
	uint8_t bytes;	     /* 4 or 16 */
	uint8_t prefix;	     /* bits that count */
};

/*@ predicate network_sound{L}(struct network *n) =
      (n->bytes == 4 || n->bytes == 16) && n->prefix <= 8 * n->bytes;

    // The first `prefix` bits: whole bytes, and the first bits of the next one.
    predicate same_bits{L}(uint8_t *a, uint8_t *b, integer prefix) =
      bytes_equal(a, b, prefix / 8) &&
      (prefix % 8 != 0 ==>
      a[prefix / 8] >> (8 - prefix % 8) == b[prefix / 8] >> (8 - prefix % 8));

    predicate all_zero{L}(uint8_t *bytes, integer from, integer to) =
      \forall integer k; from <= k < to ==> bytes[k] == 0;
*/

/* An address without `/` is a range of one. IPv4 mapped into IPv6 is refused, and so are
 * bits behind the prefix. NULL when it was read; else what was expected. */
/*@ requires \valid_read(text + (0 .. length - 1)) && \valid(out);
    requires \separated(text + (0 .. length - 1), out);
    assigns out->address[0 .. 15], out->bytes, out->prefix;
    ensures \result == \null ==> network_sound(out);
    ensures \result == \null ==>
      all_zero(&out->address[0], (out->prefix + 7) / 8, out->bytes);
    ensures \result == \null && out->prefix % 8 != 0 ==>
      (out->address[out->prefix / 8] & (0xff >> out->prefix % 8)) == 0;
*/
const char *network_read(const uint8_t *text, size_t length, struct network *out);

/* Does each address of `inner` lie in `outer`? */
/*@ requires \valid_read(outer) && \valid_read(inner) && network_sound(outer);
    assigns \nothing;
    ensures \result <==> outer->bytes == inner->bytes && outer->prefix <= inner->prefix &&
      same_bits(&outer->address[0], &inner->address[0], outer->prefix);
*/
bool network_contains(const struct network *outer, const struct network *inner);

#endif
