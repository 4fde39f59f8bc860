/*
 * Lines for people, on standard error: `LEVEL privyseald[role]: text`, with `<N>` before
 * it (sd-daemon(3)) when the journal reads. What came from outside is escaped, so that no
 * line can pretend to be two.
 */
#ifndef IPC_LOG_H
#define IPC_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

#define LOG_LINE_MAX 1024

/*
 * `program` is the word before the bracket; `role` may be NULL: then there is no bracket.
 * `journal`: lines carry the <N> prefix. A worker writes `<N>text` alone and its
 * supervisor makes the line of it (log_line), so that it can't speak for another process.
 */
void log_start(const char *program, const char *role, enum log_level least, int journal);
void log_start_worker(enum log_level least);
void log_level_set(enum log_level least);

void log_at(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define log_error(...)	 log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)	 log_at(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)	 log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)	 log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* A line of another process, `role`'s, as raw bytes (`<N>text`); escaped and printed,
 * whatever its level, since that process knows by its config what it is to say. */
void log_line(const char *role, const char *bytes, size_t length);

/* The level of that name (error warning notice info debug); -1 when there is none. */
int log_level_named(const char *name);

/*
 * Copies text with every byte outside printable ASCII written as \xNN and a backslash as
 * two; always ends in NUL, cut to `room`, never inside an escape. Returns the length.
 */
size_t log_escape(char *out, size_t room, const char *bytes, size_t length);

/* For programs that privyseald starts: true when a person asks one for --help or
 * --version, which is then on standard output. */
bool log_help(const char *program, int count, char *const *arguments);

#endif
