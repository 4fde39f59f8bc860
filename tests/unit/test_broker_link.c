/* What the supervisor does on the broker's word, and what it refuses a broker that is in
 * another's hands. */
#include "supervisor_said.h"

#include "broker/supervisor/supervisor.h"
#include "confine/steps.h"
#include "ipc/channel.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static struct supervisor s;
static int broker; /* its end of the control channel */
static char directory[64];
static uint8_t received[FRAME_MAX + 1];

static int begin(void **state)
{
	int ends[2];

	(void)state;
	s = (struct supervisor){ .next = { 1, -1, -1 } };
	snprintf(directory, sizeof directory, "/tmp/privyseal-test-XXXXXX");
	if (!mkdtemp(directory) || channel_pair(ends) != 0)
		return -1;
	s.control = ends[0];
	broker = ends[1];
	s.audit = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	s.flags.state_directory = s.flags.runtime_directory = directory;
	return s.audit >= 0 ? 0 : -1;
}

static int end(void **state)
{
	char command[160];

	(void)state;
	listeners_remove(&s, true);
	close(s.control);
	close(broker);
	close(s.audit);
	snprintf(command, sizeof command, "chattr -R -f -a %s; rm -rf %s", directory,
	    directory);
	return system(command);
}

static void order(enum op op, uint32_t number, uint32_t other, const char *text)
{
	uint8_t bytes[256];
	struct frame_writer w;

	frame_begin(&w, bytes, sizeof bytes, op, 0);
	frame_put_u32(&w, number);
	if (op == OP_START_WORKER) {
		frame_put_u32(&w, other);
		frame_put_text(&w, text);
	}
	assert_int_equal(channel_send(broker, bytes, frame_end(&w)), 0);
	broker_read(&s);
}

static void name_metadata(const char *address)
{
	uint8_t bytes[256];
	struct frame_writer w;

	frame_begin(&w, bytes, sizeof bytes, OP_METADATA, 0);
	frame_put_text(&w, address);
	assert_int_equal(channel_send(broker, bytes, frame_end(&w)), 0);
	broker_read(&s);
}

static void name_socket(const char *name, const char *group)
{
	uint8_t bytes[256];
	struct frame_writer w;

	frame_begin(&w, bytes, sizeof bytes, OP_SOCKET, 0);
	frame_put_text(&w, name);
	frame_put_text(&w, group);
	assert_int_equal(channel_send(broker, bytes, frame_end(&w)), 0);
	broker_read(&s);
}

/* The descriptor of the segment that was asked for. */
static int segment(uint32_t number)
{
	int descriptors[CHANNEL_DESCRIPTORS_MAX];
	unsigned count;
	size_t length;

	order(OP_NEXT_SEGMENT, number, 0, NULL);
	assert_int_equal(
	    channel_receive_descriptors(broker, received, &length, descriptors, &count),
	    CHANNEL_FRAME);
	assert_int_equal(count, 1);
	return descriptors[0];
}

/* Each is what a broker in another's hands would try; the number of those that succeed.
 */
static int tampering(int fd, const char *path)
{
	char other[96];
	int done = 0, flags = 0;

	snprintf(other, sizeof other, "%s.other", path);
	done += ftruncate(fd, 0) == 0;
	done += fcntl(fd, F_SETFL, 0) == 0 && pwrite(fd, "X", 1, 0) == 1;
	done += open(path, O_WRONLY | O_CLOEXEC) >= 0;
	done += open(path, O_WRONLY | O_APPEND | O_TRUNC | O_CLOEXEC) >= 0;
	done += link(path, other) == 0;
	done += rename(path, other) == 0 && rename(other, path) == 0;
	done += unlink(path) == 0;
	done += ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0;
	return done;
}

/* As the broker is: uid 0 without a capability. */
static int tampering_of_broker(int fd, const char *path)
{
	int status = -1;
	const pid_t child = fork();

	if (child == 0)
		_exit(capabilities_drop_before_exec() != 0 ? 99 : tampering(fd, path));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void broker_can_only_add_to_the_record(void **state)
{
	char path[96], text[8];
	struct stat status;
	int fd, flags = 0;

	(void)state;
	if (geteuid() != 0)
		skip();
	fd = segment(1);
	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0)
		skip(); /* a file system without flags */
	assert_true((flags & FS_APPEND_FL) != 0);
	snprintf(path, sizeof path, "%s/audit-000001.jsonl", directory);
	assert_int_equal(write(fd, "line\n", 5), 5);
	assert_int_equal(tampering_of_broker(fd, path), 0);
	assert_int_equal(write(fd, "two\n", 4), 4);
	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(status.st_size, 9);
	close(fd);

	/* After a restart it is handed out once more, and stays as it is. */
	s.segment = 0;
	fd = segment(1);
	assert_int_equal(write(fd, "x\n", 2), 2);
	assert_int_equal(tampering_of_broker(fd, path), 0);

	/* Without the flag all of it succeeds. */
	flags &= ~FS_APPEND_FL;
	assert_int_equal(ioctl(fd, FS_IOC_SETFLAGS, &flags), 0);
	assert_int_equal(tampering_of_broker(fd, path), 8);
	assert_int_equal(pread(fd, text, 1, 0), -1); /* it is for writing alone */
	close(fd);
}

