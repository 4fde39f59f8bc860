/*
 * Where AWS's services answer: the name that a region, FIPS and dual stack give, or a URL
 * that the administrator has set. HTTPS alone, and nothing behind the host.
 */
#ifndef BROKER_AWS_ENDPOINT_H
#define BROKER_AWS_ENDPOINT_H

#include "broker/failure.h"

#include <stdint.h>

#define AWS_HOST_MAX   253 /* RFC 1035 2.3.4 */
#define AWS_REGION_MAX 32

enum aws_service { AWS_KMS, AWS_STS, AWS_SERVICE_COUNT };

const char *aws_service_name(enum aws_service service); /* as it is signed: kms, sts */

struct aws_endpoint {
	char host[AWS_HOST_MAX + 1];	  /* a name, or an address without brackets */
	char authority[AWS_HOST_MAX + 9]; /* as Host has it */
	char url[AWS_HOST_MAX + 20];
	uint16_t port;
};

struct aws_endpoint_choice {
	const char *region;
	bool fips;
	bool dual_stack;
	const char *url; /* the administrator's, or NULL */
};

/* False, with what is wrong with the region or the URL. */
bool aws_endpoint_make(struct aws_endpoint *out, enum aws_service service,
    const struct aws_endpoint_choice *choice, struct failure *failure);

#endif
