/*
 * The loop, one poll() over everything that can happen. A reload is read into the next
 * generation, which the broker judges, has workers for, and then makes the current one or
 * refuses; the start is a reload with no current one.
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
	s->next = (struct generation){ ++s->last_generation,
		root_file_take(
		    s->flags.config, CONFIG_MAX, "auth_service: {cluster_name: NAME}"),
		root_file_take(s->flags.policy, POLICY_TEXT_MAX, "a line cluster NAME") };
	return s->next.config >= 0 && s->next.policy >= 0;
}

bool generation_refused(struct supervisor *s, uint32_t number)
{
	if (number == 0 || number != s->next.number)
		return FAIL("the broker refuses what it was not asked for");
	if (s->current.number == 0)
		return false; /* the start has failed */
	forget(&s->next);
	listeners_remove(s, false);
	log_error("nothing is reloaded: the config and the policy stay as they were");
	notify_send(s->notify, "READY=1");
	return true;
}

bool generation_serve(struct supervisor *s, uint32_t number)
{
	const bool is_start = s->current.number == 0;

	if (number == 0 || number != s->next.number)
		return FAIL("the broker serves what it was not asked for");
	forget(&s->current);
	s->current = s->next;
	s->next = (struct generation){ 0 };
	if (s->stopping || s->flags.check)
		return true;
	if (!listeners_publish(s))
		return false;
	notify_send(s->notify, "READY=1");
	log_notice(
	    is_start ? "privyseald is ready: %s" : "config and policy are reloaded: %s",
	    s->flags.terminal ? "standard input and output" : s->flags.runtime_directory);
	return true;
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
	if (policy >= 0)
		broker_tell(s, &(struct message){ OP_RELOAD,
				   { s->next.number, s->reload_uid, s->reload_pid }, NULL,
				   { policy } });
	else
		generation_refused(s, s->next.number);
	close(policy);
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
		s->reload_uid = info.ssi_uid;
		s->reload_pid = info.ssi_pid;
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

static void worker_ended(struct supervisor *s, struct child *worker)
{
	char how[96];
	const int status = child_bury(worker, s->now, how);

	if (status == 0 && !worker->resolver && s->flags.check && !s->stopping)
		dprintf(STDOUT_FILENO, "privyseald: %s and %s are good\n",
		    s->flags.config, s->flags.policy);
	if (status == 0 && !worker->resolver &&
	    (s->flags.check || s->flags.terminal)) /* the input has ended */
		stop(s, EXIT_DONE, s->flags.check ? 0 : DRAIN_TIME);
	broker_tell(
	    s, &(struct message){ OP_WORKER_ENDED, { worker->number }, how, { 0 } });
}

/* ---- the loop ---- */

static void tend(struct supervisor *s)
{
	struct child *child = s->children;

	if (s->reload_wanted && s->next.number == 0 && !s->stopping)
		reload(s);
	for (; child < s->children + CHILDREN_MAX; child++)
		if (child->pidfd > 0 && due(s, child->kill_due)) {
			child_kill(child);
			child->kill_due = NEVER;
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
		*place++ =
		    readable(child->log > 0 && due(s, child->log_due) ? child->log : -1);
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
