/*
 * A resolver that somebody else owns, sealed as the real one is. How it lies, the file
 * beside it says, read before the seal: `wrong` addresses, `garbage`, `flood`, or an
 * answer `oversized`. It answers as often as it is started.
 */
#include "confine/confine.h"
#include "ipc/channel.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BROKER = 3, FLOOD = 2000 };

static uint8_t in[FRAME_MAX + 1], out[FRAME_MAX + 1];

static void read_mode(char mode[32])
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 8);
	int fd;

	path[n < 0 ? 0 : n] = '\0';
	strcat(path, ".mode");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = read(fd, mode, 31);
	mode[n < 0 ? 0 : n] = '\0';
	close(fd);
}

static size_t answer(uint32_t id, const char *addresses)
{
	struct frame_writer w;

	frame_begin(&w, out, sizeof out, OP_ADDRESSES, id);
	frame_put_text(&w, addresses);
	frame_put_text(&w, "");
	return frame_end(&w);
}

static void lie(const char *mode, uint32_t id)
{
	int i;

	if (strcmp(mode, "wrong") == 0)
		channel_send(BROKER, out, answer(id, "127.0.0.2"));
	else if (strcmp(mode, "garbage") == 0)
		channel_send(BROKER, out, answer(id, "../../etc/passwd"));
	else if (strcmp(mode, "oversized") == 0)
		channel_send(BROKER, out, sizeof out);
	else
		for (i = 0; i < FLOOD; i++)
			channel_send(BROKER, out, answer(id + (uint32_t)i, "127.0.0.2"));
}

int main(int argc, char **argv)
{
	struct seal seal = {
		.role = ROLE_RESOLVER, .state_directory = -1, .control = -1
	};
	struct pollfd broker = { .fd = BROKER, .events = POLLIN };
	struct gate gate = { .phase = PHASE_BOOT };
	struct confine_error error;
	struct frame question;
	size_t length;
	char mode[32];
	int i;

	for (i = 1; i + 1 < argc; i++) {
		if (strcmp(argv[i], "--uid") == 0)
			seal.uid = (uid_t)strtoul(argv[i + 1], NULL, 10);
		if (strcmp(argv[i], "--gid") == 0)
			seal.gid = (gid_t)strtoul(argv[i + 1], NULL, 10);
	}
	read_mode(mode);
	if (confine_early() != 0 || confine_seal(&seal, &error) != 0)
		return 1;
	if (argc > 1 && strncmp(argv[1], "--probe=", 8) == 0)
		confine_twin_act(argv[1] + 8);
	for (;;) {
		length = 0;
		poll(&broker, 1, -1);
		if (channel_receive(BROKER, in, &length) != CHANNEL_FRAME)
			return 0;
		if (frame_read(in, length, PARTY_BROKER, 0, &gate, &question) ==
		    FRAME_GOOD)
			lie(mode, question.id);
	}
}
