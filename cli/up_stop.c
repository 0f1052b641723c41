/* cli/up_stop.c - the stop of the whole stack, under one deadline.
 *
 * Each task stops itself as soon as all that need it have ended; this says when
 * it begins, tells how far it is, and uses force when the time is nearly over
 * or the user has had enough. */
#include "up.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>

/* Beyond the stop timeouts of the tasks: what the kills at their ends take. */
#define KILL_NS (2 * TEND_SEC)
#define TICK_NS TEND_SEC
enum { TELL_EVERY = 5 }; /* ticks in which nothing changed */

static void wake_all(struct up *up)
{
	for (size_t i = 0; i < up->config->ntasks; i++)
		tend_event_set(up->tasks[i].wake);
	tend_event_set(up->changed);
}

void up_progress(const struct up *up, char *buf, size_t size)
{
	uint64_t now = tend_now();
	double left = up->stop_deadline > now ? (double)(up->stop_deadline - now) / 1e9 : 0;
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
	if (used < size)
		snprintf(buf + used, size - used, "; %.0f s left", left);
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
	wake_all(up);
}

void up_force(struct up *up, const char *reason)
{
	up_stop(up, reason, 0);
	if (!up->user_forced)
		up_say(up, "killing what is left: %s", reason);
	up->forced = up->user_forced = true;
	up_stop(up, reason, KILL_NS);
}

/* When force is used by itself: in the last fifth of the time, at most 1 s. */
static uint64_t force_at(const struct up *up)
{
	uint64_t fifth = (up->stop_deadline - up->stop_began) / 5;
	return up->stop_deadline - (fifth < TEND_SEC ? fifth : TEND_SEC);
}

static void look_at_the_clock(struct up *up)
{
	uint64_t now = tend_now();

	if (!up->forced && now >= force_at(up)) {
		up_say(up, "killing what is left: the time to stop is nearly over");
		up->forced = true;
		wake_all(up);
	}
	if (now >= up->stop_deadline)
		up->gave_up = true;
}

static void tell(struct up *up, size_t *told, unsigned *ticks)
{
	char text[512];

	if (up->ended == up->config->ntasks || (*told == up->ended && ++*ticks < TELL_EVERY))
		return;
	*ticks = 0;
	*told = up->ended;
	up_progress(up, text, sizeof(text));
	up_say(up, "%s%s", text, up->interrupted && !up->forced ? " (Ctrl-C again kills)" : "");
}

static void abandon(struct up *up)
{
	for (size_t i = 0; i < up->config->ntasks; i++)
		if (up->tasks[i].state != TEND_STATE_ENDED)
			up->tasks[i].state = TEND_STATE_ABANDONED;
}

int up_watch_main(void *arg)
{
	struct up *up = arg;
	size_t told = SIZE_MAX;
	unsigned ticks = 0;
	uint64_t tick = 0;

	while (up->ended < up->config->ntasks && !up->gave_up) {
		uint64_t until = TEND_FOREVER;
		tend_event_clear(up->changed);
		if (up->stopping) {
			look_at_the_clock(up);
			if (tend_now() >= tick) {
				tell(up, &told, &ticks);
				tick = tend_after(TICK_NS);
			}
			until = tick < up->stop_deadline ? tick : up->stop_deadline;
			if (!up->forced && force_at(up) < until)
				until = force_at(up);
		}
		if (!up->gave_up && up->ended < up->config->ntasks &&
		    tend_event_wait(up->changed, until) == -ECANCELED)
			break;
	}
	abandon(up);
	up_report_print(up);
	up->exit_code = up_exit_code(up);
	tend_event_set(up->over);
	return 0;
}

int up_signals_main(void *arg)
{
	struct up *up = arg;
	struct signalfd_siginfo info;
	char reason[32];

	while (tend_read(up->signal_fd, &info, sizeof(info), TEND_FOREVER) == sizeof(info)) {
		int number = (int)info.ssi_signo;
		snprintf(reason, sizeof(reason), "SIG%s", sigabbrev_np(number));
		/* A terminal that goes away sends SIGHUP after whatever else. */
		if (up->interrupted && number != SIGHUP)
			up_force(up, reason);
		else if (!up->interrupted) {
			up->interrupted = true;
			up_stop(up, reason, 0);
		}
	}
	return 0;
}
