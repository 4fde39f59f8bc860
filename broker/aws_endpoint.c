/* Endpoint names, after AWS's partitions and the rules of its SDKs; aws_endpoint.h. */
#include "broker/aws_endpoint.h"
#include "broker/service_url.h"

#include <stdio.h>
#include <string.h>

#define HTTPS	   "https://"
#define HTTPS_PORT 443

static const struct partition {
	const char *regions; /* how their names begin */
	const char *suffix, *dual_stack_suffix;
	bool sts_is_fips; /* its plain name is the FIPS one */
} partitions[] = {
	{ "cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn", false },
	{ "us-gov-", "amazonaws.com", "api.aws", true },
	{ "", "amazonaws.com", "api.aws", false },
};

const char *aws_service_name(enum aws_service service)
{
	static const char *const names[AWS_SERVICE_COUNT] = { "kms", "sts" };

	return (unsigned)service < AWS_SERVICE_COUNT ? names[service] : "unknown";
}

static const struct partition *partition_of(const char *region)
{
	const struct partition *one = partitions;

	while (strncmp(region, one->regions, strlen(one->regions)) != 0)
		one++;
	return one;
}

/* A region becomes a label of a host name. */
static bool is_region(const char *region)
{
	const size_t length = strlen(region);

	return length > 0 && length <= AWS_REGION_MAX && region[0] != '-' &&
	       region[length - 1] != '-' &&
	       strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

static void from_region(struct aws_endpoint *out, enum aws_service service,
    const struct aws_endpoint_choice *choice)
{
	const struct partition *partition = partition_of(choice->region);
	const bool fips =
	    choice->fips &&
	    !(service == AWS_STS && partition->sts_is_fips && !choice->dual_stack);

	snprintf(out->host, sizeof out->host, "%s%s.%s.%s", aws_service_name(service),
	    fips ? "-fips" : "", choice->region,
	    choice->dual_stack ? partition->dual_stack_suffix : partition->suffix);
	out->port = HTTPS_PORT;
}

static bool from_url(struct aws_endpoint *out, const char *url, struct failure *failure)
{
	const char *at = strrchr(url, '@');
	struct service_url read;

	if (!service_url_read(url, &read) || !read.secure ||
	    (read.text[read.path] != '\0' && strcmp(read.text + read.path, "/") != 0))
		return failure_say(failure,
		    "the endpoint '%s' must be " HTTPS "HOST or " HTTPS
		    "HOST:PORT, without user, path and query",
		    at ? at + 1 : url /* no password in the log */);
	snprintf(out->host, sizeof out->host, "%s", read.host);
	out->port = read.port;
	return true;
}

bool aws_endpoint_make(struct aws_endpoint *out, enum aws_service service,
    const struct aws_endpoint_choice *choice, struct failure *failure)
{
	bool brackets;

	*out = (struct aws_endpoint){ .port = 0 };
	if (!is_region(choice->region))
		return failure_say(
		    failure, "'%s' is no name of an AWS region", choice->region);
	if (choice->url && !from_url(out, choice->url, failure))
		return false;
	if (!choice->url)
		from_region(out, service, choice);
	brackets = strchr(out->host, ':') != NULL;
	snprintf(out->authority, sizeof out->authority, "%s%s%s", brackets ? "[" : "",
	    out->host, brackets ? "]" : "");
	if (out->port != HTTPS_PORT)
		snprintf(out->authority + strlen(out->authority), 7, ":%u", out->port);
	snprintf(out->url, sizeof out->url, HTTPS "%s/", out->authority);
	return true;
}
