/* cli/show/printer.h - the output of `tend up`, written line by line by a
 * thread of its own. A terminal that is stopped, or a pipe without a reader,
 * holds up neither the supervisor nor the tasks. Lines for which there is no
 * room are lost and counted. */
#ifndef TEND_CLI_SHOW_PRINTER_H
#define TEND_CLI_SHOW_PRINTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct printer;
struct json_t;

enum printer_style { PRINT_PLAIN, PRINT_COLOUR, PRINT_JSON };

/* Starts writing to `fd`. `width` is the width of the names. Returns NULL if
 * memory or threads have run out. */
struct printer *printer_open(int fd, enum printer_style style, size_t width);

/* Writes "NAME | text", with the mark in place of the bar; as JSON
 * {"name", "from", "text"}, from "task" or "tend". Never blocks.
 *
 *   p         may be NULL
 *   number    chooses the colour of the name
 *   mark      '|' a line of the task, '+' which continues the line before (as JSON,
 *             "continues": true), '*' a line of tend
 *   n         at most PRINT_LINE_MAX */
void printer_line(struct printer *p, const char *name, size_t number, char mark, const char *text,
                  size_t n);

/* Writes a document as a line, and takes the document. */
void printer_document(struct printer *p, struct json_t *document);

/* Waits until all is written, as long as the reader goes on reading, and frees the
 * printer. Returns false if something could not be written; the thread then ends with
 * the process. */
bool printer_close(struct printer *p);

#endif
