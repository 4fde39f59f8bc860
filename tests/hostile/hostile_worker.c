/*
 * A worker that somebody else owns. It stands in the real worker's place: started by the
 * real supervisor, in the real sandbox, on the real channel. Its "config" is one line,
 * the name of the attack. What comes of it, it says in its log, `attack NAME: ...`; what
 * the broker made of it stands in the record. story_hostile.py holds both against what
 * must be.
 */
#include "tests/hostile/hostile.h"

#include "confine/confine.h"
#include "ipc/channel.h"
#include "ipc/log.h"
#include "policy/ssh_certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CHANNEL 3
#define CONFIG	4

/* confine_seal() calls this in the place of filters_load() (--wrap at link time): whoever
 * owns a worker before it is sealed can leave its filter out. */
int __real_filters_load(const struct seal *seal, struct confine_error *error);
int __wrap_filters_load(const struct seal *seal, struct confine_error *error);

static bool leave_filter_out;

int __wrap_filters_load(const struct seal *seal, struct confine_error *error)
{
	return leave_filter_out ? 0 : __real_filters_load(seal, error);
}

/* There in the build that has the defence off. */
extern const bool without_seccomp __attribute__((weak));

void say(const struct hostile *h, const char *what)
{
	log_notice("attack %s: %s", h->attack, what);
}

bool receive(struct hostile *h, struct frame *frame)
{
	struct pollfd p = { .fd = CHANNEL, .events = POLLIN };
	size_t length = 0;

	for (;;) {
		if (ppoll(&p, 1, NULL, NULL) < 0 && errno != EINTR)
			return false;
		switch (channel_receive(CHANNEL, h->frame, &length)) {
		case CHANNEL_FRAME:
			return frame_read(h->frame, length, PARTY_BROKER, 0, &h->gate,
				   frame) == FRAME_GOOD;
		case CHANNEL_NOTHING:
			continue;
		case CHANNEL_EMPTY:
		case CHANNEL_CLOSED:
			return false;
		}
	}
}

static void send_raw(const struct hostile *h, const void *bytes, size_t length)
{
	if (write(CHANNEL, bytes, length) < 0)
		log_notice("attack %s: send: %s", h->attack, strerror(errno));
}

/* ---- an honest start, up to where the attack begins ---- */

static void hello(struct hostile *h)
{
	struct frame_writer w;

	frame_begin(&w, h->out, sizeof h->out, OP_SEALED, 1);
	frame_put_u32(&w, 1);
	send_raw(h, h->out, frame_end(&w));
}

static void configure(struct hostile *h)
{
	struct frame_writer w;

	frame_begin(&w, h->out, sizeof h->out, OP_CONFIG, 2);
	frame_put(&w, "example.com", 11);
	frame_put_u8(&w, 0);
	frame_put(&w, NULL, 0);
	frame_put(&w, NULL, 0);
	frame_put_u8(&w, 0);
	frame_put_u8(&w, 1);
	frame_put(&w, NULL, 0);
	frame_put_u32(&w, 1000);
	frame_put_u8(&w, 64);
	frame_put(&w, NULL, 0);
	send_raw(h, h->out, frame_end(&w));
}

bool decode_base64(
    const char *text, size_t length, uint8_t *out, size_t room, size_t *got)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t bits = 0;
	unsigned have = 0;
	const char *digit;
	size_t i, n = 0;

	for (i = 0; i < length && text[i] != '='; i++) {
		digit = memchr(digits, text[i], 64);
		if (!digit)
			return false;
		bits = (bits << 6 | (uint32_t)(digit - digits)) & 0xffffff;
		have += 6;
		if (have >= 8) {
			if (n == room)
				return false;
			have -= 8;
			out[n++] = (uint8_t)(bits >> have & 0xff);
		}
	}
	*got = n;
	return true;
}

bool ask_authority(struct hostile *h, enum ca ca, struct frame *frame)
{
	struct frame_writer w;

	frame_begin(&w, h->out, sizeof h->out, OP_AUTHORITIES, 3);
	frame_put_u8(&w, ca);
	send_raw(h, h->out, frame_end(&w));
	return receive(h, frame) && frame->op == OP_AUTHORITIES_ARE;
}

