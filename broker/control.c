/* The control channel; control.h has the promises. The handlers, one for each op that the
 * supervisor may send, are the table near the end. */
#include "broker/control.h"
#include "broker/acts.h"
#include "broker/clocks.h"
#include "broker/strays.h"
#include "ipc/log.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TURN_FRAMES	 16
#define SEND_WAIT_MS	 5000
#define HEAD_INTERVAL_NS (60 * SECOND_NS)

/* ---- what the supervisor is told ---- */

static void send_frame(struct broker *broker, struct frame_writer *w)
{
	struct pollfd control = { .fd = DESCRIPTOR_CONTROL, .events = POLLOUT };
	size_t length = frame_end(w);

	if (length == 0)
		abort(); /* a frame of our own outside our own table */
	while (channel_send(DESCRIPTOR_CONTROL, w->out, length) != 0) {
		if ((errno == EAGAIN || errno == ENOBUFS) &&
		    poll(&control, 1, SEND_WAIT_MS) > 0)
			continue;
		if (errno == EINTR)
			continue;
		log_error("the supervisor can't be reached: the broker ends");
		broker->failed = true;
		return;
	}
}

static struct frame_writer begin(struct broker *broker, enum op op)
{
	struct frame_writer w;

	frame_begin(&w, broker->scratch, SCRATCH_SIZE, op, 0);
	return w;
}

void control_announce(struct broker *broker)
{
	const struct policy_pins *pins = policy_pins(broker->generation->rules->policy);
	struct frame_writer w;
	unsigned i;

	for (i = 0; i < pins->sockets; i++) {
		w = begin(broker, OP_SOCKET);
		frame_put_text(&w, pins->socket_name[i]);
		frame_put_text(&w, pins->socket_group[i]);
		send_frame(broker, &w);
	}
	w = begin(broker, OP_STARTED);
	frame_put_u32(&w, broker->log.segment > 0 ? broker->log.segment : 1);
	send_frame(broker, &w);
}

void control_drop_worker(struct broker *broker, uint32_t worker, const char *reason)
{
	struct frame_writer w = begin(broker, OP_DROP_WORKER);

	frame_put_u32(&w, worker);
	frame_put_text(&w, reason);
	send_frame(broker, &w);
}

void control_failed(struct broker *broker, const char *reason)
{
	struct frame_writer w = begin(broker, OP_FAILED);

	frame_put_text(&w, reason);
	send_frame(broker, &w);
	broker->failed = true;
}

void control_ask_segment(struct broker *broker, uint32_t number)
{
	struct frame_writer w = begin(broker, OP_NEXT_SEGMENT);

	frame_put_u32(&w, number);
	send_frame(broker, &w);
}

void control_stopped(struct broker *broker)
{
	struct frame_writer w = begin(broker, OP_STOPPED);

	send_frame(broker, &w);
}

static void reloaded(struct broker *broker, uint32_t generation, const char *refused)
{
	struct frame_writer w = begin(broker, OP_RELOADED);

	frame_put_u32(&w, generation);
	frame_put_u8(&w, refused == NULL);
	frame_put_text(&w, refused ? refused : "");
	send_frame(broker, &w);
}

/* ---- workers ---- */

static struct channel *find_worker(const struct broker *broker, uint32_t worker)
{
	unsigned i;

	for (i = 0; i < broker->channels_used; i++)
		if (broker->channels[i] && broker->channels[i]->worker == worker)
			return broker->channels[i];
	return NULL;
}

static void record_end_of(
    struct broker *broker, const struct channel *channel, const char *how)
{
	/* Nobody but the client of --stdio may let a worker end unasked. */
	const bool asked = channel->drain_by != 0 || channel->client[0] == '\0',
		   orderly = asked && strcmp(how, "exited with status 0") == 0;
	struct record_line *line =
	    audit_log_begin(&broker->log, orderly ? "worker-ended" : "worker-lost");

	record_text(line, "client", channel->socket, strlen(channel->socket));
	record_number(line, "worker", channel->worker);
	record_text(line, "how", how, strlen(how));
	record_number(line, "in_flight", channel->in_flight_count);
	audit_log_end(&broker->log);
	if (!orderly)
		broker->metrics.lost[channel->breaker - broker->breakers]++;
}

