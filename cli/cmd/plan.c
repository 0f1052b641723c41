/* cli/cmd/plan.c - `tend plan [TASK]`: prints how long a task would rest after failures in a
 * row, and when the task is given up. Nothing is started. */
#include "ask/client.h"
#include "ask/envelope.h"
#include "cmd/commands.h"
#include "cmd/options.h"
#include "config/config.h"
#include "show/output.h"

#include "tend/text.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More rests than a scope counts restarts. */
enum { RESTS_MAX = 2048, LINES = 20 };

enum end { NEVER_GIVEN_UP, RETRIES_USED, TOO_MANY };

struct plan {
	const struct config_group *group; /* NULL: none */
	uint64_t rests[RESTS_MAX];
	size_t n;     /* known rests */
	size_t steps; /* rests until they stop growing; at most n */
	enum end end;
};

/* The decisions are those of the library, as for a task that runs. */
static bool make_plan(const struct config *config, const struct config_task *task,
                      struct plan *plan)
{
	const struct config_group *group =
		task->group == CONFIG_NO_GROUP ? NULL : &config->groups[task->group];
	uint32_t restarts = group && group->restarts != CONFIG_ANY_NUMBER ? group->restarts : 0;
	int all = tend_restart_plan(&task->restart, 0, 0, plan->rests, RESTS_MAX);
	int n = tend_restart_plan(&task->restart, restarts, group ? group->period_ns : 0,
	                          plan->rests, RESTS_MAX);

	if (all < 0 || n < 0)
		return false;
	plan->group = group;
	plan->n = (size_t)n;
	plan->end = n < all ? TOO_MANY : task->restart.retries ? RETRIES_USED : NEVER_GIVEN_UP;
	plan->steps = plan->n;
	while (plan->steps > 1 && plan->rests[plan->steps - 2] == plan->rests[plan->n - 1])
		plan->steps--;
	return true;
}

/* ---- As text ---- */

struct duration {
	char text[32];
};

static struct duration show(uint64_t ns)
{
	struct duration d;
	tend_duration_text(ns, d.text, sizeof(d.text));
	return d;
}

static void print_codes(const int32_t *codes, const char *meaning)
{
	if (!codes || !*codes)
		return;
	printf("  ");
	for (; *codes; codes++)
		printf("%d%s", (int)*codes, codes[1] ? ", " : "");
	printf(": %s\n", meaning);
}

static void print_rests(const struct plan *plan)
{
	size_t lines = plan->steps < LINES ? plan->steps : LINES;
	uint64_t sum = 0;

	for (size_t i = 0; i < lines; i++) {
		sum += plan->rests[i];
		printf("  failure %-4zu rests %-8s %s in all\n", i + 1, show(plan->rests[i]).text,
		       show(sum).text);
	}
	if (lines < plan->steps)
		printf("  and so on, up to %s\n", show(plan->rests[plan->n - 1]).text);
	else if (lines < plan->n)
		printf("  and %s after each later failure\n", show(plan->rests[lines - 1]).text);
}

static void print_notes(const struct tend_restart *r, const struct plan *plan)
{
	static const char *const jitters[] = {
		[TEND_JITTER_NONE] = NULL,
		[TEND_JITTER_FULL] = "a rest is drawn from nothing up to this length",
		[TEND_JITTER_EQUAL] = "a rest is drawn from half of this length up to all of it",
		[TEND_JITTER_DECORRELATED] = "a rest is drawn from the first length up to three "
					     "times this length",
	};

	if (jitters[r->jitter])
		printf("  jitter: %s\n", jitters[r->jitter]);
	if (plan->end == RETRIES_USED)
		printf("  failure %u in a row: it is not started again\n", r->retries + 1);
	if (plan->end == TOO_MANY)
		printf("  failure %zu in a row: group %s gives up, more than %u restarts in %s\n",
		       plan->n + 1, plan->group->name, plan->group->restarts,
		       show(plan->group->period_ns).text);
	if (r->stable_ns != CONFIG_NEVER)
		printf("  a success, or an attempt of %s: failures count from 1 again\n",
		       show(r->stable_ns).text);
	else
		printf("  a success: failures count from 1 again\n");
}

static void print_task(const struct config_task *task, const struct plan *plan)
{
	const struct tend_restart *r = &task->restart;

	printf("%s: %s", task->name, CONFIG_POLICIES[r->policy]);
	if (plan->group)
		printf(", %s in group %s", CONFIG_STRATEGIES[plan->group->strategy],
		       plan->group->name);
	printf("\n");
	if (r->timeout_ns)
		printf("  an attempt of %s is stopped, and has failed\n", show(r->timeout_ns).text);
	print_codes(r->success, "a success, as 0");
	if (r->policy == TEND_TEMPORARY)
		return;
	print_codes(r->fatal, "a failure after which it is not started again");
	if (r->policy == TEND_PERMANENT)
		printf("  a success rests %s\n", show(r->interval_ns).text);
	print_rests(plan);
	print_notes(r, plan);
}

