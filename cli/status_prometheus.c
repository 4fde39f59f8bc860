/*
 * A family of samples is a row: where its values are in the report, and which members of
 * it are labels. The names are Teleport's where Teleport has such a metric, and every
 * number is the broker's own: what a worker says of itself is not believed.
 */
#include "cli/status_prometheus.h"

#include <stdbool.h>
#include <string.h>

#define LABELS_MAX 3

struct family {
	const char *name, *type;
	const char *path;  /* members from the report down, with slashes */
	const char *value; /* of the object there, or of each in the array there */
	/* members of the same; when there is no `value`, what the names there mean */
	const char *labels[LABELS_MAX];
	const char *help;
};

#define STORE "key_type", "store_type"

/* clang-format off */
static const struct family families[] = {
	{ "build_info", "gauge", "", "version", { "version" },
	    "What runs" },
	{ "start_time_seconds", "gauge", "started", NULL, { 0 },
	    "When the broker started, in seconds since 1970" },
	{ "ready", "gauge", "ready", NULL, { 0 },
	    "Whether documents can be signed" },
	{ "permits_total", "counter", "counters/permits", "count", { "ca", "document" },
	    "Documents that the policy permitted, with their record appended" },
	{ "signatures_total", "counter", "counters/signatures", "count", { "ca", "document" },
	    "Documents whose signature was released" },
	{ "refusals_total", "counter", "counters/refused_by", NULL, { "fact" },
	    "Documents that policy or invariants refused, by what was wrong with them; an honest "
	    "worker lets none come so far" },
	{ "unavailable_total", "counter", "counters/unavailable_by", NULL, { "reason" },
	    "Requests that could not be served although nothing was wrong with them" },
	{ "unreleased_total", "counter", "counters/unreleased", NULL, { 0 },
	    "Signatures that nobody was there to take" },
	{ "wrong_signatures_total", "counter", "counters/wrong_signatures", NULL, { 0 },
	    "Signatures that the CA's public key did not confirm" },
	{ "keystore_sign_requests_total", "counter", "counters/sign_requests", "requests", { STORE },
	    "Uses of a CA key for a document" },
	{ "keystore_sign_requests_error", "counter", "counters/sign_requests", "errors", { STORE },
	    "Uses of a CA key that failed" },
	{ "keystore_key_create_requests_total", "counter", "counters/key_create_requests",
	    "requests", { STORE, "key_algorithm" },
	    "CA keys that were to be made" },
	{ "keystore_key_create_requests_error", "counter", "counters/key_create_requests",
	    "errors", { STORE, "key_algorithm" },
	    "CA keys that could not be made" },
	{ "keystore_available", "gauge", "counters/keystores", "available", { "store_type" },
	    "Whether the last use of a key in this keystore did not fail" },
	{ "sign_queue_seconds", "histogram", "counters/queue", NULL, { 0 },
	    "From the receipt of a request to the use of the key, its record then being durable" },
	{ "sign_queue_seconds_max", "gauge", "counters/queue/max", NULL, { 0 },
	    "The longest of these times" },
	{ "sign_execution_seconds", "histogram", "counters/keystores", "execution", { "store_type" },
	    "What the keystore took to sign" },
	{ "credentials_usable", "gauge", "credentials", "usable", { "source", "account" },
	    "Whether there are AWS credentials to sign with" },
	{ "credentials_expiry_seconds", "gauge", "credentials", "expires", { "source" },
	    "When those in use end, in seconds since 1970" },
	{ "credentials_next_refresh_seconds", "gauge", "credentials", "next_refresh", { "source" },
	    "When their source is asked for the next ones, in seconds since 1970" },
	{ "credentials_refresh_failures_total", "counter", "credentials", "failures_total",
	    { "source" },
	    "Times that it gave none" },
	{ "requests_in_flight", "gauge", "sockets", "in_flight", { "socket" },
	    "Requests that were read and not yet answered" },
	{ "workers", "gauge", "sockets", "workers", { "socket" },
	    "Workers that serve" },
	{ "worker_restarts_total", "counter", "sockets", "lost", { "socket" },
	    "Workers that ended unasked or were dropped; each is replaced" },
	{ "violations_total", "counter", "sockets", "violations", { "socket" },
	    "Frames of workers outside the contract" },
	{ "breaker_trips_total", "counter", "sockets", "breaker_trips", { "socket" },
	    "Times that too many refusals closed a socket's way to the keys" },
	{ "breaker_open", "gauge", "sockets", "breaker_open", { "socket" },
	    "Whether that way is closed now" },
	{ "record_writable", "gauge", "record/writable", NULL, { 0 },
	    "Whether the record can be written; nothing is signed without" },
	{ "record_sequence", "gauge", "record/sequence", NULL, { 0 },
	    "The number of the record's last line" },
	{ "record_segment", "gauge", "record/segment", NULL, { 0 },
	    "The number of the record's last file" },
	{ "record_written_bytes_total", "counter", "record/bytes_written", NULL, { 0 },
	    "Bytes that were written to the record" },
	{ "record_sync_seconds", "histogram", "record/sync", NULL, { 0 },
	    "What fdatasync of the record took" },
	{ "record_sync_seconds_max", "gauge", "record/sync/max", NULL, { 0 },
	    "The longest of these times" },
	{ "record_refusals_coalesced_total", "counter", "record/refusals_coalesced", NULL, { 0 },
	    "Refusals that share a line of the record with others" },
	{ "ca_certificate_expiry_seconds", "gauge", "certificates", "not_after", { "ca" },
	    "When the CA's certificate ends, in seconds since 1970" },
	{ "alerts", "gauge", "alerts_by", NULL, { "severity" },
	    "Alerts that stand" },
	{ "alert", "gauge", "alerts", "message", { "id", "severity", "audience" },
	    "One of them" },
	{ "clock_behind_seconds", "gauge", "record/clock_behind", NULL, { 0 },
	    "How far the clock is behind the record's last time" },
};
/* clang-format on */

