/* What an RPC answers when it does not do what was asked: JSON-RPC's own codes and ours.
 */
#ifndef WORKER_RPC_ERROR_H
#define WORKER_RPC_ERROR_H

#include "policy/policy.h"

#include <stdbool.h>

#define RPC_PARSE_ERROR	    (-32700)
#define RPC_INVALID_REQUEST (-32600)
#define RPC_NO_METHOD	    (-32601)
#define RPC_INVALID_PARAMS  (-32602)
#define RPC_INTERNAL	    (-32603)
#define RPC_REFUSED	    (-32001) /* data: rule, fact, value */
#define RPC_UNAVAILABLE	    (-32002) /* data: retryable */
#define RPC_RATE	    (-32003) /* data: retry_after */
#define RPC_DEADLINE	    (-32004)
#define RPC_TOO_MANY	    (-32005)
#define RPC_NO_RECORD	    (-32006)

#define RPC_MESSAGE_MAX 512
#define RPC_RULE_MAX	320

struct rpc_error {
	int code;
	char message[RPC_MESSAGE_MAX];
	/* RPC_REFUSED */
	char rule[RPC_RULE_MAX]; /* FILE:LINE, default, invariant */
	const char *fact;
	uint8_t value[POLICY_VALUE_MAX];
	size_t value_length;
	/* RPC_UNAVAILABLE */
	bool retryable;
	/* RPC_RATE */
	uint64_t retry_after; /* seconds */
};

/* Sets code and message; gives false, so that whoever fails can return it. */
bool rpc_fail(struct rpc_error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A refusal by policy: `line` is of the file, `why` a sentence or NULL. */
bool rpc_refuse(struct rpc_error *error, const char *policy_name, enum verdict verdict,
    unsigned line, enum fact fact, const uint8_t *value, size_t value_length,
    const char *why);

#endif
