/* What outlasts a worker; continuity.h has the contract. */
#include "worker/continuity.h"

#include "ipc/log.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

_Static_assert(
    sizeof(struct continuity) <= CONTINUITY_SIZE, "the memory file is too small");

/* A store after this is not made before a store above it. */
static void settle(void)
{
	atomic_signal_fence(memory_order_seq_cst);
}

struct continuity *continuity_map(int fd)
{
	void *map =
	    mmap(NULL, CONTINUITY_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return map == MAP_FAILED ? NULL : map;
}

struct ring continuity_input(struct continuity *continuity)
{
	return (struct ring){ .bytes = continuity->input,
		.room = sizeof(continuity->input),
		.at = &continuity->input_at };
}

struct ring continuity_output(struct continuity *continuity)
{
	return (struct ring){ .bytes = continuity->output,
		.room = sizeof(continuity->output),
		.at = &continuity->output_at };
}

/* What read() wrote before the worker died ends at the last byte that is not zero. */
static void complete_read(struct continuity *continuity)
{
	struct ring input = continuity_input(continuity);
	uint8_t *bytes;
	size_t length = ring_free(&input, &bytes);

	if (length > CONTINUITY_READ_MOST)
		length = CONTINUITY_READ_MOST;
	while (length > 0 && bytes[length - 1] == 0)
		length--;
	if (length > 0)
		ring_add(&input, length);
}

static void drop_line(struct continuity *continuity)
{
	struct ring input = continuity_input(continuity);
	size_t end = ring_find(&input, 0, '\n');

	ring_drop(&input, end < ring_length(&input) ? end + 1 : end);
}

bool continuity_take_over(struct continuity *continuity)
{
	struct ring input = continuity_input(continuity),
		    output = continuity_output(continuity);
	bool nameless;

	if (!ring_valid(&input) || !ring_valid(&output)) {
		log_warning("the last worker left indices that can't be; its buffers are "
			    "emptied");
		continuity->input_at = continuity->output_at = (struct ring_at){ 0 };
		continuity->reading = continuity->handling = 0;
	}
	if (continuity->reading != 0)
		complete_read(continuity);
	nameless = continuity->handling != 0 && continuity->known == 0;
	if (continuity->handling != 0)
		drop_line(continuity);
	continuity->reading = continuity->handling = continuity->known = 0;
	return nameless;
}

void continuity_read_begins(struct continuity *continuity, uint8_t *bytes, size_t length)
{
	memset(bytes, 0, length);
	settle();
	continuity->reading = 1;
	settle();
}

void continuity_read_ended(struct continuity *continuity)
{
	settle();
	continuity->reading = 0;
}

void continuity_line_begins(struct continuity *continuity)
{
	continuity->known = 0;
	settle();
	continuity->handling = 1;
	settle();
}

void continuity_line_ended(struct continuity *continuity)
{
	settle();
	continuity->handling = 0;
}

unsigned continuity_remember(struct continuity *continuity, const char *id, size_t length)
{
	unsigned i;

	for (i = 0; i < CONTINUITY_REQUESTS; i++)
		if (continuity->request[i].length == 0)
			break;
	if (i == CONTINUITY_REQUESTS || length == 0 || length > OP_REQUEST_ID_MAX)
		return CONTINUITY_NO_REQUEST;
	memcpy(continuity->request[i].id, id, length);
	settle();
	continuity->request[i].length = (uint32_t)length;
	settle();
	continuity->known = 1;
	return i;
}

void continuity_forget(struct continuity *continuity, unsigned place)
{
	settle();
	if (place < CONTINUITY_REQUESTS)
		continuity->request[place].length = 0;
}
