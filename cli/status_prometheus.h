/* The broker's report as Prometheus reads it: text exposition format 0.0.4. */
#ifndef CLI_STATUS_PROMETHEUS_H
#define CLI_STATUS_PROMETHEUS_H

#include <cjson/cJSON.h>
#include <stdio.h>

/* What the report does not have is left out. */
void metrics_print(const cJSON *report, FILE *out);

#endif
