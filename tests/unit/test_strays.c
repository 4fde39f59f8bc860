/* Key files that no CA has are put aside and recorded; nothing is thrown away. */
#include "broker/strays.h"
#include "broker_fixture.h"

static struct failure failure;

#define STRAY "keys/00112233445566778899aabbccddeeff"

static void make(const char *name)
{
	char path[128];
	int fd;

	fixture_path(f, name, path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static bool is_there(const char *name)
{
	char path[128];

	fixture_path(f, name, path);
	return access(path, F_OK) == 0;
}

static void key_of_no_ca_is_put_aside_and_recorded(void **state)
{
	uint64_t sequence = f->broker->log.sequence;

	(void)state;
	make(STRAY ".pem");
	assert_true(strays_put_aside(f->broker, &failure));
	assert_true(is_there(STRAY ".unused"));
	assert_false(is_there(STRAY ".pem"));
	assert_int_equal(f->broker->log.durable, sequence + 1);
	assert_true(strays_put_aside(f->broker, &failure));
	assert_int_equal(f->broker->log.sequence, sequence + 1);
}

static void keys_of_cas_stay(void **state)
{
	uint64_t sequence = f->broker->log.sequence;

	(void)state;
	assert_true(strays_put_aside(f->broker, &failure));
	assert_int_equal(f->broker->log.sequence, sequence);
	ca_keys_free(f->broker);
	assert_true(ca_keys_load(f->broker, &failure));
}

static void nothing_is_moved_without_a_record(void **state)
{
	(void)state;
	make(STRAY ".pem");
	f->broker->log.failed = true;
	assert_false(strays_put_aside(f->broker, &failure));
	assert_true(is_there(STRAY ".pem"));
}

static void half_written_key_is_abandoned(void **state)
{
	(void)state;
	make(STRAY ".pem.new");
	assert_true(strays_put_aside(f->broker, &failure));
	assert_false(is_there(STRAY ".pem.new"));
	assert_true(is_there("keys/abandoned"));
}

static void any_sees_keys_alone(void **state)
{
	bool found = false;

	(void)state;
	assert_true(strays_any(f->broker, &found, &failure));
	assert_true(found);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(key_of_no_ca_is_put_aside_and_recorded),
		TEST(keys_of_cas_stay),
		TEST(nothing_is_moved_without_a_record),
		TEST(half_written_key_is_abandoned),
		TEST(any_sees_keys_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
