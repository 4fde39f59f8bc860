/*
 * Files in STATE/keys that no CA has: a crash between making keys and writing them into
 * the state leaves such, and so does an older state.json that was put back. None has
 * signed anything by this state. They are put aside, never thrown away: the newer state
 * may yet be found.
 */
#ifndef BROKER_STRAYS_H
#define BROKER_STRAYS_H

#include "broker/broker.h"

/* Is there a key file at all? Without a state none may be. */
bool strays_any(const struct broker *broker, bool *found, struct failure *failure);

/* Each X.pem that the state does not name becomes X.unused, on the record first. The log
 * must be open. */
bool strays_put_aside(struct broker *broker, struct failure *failure);

#endif
