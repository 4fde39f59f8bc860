/* One direction of a pipe: a buffer of fixed size between two descriptors. */
#ifndef CLI_FLOW_H
#define CLI_FLOW_H

#include <stdbool.h>
#include <stddef.h>

#define FLOW_ROOM 65536

struct flow {
	int from;
	int to;
	bool ended;  /* nothing more comes from `from` */
	bool broken; /* nobody reads from `to` any more: what comes is thrown away */
	size_t start, end; /* of what is held in bytes */
	char bytes[FLOW_ROOM];
};

bool flow_holds(const struct flow *flow);
/* There is room, and more may come. */
bool flow_wants(const struct flow *flow);
/* One read(), after poll() has said that it does not wait. */
void flow_fill(struct flow *flow);
/* One write(), after poll() has said that there is room: of no more than PIPE_BUF bytes,
 * which a pipe then takes whole, so that a descriptor that blocks does not (its flags may
 * be shared with a shell, and are left alone). */
void flow_drain(struct flow *flow);

#endif
