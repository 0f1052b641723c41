/* cli/cmd/tree.c - `tend tree [PATH|PID|FILE]`: the tree of a running stack or of a process, read
 * from the registry of the process, which need not answer, or from the registry's file. A number
 * is a process, and a file begins with '/' or '.'; the name of a task begins with a letter. */
#include "ask/registry.h"
#include "cmd/commands.h"
#include "cmd/options.h"
#include "cmd/tree_pid.h"
#include "show/json.h"
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

static int tree_of_stack(const struct client *client, bool ascii, bool all)
{
	struct instance instance;
	pid_t pid;
	int code = 0;
	json_t *rows = registry_rows(client, true, all, &instance, &pid, &code), *chosen = NULL;

	if (!rows)
		return code;
	const char *stack = field_text(registry_stack(rows), "path");
	if (client->path)
		code = registry_choose(client, rows, stack, &chosen);
	else
		chosen = json_incref(rows);
	if (chosen && client->json) {
		json_t *envelope = envelope_ok(client->schema, json_pack("{s:s, s:O}", "name",
		                                                         stack, "tasks", chosen));
		output_json(envelope);
		json_decref(envelope);
	} else if (chosen)
		tree_print(chosen, ascii);
	json_decref(chosen);
	json_decref(rows);
	return code;
}

int cmd_tree(int argc, char **argv)
{
	struct client client = {.schema = "tend.tree/1"};
	bool ascii = false, all = false;
	const struct option_row options[] = {
		{"all", 'a', NULL, "Show what tend itself runs, too: names that begin with a dot",
	         option_flag, &all},
		{"ascii", 0, NULL, "Draw with ASCII; the default unless the locale is of UTF-8",
	         option_flag, &ascii},
		{0},
	};
	const struct usage usage = {
		.argument = "[PATH|PID|FILE]",
		.help = "Shows everything that a running stack runs as one tree: its tasks, and "
			"the fibers and threads inside of those that are linked with libtend. With "
			"PATH, one task of it; with PID, any process that is linked with libtend; "
			"with FILE, which begins with / or a dot, the registry file of a process, "
			"which may be dead. "
			"The tree is read from outside: the processes may be stopped, or stuck.\v"
			"Exit codes: 4 there is no such task, process or file; 5 no stack is "
			"running.",
		.into = &client.path,
		.twice = "one path or process at a time",
		.client = &client,
		.options = options,
	};
	setlocale(LC_CTYPE, "");
	if (options_parse(&usage, argc, argv) != 0)
		return EXIT_USAGE;
	ascii = ascii || strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	if (client.path && (client.path[0] == '/' || client.path[0] == '.'))
		return cmd_tree_file(&client, client.path, ascii, all);
	if (client.path && client.path[0] && is_number(client.path)) {
		long pid = strtol(client.path, NULL, 10);
		return cmd_tree_pid(&client, pid > 0 && pid <= INT_MAX ? (pid_t)pid : INT_MAX,
		                    ascii, all);
	}
	return output_end(tree_of_stack(&client, ascii, all));
}
