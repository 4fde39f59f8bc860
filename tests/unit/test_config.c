/* worker/config.c: what of a configuration is taken, skipped, and refused, and where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/facts.h"
#include "worker/config.h"

static struct config config;
static struct config_error error;

static void takes(const char *text)
{
	if (!config_read((const uint8_t *)text, strlen(text), &config, &error))
		fail_msg("%u:%u: %s", error.line, error.column, error.text);
}

static void refuses(const char *text, unsigned line, unsigned column, const char *said)
{
	if (config_read((const uint8_t *)text, strlen(text), &config, &error))
		fail_msg("taken: %s", text);
	if (error.line != line || error.column != column || !strstr(error.text, said))
		fail_msg("%u:%u: %s\nwanted %u:%u: %s\nin %s", error.line, error.column,
		    error.text, line, column, said, text);
}

static void gives_defaults_for_an_empty_file(void **state)
{
	static const char *const empty[] = { "", "\n", "# nothing\n", "---\n", "{}\n",
		"~\n" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(empty) / sizeof(empty[0]); i++) {
		takes(empty[i]);
		assert_string_equal(config.cluster_name, "");
		assert_int_equal(config.keystore, KEYSTORE_SOFTWARE);
		assert_int_equal(config.default_session_ttl, 12 * 3600);
		assert_int_equal(config.deadline, 5);
	}
}

static void takes_teleports_file_as_it_is(void **state)
{
	(void)state;
	takes("version: v3\n"
	      "teleport:\n  nodename: n\n  data_dir: /var/lib/teleport\n  log: {output: "
	      "stderr}\n"
	      "  storage: &s {type: sqlite}\n  more: *s\n"
	      "auth_service:\n  enabled: yes\n  listen_addr: 0.0.0.0:3025\n"
	      "  cluster_name: example.com\n  tokens: [\"node:x\"]\n"
	      "  authentication:\n    type: local\n    second_factor: on\n"
	      "    signature_algorithm_suite: hsm-v1\n    default_session_ttl: 8h\n"
	      "  ca_key_params:\n    aws_kms:\n      account: 012345678901\n      "
	      "region: us-west-2\n"
	      "      tags: {Team: infra, Cost: '7'}\n"
	      "ssh_service: {enabled: no}\nproxy_service:\n  enabled: !!bool no\n"
	      "privyseal: {deadline: 3s, in_flight: 16, kms_connections: 64, log_level: "
	      "debug}\n");
	assert_string_equal(config.cluster_name, "example.com");
	assert_int_equal(config.keystore, KEYSTORE_AWS_KMS);
	assert_string_equal(config.account, "012345678901"); /* text, zero and all */
	assert_string_equal(config.region, "us-west-2");
	assert_int_equal(config.suite, SUITE_HSM_V1);
	assert_int_equal(config.default_session_ttl, 8 * 3600);
	assert_int_equal(config.tags_count, 2);
	assert_memory_equal(config.tags, "\0\0\0\4Team\0\0\0\5infra", 17);
	assert_int_equal(config.deadline, 3);
	assert_int_equal(config.in_flight, 16);
	assert_int_equal(config.kms_connections, 64);
}

static void names_the_place_and_path_of_what_it_refuses(void **state)
{
	(void)state;
	refuses("auth_service:\n  clustername: x\n", 2, 3,
	    "auth_service: unknown key \"clustername\"");
	refuses("auth_servise: {}\n", 1, 1, "unknown key \"auth_servise\"");
	refuses("auth_service:\n  cluster_name: [a]\n", 2, 17,
	    "auth_service.cluster_name: must be one");
	refuses("auth_service: x\n", 1, 15, "auth_service: must be a mapping");
	refuses("- a\n", 1, 1, "must be a mapping");
	refuses("auth_service:\n  authentication:\n    signature_algorithm_suite: md5\n",
	    3, 32, "auth_service.authentication.signature_algorithm_suite: \"md5\"");
	refuses("auth_service:\n  ca_key_params:\n    aws_kms:\n      account: 12\n", 4,
	    16, "aws_kms.account: \"12\"");
	refuses(
	    "auth_service:\n  ca_key_params:\n    aws_kms:\n      region: us-west-2\n", 3,
	    5, "aws_kms: needs account");
	refuses("auth_service:\n  ca_key_params:\n    aws_kms: {account: 123456789012}\n",
	    3, 5, "aws_kms: needs region");
	refuses("a: [b\n", 1, 1, "unknown key \"a\"");
	refuses("teleport: [b\n", 2, 1, "did not find expected");
}

static void refuses_what_is_not_supported_here(void **state)
{
	(void)state;
	refuses("auth_service: {ca_key_params: {gcp_kms: {keyring: x}}}", 1, 32,
	    "not supported");
	refuses("auth_service: {ca_key_params: {pkcs11: {}}}", 1, 32, "not supported");
	refuses(
	    "auth_service: {ca_key_params: {aws_kms: {multi_region: {enabled: true}}}}",
	    1, 42, "not yet supported");
	refuses(
	    "auth_service:\n  authentication: {signature_algorithm_suite: balanced-v1}\n"
	    "  ca_key_params: {aws_kms: {account: 123456789012, region: eu-west-1}}\n",
	    2, 47, "balanced-v1 can't be used with aws_kms");
}

