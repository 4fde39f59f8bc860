/*
 * AWS credentials: where they come from, and the ones that are in use. Sources are asked
 * in the order of AWS's SDKs; the first that has credentials is kept until the process
 * ends, and renewed ahead of their expiry. Secrets lie in secret memory.
 */
#ifndef BROKER_CREDENTIALS_H
#define BROKER_CREDENTIALS_H

#include "broker/aws_environment.h"

#include <stdint.h>

#define ACCESS_KEY_ID_MAX 128 /* bytes, as IAM allows */

struct aws_credentials {
	char access_key_id[ACCESS_KEY_ID_MAX + 1];
	char *secret;	 /* in secret memory */
	char *token;	 /* in secret memory; NULL: they are long-lived */
	int64_t expires; /* seconds since 1970; INT64_MAX: never */
	uint64_t number; /* another one for each set, from 1 */
	const char *source;
};

struct credentials;

/* NULL, with `failure`, when a source has credentials that can't be used: another one
 * further down is not meant then. `environment` must outlive it. */
struct credentials *credentials_new(
    const struct aws_environment *environment, struct failure *failure);
void credentials_free(struct credentials *credentials);

/* The set to sign with now; NULL while there is none, and credentials_why() says why. It
 * lives until the next call of any function here. */
const struct aws_credentials *credentials_now(struct credentials *credentials);

/* AWS refused that set as expired or unknown. True when another may come:
 * credentials_now() is NULL or has another number then. */
bool credentials_rejected(struct credentials *credentials, uint64_t number);

/* Is a source being asked just now? Without one and without credentials there is nothing
 * to wait for. */
bool credentials_coming(const struct credentials *credentials);

const char *credentials_why(const struct credentials *credentials);

#endif
