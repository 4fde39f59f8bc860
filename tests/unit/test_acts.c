/* Acts of root: on the record, durable, and in the state's head before they are done. */
#include "broker/acts.h"
#include "broker_fixture.h"

static struct failure failure;

static struct act_request request_of(enum admin_act kind)
{
	struct act_request act = { .kind = kind, .uid = 0, .pid = 4711 };

	memcpy(act.instance, f->broker->state.instance, sizeof act.instance);
	return act;
}

static bool record(const struct act_request *act)
{
	struct broker *b = f->broker;

	return act_record(act, &b->log, &b->state, &b->state_directory, &failure);
}

static void is_durable_and_the_head_covers_it(void **state)
{
	const struct act_request act = request_of(ADMIN_BACKUP);
	static struct state again;

	(void)state;
	assert_true(record(&act));
	assert_true(audit_log_durable(&f->broker->log, f->broker->log.sequence));
	assert_int_equal(
	    state_read(&again, &f->broker->state_directory, &failure), FILE_READ);
	assert_int_equal(again.head_sequence, f->broker->log.sequence);
	assert_string_equal(again.head_hash, f->broker->log.hash);
}

static void another_installation_is_refused(void **state)
{
	struct act_request act = request_of(ADMIN_COMPRESS);
	uint64_t sequence = f->broker->log.sequence;

	(void)state;
	act.instance[0] = act.instance[0] == '0' ? '1' : '0';
	assert_false(record(&act));
	assert_non_null(strstr(failure.text, "another state directory"));
	assert_int_equal(f->broker->log.sequence, sequence);
}

static void cut_ends_at_a_record(void **state)
{
	struct act_request act = request_of(ADMIN_PRUNE);

	(void)state;
	assert_false(record(&act)); /* nowhere */
	act.last = 1;
	assert_false(record(&act)); /* no hash */
	memset(act.hash, 'a', HASH_TEXT);
	act.last = f->broker->log.sequence;
	assert_false(record(&act)); /* nothing would be left */
	act.last = 1;
	act.hash[3] = '"';
	assert_false(record(&act));
	act.hash[3] = 'a';
	assert_true(record(&act));
	act.kind = ADMIN_BACKUP;
	assert_false(record(&act)); /* which cuts nothing */
}

static void unknown_act_is_refused(void **state)
{
	struct act_request act = request_of(ADMIN_COUNT);

	(void)state;
	assert_false(record(&act));
	act.kind = 0;
	assert_false(record(&act));
}

static void failing_disk_forbids_the_act(void **state)
{
	const struct act_request act = request_of(ADMIN_BACKUP);

	(void)state;
	f->broker->log.failed = true;
	assert_false(record(&act));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(is_durable_and_the_head_covers_it),
		TEST(another_installation_is_refused),
		TEST(cut_ends_at_a_record),
		TEST(unknown_act_is_refused),
		TEST(failing_disk_forbids_the_act),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