static void refuses_duplicates_aliases_tags_and_second_documents(void **state)
{
	(void)state;
	refuses("privyseal: {deadline: 1s, deadline: 2s}", 1, 27, "stands twice");
	refuses("teleport: {}\nteleport: {}\n", 2, 1, "stands twice");
	refuses("auth_service: {ca_key_params: {aws_kms: {tags: {a: b, a: c}}}}", 1, 55,
	    "stands twice");
	refuses("teleport: &t {}\nauth_service: *t\n", 2, 15, "alias");
	refuses("auth_service: &a {}\n", 1, 15, "anchor");
	refuses("auth_service: {cluster_name: !!str x}", 1, 30, "tag");
	refuses("auth_service: {cluster_name: !!binary eA==}", 1, 30, "tag");
	refuses("? [a]\n: b\n", 1, 3, "a key must be a word");
	refuses("<<: {}\n", 1, 1, "unknown key");
	refuses("teleport: {}\n---\nteleport: {}\n", 2, 1, "second document");
}

static void refuses_values_out_of_range(void **state)
{
	(void)state;
	refuses("privyseal: {kms_connections: 65}", 1, 30, "1 to 64");
	refuses("privyseal: {kms_connections: 0}", 1, 30, "1 to 64");
	refuses("privyseal: {in_flight: 12x}", 1, 24, "12x");
	refuses("privyseal: {in_flight: 010}", 1, 24, "010");
	refuses("privyseal: {deadline: 5}", 1, 23, "duration");
	refuses("privyseal: {deadline: 1h}", 1, 23, "to 5m");
	refuses("privyseal: {log_level: loud}", 1, 24, "loud");
	refuses("privyseal: {proxy: 10.0.0.1:3128}", 1, 20, "http://ADDRESS:PORT");
	refuses("privyseal: {proxy: http://proxy:3128}", 1, 20, "http://ADDRESS:PORT");
	refuses("privyseal: {proxy: http://10.0.0.1:80}", 1, 20, "3128 or 8080");
	refuses("privyseal: {proxy: http://10.0.0.1}", 1, 20, "3128 or 8080");
	refuses("privyseal: {proxy: 'http://[::1:8080'}", 1, 20, "http://ADDRESS:PORT");
	refuses("privyseal: {proxy: http://u:secret@10.0.0.1:3128}", 1, 20, "user");
	assert_null(strstr(error.text, "secret"));
	takes("privyseal: {proxy: 'http://[fd00::1]:8080'}");
	takes("privyseal: {proxy: http://10.0.0.1:3128}");
	refuses("auth_service: {cluster_name: 'a b'}", 1, 30, "blanks");
	refuses("auth_service: {cluster_name: \"a\\0b\"}", 1, 30, "NUL");
	refuses(
	    "auth_service: {authentication: {default_session_ttl: 1.5h}}", 1, 54, "1.5h");
	refuses("teleport: \x01\n", 1, 11, "control characters");
	refuses("teleport: \xff\n", 1, 11, "UTF-8");
	refuses("teleport:\n  a: \"\xc3\xa9\xe4 \"\n", 2, 9, "invalid trailing");
}

static void refuses_what_is_too_deep_or_too_long(void **state)
{
	char deep[256] = "teleport: ";
	char *large = malloc(CONFIG_TEXT_MAX + 1);

	(void)state;
	memset(deep + 10, '[', 40);
	refuses(deep, 1, 43, "nested deeper");
	memset(large, '#', CONFIG_TEXT_MAX + 1);
	assert_false(config_read((uint8_t *)large, CONFIG_TEXT_MAX + 1, &config, &error));
	assert_int_equal(error.line, 0);
	assert_true(config_read((uint8_t *)large, CONFIG_TEXT_MAX, &config, &error));
	free(large);
}

static void expect_place(const char *refusal, unsigned line, unsigned column)
{
	const struct config_place *place = config_place_of(&config, refusal);

	assert_non_null(place);
	assert_int_equal(place->line, line);
	assert_int_equal(place->column, column);
}

static void tells_where_that_stands_which_the_broker_refuses(void **state)
{
	(void)state;
	takes("auth_service:\n  cluster_name: other.com\n  ca_key_params:\n    aws_kms:\n"
	      "      account: 123456789012\n      region: us-west-2\n      tags: {a: b}\n"
	      "privyseal:\n  workers: 16\n");
	expect_place("auth_service.cluster_name is 'other.com' in the config", 2, 17);
	expect_place("keystore is 'aws_kms' in the config", 5, 7);
	expect_place("auth_service.ca_key_params.aws_kms.region is 'us-west-2'", 6, 15);
	expect_place("auth_service.ca_key_params.aws_kms.tags has a: b", 7, 13);
	expect_place("privyseal.workers is 16 for each of 3 sockets", 9, 12);
	assert_null(config_place_of(&config, "the config has no cluster_name"));
	assert_null(config_place_of(&config, ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_defaults_for_an_empty_file),
		cmocka_unit_test(takes_teleports_file_as_it_is),
		cmocka_unit_test(names_the_place_and_path_of_what_it_refuses),
		cmocka_unit_test(refuses_what_is_not_supported_here),
		cmocka_unit_test(refuses_duplicates_aliases_tags_and_second_documents),
		cmocka_unit_test(refuses_values_out_of_range),
		cmocka_unit_test(refuses_what_is_too_deep_or_too_long),
		cmocka_unit_test(tells_where_that_stands_which_the_broker_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
