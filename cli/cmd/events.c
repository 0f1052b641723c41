/* cli/cmd/events.c - `tend events`: what has happened to the tasks of a stack. */
#include "ask/client.h"
#include "cmd/commands.h"
#include "cmd/options.h"
#include "show/json.h"
#include "show/output.h"
#include "show/text.h"

#include <stdint.h>
#include <stdio.h>

struct events {
	struct client client;
	bool follow;
};

static void print_event(const struct events *events, const json_t *line)
{
	char at[TEXT_TIME_SIZE];

	json_t *event = json_object_get(line, "event"), *lost = json_object_get(line, "lost");

	text_time(at, field_number(line, "at_ns"));
	if (events->client.json) {
		json_t *document =
			json_pack("{s:s, s:s, s:O}", "at", at, "name", field_text(line, "name"),
		                  "text", json_object_get(line, "text"));
		if (event)
			json_object_set(document, "event", event);
		if (lost)
			json_object_set(document, "lost", lost);
		output_json(document);
		json_decref(document);
		return;
	}
	printf("%s ", at);
	output_text(event ? field_text(event, "path") : field_text(line, "name"));
	printf(": ");
	output_text(field_text(line, "text"));
	putchar('\n');
}

static void print_events(void *arg, const json_t *progress)
{
	struct events *events = arg;
	json_int_t lost = field_number(progress, "lost");
	size_t i;
	const json_t *line;

	if (lost && events->client.json)
		printf("{\"lost\":%lld}\n", (long long)lost);
	else if (lost)
		printf("... %lld events before this are lost\n", (long long)lost);
	json_array_foreach (json_object_get(progress, "lines"), i, line)
		print_event(events, line);
	output_live();
}

int cmd_events(int argc, char **argv)
{
	struct events events = {.client = {.schema = "tend.events/1"}};
	const struct option_row options[] = {
		{"follow", 'f', NULL, "Go on until the stack has ended", option_flag,
	         &events.follow},
		{0},
	};
	const struct usage usage = {
		.help = "Shows what has happened to the tasks of a running stack: starts, ends, "
			"restarts, stops, each with its time. The last of them are kept. A line "
			"with the name of a task is what tend up says of it; a line with a path "
			"is an event of the library, such as: attempt ended, backoff.\v"
			"With --json each is a document of its own; that of an event has it as "
			"'event'. Events are hints: of those that were lost a line tells how many, "
			"and tend status has the state.",
		.refused = "it shows the whole stack",
		.client = &events.client,
		.options = options,
	};
	struct instance instance;
	int code = 0;

	if (options_parse(&usage, argc, argv) != 0)
		return EXIT_USAGE;
	json_decref(client_ask(&events.client,
	                       json_pack("{s:s, s:b}", "cmd", "events", "follow", events.follow),
	                       print_events, &events, &instance, &code));
	return output_end(code);
}
