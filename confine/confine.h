/*
 * Sealing, for every process of ours: capabilities, namespaces, Landlock, seccomp,
 * limits, in the one order that works, with each required step re-read from the kernel.
 * Whoever starts a process calls confine_spawn(); the process itself calls
 * confine_early() first of all and confine_seal() before it reads a byte of input. Any
 * step that is required and fails ends the start.
 */
#ifndef CONFINE_CONFINE_H
#define CONFINE_CONFINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A broker whose keys are elsewhere is networked: it may do all that a broker may, and
 * speak TCP. Which of the two it is, it knows when it seals itself. */
enum role {
	ROLE_SUPERVISOR,
	ROLE_BROKER,
	ROLE_NETWORKED,
	ROLE_WORKER,
	ROLE_RESOLVER,
	ROLE_CLI,
	ROLE_COUNT
};

/* "supervisor", "broker", "networked-broker", "worker", "resolver", "cli" */
const char *role_name(enum role role);

#define CONFINE_ERROR_MAX 256

struct confine_error {
	char text[CONFINE_ERROR_MAX]; /* which step failed, and what the kernel said */
};

/* First act of every main(): not dumpable, no core files, umask 077, SIGPIPE and SIGXFSZ
 * ignored, C locale. 0, or -1 with errno. */
int confine_early(void);

/* ---- starting a process ---- */

#define SPAWN_DESCRIPTORS_MAX 12

struct spawn {
	enum role role;
	const char *path;
	char *const *arguments; /* argv, NULL at its end */
	/* the child's descriptors 0, 1, 2 ... in this order; -1 opens /dev/null there.
	 * Nothing else is passed on. */
	int descriptors[SPAWN_DESCRIPTORS_MAX];
	unsigned count;
};

struct spawned {
	pid_t pid;
	int pidfd;  /* readable when the process has ended; caller closes */
	int status; /* /proc/PID/status, opened before the child ran a line; caller closes
		     */
};

/*
 * clone() and exec with the namespaces of the role, an environment of our own (PATH, TZ,
 * LC_ALL only), setsid, closed descriptors. The broker loses all capabilities here,
 * before exec, and gets a mount namespace without /proc, /sys and /run, but the host's
 * network, which its seal closes unless it is a networked one; a worker is exec'd as root
 * in new network, mount, PID and IPC namespaces and drops by itself in confine_seal(); a
 * resolver likewise, but for the network. 0, or -1 with `error`. A child that can't exec
 * ends with status 127 and a line on its standard error.
 */
int confine_spawn(
    const struct spawn *spawn, struct spawned *out, struct confine_error *error);

/* ---- sealing ---- */

#define SEAL_PORTS_MAX	  6
#define SEAL_READABLE_MAX 8

struct seal {
	enum role role;
	uid_t uid; /* worker, resolver, cli: becomes this user; the others stay 0 */
	gid_t gid;
	int state_directory; /* broker: the one tree that Landlock leaves it; else -1 */
	int control; /* broker, supervisor: descriptor on which recvmsg/sendmsg may be
			used */
	/* networked broker, resolver: TCP ports to connect to, where Landlock knows
	 * ports, and directories beneath which files are read; 0 ends either */
	uint16_t ports[SEAL_PORTS_MAX];
	int readable[SEAL_READABLE_MAX];
	bool resolvers; /* supervisor: it may start resolvers */
};

/*
 * Seals the calling process for good. It must have one thread. 0, or -1 with `error`; the
 * caller must end on -1, since the process is then half sealed. After Landlock and before
 * seccomp an effect is tried (the root directory can't be listed), since kernels
 * misreport what they can do.
 */
int confine_seal(const struct seal *seal, struct confine_error *error);

/* ---- what the kernel says ---- */

#define STATUS_LINES   14
#define STATUS_FILTERS 10 /* the line that counts seccomp filters */
#define STATUS_NUMBERS 4

struct status_line {
	unsigned count;			 /* numbers on the line ... */
	uint64_t values[STATUS_NUMBERS]; /* ... of which the first are these */
};

/* The lines of /proc/PID/status that a role promises something of; status.c names them.
 */
struct process_status {
	struct status_line lines[STATUS_LINES];
};

/* Reads a /proc/PID/status descriptor (pread, so it may be read again). 0, or -1: the
 * process is gone or the text is not what Linux writes. */
int confine_status_read(int status, struct process_status *out);

/* Is that the status which a sealed process of this role must have? False with `error`
 * naming the first line that differs, and how. */
bool confine_status_check(const struct process_status *status, enum role role, uid_t uid,
    gid_t gid, struct confine_error *error);

/* ---- twins: throw-away processes that try one forbidden act each ---- */

#define TWIN_COMPAT_CALL (-2) /* for `call`: getpid by the 32-bit entry of x86 */
#define TWIN_SAID_MAX	 128

struct twin {
	const char *act;	  /* `open`, `socket-inet`, ... */
	const char *roles;	  /* the letters (SBNWRC) of those who are refused it */
	int expected;		  /* the errno that they get; 0: they are killed */
	long call;		  /* the act, a system call's number ... */
	const void *arguments[5]; /* ... and what it is given */
	const char *at_start; /* letters: every start of privyseald tries it in these */
};

extern const struct twin confine_twins[];
extern const unsigned confine_twins_count;

/*
 * For --probe=ACT: writes TWIN_SEALED to descriptor 1, so that a death on the way here is
 * not taken for the outcome, performs the act in this (sealed) process and exits with its
 * errno, 0 when it was permitted. Unknown act: exits 125.
 */
#define TWIN_SEALED "sealed\n"
_Noreturn void confine_twin_act(const char *act);

/*
 * Starts `program` (of the role) with --probe=ACT as its first argument, then --uid
 * and --gid, which worker, resolver and CLI read, and --networked where the role says so;
 * descriptors 3 to 7 are /dev/null, 8 a TCP socket for who may have one. Waits and
 * judges. True when it ended as it must, or the kernel lacks what should refuse it;
 * `said` tells which, and how it ended. Bounded by 5 s.
 */
bool confine_twin_run(const struct twin *twin, enum role role, const char *program,
    uid_t uid, gid_t gid, char said[TWIN_SAID_MAX]);

/* The twins that every start tries in one role, all at once. True when each ended as it
 * must; else `said` tells how one ended that did not. */
bool confine_twins_start(
    enum role role, const char *program, uid_t uid, gid_t gid, char said[TWIN_SAID_MAX]);

#endif
