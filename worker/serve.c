/*
 * The loop. A turn polls once, takes what the broker said, reads each client once,
 * handles a few lines of each, sends what is queued to the broker, and writes answers. So
 * no client waits for another's backlog, and nothing blocks but poll itself.
 */
#include "worker/serve.h"

#include "ipc/log.h"
#include "worker/rpc.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LINES_A_TURN   8 /* of one client */
#define ACCEPTS_A_TURN 16
#define FRAMES_A_TURN  64
#define ACCEPT_REST_MS 100 /* after the system had no descriptor left */
#define TELL_MS	       1000
#define HEAR_MS	       1000 /* while draining: for clients who have said nothing yet */

enum { POLL_BROKER, POLL_LISTENER, POLL_CLIENTS };

struct server {
	struct worker *worker;
	int listener;
	bool terminal_gone;	    /* the one client of --stdio has ended */
	bool channel_full;	    /* wait until the broker has read */
	bool more;		    /* lines are left for the next turn */
	int64_t accept_again;	    /* ms; 0: now */
	int64_t tell_refused_again; /* ms: of requests that the policy refused */
	int64_t tell_again;	    /* ms: of clients that were cut off */
	int64_t drain_until;	    /* ms; 0: not draining */
	int64_t look_again;	    /* ms: for who does not read; -1: memory is left */
	unsigned first_served;	    /* which client is, modulo their number */
	/* on --stdio the one client has two: what is read and what is written */
	struct pollfd polls[POLL_CLIENTS + CONNECTIONS_MAX + 1];
};

int64_t worker_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec;
}

int64_t worker_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the broker ---- */

/* One of the answers that `bit` stands for; with the last, whoever waited is answered. */
static void came(struct worker *worker, unsigned bit)
{
	worker->asked &= ~bit;
	if (worker->asked != 0 || worker->to_ask != 0)
		return;
	worker->ready = true;
	methods_authorities_came(worker);
}

static void took_authority(void *context, enum ca ca, const char *json, size_t length)
{
	struct worker *worker = context;
	char error[AUTHORITY_ERROR_MAX];

	if (authorities_take(&worker->authorities, ca, json, length, error)) {
		came(worker, 1u << ca);
		return;
	}
	log_error("%s", error);
	worker->broken = true;
}

static void took_alerts(void *context, const char *json, size_t length)
{
	struct worker *worker = context;
	char *text = strndup(json, length);

	if (!text) {
		log_error("no memory for the alerts");
		worker->broken = true;
		return;
	}
	free(worker->alerts);
	worker->alerts = text;
	came(worker, ASK_ALERTS);
}

/* An answer to nothing that was asked: the two of us no longer agree. */
static struct pending *find_sent(struct worker *worker, uint32_t id)
{
	struct pending *pending = pendings_find(&worker->pendings, id);

	if (pending && pending->state == PENDING_SENT)
		return pending;
	log_error("the broker answered a request that was not asked");
	worker->broken = true;
	return NULL;
}

static void took_signed(void *context, uint32_t id, const uint8_t *serial,
    size_t serial_length, const uint8_t *signature, size_t signature_length)
{
	struct pending *pending = find_sent(context, id);

	if (pending)
		methods_signed(
		    context, pending, serial, serial_length, signature, signature_length);
}

static void took_refused(void *context, uint32_t id, const struct broker_refusal *refusal)
{
	struct pending *pending = find_sent(context, id);

	if (pending)
		methods_refused(context, pending, refusal);
}

static void took_unavailable(void *context, uint32_t id, enum unavailable reason,
    uint64_t retry_after_ms, const char *message, size_t length)
{
	struct pending *pending = find_sent(context, id);

	if (pending)
		methods_unavailable(
		    context, pending, reason, retry_after_ms, message, length);
}

static void took_drain(void *context)
{
	struct worker *worker = context;

	worker->draining = true;
	log_info("draining: what has begun is finished, nothing else starts");
}

static const struct broker_answers answers = {
	.authority = took_authority,
	.alerts = took_alerts,
	.signed_ = took_signed,
	.refused = took_refused,
	.unavailable = took_unavailable,
	.drain = took_drain,
};

static void receive(struct worker *worker)
{
	enum broker_result result = BROKER_DONE;
	unsigned i;

	for (i = 0; i < FRAMES_A_TURN && result == BROKER_DONE && !worker->broken; i++)
		result = broker_receive(&worker->broker, &answers, worker);
	if (result == BROKER_BROKEN)
		worker->broken = true;
}

