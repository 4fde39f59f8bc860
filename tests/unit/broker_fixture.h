/*
 * A broker without its process: a state directory of its own, software keys, one worker
 * whose end of the channel the test holds, and the supervisor's end of the control
 * channel.
 */
#ifndef TESTS_UNIT_BROKER_FIXTURE_H
#define TESTS_UNIT_BROKER_FIXTURE_H

#include "broker/broker.h"
#include "broker/ca_keys.h"
#include "broker/clocks.h"
#include "broker/control.h"
#include "ipc/channel.h"
#include "ipc/log.h"
#include "policy/ssh_certificate.h"
#include "policy/x509_certificate.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define FIXTURE_POLICY                                                                   \
	"cluster example.com\n"                                                          \
	"deny user ssh-user principals root\n"                                           \
	"permit user ssh-user ttl 1h key-id * principals * extensions permit-pty\n"      \
	"permit openssh ssh-user ttl 1h key-id * principals * rate 2/m\n"                \
	"permit host ssh-host ttl 30d key-id * principals *.example.com\n"               \
	"permit user x509-user ttl 1h subject alice roles access\n"                      \
	"permit host x509-host ttl 30d subject *.example.com dns *.example.com\n"        \
	"ceiling user 5000/s\n"

struct fixture {
	struct broker *broker;
	struct channel *channel;
	int worker;	/* the worker's end */
	int supervisor; /* the supervisor's end of the control channel */
	char directory[64];
	uint8_t received[FRAME_MAX + 1];
	struct frame answer;
	struct gate gate; /* the worker's, for what the broker sends */
};

