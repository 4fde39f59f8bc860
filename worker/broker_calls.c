/* The worker's side of the channel; broker_calls.h has the contract. */
#include "worker/broker_calls.h"

#include "ipc/log.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AUTHORITY_ID 0x80000000u /* | ca: never the id of a signature */
#define ALERTS_ID    (AUTHORITY_ID | CA_COUNT)

static enum broker_result send_frame(struct broker *broker, struct frame_writer *writer)
{
	size_t length = frame_end(writer);

	if (length == 0) {
		log_error("a frame (%s) did not fit its own row", op_name(writer->op));
		return BROKER_BROKEN;
	}
	if (channel_send(broker->fd, broker->out, length) == 0)
		return BROKER_DONE;
	if (errno == EAGAIN || errno == EINTR)
		return BROKER_BUSY;
	if (errno == EPIPE) /* as when everything stops while this worker starts */
		log_notice("the broker has closed the channel");
	else
		log_error("the broker's channel can't be written: %s", strerror(errno));
	return BROKER_BROKEN;
}

/*
 * One frame of the broker's. read() alone is used, since a sealed worker has no poll():
 * the broker sends no empty frame, so zero bytes are the end of the channel.
 */
static enum broker_result read_frame(struct broker *broker, struct frame *frame)
{
	enum frame_fault fault;
	ssize_t n = read(broker->fd, broker->in, sizeof(broker->in));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return BROKER_BUSY;
	if (n < 0)
		log_error("the broker's channel can't be read: %s", strerror(errno));
	else if (n == 0)
		log_notice("the broker has closed the channel");
	if (n <= 0)
		return BROKER_BROKEN;
	fault = frame_read(broker->in, (size_t)n, PARTY_BROKER, 0, &broker->gate, frame);
	if (fault == FRAME_GOOD)
		return BROKER_DONE;
	log_error("the broker sent a bad frame: %s", frame_fault_text(fault));
	return BROKER_BROKEN;
}

/* ---- start ---- */

static enum broker_result wait_for(struct broker *broker, short events)
{
	struct pollfd p = { .fd = broker->fd, .events = events };

	while (ppoll(&p, 1, NULL, NULL) < 0)
		if (errno != EINTR) {
			log_error("waiting for the broker failed: %s", strerror(errno));
			return BROKER_BROKEN;
		}
	return BROKER_DONE;
}

static enum broker_result await_frame(struct broker *broker, struct frame *frame)
{
	enum broker_result result;

	while ((result = read_frame(broker, frame)) == BROKER_BUSY)
		if (wait_for(broker, POLLIN) != BROKER_DONE)
			return BROKER_BROKEN;
	return result;
}

static enum broker_result unexpected(const struct frame *frame)
{
	log_error("the broker sent %s where its answer was due", op_name(frame->op));
	return BROKER_BROKEN;
}

enum broker_result broker_say_sealed(struct broker *broker)
{
	struct frame_writer writer;
	struct frame frame;

	frame_begin(&writer, broker->out, sizeof(broker->out), OP_SEALED, 0);
	frame_put_u32(&writer, BROKER_PROTOCOL);
	if (send_frame(broker, &writer) != BROKER_DONE ||
	    await_frame(broker, &frame) != BROKER_DONE)
		return BROKER_BROKEN;
	if (frame.op != OP_SEALED_SEEN)
		return unexpected(&frame);
	if (frame_number(&frame, 0) != BROKER_PROTOCOL) {
		log_error(
		    "the broker speaks protocol %u, this worker %u; install both anew",
		    (unsigned)frame_number(&frame, 0), BROKER_PROTOCOL);
		return BROKER_BROKEN;
	}
	broker->gate.phase = PHASE_SEALED;
	return BROKER_DONE;
}

