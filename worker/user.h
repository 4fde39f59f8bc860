/*
 * The method `user`: an SSH and an X.509 certificate for one person, as Teleport makes
 * them. Each is an ordinary document of its method's, so the policy judges it as that
 * one; here its params are put together.
 */
#ifndef WORKER_USER_H
#define WORKER_USER_H

#include "worker/draft.h"

/* The drafts of both, or of the one whose key was given; NULL with `error`. */
struct draft *user_build(const struct builder *builder, const cJSON *params,
    bool fraction, int64_t now, struct rpc_error *error);

/* Writes both, signed, as `ssh` and `tls`. */
bool user_write(
    const struct draft *drafts, struct json_out *out, struct rpc_error *error);

#endif