/* ---- As JSON ---- */

static json_t *encode_task(const struct config_task *task, const struct plan *plan)
{
	const struct tend_restart *r = &task->restart;
	json_t *rests = json_array();

	for (size_t i = 0; i < plan->steps; i++)
		json_array_append_new(rests, json_integer((json_int_t)plan->rests[i]));
	json_int_t given_up =
		plan->end == RETRIES_USED ? (json_int_t)r->retries + 1 : (json_int_t)plan->n + 1;
	return json_pack("{s:s, s:s, s:o, s:b, s:o, s:s*, s:s, s:o, s:o}", "name", task->name,
	                 "policy", CONFIG_POLICIES[r->policy], "rests_ns", rests, "last_repeats",
	                 plan->steps < plan->n, "given_up_at",
	                 plan->end == NEVER_GIVEN_UP ? json_null() : json_integer(given_up),
	                 "group", plan->group ? plan->group->name : NULL, "jitter",
	                 CONFIG_JITTERS[r->jitter], "success_rests_ns",
	                 r->policy == TEND_PERMANENT ? json_integer((json_int_t)r->interval_ns)
	                                             : json_null(),
	                 "timeout_ns",
	                 r->timeout_ns ? json_integer((json_int_t)r->timeout_ns) : json_null());
}

/* ---- The command ---- */

/* Returns the name of a task without that of the stack. */
static const char *task_of(const struct config *config, const char *path)
{
	size_t n = strlen(config->name);

	return strncmp(path, config->name, n) == 0 && path[n] == '/' ? path + n + 1 : path;
}

/* Reports an unknown task. Returns the exit code. */
static int tell_missing(const struct client *client, const struct config *config, const char *name)
{
	const char **names = calloc(config->ntasks + 1, sizeof(*names));
	char text[400];

	for (size_t i = 0; names && i < config->ntasks; i++)
		names[i] = config->tasks[i].name;
	const char *meant =
		names ? config_suggest(name, strlen(name), names, config->ntasks) : NULL;
	snprintf(text, sizeof(text), "there is no task %.100s in %.100s; %s%s%s", name,
	         config->name, meant ? "did you mean " : "tend plan alone shows all",
	         meant ? meant : "", meant ? "?" : "");
	free(names);
	return client_tell(client, EXIT_NO_TASK, text);
}

/* Adds the plan of a task to `all`, or prints it. Returns false without memory. */
static bool tell_task(const struct config *config, const struct config_task *task, json_t *all)
{
	struct plan *plan = malloc(sizeof(*plan));
	bool done = plan && make_plan(config, task, plan);

	if (done && all)
		done = json_array_append_new(all, encode_task(task, plan)) == 0;
	else if (done)
		print_task(task, plan);
	free(plan);
	return done;
}

static int tell_plan(const struct client *client, const struct config *config)
{
	const char *name = client->path ? task_of(config, client->path) : NULL;
	json_t *all = client->json ? json_array() : NULL;
	bool found = false, done = true;

	for (size_t i = 0; i < config->ntasks && done; i++)
		if (!name || strcmp(config->tasks[i].name, name) == 0) {
			found = true;
			done = tell_task(config, &config->tasks[i], all);
		}
	if (!found || !done) {
		json_decref(all);
		return done ? tell_missing(client, config, name)
		            : client_tell(client, EXIT_FAILED, "out of memory");
	}
	if (client->json) {
		json_t *envelope =
			envelope_ok(client->schema,
		                    json_pack("{s:s, s:o}", "name", config->name, "tasks", all));
		output_json(envelope);
		json_decref(envelope);
	}
	return 0;
}

int cmd_plan(int argc, char **argv)
{
	struct client client = {.schema = "tend.plan/1"};
	const char *file = NULL;
	const struct option_row options[] = {
		{"file", 'f', "FILE", "The tend.yaml or Procfile; tend.yaml by default",
	         option_file, &file},
		{"json", 'j', NULL, "Answer as JSON", option_flag, &client.json},
		{0},
	};
	const struct usage usage = {
		.argument = "[TASK]",
		.help = "Prints how long the tasks of a file would rest after failures in a row, "
			"and when they are given up. Starts nothing.\v"
			"Exit codes: 0; 4 no such task; 78 for a file that is not valid.",
		.into = &client.path,
		.twice = "one task at a time",
		.options = options,
	};
	struct config_errors errors;
	struct config *config = NULL;

	if (options_parse(&usage, argc, argv) != 0)
		return EXIT_USAGE;
	if (config_load(file ? file : CONFIG_FILE, &config, &errors) != 0)
		return client_refuse(&client, &errors);
	int code = tell_plan(&client, config);
	config_free(config);
	return output_end(code);
}
