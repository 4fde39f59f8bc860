/*
 * privyseal backup and restore. A backup is a directory in the shape of a state
 * directory: state.json, keys, and the record if wanted; so all that reads one reads the
 * other. It holds the private keys, and must be root's alone as they are.
 */
#ifndef CLI_BACKUP_H
#define CLI_BACKUP_H

#include "cli/state_directory.h"

/* The software keys that the state names. False: after a line. */
bool backup_keys(const struct state_directory *from, const struct state_directory *to);

/* The segments of the record, as far as lines are whole. *count: how many. */
bool backup_record(const struct state_directory *from, const struct state_directory *to,
    unsigned *count);

bool backup_has_record(const struct state_directory *directory);

/* Is it all that it should be: each key the state's, the record (if it is there) whole
 * and as long as the state says? False: after a line. */
bool backup_is_sound(const struct state_directory *directory);

#endif
