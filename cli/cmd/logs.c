/* cli/cmd/logs.c - `tend logs PATH`: the last output of a task. */
#include "ask/client.h"
#include "cmd/commands.h"
#include "cmd/options.h"
#include "show/json.h"
#include "show/output.h"
#include "show/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Calls `print` for each line of the text. The last line may lack its end. */
static void each_line(const json_t *attempt, const char *path,
                      void (*print)(const json_t *attempt, const char *path, const char *line,
                                    size_t n))
{
	const json_t *value = json_object_get(attempt, "text");
	const char *text = json_string_value(value);

	for (size_t left = json_string_length(value), whole; text && left > 0; left -= whole) {
		size_t n = text_line(text, left, &whole);
		print(attempt, path, text, n);
		text += whole;
	}
}

static void print_json(const json_t *attempt, const char *path, const char *line, size_t n)
{
	char *text = strndup(line, n);
	json_t *document = text ? json_pack("{s:s, s:O, s:O, s:o}", "path", path, "attempt",
	                                    json_object_get(attempt, "attempt"), "live",
	                                    json_object_get(attempt, "live"), "text",
	                                    text_json(text, text_uncolour(text, n)))
	                        : NULL;
	output_json(document);
	json_decref(document);
	free(text);
}

static void print_line(const json_t *attempt, const char *path, const char *line, size_t n)
{
	char *text = strndup(line, n);

	(void)attempt;
	(void)path;
	if (text)
		output_text(text);
	putchar('\n');
	free(text);
}

static void print_attempt(const json_t *attempt, const char *path, bool json)
{
	json_int_t dropped = field_number(attempt, "dropped");

	if (json) {
		if (dropped) {
			json_t *document =
				json_pack("{s:s, s:O, s:I}", "path", path, "attempt",
			                  json_object_get(attempt, "attempt"), "dropped", dropped);
			output_json(document);
			json_decref(document);
		}
		each_line(attempt, path, print_json);
		return;
	}
	printf("==> %s, attempt %lld%s <==\n", path, (long long)field_number(attempt, "attempt"),
	       json_is_true(json_object_get(attempt, "live")) ? "" : " (ended)");
	if (dropped)
		printf("... %lld bytes before this are lost\n", (long long)dropped);
	each_line(attempt, path, print_line);
}

int cmd_logs(int argc, char **argv)
{
	struct client client = {.schema = "tend.logs/1"};
	const struct usage usage = {
		.argument = "PATH",
		.help = "Shows what a task wrote last, at most 64 KiB an attempt: of the attempt "
			"that runs and of the one before it.\v"
			"PATH is the name of a task, with or without the name of the stack and a "
			"slash before it. With --json each line is a document of its own. Exit "
			"code 4: no such task.",
		.into = &client.path,
		.twice = "one task at a time",
		.missing = "which task? Give its path, for example: tend logs web",
		.client = &client,
	};
	struct instance instance;
	int code = 0;
	size_t i;
	const json_t *attempt;

	if (options_parse(&usage, argc, argv) != 0)
		return EXIT_USAGE;
	json_t *envelope = client_ask(&client, json_pack("{s:s}", "cmd", "logs"), NULL, NULL,
	                              &instance, &code);
	const json_t *data = json_object_get(envelope, "data");
	const char *path = json_string_value(json_object_get(data, "path"));
	json_array_foreach (json_object_get(data, "attempts"), i, attempt)
		print_attempt(attempt, path ? path : "?", client.json);
	json_decref(envelope);
	return output_end(code);
}
