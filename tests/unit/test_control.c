/* The control channel: workers come and go, configs are judged, policies are reloaded. */
#include "broker_fixture.h"
#include "broker/config_judge.h"

#include <sys/socket.h>

static struct gate told = { .phase = PHASE_BOOT };
static struct frame frame;
static unsigned workers; /* what a config says */
static const char *proxy;

static int begin(void **state)
{
	fixture_begin(state);
	told = (struct gate){ .phase = PHASE_BOOT };
	workers = 1;
	proxy = "";
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
	return fixture_end(state);
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

/* The supervisor has started it; the worker's end of its channel. */
static int started(uint32_t worker)
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

static void tend_in(uint64_t seconds)
{
	const uint64_t now = clock_boot_ns() + seconds * SECOND_NS;

	workers_tend(f->broker, now);
	control_tend(f->broker, now);
}

/* The supervisor is asked for a worker. */
static void assert_asked_for(uint32_t worker, uint32_t generation, const char *socket)
{
	assert_true(was_told(OP_START_WORKER));
	assert_int_equal(frame_number(&frame, 0), worker);
	assert_int_equal(frame_number(&frame, 1), generation);
	assert_int_equal(frame_length(&frame, 2), strlen(socket));
	assert_memory_equal(frame_bytes(&frame, 2), socket, strlen(socket));
}

static bool nothing_was_told(void)
{
	size_t length = 0;

	return channel_receive(f->supervisor, f->received, &length) == CHANNEL_NOTHING;
}

/* Its config was taken. */
static void comes_into_service(uint32_t worker)
{
	unsigned i;

	for (i = 0; i < f->broker->channels_used; i++)
		if (f->broker->channels[i] && f->broker->channels[i]->worker == worker) {
			f->broker->channels[i]->gate.phase = PHASE_SERVE;
			workers_ready(f->broker, f->broker->channels[i]);
		}
}

static void reload(uint32_t generation, const char *policy)
{
	uint8_t bytes[64];
	struct frame_writer w;
	int fd = fixture_policy(policy);

	frame_begin(&w, bytes, sizeof bytes, OP_RELOAD, 0);
	frame_put_u32(&w, generation);
	frame_put_u32(&w, 0);
	frame_put_u32(&w, 4711);
	tell(&w, &fd, 1);
	close(fd);
}

/* What the config says, judged for a worker of this generation. */
static bool judge_of(struct generation *generation, const char *cluster,
    enum keystore_kind keystore, enum suite suite, struct failure *failure)
{
	const struct channel channel = { .generation = generation };
	struct gate gate = { .phase = PHASE_SEALED };
	struct frame config;
	enum suite chosen;
	uint8_t bytes[512];
	const size_t length =
	    fixture_config(bytes, 1, cluster, keystore, suite, workers, proxy);

	assert_int_equal(
	    frame_read(bytes, length, PARTY_WORKER, 0, &gate, &config), FRAME_GOOD);
	return config_judge(f->broker, &channel, &config, &chosen, failure);
}

static bool judge(const char *cluster, enum keystore_kind keystore, enum suite suite,
    struct failure *failure)
{
	return judge_of(f->broker->generation, cluster, keystore, suite, failure);
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

static void workers_are_as_many_as_are_allowed(void **state)
{
	struct failure failure = { "" };

	(void)state;
	workers = 0;
	assert_false(
	    judge("example.com", KEYSTORE_SOFTWARE, SUITE_UNSPECIFIED, &failure));
	workers = WORKERS_MAX + 1;
	assert_false(
	    judge("example.com", KEYSTORE_SOFTWARE, SUITE_UNSPECIFIED, &failure));
	assert_non_null(strstr(failure.text, "privyseal.workers is 33 for each of 1"));
	workers = 3;
	assert_true(judge("example.com", KEYSTORE_SOFTWARE, SUITE_UNSPECIFIED, &failure));
	tend_in(0);
	assert_asked_for(8, 1, "auth");
	assert_asked_for(9, 1, "auth");
	assert_true(nothing_was_told());
}

static void lost_worker_is_on_the_record_and_replaced(void **state)
{
	(void)state;
	end_worker(7, "was ended by signal 9");
	assert_non_null(strstr(f->broker->log.text, "worker-lost"));
	assert_non_null(strstr(f->broker->log.text, "signal 9"));
	tend_in(0);
	assert_asked_for(8, 1, "auth");
	end_worker(8, "could not be started");
	tend_in(0);
	assert_true(nothing_was_told()); /* the second in a row waits */
	assert_true(f->broker->wake_ns < clock_boot_ns() + SECOND_NS);
	tend_in(1);
	assert_asked_for(9, 1, "auth");
	close(started(9));
	assert_int_equal(f->broker->channels[0]->pid, 4711);
}

static void worker_that_closed_but_runs_on_is_dropped(void **state)
{
	(void)state;
	close(f->worker);
	channel_turn(f->broker, f->channel, 1);
	tend_in(0);
	assert_true(nothing_was_told()); /* none beside one that may still run */
	tend_in(2);
	assert_true(was_told(OP_DROP_WORKER));
	assert_int_equal(frame_number(&frame, 0), 7);
	tend_in(3);
	assert_true(nothing_was_told());
	end_worker(7, "was killed by SIGKILL");
	tend_in(3);
	assert_asked_for(8, 1, "auth");
}

static void worker_that_nobody_asked_for_gets_no_channel(void **state)
{
	int end_of_it = started(99);
	char byte;

	(void)state;
	assert_int_equal(read(end_of_it, &byte, 1), 0);
	assert_int_equal(f->broker->channels_used, 1);
	close(end_of_it);
}

static void reload_serves_when_each_of_its_sockets_does(void **state)
{
	int auth, second;

	(void)state;
	reload(2, FIXTURE_POLICY "socket auth group root\nsocket second group root\n");
	assert_true(was_told(OP_SOCKET));
	assert_true(was_told(OP_SOCKET));
	assert_memory_equal(frame_bytes(&frame, 0), "second", 6);
	tend_in(0);
	assert_asked_for(8, 2, "auth");
	assert_asked_for(9, 2, "second");
	auth = started(8);
	second = started(9);
	comes_into_service(8);
	assert_true(nothing_was_told());
	assert_int_equal(f->broker->generation->number, 1);
	comes_into_service(9);
	assert_true(was_told(OP_SERVE));
	assert_int_equal(frame_number(&frame, 0), 2);
	assert_int_equal(f->broker->generation->number, 2);
	assert_int_equal(f->channel->gate.phase, PHASE_DRAIN);
	assert_true(fixture_receive(f));
	assert_int_equal(f->answer.op, OP_DRAIN);
	/* ... and one that does not drain is dropped, and not replaced. */
	tend_in(DRAIN_SECONDS - 1);
	assert_true(f->channel->open);
	tend_in(DRAIN_SECONDS + 1);
	assert_true(was_told(OP_DROP_WORKER));
	end_worker(7, "was killed by SIGKILL");
	tend_in(DRAIN_SECONDS + 1);
	assert_true(nothing_was_told());
	assert_null(f->broker->channels[0]);
	close(auth);
	close(second);
}

static void reload_that_adds_several_sockets_has_a_place_for_each(void **state)
{
	static const char *const names[] = { "second", "third", "fourth" };
	unsigned i;

	(void)state;
	reload(2, FIXTURE_POLICY "socket second group root\nsocket third group root\n"
				 "socket fourth group root\n");
	for (i = 0; i < 3; i++)
		assert_true(was_told(OP_SOCKET));
	tend_in(0);
	for (i = 0; i < 3; i++)
		assert_asked_for(8 + i, 2, names[i]);
	assert_string_equal(f->channel->service->name, "auth"); /* which drains */
	tend_in(61);
	assert_true(was_told(OP_RELOAD_REFUSED));
}

static void reload_is_refused_when_a_worker_of_it_ends(void **state)
{
	unsigned service;
	int auth;

	(void)state;
	reload(2, FIXTURE_POLICY "socket auth group root\nsocket second group root\n");
	assert_true(was_told(OP_SOCKET) && was_told(OP_SOCKET));
	tend_in(0);
	assert_asked_for(8, 2, "auth");
	assert_asked_for(9, 2, "second");
	auth = started(8);
	comes_into_service(8);
	end_worker(9, "exited with status 78");
	assert_true(was_told(OP_RELOAD_REFUSED));
	assert_int_equal(frame_number(&frame, 0), 2);
	assert_true(was_told(OP_DROP_WORKER));
	assert_int_equal(frame_number(&frame, 0), 8);
	assert_null(f->broker->next);
	end_worker(8, "was killed by SIGKILL");
	for (service = 0; service < SERVICES_MAX; service++)
		assert_int_equal(f->broker->services[service].counts[SERVICE_LOST], 0);
	tend_in(0);
	assert_true(nothing_was_told());
	assert_int_equal(f->channel->gate.phase, PHASE_SERVE);
	close(auth);
}

static void reload_that_does_not_come_into_service_is_refused(void **state)
{
	(void)state;
	reload(2, FIXTURE_POLICY "# another\n");
	assert_true(was_told(OP_SOCKET));
	tend_in(0);
	assert_asked_for(8, 2, "auth");
	tend_in(61);
	assert_true(was_told(OP_RELOAD_REFUSED));
	assert_null(f->broker->next);
}

/* AWS is asked as this generation's config says it. */
static void good_config(struct generation *generation, const char *through)
{
	struct failure failure = { "" };

	proxy = through;
	if (!judge_of(generation, "example.com", KEYSTORE_SOFTWARE, SUITE_UNSPECIFIED,
		&failure))
		fail_msg("%s", failure.text);
}

static void reload_asks_aws_by_its_config_only_once_it_serves(void **state)
{
	static const char elsewhere[] = "http://127.0.0.1:3128";
	const struct http_settings http = { .connections = 1 };
	struct aws_settings aws = { .region = "us-west-2" };
	struct remote *remote = &f->broker->remote;
	struct failure failure = { "" };
	int worker;

	(void)state;
	remote->on = true;
	assert_non_null(remote->http = aws.http = http_new(&http, &failure));
	assert_non_null(remote->aws = aws_new(&aws, &failure));
	f->broker->serving = false;
	good_config(f->broker->generation, elsewhere); /* the keys' checks go there */
	assert_true(http_proxied(remote->http));
	f->broker->serving = true;
	reload(2, FIXTURE_POLICY "# another\n");
	tend_in(0);
	good_config(f->broker->next, "");
	assert_true(http_proxied(remote->http));
	workers_refuse_next(f->broker, "is not wanted");
	assert_true(http_proxied(remote->http));
	reload(3, FIXTURE_POLICY "# a third\n");
	tend_in(0);
	good_config(f->broker->next, "");
	good_config(f->broker->generation, elsewhere); /* a lost worker's successor */
	worker = started(9);
	comes_into_service(9);
	assert_int_equal(f->broker->generation->number, 3);
	assert_false(http_proxied(remote->http));
	close(worker);
	aws_free(remote->aws);
	http_free(remote->http);
}

static void second_reload_waits_for_the_first(void **state)
{
	(void)state;
	reload(2, FIXTURE_POLICY "# another\n");
	assert_true(was_told(OP_SOCKET));
	reload(3, FIXTURE_POLICY "# a third\n");
	assert_true(was_told(OP_RELOAD_REFUSED));
	assert_int_equal(frame_number(&frame, 0), 3);
	assert_int_equal(f->broker->next->number, 2);
}

static void first_generation_that_fails_ends_all(void **state)
{
	(void)state;
	f->broker->serving = false;
	end_worker(7, "exited with status 78");
	assert_true(was_told(OP_RELOAD_REFUSED));
	assert_int_equal(frame_number(&frame, 0), 1);
	tend_in(0);
	assert_true(was_told(OP_STOPPED));
}

static void bad_policy_is_refused(void **state)
{
	(void)state;
	reload(2, FIXTURE_POLICY "permit nobody\n");
	assert_true(was_told(OP_RELOAD_REFUSED));
	assert_int_equal(frame_number(&frame, 0), 2);
	assert_null(f->broker->next);
}

static void reload_cannot_change_what_the_start_decided(void **state)
{
	(void)state;
	reload(2, "cluster other.example.com\n");
	assert_true(was_told(OP_RELOAD_REFUSED));
}

static void waits_longer_after_each_loss_up_to_half_a_minute(void **state)
{
	static const unsigned delays[] = { 0, 100, 200, 400, 800, 1600, 3200, 6400, 12800,
		25600, 30000, 30000 };
	struct service service = { .lost_at = 0 };
	uint64_t now = 1000 * SECOND_NS;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof delays / sizeof delays[0]; i++) {
		assert_int_equal(workers_delay(&service, now), delays[i]);
		now += (delays[i] + 1) * (SECOND_NS / 1000);
	}
	assert_int_equal(workers_delay(&service, now + 60 * SECOND_NS), 0);
	service.losses = 4000000000u;
	assert_int_equal(workers_delay(&service, now + 61 * SECOND_NS), 30000);
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

/* What came in meanwhile and was taken again comes in only once. */
static void rate_that_came_in_while_a_reload_began_is_not_given_twice(void **state)
{
	const struct decision rate = { .rule = 2, .line = 4, .rate = { 2, 60, 2 } };
	struct broker *b = f->broker;
	uint64_t at = 1000 * SECOND_NS, wait;
	int worker;

	(void)state;
	while (generation_take(b->generation, &rate, at, &wait))
		;
	reload(2, FIXTURE_POLICY "# another\n");
	tend_in(0);
	worker = started(8);
	at += 60 * SECOND_NS;
	assert_true(generation_take(b->generation, &rate, at, &wait));
	assert_true(generation_take(b->generation, &rate, at, &wait));
	comes_into_service(8);
	assert_int_equal(b->generation->number, 2);
	assert_false(generation_take(b->generation, &rate, at, &wait));
	assert_true(generation_take(b->generation, &rate, at + 30 * SECOND_NS, &wait));
	close(worker);
}

static void rate_that_is_used_while_a_reload_begins_counts(void **state)
{
	struct fixture_document d;
	int worker;
	unsigned i;

	(void)state;
	reload(2, FIXTURE_POLICY "# another\n");
	tend_in(0);
	worker = started(8);
	fixture_document(f, &d, CA_OPENSSH, "alice");
	for (i = 0; i < 2; i++) {
		fixture_ask(f, i, CA_OPENSSH, DOCUMENT_SSH_USER, &d);
		fixture_turn(f);
		assert_true(fixture_receive(f));
		assert_int_equal(f->answer.op, OP_SIGNED);
	}
	comes_into_service(8);
	assert_int_equal(f->broker->generation->number, 2);
	assert_true(fixture_receive(f)); /* that it is to drain */
	generation_release(f->channel->generation);
	f->channel->generation = generation_hold(f->broker->generation);
	f->channel->gate.phase = f->gate.phase = PHASE_SERVE;
	fixture_ask(f, 9, CA_OPENSSH, DOCUMENT_SSH_USER, &d);
	fixture_turn(f);
	assert_true(fixture_receive(f));
	assert_int_equal(f->answer.op, OP_UNAVAILABLE);
	assert_int_equal(frame_number(&f->answer, 0), UNAVAILABLE_RATE);
	close(worker);
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
	tend_in(0);
	assert_false(f->broker->finished);
	end_worker(7, "exited with status 0");
	tend_in(0);
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
	(void)state;
	f->channel->service->breaker.until = 77;
	end_worker(7, "was killed by SIGKILL");
	tend_in(0);
	assert_asked_for(8, 1, "auth");
	assert_int_equal(f->broker->channels[0]->service->breaker.until, 77);
}

static void removed_socket_keeps_its_place_while_it_drains(void **state)
{
	char policy[512];
	unsigned i;

	(void)state;
	/* The fixture's worker holds `auth`; no reload comes into service. */
	for (i = 2; i < 100; i++) {
		snprintf(
		    policy, sizeof policy, FIXTURE_POLICY "socket s%u group root\n", i);
		reload(i, policy);
		assert_true(was_told(OP_SOCKET));
		workers_refuse_next(f->broker, "is not wanted");
		assert_true(was_told(OP_RELOAD_REFUSED));
		assert_string_equal(f->channel->socket, "auth");
	}
}

static void worker_that_ends_unasked_is_lost_whatever_its_status(void **state)
{
	(void)state;
	end_worker(7, "exited with status 0");
	assert_non_null(strstr(f->broker->log.text, "worker-lost"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(config_must_agree_with_the_pins),
		TEST(later_config_must_equal_the_first),
		TEST(first_start_needs_a_cluster_name),
		TEST(workers_are_as_many_as_are_allowed),
		TEST(lost_worker_is_on_the_record_and_replaced),
		TEST(worker_that_closed_but_runs_on_is_dropped),
		TEST(worker_that_nobody_asked_for_gets_no_channel),
		TEST(next_worker_of_a_socket_has_its_breaker),
		TEST(removed_socket_keeps_its_place_while_it_drains),
		TEST(worker_that_ends_unasked_is_lost_whatever_its_status),
		TEST(reload_serves_when_each_of_its_sockets_does),
		TEST(reload_that_adds_several_sockets_has_a_place_for_each),
		TEST(reload_is_refused_when_a_worker_of_it_ends),
		TEST(reload_that_does_not_come_into_service_is_refused),
		TEST(reload_asks_aws_by_its_config_only_once_it_serves),
		TEST(second_reload_waits_for_the_first),
		TEST(first_generation_that_fails_ends_all),
		TEST(bad_policy_is_refused),
		TEST(reload_cannot_change_what_the_start_decided),
		TEST(waits_longer_after_each_loss_up_to_half_a_minute),
		TEST(used_up_rate_outlives_a_reload),
		TEST(rate_that_is_used_while_a_reload_begins_counts),
		TEST(rate_that_came_in_while_a_reload_began_is_not_given_twice),
		TEST(stops_when_the_last_worker_has_ended),
		TEST(supervisor_that_breaks_the_contract_ends_the_broker),
		TEST(descriptors_of_a_wrong_frame_are_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
