/* Asking the broker; admin_ask.h has the contract. */
#include "cli/admin_ask.h"
#include "cli/cli.h"
#include "ipc/channel.h"
#include "ipc/log.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_TIME 5000 /* milliseconds */

/* Whoever can write to the directory could have put a socket of his own there. */
static bool is_root(int fd)
{
	struct ucred peer;
	socklen_t length = sizeof peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.uid == 0)
		return true;
	log_error("admin.sock is not root's; look at who may write to its directory");
	return false;
}

static bool send_question(int fd)
{
	struct frame_writer frame;
	uint8_t bytes[64];
	size_t length;

	frame_begin(&frame, bytes, sizeof bytes, OP_ADMIN_STATUS, 1);
	length = frame_end(&frame);
	if (length > 0 && channel_send(fd, bytes, length) == 0)
		return true;
	log_error("the broker can't be asked: %s", strerror(errno));
	return false;
}

static cJSON *read_answer(int fd)
{
	static uint8_t bytes[FRAME_MAX + 1];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct gate gate = { .phase = PHASE_SERVE };
	struct frame frame;
	enum frame_fault fault;
	size_t length = 0;
	cJSON *report;

	if (poll(&p, 1, ANSWER_TIME) <= 0 ||
	    channel_receive(fd, bytes, &length) != CHANNEL_FRAME) {
		log_error("the broker does not answer; its log may say why");
		return NULL;
	}
	fault = frame_read(bytes, length, PARTY_BROKER, 0, &gate, &frame);
	if (fault != FRAME_GOOD || frame.op != OP_ADMIN_REPORT) {
		log_error("the broker answers with %s",
		    fault == FRAME_GOOD ? op_name(frame.op) : frame_fault_text(fault));
		return NULL;
	}
	report = cJSON_ParseWithLength(
	    (const char *)frame_bytes(&frame, 0), frame_length(&frame, 0));
	if (!report)
		log_error("the broker's report is no JSON");
	return report;
}

cJSON *admin_ask(const char *runtime_directory)
{
	int fd = connect_socket(runtime_directory, "admin.sock", SOCK_SEQPACKET);
	cJSON *report = NULL;

	if (fd < 0)
		return NULL;
	if (is_root(fd) && send_question(fd))
		report = read_answer(fd);
	close(fd);
	return report;
}
