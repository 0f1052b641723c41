/* cli/show/line.h - lines out of the bytes of a stream. */
#ifndef TEND_CLI_SHOW_LINE_H
#define TEND_CLI_SHOW_LINE_H

#include <stddef.h>

#define PRINT_LINE_MAX 4096 /* bytes of text in a line; longer ones go on in the next */

struct line_buffer {
	size_t n;
	char bytes[PRINT_LINE_MAX];
};

typedef void line_fn(void *arg, const char *text, size_t n);

/* Calls `fn` for each line that is complete, without its end; `flush` for what
 * is left, if anything is. */
void line_feed(struct line_buffer *b, const char *bytes, size_t n, line_fn *fn, void *arg);
void line_flush(struct line_buffer *b, line_fn *fn, void *arg);

#endif
