/* The channel to one worker; channel_worker.h has the promises. The handlers, one for
 * each op that a worker may send, are the table at the end. */
#include "broker/channel_worker.h"
#include "broker/broker.h"
#include "broker/clocks.h"
#include "broker/config_judge.h"
#include "broker/control.h"
#include "confine/confine.h"
#include "ipc/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROTOCOL 1

struct channel *channel_new(uint32_t worker, struct generation *generation,
    struct service *service, const char *client)
{
	struct channel *channel = calloc(1, sizeof *channel);

	if (!channel)
		return NULL;
	channel->worker = worker;
	channel->generation = generation_hold(generation);
	channel->service = service;
	channel->socket = service->name;
	channel->client = client;
	return channel;
}

void channel_started(struct channel *channel, int fd, int status, uint32_t pid)
{
	channel->fd = fd;
	channel->status = status;
	channel->pid = pid;
	channel->gate.phase = PHASE_BOOT;
	channel->open = true;
}

void channel_close(struct channel *channel)
{
	if (!channel->open)
		return;
	channel->open = false;
	close(channel->fd);
	close(channel->status);
}

void channel_free(struct channel *channel)
{
	channel_close(channel);
	generation_release(channel->generation);
	free(channel);
}

/* The other end has closed; the supervisor will tell how the worker ended. */
static void gone(struct channel *channel)
{
	channel_close(channel);
	channel->told_by = clock_boot_in(ENDING_SECONDS);
}

/* ---- answers ---- */

static void request_ended(struct channel *channel, uint32_t id)
{
	unsigned i;

	for (i = 0; i < channel->in_flight_count; i++)
		if (channel->in_flight[i] == id) {
			channel->in_flight[i] =
			    channel->in_flight[--channel->in_flight_count];
			return;
		}
}

/* A place in the queue; there is one for each request in flight and one for `drain`, so
 * that it can't be full. */
static struct reply *enqueue(struct channel *channel, uint32_t id)
{
	struct reply *reply;

	if (channel->queued == 0)
		channel->first =
		    0; /* the same memory again, rather than all of the ring */
	if (channel->queued == QUEUE_MAX)
		abort();
	reply = &channel->queue[(channel->first + channel->queued++) % QUEUE_MAX];
	reply->id = id;
	reply->length = 0;
	reply->answers = true;
	return reply;
}

static uint32_t frame_id(const uint8_t *frame)
{
	return 16777216u * frame[4] + 65536u * frame[5] + 256u * frame[6] + frame[7];
}

void channel_answer(struct channel *channel, const uint8_t *frame, size_t length)
{
	struct reply *reply;

	if (!channel->open)
		return;
	if (length == 0 || length > REPLY_MAX)
		abort(); /* a frame of our own outside our own table */
	if (channel->queued == 0 && channel_send(channel->fd, frame, length) == 0) {
		request_ended(channel, frame_id(frame));
		return;
	}
	/* Whatever kept it from being sent shows again when the queue is flushed. */
	reply = enqueue(channel, frame_id(frame));
	reply->length = (uint16_t)length;
	memcpy(reply->bytes, frame, length);
}

static int send_alerts(struct broker *broker, const struct channel *channel, uint32_t id)
{
	struct frame_writer w;
	char *text;

	alerts_look(broker, clock_boot_ns());
	text = alerts_text(&broker->alerts);
	frame_begin(&w, broker->scratch, SCRATCH_SIZE, OP_ALERTS_ARE, id);
	frame_put_text(&w, text ? text : "[]");
	cJSON_free(text);
	return channel_send(channel->fd, broker->scratch, frame_end(&w));
}

static int send_authority(
    struct broker *broker, struct channel *channel, const struct reply *reply)
{
	const struct authority *authority = &broker->authorities[reply->ca];
	struct frame_writer w;

	frame_begin(&w, broker->scratch, SCRATCH_SIZE, OP_AUTHORITIES_ARE, reply->id);
	frame_put(&w, authority->json, authority->json_length);
	return channel_send(channel->fd, broker->scratch, frame_end(&w));
}

void channel_flush(struct broker *broker, struct channel *channel)
{
	const struct reply *reply;
	int sent;

	while (channel->open && channel->queued > 0) {
		reply = &channel->queue[channel->first];
		if (reply->length > 0)
			sent = channel_send(channel->fd, reply->bytes, reply->length);
		else if (reply->ca == CA_COUNT)
			sent = send_alerts(broker, channel, reply->id);
		else
			sent = send_authority(broker, channel, reply);
		if (sent != 0) {
			if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS)
				gone(channel);
			return;
		}
		if (reply->answers)
			request_ended(channel, reply->id);
		channel->first = (channel->first + 1) % QUEUE_MAX;
		channel->queued--;
	}
}

/* ---- what goes wrong ---- */

