/* worker/config.c: a text is a configuration within its bounds, or an error that names
 * its place. */
#include "tests/fuzz/fuzz.h"

#include "worker/config.h"

#include <string.h>

static const char *const words[] = { "version: v3\n", "teleport:\n", "auth_service:\n",
	"  cluster_name: ", "  ca_key_params:\n", "    aws_kms:\n",
	"      account: ", "123456789012", "      region: us-west-2\n",
	"      tags: {a: b}\n", "    gcp_kms: {}\n", "    pkcs11: {}\n",
	"      multi_region: {}\n", "  authentication:\n",
	"    signature_algorithm_suite: hsm-v1\n", "    default_session_ttl: 8h\n",
	"privyseal:\n", "  deadline: 3s\n", "  in_flight: 16\n", "  workers: 2\n",
	"  log_level: debug\n", "  proxy: http://p:1\n", "  kms_connections: 4\n", "&a ",
	"*a", "!!str ", "<<: ", "---\n", "...\n", "- ", "[", "]", "{", "}", ": ", "? ",
	"| \n", "> \n", "'", "\"", "\\x00", "\t", "#", "\xef\xbb\xbf", "\xff",
	"%YAML 1.1\n", "~", "null", "  ", "\n", "\r", NULL };

static const char *const texts[] = {
	"",
	"auth_service:\n  cluster_name: example.com\n",
	"version: v3\nteleport:\n  nodename: n\n  log: {output: stderr}\n  storage: &s "
	"{type: "
	"sqlite}\n  more: *s\nauth_service:\n  enabled: yes\n  cluster_name: "
	"example.com\n"
	"  tokens: [\"node:x\"]\n  authentication:\n    type: local\n"
	"    signature_algorithm_suite: hsm-v1\n    default_session_ttl: 8h\n"
	"  ca_key_params:\n    aws_kms:\n      account: 012345678901\n      region: "
	"us-west-2\n"
	"      tags: {Team: infra, Cost: '7'}\nssh_service: {enabled: no}\n"
	"privyseal: {deadline: 3s, in_flight: 16, kms_connections: 64, log_level: "
	"debug}\n",
	"privyseal:\n  kms_rate: 10\n  workers: 4\n  proxy: http://proxy:3128\n",
	"{auth_service: {cluster_name: 'a', authentication: {type: !!x [1, {2: 3}]}}}\n",
};

static size_t seed(unsigned number, uint8_t *out, size_t room)
{
	/* not an empty input, which would end the list */
	return number == 0
		   ? fuzz_seed_text((const char *const[]){ "\n" }, 1, 0, out, room)
		   : fuzz_seed_text(
			 texts, sizeof(texts) / sizeof(texts[0]), number, out, room);
}

const struct fuzz_target fuzz_target = { words, NULL, seed };

static void within_bounds(const struct config *config)
{
	fuzz_require(memchr(config->cluster_name, '\0', sizeof(config->cluster_name)));
	fuzz_require(config->deadline >= 1 && config->deadline <= 300);
	fuzz_require(config->in_flight >= 1 && config->in_flight <= CONFIG_IN_FLIGHT_MAX);
	fuzz_require(config->kms_connections >= 1 && config->kms_connections <= 64);
	fuzz_require(config->kms_rate >= 1 && config->workers >= 1);
	fuzz_require(config->default_session_ttl >= 1);
	fuzz_require(config->tags_length <= sizeof(config->tags));
	fuzz_require(config->tags_count <= CONFIG_TAGS_MAX);
	if (config->keystore == KEYSTORE_AWS_KMS)
		fuzz_require(strlen(config->account) == 12 && config->region[0] != '\0' &&
			     config->suite != SUITE_BALANCED_V1);
	else
		fuzz_require(config->keystore == KEYSTORE_SOFTWARE);
}

static unsigned lines_of(const uint8_t *bytes, size_t length)
{
	unsigned lines = 1;
	size_t i;

	/* all that YAML 1.1 calls a line break; a byte of each */
	for (i = 0; i < length; i++)
		lines += bytes[i] == '\n' || bytes[i] == '\r' || bytes[i] == 0x85 ||
			 bytes[i] == 0xa8 || bytes[i] == 0xa9;
	return lines;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static struct config config;
	struct config_error error;

	if (config_read(bytes, length, &config, &error)) {
		fuzz_accepted++;
		within_bounds(&config);
		return 0;
	}
	fuzz_require(error.text[0] != '\0');
	fuzz_require(memchr(error.text, '\0', sizeof(error.text)));
	fuzz_require(error.line >= 1 && error.column >= 1);
	fuzz_require(error.line <= lines_of(bytes, length) + 1);
	return 0;
}
