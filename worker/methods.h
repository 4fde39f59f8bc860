/*
 * What can be asked for. A method is a row: its name, the params that it knows, and who
 * handles it and writes its result; a further document is a further row and its builder.
 */
#ifndef WORKER_METHODS_H
#define WORKER_METHODS_H

#include "worker/rpc_error.h"
#include "worker/worker.h"

#define METHOD_PARAMS_MAX 16

struct call {
	struct connection *connection;
	const struct method *method;
	const char *id; /* as it stood on the line, or spelt shorter */
	size_t id_length;
	const cJSON *params; /* an object, or NULL */
	bool fraction;	     /* a number on the line has one */
	unsigned place;	     /* of the id in the connection's continuity */
};

enum outcome {
	OUTCOME_ANSWERED, /* the result was sent */
	OUTCOME_PENDING,  /* it will be */
	OUTCOME_FAILED	  /* `error` is to be sent */
};

struct method {
	const char *name;
	enum outcome (*handle)(
	    struct worker *worker, const struct call *call, struct rpc_error *error);
	/* Writes the result of one that was pending; false with `error`. */
	bool (*write)(struct worker *worker, const struct pending *pending,
	    struct json_out *out, struct rpc_error *error);
	enum document document;		       /* of those that sign one */
	const char *params[METHOD_PARAMS_MAX]; /* ends in NULL */
};

const struct method *method_named(const char *name); /* NULL: there is none */

/* ---- when the broker has answered ---- */

void methods_signed(struct worker *worker, struct pending *pending, const uint8_t *serial,
    size_t serial_length, const uint8_t *signature, size_t signature_length);
void methods_refused(
    struct worker *worker, struct pending *pending, const struct broker_refusal *refusal);
void methods_unavailable(struct worker *worker, struct pending *pending,
    enum unavailable reason, uint64_t retry_after_ms, const char *message, size_t length);
/* Every record that was asked for has come: answers what waited for it. */
void methods_authorities_came(struct worker *worker);
/* Answers what is finished, as far as the connection has room. */
void methods_answer_finished(struct worker *worker, struct connection *connection);
/* Answers with an error, and frees it where the broker owes nothing. */
void methods_fail(
    struct worker *worker, struct pending *pending, const struct rpc_error *error);

#endif
