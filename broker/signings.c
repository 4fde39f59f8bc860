/* Places for requests under way; signings.h has the promises. */
#include "broker/broker.h"

#include <stdlib.h>

bool signings_start(struct signings *signings)
{
	signings->place = calloc(SIGNINGS_MAX, sizeof *signings->place);
	return signings->place != NULL;
}

void signings_stop(struct signings *signings)
{
	free(signings->place);
	*signings = (struct signings){ .place = NULL };
}

struct signing *signings_next(struct signings *signings)
{
	if (signings->batched == BATCH_MAX)
		return NULL;
	if (!signings->free && signings->touched < SIGNINGS_MAX)
		signings->free = &signings->place[signings->touched++];
	return signings->free;
}

bool signings_has_place(
    const struct signings *signings, const struct service *service, unsigned sockets)
{
	return service->signings < SIGNINGS_KEPT ||
	       SIGNINGS_MAX - signings->taken > SIGNINGS_KEPT * (sockets - 1);
}

void signings_join_batch(struct signings *signings, struct signing *signing)
{
	if (signing != signings->free)
		abort(); /* it was given by signings_next() just before */
	signings->free = signing->next;
	signing->next = NULL;
	signing->service = signing->channel->service;
	signing->service->signings++;
	signings->taken++;
	signings->batch[signings->batched++] = signing;
}

void signings_release(struct signings *signings, struct signing *signing)
{
	signing->answer_by = 0;
	signing->channel = NULL;
	signing->service->signings--;
	signing->service = NULL;
	signings->taken--;
	signing->next = signings->free;
	signings->free = signing;
}

void signings_forget(struct signings *signings, const struct channel *channel)
{
	unsigned i;

	for (i = 0; i < signings->touched; i++)
		if (signings->place[i].channel == channel)
			signings->place[i].channel = NULL;
}
