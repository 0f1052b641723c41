/* cli/show/output.h - how a command writes to stdout. */
#ifndef TEND_CLI_SHOW_OUTPUT_H
#define TEND_CLI_SHOW_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Prepares standard output and error, before anything is written: each write waits until
 * the reader has taken the bytes, also where the descriptor does not block, and a closed
 * descriptor still refuses each write. Returns false on failure. */
bool output_open(void);

/* Returns true if standard output shows colours. */
bool output_colour(void);

/* Writes all bytes, however slow the reader is. Returns false on failure. */
bool output_write(int fd, const char *bytes, size_t n);

/* Writes a document on one line to stdout. Returns false on failure. */
bool output_json(const json_t *document);

/* Prints text of a program in a form that is safe on a terminal. */
void output_text(const char *text);

/* Flushes stdout of a command that goes on. Ends the process if stdout could not be written,
 * or if its reader has left, which else only the next line would tell. */
void output_live(void);

/* Flushes stdout. Returns `code`, or 1 with a message if stdout could not be
 * written. */
int output_end(int code);

#endif
