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
#include <openssl/x509.h>

#include "policy/documents.h"
#include "policy/ssh_certificate.h"
#include "policy/x509_certificate.h"
#include "policy/x509_crl.h"
#include "policy/x509_signed.h"
#include "worker/base64.h"
#include "worker/methods.h"
#include "worker/pem_text.h"
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
	EVP_PKEY *key[RIG_KEYS];     /* Ed25519, for SSH */
	EVP_PKEY *tls_key[RIG_KEYS]; /* P-256 */
	unsigned current;	     /* which of them sign for every CA */
	unsigned signs;		     /* OP_SIGN frames seen */
	unsigned refuse_from;	     /* that one, and what follows, is refused; 0: none */
	int64_t ca_lifetime;	     /* seconds, of its certificates */
	enum purpose purpose;	     /* of the last one */
	struct facts last;	     /* of the last one; slices into `document` */
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
    "permit host ssh-host ttl 30d key-id * principals *.example.com\n"
    "permit user x509-user ttl 8h subject * roles access editor principals alice traits "
    "team unit attributes 1.3.9999.1.7 1.3.9999.1.10 1.3.9999.2.3 email *@example.com\n"
    "permit host x509-host ttl 30d subject *.example.com dns *.example.com ip 10.0.0.0/8 "
    "fd00::/8 units * street * postal-code * roles * uri https://*.example.com/**\n"
    "permit user ssh-user ttl 12h key-id * principals alice extensions permit-pty roles "
    "access editor traits team unit\n";

#define RIG_ED25519                                                                      \
	"ssh-ed25519 "                                                                   \
	"AAAAC3NzaC1lZDI1NTE5AAAAIGp5gGfbVQRiPTXTRnBM9bN9FwtGdbQdrFmcWjoCWOyd"

#define RIG_ALERTS                                                                       \
	"[{\"id\":\"record-lost\",\"severity\":\"high\",\"audience\":\"everyone\","      \
	"\"message\":\"no room\"}]"

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

/* What `key` makes of the bytes: DER of an ECDSA signature, or Ed25519's. */
static inline size_t rig_signature(
    EVP_PKEY *key, const uint8_t *bytes, size_t length, uint8_t out[128])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	const char *digest = EVP_PKEY_get_base_id(key) == EVP_PKEY_EC ? "SHA256" : NULL;
	size_t out_length = 128;

	assert_int_equal(
	    EVP_DigestSignInit_ex(context, NULL, digest, NULL, NULL, key, NULL), 1);
	assert_int_equal(EVP_DigestSign(context, out, &out_length, bytes, length), 1);
	EVP_MD_CTX_free(context);
	return out_length;
}

static inline size_t rig_signed(
    EVP_PKEY *key, const uint8_t *bytes, size_t length, uint8_t *out, size_t room)
{
	uint8_t signature[128];
	const struct x509_signed parts = {
		.document = { bytes, length },
		.algorithm = X509_ECDSA_SHA256,
		.signature = { signature, rig_signature(key, bytes, length, signature) },
	};

	return x509_signed_write(&parts, out, room);
}

#define RIG_CA_SERIAL "\x41\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"

