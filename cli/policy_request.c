/* The words after `privyseal policy`; policy_command.h has the contract. */
#include "cli/audit.h"
#include "cli/policy_command.h"

#include <string.h>

static bool wrong(char message[MESSAGE_MAX], const char *word, const char *why)
{
	snprintf(message, MESSAGE_MAX, "%s: %s; see privyseal policy --help", word, why);
	return false;
}

enum flag {
	FLAG_CA,
	FLAG_DOCUMENT,
	FLAG_CLIENT,
	FLAG_AT,
	FLAG_ISSUER,
	FLAG_POLICY,
	FLAGS
};

static const char *const flag_names[FLAGS] = {
	[FLAG_CA] = "--ca",
	[FLAG_DOCUMENT] = "--document",
	[FLAG_CLIENT] = "--client",
	[FLAG_AT] = "--at",
	[FLAG_ISSUER] = "--issuer",
	[FLAG_POLICY] = "--policy",
};

/* The same times as `privyseal audit` takes; the text that it makes of them is UTC. */
static bool read_time(const char *text, time_t now, int64_t *out)
{
	char record[RECORD_TIME_TEXT];
	struct tm tm = { 0 };

	if (!audit_time_read(text, now, record) ||
	    !strptime(record, "%Y-%m-%dT%H:%M:%S", &tm))
		return false;
	*out = (int64_t)timegm(&tm);
	return true;
}

static bool take_value(enum flag flag, const char *value, time_t now,
    struct policy_request *out, char message[MESSAGE_MAX])
{
	switch (flag) {
	case FLAG_CA:
		return ca_named(value, strlen(value), &out->ca) ||
		       wrong(message, value, "is no CA");
	case FLAG_DOCUMENT:
		return document_named(value, strlen(value), &out->document) ||
		       wrong(message, value, "is no kind of document");
	case FLAG_CLIENT:
		out->client = value;
		return true;
	case FLAG_AT:
		return read_time(value, now, &out->now) ||
		       wrong(message, value,
			   "a time is RFC 3339 (2026-01-02T03:04:05Z), seconds since "
			   "1970, or how long ago (2h)");
	case FLAG_ISSUER:
		out->issuer_file = value;
		return true;
	case FLAG_POLICY:
		out->policy = value;
		return true;
	case FLAGS:
		break;
	}
	return false;
}

/* `next` is the word after; *used tells whether it was this flag's value. */
static bool read_flag(const char *word, const char *next, bool *used, time_t now,
    struct policy_request *out, char message[MESSAGE_MAX])
{
	const char *value = NULL;
	unsigned flag;

	for (flag = 0; flag < FLAGS; flag++)
		if (flag_named(word, flag_names[flag], &value))
			break;
	if (flag == FLAGS)
		return wrong(message, word, "no such flag");
	if (out->act != POLICY_TEST)
		return wrong(message, word, "is a flag of policy test alone");
	*used = !value;
	value = value ? value : next;
	if (!value || !*value)
		return wrong(message, word, "needs a value");
	return take_value((enum flag)flag, value, now, out, message);
}

static bool read_act(const char *word, enum policy_act *out)
{
	static const char *const names[] = { "check", "explain", "test" };
	unsigned act;

	for (act = POLICY_CHECK; act <= POLICY_TEST; act++)
		if (strcmp(word, names[act]) == 0) {
			*out = (enum policy_act)act;
			return true;
		}
	return false;
}

static bool is_whole(const struct policy_request *request, char message[MESSAGE_MAX])
{
	if (request->act != POLICY_TEST)
		return true;
	if (request->ca == CA_COUNT)
		return wrong(message, "policy test", "needs --ca CA");
	if (request->document == DOCUMENT_COUNT)
		return wrong(message, "policy test", "needs --document TYPE");
	return request->document_file ||
	       wrong(message, "policy test", "needs the FILE with the document");
}

bool policy_request_read(const char *const *words, unsigned count, time_t now,
    struct policy_request *out, char message[MESSAGE_MAX])
{
	const char **file;
	bool used;
	unsigned i;

	*out = (struct policy_request){
		.ca = CA_COUNT, .document = DOCUMENT_COUNT, .now = now
	};
	if (count == 0)
		return wrong(message, "policy", "what, check, explain or test?");
	if (!read_act(words[0], &out->act))
		return wrong(message, words[0], "is neither check, explain nor test");
	file = out->act == POLICY_TEST ? &out->document_file : &out->policy;
	for (i = 1; i < count; i++) {
		used = false;
		if (words[i][0] == '-') {
			if (!read_flag(words[i], i + 1 < count ? words[i + 1] : NULL,
				&used, now, out, message))
				return false;
		} else if (*file) {
			return wrong(message, words[i], "one FILE is enough");
		} else {
			*file = words[i];
		}
		i += used ? 1 : 0;
	}
	if (!out->policy)
		out->policy = POLICY_FILE;
	return is_whole(out, message);
}
