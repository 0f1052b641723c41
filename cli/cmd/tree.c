/* cli/cmd/tree.c - `tend tree [PATH|PID]`: the tree of a running stack. A
 * number is a process, which answers for itself; the name of a task begins with
 * a letter. */
#include "ask/client.h"
#include "cmd/commands.h"
#include "cmd/options.h"
#include "cmd/tree_pid.h"
#include "show/output.h"
#include "show/tree.h"

#include <ctype.h>
#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

static bool is_number(const char *text)
{
	for (; *text; text++)
		if (!isdigit((unsigned char)*text))
			return false;
	return true;
}

int cmd_tree(int argc, char **argv)
{
	struct client client = {.schema = "tend.tree/1"};
	bool ascii = false;
	const struct option_row options[] = {
		{"ascii", 0, NULL, "Draw with ASCII; the default unless the locale is of UTF-8",
	         option_flag, &ascii},
		{0},
	};
	const struct usage usage = {
		.argument = "[PATH|PID]",
		.help = "Shows everything that a running stack runs as one tree: its tasks, and "
			"the fibers and threads inside of those that are linked with libtend. With "
			"PATH, one task of it; with PID, any process that is linked with libtend, "
			"also one that is stopped.\v"
			"Exit codes: 4 there is no such task or process; 5 no stack is running.",
		.into = &client.path,
		.twice = "one path or process at a time",
		.client = &client,
		.options = options,
	};
	struct instance instance;
	int code = 0;

	setlocale(LC_CTYPE, "");
	if (options_parse(&usage, argc, argv) != 0)
		return EXIT_USAGE;
	ascii = ascii || strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	if (client.path && client.path[0] && is_number(client.path)) {
		long pid = strtol(client.path, NULL, 10);
		return cmd_tree_pid(pid > 0 && pid <= INT_MAX ? (pid_t)pid : INT_MAX, client.json,
		                    ascii);
	}
	json_t *envelope = client_ask(&client, json_pack("{s:s}", "cmd", "tree"), NULL, NULL,
	                              &instance, &code);
	if (envelope && client.json)
		output_json(envelope);
	else if (envelope)
		tree_print(json_object_get(json_object_get(envelope, "data"), "tasks"), ascii);
	json_decref(envelope);
	return output_end(code);
}
