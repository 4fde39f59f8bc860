/*
 * What the broker counts since it started. A count is an addition to a fixed place:
 * nothing is allocated, nothing can fail, and a worker can make none of them up: it only
 * causes the events. What an honest worker refuses by itself never comes here; its log
 * has it.
 */
#ifndef BROKER_METRICS_H
#define BROKER_METRICS_H

#include "ipc/ops.h"
#include "policy/names.h"

#include <cjson/cJSON.h>

/* Upper bounds, in seconds: 0.0001 0.00025 0.0005, the same times ten up to 10, and a
 * last bucket without one. From what a local ECDSA key takes to the time after which
 * nobody waits any more. */
#define METRICS_BUCKETS 17

struct histogram {
	uint64_t bucket[METRICS_BUCKETS]; /* each by itself: not cumulative */
	uint64_t sum_ns, most_ns;
};

/* What became of one use of a key. */
enum use_outcome {
	USE_RELEASED,
	USE_UNRELEASED, /* signed, but the worker that asked was gone */
	USE_FAILED,	/* the keystore could not */
	USE_WRONG,	/* it gave a wrong signature, which was kept back */
	USE_OUTCOMES
};

struct tally {
	uint64_t requests, errors;
};

struct metrics {
	uint64_t permitted[CA_COUNT][DOCUMENT_COUNT]; /* and its record appended */
	uint64_t released[CA_COUNT][DOCUMENT_COUNT];
	uint64_t refused[FACT_COUNT];
	uint64_t unavailable[UNAVAILABLE_COUNT];
	uint64_t uses[USE_OUTCOMES];
	struct tally signing[KEYSTORE_COUNT][PURPOSE_COUNT];
	struct tally creating[KEYSTORE_COUNT][PURPOSE_COUNT][KEY_KIND_COUNT];
	bool down[KEYSTORE_COUNT]; /* the last use of a key in it failed */
	struct histogram queue;	   /* from the frame's receipt to the key's use ... */
	struct histogram execution[KEYSTORE_COUNT]; /* ... and the use of the key */
	uint64_t wrong[CA_COUNT];		    /* signatures */
};

void histogram_add(struct histogram *histogram, uint64_t ns);

/* A key was used for a document, which had waited `queued_ns` for it. */
struct use {
	enum keystore_kind keystore;
	enum purpose purpose;
	enum ca ca;
	enum document document;
	enum use_outcome outcome;
	uint64_t queued_ns, executed_ns;
};
void metrics_used(struct metrics *metrics, const struct use *use);
void metrics_key_created(struct metrics *metrics, enum keystore_kind keystore,
    enum purpose purpose, enum key_kind kind, bool created);

uint64_t metrics_refusals(const struct metrics *metrics); /* of all facts */

/* As members of `object`; `keystore` is listed even when nothing was asked of it yet. */
void metrics_report(
    const struct metrics *metrics, enum keystore_kind keystore, cJSON *object);
/* {buckets: counts, sum, max: seconds}; the bounds are `bounds` of metrics_report(). */
void histogram_report(const struct histogram *histogram, cJSON *object, const char *name);

#endif