/* Sends while `result` is good; false when the caller should stop for now. */
static bool went(struct server *server, enum broker_result result)
{
	if (result == BROKER_BUSY)
		server->channel_full = true;
	else if (result == BROKER_BROKEN)
		server->worker->broken = true;
	return result == BROKER_DONE;
}

static void ask_authorities(struct server *server)
{
	struct worker *worker = server->worker;
	unsigned ca;

	for (ca = 0; ca <= CA_COUNT; ca++) {
		/* One that is on its way has this one's id; it comes first. */
		if ((worker->to_ask & ~worker->asked & 1u << ca) == 0)
			continue;
		if (!went(server, ca == CA_COUNT
				      ? broker_alerts(&worker->broker)
				      : broker_authority(&worker->broker, (enum ca)ca)))
			return;
		worker->to_ask &= ~(1u << ca);
		worker->asked |= 1u << ca;
	}
}

static enum broker_result send_pending(
    struct worker *worker, const struct pending *pending)
{
	const struct draft *draft = *pending->turn;
	const struct signing signing = {
		.id = pending->id,
		.ca = draft->ca,
		.purpose = draft->purpose,
		.document = draft->document,
		.request_id = pending->request_id,
		.request_id_length = pending->request_id_length,
		.bytes = draft->bytes,
		.length = draft->length,
	};

	return broker_sign(&worker->broker, &signing);
}

static void send_queued(struct server *server)
{
	struct worker *worker = server->worker;
	struct pending *pending;

	server->channel_full = false;
	ask_authorities(server);
	while (!server->channel_full && !worker->broken &&
	       worker->pendings.sent < worker->config.in_flight) {
		pending = pendings_next_to_send(&worker->pendings);
		if (!pending || !went(server, send_pending(worker, pending)))
			return;
		pendings_sent(&worker->pendings, pending);
	}
}

static void expire(struct worker *worker, int64_t now)
{
	struct pending *pending;
	struct rpc_error error;

	while ((pending = worker->pendings.by_age.first) && pending->deadline <= now) {
		rpc_fail(&error, RPC_DEADLINE, "the deadline of %llu s has passed",
		    (unsigned long long)worker->config.deadline);
		rpc_send_error(worker, pending->connection, pending->request_id,
		    pending->request_id_length, &error);
		pendings_leave(&worker->pendings, pending);
	}
}

/* ---- clients ---- */

static uid_t user_of(int fd)
{
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t length = sizeof(peer);

	(void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length);
	log_debug("a client of uid %u has come", (unsigned)peer.uid);
	return peer.uid;
}

static void remove_client(struct server *server, unsigned index)
{
	struct worker *worker = server->worker;

	if (worker->terminal)
		server->terminal_gone = true;
	pendings_drop_connection(&worker->pendings, worker->connections.of[index]);
	connections_remove(&worker->connections, index);
}

static void make_room(struct server *server, uid_t uid)
{
	struct connections *connections = &server->worker->connections;
	const struct connection *leaving = connections_to_give_way(connections, uid);
	unsigned i;

	for (i = 0; i < connections->count; i++)
		if (connections->of[i] == leaving) {
			connections->gave_way++;
			remove_client(server, i);
			return;
		}
}

static void add_client(struct server *server, int fd)
{
	struct connections *connections = &server->worker->connections;
	const uid_t uid = user_of(fd);
	struct connection *connection;

	if (connections->count == CONNECTIONS_MAX)
		make_room(server, uid);
	connection = connections_add(connections, fd, fd, NULL);
	if (connection)
		connection->uid = uid;
	else
		close(fd);
}

static void accept_clients(struct server *server, int64_t now)
{
	const bool shares = server->worker->config.workers > 1;
	const unsigned most = shares ? 1 : ACCEPTS_A_TURN;
	unsigned i;
	int fd;

	for (i = 0; i < most; i++) {
		fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0 && errno != EAGAIN && errno != EINTR &&
		    errno != ECONNABORTED) {
			log_warning("a client can't be accepted: %s", strerror(errno));
			server->accept_again = now + ACCEPT_REST_MS;
		}
		if (fd < 0)
			return;
		add_client(server, fd);
		if (shares) /* the next one is for a worker with less to do */
			server->accept_again = now + 1;
	}
}

/* A client that came just before the drain could not know of it: it is heard. */
static bool is_heard(const struct server *server, const struct connection *connection)
{
	return server->worker->ready &&
	       (!server->worker->draining ||
		   (!connection->heard && !connection->continuity));
}

/* Who has its share of memory already waits until some of it is free. */
static bool may_ask(const struct server *server, const struct connection *connection)
{
	return is_heard(server, connection) &&
	       pendings_have_room(&server->worker->pendings, connection);
}

