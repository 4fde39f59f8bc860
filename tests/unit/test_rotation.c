#include "supervisor_said.h"

#include "cli/rotation.h"

static void assert_text(struct rotation_record record, const char *expected)
{
	char text[256];

	rotation_text(&record, text, sizeof text);
	assert_string_equal(text, expected);
}

static void says_standby_and_when_it_last_rotated(void **state)
{
	(void)state;
	assert_text((struct rotation_record){ 0 }, "standby (never rotated)");
	assert_text((struct rotation_record){ .state = "" }, "standby (never rotated)");
	assert_text((struct rotation_record){ .state = "standby",
			.last_rotated = "0001-01-01T00:00:00Z" },
	    "standby (never rotated)");
	assert_text((struct rotation_record){ .state = "standby",
			.last_rotated = "2025-04-04T10:14:51Z" },
	    "standby (last rotated: Apr 4 2025 10:14:51 UTC)");
}

static void says_phase_and_mode_of_a_rotation(void **state)
{
	(void)state;
	assert_text(
	    (struct rotation_record){
		.state = "in_progress", .mode = "manual", .phase = "init" },
	    "in progress (mode: manual, phase: init)");
	assert_text((struct rotation_record){ .state = "in_progress",
			.mode = "auto",
			.phase = "update_clients",
			.started = "2025-12-31T23:00:00.5Z",
			.grace_period = "30h0m0s" },
	    "in progress (mode: automatic, phase: update_clients, started: Dec 31 2025 "
	    "23:00:00 UTC, "
	    "ending: Jan 2 2026 05:00:00 UTC)");
}

static void says_unknown_of_what_it_does_not_know(void **state)
{
	(void)state;
	assert_text((struct rotation_record){ .state = "strange" }, "unknown");
	assert_text(
	    (struct rotation_record){ .state = "standby", .last_rotated = "yesterday" },
	    "standby (never rotated)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_standby_and_when_it_last_rotated),
		cmocka_unit_test(says_phase_and_mode_of_a_rotation),
		cmocka_unit_test(says_unknown_of_what_it_does_not_know),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
