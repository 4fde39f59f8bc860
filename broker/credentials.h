/*
 * AWS credentials: where they come from, and the ones that are in use. The first source
 * that is configured, in the order of AWS's SDKs, is the one until the process ends; when
 * it fails it is asked again, and no other one instead, since that would be somebody
 * else. Sets that expire are renewed ahead of it, one fetch at a time. Secrets lie in
 * secret memory.
 *
 * The loop polls what credentials_fill() lists, not longer than credentials_wait_ms(),
 * then calls credentials_turn(), before aws_turn().
 */
#ifndef BROKER_CREDENTIALS_H
#define BROKER_CREDENTIALS_H

#include "broker/aws_environment.h"

#include <cjson/cJSON.h>
#include <openssl/x509.h>
#include <poll.h>
#include <stdint.h>

#define ACCESS_KEY_ID_MAX 128  /* bytes, as IAM allows */
#define SESSION_TOKEN_MAX 7168 /* what a request has room for; AWS's have up to 4096 */

struct aws_credentials {
	char access_key_id[ACCESS_KEY_ID_MAX + 1];
	char *secret;	 /* in secret memory */
	char *token;	 /* in secret memory; NULL: they are long-lived */
	int64_t expires; /* seconds since 1970; INT64_MAX: never */
	uint64_t number; /* another one for each set, from 1 */
	const char *source;
};

struct credentials;
struct aws;

/* The variables that may name a file in /run, which the broker does not see. */
enum given_directory {
	GIVEN_IDENTITY,	   /* AWS_WEB_IDENTITY_TOKEN_FILE */
	GIVEN_CONTAINER,   /* AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE */
	GIVEN_CREDENTIALS, /* AWS_SHARED_CREDENTIALS_FILE */
	GIVEN_CONFIG,	   /* AWS_CONFIG_FILE */
	GIVEN_DIRECTORIES
};

struct credentials_settings {
	const struct aws_environment *environment; /* must outlive the credentials */
	const char *home;  /* where .aws is: /root; NULL: there are no shared files */
	X509_STORE *roots; /* for a container endpoint behind TLS; may be NULL */
	/* open, of the files that the environment names in /run; else no directory */
	int given[GIVEN_DIRECTORIES];
};

/* Before the seal. NULL, with `failure`, when a source is configured wrongly: another one
 * further down is not meant then. What needs the network is asked in later turns. */
struct credentials *credentials_new(
    const struct credentials_settings *settings, struct failure *failure);
/* After aws_free(), whose calls may be ours. */
void credentials_free(struct credentials *credentials);

/* What the seal has to leave, beside AWS itself. */
#define CREDENTIALS_DIRECTORIES_MAX 3
struct credentials_needs {
	int directories[CREDENTIALS_DIRECTORIES_MAX]; /* open; to read files below them */
	unsigned directories_count;
	uint16_t port;	     /* TCP, to connect to; 0: none */
	const char *host;    /* whose addresses the resolver must find; NULL: none */
	bool sts;	     /* calls of AWS STS */
	const char *guarded; /* the metadata service's address, which must be root's
				alone; NULL: it is not asked */
};
void credentials_needs(
    const struct credentials *credentials, struct credentials_needs *out);

/* Roles are assumed by calls of AWS STS through this. */
void credentials_call_through(struct credentials *credentials, struct aws *aws);
/* The addresses of the host that credentials_needs() told; as aws_addresses(). */
void credentials_addresses(struct credentials *credentials, const char *addresses);

/* The set to sign with now; NULL while there is none, and credentials_why() says why. It
 * lives until the next call of any function here. */
const struct aws_credentials *credentials_now(struct credentials *credentials);

/* AWS refused a call, sent at that time of the boot clock with that set, as expired or
 * unknown. The source is asked again. AWS is wrong now and then: when the source has no
 * other set, the same one is tried once more, and refused again it is not used for a
 * while. True when it is worth waiting for credentials_now(). */
bool credentials_rejected(
    struct credentials *credentials, uint64_t number, uint64_t sent_ns);

/* Is a source being asked just now, or about to be? Without one and without credentials
 * there is nothing to wait for. */
bool credentials_coming(const struct credentials *credentials);

const char *credentials_why(const struct credentials *credentials);
/* The newest set was another account's; credentials_why() says which. */
bool credentials_foreign(const struct credentials *credentials);

/* The source gives none, again and again, or what it gave has ended. */
bool credentials_failing(const struct credentials *credentials);

/* Whose the set in use is, as STS GetCallerIdentity told. From here on each other set is
 * asked about before it is used, and one of another account never is: the set in use
 * stays as long as it lasts. */
void credentials_identity(
    struct credentials *credentials, const char *account, const char *arn);

/* For root: the source, the set's times, what went wrong; and with that who it is, and
 * which sources were looked for before. No secret is in either. NULL when memory is out;
 * the caller deletes it. */
cJSON *credentials_summary(const struct credentials *credentials);
cJSON *credentials_report(const struct credentials *credentials);

/* At most HTTP_DESCRIPTORS_MAX entries. */
unsigned credentials_fill(const struct credentials *credentials, struct pollfd *out);
int credentials_wait_ms(const struct credentials *credentials); /* -1: for ever */
void credentials_turn(
    struct credentials *credentials, const struct pollfd *polled, unsigned count);

#endif
