/*
 * Files of the state directory. All are root's own, closed to everybody else, and
 * replaced whole or not at all; this process may neither unlink nor truncate.
 */
#ifndef BROKER_FILES_H
#define BROKER_FILES_H

#include "broker/failure.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct directory {
	int fd;
	uid_t owner;	  /* of the state directory: whose each file must be */
	const char *name; /* for messages: `state directory`, `keys` */
};

/* Opens `name` below `parent`; refuses one that others can look into. */
bool directory_open(struct directory *out, int parent, const char *name,
    const char *called, struct failure *failure);
void directory_close(struct directory *directory);

/* Calls `entry` with each name in it; files may be renamed meanwhile. */
typedef void directory_entry(void *context, const char *name);
bool directory_list(const struct directory *directory, directory_entry *entry,
    void *context, struct failure *failure);

enum file_read { FILE_READ, FILE_ABSENT, FILE_BAD };

/* The whole file into `buffer`, and its length; more than `room` bytes are FILE_BAD. */
enum file_read file_read(const struct directory *directory, const char *name,
    uint8_t *buffer, size_t room, size_t *length, struct failure *failure);

/* So many bytes from the beginning of a regular file, wherever its offset is. */
bool file_read_all(int fd, void *buffer, size_t size);
/* False, with errno: not all of them were written. */
bool file_write_all(int fd, const void *bytes, size_t length);

/* After true, a crash at any time leaves the new bytes there; after false, or a crash
 * before, the old ones (or no file). */
bool file_replace(const struct directory *directory, const char *name, const void *bytes,
    size_t length, struct failure *failure);

/* Durable when true. What was called `to` is gone. */
bool file_rename(const struct directory *directory, const char *from, const char *to,
    struct failure *failure);

#endif
