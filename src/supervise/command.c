/* supervise/command.c - stop, start and restart of a task, waits for a step of its life, and
 * questions about the life. */
#include "supervise/supervise.h"

#include "base/error.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>

/* ---- The wishes ---- */

/* The wishes return 0 if nothing has to be done, or 1 if the caller is to wait. */

static int stop(struct tend__task *t, struct tend__life *l) TEND_REQUIRES(&t->home->lock)
{
	tend__assert_held(&t->home->lock);
	if (l->phase == TEND__LIFE_STOPPED && l->wish == TEND__WISH_NONE)
		return 0;
	l->wish = TEND__WISH_STOP;
	if (l->phase == TEND__LIFE_RUNS)
		tend__attempt_stop(t, -ECANCELED, "the task was stopped");
	else
		tend__life_look(t);
	return 1;
}

static int start(struct tend__task *t, struct tend__life *l) TEND_REQUIRES(&t->home->lock)
{
	tend__assert_held(&t->home->lock);
	if (l->phase == TEND__LIFE_RUNS) {
		/* The caller does not want an attempt that is to stop. */
		if (l->wish == TEND__WISH_STOP)
			l->wish = TEND__WISH_START;
		else if (l->wish == TEND__WISH_NONE && tend__round_stops(l))
			l->wish = TEND__WISH_AGAIN;
		return l->wish != TEND__WISH_NONE;
	}
	l->wish = TEND__WISH_AGAIN;
	tend__life_look(t);
	return 1;
}

static int restart(struct tend__task *t, struct tend__life *l) TEND_REQUIRES(&t->home->lock)
{
	tend__assert_held(&t->home->lock);
	l->wish = TEND__WISH_AGAIN;
	if (l->phase == TEND__LIFE_RUNS)
		tend__attempt_stop(t, -ECANCELED, "the task was restarted");
	else
		tend__life_look(t);
	return 1;
}

/* ---- The callers ---- */

enum command { STOP, START, RESTART, WAIT };

static int wish(struct tend__task *t, enum command command, struct tend__caller *c)
	TEND_REQUIRES(&t->home->lock)
{
	struct tend__life *l = tend__life_of(t);

	tend__assert_held(&t->home->lock);
	/* A close lets the attempt run on, and a stop ends the attempt, with the task. */
	bool ends = command == STOP && l->phase == TEND__LIFE_RUNS && !tend__is_canceled(t);
	if (l->phase == TEND__LIFE_OVER || tend__member_is_to_end(l) ||
	    (tend__is_to_end(t) && !ends))
		return -ECANCELED;
	if (command == RESTART && l->rules->policy.type == TEND__TEMPORARY)
		return -EINVAL;
	c->attempt = l->attempts;
	if (command != START)
		return command == STOP ? stop(t, l) : restart(t, l);
	int waits = start(t, l);
	/* The attempt that runs will do, and has not begun yet. */
	if (!waits && !l->begun) {
		c->attempt--;
		waits = 1;
	}
	return waits;
}

/* Returns 0 if the step has been taken, 1 if it is to come, or the error. */
static int step_of(struct tend__task *t, struct tend__caller *c) TEND_REQUIRES(&t->home->lock)
{
	struct tend__life *l = tend__life_of(t);
	bool runs = l->phase == TEND__LIFE_RUNS, over = l->phase == TEND__LIFE_OVER;

	tend__assert_held(&t->home->lock);
	if (c->awaits == TEND__AWAITS_STOPPED) {
		if (l->phase == TEND__LIFE_STOPPED && l->wish != TEND__WISH_AGAIN)
			return 0;
		return over ? -ECHILD : 1;
	}
	if (c->awaits == TEND__AWAITS_READY) {
		if (runs && l->ready && (!c->attempt || c->attempt == l->attempts))
			return 0;
		if (c->attempt &&
		    (c->attempt < l->attempts || (c->attempt == l->attempts && !runs)))
			return -ESRCH;
		return over ? -ECHILD : 1;
	}
	if (!c->attempt)
		c->attempt = l->attempts + !runs;
	if (c->attempt < l->attempts || (c->attempt == l->attempts && !runs))
		return 0;
	return over ? -ECHILD : 1;
}

