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

/*@ predicate names_teleport{L}(uint8_t *name) =
      name[0] == 't' && name[1] == 'e' && name[2] == 'l' && name[3] == 'e' &&
      name[4] == 'p' && name[5] == 'o' && name[6] == 'r' && name[7] == 't' &&
      name[8] == '-';
    predicate names_roles{L}(uint8_t *name, integer length) =
      length == 14 && names_teleport(name) && name[9] == 'r' && name[10] == 'o' &&
      name[11] == 'l' && name[12] == 'e' && name[13] == 's';
    predicate names_traits{L}(uint8_t *name, integer length) =
      length == 15 && names_teleport(name) && name[9] == 't' && name[10] == 'r' &&
      name[11] == 'a' && name[12] == 'i' && name[13] == 't' && name[14] == 's';
    predicate teleport_extension{L}(uint8_t *name, integer length) =
      names_roles(name, length) || names_traits(name, length);

    // JSON's strings (RFC 8259 section 7).
    predicate json_hex(integer c) =
      '0' <= c <= '9' || 'a' <= c <= 'f' || 'A' <= c <= 'F';
    predicate json_short(integer c) =
      c == '"' || c == '\\' || c == '/' || c == 'b' || c == 'f' || c == 'n' ||
      c == 'r' || c == 't';
    predicate json_character{L}(uint8_t *at, integer length) =
      (length == 1 && at[0] >= 0x20 && at[0] != '"' && at[0] != '\\') ||
      (length == 2 && at[0] == '\\' && json_short(at[1])) ||
      (length == 6 && at[0] == '\\' && at[1] == 'u' && json_hex(at[2]) &&
        json_hex(at[3]) && json_hex(at[4]) && json_hex(at[5]));

    // What begins a string and has not ended it. The least predicate of which this is true.
    axiomatic JsonString {
      predicate json_open{L}(uint8_t *text, integer to)
        reads text[0 .. to - 1];
      axiom json_quote{L}:
        \forall uint8_t *text; text[0] == '"' ==> json_open(text, 1);
      axiom one_more_json_character{L}:
        \forall uint8_t *text, integer at, integer length; json_open(text, at) ==>
        json_character(text + at, length) ==> json_open(text, at + length);
    }
    predicate json_string{L}(uint8_t *at, integer length) =
      json_open(at, length - 1) && at[length - 1] == '"';

    // The values of a trait up to the end of one. The least predicate of which this is true.
    predicate first_value{L}(uint8_t *text, integer to) =
      text[0] == ':' && text[1] == '[' && json_string(text + 2, to - 2);
    predicate next_value{L}(uint8_t *text, integer from, integer to) =
      text[from] == ',' && json_string(text + (from + 1), to - from - 1);
    axiomatic TraitValues {
      predicate trait_values{L}(uint8_t *text, integer to)
        reads text[0 .. to - 1];
      axiom one_value{L}:
        \forall uint8_t *text, integer to; first_value(text, to) ==>
        trait_values(text, to);
      axiom one_more_value{L}:
        \forall uint8_t *text, integer from, integer to; trait_values(text, from) ==>
        next_value(text, from, to) ==> trait_values(text, to);
    }

    // Behind the name of a trait: :null, :[] or :["value","value"].
    predicate trait_value{L}(uint8_t *at, integer length) =
      (length == 5 && at[0] == ':' && at[1] == 'n' && at[2] == 'u' && at[3] == 'l' &&
        at[4] == 'l') ||
      (length == 3 && at[0] == ':' && at[1] == '[' && at[2] == ']') ||
      (trait_values(at, length - 1) && at[length - 1] == ']');

    // In quotes at least one byte, and none of them a quote or a backslash.
    predicate teleport_name{L}(uint8_t *at, integer length) =
      length > 2 && at[0] == '"' && at[length - 1] == '"' &&
      printable(at + 1, length - 2) &&
      (\forall integer k; 1 <= k < length - 1 ==> at[k] != '"' && at[k] != '\\');

    predicate begins_names{L}(integer fact, uint8_t *at, integer length) =
      fact != FACT_ROLES ? length == 1 && at[0] == '{' :
      length == 25 && at[0] == '{' && at[1] == '"' && at[2] == 'v' && at[3] == 'e' &&
      at[4] == 'r' && at[5] == 's' && at[6] == 'i' && at[7] == 'o' && at[8] == 'n' &&
      at[9] == '"' && at[10] == ':' && at[11] == '"' && at[12] == 'v' &&
      at[13] == '1' && at[14] == '"' && at[15] == ',' && at[16] == '"' &&
      at[17] == 'r' && at[18] == 'o' && at[19] == 'l' && at[20] == 'e' &&
      at[21] == 's' && at[22] == '"' && at[23] == ':' && at[24] == '[';
    predicate ends_names{L}(integer fact, uint8_t *at, integer length) =
      fact != FACT_ROLES ? length == 1 && at[0] == '}' :
      length == 2 && at[0] == ']' && at[1] == '}';

    // A role, or a trait's name with its values behind.
    predicate teleport_entry{L}(integer fact, uint8_t *at, integer name, integer length) =
      teleport_name(at, name) &&
      (fact == FACT_ROLES ? length == name : trait_value(at + name, length - name));

    predicate first_entry{L}(integer fact, uint8_t *text, integer head, integer name,
      integer to) =
      begins_names(fact, text, head) &&
      teleport_entry(fact, text + head, name, to - head);
    predicate next_entry{L}(integer fact, uint8_t *text, integer from, integer name,
      integer to) =
      text[from] == ',' && teleport_entry(fact, text + (from + 1), name, to - from - 1);

    // From the start to the end of an entry, so many of them; and the whole value. The
    // least predicates of which this is true.
    axiomatic TeleportForm {
      predicate teleport_entries{L}(integer fact, uint8_t *text, integer to,
        integer count)
        reads text[0 .. to - 1];
      axiom one_entry{L}:
        \forall uint8_t *text, integer fact, integer head, integer name, integer to;
        first_entry(fact, text, head, name, to) ==>
        teleport_entries(fact, text, to, 1);
      axiom one_more_entry{L}:
        \forall uint8_t *text, integer fact, integer from, integer count, integer name,
        integer to; teleport_entries(fact, text, from, count) ==>
        next_entry(fact, text, from, name, to) ==>
        teleport_entries(fact, text, to, count + 1);
      predicate teleport_form{L}(integer fact, uint8_t *text, integer length)
        reads text[0 .. length - 1];
      axiom no_names{L}:
        \forall uint8_t *text, integer fact, integer head, integer tail;
        begins_names(fact, text, head) ==> ends_names(fact, text + head, tail) ==>
        teleport_form(fact, text, head + tail);
      axiom all_names{L}:
        \forall uint8_t *text, integer fact, integer at, integer tail, integer count;
        teleport_entries(fact, text, at, count) ==> count <= TELEPORT_NAMES_MAX ==>
        ends_names(fact, text + at, tail) ==> teleport_form(fact, text, at + tail);
    }

    // A name without its quotes, of the value's own bytes.
    predicate teleport_given{L}(struct slice name, struct slice value) =
      0 < name.length && slice_readable(name) &&
      \base_addr(name.at) == \base_addr(value.at) &&
      value.at < name.at && name.at + name.length < value.at + value.length;
*/

