/* The broker's side of the resolver; hosts.h has the promises. */
#include "broker/hosts.h"
#include "broker/broker.h"
#include "broker/clocks.h"
#include "broker/control.h"
#include "confine/confine.h"
#include "ipc/channel.h"
#include "ipc/log.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define REFRESH_NS   (60 * SECOND_NS)
#define RETRY_NS     (5 * SECOND_NS)
#define START_NS     (10 * SECOND_NS)
#define END_NS	     (2 * SECOND_NS)
#define ANSWER_NS    (40 * SECOND_NS) /* the C library's own patience: 2 x 3 x 5 s */
#define TURN_FRAMES  4
#define ADDRESS_ROOM 48 /* an IPv6 address, in brackets */

/* ---- addresses ---- */

static bool is_address(const char *text)
{
	uint8_t bytes[16];

	return inet_pton(AF_INET, text, bytes) == 1 ||
	       inet_pton(AF_INET6, text, bytes) == 1;
}

/* One of the list, which may be in brackets if it is IPv6. */
static bool is_listed_address(const char *text, size_t length)
{
	char one[ADDRESS_ROOM];
	uint8_t bytes[16];
	const bool six = length > 2 && text[0] == '[' && text[length - 1] == ']';

	if (length >= sizeof one)
		return false;
	snprintf(one, sizeof one, "%.*s", (int)(six ? length - 2 : length), text + six);
	return inet_pton(six ? AF_INET6 : AF_INET, one, bytes) == 1;
}

static bool are_addresses(const char *text)
{
	size_t length;

	for (;;) {
		length = strcspn(text, ",");
		if (!is_listed_address(text, length))
			return false;
		if (text[length] == '\0')
			return true;
		text += length + 1;
	}
}

static void keep(struct hosts *hosts, struct host *host, const char *addresses)
{
	if (strcmp(host->addresses, addresses) == 0)
		return;
	snprintf(host->addresses, sizeof host->addresses, "%s", addresses);
	log_info("%s is at %s", host->name, addresses);
	hosts->found(hosts->context, (unsigned)(host - hosts->of), addresses);
}

void hosts_begin(struct hosts *hosts, hosts_found *found, void *context)
{
	*hosts = (struct hosts){ .found = found, .context = context };
}

int hosts_add(struct hosts *hosts, const char *name)
{
	const size_t length = strlen(name);
	struct host *host = &hosts->of[hosts->count];

	if (hosts->count == HOSTS_MAX || length == 0 || length > OP_HOST_MAX)
		return -1;
	*host = (struct host){ .literal = is_address(name) };
	memcpy(host->name, name, length + 1);
	return (int)hosts->count++;
}

void hosts_failed(struct hosts *hosts, unsigned which)
{
	struct host *host = &hosts->of[which];

	if (host->asked + RETRY_NS < host->due)
		host->due = host->asked + RETRY_NS;
}

/* ---- the resolver's life ---- */

static void forget(struct hosts *hosts)
{
	if (hosts->open) {
		close(hosts->fd);
		close(hosts->status);
	}
	if (hosts->question) /* the next one is asked at once */
		hosts->question->due = 0;
	hosts->open = hosts->trusted = false;
	hosts->question = NULL;
	hosts->gate = (struct gate){ .phase = PHASE_BOOT };
}

static void lost(struct broker *broker, const char *how)
{
	struct hosts *hosts = &broker->hosts;
	const uint64_t now = clock_boot_ns();
	const unsigned delay = workers_delay(&hosts->service, now);
	struct record_line *line;

	if (audit_log_open(&broker->log)) {
		line = audit_log_begin(&broker->log, "resolver-lost");
		record_number(line, "worker", hosts->worker);
		record_text(line, "how", how);
		audit_log_end(&broker->log);
	}
	log_warning("the resolver %s; another starts in %u ms", how, delay);
	forget(hosts);
	hosts->worker = 0;
	hosts->service.start_due = now + delay * (SECOND_NS / 1000);
}

static void drop(struct broker *broker, const char *why)
{
	control_say(broker, OP_DROP_WORKER, broker->hosts.worker);
	lost(broker, why);
}

bool hosts_started(
    struct broker *broker, uint32_t worker, uint32_t pid, int descriptors[2])
{
	struct hosts *hosts = &broker->hosts;

	if (worker == 0 || worker != hosts->worker || hosts->open)
		return false;
	hosts->open = true;
	hosts->pid = pid;
	hosts->fd = descriptors[0];
	hosts->status = descriptors[1];
	descriptors[0] = descriptors[1] = -1;
	return true;
}

bool hosts_ended(struct broker *broker, uint32_t worker, const char *how)
{
	if (worker == 0 || worker != broker->hosts.worker)
		return false;
	if (broker->stopping)
		forget(&broker->hosts);
	else
		lost(broker, how);
	return true;
}

/* It is believed to be what it should be when the kernel says so. */
static bool is_sealed(struct broker *broker, struct confine_error *error)
{
	struct hosts *hosts = &broker->hosts;
	struct process_status status;

	snprintf(error->text, sizeof error->text, "the kernel does not tell its status");
	hosts->trusted = hosts->trusted ||
			 (confine_status_read(hosts->status, &status) == 0 &&
			     confine_status_check(&status, ROLE_RESOLVER,
				 broker->settings.uid, broker->settings.gid, error) &&
			     status.lines[STATUS_FILTERS].values[0] >= hosts->filters);
	return hosts->trusted;
}

