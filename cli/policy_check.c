/* privyseal policy check: what is wrong with a policy file, or odd about it. */
#include "cli/json_print.h"
#include "cli/policy_command.h"
#include "cli/policy_review.h"

#include <string.h>

void policy_print_error(const char *name, const struct policy_error *error, FILE *out)
{
	policy_print_escaped(name, strlen(name), out);
	/* What lacks in the file as a whole is told of at its beginning. */
	fprintf(out, ":%u:%u: ", error->line > 0 ? error->line : 1,
	    error->line > 0 ? error->column : 1);
	policy_print_escaped(error->text, strlen(error->text), out);
	fputc('\n', out);
}

static unsigned print_warnings(const struct policy *policy, const char *name, FILE *out)
{
	static struct policy_lint lint;
	struct policy_warning warning;
	unsigned count = 0;

	policy_lint_begin(&lint, policy);
	for (; policy_lint_next(&lint, &warning); count++) {
		policy_print_escaped(name, strlen(name), out);
		fprintf(out, ":%u: warning: ", warning.line);
		policy_print_escaped(warning.text, strlen(warning.text), out);
		fputc('\n', out);
	}
	return count;
}

static void add_place(cJSON *to, unsigned line, const char *text)
{
	cJSON_AddNumberToObject(to, "line", line);
	cJSON_AddStringToObject(to, "text", text);
}

static void print_json(const struct policy *policy, const char *name,
    const struct policy_error *error, FILE *out)
{
	static struct policy_lint lint;
	struct policy_warning warning;
	cJSON *report = cJSON_CreateObject(), *list, *item;

	cJSON_AddStringToObject(report, "file", name);
	cJSON_AddBoolToObject(report, "good", policy != NULL);
	if (policy) {
		cJSON_AddNumberToObject(report, "rules", policy_rules(policy));
		list = cJSON_AddArrayToObject(report, "warnings");
		policy_lint_begin(&lint, policy);
		while (policy_lint_next(&lint, &warning)) {
			item = cJSON_CreateObject();
			add_place(item, warning.line, warning.text);
			cJSON_AddItemToArray(list, item);
		}
	} else {
		item = cJSON_AddObjectToObject(report, "error");
		add_place(item, error->line, error->text);
		cJSON_AddNumberToObject(item, "column", error->column);
	}
	json_print(report, out);
	cJSON_Delete(report);
}

void policy_show_check(const struct policy *policy, const char *name,
    const struct policy_error *error, bool json, FILE *out)
{
	unsigned warnings, rules;

	if (json) {
		print_json(policy, name, error, out);
		return;
	}
	if (!policy) {
		policy_print_error(name, error, out);
		return;
	}
	warnings = print_warnings(policy, name, out);
	rules = policy_rules(policy);
	fprintf(out, "%u rule%s, %u warning%s\n", rules, rules == 1 ? "" : "s", warnings,
	    warnings == 1 ? "" : "s");
}
