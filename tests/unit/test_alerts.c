/* Alerts: each comes from what the broker counts or is, once, and goes when it is over.
 */
#include "broker_fixture.h"

static uint64_t now;

static int begin(void **state)
{
	fixture_begin(state);
	now = clock_boot_ns();
	alerts_look(f->broker, now);
	return 0;
}

static void look_after(uint64_t seconds)
{
	now += seconds * SECOND_NS;
	alerts_look(f->broker, now);
}

/* The alerts as a worker is told them, in one line; freed by the next call. */
static const char *told(void)
{
	static char *text;

	cJSON_free(text);
	text = alerts_text(&f->broker->alerts);
	assert_non_null(text);
	return text;
}

static bool stands(const char *id)
{
	char member[128];

	snprintf(member, sizeof member, "{\"id\":\"%s\",", id);
	return strstr(told(), member) != NULL;
}

static void none_stand_at_first(void **state)
{
	(void)state;
	assert_string_equal(told(), "[]");
}

static void an_alert_has_what_the_method_promises(void **state)
{
	(void)state;
	f->broker->log.failed = true;
	look_after(1);
	assert_string_equal(told(),
	    "[{\"id\":\"record-lost\",\"severity\":\"high\",\"audience\":\"everyone\","
	    "\"message\":\"the record can't be written, so nothing is signed: make room "
	    "or repair the disk, then restart privyseald\"}]");
}

static void a_condition_is_an_alert_for_as_long_as_it_holds(void **state)
{
	(void)state;
	f->broker->metrics.down[KEYSTORE_SOFTWARE] = true;
	f->broker->state_unwritten = true;
	f->broker->log.latest = clock_wall_us() + CLOCK_BEHIND_MAX + 5000000;
	look_after(1);
	assert_int_equal(f->broker->alerts.count, 3);
	assert_true(stands("keystore-unavailable/software"));
	assert_true(stands("state-unwritten"));
	assert_true(stands("clock-behind-record"));
	look_after(2 * ALERT_STAYS);
	assert_int_equal(f->broker->alerts.count, 3);
	f->broker->metrics.down[KEYSTORE_SOFTWARE] = false;
	look_after(1);
	assert_false(stands("keystore-unavailable/software"));
	f->broker->state_unwritten = false;
	f->broker->log.latest = 0;
	look_after(1);
	assert_int_equal(f->broker->alerts.count, 0);
}

static void what_passes_stays_for_a_day_after_the_last_time(void **state)
{
	(void)state;
	f->broker->services[0].counts[SERVICE_TRIPPED]++;
	look_after(1);
	assert_true(stands("breaker-tripped/auth"));
	look_after(ALERT_STAYS - 1);
	f->broker->services[0].counts[SERVICE_TRIPPED]++;
	look_after(0);
	look_after(ALERT_STAYS - 1);
	assert_true(stands("breaker-tripped/auth"));
	assert_int_equal(f->broker->alerts.count, 1);
	look_after(1);
	assert_int_equal(f->broker->alerts.count, 0);
}

static void each_kind_of_offence_has_its_alert(void **state)
{
	(void)state;
	f->broker->services[0].counts[SERVICE_OFFENCES]++;
	look_after(1);
	assert_true(stands("refused-at-broker/auth"));
	strcpy(f->broker->services[SERVICES_MAX - 1].name, "--stdio");
	f->broker->services[SERVICES_MAX - 1].counts[SERVICE_VIOLATIONS]++;
	look_after(1);
	assert_true(stands("contract-broken/--stdio"));
	f->broker->metrics.wrong[CA_OPENSSH]++;
	look_after(1);
	assert_true(stands("wrong-signature/openssh"));
	assert_int_equal(f->broker->alerts.count, 3);
	look_after(ALERT_STAYS);
	assert_true(stands("wrong-signature/openssh"));
	assert_int_equal(f->broker->alerts.count, 1);
}

static void a_refused_document_is_an_alert_of_its_own_if_the_clock_may_be_why(
    void **state)
{
	struct fixture_document d;

	(void)state;
	fixture_document(f, &d, CA_USER, "alice");
	d.facts.valid_after -= 3600;
	d.length = ssh_certificate_write(&d.facts, d.bytes, sizeof d.bytes);
	fixture_ask(f, 1, CA_USER, DOCUMENT_SSH_USER, &d);
	fixture_turn(f);
	assert_true(fixture_receive(f));
	assert_int_equal(f->answer.op, OP_REFUSED);
	look_after(1);
	assert_true(stands("refused-out-of-time/auth"));
	assert_int_equal(f->broker->alerts.count, 1);
	fixture_document(f, &d, CA_USER, "root");
	fixture_ask(f, 2, CA_USER, DOCUMENT_SSH_USER, &d);
	fixture_turn(f);
	assert_true(fixture_receive(f));
	assert_int_equal(f->answer.op, OP_REFUSED);
	look_after(1);
	assert_true(stands("refused-at-broker/auth"));
}

static void lose(unsigned workers, uint64_t seconds_later)
{
	f->broker->services[0].counts[SERVICE_LOST] += workers;
	look_after(seconds_later);
}

static void workers_that_keep_dying_are_an_alert(void **state)
{
	unsigned i;

	(void)state;
	lose(ALERT_LOSSES - 1, 1);
	assert_string_equal(told(), "[]");
	lose(1, ALERT_LOSSES_WITHIN - 1);
	assert_true(stands("workers-dying/auth"));
	look_after(ALERT_LOSSES_WITHIN);
	assert_string_equal(told(), "[]");
	for (i = 0; i < 3 * ALERT_LOSSES; i++)
		lose(1, ALERT_LOSSES_WITHIN / (ALERT_LOSSES - 1) + 1);
	assert_string_equal(told(), "[]");
	lose(100, 1); /* all at once */
	assert_true(stands("workers-dying/auth"));
}

