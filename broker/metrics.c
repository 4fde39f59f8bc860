/* Counting, and telling what was counted; metrics.h has the promises. */
#include "broker/metrics.h"
#include "broker/json_members.h"

static const uint64_t bounds_us[] = { 100, 250, 500, 1000, 2500, 5000, 10000, 25000,
	50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000 };
_Static_assert(
    sizeof bounds_us / sizeof bounds_us[0] == METRICS_BUCKETS - 1, "a bound each");

void histogram_add(struct histogram *histogram, uint64_t ns)
{
	unsigned i = 0;

	while (i < METRICS_BUCKETS - 1 && ns > bounds_us[i] * 1000)
		i++;
	histogram->bucket[i]++;
	histogram->sum_ns += ns;
	if (ns > histogram->most_ns)
		histogram->most_ns = ns;
}

void metrics_used(struct metrics *metrics, const struct use *use)
{
	const bool failed = use->outcome == USE_FAILED || use->outcome == USE_WRONG;
	struct tally *tally = &metrics->signing[use->keystore][use->purpose];

	tally->requests++;
	tally->errors += failed;
	metrics->down[use->keystore] = failed;
	metrics->uses[use->outcome]++;
	if (use->outcome == USE_RELEASED)
		metrics->released[use->ca][use->document]++;
	metrics->wrong[use->ca] += use->outcome == USE_WRONG;
	histogram_add(&metrics->queue, use->queued_ns);
	histogram_add(&metrics->execution[use->keystore], use->executed_ns);
}

void metrics_key_created(struct metrics *metrics, enum keystore_kind keystore,
    enum purpose purpose, enum key_kind kind, bool created)
{
	struct tally *tally = &metrics->creating[keystore][purpose][kind];

	tally->requests++;
	tally->errors += !created;
}

uint64_t metrics_refusals(const struct metrics *metrics)
{
	uint64_t sum = 0;
	unsigned fact;

	for (fact = 0; fact < FACT_COUNT; fact++)
		sum += metrics->refused[fact];
	return sum;
}

/* ---- the report ---- */

static void add(cJSON *object, const char *name, uint64_t count)
{
	cJSON_AddNumberToObject(object, name, (double)count);
}

/* Only what the fixed table has can ever be counted. */
static void add_documents(
    cJSON *object, const char *name, const uint64_t counts[CA_COUNT][DOCUMENT_COUNT])
{
	cJSON *list = cJSON_AddArrayToObject(object, name), *item;
	unsigned ca, document;

	for (ca = 0; ca < CA_COUNT; ca++)
		for (document = 0; document < DOCUMENT_COUNT; document++) {
			if (!ca_signs((enum ca)ca, (enum document)document))
				continue;
			item = json_add_object(list);
			cJSON_AddStringToObject(item, "ca", ca_name((enum ca)ca));
			cJSON_AddStringToObject(
			    item, "document", document_name((enum document)document));
			add(item, "count", counts[ca][document]);
		}
}

static cJSON *add_tally(cJSON *list, const struct tally *tally,
    enum keystore_kind keystore, enum purpose purpose)
{
	cJSON *item = json_add_object(list);

	cJSON_AddStringToObject(item, "key_type", purpose_name(purpose));
	cJSON_AddStringToObject(item, "store_type", keystore_name(keystore));
	add(item, "requests", tally->requests);
	add(item, "errors", tally->errors);
	return item;
}

/* As Teleport writes them in its metrics. */
static const char *algorithm(enum key_kind kind)
{
	static const char *const names[KEY_KIND_COUNT] = { [KEY_RSA] = "RSA2048",
		[KEY_P256] = "ECDSAP256",
		[KEY_P384] = "ECDSAP384",
		[KEY_P521] = "ECDSAP521",
		[KEY_ED25519] = "Ed25519" };

	return names[kind];
}

