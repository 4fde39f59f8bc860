/* What the broker counts, and how the command line writes it for Prometheus. */
#include "broker/metrics.h"
#include "cli/status_prometheus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define US UINT64_C(1000)

static struct metrics metrics;

static int begin(void **state)
{
	(void)state;
	metrics = (struct metrics){ 0 };
	return 0;
}

/* The exposition of this report; freed by the next call. */
static const char *exposition(const cJSON *report)
{
	static char *text;
	size_t length;
	FILE *out;

	free(text);
	out = open_memstream(&text, &length);
	assert_non_null(out);
	metrics_print(report, out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static const char *exposition_of_text(const char *json)
{
	cJSON *report = cJSON_Parse(json);
	const char *text;

	assert_non_null(report);
	text = exposition(report);
	cJSON_Delete(report);
	return text;
}

static const char *exposition_of_metrics(enum keystore_kind pinned)
{
	cJSON *report = cJSON_CreateObject();
	const char *text;

	metrics_report(&metrics, pinned, cJSON_AddObjectToObject(report, "counters"));
	text = exposition(report);
	cJSON_Delete(report);
	return text;
}

static void assert_has(const char *text, const char *line)
{
	if (!strstr(text, line))
		fail_msg("%s is not in\n%s", line, text);
}

static void a_time_falls_into_the_first_bucket_that_holds_it(void **state)
{
	struct histogram h = { { 0 }, 0, 0 };

	(void)state;
	histogram_add(&h, 0);
	histogram_add(&h, 100 * US); /* a bound is part of its bucket */
	histogram_add(&h, 100 * US + 1);
	histogram_add(&h, 10000000 * US);
	histogram_add(&h, 10000000 * US + 1);
	histogram_add(&h, UINT64_MAX / 4);
	assert_int_equal(h.bucket[0], 2);
	assert_int_equal(h.bucket[1], 1);
	assert_int_equal(h.bucket[METRICS_BUCKETS - 2], 1);
	assert_int_equal(h.bucket[METRICS_BUCKETS - 1], 2);
	assert_int_equal(h.most_ns, UINT64_MAX / 4);
}

static struct use use_of(enum use_outcome outcome)
{
	return (struct use){ .keystore = KEYSTORE_AWS_KMS,
		.purpose = PURPOSE_TLS,
		.ca = CA_HOST,
		.document = DOCUMENT_X509_HOST,
		.outcome = outcome,
		.queued_ns = 2000 * US,
		.executed_ns = 30000 * US };
}

static void a_use_of_a_key_counts_once_in_each_place(void **state)
{
	static const enum use_outcome outcomes[] = { USE_RELEASED, USE_UNRELEASED,
		USE_FAILED, USE_WRONG, USE_RELEASED };
	struct use use;
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++) {
		use = use_of(outcomes[i]);
		metrics_used(&metrics, &use);
	}
	assert_int_equal(metrics.signing[KEYSTORE_AWS_KMS][PURPOSE_TLS].requests, 5);
	assert_int_equal(metrics.signing[KEYSTORE_AWS_KMS][PURPOSE_TLS].errors, 2);
	assert_int_equal(metrics.released[CA_HOST][DOCUMENT_X509_HOST], 2);
	assert_int_equal(metrics.uses[USE_UNRELEASED], 1);
	assert_int_equal(metrics.wrong[CA_HOST], 1);
	assert_int_equal(metrics.wrong[CA_USER], 0);
	assert_int_equal(metrics.queue.bucket[4], 5); /* up to 2.5 ms */
	assert_int_equal(metrics.execution[KEYSTORE_AWS_KMS].sum_ns, 150000 * US);
	assert_int_equal(metrics.execution[KEYSTORE_SOFTWARE].sum_ns, 0);
}

static void a_keystore_is_available_again_when_a_use_succeeds(void **state)
{
	struct use failed = use_of(USE_FAILED), good = use_of(USE_UNRELEASED);

	(void)state;
	metrics_used(&metrics, &failed);
	assert_true(metrics.down[KEYSTORE_AWS_KMS]);
	assert_false(metrics.down[KEYSTORE_SOFTWARE]);
	assert_has(exposition_of_metrics(KEYSTORE_AWS_KMS),
	    "\nprivyseal_keystore_available{store_type=\"aws_kms\"} 0\n");
	metrics_used(&metrics, &good);
	assert_false(metrics.down[KEYSTORE_AWS_KMS]);
}

static void the_names_are_those_of_teleport(void **state)
{
	const char *text;

	(void)state;
	metrics_key_created(&metrics, KEYSTORE_SOFTWARE, PURPOSE_JWT, KEY_RSA, true);
	metrics_key_created(&metrics, KEYSTORE_SOFTWARE, PURPOSE_JWT, KEY_RSA, false);
	text = exposition_of_metrics(KEYSTORE_SOFTWARE);
	assert_has(text,
	    "\nprivyseal_keystore_key_create_requests_total{key_type=\"jwt\","
	    "store_type=\"software\",key_algorithm=\"RSA2048\"} 2\n");
	assert_has(text,
	    "\nprivyseal_keystore_key_create_requests_error{key_type=\"jwt\","
	    "store_type=\"software\",key_algorithm=\"RSA2048\"} 1\n");
	assert_has(text, "\nprivyseal_keystore_sign_requests_total{key_type=\"ssh\","
			 "store_type=\"software\"} 0\n");
}

/* A series that begins at 1 has no rate at that moment. */
static void what_can_happen_is_there_before_it_happens(void **state)
{
	const char *text = exposition_of_metrics(KEYSTORE_SOFTWARE);

	(void)state;
	assert_has(text, "\nprivyseal_refusals_total{fact=\"claims\"} 0\n");
	assert_has(text, "\nprivyseal_unavailable_total{reason=\"breaker\"} 0\n");
	assert_has(
	    text, "\nprivyseal_permits_total{ca=\"spiffe\",document=\"jwt-svid\"} 0\n");
	assert_null(strstr(text, "ca=\"spiffe\",document=\"ssh-user\""));
	assert_null(strstr(text, "aws_kms"));
	metrics.refused[FACT_CLAIMS]++;
	metrics.unavailable[UNAVAILABLE_BREAKER]++;
	metrics.permitted[CA_SPIFFE][DOCUMENT_JWT_SVID]++;
	text = exposition_of_metrics(KEYSTORE_SOFTWARE);
	assert_has(text, "\nprivyseal_refusals_total{fact=\"claims\"} 1\n");
	assert_has(text, "\nprivyseal_unavailable_total{reason=\"breaker\"} 1\n");
	assert_has(
	    text, "\nprivyseal_permits_total{ca=\"spiffe\",document=\"jwt-svid\"} 1\n");
	assert_int_equal(metrics_refusals(&metrics), 1);
}

static void buckets_are_cumulative_and_times_seconds(void **state)
{
	struct use use = use_of(USE_RELEASED);
	const char *text;

	(void)state;
	metrics_used(&metrics, &use);
	use.queued_ns = 100 * 1000000 * US;
	metrics_used(&metrics, &use);
	text = exposition_of_metrics(KEYSTORE_SOFTWARE);
	assert_has(text, "\nprivyseal_sign_queue_seconds_bucket{le=\"0.001\"} 0\n");
	assert_has(text, "\nprivyseal_sign_queue_seconds_bucket{le=\"0.0025\"} 1\n");
	assert_has(text, "\nprivyseal_sign_queue_seconds_bucket{le=\"10\"} 1\n");
	assert_has(text, "\nprivyseal_sign_queue_seconds_bucket{le=\"+Inf\"} 2\n");
	assert_has(text, "\nprivyseal_sign_queue_seconds_sum 100.002\n");
	assert_has(text, "\nprivyseal_sign_queue_seconds_count 2\n");
	assert_has(text, "\nprivyseal_sign_queue_seconds_max 100\n");
	assert_has(text,
	    "\nprivyseal_sign_execution_seconds_bucket{store_type=\"aws_kms\","
	    "le=\"0.025\"} 0\n");
}

static void values_of_labels_are_escaped(void **state)
{
	(void)state;
	assert_has(
	    exposition_of_text("{\"sockets\":[{\"socket\":\"a\\\\b\\\"c\\nd\\u001be\","
			       "\"workers\":1}]}"),
	    "\nprivyseal_workers{socket=\"a\\\\b\\\"c\\nd?e\"} 1\n");
}

static void large_counts_stay_exact(void **state)
{
	(void)state;
	assert_has(exposition_of_text("{\"record\":{\"sequence\":999999999999999}}"),
	    "\nprivyseal_record_sequence 999999999999999\n");
}

static void what_the_report_lacks_is_left_out(void **state)
{
	(void)state;
	assert_string_equal(exposition_of_text("{}"), "");
	assert_string_equal(exposition_of_text("{\"counters\":7,\"alerts\":[]}"), "");
	assert_string_equal(exposition_of_text("{\"ready\":false}"),
	    "# HELP privyseal_ready Whether documents can be signed (the broker's "
	    "number).\n"
	    "# TYPE privyseal_ready gauge\n"
	    "privyseal_ready 0\n");
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_time_falls_into_the_first_bucket_that_holds_it),
		TEST(a_use_of_a_key_counts_once_in_each_place),
		TEST(a_keystore_is_available_again_when_a_use_succeeds),
		TEST(the_names_are_those_of_teleport),
		TEST(what_can_happen_is_there_before_it_happens),
		TEST(buckets_are_cumulative_and_times_seconds),
		TEST(values_of_labels_are_escaped),
		TEST(large_counts_stay_exact),
		TEST(what_the_report_lacks_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
