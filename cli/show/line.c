/* cli/show/line.c - lines out of the bytes of a program. */
#include "show/line.h"
#include "show/text.h"

#include <assert.h>
#include <string.h>

/* Gives out the first n bytes. */
static void give(struct line_buffer *b, size_t n, line_fn *fn, void *arg)
{
	assert(n <= b->n);
	fn(arg, b->bytes, n, b->begun);
	b->begun = true;
	b->n -= n;
	memmove(b->bytes, b->bytes + n, b->n);
}

static void end_line(struct line_buffer *b, line_fn *fn, void *arg)
{
	if (b->n > 0 || !b->begun)
		give(b, b->n, fn, arg);
	b->begun = false;
}

static void feed_byte(struct line_buffer *b, char byte, line_fn *fn, void *arg)
{
	bool after_cr = b->after_cr;

	b->after_cr = false;
	if (byte == '\n') {
		if (!after_cr)
			end_line(b, fn, arg);
	} else if (byte == '\r') {
		/* A CR without a line before it moves to where the cursor is already. */
		b->after_cr = after_cr || b->n > 0 || b->begun;
		if (b->n > 0 || b->begun)
			end_line(b, fn, arg);
	} else {
		if (b->n == sizeof(b->bytes)) {
			size_t n = text_whole(b->bytes, b->n);
			give(b, n ? n : b->n, fn, arg);
		}
		b->bytes[b->n++] = byte;
	}
}

void line_feed(struct line_buffer *b, const char *bytes, size_t n, line_fn *fn, void *arg)
{
	assert(fn && b->n <= sizeof(b->bytes));
	for (size_t i = 0; i < n; i++)
		feed_byte(b, bytes[i], fn, arg);
}

void line_show(struct line_buffer *b, line_fn *fn, void *arg)
{
	size_t n = text_whole(b->bytes, b->n);

	if (n > 0)
		give(b, n, fn, arg);
}

void line_flush(struct line_buffer *b, line_fn *fn, void *arg)
{
	if (b->n > 0)
		give(b, b->n, fn, arg);
	b->begun = b->after_cr = false;
}
