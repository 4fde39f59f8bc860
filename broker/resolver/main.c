/*
 * privyseal-resolver: turns names into addresses, for a broker whose keystore is remote,
 * and holds nothing. It is the one process of ours that speaks UDP and runs the C
 * library's resolver; it answers one question after another, and whatever it answers, TLS
 * tells the broker who is there. Started by privyseald as root, it seals itself before it
 * reads a byte.
 *
 * The C library reads its files by name each time (hosts, resolv.conf, nsswitch.conf), so
 * their directories stay readable, /run/systemd/resolve too, since resolv.conf may be a
 * link into it: without it the C library would ask 127.0.0.1. What nsswitch.conf names
 * beyond `files` and `dns` would be loaded from a library; that does not open here, and
 * the C library goes on to the next source.
 */
#include "broker/resolver/metadata.h"
#include "confine/confine.h"
#include "ipc/channel.h"
#include "ipc/told.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DNS_PORT      53
#define ADDRESSES_MAX 16

enum { DESCRIPTOR_BROKER = 3 };

static bool seal(const struct told *told)
{
	static const char *const directories[] = { "/etc", "/run/systemd/resolve",
		"/run/resolvconf", "/run/NetworkManager" };
	struct seal how = { .role = ROLE_RESOLVER,
		.uid = told->uid,
		.gid = told->gid,
		.state_directory = -1,
		.control = -1,
		.ports = { DNS_PORT } };
	struct confine_error error;
	unsigned i, n = 0;
	bool good;

	for (i = 0; i < sizeof directories / sizeof *directories; i++) {
		how.readable[n] = open(directories[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		n += how.readable[n] > 0;
	}
	how.readable[n] = 0;
	good = confine_seal(&how, &error) == 0;
	if (!good)
		log_error("can't be sealed: %s", error.text);
	while (n > 0)
		close(how.readable[--n]);
	return good;
}

/* ---- a question ---- */

/* As libcurl takes them, and no more than a few. */
static void list(const struct addrinfo *found, char *out, size_t room)
{
	char text[INET6_ADDRSTRLEN];
	const void *address;
	unsigned count = 0;
	size_t n = 0;
	bool six;

	out[0] = '\0';
	for (; found && count < ADDRESSES_MAX; found = found->ai_next) {
		six = found->ai_family == AF_INET6;
		if (!six && found->ai_family != AF_INET)
			continue;
		address =
		    six ? (const void *)&(
			      (const struct sockaddr_in6 *)(const void *)found->ai_addr)
			      ->sin6_addr
			: (const void *)&(
			      (const struct sockaddr_in *)(const void *)found->ai_addr)
			      ->sin_addr;
		if (!inet_ntop(found->ai_family, address, text, sizeof text))
			continue;
		n += (size_t)snprintf(out + n, room - n, six ? "%s[%s]" : "%s%s",
		    count > 0 ? "," : "", text);
		count++;
	}
}

static size_t answer(const struct frame *question, uint8_t *bytes, size_t room)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	char host[OP_HOST_MAX + 1], addresses[OP_ADDRESSES_MAX + 1];
	struct addrinfo *found = NULL;
	struct frame_writer frame;
	int result;

	frame_text(question, 0, host, sizeof host);
	result = getaddrinfo(host, NULL, &hints, &found);
	frame_begin(&frame, bytes, room, OP_ADDRESSES, question->id);
	list(found, addresses, sizeof addresses);
	frame_put_text(&frame, addresses);
	frame_put_text(&frame, result == EAI_SYSTEM ? strerror(errno)
			       : result != 0	    ? gai_strerror(result)
						    : "");
	if (found)
		freeaddrinfo(found);
	return frame_end(&frame);
}

/* Until the broker is gone. */
static int serve(void)
{
	static uint8_t in[FRAME_MAX + 1], out[4096];
	struct pollfd broker = { .fd = DESCRIPTOR_BROKER, .events = POLLIN };
	struct gate gate = { .phase = PHASE_BOOT };
	enum channel_event event;
	struct frame question;
	size_t length;

	for (;;) {
		length = 0;
		event = channel_receive(broker.fd, in, &length);
		if (event == CHANNEL_CLOSED)
			return EXIT_SUCCESS;
		if (event == CHANNEL_NOTHING) {
			if (poll(&broker, 1, -1) < 0 && errno != EINTR)
				return EXIT_FAILURE;
			continue;
		}
		if (frame_read(in, length, PARTY_BROKER, 0, &gate, &question) !=
			FRAME_GOOD ||
		    question.op != OP_RESOLVE) {
			log_error("the broker asks what is no name");
			return EXIT_FAILURE;
		}
		length = answer(&question, out, sizeof out);
		if (channel_send(broker.fd, out, length) != 0)
			return EXIT_FAILURE;
	}
}

int main(int argc, char **argv)
{
	struct told told;

	if (log_help("privyseal-resolver", argc, argv))
		return EXIT_SUCCESS;
	log_start_worker(LOG_LEVEL_INFO);
	if (confine_early() != 0)
		return EXIT_FAILURE;
	if (!told_read(argc, argv, &told)) {
		log_error("privyseald starts this program; it is of no use by itself");
		return 2;
	}
	log_level_set(told.log_level);
	if (told.metadata)
		return (int)metadata_ask(told.metadata, told.uid, told.gid);
	if (!seal(&told)) /* which refuses to stay root */
		return EXIT_FAILURE;
	if (told.probe)
		confine_twin_act(told.probe);
	return serve();
}