static void it_is_raised_and_cleared_with_one_line_each(void **state)
{
	char text[4096] = "";
	int saved = dup(STDERR_FILENO), file = memfd_create("log", MFD_CLOEXEC);
	unsigned i;

	(void)state;
	log_level_set(LOG_LEVEL_INFO);
	assert_int_equal(dup2(file, STDERR_FILENO), STDERR_FILENO);
	f->broker->state_unwritten = true;
	for (i = 0; i < 3; i++)
		look_after(1);
	f->broker->state_unwritten = false;
	for (i = 0; i < 3; i++)
		look_after(1);
	dup2(saved, STDERR_FILENO);
	assert_true(pread(file, text, sizeof text - 1, 0) > 0);
	close(file);
	close(saved);
	assert_non_null(strstr(text, "alert state-unwritten (medium) is raised"));
	assert_non_null(strstr(text, "alert state-unwritten is over"));
	assert_int_equal(strchr(strchr(text, '\n') + 1, '\n') - text, strlen(text) - 1);
}

static void a_certificate_that_ends_soon_is_an_alert(void **state)
{
	struct facts *certificate = &f->broker->authorities[CA_HOST].certificate;
	const int64_t soon = ALERT_CA_ENDS_WITHIN * 86400;

	(void)state;
	certificate->x509_is_ca = true;
	certificate->x509_not_after = clock_wall_seconds() + soon + 60;
	look_after(1);
	assert_string_equal(told(), "[]");
	certificate->x509_not_after -= 120;
	look_after(1);
	assert_true(stands("ca-expires/host"));
	assert_non_null(strstr(told(), "ends in 89 days"));
	certificate->x509_not_after = clock_wall_seconds();
	look_after(1);
	assert_true(stands("ca-expired/host"));
	assert_int_equal(f->broker->alerts.count, 1);
	certificate->x509_not_after = clock_wall_seconds() + 2 * soon;
	look_after(1);
	assert_string_equal(told(), "[]");
}

static void a_full_table_gives_up_what_would_be_over_first(void **state)
{
	struct alerts *alerts = &f->broker->alerts;
	char about[32];
	unsigned i;

	(void)state;
	alert_raise(alerts, ALERT_WRONG_SIGNATURE, "user", now, "so");
	for (i = 0; i < ALERTS_MAX; i++) {
		snprintf(about, sizeof about, "n%u", i);
		alert_raise(alerts, ALERT_BREAKER_TRIPPED, about, now + 100 - i, "so");
	}
	assert_int_equal(alerts->count, ALERTS_MAX);
	assert_true(stands("wrong-signature/user"));
	assert_true(stands("breaker-tripped/n0"));
	snprintf(about, sizeof about, "breaker-tripped/n%u", ALERTS_MAX - 2);
	assert_false(stands(about));
	snprintf(about, sizeof about, "breaker-tripped/n%u", ALERTS_MAX - 1);
	assert_true(stands(about));
	assert_true(strlen(told()) <= OP_REPORT_MAX / 2);
}

/* As workers_take_sockets() does. */
static void another_socket(void)
{
	f->broker->services[0] = (struct service){ .name = "auth" };
}

static void a_socket_in_anothers_place_begins_anew(void **state)
{
	(void)state;
	f->broker->services[0].counts[SERVICE_TRIPPED] =
	    f->broker->services[0].counts[SERVICE_VIOLATIONS] = 3;
	f->broker->services[0].counts[SERVICE_OFFENCES] = 3;
	f->broker->services[0].counts[SERVICE_LOST] = ALERT_LOSSES - 1;
	look_after(1);
	look_after(ALERT_STAYS);
	assert_string_equal(told(), "[]");
	another_socket();
	look_after(1);
	lose(ALERT_LOSSES - 1, 1);
	assert_string_equal(told(), "[]");
	another_socket();
	look_after(1);
	lose(1, 1);
	assert_string_equal(told(), "[]");
}

static void a_worker_is_told_anew_each_time(void **state)
{
	uint8_t frame[64];
	struct frame_writer w;
	unsigned i;

	(void)state;
	for (i = 0; i < 2; i++) {
		frame_begin(&w, frame, sizeof frame, OP_ALERTS, 5);
		assert_int_equal(channel_send(f->worker, frame, frame_end(&w)), 0);
		fixture_turn(f);
		assert_true(fixture_receive(f));
		assert_int_equal(f->answer.op, OP_ALERTS_ARE);
		assert_int_equal(f->answer.id, 5);
		assert_int_equal(frame_length(&f->answer, 0) > 2, i == 1);
		f->broker->state_unwritten = true;
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, fixture_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(none_stand_at_first),
		TEST(an_alert_has_what_the_method_promises),
		TEST(a_condition_is_an_alert_for_as_long_as_it_holds),
		TEST(what_passes_stays_for_a_day_after_the_last_time),
		TEST(each_kind_of_offence_has_its_alert),
		TEST(a_refused_document_is_an_alert_of_its_own_if_the_clock_may_be_why),
		TEST(workers_that_keep_dying_are_an_alert),
		TEST(it_is_raised_and_cleared_with_one_line_each),
		TEST(a_certificate_that_ends_soon_is_an_alert),
		TEST(a_full_table_gives_up_what_would_be_over_first),
		TEST(a_socket_in_anothers_place_begins_anew),
		TEST(a_worker_is_told_anew_each_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