/* It did not end by itself when it had to. */
static void drop(struct broker *broker, struct channel *channel, const char *why)
{
	record_end_of(broker, channel, why);
	log_warning(
	    "worker %u (%s) is dropped: it %s", channel->worker, channel->socket, why);
	channel_close(channel);
	channel->waiting = false;
	control_drop_worker(broker, channel->worker, why);
}

static unsigned socket_number(const struct broker *broker, const char *name)
{
	const struct policy_pins *pins = policy_pins(broker->generation->rules->policy);
	unsigned i;

	for (i = 0; i < pins->sockets; i++)
		if (strcmp(pins->socket_name[i], name) == 0)
			return i;
	return POLICY_SOCKETS_MAX;
}

static struct generation *generation_numbered(
    const struct broker *broker, uint32_t number)
{
	if (broker->next && broker->next->number == number)
		return broker->next;
	return broker->generation->number == number ? broker->generation : NULL;
}

static int free_place(struct broker *broker)
{
	unsigned i;

	for (i = 0; i < CHANNELS_MAX; i++)
		if (!broker->channels[i]) {
			if (i >= broker->channels_used)
				broker->channels_used = i + 1;
			return (int)i;
		}
	return -1;
}

static void on_worker_started(struct broker *broker, const struct frame *frame,
    int descriptors[CHANNEL_DESCRIPTORS_MAX])
{
	uint32_t worker = (uint32_t)frame_number(frame, 0);
	struct generation *generation =
	    generation_numbered(broker, (uint32_t)frame_number(frame, 2));
	struct channel *channel = NULL;
	char name[OP_NAME_MAX + 1];
	unsigned socket;
	int place = free_place(broker);

	snprintf(name, sizeof name, "%.*s", (int)frame_length(frame, 3),
	    (const char *)frame_bytes(frame, 3));
	socket = socket_number(broker, name);
	if (generation && place >= 0 && !broker->stopping && !find_worker(broker, worker))
		channel = channel_new(descriptors[0], descriptors[1], worker,
		    (uint32_t)frame_number(frame, 1), generation,
		    &broker->breakers[socket], name, strlen(name));
	if (!channel) {
		/* Its descriptors are closed by our caller, and it ends at that. */
		control_drop_worker(broker, worker,
		    broker->stopping ? "the broker is stopping"
		    : !generation    ? "its generation is over"
				     : "there are too many workers");
		return;
	}
	descriptors[0] = descriptors[1] = -1;
	broker->channels[place] = channel;
	if (socket < POLICY_SOCKETS_MAX) {
		channel->client = channel->socket;
		if (generation == broker->generation)
			broker->started[socket]++;
	}
}

static void on_worker_ended(struct broker *broker, const struct frame *frame,
    int descriptors[CHANNEL_DESCRIPTORS_MAX])
{
	struct channel *channel = find_worker(broker, (uint32_t)frame_number(frame, 0));
	char how[256];

	(void)descriptors;
	if (!channel)
		return;
	snprintf(how, sizeof how, "%.*s", (int)frame_length(frame, 1),
	    (const char *)frame_bytes(frame, 1));
	record_end_of(broker, channel, how);
	channel_close(channel);
	channel->waiting = false;
}

/* ---- generations ---- */

static void record_policy(struct broker *broker)
{
	struct record_line *line = audit_log_begin(&broker->log, "policy");
	const struct policy *policy = broker->generation->rules->policy;

	record_text(line, "file", broker->settings.policy_name,
	    strlen(broker->settings.policy_name));
	record_number(line, "rules", policy_rules(policy));
	record_number(line, "generation", broker->generation->number);
	audit_log_end(&broker->log);
}

