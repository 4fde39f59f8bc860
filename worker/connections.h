/*
 * Clients: reading of lines, writing of answers, and what each of them may cost. A client
 * costs memory only while it has something under way, and one that never reads is no
 * longer read from.
 */
#ifndef WORKER_CONNECTIONS_H
#define WORKER_CONNECTIONS_H

#include "worker/continuity.h"
#include "worker/ring.h"

#include <sys/types.h>

#define CONNECTIONS_MAX	    2000
#define LINE_MAX_BYTES	    65536		/* without its line end */
#define CONNECTION_REQUESTS 256			/* outstanding on one connection */
#define WORKER_BYTES	    (16u * 1024 * 1024) /* of all buffers of all connections */
#define OUTPUT_MAX	    CONTINUITY_OUTPUT
/* Unread answers from which on no finished request is answered, and no request more than
 * the CONNECTION_REQUESTS is refused: they wait until the client reads ... */
#define OUTPUT_ENOUGH (48u * 1024)
/* ... and from which on it is not read from: the largest certificate above the former. */
#define OUTPUT_FULL (96u * 1024)
#define UNREAD_MS   2000 /* who takes nothing for so long may have to give way */

struct pending;
struct pending_list {
	struct pending *first, *last;
};

struct connection {
	int in, out; /* the same descriptor but on --stdio */
	struct ring input, output;
	struct ring_at input_at, output_at; /* where they lie when not in `continuity` */
	struct continuity *continuity;	    /* NULL but on --stdio */
	size_t scanned;			    /* bytes of input that hold no line end */
	bool skipping;			    /* inside an over-long line */
	bool heard;			    /* a line of its has been handled */
	bool ended;			    /* the client writes no more */
	bool broken;			    /* to be closed, nothing more to be written */
	unsigned outstanding;
	uint32_t round; /* of pending.h, in which its next request is sent */
	uid_t uid;	/* who has connected */
	uint64_t used;	/* connections.clock at its last line */
	int64_t took;	/* connections.now when it last took some of its answers, or had
			 * read all */
	struct pending_list finished; /* requests, until their answers find room */
	size_t pending_bytes;	      /* of its outstanding requests */
};

struct connections {
	struct connection *of[CONNECTIONS_MAX];
	unsigned count;
	uint64_t clock; /* one more with every client and every line */
	int64_t now;	/* ms, of this turn */
	size_t bytes;	/* of all rings */
	/* clients, since the log was told of it */
	unsigned cut_off, gave_way;
};

/* A new client; NULL when there are too many or memory is short (`in` and `out` stay
 * open). */
struct connection *connections_add(
    struct connections *connections, int in, int out, struct continuity *continuity);
/*
 * Who gives way to a client of user `uid` when every place is taken: of the user with
 * most clients, the newcomer counted, the one idle for longest, or one with requests
 * under way when that is another user and none is idle. NULL: nobody does.
 */
struct connection *connections_to_give_way(
    const struct connections *connections, uid_t uid);
/* Closes it and frees it; the last one takes its place in the table. */
void connections_remove(struct connections *connections, unsigned index);

/* May it be read from now? */
bool connection_wants_input(const struct connection *connection);
/* Has it a whole line, or the end of one, that could be handled now? */
bool connection_has_line(const struct connection *connection);
/* May one of its finished requests be answered now? */
bool connection_takes_answer(const struct connection *connection);
/* Nothing to answer, nothing to write, nothing more to come. */
bool connection_finished(const struct connection *connection);
/* All memory for requests is used: of those who have not read for UNREAD_MS, the one with
 * most of it is cut off. When the next of them will have (ms); -1: nobody. */
int64_t connections_cut_off_unread(struct connections *connections);

/* One read(); sets ended or broken. */
void connection_read(struct connections *connections, struct connection *connection);
/* One or more write()s; on --stdio one of at most 4096 bytes, after poll() said that it
 * may be written, since the pipe may be a blocking one. */
void connection_write(struct connections *connections, struct connection *connection);

enum line { LINE_NONE, LINE_WHOLE, LINE_TOO_LONG };

/*
 * The next line without its end, copied to `out` (LINE_MAX_BYTES + 2 bytes). It stays in
 * the input until connection_line_done(), so that a worker's death can be told from its
 * success.
 */
enum line connection_line(struct connection *connection, char *out, size_t *length);
void connection_line_done(struct connections *connections, struct connection *connection);

/* Queues an answer, which ends in a newline; a client whose answers do not fit is cut
 * off. */
void connection_answer(struct connections *connections, struct connection *connection,
    const char *bytes, size_t length);

#endif