/* The certificate and the empty CRL of a CA's TLS key, DER. */
static inline void rig_tls(const struct rig *rig, enum ca ca, uint8_t *certificate,
    size_t *certificate_length, uint8_t *crl, size_t *crl_length)
{
	static const uint8_t key_ids[RIG_KEYS][20] = { { 1, 2, 3 }, { 4, 5, 6 } };
	EVP_PKEY *key = rig->tls_key[rig->current];
	unsigned char info[512], *end = info;
	uint8_t name[256], bytes[2048];
	struct der_sink subject = der_sink(name, sizeof(name));
	uint8_t digits[X509_DECIMAL_MAX];
	const struct slice serial = { (const uint8_t *)RIG_CA_SERIAL, 16 };
	struct facts facts = { .x509_signature = X509_ECDSA_SHA256,
		.x509_not_before = worker_now() - 60,
		.x509_not_after = worker_now() + rig->ca_lifetime,
		.x509_key_usage = X509_DIGITAL_SIGNATURE | X509_KEY_ENCIPHERMENT |
				  X509_KEY_CERT_SIGN | X509_CRL_SIGN,
		.x509_is_ca = true,
		.x509_crl_number = 1 };
	const struct x509_attribute attributes[] = {
		{ X509_ORGANIZATION, 0, 0, slice_of("example.com") },
		{ X509_COMMON_NAME, 0, 0, slice_of(ca_name(ca)) },
		{ X509_SERIAL_NUMBER, 0, 0,
		    { digits, x509_serial_decimal(serial, digits) } },
	};
	unsigned i;

	for (i = 0; i < 3; i++)
		x509_put_attribute(&subject, &attributes[i]);
	X509_SET(&facts, x509_serial, serial);
	X509_SET(&facts, x509_issuer, ((struct slice){ name, subject.used }));
	X509_SET(&facts, x509_subject, ((struct slice){ name, subject.used }));
	X509_SET(
	    &facts, x509_subject_key_id, ((struct slice){ key_ids[rig->current], 20 }));
	X509_SET(
	    &facts, x509_authority_key_id, ((struct slice){ key_ids[rig->current], 20 }));
	assert_true(i2d_PUBKEY(key, &end) > 0);
	assert_true(x509_key_read(info, (size_t)(end - info), &facts));
	*certificate_length = rig_signed(key, bytes,
	    x509_certificate_write(&facts, bytes, sizeof(bytes)), certificate, 2048);
	*crl_length = rig_signed(
	    key, bytes, x509_crl_write(&facts, bytes, sizeof(bytes)), crl, 2048);
	assert_true(*certificate_length > 0 && *crl_length > 0);
}

static inline void rig_authority(
    const struct rig *rig, enum ca ca, char *out, size_t room)
{
	uint8_t blob[64], certificate[2048], crl[2048];
	char line[160] = "ssh-ed25519 ", text[256] = "", pem[PEM_ROOM(2048)];
	char tls[4096] = "", crl_text[4096] = "";
	size_t length = rig_blob(rig, rig->current, blob), certificate_length, crl_length;

	base64_write(blob, length, line + 12);
	line[12 + BASE64_LENGTH(length)] = '\n';
	base64_write((uint8_t *)line, 13 + BASE64_LENGTH(length), text);
	rig_tls(rig, ca, certificate, &certificate_length, crl, &crl_length);
	length = pem_write("CERTIFICATE", certificate, certificate_length, pem);
	base64_write((uint8_t *)pem, length, tls);
	base64_write(crl, crl_length, crl_text);
	out[0] = '\0';
	/* Only these three have SSH keys, and two of them TLS keys. */
	if (ca == CA_USER || ca == CA_HOST || ca == CA_OPENSSH)
		snprintf(out, room,
		    "{\"kind\": \"cert_authority\", \"sub_kind\":\"%s\",\"spec\":"
		    "{\"type\":\"%s\",\"cluster_name\":\"example.com\",\"active_keys\":{"
		    "\"ssh\":[{\"public_key\":\"%s\"}]%s%s%s%s%s},"
		    "\"additional_trusted_keys\":{}}}",
		    ca_name(ca), ca_name(ca), text,
		    ca == CA_OPENSSH ? "" : ",\"tls\":[{\"cert\":\"",
		    ca == CA_OPENSSH ? "" : tls,
		    ca == CA_OPENSSH ? "" : "\",\"key_type\":3,\"crl\":\"",
		    ca == CA_OPENSSH ? "" : crl_text, ca == CA_OPENSSH ? "" : "\"}]");
}

