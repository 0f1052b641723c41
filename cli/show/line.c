/* cli/show/line.c - lines out of the bytes of a stream. */
#include "show/line.h"

#include <assert.h>

void line_feed(struct line_buffer *b, const char *bytes, size_t n, line_fn *fn, void *arg)
{
	assert(fn && b->n <= sizeof(b->bytes));
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] == '\n') {
			if (b->n > 0 && b->bytes[b->n - 1] == '\r')
				b->n--;
			fn(arg, b->bytes, b->n);
			b->n = 0;
			continue;
		}
		if (b->n == sizeof(b->bytes))
			line_flush(b, fn, arg);
		b->bytes[b->n++] = bytes[i];
	}
}

void line_flush(struct line_buffer *b, line_fn *fn, void *arg)
{
	assert(b->n <= sizeof(b->bytes));
	if (b->n > 0)
		fn(arg, b->bytes, b->n);
	b->n = 0;
}
