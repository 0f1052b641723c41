/* cli/show/text.c - text from outside, made safe to print; the distance between words. */
#include "show/text.h"

#include "tend/text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

char *text_escape(char *buf, size_t size, const char *s, size_t n)
{
	assert(size >= 4);
	if (tend_text_plain(s, n, 0, buf, size) >= size) {
		tend_text_plain(s, n, 0, buf, size - 3);
		memcpy(buf + strlen(buf), "...", sizeof("..."));
	}
	return buf;
}

char *text_printable(const char *s, size_t n)
{
	char *safe = malloc(TEXT_PRINTABLE(n));

	if (safe) {
		size_t used = tend_text_plain(s, n, TEND_TEXT_LINE, safe, TEXT_PRINTABLE(n));
		assert(used < TEXT_PRINTABLE(n));
		(void)used;
	}
	return safe;
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

size_t text_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][TEXT_WORD_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2];

	assert(a_len <= TEXT_WORD_MAX && b_len <= TEXT_WORD_MAX);

	for (size_t j = 0; j <= b_len; j++)
		last[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			row[j] = least(last[j - 1] + (a[i - 1] != b[j - 1]),
			               least(last[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
		size_t *free_row = before;
		before = last;
		last = row;
		row = free_row;
	}
	return last[b_len];
}
