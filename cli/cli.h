/*
 * privyseal(1). Each command is one file and one function, named in the table of
 * arguments.c. What comes from a worker is untrusted: a command seals itself before it
 * reads it, and prints nothing of it unescaped.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum exit_status { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2 };

#define WORDS_MAX 1024

struct arguments {
	const struct command *command; /* NULL: none was named */
	const char *runtime_directory;
	const char *client; /* the socket that pipe and status ask over */
	bool json;	    /* --format json */
	bool prometheus;    /* --format prometheus */
	bool probe;
	bool help;
	bool version;
	const char *words[WORDS_MAX]; /* what the command reads by itself */
	unsigned words_count;
};

struct command {
	const char *name;
	enum exit_status (*run)(const struct arguments *arguments);
	const char *summary; /* one line */
	const char *help;    /* the rest of `privyseal NAME --help` */
	bool takes_probe;
	bool takes_words; /* words and flags of its own follow its name */
};

extern const struct command commands[];
extern const unsigned commands_count;

#define MESSAGE_MAX 256

/* False: wrong usage, and `message` says which word. Global flags may stand anywhere. */
bool arguments_read(
    int argc, char *const *argv, struct arguments *out, char message[MESSAGE_MAX]);
/* `--x`, or `--x=V` whose V *value then is; else NULL. */
bool flag_named(const char *word, const char *name, const char **value);
void help_print(const struct command *command);

enum exit_status command_pipe(const struct arguments *arguments);
enum exit_status command_credentials(const struct arguments *arguments);
enum exit_status command_status(const struct arguments *arguments);
enum exit_status command_doctor(const struct arguments *arguments);
enum exit_status command_audit(const struct arguments *arguments);
enum exit_status command_policy(const struct arguments *arguments);
enum exit_status command_backup(const struct arguments *arguments);
enum exit_status command_keys(const struct arguments *arguments);
enum exit_status command_restore(const struct arguments *arguments);
enum exit_status command_iam_policy(const struct arguments *arguments);

/* connect.c: to RUNTIME/NAME.sock; -1 when it can't, with a line that says what to do. */
int connect_socket(const char *runtime_directory, const char *name, int type);
/* The unprivileged user that root becomes and that workers are: `privyseal`, else nobody.
 */
void unprivileged_user(uid_t *uid, gid_t *gid);
/* Seals this process for good: from now on it reads and writes what is open, and no more.
 */
bool seal_command(void);

#endif
