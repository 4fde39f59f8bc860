/*
 * A file with credentials in it, that an administrator or another program replaces while
 * we run: ~/.aws/credentials, ~/.aws/config, a token. Its directory is opened before the
 * seal; the file is opened anew whenever it is read. It must be root's own, nobody else
 * may write it nor, where secrets are in it, read it; or it is refused with the command
 * that mends it.
 */
#ifndef BROKER_AWS_FILE_H
#define BROKER_AWS_FILE_H

#include "broker/failure.h"

#include <stddef.h>
#include <sys/stat.h>

#define AWS_FILE_PATH_MAX 511
#define AWS_FILE_MAX	  (64 * 1024) /* bytes of its text */

enum aws_file_kind {
	AWS_FILE_SECRET, /* nobody else may read it; no symbolic link */
	AWS_FILE_CONFIG, /* the same once there is a secret key in it; else readable */
	AWS_FILE_TOKEN	 /* may be a link, and readable by others, as Kubernetes has it */
};

struct aws_file {
	enum aws_file_kind kind;
	int directory; /* -1: there is none */
	uid_t owner;   /* whose it must be: ours */
	char path[AWS_FILE_PATH_MAX + 1];
	struct stat seen; /* as it was when last read; all 0: it was not there */
};

/* Before the seal; a directory that is not there makes a file that is not there. That of
 * a path in /run, which the broker can't see, is `given` as a descriptor, which stays the
 * caller's; anything but a directory: it was not. False, with `failure`, when the path is
 * not absolute or the directory is not root's alone. */
bool aws_file_open(struct aws_file *file, enum aws_file_kind kind, const char *path,
    int given, struct failure *failure);
void aws_file_close(struct aws_file *file);

enum aws_file_read { AWS_FILE_READ, AWS_FILE_ABSENT, AWS_FILE_BAD };

/* The text, which ends in a NUL, in secret memory: aws_file_forget() wipes it. */
enum aws_file_read aws_file_read(
    struct aws_file *file, char **text, size_t *length, struct failure *failure);
void aws_file_forget(char *text, size_t length);

/* Is it another one than was last read? */
bool aws_file_changed(const struct aws_file *file);

#endif
