/* JSON-RPC over lines; rpc.h has the contract. */
#include "worker/rpc.h"

#include "worker/params.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_INTEGER_MAX (UINT64_C(1) << 53)
#define ANSWER_KEPT    (64u * 1024) /* a larger buffer is given back after use */

/* ---- answers ---- */

static struct json_out *begin_answer(
    struct worker *worker, const char *id, size_t id_length)
{
	struct json_out *out = &worker->answer;

	out->length = 0;
	out->failed = false;
	out->comma = false;
	json_open(out, '{');
	json_name(out, "jsonrpc");
	json_text(out, "2.0");
	json_name(out, "id");
	json_value(out, id ? id : "null", id ? id_length : 4);
	return out;
}

static void send_answer(struct worker *worker, struct connection *connection)
{
	struct json_out *out = &worker->answer;

	json_close(out, '}');
	json_put_raw(out, "\n", 1);
	if (out->failed) /* no memory: half an answer is worse than none */
		connection->broken = true;
	else
		connection_answer(
		    &worker->connections, connection, out->bytes, out->length);
	if (out->room > ANSWER_KEPT)
		json_out_free(out);
}

struct json_out *rpc_begin_result(struct worker *worker, const char *id, size_t id_length)
{
	struct json_out *out = begin_answer(worker, id, id_length);

	json_name(out, "result");
	return out;
}

void rpc_send_result(struct worker *worker, struct connection *connection)
{
	send_answer(worker, connection);
}

static void write_data(struct json_out *out, const struct rpc_error *error)
{
	json_name(out, "data");
	json_open(out, '{');
	if (error->code == RPC_REFUSED) {
		json_name(out, "rule");
		json_text(out, error->rule);
		json_name(out, "fact");
		json_text(out, error->fact);
		json_name(out, "value");
		json_string(out, error->value, error->value_length);
	} else if (error->code == RPC_UNAVAILABLE) {
		json_name(out, "retryable");
		json_bool(out, error->retryable);
	} else {
		json_name(out, "retry_after");
		json_number(out, (int64_t)error->retry_after);
	}
	json_close(out, '}');
}

void rpc_send_error(struct worker *worker, struct connection *connection, const char *id,
    size_t id_length, const struct rpc_error *error)
{
	struct json_out *out = begin_answer(worker, id, id_length);

	json_name(out, "error");
	json_open(out, '{');
	json_name(out, "code");
	json_number(out, error->code);
	json_name(out, "message");
	json_text(out, error->message);
	if (error->code == RPC_REFUSED || error->code == RPC_UNAVAILABLE ||
	    error->code == RPC_RATE)
		write_data(out, error);
	json_close(out, '}');
	send_answer(worker, connection);
	if (error->code != RPC_REFUSED)
		return;
	worker->refused++;
	snprintf(worker->last_refused, sizeof(worker->last_refused), "%.80s: %s '%.*s'",
	    error->rule, error->fact, (int)error->value_length, error->value);
}

void rpc_line_too_long(struct worker *worker, struct connection *connection)
{
	struct rpc_error error;

	rpc_fail(&error, RPC_PARSE_ERROR,
	    "the line is longer than %d bytes; it was skipped", LINE_MAX_BYTES);
	rpc_send_error(worker, connection, NULL, 0, &error);
}

/* ---- ids ---- */

static bool integer_valid(const char *text, size_t length)
{
	size_t at = text[0] == '-' ? 1 : 0, i;
	uint64_t value = 0;

	if (length - at < 1 || length - at > 16 || (text[at] == '0' && length - at > 1))
		return false;
	for (i = at; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(text[i] - '0');
	}
	return value <= ID_INTEGER_MAX;
}

bool rpc_id_valid(const char *text, size_t length)
{
	struct json_outline outline;
	size_t at;

	if (length == 0 || length > OP_REQUEST_ID_MAX)
		return false;
	if (text[0] != '"')
		return integer_valid(text, length);
	/* The text alone: neither blanks around it nor anything after it. */
	return length >= 2 && text[length - 1] == '"' &&
	       json_check(text, length, &outline, &at) == JSON_GOOD;
}

/* ---- calls ---- */

/* The members that a request may have, and the types of those that it must have. */
static bool shape_good(const cJSON *request, struct rpc_error *error)
{
	static const char *const members[] = { "jsonrpc", "id", "method", "params" };
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(request, "jsonrpc");
	const char *version = cJSON_GetStringValue(item);
	unsigned i;

	if (!version || strcmp(version, "2.0") != 0)
		return rpc_fail(error, RPC_INVALID_REQUEST, "jsonrpc: must be \"2.0\"");
	if (!cJSON_IsString(cJSON_GetObjectItemCaseSensitive(request, "method")))
		return rpc_fail(error, RPC_INVALID_REQUEST, "method: required, a string");
	cJSON_ArrayForEach(item, request)
	{
		for (i = 0; i < 4 && strcmp(members[i], item->string) != 0; i++)
			continue;
		if (i == 4)
			return rpc_fail(error, RPC_INVALID_REQUEST,
			    "unknown member \"%.40s\"", item->string);
	}
	return true;
}

