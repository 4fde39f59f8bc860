/* Whether the guard of the instance metadata service holds, by trying: root gets an
 * answer there, the workers' user is refused. Once, at start, before the supervisor is
 * sealed; who asks is a process of its own for each. */
#include "broker/resolver/metadata.h"
#include "broker/supervisor/supervisor.h"

#include <poll.h>

#define MOST 10000 /* milliseconds */

static int try_as(const struct supervisor *s, const char *address, bool root)
{
	char *words[] = { "privyseal-resolver", "--metadata", (char *)(uintptr_t)address,
		"--uid", root ? "0" : (char *)(uintptr_t)s->uid_text, "--gid",
		root ? "0" : (char *)(uintptr_t)s->gid_text, NULL };
	const struct spawn spawn = { ROLE_RESOLVER, s->resolver_program, words,
		{ -1, -1, STDERR_FILENO }, 3 };
	struct confine_error error;
	struct spawned spawned;
	struct child child;
	char how[96];

	if (confine_spawn(&spawn, &spawned, &error) != 0) {
		log_error("%s", error.text);
		return METADATA_SILENT;
	}
	child = (struct child){ .pidfd = spawned.pidfd };
	poll(&(struct pollfd){ .fd = child.pidfd, .events = POLLIN }, 1, MOST);
	child_kill(&child);
	close(spawned.status);
	return child_bury(&child, s->now, how);
}

bool metadata_judge(const char *address, int root, int other, uid_t uid)
{
	if (root != METADATA_ANSWERS)
		return FAIL("root %s at %s, where the AWS credentials are to come from: "
			    "%s",
		    root == METADATA_REFUSES ? "is refused" : "gets no answer", address,
		    root == METADATA_REFUSES
			? "a firewall's rule keeps it away (privyseal-imds check), or "
			  "this is no EC2 instance"
			: "this is no EC2 instance, or a firewall drops what is sent "
			  "there, or in a container the hop limit is 1");
	if (other == METADATA_ANSWERS)
		return FAIL("every user gets AWS credentials from %s, those of the CA "
			    "too: run `privyseal-imds install`, which keeps it for root",
		    address);
	return other == METADATA_REFUSES ||
	       FAIL("uid %u gets no answer from %s and is not refused either, which "
		    "proves nothing: run `privyseal-imds install`, which refuses",
		   uid, address);
}

bool metadata_is_guarded(const struct supervisor *s, const char *address)
{
	const int root = try_as(s, address, true);
	const int other =
	    root == METADATA_ANSWERS ? try_as(s, address, false) : METADATA_SILENT;

	return metadata_judge(address, root, other, s->uid);
}
