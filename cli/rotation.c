/* rotation.h has the contract. */
#include "cli/rotation.h"
#include "policy/duration.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* False for what is no time, and for the year 1, which stands for none. */
static bool read_time(const char *text, time_t *out)
{
	struct tm tm = { 0 };

	if (!text || !strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) || tm.tm_year <= 0)
		return false;
	*out = timegm(&tm);
	return true;
}

static void write_time(time_t when, char out[48])
{
	struct tm tm;
	char rest[24];
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
		"Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

	gmtime_r(&when, &tm);
	strftime(rest, sizeof rest, "%Y %H:%M:%S", &tm);
	snprintf(out, 48, "%s %d %s UTC", months[tm.tm_mon], tm.tm_mday, rest);
}

/* Go's way to write it has units of zero, which ours does not take. */
static time_t read_grace(const char *text)
{
	unsigned hours = 0, minutes = 0, seconds = 0;
	uint64_t value;

	if (!text)
		return 0;
	if (duration_read(text, strlen(text), &value))
		return (time_t)value;
	if (sscanf(text, "%5uh%5um%5us", &hours, &minutes, &seconds) < 1)
		return 0;
	return (time_t)hours * 3600 + (time_t)minutes * 60 + (time_t)seconds;
}

static void in_progress(const struct rotation_record *record, char *out, size_t room)
{
	const char *phase = record->phase ? record->phase : "unknown";
	char started[48], ending[48];
	time_t start;

	if (!record->mode || strcmp(record->mode, "auto") != 0) {
		snprintf(out, room, "in progress (mode: manual, phase: %s)", phase);
	} else if (!read_time(record->started, &start)) {
		snprintf(out, room, "in progress (mode: automatic, phase: %s)", phase);
	} else {
		write_time(start, started);
		write_time(start + read_grace(record->grace_period), ending);
		snprintf(out, room,
		    "in progress (mode: automatic, phase: %s, started: %s, ending: %s)",
		    phase, started, ending);
	}
}

void rotation_text(const struct rotation_record *record, char *out, size_t room)
{
	const char *state = record->state && record->state[0] ? record->state : "standby";
	char when[48];
	time_t last;

	if (strcmp(state, "in_progress") == 0) {
		in_progress(record, out, room);
	} else if (strcmp(state, "standby") != 0) {
		snprintf(out, room, "unknown");
	} else if (read_time(record->last_rotated, &last)) {
		write_time(last, when);
		snprintf(out, room, "standby (last rotated: %s)", when);
	} else {
		snprintf(out, room, "standby (never rotated)");
	}
}
