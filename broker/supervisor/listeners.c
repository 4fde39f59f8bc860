/*
 * The sockets under RUNTIME. Each is bound as .NAME.sock.new and renamed to NAME.sock
 * when the broker serves, so that whoever sees a name can use it. RUNTIME is root's alone
 * to write, so paths in it are safe to use.
 */
#include "broker/supervisor/supervisor.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

/* From the file itself, as users are. */
static gid_t group_of(const char *name, const char *group)
{
	const struct group *found = NULL;
	FILE *groups = group[0] ? fopen("/etc/group", "re") : NULL;

	while (
	    groups && (found = fgetgrent(groups)) && strcmp(found->gr_name, group) != 0)
		continue;
	if (groups)
		fclose(groups);
	if (group[0] && !found)
		log_warning("there is no group %s, so root alone may use the socket %s; "
			    "groupadd --system %s makes it",
		    group, name, group);
	return found ? found->gr_gid : 0;
}

static bool bind_hidden(
    const struct supervisor *s, struct listener *listener, const char *group)
{
	const bool is_admin = listener == s->listeners;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char published[sizeof address.sun_path];
	int length = snprintf(address.sun_path, sizeof address.sun_path,
	    "%s/.%s.sock.new", s->flags.runtime_directory, listener->name);

	if (length >= (int)sizeof address.sun_path)
		return FAIL("--runtime-dir %s is too long for a socket's name",
		    s->flags.runtime_directory);
	strcpy(listener->path, address.sun_path);
	/* What a crash may have left; bind() tells other trouble. A socket without
	 * anybody behind it must not look like readiness. */
	unlink(listener->path);
	if (snprintf(published, sizeof published, "%s/%s.sock",
		s->flags.runtime_directory, listener->name) > 0)
		unlink(published);
	listener->fd = socket(AF_UNIX,
	    (is_admin ? SOCK_SEQPACKET : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return (bind(listener->fd, (struct sockaddr *)&address, sizeof address) == 0 &&
		   chown(listener->path, 0, group_of(listener->name, group)) == 0 &&
		   chmod(listener->path, is_admin ? 0600 : 0660) == 0 &&
		   listen(listener->fd, SOMAXCONN) == 0) ||
	       FAIL("%s: %s", listener->path, strerror(errno));
}

/* A name becomes a file name; that no two are the same the policy has checked. The first
 * listener is the broker's own. */
bool listener_add(struct supervisor *s, const char *name, const char *group)
{
	struct listener *listener = &s->listeners[s->listener_count];
	const bool for_worker = s->listener_count > 0;

	if (s->listener_count > 1 && (s->flags.terminal || s->flags.check))
		return true; /* one worker is all */
	if (s->listener_count == LISTENERS_MAX || name[strspn(name, LETTERS)] != '\0')
		return FAIL("the policy: no socket can be called %s", name);
	*listener = (struct listener){ .fd = -1 };
	s->listener_count++;
	strcpy(listener->name, for_worker && s->flags.terminal ? "--stdio" : name);
	return s->flags.check || (for_worker && s->flags.terminal) ||
	       bind_hidden(s, listener, group);
}

bool listeners_publish(struct supervisor *s)
{
	struct listener *listener = s->listeners;
	char path[sizeof listener->path];

	for (; listener < s->listeners + s->listener_count; listener++) {
		if (listener->path[0] == '\0')
			continue;
		if (snprintf(path, sizeof path, "%s/%s.sock", s->flags.runtime_directory,
			listener->name) < 0 ||
		    rename(listener->path, path) != 0)
			return FAIL("%s: %s", path, strerror(errno));
		strcpy(listener->path, path);
	}
	return true;
}

void listeners_remove(struct supervisor *s)
{
	unsigned i;

	for (i = 0; i < s->listener_count; i++)
		if (s->listeners[i].path[0] != '\0')
			unlink(s->listeners[i].path);
}
