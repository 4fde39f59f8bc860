/* What the methods' params have in common: finding them, refusing those that are unknown
 * or of the wrong shape with a message that names them, and the ttl. */
#ifndef WORKER_PARAMS_H
#define WORKER_PARAMS_H

#include "worker/json.h"
#include "worker/rpc_error.h"

/* -32602 "PATH: WHAT"; gives false. */
bool params_fail(struct rpc_error *error, const char *path, const char *what);

/* The member of that name; NULL when there is none, or no object. */
const cJSON *params_get(const cJSON *params, const char *name);

/* Is every member of the object one of `known`, which ends in NULL? The error names up to
 * four that are not; `where` is the method or the param that they stand in. */
bool params_known(const char *where, const char *const *known, const cJSON *object,
    struct rpc_error *error);

/* Is that item absent or a list of strings? */
bool params_list(const cJSON *list, const char *path, struct rpc_error *error);

/* The param `ttl` in seconds; 0 when there is none. `fraction`: a number on the line has
 * a fraction, so that a ttl of 1.0 can be told from 1. */
bool params_ttl(
    const cJSON *params, bool fraction, uint64_t *ttl, struct rpc_error *error);

#endif
