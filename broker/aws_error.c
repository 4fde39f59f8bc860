/* Reading and classing of AWS's errors; aws_error.h. */
#include "broker/aws_error.h"
#include "broker/json_members.h"

#include <string.h>

/* clang-format off */
static const struct {
	const char *code;
	enum aws_fault fault;
} faults[] = {
	/* those that all SDKs retry */
	{ "Throttling", AWS_FAULT_THROTTLED },
	{ "ThrottlingException", AWS_FAULT_THROTTLED },
	{ "ThrottledException", AWS_FAULT_THROTTLED },
	{ "RequestThrottledException", AWS_FAULT_THROTTLED },
	{ "RequestThrottled", AWS_FAULT_THROTTLED },
	{ "TooManyRequestsException", AWS_FAULT_THROTTLED },
	{ "RequestLimitExceeded", AWS_FAULT_THROTTLED },
	{ "BandwidthLimitExceeded", AWS_FAULT_THROTTLED },
	{ "SlowDown", AWS_FAULT_THROTTLED },
	{ "PriorRequestNotComplete", AWS_FAULT_THROTTLED },
	{ "EC2ThrottledException", AWS_FAULT_THROTTLED },
	{ "RequestTimeout", AWS_FAULT_TRANSIENT },
	{ "RequestTimeoutException", AWS_FAULT_TRANSIENT },
	/* STS's, which asks the provider of a web identity */
	{ "IDPCommunicationError", AWS_FAULT_TRANSIENT },
	/* KMS's own */
	{ "KMSInternalException", AWS_FAULT_TRANSIENT },
	{ "DependencyTimeoutException", AWS_FAULT_TRANSIENT },
	{ "KeyUnavailableException", AWS_FAULT_TRANSIENT },
	{ "NotFoundException", AWS_FAULT_UNSETTLED },
	{ "KMSInvalidStateException", AWS_FAULT_UNSETTLED },
	{ "DryRunOperationException", AWS_FAULT_DRY_RUN },
	/* who asks, and when */
	{ "ExpiredTokenException", AWS_FAULT_CREDENTIALS },
	{ "ExpiredToken", AWS_FAULT_CREDENTIALS },
	{ "UnrecognizedClientException", AWS_FAULT_CREDENTIALS },
	{ "RequestTimeTooSkewed", AWS_FAULT_CLOCK },
	{ "RequestExpired", AWS_FAULT_CLOCK },
	{ "InvalidSignatureException", AWS_FAULT_CLOCK },
	{ "SignatureDoesNotMatch", AWS_FAULT_CLOCK },
};
/* clang-format on */

/* A signature that does not fit says why: only a clock can be helped. */
static bool is_about_time(const char *message)
{
	return strstr(message, "Signature expired") ||
	       strstr(message, "Signature not yet current");
}

static bool may_be_key_or_clock(const char *code)
{
	return strcmp(code, "InvalidSignatureException") == 0 ||
	       strcmp(code, "SignatureDoesNotMatch") == 0;
}

static enum aws_fault fault_of(const struct aws_error *error)
{
	size_t i;

	for (i = 0; i < sizeof faults / sizeof faults[0]; i++)
		if (strcmp(faults[i].code, error->code) == 0)
			break;
	if (i < sizeof faults / sizeof faults[0])
		return may_be_key_or_clock(error->code) && !is_about_time(error->message)
			   ? AWS_FAULT_FINAL
			   : faults[i].fault;
	if (error->status == 429)
		return AWS_FAULT_THROTTLED;
	return error->status == 500 || error->status == 502 || error->status == 503 ||
		       error->status == 504
		   ? AWS_FAULT_TRANSIENT
		   : AWS_FAULT_FINAL;
}

static void copy(char *out, size_t room, const char *text, size_t length)
{
	size_t i;

	length = length < room - 1 ? length : room - 1;
	for (i = 0; i < length; i++)
		out[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	out[length] = '\0';
}

bool aws_error_denies(const struct aws_error *error)
{
	return strcmp(error->code, "AccessDeniedException") == 0 ||
	       strcmp(error->code, "AccessDenied") == 0;
}

/* "User: .. is not authorized to perform: kms:Sign on resource: .." */
static void find_action(struct aws_error *out, const char *message)
{
	static const char before[] = "to perform: ";
	const char *at = strstr(message, before);
	size_t length;

	if (!aws_error_denies(out) || !at)
		return;
	at += sizeof before - 1;
	length = strspn(
	    at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-:");
	if (length <= AWS_ACTION_MAX)
		copy(out->action, sizeof out->action, at, length);
}

/* Of PREFIX#CODE:URI the code. */
static void copy_code(struct aws_error *out, const char *type)
{
	const char *hash = strrchr(type, '#');
	const char *code = hash ? hash + 1 : type;

	copy(out->code, sizeof out->code, code, strcspn(code, ":"));
}

static const char *member(const cJSON *object, const char *name, const char *other)
{
	const char *text = json_member_text(object, name);

	return text ? text : json_member_text(object, other);
}

void aws_error_read(
    struct aws_error *out, long status, const char *type, const char *body, size_t length)
{
	cJSON *root = cJSON_ParseWithLength(body, length);
	const cJSON *inner = json_member(root, "Error");
	const char *code, *message;

	*out = (struct aws_error){ .status = status };
	if (cJSON_IsObject(inner)) {
		code = member(inner, "Code", "code");
		message = member(inner, "Message", "message");
	} else {
		code = member(root, "__type", "code");
		message = member(root, "message", "Message");
	}
	if (type && *type != '\0')
		copy_code(out, type);
	else if (code)
		copy_code(out, code);
	if (message) {
		copy(out->message, sizeof out->message, message, strlen(message));
		find_action(out, message);
	}
	out->fault = fault_of(out);
	cJSON_Delete(root);
}