static inline void rig_send(struct rig *rig, struct frame_writer *w)
{
	size_t length = frame_end(w);

	assert_int_not_equal(length, 0);
	assert_int_equal(channel_send(rig->broker, w->out, length), 0);
}

/* Signs the last document, in answer to that id. */
static inline void rig_sign(struct rig *rig, uint32_t id)
{
	static const uint8_t serial[16] = { 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde,
		0xf0, 1, 2, 3, 4, 5, 6, 7, 0xff };
	EVP_PKEY *key =
	    (rig->purpose == PURPOSE_TLS ? rig->tls_key : rig->key)[rig->current];
	size_t serial_length = rig->purpose == PURPOSE_TLS ? 16 : 8;
	uint8_t out[FRAME_HEADER + 256], signature[128];
	struct frame_writer w;

	memcpy(rig->document + rig->last.serial_at, serial, serial_length);
	frame_begin(&w, out, sizeof(out), OP_SIGNED, id);
	frame_put(&w, serial, serial_length);
	frame_put(&w, signature,
	    rig_signature(key, rig->document, rig->document_length, signature));
	rig_send(rig, &w);
}

static inline void rig_answer(struct rig *rig, const struct frame *frame)
{
	uint8_t out[FRAME_HEADER + 8192];
	char record[9216];
	struct frame_writer w;

	if (frame->op == OP_AUTHORITIES) {
		rig_authority(
		    rig, (enum ca)frame_number(frame, 0), record, sizeof(record));
		frame_begin(&w, out, sizeof(out), OP_AUTHORITIES_ARE, frame->id);
		frame_put_text(&w, record);
		rig_send(rig, &w);
		return;
	}
	if (frame->op == OP_ALERTS) {
		frame_begin(&w, out, sizeof(out), OP_ALERTS_ARE, frame->id);
		frame_put_text(&w, RIG_ALERTS);
		rig_send(rig, &w);
		return;
	}
	assert_int_equal(frame->op, OP_SIGN);
	rig->signs++;
	rig->purpose = (enum purpose)frame_number(frame, 1);
	rig->document_length = frame_length(frame, 4);
	memcpy(rig->document, frame_bytes(frame, 4), rig->document_length);
	assert_null(document_read((enum document)frame_number(frame, 2), rig->document,
	    rig->document_length, &rig->last));
	if (rig->refuse_from > 0 && rig->signs >= rig->refuse_from)
		rig->mode = RIG_REFUSES;
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

	rig->ca_lifetime = INT64_C(10) * 365 * 86400;
	rig->worker = calloc(1, sizeof(*rig->worker));
	rig->policy_storage = malloc(room);
	for (i = 0; i < RIG_KEYS; i++) {
		rig->key[i] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
		rig->tls_key[i] = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	}
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
	for (i = 0; i < RIG_KEYS; i++) {
		EVP_PKEY_free(rig->key[i]);
		EVP_PKEY_free(rig->tls_key[i]);
	}
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

static inline const char *rig_message(const cJSON *answer)
{
	const char *text = cJSON_GetStringValue(
	    cJSON_GetObjectItem(cJSON_GetObjectItem(answer, "error"), "message"));

	return text ? text : "(no error)";
}

/* A member of the error's data. */
static inline const char *rig_data(const cJSON *answer, const char *name)
{
	const cJSON *error = cJSON_GetObjectItem(answer, "error");
	const char *text = cJSON_GetStringValue(
	    cJSON_GetObjectItem(cJSON_GetObjectItem(error, "data"), name));

	return text ? text : "(no data)";
}

static inline const cJSON *rig_result(const cJSON *answer)
{
	const cJSON *result = cJSON_GetObjectItem(answer, "result");

	if (!result)
		fail_msg("an error: %s", rig_message(answer));
	return result;
}

static inline const char *rig_text(const cJSON *object, const char *name)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(object, name));

	if (!text)
		fail_msg("no text \"%s\"", name);
	return text;
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
