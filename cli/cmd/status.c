/* cli/cmd/status.c - `tend status [PATH]`: the card of a task, or a line for
 * each. */
#include "ask/client.h"
#include "cmd/commands.h"
#include "show/card.h"
#include "show/json.h"
#include "show/output.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct client *client = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = client;
		return 0;
	case ARGP_KEY_ARG:
		if (client->path)
			argp_error(state, "one path at a time");
		client->path = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child CHILDREN[] = {{&CLIENT_ARGP, 0, NULL, 0}, {0}};

static const struct argp ARGP = {
	.parser = parse_option,
	.children = CHILDREN,
	.args_doc = "[PATH]",
	.doc = "Shows the state of a task: since when, how often it was restarted, how it last "
	       "ended "
	       "and what it wrote last. Without PATH, a line for each task of the stack.\v"
	       "PATH is the name of a task, with or without the name of the stack and a slash "
	       "before "
	       "it. The exit code is 0 whatever the state is; 4: no such task.",
};

int cmd_status(int argc, char **argv)
{
	struct client client = {.schema = "tend.status/1"};
	struct instance instance;
	int code = 0, width = 0;
	size_t i;
	const json_t *row;

	if (argp_parse(&ARGP, argc, argv, ARGP_IN_ORDER, NULL, &client) != 0)
		return 2;
	json_t *envelope = client_ask(&client, json_pack("{s:s}", "cmd", "status"), NULL, NULL,
	                              &instance, &code);
	if (!envelope)
		return output_end(code);
	const json_t *data = json_object_get(envelope, "data"),
		     *rows = json_object_get(data, "tasks");
	if (client.json)
		output_json(envelope);
	else if (!rows)
		card_print(data);
	json_array_foreach(rows, i, row) if ((int)strlen(field_text(row, "path")) > width) width =
		(int)strlen(field_text(row, "path"));
	json_array_foreach(rows, i, row) if (!client.json) card_print_line(row, width);
	json_decref(envelope);
	return output_end(code);
}
