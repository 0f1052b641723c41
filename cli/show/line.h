/* cli/show/line.h - lines out of the bytes of a program. */
#ifndef TEND_CLI_SHOW_LINE_H
#define TEND_CLI_SHOW_LINE_H

#include <stdbool.h>
#include <stddef.h>

#define PRINT_LINE_MAX 4096 /* bytes of text in a line; a longer line is cut into several */

/* A line ends with LF, CR LF or a CR alone, as a progress bar writes. */
struct line_buffer {
	size_t n;
	bool begun;    /* the beginning of the line was given out */
	bool after_cr; /* the last line ended with a CR, so an LF ends no other line */
	char bytes[PRINT_LINE_MAX];
};

/* Takes a line without its end, or a piece of a line.
 *
 *   continues  the text belongs to the line of the call before */
typedef void line_fn(void *arg, const char *text, size_t n, bool continues);

/* Calls `fn` for each line that has ended, and for each piece of a line that is too
 * long. A line is cut between two characters. */
void line_feed(struct line_buffer *b, const char *bytes, size_t n, line_fn *fn, void *arg);

/* Calls `fn` for the beginning of a line without an end, in whole characters. */
void line_show(struct line_buffer *b, line_fn *fn, void *arg);

/* Calls `fn` for the rest, if there is a rest: no more bytes come. */
void line_flush(struct line_buffer *b, line_fn *fn, void *arg);

#endif
