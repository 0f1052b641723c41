/* cli/show/printer.h - what `tend up` writes, a line at a time, by a thread of its
 * own: a terminal that is stopped, or a pipe that nobody reads, holds up neither
 * the supervisor nor the tasks. What does not fit is lost and counted. */
#ifndef TEND_CLI_SHOW_PRINTER_H
#define TEND_CLI_SHOW_PRINTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct printer;
struct json_t;

enum printer_style { PRINT_PLAIN, PRINT_COLOUR, PRINT_JSON };

/* Starts writing to `fd`. `width` is that of the names. NULL: out of memory or
 * of threads. */
struct printer *printer_open(int fd, enum printer_style style, size_t width);

/* Writes "NAME | text", with the mark in place of the bar; as JSON
 * {"name", "from", "text"}, from "task" or "tend". Never blocks.
 *
 *   number    chooses the colour of the name; NULL is accepted as printer */
void printer_line(struct printer *p, const char *name, size_t number, char mark, const char *text,
                  size_t n);

/* Writes a document as a line, and gives it back. */
void printer_document(struct printer *p, struct json_t *document);

/* Waits until all is written, but not long, and frees it. False if it could not
 * be written; the thread then goes with the process. */
bool printer_close(struct printer *p);

#endif
