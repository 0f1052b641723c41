/* cli/show/line.h - lines out of the bytes of a stream. */
#ifndef TEND_CLI_SHOW_LINE_H
#define TEND_CLI_SHOW_LINE_H

#include <stddef.h>

#define PRINT_LINE_MAX 4096 /* bytes of text in a line; a longer line is cut into several */

struct line_buffer {
	size_t n;
	char bytes[PRINT_LINE_MAX];
};

typedef void line_fn(void *arg, const char *text, size_t n);

/* line_feed() calls `fn` for each complete line, without its end. line_flush()
 * calls `fn` for the rest, if there is a rest. */
void line_feed(struct line_buffer *b, const char *bytes, size_t n, line_fn *fn, void *arg);
void line_flush(struct line_buffer *b, line_fn *fn, void *arg);

#endif
