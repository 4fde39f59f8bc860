/*
 * What an AWS service answered instead of a result, and what follows from it. KMS writes
 * {"__type":"PREFIX#CODE","message":..}, or the code in X-Amzn-ErrorType; STS, asked for
 * JSON, {"Error":{"Code":..,"Message":..}}.
 */
#ifndef BROKER_AWS_ERROR_H
#define BROKER_AWS_ERROR_H

#include <stdbool.h>
#include <stddef.h>

enum aws_fault {
	AWS_FAULT_FINAL,       /* the same request will fail again */
	AWS_FAULT_THROTTLED,   /* too many requests; later */
	AWS_FAULT_TRANSIENT,   /* the service or the way to it; again */
	AWS_FAULT_CREDENTIALS, /* expired: once more with new ones */
	AWS_FAULT_CLOCK,       /* the request's time was not believed */
	AWS_FAULT_UNSETTLED,   /* a new key that is not known everywhere yet; for a key
				  that is not new, final */
	AWS_FAULT_DRY_RUN,     /* what a dry run that would succeed answers */
	AWS_FAULT_COUNT
};

#define AWS_ERROR_CODE_MAX    64
#define AWS_ERROR_MESSAGE_MAX 256
#define AWS_ACTION_MAX	      64

/* Text from outside: control characters have become '?'. */
struct aws_error {
	enum aws_fault fault;
	long status;				 /* of HTTP */
	char code[AWS_ERROR_CODE_MAX + 1];	 /* empty: the answer had none */
	char message[AWS_ERROR_MESSAGE_MAX + 1]; /* cut where it is longer */
	/* the permission that is missing, as kms:Sign; empty: it is about something else,
	 * or the answer does not say */
	char action[AWS_ACTION_MAX + 1];
};

/* Is it for want of a permission? */
bool aws_error_denies(const struct aws_error *error);

/* `type` is X-Amzn-ErrorType, or NULL; the body may be anything. */
void aws_error_read(struct aws_error *out, long status, const char *type,
    const char *body, size_t length);

#endif
