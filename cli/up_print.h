/* cli/up_print.h - what `tend up` writes, a line at a time, by a thread of its
 * own: a terminal that is stopped, or a pipe that nobody reads, holds up neither
 * the supervisor nor the tasks. What does not fit is lost and counted. */
#ifndef TEND_CLI_UP_PRINT_H
#define TEND_CLI_UP_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PRINT_LINE_MAX 4096 /* bytes of text in a line; longer ones go on in the next */

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

/* Lines out of the bytes of a stream. */
struct line_buffer {
	size_t n;
	char bytes[PRINT_LINE_MAX];
};

typedef void line_fn(void *arg, const char *text, size_t n);

/* Calls `fn` for each line that is complete, without its end; `flush` for what
 * is left, if anything is. */
void line_feed(struct line_buffer *b, const char *bytes, size_t n, line_fn *fn, void *arg);
void line_flush(struct line_buffer *b, line_fn *fn, void *arg);

/* Writes text of a program as it may be shown on a terminal: whatever could
 * move the cursor becomes an escape. Answers the length; out has room for
 * PRINT_ESCAPED(n). */
#define PRINT_ESCAPED(n) ((n)*6 + 1)
size_t print_escaped(char *out, const char *text, size_t n);

#endif