/* ---- questions and answers ---- */

static void ask(struct broker *broker, struct host *host, uint64_t now_ns)
{
	struct hosts *hosts = &broker->hosts;
	uint8_t bytes[512];
	struct frame_writer w;

	frame_begin(&w, bytes, sizeof bytes, OP_RESOLVE, ++hosts->last_id);
	frame_put_text(&w, host->name);
	if (channel_send(hosts->fd, bytes, frame_end(&w)) != 0)
		return; /* it has ended, which is about to be told */
	hosts->question = host;
	hosts->by = now_ns + ANSWER_NS;
	host->asked = now_ns;
	host->due = now_ns + REFRESH_NS;
}

/* What it says is not found stays where it was. */
static void not_found(struct host *host, const char *reason)
{
	char trouble[sizeof host->trouble];

	host->due = host->asked + RETRY_NS;
	snprintf(trouble, sizeof trouble, "%.127s", reason);
	if (strcmp(trouble, host->trouble) == 0)
		return;
	memcpy(host->trouble, trouble, sizeof trouble);
	log_warning("no address of %s: %s%s", host->name, trouble,
	    host->addresses[0] != '\0' ? "; the former ones stay in use"
				       : "; see /etc/resolv.conf and /etc/hosts");
}

static void take(struct broker *broker, const struct frame *frame)
{
	struct hosts *hosts = &broker->hosts;
	struct host *host = hosts->question;
	char addresses[OP_ADDRESSES_MAX + 1], reason[OP_TEXT_MAX + 1];
	struct confine_error error;

	if (!host || frame->id != hosts->last_id) {
		drop(broker, "answers what it was not asked");
		return;
	}
	if (!is_sealed(broker, &error)) {
		drop(broker, error.text);
		return;
	}
	frame_text(frame, 0, addresses, sizeof addresses);
	frame_text(frame, 1, reason, sizeof reason);
	if (strlen(addresses) != frame_length(frame, 0) ||
	    (addresses[0] != '\0' && !are_addresses(addresses))) {
		drop(broker, "answers what are no addresses");
		return;
	}
	hosts->question = NULL;
	if (addresses[0] == '\0') {
		not_found(host, reason);
		return;
	}
	host->trouble[0] = '\0';
	keep(hosts, host, addresses);
}

int hosts_fd(const struct broker *broker)
{
	return broker->hosts.open ? broker->hosts.fd : -1;
}

void hosts_turn(struct broker *broker)
{
	struct hosts *hosts = &broker->hosts;
	enum channel_event event;
	enum frame_fault fault;
	struct frame frame;
	size_t length;
	unsigned i;

	for (i = 0; i < TURN_FRAMES && hosts->open; i++) {
		length = 0;
		event = channel_receive(hosts->fd, broker->frame, &length);
		if (event == CHANNEL_NOTHING)
			return;
		if (event == CHANNEL_CLOSED) { /* its end is about to be told */
			forget(hosts);
			hosts->by = clock_boot_ns() + END_NS;
			return;
		}
		fault = frame_read(
		    broker->frame, length, PARTY_RESOLVER, 0, &hosts->gate, &frame);
		if (fault == FRAME_GOOD)
			take(broker, &frame);
		else
			drop(broker, frame_fault_text(fault));
	}
}

/* ---- time ---- */

/* The one to ask for next; NULL: none, as all are addresses. */
static struct host *next_due(struct hosts *hosts)
{
	struct host *host = hosts->of, *first = NULL;

	for (; host < hosts->of + hosts->count; host++) {
		if (host->literal)
			continue;
		if (!first || host->due < first->due)
			first = host;
	}
	return first;
}

/* An address is its own. */
static void keep_literals(struct hosts *hosts)
{
	char bracketed[OP_HOST_MAX + 3];
	struct host *host = hosts->of;

	for (; host < hosts->of + hosts->count; host++) {
		if (!host->literal || host->addresses[0] != '\0')
			continue;
		snprintf(bracketed, sizeof bracketed,
		    strchr(host->name, ':') ? "[%s]" : "%s", host->name);
		keep(hosts, host, bracketed);
	}
}

/* One that is started while the supervisor is not sealed has no filter of its. */
static void start(struct broker *broker, uint64_t now_ns)
{
	struct hosts *hosts = &broker->hosts;

	forget(hosts);
	hosts->worker = ++broker->last_worker;
	hosts->filters = broker->settings.filters - !broker->announced;
	hosts->by = now_ns + START_NS;
	control_say(broker, OP_START_RESOLVER, hosts->worker);
}

void hosts_tend(struct broker *broker, uint64_t now_ns)
{
	struct hosts *hosts = &broker->hosts;
	struct host *host;
	uint64_t wake;

	if (hosts->count == 0 || broker->stopping || broker->failed)
		return;
	keep_literals(hosts);
	host = next_due(hosts);
	if (!host)
		return;
	if (hosts->worker != 0 && (!hosts->open || hosts->question) && now_ns > hosts->by)
		drop(broker, hosts->open ? "does not answer" : "has no channel");
	if (hosts->worker == 0 && now_ns >= hosts->service.start_due)
		start(broker, now_ns);
	if (hosts->open && !hosts->question && now_ns >= host->due)
		ask(broker, host, now_ns);
	wake = hosts->worker == 0		 ? hosts->service.start_due
	       : !hosts->open || hosts->question ? hosts->by
						 : next_due(hosts)->due;
	if (wake < broker->wake_ns)
		broker->wake_ns = wake;
}
