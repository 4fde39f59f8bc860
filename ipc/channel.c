/* Sending and receiving of whole frames; channel.h has the contract. */
#include "ipc/channel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union descriptors_control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int) * (CHANNEL_DESCRIPTORS_MAX + 1))];
};

int channel_pair(int ends[2])
{
	return socketpair(
	    AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends);
}

/* read() gives 0 both for the end of the channel and for an empty datagram. */
static enum channel_event nothing_read(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR)) != 0)
		return CHANNEL_CLOSED;
	return CHANNEL_EMPTY;
}

static enum channel_event judge(int fd, ssize_t n, size_t *length)
{
	if (n == 0)
		return nothing_read(fd);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? CHANNEL_NOTHING
							 : CHANNEL_CLOSED;
	*length = (size_t)n;
	return CHANNEL_FRAME;
}

enum channel_event channel_receive(int fd, uint8_t *buffer, size_t *length)
{
	return judge(fd, read(fd, buffer, FRAME_MAX + 1), length);
}

static int all_sent(ssize_t n, size_t length)
{
	if (n >= 0 && n != (ssize_t)length)
		errno = EMSGSIZE;
	return n == (ssize_t)length ? 0 : -1;
}

int channel_send(int fd, const uint8_t *bytes, size_t length)
{
	return all_sent(write(fd, bytes, length), length);
}

/* What does not fit is counted, so that the frame is refused, and closed. */
static void take_descriptors(
    const struct cmsghdr *header, int *descriptors, unsigned *count)
{
	size_t i, n = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	int one;

	for (i = 0; i < n; i++) {
		memcpy(&one, CMSG_DATA(header) + i * sizeof one, sizeof one);
		if (*count < CHANNEL_DESCRIPTORS_MAX)
			descriptors[*count] = one;
		else
			close(one);
		*count += 1;
	}
}

enum channel_event channel_receive_descriptors(
    int fd, uint8_t *buffer, size_t *length, int *descriptors, unsigned *count)
{
	union descriptors_control control;
	struct iovec data = { .iov_base = buffer, .iov_len = FRAME_MAX + 1 };
	struct msghdr message = { .msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof control.bytes };
	struct cmsghdr *header;
	ssize_t n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);

	*count = 0;
	for (header = n < 0 ? NULL : CMSG_FIRSTHDR(&message); header;
	     header = CMSG_NXTHDR(&message, header))
		if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
			take_descriptors(header, descriptors, count);
	return judge(fd, n, length);
}

int channel_send_descriptors(
    int fd, const uint8_t *bytes, size_t length, const int *descriptors, unsigned count)
{
	union descriptors_control control = { 0 };
	/* iov_base is not const, but sendmsg() does not write to it */
	struct iovec data = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = length };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1 };
	const size_t size = sizeof(int) * count;

	if (count > CHANNEL_DESCRIPTORS_MAX) {
		errno = EINVAL;
		return -1;
	}
	if (count > 0) {
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(size);
		memcpy(CMSG_DATA(&control.header), descriptors, size);
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(size);
	}
	return all_sent(sendmsg(fd, &message, MSG_NOSIGNAL), length);
}