void channel_violation(struct broker *broker, struct channel *channel, const char *what)
{
	struct record_line *line;

	if (!channel->open)
		return;
	channel->service->counts[SERVICE_VIOLATIONS]++;
	line = audit_log_begin(&broker->log, "violation");
	record_text(line, "client", channel->socket);
	record_number(line, "worker", channel->worker);
	record_text(line, "phase", phase_name(channel->gate.phase));
	record_text(line, "violation", what);
	audit_log_end(&broker->log);
	/* At once: what follows an attack may be our own end. */
	if (audit_log_open(&broker->log))
		audit_log_commit(&broker->log);
	log_error("worker %u (%s) broke the contract in phase %s: %s; it is replaced",
	    channel->worker, channel->socket, phase_name(channel->gate.phase), what);
	channel_close(channel);
	channel->dropped = true;
	control_say(broker, OP_DROP_WORKER, channel->worker);
}

void channel_refused(struct broker *broker, struct channel *channel, uint64_t now_ns)
{
	struct breaker *breaker = &channel->service->breaker;
	uint64_t *oldest = &breaker->refusals[breaker->next];
	struct record_line *line;

	channel->service->counts[SERVICE_OFFENCES]++;
	breaker->next = (breaker->next + 1) % BREAKER_LIMIT;
	/* The slot after the newest holds the time of the one BREAKER_LIMIT - 1 before
	 * it. */
	*oldest = now_ns;
	oldest = &breaker->refusals[breaker->next];
	if (*oldest == 0 || now_ns - *oldest > BREAKER_SECONDS * SECOND_NS)
		return;
	memset(breaker->refusals, 0, sizeof breaker->refusals);
	breaker->until = now_ns + BREAKER_SECONDS * SECOND_NS;
	channel->service->counts[SERVICE_TRIPPED]++;
	line = audit_log_begin(&broker->log, "breaker");
	record_text(line, "client", channel->socket);
	record_number(line, "worker", channel->worker);
	record_number(line, "seconds", BREAKER_SECONDS);
	audit_log_end(&broker->log);
	log_error("ALARM: %d requests of socket '%s', now worker %u, were refused within "
		  "%d s: it signs nothing "
		  "for %d s; its worker may be in another's hands",
	    BREAKER_LIMIT, channel->socket, channel->worker, BREAKER_SECONDS,
	    BREAKER_SECONDS);
}

void channel_drain(struct broker *broker, struct channel *channel)
{
	struct frame_writer w;
	uint8_t frame[FRAME_HEADER];
	struct reply *reply;

	if (!channel->open || channel->drain_by != 0)
		return;
	channel->drain_by = clock_boot_in(DRAIN_SECONDS);
	if (channel->gate.phase < PHASE_CONFIG) {
		/* It has no clients yet: the end of its channel is all that it needs to
		 * know. */
		channel_close(channel);
		return;
	}
	channel->gate.phase = PHASE_DRAIN;
	frame_begin(&w, frame, sizeof frame, OP_DRAIN, 0);
	reply = enqueue(channel, 0);
	reply->answers = false;
	reply->length = (uint16_t)frame_end(&w);
	memcpy(reply->bytes, frame, reply->length);
	channel_flush(broker, channel);
}

/* ---- what a worker may say ---- */

static void on_sealed(
    struct broker *broker, struct channel *channel, const struct frame *frame)
{
	struct process_status status;
	struct confine_error error;
	struct record_line *line;
	struct frame_writer w;
	uint8_t answer[64];

	if (frame_number(frame, 0) != PROTOCOL) {
		channel_violation(
		    broker, channel, "speaks another protocol; reinstall privyseal");
		return;
	}
	if (confine_status_read(channel->status, &status) != 0) {
		channel_violation(broker, channel, "the kernel does not tell its status");
		return;
	}
	if (!confine_status_check(&status, ROLE_WORKER, broker->settings.uid,
		broker->settings.gid, &error)) {
		channel_violation(broker, channel, error.text);
		return;
	}
	if (status.lines[STATUS_FILTERS].values[0] < broker->settings.filters) {
		channel_violation(broker, channel, "it has no seccomp filter of its own");
		return;
	}
	line = audit_log_begin(&broker->log, "worker-started");
	record_text(line, "client", channel->socket);
	record_number(line, "worker", channel->worker);
	record_number(line, "pid", channel->pid);
	record_number(line, "generation", channel->generation->number);
	audit_log_end(&broker->log);
	frame_begin(&w, answer, sizeof answer, OP_SEALED_SEEN, frame->id);
	frame_put_u32(&w, PROTOCOL);
	channel_answer(channel, answer, frame_end(&w));
	channel->gate.phase = PHASE_SEALED;
}

static void config_refused(
    struct broker *broker, struct channel *channel, const struct failure *failure)
{
	uint8_t answer[FRAME_HEADER + 8 + OP_TEXT_MAX];
	struct frame_writer w;