static bool may_handle_line(
    const struct server *server, const struct connection *connection)
{
	return may_ask(server, connection) && connection_has_line(connection);
}

/* A drain has begun so lately that clients may not know of it. */
static bool may_not_know(const struct server *server)
{
	return server->drain_until == 0 ||
	       worker_clock_ms() < server->drain_until - SERVE_DRAIN_MS + HEAR_MS;
}

/* What a client has sent before it could know is not thrown away unread. */
static bool has_said_more(struct server *server, struct connection *connection)
{
	size_t before;

	if (!may_not_know(server))
		return false;
	do { /* one read() need not bring a whole line */
		before = ring_length(&connection->input);
		if (connection_wants_input(connection))
			connection_read(&server->worker->connections, connection);
	} while (ring_length(&connection->input) > before);
	connection->heard = !connection_has_line(connection);
	return !connection->heard;
}

static void handle_lines(struct server *server, struct connection *connection)
{
	struct worker *worker = server->worker;
	enum line line = LINE_WHOLE;
	size_t length;
	unsigned i;

	for (i = 0; i < LINES_A_TURN && may_handle_line(server, connection); i++) {
		line = connection_line(connection, worker->line, &length);
		if (line == LINE_WHOLE) {
			rpc_take_line(worker, connection, worker->line, length);
			connection_line_done(&worker->connections, connection);
		} else if (line == LINE_TOO_LONG) {
			rpc_line_too_long(worker, connection);
		}
	}
	if (i > 0 && !(worker->draining && has_said_more(server, connection)))
		connection->heard = true;
}

/* poll()'s word for one client: what may be read, and written on --stdio. */
static void client_polled(
    struct server *server, struct connection *connection, short in, short out)
{
	struct connections *connections = &server->worker->connections;

	if ((out & (POLLERR | POLLNVAL)) != 0 ||
	    (!connection->continuity && (in & POLLHUP) != 0)) {
		connection->broken = true;
		return;
	}
	if ((out & POLLOUT) != 0)
		connection_write(connections, connection);
	if ((in & (POLLIN | POLLHUP)) != 0 && connection_wants_input(connection) &&
	    may_ask(server, connection))
		connection_read(connections, connection);
}

/* Each turn begins with another one, so that all come to their share of what is scarce.
 */
static void serve_clients(struct server *server)
{
	const struct connections *connections = &server->worker->connections;
	unsigned i;

	server->first_served++;
	for (i = 0; i < connections->count; i++)
		handle_lines(server,
		    connections->of[(server->first_served + i) % connections->count]);
}

/* A line that waited for room has nothing else to wake it. */
static bool lines_are_left(const struct server *server)
{
	const struct connections *connections = &server->worker->connections;
	unsigned i;

	for (i = 0; i < connections->count; i++)
		if (may_handle_line(server, connections->of[i]))
			return true;
	return false;
}

/* In a drain a client who has all of its answers is told at once that no more will come,
 * and not when the slowest one has his. */
static bool is_over(struct server *server, struct connection *connection)
{
	if (connection->broken || connection_finished(connection))
		return true;
	return server->worker->draining && !connection->continuity &&
	       !is_heard(server, connection) && connection->outstanding == 0 &&
	       ring_length(&connection->output) == 0 &&
	       !has_said_more(server, connection);
}

/* Sockets are written at once; --stdio waits for poll's word, since its pipe may block.
 */
static void write_answers(struct server *server)
{
	struct connections *connections = &server->worker->connections;
	struct connection *connection;
	unsigned i;

	for (i = connections->count; i > 0; i--) {
		connection = connections->of[i - 1];
		if (!connection->continuity && !connection->broken &&
		    ring_length(&connection->output) > 0)
			connection_write(connections, connection);
		methods_answer_finished(server->worker, connection);
		if (is_over(server, connection))
			remove_client(server, i - 1);
	}
}

/* Memory comes back with each deadline and each answer that is read, but not from who
 * never reads. */
static void make_memory(struct server *server)
{
	server->look_again = -1;
	if (pendings_exhausted(&server->worker->pendings))
		server->look_again =
		    connections_cut_off_unread(&server->worker->connections);
}

/* ---- turns ---- */

static short wanted(const struct server *server, const struct connection *connection)
{
	short events = 0;

	if (may_ask(server, connection) && connection_wants_input(connection))
		events |= POLLIN;
	if (!connection->continuity && ring_length(&connection->output) > 0)
		events |= POLLOUT;
	return events;
}

