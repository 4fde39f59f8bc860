/* Clients and their buffers; connections.h has the contract. */
#include "worker/connections.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INPUT_LEAST  4096
#define INPUT_MAX    (LINE_MAX_BYTES + 2048)
#define OUTPUT_LEAST 4096
#define WRITE_MOST   4096 /* PIPE_BUF: what POLLOUT promises of a pipe */

/* ---- buffers ---- */

static void free_ring(struct connections *connections, struct ring *ring)
{
	connections->bytes -= ring->room;
	free(ring->bytes);
	ring->bytes = NULL;
	ring->room = 0;
	*ring->at = (struct ring_at){ 0 };
}

static size_t cost_of(const struct connection *connection)
{
	if (connection->continuity)
		return 0;
	return (size_t)connection->input.room + connection->output.room;
}

/*
 * When all memory is used, whoever holds most of it is cut off, so that clients who hoard
 * half lines and unread answers pay for that and newcomers do not. False when nobody
 * holds any.
 */
static bool cut_off_largest(struct connections *connections)
{
	struct connection *largest = NULL;
	unsigned i;

	for (i = 0; i < connections->count; i++)
		if (!largest || cost_of(connections->of[i]) > cost_of(largest))
			largest = connections->of[i];
	if (!largest || cost_of(largest) == 0)
		return false;
	connections->cut_off++;
	largest->broken = true;
	free_ring(connections, &largest->input);
	free_ring(connections, &largest->output);
	return true;
}

/* Makes room for `more` bytes, within `most` and the budget of all connections. On false
 * the connection is broken; it may have been the largest itself. */
static bool grow_ring(struct connections *connections, struct connection *connection,
    struct ring *ring, size_t more, size_t least, size_t most)
{
	size_t held = ring_length(ring), room = ring->room > 0 ? ring->room : least;
	uint8_t *bytes = NULL;

	if (more <= ring->room - held)
		return true;
	while (room - held < more && room < most)
		room = room * 2 < most ? room * 2 : most;
	while (
	    connections->bytes + room - ring->room > WORKER_BYTES && !connection->broken)
		if (!cut_off_largest(connections))
			break;
	if (room - held >= more && !connection->broken)
		bytes = malloc(room);
	if (!bytes) {
		connection->broken = true;
		return false;
	}
	ring_copy(ring, held, bytes);
	free(ring->bytes);
	connections->bytes += room - ring->room;
	ring->bytes = bytes;
	ring->room = (uint32_t)room;
	ring->at->start = 0;
	return true;
}

/* A client with nothing under way keeps no buffer. */
static void release(struct connections *connections, struct connection *connection)
{
	if (connection->continuity)
		return;
	if (connection->input.room > 0 && ring_length(&connection->input) == 0)
		free_ring(connections, &connection->input);
	if (connection->output.room > 0 && ring_length(&connection->output) == 0)
		free_ring(connections, &connection->output);
}

/* ---- coming and going ---- */

struct connection *connections_add(
    struct connections *connections, int in, int out, struct continuity *continuity)
{
	struct connection *connection;

	if (connections->count == CONNECTIONS_MAX)
		return NULL;
	connection = calloc(1, sizeof(*connection));
	if (!connection)
		return NULL;
	connection->in = in;
	connection->out = out;
	connection->continuity = continuity;
	connection->input.at = &connection->input_at;
	connection->output.at = &connection->output_at;
	if (continuity) {
		connection->input = continuity_input(continuity);
		connection->output = continuity_output(continuity);
		connection->skipping = continuity->skipping != 0;
	}
	connection->used = ++connections->clock;
	connections->of[connections->count++] = connection;
	return connection;
}

/* The user with most clients, with one more of `newcomer`; on a tie the newcomer. */
static uid_t largest_user(const struct connections *connections, uid_t newcomer)
{
	struct {
		uid_t uid;
		unsigned clients;
	} users[CONNECTIONS_MAX + 1] = { { newcomer, 1 } };
	unsigned i, at, count = 1, largest = 0;

	for (i = 0; i < connections->count; i++) {
		for (at = 0; at < count; at++)
			if (users[at].uid == connections->of[i]->uid)
				break;
		if (at == count)
			users[count++].uid = connections->of[i]->uid;
		users[at].clients++;
		if (users[at].clients > users[largest].clients)
			largest = at;
	}
	return users[largest].uid;
}

struct connection *connections_to_give_way(
    const struct connections *connections, uid_t uid)
{
	const uid_t from = largest_user(connections, uid);
	struct connection *one, *found = NULL;
	unsigned i;

	for (i = 0; i < connections->count; i++) {
		one = connections->of[i];
		if (one->uid != from || (one->outstanding > 0 && from == uid))
			continue;
		if (!found || (one->outstanding == 0) > (found->outstanding == 0) ||
		    ((one->outstanding == 0) == (found->outstanding == 0) &&
			one->used < found->used))
			found = one;
	}
	return found;
}

void connections_remove(struct connections *connections, unsigned index)
{
	struct connection *connection = connections->of[index];

	if (!connection->continuity) {
		free_ring(connections, &connection->input);
		free_ring(connections, &connection->output);
	}
	close(connection->in);
	if (connection->out != connection->in)
		close(connection->out);
	free(connection);
	connections->of[index] = connections->of[--connections->count];
	connections->of[connections->count] = NULL;
}

/* ---- what may happen now ---- */

bool connection_takes_answer(const struct connection *connection)
{
	return !connection->broken && ring_length(&connection->output) < OUTPUT_ENOUGH;
}

