/*
 * What a worker asks of the broker, as plain functions: nobody else in worker/ sees a
 * frame. Answers come back through struct broker_answers from broker_receive(), matched
 * by the id of the call.
 */
#ifndef WORKER_BROKER_CALLS_H
#define WORKER_BROKER_CALLS_H

#include "ipc/channel.h"
#include "policy/names.h"
#include "worker/config.h"

#define BROKER_PROTOCOL 1
#define BROKER_ID_MAX	0x7fffffffu /* of calls; larger ones are used in here */

struct broker {
	int fd;
	struct gate gate; /* for what is received */
	uint8_t in[FRAME_MAX + 1];
	uint8_t out[FRAME_MAX];
};

enum broker_result {
	BROKER_DONE,
	BROKER_BUSY,  /* the channel is full (or empty, when receiving): poll, then again
		       */
	BROKER_BROKEN /* the channel is gone or said what it must not; it was logged */
};

struct broker_refusal {
	unsigned fact, verdict; /* enum fact, enum verdict */
	unsigned line;
	const uint8_t *value;
	size_t value_length;
};

/* `context` is whoever asked broker_receive(). Slices live for the call alone. */
struct broker_answers {
	void (*authority)(void *context, enum ca ca, const char *json, size_t length);
	void (*alerts)(void *context, const char *json, size_t length);
	void (*signed_)(void *context, uint32_t id, const uint8_t *serial,
	    size_t serial_length, const uint8_t *signature, size_t signature_length);
	void (*refused)(void *context, uint32_t id, const struct broker_refusal *refusal);
	void (*unavailable)(void *context, uint32_t id, enum unavailable reason,
	    uint64_t retry_after_ms, const char *message, size_t message_length);
	void (*drain)(void *context);
};

/* ---- start: these wait for their answer ---- */

/* Says that this process is sealed, and waits until the broker has seen it. */
enum broker_result broker_say_sealed(struct broker *broker);

/* Hands over the config. `cluster` is the name that the broker knows; on a refusal it is
 * empty and `reason` says why. */
enum broker_result broker_hand_over_config(struct broker *broker,
    const struct config *config, char cluster[OP_CLUSTER_MAX + 1],
    char reason[OP_TEXT_MAX + 1]);

/* ---- service: these never wait ---- */

struct signing {
	uint32_t id; /* unique among those under way, at most BROKER_ID_MAX */
	enum ca ca;
	enum purpose purpose;
	enum document document;
	const char *request_id; /* JSON, as it stood on the line */
	size_t request_id_length;
	const uint8_t *bytes; /* the document to be signed */
	size_t length;
};

enum broker_result broker_sign(struct broker *broker, const struct signing *signing);
enum broker_result broker_authority(struct broker *broker, enum ca ca);
enum broker_result broker_alerts(struct broker *broker);
/* Reads one frame and calls the one function of `answers` that it is for. */
enum broker_result broker_receive(
    struct broker *broker, const struct broker_answers *answers, void *context);

#endif
