/*
 * The judgement of a worker's config. A worker parses the config, so the broker believes
 * of it only what the policy pins as well.
 */
#include "broker/config_judge.h"
#include "broker/ca_keys.h"
#include "ipc/log.h"

#include <string.h>

struct config {
	char cluster[OP_CLUSTER_MAX + 1];
	char account[16];
	char region[OP_NAME_MAX + 1];
	uint64_t keystore, suite, workers;
};

static bool agree(
    const char *what, const char *config, const char *policy, struct failure *failure)
{
	return strcmp(config, policy) == 0 ||
	       failure_say(failure, "%s is '%s' in the config, but '%s' in the policy",
		   what, config, policy);
}

/* What the policy pins, the worker's config must not say otherwise. */
static bool agrees_with_pins(const struct broker *broker, const struct config *config,
    const struct policy_pins *pins, struct failure *failure)
{
	if (config->keystore > KEYSTORE_AWS_KMS || config->suite >= SUITE_COUNT)
		return failure_say(failure,
		    "the config names a keystore or suite that does not "
		    "exist");
	if (config->workers == 0 || config->workers * pins->sockets > WORKERS_MAX)
		return failure_say(failure,
		    "privyseal.workers is %u for each of %u sockets; there may be %d "
		    "workers",
		    (unsigned)config->workers, pins->sockets, WORKERS_MAX);
	if (config->cluster[0] == '\0' && broker->settings.check)
		log_warning("the config has no auth_service.cluster_name, without which "
			    "there is no first start");
	else if (config->cluster[0] == '\0' && !ca_key(broker, CA_USER, PURPOSE_SSH))
		return failure_say(failure,
		    "the config has no auth_service.cluster_name; the "
		    "first start needs it (the policy says '%s')",
		    pins->cluster);
	if (config->cluster[0] != '\0' &&
	    !agree("auth_service.cluster_name", config->cluster, broker->state.cluster,
		failure))
		return false;
	if (!agree("keystore", keystore_name((enum keystore_kind)config->keystore),
		keystore_name(pins->keystore), failure))
		return false;
	if (pins->keystore == KEYSTORE_AWS_KMS &&
	    (!agree("auth_service.ca_key_params.aws_kms.account", config->account,
		 pins->account, failure) ||
		!agree("auth_service.ca_key_params.aws_kms.region", config->region,
		    pins->region, failure)))
		return false;
	return pins->suite == SUITE_UNSPECIFIED || config->suite == SUITE_UNSPECIFIED ||
	       agree("auth_service.authentication.signature_algorithm_suite",
		   suite_name((enum suite)config->suite), suite_name(pins->suite),
		   failure);
}

static bool is_pinned(
    const struct policy_pins *pins, struct slice name, struct slice value)
{
	unsigned i;

	for (i = 0; i < pins->tags; i++)
		if (slice_is(name, pins->tag_name[i]) &&
		    slice_is(value, pins->tag_value[i]))
			return true;
	return slice_is(name, "TeleportCluster") && slice_is(value, pins->cluster);
}

/* Tags decide what IAM lets others do with a key, so the policy has the word. */
static bool tags_agree(
    const struct policy_pins *pins, struct slice tags, struct failure *failure)
{
	struct slice name, value;

	while (facts_next_item(&tags, &name) && facts_next_item(&tags, &value))
		if (!is_pinned(pins, name, value))
			return failure_say(failure,
			    "auth_service.ca_key_params.aws_kms.tags has %.*s: %.*s, but "
			    "the policy "
			    "has no such `tag` line",
			    (int)name.length, (const char *)name.at, (int)value.length,
			    (const char *)value.at);
	return true;
}

/* A worker that is owned later must not come back with another config than the first. */
static bool is_the_generations(const struct broker *broker, struct generation *generation,
    const struct frame *frame, struct failure *failure)
{
	const unsigned last = frame->fields - 1;
	uint8_t digest[SHA256_LENGTH];

	crypto_sha256(&broker->crypto, frame->bytes + FRAME_HEADER,
	    frame->at[last] + frame->length[last] - FRAME_HEADER, digest);
	if (!generation->config_seen) {
		memcpy(generation->config, digest, sizeof digest);
		generation->config_seen = true;
		return true;
	}
	return memcmp(generation->config, digest, sizeof digest) == 0 ||
	       failure_say(failure,
		   "the config is not the one that this privyseald was started "
		   "with; SIGHUP takes a new one");
}

static enum suite suite_for_new_keys(const struct broker *broker,
    const struct config *config, const struct policy_pins *pins)
{
	if (pins->suite != SUITE_UNSPECIFIED)
		return pins->suite;
	if (config->suite != SUITE_UNSPECIFIED)
		return (enum suite)config->suite;
	if (broker->state.suite != SUITE_UNSPECIFIED)
		return broker->state.suite;
	return pins->keystore == KEYSTORE_AWS_KMS ? SUITE_HSM_V1 : SUITE_BALANCED_V1;
}

bool config_judge(struct broker *broker, const struct channel *channel,
    const struct frame *frame, enum suite *suite, struct failure *failure)
{
	struct generation *generation = channel->generation;
	const struct policy_pins *pins = policy_pins(generation->rules->policy);
	struct config config = { .keystore = frame_number(frame, 1),
		.suite = frame_number(frame, 4),
		.workers = frame_number(frame, 5) };
	struct remote_limits limits = { (unsigned)frame_number(frame, 7),
		(unsigned)frame_number(frame, 8), "" };

	frame_text(frame, 0, config.cluster, sizeof config.cluster);
	frame_text(frame, 2, config.account, sizeof config.account);
	frame_text(frame, 3, config.region, sizeof config.region);
	frame_text(frame, 9, limits.proxy, sizeof limits.proxy);
	if (!agrees_with_pins(broker, &config, pins, failure) ||
	    !tags_agree(pins,
		(struct slice){ frame_bytes(frame, 6), frame_length(frame, 6) },
		failure) ||
	    !is_the_generations(broker, generation, frame, failure) ||
	    !remote_limits_good(broker, &limits, failure))
		return false;
	if (!broker->settings.terminal && !broker->settings.check)
		generation->workers = (unsigned)config.workers;
	*suite = suite_for_new_keys(broker, &config, pins);
	generation->limits = limits;
	/* The keys are looked at before the first generation serves, by its proxy. */
	if (!broker->serving)
		remote_configure(broker, &limits);
	return true;
}
