/* cli/up/act.c - the commands for single tasks: a fiber for each task waits for the step of the
 * task, so that no task waits for another. */
#include "up/up.h"
#include "ask/envelope.h"
#include "show/json.h"
#include "show/text.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SILENCE_NS TEND_SEC /* at most, between two messages to a client */

struct act;

/* Takes the step. Returns 0 or an error. */
typedef int act_fn(const struct act *act, uint64_t deadline);

static act_fn start, stop, restart, cancel, send_signal;

static const struct verb {
	const char *name;
	act_fn *run;
} VERBS[] = {
	{"start", start},   {"stop", stop},          {"restart", restart},
	{"cancel", cancel}, {"signal", send_signal},
};

enum { VERBS_COUNT = sizeof(VERBS) / sizeof(*VERBS) };

struct act {
	struct up_task *task;
	const struct verb *verb;
	int signal; /* for `tend signal` */
	uint64_t deadline;
	int error; /* -EINPROGRESS: the step is not taken yet */
};

static int start(const struct act *act, uint64_t deadline)
{
	return tend_task_start(act->task->process, deadline);
}

static int stop(const struct act *act, uint64_t deadline)
{
	return tend_task_stop(act->task->process, deadline);
}

/* The library restarts no temporary task, because such a task runs once; but the user is asked
 * here. */
static int restart(const struct act *act, uint64_t deadline)
{
	int error = tend_task_restart(act->task->process, deadline);

	if (error != -EINVAL)
		return error;
	error = stop(act, deadline);
	return error ? error : start(act, deadline);
}

static int cancel(const struct act *act, uint64_t deadline)
{
	return tend_task_shutdown(act->task->process, deadline);
}

static int send_signal(const struct act *act, uint64_t deadline)
{
	(void)deadline;
	return tend_process_signal(act->task->process, act->signal);
}

static int act_main(void *arg)
{
	struct act *act = arg;

	bool live = act->task->state != TEND_STATE_ENDED;
	act->error = live ? act->verb->run(act, act->deadline) : -ESRCH;
	return 0;
}

/* ---- The answer ---- */

static void tell(const struct act *act, char *buf, size_t size)
{
	const struct up_task *t = act->task;
	char wait[160];

	switch (act->error) {
	case -EINPROGRESS:
	case -ETIMEDOUT:
		snprintf(buf, size, "not within the time; the command stands");
		break;
	case -ESRCH:
	case -EAGAIN:
		up_task_wait(t, wait, sizeof(wait));
		snprintf(buf, size, "it has no process now; it is %s%s%s",
		         tend_state_name(t->state), wait[0] ? ": " : "", wait);
		break;
	case -ECANCELED:
		snprintf(buf, size, "it is to end for good, and does not start again");
		break;
	default:
		snprintf(buf, size, "%s", tend_strerror(act->error));
	}
}

static json_t *answer_of(const struct up *up, const struct act *acts, size_t n)
{
	json_t *rows = json_array();
	char text[300], path[UP_PATH_MAX];

	for (size_t i = 0; i < n; i++) {
		bool late = acts[i].error == -ETIMEDOUT || acts[i].error == -EINPROGRESS;
		up_task_path(acts[i].task, path, sizeof(path));
		if (acts[i].error)
			tell(&acts[i], text, sizeof(text));
		json_array_append_new(rows, json_pack("{s:s, s:b, s:b, s:o}", "path", path, "done",
		                                      acts[i].error == 0, "late", late, "message",
		                                      acts[i].error ? text_json(text, strlen(text))
		                                                    : json_null()));
	}
	return json_pack("{s:s, s:s, s:o}", "name", up->config->name, "verb", acts[0].verb->name,
	                 "tasks", rows);
}

/* ---- All tasks at once ---- */

/* Waits until all fibers have ended. A client that has left ends the wait, and the commands
 * stand. */
static void await(tend_scope scope, struct control_reply *reply)
{
	int error;

	do
		error = tend_scope_wait_empty(scope, tend_after(SILENCE_NS));
	while (error == -ETIMEDOUT && control_send(reply, json_pack("{s:{}}", "progress")));
	if (error)
		tend_scope_cancel(scope, -ECANCELED, "nobody waits for the answer");
	(void)!tend_scope_close(scope, TEND_FOREVER, NULL);
}

static void run(struct up *up, struct act *acts, size_t n, struct control_reply *reply)
{
	tend_scope scope;
	int error = tend_scope_open(up->own, "act", NULL, &scope);

	for (size_t i = 0; i < n; i++) {
		int refused = error ? error
		                    : tend_spawn(scope, act_main, &acts[i],
		                                 TEND_TASK_OPTS(.name = acts[i].verb->name), NULL);
		acts[i].error = refused ? refused : -EINPROGRESS;
	}
	if (!error)
		await(scope, reply);
}

/* Adds the task of a name, or all tasks of a group, each once. Returns false for another name. */
static bool add(struct up *up, const char *text, const struct act *act, struct act *acts, size_t *n)
{
	struct up_task *one = up_find(up, text);
	bool found = false;

	for (size_t i = 0; i < up->config->ntasks; i++) {
		struct up_task *t = &up->tasks[i];
		size_t k = 0;
		if (one ? t != one : !up_is_in(t, text))
			continue;
		found = true;
		while (k < *n && acts[k].task != t)
			k++;
		acts[k] = *act;
		acts[k].task = t;
		*n += k == *n;
	}
	return found;
}

/* Fills in the tasks of the request, with room for all tasks. Returns NULL, or the envelope of an
 * error: then nothing is done to any task. */
static json_t *read_tasks(struct up *up, const json_t *request, struct act *acts, size_t *n)
{
	const char *name = field_text(request, "verb");
	json_int_t timeout = field_number(request, "timeout_ns"),
		   number = field_number(request, "signal");
	const struct verb *verb = NULL;
	size_t i;
	const json_t *path;

	for (size_t k = 0; k < VERBS_COUNT; k++)
		if (strcmp(VERBS[k].name, name) == 0)
			verb = &VERBS[k];
	if (!verb)
		return envelope_error(
			"tend.act/1", EXIT_USAGE,
			"this stack does not know the command; its tend is of another "
			"version");
	const struct act act = {
		.verb = verb,
		.signal = number > 0 && number < 128 ? (int)number : 0,
		.deadline = timeout > 0 ? tend_after((uint64_t)timeout) : TEND_FOREVER,
	};
	json_array_foreach (json_object_get(request, "tasks"), i, path) {
		const char *text = json_string_value(path);
		if (!text || !add(up, text, &act, acts, n))
			return up_no_such_task(up, "tend.act/1", text ? text : "?");
	}
	return NULL;
}

void up_act(struct up *up, const json_t *request, struct control_reply *reply)
{
	size_t n = 0;
	bool empty = json_array_size(json_object_get(request, "tasks")) == 0;
	struct act *acts = calloc(up->config->ntasks + 1, sizeof(*acts));
	json_t *refused = !acts   ? envelope_error("tend.act/1", EXIT_FAILED, "out of memory")
	                  : empty ? envelope_error("tend.act/1", EXIT_USAGE, "which task?")
	                          : read_tasks(up, request, acts, &n);

	if (!refused)
		run(up, acts, n, reply);
	control_send(reply, refused ? refused : envelope_ok("tend.act/1", answer_of(up, acts, n)));
	free(acts);
}
