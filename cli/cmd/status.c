/* cli/cmd/status.c - `tend status [PATH]`: the card of a task, or a line for
 * each. */
#include "ask/processes.h"
#include "ask/registry.h"
#include "cmd/commands.h"
#include "cmd/options.h"
#include "show/card.h"
#include "show/json.h"
#include "show/output.h"
#include "show/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_all(const json_t *rows)
{
	int width = 0;
	size_t i;
	const json_t *row;

	json_array_foreach (rows, i, row)
		if ((int)strlen(field_text(row, "path")) > width)
			width = (int)strlen(field_text(row, "path"));
	json_array_foreach (rows, i, row)
		card_print_line(row, width);
}

/* Takes the colours out of the output of a task. */
static void uncolour(json_t *card)
{
	char *text = strdup(field_text(card, "output_tail"));

	if (text)
		json_object_set_new(card, "output_tail",
		                    text_json(text, text_uncolour(text, strlen(text))));
	free(text);
}

static void print_envelope(json_t *envelope, json_t *data)
{
	size_t i;
	json_t *card;

	if (json_object_get(data, "output_tail"))
		uncolour(data);
	json_array_foreach (json_object_get(data, "tasks"), i, card)
		uncolour(card);
	output_json(envelope);
}

/* Returns the rows of the tasks of a stack, from all of its rows. */
static json_t *tasks_of(const json_t *rows)
{
	const char *root = field_text(registry_stack(rows), "id");
	json_t *tasks = json_array(), *row;
	size_t i;

	json_array_foreach (rows, i, row)
		if (strcmp(field_text(row, "parent"), root) == 0)
			json_array_append(tasks, row);
	return tasks;
}

/* Makes the answer of a stack that does not answer, from its registry: without the output. */
static json_t *answer_of(const struct client *client, const struct instance *instance, pid_t pid,
                         const json_t *rows, int *exit_code)
{
	json_t *chosen = NULL, *data;
	const char *stack = field_text(registry_stack(rows), "path");

	if (client->path && strcmp(client->path, stack) != 0) {
		*exit_code = registry_choose(client, rows, stack, &chosen);
		data = json_incref(json_array_get(chosen, 0));
		json_decref(chosen);
		if (!data)
			return NULL;
	} else
		data = json_pack("{s:s, s:o}", "name", stack, "tasks", tasks_of(rows));
	fprintf(stderr, "tend: stack %s (pid %d) does not answer; its registry says:\n",
	        instance->name, (int)pid);
	return envelope_ok(client->schema, data);
}

static json_t *ask(const struct client *client, int *exit_code)
{
	struct instance instance;
	pid_t pid;
	json_t *rows = registry_rows(client, false, false, &instance, &pid, exit_code);
	json_t *envelope = NULL;

	if (!rows)
		return NULL;
	if (!process_is_stopped(pid))
		envelope = client_try(client, &instance, json_pack("{s:s}", "cmd", "status"),
		                      CONTROL_SILENCE_MS);
	if (envelope)
		envelope = client_result(client, envelope, exit_code);
	else
		envelope = answer_of(client, &instance, pid, rows, exit_code);
	json_decref(rows);
	return envelope;
}

int cmd_status(int argc, char **argv)
{
	struct client client = {.schema = "tend.status/1"};
	const struct usage usage = {
		.argument = "[PATH]",
		.help = "Shows the state of a task: since when, how often it was restarted, how it "
			"last ended and what it wrote last. Without PATH, a line for each task of "
			"the stack.\v"
			"PATH is the name of a task, with or without the name of the stack and a "
			"slash before it. The exit code is 0 whatever the state is; 4: no such "
			"task.",
		.into = &client.path,
		.twice = "one path at a time",
		.client = &client,
	};
	int code = 0;

	if (options_parse(&usage, argc, argv) != 0)
		return EXIT_USAGE;
	json_t *envelope = ask(&client, &code);
	json_t *data = json_object_get(envelope, "data");
	const json_t *rows = json_object_get(data, "tasks");
	if (envelope && client.json)
		print_envelope(envelope, data);
	else if (rows)
		print_all(rows);
	else if (envelope)
		card_print(data);
	json_decref(envelope);
	return output_end(code);
}
