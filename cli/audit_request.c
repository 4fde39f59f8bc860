/* The words after `privyseal audit`; audit.h has the contract. */
#include "cli/audit.h"
#include "cli/cli.h"
#include "policy/duration.h"
#include "policy/text.h"

#include <string.h>

static bool wrong(char message[MESSAGE_MAX], const char *word, const char *why)
{
	snprintf(message, MESSAGE_MAX, "%s: %s; see privyseal audit --help", word, why);
	return false;
}

static bool read_number(const char *text, uint64_t most, uint64_t *out)
{
	const size_t length = strlen(text);

	return length > 0 && text_number(text, length, most, out) == length;
}

/* The digits of a second's fraction as microseconds. */
static const char *read_fraction(const char *text, uint64_t *microseconds)
{
	uint64_t unit = 100000;

	*microseconds = 0;
	if (*text != '.' || text[1] < '0' || text[1] > '9')
		return text;
	for (text++; *text >= '0' && *text <= '9'; text++, unit /= 10)
		*microseconds += (uint64_t)(*text - '0') * unit;
	return text;
}

static bool read_rfc3339(const char *text, uint64_t *microseconds)
{
	struct tm tm = { 0 };
	const char *rest = strptime(text, "%Y-%m-%d", &tm);
	uint64_t fraction;
	int64_t seconds;
	long ahead;

	if (!rest || (*rest != 'T' && *rest != ' '))
		return false;
	rest = strptime(rest + 1, "%H:%M:%S", &tm);
	if (!rest)
		return false;
	rest = read_fraction(rest, &fraction);
	rest = strptime(rest, "%z", &tm);
	ahead = tm.tm_gmtoff;
	if (!rest || *rest || ahead >= 86400 || ahead <= -86400)
		return false;
	seconds = (int64_t)timegm(&tm) - ahead; /* which it reads as UTC */
	if (seconds < 0)
		return false;
	*microseconds = (uint64_t)seconds * 1000000 + fraction;
	return true;
}

bool audit_time_read(const char *text, time_t now, char out[RECORD_TIME_TEXT])
{
	uint64_t value;

	if (duration_read(text, strlen(text), &value))
		value = (uint64_t)now > value ? ((uint64_t)now - value) * 1000000 : 0;
	else if (read_number(text, UINT64_C(253402300799), &value)) /* the year 9999 */
		value *= 1000000;
	else if (!read_rfc3339(text, &value))
		return false;
	record_time(value, out);
	return true;
}

enum flag { FLAG_SINCE = FILTERS, FLAG_UNTIL, FLAG_LAST, FLAG_STATE, FLAGS };

static const char *const flag_names[FLAGS] = {
	[FILTER_EVENT] = "--event",
	[FILTER_CA] = "--ca",
	[FILTER_DOCUMENT] = "--document",
	[FILTER_CLIENT] = "--client",
	[FILTER_ID] = "--id",
	[FILTER_SERIAL] = "--serial",
	[FLAG_SINCE] = "--since",
	[FLAG_UNTIL] = "--until",
	[FLAG_LAST] = "--last",
	[FLAG_STATE] = "--state-dir",
};

static bool take_value(int flag, const char *value, time_t now, struct audit_request *out,
    char message[MESSAGE_MAX])
{
	if (flag < FILTERS)
		out->filter[flag] = value;
	if (flag == FLAG_STATE)
		out->state_directory = value;
	if (flag == FLAG_LAST &&
	    (!read_number(value, UINT32_MAX, &out->last) || !out->last))
		return wrong(message, value, "--last is a number of records, from 1");
	if ((flag == FLAG_SINCE && !audit_time_read(value, now, out->since)) ||
	    (flag == FLAG_UNTIL && !audit_time_read(value, now, out->until)))
		return wrong(message, value,
		    "a time is RFC 3339 (2026-01-02T03:04:05Z), seconds since 1970, or "
		    "how "
		    "long ago (2h)");
	return true;
}

/* `next` is the word after; *used tells whether it was this flag's value. */
static bool read_flag(const char *word, const char *next, bool *used, time_t now,
    struct audit_request *out, char message[MESSAGE_MAX])
{
	const char *value = NULL;
	int flag;

	for (flag = 0; flag < FLAGS; flag++)
		if (flag_named(word, flag_names[flag], &value))
			break;
	if (flag == FLAGS)
		return wrong(message, word, "no such flag");
	if (!out->show && flag != FLAG_STATE)
		return wrong(message, word, "is a flag of audit show alone");
	*used = !value;
	value = value ? value : next;
	if (!value || !*value)
		return wrong(message, word, "needs a value");
	return take_value(flag, value, now, out, message);
}

bool audit_request_read(const char *const *words, unsigned count, time_t now,
    struct audit_request *out, char message[MESSAGE_MAX])
{
	unsigned i;
	bool used;

	*out = (struct audit_request){ 0 };
	if (count == 0)
		return wrong(message, "audit", "what, verify or show?");
	out->show = strcmp(words[0], "show") == 0;
	if (!out->show && strcmp(words[0], "verify") != 0)
		return wrong(message, words[0], "is neither verify nor show");
	for (i = 1; i < count; i++) {
		used = false;
		if (words[i][0] != '-')
			out->names[out->names_count++] = words[i];
		else if (!read_flag(words[i], i + 1 < count ? words[i + 1] : NULL, &used,
			     now, out, message))
			return false;
		i += used ? 1 : 0;
	}
	if (out->names_count > 0 && out->state_directory)
		return wrong(
		    message, out->names[0], "either files are named or --state-dir");
	return true;
}
