/* Channels between two ends in one process: datagrams, their ends, and descriptors. */
#include "ipc/channel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int ends[2];
static uint8_t buffer[FRAME_MAX + 1], large[FRAME_MAX + 2];
static size_t length;

static int begin(void **state)
{
	(void)state;
	length = 0;
	return channel_pair(ends);
}

static int end(void **state)
{
	(void)state;
	close(ends[0]);
	close(ends[1]);
	return 0;
}

static unsigned open_descriptors(void)
{
	unsigned count = 0;
	int fd;

	for (fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* As a peer could that does not use our code. */
static void send_raw(const int *descriptors, unsigned count)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int) * 8)];
	} control = { .bytes = { 0 } };
	struct iovec data = { .iov_base = large, .iov_len = 5 };
	struct msghdr message = { .msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = CMSG_SPACE(sizeof(int) * count) };

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int) * count);
	memcpy(CMSG_DATA(&control.header), descriptors, sizeof(int) * count);
	assert_int_equal(sendmsg(ends[0], &message, 0), 5);
}

static void datagrams_arrive_whole_and_in_order(void **state)
{
	(void)state;
	assert_int_equal(channel_send(ends[0], (const uint8_t *)"first", 5), 0);
	assert_int_equal(channel_send(ends[0], (const uint8_t *)"second", 6), 0);
	assert_int_equal(channel_receive(ends[1], buffer, &length), CHANNEL_FRAME);
	assert_int_equal(length, 5);
	assert_memory_equal(buffer, "first", 5);
	assert_int_equal(channel_receive(ends[1], buffer, &length), CHANNEL_FRAME);
	assert_int_equal(length, 6);
	assert_memory_equal(buffer, "second", 6);
	assert_int_equal(channel_receive(ends[1], buffer, &length), CHANNEL_NOTHING);
}

static void largest_frame_passes_and_a_larger_one_shows_itself(void **state)
{
	(void)state;
	memset(large, 'x', sizeof large);
	assert_int_equal(channel_send(ends[0], large, FRAME_MAX), 0);
	assert_int_equal(channel_receive(ends[1], buffer, &length), CHANNEL_FRAME);
	assert_int_equal(length, FRAME_MAX);
	assert_int_equal(channel_send(ends[0], large, FRAME_MAX + 2), 0);
	assert_int_equal(channel_receive(ends[1], buffer, &length), CHANNEL_FRAME);
	assert_int_equal(length, FRAME_MAX + 1);
	assert_int_equal(channel_receive(ends[1], buffer, &length), CHANNEL_NOTHING);
}

static void empty_datagram_is_not_the_end(void **state)
{
	(void)state;
	assert_int_equal(send(ends[0], "", 0, 0), 0);
	assert_int_equal(channel_receive(ends[1], buffer, &length), CHANNEL_EMPTY);
	assert_int_equal(channel_receive(ends[1], buffer, &length), CHANNEL_NOTHING);
	assert_int_equal(send(ends[0], "", 0, 0), 0);
	assert_int_equal(channel_send(ends[0], (const uint8_t *)"x", 1), 0);
	assert_int_equal(channel_receive(ends[1], buffer, &length), CHANNEL_EMPTY);
	assert_int_equal(channel_receive(ends[1], buffer, &length), CHANNEL_FRAME);
}

static void closed_end_is_seen_after_what_was_sent(void **state)
{
	(void)state;
	assert_int_equal(channel_send(ends[0], (const uint8_t *)"last", 4), 0);
	close(ends[0]);
	assert_int_equal(channel_receive(ends[1], buffer, &length), CHANNEL_FRAME);
	assert_int_equal(length, 4);
	assert_int_equal(channel_receive(ends[1], buffer, &length), CHANNEL_CLOSED);
	assert_int_equal(channel_receive(ends[1], buffer, &length), CHANNEL_CLOSED);
}

static void sending_to_a_closed_end_fails_without_a_signal(void **state)
{
	int fd = ends[0];

	(void)state;
	signal(SIGPIPE, SIG_DFL);
	close(ends[0]);
	errno = 0;
	assert_int_equal(
	    channel_send_descriptors(ends[1], (const uint8_t *)"x", 1, &fd, 0), -1);
	assert_int_equal(errno, EPIPE);
	ends[0] = -1;
}

static void what_is_no_socket_counts_as_closed(void **state)
{
	(void)state;
	assert_int_equal(channel_receive(-1, buffer, &length), CHANNEL_CLOSED);
}

static void full_channel_says_that_the_other_must_read_first(void **state)
{
	unsigned sent = 0;

	(void)state;
	while (sent < 10000 && channel_send(ends[0], large, FRAME_MAX) == 0)
		sent++;
	assert_int_equal(errno, EAGAIN);
	assert_in_range(sent, 1, 9999);
	assert_int_equal(channel_receive(ends[1], buffer, &length), CHANNEL_FRAME);
	assert_int_equal(channel_send(ends[0], large, FRAME_MAX), 0);
}

