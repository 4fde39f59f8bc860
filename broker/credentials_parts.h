/*
 * What the sources of credentials share; credentials.c holds them together. A source's
 * fetch ends, at once or in a later turn, by exactly one of credentials_fetched() and
 * credentials_failed().
 */
#ifndef BROKER_CREDENTIALS_PARTS_H
#define BROKER_CREDENTIALS_PARTS_H

#include "broker/credentials.h"
#include "broker/credentials_plan.h"
#include "broker/http.h"
#include "broker/kms.h"
#include "broker/service_url.h"

#define SOURCES_COUNT	  6
#define METADATA_ROLE_MAX 64
#define FETCH_TIMEOUT_MS  2000
#define FETCH_CONNECT_MS  1000

struct credentials {
	const struct aws_environment *environment;
	int given[GIVEN_DIRECTORIES]; /* until the seal */
	struct http *http;	      /* NULL: the source needs none */
	struct aws *aws;
	struct aws_file credentials_file, config_file, token_file;
	const char *source; /* as people read it; NULL: none is configured */
	struct plan plan;
	struct service_url url; /* of the container or the metadata service */
	char resolve[SERVICE_HOST_MAX + 520]; /* "": its URL has the address */

	struct aws_credentials now;
	struct aws_credentials base; /* what the next role is assumed with */
	struct aws_credentials next; /* in use once AWS has said whose it is */
	bool foreign;		     /* the last one was another account's */
	uint64_t numbers;	     /* given out so far */
	bool stale; /* the source has no newer ones: these are used beyond their end */
	uint64_t shunned_ns;   /* AWS refused `now`: not used before; 0: it did not */
	uint64_t confirmed_ns; /* `now` was refused, but its source gave it again */
	bool fetching;
	uint64_t begun_ns, due_ns; /* the last fetch; the next one, UINT64_MAX: none */
	unsigned failures;	   /* in a row */
	uint64_t failed;	   /* of all time */
	int64_t failed_at;	   /* the last one: seconds since 1970, and why */
	char failure[FAILURE_TEXT_MAX];
	unsigned roles_left;

	struct {
		char *token; /* in secret memory */
		uint64_t token_until_ns;
		char role[METADATA_ROLE_MAX + 1];
		bool again; /* the token was refused in this fetch */
	} metadata;

	char account[13], arn[ROLE_ARN_MAX + 1], role_arn[ROLE_ARN_MAX + 1];
	char why[FAILURE_TEXT_MAX];
	struct {
		const char *source;
		char why[FAILURE_TEXT_MAX];
	} tried[SOURCES_COUNT];
	unsigned tried_count;
};

/* ---- for sources ---- */

/* Takes the set over. */
void credentials_fetched(struct credentials *credentials, struct aws_credentials *set);
void credentials_failed(struct credentials *credentials, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Copies into secret memory. False, with `failure`, when it is full or the id too long.
 */
bool credentials_set(struct credentials *credentials, struct aws_credentials *out,
    struct slice id, struct slice secret, struct slice token, struct failure *failure);
void credentials_forget(struct aws_credentials *set);

/* `{"AccessKeyId":..}`, whose session token is called `token`; Expiration is a date or a
 * number of seconds. False, with `failure`. */
bool credentials_read(struct credentials *credentials, const cJSON *object,
    const char *token, struct aws_credentials *out, struct failure *failure);
/* Seconds since 1970 of 2015-08-30T12:36:00Z; false for what is no such date. */
bool credentials_time(const char *text, int64_t *out);

/* The whole text of a token file, in secret memory; NULL after credentials_failed(). */
char *credentials_token(struct credentials *credentials, size_t *length);

/* ---- the sources that need the network ---- */

/* Is it configured? */
enum found container_look(struct credentials *credentials, struct failure *failure);
enum found metadata_look(struct credentials *credentials, struct failure *failure);
enum found identity_look(struct credentials *credentials, struct failure *failure);

void container_fetch(struct credentials *credentials);
void metadata_fetch(struct credentials *credentials);
void identity_fetch(struct credentials *credentials);
/* Assumes plan.roles[roles_left - 1] with `base`. */
void role_fetch(struct credentials *credentials);

/* Whose is `next`? Ends by credentials_known() or credentials_failed(). */
void whose_fetch(struct credentials *credentials);
void credentials_known(
    struct credentials *credentials, const struct sts_identity *identity);

#endif