bool take_member(const struct frame *frame, const char *member, uint8_t *out, size_t room,
    size_t *length)
{
	const char *text = (const char *)frame_bytes(frame, 0), *end,
		   *at = memmem(text, frame_length(frame, 0), member, strlen(member));

	if (!at)
		return false;
	at += strlen(member);
	end = memchr(at, '"', frame_length(frame, 0) - (size_t)(at - text));
	return end && decode_base64(at, (size_t)(end - at), out, room, length);
}

/* The CA's key blob: base64 within base64 within the authority's JSON. */
static bool fetch_key(struct hostile *h, enum ca ca, uint8_t *key, size_t *key_length)
{
	struct frame frame;
	uint8_t line[4096];
	const char *blob, *blank;
	size_t length;

	if (!ask_authority(h, ca, &frame) ||
	    !take_member(&frame, "\"public_key\":\"", line, sizeof line, &length))
		return false;
	blob = memchr(line, ' ', length);
	if (!blob)
		return false;
	blob++;
	length -= (size_t)(blob - (const char *)line);
	while (length > 0 && blob[length - 1] == '\n')
		length--;
	blank = memchr(blob, ' ', length);
	if (blank)
		length = (size_t)(blank - blob);
	return decode_base64(blob, length, key, 2048, key_length);
}

static bool start(struct hostile *h)
{
	struct frame frame;

	if (!receive(h, &frame) || frame.op != OP_SEALED_SEEN)
		return false;
	h->gate.phase = PHASE_SEALED;
	return true;
}

static bool begin_service(struct hostile *h)
{
	struct frame frame;

	configure(h);
	h->gate.phase = PHASE_CONFIG;
	if (!receive(h, &frame) || frame.op != OP_CONFIG_TAKEN)
		return false;
	h->gate.phase = PHASE_SERVE;
	return fetch_key(h, CA_USER, h->ca_key, &h->ca_key_length) &&
	       fetch_key(h, CA_HOST, h->host_key, &h->host_key_length);
}

/* ---- documents that must not be signed ---- */

static const uint8_t nonce[SSH_NONCE_LENGTH];
const uint8_t subject[32] = { 0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b,
	0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23,
	0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a }; /* RFC 8032 7.1, test 1 */
static const uint8_t deploy[] = "\0\0\0\6deploy";
static const uint8_t root[] = "\0\0\0\4root";
static const uint8_t backup[] = "\0\0\0\6backup";
static const uint8_t any[] = "\0\0\0\1*";
static const uint8_t host_name[] = "\0\0\0\11localhost";

struct facts honest(const struct hostile *h)
{
	uint64_t now = (uint64_t)time(NULL);

	return (struct facts){ .subject_kind = KEY_ED25519,
		.subject_key = subject,
		.subject_key_length = sizeof subject,
		.nonce = nonce,
		.nonce_length = sizeof nonce,
		.ssh_type = SSH_CERTIFICATE_USER,
		.key_id = (const uint8_t *)"alice",
		.key_id_length = 5,
		.principals = deploy,
		.principals_length = sizeof deploy - 1,
		.principals_count = 1,
		.valid_after = now - 60,
		.valid_before = now + 600,
		.signature_key = h->ca_key,
		.signature_key_length = h->ca_key_length };
}

void ask(struct hostile *h, uint32_t id, enum ca ca, enum purpose purpose,
    enum document document, const uint8_t *bytes, size_t length)
{
	struct frame_writer w;

	frame_begin(&w, h->out, sizeof h->out, OP_SIGN, id);
	frame_put_u8(&w, ca);
	frame_put_u8(&w, purpose);
	frame_put_u8(&w, document);
	frame_put(&w, "7", 1);
	frame_put(&w, bytes, length);
	send_raw(h, h->out, frame_end(&w));
}

void say_answer(struct hostile *h)
{
	struct frame frame;
	char text[256];

	if (!receive(h, &frame)) {
		say(h, "no answer");
		return;
	}
	switch ((int)frame.op) {
	case OP_SIGNED:
		say(h, "SIGNED");
		return;
	case OP_REFUSED:
		snprintf(text, sizeof text, "refused %s",
		    fact_name((enum fact)frame_number(&frame, 0)));
		say(h, text);
		return;
	case OP_UNAVAILABLE:
		snprintf(text, sizeof text, "unavailable %u",
		    (unsigned)frame_number(&frame, 0));
		say(h, text);
		return;
	default:
		say(h, op_name(frame.op));
	}
}

