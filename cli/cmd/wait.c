/* cli/cmd/wait.c - `tend wait [PATH]`: waits until a task has started, is ready, or has
 * ended. */
#include "ask/client.h"
#include "cmd/commands.h"
#include "cmd/options.h"
#include "show/output.h"

#include <stdint.h>
#include <string.h>

struct goal {
	const char *word;
	uint64_t timeout_ns; /* UINT64_MAX: none */
};

static void store_goal(struct argp_state *state, void *into, char *argument)
{
	if (strcmp(argument, "started") != 0 && strcmp(argument, "ready") != 0 &&
	    strcmp(argument, "ended") != 0)
		argp_error(state, "--for wants started, ready or ended, not '%s'", argument);
	((struct goal *)into)->word = argument;
}

static int parse(int argc, char **argv, struct client *client, struct goal *goal)
{
	const struct option_row options[] = {
		{"for", 'f', "GOAL", "started, which is the default, ready or ended", store_goal,
	         goal},
		{"timeout", 't', "TIME", "Give up after this time", option_time, &goal->timeout_ns},
		{0},
	};
	const struct usage usage = {
		.argument = "[PATH]",
		.help = "Waits until a task has started, is ready, as a task that needs it would, "
			"or has ended for good. Without PATH, for all tasks of the stack.\v"
			"Exit codes: 0 it has started, is ready, or ended with success; 3 it has "
			"ended "
			"otherwise, and how is told; 124 not within the time; 4 no such task; 5 no "
			"stack is running, or it ended meanwhile.",
		.into = &client->path,
		.twice = "one path at a time",
		.client = client,
		.options = options,
	};

	return options_parse(&usage, argc, argv);
}

int cmd_wait(int argc, char **argv)
{
	struct client client = {.schema = "tend.wait/1"};
	struct goal goal = {"started", UINT64_MAX};
	struct instance instance;
	int code = 0;

	if (parse(argc, argv, &client, &goal) != 0)
		return EXIT_USAGE;
	/* For the stack 0 is no limit. */
	json_int_t timeout = goal.timeout_ns > INT64_MAX ? 0
	                     : goal.timeout_ns           ? (json_int_t)goal.timeout_ns
	                                                 : 1;
	json_t *envelope = client_ask(&client,
	                              json_pack("{s:s, s:s, s:I}", "cmd", "wait", "for", goal.word,
	                                        "timeout_ns", timeout),
	                              NULL, NULL, &instance, &code);
	if (envelope && client.json)
		output_json(envelope);
	json_decref(envelope);
	return output_end(code);
}