static nfds_t fill_polls(struct server *server, int64_t now)
{
	struct worker *worker = server->worker;
	struct connection *connection;
	bool accepting =
	    worker->ready && !worker->draining && server->accept_again <= now;
	unsigned i;

	server->polls[POLL_BROKER] = (struct pollfd){ .fd = worker->broker.fd,
		.events = (short)(POLLIN | (server->channel_full ? POLLOUT : 0)) };
	server->polls[POLL_LISTENER] =
	    (struct pollfd){ .fd = accepting ? server->listener : -1, .events = POLLIN };
	for (i = 0; i < worker->connections.count; i++) {
		connection = worker->connections.of[i];
		server->polls[POLL_CLIENTS + i] = (struct pollfd){ .fd = connection->in,
			.events = wanted(server, connection) };
	}
	if (!worker->terminal || worker->connections.count == 0)
		return POLL_CLIENTS + worker->connections.count;
	/* A pipe that has ended would report that again and again. */
	if (server->polls[POLL_CLIENTS].events == 0)
		server->polls[POLL_CLIENTS].fd = -1;
	connection = worker->connections.of[0];
	server->polls[POLL_CLIENTS + 1] = (struct pollfd){ .fd = connection->out,
		.events = ring_length(&connection->output) > 0 ? POLLOUT : 0 };
	return POLL_CLIENTS + 2;
}

static void earlier(int *wait_ms, int64_t then, int64_t now)
{
	int64_t left = then > now ? then - now : 0;

	if (*wait_ms < 0 || left < *wait_ms)
		*wait_ms = (int)left;
}

static int poll_all(struct server *server, int wait_ms, int64_t now)
{
	const struct pending *oldest = server->worker->pendings.by_age.first;
	struct timespec wait;
	nfds_t count = fill_polls(server, now);
	int n;

	if (server->more)
		wait_ms = 0;
	if (oldest)
		earlier(&wait_ms, oldest->deadline, now);
	if (server->drain_until > now + SERVE_DRAIN_MS - HEAR_MS)
		earlier(&wait_ms, server->drain_until - SERVE_DRAIN_MS + HEAR_MS, now);
	else if (server->drain_until > 0)
		earlier(&wait_ms, server->drain_until, now);
	if (server->accept_again > now)
		earlier(&wait_ms, server->accept_again, now);
	if (server->look_again >= 0)
		earlier(&wait_ms, server->look_again, now);
	/* What was counted is told even when nothing else happens. */
	if (server->worker->connections.cut_off + server->worker->connections.gave_way >
	    0)
		earlier(&wait_ms, server->tell_again, now);
	if (server->worker->refused > 0)
		earlier(&wait_ms, server->tell_refused_again, now);
	wait = (struct timespec){ .tv_sec = wait_ms / 1000,
		.tv_nsec = (long)(wait_ms % 1000) * 1000000 };
	n = ppoll(server->polls, count, wait_ms < 0 ? NULL : &wait, NULL);
	if (n < 0 && errno != EINTR) {
		log_error("waiting failed: %s", strerror(errno));
		server->worker->broken = true;
	}
	return n;
}

static void clients_polled(struct server *server)
{
	const struct pollfd *polls = server->polls + POLL_CLIENTS;
	struct worker *worker = server->worker;
	unsigned i;

	if (worker->terminal && worker->connections.count > 0) {
		client_polled(server, worker->connections.of[0], polls[0].revents,
		    polls[1].revents);
		return;
	}
	for (i = 0; i < worker->connections.count; i++)
		client_polled(server, worker->connections.of[i], polls[i].revents,
		    (short)(polls[i].revents & (POLLERR | POLLNVAL)));
}

/* At most a line a second, since whoever fills the log hides what others write there, and
 * a worker whose log is full waits. */
static void tell_cut_off(struct server *server, int64_t now)
{
	struct connections *connections = &server->worker->connections;

	if (connections->cut_off + connections->gave_way == 0 || now < server->tell_again)
		return;
	if (connections->cut_off > 0)
		log_notice("cut off %u clients: each held most of the worker's memory, "
			   "or did not read its answers",
		    connections->cut_off);
	if (connections->gave_way > 0)
		log_notice("all %d places were taken: %u clients of the user with most "
			   "of them gave way",
		    CONNECTIONS_MAX, connections->gave_way);
	connections->cut_off = connections->gave_way = 0;
	server->tell_again = now + TELL_MS;
}

/* What a client is refused goes to the client alone; that somebody tries doors is for the
 * administrator, at most a line a second. */
