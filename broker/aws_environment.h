/*
 * The AWS_* variables that the supervisor found in its environment and wiped there. They
 * come over a pipe, each as NAME=VALUE and a NUL, and lie in secret memory.
 */
#ifndef BROKER_AWS_ENVIRONMENT_H
#define BROKER_AWS_ENVIRONMENT_H

#include "broker/failure.h"

#include <stddef.h>

#define AWS_ENVIRONMENT_MAX (64 * 1024) /* what a pipe holds */

struct aws_environment {
	char *bytes;
	size_t length;
};

/* Reads the pipe to its end and closes it. */
bool aws_environment_take(struct aws_environment *out, int fd, struct failure *failure);
void aws_environment_free(struct aws_environment *environment);

/* NULL when it is not there or empty, as AWS's SDKs have it. */
const char *aws_environment_get(
    const struct aws_environment *environment, const char *name);
/* Is it `true`? False, with `failure`, for what is neither that nor `false`. */
bool aws_environment_flag(const struct aws_environment *environment, const char *name,
    bool *out, struct failure *failure);

#endif