/* What root's SIGHUP has brought: policy and config, as they were and as they are. */
static void record_reload(struct broker *broker, const struct generation *before,
    const struct generation *now, const char *refused)
{
	struct record_line *line = audit_log_begin(&broker->log, "reload");

	record_text(line, "outcome", refused ? "refused" : "done", refused ? 7 : 4);
	if (refused)
		record_text(line, "reason", refused, strlen(refused));
	record_text(line, "policy_before", before->rules->sha256, SHA256_TEXT);
	record_hex(line, "config_before", before->config, sizeof before->config);
	if (now)
		record_text(line, "policy_now", now->rules->sha256, SHA256_TEXT);
	if (now && now->config_seen)
		record_hex(line, "config_now", now->config, sizeof now->config);
	audit_log_end(&broker->log);
}

static bool serves(
    const struct broker *broker, const char *socket, const struct generation *generation)
{
	const struct channel *channel;
	unsigned i;

	for (i = 0; i < broker->channels_used; i++) {
		channel = broker->channels[i];
		if (channel && channel->open && channel->generation == generation &&
		    channel->gate.phase == PHASE_SERVE &&
		    strcmp(channel->socket, socket) == 0)
			return true;
	}
	return false;
}

static bool next_serves_all(const struct broker *broker)
{
	const struct policy_pins *pins = policy_pins(broker->next->rules->policy);
	unsigned i;

	for (i = 0; i < pins->sockets; i++)
		if (!serves(broker, pins->socket_name[i], broker->next))
			return false;
	return true;
}

static void promote_next(struct broker *broker)
{
	struct generation *before = broker->generation;
	unsigned i;

	broker->generation = broker->next;
	broker->next = NULL;
	broker->log.policy = broker->generation->rules->sha256;
	record_reload(broker, before, broker->generation, NULL);
	generation_release(before);
	record_policy(broker);
	log_notice("generation %u serves", broker->generation->number);
	for (i = 0; i < POLICY_SOCKETS_MAX; i++)
		broker->started[i] = 1;
	for (i = 0; i < broker->channels_used; i++)
		if (broker->channels[i] &&
		    broker->channels[i]->generation != broker->generation)
			channel_drain(broker, broker->channels[i]);
}

void control_worker_ready(struct broker *broker, const struct channel *channel)
{
	struct frame_writer w = begin(broker, OP_READY);

	frame_put_u32(&w, channel->worker);
	frame_put_u32(&w, channel->generation->number);
	send_frame(broker, &w);
	if (broker->next && channel->generation == broker->next &&
	    next_serves_all(broker))
		promote_next(broker);
}

void control_config_refused(
    struct broker *broker, const struct channel *channel, const char *reason)
{
	if (broker->next && channel->generation == broker->next)
		record_reload(broker, broker->generation, broker->next, reason);
}

static void on_reload(struct broker *broker, const struct frame *frame,
    int descriptors[CHANNEL_DESCRIPTORS_MAX])
{
	uint32_t number = (uint32_t)frame_number(frame, 0);
	struct failure failure = { "" };
	struct generation *next;

	if (number <= broker->generation->number || generation_numbered(broker, number)) {
		reloaded(broker, number, "a generation of that number has been");
		return;
	}
	next = generation_load(descriptors[0], broker->settings.policy_name, number,
	    broker->generation, &broker->crypto, &failure);
	if (!next) {
		log_error("reload refused, the policy stays as it was: %s", failure.text);
		record_reload(broker, broker->generation, NULL, failure.text);
		reloaded(broker, number, failure.text);
		return;
	}
	generation_release(broker->next);
	broker->next = next;
	reloaded(broker, number, NULL);
}

/* ---- the record ---- */

static void on_segment(struct broker *broker, const struct frame *frame,
    int descriptors[CHANNEL_DESCRIPTORS_MAX])
{
	const bool first = broker->log.fd < 0;
	struct failure failure = { "" };
	struct record_line *line;
	bool torn;

	if (!audit_log_segment(&broker->log, descriptors[0],
		(uint32_t)frame_number(frame, 0), &torn, &failure)) {
		log_error("%s", failure.text);
		control_failed(broker, failure.text);
		return;
	}
	descriptors[0] = -1;
	if (!first)
		return;
	line = audit_log_begin(&broker->log, "start");
	record_text(line, "version", PRIVYSEAL_VERSION, strlen(PRIVYSEAL_VERSION));
	record_text(line, "instance", broker->state.instance, INSTANCE_TEXT);
	if (torn)
		record_text(line, "torn", "true", 4);
	audit_log_end(&broker->log);
	record_policy(broker);
	if (broker->state.restored)
		act_record_restored(&broker->log, &broker->state);
	broker->state.restored = false;
	if (!strays_put_aside(broker, &failure) || !broker_write_head(broker))
		control_failed(broker,
		    failure.text[0] ? failure.text
				    : "the record or the state can't be written at the "
				      "start");
}

