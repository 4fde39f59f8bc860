/* What the services answer: sets of credentials as JSON, dates; and files of tokens. */
#include "broker/credentials_parts.h"

#include <string.h>
#include <time.h>

static struct slice member(const cJSON *object, const char *name)
{
	const char *text =
	    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

	return slice_of(text ? text : "");
}

/* RFC 3339 without a leap second, in UTC; fractions count for nothing. */
bool credentials_time(const char *text, int64_t *out)
{
	struct tm when = { .tm_year = 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &when);
	time_t seconds;

	if (!rest || strlen(text) < 20 || text[4] != '-')
		return false;
	if (*rest == '.')
		rest += 1 + strspn(rest + 1, "0123456789");
	seconds = timegm(&when);
	*out = seconds;
	return seconds > 0 && (strcmp(rest, "Z") == 0 || strcmp(rest, "+00:00") == 0);
}

static bool read_end(const cJSON *end, int64_t *out)
{
	if (cJSON_IsNumber(end) && end->valuedouble > 0 && end->valuedouble < 1e12) {
		*out = (int64_t)end->valuedouble;
		return true;
	}
	return cJSON_IsString(end) && credentials_time(end->valuestring, out);
}

bool credentials_read(struct credentials *credentials, const cJSON *object,
    const char *token, struct aws_credentials *out, struct failure *failure)
{
	const struct slice id = member(object, "AccessKeyId"),
			   secret = member(object, "SecretAccessKey"),
			   session = member(object, token);
	int64_t expires;

	*out = (struct aws_credentials){ .secret = NULL };
	if (id.length == 0 || secret.length == 0 || session.length == 0)
		return failure_say(
		    failure, "AccessKeyId, SecretAccessKey or %s is missing", token);
	if (!read_end(cJSON_GetObjectItemCaseSensitive(object, "Expiration"), &expires))
		return failure_say(failure, "Expiration is missing, or no time");
	if (!credentials_set(credentials, out, id, secret, session, failure))
		return false;
	out->expires = expires;
	return true;
}

char *credentials_token(struct credentials *credentials, size_t *length)
{
	struct aws_file *file = &credentials->token_file;
	struct failure failure = { "" };
	char *text = NULL;

	switch (aws_file_read(file, &text, length, &failure)) {
	case AWS_FILE_READ:
		if (*length > 0 && strlen(text) == *length)
			return text;
		aws_file_forget(text, *length);
		credentials_failed(
		    credentials, "%s is empty, or has a NUL in it", file->path);
		break;
	case AWS_FILE_ABSENT:
		credentials_failed(credentials, "%s is not there", file->path);
		break;
	case AWS_FILE_BAD:
		credentials_failed(credentials, "%s", failure.text);
		break;
	}
	return NULL;
}
