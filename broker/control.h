/*
 * The control channel: what the supervisor tells (workers come and go, segments of the
 * record, reload, stop), and what it is told. The supervisor is root and is believed; a
 * frame of its that is wrong is a fault of the installation, and ends the broker.
 */
#ifndef BROKER_CONTROL_H
#define BROKER_CONTROL_H

#include "broker/broker.h"

/* Reads and handles what is there, a bounded number of frames. */
void control_turn(struct broker *broker);

/* The sockets, and that this broker has started. */
void control_announce(struct broker *broker);
/* The supervisor tries whether root alone reaches that address; else it stops us. */
void control_metadata(struct broker *broker, const char *address);

void control_start_worker(struct broker *broker, const struct channel *channel);
/* What is said with one number, that of a worker, a generation or a segment, or none. */
void control_say(struct broker *broker, enum op op, uint32_t number);
void control_record_policy(struct broker *broker);
/* `now` is NULL when its policy could not be read; `refused` when it came into service.
 */
void control_record_reload(
    struct broker *broker, const struct generation *now, const char *refused);
/* Says why before; the broker ends. */
void control_failed(struct broker *broker);

/* Ends the broker when it stops and no worker is left. */
void control_tend(struct broker *broker, uint64_t now_ns);

#endif