static bool unread_answers(const struct connection *connection)
{
	return ring_length(&connection->output) >=
	       (connection->outstanding < CONNECTION_REQUESTS ? OUTPUT_FULL
							      : OUTPUT_ENOUGH);
}

bool connection_has_line(const struct connection *connection)
{
	size_t length = ring_length(&connection->input);

	if (connection->broken || unread_answers(connection) || length == 0)
		return false;
	return connection->ended || length > LINE_MAX_BYTES + 1 ||
	       ring_find(&connection->input, connection->scanned, '\n') < length;
}

bool connection_wants_input(const struct connection *connection)
{
	return !connection->ended && !connection->broken && !unread_answers(connection) &&
	       !connection_has_line(connection);
}

bool connection_finished(const struct connection *connection)
{
	return connection->ended && connection->outstanding == 0 &&
	       ring_length(&connection->input) == 0 &&
	       ring_length(&connection->output) == 0;
}

int64_t connections_cut_off_unread(struct connections *connections)
{
	struct connection *one, *largest = NULL;
	int64_t next = -1;
	unsigned i;

	for (i = 0; i < connections->count; i++) {
		one = connections->of[i];
		if (one->broken || one->pending_bytes == 0 ||
		    ring_length(&one->output) == 0)
			continue;
		if (connections->now - one->took < UNREAD_MS) {
			if (next < 0 || one->took + UNREAD_MS < next)
				next = one->took + UNREAD_MS;
		} else if (!largest || one->pending_bytes > largest->pending_bytes) {
			largest = one;
		}
	}
	if (!largest)
		return next;
	connections->cut_off++;
	largest->broken = true;
	return connections->now;
}

/* ---- reading ---- */

static void mark_skipping(struct connection *connection, bool skipping)
{
	connection->skipping = skipping;
	if (connection->continuity)
		connection->continuity->skipping = skipping;
}

void connection_read(struct connections *connections, struct connection *connection)
{
	uint8_t *bytes;
	size_t room;
	ssize_t n;

	if (!connection->continuity && !grow_ring(connections, connection,
					   &connection->input, 1, INPUT_LEAST, INPUT_MAX))
		return;
	room = ring_free(&connection->input, &bytes);
	if (room > CONTINUITY_READ_MOST)
		room = CONTINUITY_READ_MOST;
	if (connection->continuity)
		continuity_read_begins(connection->continuity, bytes, room);
	n = read(connection->in, bytes, room);
	if (n > 0)
		ring_add(&connection->input, (size_t)n);
	if (connection->continuity)
		continuity_read_ended(connection->continuity);
	if (n == 0)
		connection->ended = true;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		connection->broken = true;
	release(connections, connection);
}

/* Takes away what is skipped: up to the line's end, or all. True when the end was there.
 */
static bool skip_to_end(struct connection *connection)
{
	size_t length = ring_length(&connection->input);
	size_t end = ring_find(&connection->input, 0, '\n');

	ring_drop(&connection->input, end < length ? end + 1 : length);
	connection->scanned = 0;
	return end < length;
}

enum line connection_line(struct connection *connection, char *out, size_t *length)
{
	size_t held, end;

	if (connection->skipping && (skip_to_end(connection) || connection->ended))
		mark_skipping(connection, false);
	held = ring_length(&connection->input);
	if (connection->skipping || held == 0)
		return LINE_NONE;
	end = ring_find(&connection->input, connection->scanned, '\n');
	connection->scanned = end < held ? 0 : held;
	if (end == held && !connection->ended && held <= LINE_MAX_BYTES + 1)
		return LINE_NONE;
	*length = end;
	if (end <= LINE_MAX_BYTES + 1) {
		ring_copy(&connection->input, end, (uint8_t *)out);
		if (end < held && end > 0 && out[end - 1] == '\r')
			*length = end - 1;
	}
	if (*length > LINE_MAX_BYTES) {
		mark_skipping(connection, true);
		return LINE_TOO_LONG;
	}
	out[*length] = '\0';
	if (connection->continuity)
		continuity_line_begins(connection->continuity);
	return LINE_WHOLE;
}

void connection_line_done(struct connections *connections, struct connection *connection)
{
	(void)skip_to_end(connection);
	connection->used = ++connections->clock;
	if (connection->continuity)
		continuity_line_ended(connection->continuity);
	release(connections, connection);
}

/* ---- writing ---- */

static bool write_once(
    const struct connections *connections, struct connection *connection, size_t most)
{
	const uint8_t *bytes;
	size_t length = ring_held(&connection->output, &bytes);
	ssize_t n;

	if (length == 0)
		return false;
	n = write(connection->out, bytes, length < most ? length : most);
	if (n > 0) {
		ring_drop(&connection->output, (size_t)n);
		connection->took = connections->now;
		return true;
	}
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		connection->broken = true;
	return false;
}

void connection_write(struct connections *connections, struct connection *connection)
{
	if (connection->continuity) {
		/* the next turn polls again */
		(void)write_once(connections, connection, WRITE_MOST);
		return;
	}
	while (write_once(connections, connection, OUTPUT_MAX))
		continue;
	release(connections, connection);
}

void connection_answer(struct connections *connections, struct connection *connection,
    const char *bytes, size_t length)
{
	if (connection->broken)
		return;
	if (ring_length(&connection->output) == 0)
		connection->took = connections->now;
	if (!connection->continuity &&
	    !grow_ring(connections, connection, &connection->output, length, OUTPUT_LEAST,
		OUTPUT_MAX))
		return;
	if (ring_put(&connection->output, bytes, length))
		return;
	connection->broken = true;
	connections->cut_off++;
}
