/* Which workers there are to be; workers.h has the promises. */
#include "broker/workers.h"
#include "broker/broker.h"
#include "broker/clocks.h"
#include "broker/control.h"
#include "ipc/log.h"

#include <string.h>

#define FIRST_DELAY	100u /* milliseconds */
#define LONGEST_DELAY	30000u
#define QUIET_NS	(60 * SECOND_NS)
#define READY_NS	(60 * SECOND_NS)  /* for a generation to become ready */
#define REMOTE_READY_NS (600 * SECOND_NS) /* ... while new keys become known to AWS */

/* ---- sockets ---- */

static const struct policy_pins *pins_of(const struct generation *generation)
{
	return policy_pins(generation->rules->policy);
}

/* --stdio and --check have one worker, with no socket. */
unsigned workers_sockets(const struct broker *broker, const struct generation *generation)
{
	return broker->settings.terminal || broker->settings.check
		   ? 1
		   : pins_of(generation)->sockets;
}

static const char *socket_name(
    const struct broker *broker, const struct generation *generation, unsigned i)
{
	return broker->settings.terminal ? "--stdio"
					 : pins_of(generation)->socket_name[i];
}

static bool has_socket(
    const struct broker *broker, const struct generation *generation, const char *name)
{
	unsigned i;

	for (i = 0; generation && i < workers_sockets(broker, generation); i++)
		if (strcmp(socket_name(broker, generation, i), name) == 0)
			return true;
	return false;
}

/* The generation that comes is not yet next while its sockets get their places. */
static bool in_use(const struct broker *broker, const struct generation *coming,
    const struct service *service)
{
	unsigned i;

	for (i = 0; i < broker->channels_used; i++)
		if (broker->channels[i] && broker->channels[i]->service == service)
			return true;
	return service->signings > 0 ||
	       has_socket(broker, broker->generation, service->name) ||
	       has_socket(broker, coming, service->name);
}

static struct service *service_named(struct broker *broker, const char *name)
{
	unsigned i;

	for (i = 0; i < SERVICES_MAX; i++)
		if (strcmp(broker->services[i].name, name) == 0)
			return &broker->services[i];
	return NULL;
}

bool workers_take_sockets(
    struct broker *broker, struct generation *generation, struct failure *failure)
{
	struct service *service;
	const char *name;
	unsigned i, at;

	generation->ready_by =
	    clock_boot_ns() + (broker->remote.on ? REMOTE_READY_NS : READY_NS);
	for (i = 0; i < workers_sockets(broker, generation); i++) {
		name = socket_name(broker, generation, i);
		if (service_named(broker, name))
			continue;
		for (at = 0; at < SERVICES_MAX; at++)
			if (broker->services[at].name[0] == '\0' ||
			    !in_use(broker, generation, &broker->services[at]))
				break;
		if (at == SERVICES_MAX)
			return failure_say(failure,
			    "no place for socket '%s' while removed ones drain; reload "
			    "again in %d s",
			    name, DRAIN_SECONDS);
		service = &broker->services[at];
		*service = (struct service){ 0 };
		memcpy(service->name, name, strlen(name));
	}
	return true;
}

/* ---- workers ---- */

/* The generation whose workers are to come into service: at the start the first one. */
static struct generation *candidate(const struct broker *broker)
{
	return broker->serving ? broker->next : broker->generation;
}

static unsigned count(const struct broker *broker, const struct generation *generation,
    const struct service *service, bool serving)
{
	const struct channel *channel;
	unsigned i, n = 0;

	for (i = 0; i < broker->channels_used; i++) {
		channel = broker->channels[i];
		n += channel && channel->generation == generation &&
		     channel->service == service &&
		     (!serving || (channel->open && channel->gate.phase == PHASE_SERVE));
	}
	return n;
}

static bool start(
    struct broker *broker, struct generation *generation, struct service *service)
{
	unsigned i = 0;

	while (i < CHANNELS_MAX && broker->channels[i])
		i++;
	if (i == CHANNELS_MAX)
		return false;
	broker->channels[i] = channel_new(++broker->last_worker, generation, service,
	    broker->settings.terminal ? "" : service->name);
	if (!broker->channels[i])
		return false;
	if (i >= broker->channels_used)
		broker->channels_used = i + 1;
	control_start_worker(broker, broker->channels[i]);
	return true;
}

/* Starts what a generation's sockets lack. */
static void staff(struct broker *broker, struct generation *generation, uint64_t now_ns)
{
	struct service *service;
	unsigned i, n;

	for (i = 0; generation && i < workers_sockets(broker, generation); i++) {
		service = service_named(broker, socket_name(broker, generation, i));
		n = count(broker, generation, service, false);
		if (n >= generation->workers)
			continue;
		if (now_ns < service->start_due) {
			if (service->start_due < broker->wake_ns)
				broker->wake_ns = service->start_due;
			continue;
		}
		while (n < generation->workers && start(broker, generation, service))
			n++;
	}
}

static void record_end_of(
    struct broker *broker, const struct channel *channel, const char *how)
{
	/* Nobody but the client of --stdio may let a worker end unasked. */
	const bool asked = channel->drain_by != 0 || channel->client[0] == '\0',
		   orderly = asked && strcmp(how, "exited with status 0") == 0;
	struct record_line *line =
	    audit_log_begin(&broker->log, orderly ? "worker-ended" : "worker-lost");

