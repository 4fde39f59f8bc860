/* The broker's side of the resolver, with a test in the supervisor's place, and in that
 * of a resolver that somebody else may own. */
#include "broker_fixture.h"

#include <sys/socket.h>

#define QUIET_NS (61 * SECOND_NS)

static struct gate told; /* the supervisor's, for what the broker says */
static struct gate asked;
static struct frame frame;
static uint8_t bytes[FRAME_MAX + 1];
static int resolver; /* its end of the channel */
static uint32_t resolver_number;
static char found[HOSTS_MAX][OP_ADDRESSES_MAX + 1];
static unsigned found_count;
static uint64_t now;

static void on_found(void *context, unsigned which, const char *addresses)
{
	assert_ptr_equal(context, &found_count);
	found_count++;
	snprintf(found[which], sizeof found[which], "%s", addresses);
}

static int begin(void **state)
{
	fixture_begin(state);
	f->broker->settings.uid = 1;
	f->broker->settings.filters = 3; /* that of the supervisor is to come */
	told = (struct gate){ .phase = PHASE_BOOT };
	found_count = 0;
	memset(found, 0, sizeof found);
	resolver = -1;
	now = clock_boot_ns();
	hosts_begin(&f->broker->hosts, on_found, &found_count);
	return 0;
}

static int end(void **state)
{
	(void)state;
	close(resolver);
	if (f->broker->hosts.open) {
		close(f->broker->hosts.fd);
		close(f->broker->hosts.status);
	}
	return fixture_end(state);
}

static bool was_told(enum op op)
{
	size_t length = 0;

	if (channel_receive(f->supervisor, bytes, &length) != CHANNEL_FRAME)
		return false;
	assert_int_equal(
	    frame_read(bytes, length, PARTY_BROKER, 0, &told, &frame), FRAME_GOOD);
	return frame.op == op;
}

static void tend(void)
{
	f->broker->wake_ns = UINT64_MAX;
	hosts_tend(f->broker, now);
}

static void tell(struct frame_writer *w, const int *descriptors, unsigned count)
{
	size_t length = frame_end(w);

	assert_int_equal(
	    channel_send_descriptors(f->supervisor, w->out, length, descriptors, count),
	    0);
	control_turn(f->broker);
}

/* The kernel's word for a sealed resolver of user 1, or for something else. */
static int status_of(const char *seccomp)
{
	int fd = memfd_create("status", MFD_CLOEXEC);

	dprintf(fd,
	    "Name:\tprivyseal-resol\nTracerPid:\t0\nUid:\t1\t1\t1\t1\n"
	    "Gid:\t%u\t%u\t%u\t%u\nGroups:\t \nNSpid:\t71\t1\nThreads:\t1\n"
	    "CapInh:\t0\nCapPrm:\t0\nCapEff:\t0\nCapBnd:\t0\nCapAmb:\t0\n"
	    "NoNewPrivs:\t1\nSeccomp:\t%s\nSeccomp_filters:\t2\n",
	    f->broker->settings.gid, f->broker->settings.gid, f->broker->settings.gid,
	    f->broker->settings.gid, seccomp);
	return fd;
}

static void start_resolver(const char *seccomp)
{
	int ends[2], descriptors[2];
	uint8_t out[64];
	struct frame_writer w;

	tend();
	assert_true(was_told(OP_START_RESOLVER));
	resolver_number = (uint32_t)frame_number(&frame, 0);
	assert_int_equal(channel_pair(ends), 0);
	descriptors[0] = ends[0];
	descriptors[1] = status_of(seccomp);
	frame_begin(&w, out, sizeof out, OP_WORKER_STARTED, 0);
	frame_put_u32(&w, resolver_number);
	frame_put_u32(&w, 4711);
	tell(&w, descriptors, 2);
	close(ends[0]);
	close(descriptors[1]);
	close(resolver);
	resolver = ends[1];
	asked = (struct gate){ .phase = PHASE_BOOT };
	assert_true(f->broker->hosts.open);
}

static bool was_asked(const char *host)
{
	size_t length = 0;

	if (channel_receive(resolver, bytes, &length) != CHANNEL_FRAME)
		return false;
	assert_int_equal(
	    frame_read(bytes, length, PARTY_BROKER, 0, &asked, &frame), FRAME_GOOD);
	return frame.op == OP_RESOLVE && frame_length(&frame, 0) == strlen(host) &&
	       memcmp(frame_bytes(&frame, 0), host, strlen(host)) == 0;
}

/* A new one, which is asked for the one host that there is. */
static void is_asked(const char *seccomp)
{
	if (f->broker->hosts.count == 0)
		hosts_add(&f->broker->hosts, "kms.example");
	start_resolver(seccomp);
	tend();
	assert_true(was_asked("kms.example"));
}

static void answer_as(uint32_t id, const char *addresses, const char *reason)
{
	uint8_t out[4096];
	struct frame_writer w;

	frame_begin(&w, out, sizeof out, OP_ADDRESSES, id);
	frame_put_text(&w, addresses);
	frame_put_text(&w, reason);
	assert_int_equal(channel_send(resolver, out, frame_end(&w)), 0);
	hosts_turn(f->broker);
}

