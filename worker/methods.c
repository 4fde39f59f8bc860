/* The methods; methods.h has the contract. */
#include "worker/methods.h"

#include "ipc/log.h"
#include "worker/params.h"
#include "worker/rpc.h"
#include "worker/user.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RPC_VERSION 1

/* ---- what a request may cost ---- */

static bool too_many(struct rpc_error *error, const char *what)
{
	return rpc_fail(error, RPC_TOO_MANY, "too many requests in flight: %s", what);
}

/* A connection may have as many as there are places left, so that there is always one for
 * a client who has none: those who flood share the rest among themselves. */
static bool may_wait(const struct worker *worker, const struct connection *connection,
    struct rpc_error *error)
{
	if (connection->outstanding >= CONNECTION_REQUESTS)
		return too_many(error, "256 of this connection");
	if (connection->outstanding >= PENDING_MAX - worker->pendings.count)
		return too_many(error, "4096 of all connections, which share them");
	return true;
}

/* A pending request of this call; NULL with `error`. */
static struct pending *wait_for_broker(
    struct worker *worker, const struct call *call, struct rpc_error *error)
{
	struct pending *pending = pendings_add(&worker->pendings, call->connection);

	if (!pending) {
		too_many(error, "no memory for more");
		return NULL;
	}
	pending->method = call->method;
	pending->deadline = worker_clock_ms() + (int64_t)worker->config.deadline * 1000;
	memcpy(pending->request_id, call->id, call->id_length);
	pending->request_id_length = call->id_length;
	pending->place = call->place;
	return pending;
}

/* ---- handlers ---- */

/* Asks the broker for these documents, one after another; takes them. */
static enum outcome await_signatures(struct worker *worker, const struct call *call,
    struct draft *drafts, struct rpc_error *error)
{
	struct pending *pending;

	if (!drafts)
		return OUTCOME_FAILED;
	pending = wait_for_broker(worker, call, error);
	if (!pending) {
		draft_free(drafts);
		return OUTCOME_FAILED;
	}
	pending->drafts = drafts;
	pending->turn = &pending->drafts;
	pendings_weigh(&worker->pendings, pending);
	pendings_enqueue(&worker->pendings, pending);
	return OUTCOME_PENDING;
}

static enum outcome sign(
    struct worker *worker, const struct call *call, struct rpc_error *error)
{
	if (!may_wait(worker, call->connection, error))
		return OUTCOME_FAILED;
	return await_signatures(worker, call,
	    draft_build(&worker->builder, call->method->document, call->params,
		call->fraction, worker_now(), error),
	    error);
}

static enum outcome sign_user(
    struct worker *worker, const struct call *call, struct rpc_error *error)
{
	if (!may_wait(worker, call->connection, error))
		return OUTCOME_FAILED;
	return await_signatures(worker, call,
	    user_build(
		&worker->builder, call->params, call->fraction, worker_now(), error),
	    error);
}

/* The records are asked for anew each time; whoever asks meanwhile shares the answer. */
static enum outcome await_authorities(
    struct worker *worker, const struct call *call, enum ca only, struct rpc_error *error)
{
	struct pending *pending;

	if (!may_wait(worker, call->connection, error))
		return OUTCOME_FAILED;
	pending = wait_for_broker(worker, call, error);
	if (!pending)
		return OUTCOME_FAILED;
	pending->state = PENDING_AUTHORITIES;
	pending->only = only;
	if (worker->to_ask == 0 && worker->asked == 0)
		worker->to_ask = ASK_ALL;
	return OUTCOME_PENDING;
}

static bool take_type(
    const struct call *call, bool required, enum ca *only, struct rpc_error *error)
{
	const cJSON *type = params_get(call->params, "type");
	const char *name = cJSON_GetStringValue(type);

	*only = CA_COUNT;
	return (!type && !required) || (name && ca_named(name, strlen(name), only)) ||
	       params_fail(error, "type",
		   "must be one of user host db db_client openssh jwt saml_idp oidc_idp "
		   "spiffe");
}

static enum outcome authorities(
    struct worker *worker, const struct call *call, struct rpc_error *error)
{
	enum ca only;

	return take_type(call, false, &only, error)
		   ? await_authorities(worker, call, only, error)
		   : OUTCOME_FAILED;
}

static enum outcome crl(
    struct worker *worker, const struct call *call, struct rpc_error *error)
{
	enum ca only;

	return take_type(call, true, &only, error)
		   ? await_authorities(worker, call, only, error)
		   : OUTCOME_FAILED;
}

/* For `alerts` too, which came with the records. */
static enum outcome status(
    struct worker *worker, const struct call *call, struct rpc_error *error)
{
	return await_authorities(worker, call, CA_COUNT, error);
}

static enum outcome ping(
    struct worker *worker, const struct call *call, struct rpc_error *error)
{
	struct json_out *out = rpc_begin_result(worker, call->id, call->id_length);

