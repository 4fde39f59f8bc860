/*
 * An HTTP server for tests, that follows a script: each request takes the next step, is
 * compared with what is expected there, and gets that step's answer. A process of its
 * own; script and what came lie in memory that both share, so that the test can write on.
 */
#ifndef TESTS_PLAIN_SERVER_H
#define TESTS_PLAIN_SERVER_H

#include <arpa/inet.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PLAIN_STEPS_MAX 64

enum plain_way { PLAIN_WHOLE, PLAIN_HALF, PLAIN_SILENCE, PLAIN_CLOSE };

struct plain_step {
	char request[128]; /* how it begins: `GET /path HTTP` */
	char field[128];   /* a line that must be in it; "": none */
	int status;
	char fields[128]; /* of the answer, each with CR and LF */
	char body[2048];
	enum plain_way way;
};

struct plain_server {
	pid_t pid;
	unsigned port;
	struct plain_script {
		unsigned count, next;
		char wrong[512]; /* the first request that was not as expected */
		struct plain_step steps[PLAIN_STEPS_MAX];
	} * script;
};

static void plain_server_say(int fd, const struct plain_step *step)
{
	char answer[4096];
	const int length = snprintf(answer, sizeof answer,
	    "HTTP/1.1 %d X\r\n%sContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
	    step->status, step->fields, strlen(step->body), step->body);
	const int most = step->way == PLAIN_HALF ? length - 10 : length;

	if (write(fd, answer, (size_t)most) != most)
		_exit(1);
}

static void plain_server_serve(struct plain_script *script, int fd)
{
	static const struct plain_step none = { .status = 599 };
	const struct plain_step *step = &none;
	char request[8192];
	ssize_t n, length = 0;

	do {
		n = read(fd, request + length, sizeof request - 1 - (size_t)length);
		length += n > 0 ? n : 0;
		request[length] = '\0';
	} while (n > 0 && !strstr(request, "\r\n\r\n"));
	if (length == 0)
		_exit(0);
	if (script->next < script->count)
		step = &script->steps[script->next];
	script->next++;
	if (strncmp(request, step->request, strlen(step->request)) != 0 ||
	    !strstr(request, step->field) || step == &none) {
		if (script->wrong[0] == '\0')
			snprintf(script->wrong, sizeof script->wrong, "%.511s", request);
		step = &none;
	}
	if (step->way == PLAIN_SILENCE)
		pause();
	if (step->way != PLAIN_CLOSE)
		plain_server_say(fd, step);
	_exit(0);
}

static void plain_server_run(struct plain_script *script, int listener)
{
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGCHLD, SIG_IGN);
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			plain_server_serve(script, fd);
		}
		close(fd);
	}
	_exit(1);
}

static inline bool plain_server_start(struct plain_server *server)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t length = sizeof address;
	const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	server->script = mmap(NULL, sizeof *server->script, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (server->script == MAP_FAILED ||
	    bind(listener, (struct sockaddr *)&address, length) != 0 ||
	    listen(listener, 64) != 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &length) != 0)
		return false;
	server->port = ntohs(address.sin_port);
	server->pid = fork();
	if (server->pid == 0)
		plain_server_run(server->script, listener);
	close(listener);
	return server->pid > 0;
}

static inline void plain_server_stop(const struct plain_server *server)
{
	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
	munmap(server->script, sizeof *server->script);
}

#endif