static void answer(const char *addresses, const char *reason)
{
	answer_as(frame.id, addresses, reason);
}

/* Dropped, and only that: what was found stays. */
static void is_dropped(const char *how)
{
	assert_false(f->broker->hosts.open);
	assert_true(was_told(OP_DROP_WORKER));
	assert_int_equal(frame_number(&frame, 0), resolver_number);
	assert_non_null(strstr(f->broker->log.text, "resolver-lost"));
	assert_non_null(strstr(f->broker->log.text, how));
	assert_false(f->broker->failed);
}

static void asks_for_each_host_and_again_each_minute(void **state)
{
	(void)state;
	assert_int_equal(hosts_add(&f->broker->hosts, "kms.example"), 0);
	assert_int_equal(hosts_add(&f->broker->hosts, "sts.example"), 1);
	is_asked("2");
	tend();
	assert_false(was_asked("sts.example")); /* one at a time */
	answer("10.0.0.1,[2001:db8::1]", "");
	assert_string_equal(found[0], "10.0.0.1,[2001:db8::1]");
	tend();
	assert_true(was_asked("sts.example"));
	answer("10.0.0.2", "");
	assert_string_equal(found[1], "10.0.0.2");
	assert_int_equal(found_count, 2);
	now += 59 * SECOND_NS;
	tend();
	assert_false(was_asked("kms.example"));
	assert_true(f->broker->wake_ns <= now + 2 * SECOND_NS);
	now += 2 * SECOND_NS;
	tend();
	assert_true(was_asked("kms.example"));
	answer("10.0.0.1,[2001:db8::1]", "");
	assert_int_equal(found_count, 2); /* nothing new */
	tend();
	assert_true(was_asked("sts.example"));
	answer("10.0.0.3", "");
	assert_string_equal(found[1], "10.0.0.3");
}

static void asks_soon_after_a_connection_has_failed_but_not_at_once(void **state)
{
	(void)state;
	is_asked("2");
	answer("10.0.0.1", "");
	hosts_failed(&f->broker->hosts, 0);
	tend();
	assert_false(was_asked("kms.example"));
	now += 5 * SECOND_NS;
	hosts_failed(&f->broker->hosts, 0);
	tend();
	assert_true(was_asked("kms.example"));
}

static void address_is_its_own_and_needs_no_resolver(void **state)
{
	(void)state;
	hosts_add(&f->broker->hosts, "127.0.0.1");
	hosts_add(&f->broker->hosts, "::1");
	tend();
	assert_false(was_told(OP_START_RESOLVER));
	assert_string_equal(found[0], "127.0.0.1");
	assert_string_equal(found[1], "[::1]");
	tend();
	assert_int_equal(found_count, 2);
	assert_true(f->broker->wake_ns == UINT64_MAX);
}

static void without_hosts_there_is_no_resolver(void **state)
{
	(void)state;
	tend();
	assert_false(was_told(OP_START_RESOLVER));
	assert_int_equal(hosts_fd(f->broker), -1);
}

static void what_is_not_found_stays_where_it_was(void **state)
{
	(void)state;
	is_asked("2");
	answer("10.0.0.1", "");
	now += QUIET_NS;
	tend();
	assert_true(was_asked("kms.example"));
	answer("", "Temporary failure in name resolution");
	assert_string_equal(f->broker->hosts.of[0].addresses, "10.0.0.1");
	assert_true(f->broker->hosts.open);
	now += 5 * SECOND_NS;
	tend();
	assert_true(was_asked("kms.example"));
}

static void answers_that_are_no_addresses_cost_the_resolver_its_life(void **state)
{
	static const char *const nonsense[] = { "localhost", "10.0.0.1,", ",10.0.0.1",
		"10.0.0.1 10.0.0.2", "10.0.0.256", "2001:db8::1", "[10.0.0.1]", "[::1",
		"10.0.0.1:443", "[2001:db8::1]]", "+10.0.0.1", "10.0.0.1\n", "[]", "[",
		"[11111111:11111111:11111111:11111111:11111111:11111111]" };
	size_t i;

	(void)state;
	hosts_add(&f->broker->hosts, "kms.example");
	for (i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
		is_asked("2");
		answer(nonsense[i], "");
		is_dropped("no addresses");
		now += QUIET_NS;
		f->broker->hosts.service.start_due = 0;
		f->broker->hosts.of[0].due = 0;
	}
	assert_int_equal(found_count, 0);
}

static void answers_to_no_question_cost_the_resolver_its_life(void **state)
{
	(void)state;
	hosts_add(&f->broker->hosts, "kms.example");
	start_resolver("2");
	answer_as(0, "10.0.0.66", "");
	is_dropped("not asked");
	f->broker->hosts.service.start_due = 0;
	is_asked("2");
	answer_as(frame.id + 1, "10.0.0.66", "");
	is_dropped("not asked");
	f->broker->hosts.service.start_due = 0;
	f->broker->hosts.of[0].due = 0;
	is_asked("2");
	answer("10.0.0.1", "");
	answer("10.0.0.66", ""); /* a second one to the same */
	is_dropped("not asked");
	assert_int_equal(found_count, 1);
	assert_string_equal(found[0], "10.0.0.1");
}

