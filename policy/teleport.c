/* Readers of teleport.h. Each says how many bytes of its form stand at the front, 0 when
 * none do. */
#include "policy/teleport.h"

#define BEFORE_ROLES 25 /* bytes */

static const uint8_t roles[] = "teleport-roles", traits[] = "teleport-traits",
		     before_roles[] = "{\"version\":\"v1\",\"roles\":[";

_Static_assert(sizeof before_roles == BEFORE_ROLES + 1, "and NUL");

enum fact teleport_fact(struct slice extension)
{
	if (slice_same(extension, (struct slice){ roles, sizeof roles - 1 }))
		return FACT_ROLES;
	return slice_same(extension, (struct slice){ traits, sizeof traits - 1 })
		   ? FACT_TRAITS
		   : FACT_NONE;
}

/*@ assigns \nothing;
    ensures \result <==> json_hex(c);
*/
static bool is_hex(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/*@ assigns \nothing;
    ensures \result <==> json_short(c);
*/
static bool is_short(uint8_t c)
{
	return c == '"' || c == '\\' || c == '/' || c == 'b' || c == 'f' || c == 'n' ||
	       c == 'r' || c == 't';
}

/* Of a string, which its quote ends. */
/*@ requires 0 < left && \valid_read(at + (0 .. left - 1)) && at[0] != '"';
    assigns \nothing;
    ensures \result <= left;
    ensures \result > 0 ==> json_character(at, \result);
*/
static size_t character_length(const uint8_t *at, size_t left)
{
	if (at[0] != '\\')
		return at[0] >= 0x20;
	if (left >= 2 && is_short(at[1]))
		return 2;
	return left >= 6 && at[1] == 'u' && is_hex(at[2]) && is_hex(at[3]) &&
		       is_hex(at[4]) && is_hex(at[5])
		   ? 6
		   : 0;
}

/*@ requires \valid_read(at + (0 .. left - 1));
    assigns \nothing;
    ensures \result <= left;
    ensures \result > 0 ==> json_string(at, \result);
*/
static size_t string_length(const uint8_t *at, size_t left)
{
	size_t length, more;

	if (left == 0 || at[0] != '"')
		return 0;
	/*@ loop invariant 1 <= length <= left && json_open(at, length);
	    loop assigns length, more;
	    loop variant left - length; */
	for (length = 1; length < left && at[length] != '"'; length += more) {
		more = character_length(at + length, left - length);
		if (more == 0)
			return 0;
	}
	return length < left ? length + 1 : 0;
}

/* What stands behind the name of a trait, which no word of the policy judges; Go writes
 * null for a list that was never made. */
/*@ requires \valid_read(at + (0 .. left - 1));
    assigns \nothing;
    ensures \result <= left;
    ensures \result > 0 ==> trait_value(at, \result);
*/
static size_t values_length(const uint8_t *at, size_t left)
{
	size_t length, more;

	if (left >= 5 && at[0] == ':' && at[1] == 'n' && at[2] == 'u' && at[3] == 'l' &&
	    at[4] == 'l')
		return 5;
	if (left < 3 || at[0] != ':' || at[1] != '[')
		return 0;
	if (at[2] == ']')
		return 3;
	more = string_length(at + 2, left - 2);
	length = 2 + more;
	/*@ loop invariant 2 <= length <= left;
	    loop invariant more > 0 ==> trait_values(at, length);
	    loop assigns length, more;
	    loop variant left - length; */
	while (more > 0 && length < left && at[length] == ',') {
		more = string_length(at + (length + 1), left - length - 1);
		/*@ assert more > 0 ==> next_value(at, length, length + 1 + more); */
		length += 1 + more;
	}
	return more > 0 && length < left && at[length] == ']' ? length + 1 : 0;
}

/* With its quotes. */
/*@ requires \valid_read(at + (0 .. left - 1));
    assigns \nothing;
    ensures \result <= left;
    ensures \result > 0 ==> teleport_name(at, \result);
*/
static size_t name_length(const uint8_t *at, size_t left)
{
	size_t length = 1;

	if (left == 0 || at[0] != '"')
		return 0;
	/*@ loop invariant 1 <= length <= left;
	    loop invariant \forall integer k; 1 <= k < length ==>
	      at[k] != '"' && at[k] != '\\';
	    loop assigns length;
	    loop variant left - length; */
	while (length < left && at[length] != '"' && at[length] != '\\')
		length++;
	return length > 1 && length < left && at[length] == '"' &&
		       text_printable((struct slice){ at + 1, length - 1 })
		   ? length + 1
		   : 0;
}

/* The role, or the trait with its values, that begins there. */
/*@ requires from <= value.length && slice_readable(value) && \valid(name);
    assigns name->at, name->length;
    ensures \result <= value.length - from;
    ensures \result > 0 ==>
      teleport_entry(fact, value.at + from, name->length + 2, \result);
    ensures \result > 0 && from > 0 ==> teleport_given(*name, value);
*/
static size_t take_entry(
    enum fact fact, struct slice value, size_t from, struct slice *name)
{
	const uint8_t *const at = value.at + from;
	const size_t left = value.length - from, length = name_length(at, left);
	size_t values;

	if (length == 0)
		return 0;
	name->at = at + 1;
	name->length = length - 2;
	if (fact == FACT_ROLES)
		return length;
	values = values_length(at + length, left - length);
	return values > 0 ? length + values : 0;
}

/*@ requires \valid_read(at + (0 .. left - 1));
    assigns \nothing;
    ensures \result <= left;
    ensures \result > 0 ==> begins_names(fact, at, \result);
*/
static size_t head_length(enum fact fact, const uint8_t *at, size_t left)
{
	if (fact != FACT_ROLES)
		return left > 0 && at[0] == '{';
	return left >= BEFORE_ROLES && bytes_same(at, before_roles, BEFORE_ROLES)
		   ? BEFORE_ROLES
		   : 0;
}

/*@ requires \valid_read(at + (0 .. left - 1));
    assigns \nothing;
    ensures \result <==> ends_names(fact, at, left);
*/
static bool is_tail(enum fact fact, const uint8_t *at, size_t left)
{
	if (fact != FACT_ROLES)
		return left == 1 && at[0] == '}';
	return left == 2 && at[0] == ']' && at[1] == '}';
}

bool teleport_read(enum fact fact, struct slice value, struct teleport_names *out)
{
	const size_t head = head_length(fact, value.at, value.length);
	size_t to, more;
	uint32_t count;

	out->count = 0;
	if (head == 0)
		return false;
	if (is_tail(fact, value.at + head, value.length - head))
		return true;
	more = take_entry(fact, value, head, &out->at[0]);
	to = head + more;
	/*@ assert more > 0 ==>
	      first_entry(fact, value.at, head, out->at[0].length + 2, to); */
	/*@ loop invariant head <= to <= value.length && 1 <= count <= TELEPORT_NAMES_MAX;
	    loop invariant more > 0 ==> teleport_entries(fact, value.at, to, count);
	    loop invariant more > 0 ==> \forall integer k; 0 <= k < count ==>
	      teleport_given(out->at[k], value);
	    loop assigns to, more, count, out->at[0 .. TELEPORT_NAMES_MAX - 1];
	    loop variant TELEPORT_NAMES_MAX - count; */
	for (count = 1; more > 0 && to < value.length && value.at[to] == ',' &&
			count < TELEPORT_NAMES_MAX;
	     count++) {
		more = take_entry(fact, value, to + 1, &out->at[count]);
		/*@ assert more > 0 ==> teleport_given(out->at[count], value); */
		/*@ assert more > 0 ==> next_entry(fact, value.at, to,
		      out->at[count].length + 2, to + 1 + more); */
		to += 1 + more;
	}
	out->count = count;
	return more > 0 && is_tail(fact, value.at + to, value.length - to);
}
