/* What is taken from the environment before anything else runs, and the wiping of the
 * rest, so that neither our memory nor /proc/PID/environ keeps a credential. */
#include "broker/supervisor/supervisor.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static bool begins(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_all_of_run(int directory)
{
	struct stat run, opened;

	return stat("/run", &run) != 0 || fstat(directory, &opened) != 0 ||
	       (run.st_ino == opened.st_ino && run.st_dev == opened.st_dev);
}

/* Where Kubernetes puts tokens, and systemd credentials. The broker, who sees nothing of
 * /run, has the directory from us; never all of it. */
static int open_hidden(const char *path)
{
	char directory[PATH_MAX];
	int opened;

	if ((!begins(path, "/run/") && !begins(path, "/var/run/")) ||
	    strlen(path) >= sizeof directory)
		return -1;
	strcpy(directory, path);
	*strrchr(directory, '/') = '\0';
	opened = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (opened >= 0 && is_all_of_run(opened)) {
		close(opened);
		return -1;
	}
	return opened;
}

/* In the order in which the broker has them. */
static void take_hidden(const char *variable, int hidden[4])
{
	static const char *const names[4] = { "AWS_WEB_IDENTITY_TOKEN_FILE=",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=", "AWS_SHARED_CREDENTIALS_FILE=",
		"AWS_CONFIG_FILE=" };
	unsigned i;

	for (i = 0; i < 4; i++)
		if (hidden[i] < 0 && begins(variable, names[i]))
			hidden[i] = open_hidden(variable + strlen(names[i]));
}

/* Credentials are copied by write() alone. The pipe does not block: what doesn't fit in
 * it at once is no set of credentials. */
static bool take(const char *variable, int pipe_end, struct environment *out)
{
	const size_t length = strlen(variable) + 1;

	take_hidden(variable, out->hidden);
	if (begins(variable, "AWS_"))
		return write(pipe_end, variable, length) == (ssize_t)length ||
		       FAIL(
			   "the AWS_* variables are larger than a pipe holds; unset %.*s",
			   (int)strcspn(variable, "="), variable);
	if (begins(variable, "JOURNAL_STREAM="))
		out->journal = true;
	if (begins(variable, "NOTIFY_SOCKET="))
		snprintf(
		    out->notify, sizeof out->notify, "%s", strchr(variable, '=') + 1);
	return true;
}

bool environment_take(char **variables, struct environment *out)
{
	int ends[2] = { -1, -1 };
	bool good =
	    pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0 || FAIL("pipe: %s", strerror(errno));
	char **v;

	*out =
	    (struct environment){ .credentials = ends[0], .hidden = { -1, -1, -1, -1 } };
	for (v = variables; *v; v++) {
		good = good && take(*v, ends[1], out);
		explicit_bzero(*v, strlen(*v));
	}
	variables[0] = NULL;
	close(ends[1]);
	return good;
}

int notify_open(const char *address)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	const size_t length = strlen(address);
	int fd;

	if ((address[0] != '/' && address[0] != '@') || length >= sizeof name.sun_path)
		return -1;
	memcpy(name.sun_path, address, length);
	if (address[0] == '@')
		name.sun_path[0] = '\0'; /* the abstract space */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (connect(fd, (struct sockaddr *)&name,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) != 0)
		log_warning(
		    "the service manager's socket %s: %s", address, strerror(errno));
	return fd;
}

void notify_send(int fd, const char *state)
{
	if (fd >= 0 && write(fd, state, strlen(state)) < 0)
		log_debug("the service manager does not hear: %s", strerror(errno));
}
