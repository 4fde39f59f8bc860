/*
 * The broker's loop: who may speak is polled, each in its turn, and no one longer than
 * the others. What was asked in a turn is one batch: recorded by one fdatasync, signed,
 * answered.
 */
#include "broker/admin.h"
#include "broker/broker.h"
#include "broker/clocks.h"
#include "broker/control.h"
#include "broker/signing_threads.h"
#include "ipc/log.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#define TURN_FRAMES	8 /* of one channel, before the next has its turn */
#define ROUNDS		8
#define TICK_MS		1000 /* deadlines and counted refusals are looked at so often */
#define UNSYNCED_MS	20   /* how long a line may wait for others before it is synced */
#define UNSYNCED_NS	(SECOND_NS / 2) /* ... and when the others never cease */
#define SIGNED		2 /* the keystore's threads have finished something */
#define RESOLVER	3
#define FIRST_ADMIN	4
#define FIRST_CHANNEL	(FIRST_ADMIN + ADMINS_MAX)
#define DESCRIPTORS_MAX (FIRST_CHANNEL + CHANNELS_MAX + REMOTE_DESCRIPTORS_MAX)

bool broker_ready(const struct broker *broker)
{
	return audit_log_open(&broker->log) && ca_making_complete(broker) &&
	       !broker->stopping;
}

bool broker_write_head(struct broker *broker)
{
	struct failure failure = { "" };

	if (!audit_log_commit(&broker->log))
		return false;
	broker->state.head_sequence = broker->log.sequence;
	memcpy(broker->state.head_hash, broker->log.hash, sizeof broker->state.head_hash);
	broker->head_written_ns = clock_boot_ns();
	/* Who has the log of this moment can tell later whether the record was rewritten.
	 */
	log_info("record: sequence %llu, hash %s",
	    (unsigned long long)broker->log.sequence, broker->log.hash);
	broker->state_unwritten =
	    !state_write(&broker->state, &broker->state_directory, &failure);
	if (broker->state_unwritten)
		log_error("%s", failure.text);
	return !broker->state_unwritten;
}

/* Workers wait until the record is there, since nothing may happen without it; and while
 * the keystore has as much to do as there are places. */
static bool workers_may_speak(struct broker *broker)
{
	return (broker->settings.check || broker->log.fd >= 0) &&
	       signings_next(&broker->signings);
}

static short worker_events(struct broker *broker, const struct channel *channel)
{
	short events = channel->queued > 0 ? POLLOUT : 0;

	if (workers_may_speak(broker) && channel_has_room(broker, channel))
		events |= POLLIN;
	return events;
}

/* Every descriptor has its fixed place; poll() skips negative ones. */
static unsigned fill(struct broker *broker, struct pollfd *polled)
{
	bool place = false;
	unsigned i;
	int admin;

	for (i = 0; i < ADMINS_MAX; i++) {
		polled[FIRST_ADMIN + i] =
		    (struct pollfd){ .fd = broker->admins[i].fd, .events = POLLIN };
		place = place || broker->admins[i].fd < 0;
	}
	polled[0] = (struct pollfd){ .fd = DESCRIPTOR_CONTROL, .events = POLLIN };
	admin = place && !broker->settings.check ? DESCRIPTOR_ADMIN : -1;
	polled[1] = (struct pollfd){ .fd = admin, .events = POLLIN };
	polled[RESOLVER] = (struct pollfd){ .fd = hosts_fd(broker), .events = POLLIN };
	polled[SIGNED] = (struct pollfd){
		.fd = broker->keystore.threads ? broker->keystore.threads->event : -1,
		.events = POLLIN
	};
	for (i = 0; i < broker->channels_used; i++) {
		struct pollfd *one = &polled[FIRST_CHANNEL + i];

		*one = (struct pollfd){ .fd = -1 };
		if (broker->channels[i] && broker->channels[i]->open) {
			one->fd = broker->channels[i]->fd;
			one->events = worker_events(broker, broker->channels[i]);
		}
	}
	return FIRST_CHANNEL + broker->channels_used;
}

