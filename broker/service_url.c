/* Taking a URL apart, strictly; service_url.h. */
#include "broker/service_url.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-."

static bool is_visible(const char *text)
{
	for (; *text > ' ' && *text < 0x7f && *text != '\\' && *text != '#'; text++)
		continue;
	return *text == '\0';
}

static bool read_address(struct service_url *url)
{
	struct in6_addr six;
	struct in_addr four;

	if (inet_pton(AF_INET, url->host, &four) == 1) {
		url->address = true;
		url->loopback = (ntohl(four.s_addr) >> 24) == 127;
	} else if (strchr(url->host, ':')) {
		url->address = inet_pton(AF_INET6, url->host, &six) == 1;
		url->loopback = url->address && IN6_IS_ADDR_LOOPBACK(&six);
	} else {
		url->loopback = strcmp(url->host, "localhost") == 0;
	}
	return url->address ||
	       (url->host[0] != '-' && url->host[0] != '.' && !strstr(url->host, "..") &&
		   strspn(url->host, NAME_CHARACTERS) == strlen(url->host));
}

/* What follows the host: a port, a path. */
static bool read_rest(const char *rest, struct service_url *url)
{
	unsigned long port = url->secure ? 443 : 80;
	char *end;

	if (*rest == ':') {
		if (rest[1] < '1' || rest[1] > '9')
			return false;
		port = strtoul(rest + 1, &end, 10);
		rest = end;
	}
	url->port = (uint16_t)port;
	url->path = (size_t)(rest - url->text);
	return port <= UINT16_MAX && (*rest == '\0' || *rest == '/');
}

bool service_url_read(const char *url, struct service_url *out)
{
	const bool secure = strncmp(url, "https://", 8) == 0;
	const char *host = out->text + (secure ? 8 : 7);
	size_t length;
	bool brackets;

	*out = (struct service_url){ .secure = secure };
	if ((!secure && strncmp(url, "http://", 7) != 0) || !is_visible(url) ||
	    strlen(url) > SERVICE_URL_MAX)
		return false;
	strcpy(out->text, url);
	brackets = *host == '[';
	host += brackets;
	length = strcspn(host, brackets ? "]" : ":/?@");
	if (length == 0 || length > SERVICE_HOST_MAX || (brackets && host[length] != ']'))
		return false;
	memcpy(out->host, host, length);
	if (brackets && !strchr(out->host, ':'))
		return false;
	return read_address(out) && read_rest(host + length + brackets, out);
}
