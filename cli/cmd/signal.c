/* cli/cmd/signal.c - `tend signal -s SIGNAL PATH...`: sends a signal to tasks. */
#include "cmd/act.h"
#include "cmd/commands.h"
#include "cmd/options.h"
#include "config/config.h"

#include <stdlib.h>
#include <string.h>

static void store_signal(struct argp_state *state, void *into, char *argument)
{
	int signal = config_signal(argument, strlen(argument));

	if (!signal)
		argp_error(state, "not a signal: %s (for example: HUP, SIGUSR1, 10)", argument);
	*(int *)into = signal;
}

int cmd_signal(int argc, char **argv)
{
	struct act act = {
		.client = {.schema = "tend.act/1", .strict = true},
		.verb = "signal",
		.done = "signaled",
		.tasks = calloc((size_t)argc + 1, sizeof(char *)),
	};
	const struct option_row options[] = {
		{"signal", 's', "SIGNAL", "The signal, by its name or number", store_signal,
	         &act.signal},
		{0},
	};
	const struct usage usage = {
		.argument = "PATH...",
		.help = "Sends a signal to the process of each task, and to the group of the "
			"process. The stack takes the end of a process as any other end: a task "
			"that is to run again does.\v"
			"Exit codes: 0 all were signaled; 7 some were not, 1 none, because a task "
			"has no process; 4 no such task, and nothing is sent; 5 nothing runs.",
		.into = act.tasks,
		.count = &act.ntasks,
		.missing = "which task? For example: tend signal -s HUP web",
		.client = &act.client,
		.options = options,
	};
	int code = EXIT_FAILED;

	if (act.tasks)
		code = options_parse(&usage, argc, argv);
	if (act.tasks && code == 0 && !act.signal)
		code = client_tell(&act.client, EXIT_USAGE,
		                   "which signal? For example: tend signal -s HUP web");
	else if (act.tasks && code == 0)
		code = act_run(&act);
	free(act.tasks);
	return code;
}