struct writer {
	FILE *out;
	const cJSON *bounds; /* of histograms */
	const struct family *family;
	bool begun; /* its HELP and TYPE are there */
};

static const cJSON *member(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

static const cJSON *find(const cJSON *value, const char *path)
{
	char name[64];
	size_t length;

	for (; value && *path; path += length + (path[length] == '/')) {
		length = strcspn(path, "/");
		snprintf(name, sizeof name, "%.*s", (int)length, path);
		value = member(value, name);
	}
	return value;
}

/* Backslash, quote and newline are escaped; what no name has need not be shown. */
static void print_label(const char *text, FILE *out)
{
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", out);
		else if ((unsigned char)*text < 0x20 || *text == 0x7f)
			fputc('?', out);
		else {
			if (*text == '\\' || *text == '"')
				fputc('\\', out);
			fputc(*text, out);
		}
	}
}

/* `labels` is NULL, or the object that has them; `word` the one label's value then. */
static void print_sample(struct writer *writer, const char *suffix, const cJSON *labels,
    const char *word, const char *bound, double value)
{
	const struct family *family = writer->family;
	const char *text, *before = "{";
	unsigned i;

	if (!writer->begun)
		fprintf(writer->out,
		    "# HELP privyseal_%s %s (the broker's number).\n"
		    "# TYPE privyseal_%s %s\n",
		    family->name, family->help, family->name, family->type);
	writer->begun = true;
	fprintf(writer->out, "privyseal_%s%s", family->name, suffix);
	for (i = 0; i < LABELS_MAX && family->labels[i]; i++) {
		text =
		    word ? word : cJSON_GetStringValue(member(labels, family->labels[i]));
		fprintf(writer->out, "%s%s=\"", before, family->labels[i]);
		print_label(text ? text : "", writer->out);
		fputc('"', writer->out);
		before = ",";
	}
	if (bound) {
		fprintf(writer->out, "%sle=\"%s\"", before, bound);
		before = ",";
	}
	fputs(*before == ',' ? "} " : " ", writer->out);
	fprintf(writer->out, "%.15g\n", value); /* exact for counts below 10^15 */
}

static void print_histogram(
    struct writer *writer, const cJSON *histogram, const cJSON *labels)
{
	const cJSON *bucket, *bound = writer->bounds ? writer->bounds->child : NULL;
	double count = 0;
	char text[32];

	cJSON_ArrayForEach(bucket, member(histogram, "buckets"))
	{
		count += cJSON_GetNumberValue(bucket);
		if (bound)
			snprintf(text, sizeof text, "%.9g", cJSON_GetNumberValue(bound));
		print_sample(
		    writer, "_bucket", labels, NULL, bound ? text : "+Inf", count);
		bound = bound ? bound->next : NULL;
	}
	print_sample(writer, "_sum", labels, NULL, NULL,
	    cJSON_GetNumberValue(member(histogram, "sum")));
	print_sample(writer, "_count", labels, NULL, NULL, count);
}

/* A text has been a label; what is counted then is that there is one. */
static void print_value(
    struct writer *writer, const cJSON *value, const cJSON *labels, const char *word)
{
	if (cJSON_IsObject(value))
		print_histogram(writer, value, labels);
	else if (cJSON_IsNumber(value))
		print_sample(writer, "", labels, word, NULL, cJSON_GetNumberValue(value));
	else if (value)
		print_sample(writer, "", labels, word, NULL, !cJSON_IsFalse(value));
}

static void print_family(struct writer *writer, const cJSON *report)
{
	const struct family *family = writer->family;
	const cJSON *value = find(report, family->path), *one;

	if (cJSON_IsArray(value))
		cJSON_ArrayForEach(one, value)
		    print_value(writer, member(one, family->value), one, NULL);
	else if (family->value)
		print_value(writer, member(value, family->value), value, NULL);
	else if (family->labels[0])
		cJSON_ArrayForEach(one, value)
		    print_value(writer, one, NULL, one->string);
	else
		print_value(writer, value, NULL, NULL);
}

void metrics_print(const cJSON *report, FILE *out)
{
	struct writer writer = { .out = out, .bounds = find(report, "counters/bounds") };
	size_t i;

	for (i = 0; i < sizeof families / sizeof families[0]; i++) {
		writer.family = &families[i];
		writer.begun = false;
		print_family(&writer, report);
	}
}
