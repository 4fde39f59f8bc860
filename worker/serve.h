/* The loop of a worker: the broker's channel, the listener, the clients, each in its
 * turn. */
#ifndef WORKER_SERVE_H
#define WORKER_SERVE_H

#include "worker/worker.h"

#define SERVE_DRAIN_MS 8000 /* shorter than the supervisor's patience */

/*
 * Serves until drained, until a single client on --stdio has ended (`continuity` is not
 * NULL), or until the broker is gone. `listener` is -1 on --stdio. The exit status: 0
 * or 1.
 */
int serve(struct worker *worker, int listener, struct continuity *continuity);

/* One turn: waits at most `wait_ms` (-1: as long as nothing happens). False at the end.
 * For serve() and the tests. */
struct server;
struct server *server_start(
    struct worker *worker, int listener, struct continuity *continuity);
bool server_turn(struct server *server, int wait_ms);
void server_end(struct server *server);

#endif