	(void)error; /* it can't fail */
	json_value(out, "{}", 2);
	rpc_send_result(worker, call->connection);
	return OUTCOME_ANSWERED;
}

/* ---- results of what was pending ---- */

static bool write_document(struct worker *worker, const struct pending *pending,
    struct json_out *out, struct rpc_error *error)
{
	(void)worker;
	return draft_write(pending->drafts, out, error);
}

static bool write_user(struct worker *worker, const struct pending *pending,
    struct json_out *out, struct rpc_error *error)
{
	(void)worker;
	return user_write(pending->drafts, out, error);
}

static bool write_authorities(struct worker *worker, const struct pending *pending,
    struct json_out *out, struct rpc_error *error)
{
	(void)error; /* it can't fail */
	authorities_write(&worker->authorities, pending->only, out);
	return true;
}

static bool write_crl(struct worker *worker, const struct pending *pending,
    struct json_out *out, struct rpc_error *error)
{
	return authorities_write_crl(&worker->authorities, pending->only, out) ||
	       rpc_fail(error, RPC_INVALID_PARAMS,
		   "type: the CA %s has no CRL; CAs with a TLS key have one",
		   ca_name(pending->only));
}

static void write_limits(const struct worker *worker, struct json_out *out)
{
	const struct {
		const char *name;
		int64_t value;
	} limits[] = {
		{ "line_bytes", LINE_MAX_BYTES },
		{ "depth", JSON_DEPTH_MAX },
		{ "id_bytes", RPC_ID_TEXT_MAX },
		{ "requests_per_connection", CONNECTION_REQUESTS },
		{ "requests", PENDING_MAX },
		{ "connections", CONNECTIONS_MAX },
		{ "deadline", (int64_t)worker->config.deadline },
	};
	size_t i;

	json_open(out, '{');
	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		json_name(out, limits[i].name);
		json_number(out, limits[i].value);
	}
	json_close(out, '}');
}

static bool write_status(struct worker *worker, const struct pending *pending,
    struct json_out *out, struct rpc_error *error)
{
	(void)pending; /* it is the same for all */
	(void)error;
	json_open(out, '{');
	json_name(out, "version");
	json_text(out, PRIVYSEAL_VERSION);
	json_name(out, "rpc");
	json_number(out, RPC_VERSION);
	json_name(out, "limits");
	write_limits(worker, out);
	json_name(out, "cluster");
	json_text(out, worker->cluster);
	json_name(out, "ready");
	json_bool(out, worker->ready && !worker->unrecorded);
	json_name(out, "ca_pins");
	authorities_write_pins(&worker->authorities, out);
	json_name(out, "authorities");
	authorities_write_status(&worker->authorities, out);
	json_close(out, '}');
	return true;
}

/* The broker's; this process could not be believed about itself. */
static bool write_alerts(struct worker *worker, const struct pending *pending,
    struct json_out *out, struct rpc_error *error)
{
	(void)pending; /* it is the same for all */
	(void)error;
	json_value(out, worker->alerts, strlen(worker->alerts));
	return true;
}

/* clang-format off */
#define X509_PARAMS { "public_key", "csr", "subject", "attributes", "dns", "ip", "uri", \
	"email", "ttl", NULL }
static const struct method methods[] = {
	{ "ssh-user", sign, write_document, DOCUMENT_SSH_USER, { "public_key", "key_id",
		"principals", "ttl", "extensions", "critical_options", "ca", NULL } },
	{ "ssh-host", sign, write_document, DOCUMENT_SSH_HOST, { "public_key", "key_id",
		"principals", "ttl", "extensions", NULL } },
	{ "x509-user", sign, write_document, DOCUMENT_X509_USER, X509_PARAMS },
	{ "x509-host", sign, write_document, DOCUMENT_X509_HOST, X509_PARAMS },
	{ "user", sign_user, write_user, DOCUMENT_COUNT, { "username", "principals",
		"ssh_public_key", "tls_public_key", "roles", "traits", "ttl", NULL } },
	{ "authorities", authorities, write_authorities, DOCUMENT_COUNT, { "type", NULL } },
	{ "crl", crl, write_crl, DOCUMENT_COUNT, { "type", NULL } },
	{ "status", status, write_status, DOCUMENT_COUNT, { NULL } },
	{ "alerts", status, write_alerts, DOCUMENT_COUNT, { NULL } },
	{ "ping", ping, NULL, DOCUMENT_COUNT, { NULL } },
};
/* clang-format on */

const struct method *method_named(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (strcmp(methods[i].name, name) == 0)
			return &methods[i];
	return NULL;
}

/* ---- the broker's answers ---- */

void methods_fail(
    struct worker *worker, struct pending *pending, const struct rpc_error *error)
{
	if (pending->connection)
		rpc_send_error(worker, pending->connection, pending->request_id,
		    pending->request_id_length, error);
	pendings_remove(&worker->pendings, pending);
}

