/* cli/control_envelope.c - the form of every answer, and text in it. */
#include "control.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The instant for people and logs: RFC 3339, UTC. */
static json_t *now(void)
{
	char text[40];
	struct tm tm;
	time_t seconds = time(NULL);

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(text);
}

static json_t *node(void)
{
	char name[65] = "";

	gethostname(name, sizeof(name) - 1);
	return control_text(name, strlen(name));
}

static json_t *envelope(const char *schema, json_t *data, json_t *error)
{
	static json_int_t seq; /* of the answers of this process */

	return json_pack("{s:s, s:o, s:I, s:o, s:o, s:o}", "schema", schema, "node", node(), "seq",
			 ++seq, "at", now(), "data", data, "error", error);
}

json_t *control_ok(const char *schema, json_t *data)
{
	return envelope(schema, data ? data : json_null(), json_null());
}

json_t *control_error(const char *schema, int exit_code, const char *text)
{
	json_t *error = json_pack("{s:i, s:o}", "exit_code", exit_code, "text",
				  control_text(text, strlen(text)));
	return envelope(schema, json_null(), error ? error : json_null());
}

json_t *control_text(const char *text, size_t n)
{
	/* Many readers of JSON do not take a NUL. */
	json_t *whole = memchr(text, 0, n) ? NULL : json_stringn(text, n);
	char *clean = whole ? NULL : malloc(n * 3 + 1);
	size_t used = 0;

	if (whole || !clean)
		return whole;
	for (size_t i = 0; i < n;) {
		uint32_t code;
		size_t len = text[i] ? text_decode(text + i, n - i, &code) : 0;
		memcpy(clean + used, len ? text + i : "\xef\xbf\xbd", len ? len : 3);
		used += len ? len : 3;
		i += len ? len : 1;
	}
	whole = json_stringn(clean, used);
	free(clean);
	return whole;
}