static bool find_method(
    const cJSON *request, struct call *call, bool nul_escape, struct rpc_error *error)
{
	const char *name =
	    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(request, "method"));

	call->method = method_named(name);
	if (!call->method)
		return rpc_fail(
		    error, RPC_NO_METHOD, "there is no method \"%.60s\"", name);
	call->params = cJSON_GetObjectItemCaseSensitive(request, "params");
	if (call->params && !cJSON_IsObject(call->params))
		return rpc_fail(error, RPC_INVALID_PARAMS, "params: must be an object");
	if (nul_escape)
		return rpc_fail(error, RPC_INVALID_PARAMS, "a string holds \\u0000");
	return params_known(
	    call->method->name, call->method->params, call->params, error);
}

/* Runs a call that has an id and a method. */
static void run(struct worker *worker, struct call *call)
{
	struct continuity *continuity = call->connection->continuity;
	struct rpc_error error = { 0 };
	enum outcome outcome;

	/* Kept from here on, so that a death inside the handler is answered by its
	 * successor. */
	call->place = CONTINUITY_NO_REQUEST;
	if (continuity)
		call->place = continuity_remember(continuity, call->id, call->id_length);
	outcome = call->method->handle(worker, call, &error);
	if (outcome == OUTCOME_FAILED)
		rpc_send_error(
		    worker, call->connection, call->id, call->id_length, &error);
	if (outcome != OUTCOME_PENDING && continuity)
		continuity_forget(continuity, call->place);
}

/* An id whose escapes make it longer than it is goes on in the shortest spelling, which
 * says the same; 0: it is too long however spelt. */
static size_t respell(const char *text, char out[OP_REQUEST_ID_MAX])
{
	struct json_out spelt = { 0 };
	size_t length = 0;

	json_text(&spelt, text);
	if (!spelt.failed && strlen(text) <= RPC_ID_TEXT_MAX &&
	    spelt.length <= OP_REQUEST_ID_MAX) {
		length = spelt.length;
		memcpy(out, spelt.bytes, length);
	}
	json_out_free(&spelt);
	return length;
}

/* Where the request's id stands on the line; false when it has one that is none of ours,
 * or two. */
static bool find_id(const cJSON *request, const char *line,
    const struct json_outline *outline, struct call *call, char spelt[OP_REQUEST_ID_MAX],
    struct rpc_error *error)
{
	const char *text =
	    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(request, "id"));
	const cJSON *item;
	unsigned ids = 0;

	cJSON_ArrayForEach(item, request) ids += strcmp(item->string, "id") == 0;
	if (ids == 0)
		return true;
	if (ids > 1)
		return rpc_fail(
		    error, RPC_INVALID_REQUEST, "the member \"id\" stands twice");
	if (outline->id_length > 0 && (!text || strlen(text) <= RPC_ID_TEXT_MAX) &&
	    rpc_id_valid(line + outline->id_at, outline->id_length)) {
		call->id = line + outline->id_at;
		call->id_length = outline->id_length;
		return true;
	}
	if (text && !outline->nul_escape) {
		call->id_length = respell(text, spelt);
		call->id = call->id_length > 0 ? spelt : NULL;
	}
	if (call->id)
		return true;
	return rpc_fail(error, RPC_INVALID_REQUEST,
	    "id: must be a string of at most %d bytes, %d with its quotes and escapes, "
	    "or "
	    "a whole number within 2^53",
	    RPC_ID_TEXT_MAX, OP_REQUEST_ID_MAX);
}

static bool no_duplicate(const cJSON *request, struct rpc_error *error)
{
	bool short_of_memory = false;
	const char *name = json_duplicate(request, &short_of_memory);

	if (name)
		return rpc_fail(error, RPC_INVALID_REQUEST,
		    "the member \"%.40s\" stands twice", name);
	return !short_of_memory ||
	       rpc_fail(error, RPC_INTERNAL, "no memory for the request");
}

static void take_request(struct worker *worker, struct connection *connection,
    const char *line, const struct json_outline *outline, const cJSON *request)
{
	struct call call = { .connection = connection, .fraction = outline->fraction };
	struct rpc_error error = { 0 };
	char spelt[OP_REQUEST_ID_MAX];

	if (find_id(request, line, outline, &call, spelt, &error) &&
	    no_duplicate(request, &error) && shape_good(request, &error)) {
		/* Nobody would hear the answer, so nothing may be signed. */
		if (!call.id)
			return;
		if (find_method(request, &call, outline->nul_escape, &error)) {
			run(worker, &call);
			return;
		}
	}
	rpc_send_error(worker, connection, call.id, call.id_length, &error);
}

void rpc_take_line(
    struct worker *worker, struct connection *connection, const char *line, size_t length)
{
	struct json_outline outline;
	struct rpc_error error = { 0 };
	enum json_fault fault;
	cJSON *request = NULL;
	size_t at;

	fault = json_check(line, length, &outline, &at);
	if (fault != JSON_GOOD)
		rpc_fail(&error, RPC_PARSE_ERROR, "%s at byte %zu",
		    json_fault_text(fault), at + 1);
	else if (outline.first == '[')
		rpc_fail(&error, RPC_INVALID_REQUEST,
		    "batches are not supported; send one request a line");
	else if (outline.first != '{')
		rpc_fail(&error, RPC_INVALID_REQUEST, "a request must be an object");
	else if (!(request = json_parse(line, length)))
		rpc_fail(&error, RPC_INTERNAL, "no memory for the request");
	if (request)
		take_request(worker, connection, line, &outline, request);
	else
		rpc_send_error(worker, connection, NULL, 0, &error);
	cJSON_Delete(request);
}
