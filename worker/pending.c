/* Requests that are not answered yet; pending.h has the contract. */
#include "worker/pending.h"

#include <stdlib.h>

#define SHARE 8 /* so many times what is left to all is what one connection may have */

void pendings_start(struct pendings *pendings)
{
	unsigned i;

	*pendings = (struct pendings){ 0 };
	for (i = 0; i < PENDING_MAX; i++)
		pendings->free[i] = (uint16_t)(PENDING_MAX - 1 - i);
}

/* ---- lists ---- */

static void append(
    struct pending_list *list, enum pending_order order, struct pending *pending)
{
	pending->in[order].list = list;
	pending->in[order].next = NULL;
	pending->in[order].previous = list->last;
	if (list->last)
		list->last->in[order].next = pending;
	else
		list->first = pending;
	list->last = pending;
}

static void take_out(enum pending_order order, struct pending *pending)
{
	struct pending_list *list = pending->in[order].list;
	struct pending *next = pending->in[order].next,
		       *previous = pending->in[order].previous;

	if (!list)
		return;
	if (previous)
		previous->in[order].next = next;
	else
		list->first = next;
	if (next)
		next->in[order].previous = previous;
	else
		list->last = previous;
	pending->in[order].list = NULL;
}

/* ---- memory ---- */

static size_t bytes_left(const struct pendings *pendings)
{
	return pendings->bytes < PENDING_BYTES ? PENDING_BYTES - pendings->bytes : 0;
}

bool pendings_exhausted(const struct pendings *pendings)
{
	return bytes_left(pendings) < PENDING_LARGEST;
}

bool pendings_have_room(
    const struct pendings *pendings, const struct connection *connection)
{
	const size_t left = bytes_left(pendings);

	if (connection->pending_bytes < PENDING_LITTLE)
		return left >= PENDING_LARGEST;
	return left >= PENDING_KEPT + PENDING_LARGEST &&
	       connection->pending_bytes <= SHARE * (left - PENDING_KEPT);
}

void pendings_weigh(struct pendings *pendings, struct pending *pending)
{
	const size_t before = pending->bytes;

	pending->bytes = sizeof(*pending) + draft_size(pending->drafts);
	pendings->bytes += pending->bytes - before;
	if (pending->connection)
		pending->connection->pending_bytes += pending->bytes - before;
}

/* ---- from the first to the last ---- */

struct pending *pendings_add(struct pendings *pendings, struct connection *connection)
{
	struct pending *pending;
	unsigned slot;

	if (pendings->count == PENDING_MAX)
		return NULL;
	pending = calloc(1, sizeof(*pending));
	if (!pending)
		return NULL;
	slot = pendings->free[PENDING_MAX - 1 - pendings->count++];
	pendings->turn = (pendings->turn + PENDING_MAX) & 0x7fffffffu;
	pending->id = pendings->turn | slot;
	pending->connection = connection;
	pending->place = CONTINUITY_NO_REQUEST;
	connection->outstanding++;
	pendings->of[slot] = pending;
	append(&pendings->by_age, BY_AGE, pending);
	pendings_weigh(pendings, pending);
	return pending;
}

struct pending *pendings_find(const struct pendings *pendings, uint32_t id)
{
	struct pending *pending = pendings->of[id % PENDING_MAX];

	return pending && pending->id == id ? pending : NULL;
}

static void part(struct pending *pending)
{
	struct connection *connection = pending->connection;

	take_out(BY_AGE, pending);
	if (!connection)
		return;
	if (connection->continuity)
		continuity_forget(connection->continuity, pending->place);
	connection->outstanding--;
	connection->pending_bytes -= pending->bytes;
	pending->connection = NULL;
}

void pendings_leave(struct pendings *pendings, struct pending *pending)
{
	if (pending->state != PENDING_SENT) {
		pendings_remove(pendings, pending);
		return;
	}
	part(pending);
	draft_free(pending->drafts);
	pending->drafts = NULL;
	pendings_weigh(pendings, pending);
}

/* It is no more in the queue, under way at the broker, or one of the PENDING_MAX. */
static void settle(struct pendings *pendings, struct pending *pending)
{
	const unsigned slot = pending->id % PENDING_MAX;

	if (pending->state == PENDING_QUEUED && pending->in[BY_TURN].list)
		pendings->queued--;
	take_out(BY_TURN, pending);
	if (pending->state == PENDING_SENT)
		pendings->sent--;
	if (pendings->of[slot] != pending)
		return;
	pendings->of[slot] = NULL;
	pendings->free[PENDING_MAX - pendings->count--] = (uint16_t)slot;
}

void pendings_remove(struct pendings *pendings, struct pending *pending)
{
	part(pending);
	settle(pendings, pending);
	pendings->bytes -= pending->bytes;
	draft_free(pending->drafts);
	free(pending);
}

void pendings_finish(struct pendings *pendings, struct pending *pending)
{
	settle(pendings, pending);
	take_out(BY_AGE, pending);
	pending->state = PENDING_FINISHED;
	append(&pending->connection->finished, BY_TURN, pending);
}

/* ---- the queue ---- */

void pendings_enqueue(struct pendings *pendings, struct pending *pending)
{
	uint32_t *round = &pending->connection->round, ahead = *round - pendings->round;

	if (pending->state == PENDING_SENT)
		pendings->sent--;
	pending->state = PENDING_QUEUED;
	/* It has been idle since an earlier round. */
	if (ahead > PENDING_ROUNDS)
		ahead = 0;
	if (ahead == PENDING_ROUNDS)
		ahead--;
	*round = pendings->round + ahead + 1;
	append(&pendings->queue[(pendings->round + ahead) % PENDING_ROUNDS], BY_TURN,
	    pending);
	pendings->queued++;
}

struct pending *pendings_next_to_send(struct pendings *pendings)
{
	if (pendings->queued == 0)
		return NULL;
	while (!pendings->queue[pendings->round % PENDING_ROUNDS].first)
		pendings->round++;
	return pendings->queue[pendings->round % PENDING_ROUNDS].first;
}

void pendings_sent(struct pendings *pendings, struct pending *pending)
{
	take_out(BY_TURN, pending);
	pendings->queued--;
	pending->state = PENDING_SENT;
	pendings->sent++;
}

void pendings_drop_connection(
    struct pendings *pendings, const struct connection *connection)
{
	struct pending *pending = pendings->by_age.first, *next;

	for (; pending; pending = next) {
		next = pending->in[BY_AGE].next;
		if (pending->connection == connection)
			pendings_leave(pendings, pending);
	}
	while ((pending = connection->finished.first))
		pendings_leave(pendings, pending);
}
