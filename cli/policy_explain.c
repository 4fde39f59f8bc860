/*
 * privyseal policy explain: who may get what. It is made once, as JSON, and text is a
 * rendering of that. Widths are fixed, values sorted and lines not numbered (the JSON has
 * the numbers), so that two hosts whose policies say the same print the same, and a
 * change of one line is a change of one row.
 */
#include "cli/json_print.h"
#include "cli/policy_command.h"
#include "cli/policy_review.h"
#include "policy/duration.h"

#include <stdlib.h>
#include <string.h>

#define VALUES_MAX (POLICY_LINE_MAX / 2) /* a value and a blank each */

static void add_text(cJSON *to, const char *name, const char *text)
{
	if (text[0] == '\0')
		cJSON_AddNullToObject(to, name);
	else
		cJSON_AddStringToObject(to, name, text);
}

static cJSON *rate_of(const struct rate *rate)
{
	cJSON *out;

	if (rate->amount == 0)
		return cJSON_CreateNull();
	out = cJSON_CreateObject();
	cJSON_AddNumberToObject(out, "amount", rate->amount);
	cJSON_AddNumberToObject(out, "period", rate->period);
	cJSON_AddNumberToObject(out, "burst", rate->burst);
	return out;
}

static void add_pairs(cJSON *to, const char *list, const char *second,
    const char *const *names, const char *const *values, unsigned count)
{
	cJSON *out = cJSON_AddArrayToObject(to, list), *item;
	unsigned i;

	for (i = 0; i < count; i++) {
		item = cJSON_CreateObject();
		cJSON_AddStringToObject(item, "name", names[i]);
		cJSON_AddStringToObject(item, second, values[i]);
		cJSON_AddItemToArray(out, item);
	}
}

static cJSON *pins_of(const struct policy_pins *pins)
{
	cJSON *out = cJSON_CreateObject();

	add_text(out, "cluster", pins->cluster);
	add_text(out, "keystore", keystore_name(pins->keystore));
	add_text(out, "account", pins->account);
	add_text(out, "region", pins->region);
	add_text(out, "suite",
	    pins->suite == SUITE_UNSPECIFIED ? "" : suite_name(pins->suite));
	add_pairs(out, "tags", "value", pins->tag_name, pins->tag_value, pins->tags);
	add_pairs(out, "sockets", "group", pins->socket_name, pins->socket_group,
	    pins->sockets);
	return out;
}

