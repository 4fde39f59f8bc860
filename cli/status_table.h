/* The blocks of `privyseal status`. */
#ifndef CLI_STATUS_TABLE_H
#define CLI_STATUS_TABLE_H

#include "cli/table.h"

#include <cjson/cJSON.h>
#include <stdio.h>

/* `result` is the answer to the method `status`, whatever it may hold. */
void status_print(const cJSON *result, FILE *out);

/* status_numbers.c: nothing where there are none. `table` is only for working in. */
void status_print_alerts(const cJSON *alerts, struct table *table, FILE *out);
void status_print_numbers(const cJSON *result, struct table *table, FILE *out);
/* Rows of two columns of the broker's AWS credentials, where it has any. */
void status_add_credentials(const cJSON *credentials, struct table *table);

#endif
