/* Loading and sharing of policies; generation.h has the promises. */
#include "broker/generation.h"
#include "broker/files.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static uint8_t *read_text(
    int fd, const char *name, size_t *length, struct failure *failure)
{
	struct stat status;
	uint8_t *text;

	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
		failure_say(failure, "%s: the policy did not come as a file", name);
		return NULL;
	}
	if (status.st_size < 0 || (uint64_t)status.st_size > POLICY_TEXT_MAX) {
		failure_say(failure, "%s: longer than %zu bytes", name, POLICY_TEXT_MAX);
		return NULL;
	}
	*length = (size_t)status.st_size;
	text = malloc(*length + 1);
	if (text && file_read_all(fd, text, *length))
		return text;
	failure_say(failure, text ? "%s: can't be read" : "%s: out of memory", name);
	free(text);
	return NULL;
}

static void rules_release(struct rules *rules)
{
	if (!rules || --rules->references > 0)
		return;
	free(rules->buckets);
	free(rules->storage);
	free(rules);
}

static struct rules *rules_make(
    const uint8_t *text, size_t length, const char *name, struct failure *failure)
{
	struct rules *rules = calloc(1, sizeof *rules);
	struct policy_error error = { 0 };
	size_t room = policy_storage(text, length);

	if (!rules || room == 0) {
		failure_say(failure,
		    rules ? "%s: too long for a policy" : "%s: out of memory", name);
		free(rules);
		return NULL;
	}
	rules->references = 1;
	rules->storage = malloc(room);
	if (rules->storage)
		rules->policy = policy_load(text, length, rules->storage, room, &error);
	if (rules->policy)
		rules->buckets = calloc(
		    (size_t)policy_rules(rules->policy) + 1, sizeof *rules->buckets);
	if (rules->buckets)
		return rules;
	if (!rules->storage || rules->policy)
		failure_say(failure, "%s: out of memory", name);
	else /* what lacks in the file as a whole is told of at its beginning */
		failure_say(failure, "%s:%u:%u: %s", name,
		    error.line > 0 ? error.line : 1, error.line > 0 ? error.column : 1,
		    error.text);
	rules_release(rules);
	return NULL;
}

/* What was decided at the start can't change under running workers. */
static bool pins_stay(const struct policy_pins *before, const struct policy_pins *now,
    const char *name, struct failure *failure)
{
	if (strcmp(before->cluster, now->cluster) != 0)
		return failure_say(failure,
		    "%s: cluster is '%s', and was '%s': restart needed", name,
		    now->cluster, before->cluster);
	if (before->keystore != now->keystore ||
	    strcmp(before->account, now->account) != 0 ||
	    strcmp(before->region, now->region) != 0)
		return failure_say(failure,
		    "%s: keystore, account or region has changed: restart "
		    "needed",
		    name);
	return true;
}

/* Of two that were used, what both have left, as of the later time. */
static void carry(const struct rule_bucket *from, struct rule_bucket *to)
{
	if (!to->bucket.started) {
		*to = *from;
		return;
	}
	if (!from->bucket.started)
		return;
	if (from->bucket.level < to->bucket.level)
		to->bucket.level = from->bucket.level;
	if (from->bucket.updated > to->bucket.updated)
		to->bucket.updated = from->bucket.updated;
}

static void carry_buckets(const struct rules *from, struct rules *to)
{
	unsigned count = policy_rules(from->policy), i;

	if (count > policy_rules(to->policy))
		count = policy_rules(to->policy);
	for (i = 0; i < count; i++)
		carry(&from->buckets[i], &to->buckets[i]);
}

struct generation *generation_load(int fd, const char *name, uint32_t number,
    const struct generation *before, const struct crypto *crypto, struct failure *failure)
{
	struct generation *generation = NULL;
	uint8_t digest[SHA256_LENGTH], *text;
	struct rules *rules = NULL;
	size_t length;

	text = read_text(fd, name, &length, failure);
	if (text)
		rules = rules_make(text, length, name, failure);
	if (!rules)
		goto out;
	crypto_sha256(crypto, text, length, digest);
	crypto_hex(rules->sha256, digest, sizeof digest);
	if (before && !pins_stay(policy_pins(before->rules->policy),
			  policy_pins(rules->policy), name, failure))
		goto out;
	if (before && strcmp(before->rules->sha256, rules->sha256) == 0) {
		/* The same file: old and new workers share its rates too. */
		rules_release(rules);
		rules = before->rules;
		rules->references++;
	} else if (before)
		carry_buckets(before->rules, rules);
	generation = calloc(1, sizeof *generation);
	if (generation) {
		*generation = (struct generation){
			.references = 1, .number = number, .rules = rules, .workers = 1
		};
		rules = NULL;
	} else
		failure_say(failure, "%s: out of memory", name);
out:
	rules_release(rules);
	free(text);
	return generation;
}

struct generation *generation_hold(struct generation *generation)
{
	generation->references++;
	return generation;
}

void generation_follows(
    const struct generation *generation, const struct generation *before)
{
	if (generation->rules != before->rules)
		carry_buckets(before->rules, generation->rules);
}

void generation_release(struct generation *generation)
{
	if (!generation || --generation->references > 0)
		return;
	rules_release(generation->rules);
	free(generation);
}

bool generation_take(struct generation *generation, const struct decision *decision,
    uint64_t now_ns, uint64_t *wait_ns)
{
	struct rule_bucket *slot = &generation->rules->buckets[decision->rule];

	if (decision->line == 0 || decision->rate.amount == 0)
		return true;
	if (slot->rate.amount != decision->rate.amount ||
	    slot->rate.period != decision->rate.period ||
	    slot->rate.burst != decision->rate.burst)
		*slot = (struct rule_bucket){ .rate = decision->rate };
	return rate_take(&slot->bucket, &decision->rate, now_ns, wait_ns);
}
