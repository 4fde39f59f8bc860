/* The words after `privyseal policy`; policy_command.h has the contract. */
#include "cli/audit.h"
#include "cli/policy_command.h"
#include "cli/words.h"

#include <string.h>

enum flag {
	FLAG_CA,
	FLAG_DOCUMENT,
	FLAG_CLIENT,
	FLAG_AT,
	FLAG_ISSUER,
	FLAG_POLICY,
	FLAGS
};

static const char *const acts[] = { [POLICY_CHECK] = "check",
	[POLICY_EXPLAIN] = "explain",
	[POLICY_TEST] = "test",
	NULL };

static const struct words_flag flags[FLAGS] = {
	[FLAG_CA] = { "--ca", ACT(POLICY_TEST) },
	[FLAG_DOCUMENT] = { "--document", ACT(POLICY_TEST) },
	[FLAG_CLIENT] = { "--client", ACT(POLICY_TEST) },
	[FLAG_AT] = { "--at", ACT(POLICY_TEST) },
	[FLAG_ISSUER] = { "--issuer", ACT(POLICY_TEST) },
	[FLAG_POLICY] = { "--policy", ACT(POLICY_TEST) },
};

static const struct words_form form = { "policy", acts, flags, FLAGS };

static bool wrong(char message[MESSAGE_MAX], const char *word, const char *why)
{
	return words_wrong(&form, message, word, why);
}

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

static bool read_test(const struct words *words, time_t now, struct policy_request *out,
    char message[MESSAGE_MAX])
{
	const char *ca = words->value[FLAG_CA], *document = words->value[FLAG_DOCUMENT],
		   *at = words->value[FLAG_AT];

	if ((ca && !words_ca(&form, message, ca, &out->ca)) ||
	    (document && !words_document(&form, message, document, &out->document)))
		return false;
	if (at && !read_time(at, now, &out->now))
		return wrong(message, at, AUDIT_TIME_FORMS);
	if (!ca)
		return wrong(message, "policy test", "needs --ca CA");
	if (!document)
		return wrong(message, "policy test", "needs --document TYPE");
	return out->document_file ||
	       wrong(message, "policy test", "needs the FILE with the document");
}

bool policy_request_read(const char *const *said, unsigned count, time_t now,
    struct policy_request *out, char message[MESSAGE_MAX])
{
	const char *file = NULL;
	struct words words = { .others = &file, .room = 1 };

	*out = (struct policy_request){
		.ca = CA_COUNT, .document = DOCUMENT_COUNT, .now = now
	};
	if (!words_read(&form, said, count, &words, message))
		return false;
	out->act = (enum policy_act)words.act;
	out->policy = out->act == POLICY_TEST ? words.value[FLAG_POLICY] : file;
	out->document_file = out->act == POLICY_TEST ? file : NULL;
	out->client = words.value[FLAG_CLIENT];
	out->issuer_file = words.value[FLAG_ISSUER];
	if (!out->policy)
		out->policy = POLICY_FILE;
	return out->act != POLICY_TEST || read_test(&words, now, out, message);
}
