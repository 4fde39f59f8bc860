/* What the attacks of hostile_worker.c and hostile_x509.c share. */
#ifndef TESTS_HOSTILE_H
#define TESTS_HOSTILE_H

#include "ipc/frame.h"
#include "policy/facts.h"

struct hostile {
	struct gate gate;
	char attack[64];
	uint8_t frame[FRAME_MAX + 1];
	uint8_t out[FRAME_MAX + 64];
	uint8_t ca_key[2048]; /* the user CA's SSH blob */
	size_t ca_key_length;
	uint8_t host_key[2048];
	size_t host_key_length;
	uint8_t document[OP_DOCUMENT_MAX];
};

extern const uint8_t subject[32]; /* an Ed25519 key of nobody */

void say(const struct hostile *h, const char *what);
bool receive(struct hostile *h, struct frame *frame);
bool ask_authority(struct hostile *h, enum ca ca, struct frame *frame);
/* The base64 behind this member's name, as `\"name\":\"`, where it stands first. */
bool take_member(const struct frame *frame, const char *member, uint8_t *out, size_t room,
    size_t *length);
bool decode_base64(
    const char *text, size_t length, uint8_t *out, size_t room, size_t *got);

/* An SSH certificate that is permitted. */
struct facts honest(const struct hostile *h);
void ask(struct hostile *h, uint32_t id, enum ca ca, enum purpose purpose,
    enum document document, const uint8_t *bytes, size_t length);
void say_answer(struct hostile *h);

/* One of the attacks on X.509 by its name; false when it is none. */
bool x509_attack_named(const char *name);
void attack_x509(struct hostile *h);

#endif
