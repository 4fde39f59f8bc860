/* What `privyseal credentials`, `status` and `doctor` show; never a secret. Members that
 * memory was too short for are missing. */
#include "broker/credentials_parts.h"
#include "broker/clocks.h"

#include <stdio.h>

#define FAILURES_TOLD 3 /* in a row; fewer may be a moment's trouble */

/* Some of it is an endpoint's own words, which may be no text at all: as in aws_error.h
 * what is not printable becomes '?'. */
static void add_text(cJSON *object, const char *name, const char *text)
{
	char shown[FAILURE_TEXT_MAX], *at;

	snprintf(shown, sizeof shown, "%s", text);
	for (at = shown; *at != '\0'; at++)
		if (*at < ' ' || *at > '~')
			*at = '?';
	if (shown[0] != '\0')
		cJSON_AddStringToObject(object, name, shown);
}

/* Are there some to sign with? As credentials_now(). */
static bool is_usable(const struct credentials *credentials)
{
	const struct aws_credentials *now = &credentials->now;

	return now->secret && clock_boot_ns() >= credentials->shunned_ns &&
	       (now->expires > clock_wall_seconds() || credentials->stale);
}

bool credentials_failing(const struct credentials *credentials)
{
	const struct aws_credentials *now = &credentials->now;

	return !credentials->foreign &&
	       (credentials->failures >= FAILURES_TOLD ||
		   (now->secret && now->expires <= clock_wall_seconds()));
}

/* In which condition they are. */
static const char *state_of(const struct credentials *credentials)
{
	const struct aws_credentials *now = &credentials->now;
	const bool ended = now->expires <= clock_wall_seconds();

	if (!now->secret)
		return credentials->source ? "awaited" : "none";
	if (clock_boot_ns() < credentials->shunned_ns)
		return "refused by AWS";
	if (ended)
		return credentials->stale ? "expired, used until there are new ones"
					  : "expired";
	return credentials->failures > 0 ? "good, but not renewed" : "good";
}

static int64_t next_refresh(const struct credentials *credentials)
{
	const uint64_t now = clock_boot_ns(), due = credentials->due_ns;

	return clock_wall_seconds() +
	       (due > now ? (int64_t)((due - now) / SECOND_NS) : 0);
}

cJSON *credentials_summary(const struct credentials *credentials)
{
	const struct aws_credentials *now = &credentials->now;
	cJSON *report = cJSON_CreateObject();

	cJSON_AddBoolToObject(report, "usable", is_usable(credentials));
	cJSON_AddStringToObject(report, "state", state_of(credentials));
	if (credentials->source)
		cJSON_AddStringToObject(report, "source", credentials->source);
	add_text(report, "account", credentials->account);
	if (now->secret && now->expires != INT64_MAX)
		cJSON_AddNumberToObject(report, "expires", (double)now->expires);
	if (credentials->source && credentials->due_ns != UINT64_MAX)
		cJSON_AddNumberToObject(
		    report, "next_refresh", (double)next_refresh(credentials));
	add_text(report, "why", credentials->why);
	cJSON_AddNumberToObject(report, "failures", credentials->failures);
	cJSON_AddNumberToObject(report, "failures_total", (double)credentials->failed);
	if (credentials->failed > 0) {
		add_text(report, "last_failure", credentials->failure);
		cJSON_AddNumberToObject(
		    report, "last_failed", (double)credentials->failed_at);
	}
	return report;
}

cJSON *credentials_report(const struct credentials *credentials)
{
	const struct aws_credentials *now = &credentials->now;
	cJSON *report = credentials_summary(credentials), *list, *item;
	unsigned i;

	if (now->secret) {
		add_text(report, "access_key_id", now->access_key_id);
		cJSON_AddBoolToObject(report, "session", now->token != NULL);
	}
	add_text(report, "identity", credentials->arn);
	add_text(report, "role_arn", credentials->role_arn);
	add_text(report, "role", credentials->metadata.role);
	list = cJSON_AddArrayToObject(report, "tried");
	for (i = 0; i < credentials->tried_count; i++) {
		item = cJSON_CreateObject();
		cJSON_AddStringToObject(item, "source", credentials->tried[i].source);
		add_text(item, "why", credentials->tried[i].why);
		cJSON_AddItemToArray(list, item);
	}
	return report;
}