	record_text(line, "client", channel->socket);
	record_number(line, "worker", channel->worker);
	record_text(line, "how", how);
	record_number(line, "in_flight", channel->in_flight_count);
	audit_log_end(&broker->log);
	/* One that a reload tried in vain has served nobody. */
	if (!orderly &&
	    (channel->generation == broker->generation || channel->drain_by != 0))
		channel->service->counts[SERVICE_LOST]++;
}

void workers_drop(struct broker *broker, struct channel *channel, const char *why)
{
	if (channel->dropped)
		return;
	record_end_of(broker, channel, why);
	log_warning(
	    "worker %u (%s) is dropped: it %s", channel->worker, channel->socket, why);
	channel_close(channel);
	channel->dropped = true;
	control_say(broker, OP_DROP_WORKER, channel->worker);
}

unsigned workers_delay(struct service *service, uint64_t now_ns)
{
	unsigned doublings;

	if (now_ns - service->lost_at >= QUIET_NS)
		service->losses = 0;
	service->lost_at = now_ns;
	doublings = service->losses++;
	if (doublings == 0)
		return 0;
	return doublings > 9 ? LONGEST_DELAY : FIRST_DELAY << (doublings - 1);
}

void workers_ended(struct broker *broker, struct channel *channel, const char *how)
{
	struct service *service = channel->service;
	const uint64_t now_ns = clock_boot_ns();
	unsigned delay;

	if (!channel->dropped)
		record_end_of(broker, channel, how);
	channel_close(channel);
	channel->ended = true;
	if (broker->stopping || channel->drain_by != 0)
		return;
	if (channel->generation == candidate(broker)) {
		log_error("the new worker of %s %s", channel->socket, how);
		workers_refuse_next(broker, "was to serve with one that could not");
	} else if (channel->generation == broker->generation) {
		delay = workers_delay(service, now_ns);
		service->start_due = now_ns + delay * (SECOND_NS / 1000);
		service->restarts++;
		log_warning("the worker of %s %s; another starts in %u ms",
		    channel->socket, how, delay);
	}
}

/* ---- generations ---- */

void workers_refuse_next(struct broker *broker, const char *why)
{
	struct generation *generation = candidate(broker);
	unsigned i;

	control_say(broker, OP_RELOAD_REFUSED, generation->number);
	if (!broker->serving) {
		broker->stopping = true; /* as the supervisor is about to say */
		return;
	}
	broker->next = NULL;
	for (i = 0; i < broker->channels_used; i++)
		if (broker->channels[i] &&
		    broker->channels[i]->generation == generation &&
		    !broker->channels[i]->ended)
			workers_drop(broker, broker->channels[i], why);
	generation_release(generation);
}

static void promote(struct broker *broker, struct generation *generation)
{
	struct generation *before = broker->generation;
	unsigned i;

	if (broker->serving) {
		broker->log.policy = generation->rules->sha256;
		control_record_reload(broker, generation, NULL);
		generation_follows(generation, before);
		broker->generation = generation;
		broker->next = NULL;
		generation_release(before);
		control_record_policy(broker);
		remote_configure(broker, &generation->limits);
	}
	broker->serving = true;
	control_say(broker, OP_SERVE, generation->number);
	if (!broker->settings.check)
		log_notice("generation %u serves", generation->number);
	for (i = 0; i < SERVICES_MAX; i++)
		broker->services[i].restarts = 0;
	for (i = 0; i < broker->channels_used; i++)
		if (broker->channels[i] && broker->channels[i]->generation != generation)
			channel_drain(broker, broker->channels[i]);
}

void workers_ready(struct broker *broker, struct channel *channel)
{
	struct generation *generation = channel->generation;
	unsigned i;

	if (generation != candidate(broker))
		return;
	for (i = 0; i < workers_sockets(broker, generation); i++)
		if (count(broker, generation,
			service_named(broker, socket_name(broker, generation, i)),
			true) == 0)
			return;
	promote(broker, generation);
}

/* ---- time ---- */

static void tend_one(struct broker *broker, struct channel *channel, uint64_t now_ns)
{
	if (channel->open && channel->drain_by != 0 && now_ns > channel->drain_by)
		workers_drop(broker, channel, "did not drain");
	else if (channel->told_by != 0 && now_ns > channel->told_by)
		workers_drop(broker, channel, "closed its channel, but runs on");
}

void workers_tend(struct broker *broker, uint64_t now_ns)
{
	struct generation *coming = candidate(broker);
	struct channel *channel;
	unsigned i;

	broker->wake_ns = UINT64_MAX;
	for (i = 0; i < broker->channels_used; i++) {
		channel = broker->channels[i];
		if (channel && !channel->ended)
			tend_one(broker, channel, now_ns);
		if (channel && channel->ended) {
			signings_forget(&broker->signings, channel);
			channel_free(channel);
			broker->channels[i] = NULL;
		}
	}
	if (broker->stopping || broker->failed)
		return;
	if (coming && now_ns > coming->ready_by) {
		log_error("the new config and policy were not in service in time");
		workers_refuse_next(broker, "did not come into service in time");
		coming = NULL;
	}
	if (broker->serving)
		staff(broker, broker->generation, now_ns);
	staff(broker, coming, now_ns);
}
