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

void control_drop_worker(struct broker *broker, uint32_t worker, const char *reason);
void control_failed(struct broker *broker, const char *reason);
void control_ask_segment(struct broker *broker, uint32_t number);
void control_stopped(struct broker *broker);

/* Its config was taken: it serves from now on. */
void control_worker_ready(struct broker *broker, const struct channel *channel);

/* Its config was not; when that ends a reload, it is on the record. */
void control_config_refused(
    struct broker *broker, const struct channel *channel, const char *reason);

/* Ends what has outstayed its deadline, and what is left when the broker stops. */
void control_tend(struct broker *broker, uint64_t now_ns);

#endif
