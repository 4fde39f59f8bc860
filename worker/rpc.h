/*
 * JSON-RPC 2.0, one object a line: from a line to a call of one of the methods, and from
 * a result or an error to a line.
 */
#ifndef WORKER_RPC_H
#define WORKER_RPC_H

#include "worker/methods.h"

#define RPC_ID_TEXT_MAX 128 /* bytes of an id that is a string */

/* Handles one line without its end (in a buffer of its own); each answer is queued on the
 * connection, at once or later. */
void rpc_take_line(struct worker *worker, struct connection *connection, const char *line,
    size_t length);
/* A line that was longer than a line may be. */
void rpc_line_too_long(struct worker *worker, struct connection *connection);

/* Is that the text of an id that we would echo? */
bool rpc_id_valid(const char *text, size_t length);

/* Begins worker->answer with everything before the result's value ... */
struct json_out *rpc_begin_result(
    struct worker *worker, const char *id, size_t id_length);
/* ... and ends and sends it. */
void rpc_send_result(struct worker *worker, struct connection *connection);
/* `id` NULL: the answer's id is null. */
void rpc_send_error(struct worker *worker, struct connection *connection, const char *id,
    size_t id_length, const struct rpc_error *error);

#endif