static void ask_facts(
    struct hostile *h, enum ca ca, enum document document, const struct facts *facts)
{
	size_t length = ssh_certificate_write(facts, h->document, sizeof h->document);

	if (length == 0) {
		say(h, "the writer refused");
		return;
	}
	ask(h, 10, ca, PURPOSE_SSH, document, h->document, length);
	say_answer(h);
}

static void attack_other_ca(struct hostile *h)
{
	struct facts facts = honest(h);

	ask_facts(h, CA_HOST, DOCUMENT_SSH_USER, &facts);
}

static void attack_host_certificate_of_user_ca(struct hostile *h)
{
	struct facts facts = honest(h);

	facts.ssh_type = SSH_CERTIFICATE_HOST;
	ask_facts(h, CA_USER, DOCUMENT_SSH_USER, &facts);
}

static void attack_user_certificate_of_host_ca(struct hostile *h)
{
	struct facts facts = honest(h);

	facts.principals = host_name;
	facts.principals_length = sizeof host_name - 1;
	facts.signature_key = h->host_key;
	facts.signature_key_length = h->host_key_length;
	ask_facts(h, CA_HOST, DOCUMENT_SSH_HOST, &facts);
}

static void attack_forbidden_principal(struct hostile *h)
{
	struct facts facts = honest(h);

	facts.principals = root;
	facts.principals_length = sizeof root - 1;
	ask_facts(h, CA_USER, DOCUMENT_SSH_USER, &facts);
}

static void attack_wildcard_principal(struct hostile *h)
{
	struct facts facts = honest(h);

	facts.principals = any;
	facts.principals_length = sizeof any - 1;
	ask_facts(h, CA_USER, DOCUMENT_SSH_USER, &facts);
}

static void attack_post_dated(struct hostile *h)
{
	struct facts facts = honest(h);

	facts.valid_after += 86400;
	facts.valid_before += 86400;
	ask_facts(h, CA_USER, DOCUMENT_SSH_USER, &facts);
}

static void attack_endless(struct hostile *h)
{
	struct facts facts = honest(h);

	facts.valid_before = SSH_FOREVER;
	ask_facts(h, CA_USER, DOCUMENT_SSH_USER, &facts);
}

static void attack_too_long(struct hostile *h)
{
	struct facts facts = honest(h);

	facts.valid_before = (uint64_t)time(NULL) + 31 * 3600;
	ask_facts(h, CA_USER, DOCUMENT_SSH_USER, &facts);
}

static void attack_own_serial(struct hostile *h)
{
	struct facts facts = honest(h);

	facts.serial = 42;
	ask_facts(h, CA_USER, DOCUMENT_SSH_USER, &facts);
}

static void attack_certify_a_ca(struct hostile *h)
{
	struct facts facts = honest(h), ca;

	if (!ssh_key_read(h->host_key, h->host_key_length, &ca)) {
		say(h, "the host CA's key is not readable");
		return;
	}
	facts.subject_kind = ca.subject_kind;
	facts.subject_key = ca.subject_key;
	facts.subject_key_length = ca.subject_key_length;
	facts.subject_exponent = ca.subject_exponent;
	facts.subject_exponent_length = ca.subject_exponent_length;
	ask_facts(h, CA_USER, DOCUMENT_SSH_USER, &facts);
}

static void attack_foreign_issuer(struct hostile *h)
{
	struct facts facts = honest(h);

	facts.signature_key = h->host_key;
	facts.signature_key_length = h->host_key_length;
	ask_facts(h, CA_USER, DOCUMENT_SSH_USER, &facts);
}

static void attack_trailing_byte(struct hostile *h)
{
	struct facts facts = honest(h);
	size_t length =
	    ssh_certificate_write(&facts, h->document, sizeof h->document - 1);

	h->document[length] = 0;
	ask(h, 10, CA_USER, PURPOSE_SSH, DOCUMENT_SSH_USER, h->document, length + 1);
	say_answer(h);
}

static void attack_digest(struct hostile *h)
{
	static const uint8_t digest[32] = { 1 };

	ask(h, 10, CA_USER, PURPOSE_SSH, DOCUMENT_SSH_USER, digest, sizeof digest);
	say_answer(h);
}

