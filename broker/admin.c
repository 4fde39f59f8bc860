/* The admin socket; admin.h has the promise. */
#include "broker/admin.h"
#include "broker/acts.h"
#include "broker/broker.h"
#include "broker/clocks.h"
#include "broker/json_members.h"
#include "broker/kms_inventory.h"
#include "broker/secret_memory.h"
#include "confine/confine.h"
#include "ipc/channel.h"
#include "ipc/log.h"

#include <cjson/cJSON.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TURN_FRAMES 4

static bool is_root(int fd, struct ucred *peer)
{
	socklen_t length = sizeof *peer;

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, peer, &length) == 0 &&
	       length == sizeof *peer && peer->uid == 0;
}

void admin_accept(struct broker *broker)
{
	struct ucred peer;
	unsigned i;
	int fd;

	for (i = 0; i < ADMINS_MAX; i++) {
		if (broker->admins[i].fd >= 0)
			continue;
		fd = accept4(DESCRIPTOR_ADMIN, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		if (!is_root(fd, &peer)) {
			log_warning("somebody who is not root came to the admin socket");
			close(fd);
			continue;
		}
		broker->admins[i].fd = fd;
		broker->admins[i].uid = peer.uid;
		broker->admins[i].pid = peer.pid;
		broker->admins[i].gate = (struct gate){ .phase = PHASE_SERVE };
	}
}

static void leave(struct broker *broker, unsigned place)
{
	close(broker->admins[place].fd);
	broker->admins[place].fd = -1;
	if (broker->inventory && broker->inventory_place == (int)place)
		broker->inventory_place = -1;
}

/* ---- the report ---- */

static void add_process(cJSON *list, const char *role, pid_t pid)
{
	cJSON *item = json_add_object(list);

	cJSON_AddStringToObject(item, "role", role);
	cJSON_AddNumberToObject(item, "pid", pid);
}

static void add_processes(cJSON *root, const struct broker *broker)
{
	cJSON *list = cJSON_AddArrayToObject(root, "processes"), *item;
	const struct channel *channel;
	unsigned i;

	add_process(list, "supervisor", broker->supervisor);
	add_process(list, role_name(broker->remote.on ? ROLE_NETWORKED : ROLE_BROKER),
	    broker->pid);
	if (broker->hosts.open)
		add_process(list, role_name(ROLE_RESOLVER), (pid_t)broker->hosts.pid);
	for (i = 0; i < broker->channels_used; i++) {
		channel = broker->channels[i];
		if (!channel || !channel->open)
			continue;
		item = json_add_object(list);
		cJSON_AddStringToObject(item, "role", "worker");
		cJSON_AddNumberToObject(item, "pid", channel->pid);
		cJSON_AddNumberToObject(item, "worker", channel->worker);
		cJSON_AddStringToObject(item, "socket", channel->socket);
		cJSON_AddNumberToObject(item, "generation", channel->generation->number);
		cJSON_AddStringToObject(item, "phase", phase_name(channel->gate.phase));
		cJSON_AddNumberToObject(item, "in_flight", channel->in_flight_count);
		cJSON_AddNumberToObject(item, "restarts", channel->service->restarts);
	}
}

static void add_policy(cJSON *root, const struct broker *broker)
{
	cJSON *policy = cJSON_AddObjectToObject(root, "policy");

	cJSON_AddStringToObject(policy, "file", broker->settings.policy_name);
	cJSON_AddStringToObject(policy, "sha256", broker->generation->rules->sha256);
	cJSON_AddNumberToObject(
	    policy, "rules", policy_rules(broker->generation->rules->policy));
}

/* Of CAs that have a certificate: when it ends, in seconds since 1970. */
static void add_certificates(cJSON *root, const struct broker *broker)
{
	cJSON *list = cJSON_AddArrayToObject(root, "certificates"), *item;
	unsigned ca;

	for (ca = 0; ca < CA_COUNT; ca++) {
		const struct facts *facts = &broker->authorities[ca].certificate;

		if (!facts->x509_is_ca)
			continue;
		item = json_add_object(list);
		cJSON_AddStringToObject(item, "ca", ca_name((enum ca)ca));
		cJSON_AddNumberToObject(item, "not_after", (double)facts->x509_not_after);
	}
}

static void add_record(cJSON *root, const struct broker *broker)
{
	const struct audit_log *log = &broker->log;
	cJSON *record = cJSON_AddObjectToObject(root, "record");

	cJSON_AddNumberToObject(record, "sequence", (double)log->sequence);
	cJSON_AddStringToObject(record, "hash", log->hash);
	cJSON_AddNumberToObject(record, "segment", log->segment);
	cJSON_AddBoolToObject(record, "writable", audit_log_open(log));
	cJSON_AddNumberToObject(record, "bytes_written", (double)log->written);
	cJSON_AddNumberToObject(
	    record, "refusals_coalesced", (double)broker->refusals.coalesced);
	cJSON_AddNumberToObject(
	    record, "clock_behind", (double)audit_log_clock_behind(log) / 1e6);
	histogram_report(&log->synced, record, "sync");
}

/* Of one socket: its workers, and what outlasts them. */
static void add_socket(cJSON *list, const struct broker *broker, unsigned number)
{
	const struct service *service = &broker->services[number];
	cJSON *item = json_add_object(list);
	unsigned i, workers = 0, in_flight = 0;

	for (i = 0; i < broker->channels_used; i++) {
		const struct channel *channel = broker->channels[i];

		if (!channel || !channel->open || channel->service != service)
			continue;
		workers += channel->gate.phase == PHASE_SERVE;
		in_flight += channel->in_flight_count;
	}
	cJSON_AddStringToObject(item, "socket", service->name);
	cJSON_AddNumberToObject(item, "workers", workers);
	cJSON_AddNumberToObject(item, "in_flight", in_flight);
	cJSON_AddNumberToObject(item, "lost", (double)service->counts[SERVICE_LOST]);
	cJSON_AddNumberToObject(
	    item, "violations", (double)service->counts[SERVICE_VIOLATIONS]);
	cJSON_AddNumberToObject(
	    item, "breaker_trips", (double)service->counts[SERVICE_TRIPPED]);
	cJSON_AddBoolToObject(
	    item, "breaker_open", clock_boot_ns() < service->breaker.until);
}

static void add_sockets(cJSON *root, const struct broker *broker)
{
	cJSON *list = cJSON_AddArrayToObject(root, "sockets");
	unsigned i;

	for (i = 0; i < SERVICES_MAX; i++)
		if (broker->services[i].name[0] != '\0')
			add_socket(list, broker, i);
}

/* Members that memory was too short for are missing; a report is no decision. */
static cJSON *report(const struct broker *broker)
{
	const struct policy_pins *pins = policy_pins(broker->generation->rules->policy);
	cJSON *root = cJSON_CreateObject();

	cJSON_AddStringToObject(root, "version", PRIVYSEAL_VERSION);
	cJSON_AddBoolToObject(root, "ready", broker_ready(broker));
	cJSON_AddStringToObject(root, "cluster", broker->state.cluster);
	cJSON_AddStringToObject(root, "instance", broker->state.instance);
	cJSON_AddStringToObject(root, "keystore", keystore_name(pins->keystore));
	cJSON_AddStringToObject(root, "secret_memory", secret_memory_kind());
	cJSON_AddNumberToObject(root, "generation", broker->generation->number);
	cJSON_AddNumberToObject(root, "started", broker->started_at);
	cJSON_AddNumberToObject(
	    root, "uptime", (double)((clock_boot_ns() - broker->started_ns) / SECOND_NS));
	add_policy(root, broker);
	add_processes(root, broker);
	add_certificates(root, broker);
	add_record(root, broker);
	metrics_report(
	    &broker->metrics, pins->keystore, cJSON_AddObjectToObject(root, "counters"));
	add_sockets(root, broker);
	if (broker->remote.on)
		cJSON_AddItemToObject(
		    root, "credentials", credentials_summary(broker->remote.credentials));
	alerts_report(&broker->alerts, root);
	return root;
}

static bool send_answer(
    struct broker *broker, unsigned place, struct frame_writer *answer)
{
	const size_t length = frame_end(answer);

	return length > 0 &&
	       channel_send(broker->admins[place].fd, broker->scratch, length) == 0;
}

/* Of AWS; a keystore that is no service of theirs needs none. */
static cJSON *report_credentials(const struct broker *broker)
{
	cJSON *root = broker->remote.on ? credentials_report(broker->remote.credentials)
					: cJSON_CreateObject();

	cJSON_AddStringToObject(root, "keystore",
	    keystore_name(policy_pins(broker->generation->rules->policy)->keystore));
	cJSON_AddBoolToObject(root, "used", broker->remote.on);
	return root;
}

static bool send_report(
    struct broker *broker, unsigned place, uint32_t id, const cJSON *report)
{
	char *text = cJSON_PrintUnformatted(report);
	struct frame_writer w;

	if (!text)
		return false;
	frame_begin(&w, broker->scratch, SCRATCH_SIZE, OP_ADMIN_REPORT, id);
	frame_put(&w, text, strlen(text));
	cJSON_free(text);
	return send_answer(broker, place, &w);
}

static bool answer_report(
    struct broker *broker, unsigned place, const struct frame *frame)
{
	cJSON *root;
	bool sent;

	alerts_look(broker, clock_boot_ns());
	root = frame->op == OP_ADMIN_CREDENTIALS ? report_credentials(broker)
						 : report(broker);
	sent = send_report(broker, place, frame->id, root);
	cJSON_Delete(root);
	return sent;
}

static bool answer_act(struct broker *broker, unsigned place, const struct frame *frame)
{
	struct act_request act = { .kind = frame_number(frame, 0),
		.last = frame_number(frame, 2),
		.uid = broker->admins[place].uid,
		.pid = broker->admins[place].pid };
	struct failure failure = { "" };
	struct frame_writer w;
	bool recorded;

	frame_text(frame, 1, act.instance, sizeof act.instance);
	frame_text(frame, 3, act.hash, sizeof act.hash);
	recorded = act_record(
	    &act, &broker->log, &broker->state, &broker->state_directory, &failure);
	frame_begin(&w, broker->scratch, SCRATCH_SIZE, OP_ADMIN_ACTED, frame->id);
	frame_put_u8(&w, recorded);
	frame_put_u64(&w, broker->log.sequence);
	frame_put_u32(&w, broker->log.segment);
	frame_put_text(&w, failure.text);
	return send_answer(broker, place, &w);
}

/* ---- keys in AWS KMS: the one question whose answer takes its time ---- */

static void on_inventory(struct broker *broker, const cJSON *report)
{
	const int place = broker->inventory_place;

	if (place >= 0 &&
	    !send_report(broker, (unsigned)place, broker->inventory_id, report))
		leave(broker, (unsigned)place);
}

static bool begin_keys(struct broker *broker, unsigned place, const struct frame *frame)
{
	char chosen[OP_CHOSEN_MAX + 1];
	const struct inventory_request request = { .chosen = chosen,
		.uid = broker->admins[place].uid,
		.pid = broker->admins[place].pid };
	struct failure failure = { "" };
	cJSON *report;
	bool sent;

	frame_text(frame, 0, chosen, sizeof chosen);
	if (kms_inventory_start(broker, &request, on_inventory, &failure)) {
		broker->inventory_place = (int)place;
		broker->inventory_id = frame->id;
		return true;
	}
	report = cJSON_CreateObject();
	cJSON_AddStringToObject(report, "failure", failure.text);
	sent = send_report(broker, place, frame->id, report);
	cJSON_Delete(report);
	return sent;
}

static bool answer(struct broker *broker, unsigned place, const struct frame *frame)
{
	if (frame->op == OP_ADMIN_KEYS)
		return begin_keys(broker, place, frame);
	return frame->op == OP_ADMIN_ACT ? answer_act(broker, place, frame)
					 : answer_report(broker, place, frame);
}

void admin_turn(struct broker *broker, unsigned place)
{
	struct gate *gate = &broker->admins[place].gate;
	enum channel_event event = CHANNEL_FRAME;
	struct frame frame;
	unsigned frames;
	size_t length;

	for (frames = 0; frames < TURN_FRAMES; frames++) {
		length = 0;
		event = channel_receive(broker->admins[place].fd, broker->frame, &length);
		if (event == CHANNEL_NOTHING)
			return;
		if (event == CHANNEL_CLOSED ||
		    frame_read(broker->frame, length, PARTY_ADMIN, 0, gate, &frame) !=
			FRAME_GOOD ||
		    !answer(broker, place, &frame)) {
			leave(broker, place);
			return;
		}
	}
}
