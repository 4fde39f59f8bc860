/*
 * A generation: the policy and the config that a set of workers was started on. A reload
 * starts the next; workers are judged by the policy of their own generation until they
 * have drained.
 */
#ifndef BROKER_GENERATION_H
#define BROKER_GENERATION_H

#include "broker/crypto.h"
#include "broker/failure.h"
#include "policy/policy.h"

/* Used-up rates outlive workers and reloads: a slot belongs to a rule's number, and
 * starts anew only when that rule has another rate. */
struct rule_bucket {
	struct rate rate;
	struct bucket bucket;
};

struct rules {
	unsigned references;
	void *storage;
	struct policy *policy;
	struct rule_bucket *buckets; /* policy_rules() of them */
	char sha256[SHA256_TEXT + 1];
};

/* The config's, of AWS: calls a second, connections, and through which proxy. */
struct remote_limits {
	unsigned rate, connections;
	char proxy[256]; /* empty: none */
};

struct generation {
	unsigned references;
	uint32_t number;
	struct rules *rules;
	bool config_seen; /* the first worker's config; the others' must be the same */
	uint8_t config[SHA256_LENGTH];
	unsigned workers; /* for each socket; one until the config has said how many */
	struct remote_limits limits;
	uint64_t ready_by; /* boot clock: it serves by then, or is refused */
};

/*
 * Reads the policy from `fd`; `name` is for messages. With `before`, the generation that
 * it is to follow: what only a restart can change must be the same, and rates go on. One
 * reference is the caller's. NULL with `failure`.
 */
struct generation *generation_load(int fd, const char *name, uint32_t number,
    const struct generation *before, const struct crypto *crypto,
    struct failure *failure);

/* It serves from now on: what was taken meanwhile of the rates before counts. */
void generation_follows(
    const struct generation *generation, const struct generation *before);

struct generation *generation_hold(struct generation *generation);
void generation_release(struct generation *generation);

/* Takes one document of the rule's rate; false: how long to wait. */
bool generation_take(struct generation *generation, const struct decision *decision,
    uint64_t now_ns, uint64_t *wait_ns);

#endif
