/*
 * The supervisor: starts the broker and the workers, hands descriptors over, waits,
 * kills. It reads no input and decides nothing: frames of the broker, which ipc/
 * measures, say which worker is to start or to end and which sockets are to be there. It
 * starts our own programs alone, with arguments that no frame can change but for the name
 * of a socket. It is the edge, so each failure is printed where it is known, and travels
 * on as false or -1.
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

#define CHILDREN_MAX   66 /* the broker, its workers and its resolver */
#define LISTENERS_MAX  33 /* the broker's, and those of two policies */
#define PATH_OF_SOCKET 108
#define NEVER	       INT64_MAX

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
	int hidden[4];	  /* directories in /run of the files that AWS_* name; -1: none */
	bool journal;	  /* the journal reads our standard error */
	char notify[108]; /* NOTIFY_SOCKET; empty without one */
};

/* Config and policy as they were read together, in memory files. */
struct generation {
	uint32_t number; /* 0: there is none */
	int config, policy;
};

/* A socket. The first is the broker's own, for root. */
struct listener {
	char name[OP_NAME_MAX + 1]; /* empty: this place is free */
	gid_t group;
	uint32_t generation; /* the last one that has it */
	bool published;
	int fd;
	char path[PATH_OF_SOCKET], hidden[PATH_OF_SOCKET]; /* until it is published */
};

/* Times are milliseconds of the monotonic clock. Descriptors 0 to 2 are always taken, so
 * in a child 0 is none. */
struct child {
	int pidfd; /* 0: this place is free */
	int64_t kill_due;
	/* of workers, of which a resolver counts as one */
	bool resolver;
	uint32_t number;
	int log;
	int64_t log_due; /* what it says sooner waits */
	char role[OP_NAME_MAX + 8];
};

struct supervisor {
	struct flags flags;
	struct environment environment;
	uid_t uid; /* workers' */
	gid_t gid;
	char uid_text[16], gid_text[16], filters_text[16];
	char broker_program[PATH_MAX], worker_program[PATH_MAX],
	    resolver_program[PATH_MAX];
	int state, audit; /* directories */
	int signals, notify;
	int control;
	int terminal_out, continuity; /* --stdio: what a worker gets */
	int copied; /* ... and where we read its output, when ours is a regular file */
	struct gate gate;
	uint8_t received[FRAME_MAX + 1];
	uint32_t segment; /* of the record, the last one */
	struct listener listeners[LISTENERS_MAX];
	struct child children[CHILDREN_MAX]; /* the first is the broker */
	/* next: until the broker has said what becomes of it; a start is a reload too */
	struct generation current, next;
	uint32_t last_generation;
	int64_t now, wake_due;
	uint32_t reload_uid, reload_pid; /* who sent SIGHUP */
	bool reload_wanted, sealed, networked, stopping;
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

/* listeners.c: bound under hidden names until their generation serves */

/* The next generation has this socket; without a next one, it is the broker's. */
bool listener_add(struct supervisor *s, const char *name, const char *group);
/* The one that a worker of that generation serves; NULL: there is none. */
const struct listener *listener_of(
    const struct supervisor *s, const char *name, uint32_t generation);
/* Publishes those of the current generation, and removes all others. */
bool listeners_publish(struct supervisor *s);
/* Removes those that were never published, or all. */
void listeners_remove(struct supervisor *s, bool all);

/* children.c */
bool broker_start(struct supervisor *s);
/* The broker is told whether it has started or ended. Without a socket: a resolver. */
void worker_start(
    struct supervisor *s, uint32_t number, uint32_t generation, char *socket);
/* Prints a line of what a worker has said on standard error, if there is one; false when
 * there will be no more. */
bool child_read_log(struct child *child, int64_t now);
void child_kill(const struct child *child);
/* Frees the place of a child that has ended; its exit status, or -1, and in words. */
int child_bury(struct child *child, int64_t now, char how[96]);

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

/* metadata_guard.c: is the instance metadata service at this address root's alone? False
 * after a line that says what mends it. */
bool metadata_is_guarded(const struct supervisor *s, const char *address);
/* The same of what those who asked as root and as `uid` ended with. */
bool metadata_judge(const char *address, int root, int other, uid_t uid);

/* supervisor.c */
bool generation_read(struct supervisor *s);
/* The broker's answers to the next generation. */
bool generation_serve(struct supervisor *s, uint32_t number);
bool generation_refused(struct supervisor *s, uint32_t number);
/* Ends workers, then the broker, which says last what has to be on the record. Workers
 * have `grace` to finish. */
void stop(struct supervisor *s, enum exit_status status, int64_t grace);
/* The loop; when it returns nothing is left running. */
enum exit_status supervise(struct supervisor *s);

#endif
