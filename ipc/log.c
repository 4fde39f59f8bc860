/* Lines for people; log.h has their form. One write() a line, so that lines of several
 * processes on one descriptor do not mix. */
#include "ipc/log.h"

#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
	char name[64];
	char program[32];
	enum log_level least;
	int journal;
	int worker;
} settings = { .name = "privyseal", .program = "privyseal", .least = LOG_LEVEL_INFO };

/* syslog's severities of the same levels begin here */
#define SEVERITY_OF_ERROR 3

#define LEVELS (LOG_LEVEL_DEBUG + 1)

static const char *const level_words[LEVELS] = { "ERROR", "WARNING", "NOTICE", "INFO",
	"DEBUG" };

void log_start(const char *program, const char *role, enum log_level least, int journal)
{
	snprintf(settings.program, sizeof settings.program, "%s", program);
	snprintf(
	    settings.name, sizeof settings.name, role ? "%s[%s]" : "%s", program, role);
	settings.least = least;
	settings.journal = journal;
}

void log_start_worker(enum log_level least)
{
	settings.worker = 1;
	settings.least = least;
}

void log_level_set(enum log_level least)
{
	settings.least = least;
}

int log_level_named(const char *name)
{
	static const char *const names[LEVELS] = { "error", "warning", "notice", "info",
		"debug" };
	int level;

	for (level = 0; level < LEVELS && strcmp(name, names[level]) != 0; level++)
		;
	return level < LEVELS ? level : -1;
}

size_t log_escape(char *out, size_t room, const char *bytes, size_t length)
{
	size_t i, n = 0;
	unsigned char c;
	int width;

	for (i = 0; i < length; i++) {
		c = (unsigned char)bytes[i];
		width = c == '\\' ? 2 : c < 0x20 || c > 0x7e ? 4 : 1;
		if (n + (size_t)width >= room)
			break;
		if (width == 4)
			snprintf(out + n, room - n, "\\x%02x", c);
		else
			memset(out + n, c, (size_t)width);
		n += (size_t)width;
	}
	if (room > 0)
		out[n] = '\0';
	return n;
}

/* A log that can't be written must not stop the work, and the record is elsewhere: a
 * reader who does not read loses lines, and is told how many. Where poll() says so, a
 * pipe takes PIPE_BUF bytes without waiting (pipe(7)). */
static void write_line(const char *line, size_t length)
{
	static unsigned lost;
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };
	const struct timespec at_once = { 0 };
	char told[64];
	int n;

	if (ppoll(&p, 1, &at_once, NULL) != 1 || (p.revents & POLLOUT) == 0) {
		lost++;
		return;
	}
	if (lost > 0) {
		n = snprintf(
		    told, sizeof told, "%u lines before this one were lost\n", lost);
		lost = 0;
		if (write(STDERR_FILENO, told, (size_t)n) < 0)
			return;
		write_line(line, length);
	} else if (write(STDERR_FILENO, line, length) < 0) {
		lost++;
	}
}

static void emit(enum log_level level, const char *name, const char *bytes, size_t length)
{
	char escaped[PIPE_BUF - 128], line[PIPE_BUF], severity[16] = "";
	int n;

	log_escape(escaped, sizeof escaped, bytes, length);
	if (settings.journal || settings.worker)
		snprintf(
		    severity, sizeof severity, "<%d>", (int)level + SEVERITY_OF_ERROR);
	if (settings.worker)
		n = snprintf(line, sizeof line, "%s%.*s\n", severity, (int)length, bytes);
	else
		n = snprintf(line, sizeof line, "%s%s %s: %s\n", severity,
		    level_words[level], name, escaped);
	if (n > 0)
		write_line(line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

void log_at(enum log_level level, const char *format, ...)
{
	char text[LOG_LINE_MAX] = "", *newline;
	va_list arguments;

	if (level > settings.least)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	while (settings.worker && (newline = strchr(text, '\n')) != NULL)
		*newline = ' ';
	emit(level, settings.name, text, strlen(text));
}

/* A severity that is none of ours is taken for INFO's. */
void log_line(const char *role, const char *bytes, size_t length)
{
	char name[64];
	int level = LOG_LEVEL_INFO;

	if (length >= 3 && bytes[0] == '<' && bytes[2] == '>') {
		level = bytes[1] - '0' - SEVERITY_OF_ERROR;
		bytes += 3;
		length -= 3;
	}
	snprintf(name, sizeof name, "%s[%s]", settings.program, role);
	emit(level < 0 || level >= LEVELS ? LOG_LEVEL_INFO : (enum log_level)level, name,
	    bytes, length);
}

bool log_help(const char *program, int count, char *const *arguments)
{
	if (count != 2)
		return false;
	if (strcmp(arguments[1], "--version") == 0)
		return printf("%s " PRIVYSEAL_VERSION "\n", program) > 0;
	if (strcmp(arguments[1], "--help") == 0)
		return printf("%s: privyseald starts it; it is of no use by itself.\n",
			   program) > 0;
	return false;
}