static void descriptors_arrive_in_order_and_close_on_exec(void **state)
{
	int pipe_ends[2], got[CHANNEL_DESCRIPTORS_MAX], i;
	unsigned count = 9;
	struct stat sent, arrived;

	(void)state;
	assert_int_equal(pipe(pipe_ends), 0);
	assert_int_equal(
	    channel_send_descriptors(ends[0], (const uint8_t *)"hello", 5, pipe_ends, 2),
	    0);
	assert_int_equal(
	    channel_receive_descriptors(ends[1], buffer, &length, got, &count),
	    CHANNEL_FRAME);
	assert_int_equal(count, 2);
	assert_int_equal(length, 5);
	for (i = 0; i < 2; i++) {
		assert_int_equal(fstat(pipe_ends[i], &sent), 0);
		assert_int_equal(fstat(got[i], &arrived), 0);
		assert_true(sent.st_ino == arrived.st_ino);
		assert_int_equal(fcntl(got[i], F_GETFD), FD_CLOEXEC);
		assert_int_equal(
		    fcntl(got[i], F_GETFL) & O_ACCMODE, i == 0 ? O_RDONLY : O_WRONLY);
		close(got[i]);
		close(pipe_ends[i]);
	}
}

static void frame_without_descriptors_counts_none(void **state)
{
	int got[CHANNEL_DESCRIPTORS_MAX];
	unsigned count = 9;

	(void)state;
	assert_int_equal(
	    channel_send_descriptors(ends[0], (const uint8_t *)"x", 1, NULL, 0), 0);
	assert_int_equal(
	    channel_receive_descriptors(ends[1], buffer, &length, got, &count),
	    CHANNEL_FRAME);
	assert_int_equal(count, 0);
	count = 9;
	assert_int_equal(
	    channel_receive_descriptors(ends[1], buffer, &length, got, &count),
	    CHANNEL_NOTHING);
	assert_int_equal(count, 0);
}

/* One too many is kept by nobody, and the count tells, so that the frame is refused. */
static void surplus_descriptors_are_counted_and_closed(void **state)
{
	const int one[6] = { 0, 0, 0, 0, 0, 0 };
	int got[CHANNEL_DESCRIPTORS_MAX];
	unsigned sent, count, before = open_descriptors();

	(void)state;
	for (sent = 3; sent <= 6; sent++) {
		send_raw(one, sent);
		assert_int_equal(
		    channel_receive_descriptors(ends[1], buffer, &length, got, &count),
		    CHANNEL_FRAME);
		assert_true(count > CHANNEL_DESCRIPTORS_MAX);
		assert_int_equal(open_descriptors(), before + CHANNEL_DESCRIPTORS_MAX);
		close(got[0]);
		close(got[1]);
	}
	assert_int_equal(open_descriptors(), before);
}

static void reader_that_takes_none_is_given_none(void **state)
{
	const int one[2] = { 0, 0 };
	unsigned before = open_descriptors();

	(void)state;
	send_raw(one, 2);
	assert_int_equal(channel_receive(ends[1], buffer, &length), CHANNEL_FRAME);
	assert_int_equal(length, 5);
	assert_int_equal(open_descriptors(), before);
}

static void more_descriptors_than_a_frame_may_have_are_not_sent(void **state)
{
	const int three[3] = { 0, 1, 2 };

	(void)state;
	assert_int_equal(
	    channel_send_descriptors(ends[0], (const uint8_t *)"x", 1, three, 3), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(channel_receive(ends[1], buffer, &length), CHANNEL_NOTHING);
}

static void both_ends_are_nonblocking_and_close_on_exec(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		assert_int_equal(fcntl(ends[i], F_GETFD), FD_CLOEXEC);
		assert_true((fcntl(ends[i], F_GETFL) & O_NONBLOCK) != 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(datagrams_arrive_whole_and_in_order),
		TEST(largest_frame_passes_and_a_larger_one_shows_itself),
		TEST(empty_datagram_is_not_the_end),
		TEST(closed_end_is_seen_after_what_was_sent),
		TEST(sending_to_a_closed_end_fails_without_a_signal),
		TEST(what_is_no_socket_counts_as_closed),
		TEST(full_channel_says_that_the_other_must_read_first),
		TEST(descriptors_arrive_in_order_and_close_on_exec),
		TEST(frame_without_descriptors_counts_none),
		TEST(surplus_descriptors_are_counted_and_closed),
		TEST(reader_that_takes_none_is_given_none),
		TEST(more_descriptors_than_a_frame_may_have_are_not_sent),
		TEST(both_ends_are_nonblocking_and_close_on_exec),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
