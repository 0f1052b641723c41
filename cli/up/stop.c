/* cli/up/stop.c - the stop of the whole stack, under one deadline.
 *
 * Each task stops as soon as all its dependants have ended. This file begins
 * the stop, shows its progress, and uses force when the time is nearly over or
 * when the user asks a second time. */
#include "up/up.h"

#include <assert.h>
#include <stdio.h>

/* Time beyond the stop timeouts of the tasks, for the kills at their ends. */
#define KILL_NS (2 * TEND_SEC)

static void wake_all(struct up *up)
{
	for (size_t i = 0; i < up->config->ntasks; i++)
		tend_event_set(up->tasks[i].wake);
	tend_event_set(up->changed);
}

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

void up_stop(struct up *up, const char *reason, uint64_t timeout_ns)
{
	uint64_t deadline;

	if (!up->stopping) {
		up->stopping = true;
		up->stop_began = tend_now();
		deadline = graph_stop_ns(&up->graph);
		deadline = tend_after(deadline > TEND_FOREVER - KILL_NS ? TEND_FOREVER
		                                                        : deadline + KILL_NS);
		up->stop_deadline = deadline;
		up_say(up, "stopping: %s", reason);
	}
	deadline = timeout_ns ? tend_after(timeout_ns) : up->stop_deadline;
	if (deadline < up->stop_deadline)
		up->stop_deadline = deadline;
	assert(up->stop_deadline >= up->stop_began);
	wake_all(up);
}

void up_force(struct up *up, const char *reason)
{
	up_stop(up, reason, 0);
	if (!up->user_forced)
		up_say(up, "killing what is left: %s", reason);
	assert(up->stopping);
	up->forced = up->user_forced = true;
	up_stop(up, reason, KILL_NS);
}

uint64_t up_force_at(const struct up *up)
{
	assert(up->stopping && up->stop_deadline >= up->stop_began);
	uint64_t fifth = (up->stop_deadline - up->stop_began) / 5;
	return up->stop_deadline - (fifth < TEND_SEC ? fifth : TEND_SEC);
}

void up_stop_look(struct up *up)
{
	uint64_t now = tend_now();

	assert(up->stopping);
	if (!up->forced && now >= up_force_at(up)) {
		up_say(up, "killing what is left: the time to stop is nearly over");
		up->forced = true;
		wake_all(up);
	}
	if (now >= up->stop_deadline)
		up->gave_up = true;
}
