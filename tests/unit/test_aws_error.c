/* broker/aws_error.c: the forms in which errors come, and their classes. */
#include "broker/aws_error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void read_body(struct aws_error *out, long status, const char *body)
{
	aws_error_read(out, status, NULL, body, strlen(body));
}

static void reads_each_form_of_a_code(void **state)
{
	static const char *const bodies[] = {
		"{\"__type\":\"ThrottlingException\",\"message\":\"Rate exceeded\"}",
		"{\"__type\":\"com.amazonaws.kms#ThrottlingException\",\"Message\":"
		"\"Rate exceeded\"}",
		"{\"code\":\"ThrottlingException\",\"message\":\"Rate exceeded\"}",
		"{\"Error\":{\"Type\":\"Sender\",\"Code\":\"ThrottlingException\","
		"\"Message\":\"Rate exceeded\"},\"RequestId\":\"1\"}",
	};
	struct aws_error error;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
		read_body(&error, 400, bodies[i]);
		assert_string_equal(error.code, "ThrottlingException");
		assert_string_equal(error.message, "Rate exceeded");
		assert_int_equal(error.fault, AWS_FAULT_THROTTLED);
		assert_int_equal(error.status, 400);
	}
}

static void the_header_outranks_the_body(void **state)
{
	const char *body = "{\"__type\":\"ValidationException\",\"message\":\"m\"}";
	struct aws_error error;

	(void)state;
	aws_error_read(&error, 400,
	    "NotFoundException:http://internal.amazon.com/coral/com.amazonaws.kms/", body,
	    strlen(body));
	assert_string_equal(error.code, "NotFoundException");
	assert_int_equal(error.fault, AWS_FAULT_UNSETTLED);
}

static void a_missing_permission_has_its_name(void **state)
{
	static const struct {
		const char *code, *message, *action;
	} rows[] = {
		{ "AccessDeniedException",
		    "User: arn:aws:sts::1:assumed-role/a/b is not authorized to perform: "
		    "kms:Sign on resource: arn:aws:kms:us-west-2:1:key/2 because ...",
		    "kms:Sign" },
		{ "AccessDenied", "is not authorized to perform: sts:AssumeRole on",
		    "sts:AssumeRole" },
		{ "AccessDeniedException", "to perform: \\u001b[2Jkms:Sign", "" },
		{ "AccessDeniedException", "to perform: ", "" },
		{ "AccessDeniedException", "no", "" },
		{ "ValidationException", "not authorized to perform: kms:Sign on", "" },
		{ "AccessDeniedException",
		    "to perform: kms:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		    "AAAAAAAAAA",
		    "" },
	};
	struct aws_error error;
	char body[512];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		snprintf(body, sizeof body, "{\"__type\":\"%s\",\"message\":\"%s\"}",
		    rows[i].code, rows[i].message);
		read_body(&error, 400, body);
		assert_string_equal(error.action, rows[i].action);
	}
}

static void classes_follow_the_code(void **state)
{
	static const struct {
		const char *code;
		enum aws_fault fault;
	} codes[] = {
		{ "IDPCommunicationError", AWS_FAULT_TRANSIENT },
		{ "KMSInternalException", AWS_FAULT_TRANSIENT },
		{ "DependencyTimeoutException", AWS_FAULT_TRANSIENT },
		{ "KeyUnavailableException", AWS_FAULT_TRANSIENT },
		{ "KMSInvalidStateException", AWS_FAULT_UNSETTLED },
		{ "ExpiredTokenException", AWS_FAULT_CREDENTIALS },
		{ "RequestTimeTooSkewed", AWS_FAULT_CLOCK },
		{ "DryRunOperationException", AWS_FAULT_DRY_RUN },
		{ "AccessDeniedException", AWS_FAULT_FINAL },
		{ "DisabledException", AWS_FAULT_FINAL },
		{ "LimitExceededException", AWS_FAULT_FINAL }, /* of keys, not of calls */
		{ "SomethingNewException", AWS_FAULT_FINAL },
	};
	struct aws_error error;
	char body[128];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof codes / sizeof codes[0]; i++) {
		snprintf(body, sizeof body, "{\"__type\":\"%s\"}", codes[i].code);
		read_body(&error, 400, body);
		assert_int_equal(error.fault, codes[i].fault);
		assert_string_equal(error.message, "");
	}
}

static void a_wrong_signature_is_about_the_clock_only_if_it_says_so(void **state)
{
	struct aws_error error;

	(void)state;
	read_body(&error, 400,
	    "{\"__type\":\"InvalidSignatureException\",\"message\":\"Signature expired: "
	    "20150830T123600Z is now earlier than 20150830T124000Z (20150830T124500Z - 5 "
	    "min.)\"}");
	assert_int_equal(error.fault, AWS_FAULT_CLOCK);
	read_body(&error, 400,
	    "{\"__type\":\"InvalidSignatureException\",\"message\":\"The request "
	    "signature we calculated does not match the signature you provided.\"}");
	assert_int_equal(error.fault, AWS_FAULT_FINAL);
}

static void without_a_code_the_status_decides(void **state)
{
	static const char *const bodies[] = { "", "<html>", "[]", "{\"__type\":7}",
		"{\"message\":\"half" };
	struct aws_error error;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
		read_body(&error, 503, bodies[i]);
		assert_string_equal(error.code, "");
		assert_int_equal(error.fault, AWS_FAULT_TRANSIENT);
		read_body(&error, 403, bodies[i]);
		assert_int_equal(error.fault, AWS_FAULT_FINAL);
		read_body(&error, 429, bodies[i]);
		assert_int_equal(error.fault, AWS_FAULT_THROTTLED);
	}
}

static void text_from_outside_is_plain_and_short(void **state)
{
	char body[1024];
	struct aws_error error;

	(void)state;
	snprintf(
	    body, sizeof body, "{\"__type\":\"A\\u001bB\",\"message\":\"%0600d\\n\"}", 0);
	read_body(&error, 400, body);
	assert_string_equal(error.code, "A?B");
	assert_int_equal(strlen(error.message), AWS_ERROR_MESSAGE_MAX);
	read_body(&error, 400, "{\"__type\":\"A\",\"message\":\"one\\u0007two\"}");
	assert_string_equal(error.message, "one?two");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_each_form_of_a_code),
		cmocka_unit_test(the_header_outranks_the_body),
		cmocka_unit_test(a_missing_permission_has_its_name),
		cmocka_unit_test(classes_follow_the_code),
		cmocka_unit_test(a_wrong_signature_is_about_the_clock_only_if_it_says_so),
		cmocka_unit_test(without_a_code_the_status_decides),
		cmocka_unit_test(text_from_outside_is_plain_and_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
