/*
 * The sockets under RUNTIME. Each is bound as .NAME.sock.new and renamed to NAME.sock
 * when its generation serves, so that whoever sees a name can use it. RUNTIME is root's
 * alone to write, so paths in it are safe to use.
 */
#include "broker/supervisor/supervisor.h"

#include <grp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

#define EACH(s, listener)                                                                \
	(listener) = (s)->listeners;                                                     \
	(listener) < (s)->listeners + LISTENERS_MAX;                                     \
	(listener)++

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

/* The file has its owner, group and mode from the start; a change of group makes us
 * dumpable. */
static bool bind_as(int fd, const struct sockaddr_un *address, gid_t group, mode_t mode)
{
	const mode_t before = umask(0777 & ~mode);
	const gid_t none = (gid_t)-1;
	const bool good =
	    setresgid(none, group, none) == 0 &&
	    bind(fd, (const struct sockaddr *)address, sizeof *address) == 0;
	const int error = errno;

	umask(before);
	if (setresgid(none, 0, none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return false;
	errno = error;
	return good;
}

static bool bind_hidden(const struct supervisor *s, struct listener *listener)
{
	const bool is_admin = listener == s->listeners;
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	strcpy(address.sun_path, listener->hidden);
	/* What a crash may have left; bind() tells other trouble. A socket without
	 * anybody behind it must not look like readiness. */
	unlink(listener->hidden);
	if (s->current.number == 0)
		unlink(listener->path);
	listener->fd = socket(AF_UNIX,
	    (is_admin ? SOCK_SEQPACKET : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return (bind_as(
		    listener->fd, &address, listener->group, is_admin ? 0600 : 0660) &&
		   listen(listener->fd, SOMAXCONN) == 0) ||
	       FAIL("%s: %s", listener->hidden, strerror(errno));
}

/* A name becomes a file name; that no two are the same the policy has checked. One that
 * is there already, with the same group, goes on with those who wait in it. */
bool listener_add(struct supervisor *s, const char *name, const char *group)
{
	const gid_t gid = s->flags.check ? 0 : group_of(name, group);
	struct listener *listener, *place = NULL,
				   added = { .group = gid, .generation = s->next.number };

	if (s->flags.check)
		return true; /* which judges files alone */
	for (EACH(s, listener)) {
		if (strcmp(listener->name, name) == 0 && listener->group == gid) {
			listener->generation = s->next.number;
			return true;
		}
		if (listener->name[0] == '\0' && !place)
			place = listener;
	}
	if (!place || name[0] == '\0' || name[strspn(name, LETTERS)] != '\0')
		return FAIL("no socket can be called '%s', or there are too many", name);
	strcpy(added.name, name);
	snprintf(
	    added.path, PATH_OF_SOCKET, "%s/%s.sock", s->flags.runtime_directory, name);
	if (snprintf(added.hidden, PATH_OF_SOCKET, "%s/.%s.sock.new",
		s->flags.runtime_directory, name) >= PATH_OF_SOCKET)
		return FAIL("--runtime-dir %s is too long for a socket's name",
		    s->flags.runtime_directory);
	*place = added;
	return bind_hidden(s, place);
}

/* While a reload changes the group of a socket there are two of that name. */
const struct listener *listener_of(
    const struct supervisor *s, const char *name, uint32_t generation)
{
	const struct listener *listener, *found = NULL;

	for (EACH(s, listener))
		if (listener > s->listeners && strcmp(listener->name, name) == 0 &&
		    (!found || listener->generation == generation))
			found = listener;
	return found;
}

static void drop(struct supervisor *s, struct listener *listener)
{
	const struct listener *other;

	for (EACH(s, other))
		if (other != listener && other->published && listener->published &&
		    strcmp(other->name, listener->name) == 0)
			listener->published = false; /* the name is the other's now */
	unlink(listener->published ? listener->path : listener->hidden);
	close(listener->fd);
	*listener = (struct listener){ 0 };
}

bool listeners_publish(struct supervisor *s)
{
	struct listener *listener;

	s->listeners->generation = s->current.number;
	for (EACH(s, listener)) {
		if (listener->name[0] == '\0' || listener->published ||
		    listener->generation != s->current.number)
			continue;
		if (rename(listener->hidden, listener->path) != 0)
			return FAIL("%s: %s", listener->path, strerror(errno));
		listener->published = true;
	}
	for (EACH(s, listener))
		if (listener->name[0] != '\0' &&
		    listener->generation != s->current.number)
			drop(s, listener);
	return true;
}

void listeners_remove(struct supervisor *s, bool all)
{
	struct listener *listener;

	for (EACH(s, listener))
		if (listener->name[0] != '\0' && (all || !listener->published))
			drop(s, listener);
}
