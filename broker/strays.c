/* Key files without a CA; strays.h has the promises. */
#include "broker/strays.h"
#include "ipc/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NAME_TEXT  32 /* hex digits */
#define IDENTIFIER "software:"

struct sweep {
	struct broker *broker;
	struct failure *failure;
	bool good;
};

static bool is_key(const char *name, const char *suffix)
{
	return strspn(name, "0123456789abcdef") == NAME_TEXT &&
	       strcmp(name + NAME_TEXT, suffix) == 0;
}

static void see_key(void *found, const char *name)
{
	if (is_key(name, ".pem"))
		*(bool *)found = true;
}

bool strays_any(const struct broker *broker, bool *found, struct failure *failure)
{
	*found = false;
	return directory_list(&broker->keystore.keys, see_key, found, failure);
}

static bool is_named(const struct state *state, const char *identifier)
{
	const struct state_key *key;
	unsigned place;

	for (place = 0; (key = state_key_from(state, &place)); place++)
		if (strcmp(key->identifier, identifier) == 0)
			return true;
	return false;
}

static bool record_unused(struct broker *broker, const char *identifier)
{
	struct record_line *line = audit_log_begin(&broker->log, "key-unused");

	record_text(line, "key", identifier);
	return audit_log_end(&broker->log) != 0 && audit_log_commit(&broker->log);
}

static bool put_aside(struct sweep *sweep, const char *name)
{
	const struct directory *keys = &sweep->broker->keystore.keys;
	char identifier[sizeof IDENTIFIER + NAME_TEXT], aside[NAME_TEXT + 8];

	snprintf(identifier, sizeof identifier, IDENTIFIER "%.*s", NAME_TEXT, name);
	snprintf(aside, sizeof aside, "%.*s.unused", NAME_TEXT, name);
	if (is_named(&sweep->broker->state, identifier))
		return true;
	if (!record_unused(sweep->broker, identifier))
		return failure_say(sweep->failure, "the record can't be written");
	if (!file_rename(keys, name, aside, sweep->failure))
		return false;
	log_warning(
	    "keys/%s belongs to no CA and is now keys/%s: a crash while keys were "
	    "made left it, or state.json is older than it",
	    name, aside);
	return true;
}

static void sweep_one(void *context, const char *name)
{
	struct sweep *sweep = context;

	if (!sweep->good)
		return;
	if (is_key(name, ".pem"))
		sweep->good = put_aside(sweep, name);
	else if (is_key(name, ".pem.new")) /* never was a key of anything */
		sweep->good = file_rename(
		    &sweep->broker->keystore.keys, name, "abandoned", sweep->failure);
	else if (name[0] != '.' && strcmp(name, "abandoned") != 0 &&
		 !is_key(name, ".unused"))
		log_warning("keys/%s is no file of privyseal; who put it there?", name);
}

bool strays_put_aside(struct broker *broker, struct failure *failure)
{
	struct sweep sweep = { .broker = broker, .failure = failure, .good = true };

	return directory_list(&broker->keystore.keys, sweep_one, &sweep, failure) &&
	       sweep.good;
}
