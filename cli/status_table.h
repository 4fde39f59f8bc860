/* The two blocks of `privyseal status`. */
#ifndef CLI_STATUS_TABLE_H
#define CLI_STATUS_TABLE_H

#include <cjson/cJSON.h>
#include <stdio.h>

/* `result` is the answer to the method `status`, whatever it may hold. */
void status_print(const cJSON *result, FILE *out);

#endif
