/*
 * The supervisor: starts the broker and the workers, hands descriptors over, waits,
 * kills. It reads no input: all that reaches it are frames of the broker, which ipc/
 * measures. It is the edge, so each failure is printed where it is known, and travels on
 * as false or -1.
 */
#ifndef SUPERVISOR_SUPERVISOR_H
#define SUPERVISOR_SUPERVISOR_H

#include "confine/confine.h"
#include "ipc/frame.h"
#include "ipc/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CHILDREN_MAX  65 /* the broker and its workers */
#define LISTENERS_MAX 17 /* the broker's and those of the policy */
#define NEVER	      INT64_MAX

/* Prints why, and is false: `return FAIL(...)`. */
#define FAIL(...) (log_error(__VA_ARGS__), false)

enum exit_status { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct flags {
	char *config, *policy, *state_directory, *runtime_directory, *user, *log_level;
	int terminal; /* --stdio */
	int check, help, version;
};

struct environment {
	int credentials;  /* read end of a pipe: AWS_* as NUL-terminated strings */
	bool journal;	  /* the journal reads our standard error */
	char notify[108]; /* NOTIFY_SOCKET; empty without one */
};

/* Config and policy as they were read together, in memory files. Its workers run on these
 * and no other. */
struct generation {
	uint32_t number; /* 0: there is none */
	int config, policy;
	unsigned ready; /* listeners that the broker has called ready on it */
};

struct restart {
	unsigned deaths; /* in a row */
	int64_t last;	 /* when the last one was */
};

/* A socket. The first is the broker's own, for root; the others have a worker each. */
struct listener {
	char name[OP_NAME_MAX + 1];
	char path[108];	   /* where it is now; empty: nowhere */
	int fd;		   /* -1 with --stdio and --check */
	int64_t start_due; /* no worker is started before */
	struct restart restart;
};

/* Times are milliseconds of the monotonic clock. Descriptors 0 to 2 are always taken, so
 * in a child 0 is none. */
struct child {
	int pidfd; /* 0: this place is free */
	int64_t kill_due;
	/* of workers */
	uint32_t number, generation;
	struct listener *listener;
	int log_end;
	int64_t log_due; /* what it says sooner waits in its pipe */
	size_t line_length;
	char line[LOG_LINE_MAX];
};

struct supervisor {
	struct flags flags;
	struct environment environment;
	uid_t uid; /* workers' */
	gid_t gid;
	char uid_text[16], gid_text[16], filters_text[16];
	char broker_program[PATH_MAX], worker_program[PATH_MAX];
	int state, audit; /* directories */
	int signals, notify;
	int control;
	int terminal_out, continuity; /* --stdio: what a worker gets */
	int copied; /* ... and where we read its output, when ours is a regular file */
	struct gate gate;
	uint8_t received[FRAME_MAX + 1];
	uint32_t segment; /* of the record, the last one */
	unsigned listener_count;
	struct listener listeners[LISTENERS_MAX];
	struct child children[CHILDREN_MAX]; /* the first is the broker */
	uint32_t last_worker, last_generation;
	struct generation current, next;
	int64_t now, wake_due, ready_due;
	bool reload_wanted, reloading, stopping; /* a start is a reload too */
	enum exit_status status;
};

/* flags.c: false, after a line, for wrong usage */
extern const char flags_help[];
bool flags_read(int argc, char **argv, struct flags *out);

/* environment.c: overwrites every string of `variables` where it lies, whatever happens
 */
bool environment_take(char **variables, struct environment *out);
/* sd_notify(3): a socket, -1 without one; telling is never worth a failure */
int notify_open(const char *address);
void notify_send(int fd, const char *state);

/* root_files.c: nothing is used before it is known that only root could have made it. */

/* The bytes of a file in a memory file that nobody can change; -1. `advice` is what to
 * put into one that is not there. */
int root_file_take(const char *path, size_t most, const char *advice);
/* The same memory file, read-only and with an offset of its own; -1. */
int root_file_reopen(int taken);
/* Opens PATH/below with no mode bit outside `mode`, no symbolic link; makes it (not its
 * parents) when absent. -1. */
int root_directory_open(const char *path, const char *below, mode_t mode);
/* Holds DIRECTORY/lock until we end; false: another instance has it, or `directory` is -1
 */
bool root_directory_lock(int directory, const char *path);

/* listeners.c: bound under hidden names until they are published */
bool listener_add(struct supervisor *s, const char *name, const char *group);
bool listeners_publish(struct supervisor *s);
void listeners_remove(struct supervisor *s);

/* children.c */
bool broker_start(struct supervisor *s);
bool worker_start(
    struct supervisor *s, struct listener *listener, const struct generation *of);
/* Prints the next line of what a worker has written on standard error, or reads more of
 * it; false when there is no more. Only when there is something to read, or kept, or
 * nobody who could still write. */
bool child_read_log(struct child *child, int64_t now);
bool child_has_line(const struct child *child); /* one that was read, not said */
void child_kill(const struct child *child);
/* Frees the place of a child that has ended; its exit status, or -1, and in words. */
int child_bury(struct child *child, int64_t now, char how[96]);
/* Counts a death at `now`. How long to wait with the next worker: not at all after the
 * first, then 100 ms doubling up to 30 s; a minute of quiet forgets. */
int64_t restart_delay(struct restart *restart, int64_t now);

/* broker_link.c */
struct message {
	enum op op;
	uint32_t numbers[3]; /* as many as the op's row has fields for, and so on */
	const char *text;
	int descriptors[2];
};

/* A broker that does not take it in time is killed. */
void broker_tell(struct supervisor *s, const struct message *message);
void broker_read(struct supervisor *s);

/* supervisor.c */
bool generation_read(struct supervisor *s);
/* The broker's answers to the next generation. */
void on_accepted(struct supervisor *s, uint32_t generation, bool accepted);
void on_ready(struct supervisor *s, uint32_t generation);
/* Ends workers, then the broker, which says last what has to be on the record. Workers
 * have `grace` to finish. */
void stop(struct supervisor *s, enum exit_status status, int64_t grace);
/* The loop; when it returns nothing is left running. */
enum exit_status supervise(struct supervisor *s);

#endif