static int call(tend_task task, enum command command, enum tend__awaits awaits, uint32_t attempt,
                uint64_t deadline)
{
	TEND__VISIT(rt, task.id);
	struct tend__outside room;

	if (!rt)
		return tend__no_such();
	if (tend__waits_for_caller(task.id))
		return -EDEADLK;
	/* Before the locks: tend__self() may take a scope's lock. */
	struct tend__caller c = {
		.waiter = {.task = tend__self(&room)},
		.task = task.id,
		.awaits = awaits,
		.attempt = attempt,
	};
	struct tend__task *t;
	int error = tend__task_touch(rt, task.id, &t);
	if (error)
		return error;
	if (!(t->flags & TEND__RESTARTABLE)) {
		tend__unlock(tend__stripe_of(rt, task.id));
		return -EINVAL;
	}
	struct tend__scope *s = tend__scope_of(t);
	tend__lock(&s->home.lock);
	tend__assert_held(&t->home->lock);
	error = command == WAIT ? step_of(t, &c) : wish(t, command, &c);
	if (error == 1 && tend__check_may_wait() && deadline)
		error = -EDEADLK;
	if (error == 1)
		tend__link_append(&s->callers, &c.waiter.link);
	tend__unlock(tend__stripe_of(rt, task.id));
	if (error != 1) {
		tend__unlock(&s->home.lock);
		return error;
	}
	return tend__wait(&s->home.lock, &c.waiter, TEND__WAIT_STEP, task.id, deadline, TEND__STAY);
}

int tend_task_stop(tend_task task, uint64_t deadline)
{
	return tend__abort_point(call(task, STOP, TEND__AWAITS_STOP, 0, deadline));
}

int tend_task_start(tend_task task, uint64_t deadline)
{
	return tend__abort_point(call(task, START, TEND__AWAITS_BEGIN, 0, deadline));
}

int tend_task_restart(tend_task task, uint64_t deadline)
{
	return tend__abort_point(call(task, RESTART, TEND__AWAITS_BEGIN, 0, deadline));
}

int tend_task_wait(tend_task task, uint32_t step, uint32_t attempt, uint64_t deadline)
{
	enum tend__awaits awaits = step == TEND_IS_READY  ? TEND__AWAITS_READY
	                           : step == TEND_IS_OVER ? TEND__AWAITS_END
	                                                  : TEND__AWAITS_STOPPED;

	if (step > TEND_IS_STOPPED || (step == TEND_IS_STOPPED && attempt))
		return -EINVAL;
	return tend__abort_point(call(task, WAIT, awaits, attempt, deadline));
}

/* ---- Questions ---- */

static uint32_t state_of(const struct tend__life *l)
{
	switch (l->phase) {
	case TEND__LIFE_FRESH:
		return TEND_STATE_READY;
	case TEND__LIFE_RUNS:
		return l->rung == TEND__RUNG_NONE    ? TEND_STATE_RUNNING
		       : l->rung == TEND__RUNG_STUCK ? TEND_STATE_ABANDONED
		                                     : TEND_STATE_STOPPING;
	case TEND__LIFE_RESTS:
		return TEND_STATE_BACKOFF;
	case TEND__LIFE_QUEUED:
		return TEND_STATE_QUEUED;
	case TEND__LIFE_STOPPED:
		return TEND_STATE_STOPPED;
	default:
		return TEND_STATE_ENDED;
	}
}

static void describe(struct tend__task *t, struct tend_life *out) TEND_REQUIRES(&t->home->lock)
{
	const struct tend__life *l = tend__life_of(t);
	uint64_t word = tend__task_word(t);

	tend__assert_held(&t->home->lock);
	out->attempt = l->attempts;
	out->state = state_of(l);
	out->ready = l->phase == TEND__LIFE_RUNS && l->ready;
	out->restarts = l->restarts;
	out->failures = l->attempt.failures;
	if (l->rules && l->rules->policy.retries > l->attempt.failures)
		out->retries_left = l->rules->policy.retries - l->attempt.failures;
	if (l->phase == TEND__LIFE_RESTS)
		out->due = l->alarm.timer.at;
	out->last = ((uint32_t)word & TEND__OUTCOME) >> TEND__OUTCOME_SHIFT;
	if (!out->last)
		return;
	/* Relaxed: written under the lock. */
	out->last_result = tend__load_relaxed(&t->record->result);
	if ((word & TEND__STATE) == TEND__ENDED)
		out->last_error = tend__error_of(t, out->last);
	else
		out->last_error = tend__attempt_error(t, out->last, out->last_result);
	if (!t->extra || out->last == TEND_COMPLETED)
		return;
	out->last_signal = t->extra->signal;
	memcpy(out->last_message, t->extra->message, sizeof(out->last_message));
}

int(tend_task_info)(tend_task task, struct tend_life *out)
{
	size_t size = tend__out_size(out);
	struct tend_life info = {0};

	if (!size)
		return -EINVAL;
	TEND__VISIT(rt, task.id);
	struct tend__task *t;
	int error = tend__task_touch(rt, task.id, &t);
	if (error)
		return error;
	if (t->flags & TEND__RESTARTABLE) {
		tend__lock(&t->home->lock);
		describe(t, &info);
		tend__unlock(&t->home->lock);
	} else
		error = -EINVAL;
	tend__unlock(tend__stripe_of(rt, task.id));
	if (!error)
		tend__out_fill(out, size, &info, sizeof(info));
	return error;
}
