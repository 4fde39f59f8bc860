/*
 * The configuration: Teleport's file with our own section `privyseal` in it. What
 * concerns us is read strictly, what Teleport knows elsewhere is skipped, and any other
 * key is an error with its place and path.
 */
#ifndef WORKER_CONFIG_H
#define WORKER_CONFIG_H

#include "ipc/ops.h"
#include "policy/names.h"

#define CONFIG_TEXT_MAX	       (1024 * 1024)
#define CONFIG_ERROR_MAX       512
#define CONFIG_TAGS_MAX	       50
#define CONFIG_PACKED_TAGS_MAX 16384

#define CONFIG_SESSION_TTL     (12 * 3600) /* seconds; Teleport's default */
#define CONFIG_DEADLINE	       5	   /* seconds */
#define CONFIG_IN_FLIGHT       200
#define CONFIG_IN_FLIGHT_MAX   (OP_IN_FLIGHT_MAX - CA_COUNT) /* room for OP_AUTHORITIES */
#define CONFIG_KMS_RATE	       900 /* a second; below the account's quota of 1000 */
#define CONFIG_KMS_CONNECTIONS 16

/* Where a key's value stands, both from 1. */
struct config_place {
	const char *key; /* `keystore` for the section aws_kms */
	unsigned line, column;
};
#define CONFIG_PLACES_MAX 24

struct config {
	char cluster_name[OP_CLUSTER_MAX + 1]; /* may be empty */
	enum keystore_kind keystore;
	char account[12 + 1];
	char region[OP_NAME_MAX + 1];
	enum suite suite;
	uint8_t tags[CONFIG_PACKED_TAGS_MAX]; /* packed: name, value, name, ... */
	size_t tags_length;
	unsigned tags_count;
	uint64_t default_session_ttl; /* seconds */
	uint64_t deadline;	      /* seconds */
	unsigned in_flight;	      /* signatures under way at the broker */
	unsigned kms_rate;	      /* documents a second */
	unsigned kms_connections;
	unsigned workers;
	int log_level; /* enum log_level; -1: not named */
	char proxy[256];
	struct config_place places[CONFIG_PLACES_MAX]; /* of the keys that are said */
	unsigned places_count;
};

struct config_error {
	unsigned line;		     /* from 1; 0: the file as a whole */
	unsigned column;	     /* from 1 */
	char text[CONFIG_ERROR_MAX]; /* `path.of.the.key: what is wrong` */
};

/* An empty text gives the defaults. False with `error`; `out` is then not to be used. */
bool config_read(
    const uint8_t *text, size_t length, struct config *out, struct config_error *error);

/* Where the key stands whose path the broker's refusal begins with; NULL: nowhere. */
const struct config_place *config_place_of(
    const struct config *config, const char *refusal);

#endif
