/*
 * The certificate authorities: which keys each has, made at the first start; which one
 * signs; and what everybody may know of them (a cert_authority resource, version v2).
 */
#ifndef BROKER_CA_KEYS_H
#define BROKER_CA_KEYS_H

#include "broker/broker.h"

/* Loads the keys that the state names; each must be the key that the state knows. */
bool ca_keys_load(struct broker *broker, struct failure *failure);

/* Makes the keys that are missing, by the suite: each is on the record before it exists,
 * and in the state before it is used. */
bool ca_keys_create(struct broker *broker, enum suite suite, struct failure *failure);

/* The key that signs now; NULL when there is none. */
const struct key *ca_key(const struct broker *broker, enum ca ca, enum purpose purpose);

/* Was that this CA's key before? */
bool ca_key_was(const struct broker *broker, enum ca ca, enum purpose purpose,
    const uint8_t *blob, size_t length);

void ca_keys_free(struct broker *broker);

#endif
