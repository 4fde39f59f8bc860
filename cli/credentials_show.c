/* `privyseal credentials`: what the broker reports of its AWS credentials, for people. */
#include "cli/admin_ask.h"
#include "cli/cli.h"
#include "cli/json_print.h"
#include "ipc/log.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#define LABEL_WIDTH 14

static const cJSON *member(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* Some of it came from files and services of others. */
static void print_line(const char *label, const char *text)
{
	char escaped[LOG_LINE_MAX];

	if (!text)
		return;
	log_escape(escaped, sizeof escaped, text, strlen(text));
	printf("%-*s%s\n", label[0] == '-' ? 2 : LABEL_WIDTH, label, escaped);
}

static void print_time(const char *label, const cJSON *seconds)
{
	char text[32];
	struct tm when;
	time_t time;

	if (!cJSON_IsNumber(seconds) || seconds->valuedouble < 0 ||
	    seconds->valuedouble > 1e11)
		return;
	time = (time_t)seconds->valuedouble;
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&time, &when));
	print_line(label, text);
}

static void print_tried(const cJSON *tried)
{
	char line[LOG_LINE_MAX];
	const cJSON *one;

	if (cJSON_GetArraySize(tried) == 0)
		return;
	printf("\nlooked for before:\n");
	cJSON_ArrayForEach(one, tried)
	{
		snprintf(line, sizeof line, "%s: %s",
		    cJSON_GetStringValue(member(one, "source")),
		    cJSON_GetStringValue(member(one, "why")));
		print_line("-", line);
	}
}

static void print_report(const cJSON *report)
{
	static const struct {
		const char *label, *name;
	} texts[] = { { "source:", "source" }, { "state:", "state" },
		{ "because:", "why" }, { "access key:", "access_key_id" },
		{ "account:", "account" }, { "identity:", "identity" },
		{ "role:", "role" }, { "role ARN:", "role_arn" } };
	size_t i;

	for (i = 0; i < sizeof texts / sizeof texts[0]; i++)
		print_line(
		    texts[i].label, cJSON_GetStringValue(member(report, texts[i].name)));
	print_time("expires:", member(report, "expires"));
	print_time("next look:", member(report, "next_refresh"));
	print_time("last failure:", member(report, "last_failed"));
	print_line("", cJSON_GetStringValue(member(report, "last_failure")));
	print_tried(member(report, "tried"));
}

static bool is_usable(const cJSON *report)
{
	return cJSON_IsFalse(member(report, "used")) ||
	       cJSON_IsTrue(member(report, "usable"));
}

enum exit_status command_credentials(const struct arguments *arguments)
{
	static char buffer[65536];
	enum exit_status status;
	cJSON *report;

	setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
	if (geteuid() != 0) {
		log_error("the broker tells root alone of its credentials: run it as "
			  "root");
		return EXIT_REFUSED;
	}
	report = admin_ask(arguments->runtime_directory, OP_ADMIN_CREDENTIALS);
	if (!report || !seal_command())
		return EXIT_REFUSED;
	if (arguments->json)
		json_print(report, stdout);
	else if (cJSON_IsFalse(member(report, "used")))
		printf("no AWS credentials are used: the keystore is '%s'\n",
		    cJSON_GetStringValue(member(report, "keystore")));
	else
		print_report(report);
	status = is_usable(report) ? EXIT_DONE : EXIT_REFUSED;
	cJSON_Delete(report);
	return status;
}