static void attack_no_such_ca(struct hostile *h)
{
	struct facts facts = honest(h);
	size_t length = ssh_certificate_write(&facts, h->document, sizeof h->document);

	ask(h, 10, (enum ca)200, PURPOSE_SSH, DOCUMENT_SSH_USER, h->document, length);
	say_answer(h);
}

static void attack_same_id_twice(struct hostile *h)
{
	struct facts facts = honest(h);
	size_t length = ssh_certificate_write(&facts, h->document, sizeof h->document);
	unsigned i;

	for (i = 0; i < 8; i++)
		ask(h, 10, CA_USER, PURPOSE_SSH, DOCUMENT_SSH_USER, h->document, length);
	for (i = 0; i < 8; i++)
		say_answer(h);
}

static void attack_never_read(struct hostile *h)
{
	struct facts facts = honest(h);
	size_t length = ssh_certificate_write(&facts, h->document, sizeof h->document);
	struct pollfd p = { .fd = CHANNEL, .events = POLLOUT };
	struct timespec second = { .tv_sec = 1 };
	unsigned i;

	for (i = 0; i < 100000; i++) {
		if (ppoll(&p, 1, &second, NULL) == 0)
			break;
		ask(h, 100 + i, CA_USER, PURPOSE_SSH, DOCUMENT_SSH_USER, h->document,
		    length);
	}
	say(h, i < 100000 ? "held back" : "NEVER HELD BACK");
}

/* As never-read, of answers that are made when they are sent. */
static void fill_with(struct hostile *h, enum op op)
{
	struct pollfd p = { .fd = CHANNEL, .events = POLLOUT };
	struct timespec second = { .tv_sec = 1 };
	struct frame_writer w;
	unsigned i;

	for (i = 0; i < 100000 && ppoll(&p, 1, &second, NULL) != 0; i++) {
		frame_begin(&w, h->out, sizeof h->out, op, 100 + i);
		if (op == OP_AUTHORITIES)
			frame_put_u8(&w, CA_USER);
		send_raw(h, h->out, frame_end(&w));
	}
	say(h, i < 100000 ? "held back" : "NEVER HELD BACK");
}

static void attack_never_read_authorities(struct hostile *h)
{
	fill_with(h, OP_AUTHORITIES);
}

static void attack_never_read_alerts(struct hostile *h)
{
	fill_with(h, OP_ALERTS);
}

/* More than a channel may have under way. The rest waits in the channel. */
static void attack_more_in_flight(struct hostile *h)
{
	struct facts facts = honest(h);
	size_t length = ssh_certificate_write(&facts, h->document, sizeof h->document);
	unsigned asked = 0, answered = 0, signatures = 0;
	struct frame frame;
	char text[64];

	while (answered < 3 * OP_IN_FLIGHT_MAX) {
		struct pollfd p = { .fd = CHANNEL, .events = POLLIN };

		if (asked < 3 * OP_IN_FLIGHT_MAX)
			p.events |= POLLOUT;
		ppoll(&p, 1, NULL, NULL);
		if (p.revents & POLLOUT)
			ask(h, 100 + asked++, CA_USER, PURPOSE_SSH, DOCUMENT_SSH_USER,
			    h->document, length);
		else if (receive(h, &frame)) {
			answered++;
			signatures += frame.op == OP_SIGNED;
		} else
			break;
	}
	snprintf(text, sizeof text, "%u answered, %u signed", answered, signatures);
	say(h, text);
}

/* An id that was answered is free again; nothing may be mixed up by that. */
static void attack_id_again(struct hostile *h)
{
	struct facts facts = honest(h);
	size_t length = ssh_certificate_write(&facts, h->document, sizeof h->document);
	struct frame frame;

	ask(h, 10, CA_USER, PURPOSE_SSH, DOCUMENT_SSH_USER, h->document, length);
	if (!receive(h, &frame) || frame.op != OP_SIGNED)
		say(h, "NOT SIGNED");
	facts.principals = root;
	facts.principals_length = sizeof root - 1;
	ask_facts(h, CA_USER, DOCUMENT_SSH_USER, &facts);
}

