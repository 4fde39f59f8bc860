/*
 * The contract between the processes, on one page. Every message that may pass between
 * them is a row of ops_table (ops.c): who sends it, in which phases, how often, which
 * fields it has and how large each may be. What has no row is an attack, and costs the
 * sender its channel.
 *
 * A phase is what a channel has reached; it never goes back:
 * - boot: the process runs but has not proven that it is sealed; no input was read
 * - sealed: the broker has seen the kernel's word for the seal
 * - config: the config was handed over; nothing else until the broker has judged it
 * - serve: requests are answered
 * - drain: what has begun is finished, nothing else starts
 */
#ifndef IPC_OPS_H
#define IPC_OPS_H

#include <stdbool.h>
#include <stdint.h>

#define OP_FIELDS_MAX	  10
#define OP_DOCUMENT_MAX	  65536 /* bytes of one document to be signed */
#define OP_REQUEST_ID_MAX 136	/* a JSON-RPC id as it stood on the line */
#define OP_TEXT_MAX	  1024	/* a message for people */
#define OP_NAME_MAX	  64	/* a socket's, user's or group's name */
#define OP_CLUSTER_MAX	  255
#define OP_SIGNATURE_MAX  1024 /* RSA 8192 */
#define OP_STAMP_MAX	  16
#define OP_CHOSEN_MAX	  32768 /* names of keys, one a line */
#define OP_REPORT_MAX	  65536 /* JSON made by the broker */
#define OP_HOST_MAX	  253  /* RFC 1035 2.3.4 */
#define OP_ADDRESSES_MAX  1024 /* of one host: comma-separated, IPv6 in brackets */
#define OP_IN_FLIGHT_MAX  256	/* requests of one channel under way */

enum op {
	OP_NONE,
	/* worker to broker */
	OP_SEALED,
	OP_CONFIG,
	OP_AUTHORITIES,
	OP_ALERTS,
	OP_SIGN,
	/* broker to worker */
	OP_SEALED_SEEN,
	OP_CONFIG_TAKEN,
	OP_CONFIG_REFUSED,
	OP_AUTHORITIES_ARE,
	OP_ALERTS_ARE,
	OP_SIGNED,
	OP_REFUSED,
	OP_UNAVAILABLE,
	OP_DRAIN,
	/* supervisor to broker; the ones marked + carry descriptors */
	OP_WORKER_STARTED, /* + channel, status */
	OP_WORKER_ENDED,
	OP_RELOAD,  /* + policy */
	OP_SEGMENT, /* + the record's next file */
	OP_STOP,
	/* broker to supervisor, which does it and decides nothing */
	OP_METADATA, /* an address of it: root alone may reach it */
	OP_SOCKET,
	OP_STARTED,
	OP_START_WORKER,
	OP_DROP_WORKER,
	OP_SERVE,
	OP_RELOAD_REFUSED,
	OP_NEXT_SEGMENT,
	OP_FAILED,
	OP_STOPPED,
	OP_START_RESOLVER, /* answered as OP_START_WORKER is */
	/* broker to resolver, and its answer */
	OP_RESOLVE,
	OP_ADDRESSES,
	/* root on the admin socket, and the broker's answer */
	OP_ADMIN_STATUS,
	OP_ADMIN_CREDENTIALS,
	OP_ADMIN_REPORT,
	OP_ADMIN_ACT,
	OP_ADMIN_ACTED,
	OP_ADMIN_KEYS, /* answered when AWS KMS has: minutes, at most */
	OP_COUNT
};

enum party {
	PARTY_WORKER,
	PARTY_BROKER,
	PARTY_SUPERVISOR,
	PARTY_ADMIN,
	PARTY_RESOLVER
};

enum phase {
	PHASE_BOOT,
	PHASE_SEALED,
	PHASE_CONFIG,
	PHASE_SERVE,
	PHASE_DRAIN,
	PHASE_COUNT
};

/* A field is a string of bytes; a number is a field of fixed size, big-endian. */
struct op_field {
	const char *name;
	uint32_t least;
	uint32_t most;
};

struct op_row {
	const char *name;
	enum party from;
	uint8_t phases; /* bit 1 << phase: permitted there */
	bool once;	/* a second one on a channel is a violation */
	uint8_t descriptors;
	struct op_field fields[OP_FIELDS_MAX];
};

/* Why a request was not signed, in OP_UNAVAILABLE. */
enum unavailable {
	UNAVAILABLE_KEYSTORE = 1, /* the key can't be used now */
	UNAVAILABLE_RATE,	  /* retry_after says when */
	UNAVAILABLE_DEADLINE,
	UNAVAILABLE_RECORD, /* the record can't be written; final until restart */
	UNAVAILABLE_STALE,  /* the CA's key has changed: build the document again */
	UNAVAILABLE_BREAKER /* too many refusals on this channel; retry_after */
};
#define UNAVAILABLE_COUNT (UNAVAILABLE_BREAKER + 1)

/* What root does with files of the state, in OP_ADMIN_ACT; on the record before it is
 * done. */
enum admin_act {
	ADMIN_COMPRESS = 1, /* segments of the record that are closed */
	ADMIN_PRUNE,	    /* the oldest of them are removed */
	ADMIN_BACKUP,	    /* the private keys are copied */
	ADMIN_COUNT
};

extern const struct op_row ops_table[OP_COUNT];

const char *op_name(enum op op);
const char *phase_name(enum phase phase);

#endif