static cJSON *ceilings_of(const struct policy *policy)
{
	cJSON *out = cJSON_CreateArray(), *item;
	struct rate per_second, per_day;
	unsigned ca;

	for (ca = 0; ca < CA_COUNT; ca++) {
		policy_ceiling(policy, (enum ca)ca, &per_second, &per_day);
		item = cJSON_CreateObject();
		cJSON_AddStringToObject(item, "ca", ca_name((enum ca)ca));
		cJSON_AddItemToObject(item, "per_second", rate_of(&per_second));
		cJSON_AddItemToObject(item, "per_day", rate_of(&per_day));
		cJSON_AddItemToArray(out, item);
	}
	return out;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static cJSON *values_of(const struct policy *policy, unsigned rule, enum fact fact)
{
	static const char *values[VALUES_MAX];
	int count = 0;

	while (count < VALUES_MAX && (values[count] = policy_rule_value(
					  policy, rule, fact, (unsigned)count)) != NULL)
		count++;
	qsort(values, (size_t)count, sizeof values[0], compare);
	return cJSON_CreateStringArray(values, count);
}

/* What the absence of a word, or of its values, stands for; NULL: that there is none. */
static const char *default_of(enum fact fact, bool has, bool deny)
{
	if (fact == FACT_WILDCARD_DNS && has && !deny)
		return "as dns";
	if (fact == FACT_CLIENT)
		return "any";
	if (fact == FACT_ISSUER)
		return "own";
	return has ? "any" : NULL;
}

/* Of a permit line all that its documents can have; of a deny line what it says. */
static cJSON *words_of(const struct policy *policy, unsigned rule, bool deny)
{
	cJSON *out = cJSON_CreateObject(), *values;
	unsigned number;

	for (number = 0; number < FACT_COUNT; number++) {
		enum fact fact = (enum fact)number;
		bool has = policy_rule_has(policy, rule, fact);

		if (!policy_word_has_values(fact) ||
		    (!has && (deny || !policy_rule_concerns(policy, rule, fact))))
			continue;
		values = values_of(policy, rule, fact);
		if (cJSON_GetArraySize(values) == 0 && default_of(fact, has, deny)) {
			cJSON_Delete(values);
			values = cJSON_CreateString(default_of(fact, has, deny));
		}
		cJSON_AddItemToObject(out, fact_name(fact), values);
	}
	return out;
}

static cJSON *rules_of(const struct policy *policy)
{
	cJSON *out = cJSON_CreateArray(), *row;
	struct rule_summary rule;
	unsigned i;

	for (i = 0; i < policy_rules(policy); i++) {
		rule = policy_rule(policy, i);
		row = cJSON_CreateObject();
		cJSON_AddNumberToObject(row, "line", rule.line);
		cJSON_AddStringToObject(row, "verdict", rule.deny ? "deny" : "permit");
		cJSON_AddStringToObject(row, "ca", rule.ca);
		cJSON_AddStringToObject(row, "document", rule.document);
		if (!rule.deny) {
			cJSON_AddNumberToObject(row, "ttl", (double)rule.ttl);
			cJSON_AddItemToObject(row, "rate", rate_of(&rule.rate));
		}
		cJSON_AddItemToObject(row, "words", words_of(policy, i, rule.deny));
		cJSON_AddItemToArray(out, row);
	}
	return out;
}

/* ---- as text ---- */

static const cJSON *member(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

static const char *text_of(const cJSON *object, const char *name)
{
	const char *text = cJSON_GetStringValue(member(object, name));

	return text ? text : "(not pinned)";
}

static uint64_t number_of(const cJSON *object, const char *name)
{
	return (uint64_t)cJSON_GetNumberValue(member(object, name));
}

/* Quoted where it could be taken for something else. */
static void print_value(const char *value, FILE *out)
{
	const char *at, *quote;

	if (value[0] != '\0' && value[strcspn(value, " ;\"()")] == '\0') {
		policy_print_escaped(value, strlen(value), out);
		return;
	}
	fputc('"', out);
	for (at = value; (quote = strchr(at, '"')) != NULL; at = quote + 1) {
		policy_print_escaped(at, (size_t)(quote - at), out);
		fputs("\\\"", out);
	}
	policy_print_escaped(at, strlen(at), out);
	fputc('"', out);
}

static void print_word(const cJSON *word, FILE *out)
{
	const char *stands_for = cJSON_GetStringValue(word);
	const cJSON *value;

	fputs(word->string, out);
	if (stands_for || !word->child)
		fprintf(out, " (%s)", stands_for ? stands_for : "none");
	cJSON_ArrayForEach(value, word)
	{
		fputc(' ', out);
		print_value(value->valuestring, out);
	}
	fputs(word->next ? "; " : "\n", out);
}

static void write_rate(const cJSON *rate, char out[64])
{
	const uint64_t period = number_of(rate, "period");
	const char unit = period == 1	   ? 's'
			  : period == 60   ? 'm'
			  : period == 3600 ? 'h'
					   : 'd';
	int n;

	n = snprintf(
	    out, 64, "%llu/%c", (unsigned long long)number_of(rate, "amount"), unit);
	if (number_of(rate, "burst") != number_of(rate, "amount"))
		snprintf(out + n, 64 - (size_t)n, " burst %llu",
		    (unsigned long long)number_of(rate, "burst"));
}

#define ROW "%-7s  %-9s  %-15s  %-6s  %-20s  "

static void print_rule(const cJSON *row, FILE *out)
{
	char ttl[24] = "-", rate[64] = "-";
	const cJSON *word, *words = member(row, "words");

	if (member(row, "ttl")) {
		duration_write(number_of(row, "ttl"), ttl);
		snprintf(rate, sizeof rate, "(ceiling)");
		if (cJSON_IsObject(member(row, "rate")))
			write_rate(member(row, "rate"), rate);
	}
	fprintf(out, ROW, text_of(row, "verdict"), text_of(row, "ca"),
	    text_of(row, "document"), ttl, rate);
	if (!words->child)
		fputs("(all)\n", out);
	cJSON_ArrayForEach(word, words)
	{
		print_word(word, out);
	}
}

static void print_pairs(
    const cJSON *list, const char *what, const char *second, FILE *out)
{
	const cJSON *item;

	if (!list->child)
		fprintf(out, "%-8s  (none)\n", what);
	cJSON_ArrayForEach(item, list)
	{
		fprintf(out, "%-8s  ", what);
		print_value(text_of(item, "name"), out);
		fputs("  ", out);
		print_value(text_of(item, second), out);
		fputc('\n', out);
	}
}

static void print_pins(const cJSON *pins, FILE *out)
{
	static const char *const names[] = { "cluster", "keystore", "account", "region",
		"suite" };
	size_t i;

	for (i = 0; i < sizeof names / sizeof names[0]; i++)
		fprintf(out, "%-8s  %s\n", names[i], text_of(pins, names[i]));
	print_pairs(member(pins, "tags"), "tag", "value", out);
	print_pairs(member(pins, "sockets"), "socket", "group", out);
}

static void print_ceiling(const cJSON *item, FILE *out)
{
	char per_second[64], per_day[64];

	write_rate(member(item, "per_second"), per_second);
	write_rate(member(item, "per_day"), per_day);
	fprintf(
	    out, "ceiling   %-9s  %-12s  %s\n", text_of(item, "ca"), per_second, per_day);
}

void policy_show_rules(const struct policy *policy, bool json, FILE *out)
{
	cJSON *all = cJSON_CreateObject();
	const cJSON *item;

	cJSON_AddItemToObject(all, "pins", pins_of(policy_pins(policy)));
	cJSON_AddItemToObject(all, "ceilings", ceilings_of(policy));
	cJSON_AddItemToObject(all, "rules", rules_of(policy));
	if (json) {
		json_print(all, out);
		cJSON_Delete(all);
		return;
	}
	print_pins(member(all, "pins"), out);
	cJSON_ArrayForEach(item, member(all, "ceilings"))
	{
		print_ceiling(item, out);
	}
	fputc('\n', out);
	fprintf(out, ROW "%s\n", "verdict", "ca", "document", "ttl", "rate", "words");
	cJSON_ArrayForEach(item, member(all, "rules"))
	{
		print_rule(item, out);
	}
	fprintf(out, ROW "%s\n", "deny", "*", "*", "-", "-", "(all)");
	cJSON_Delete(all);
}