/* Permits that nobody waits for: each use is on the record, and released to nobody. */
static void attack_leaves_in_the_middle(struct hostile *h)
{
	struct facts facts = honest(h);
	size_t length = ssh_certificate_write(&facts, h->document, sizeof h->document);
	unsigned i;

	for (i = 0; i < 32; i++)
		ask(h, 100 + i, CA_USER, PURPOSE_SSH, DOCUMENT_SSH_USER, h->document,
		    length);
	say(h, "asked, and closes its channel");
	close(CHANNEL);
}

static void ask_for(struct hostile *h, const void *principals, size_t length)
{
	struct facts facts = honest(h);

	facts.principals = principals;
	facts.principals_length = length;
	ask_facts(h, CA_USER, DOCUMENT_SSH_USER, &facts);
}

/* Every socket's worker is ours. The one of `auth` asks for what is permitted there; that
 * of `other` asks for the same until its breaker trips. Which it is, it does not know but
 * by the answers. */
static void attack_breaker_of_others(struct hostile *h)
{
	const struct timespec moment = { .tv_nsec = 20000000 };
	unsigned i;

	for (i = 0; i < 200; i++) {
		ask_for(h, deploy, sizeof deploy - 1);
		ppoll(NULL, 0, &moment, NULL);
	}
	say(h, "asked for two seconds and more");
}

/* What `other` may not, it asks until it is told which socket would be right. */
static void attack_client_of_others(struct hostile *h)
{
	ask_for(h, deploy, sizeof deploy - 1);
	ask_for(h, backup, sizeof backup - 1);
	say(h, "asked for both");
}

static void attack_many_refusals(struct hostile *h)
{
	struct facts facts = honest(h);
	unsigned i;

	facts.principals = root;
	facts.principals_length = sizeof root - 1;
	for (i = 0; i < 40; i++)
		ask_facts(h, CA_USER, DOCUMENT_SSH_USER, &facts);
	say(h, "asked forty times");
}

/* Its successor must not begin with thirty refusals of its own. */
static void attack_refusals_by_dying(struct hostile *h)
{
	struct facts facts = honest(h);
	unsigned i;

	facts.principals = root;
	facts.principals_length = sizeof root - 1;
	for (i = 0; i < 20; i++)
		ask_facts(h, CA_USER, DOCUMENT_SSH_USER, &facts);
	say(h, "asked twenty times, and dies");
	_exit(1);
}

/* The broker has no idle moment; its record must reach the disk all the same. */
static void attack_never_pauses(struct hostile *h)
{
	struct facts facts = honest(h);
	struct frame frame;
	uint32_t id = 100;
	unsigned i;
	size_t length;
	time_t end;

	facts.valid_after += 86400;
	facts.valid_before += 86400;
	length = ssh_certificate_write(&facts, h->document, sizeof h->document);
	for (end = time(NULL) + 8; time(NULL) < end;) {
		for (i = 0; i < 32; i++)
			ask(h, id++, CA_USER, PURPOSE_SSH, DOCUMENT_SSH_USER, h->document,
			    length);
		for (i = 0; i < 32; i++)
			if (!receive(h, &frame) || frame.op != OP_REFUSED)
				return;
	}
	say(h, "paused");
}

/* ---- frames that must cost the channel ---- */

static void attack_admin_op(struct hostile *h)
{
	struct frame_writer w;

	frame_begin(&w, h->out, sizeof h->out, OP_ADMIN_STATUS, 10);
	send_raw(h, h->out, frame_end(&w));
	say_answer(h);
}

static void attack_supervisor_op(struct hostile *h)
{
	struct frame_writer w;

	frame_begin(&w, h->out, sizeof h->out, OP_STOP, 10);
	send_raw(h, h->out, frame_end(&w));
	say_answer(h);
}

static void attack_empty_frame(struct hostile *h)
{
	send_raw(h, "", 0);
	say_answer(h);
}

static void attack_truncated_frame(struct hostile *h)
{
	send_raw(h, "\0\4", 2);
	say_answer(h);
}

static void attack_oversized_frame(struct hostile *h)
{
	memset(h->out, 0, sizeof h->out);
	h->out[1] = OP_SIGN;
	send_raw(h, h->out, FRAME_MAX + 1);
	say_answer(h);
}

