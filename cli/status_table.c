/*
 * The layout is Teleport's: one row per key, an authority's name and rotation on its
 * first row alone, rows in the order of their words, so that SSH goes before TLS and
 * active before trusted.
 */
#include "cli/status_table.h"
#include "cli/rotation.h"
#include "cli/table.h"

#include <stdlib.h>
#include <string.h>

#define KEYS_MAX 64

static const char *text_of(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static void print_head(const cJSON *result, struct table *table, FILE *out)
{
	const cJSON *pin;
	const char *label = "CA pins:";

	table_start(table, 2);
	table_add(table, (const char *[]){ "Cluster:", text_of(result, "cluster") });
	table_add(table, (const char *[]){ "Version:", text_of(result, "version") });
	cJSON_ArrayForEach(pin, cJSON_GetObjectItemCaseSensitive(result, "ca_pins"))
	{
		table_add(table, (const char *[]){ label, cJSON_GetStringValue(pin) });
		label = "";
	}
	table_print(table, out);
}

static const char *const columns[] = { "protocol", "status", "algorithm", "storage" };

static int compare(const void *a, const void *b)
{
	const cJSON *const *left = a, *const *right = b;
	const char *one, *other;
	size_t i;
	int order = 0;

	for (i = 0; i < sizeof columns / sizeof columns[0] && order == 0; i++) {
		one = text_of(*left, columns[i]);
		other = text_of(*right, columns[i]);
		order = strcmp(one ? one : "", other ? other : "");
	}
	return order;
}

static void describe_rotation(const cJSON *rotation, char out[TABLE_CELL_MAX])
{
	const struct rotation_record record = { .state = text_of(rotation, "state"),
		.phase = text_of(rotation, "phase"),
		.mode = text_of(rotation, "mode"),
		.started = text_of(rotation, "started"),
		.last_rotated = text_of(rotation, "last_rotated"),
		.grace_period = text_of(rotation, "grace_period") };

	rotation_text(&record, out, TABLE_CELL_MAX);
}

static void add_authority(const cJSON *authority, struct table *table)
{
	const cJSON *key, *keys[KEYS_MAX];
	char rotation[TABLE_CELL_MAX];
	size_t count = 0, i;

	describe_rotation(
	    cJSON_GetObjectItemCaseSensitive(authority, "rotation"), rotation);
	cJSON_ArrayForEach(key, cJSON_GetObjectItemCaseSensitive(authority, "keys"))
	{
		if (count < KEYS_MAX)
			keys[count++] = key;
	}
	if (count == 0)
		table_add(table, (const char *[]){ text_of(authority, "type"), rotation,
				     "no keys were found", "", "", "" });
	else
		qsort(keys, count, sizeof keys[0], compare);
	for (i = 0; i < count; i++)
		table_add(
		    table, (const char *[]){ i ? "" : text_of(authority, "type"),
			       i ? "" : rotation, text_of(keys[i], columns[0]),
			       text_of(keys[i], columns[1]), text_of(keys[i], columns[2]),
			       text_of(keys[i], columns[3]) });
}

void status_print(const cJSON *result, FILE *out)
{
	static struct table table;
	const cJSON *authority;

	print_head(result, &table, out);
	fputc('\n', out);
	table_start(&table, 6);
	table_head(&table, (const char *[]){ "authority", "rotation", "protocol",
			       "status", "algorithm", "storage" });
	cJSON_ArrayForEach(
	    authority, cJSON_GetObjectItemCaseSensitive(result, "authorities"))
	    add_authority(authority, &table);
	table_print(&table, out);
	status_print_numbers(result, &table, out);
	status_print_alerts(
	    cJSON_GetObjectItemCaseSensitive(result, "alerts"), &table, out);
}
