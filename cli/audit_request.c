/* The words after `privyseal audit`; audit.h has the contract. */
#include "broker/ca_documents.h"
#include "cli/audit.h"
#include "cli/words.h"
#include "policy/duration.h"
#include "policy/text.h"

#include <string.h>

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
	const int day = tm.tm_mday;

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
	if (seconds < 0 || tm.tm_mday != day)	/* the 30th of February became March */
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

enum flag {
	FLAG_SINCE = FILTERS,
	FLAG_UNTIL,
	FLAG_LAST,
	FLAG_BEFORE,
	FLAG_YES,
	FLAG_STATE,
	FLAGS
};

static const char *const acts[] = { [AUDIT_VERIFY] = "verify",
	[AUDIT_SHOW] = "show",
	[AUDIT_COMPRESS] = "compress",
	[AUDIT_PRUNE] = "prune",
	NULL };

static const struct words_flag flags[FLAGS] = {
	[FILTER_EVENT] = { "--event", ACT(AUDIT_SHOW) },
	[FILTER_CA] = { "--ca", ACT(AUDIT_SHOW) },
	[FILTER_DOCUMENT] = { "--document", ACT(AUDIT_SHOW) },
	[FILTER_CLIENT] = { "--client", ACT(AUDIT_SHOW) },
	[FILTER_ID] = { "--id", ACT(AUDIT_SHOW) },
	[FILTER_SERIAL] = { "--serial", ACT(AUDIT_SHOW) },
	[FLAG_SINCE] = { "--since", ACT(AUDIT_SHOW) },
	[FLAG_UNTIL] = { "--until", ACT(AUDIT_SHOW) },
	[FLAG_LAST] = { "--last", ACT(AUDIT_SHOW) },
	[FLAG_BEFORE] = { "--before", ACT(AUDIT_PRUNE) },
	[FLAG_YES] = { "--yes", ACT(AUDIT_PRUNE) | ALONE },
	[FLAG_STATE] = { "--state-dir", ACT_ANY },
};

static const struct words_form form = { "audit", acts, flags, FLAGS };

/* A name that no CA or document has would only seem to say that nothing was recorded. */
static bool can_match(const char *const filter[FILTERS], char message[MESSAGE_MAX])
{
	const char *document = filter[FILTER_DOCUMENT];
	enum document kind;
	enum ca ca;
	int own;

	for (own = 0; document && own < CA_DOCUMENTS; own++)
		if (strcmp(document, ca_document_name((enum ca_document)own)) == 0)
			document = NULL;
	return (!filter[FILTER_CA] || words_ca(&form, message, filter[FILTER_CA], &ca)) &&
	       (!document || words_document(&form, message, document, &kind));
}

static bool take_time(
    const char *value, time_t now, char out[RECORD_TIME_TEXT], char message[MESSAGE_MAX])
{
	return !value || audit_time_read(value, now, out) ||
	       words_wrong(&form, message, value, AUDIT_TIME_FORMS);
}

bool audit_request_read(const char *const *said, unsigned count, time_t now,
    struct audit_request *out, char message[MESSAGE_MAX])
{
	struct words words = { .others = out->names, .room = WORDS_MAX };
	const char *last;

	*out = (struct audit_request){ 0 };
	if (!words_read(&form, said, count, &words, message))
		return false;
	out->act = (enum audit_act)words.act;
	out->yes = words.value[FLAG_YES] != NULL;
	out->names_count = words.count;
	out->state_directory = words.value[FLAG_STATE];
	memcpy(out->filter, words.value, sizeof out->filter);
	last = words.value[FLAG_LAST];
	if (last && (!read_number(last, UINT32_MAX, &out->last) || !out->last))
		return words_wrong(
		    &form, message, last, "--last is a number of records, from 1");
	if (out->names_count > 0 && out->state_directory)
		return words_wrong(&form, message, out->names[0],
		    "either files are named or --state-dir");
	if (words.count > 0 && out->act >= AUDIT_COMPRESS)
		return words_wrong(&form, message, out->names[0], "names no file");
	if (out->act == AUDIT_PRUNE && !words.value[FLAG_BEFORE])
		return words_wrong(&form, message, "prune", "needs --before TIME");
	return can_match(out->filter, message) &&
	       take_time(words.value[FLAG_BEFORE], now, out->before, message) &&
	       take_time(words.value[FLAG_SINCE], now, out->since, message) &&
	       take_time(words.value[FLAG_UNTIL], now, out->until, message);
}