static void attack_unknown_op(struct hostile *h)
{
	static const uint8_t frame[FRAME_HEADER] = { 0xff, 0xff };

	send_raw(h, frame, sizeof frame);
	say_answer(h);
}

static void attack_long_field(struct hostile *h)
{
	static const uint8_t frame[] = { 0, OP_AUTHORITIES, 0, 0, 0, 0, 0, 1, 0, 0, 0, 5,
		0xff, 0xff, 0xff, 0xff, 0 };

	send_raw(h, frame, sizeof frame);
	say_answer(h);
}

static void attack_second_config(struct hostile *h)
{
	configure(h);
	say_answer(h);
}

static void attack_out_of_phase(struct hostile *h) /* before its config was taken */
{
	attack_forbidden_principal(h);
}

/* ---- system calls ---- */

static void say_errno(struct hostile *h, long result)
{
	char text[96];

	if (result >= 0)
		snprintf(text, sizeof text, "PERMITTED");
	else
		snprintf(text, sizeof text, "errno %d", errno);
	say(h, text);
}

static void attack_open(struct hostile *h)
{
	say_errno(h, syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY, 0));
}

static void attack_socket(struct hostile *h)
{
	say_errno(h, syscall(SYS_socket, AF_INET, SOCK_STREAM, 0));
}

static void attack_exec(struct hostile *h)
{
	static const char *const none[] = { NULL };

	say_errno(h, syscall(SYS_execve, "/bin/true", none, none));
}

static void attack_ptrace(struct hostile *h)
{
	say_errno(h, syscall(SYS_ptrace, PTRACE_SEIZE, 1, 0, 0));
}

static void attack_signal(struct hostile *h)
{
	say_errno(h, syscall(SYS_kill, -1, SIGCONT));
}

