/* cli/cmd/tree.c - `tend tree [PATH|PID]`: the tree of a running stack. A number
 * is a process, which answers for itself: the name of a task begins with a
 * letter. */
#include "ask/client.h"
#include "cmd/commands.h"
#include "cmd/tree_pid.h"
#include "show/output.h"
#include "show/tree.h"

#include <ctype.h>
#include <errno.h>
#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ASCII = 256 };

struct options {
	struct client client;
	bool ascii;
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->client;
		return 0;
	case ASCII:
		options->ascii = true;
		return 0;
	case ARGP_KEY_ARG:
		if (options->client.path)
			argp_error(state, "one path or process at a time");
		options->client.path = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option OPTIONS[] = {
	{"ascii", ASCII, NULL, 0, "Draw with ASCII; the default unless the locale is of UTF-8", 0},
	{0},
};

static const struct argp_child CHILDREN[] = {{&CLIENT_ARGP, 0, NULL, 0}, {0}};

static const struct argp ARGP = {
	.options = OPTIONS,
	.parser = parse_option,
	.children = CHILDREN,
	.args_doc = "[PATH|PID]",
	.doc = "Shows everything that a running stack runs as one tree: its tasks, and the fibers "
	       "and "
	       "threads inside of those that are linked with libtend. With PATH, one task of it; "
	       "with "
	       "PID, any process that is linked with libtend, also one that is stopped.\v"
	       "Exit codes: 4 there is no such task or process; 5 no stack is running.",
};

static bool is_number(const char *text)
{
	for (; *text; text++)
		if (!isdigit((unsigned char)*text))
			return false;
	return true;
}

int cmd_tree(int argc, char **argv)
{
	struct options options = {.client = {.schema = "tend.tree/1"}};
	struct instance instance;
	int code = 0;

	setlocale(LC_CTYPE, "");
	options.ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	if (argp_parse(&ARGP, argc, argv, ARGP_IN_ORDER, NULL, &options) != 0)
		return 2;
	if (options.client.path && options.client.path[0] && is_number(options.client.path)) {
		long pid = strtol(options.client.path, NULL, 10);
		return cmd_tree_pid(pid > 0 && pid <= INT_MAX ? (pid_t)pid : INT_MAX,
		                    options.client.json, options.ascii);
	}
	json_t *envelope = client_ask(&options.client, json_pack("{s:s}", "cmd", "tree"), NULL,
	                              NULL, &instance, &code);
	if (envelope && options.client.json)
		output_json(envelope);
	else if (envelope)
		tree_print(json_object_get(json_object_get(envelope, "data"), "tasks"),
		           options.ascii);
	json_decref(envelope);
	return output_end(code);
}
