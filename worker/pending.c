/* Requests that wait for the broker; pending.h has the contract. */
#include "worker/pending.h"

#include <stdlib.h>

void pendings_start(struct pendings *pendings)
{
	unsigned i;

	*pendings = (struct pendings){ 0 };
	for (i = 0; i < PENDING_MAX; i++)
		pendings->free[i] = (uint16_t)(PENDING_MAX - 1 - i);
	for (i = 0; i < PENDING_ROUNDS; i++)
		pendings->queue[i].end = &pendings->queue[i].first;
}

static void link_newest(struct pendings *pendings, struct pending *pending)
{
	pending->previous = pendings->newest;
	if (pendings->newest)
		pendings->newest->next = pending;
	else
		pendings->oldest = pending;
	pendings->newest = pending;
}

static void unlink_waiting(struct pendings *pendings, struct pending *pending)
{
	if (pending->previous)
		pending->previous->next = pending->next;
	else
		pendings->oldest = pending->next;
	if (pending->next)
		pending->next->previous = pending->previous;
	else
		pendings->newest = pending->previous;
	pending->next = pending->previous = NULL;
}

struct pending *pendings_add(
    struct pendings *pendings, struct connection *connection, size_t reserved)
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
	pending->reserved = reserved;
	connection->outstanding++;
	connection->reserved += reserved;
	pendings->of[slot] = pending;
	link_newest(pendings, pending);
	return pending;
}

struct pending *pendings_find(const struct pendings *pendings, uint32_t id)
{
	struct pending *pending = pendings->of[id % PENDING_MAX];

	return pending && pending->id == id ? pending : NULL;
}

void pendings_leave(struct pendings *pendings, struct pending *pending)
{
	struct connection *connection = pending->connection;

	if (!connection)
		return;
	if (connection->continuity)
		continuity_forget(connection->continuity, pending->place);
	connection->outstanding--;
	connection->reserved -= pending->reserved;
	pending->connection = NULL;
	unlink_waiting(pendings, pending);
}

void pendings_remove(struct pendings *pendings, struct pending *pending)
{
	unsigned slot = pending->id % PENDING_MAX;

	pendings_leave(pendings, pending);
	if (pending->state == PENDING_SENT)
		pendings->sent--;
	pendings->of[slot] = NULL;
	pendings->free[PENDING_MAX - pendings->count--] = (uint16_t)slot;
	draft_free(pending->drafts);
	free(pending);
}

void pendings_enqueue(struct pendings *pendings, struct pending *pending)
{
	uint32_t *round = &pending->connection->round, ahead = *round - pendings->round;

	if (pending->state == PENDING_SENT)
		pendings->sent--;
	pending->state = PENDING_QUEUED;
	pending->next_in_queue = NULL;
	/* It has been idle since an earlier round. */
	if (ahead > PENDING_ROUNDS)
		ahead = 0;
	if (ahead == PENDING_ROUNDS)
		ahead--;
	*round = pendings->round + ahead + 1;
	ahead = (pendings->round + ahead) % PENDING_ROUNDS;
	*pendings->queue[ahead].end = pending;
	pendings->queue[ahead].end = &pending->next_in_queue;
	pendings->queued++;
}

static struct pending *take_first(struct pendings *pendings)
{
	const unsigned at = pendings->round % PENDING_ROUNDS;
	struct pending *first = pendings->queue[at].first;

	pendings->queue[at].first = first->next_in_queue;
	if (!pendings->queue[at].first)
		pendings->queue[at].end = &pendings->queue[at].first;
	first->next_in_queue = NULL;
	pendings->queued--;
	return first;
}

struct pending *pendings_next_to_send(struct pendings *pendings)
{
	struct pending *first;

	while (pendings->queued > 0) {
		first = pendings->queue[pendings->round % PENDING_ROUNDS].first;
		if (first && first->connection)
			return first;
		if (first)
			pendings_remove(pendings, take_first(pendings));
		else
			pendings->round++;
	}
	return NULL;
}

void pendings_sent(struct pendings *pendings, struct pending *pending)
{
	(void)take_first(pendings); /* it is the one that pendings_next_to_send() gave */
	pending->state = PENDING_SENT;
	pendings->sent++;
}

void pendings_drop_connection(
    struct pendings *pendings, const struct connection *connection)
{
	struct pending *pending = pendings->oldest, *next;

	for (; pending; pending = next) {
		next = pending->next;
		if (pending->connection != connection)
			continue;
		pendings_leave(pendings, pending);
		if (pending->state == PENDING_AUTHORITIES)
			pendings_remove(pendings, pending);
	}
}
