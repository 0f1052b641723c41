/* cli/show/report.h - how a stop ended. */
#ifndef TEND_CLI_SHOW_REPORT_H
#define TEND_CLI_SHOW_REPORT_H

#include <jansson.h>

/* Prints the `data` of `tend down`. */
void report_print(const json_t *data, const char *name);

#endif
