/* The admin socket: root is answered with a report, and whoever asks else is cut off. */
#include "broker_fixture.h"
#include "broker/admin.h"

#include <cjson/cJSON.h>
#include <sys/socket.h>
#include <sys/un.h>

static struct sockaddr_un address;

static int begin(void **state)
{
	int fd;

	fixture_begin(state);
	address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(address.sun_path, sizeof address.sun_path, "%s/admin", f->directory);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(fd, 16), 0);
	/* The fixture's own descriptors must not be where this one goes. */
	assert_int_equal(dup2(fd, DESCRIPTOR_ADMIN), DESCRIPTOR_ADMIN);
	if (fd != DESCRIPTOR_ADMIN)
		close(fd);
	return 0;
}

static int end(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < ADMINS_MAX; i++)
		if (f->broker->admins[i].fd >= 0)
			close(f->broker->admins[i].fd);
	close(DESCRIPTOR_ADMIN);
	return fixture_end(state);
}

static int come(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_int_equal(
	    connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static void ask_for(int fd, enum op op)
{
	uint8_t bytes[64];
	struct frame_writer w;

	frame_begin(&w, bytes, sizeof bytes, op, 3);
	assert_int_equal(channel_send(fd, bytes, frame_end(&w)), 0);
}

static void ask_status(int fd)
{
	ask_for(fd, OP_ADMIN_STATUS);
}

static void software_keys_need_no_credentials(void **state)
{
	static const char report[] = "{\"keystore\":\"software\",\"used\":false}";
	struct gate gate = { .phase = PHASE_SERVE };
	struct frame frame;
	size_t length = 0;
	int fd = come();

	(void)state;
	admin_accept(f->broker);
	ask_for(fd, OP_ADMIN_CREDENTIALS);
	admin_turn(f->broker, 0);
	assert_int_equal(channel_receive(fd, f->received, &length), CHANNEL_FRAME);
	assert_int_equal(
	    frame_read(f->received, length, PARTY_BROKER, 0, &gate, &frame), FRAME_GOOD);
	assert_int_equal(frame.op, OP_ADMIN_REPORT);
	assert_int_equal(frame_length(&frame, 0), strlen(report));
	assert_memory_equal(frame_bytes(&frame, 0), report, strlen(report));
	close(fd);
}

static void root_gets_a_report_without_secrets(void **state)
{
	struct gate gate = { .phase = PHASE_SERVE };
	struct frame frame;
	size_t length = 0;
	cJSON *report;
	int fd = come();

	(void)state;
	admin_accept(f->broker);
	ask_status(fd);
	admin_turn(f->broker, 0);
	assert_int_equal(channel_receive(fd, f->received, &length), CHANNEL_FRAME);
	assert_int_equal(
	    frame_read(f->received, length, PARTY_BROKER, 0, &gate, &frame), FRAME_GOOD);
	assert_int_equal(frame.id, 3);
	report = cJSON_ParseWithLength(
	    (const char *)frame_bytes(&frame, 0), frame_length(&frame, 0));
	assert_non_null(report);
	assert_true(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(report, "ready")));
	assert_string_equal(
	    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(report, "cluster")),
	    "example.com");
	assert_int_equal(
	    cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(report, "processes")), 3);
	f->received[length] = '\0';
	assert_null(strstr((const char *)frame_bytes(&frame, 0), "private"));
	cJSON_Delete(report);
	close(fd);
}

static void other_op_ends_the_connection(void **state)
{
	uint8_t bytes[64];
	struct frame_writer w;
	int fd = come();

	(void)state;
	admin_accept(f->broker);
	frame_begin(&w, bytes, sizeof bytes, OP_STOP, 0);
	assert_int_equal(channel_send(fd, bytes, frame_end(&w)), 0);
	admin_turn(f->broker, 0);
	assert_int_equal(f->broker->admins[0].fd, -1);
	assert_false(f->broker->stopping);
	close(fd);
}

static void ninth_connection_waits_for_a_place(void **state)
{
	int fds[ADMINS_MAX + 1];
	unsigned i;

	(void)state;
	for (i = 0; i <= ADMINS_MAX; i++)
		fds[i] = come();
	admin_accept(f->broker);
	for (i = 0; i < ADMINS_MAX; i++)
		assert_true(f->broker->admins[i].fd >= 0);
	close(fds[0]);
	admin_turn(f->broker, 0);
	assert_int_equal(f->broker->admins[0].fd, -1);
	admin_accept(f->broker);
	assert_true(f->broker->admins[0].fd >= 0);
	for (i = 1; i <= ADMINS_MAX; i++)
		close(fds[i]);
}

/* By its credentials as they were when it connected. */
static void who_is_not_root_is_cut_off(void **state)
{
	uint8_t byte;
	int fd;

	(void)state;
	if (getuid() != 0)
		skip();
	assert_int_equal(chmod(f->directory, 0711), 0);
	assert_int_equal(chmod(address.sun_path, 0666), 0);
	assert_int_equal(seteuid(65534), 0);
	fd = come();
	assert_int_equal(seteuid(0), 0);
	admin_accept(f->broker);
	assert_int_equal(f->broker->admins[0].fd, -1);
	assert_int_equal(read(fd, &byte, 1), 0);
	close(fd);
}

/* Every name and number as long as it gets. */
static void the_largest_report_fits_its_frame(void **state)
{
	struct broker *broker = f->broker;
	struct gate gate = { .phase = PHASE_SERVE };
	struct frame frame;
	char name[OP_NAME_MAX + 1] = "";
	size_t length = 0;
	unsigned i;
	int fd = come();

	(void)state;
	memset(name, 'n', OP_NAME_MAX);
	memset(&broker->metrics, 0x7f, sizeof broker->metrics);
	memset(broker->metrics.down, true, sizeof broker->metrics.down);
	for (i = 0; i < SERVICES_MAX; i++) {
		snprintf(broker->services[i].name, sizeof name, "%02u%s", i, name + 2);
		memset(broker->services[i].counts, 0x7f, sizeof broker->services[i].counts);
	}
	for (i = 0; i < CHANNELS_MAX; i++)
		broker->channels[i] = f->channel;
	broker->channels_used = CHANNELS_MAX;
	admin_accept(broker);
	ask_status(fd);
	admin_turn(broker, 0);
	for (i = 1; i < CHANNELS_MAX; i++)
		broker->channels[i] = NULL;
	assert_int_equal(broker->alerts.count, ALERTS_MAX);
	assert_int_equal(channel_receive(fd, f->received, &length), CHANNEL_FRAME);
	assert_int_equal(
	    frame_read(f->received, length, PARTY_BROKER, 0, &gate, &frame), FRAME_GOOD);
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(root_gets_a_report_without_secrets),
		TEST(software_keys_need_no_credentials),
		TEST(the_largest_report_fits_its_frame),
		TEST(other_op_ends_the_connection),
		TEST(ninth_connection_waits_for_a_place),
		TEST(who_is_not_root_is_cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
