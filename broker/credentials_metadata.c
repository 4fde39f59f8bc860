/*
 * The instance metadata service of EC2, version 2 alone: a PUT gives a token, which two
 * GETs then show, for the role's name and for its credentials. What goes wrong is told
 * with what mends it.
 */
#include "broker/credentials_parts.h"
#include "broker/clocks.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define IPV4	     "http://169.254.169.254"
#define IPV6	     "http://[fd00:ec2::254]"
#define ENDPOINT     "AWS_EC2_METADATA_SERVICE_ENDPOINT"
#define MODE	     "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"
#define DISABLED     "AWS_EC2_METADATA_DISABLED"
#define TOKEN_PATH   "/latest/api/token"
#define ROLE_PATH    "/latest/meta-data/iam/security-credentials/"
#define TOKEN_LIVES  21600 /* seconds; the most that it gives */
#define TOKEN_MARGIN 5
#define TOKEN_MAX    1024
#define OPTIONS	     "aws ec2 modify-instance-metadata-options --instance-id ID "
#define ROLE_CHARACTERS                                                                  \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+=,.@_-"

static const char *choose_url(const struct credentials *credentials)
{
	const char *url = aws_environment_get(credentials->environment, ENDPOINT),
		   *mode = aws_environment_get(credentials->environment, MODE);

	if (url)
		return url;
	if (!mode || strcasecmp(mode, "IPv4") == 0)
		return IPV4;
	return strcasecmp(mode, "IPv6") == 0 ? IPV6 : NULL;
}

enum found metadata_look(struct credentials *credentials, struct failure *failure)
{
	struct service_url *url = &credentials->url;
	const char *text = choose_url(credentials);
	bool disabled;

	if (!aws_environment_flag(credentials->environment, DISABLED, &disabled, failure))
		return BAD;
	if (disabled) {
		failure_say(failure, DISABLED " is true");
		return ABSENT;
	}
	if (!text) {
		failure_say(failure, MODE " must be IPv4 or IPv6");
		return BAD;
	}
	if (!service_url_read(text, url) || !url->address || url->secure) {
		failure_say(
		    failure, ENDPOINT " must be http:// and an address, not '%s'", text);
		return BAD;
	}
	if (url->text[strlen(url->text) - 1] == '/')
		url->text[strlen(url->text) - 1] = '\0';
	return FOUND;
}

static bool ask(struct credentials *credentials, const char *method, const char *path,
    const char *role, const struct http_field *field, http_done *done)
{
	char url[SERVICE_URL_MAX + 128];
	const struct http_request request = { .method = method,
		.url = url,
		.fields = field,
		.fields_count = 1,
		.timeout_ms = FETCH_TIMEOUT_MS,
		.connect_timeout_ms = FETCH_CONNECT_MS };

	snprintf(url, sizeof url, "%s%s%s", credentials->url.text, path, role);
	if (http_send(credentials->http, &request, done, credentials))
		return true;
	credentials_failed(credentials, "%s: it can't be asked, for memory", url);
	return false;
}

/* No whole answer came; the three ways of that have three causes. */
static void say_unreachable(
    struct credentials *credentials, const struct http_answer *answer)
{
	const char *url = credentials->url.text;

	if (answer->timed_out && answer->sent)
		credentials_failed(credentials,
		    "%s takes the question and no answer comes: in a container, the "
		    "instance's hop limit is too low (" OPTIONS
		    "--http-put-response-hop-limit 2)",
		    url);
	else if (answer->timed_out)
		credentials_failed(credentials,
		    "%s is not there: this is no EC2 instance, or a firewall drops what "
		    "is sent to it. Without it, set credentials in the environment or in "
		    "~/.aws/credentials",
		    url);
	else if (answer->refused)
		credentials_failed(credentials,
		    "%s refuses connections: this is no EC2 instance, or a firewall's "
		    "rule keeps root from it (`privyseal-imds check` shows ours)",
		    url);
	else
		credentials_failed(credentials, "%s: %s", url, answer->why);
}

static void say_status(
    struct credentials *credentials, const char *path, const struct http_answer *answer)
{
	const char *url = credentials->url.text;

	if (answer->status == 403)
		credentials_failed(credentials,
		    "%s: HTTP 403, it is disabled for this instance (" OPTIONS
		    "--http-endpoint enabled)",
		    url);
	else if (answer->status == 404 && strcmp(path, TOKEN_PATH) != 0)
		credentials_failed(credentials,
		    "%s: HTTP 404, the instance has no role (aws ec2 "
		    "associate-iam-instance-profile --instance-id ID "
		    "--iam-instance-profile Name=ROLE)",
		    url);
	else if (strcmp(path, TOKEN_PATH) == 0 && answer->status < 500)
		credentials_failed(credentials,
		    "%s%s: HTTP %ld; it does not speak version 2, and version 1 is never "
		    "used",
		    url, path, answer->status);
	else if (answer->status == 401)
		credentials_failed(
		    credentials, "%s: HTTP 401 for a token that it has just given", url);
	else
		credentials_failed(
		    credentials, "%s%s: HTTP %ld", url, path, answer->status);
}