/* Writes and sends the result of one that has all that it waited for. */
static void answer(struct worker *worker, struct pending *pending)
{
	struct rpc_error error = { 0 };
	struct json_out *out =
	    rpc_begin_result(worker, pending->request_id, pending->request_id_length);

	if (!pending->method->write(worker, pending, out, &error)) {
		if (error.code == RPC_INTERNAL)
			log_error("%s", error.message);
		methods_fail(worker, pending, &error);
		return;
	}
	rpc_send_result(worker, pending->connection);
	pendings_remove(&worker->pendings, pending);
}

void methods_answer_finished(struct worker *worker, struct connection *connection)
{
	while (connection->finished.first && connection_takes_answer(connection))
		answer(worker, connection->finished.first);
}

static void finish(struct worker *worker, struct pending *pending)
{
	struct connection *connection = pending->connection;

	pendings_finish(&worker->pendings, pending);
	methods_answer_finished(worker, connection);
}

void methods_signed(struct worker *worker, struct pending *pending, const uint8_t *serial,
    size_t serial_length, const uint8_t *signature, size_t signature_length)
{
	struct rpc_error error = { 0 };

	if (!pending->connection) {
		pendings_remove(&worker->pendings, pending);
		return;
	}
	if (!draft_sign(pending->turn, serial, serial_length, signature, signature_length,
		&error)) {
		log_error("%s", error.message);
		methods_fail(worker, pending, &error);
		return;
	}
	pendings_weigh(&worker->pendings, pending);
	pending->turn = &(*pending->turn)->next;
	pending->rebuilt = false;
	if (*pending->turn)
		pendings_enqueue(&worker->pendings, pending);
	else
		finish(worker, pending);
}

void methods_refused(
    struct worker *worker, struct pending *pending, const struct broker_refusal *refusal)
{
	enum fact fact =
	    refusal->fact < FACT_COUNT ? (enum fact)refusal->fact : FACT_NONE;
	enum verdict verdict = refusal->verdict <= VERDICT_INVARIANT
				   ? (enum verdict)refusal->verdict
				   : VERDICT_INVARIANT;
	struct rpc_error error;

	log_warning("the broker refused what this worker's own check had let pass (%s)",
	    fact_name(fact));
	rpc_refuse(&error, worker->builder.policy_name, verdict, refusal->line, fact,
	    refusal->value, refusal->value_length, NULL);
	methods_fail(worker, pending, &error);
}

/* The CA's key has changed since the document was built: once, it is built anew. */
static void build_anew(struct worker *worker, struct pending *pending)
{
	struct rpc_error error = { 0 };

	if (!pending->connection || pending->rebuilt) {
		rpc_fail(
		    &error, RPC_UNAVAILABLE, "the CA's key is being changed; ask again");
		error.retryable = true;
		methods_fail(worker, pending, &error);
		return;
	}
	pending->rebuilt = true;
	worker->pendings.sent--;
	pending->state = PENDING_AUTHORITIES;
	worker->to_ask |= 1u << (*pending->turn)->ca;
}

void methods_unavailable(struct worker *worker, struct pending *pending,
    enum unavailable reason, uint64_t retry_after_ms, const char *message, size_t length)
{
	struct rpc_error error = { .code = RPC_UNAVAILABLE };

	snprintf(error.message, sizeof(error.message), "%.*s", (int)length, message);
	switch (reason) {
	case UNAVAILABLE_STALE:
		build_anew(worker, pending);
		return;
	case UNAVAILABLE_RATE:
	case UNAVAILABLE_BREAKER:
		error.code = RPC_RATE;
		error.retry_after =
		    retry_after_ms / 1000 + (retry_after_ms % 1000 != 0 ? 1 : 0);
		break;
	case UNAVAILABLE_DEADLINE:
		error.code = RPC_DEADLINE;
		break;
	case UNAVAILABLE_RECORD:
		worker->unrecorded = true;
		error.code = RPC_NO_RECORD;
		break;
	case UNAVAILABLE_KEYSTORE:
		error.retryable = true;
		break;
	}
	methods_fail(worker, pending, &error);
}

/* A document that waited for its CA's new key goes back into the queue. */
static void resume(struct worker *worker, struct pending *pending)
{
	struct rpc_error error = { 0 };

	if (!draft_rebuild(&worker->builder, pending->turn, worker_now(), &error)) {
		methods_fail(worker, pending, &error);
		return;
	}
	pendings_weigh(&worker->pendings, pending);
	pendings_enqueue(&worker->pendings, pending);
}

void methods_authorities_came(struct worker *worker)
{
	struct pending *pending = worker->pendings.by_age.first, *next;

	for (; pending; pending = next) {
		next = pending->in[BY_AGE].next;
		if (pending->state != PENDING_AUTHORITIES)
			continue;
		if (pending->drafts)
			resume(worker, pending);
		else
			finish(worker, pending);
	}
}