	/* Of a config that is new the worker says where; one that comes later and differs
	 * is no administrator's doing. */
	if (broker->serving && channel->generation == broker->generation)
		log_warning("worker %u (%s): config refused: %s", channel->worker,
		    channel->socket, failure->text);
	if (channel->generation == broker->next)
		control_record_reload(broker, broker->next, failure->text);
	frame_begin(&w, answer, sizeof answer, OP_CONFIG_REFUSED, channel->config);
	frame_put_text(&w, failure->text);
	channel_answer(channel, answer, frame_end(&w));
}

static void config_taken(struct broker *broker, struct channel *channel)
{
	uint8_t answer[FRAME_HEADER + 8 + OP_TEXT_MAX];
	struct frame_writer w;

	frame_begin(&w, answer, sizeof answer, OP_CONFIG_TAKEN, channel->config);
	frame_put_text(&w, broker->state.cluster);
	channel_answer(channel, answer, frame_end(&w));
	channel->gate.phase = PHASE_SERVE;
	workers_ready(broker, channel);
}

/* The CAs are there, or will not be: that is what good configs waited for. */
static void on_cas_made(struct broker *broker, const struct failure *failure)
{
	struct channel *channel;
	unsigned i;

	for (i = 0; i < broker->channels_used; i++) {
		channel = broker->channels[i];
		if (!channel || !channel->config_waiting)
			continue;
		channel->config_waiting = false;
		if (!channel->open || channel->gate.phase != PHASE_CONFIG)
			continue;
		if (failure)
			config_refused(broker, channel, failure);
		else
			config_taken(broker, channel);
	}
	if (!failure)
		return;
	/* Half made: a restart finds out what exists. */
	log_error("%s", failure->text);
	control_failed(broker);
}

static void on_config(
    struct broker *broker, struct channel *channel, const struct frame *frame)
{
	struct failure failure = { "" };
	enum suite suite;

	channel->gate.phase = PHASE_CONFIG;
	channel->config = frame->id;
	if (!config_judge(broker, channel, frame, &suite, &failure)) {
		config_refused(broker, channel, &failure);
		return;
	}
	if (broker->settings.check) {
		config_taken(broker, channel);
		return;
	}
	channel->config_waiting = true;
	ca_making_start(broker, suite, on_cas_made);
}

static void on_authorities(
    struct broker *broker, struct channel *channel, const struct frame *frame)
{
	uint64_t ca = frame_number(frame, 0);
	struct reply *reply;

	if (ca >= CA_COUNT) {
		channel_violation(broker, channel, "a CA that does not exist");
		return;
	}
	reply = enqueue(channel, frame->id);
	reply->ca = (enum ca)ca;
	channel_flush(broker, channel);
}

static void on_alerts(
    struct broker *broker, struct channel *channel, const struct frame *frame)
{
	enqueue(channel, frame->id)->ca = CA_COUNT;
	channel_flush(broker, channel);
}

typedef void handler(
    struct broker *broker, struct channel *channel, const struct frame *frame);

static handler *const handlers[OP_COUNT] = {
	[OP_SEALED] = on_sealed,
	[OP_CONFIG] = on_config,
	[OP_AUTHORITIES] = on_authorities,
	[OP_ALERTS] = on_alerts,
	[OP_SIGN] = sign_request,
};

/* An id may come again only after its answer went out. */
static bool request_begins(struct channel *channel, uint32_t id)
{
	unsigned i;

	for (i = 0; i < channel->in_flight_count; i++)
		if (channel->in_flight[i] == id)
			return false;
	channel->in_flight[channel->in_flight_count++] = id;
	return true;
}

static void handle(
    struct broker *broker, struct channel *channel, const uint8_t *bytes, size_t length)
{
	enum frame_fault fault;
	struct frame frame;

	fault = frame_read(bytes, length, PARTY_WORKER, 0, &channel->gate, &frame);
	if (fault != FRAME_GOOD)
		channel_violation(broker, channel, frame_fault_text(fault));
	else if (!request_begins(channel, frame.id))
		channel_violation(broker, channel, "an id that is still in flight");
	else
		handlers[frame.op](broker, channel, &frame);
}

bool channel_has_room(const struct broker *broker, const struct channel *channel)
{
	return channel->open && channel->in_flight_count < OP_IN_FLIGHT_MAX &&
	       signings_has_place(&broker->signings, channel->service,
		   workers_sockets(broker, broker->generation));
}

unsigned channel_turn(struct broker *broker, struct channel *channel, unsigned most)
{
	unsigned count = 0;
	struct signing *place;
	size_t length;

	while (count < most && channel_has_room(broker, channel) &&
	       (place = signings_next(&broker->signings)) != NULL) {
		length = 0;
		switch (channel_receive(channel->fd, place->frame, &length)) {
		case CHANNEL_FRAME:
		case CHANNEL_EMPTY:
			handle(broker, channel, place->frame, length);
			count++;
			break;
		case CHANNEL_NOTHING:
			return count;
		case CHANNEL_CLOSED:
			gone(channel);
			return count;
		}
	}
	return count;
}