/* ---- the end ---- */

static void on_stop(struct broker *broker, const struct frame *frame,
    int descriptors[CHANNEL_DESCRIPTORS_MAX])
{
	unsigned i;

	(void)frame;
	(void)descriptors;
	broker->stopping = true;
	for (i = 0; i < broker->channels_used; i++)
		if (broker->channels[i])
			channel_drain(broker, broker->channels[i]);
}

static void finish(struct broker *broker)
{
	refusals_flush(broker, UINT64_MAX);
	if (audit_log_open(&broker->log)) {
		audit_log_begin(&broker->log, "stop");
		audit_log_end(&broker->log);
		broker_write_head(broker);
	}
	control_stopped(broker);
	broker->finished = true;
}

void control_tend(struct broker *broker, uint64_t now_ns)
{
	struct channel *channel;
	bool any = false;
	unsigned i;

	for (i = 0; i < broker->channels_used; i++) {
		channel = broker->channels[i];
		if (!channel)
			continue;
		if (channel->open && channel->drain_by != 0 && now_ns > channel->drain_by)
			drop(broker, channel, "did not drain");
		if (channel->waiting && now_ns > channel->told_by)
			drop(broker, channel, "closed its channel, but runs on");
		if (!channel->open && !channel->waiting) {
			channel_free(channel);
			broker->channels[i] = NULL;
		} else
			any = true;
	}
	if (broker->stopping && !any && !broker->finished)
		finish(broker);
	if (now_ns > broker->head_written_ns + HEAD_INTERVAL_NS &&
	    audit_log_open(&broker->log) &&
	    broker->state.head_sequence != broker->log.sequence)
		(void)broker_write_head(
		    broker); /* it has been logged, and is tried again */
}

typedef void handler(struct broker *broker, const struct frame *frame,
    int descriptors[CHANNEL_DESCRIPTORS_MAX]);

static handler *const handlers[OP_COUNT] = {
	[OP_WORKER_STARTED] = on_worker_started,
	[OP_WORKER_ENDED] = on_worker_ended,
	[OP_RELOAD] = on_reload,
	[OP_SEGMENT] = on_segment,
	[OP_STOP] = on_stop,
};

static void handle(struct broker *broker, size_t length, int *descriptors, unsigned count)
{
	enum frame_fault fault;
	struct frame frame;

	fault = frame_read(broker->frame, length, PARTY_SUPERVISOR, count,
	    &broker->control_gate, &frame);
	if (fault != FRAME_GOOD) {
		log_error(
		    "the supervisor sent what it may not: %s; are all programs of one "
		    "version?",
		    frame_fault_text(fault));
		broker->failed = true;
	} else
		handlers[frame.op](broker, &frame, descriptors);
}

void control_turn(struct broker *broker)
{
	int descriptors[CHANNEL_DESCRIPTORS_MAX];
	enum channel_event event = CHANNEL_FRAME;
	unsigned count, frames, i;
	size_t length;

	for (frames = 0; frames < TURN_FRAMES && !broker->failed; frames++) {
		for (i = 0; i < CHANNEL_DESCRIPTORS_MAX; i++)
			descriptors[i] = -1;
		length = 0;
		event = channel_receive_descriptors(
		    DESCRIPTOR_CONTROL, broker->frame, &length, descriptors, &count);
		if (event == CHANNEL_NOTHING)
			return;
		if (event == CHANNEL_CLOSED) {
			log_error("the supervisor is gone: the broker ends");
			broker->failed = true;
			return;
		}
		handle(broker, length, descriptors, count);
		for (i = 0; i < CHANNEL_DESCRIPTORS_MAX; i++)
			if (descriptors[i] >= 0)
				close(descriptors[i]);
	}
}
