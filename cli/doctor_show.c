/* The doctor's findings for people. */
#include "cli/doctor.h"
#include "cli/status_table.h"
#include "cli/table.h"

#include <stdbool.h>

static struct table table;

static const cJSON *list(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

static const char *text(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static bool is_true(const cJSON *object, const char *name)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static const char *verdict(const cJSON *object)
{
	return is_true(object, "kept") ? "ok" : "BROKEN";
}

static void show_process(const cJSON *process, FILE *out)
{
	const cJSON *finding, *pid = list(process, "pid");
	const char *socket = text(process, "socket");

	fprintf(out, "%s, pid %d%s%s\n", text(process, "role"),
	    cJSON_IsNumber(pid) ? pid->valueint : 0, socket ? ", socket " : "",
	    socket ? socket : "");
	table_start(&table, 4);
	table_head(&table, (const char *[]){ "what", "promised", "kernel says", "" });
	cJSON_ArrayForEach(finding, list(process, "findings"))
	{
		table_add(&table,
		    (const char *[]){ text(finding, "what"), text(finding, "promised"),
			text(finding, "found"), verdict(finding) });
	}
	table_print(&table, out);
	fputc('\n', out);
}

static void show_credentials(const cJSON *seen, FILE *out)
{
	const cJSON *credentials = list(seen, "credentials");

	if (!credentials)
		return;
	table_start(&table, 2);
	status_add_credentials(credentials, &table);
	table_print(&table, out);
	fputc('\n', out);
}

static void show_features(const cJSON *seen, FILE *out)
{
	const cJSON *feature;
	const char *need, *present;

	table_start(&table, 3);
	table_head(&table, (const char *[]){ "feature", "privyseal", "this kernel" });
	cJSON_ArrayForEach(feature, list(seen, "features"))
	{
		need = is_true(feature, "required") ? "requires it"
						    : "uses it where present";
		present = is_true(feature, "present") ? "present" : "absent";
		table_add(
		    &table, (const char *[]){ text(feature, "name"), need, present });
	}
	table_print(&table, out);
	fputc('\n', out);
}

static void show_twins(const cJSON *seen, FILE *out)
{
	const cJSON *twin;

	table_start(&table, 4);
	table_head(
	    &table, (const char *[]){ "forbidden act", "expected", "what happened", "" });
	cJSON_ArrayForEach(twin, list(seen, "twins"))
	{
		table_add(
		    &table, (const char *[]){ text(twin, "name"), text(twin, "expected"),
				text(twin, "happened"), verdict(twin) });
	}
	table_print(&table, out);
	fputc('\n', out);
}

void doctor_show(const cJSON *seen, FILE *out)
{
	const cJSON *entry;
	int broken = cJSON_GetArraySize(list(seen, "broken"));

	cJSON_ArrayForEach(entry, list(seen, "processes"))
	{
		show_process(entry, out);
	}
	show_credentials(seen, out);
	show_features(seen, out);
	if (list(seen, "twins"))
		show_twins(seen, out);
	else
		fprintf(out,
		    "Self-tested, since /proc does not show it: each process tries at "
		    "its start that\n"
		    "Landlock holds; at every start of privyseald some forbidden acts "
		    "are tried by\n"
		    "sealed twins, and all of them by privyseal doctor --probe.\n\n");
	cJSON_ArrayForEach(entry, list(seen, "broken"))
	{
		table_start(&table, 1);
		table_add(&table, (const char *[]){ cJSON_GetStringValue(entry) });
		fputs("BROKEN: ", out);
		table_print(&table, out);
	}
	if (broken == 0)
		fprintf(out, "Every promise that was looked at is kept.\n");
	else
		fprintf(out, "%d broken.\n", broken);
}
