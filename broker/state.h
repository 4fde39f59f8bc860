/*
 * What the broker must not forget: STATE/state.json, version 1. It names the cluster,
 * this installation, the CA keys, and the head of the record. Read strictly, since
 * whoever could change it could point a CA at a key of his own; replaced whole.
 */
#ifndef BROKER_STATE_H
#define BROKER_STATE_H

#include "broker/ca_documents.h"
#include "broker/files.h"
#include "ipc/ops.h"
#include "policy/names.h"

#define STATE_VERSION	 1
#define STATE_FILE	 "state.json"
#define STATE_MAX	 ((size_t)512 * 1024)
#define KEYS_PER_SET	 2
#define INSTANCE_TEXT	 32
#define HASH_TEXT	 64
#define STATE_NONCES_MAX 512
#define KEYS_KNOWN	 (CA_COUNT * PURPOSE_COUNT * KEY_SETS * KEYS_PER_SET)

/* Which keys of a CA: the ones that sign, and others that relying parties still trust. */
enum key_set { KEY_SET_ACTIVE, KEY_SET_TRUSTED, KEY_SETS };

struct state_key {
	char identifier[KEY_IDENTIFIER_MAX];
	uint8_t blob[KEY_BLOB_MAX]; /* the public key; the private one must fit it */
	size_t blob_length;
	/* A TLS key's certificate and CRL: both or, of one that has just been made, none.
	 */
	struct {
		uint8_t bytes[CA_DOCUMENT_MAX];
		size_t length;
	} document[CA_DOCUMENTS];
};

struct state_keys {
	unsigned count;
	struct state_key key[KEYS_PER_SET];
};

/* A key that a remote keystore is being asked for, or was when a crash came. */
struct state_intent {
	char nonce[NONCE_TEXT + 1]; /* empty: there is none */
	enum ca ca;
	enum purpose purpose;
	enum key_kind kind;
	int64_t since; /* seconds since 1970 */
};

struct state {
	char instance[INSTANCE_TEXT + 1]; /* random, made once */
	char cluster[OP_CLUSTER_MAX + 1];
	enum suite suite; /* of keys to come; SUITE_UNSPECIFIED before the first */
	struct state_keys keys[CA_COUNT][PURPOSE_COUNT][KEY_SETS];
	uint64_t head_sequence; /* of the record; what is on disk reaches at least here */
	char head_hash[HASH_TEXT + 1];
	struct state_intent intent;
	int64_t creations_since; /* remote keys asked for: so many since then */
	unsigned creations;
	/* The nonces of remote keys that were asked for, the last so many: a key with one
	 * of them is of our making. The record has them too, but is pruned. */
	unsigned nonces;
	char nonce[STATE_NONCES_MAX][NONCE_TEXT + 1];
	bool restored; /* from a backup, and not started since */
};

/* A state for a cluster that had none. */
void state_new(struct state *state, const char *cluster);

enum file_read state_read(
    struct state *state, const struct directory *directory, struct failure *failure);
bool state_write(const struct state *state, const struct directory *directory,
    struct failure *failure);

/* For walks over all keys: the first one at `*place` or after it, which becomes its own
 * place, below KEYS_KNOWN; NULL: there are no more. Those that sign come before others of
 * their CA and purpose. */
const struct state_key *state_key_from(const struct state *state, unsigned *place);

/* Adds to the nonces; of a full list the oldest goes. */
void state_nonce_add(struct state *state, const char *nonce);
bool state_nonce_known(const struct state *state, const char *nonce);

/* One key in two places would let a document of one kind pass as one of another. */
bool state_keys_differ(const struct state *state, struct failure *failure);

/* The parts of it that need no directory. `text` has length bytes and a NUL behind them.
 */
bool state_parse(
    struct state *state, const char *text, size_t length, struct failure *failure);

#endif