/* FACT_ROLES or FACT_TRAITS for those two extensions, by their names; else FACT_NONE. */
/*@ requires slice_readable(extension);
    assigns \nothing;
    ensures \result != FACT_NONE ==> teleport_extension(extension.at, extension.length);
    ensures \result == FACT_NONE || \result == FACT_ROLES || \result == FACT_TRAITS;
    ensures \result != FACT_NONE ==> teleport_extension(extension.at, extension.length);
    ensures \result == FACT_ROLES <==> names_roles(extension.at, extension.length);
    ensures \result == FACT_TRAITS <==> names_traits(extension.at, extension.length);
*/
enum fact teleport_fact(struct slice extension);

/* False when the value is not in the form of that fact, or has too many names. The names
 * are the value's own bytes. */
/*@ requires slice_readable(value) && \valid(out);
    assigns *out;
    ensures \result ==> out->count <= TELEPORT_NAMES_MAX;
    ensures \result ==>
      \forall integer k; 0 <= k < out->count ==> slice_readable(out->at[k]);
    ensures \result ==>
      \forall integer k; 0 <= k < out->count ==> teleport_given(out->at[k], value);
    ensures \result ==> value.length > 0 && teleport_form(fact, value.at, value.length);
*/
bool teleport_read(enum fact fact, struct slice value, struct teleport_names *out);

#endif
