/* `privyseal keys`: the cluster's keys in AWS KMS, and the deletion of unused ones, which
 * the broker looks at and does. */
#include "cli/admin_ask.h"
#include "cli/cli.h"
#include "cli/json_print.h"
#include "cli/table.h"
#include "ipc/log.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define COLUMNS	    7
#define ANSWER_TIME 180000 /* milliseconds; the broker gives up before that */

static const cJSON *member(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

static const char *text_of(const cJSON *object, const char *name)
{
	const char *text = cJSON_GetStringValue(member(object, name));

	return text ? text : "";
}

static bool is_unused(const cJSON *key)
{
	return strcmp(text_of(key, "use"), "unused") == 0;
}

/* The ARNs of the unused keys, a line each, in `out`. How many. */
static unsigned choose(const cJSON *report, char out[OP_CHOSEN_MAX])
{
	const cJSON *key;
	size_t used = 0, length;
	unsigned count = 0;

	cJSON_ArrayForEach(key, member(report, "keys"))
	{
		length = strlen(text_of(key, "key"));
		if (!is_unused(key) || used + length + 2 > OP_CHOSEN_MAX)
			continue;
		used += (size_t)snprintf(
		    out + used, OP_CHOSEN_MAX - used, "%s\n", text_of(key, "key"));
		count++;
	}
	out[used] = '\0';
	return count;
}

static cJSON *ask(const struct arguments *arguments, const char *chosen)
{
	static uint8_t bytes[FRAME_MAX + 1], asked[OP_CHOSEN_MAX + 64];
	struct frame_writer writer;
	struct frame answer;
	cJSON *report;

	frame_begin(&writer, asked, sizeof asked, OP_ADMIN_KEYS, 1);
	frame_put(&writer, chosen, strlen(chosen));
	if (!admin_exchange_within(ANSWER_TIME, arguments->runtime_directory, asked,
		frame_end(&writer), OP_ADMIN_REPORT, bytes, &answer))
		return NULL;
	report = cJSON_ParseWithLength(
	    (const char *)frame_bytes(&answer, 0), frame_length(&answer, 0));
	if (!report)
		log_error("the broker's report is no JSON");
	return report;
}

/* ---- for people ---- */

static void add_key(struct table *table, const cJSON *key)
{
	const double seconds = cJSON_GetNumberValue(member(key, "created"));
	const char *outcome = text_of(key, "outcome");
	char created[32] = "", use[96];
	struct tm when;
	time_t time;

	if (seconds > 0 && seconds < 1e11) {
		time = (time_t)seconds;
		strftime(created, sizeof created, "%Y-%m-%dT%H:%M:%SZ",
		    gmtime_r(&time, &when));
	}
	snprintf(use, sizeof use, "%.48s%s%.32s", text_of(key, "use"),
	    outcome[0] ? ", deletion " : "", outcome);
	table_add(table, (const char *const[COLUMNS]){ text_of(key, "key"),
			     text_of(key, "ca"), text_of(key, "purpose"),
			     text_of(key, "spec"), text_of(key, "state"), created, use });
}

static void print_keys(const cJSON *report, bool unused)
{
	static const char *const head[COLUMNS] = { "key", "ca", "purpose", "spec",
		"state", "created", "use" };
	static struct table table;
	const cJSON *key;

	table_start(&table, COLUMNS);
	table_head(&table, head);
	cJSON_ArrayForEach(key, member(report, "keys")) if (!unused || is_unused(key))
	    add_key(&table, key);
	table_print(&table, stdout);
	if (cJSON_GetNumberValue(member(report, "more")) > 0)
		printf("and %.0f more, which are not looked at\n",
		    cJSON_GetNumberValue(member(report, "more")));
}

/* Logs what is not as it should be. */
static bool is_well(const cJSON *report)
{
	const char *failure = text_of(report, "failure"),
		   *other = text_of(report, "other_instance");
	char escaped[LOG_LINE_MAX];
	const cJSON *missing;

	cJSON_ArrayForEach(missing, member(report, "missing"))
	{
		log_escape(escaped, sizeof escaped, missing->valuestring,
		    strlen(missing->valuestring));
		log_error("a CA's key is not among the account's keys that have the "
			  "cluster's tag: %s",
		    escaped);
	}
	if (other[0] != '\0') {
		log_escape(escaped, sizeof escaped, other, strlen(other));
		log_warning("another privyseal, instance %s, has keys for this cluster "
			    "in this account",
		    escaped);
	}
	if (failure[0] != '\0') {
		log_escape(escaped, sizeof escaped, failure, strlen(failure));
		log_error("%s", escaped);
	}
	return failure[0] == '\0' && cJSON_GetArraySize(member(report, "missing")) == 0;
}

/* ---- the commands ---- */

static enum exit_status list(const struct arguments *arguments)
{
	cJSON *report = ask(arguments, "");
	bool well;

	if (!report || !seal_command())
		return EXIT_REFUSED;
	if (arguments->json)
		json_print(report, stdout);
	else if (member(report, "keys"))
		print_keys(report, false);
	well = is_well(report);
	cJSON_Delete(report);
	return well ? EXIT_DONE : EXIT_REFUSED;
}

/* The broker looks again, and deletes no key that is not shown here. */
static bool delete_shown(const struct arguments *arguments, const char *chosen)
{
	cJSON *report = ask(arguments, chosen);
	bool well;

	if (!report)
		return false;
	if (arguments->json)
		json_print(report, stdout);
	else if (member(report, "keys")) {
		printf("\n");
		print_keys(report, false);
	}
	well = is_well(report);
	cJSON_Delete(report);
	return well;
}

static enum exit_status delete_unused(const struct arguments *arguments, bool yes)
{
	static char chosen[OP_CHOSEN_MAX];
	cJSON *report = ask(arguments, "");
	unsigned count;
	bool well;

	if (!report)
		return EXIT_REFUSED;
	well = is_well(report);
	count = choose(report, chosen);
	if (well && !arguments->json && count > 0) {
		printf("%u unused key%s %s deleted in 7 days, if nobody cancels that:\n",
		    count, count == 1 ? "" : "s", yes ? "will be" : "would be");
		print_keys(report, true);
	} else if (well && !arguments->json)
		printf("there is no unused key\n");
	if (well && arguments->json && (!yes || count == 0))
		json_print(report, stdout);
	if (well && count > 0 && yes)
		well = fflush(stdout) == 0 && delete_shown(arguments, chosen);
	else if (well && count > 0 && !arguments->json)
		printf("nothing is deleted without --yes\n");
	cJSON_Delete(report);
	return well ? EXIT_DONE : EXIT_REFUSED;
}

enum exit_status command_keys(const struct arguments *arguments)
{
	static char buffer[65536];
	const char *const *words = arguments->words;
	const unsigned count = arguments->words_count;
	const bool yes = count == 2 && strcmp(words[1], "--yes") == 0;
	const bool deletes = count > 0 && strcmp(words[0], "delete-unused") == 0;

	setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
	if (!(deletes && (count == 1 || yes)) &&
	    !(count == 1 && strcmp(words[0], "list") == 0)) {
		log_error("keys: say `keys list`, or `keys delete-unused [--yes]`");
		return EXIT_USAGE;
	}
	if (geteuid() != 0) {
		log_error("the broker tells root alone of its keys: run it as root");
		return EXIT_REFUSED;
	}
	return deletes ? delete_unused(arguments, yes) : list(arguments);
}
