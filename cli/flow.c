/* flow.h has the contract. */
#include "cli/flow.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

bool flow_holds(const struct flow *flow)
{
	return flow->end > flow->start && !flow->broken;
}

bool flow_wants(const struct flow *flow)
{
	return !flow->ended && (flow->end < sizeof flow->bytes || flow->broken);
}

void flow_fill(struct flow *flow)
{
	ssize_t n;

	if (flow->broken)
		flow->start = flow->end = 0;
	n = read(flow->from, flow->bytes + flow->end, sizeof flow->bytes - flow->end);
	if (n > 0)
		flow->end += (size_t)n;
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		flow->ended = true;
}

void flow_drain(struct flow *flow)
{
	size_t length = flow->end - flow->start;
	ssize_t n = write(
	    flow->to, flow->bytes + flow->start, length < PIPE_BUF ? length : PIPE_BUF);

	if (n > 0)
		flow->start += (size_t)n;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		flow->broken = true;
	if (flow->start == flow->end)
		flow->start = flow->end = 0;
}
