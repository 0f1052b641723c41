/* cli/ask/envelope.c - the document around every answer. */
#include "ask/envelope.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static json_t *make(const char *schema, json_t *data, json_t *error)
{
	static atomic_ullong seq; /* in this process: answers in the order of their making */
	char node[256] = "localhost", at[64];
	struct timespec now;
	struct tm tm;
	size_t n;

	assert(schema && json_is_null(data) != json_is_null(error));
	if (gethostname(node, sizeof(node) - 1))
		memcpy(node, "localhost", sizeof("localhost"));
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	n = strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(at + n, sizeof(at) - n, ".%03ldZ", now.tv_nsec / 1000000);
	return json_pack("{s:s, s:s, s:I, s:s, s:o, s:o}", "schema", schema, "node", node, "seq",
	                 (json_int_t)atomic_fetch_add(&seq, 1), "at", at, "data", data, "error",
	                 error);
}

json_t *envelope_ok(const char *schema, json_t *data)
{
	return data ? make(schema, data, json_null()) : NULL;
}

json_t *envelope_error(const char *schema, int code, const char *text)
{
	json_t *message = json_string(text);

	assert(code > 0 && code < 256);

	/* Text that is not UTF-8 is no JSON; the exit code is still sent. */
	if (!message)
		message = json_string("the error is not printable");
	return make(schema, json_null(),
	            json_pack("{s:i, s:o}", "exit_code", code, "message", message));
}
