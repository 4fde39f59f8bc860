/* The admin socket: root asks, the broker reports. Nobody else is even read. */
#ifndef BROKER_ADMIN_H
#define BROKER_ADMIN_H

struct broker;

/* Takes connections that wait, as far as there are places. */
void admin_accept(struct broker *broker);
/* Answers what the connection in this place has asked. */
void admin_turn(struct broker *broker, unsigned place);

#endif
