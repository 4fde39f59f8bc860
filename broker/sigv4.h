/*
 * AWS Signature Version 4 for the one shape of request that AWS's JSON and query
 * services need: POST to `/` without a query. The long-lived secret is used once a day,
 * to derive the key of that day, region and service; that key lies in secret memory.
 */
#ifndef BROKER_SIGV4_H
#define BROKER_SIGV4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIGV4_HEADERS_MAX	16
#define SIGV4_DATE_TEXT		17   /* 20150830T123600Z and a NUL */
#define SIGV4_CANONICAL_MAX	8192 /* bytes of the headers together, token included */
#define SIGV4_AUTHORIZATION_MAX 1024
#define SIGV4_NAME_MAX		64 /* bytes of a region or service */

/* As it is sent. `host` and `x-amz-date` must be among them; all that are given are
 * signed, so those that a proxy may change are not given. */
struct sigv4_header {
	const char *name;
	const char *value;
};

struct sigv4_signer {
	char region[SIGV4_NAME_MAX + 1], service[SIGV4_NAME_MAX + 1];
	uint8_t *derived; /* in secret memory; NULL before the first signature */
	char day[9];	  /* for which it holds: 20150830 */
	uint64_t number;  /* and of which credentials */
};

/* False when a name is too long. */
bool sigv4_start(struct sigv4_signer *signer, const char *region, const char *service);
/* Wipes the derived key. */
void sigv4_stop(struct sigv4_signer *signer);

/* Seconds since 1970, as X-Amz-Date has them. False outside the years 0 to 9999. */
bool sigv4_date(int64_t time, char out[SIGV4_DATE_TEXT]);

/*
 * The value of Authorization. `number` changes whenever the credentials do. False when
 * there are too many or too long headers, `host` or `x-amz-date` is missing, or OpenSSL
 * fails.
 */
bool sigv4_sign(struct sigv4_signer *signer, const char *access_key_id,
    const char *secret, uint64_t number, const struct sigv4_header *headers, size_t count,
    const void *body, size_t length, char out[SIGV4_AUTHORIZATION_MAX]);

#endif
