/*
 * The endpoint that ECS, EKS Pod Identity or Greengrass gives to a container: one GET,
 * maybe with a token of its own. Plain HTTP only to this machine or to one of their fixed
 * addresses.
 */
#include "broker/credentials_parts.h"

#include <stdio.h>
#include <string.h>

#define RELATIVE_HOST "http://169.254.170.2"
#define RELATIVE      "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
#define FULL	      "AWS_CONTAINER_CREDENTIALS_FULL_URI"
#define TOKEN	      "AWS_CONTAINER_AUTHORIZATION_TOKEN"
#define TOKEN_FILE    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"

static bool may_be_asked(const struct service_url *url)
{
	static const char *const addresses[] = { "169.254.170.2", "169.254.170.23",
		"fd00:ec2::23" };
	size_t i;

	for (i = 0; i < sizeof addresses / sizeof addresses[0]; i++)
		if (strcmp(url->host, addresses[i]) == 0)
			return true;
	return url->secure || url->loopback;
}

static bool read_url(struct credentials *credentials, const char *relative,
    const char *full, struct failure *failure)
{
	struct service_url *url = &credentials->url;
	char text[SERVICE_URL_MAX + 1];

	if (relative) {
		snprintf(text, sizeof text, RELATIVE_HOST "%s", relative);
		return (relative[0] == '/' &&
			   strlen(relative) < sizeof text - strlen(RELATIVE_HOST) &&
			   service_url_read(text, url)) ||
		       failure_say(failure,
			   RELATIVE " must be a path that begins with /, not '%s'",
			   relative);
	}
	if (!service_url_read(full, url))
		return failure_say(failure, FULL " is no URL: '%s'", full);
	return may_be_asked(url) ||
	       failure_say(failure,
		   FULL " may be https://, or http:// to a loopback address, "
			"169.254.170.2, 169.254.170.23 or [fd00:ec2::23], not '%s'",
		   full);
}

enum found container_look(struct credentials *credentials, struct failure *failure)
{
	const struct aws_environment *environment = credentials->environment;
	const char *relative = aws_environment_get(environment, RELATIVE),
		   *full = aws_environment_get(environment, FULL),
		   *token_file = aws_environment_get(environment, TOKEN_FILE),
		   *token = aws_environment_get(environment, TOKEN);

	if (!relative && !full) {
		failure_say(failure, RELATIVE " and " FULL " are not set");
		return ABSENT;
	}
	if (!read_url(credentials, relative, full, failure))
		return BAD;
	if (token && strpbrk(token, "\r\n")) {
		failure_say(failure, TOKEN " has a line break in it");
		return BAD;
	}
	if (token_file && !aws_file_open(&credentials->token_file, AWS_FILE_TOKEN,
			      token_file, credentials->given[GIVEN_CONTAINER], failure))
		return BAD;
	if (!credentials->url.address && credentials->url.loopback)
		snprintf(credentials->resolve, sizeof credentials->resolve,
		    "%s:%u:127.0.0.1,[::1]", credentials->url.host,
		    credentials->url.port);
	return FOUND;
}

static void on_answer(void *context, const struct http_answer *answer)
{
	struct credentials *credentials = context;
	struct aws_credentials set = { .secret = NULL };
	struct failure failure = { "" };
	cJSON *json;
	const char *said;

	if (answer->status == 0) {
		credentials_failed(
		    credentials, "%s: %s", credentials->url.text, answer->why);
		return;
	}
	json = cJSON_ParseWithLength(answer->body, answer->length);
	if (answer->status != 200) {
		said = cJSON_GetStringValue(
		    cJSON_GetObjectItemCaseSensitive(json, "message"));
		credentials_failed(credentials, "%s: HTTP %ld%s%.200s",
		    credentials->url.text, answer->status, said ? ": " : "",
		    said ? said : "");
	} else if (credentials_read(credentials, json, "Token", &set, &failure)) {
		said = cJSON_GetStringValue(
		    cJSON_GetObjectItemCaseSensitive(json, "RoleArn"));
		snprintf(credentials->role_arn, sizeof credentials->role_arn, "%s",
		    said ? said : "");
		credentials_fetched(credentials, &set);
	} else {
		credentials_failed(credentials, "the answer of %s: %s",
		    credentials->url.text, json ? failure.text : "it is no JSON");
	}
	cJSON_Delete(json);
}

void container_fetch(struct credentials *credentials)
{
	const char *given = aws_environment_get(credentials->environment, TOKEN);
	struct http_field fields[2] = { { "Accept", "application/json" } };
	struct http_request request = { .method = "GET",
		.url = credentials->url.text,
		.resolve = credentials->resolve[0] != '\0' ? credentials->resolve : NULL,
		.fields = fields,
		.fields_count = 1,
		.timeout_ms = FETCH_TIMEOUT_MS,
		.connect_timeout_ms = FETCH_CONNECT_MS };
	char *token = NULL;
	size_t length = 0;
	bool sent;

	if (credentials->token_file.path[0] != '\0') {
		token = credentials_token(credentials, &length);
		if (!token)
			return;
		given = token;
	}
	if (given)
		fields[request.fields_count++] =
		    (struct http_field){ "Authorization", given };
	if (given && strpbrk(given, "\r\n"))
		credentials_failed(credentials, "%s has a line break in it",
		    credentials->token_file.path);
	else if (!credentials->url.address && !request.resolve)
		credentials_failed(
		    credentials, "the address of %s is not known", credentials->url.host);
	else if (sent = http_send(credentials->http, &request, on_answer, credentials),
	    !sent)
		credentials_failed(credentials, "%s: it can't be asked, for memory",
		    credentials->url.text);
	if (token)
		aws_file_forget(token, length);
}