static inline int fixture_policy(const char *text)
{
	int fd = memfd_create("policy", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	return fd;
}

static inline void fixture_path(const struct fixture *f, const char *name, char out[128])
{
	snprintf(out, 128, "%s/%s", f->directory, name);
}

static inline void fixture_segment(struct fixture *f, uint32_t number)
{
	struct failure failure = { "" };
	char path[128], name[48];
	bool torn;
	int fd;

	snprintf(name, sizeof name, "audit/audit-%06u.jsonl", number);
	fixture_path(f, name, path);
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	if (!audit_log_segment(&f->broker->log, fd, number, &torn, &failure))
		fail_msg("%s", failure.text);
}

static inline void fixture_directories(struct fixture *f)
{
	char path[128];

	snprintf(f->directory, sizeof f->directory, "/tmp/privyseal-unit-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	fixture_path(f, "keys", path);
	assert_int_equal(mkdir(path, 0700), 0);
	fixture_path(f, "audit", path);
	assert_int_equal(mkdir(path, 0700), 0);
}

static inline void fixture_open(struct fixture *f, struct failure *failure)
{
	struct broker *b = f->broker;
	unsigned i;

	for (i = 0; i < ADMINS_MAX; i++)
		b->admins[i].fd = -1;
	b->settings.policy_name = "policy.conf";
	assert_true(signings_start(&b->signings));
	assert_true(crypto_start(&b->crypto, failure));
	assert_true(audit_log_new(&b->log, &b->crypto, failure));
	assert_true(directory_open(
	    &b->state_directory, AT_FDCWD, f->directory, "state", failure));
	assert_true(directory_open(
	    &b->audit_directory, b->state_directory.fd, "audit", "audit", failure));
	assert_true(directory_open(
	    &b->keystore.keys, b->state_directory.fd, "keys", "keys", failure));
	assert_true(audit_log_find(&b->log, &b->audit_directory, failure));
	b->keystore.methods = &keystore_software;
	b->keystore.crypto = &b->crypto;
	b->keystore.log = &b->log;
}

static inline void fixture_worker(struct fixture *f)
{
	int ends[2], status = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_int_equal(channel_pair(ends), 0);
	f->worker = ends[1];
	f->broker->serving = true;
	f->broker->last_worker = 7;
	f->channel =
	    channel_new(7, f->broker->generation, &f->broker->services[0], "auth");
	assert_non_null(f->channel);
	channel_started(f->channel, ends[0], status, 77);
	f->channel->gate.phase = f->gate.phase = PHASE_SERVE;
	f->broker->channels[0] = f->channel;
	f->broker->channels_used = 1;
}

/* The control channel is where the broker expects it, and nothing of the fixture's own
 * lies in the other places that descriptors of the supervisor have. */
static inline void fixture_keep_low(int control)
{
	int fd, filler = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_int_equal(dup2(control, DESCRIPTOR_CONTROL), DESCRIPTOR_CONTROL);
	for (fd = DESCRIPTOR_ADMIN; fd <= DESCRIPTOR_ENVIRONMENT; fd++)
		assert_int_equal(dup2(filler, fd), fd);
	if (filler > DESCRIPTOR_ENVIRONMENT)
		close(filler);
}

static inline void fixture_made(struct broker *broker, const struct failure *failure)
{
	(void)broker;
	if (failure)
		fail_msg("%s", failure->text);
}

static inline struct fixture *fixture_new(const char *policy, enum suite suite)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct failure failure = { "" };
	int ends[2], fd;

	assert_non_null(f);
	log_level_set(LOG_LEVEL_ERROR);
	f->broker = calloc(1, sizeof *f->broker);
	assert_non_null(f->broker);
	assert_int_equal(channel_pair(ends), 0);
	f->supervisor = fcntl(ends[0], F_DUPFD_CLOEXEC, 20);
	fixture_keep_low(ends[1]);
	fixture_directories(f);
	fixture_open(f, &failure);
	fd = fixture_policy(policy);
	f->broker->generation =
	    generation_load(fd, "policy.conf", 1, NULL, &f->broker->crypto, &failure);
	if (!f->broker->generation)
		fail_msg("%s", failure.text);
	close(fd);
	f->broker->log.policy = f->broker->generation->rules->sha256;
	assert_true(workers_take_sockets(f->broker, f->broker->generation, &failure));
	state_new(&f->broker->state, "example.com");
	fixture_segment(f, 1);
	ca_making_start(f->broker, suite, fixture_made);
	assert_true(ca_making_complete(f->broker));
	fixture_worker(f);
	return f;
}

static inline void fixture_free(struct fixture *f)
{
	char command[128];

	if (f->broker->channels[0])
		channel_free(f->broker->channels[0]);
	close(f->worker);
	close(f->supervisor);
	close(DESCRIPTOR_CONTROL);
	ca_keys_free(f->broker);
	directory_close(&f->broker->state_directory);
	directory_close(&f->broker->audit_directory);
	directory_close(&f->broker->keystore.keys);
	audit_log_free(&f->broker->log);
	generation_release(f->broker->generation);
	crypto_stop(&f->broker->crypto);
	signings_stop(&f->broker->signings);
	snprintf(command, sizeof command, "rm -rf %s", f->directory);
	assert_int_equal(system(command), 0);
	free(f->broker);
	free(f);
}

/* What the loop does in a turn, for the one worker. */
static inline void fixture_turn(struct fixture *f)
{
	channel_turn(f->broker, f->channel, BATCH_MAX);
	sign_batch(f->broker);
	channel_flush(f->broker, f->channel);
}

static inline bool fixture_receive(struct fixture *f)
{
	size_t length = 0;

	if (channel_receive(f->worker, f->received, &length) != CHANNEL_FRAME)
		return false;
	assert_int_equal(
	    frame_read(f->received, length, PARTY_BROKER, 0, &f->gate, &f->answer),
	    FRAME_GOOD);
	return true;
}

/* A good user certificate for alice: ten minutes, an Ed25519 subject. */
struct fixture_document {
	struct facts facts;
	uint8_t bytes[4096];
	size_t length;
};

static inline void fixture_document(
    struct fixture *f, struct fixture_document *out, enum ca ca, const char *principal)
{
	static const uint8_t nonce[SSH_NONCE_LENGTH] = { 1 };
	static const uint8_t subject[32] = { 0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a,
		0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72,
		0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51,
		0x1a }; /* RFC 8032 7.1 */
	static uint8_t packed[64];
	const struct key *key = ca_key(f->broker, ca, PURPOSE_SSH);

	packed[3] = (uint8_t)strlen(principal);
	memcpy(packed + 4, principal, strlen(principal));
	out->facts = (struct facts){ .subject_kind = KEY_ED25519,
		.subject_key = subject,
		.subject_key_length = sizeof subject,
		.nonce = nonce,
		.nonce_length = sizeof nonce,
		.ssh_type = ca == CA_HOST ? SSH_CERTIFICATE_HOST : SSH_CERTIFICATE_USER,
		.key_id = (const uint8_t *)"alice-1",
		.key_id_length = 7,
		.principals = packed,
		.principals_length = 4 + strlen(principal),
		.principals_count = 1,
		.valid_after = (uint64_t)clock_wall_seconds() - 60,
		.valid_before = (uint64_t)clock_wall_seconds() + 600,
		.signature_key = key->blob,
		.signature_key_length = key->blob_length };
	out->length = ssh_certificate_write(&out->facts, out->bytes, sizeof out->bytes);
	assert_true(out->length > 0);
}

/* The same as X.509: alice's, or of a host by this name. Its lists are static. */
static inline void fixture_certificate(
    struct fixture *f, struct fixture_document *out, enum ca ca, const char *name)
{
	static const uint8_t unstamped[X509_SERIAL_STAMPED];
	static uint8_t subject[512], alt_names[512];
	const struct facts *issuer = &f->broker->authorities[ca].certificate;
	const struct slice value = { (const uint8_t *)name, strlen(name) };
	struct der_sink to = der_sink(subject, sizeof subject);
	struct der_sink names = der_sink(alt_names, sizeof alt_names);

	if (ca == CA_USER)
		x509_put_attribute(
		    &to, &(struct x509_attribute){ .kind = X509_ORGANIZATION,
			     .value = { (const uint8_t *)"access", 6 } });
	else
		x509_put_alt_name(&names, &(struct x509_alt_name){ X509_ALT_DNS, value });
	x509_put_attribute(
	    &to, &(struct x509_attribute){ .kind = X509_COMMON_NAME, .value = value });
	fixture_document(f, out, ca, name);
	out->facts.x509_signature = issuer->x509_signature;
	out->facts.x509_serial = unstamped;
	out->facts.x509_serial_length = sizeof unstamped;
	X509_SET(&out->facts, x509_issuer, FACTS_SLICE(issuer, x509_subject));
	X509_SET(&out->facts, x509_subject, ((struct slice){ subject, to.used }));
	X509_SET(&out->facts, x509_alt_names, ((struct slice){ alt_names, names.used }));
	X509_SET(
	    &out->facts, x509_authority_key_id, FACTS_SLICE(issuer, x509_subject_key_id));
	out->facts.x509_not_before = clock_wall_seconds() - 60;
	out->facts.x509_not_after = clock_wall_seconds() + 600;
	out->facts.x509_key_usage = X509_DIGITAL_SIGNATURE | X509_KEY_ENCIPHERMENT;
	out->facts.x509_extended_key_usage = X509_SERVER_AUTH | X509_CLIENT_AUTH;
	out->length = x509_certificate_write(&out->facts, out->bytes, sizeof out->bytes);
	assert_true(out->length > 0);
}

static inline void fixture_ask(struct fixture *f, uint32_t id, enum ca ca,
    enum document document, const struct fixture_document *d)
{
	uint8_t frame[8192];
	struct frame_writer w;

	frame_begin(&w, frame, sizeof frame, OP_SIGN, id);
	frame_put_u8(&w, ca);
	frame_put_u8(
	    &w, document_fits(document, ca, PURPOSE_TLS) ? PURPOSE_TLS : PURPOSE_SSH);
	frame_put_u8(&w, document);
	frame_put_text(&w, "request-1");
	frame_put(&w, d->bytes, d->length);
	assert_int_equal(channel_send(f->worker, frame, frame_end(&w)), 0);
}

/* ---- the one that a test has ---- */

static struct fixture *f;

static inline int fixture_begin(void **state)
{
	(void)state;
	f = fixture_new(FIXTURE_POLICY, SUITE_BALANCED_V1);
	return 0;
}

static inline int fixture_begin_legacy(void **state)
{
	(void)state;
	f = fixture_new(FIXTURE_POLICY, SUITE_LEGACY);
	return 0;
}

static inline int fixture_end(void **state)
{
	(void)state;
	fixture_free(f);
	return 0;
}

/* What its record has on disk; what waits for audit_log_commit() it has not. */
static inline const char *fixture_record(void)
{
	static char text[1 << 20];
	char path[128];
	ssize_t n;
	int fd;

	fixture_path(f, "audit/audit-000001.jsonl", path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	n = read(fd, text, sizeof text - 1);
	assert_true(n >= 0);
	close(fd);
	text[n] = '\0';
	return text;
}

static inline size_t count_in_record(const char *what)
{
	const char *at = fixture_record();
	size_t count = 0;

	for (; (at = strstr(at, what)) != NULL; at++)
		count++;
	return count;
}

/* What a worker says of a config that leaves most as it is. */
static inline size_t fixture_config(uint8_t bytes[512], uint32_t id, const char *cluster,
    enum keystore_kind keystore, enum suite suite, unsigned workers, const char *proxy)
{
	struct frame_writer w;

	frame_begin(&w, bytes, 512, OP_CONFIG, id);
	frame_put_text(&w, cluster);
	frame_put_u8(&w, keystore);
	frame_put_text(&w, ""); /* account, region */
	frame_put_text(&w, "");
	frame_put_u8(&w, suite);
	frame_put_u8(&w, (uint8_t)workers);
	frame_put_text(&w, "");	 /* tags */
	frame_put_u32(&w, 1000); /* of AWS KMS: calls a second, connections */
	frame_put_u8(&w, 64);
	frame_put_text(&w, proxy);
	return frame_end(&w);
}

#endif
