/*
 * The loop, one poll() over everything that can happen, and what follows from it for the
 * generations. A reload starts a worker of the next generation for each listener, beside
 * those of the current one; the start is a reload with no current one. The broker alone
 * decides when the next is the current: when it has called each of these workers ready,
 * whatever has become of one since. So READYs are counted, and what was read is kept
 * after a reload that failed, since the last READY may still be on its way.
 */
#include "broker/supervisor/supervisor.h"
#include "policy/policy.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>

#define CONFIG_MAX  1048576u
#define DRAIN_TIME  10000 /* milliseconds: to finish what has begun */
#define BROKER_TIME 2000  /* what the broker has beyond its workers */
#define READY_TIME  60000 /* for a generation to become ready */

/* What is polled; after these, two places for each child. */
enum {
	AT_CONTROL,
	AT_SIGNALS,
	AT_COPIED,
	AT_CHILDREN,
	PLACES = AT_CHILDREN + 2 * CHILDREN_MAX
};

static int64_t clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void stop(struct supervisor *s, enum exit_status status, int64_t grace)
{
	unsigned i;

	if (status != EXIT_DONE)
		s->status = status;
	if (s->stopping)
		return;
	s->stopping = true;
	notify_send(s->notify, "STOPPING=1");
	broker_tell(s, &(struct message){ .op = OP_STOP });
	for (i = 0; i < CHILDREN_MAX; i++)
		s->children[i].kill_due = s->now + grace + (i == 0 ? BROKER_TIME : 0);
}

/* ---- generations ---- */

static void forget(struct generation *generation)
{
	if (generation->number != 0) {
		close(generation->config);
		close(generation->policy);
	}
	*generation = (struct generation){ 0 };
}

bool generation_read(struct supervisor *s)
{
	forget(&s->next);
	s->reloading = true;
	s->ready_due = clock_now() + READY_TIME;
	s->next = (struct generation){ ++s->last_generation,
		root_file_take(
		    s->flags.config, CONFIG_MAX, "auth_service: {cluster_name: NAME}"),
		root_file_take(s->flags.policy, POLICY_TEXT_MAX, "a line cluster NAME"),
		0 };
	return s->next.config >= 0 && s->next.policy >= 0;
}

static void set_kill_due(struct supervisor *s, uint32_t generation, int64_t when)
{
	unsigned i;

	for (i = 1; i < CHILDREN_MAX; i++)
		if (s->children[i].generation == generation)
			s->children[i].kill_due = when;
}

static void give_up(struct supervisor *s)
{
	s->reloading = false;
	if (s->current.number == 0) {
		stop(s, EXIT_FAILED, 0);
		return;
	}
	set_kill_due(s, s->next.number, s->now);
	log_error("nothing is reloaded: the config and the policy stay as they were");
	notify_send(s->notify, "READY=1");
}

static void reload(struct supervisor *s)
{
	char state[64];
	int policy = -1;

	s->reload_wanted = false;
	snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%lld",
	    (long long)s->now * 1000);
	notify_send(s->notify, state);
	if (generation_read(s))
		policy = root_file_reopen(s->next.policy);
	if (policy < 0) {
		give_up(s);
		return;
	}
	broker_tell(
	    s, &(struct message){ OP_RELOAD, { s->next.number }, NULL, { policy } });
	close(policy);
}

void on_accepted(struct supervisor *s, uint32_t generation, bool accepted)
{
	bool good = accepted;
	unsigned i;

	if (!s->reloading || generation != s->next.number || s->stopping)
		return;
	for (i = 1; i < s->listener_count && good; i++)
		good = worker_start(s, &s->listeners[i], &s->next);
	if (!good)
		give_up(s);
}

void on_ready(struct supervisor *s, uint32_t generation)
{
	const bool is_start = s->current.number == 0;

	if (s->stopping || s->flags.check || generation != s->next.number ||
	    ++s->next.ready < s->listener_count - 1)
		return;
	set_kill_due(s, s->current.number, s->now + DRAIN_TIME);
	forget(&s->current);
	s->current = s->next;
	s->next = (struct generation){ 0 };
	s->reloading = false;
	if (is_start && !listeners_publish(s)) {
		stop(s, EXIT_FAILED, 0);
		return;
	}
	notify_send(s->notify, "READY=1");
	log_notice(
	    is_start ? "privyseald is ready: %s" : "config and policy are reloaded: %s",
	    s->flags.terminal ? "standard input and output" : s->listeners[1].path);
}

/* ---- what happens ---- */

static void take_signal(struct supervisor *s)
{
	struct signalfd_siginfo info;

	if (read(s->signals, &info, sizeof info) != (ssize_t)sizeof info)
		return;
	if (info.ssi_signo != SIGHUP) {
		log_notice("privyseald stops");
		stop(s, EXIT_DONE, DRAIN_TIME);
	} else if (s->flags.terminal) {
		log_warning("with --stdio there is no reload; start privyseald anew");
	} else {
		s->reload_wanted = true;
	}
}

/* --stdio into a regular file: a worker may not write to files. */
static bool copy_output(struct supervisor *s)
{
	char bytes[65536];
	ssize_t n = read(s->copied, bytes, sizeof bytes), done = 0, written;

	for (; done < n; done += written) {
		written = write(STDOUT_FILENO, bytes + done, (size_t)(n - done));
		if (written < 0) {
			log_error("standard output: %s", strerror(errno));
			stop(s, EXIT_FAILED, 0);
			return false;
		}
	}
	return n > 0;
}

