/* cli/cmd_status.c - `tend status [PATH]`: the card of a task, or a line for
 * each. */
#include "client.h"
#include "commands.h"

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

static const char *text_of(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));
	return text ? text : "";
}

static json_int_t number_of(const json_t *row, const char *key)
{
	return json_integer_value(json_object_get(row, key));
}

static void field(const char *name, const char *text)
{
	if (!text[0])
		return;
	printf("  %-11s ", name);
	client_print_text(text);
	putchar('\n');
}

static void ending_of(const json_t *row, char *buf, size_t size)
{
	json_int_t signal = number_of(row, "signal");

	buf[0] = 0;
	if (signal > 0 && signal < 65 && sigabbrev_np((int)signal))
		snprintf(buf, size, "signal SIG%s", sigabbrev_np((int)signal));
	else if (signal)
		snprintf(buf, size, "signal %lld", (long long)signal);
	else if (json_is_integer(json_object_get(row, "exit_code")))
		snprintf(buf, size, "exit code %lld", (long long)number_of(row, "exit_code"));
}

static void print_tail(const json_t *row)
{
	const char *text = text_of(row, "output_tail"), *line = text + strlen(text);
	int lines = 0;

	/* The last ten lines; the end of the last one is not the end of another. */
	while (line > text) {
		if (line[-1] == '\n' && line[0] && ++lines == 10)
			break;
		line--;
	}
	if (!line[0])
		return;
	printf("  output\n");
	while (*line) {
		size_t n = strcspn(line, "\n");
		char *one = strndup(line, n);
		printf("    ");
		if (one)
			client_print_text(one);
		putchar('\n');
		free(one);
		line += line[n] ? n + 1 : n;
	}
}

static void print_card(const json_t *row)
{
	char text[160], age[32], ending[64], needs[600] = "";
	size_t i, used = 0;
	const json_t *need;

	client_print_text(text_of(row, "path"));
	putchar('\n');
	client_age(age, sizeof(age), (uint64_t)number_of(row, "since_ns"));
	snprintf(text, sizeof(text), "%s for %s", text_of(row, "state"), age);
	field("state", text);
	field("waits for", text_of(row, "wait"));
	field("outcome", text_of(row, "outcome"));
	if (number_of(row, "pid")) {
		snprintf(text, sizeof(text), "%lld", (long long)number_of(row, "pid"));
		field("pid", text);
	}
	snprintf(text, sizeof(text), "%lld, %lld restarts, restart is %s",
	         (long long)number_of(row, "attempt"), (long long)number_of(row, "restarts"),
	         text_of(row, "restart"));
	field("attempt", text);
	ending_of(row, ending, sizeof(ending));
	field("last ended", ending);
	field("last error", text_of(row, "last_error"));
	json_array_foreach(json_object_get(row, "needs"), i, need) if (used < sizeof(needs)) used +=
		(size_t)snprintf(needs + used, sizeof(needs) - used, "%s%s", i ? ", " : "",
	                         json_string_value(need));
	field("needs", needs);
	field("defined at", text_of(row, "site"));
	print_tail(row);
}

static void print_line(const json_t *row, int width)
{
	char age[32];
	const char *outcome = text_of(row, "outcome"), *wait = text_of(row, "wait");
	const char *error = text_of(row, "last_error");

	client_age(age, sizeof(age), (uint64_t)number_of(row, "since_ns"));
	printf("%-*s  %-9s %-8s", width, text_of(row, "path"),
	       outcome[0] ? outcome : text_of(row, "state"), age);
	if (number_of(row, "pid"))
		printf("  pid %lld", (long long)number_of(row, "pid"));
	if (number_of(row, "restarts"))
		printf("  %lld restart%s", (long long)number_of(row, "restarts"),
		       number_of(row, "restarts") == 1 ? "" : "s");
	if (wait[0])
		printf("  %s", wait);
	if (error[0]) {
		printf("  last error: ");
		client_print_text(error);
	}
	putchar('\n');
}

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
		return client_end(code);
	const json_t *data = json_object_get(envelope, "data"),
		     *rows = json_object_get(data, "tasks");
	if (client.json)
		client_print_json(envelope);
	else if (!rows)
		print_card(data);
	json_array_foreach(rows, i, row) if ((int)strlen(text_of(row, "path")) > width) width =
		(int)strlen(text_of(row, "path"));
	json_array_foreach(rows, i, row) if (!client.json) print_line(row, width);
	json_decref(envelope);
	return client_end(code);
}
