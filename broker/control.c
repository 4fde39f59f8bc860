/* The control channel; control.h has the promises. The handlers, one for each op that the
 * supervisor may send, are the table near the end. */
#include "broker/control.h"
#include "broker/acts.h"
#include "broker/clocks.h"
#include "broker/strays.h"
#include "ipc/log.h"

#include <errno.h>
#include <poll.h>
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

void control_say(struct broker *broker, enum op op, uint32_t number)
{
	struct frame_writer w = begin(broker, op);

	if (ops_table[op].fields[0].name)
		frame_put_u32(&w, number);
	send_frame(broker, &w);
}

static void send_sockets(struct broker *broker, const struct generation *generation)
{
	const struct policy_pins *pins = policy_pins(generation->rules->policy);
	struct frame_writer w;
	unsigned i;

	for (i = 0; i < pins->sockets && !broker->settings.terminal; i++) {
		w = begin(broker, OP_SOCKET);
		frame_put_text(&w, pins->socket_name[i]);
		frame_put_text(&w, pins->socket_group[i]);
		send_frame(broker, &w);
	}
}

void control_announce(struct broker *broker)
{
	struct frame_writer w;

	send_sockets(broker, broker->generation);
	w = begin(broker, OP_STARTED);
	frame_put_u32(&w, broker->log.segment > 0 ? broker->log.segment : 1);
	frame_put_u8(&w, broker->remote.on);
	send_frame(broker, &w);
	broker->announced = true;
}

void control_metadata(struct broker *broker, const char *address)
{
	struct frame_writer w = begin(broker, OP_METADATA);

	frame_put_text(&w, address);
	send_frame(broker, &w);
}

void control_start_worker(struct broker *broker, const struct channel *channel)
{
	struct frame_writer w = begin(broker, OP_START_WORKER);

	frame_put_u32(&w, channel->worker);
	frame_put_u32(&w, channel->generation->number);
	frame_put_text(&w, channel->socket);
	send_frame(broker, &w);
}

void control_failed(struct broker *broker)
{
	control_say(broker, OP_FAILED, 0);
	broker->failed = true;
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

/* The descriptors of one that is not to be are closed by our caller, and it ends at that.
 */
static void on_worker_started(struct broker *broker, const struct frame *frame,
    int descriptors[CHANNEL_DESCRIPTORS_MAX])
{
	const uint32_t worker = (uint32_t)frame_number(frame, 0),
		       pid = (uint32_t)frame_number(frame, 1);
	struct channel *channel = find_worker(broker, worker);

	if (hosts_started(broker, worker, pid, descriptors) || !channel ||
	    channel->open || channel->dropped)
		return;
	if (broker->stopping || (channel->generation != broker->generation &&
				    channel->generation != broker->next)) {
		workers_drop(broker, channel, "is not wanted any more");
		return;
	}
	channel_started(channel, descriptors[0], descriptors[1], pid);
	descriptors[0] = descriptors[1] = -1;
}

static void on_worker_ended(struct broker *broker, const struct frame *frame,
    int descriptors[CHANNEL_DESCRIPTORS_MAX])
{
	struct channel *channel = find_worker(broker, (uint32_t)frame_number(frame, 0));
	char how[256];

	(void)descriptors;
	frame_text(frame, 1, how, sizeof how);
	if (!hosts_ended(broker, (uint32_t)frame_number(frame, 0), how) && channel &&
	    !channel->ended)
		workers_ended(broker, channel, how);
}

/* ---- generations ---- */

void control_record_policy(struct broker *broker)
{
	struct record_line *line = audit_log_begin(&broker->log, "policy");
	const struct policy *policy = broker->generation->rules->policy;

	record_text(line, "file", broker->settings.policy_name);
	record_number(line, "rules", policy_rules(policy));
	record_number(line, "generation", broker->generation->number);
	audit_log_end(&broker->log);
}

/* What root's SIGHUP has brought: policy and config, as they were and as they are. */
void control_record_reload(
    struct broker *broker, const struct generation *now, const char *refused)
{
	const struct generation *before = broker->generation;
	struct record_line *line = audit_log_begin(&broker->log, "reload");

	record_text(line, "outcome", refused ? "refused" : "done");
	if (refused)
		record_text(line, "reason", refused);
	record_number(line, "uid", broker->reload_uid);
	record_number(line, "pid", broker->reload_pid);
	record_text(line, "policy_before", before->rules->sha256);
	record_hex(line, "config_before", before->config, sizeof before->config);
	if (now)
		record_text(line, "policy_now", now->rules->sha256);
	if (now && now->config_seen)
		record_hex(line, "config_now", now->config, sizeof now->config);
	audit_log_end(&broker->log);
}

/* The one before must have come into service or been refused. */
static void on_reload(struct broker *broker, const struct frame *frame,
    int descriptors[CHANNEL_DESCRIPTORS_MAX])
{
	const uint32_t number = (uint32_t)frame_number(frame, 0);
	struct failure failure = { "it is out of turn" };
	struct generation *next = NULL;

	broker->reload_uid = (uint32_t)frame_number(frame, 1);
	broker->reload_pid = (uint32_t)frame_number(frame, 2);
	if (number > broker->generation->number && broker->serving && !broker->next)
		next = generation_load(descriptors[0], broker->settings.policy_name,
		    number, broker->generation, &broker->crypto, &failure);
	if (next && workers_take_sockets(broker, next, &failure)) {
		broker->next = next;
		send_sockets(broker, next);
		return;
	}
	generation_release(next);
	log_error("reload refused, the policy stays as it was: %s", failure.text);
	control_record_reload(broker, NULL, failure.text);
	control_say(broker, OP_RELOAD_REFUSED, number);
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
		control_failed(broker);
		return;
	}
	descriptors[0] = -1;
	if (!first)
		return;
	line = audit_log_begin(&broker->log, "start");
	record_text(line, "version", PRIVYSEAL_VERSION);
	record_text(line, "instance", broker->state.instance);
	if (torn)
		record_text(line, "torn", "true");
	audit_log_end(&broker->log);
	control_record_policy(broker);
	if (broker->state.restored)
		act_record_restored(&broker->log, &broker->state);
	broker->state.restored = false;
	if (strays_put_aside(broker, &failure) && broker_write_head(broker))
		return;
	log_error("%s", failure.text[0]
			    ? failure.text
			    : "the record or the state can't be written at the "
			      "start");
	control_failed(broker);
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
		sign_end(broker);
		audit_log_begin(&broker->log, "stop");
		audit_log_end(&broker->log);
		broker_write_head(broker);
	}
	control_say(broker, OP_STOPPED, 0);
	broker->finished = true;
}

void control_tend(struct broker *broker, uint64_t now_ns)
{
	bool any = false;
	unsigned i;

	for (i = 0; i < broker->channels_used; i++)
		any = any || broker->channels[i];
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
