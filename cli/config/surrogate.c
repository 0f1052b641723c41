/* cli/config/surrogate.c - the escapes of JSON, as YAML writes them.
 *
 * JSON writes a character beyond U+FFFF as two escapes, \ud83d\ude00, where YAML has
 * \U0001f600. In a file of JSON the two become the single escape, in place. The form of
 * YAML is two characters shorter, and as many spaces stand behind the text then, so the
 * rest of the line keeps its columns. */
#include "config/reader.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { ESCAPE = 6 }; /* bytes of \uXXXX */

/* Reads \uXXXX with a number from `first` to `first` + 0x3ff. Returns the number, or 0. */
static unsigned surrogate_at(const char *s, size_t n, unsigned first)
{
	char digits[5] = "", *end;

	if (n < ESCAPE || s[0] != '\\' || s[1] != 'u')
		return 0;
	memcpy(digits, s + 2, 4);
	unsigned long code = strtoul(digits, &end, 16);
	return *end == 0 && code >= first && code <= first + 0x3ff ? (unsigned)code : 0;
}

/* Rewrites the text s[0..n) behind a quote. Returns the length with the closing quote. */
static size_t rewrite_text(char *s, size_t n)
{
	size_t in = 0, out = 0;

	while (in < n && s[in] != '"') {
		unsigned high = surrogate_at(s + in, n - in, 0xd800),
			 low = high ? surrogate_at(s + in + ESCAPE, n - in - ESCAPE, 0xdc00) : 0;
		if (low) {
			char joined[sizeof("\\U0001F600")];
			snprintf(joined, sizeof(joined), "\\U%08X",
			         0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
			memcpy(s + out, joined, sizeof(joined) - 1);
			out += sizeof(joined) - 1;
			in += 2 * ESCAPE;
			continue;
		}
		size_t len = s[in] == '\\' && in + 1 < n ? 2 : 1;
		memmove(s + out, s + in, len);
		in += len;
		out += len;
	}
	assert(out <= in);
	if (in == n)
		return n;
	s[out] = '"';
	memset(s + out + 1, ' ', in - out);
	return in + 1;
}

void config_join_surrogates(char *text, size_t size)
{
	/* In JSON a quote outside of a text always begins a text. In other YAML a quote need
	 * not, and there the two escapes stay an error. */
	json_t *document =
		memmem(text, size, "\\u", 2)
			? json_loadb(text, size, JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, NULL)
			: NULL;

	for (size_t i = 0; document && i < size; i++)
		if (text[i] == '"')
			i += rewrite_text(text + i + 1, size - i - 1);
	json_decref(document);
}
