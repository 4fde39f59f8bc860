/* Reading of what the supervisor handed over; aws_environment.h. */
#include "broker/aws_environment.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

bool aws_environment_take(struct aws_environment *out, int fd, struct failure *failure)
{
	char *bytes = OPENSSL_secure_zalloc(AWS_ENVIRONMENT_MAX), *kept = NULL;
	size_t length = 0;
	ssize_t n = 1;

	while (bytes && n > 0 && length < AWS_ENVIRONMENT_MAX) {
		n = read(fd, bytes + length, AWS_ENVIRONMENT_MAX - length);
		if (n > 0)
			length += (size_t)n;
		else if (n < 0 && errno == EINTR)
			n = 1;
	}
	close(fd);
	/* It is kept as long as we run, in as little of the arena as it takes. */
	if (bytes && n == 0 && (length == 0 || bytes[length - 1] == '\0') &&
	    (kept = OPENSSL_secure_malloc(length + 1)))
		memcpy(kept, bytes, length);
	OPENSSL_secure_clear_free(bytes, AWS_ENVIRONMENT_MAX);
	*out = (struct aws_environment){ kept, kept ? length : 0 };
	return kept || failure_say(failure,
			   "the AWS_* variables can't be read, or are too large");
}

void aws_environment_free(struct aws_environment *environment)
{
	OPENSSL_secure_clear_free(environment->bytes, environment->length + 1);
	*environment = (struct aws_environment){ NULL, 0 };
}

const char *aws_environment_get(
    const struct aws_environment *environment, const char *name)
{
	const char *at = environment->bytes, *end = at + environment->length;
	const size_t length = strlen(name);

	for (; at < end; at += strlen(at) + 1)
		if (strncmp(at, name, length) == 0 && at[length] == '=')
			return at[length + 1] != '\0' ? at + length + 1 : NULL;
	return NULL;
}

bool aws_environment_flag(const struct aws_environment *environment, const char *name,
    bool *out, struct failure *failure)
{
	const char *value = aws_environment_get(environment, name);

	*out = value && strcasecmp(value, "true") == 0;
	return !value || *out || strcasecmp(value, "false") == 0 ||
	       failure_say(failure, "%s must be true or false, not '%s'", name, value);
}