static void forget_token(struct credentials *credentials)
{
	char *token = credentials->metadata.token;

	if (token)
		OPENSSL_secure_clear_free(token, strlen(token));
	credentials->metadata.token = NULL;
}

/* True when the answer is one to be read. A token that is refused is asked for anew,
 * once. */
static bool is_answer(
    struct credentials *credentials, const char *path, const struct http_answer *answer)
{
	if (answer->status == 200)
		return true;
	if (answer->status == 401) {
		forget_token(credentials);
		if (!credentials->metadata.again) {
			credentials->metadata.again = true;
			metadata_fetch(credentials);
			return false;
		}
	}
	if (answer->status == 0)
		say_unreachable(credentials, answer);
	else
		say_status(credentials, path, answer);
	return false;
}

static void on_keys(void *context, const struct http_answer *answer)
{
	struct credentials *credentials = context;
	struct aws_credentials set = { .secret = NULL };
	struct failure failure = { "" };
	const char *code, *message;
	cJSON *json;

	if (!is_answer(credentials, ROLE_PATH, answer))
		return;
	json = cJSON_ParseWithLength(answer->body, answer->length);
	code = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "Code"));
	message = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "Message"));
	if (code && strcmp(code, "Success") != 0)
		credentials_failed(credentials,
		    "%s has no credentials of role %s: %.64s%s%.200s",
		    credentials->url.text, credentials->metadata.role, code,
		    message ? ": " : "", message ? message : "");
	else if (credentials_read(credentials, json, "Token", &set, &failure))
		credentials_fetched(credentials, &set);
	else
		credentials_failed(credentials, "the answer of %s for role %s: %s",
		    credentials->url.text, credentials->metadata.role,
		    json ? failure.text : "it is no JSON");
	cJSON_Delete(json);
}

static void show_token(struct credentials *credentials, const char *role, http_done *done)
{
	const struct http_field field = { "X-aws-ec2-metadata-token",
		credentials->metadata.token };

	ask(credentials, "GET", ROLE_PATH, role, &field, done);
}

static void on_role(void *context, const struct http_answer *answer)
{
	struct credentials *credentials = context;
	const size_t length = strspn(answer->body, ROLE_CHARACTERS);

	if (!is_answer(credentials, ROLE_PATH, answer))
		return;
	/* More lines would be more roles, which there never are. */
	if (length == 0 || length > METADATA_ROLE_MAX ||
	    (answer->body[length] != '\0' && answer->body[length] != '\n')) {
		credentials_failed(credentials, "%s names no role: '%.64s'",
		    credentials->url.text, answer->body);
		return;
	}
	memcpy(credentials->metadata.role, answer->body, length);
	credentials->metadata.role[length] = '\0';
	show_token(credentials, credentials->metadata.role, on_keys);
}

static void on_token(void *context, const struct http_answer *answer)
{
	struct credentials *credentials = context;
	const long lives = strtol(answer->kept[HTTP_TOKEN_TTL], NULL, 10);

	if (answer->status == 401)
		credentials->metadata.again = true;
	if (!is_answer(credentials, TOKEN_PATH, answer))
		return;
	if (answer->length == 0 || answer->length > TOKEN_MAX ||
	    strspn(answer->body, ROLE_CHARACTERS "/") != answer->length ||
	    !(credentials->metadata.token = OPENSSL_secure_malloc(answer->length + 1))) {
		credentials_failed(credentials, "%s" TOKEN_PATH " gives no token",
		    credentials->url.text);
		return;
	}
	strcpy(credentials->metadata.token, answer->body);
	credentials->metadata.token_until_ns =
	    clock_boot_ns() + (uint64_t)(lives > TOKEN_MARGIN && lives <= TOKEN_LIVES
					     ? lives - TOKEN_MARGIN
					     : 0) *
				  SECOND_NS;
	show_token(credentials, "", on_role);
}

void metadata_fetch(struct credentials *credentials)
{
	const struct http_field field = { "X-aws-ec2-metadata-token-ttl-seconds",
		"21600" };

	if (credentials->metadata.token &&
	    clock_boot_ns() < credentials->metadata.token_until_ns) {
		show_token(credentials, "", on_role);
		return;
	}
	forget_token(credentials);
	ask(credentials, "PUT", TOKEN_PATH, "", &field, on_token);
}