static void attack_fork(struct hostile *h)
{
	say_errno(h, syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
}

static void attack_executable_memory(struct hostile *h)
{
	say_errno(h, syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

/* The next two are refused by a worker's own filter alone: the supervisor's, which it
 * inherits, has them. */
static void attack_memory_file(struct hostile *h)
{
	say_errno(h, syscall(SYS_memfd_create, "hostile", 0));
}

static void attack_mount(struct hostile *h)
{
	say_errno(h, syscall(SYS_mount, "none", "/", "tmpfs", 0, ""));
}

static void attack_send_descriptor(struct hostile *h)
{
	int one = CONFIG;

	hello(h);
	say_errno(h, channel_send_descriptors(CHANNEL, h->out, FRAME_HEADER, &one, 1));
}

/* ---- the table ---- */

enum stage {
	AT_ONCE,       /* sealed, before a word with the broker */
	UNSEALED,      /* not even sealed */
	BEFORE_CONFIG, /* sealed and seen */
	SERVING,
	NO_FILTER /* sealed, but for its own filter */
};

static const struct {
	const char *name;
	enum stage stage;
	void (*act)(struct hostile *);
} attacks[] = {
	{ "open", AT_ONCE, attack_open },
	{ "socket", AT_ONCE, attack_socket },
	{ "exec", AT_ONCE, attack_exec },
	{ "ptrace", AT_ONCE, attack_ptrace },
	{ "signal", AT_ONCE, attack_signal },
	{ "fork", AT_ONCE, attack_fork },
	{ "executable-memory", AT_ONCE, attack_executable_memory },
	{ "send-descriptor", AT_ONCE, attack_send_descriptor },
	{ "memory-file", AT_ONCE, attack_memory_file },
	{ "mount", AT_ONCE, attack_mount },
	{ "no-own-filter", NO_FILTER, attack_forbidden_principal },
	{ "unsealed", UNSEALED, attack_forbidden_principal },
	{ "out-of-phase", BEFORE_CONFIG, attack_out_of_phase },
	{ "second-config", SERVING, attack_second_config },
	{ "admin-op", SERVING, attack_admin_op },
	{ "supervisor-op", SERVING, attack_supervisor_op },
	{ "empty-frame", SERVING, attack_empty_frame },
	{ "truncated-frame", SERVING, attack_truncated_frame },
	{ "oversized-frame", SERVING, attack_oversized_frame },
	{ "unknown-op", SERVING, attack_unknown_op },
	{ "long-field", SERVING, attack_long_field },
	{ "no-such-ca", SERVING, attack_no_such_ca },
	{ "same-id-twice", SERVING, attack_same_id_twice },
	{ "never-read", SERVING, attack_never_read },
	{ "never-read-authorities", SERVING, attack_never_read_authorities },
	{ "never-read-alerts", SERVING, attack_never_read_alerts },
	{ "more-in-flight", SERVING, attack_more_in_flight },
	{ "id-again", SERVING, attack_id_again },
	{ "leaves-in-the-middle", SERVING, attack_leaves_in_the_middle },
	{ "breaker-of-others", SERVING, attack_breaker_of_others },
	{ "client-of-others", SERVING, attack_client_of_others },
	{ "many-refusals", SERVING, attack_many_refusals },
	{ "refusals-by-dying", SERVING, attack_refusals_by_dying },
	{ "never-pauses", SERVING, attack_never_pauses },
	{ "other-ca", SERVING, attack_other_ca },
	{ "host-certificate-of-user-ca", SERVING, attack_host_certificate_of_user_ca },
	{ "user-certificate-of-host-ca", SERVING, attack_user_certificate_of_host_ca },
	{ "forbidden-principal", SERVING, attack_forbidden_principal },
	{ "wildcard-principal", SERVING, attack_wildcard_principal },
	{ "post-dated", SERVING, attack_post_dated },
	{ "endless", SERVING, attack_endless },
	{ "too-long", SERVING, attack_too_long },
	{ "own-serial", SERVING, attack_own_serial },
	{ "certify-a-ca", SERVING, attack_certify_a_ca },
	{ "foreign-issuer", SERVING, attack_foreign_issuer },
	{ "trailing-byte", SERVING, attack_trailing_byte },
	{ "digest", SERVING, attack_digest },
	{ "x509", SERVING, attack_x509 },
};

#define ATTACKS (sizeof attacks / sizeof attacks[0])

static long number_flag(int argc, char **argv, const char *name)
{
	int i;

	for (i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return strtol(argv[i + 1], NULL, 10);
	return 65534;
}

static size_t find_attack(const char *name)
{
	size_t i;

	for (i = 0; i < ATTACKS; i++)
		if (strcmp(attacks[i].name, name) == 0 ||
		    (attacks[i].act == attack_x509 && x509_attack_named(name)))
			break;
	return i;
}

static void perform(struct hostile *h, size_t which)
{
	if (attacks[which].stage != AT_ONCE) {
		hello(h);
		if (!start(h)) {
			say(h, "not let in");
			return;
		}
	}
	if (attacks[which].stage != AT_ONCE && attacks[which].stage != BEFORE_CONFIG) {
		if (!begin_service(h)) {
			say(h, "no service");
			return;
		}
	}
	attacks[which].act(h);
}

int main(int argc, char **argv)
{
	static struct hostile h;
	struct seal seal = { .role = ROLE_WORKER,
		.uid = (uid_t)number_flag(argc, argv, "--uid"),
		.gid = (gid_t)number_flag(argc, argv, "--gid"),
		.state_directory = -1,
		.control = -1 };
	struct confine_error error;
	struct timespec pause = { .tv_sec = 3600 };
	ssize_t n;
	size_t i;

	if (argc > 1 && strncmp(argv[1], "--probe=", 8) == 0) {
		if (confine_early() != 0 || confine_seal(&seal, &error) != 0)
			return 1;
		confine_twin_act(argv[1] + 8);
	}
	/* Hostile already: it reads its orders before any seal. */
	n = read(CONFIG, h.attack, sizeof h.attack - 1);
	if (n <= 0)
		return 1;
	h.attack[strcspn(h.attack, "\n")] = '\0';
	log_start_worker(LOG_LEVEL_INFO);
	i = find_attack(h.attack);
	if (i == ATTACKS) {
		log_error("no such attack: %s", h.attack);
		return 78;
	}
	if (confine_early() != 0)
		return 1;
	leave_filter_out = attacks[i].stage == NO_FILTER || &without_seccomp != NULL;
	if (attacks[i].stage != UNSEALED && confine_seal(&seal, &error) != 0) {
		log_error("%s", error.text);
		return 1;
	}
	perform(&h, i);
	ppoll(NULL, 0, &pause, NULL); /* until the broker or the supervisor ends it */
	return 1;
}
