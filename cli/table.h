/* Columns for people: what is put in is escaped, so that no cell can move the cursor. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdio.h>

#define TABLE_COLUMNS_MAX 7
#define TABLE_ROWS_MAX	  512
#define TABLE_CELL_MAX	  256

struct table {
	unsigned columns;
	unsigned rows;
	unsigned left_out; /* rows for which there was no room */
	char cells[TABLE_ROWS_MAX][TABLE_COLUMNS_MAX][TABLE_CELL_MAX];
};

void table_start(struct table *table, unsigned columns);
/* `columns` texts; NULL is an empty cell. */
void table_add(struct table *table, const char *const *texts);
/* The headings are a first row and a row of dashes; NULL: none. */
void table_head(struct table *table, const char *const *headings);
void table_print(const struct table *table, FILE *out);

#endif