static void assert_stops(void)
{
	assert_true(s.stopping);
	assert_int_equal(s.status, EXIT_FAILED);
}

static void record_goes_only_forward(void **state)
{
	(void)state;
	close(segment(3));
	close(segment(3));
	order(OP_NEXT_SEGMENT, 2, 0, NULL);
	assert_stops();
}

static void probes_nothing_once_it_is_sealed(void **state)
{
	struct said said;

	(void)state;
	s.sealed = true;
	listen_to_errors(&said);
	name_metadata("127.0.0.1");
	assert_non_null(strstr(what_was_said(&said), "a probe out of turn"));
	assert_stops();
}

static void starts_no_worker_before_it_is_sealed(void **state)
{
	(void)state;
	order(OP_START_WORKER, 1, 1, "auth");
	assert_stops();
	assert_int_equal(s.children[1].pidfd, 0);
}

static void starts_no_worker_for_what_is_not_there(void **state)
{
	struct frame frame;
	struct gate gate = { .phase = PHASE_BOOT };
	size_t length = 0;
	unsigned i;

	(void)state;
	s.sealed = true;
	order(OP_START_WORKER, 7, 1, "auth"); /* no such socket */
	order(OP_START_WORKER, 7, 2, "auth"); /* nor generation */
	order(OP_START_WORKER, 7, 1, "admin");
	for (i = 0; i < 3; i++) {
		assert_int_equal(
		    channel_receive(broker, received, &length), CHANNEL_FRAME);
		assert_int_equal(
		    frame_read(received, length, PARTY_SUPERVISOR, 0, &gate, &frame),
		    FRAME_GOOD);
		assert_int_equal(frame.op, OP_WORKER_ENDED);
		assert_int_equal(frame_number(&frame, 0), 7);
	}
	assert_false(s.stopping);
	assert_int_equal(s.children[1].pidfd, 0);
}

static void makes_no_socket_outside_its_directory(void **state)
{
	(void)state;
	name_socket("../auth", "");
	assert_stops();
	assert_int_equal(s.listeners[0].fd, 0);
}

static void names_sockets_only_while_it_is_asked_to(void **state)
{
	(void)state;
	s.current.number = 1;
	s.next.number = 0;
	name_socket("auth", "");
	assert_stops();
	assert_int_equal(s.listeners[0].fd, 0);
}

static void socket_has_its_group_and_mode_from_the_start(void **state)
{
	struct stat status;
	char path[96];

	(void)state;
	if (geteuid() != 0)
		skip();
	name_socket("broker", ""); /* the first is root's */
	name_socket("auth", "daemon");
	snprintf(path, sizeof path, "%s/.broker.sock.new", directory);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	snprintf(path, sizeof path, "%s/.auth.sock.new", directory);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0660);
	assert_int_equal(status.st_uid, 0);
	assert_int_equal(status.st_gid, 1);
	assert_int_equal(getegid(), 0);
	assert_false(s.stopping);
	listeners_remove(&s, false);
	assert_int_equal(stat(path, &status), -1);
}

static void serves_only_what_was_asked(void **state)
{
	(void)state;
	order(OP_SERVE, 2, 0, NULL);
	assert_stops();
	assert_int_equal(s.current.number, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(broker_can_only_add_to_the_record),
		TEST(record_goes_only_forward),
		TEST(probes_nothing_once_it_is_sealed),
		TEST(starts_no_worker_before_it_is_sealed),
		TEST(starts_no_worker_for_what_is_not_there),
		TEST(makes_no_socket_outside_its_directory),
		TEST(names_sockets_only_while_it_is_asked_to),
		TEST(socket_has_its_group_and_mode_from_the_start),
		TEST(serves_only_what_was_asked),
	};

	log_level_set(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