static void tell_refused(struct server *server, int64_t now)
{
	struct worker *worker = server->worker;

	if (worker->refused == 0 || now < server->tell_refused_again)
		return;
	log_notice("requests that the policy refused: %u; the last: %s", worker->refused,
	    worker->last_refused);
	worker->refused = 0;
	server->tell_refused_again = now + TELL_MS;
}

/* Is everything done that a drain waits for, or has it lasted too long? */
static bool drained(struct server *server, int64_t now)
{
	struct worker *worker = server->worker;
	unsigned i;

	if (!worker->draining)
		return false;
	if (server->drain_until == 0)
		server->drain_until = now + SERVE_DRAIN_MS;
	if (server->drain_until <= now) {
		log_warning(
		    "drained for %d s; clients that do not read lose their answers",
		    SERVE_DRAIN_MS / 1000);
		return true;
	}
	for (i = 0; i < worker->connections.count; i++)
		if (worker->connections.of[i]->outstanding > 0 ||
		    ring_length(&worker->connections.of[i]->output) > 0 ||
		    (is_heard(server, worker->connections.of[i]) && may_not_know(server)))
			return false;
	return true;
}

bool server_turn(struct server *server, int wait_ms)
{
	struct worker *worker = server->worker;
	int64_t now = worker_clock_ms();

	worker->connections.now = now;
	if (poll_all(server, wait_ms, now) > 0) {
		clients_polled(server);
		if ((server->polls[POLL_LISTENER].revents & POLLIN) != 0)
			accept_clients(server, now);
		if ((server->polls[POLL_BROKER].revents & (POLLIN | POLLHUP | POLLERR)) !=
		    0)
			receive(worker);
	}
	worker->connections.now = worker_clock_ms();
	expire(worker, worker->connections.now);
	if (!worker->broken) {
		serve_clients(server);
		send_queued(server);
	}
	make_memory(server);
	write_answers(server);
	server->more = lines_are_left(server);
	tell_cut_off(server, now);
	tell_refused(server, now);
	return !worker->broken && !server->terminal_gone &&
	       !drained(server, worker_clock_ms());
}

/* ---- start and end ---- */

/* Tells those who waited for the last worker that it died; what they asked may or may not
 * have been signed. */
static void answer_for_predecessor(
    struct worker *worker, struct connection *connection, bool nameless)
{
	struct continuity *continuity = connection->continuity;
	struct rpc_error error;
	unsigned i, answered = nameless ? 1 : 0;

	rpc_fail(&error, RPC_UNAVAILABLE,
	    "the worker that had this request has died; ask again");
	error.retryable = true;
	if (nameless)
		rpc_send_error(worker, connection, NULL, 0, &error);
	for (i = 0; i < CONTINUITY_REQUESTS; i++) {
		if (continuity->request[i].length == 0)
			continue;
		if (continuity->request[i].length <= OP_REQUEST_ID_MAX &&
		    rpc_id_valid(
			continuity->request[i].id, continuity->request[i].length)) {
			rpc_send_error(worker, connection, continuity->request[i].id,
			    continuity->request[i].length, &error);
			answered++;
		}
		continuity_forget(continuity, i);
	}
	if (answered > 0)
		log_notice("%u requests of the last worker were answered as unavailable",
		    answered);
}

struct server *server_start(
    struct worker *worker, int listener, struct continuity *continuity)
{
	struct server *server = calloc(1, sizeof(*server));
	struct connection *connection;
	bool nameless;

	if (!server)
		return NULL;
	server->worker = worker;
	server->listener = listener;
	pendings_start(&worker->pendings);
	worker->to_ask = ASK_ALL;
	if (continuity) {
		nameless = continuity_take_over(continuity);
		connection = connections_add(
		    &worker->connections, STDIN_FILENO, STDOUT_FILENO, continuity);
		if (!connection) {
			free(server);
			return NULL;
		}
		answer_for_predecessor(worker, connection, nameless);
	}
	send_queued(server);
	return server;
}

void server_end(struct server *server)
{
	struct worker *worker = server->worker;

	while (worker->connections.count > 0)
		remove_client(server, worker->connections.count - 1);
	json_out_free(&worker->answer);
	authorities_free(&worker->authorities);
	free(worker->alerts);
	free(server);
}

int serve(struct worker *worker, int listener, struct continuity *continuity)
{
	struct server *server = server_start(worker, listener, continuity);

	if (!server) {
		log_error("no memory to serve");
		return 1;
	}
	while (server_turn(server, -1))
		continue;
	/* The process ends here; a client on --stdio keeps what continuity holds. */
	return worker->broken ? 1 : 0;
}
