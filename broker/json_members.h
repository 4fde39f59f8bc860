/* What cJSON lacks, for the state, AWS's answers and reports. */
#ifndef BROKER_JSON_MEMBERS_H
#define BROKER_JSON_MEMBERS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_BYTES_MAX 6144

const cJSON *json_member(const cJSON *object, const char *name); /* NULL: there is none */
const char *json_member_text(
    const cJSON *object, const char *name); /* NULL: ... or no string */

/* A member of 1 to `room` bytes, in the one form of base64 (RFC 4648 section 4) that they
 * have; `room` is JSON_BYTES_MAX at most. False: it is none. */
bool json_member_bytes(
    const cJSON *object, const char *name, uint8_t *out, size_t room, size_t *length);

/* False: no memory, or more than JSON_BYTES_MAX. */
bool json_add_bytes(cJSON *object, const char *name, const void *bytes, size_t length);

/* A new object at the end of the list; NULL: no memory. */
cJSON *json_add_object(cJSON *list);

#endif
