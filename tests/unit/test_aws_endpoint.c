/* broker/aws_endpoint.c: names by partition, and URLs of the administrator's own. */
#include "broker/aws_endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* clang-format off */
static const struct {
	enum aws_service service;
	const char *region;
	bool fips, dual_stack;
	const char *host;
} names[] = {
	{ AWS_KMS, "us-west-2", false, false, "kms.us-west-2.amazonaws.com" },
	{ AWS_KMS, "us-west-2", true, false, "kms-fips.us-west-2.amazonaws.com" },
	{ AWS_KMS, "us-west-2", false, true, "kms.us-west-2.api.aws" },
	{ AWS_KMS, "us-west-2", true, true, "kms-fips.us-west-2.api.aws" },
	{ AWS_STS, "eu-central-1", false, false, "sts.eu-central-1.amazonaws.com" },
	{ AWS_STS, "us-east-1", true, false, "sts-fips.us-east-1.amazonaws.com" },
	{ AWS_KMS, "us-gov-west-1", false, false, "kms.us-gov-west-1.amazonaws.com" },
	{ AWS_KMS, "us-gov-west-1", true, false, "kms-fips.us-gov-west-1.amazonaws.com" },
	{ AWS_STS, "us-gov-west-1", true, false, "sts.us-gov-west-1.amazonaws.com" },
	{ AWS_KMS, "cn-north-1", false, false, "kms.cn-north-1.amazonaws.com.cn" },
	{ AWS_KMS, "cn-north-1", false, true, "kms.cn-north-1.api.amazonwebservices.com.cn" },
	{ AWS_STS, "cn-northwest-1", false, false, "sts.cn-northwest-1.amazonaws.com.cn" },
};

static const struct {
	const char *url, *host, *authority;
	unsigned port;
} urls[] = {
	{ "https://kms.example.com", "kms.example.com", "kms.example.com", 443 },
	{ "https://kms.example.com/", "kms.example.com", "kms.example.com", 443 },
	{ "https://localhost:8443", "localhost", "localhost:8443", 8443 },
	{ "https://127.0.0.1:65535/", "127.0.0.1", "127.0.0.1:65535", 65535 },
	{ "https://[::1]:8443", "::1", "[::1]:8443", 8443 },
	{ "https://[fd00:ec2::1]", "fd00:ec2::1", "[fd00:ec2::1]", 443 },
};

static const char *const bad_urls[] = { "", "kms.example.com", "http://kms.example.com",
	"https://", "https:///", "https://user@kms.example.com", "https://a:b@kms.example.com",
	"https://kms.example.com/path", "https://kms.example.com?query", "https://kms.example.com:",
	"https://kms.example.com:0", "https://kms.example.com:65536",
	"https://kms.example.com:+1", "https://kms.example.com:8443x",
	"https://kms.example.com\r\nX: y", "https://[::1", "https://[kms.example.com]",
	"https://[::1]x", "https://::1", "https://a..b", "https://.a", "https://-a" };
/* clang-format on */

static void names_follow_the_partitions(void **state)
{
	struct failure failure;
	struct aws_endpoint out;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof names / sizeof names[0]; i++) {
		const struct aws_endpoint_choice choice = { names[i].region,
			names[i].fips, names[i].dual_stack, NULL };

		assert_true(aws_endpoint_make(&out, names[i].service, &choice, &failure));
		assert_string_equal(out.host, names[i].host);
		assert_string_equal(out.authority, names[i].host);
		assert_int_equal(out.port, 443);
		assert_int_equal(strncmp(out.url, "https://", 8), 0);
	}
}

static void a_url_of_the_administrators_outranks_the_name(void **state)
{
	struct failure failure;
	struct aws_endpoint out;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof urls / sizeof urls[0]; i++) {
		const struct aws_endpoint_choice choice = { "us-west-2", true, true,
			urls[i].url };

		assert_true(aws_endpoint_make(&out, AWS_KMS, &choice, &failure));
		assert_string_equal(out.host, urls[i].host);
		assert_string_equal(out.authority, urls[i].authority);
		assert_int_equal(out.port, urls[i].port);
	}
}

static void refuses_urls_that_are_more_than_a_host(void **state)
{
	struct failure failure;
	struct aws_endpoint out;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bad_urls / sizeof bad_urls[0]; i++) {
		const struct aws_endpoint_choice choice = { "us-west-2", false, false,
			bad_urls[i] };

		assert_false(aws_endpoint_make(&out, AWS_KMS, &choice, &failure));
		assert_non_null(strstr(failure.text, "the endpoint '"));
	}
}

static void keeps_a_password_out_of_the_message(void **state)
{
	const struct aws_endpoint_choice choice = { "us-west-2", false, false,
		"https://user:secret@kms.example.com" };
	struct failure failure;
	struct aws_endpoint out;

	(void)state;
	assert_false(aws_endpoint_make(&out, AWS_KMS, &choice, &failure));
	assert_null(strstr(failure.text, "secret"));
	assert_non_null(strstr(failure.text, "kms.example.com"));
}

static void refuses_regions_that_are_no_label(void **state)
{
	static const char *const bad[] = { "", "us west", "us.west", "-us", "us-",
		"US-WEST-2", "a/b", "abcdefghijklmnopqrstuvwxyzabcdefg" };
	struct failure failure;
	struct aws_endpoint out;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		const struct aws_endpoint_choice choice = { bad[i], false, false, NULL };

		assert_false(aws_endpoint_make(&out, AWS_KMS, &choice, &failure));
		assert_non_null(strstr(failure.text, "no name of an AWS region"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_follow_the_partitions),
		cmocka_unit_test(a_url_of_the_administrators_outranks_the_name),
		cmocka_unit_test(refuses_urls_that_are_more_than_a_host),
		cmocka_unit_test(keeps_a_password_out_of_the_message),
		cmocka_unit_test(refuses_regions_that_are_no_label),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
