/*
 * The values of Teleport's SSH extensions teleport-roles and teleport-traits, in exactly
 * the form that Teleport writes: {"version":"v1","roles":["a","b"]} and
 * {"name":["value"],"other":null}, no blanks. A name with an escape in it is refused, so
 * that the name which is judged is the name that a relying party sees.
 */
#ifndef POLICY_TELEPORT_H
#define POLICY_TELEPORT_H

#include "policy/facts.h"

#define TELEPORT_NAMES_MAX 256 /* roles, or traits, of one document */

/* Roles, or the names of traits. */
struct teleport_names {
	struct slice at[TELEPORT_NAMES_MAX];
	uint32_t count;
};

/*@ predicate begins_teleport{L}(uint8_t *at) =
      at[0] == 't' && at[1] == 'e' && at[2] == 'l' && at[3] == 'e' && at[4] == 'p' &&
      at[5] == 'o' && at[6] == 'r' && at[7] == 't' && at[8] == '-';
    predicate teleport_extension{L}(uint8_t *at, integer length) =
      begins_teleport(at) &&
      ((length == 14 && at[9] == 'r' && at[10] == 'o' && at[11] == 'l' &&
        at[12] == 'e' && at[13] == 's') ||
      (length == 15 && at[9] == 't' && at[10] == 'r' && at[11] == 'a' &&
        at[12] == 'i' && at[13] == 't' && at[14] == 's'));
*/
/* FACT_ROLES or FACT_TRAITS for those two extensions, by their names; else FACT_NONE. */
/*@ requires slice_readable(extension);
    assigns \nothing;
    ensures \result != FACT_NONE ==> teleport_extension(extension.at, extension.length);
    ensures \result == FACT_NONE || \result == FACT_ROLES || \result == FACT_TRAITS;
*/
enum fact teleport_fact(struct slice extension);

/* False when the value is not in the form of that fact, or has too many names. */
/*@ requires slice_readable(value) && \valid(out);
    assigns *out;
    ensures \result ==> out->count <= TELEPORT_NAMES_MAX;
    ensures \result ==>
      \forall integer k; 0 <= k < out->count ==> slice_readable(out->at[k]);
*/
bool teleport_read(enum fact fact, struct slice value, struct teleport_names *out);

#endif
