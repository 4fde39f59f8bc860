/* The control channel: workers come and go, configs are judged, policies are reloaded. */
#include "broker_fixture.h"
#include "broker/config_judge.h"

#include <sys/socket.h>

static struct fixture *f;
static struct gate told = { .phase = PHASE_BOOT };
static struct frame frame;

static int begin(void **state)
{
	(void)state;
	f = fixture_new(FIXTURE_POLICY, SUITE_BALANCED_V1);
	told = (struct gate){ .phase = PHASE_BOOT };
	return 0;
}

static int end(void **state)
{
	unsigned i;

	(void)state;
	for (i = 1; i < f->broker->channels_used; i++)
		if (f->broker->channels[i])
			channel_free(f->broker->channels[i]);
	generation_release(f->broker->next);
	fixture_free(f);
	return 0;
}

static bool was_told(enum op op)
{
	size_t length = 0;

	if (channel_receive(f->supervisor, f->received, &length) != CHANNEL_FRAME)
		return false;
	assert_int_equal(
	    frame_read(f->received, length, PARTY_BROKER, 0, &told, &frame), FRAME_GOOD);
	return frame.op == op;
}

static void tell(struct frame_writer *w, const int *descriptors, unsigned count)
{
	size_t length = frame_end(w);

	assert_true(length > 0);
	assert_int_equal(
	    channel_send_descriptors(f->supervisor, w->out, length, descriptors, count),
	    0);
	control_turn(f->broker);
}

/* The worker's end of the new channel. */
static int start_worker(uint32_t worker, uint32_t generation)
{
	uint8_t bytes[256];
	struct frame_writer w;
	int ends[2], descriptors[2];

	assert_int_equal(channel_pair(ends), 0);
	descriptors[0] = ends[0];
	descriptors[1] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	frame_begin(&w, bytes, sizeof bytes, OP_WORKER_STARTED, 0);
	frame_put_u32(&w, worker);
	frame_put_u32(&w, 4711);
	frame_put_u32(&w, generation);
	frame_put_text(&w, "auth");
	tell(&w, descriptors, 2);
	close(descriptors[0]);
	close(descriptors[1]);
	return ends[1];
}

static void end_worker(uint32_t worker, const char *how)
{
	uint8_t bytes[256];
	struct frame_writer w;

	frame_begin(&w, bytes, sizeof bytes, OP_WORKER_ENDED, 0);
	frame_put_u32(&w, worker);
	frame_put_text(&w, how);
	tell(&w, NULL, 0);
}

static void reload(uint32_t generation, const char *policy)
{
	uint8_t bytes[64];
	struct frame_writer w;
	int fd = fixture_policy(policy);

	frame_begin(&w, bytes, sizeof bytes, OP_RELOAD, 0);
	frame_put_u32(&w, generation);
	tell(&w, &fd, 1);
	close(fd);
}

/* What the config says, judged for the fixture's worker. */
static bool judge(const char *cluster, enum keystore_kind keystore, enum suite suite,
    struct failure *failure)
{
	uint8_t bytes[512];
	struct frame_writer w;
	struct gate gate = { .phase = PHASE_SEALED };
	struct frame config;
	enum suite chosen;
	size_t length;

	frame_begin(&w, bytes, sizeof bytes, OP_CONFIG, 1);
	frame_put_text(&w, cluster);
	frame_put_u8(&w, keystore);
	frame_put_text(&w, "");
	frame_put_text(&w, "");
	frame_put_u8(&w, suite);
	frame_put_text(&w, "");
	length = frame_end(&w);
	assert_int_equal(
	    frame_read(bytes, length, PARTY_WORKER, 0, &gate, &config), FRAME_GOOD);
	return config_judge(f->broker, f->channel, &config, &chosen, failure);
}

static void config_must_agree_with_the_pins(void **state)
{
	struct failure failure = { "" };

	(void)state;
	assert_false(
	    judge("other.example.com", KEYSTORE_SOFTWARE, SUITE_UNSPECIFIED, &failure));
	assert_non_null(strstr(failure.text, "'other.example.com'"));
	assert_non_null(strstr(failure.text, "'example.com'"));
	assert_false(judge("example.com", KEYSTORE_AWS_KMS, SUITE_UNSPECIFIED, &failure));
	assert_non_null(strstr(failure.text, "keystore"));
	assert_true(judge("example.com", KEYSTORE_SOFTWARE, SUITE_UNSPECIFIED, &failure));
}

