/* cli/cmd/act.c - the commands for single tasks of a stack: start, stop, restart, cancel and
 * signal. The stack answers when each task has made the step. */
#include "ask/client.h"
#include "cmd/commands.h"
#include "cmd/options.h"
#include "config/config.h"
#include "show/json.h"
#include "show/output.h"
#include "show/text.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CODES \
	"\vExit codes: 0 all tasks have made the step; 7 some have not, 1 none has, and why is " \
	"told; 124 not within the time, and the command stands; 4 no such task, and no task is " \
	"touched; 5 nothing runs."

static const struct verb {
	const char *name;
	const char *done; /* the word for a task that has made the step */
	const char *help;
} VERBS[] = {
	{"start", "started",
         "Starts tasks that are stopped, or between two attempts. Returns when an attempt of each "
         "has begun." CODES},
	{"stop", "stopped",
         "Stops tasks, each as the stop of its stack would. They stay stopped until a start, "
         "whatever their restart policy is. Returns when the processes of each have ended." CODES},
	{"restart", "restarted",
         "Stops the attempt of each task and starts the next at once. A task that is stopped "
         "starts. Returns when the next attempt of each has begun." CODES},
	{"cancel", "canceled",
         "Ends tasks for good: they do not start again in this run of the stack. Returns when each "
         "has ended." CODES},
	{"signal", "signaled",
         "Sends a signal to the process of each task, and to the group of the process. The stack "
         "takes the end of a process as any other end: a task that is to run again does." CODES},
};

struct act {
	struct client client;
	const struct verb *verb;
	const char **tasks;
	size_t ntasks;
	uint64_t timeout_ns; /* 0: no limit */
	int signal;
};

static json_t *request_of(const struct act *act)
{
	json_t *tasks = json_array();

	for (size_t i = 0; i < act->ntasks; i++)
		json_array_append_new(tasks, text_json(act->tasks[i], strlen(act->tasks[i])));
	return json_pack("{s:s, s:s, s:o, s:I, s:i}", "cmd", "act", "verb", act->verb->name,
	                 "tasks", tasks, "timeout_ns", (json_int_t)act->timeout_ns, "signal",
	                 act->signal);
}

static void print_row(const struct act *act, const json_t *row)
{
	const char *path = field_text(row, "path"), *message = field_text(row, "message");

	if (json_is_true(json_object_get(row, "done"))) {
		printf("%s: %s\n", path, act->verb->done);
		return;
	}
	char *safe = text_printable(message, strlen(message), false);
	fprintf(stderr, "tend: %s: %s\n", path, safe ? safe : "out of memory");
	free(safe);
}

/* Returns the exit code for the answer. */
static int code_of(const json_t *rows)
{
	size_t i, done = 0, late = 0, n = json_array_size(rows);
	const json_t *row;

	json_array_foreach (rows, i, row) {
		done += json_is_true(json_object_get(row, "done"));
		late += json_is_true(json_object_get(row, "late"));
	}
	if (done == n)
		return 0;
	if (done > 0)
		return EXIT_PARTLY;
	return late == n ? EXIT_TIMEOUT : EXIT_FAILED;
}

/* Asks the stack, and prints a line for each task. Returns the exit code. */
static int ask(const struct act *act)
{
	struct instance instance;
	int code = 0;
	size_t i;
	const json_t *row;

	json_t *envelope = client_ask(&act->client, request_of(act), NULL, NULL, &instance, &code);
	const json_t *rows = json_object_get(json_object_get(envelope, "data"), "tasks");
	if (envelope)
		code = code_of(rows);
	if (envelope && act->client.json)
		output_json(envelope);
	else
		json_array_foreach (rows, i, row)
			print_row(act, row);
	json_decref(envelope);
	return output_end(code);
}

static void store_signal(struct argp_state *state, void *into, char *argument)
{
	int signal = config_signal(argument, strlen(argument));

	if (!signal)
		argp_error(state, "not a signal: %s (for example: HUP, SIGUSR1, 10)", argument);
	*(int *)into = signal;
}

/* No time at all is a poll: the command stands, and the answer comes at once. */
static void store_timeout(struct argp_state *state, void *into, char *argument)
{
	uint64_t *ns = into;

	option_time(state, ns, argument);
	*ns = *ns ? *ns : 1;
}

static int parse(int argc, char **argv, struct act *act)
{
	bool signals = strcmp(act->verb->name, "signal") == 0;
	const struct option_row with_signal[] = {
		{"signal", 's', "SIGNAL", "The signal, by its name or number", store_signal,
	         &act->signal},
		{0},
	};
	const struct option_row with_timeout[] = {
		{"timeout", 't', "TIME", "Wait so long at most; the command stands", store_timeout,
	         &act->timeout_ns},
		{0},
	};
	char missing[64];
	const struct usage usage = {
		.argument = "PATH...",
		.help = act->verb->help,
		.into = act->tasks,
		.count = &act->ntasks,
		.missing = missing,
		.client = &act->client,
		.options = signals ? with_signal : with_timeout,
	};

	snprintf(missing, sizeof(missing), "which task? For example: tend %s%s web",
	         act->verb->name, signals ? " -s HUP" : "");
	int code = options_parse(&usage, argc, argv);
	if (code == 0 && signals && !act->signal)
		code = client_tell(&act->client, EXIT_USAGE,
		                   "which signal? For example: tend signal -s HUP web");
	return code;
}

static int run(const char *verb, int argc, char **argv)
{
	struct act act = {.client = {.schema = "tend.act/1", .strict = true},
	                  .tasks = calloc((size_t)argc + 1, sizeof(char *))};
	int code = EXIT_FAILED;

	for (size_t i = 0; i < sizeof(VERBS) / sizeof(*VERBS); i++)
		if (strcmp(VERBS[i].name, verb) == 0)
			act.verb = &VERBS[i];
	assert(act.verb);
	if (act.tasks)
		code = parse(argc, argv, &act);
	if (code == 0)
		code = ask(&act);
	free(act.tasks);
	return code;
}

int cmd_start(int argc, char **argv) { return run("start", argc, argv); }
int cmd_stop(int argc, char **argv) { return run("stop", argc, argv); }
int cmd_restart(int argc, char **argv) { return run("restart", argc, argv); }
int cmd_cancel(int argc, char **argv) { return run("cancel", argc, argv); }
int cmd_signal(int argc, char **argv) { return run("signal", argc, argv); }
