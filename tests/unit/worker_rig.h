/*
 * A worker without its process: the real parts, a policy, a client on a socket pair, and
 * at the other end of its channel a broker that signs with a key made here and does what
 * the test tells it.
 */
#ifndef TESTS_WORKER_RIG_H
#define TESTS_WORKER_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "policy/ssh_certificate.h"
#include "worker/base64.h"
#include "worker/methods.h"
#include "worker/rpc.h"
#include "worker/serve.h"
#include "worker/ssh_public_key.h"
#include "worker/wire.h"

#define RIG_KEYS 2

enum rig_broker { RIG_SIGNS, RIG_SILENT, RIG_REFUSES, RIG_UNAVAILABLE, RIG_STALE_ONCE };

struct rig {
	struct worker *worker;
	struct server *server;
	void *policy_storage;
	int client; /* our end of the first connection; -1: none */
	int broker; /* our end of the channel */
	struct gate gate;
	enum rig_broker mode;
	enum unavailable reason;
	EVP_PKEY *key[RIG_KEYS];
	unsigned current;  /* which of them signs for every CA */
	unsigned signs;	   /* OP_SIGN frames seen */
	struct facts last; /* of the last one; slices into `document` */
	uint8_t document[FRAME_MAX];
	size_t document_length;
	char received[1 << 20];
	size_t received_length;
};

static const char rig_policy[] =
    "cluster example.com\n"
    "deny user ssh-user principals root\n"
    "permit user ssh-user ttl 12h key-id * principals * extensions "
    "permit-pty permit-port-forwarding critical-options force-command=*\n"
    "permit openssh ssh-user ttl 1h key-id * principals *\n"
    "permit host ssh-host ttl 30d key-id * principals *.example.com\n";

#define RIG_ED25519                                                                      \
	"ssh-ed25519 "                                                                   \
	"AAAAC3NzaC1lZDI1NTE5AAAAIGp5gGfbVQRiPTXTRnBM9bN9FwtGdbQdrFmcWjoCWOyd"

static inline size_t rig_blob(const struct rig *rig, unsigned which, uint8_t out[64])
{
	struct wire wire = { .out = out, .room = 64 };
	uint8_t raw[32];
	size_t length = sizeof(raw);

	assert_int_equal(EVP_PKEY_get_raw_public_key(rig->key[which], raw, &length), 1);
	wire_string(&wire, "ssh-ed25519", 11);
	wire_string(&wire, raw, length);
	return wire.length;
}

static inline void rig_authority(
    const struct rig *rig, enum ca ca, char *out, size_t room)
{
	uint8_t blob[64];
	char line[160] = "ssh-ed25519 ", text[256] = "";
	size_t length = rig_blob(rig, rig->current, blob);

	base64_write(blob, length, line + 12);
	line[12 + BASE64_LENGTH(length)] = '\n';
	base64_write((uint8_t *)line, 13 + BASE64_LENGTH(length), text);
	out[0] = '\0';
	/* Only these three have SSH keys. */
	if (ca == CA_USER || ca == CA_HOST || ca == CA_OPENSSH)
		snprintf(out, room,
		    "{\"kind\": \"cert_authority\", \"sub_kind\":\"%s\",\"spec\":"
		    "{\"type\":\"%s\",\"cluster_name\":\"example.com\",\"active_keys\":{"
		    "\"ssh\":"
		    "[{\"public_key\":\"%s\"}]},\"additional_trusted_keys\":{}}}",
		    ca_name(ca), ca_name(ca), text);
}

static inline void rig_send(struct rig *rig, struct frame_writer *w)
{
	size_t length = frame_end(w);

	assert_int_not_equal(length, 0);
	assert_int_equal(channel_send(rig->broker, w->out, length), 0);
}

