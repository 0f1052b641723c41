/* cli/show/json.c - text as JSON, and the fields of a row. */
#include "show/json.h"

#include "tend/text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

json_t *text_json(const char *text, size_t n)
{
	/* Many readers of JSON do not take a NUL. */
	json_t *whole = memchr(text, 0, n) ? NULL : json_stringn(text, n);
	char *clean = whole ? NULL : malloc(n * 3 + 1);
	size_t used = 0;

	if (whole || !clean)
		return whole;
	for (size_t i = 0; i < n;) {
		uint32_t code;
		size_t len = text[i] ? tend_text_decode(text + i, n - i, &code) : 0;
		memcpy(clean + used, len ? text + i : "\xef\xbf\xbd", len ? len : 3);
		used += len ? len : 3;
		i += len ? len : 1;
	}
	assert(used <= n * 3);
	whole = json_stringn(clean, used);
	free(clean);
	return whole;
}

const char *field_text(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));
	return text ? text : "";
}

json_int_t field_number(const json_t *row, const char *key)
{
	return json_integer_value(json_object_get(row, key));
}
