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

static bool send_question(int fd, const uint8_t *question, size_t length)
{
	if (length > 0 && channel_send(fd, question, length) == 0)
		return true;
	log_error("the broker can't be asked: %s", strerror(errno));
	return false;
}

static bool read_answer(int fd, int milliseconds, enum op expected,
    uint8_t bytes[FRAME_MAX + 1], struct frame *answer)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct gate gate = { .phase = PHASE_SERVE };
	enum frame_fault fault;
	size_t length = 0;

	if (poll(&p, 1, milliseconds) <= 0 ||
	    channel_receive(fd, bytes, &length) != CHANNEL_FRAME) {
		log_error("the broker does not answer; its log may say why");
		return false;
	}
	fault = frame_read(bytes, length, PARTY_BROKER, 0, &gate, answer);
	if (fault == FRAME_GOOD && answer->op == expected)
		return true;
	log_error("the broker answers with %s",
	    fault == FRAME_GOOD ? op_name(answer->op) : frame_fault_text(fault));
	return false;
}

bool admin_exchange(const char *runtime_directory, const uint8_t *question, size_t length,
    enum op expected, uint8_t bytes[FRAME_MAX + 1], struct frame *answer)
{
	return admin_exchange_within(
	    ANSWER_TIME, runtime_directory, question, length, expected, bytes, answer);
}

bool admin_exchange_within(int milliseconds, const char *runtime_directory,
    const uint8_t *question, size_t length, enum op expected,
    uint8_t bytes[FRAME_MAX + 1], struct frame *answer)
{
	int fd = connect_socket(runtime_directory, "admin", SOCK_SEQPACKET);
	bool good;

	if (fd < 0)
		return false;
	good = is_root(fd) && send_question(fd, question, length) &&
	       read_answer(fd, milliseconds, expected, bytes, answer);
	close(fd);
	return good;
}

cJSON *admin_ask(const char *runtime_directory, enum op question)
{
	static uint8_t bytes[FRAME_MAX + 1];
	struct frame_writer writer;
	uint8_t asked[64];
	struct frame answer;
	cJSON *report;

	frame_begin(&writer, asked, sizeof asked, question, 1);
	if (!admin_exchange(runtime_directory, asked, frame_end(&writer), OP_ADMIN_REPORT,
		bytes, &answer))
		return NULL;
	report = cJSON_ParseWithLength(
	    (const char *)frame_bytes(&answer, 0), frame_length(&answer, 0));
	if (!report)
		log_error("the broker's report is no JSON");
	return report;
}
