/*
 * What outlasts a worker that serves --stdio: the lines that it had read and not handled,
 * the ids of requests under way, and the answers that it had not written yet. All of it
 * lies in a memory file that the supervisor makes (zeroed, CONTINUITY_SIZE bytes) and
 * passes to each worker in turn. A worker trusts nothing that its predecessor left here.
 */
#ifndef WORKER_CONTINUITY_H
#define WORKER_CONTINUITY_H

#define CONTINUITY_SIZE (2u * 1024 * 1024)

#ifndef CONTINUITY_SIZE_ONLY /* the supervisor needs no more */

#include "ipc/ops.h"
#include "worker/ring.h"

#define CONTINUITY_INPUT      (80u * 1024)
#define CONTINUITY_OUTPUT     (1024u * 1024)
#define CONTINUITY_REQUESTS   256
#define CONTINUITY_READ_MOST  16384
#define CONTINUITY_NO_REQUEST CONTINUITY_REQUESTS

struct continuity {
	uint32_t reading;  /* a read() into the input's free part has begun */
	uint32_t skipping; /* the rest of an over-long line is being skipped */
	uint32_t handling; /* the first line is being handled ... */
	uint32_t known;	   /* ... and its id is in the table, or was answered */
	struct ring_at input_at;
	struct ring_at output_at;
	struct {
		uint32_t length; /* 0: free */
		char id[OP_REQUEST_ID_MAX];
	} request[CONTINUITY_REQUESTS];
	uint8_t input[CONTINUITY_INPUT];
	uint8_t output[CONTINUITY_OUTPUT];
};

/* Maps the memory file, shared; NULL with errno. Before sealing. */
struct continuity *continuity_map(int fd);

/* Puts right what a dead worker left: indices that do not fit empty their ring, a read
 * that was under way is completed, a line that was being handled is dropped. True when
 * that line's id is not known, so that somebody waits for an answer with id null. */
bool continuity_take_over(struct continuity *continuity);

struct ring continuity_input(struct continuity *continuity);
struct ring continuity_output(struct continuity *continuity);

/* Around read(): at most CONTINUITY_READ_MOST bytes at `bytes`. A JSON line holds no NUL,
 * so zeros show what of it was not yet written. */
void continuity_read_begins(struct continuity *continuity, uint8_t *bytes, size_t length);
void continuity_read_ended(struct continuity *continuity);

/* Around one line. */
void continuity_line_begins(struct continuity *continuity);
void continuity_line_ended(struct continuity *continuity);

/* A request under way; the place, or CONTINUITY_NO_REQUEST when there is none left. */
unsigned continuity_remember(
    struct continuity *continuity, const char *id, size_t length);
void continuity_forget(struct continuity *continuity, unsigned place);

#endif
#endif
