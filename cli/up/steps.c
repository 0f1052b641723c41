/* cli/up/steps.c - the later signals of a stop. The library sends the first signal, and SIGKILL
 * when the time of all steps is over. */
#include "up/up.h"

#include <assert.h>
#include <errno.h>

/* How long until the next try of a signal for which the guard had no room. */
#define AGAIN_NS (10 * TEND_MS)

void up_steps_begin(struct up_task *t)
{
	struct tend_life life = {0};

	if (t->stop_at != 0)
		return;
	if (t->pid == 0) {
		/* The attempt may have begun already, and its begin is not told yet. */
		(void)!tend_task_info(t->process, &life);
		t->stop_attempt = life.attempt;
		return;
	}
	t->stop_at = tend_now();
	t->stop_step = 0;
	tend_event_set(t->wake);
}

uint64_t up_steps_look(struct up_task *t)
{
	const struct config_task *c = t->config;

	if (t->pid == 0)
		t->stop_at = 0;
	for (; t->stop_at != 0 && t->stop_step < c->nstop_steps; t->stop_step++) {
		const struct config_stop_step *step = &c->stop_steps[t->stop_step];
		uint64_t due = t->stop_at + step->after_ns;
		if (tend_now() < due)
			return due;
		/* The signal would reach the next attempt: the end of this one is told soon. */
		if (tend_process_pid(t->process) != t->pid)
			return TEND_FOREVER;
		if (tend_process_signal(t->process, step->signal) == -EAGAIN)
			return tend_after(AGAIN_NS);
	}
	return TEND_FOREVER;
}

bool up_steps_have(const struct config_task *task, int signal)
{
	for (size_t i = 0; i < task->nstop_steps; i++)
		if (task->stop_steps[i].signal == signal)
			return true;
	return signal == task->stop_signal;
}
