/* /proc/PID/status: what the kernel says of a process, and whether that is what its role
 * promises. */
#include "confine/steps.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STATUS_MAX 16384

/* Stand for what the caller names. */
#define USER  (UINT64_MAX - 1)
#define GROUP (UINT64_MAX - 2)
/* Not the numbers of a line, but how many there are. */
#define COUNTED 0

static const struct row {
	const char *line;
	int base;
	unsigned numbers;
	uint64_t wanted[ROLE_COUNT]; /* in the order of enum role */
} rows[STATUS_LINES] = {
	/* clang-format off */
	{ "Uid", 10, 4, { 0, 0, 0, USER, USER, USER } },
	{ "Gid", 10, 4, { 0, 0, 0, GROUP, GROUP, GROUP } },
	{ "Groups", 10, COUNTED, { 0, 0, 0, 0, 0, 0 } },
	{ "CapInh", 16, 1, { 0, 0, 0, 0, 0, 0 } },
	{ "CapPrm", 16, 1, { SUPERVISOR_KEEPS, 0, 0, 0, 0, 0 } },
	{ "CapEff", 16, 1, { SUPERVISOR_KEEPS, 0, 0, 0, 0, 0 } },
	{ "CapBnd", 16, 1, { SUPERVISOR_KEEPS, 0, 0, 0, 0, WANTED_ANY } },
	{ "CapAmb", 16, 1, { 0, 0, 0, 0, 0, 0 } },
	{ "NoNewPrivs", 10, 1, { 1, 1, 1, 1, 1, 1 } },
	{ "Seccomp", 10, 1, { 2, 2, 2, 2, 2, 2 } },
	/* at least; how many a worker has under the supervisor's, the broker knows */
	[STATUS_FILTERS] = { "Seccomp_filters", 10, 1, { 1, 1, 1, 1, 1, 1 } },
	{ "Threads", 10, 1, { 1, 3, 3, 1, 1, 1 } }, /* a broker has two that sign */
	{ "TracerPid", 10, 1, { 0, 0, 0, 0, 0, 0 } },
	{ "NSpid", 10, COUNTED, { 1, 1, 1, 2, 2, 1 } },
	/* clang-format on */
};

static bool read_line(const char *text, unsigned line, struct process_status *out)
{
	const struct row *row = &rows[line];
	char key[32], *end;
	const char *at;
	uint64_t value;
	unsigned n = 0;

	snprintf(key, sizeof key, "\n%s:", row->line);
	at = strstr(text, key);
	if (!at)
		return false;
	for (at += strlen(key); *(at += strspn(at, " \t")) != '\n'; at = end) {
		value = strtoull(at, &end, row->base);
		if (end == at || *at == '-')
			return false;
		if (n < STATUS_NUMBERS)
			out->lines[line].values[n] = value;
		n++;
	}
	out->lines[line].count = n;
	return row->numbers == COUNTED || row->numbers == n;
}

int confine_status_read(int status, struct process_status *out)
{
	char text[STATUS_MAX];
	ssize_t n = pread(status, text, sizeof text - 1, 0);
	unsigned line;

	*out = (struct process_status){ 0 };
	if (n <= 0)
		return -1;
	text[n] = '\0';
	errno = EINVAL;
	for (line = 0; line < STATUS_LINES; line++)
		if (!read_line(text, line, out))
			return -1;
	return 0;
}

struct promise status_promise(const struct process_status *status, unsigned line,
    enum role role, uid_t uid, gid_t gid)
{
	const struct row *row = &rows[line];
	const uint64_t *values = status->lines[line].values, wanted = row->wanted[role];
	struct promise out = { .line = row->line,
		.is_set = row->base == 16,
		.wanted = wanted == USER    ? uid
			  : wanted == GROUP ? gid
					    : wanted };
	unsigned i;

	out.found = row->numbers == COUNTED ? status->lines[line].count : values[0];
	for (i = 1; i < row->numbers; i++)
		if (values[i] != out.wanted)
			out.found = values[i];
	out.kept = out.is_set		    ? (out.found & ~out.wanted) == 0
		   : line == STATUS_FILTERS ? out.found >= out.wanted
					    : out.found == out.wanted;
	return out;
}

bool confine_status_check(const struct process_status *status, enum role role, uid_t uid,
    gid_t gid, struct confine_error *error)
{
	struct promise p;
	unsigned line;

	for (line = 0; line < STATUS_LINES; line++) {
		p = status_promise(status, line, role, uid, gid);
		if (p.kept)
			continue;
		errno = 0;
		confine_fail(error,
		    p.is_set
			? "%s of the %s is %#" PRIx64 ", where %#" PRIx64 " was promised"
			: "%s of the %s is %" PRIu64 ", where %" PRIu64 " was promised",
		    p.line, role_name(role), p.found, p.wanted);
		return false;
	}
	return true;
}
