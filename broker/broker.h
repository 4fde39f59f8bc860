/*
 * The broker's context: all that the process knows, in one structure that is passed. The
 * parts of it are explained in their own headers.
 */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include "broker/alerts.h"
#include "broker/audit_log.h"
#include "broker/ca_making.h"
#include "broker/channel_worker.h"
#include "broker/generation.h"
#include "broker/hosts.h"
#include "broker/keystore.h"
#include "broker/metrics.h"
#include "broker/refusals.h"
#include "broker/remote.h"
#include "broker/sign_path.h"
#include "broker/state.h"
#include "broker/workers.h"
#include "ipc/told.h"

#include <sys/types.h>

/* Descriptors that the supervisor hands over at exec. */
enum {
	DESCRIPTOR_CONTROL = 3,
	DESCRIPTOR_ADMIN,
	DESCRIPTOR_POLICY,
	DESCRIPTOR_STATE,
	DESCRIPTOR_ENVIRONMENT,
	DESCRIPTOR_GIVEN /* and on: directories in /run, or no directories (credentials.h)
			  */
};

#define CHANNELS_MAX 64
#define WORKERS_MAX                                                                      \
	(CHANNELS_MAX / 2) /* of one generation: a reload starts another's               \
			    */
#define ADMINS_MAX   8
#define SCRATCH_SIZE FRAME_MAX

/* A CA's keys that are loaded, beside what the state says of them. */
struct authority {
	/* the ones that sign; a key without a blob is none */
	struct key key[PURPOSE_COUNT];
	/* the TLS key's own, in the state's bytes; no CA's before there is one */
	struct facts certificate;
	struct bucket per_second, per_day;
	char *json; /* the public resource; NULL when this CA does not exist */
	size_t json_length;
};

struct broker {
	struct told settings;
	struct crypto crypto;
	struct directory state_directory, audit_directory;
	struct state state;
	struct keystore keystore; /* software */
	struct keystore kms;	  /* aws_kms; without kms.kms there is none */
	struct remote remote;
	struct hosts hosts;
	struct authority authorities[CA_COUNT];
	struct ca_making making;
	struct kms_inventory *inventory; /* while root looks at the keys in AWS KMS */
	int inventory_place; /* of the administrator who asked; -1: he is gone */
	uint32_t inventory_id;
	/* every CA key, as a packed list of blobs */
	uint8_t all_keys[KEYS_KNOWN * (4 + KEY_BLOB_MAX)];
	size_t all_keys_length;
	struct audit_log log;
	struct refusals refusals;
	struct generation *generation, *next; /* next: while its workers start */
	uint32_t reload_uid, reload_pid;      /* who asked for the last reload */
	struct channel *channels[CHANNELS_MAX];
	unsigned channels_used; /* the first so many slots have been used */
	unsigned turn;		/* whose turn comes first */
	uint32_t last_worker;	/* the number of the last one */
	bool serving;		/* the first generation has come into service */
	struct service services[SERVICES_MAX];
	struct signings signings;
	struct metrics metrics;
	struct alerts alerts;
	struct gate control_gate;
	struct {
		int fd;
		uid_t uid; /* who it is, as the kernel knows */
		pid_t pid;
		struct gate gate;
	} admins[ADMINS_MAX];
	uint8_t frame[FRAME_MAX + 1];  /* what supervisor and administrator say */
	uint8_t scratch[SCRATCH_SIZE]; /* answers to them; a document written again */
	uint64_t started_ns, head_written_ns, committed_ns, wake_ns;
	double started_at; /* seconds since 1970 */
	pid_t pid, supervisor;
	bool stopping, finished, failed;
	bool announced;	      /* to the supervisor, which seals itself at that */
	bool clock_told;      /* that the wall clock is behind the record */
	bool state_unwritten; /* the last time that it was to be */
};

/* Can documents be signed: keys, record and policy are all there. */
bool broker_ready(const struct broker *broker);

/* Writes the head of the record, which must be durable, into the state. */
bool broker_write_head(struct broker *broker);

/* loop.c: until OP_STOP was carried out (0), or something is beyond repair (1). */
int broker_run(struct broker *broker);

#endif
