/* cli/up/steps.c - the later signals of a stop. The library sends the first signal, and SIGKILL
 * when the time of all steps is over. */
#include "up/up.h"

#include <assert.h>
#include <errno.h>

/* How long until the next try of a signal for which the guard had no room. */
#define AGAIN_NS (10 * TEND_MS)

/* Sends the later signals of a stop, each to the attempt that the stop is of. */
static int steps_main(void *arg)
{
	struct up_task *t = arg;
	uint64_t began = t->stop_at;
	int32_t pid = t->pid;
	size_t step = 0;

	while (step < t->config->nstop_steps && t->pid == pid && t->stop_at == began) {
		const struct config_stop_step *s = &t->config->stop_steps[step];
		uint64_t due = began + s->after_ns;
		int error = tend_sleep_until(due > tend_now() ? due : tend_after(AGAIN_NS));
		if (error == -ECANCELED)
			break;
		/* The signal would reach the next attempt: the end of this one is told soon. */
		if (t->pid != pid || tend_process_pid(t->process) != pid)
			break;
		step += tend_process_signal(t->process, s->signal) != -EAGAIN;
	}
	return 0;
}

void up_steps_begin(struct up_task *t, uint32_t attempt)
{
	t->stop_at = tend_now();
	t->stop_attempt = attempt;
	/* Before its begin an attempt has no program, which a signal could reach. Without memory,
	 * SIGKILL is the second step. */
	if (t->pid != 0 && t->config->nstop_steps)
		(void)!tend_spawn(t->up->own, steps_main, t, TEND_TASK_OPTS(.name = "steps"), NULL);
}

bool up_steps_have(const struct config_task *task, int signal)
{
	for (size_t i = 0; i < task->nstop_steps; i++)
		if (task->stop_steps[i].signal == signal)
			return true;
	return signal == task->stop_signal;
}
