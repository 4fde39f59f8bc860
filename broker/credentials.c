/* The sources in their order, and the set in use; credentials.h has the promises. */
#include "broker/credentials.h"
#include "broker/clocks.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

enum found { FOUND, ABSENT, BAD };

struct credentials {
	const struct aws_environment *environment;
	struct aws_credentials now;
	uint64_t numbers; /* given out so far */
	bool rejected;	  /* AWS does not take `now` */
	char why[FAILURE_TEXT_MAX];
};

static void forget(struct aws_credentials *set)
{
	if (set->secret)
		OPENSSL_secure_clear_free(set->secret, strlen(set->secret));
	if (set->token)
		OPENSSL_secure_clear_free(set->token, strlen(set->token));
	*set = (struct aws_credentials){ .secret = NULL };
}

static char *keep(const char *text)
{
	char *kept = OPENSSL_secure_malloc(strlen(text) + 1);

	return kept ? strcpy(kept, text) : NULL;
}

static enum found from_environment(
    struct credentials *credentials, struct failure *failure)
{
	const struct aws_environment *environment = credentials->environment;
	const char *id = aws_environment_get(environment, "AWS_ACCESS_KEY_ID");
	const char *secret = aws_environment_get(environment, "AWS_SECRET_ACCESS_KEY");
	const char *token = aws_environment_get(environment, "AWS_SESSION_TOKEN");
	struct aws_credentials *now = &credentials->now;

	if (!id && !secret)
		return ABSENT;
	if (!id || !secret || strlen(id) > ACCESS_KEY_ID_MAX) {
		failure_say(failure, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must "
				     "both be set, or neither");
		return BAD;
	}
	*now = (struct aws_credentials){ .secret = keep(secret),
		.token = token ? keep(token) : NULL,
		.expires = INT64_MAX,
		.number = ++credentials->numbers,
		.source = "environment" };
	strcpy(now->access_key_id, id);
	if (now->secret && (now->token || !token))
		return FOUND;
	failure_say(failure, "the memory for secrets is full");
	return BAD;
}

struct credentials *credentials_new(
    const struct aws_environment *environment, struct failure *failure)
{
	struct credentials *credentials = calloc(1, sizeof *credentials);

	if (!credentials) {
		failure_say(failure, "out of memory");
		return NULL;
	}
	credentials->environment = environment;
	strcpy(credentials->why, "AWS_ACCESS_KEY_ID is not set");
	if (from_environment(credentials, failure) != BAD)
		return credentials;
	credentials_free(credentials);
	return NULL;
}

void credentials_free(struct credentials *credentials)
{
	if (credentials)
		forget(&credentials->now);
	free(credentials);
}

const struct aws_credentials *credentials_now(struct credentials *credentials)
{
	return credentials->now.secret && !credentials->rejected &&
		       credentials->now.expires > clock_wall_seconds()
		   ? &credentials->now
		   : NULL;
}

bool credentials_rejected(struct credentials *credentials, uint64_t number)
{
	if (number != credentials->now.number)
		return true;
	credentials->rejected = true;
	strcpy(credentials->why,
	    "AWS does not take the credentials of the environment any more");
	return false;
}

bool credentials_coming(const struct credentials *credentials)
{
	(void)credentials;
	return false;
}

const char *credentials_why(const struct credentials *credentials)
{
	return credentials->why;
}