static inline void rig_sign(struct rig *rig, uint32_t id)
{
	static const uint8_t serial[8] = { 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde,
		0xf0 };
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t out[FRAME_HEADER + 256], signature[64];
	size_t length = sizeof(signature);
	struct frame_writer w;

	memcpy(rig->document + rig->last.serial_at, serial, 8);
	assert_int_equal(
	    EVP_DigestSignInit(context, NULL, NULL, NULL, rig->key[rig->current]), 1);
	assert_int_equal(EVP_DigestSign(context, signature, &length, rig->document,
			     rig->document_length),
	    1);
	EVP_MD_CTX_free(context);
	frame_begin(&w, out, sizeof(out), OP_SIGNED, id);
	frame_put(&w, serial, 8);
	frame_put(&w, signature, length);
	rig_send(rig, &w);
}

static inline void rig_answer(struct rig *rig, const struct frame *frame)
{
	uint8_t out[FRAME_HEADER + 2048];
	char record[1024];
	struct frame_writer w;

	if (frame->op == OP_AUTHORITIES) {
		rig_authority(
		    rig, (enum ca)frame_number(frame, 0), record, sizeof(record));
		frame_begin(&w, out, sizeof(out), OP_AUTHORITIES_ARE, frame->id);
		frame_put_text(&w, record);
		rig_send(rig, &w);
		return;
	}
	assert_int_equal(frame->op, OP_SIGN);
	rig->signs++;
	rig->document_length = frame_length(frame, 4);
	memcpy(rig->document, frame_bytes(frame, 4), rig->document_length);
	assert_int_equal(
	    ssh_certificate_read(rig->document, rig->document_length, &rig->last),
	    SSH_FORM_GOOD);
	if (rig->mode == RIG_REFUSES) {
		frame_begin(&w, out, sizeof(out), OP_REFUSED, frame->id);
		frame_put_u8(&w, FACT_PRINCIPALS);
		frame_put_u8(&w, VERDICT_RULE);
		frame_put_u32(&w, 7);
		frame_put_text(&w, "mallory");
		rig_send(rig, &w);
	} else if (rig->mode == RIG_UNAVAILABLE || rig->mode == RIG_STALE_ONCE) {
		frame_begin(&w, out, sizeof(out), OP_UNAVAILABLE, frame->id);
		frame_put_u8(
		    &w, rig->mode == RIG_STALE_ONCE ? UNAVAILABLE_STALE : rig->reason);
		frame_put_u64(&w, 1500);
		frame_put_text(&w, "the broker says why");
		rig_send(rig, &w);
		if (rig->mode == RIG_STALE_ONCE) {
			rig->mode = RIG_SIGNS;
			rig->current = 1;
		}
	} else if (rig->mode == RIG_SIGNS) {
		rig_sign(rig, frame->id);
	}
}

static inline bool rig_broker_turn(struct rig *rig)
{
	static uint8_t buffer[FRAME_MAX + 1];
	struct frame frame;
	size_t length;

	if (channel_receive(rig->broker, buffer, &length) != CHANNEL_FRAME)
		return false;
	assert_int_equal(
	    frame_read(buffer, length, PARTY_WORKER, 0, &rig->gate, &frame), FRAME_GOOD);
	rig_answer(rig, &frame);
	return true;
}

/* Turns until nothing moves any more. False when the worker's loop ended. */
static inline bool rig_run(struct rig *rig)
{
	unsigned quiet = 0, turns = 0;
	bool goes_on = true, moved;

	while (quiet < 40 && goes_on && turns++ < 20000) {
		goes_on = server_turn(rig->server, 0);
		moved = false;
		while (rig_broker_turn(rig))
			moved = true;
		quiet = moved ? 0 : quiet + 1;
	}
	return goes_on;
}

static inline void rig_read(struct rig *rig, int fd)
{
	ssize_t n = 1;

	while (n > 0 && rig->received_length < sizeof(rig->received) - 1) {
		n = recv(fd, rig->received + rig->received_length,
		    sizeof(rig->received) - 1 - rig->received_length, MSG_DONTWAIT);
		if (n > 0)
			rig->received_length += (size_t)n;
	}
	rig->received[rig->received_length] = '\0';
}

static inline int rig_connect(struct rig *rig)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	assert_non_null(
	    connections_add(&rig->worker->connections, ends[0], ends[0], NULL));
	return ends[1];
}

/* With `continuity`, the one client has the pipes `in` and `out`, which stay the
 * caller's. */
