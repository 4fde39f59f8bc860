/*
 * What a process of ours is told when privyseald starts it: its flags. One table of all
 * of them, of which each process has those that are for it.
 */
#ifndef IPC_TOLD_H
#define IPC_TOLD_H

#include "ipc/log.h"

#include <stdint.h>

struct told {
	const char *probe;    /* it is a twin, and tries this act; else NULL */
	int networked;	      /* ... as a networked broker */
	const char *metadata; /* a resolver that is none, but asks at this address */
	uint32_t uid, gid;    /* the workers'; 0: it was not said */
	uint32_t filters;     /* seccomp filters that a sealed worker has */
	enum log_level log_level;
	int journal;			       /* reads standard error */
	const char *policy_name, *config_name; /* as the administrator gave them */
	const char *socket;		       /* a worker's */
	int terminal, check;		       /* --stdio, --check */
};

/* False when there is a word that is no such flag, or has no such value. */
bool told_read(int argc, char **argv, struct told *out);

#endif