static void later_config_must_equal_the_first(void **state)
{
	struct failure failure = { "" };

	(void)state;
	assert_true(judge("example.com", KEYSTORE_SOFTWARE, SUITE_UNSPECIFIED, &failure));
	assert_true(judge("example.com", KEYSTORE_SOFTWARE, SUITE_UNSPECIFIED, &failure));
	assert_false(judge("example.com", KEYSTORE_SOFTWARE, SUITE_LEGACY, &failure));
	assert_non_null(strstr(failure.text, "SIGHUP"));
}

static void first_start_needs_a_cluster_name(void **state)
{
	struct failure failure = { "" };
	struct key *key = &f->broker->authorities[CA_USER].key[PURPOSE_SSH];
	const size_t length = key->blob_length;

	(void)state;
	key->blob_length = 0;
	assert_false(judge("", KEYSTORE_SOFTWARE, SUITE_UNSPECIFIED, &failure));
	assert_non_null(strstr(failure.text, "cluster_name"));
	key->blob_length = length;
	assert_true(judge("", KEYSTORE_SOFTWARE, SUITE_UNSPECIFIED, &failure));
}

static void lost_worker_is_on_the_record_and_forgotten(void **state)
{
	int worker = start_worker(8, 1);

	(void)state;
	assert_non_null(f->broker->channels[1]);
	close(worker);
	end_worker(8, "was ended by signal 9");
	assert_non_null(strstr(f->broker->log.text, "worker-lost"));
	assert_non_null(strstr(f->broker->log.text, "signal 9"));
	control_tend(f->broker, clock_boot_ns());
	assert_null(f->broker->channels[1]);
}

static void worker_that_closed_but_runs_on_is_dropped(void **state)
{
	int worker = start_worker(8, 1);

	(void)state;
	close(worker);
	channel_turn(f->broker, f->broker->channels[1], 1);
	control_tend(f->broker, clock_boot_ns());
	assert_false(was_told(OP_DROP_WORKER));
	control_tend(f->broker, clock_boot_ns() + 2 * SECOND_NS);
	assert_true(was_told(OP_DROP_WORKER));
	assert_null(f->broker->channels[1]);
}

static void worker_of_no_generation_is_dropped(void **state)
{
	(void)state;
	close(start_worker(8, 2));
	assert_true(was_told(OP_DROP_WORKER));
	assert_null(f->broker->channels[1]);
}

static void reload_serves_when_its_workers_do(void **state)
{
	int worker;

	(void)state;
	reload(2, FIXTURE_POLICY "# another\n");
	assert_true(was_told(OP_RELOADED));
	assert_int_equal(frame_number(&frame, 1), 1);
	assert_int_equal(f->broker->generation->number, 1);
	worker = start_worker(8, 2);
	f->broker->channels[1]->gate.phase = PHASE_SERVE;
	control_worker_ready(f->broker, f->broker->channels[1]);
	assert_true(was_told(OP_READY));
	assert_int_equal(f->broker->generation->number, 2);
	assert_int_equal(f->channel->gate.phase, PHASE_DRAIN);
	assert_true(fixture_receive(f));
	assert_int_equal(f->answer.op, OP_DRAIN);
	/* ... and one that does not drain is dropped. */
	control_tend(f->broker, clock_boot_ns() + (DRAIN_SECONDS - 1) * SECOND_NS);
	assert_true(f->channel->open);
	control_tend(f->broker, clock_boot_ns() + (DRAIN_SECONDS + 1) * SECOND_NS);
	assert_true(was_told(OP_DROP_WORKER));
	assert_null(f->broker->channels[0]);
	close(worker);
}

static void bad_policy_is_refused_with_its_place(void **state)
{
	(void)state;
	reload(2, FIXTURE_POLICY "permit nobody\n");
	assert_true(was_told(OP_RELOADED));
	assert_int_equal(frame_number(&frame, 1), 0);
	assert_memory_equal(frame_bytes(&frame, 2), "policy.conf:7:", 14);
	assert_null(f->broker->next);
}

static void reload_cannot_change_what_the_start_decided(void **state)
{
	(void)state;
	reload(2, "cluster other.example.com\n");
	assert_true(was_told(OP_RELOADED));
	assert_int_equal(frame_number(&frame, 1), 0);
	assert_true(frame_length(&frame, 2) > 14);
	reload(3, FIXTURE_POLICY "socket second group root\n");
	assert_true(was_told(OP_RELOADED));
	assert_int_equal(frame_number(&frame, 1), 0);
}

