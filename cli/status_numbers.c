/* The broker's word: alerts for everyone, its numbers for root. */
#include "cli/status_table.h"
#include "cli/table.h"

#include <string.h>
#include <time.h>

static const cJSON *member(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

static double number(const cJSON *object, const char *name)
{
	const cJSON *item = member(object, name);

	return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

void status_print_alerts(const cJSON *alerts, struct table *table, FILE *out)
{
	static const char *const columns[] = { "severity", "audience", "id", "message" };
	static const char *const headings[] = { "severity", "audience", "alert",
		"message" };
	const cJSON *alert;
	const char *cells[4];
	unsigned i;

	if (cJSON_GetArraySize(alerts) == 0)
		return;
	fputc('\n', out);
	table_start(table, 4);
	table_head(table, headings);
	cJSON_ArrayForEach(alert, alerts)
	{
		for (i = 0; i < 4; i++)
			cells[i] = cJSON_GetStringValue(member(alert, columns[i]));
		table_add(table, cells);
	}
	table_print(table, out);
}

static double sum(const cJSON *list, const char *name)
{
	const cJSON *one;
	double total = 0;

	cJSON_ArrayForEach(one, list) total +=
	    name ? number(one, name) : cJSON_GetNumberValue(one);
	return total;
}

/* "7: principals 5, ttl 2" */
static void write_parts(
    const cJSON *counters, const char *total, const char *by, char out[TABLE_CELL_MAX])
{
	int length = snprintf(out, TABLE_CELL_MAX, "%.15g", number(counters, total));
	const char *before = ": ";
	const cJSON *one;

	cJSON_ArrayForEach(one, member(counters, by))
	{
		if (cJSON_GetNumberValue(one) == 0 || length >= TABLE_CELL_MAX)
			continue;
		length += snprintf(out + length, TABLE_CELL_MAX - (size_t)length,
		    "%s%s %.15g", before, one->string, cJSON_GetNumberValue(one));
		before = ", ";
	}
}

/* "12 times, mean 0.24 ms, at most 0.34 ms" */
static void write_times(const cJSON *histogram, char *out, size_t room)
{
	double count = sum(member(histogram, "buckets"), NULL);

	snprintf(out, room, "%.15g times, mean %.2f ms, at most %.2f ms", count,
	    count > 0 ? number(histogram, "sum") / count * 1e3 : 0,
	    number(histogram, "max") * 1e3);
}

static void add_keystores(const cJSON *counters, struct table *table)
{
	char text[TABLE_CELL_MAX], times[128];
	const char *name;
	const cJSON *one;

	cJSON_ArrayForEach(one, member(counters, "keystores"))
	{
		name = cJSON_GetStringValue(member(one, "store_type"));
		write_times(member(one, "execution"), times, sizeof times);
		snprintf(text, sizeof text, "%s: %s%s", name ? name : "", times,
		    cJSON_IsTrue(member(one, "available")) ? ""
							   : "; the last use failed");
		table_add(table, (const char *[]){ "Keystore:", text });
	}
}

static const char *text_of(const cJSON *object, const char *name)
{
	const char *text = cJSON_GetStringValue(member(object, name));

	return text ? text : "";
}

static const char *write_time(const cJSON *seconds, char out[32])
{
	struct tm when;
	time_t time;

	if (!cJSON_IsNumber(seconds) || !(seconds->valuedouble >= 0) ||
	    seconds->valuedouble > 1e11)
		return "never";
	time = (time_t)seconds->valuedouble;
	strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&time, &when));
	return out;
}

void status_add_credentials(const cJSON *credentials, struct table *table)
{
	char text[TABLE_CELL_MAX], end[32], next[32], last[32];

	if (!credentials)
		return;
	snprintf(text, sizeof text, "%s: %s; account %s", text_of(credentials, "source"),
	    text_of(credentials, "state"), text_of(credentials, "account"));
	table_add(table, (const char *[]){ "Credentials:", text });
	snprintf(text, sizeof text, "end %s, next look %s",
	    write_time(member(credentials, "expires"), end),
	    write_time(member(credentials, "next_refresh"), next));
	table_add(table, (const char *[]){ "", text });
	if (number(credentials, "failures_total") == 0)
		return;
	snprintf(text, sizeof text, "%.15g failures, the last at %s: %s",
	    number(credentials, "failures_total"),
	    write_time(member(credentials, "last_failed"), last),
	    text_of(credentials, "last_failure"));
	table_add(table, (const char *[]){ "", text });
}

static void add_sockets(const cJSON *sockets, struct table *table)
{
	char text[TABLE_CELL_MAX];
	const char *name;
	const cJSON *one;

	cJSON_ArrayForEach(one, sockets)
	{
		name = cJSON_GetStringValue(member(one, "socket"));
		/* Nothing is at the place of --stdio, unless it is used. */
		if (number(one, "workers") + number(one, "lost") == 0)
			continue;
		snprintf(text, sizeof text,
		    "%s: %.15g serve, %.15g restarts, %.15g requests in flight%s",
		    name ? name : "", number(one, "workers"), number(one, "lost"),
		    number(one, "in_flight"),
		    cJSON_IsTrue(member(one, "breaker_open"))
			? "; closed after too many refusals"
			: "");
		table_add(table, (const char *[]){ "Workers:", text });
	}
}

void status_print_numbers(const cJSON *result, struct table *table, FILE *out)
{
	const cJSON *counters = member(result, "counters"),
		    *record = member(result, "record");
	char text[TABLE_CELL_MAX], times[128];

	if (!counters)
		return;
	fputc('\n', out);
	table_start(table, 2);
	snprintf(text, sizeof text, "%.15g of %.15g permitted",
	    number(counters, "signed"), sum(member(counters, "permits"), "count"));
	table_add(table, (const char *[]){ "Signed:", text });
	write_parts(counters, "refused", "refused_by", text);
	table_add(table, (const char *[]){ "Refused:", text });
	write_parts(counters, "unavailable", "unavailable_by", text);
	table_add(table, (const char *[]){ "Not served:", text });
	write_times(member(counters, "queue"), text, sizeof text);
	table_add(table, (const char *[]){ "Queue:", text });
	add_keystores(counters, table);
	write_times(member(record, "sync"), times, sizeof times);
	snprintf(text, sizeof text, "%.15g lines; synced %s", number(record, "sequence"),
	    times);
	table_add(table, (const char *[]){ "Record:", text });
	add_sockets(member(result, "sockets"), table);
	status_add_credentials(member(result, "credentials"), table);
	table_print(table, out);
}
