/* service/phases.c - one phase after the other, in a fiber. */
#include "service/service.h"

#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- The failure ---- */

/* An earlier phase of the enum is a graver failure, because what follows is its consequence. */
static void fails(struct tend_daemon *d, uint32_t phase, int error, int32_t kind, const char *why)
{
	tend__assert(phase != TEND_PHASE_NONE && error < 0);
	tend__lock(&d->lock);
	if (d->end.phase == TEND_PHASE_NONE || phase < d->end.phase) {
		d->end.phase = phase;
		d->end.error = error;
		d->end.kind = kind;
		snprintf(d->end.message, sizeof(d->end.message), "%s", why);
	}
	tend__unlock(&d->lock);
}

/* ---- Waits ---- */

static uint32_t forces(struct tend_daemon *d)
{
	tend__lock(&d->lock);
	uint32_t n = d->forces;
	tend__unlock(&d->lock);
	return n;
}

/* Waits for news. A cancel of this fiber comes from the root, which the program shuts down: then
 * the service stops, and the phases get their time all the same. Returns false at the instant. */
static bool wait_for_news(struct tend_daemon *d, uint64_t until)
{
	uint64_t outer;
	int error = tend_event_wait(d->news, until);

	if (error != -ECANCELED)
		return error == 0;
	(void)!tend__daemon_stop(d, TEND_STOP_REQUESTED, "the runtime is shut down");
	tend_event_set(d->news);
	/* The shield ends with the fiber. */
	error = tend_shield_begin(tend_after(TEND__AGES_NS), &outer);
	tend__assert(!error);
	return true;
}

/* ---- Hooks ---- */

/* Waits until the hook has ended, and tells a hook of the start of a stop, and other
 * hooks of a force that comes meanwhile. Returns
 * 0, or -ETIMEDOUT for a hook that does not come back. */
static int await(struct tend_daemon *d, tend_task task, uint64_t limit, bool start,
                 struct tend_outcome *out)
{
	uint64_t until = limit == TEND_FOREVER ? limit : limit + TEND__HOOK_GRACE_NS;
	uint32_t before = forces(d);
	bool told = false;

	for (;;) {
		tend_event_clear(d->news);
		if (tend_task_outcome(task, out) == 0)
			return tend_join(task, NULL, TEND_FOREVER);
		if (!told && (start ? tend__daemon_stops(d) : forces(d) != before)) {
			told = true;
			tend_task_cancel(task, -ECANCELED, "the service stops");
			uint64_t soon = tend_after(TEND__HOOK_GRACE_NS);
			if (soon < until)
				until = soon;
		}
		if (wait_for_news(d, until))
			continue;
		/* The hook may end after the event is gone. */
		(void)!tend_unwatch(task, d->news);
		return -ETIMEDOUT;
	}
}

/* Runs the hook of a phase. Returns true if the phase has completed. */
static bool phase(struct tend_daemon *d, uint32_t number, const struct tend__hook *hook)
{
	bool start = number <= TEND_PHASE_ON_START;
	uint64_t ns = tend__hook_ns(hook->ns), limit = tend__from_now(ns);
	struct tend_outcome o = {0};
	char why[128];
	tend_task task;

	if (!hook->fn)
		return true;
	tend__notify_time(d, "", ns == TEND_FOREVER ? ns : ns + TEND__HOOK_GRACE_NS);
	int error = tend__hook_spawn(d, d->own, hook, limit, &task);
	if (!error)
		error = tend_watch(task, d->news);
	if (!error)
		error = await(d, task, limit, start, &o);
	if (error) {
		snprintf(why, sizeof(why), "%s %s", hook->name,
		         error == -ETIMEDOUT ? "did not return" : tend_strerror(error));
		fails(d, number, error, TEND_LIVE, why);
		return false;
	}
	error = tend__hook_error(hook, &o, why, sizeof(why));
	if (error)
		fails(d, number, error, o.kind, why);
	/* Also if the hook was done although it was told to stop. A hook that was never called has
	 * an error for its result. */
	return !error && (o.kind == TEND_COMPLETED || (o.kind == TEND_CANCELED && o.result >= 0));
}

/* ---- Run, and the stop ---- */

