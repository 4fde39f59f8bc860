/* What `privyseal credentials` shows; never a secret. Members that memory was too short
 * for are missing. */
#include "broker/credentials_parts.h"
#include "broker/clocks.h"

#include <string.h>

static void add_text(cJSON *object, const char *name, const char *text)
{
	if (text[0] != '\0')
		cJSON_AddStringToObject(object, name, text);
}

static void add_set(cJSON *report, const struct credentials *credentials)
{
	const struct aws_credentials *now = &credentials->now;

	if (!now->secret)
		return;
	add_text(report, "access_key_id", now->access_key_id);
	cJSON_AddBoolToObject(report, "session", now->token != NULL);
	if (now->expires != INT64_MAX)
		cJSON_AddNumberToObject(report, "expires", (double)now->expires);
}

/* Are there some to sign with? As credentials_now(). */
static bool is_usable(const struct credentials *credentials)
{
	const struct aws_credentials *now = &credentials->now;

	return now->secret && clock_boot_ns() >= credentials->shunned_ns &&
	       (now->expires > clock_wall_seconds() || credentials->stale);
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

cJSON *credentials_report(const struct credentials *credentials)
{
	cJSON *report = cJSON_CreateObject(), *list, *item;
	const uint64_t now = clock_boot_ns();
	unsigned i;

	cJSON_AddBoolToObject(report, "usable", is_usable(credentials));
	cJSON_AddStringToObject(report, "state", state_of(credentials));
	if (credentials->source)
		cJSON_AddStringToObject(report, "source", credentials->source);
	add_set(report, credentials);
	add_text(report, "account", credentials->account);
	add_text(report, "identity", credentials->arn);
	add_text(report, "role_arn", credentials->role_arn);
	add_text(report, "role", credentials->metadata.role);
	if (credentials->source && credentials->due_ns != UINT64_MAX)
		cJSON_AddNumberToObject(report, "next_refresh",
		    (double)(clock_wall_seconds() +
			     (credentials->due_ns > now
				     ? (int64_t)((credentials->due_ns - now) / SECOND_NS)
				     : 0)));
	if (credentials->failures > 0)
		cJSON_AddNumberToObject(report, "failures", credentials->failures);
	add_text(report, "why", credentials->why);
	list = cJSON_AddArrayToObject(report, "tried");
	for (i = 0; i < credentials->tried_count; i++) {
		item = cJSON_CreateObject();
		cJSON_AddStringToObject(item, "source", credentials->tried[i].source);
		cJSON_AddStringToObject(item, "why", credentials->tried[i].why);
		cJSON_AddItemToArray(list, item);
	}
	return report;
}
