/* Reaching the running privyseald, and giving up what is not needed once it is reached.
 */
#include "cli/cli.h"
#include "confine/confine.h"
#include "ipc/log.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <stdio.h>

#define NOBODY 65534

static void explain(const char *path, int error)
{
	switch (error) {
	case ENOENT:
	case ENOTDIR:
		log_error("there is no %s: is privyseald running? Another one's "
			  "directory is named "
			  "with --runtime-dir, another of its sockets with --client",
		    path);
		break;
	case ECONNREFUSED:
		log_error(
		    "nobody listens on %s: privyseald has ended, start it again", path);
		break;
	case EACCES:
	case EPERM:
		log_error(
		    "%s may be used by root and its group, privyseal-auth unless the "
		    "policy has `socket` lines: usermod --append --groups "
		    "privyseal-auth USER makes USER a member at the next login",
		    path);
		break;
	default:
		log_error("%s: %s", path, strerror(error));
	}
}

int connect_socket(const char *runtime_directory, const char *name, int type)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, length;

	length = snprintf(address.sun_path, sizeof address.sun_path, "%s/%s.sock",
	    runtime_directory, name);
	if (length < 0 || (size_t)length >= sizeof address.sun_path) {
		log_error("%s/%s.sock is too long for a socket", runtime_directory, name);
		return -1;
	}
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	explain(address.sun_path, errno);
	if (fd >= 0)
		close(fd);
	return -1;
}

void unprivileged_user(uid_t *uid, gid_t *gid)
{
	const struct passwd *user = getpwnam("privyseal");
	bool sound = user && user->pw_uid != 0 && user->pw_gid != 0;

	*uid = sound ? user->pw_uid : NOBODY;
	*gid = sound ? user->pw_gid : NOBODY;
}

bool seal_command(void)
{
	struct seal seal = { .role = ROLE_CLI,
		.uid = getuid(),
		.gid = getgid(),
		.state_directory = -1,
		.control = -1 };
	struct confine_error error;

	if (geteuid() == 0)
		unprivileged_user(&seal.uid, &seal.gid);
	if (confine_seal(&seal, &error) == 0)
		return true;
	log_error("this process can't be sealed: %s", error.text);
	return false;
}
