/*
 * A question to the instance metadata service: does it answer this user? For who must
 * know that it answers root alone (broker/supervisor/metadata_guard.c). Not sealed, and
 * so a process of its own, which does nothing else.
 */
#ifndef RESOLVER_METADATA_H
#define RESOLVER_METADATA_H

#include <sys/types.h>

/* What such a process ends with: what no other failure ends with. */
enum metadata_end { METADATA_ANSWERS = 40, METADATA_REFUSES, METADATA_SILENT };

/* Becomes that user, unless it is root, and asks. */
enum metadata_end metadata_ask(const char *address, uid_t uid, gid_t gid);

#endif