enum broker_result broker_hand_over_config(struct broker *broker,
    const struct config *config, char cluster[OP_CLUSTER_MAX + 1],
    char reason[OP_TEXT_MAX + 1])
{
	struct frame_writer writer;
	struct frame frame;

	cluster[0] = reason[0] = '\0';
	frame_begin(&writer, broker->out, sizeof(broker->out), OP_CONFIG, 0);
	frame_put_text(&writer, config->cluster_name);
	frame_put_u8(&writer, config->keystore);
	frame_put_text(&writer, config->account);
	frame_put_text(&writer, config->region);
	frame_put_u8(&writer, config->suite);
	frame_put_u8(&writer, config->workers);
	frame_put(&writer, config->tags, config->tags_length);
	frame_put_u32(&writer, config->kms_rate);
	frame_put_u8(&writer, (uint8_t)config->kms_connections);
	frame_put_text(&writer, config->proxy);
	if (send_frame(broker, &writer) != BROKER_DONE)
		return BROKER_BROKEN;
	broker->gate.phase = PHASE_CONFIG;
	if (await_frame(broker, &frame) != BROKER_DONE)
		return BROKER_BROKEN;
	if (frame.op == OP_CONFIG_REFUSED) {
		frame_text(&frame, 0, reason, OP_TEXT_MAX + 1);
		return BROKER_DONE;
	}
	if (frame.op != OP_CONFIG_TAKEN)
		return unexpected(&frame);
	frame_text(&frame, 0, cluster, OP_CLUSTER_MAX + 1);
	broker->gate.phase = PHASE_SERVE;
	return BROKER_DONE;
}

/* ---- service ---- */

enum broker_result broker_sign(struct broker *broker, const struct signing *signing)
{
	struct frame_writer writer;

	frame_begin(&writer, broker->out, sizeof(broker->out), OP_SIGN, signing->id);
	frame_put_u8(&writer, signing->ca);
	frame_put_u8(&writer, signing->purpose);
	frame_put_u8(&writer, signing->document);
	frame_put(&writer, signing->request_id, signing->request_id_length);
	frame_put(&writer, signing->bytes, signing->length);
	return send_frame(broker, &writer);
}

enum broker_result broker_authority(struct broker *broker, enum ca ca)
{
	struct frame_writer writer;

	frame_begin(&writer, broker->out, sizeof(broker->out), OP_AUTHORITIES,
	    AUTHORITY_ID | (uint32_t)ca);
	frame_put_u8(&writer, ca);
	return send_frame(broker, &writer);
}

enum broker_result broker_alerts(struct broker *broker)
{
	struct frame_writer writer;

	frame_begin(&writer, broker->out, sizeof(broker->out), OP_ALERTS, ALERTS_ID);
	return send_frame(broker, &writer);
}

static enum broker_result take_authority(
    const struct frame *frame, const struct broker_answers *answers, void *context)
{
	if (frame->id < AUTHORITY_ID || frame->id - AUTHORITY_ID >= CA_COUNT) {
		log_error("the broker answered with a CA that was not asked for");
		return BROKER_BROKEN;
	}
	answers->authority(context, (enum ca)(frame->id - AUTHORITY_ID),
	    (const char *)frame_bytes(frame, 0), frame_length(frame, 0));
	return BROKER_DONE;
}

static void take_refusal(
    const struct frame *frame, const struct broker_answers *answers, void *context)
{
	const struct broker_refusal refusal = {
		.fact = (unsigned)frame_number(frame, 0),
		.verdict = (unsigned)frame_number(frame, 1),
		.line = (unsigned)frame_number(frame, 2),
		.value = frame_bytes(frame, 3),
		.value_length = frame_length(frame, 3),
	};

	answers->refused(context, frame->id, &refusal);
}

enum broker_result broker_receive(
    struct broker *broker, const struct broker_answers *answers, void *context)
{
	struct frame frame;
	enum broker_result result = read_frame(broker, &frame);

	if (result != BROKER_DONE)
		return result;
	/* The gate lets only the broker's ops of this phase pass. */
	if (frame.op == OP_AUTHORITIES_ARE)
		return take_authority(&frame, answers, context);
	if (frame.op == OP_ALERTS_ARE)
		answers->alerts(context, (const char *)frame_bytes(&frame, 0),
		    frame_length(&frame, 0));
	else if (frame.op == OP_SIGNED)
		answers->signed_(context, frame.id, frame_bytes(&frame, 0),
		    frame_length(&frame, 0), frame_bytes(&frame, 1),
		    frame_length(&frame, 1));
	else if (frame.op == OP_REFUSED)
		take_refusal(&frame, answers, context);
	else if (frame.op == OP_UNAVAILABLE)
		answers->unavailable(context, frame.id,
		    (enum unavailable)frame_number(&frame, 0), frame_number(&frame, 1),
		    (const char *)frame_bytes(&frame, 2), frame_length(&frame, 2));
	else if (frame.op == OP_DRAIN) {
		broker->gate.phase = PHASE_DRAIN;
		answers->drain(context);
	} else {
		return unexpected(&frame);
	}
	return BROKER_DONE;
}
