/*
 * HTTP for the broker's loop: a fixed number of transfers over a pool of connections that
 * are kept alive, by libcurl's multi interface. HTTPS is verified (TLS 1.2 or better)
 * against one store of roots that all connections share. No redirect is followed, no
 * proxy used but the one that is set, no cookie or netrc read, no name resolved: the
 * addresses of each host are given.
 *
 * The loop polls what http_fill() lists, not longer than http_wait_ms(), then calls
 * http_turn(), which calls back the transfers that have ended.
 */
#ifndef BROKER_HTTP_H
#define BROKER_HTTP_H

#include "broker/failure.h"

#include <openssl/x509.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_TRANSFERS_MAX   64
#define HTTP_HEADERS_MAX     16
#define HTTP_ANSWER_MAX	     (256 * 1024) /* bytes of a body; a longer one is a failure */
#define HTTP_HEAD_MAX	     (64 * 1024)  /* bytes of all its headers */
#define HTTP_KEPT_MAX	     256	  /* bytes of a header's value that is kept */
#define HTTP_PROXY_MAX	     256
#define HTTP_DESCRIPTORS_MAX (2 * HTTP_TRANSFERS_MAX)

struct http;

struct http_settings {
	unsigned connections; /* 1 to HTTP_TRANSFERS_MAX */
	const char *proxy;    /* http://HOST:PORT, shorter than HTTP_PROXY_MAX; or NULL */
	X509_STORE *roots;    /* one reference is taken; NULL: nothing is trusted */
};

/* Before the seal. NULL, with `failure`. */
struct http *http_new(const struct http_settings *settings, struct failure *failure);
void http_free(struct http *http); /* transfers under way end without being called back */

/* PEM certificates into a store; NULL when the text holds none, or one that is broken. */
X509_STORE *http_roots(const char *pem, size_t length);

/* From now on: at most so many connections, and this proxy (NULL or empty: none). */
void http_limit(struct http *http, unsigned connections, const char *proxy);
/* Is there one? It looks names up itself. */
bool http_proxied(const struct http *http);

struct http_field {
	const char *name;
	const char *value;
};

/* Everything is copied but the body, which must live until `done`. */
struct http_request {
	const char *method; /* GET, PUT, POST */
	const char *url;
	const char *resolve; /* HOST:PORT:ADDRESS[,ADDRESS]...; NULL: the URL has one; to
				a proxy it does not matter */
	const struct http_field *fields;
	size_t fields_count; /* at most HTTP_HEADERS_MAX */
	const void *body;    /* of POST; may be empty */
	size_t length;
	uint64_t timeout_ms; /* for all of it; at least 1 */
	uint64_t connect_timeout_ms;
	bool fresh; /* over a new connection: on one that was used before and turns out to
		       be closed, libcurl would send the request again by itself */
};

/* Headers of an answer that somebody needs; others are dropped as they come. */
enum http_kept {
	HTTP_DATE,
	HTTP_REQUEST_ID,  /* X-Amzn-RequestId */
	HTTP_ERROR_TYPE,  /* X-Amzn-ErrorType */
	HTTP_RETRY_AFTER, /* X-Amz-Retry-After, milliseconds */
	HTTP_TOKEN_TTL,	  /* X-aws-ec2-metadata-token-ttl-seconds */
	HTTP_KEPT_COUNT
};

struct http_answer {
	long status; /* 0: no whole answer came, and `why` says why */
	const char *why;
	bool timed_out, refused; /* how it failed: out of time, no connection at all */
	bool sent;		 /* the request may have reached the other side */
	const char *body;	 /* ends in a NUL that length does not count */
	size_t length;
	const char *kept[HTTP_KEPT_COUNT]; /* "" where it did not come */
};

/* The answer lives during the call, in which another transfer may be started. */
typedef void http_done(void *context, const struct http_answer *answer);

/* False: every transfer is taken, or memory is out; nothing was sent. */
bool http_send(struct http *http, const struct http_request *request, http_done *done,
    void *context);

unsigned http_under_way(const struct http *http);

/* At most HTTP_DESCRIPTORS_MAX entries. */
unsigned http_fill(const struct http *http, struct pollfd *out);
int http_wait_ms(const struct http *http); /* -1: as long as you like */
/* With what http_fill() listed, after poll(); then with none, for what was timed. */
void http_turn(struct http *http, const struct pollfd *polled, unsigned count);

#endif