static void broker_ended(struct supervisor *s)
{
	char how[96];

	if (child_bury(&s->children[0], s->now, how) == 0 && s->stopping)
		return;
	if (s->status == EXIT_DONE)
		log_error("the broker %s, and everything ends with it", how);
	s->status = EXIT_FAILED;
}

/* Has the time come? If not, the loop wakes for it. */
static bool due(struct supervisor *s, int64_t when)
{
	if (when > s->now && when < s->wake_due)
		s->wake_due = when;
	return when <= s->now;
}

static void start_later(struct supervisor *s, struct listener *listener, const char *how)
{
	const int64_t delay = restart_delay(&listener->restart, s->now);

	listener->start_due = s->now + delay + 1;
	due(s, listener->start_due);
	log_warning("the worker of %s %s; another starts in %d ms", listener->name, how,
	    (int)delay);
}

static void worker_ended(struct supervisor *s, struct child *worker)
{
	char how[96];
	const int status = child_bury(worker, s->now, how);

	broker_tell(
	    s, &(struct message){ OP_WORKER_ENDED, { worker->number }, how, { 0 } });
	if (s->stopping)
		return;
	if (s->flags.terminal && status == 0) { /* the input has ended */
		stop(s, EXIT_DONE, DRAIN_TIME);
	} else if (s->flags.check && status == 0) {
		dprintf(STDOUT_FILENO, "privyseald: %s and %s are good\n",
		    s->flags.config, s->flags.policy);
		stop(s, EXIT_DONE, 0);
	} else if (worker->generation == s->current.number) {
		start_later(s, worker->listener, how);
	} else if (worker->generation == s->next.number && s->reloading) {
		log_error("the new worker of %s %s", worker->listener->name, how);
		give_up(s);
	}
}

/* ---- the loop ---- */

static bool has_worker(const struct supervisor *s, const struct listener *listener)
{
	unsigned i;

	for (i = 1; i < CHILDREN_MAX; i++)
		if (s->children[i].pidfd > 0 && s->children[i].listener == listener &&
		    s->children[i].generation == s->current.number)
			return true;
	return false;
}

static void tend(struct supervisor *s)
{
	struct listener *listener = s->listeners + 1;
	struct child *child = s->children;

	if (s->reload_wanted && !s->reloading && !s->stopping)
		reload(s);
	if (s->reloading && !s->stopping && due(s, s->ready_due)) {
		log_error("the new config and policy were not in service within %d s",
		    READY_TIME / 1000);
		give_up(s);
	}
	for (; listener < s->listeners + s->listener_count; listener++)
		if (s->current.number != 0 && !s->stopping && !has_worker(s, listener) &&
		    due(s, listener->start_due) &&
		    !worker_start(s, listener, &s->current))
			start_later(s, listener, "can't be started");
	for (; child < s->children + CHILDREN_MAX; child++) {
		if (child->pidfd > 0 && due(s, child->kill_due)) {
			child_kill(child);
			child->kill_due = NEVER;
		}
		if (child_has_line(child) && due(s, child->log_due))
			child_read_log(child, s->now);
	}
}

static struct pollfd readable(int fd)
{
	return (struct pollfd){ .fd = fd > 0 ? fd : -1, .events = POLLIN };
}

static void wait_for(struct supervisor *s, struct pollfd places[PLACES])
{
	struct child *child = s->children;
	struct pollfd *place = &places[AT_CHILDREN];

	places[AT_CONTROL] = readable(s->control);
	places[AT_SIGNALS] = readable(s->signals);
	places[AT_COPIED] = readable(s->copied);
	for (; child < s->children + CHILDREN_MAX; child++) {
		*place++ = readable(child->pidfd);
		*place++ = readable(
		    child->log_end > 0 && due(s, child->log_due) && !child_has_line(child)
			? child->log_end
			: -1);
	}
	poll(places, PLACES, s->wake_due == NEVER ? -1 : (int)(s->wake_due - s->now));
	s->now = clock_now();
	s->wake_due = NEVER;
}

/* The broker's words go before deaths, since a worker that it has called ready was ready;
 * its own death goes last, after these words and after its workers' ends. */
static void attend(struct supervisor *s, const struct pollfd places[PLACES])
{
	unsigned i;

	broker_read(s);
	if (places[AT_SIGNALS].revents)
		take_signal(s);
	if (places[AT_COPIED].revents)
		copy_output(s);
	for (i = CHILDREN_MAX; i-- > 0;) {
		if (places[AT_CHILDREN + 2 * i + 1].revents)
			child_read_log(&s->children[i], s->now);
		if (places[AT_CHILDREN + 2 * i].revents && i > 0)
			worker_ended(s, &s->children[i]);
		else if (places[AT_CHILDREN + 2 * i].revents)
			broker_ended(s);
	}
}

enum exit_status supervise(struct supervisor *s)
{
	struct pollfd places[PLACES];
	char how[96];
	unsigned i;

	s->wake_due = NEVER;
	s->now = clock_now();
	while (s->children[0].pidfd > 0) {
		tend(s);
		wait_for(s, places);
		attend(s, places);
	}
	for (i = 1; i < CHILDREN_MAX; i++)
		if (s->children[i].pidfd > 0) {
			child_kill(&s->children[i]);
			child_bury(&s->children[i], s->now, how);
		}
	if (s->copied > 0) {
		close(s->terminal_out); /* the last writer, so that there is an end */
		while (copy_output(s))
			;
	}
	return s->status;
}