static void used_up_rate_outlives_a_reload(void **state)
{
	struct fixture_document d;
	unsigned i;

	(void)state;
	fixture_document(f, &d, CA_OPENSSH, "alice");
	for (i = 0; i < 3; i++) {
		fixture_ask(f, i, CA_OPENSSH, DOCUMENT_SSH_USER, &d);
		fixture_turn(f);
		assert_true(fixture_receive(f));
	}
	assert_int_equal(f->answer.op, OP_UNAVAILABLE);
	reload(2, FIXTURE_POLICY "# another\n");
	assert_non_null(f->broker->next);
	generation_release(f->channel->generation);
	f->channel->generation = generation_hold(f->broker->next);
	fixture_ask(f, 9, CA_OPENSSH, DOCUMENT_SSH_USER, &d);
	fixture_turn(f);
	assert_true(fixture_receive(f));
	assert_int_equal(f->answer.op, OP_UNAVAILABLE);
	assert_int_equal(frame_number(&f->answer, 0), UNAVAILABLE_RATE);
}

static void stops_when_the_last_worker_has_ended(void **state)
{
	uint8_t bytes[64];
	struct frame_writer w;

	(void)state;
	frame_begin(&w, bytes, sizeof bytes, OP_STOP, 0);
	tell(&w, NULL, 0);
	assert_true(fixture_receive(f));
	assert_int_equal(f->answer.op, OP_DRAIN);
	control_tend(f->broker, clock_boot_ns());
	assert_false(f->broker->finished);
	end_worker(7, "exited with status 0");
	control_tend(f->broker, clock_boot_ns());
	assert_true(f->broker->finished);
	assert_true(was_told(OP_STOPPED));
	assert_non_null(strstr(f->broker->log.text, "\"event\":\"stop\""));
	assert_int_equal(f->broker->state.head_sequence, f->broker->log.durable);
}

static void supervisor_that_breaks_the_contract_ends_the_broker(void **state)
{
	(void)state;
	assert_int_equal(channel_send(f->supervisor, (const uint8_t *)"x", 1), 0);
	control_turn(f->broker);
	assert_true(f->broker->failed);
}

static void descriptors_of_a_wrong_frame_are_closed(void **state)
{
	uint8_t bytes[64];
	struct frame_writer w;
	int pipe_ends[2];

	(void)state;
	assert_int_equal(pipe(pipe_ends), 0);
	frame_begin(&w, bytes, sizeof bytes, OP_STOP, 0);
	tell(&w, &pipe_ends[1], 1);
	close(pipe_ends[1]);
	assert_true(f->broker->failed);
	assert_int_equal(read(pipe_ends[0], bytes, 1), 0); /* no writer is left */
	close(pipe_ends[0]);
}

static void next_worker_of_a_socket_has_its_breaker(void **state)
{
	int first, second;

	(void)state;
	first = start_worker(8, 1);
	assert_ptr_equal(f->broker->channels[1]->breaker, f->channel->breaker);
	f->channel->breaker->until = 77;
	end_worker(8, "was killed by SIGKILL");
	control_tend(f->broker, clock_boot_ns());
	second = start_worker(9, 1);
	assert_int_equal(f->broker->channels[1]->breaker->until, 77);
	close(first);
	close(second);
}

static void worker_that_ends_unasked_is_lost_whatever_its_status(void **state)
{
	int end_of_it;

	(void)state;
	end_of_it = start_worker(8, 1);
	end_worker(8, "exited with status 0");
	assert_non_null(strstr(f->broker->log.text, "worker-lost"));
	close(end_of_it);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(config_must_agree_with_the_pins),
		TEST(later_config_must_equal_the_first),
		TEST(first_start_needs_a_cluster_name),
		TEST(lost_worker_is_on_the_record_and_forgotten),
		TEST(worker_that_closed_but_runs_on_is_dropped),
		TEST(worker_of_no_generation_is_dropped),
		TEST(next_worker_of_a_socket_has_its_breaker),
		TEST(worker_that_ends_unasked_is_lost_whatever_its_status),
		TEST(reload_serves_when_its_workers_do),
		TEST(bad_policy_is_refused_with_its_place),
		TEST(reload_cannot_change_what_the_start_decided),
		TEST(used_up_rate_outlives_a_reload),
		TEST(stops_when_the_last_worker_has_ended),
		TEST(supervisor_that_breaks_the_contract_ends_the_broker),
		TEST(descriptors_of_a_wrong_frame_are_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
