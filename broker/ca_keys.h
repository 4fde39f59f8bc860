/*
 * The certificate authorities: which keys each has (ca_making.h makes them); which one
 * signs; and what everybody may know of them (a cert_authority resource, version v2).
 */
#ifndef BROKER_CA_KEYS_H
#define BROKER_CA_KEYS_H

#include "broker/broker.h"

/* Loads the keys that the state names; each must be the key that the state knows, and
 * what a TLS key shows must be its own and still good. */
bool ca_keys_load(struct broker *broker, struct failure *failure);

/* All that is derived from the state's keys; after each change of them. */
bool ca_keys_publish(struct broker *broker, struct failure *failure);

/* The key that signs now; NULL when there is none, or (a TLS key) no certificate of it.
 */
const struct key *ca_key(const struct broker *broker, enum ca ca, enum purpose purpose);

/* Does the document name, as what signs it, a key that this CA had before? */
bool ca_key_was(const struct broker *broker, enum ca ca, enum purpose purpose,
    const struct facts *facts);

/* Has the CA keys of this host's while new ones are made in a remote keystore? */
bool ca_keys_local(const struct broker *broker, enum ca ca);

void ca_keys_free(struct broker *broker);

#endif
