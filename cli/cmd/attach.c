/* cli/cmd/attach.c - `tend attach`: shows what a running stack writes, as `tend up` does. */
#include "ask/client.h"
#include "cmd/commands.h"
#include "cmd/options.h"
#include "show/json.h"
#include "show/line.h"
#include "show/output.h"
#include "show/printer.h"
#include "show/text.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct attach {
	struct client client;
	struct printer *printer;
};

/* Leaves, and the stack goes on. */
static void leave(int number)
{
	static const char text[] = "\ntend: the stack goes on; stop it with tend down\n";

	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	signal(number, SIG_DFL);
	raise(number);
}

static void print_lines(void *arg, const json_t *progress)
{
	struct attach *attach = arg;
	enum printer_style style = attach->client.json ? PRINT_JSON
	                           : output_colour()   ? PRINT_COLOUR
	                                               : PRINT_PLAIN;
	json_int_t lost = field_number(progress, "lost");
	char text[64];
	size_t i;
	const json_t *line;

	if (!attach->printer)
		attach->printer =
			printer_open(STDOUT_FILENO, style, (size_t)field_number(progress, "width"));
	if (lost) {
		int n = snprintf(text, sizeof(text), "%lld lines were not shown", (long long)lost);
		printer_line(attach->printer, field_text(progress, "name"), 0, '*', text,
		             (size_t)n);
	}
	json_array_foreach (json_object_get(progress, "lines"), i, line) {
		const json_t *shown = json_object_get(line, "text");
		size_t n = json_string_length(shown);
		/* Bytes that are no text are longer as JSON. */
		if (n > PRINT_LINE_MAX)
			n = text_whole(json_string_value(shown), PRINT_LINE_MAX);
		printer_line(attach->printer, field_text(line, "name"),
		             (size_t)field_number(line, "number"), field_text(line, "mark")[0],
		             json_string_value(shown), n);
	}
	output_live();
}

int cmd_attach(int argc, char **argv)
{
	struct attach attach = {.client = {.schema = "tend.attach/1"}};
	const struct usage usage = {
		.help = "Shows what a running stack writes, its last lines first, as tend up does, "
			"until the stack has ended. Ctrl-C leaves, and the stack goes on.\v"
			"The exit code is the one of tend up.",
		.refused = "it shows the whole stack; tend logs shows a task",
		.client = &attach.client,
	};
	struct instance instance;
	int code = 0;

	if (options_parse(&usage, argc, argv) != 0)
		return EXIT_USAGE;
	/* An ignored signal, as in the background of a script, stays ignored. */
	if (!attach.client.json && signal(SIGINT, SIG_IGN) != SIG_IGN)
		signal(SIGINT, leave);
	json_t *envelope = client_ask(&attach.client, json_pack("{s:s}", "cmd", "attach"),
	                              print_lines, &attach, &instance, &code);
	bool printed = !attach.printer || printer_close(attach.printer);
	if (envelope) {
		code = (int)field_number(json_object_get(envelope, "data"), "exit_code");
		if (attach.client.json)
			output_json(envelope);
	}
	json_decref(envelope);
	return output_end(printed || code ? code : EXIT_FAILED);
}
