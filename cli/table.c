/* table.h has the contract. */
#include "cli/table.h"
#include "ipc/log.h"

#include <string.h>

void table_start(struct table *table, unsigned columns)
{
	table->columns = columns < TABLE_COLUMNS_MAX ? columns : TABLE_COLUMNS_MAX;
	table->rows = table->left_out = 0;
}

void table_add(struct table *table, const char *const *texts)
{
	const char *text;
	unsigned i;

	if (table->rows == TABLE_ROWS_MAX) {
		table->left_out++;
		return;
	}
	for (i = 0; i < table->columns; i++) {
		text = texts[i] ? texts[i] : "";
		log_escape(
		    table->cells[table->rows][i], TABLE_CELL_MAX, text, strlen(text));
	}
	table->rows++;
}

void table_head(struct table *table, const char *const *headings)
{
	static const char dashes[] = "--------------------------------";
	const char *under[TABLE_COLUMNS_MAX] = { 0 };
	size_t length;
	unsigned i;

	for (i = 0; i < table->columns; i++) {
		length = strlen(headings[i]);
		under[i] =
		    dashes + (length < sizeof dashes ? sizeof dashes - 1 - length : 0);
	}
	table_add(table, headings);
	table_add(table, under);
}

static int width(const struct table *table, unsigned column)
{
	size_t widest = 0, length;
	unsigned row;

	for (row = 0; row < table->rows; row++) {
		length = strlen(table->cells[row][column]);
		widest = length > widest ? length : widest;
	}
	return (int)widest;
}

void table_print(const struct table *table, FILE *out)
{
	int widths[TABLE_COLUMNS_MAX] = { 0 };
	unsigned row, i;

	for (i = 0; i + 1 < table->columns; i++)
		widths[i] = width(table, i);
	for (row = 0; row < table->rows; row++) {
		for (i = 0; i + 1 < table->columns; i++)
			fprintf(out, "%-*s  ", widths[i], table->cells[row][i]);
		fprintf(out, "%s\n", table->cells[row][i]);
	}
	if (table->left_out > 0)
		fprintf(out, "(%u more rows)\n", table->left_out);
}
