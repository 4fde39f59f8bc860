/*
 * privyseal pipe: bytes from standard input to the socket and back, unread. Two buffers
 * of fixed size; whoever is slow holds up only the other side of his own direction.
 */
#include "cli/flow.h"
#include "cli/cli.h"
#include "ipc/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { AT_INPUT, AT_SOCKET_IN, AT_SOCKET_OUT, AT_OUTPUT, PLACES };

static void lay_out(
    const struct flow *up, const struct flow *down, struct pollfd places[PLACES])
{
	places[AT_INPUT] =
	    (struct pollfd){ .fd = flow_wants(up) ? up->from : -1, .events = POLLIN };
	places[AT_SOCKET_IN] =
	    (struct pollfd){ .fd = flow_wants(down) ? down->from : -1, .events = POLLIN };
	places[AT_SOCKET_OUT] =
	    (struct pollfd){ .fd = flow_holds(up) ? up->to : -1, .events = POLLOUT };
	places[AT_OUTPUT] =
	    (struct pollfd){ .fd = flow_holds(down) ? down->to : -1, .events = POLLOUT };
}

/* Once: the other end sees the end of our input, and answers what it has. */
static void pass_on_end(struct flow *up)
{
	if (!up->ended || flow_holds(up) || up->to < 0)
		return;
	shutdown(up->to,
	    SHUT_WR); /* it fails only when the other end is gone, seen by reading */
	up->to = -1;
}

static enum exit_status judge(const struct flow *up, const struct flow *down)
{
	if (down->broken) {
		log_error(
		    "standard output: not all could be written; is it closed, or its "
		    "disk full?");
		return EXIT_REFUSED;
	}
	if (up->to < 0 && up->ended && !up->broken)
		return EXIT_DONE;
	log_error("the worker has ended before the input did; connect again");
	return EXIT_REFUSED;
}

static enum exit_status join(struct flow *up, struct flow *down)
{
	struct pollfd places[PLACES];

	while (!down->broken && !(down->ended && !flow_holds(down))) {
		lay_out(up, down, places);
		if (poll(places, PLACES, -1) < 0 && errno != EINTR)
			break;
		if (places[AT_SOCKET_IN].revents)
			flow_fill(down);
		if (places[AT_OUTPUT].revents)
			flow_drain(down);
		if (places[AT_INPUT].revents)
			flow_fill(up);
		if (places[AT_SOCKET_OUT].revents)
			flow_drain(up);
		pass_on_end(up);
	}
	return judge(up, down);
}

enum exit_status command_pipe(const struct arguments *arguments)
{
	static struct flow up, down;
	int fd =
	    connect_socket(arguments->runtime_directory, arguments->client, SOCK_STREAM);

	if (fd < 0)
		return EXIT_REFUSED;
	if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
		log_error("the socket: %s", strerror(errno));
		return EXIT_REFUSED;
	}
	if (!seal_command())
		return EXIT_REFUSED;
	up.from = STDIN_FILENO;
	up.to = down.from = fd;
	down.to = STDOUT_FILENO;
	return join(&up, &down);
}
