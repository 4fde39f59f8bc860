/* JSON for programs, in plain ASCII, so that a terminal that shows it stays as it is. */
#ifndef CLI_JSON_PRINT_H
#define CLI_JSON_PRINT_H

#include <cjson/cJSON.h>
#include <stdio.h>

/* Indented, with a newline at its end. */
void json_print(const cJSON *value, FILE *out);

#endif
