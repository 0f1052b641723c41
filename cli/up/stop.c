/* cli/up/stop.c - the stop of the whole stack, under one deadline.
 *
 * The library stops each task when its dependents have ended, and uses force when the time is
 * nearly over. This file says how much time there is, and uses force when the user asks a second
 * time. */
#include "up/up.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* Time beyond the stop timeouts of the tasks, for the kills at their ends. */
#define KILL_NS (2 * TEND_SEC)
/* How long until the next try of a kill for which the guard had no room. */
#define AGAIN_NS (10 * TEND_MS)

void up_progress(const struct up *up, char *buf, size_t size)
{
	uint64_t now = tend_now();
	char left[32];
	assert(up->stopping && up->ended <= up->config->ntasks);
	size_t count = up->config->ntasks - up->ended, shown = 0, used;

	used = (size_t)snprintf(buf, size, "waiting for %zu: ", count);
	for (size_t i = 0; i < up->config->ntasks && used < size; i++) {
		const struct up_task *t = &up->tasks[i];
		if (t->state == TEND_STATE_ENDED)
			continue;
		if (shown == 8) {
			used += (size_t)snprintf(buf + used, size - used, ", ...");
			break;
		}
		used += (size_t)snprintf(buf + used, size - used, "%s%s", shown++ ? ", " : "",
		                         t->config->name);
	}
	tend_duration_text(up->stop_deadline > now ? up->stop_deadline - now : 0, left,
	                   sizeof(left));
	if (used < size)
		snprintf(buf + used, size - used, "; %s left", left);
}

static uint64_t sum(uint64_t a, uint64_t b) { return a > UINT64_MAX - b ? UINT64_MAX : a + b; }

/* Returns how long the stop of all live tasks may take: the longest way along the needs, each
 * task with the whole of its stop timeout. */
static uint64_t stop_ns(const struct up *up)
{
	const struct config *config = up->config;
	uint64_t longest = 0;
	/* For each task: the time until the last of its dependents has ended. */
	uint64_t *before = calloc(config->ntasks + 1, sizeof(*before));

	/* In `order` a task stands before all its dependents. */
	for (size_t n = config->ntasks; n-- > 0;) {
		size_t i = config->order[n];
		const struct config_task *c = &config->tasks[i];
		uint64_t own = up->tasks[i].state == TEND_STATE_ENDED ? 0 : c->stop_timeout_ns;
		/* Out of memory: the sum of all timeouts is never too short. */
		uint64_t end = sum(before ? before[i] : longest, own);
		longest = end > longest ? end : longest;
		for (size_t k = 0; before && k < c->nneeds; k++)
			if (before[c->needs[k].task] < end)
				before[c->needs[k].task] = end;
	}
	free(before);
	return longest;
}

/* Has the library stop the stack until the deadline, also nearer than that of a call before. */
static int stop_main(void *arg)
{
	struct up *up = arg;
	int error = tend_shutdown(up->stack, up->stop_deadline,
	                          TEND_SHUTDOWN_OPTS(.text = "the stack is stopped"));

	up->gave_up |= error == -ETIMEDOUT;
	/* Without memory for an order, all tasks end at once. */
	if (error == -ENOMEM)
		tend_scope_cancel(up->stack, -ECANCELED, "the stack is stopped");
	tend_event_set(up->changed);
	return 0;
}

static void spawn(struct up *up, tend_fn *fn, const char *name)
{
	if (tend_spawn(up->own, fn, up, TEND_TASK_OPTS(.name = name), NULL) != 0)
		tend_scope_cancel(up->stack, -ECANCELED, "the stack is stopped");
}

void up_stop(struct up *up, const char *reason, uint64_t timeout_ns)
{
	bool first = !up->stopping;

	if (first) {
		uint64_t ns = stop_ns(up);
		up->stopping = true;
		up->stop_began = tend_now();
		up->stop_deadline =
			tend_after(ns > TEND_FOREVER - KILL_NS ? TEND_FOREVER : ns + KILL_NS);
		up_say(up, "stopping: %s", reason);
	}
	uint64_t deadline = timeout_ns ? tend_after(timeout_ns) : up->stop_deadline;
	bool nearer = deadline < up->stop_deadline;
	if (nearer)
		up->stop_deadline = deadline;
	assert(up->stop_deadline >= up->stop_began);
	if (first || nearer)
		spawn(up, stop_main, "stop");
	tend_event_set(up->changed);
}

/* Kills what there is, in no order. */
static int force_main(void *arg)
{
	struct up *up = arg;

	tend_scope_cancel(up->stack, -ECANCELED, "the stack is killed");
	for (size_t i = 0; i < up->config->ntasks; i++)
		while (tend_process_pid(up->tasks[i].process) > 0 &&
		       tend_process_signal(up->tasks[i].process, SIGKILL) == -EAGAIN)
			if (tend_sleep(AGAIN_NS) != 0)
				return 0;
	return 0;
}

void up_force(struct up *up, const char *reason)
{
	up_stop(up, reason, 0);
	if (!up->forced) {
		up_say(up, "killing what is left: %s", reason);
		up->forced = true;
		spawn(up, force_main, "force");
	}
	up_stop(up, reason, KILL_NS);
}

bool up_is_forced(const struct up *up)
{
	uint64_t fifth = (up->stop_deadline - up->stop_began) / 5;

	return up->forced ||
	       (up->stopping &&
	        tend_now() >= up->stop_deadline - (fifth < TEND_SEC ? fifth : TEND_SEC));
}
