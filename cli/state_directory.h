/*
 * The state directory in root's hands: commands that change or copy what is in it say so
 * to the record first. The broker writes the record for them; where no privyseald runs,
 * they do, and hold the directory's lock until they end.
 */
#ifndef CLI_STATE_DIRECTORY_H
#define CLI_STATE_DIRECTORY_H

#include "broker/crypto.h"
#include "broker/state.h"

#define STATE_DIRECTORY "/var/lib/privyseal"

struct state_directory {
	const char *name;
	struct directory root, audit, keys;
	struct crypto crypto;
	struct state state;
	bool locked; /* by us, until this process ends */
};

/* Opens a directory that is root's alone, and reads its state. False: after a line. */
bool state_directory_open(struct state_directory *out, const char *name);
void state_directory_close(struct state_directory *directory);

/* Makes `name`, which may be there and empty, with audit and keys in it. */
bool state_directory_make(struct state_directory *out, const char *name);

/* False, after a line, when a privyseald has it. */
bool state_directory_lock(struct state_directory *directory);

/* Records the act, and reads the state again, whose head then covers it. For ADMIN_PRUNE
 * `last` and `hash` tell the last record that goes. *segment: files of the record with
 * lower numbers are closed. */
bool state_directory_act(struct state_directory *directory, const char *runtime_directory,
    enum admin_act kind, uint64_t last, const char *hash, uint32_t *segment);

/* Is each private key that of the CA that the state says, as the broker would ask? */
bool state_directory_keys_fit(const struct state_directory *directory);

/* Segments of the record are append-only even for root, who can lift that; nothing where
 * the file system has no such flag. */
bool append_only_is(int fd);
void append_only_set(int fd, bool wanted);

/* The file name of a software key; false for a key that is elsewhere. */
#define KEY_FILE_NAME 40
bool key_file_name(const struct state_key *key, char out[KEY_FILE_NAME]);

#endif
