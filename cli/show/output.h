/* cli/show/output.h - what a command writes to stdout. */
#ifndef TEND_CLI_SHOW_OUTPUT_H
#define TEND_CLI_SHOW_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes a document on one line to stdout; answers false if it could not. */
bool output_json(const json_t *document);

/* Prints text of a program so that it is safe on a terminal. */
void output_text(const char *text);

/* "3.2s", "4m10s". */
void output_age(char *buf, size_t size, uint64_t ns);

/* Flushes stdout; answers `code`, or 1 with a message if it could not be written. */
int output_end(int code);

#endif
