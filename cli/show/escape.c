/* cli/show/escape.c - text of a program, made safe for a terminal. */
#include "show/escape.h"
#include "show/text.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Controls but tabs, line separators, and the marks that turn text around. */
static bool unsafe(uint32_t c)
{
	return (c < 0x20 && c != '\t') || (c >= 0x7f && c < 0xa0) || c == 0x061c ||
	       (c >= 0x200e && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

size_t print_escaped(char *out, const char *text, size_t n)
{
	size_t used = 0;

	for (size_t i = 0; i < n;) {
		char *at = out + used;
		uint32_t code = 0;
		size_t len = text_decode(text + i, n - i, &code);
		if (len == 0)
			used += (size_t)snprintf(at, 7, "\\x%02x",
			                         (unsigned)(unsigned char)text[i]);
		else if (unsafe(code))
			used += (size_t)snprintf(at, 7, code < 0x80 ? "\\x%02x" : "\\u%04x",
			                         (unsigned)code);
		else {
			memcpy(at, text + i, len);
			used += len;
		}
		i += len ? len : 1;
	}
	assert(used < PRINT_ESCAPED(n));
	out[used] = 0;
	return used;
}
