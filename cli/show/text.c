/* cli/show/text.c - UTF-8, escapes and the distance between words. */
#include "show/text.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

size_t text_decode(const char *s, size_t n, uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char lead = n ? (unsigned char)s[0] : 0xff;
	size_t len = lead < 0x80             ? 1
	             : (lead & 0xe0) == 0xc0 ? 2
	             : (lead & 0xf0) == 0xe0 ? 3
	             : (lead & 0xf8) == 0xf0 ? 4
	                                     : 0;
	if (len == 0 || len > n)
		return 0;
	uint32_t value = len == 1 ? lead : lead & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		unsigned char next = (unsigned char)s[i];
		if ((next & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (next & 0x3f);
	}
	if (value < least[len] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		return 0;
	*code = value;
	return len;
}

/* Controls, line separators, and the marks that change the direction of text. */
static bool unsafe(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == '\\' || c == 0x061c ||
	       (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x2069) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb);
}

/* Writes one character in printable form. Returns its length. */
static size_t show(char out[16], const char *s, size_t len, uint32_t code)
{
	static const char letters[] = "abtnvfr";

	if (len == 0)
		return (size_t)snprintf(out, 16, "\\x%02x", (unsigned)(unsigned char)s[0]);
	if (code == '\\')
		return (size_t)snprintf(out, 16, "\\\\");
	if (code >= '\a' && code <= '\r')
		return (size_t)snprintf(out, 16, "\\%c", letters[code - '\a']);
	if (unsafe(code))
		return (size_t)snprintf(out, 16, code < 0x80 ? "\\x%02x" : "\\u%04x",
		                        (unsigned)code);
	memcpy(out, s, len);
	return len;
}

char *text_escape(char *buf, size_t size, const char *s, size_t n)
{
	size_t used = 0, safe = 0; /* safe: where a cut leaves room for "..." */

	assert(size >= 4);

	for (size_t i = 0; i < n;) {
		char one[16];
		uint32_t code = 0;
		size_t len = text_decode(s + i, n - i, &code);
		size_t shown = show(one, s + i, len, code);
		if (used + shown >= size) {
			memcpy(buf + safe, "...", 4);
			return buf;
		}
		memcpy(buf + used, one, shown);
		used += shown;
		if (used + 4 <= size)
			safe = used;
		i += len ? len : 1;
	}
	assert(used < size);
	buf[used] = 0;
	return buf;
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
