/* URLs of AWS's services, and of those that give out credentials on this machine or near
 * it. */
#ifndef BROKER_SERVICE_URL_H
#define BROKER_SERVICE_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERVICE_HOST_MAX 253
#define SERVICE_URL_MAX	 1023

struct service_url {
	char text[SERVICE_URL_MAX + 1];	 /* all of it */
	char host[SERVICE_HOST_MAX + 1]; /* a name, or an address without brackets */
	uint16_t port;
	size_t path;  /* where in the text it begins; it may be empty */
	bool secure;  /* https */
	bool address; /* the host is one */
	bool loopback;
};

/* False when it is not http:// or https://, a host, and maybe port and path; or has
 * characters that no URL has. */
bool service_url_read(const char *url, struct service_url *out);

#endif
