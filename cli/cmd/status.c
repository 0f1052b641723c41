/* cli/cmd/status.c - `tend status [PATH]`: the card of a task, or a line for
 * each. */
#include "ask/client.h"
#include "cmd/commands.h"
#include "cmd/options.h"
#include "show/card.h"
#include "show/json.h"
#include "show/output.h"
#include "show/text.h"

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
	struct instance instance;
	int code = 0;

	if (options_parse(&usage, argc, argv) != 0)
		return EXIT_USAGE;
	json_t *envelope = client_ask(&client, json_pack("{s:s}", "cmd", "status"), NULL, NULL,
	                              &instance, &code);
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