static inline struct rig *rig_start_stdio(struct continuity *continuity, int in, int out)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct policy_error error = { 0 };
	size_t room = policy_storage((const uint8_t *)rig_policy, strlen(rig_policy));
	int ends[2];
	unsigned i;

	rig->worker = calloc(1, sizeof(*rig->worker));
	rig->policy_storage = malloc(room);
	for (i = 0; i < RIG_KEYS; i++)
		rig->key[i] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	rig->worker->builder = (struct builder){
		.policy = policy_load((const uint8_t *)rig_policy, strlen(rig_policy),
		    rig->policy_storage, room, &error),
		.policy_name = "policy.conf",
		.client = "auth",
		.authorities = &rig->worker->authorities,
		.default_session_ttl = 12 * 3600,
	};
	if (!rig->worker->builder.policy)
		fail_msg("%u:%u: %s", error.line, error.column, error.text);
	assert_int_equal(channel_pair(ends), 0);
	rig->broker = ends[0];
	rig->gate.phase = PHASE_SERVE;
	rig->worker->broker.fd = ends[1];
	rig->worker->broker.gate.phase = PHASE_SERVE;
	rig->worker->config.deadline = 5;
	rig->worker->config.in_flight = 200;
	rig->worker->terminal = continuity != NULL;
	snprintf(rig->worker->cluster, sizeof(rig->worker->cluster), "example.com");
	rig->server = server_start(rig->worker, -1, continuity);
	assert_non_null(rig->server);
	rig->client = continuity ? -1 : rig_connect(rig);
	if (continuity) {
		rig->worker->connections.of[0]->in = dup(in);
		rig->worker->connections.of[0]->out = dup(out);
	}
	assert_true(rig_run(rig));
	assert_true(rig->worker->ready);
	return rig;
}

static inline struct rig *rig_start(void)
{
	return rig_start_stdio(NULL, -1, -1);
}

static inline void rig_end(struct rig *rig)
{
	unsigned i;

	close(rig->broker);
	close(rig->worker->broker.fd);
	if (rig->client >= 0)
		close(rig->client);
	server_end(rig->server);
	for (i = 0; i < PENDING_MAX; i++)
		if (rig->worker->pendings.of[i])
			pendings_remove(
			    &rig->worker->pendings, rig->worker->pendings.of[i]);
	for (i = 0; i < RIG_KEYS; i++)
		EVP_PKEY_free(rig->key[i]);
	free(rig->policy_storage);
	free(rig->worker);
	free(rig);
}

/* Sends text as it is and gives all that came back. */
static inline const char *rig_ask(struct rig *rig, const char *text)
{
	size_t length = strlen(text), sent = 0;
	ssize_t n;

	rig->received_length = 0;
	while (sent < length) {
		n = send(
		    rig->client, text + sent, length - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			sent += (size_t)n;
		assert_true(rig_run(rig));
		rig_read(rig, rig->client);
	}
	assert_true(rig_run(rig));
	rig_read(rig, rig->client);
	return rig->received;
}

/* The one answer to a call, parsed; the caller deletes it. */
static inline cJSON *rig_call(struct rig *rig, const char *method, const char *params)
{
	static char line[LINE_MAX_BYTES * 2];
	cJSON *answer;

	snprintf(line, sizeof(line),
	    "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"%s\",\"params\":%s}\n", method,
	    params);
	answer = cJSON_Parse(rig_ask(rig, line));
	if (!answer)
		fail_msg("no answer to %s: '%s'", method, rig->received);
	assert_int_equal(cJSON_GetObjectItem(answer, "id")->valueint, 7);
	return answer;
}

static inline int rig_code(const cJSON *answer)
{
	const cJSON *error = cJSON_GetObjectItem(answer, "error");

	return error ? cJSON_GetObjectItem(error, "code")->valueint : 0;
}

/* Asks and gives the error's code; 0 when there was none. */
static inline int rig_call_code(struct rig *rig, const char *method, const char *params)
{
	cJSON *answer = rig_call(rig, method, params);
	int code = rig_code(answer);

	cJSON_Delete(answer);
	return code;
}

#endif
