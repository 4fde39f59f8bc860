/* Starting and burying of the broker and of workers; what follows from either is for
 * supervisor.c. */
#include "broker/supervisor/supervisor.h"
#include "ipc/channel.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define LOG_PAUSE  5  /* one line is said, then none for so long */
#define LAST_LINES 50 /* of one that has ended */

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
	char *words[15] = { "privyseal-broker", "--policy-name", s->flags.policy, "--uid",
		s->uid_text, "--gid", s->gid_text, "--filters", s->filters_text,
		"--log-level", s->flags.log_level };
	char **more = words + 11;
	struct spawn how = { ROLE_BROKER, s->broker_program, words,
		{ -1, -1, STDERR_FILENO, -1, s->listeners[0].fd,
		    root_file_reopen(s->next.policy), s->state,
		    s->environment.credentials, s->environment.hidden[0],
		    s->environment.hidden[1], s->environment.hidden[2],
		    s->environment.hidden[3] },
		12 };
	struct spawned spawned;
	unsigned i;

	if (s->environment.journal)
		*more++ = "--journal";
	if (s->flags.check)
		*more++ = "--check";
	if (s->flags.terminal)
		*more++ = "--terminal";
	s->control = spawn(&how, &spawned);
	close(s->environment.credentials);
	for (i = 0; i < 4; i++)
		close(s->environment.hidden[i]);
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

/* With several sockets a worker's lines name its own. */
static void name_role(
    const struct supervisor *s, const char *socket, char *role, size_t room)
{
	const struct listener *listener = s->listeners + 1;
	unsigned count = 0;

	for (; listener < s->listeners + LISTENERS_MAX; listener++)
		count += listener->name[0] != '\0';
	snprintf(role, room, socket && count > 1 ? "%s %s" : "%s",
	    role_name(socket ? ROLE_WORKER : ROLE_RESOLVER), socket);
}

/* The channel, which the broker is to have; -1 with a line. */
static int launch(const struct supervisor *s, const struct generation *of, int listener,
    char *socket, int log, struct spawned *out)
{
	char *words[] = { "privyseal-worker", "--uid", (char *)(uintptr_t)s->uid_text,
		"--gid", (char *)(uintptr_t)s->gid_text, "--socket", socket,
		"--config-name", s->flags.config, "--policy-name", s->flags.policy,
		"--log-level", s->flags.log_level,
		s->flags.terminal ? "--terminal"
		: s->flags.check  ? "--check"
				  : NULL,
		NULL };
	struct spawn how = { ROLE_WORKER, s->worker_program, words,
		{ s->flags.terminal ? STDIN_FILENO : -1, s->terminal_out, log, -1,
		    root_file_reopen(of->config), root_file_reopen(of->policy), listener,
		    s->continuity },
		s->flags.terminal ? 8 : 7 };
	const int channel = spawn(&how, out);

	close(how.descriptors[4]);
	return channel;
}

static int launch_resolver(const struct supervisor *s, int log, struct spawned *out)
{
	char *words[] = { "privyseal-resolver", "--uid", (char *)(uintptr_t)s->uid_text,
		"--gid", (char *)(uintptr_t)s->gid_text, "--log-level",
		s->flags.log_level, NULL };
	struct spawn how = { ROLE_RESOLVER, s->resolver_program, words,
		{ -1, -1, log, -1, -1, -1 }, 4 };

	return spawn(&how, out);
}

/* Its standard error is a channel as well: a datagram is a line. */
static bool start(struct supervisor *s, struct child *worker, uint32_t number,
    uint32_t generation, char *socket)
{
	const bool has_listener = !s->flags.terminal && !s->flags.check;
	const struct generation *of =
	    generation == s->next.number ? &s->next : &s->current;
	const struct listener *listener =
	    socket ? listener_of(s, socket, generation) : NULL;
	struct spawned spawned;
	int log[2], channel;

	if (s->stopping)
		return false; /* it was asked for before the broker knew */
	if (socket &&
	    (generation == 0 || of->number != generation || (has_listener && !listener)))
		return FAIL(
		    "the broker wants a worker for what is over (%s, generation %u)",
		    socket, generation);
	if (!worker || channel_pair(log) != 0)
		return FAIL("there are too many workers, or no more descriptors");
	channel = !socket ? launch_resolver(s, log[1], &spawned)
			  : launch(s, of, has_listener ? listener->fd : -1, socket,
				log[1], &spawned);
	close(log[1]);
	if (channel < 0)
		return close(log[0]), false;
	*worker = (struct child){ spawned.pidfd, NEVER, !socket, number, log[0], 0, "" };
	name_role(s, socket, worker->role, sizeof worker->role);
	broker_tell(
	    s, &(struct message){ OP_WORKER_STARTED, { number, (uint32_t)spawned.pid },
		   NULL, { channel, spawned.status } });
	close(channel);
	close(spawned.status);
	return true;
}

void worker_start(
    struct supervisor *s, uint32_t number, uint32_t generation, char *socket)
{
	if (!start(s, free_place(s), number, generation, socket))
		broker_tell(s, &(struct message){ OP_WORKER_ENDED, { number },
				   "could not be started", { 0 } });
}

/* One that says too much waits or loses lines: its channel is full. */
bool child_read_log(struct child *child, int64_t now)
{
	char line[LOG_LINE_MAX];
	size_t length;
	ssize_t n = read(child->log, line, sizeof line);

	child->log_due = now + LOG_PAUSE;
	if (n <= 0) {
		close(child->log);
		child->log = 0;
		return false;
	}
	length = (size_t)n - (line[n - 1] == '\n');
	if (length > 0)
		log_line(child->role, line, length);
	return true;
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
	for (lines = 0; lines < LAST_LINES && child->log > 0; lines++)
		child_read_log(child, now);
	if (child->log > 0)
		close(child->log);
	child->log = 0;
	close(child->pidfd);
	child->pidfd = 0;
	return info.si_code == CLD_EXITED ? info.si_status : -1;
}