/* Rounds over the workers, each a few frames, until the batch is full or nobody has more;
 * but not for ever, since refused requests do not fill a batch. Who was first is last in
 * the next round, and in the next turn: where places are few, the first takes them all.
 */
static void gather(struct broker *broker)
{
	const unsigned used = broker->channels_used;
	unsigned i, round, frames = 1;
	struct channel *channel;

	if (!workers_may_speak(broker))
		return;
	for (round = 0; round < ROUNDS && frames > 0; round++) {
		frames = 0;
		for (i = 0; i < used; i++) {
			channel = broker->channels[(broker->turn + round + i) % used];
			if (channel && channel->open)
				frames += channel_turn(broker, channel, TURN_FRAMES);
		}
	}
	broker->turn++;
}

static void flush(struct broker *broker)
{
	unsigned i;

	for (i = 0; i < broker->channels_used; i++)
		if (broker->channels[i] && broker->channels[i]->queued > 0)
			channel_flush(broker, broker->channels[i]);
}

static void tend(struct broker *broker, bool idle)
{
	uint64_t now = clock_boot_ns();
	uint32_t segment;

	refusals_flush(broker, now);
	sign_tend(broker, now);
	/* A worker that never pauses must not keep its own offences off the disk. */
	if (audit_log_open(&broker->log) &&
	    (idle || now > broker->committed_ns + UNSYNCED_NS)) {
		audit_log_commit(&broker->log);
		broker->committed_ns = now;
	}
	segment = audit_log_next(&broker->log);
	if (segment > 0)
		control_say(broker, OP_NEXT_SEGMENT, segment);
	workers_tend(broker, now);
	hosts_tend(broker, now);
	remote_tend(broker, now);
	control_tend(broker, now);
	if (now >= broker->alerts.looked_ns + SECOND_NS)
		alerts_look(broker, now);
}

/* `remote`: how many of the last descriptors are the remote keystore's. */
static void turn(
    struct broker *broker, const struct pollfd *polled, unsigned count, unsigned remote)
{
	unsigned i;

	if (polled[0].revents != 0)
		control_turn(broker);
	if (polled[1].revents != 0)
		admin_accept(broker);
	for (i = 0; i < ADMINS_MAX; i++)
		if (polled[FIRST_ADMIN + i].revents != 0)
			admin_turn(broker, i);
	if (polled[RESOLVER].revents != 0)
		hosts_turn(broker);
	if (polled[SIGNED].revents != 0)
		signing_threads_turn(broker->keystore.threads);
	gather(broker);
	sign_batch(broker);
	remote_turn(broker, polled + count, remote);
	flush(broker);
}

static int wait_ms(const struct broker *broker, int most)
{
	const uint64_t now = clock_boot_ns();
	const int remote = remote_wait_ms(broker);

	most = remote >= 0 && remote < most ? remote : most;
	if (broker->wake_ns <= now)
		return 0;
	return broker->wake_ns - now < (uint64_t)most * (SECOND_NS / 1000)
		   ? (int)((broker->wake_ns - now) / (SECOND_NS / 1000)) + 1
		   : most;
}

int broker_run(struct broker *broker)
{
	struct pollfd polled[DESCRIPTORS_MAX];
	unsigned count, remote;
	bool synced;
	int ready;

	while (!broker->finished && !broker->failed) {
		count = fill(broker, polled);
		remote = remote_fill(broker, polled + count);
		synced = broker->log.durable == broker->log.sequence;
		ready = poll(polled, count + remote,
		    wait_ms(broker, synced ? TICK_MS : UNSYNCED_MS));
		if (ready < 0 && errno != EINTR) {
			log_error("poll: %s", strerror(errno));
			return 1;
		}
		if (ready > 0 || remote_wait_ms(broker) == 0)
			turn(broker, polled, count, remote);
		tend(broker, ready == 0);
	}
	if (audit_log_open(&broker->log))
		audit_log_commit(&broker->log);
	return broker->finished && !broker->failed ? 0 : 1;
}