static void malformed_frames_cost_the_resolver_its_life(void **state)
{
	static uint8_t frames[][64] = { { 0 }, { 0, OP_SIGN, 0, 0, 0, 0, 0, 1 },
		{ 0, OP_START_WORKER },
		{ 0, OP_ADDRESSES, 0, 0, 0, 0, 0, 1, 0, 0, 0, 52, 0, 0, 255, 255 } };
	static uint8_t huge[FRAME_MAX + 1];
	size_t i;

	(void)state;
	hosts_add(&f->broker->hosts, "kms.example");
	for (i = 0; i <= sizeof frames / sizeof *frames; i++) {
		f->broker->hosts.service.start_due = f->broker->hosts.of[0].due = 0;
		is_asked("2");
		if (i < sizeof frames / sizeof *frames)
			assert_int_equal(channel_send(resolver, frames[i], 64), 0);
		else
			assert_int_equal(channel_send(resolver, huge, sizeof huge), 0);
		hosts_turn(f->broker);
		is_dropped("\"how\"");
	}
	assert_int_equal(found_count, 0);
}

static void resolver_that_is_not_sealed_is_not_believed(void **state)
{
	(void)state;
	is_asked("0");
	answer("10.0.0.1", "");
	is_dropped("Seccomp of the resolver is 0");
	assert_int_equal(found_count, 0);
}

static void resolver_that_does_not_answer_is_replaced(void **state)
{
	(void)state;
	is_asked("2");
	now += 39 * SECOND_NS;
	tend();
	assert_true(f->broker->hosts.open);
	assert_true(f->broker->wake_ns <= now + 2 * SECOND_NS);
	now += 2 * SECOND_NS;
	tend();
	is_dropped("does not answer");
	now += SECOND_NS;
	start_resolver("2");
	tend();
	assert_true(was_asked("kms.example")); /* the question is still open */
}

static void end_resolver(void)
{
	uint8_t out[256];
	struct frame_writer w;

	frame_begin(&w, out, sizeof out, OP_WORKER_ENDED, 0);
	frame_put_u32(&w, resolver_number);
	frame_put_text(&w, "was killed by SIGKILL");
	tell(&w, NULL, 0);
}

static void resolver_that_dies_is_replaced_with_a_growing_delay(void **state)
{
	(void)state;
	is_asked("2");
	answer("10.0.0.1", "");
	end_resolver();
	assert_non_null(strstr(f->broker->log.text, "was killed by SIGKILL"));
	assert_string_equal(f->broker->hosts.of[0].addresses, "10.0.0.1");
	now = clock_boot_ns();
	start_resolver("2"); /* the first one at once */
	end_resolver();
	now = clock_boot_ns();
	tend();
	assert_false(was_told(OP_START_RESOLVER));
	assert_true(f->broker->wake_ns <= now + SECOND_NS);
	now += SECOND_NS / 5;
	start_resolver("2");
}

static void resolver_that_closes_its_channel_has_to_end(void **state)
{
	(void)state;
	hosts_add(&f->broker->hosts, "kms.example");
	start_resolver("2");
	close(resolver);
	resolver = -1;
	hosts_turn(f->broker);
	assert_int_equal(hosts_fd(f->broker), -1);
	tend();
	assert_false(was_told(OP_DROP_WORKER)); /* it may just have ended */
	now = clock_boot_ns() + 3 * SECOND_NS;
	tend();
	is_dropped("has no channel");
}

static void too_many_hosts_or_no_name_are_refused(void **state)
{
	char name[OP_HOST_MAX + 2];
	int i;

	(void)state;
	memset(name, 'a', sizeof name);
	name[OP_HOST_MAX + 1] = '\0';
	assert_int_equal(hosts_add(&f->broker->hosts, name), -1);
	assert_int_equal(hosts_add(&f->broker->hosts, ""), -1);
	name[OP_HOST_MAX] = '\0';
	for (i = 0; i < HOSTS_MAX; i++)
		assert_int_equal(hosts_add(&f->broker->hosts, name), i);
	assert_int_equal(hosts_add(&f->broker->hosts, "one.more"), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(asks_for_each_host_and_again_each_minute),
		TEST(asks_soon_after_a_connection_has_failed_but_not_at_once),
		TEST(address_is_its_own_and_needs_no_resolver),
		TEST(without_hosts_there_is_no_resolver),
		TEST(what_is_not_found_stays_where_it_was),
		TEST(answers_that_are_no_addresses_cost_the_resolver_its_life),
		TEST(answers_to_no_question_cost_the_resolver_its_life),
		TEST(malformed_frames_cost_the_resolver_its_life),
		TEST(resolver_that_is_not_sealed_is_not_believed),
		TEST(resolver_that_does_not_answer_is_replaced),
		TEST(resolver_that_dies_is_replaced_with_a_growing_delay),
		TEST(resolver_that_closes_its_channel_has_to_end),
		TEST(too_many_hosts_or_no_name_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
