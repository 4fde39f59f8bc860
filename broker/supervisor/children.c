/* Starting and burying of the broker and of workers; what follows from either is for
 * supervisor.c. */
#include "broker/supervisor/supervisor.h"
#include "ipc/channel.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define LOG_PAUSE     5	 /* one line is said, then none for so long */
#define LAST_LINES    50 /* of one that has ended */
#define FIRST_DELAY   100
#define LONGEST_DELAY 30000
#define QUIET	      60000

/* Descriptor 3 of every child is its end of a new channel; ours is the answer, or -1. The
 * policy, its descriptor 5, was opened for it alone. */
static int spawn(struct spawn *how, struct spawned *out)
{
	struct confine_error error = { "no channel" };
	int ends[2] = { -1, -1 };
	const bool good = channel_pair(ends) == 0 &&
			  (how->descriptors[3] = ends[1]) >= 0 &&
			  confine_spawn(how, out, &error) == 0;

	close(ends[1]);
	close(how->descriptors[5]);
	if (good)
		return ends[0];
	log_error("%s", error.text);
	close(ends[0]);
	return -1;
}

bool broker_start(struct supervisor *s)
{
	char *words[14] = { "privyseal-broker", "--policy-name", s->flags.policy,
		"--worker-uid", s->uid_text, "--worker-gid", s->gid_text,
		"--worker-filters", s->filters_text, "--log-level", s->flags.log_level };
	char **more = words + 11;
	struct spawn how = { ROLE_BROKER, s->broker_program, words,
		{ -1, -1, STDERR_FILENO, -1, s->listeners[0].fd,
		    root_file_reopen(s->next.policy), s->state,
		    s->environment.credentials },
		8 };
	struct spawned spawned;

	if (s->environment.journal)
		*more++ = "--journal";
	if (s->flags.check)
		*more++ = "--check";
	s->control = spawn(&how, &spawned);
	close(s->environment.credentials);
	if (s->control < 0)
		return false;
	close(spawned.status);
	s->children[0] = (struct child){ .pidfd = spawned.pidfd, .kill_due = NEVER };
	return true;
}

static struct child *free_place(struct supervisor *s)
{
	struct child *place = s->children + 1;

	while (place < s->children + CHILDREN_MAX && place->pidfd > 0)
		place++;
	return place < s->children + CHILDREN_MAX ? place : NULL;
}

bool worker_start(
    struct supervisor *s, struct listener *listener, const struct generation *of)
{
	char *words[] = { "privyseal-worker", "--uid", s->uid_text, "--gid", s->gid_text,
		"--socket", listener->name, "--config-name", s->flags.config,
		"--policy-name", s->flags.policy, "--log-level", s->flags.log_level,
		s->flags.terminal ? "--terminal"
		: s->flags.check  ? "--check"
				  : NULL,
		NULL };
	struct child *worker = free_place(s);
	struct spawned spawned;
	int log[2], channel;

	if (!worker || pipe2(log, O_CLOEXEC) != 0)
		return FAIL("there are too many workers, or no more descriptors");
	struct spawn how = { ROLE_WORKER, s->worker_program, words,
		{ s->flags.terminal ? STDIN_FILENO : -1, s->terminal_out, log[1], -1,
		    root_file_reopen(of->config), root_file_reopen(of->policy),
		    listener->fd, s->continuity },
		s->flags.terminal ? 8 : 7 };
	channel = spawn(&how, &spawned);
	close(how.descriptors[4]);
	close(log[1]);
	if (channel < 0)
		return close(log[0]), false;
	*worker = (struct child){ spawned.pidfd, NEVER, ++s->last_worker, of->number,
		listener, log[0], 0, 0, "" };
	broker_tell(s, &(struct message){ OP_WORKER_STARTED,
			   { worker->number, (uint32_t)spawned.pid, of->number },
			   listener->name, { channel, spawned.status } });
	close(channel);
	close(spawned.status);
	return true;
}

/* The first line, or what there is when no more can come; false when there is none. */
static bool say_line(struct child *child, bool whole)
{
	const char *end = memchr(child->line, '\n', child->line_length);
	size_t length = end ? (size_t)(end - child->line) : child->line_length;

	if (child->line_length == 0 || (!end && !whole))
		return false;
	if (length > 0)
		log_line(role_name(ROLE_WORKER), child->line, length);
	length += end != NULL;
	child->line_length -= length;
	memmove(child->line, child->line + length, child->line_length);
	return true;
}

bool child_has_line(const struct child *child)
{
	return memchr(child->line, '\n', child->line_length) != NULL;
}

/* A worker that says too much waits, since its pipe is full. */
bool child_read_log(struct child *child, int64_t now)
{
	ssize_t n;

	child->log_due = now + LOG_PAUSE;
	if (say_line(child, child->line_length == sizeof child->line))
		return true;
	n = read(child->log_end, child->line + child->line_length,
	    sizeof child->line - child->line_length);
	if (n > 0) {
		child->line_length += (size_t)n;
		return true;
	}
	if (say_line(child, true))
		return true;
	close(child->log_end);
	child->log_end = 0;
	return false;
}

/* By pidfd, so that nobody else is hit. Fails only for one that has ended. */
void child_kill(const struct child *child)
{
	syscall(SYS_pidfd_send_signal, child->pidfd, SIGKILL, NULL, 0);
}

int child_bury(struct child *child, int64_t now, char how[96])
{
	siginfo_t info = { 0 };
	const char *signal_name;
	unsigned lines;

	if (waitid(P_PIDFD, (id_t)child->pidfd, &info, WEXITED) != 0)
		log_error("waitid: %s", strerror(errno));
	signal_name = sigabbrev_np(info.si_status);
	if (info.si_code == CLD_EXITED)
		snprintf(how, 96, "exited with status %d", info.si_status);
	else
		snprintf(how, 96, "was killed by SIG%s%s",
		    signal_name ? signal_name : "RT",
		    info.si_status == SIGSYS ? " (a system call that its filter forbids)"
					     : "");
	for (lines = 0; lines < LAST_LINES && child->log_end > 0; lines++)
		child_read_log(child, now);
	if (child->log_end > 0)
		close(child->log_end);
	child->log_end = 0;
	close(child->pidfd);
	child->pidfd = 0;
	return info.si_code == CLD_EXITED ? info.si_status : -1;
}

int64_t restart_delay(struct restart *restart, int64_t now)
{
	unsigned doublings;

	if (now - restart->last >= QUIET)
		restart->deaths = 0;
	restart->last = now;
	doublings = restart->deaths++;
	if (doublings == 0)
		return 0;
	return doublings > 9 ? LONGEST_DELAY : (int64_t)FIRST_DELAY << (doublings - 1);
}