static void add_created(
    cJSON *list, const struct metrics *metrics, enum keystore_kind keystore)
{
	const struct tally *tally;
	unsigned purpose, kind;
	cJSON *item;

	for (purpose = 0; purpose < PURPOSE_COUNT; purpose++)
		for (kind = 0; kind < KEY_KIND_COUNT; kind++) {
			tally = &metrics->creating[keystore][purpose][kind];
			if (tally->requests == 0)
				continue;
			item = add_tally(list, tally, keystore, (enum purpose)purpose);
			cJSON_AddStringToObject(
			    item, "key_algorithm", algorithm((enum key_kind)kind));
		}
}

static void add_keystores(
    cJSON *object, const struct metrics *metrics, enum keystore_kind pinned)
{
	cJSON *stores = cJSON_AddArrayToObject(object, "keystores"), *item;
	cJSON *uses = cJSON_AddArrayToObject(object, "sign_requests");
	cJSON *creations = cJSON_AddArrayToObject(object, "key_create_requests");
	uint64_t requests;
	unsigned store, purpose;

	for (store = 0; store < KEYSTORE_COUNT; store++) {
		const struct tally *tally = metrics->signing[store];

		add_created(creations, metrics, (enum keystore_kind)store);
		for (requests = 0, purpose = 0; purpose < PURPOSE_COUNT; purpose++)
			requests += tally[purpose].requests;
		if (requests == 0 && store != pinned)
			continue;
		for (purpose = 0; purpose < PURPOSE_COUNT; purpose++)
			add_tally(uses, &tally[purpose], (enum keystore_kind)store,
			    (enum purpose)purpose);
		item = json_add_object(stores);
		cJSON_AddStringToObject(
		    item, "store_type", keystore_name((enum keystore_kind)store));
		cJSON_AddBoolToObject(item, "available", !metrics->down[store]);
		histogram_report(&metrics->execution[store], item, "execution");
	}
}

void histogram_report(const struct histogram *histogram, cJSON *object, const char *name)
{
	cJSON *item = cJSON_AddObjectToObject(object, name);
	cJSON *list = cJSON_AddArrayToObject(item, "buckets");
	unsigned i;

	for (i = 0; i < METRICS_BUCKETS; i++)
		cJSON_AddItemToArray(
		    list, cJSON_CreateNumber((double)histogram->bucket[i]));
	cJSON_AddNumberToObject(item, "sum", (double)histogram->sum_ns / 1e9);
	cJSON_AddNumberToObject(item, "max", (double)histogram->most_ns / 1e9);
}

void metrics_report(
    const struct metrics *metrics, enum keystore_kind keystore, cJSON *object)
{
	static const char *const outcomes[USE_OUTCOMES] = { "signed", "unreleased",
		"failed", "wrong_signatures" };
	static const char *const reasons[UNAVAILABLE_COUNT] = { "", "keystore", "rate",
		"deadline", "record", "stale", "breaker" };
	cJSON *by, *bounds = cJSON_AddArrayToObject(object, "bounds");
	uint64_t unavailable = 0;
	unsigned i;

	for (i = 0; i < METRICS_BUCKETS - 1; i++)
		cJSON_AddItemToArray(
		    bounds, cJSON_CreateNumber((double)bounds_us[i] / 1e6));
	for (i = 0; i < USE_OUTCOMES; i++)
		add(object, outcomes[i], metrics->uses[i]);
	add(object, "refused", metrics_refusals(metrics));
	by = cJSON_AddObjectToObject(object, "refused_by");
	for (i = 0; i < FACT_COUNT; i++)
		add(by, fact_name((enum fact)i), metrics->refused[i]);
	by = cJSON_AddObjectToObject(object, "unavailable_by");
	for (i = UNAVAILABLE_KEYSTORE; i < UNAVAILABLE_COUNT; i++) {
		add(by, reasons[i], metrics->unavailable[i]);
		unavailable += metrics->unavailable[i];
	}
	add(object, "unavailable", unavailable);
	add_documents(object, "permits", metrics->permitted);
	add_documents(object, "signatures", metrics->released);
	add_keystores(object, metrics, keystore);
	histogram_report(&metrics->queue, object, "queue");
}
