/* cli/cmd/act.c - the commands for single tasks of a stack. */
#include "cmd/act.h"
#include "show/json.h"
#include "show/output.h"
#include "show/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *request_of(const struct act *act)
{
	json_t *tasks = json_array();

	for (size_t i = 0; i < act->ntasks; i++)
		json_array_append_new(tasks, text_json(act->tasks[i], strlen(act->tasks[i])));
	return json_pack("{s:s, s:s, s:o, s:I, s:i}", "cmd", "act", "verb", act->verb, "tasks",
	                 tasks, "timeout_ns", (json_int_t)act->timeout_ns, "signal", act->signal);
}

static void print_row(const struct act *act, const json_t *row)
{
	const char *path = field_text(row, "path"), *message = field_text(row, "message");

	if (json_is_true(json_object_get(row, "done")))
		printf("%s: %s\n", path, act->done);
	else {
		char *safe = text_printable(message, strlen(message), false);
		fprintf(stderr, "tend: %s: %s\n", path, safe ? safe : "out of memory");
		free(safe);
	}
}

/* Returns the exit code for the answer. */
static int code_of(const json_t *rows)
{
	size_t i, done = 0, late = 0, n = json_array_size(rows);
	const json_t *row;

	json_array_foreach (rows, i, row) {
		done += json_is_true(json_object_get(row, "done"));
		late += json_is_true(json_object_get(row, "late"));
	}
	if (done == n)
		return 0;
	if (done > 0)
		return EXIT_PARTLY;
	return late == n ? EXIT_TIMEOUT : EXIT_FAILED;
}

int act_run(struct act *act)
{
	struct instance instance;
	int code = 0;
	size_t i;
	const json_t *row;

	json_t *envelope = client_ask(&act->client, request_of(act), NULL, NULL, &instance, &code);
	const json_t *rows = json_object_get(json_object_get(envelope, "data"), "tasks");
	if (envelope)
		code = code_of(rows);
	if (envelope && act->client.json)
		output_json(envelope);
	else
		json_array_foreach (rows, i, row)
			print_row(act, row);
	json_decref(envelope);
	return output_end(code);
}