/* Returns the task in *task: {0} if the hook could not be spawned. */
static void run(struct tend_daemon *d, const struct tend__hook *hook, tend_task *task)
{
	uint64_t limit = d->service.run_ns ? tend__from_now(d->service.run_ns) : TEND_FOREVER;
	struct tend_outcome o = {0};

	*task = (tend_task){0};
	int error = tend__hook_spawn(d, d->tasks, hook, limit, task);
	if (!error)
		error = tend_watch(*task, d->news);
	if (error) {
		fails(d, TEND_PHASE_RUN, error, TEND_LIVE, "run could not be started");
		return;
	}
	(void)!tend__notify(d, "READY=1\nSTATUS=\n");
	tend_event_set(d->ready);
	for (;;) {
		tend_event_clear(d->news);
		if (tend_task_outcome(*task, &o) == 0) {
			(void)!tend__daemon_stop(d, TEND_STOP_BY_RUN, "run has returned");
			return;
		}
		if (tend__daemon_stops(d))
			return;
		(void)wait_for_news(d, TEND_FOREVER);
	}
}

/* After the stop of the tasks, of which `run` is one. */
static void read_run(struct tend_daemon *d, const struct tend__hook *hook, tend_task task)
{
	struct tend_outcome o = {0};
	char why[128];

	if (!task.id)
		return;
	/* A late end must find no event. */
	(void)!tend_unwatch(task, d->news);
	if (tend_task_outcome(task, &o) != 0) {
		fails(d, TEND_PHASE_RUN, -ETIMEDOUT, TEND_LIVE, "run did not return");
		return;
	}
	int error = tend__hook_error(hook, &o, why, sizeof(why));
	if (error)
		fails(d, TEND_PHASE_RUN, error, o.kind, why);
	tend__lock(&d->lock);
	if (o.kind == TEND_COMPLETED)
		d->end.result = o.result;
	tend__unlock(&d->lock);
}

static void stop_tasks(struct tend_daemon *d)
{
	const struct tend_service *s = &d->service;
	uint64_t ns = s->stop_ns ? s->stop_ns : TEND__HOOK_NS * TEND_SEC;
	uint64_t deadline = forces(d) ? tend_now() : tend__from_now(ns);
	char text[64], why[64];

	tend__notify_time(d, "STOPPING=1\n", ns);
	tend__lock(&d->lock);
	memcpy(text, d->end.text, sizeof(text));
	tend__unlock(&d->lock);
	int error = tend_shutdown(
		d->tasks, deadline,
		TEND_SHUTDOWN_OPTS(.text = text, .report = &d->report,
	                           .drain = s->drain_ns ? tend__from_now(s->drain_ns) : 0));
	if (!error)
		return;
	size_t n = d->report ? tend_report_abandoned(d->report) : 0;
	tend__lock(&d->lock);
	d->end.abandoned = (uint32_t)n;
	tend__unlock(&d->lock);
	snprintf(why, sizeof(why), n ? "the stop left %zu behind" : "the stop failed", n);
	fails(d, TEND_PHASE_STOP, error, TEND_LIVE, why);
}

int tend__phases(void *arg)
{
	struct tend_daemon *d = arg;
	const struct tend_service *s = &d->service;
	const struct tend__hook pre_start = {"pre_start", s->pre_start, s->pre_start_ns},
				on_start = {"on_start", s->on_start, s->on_start_ns},
				runs = {"run", s->run, s->run_ns},
				on_stop = {"on_stop", s->on_stop, s->on_stop_ns},
				post_stop = {"post_stop", s->post_stop, s->post_stop_ns};
	tend_task task = {0};

	bool prepared = phase(d, TEND_PHASE_PRE_START, &pre_start);
	bool started =
		prepared && !tend__daemon_stops(d) && phase(d, TEND_PHASE_ON_START, &on_start);
	if (started && !tend__daemon_stops(d))
		run(d, &runs, &task);
	(void)!tend__daemon_stop(d, TEND_STOP_FAILED_START, "the start has failed");
	stop_tasks(d);
	read_run(d, &runs, task);
	if (started)
		(void)phase(d, TEND_PHASE_ON_STOP, &on_stop);
	if (prepared)
		(void)phase(d, TEND_PHASE_POST_STOP, &post_stop);
	return 0;
}
