/* supervise/force.c - the end of one task for good, with force in the last part of the time. */
#include "supervise/supervise.h"

#include "base/alloc.h"
#include "base/error.h"

#include <errno.h>

/* The waiter is linked nowhere; the watch is in the list of the task. Both under the stripe. */
struct end {
	struct tend__waiter waiter;
	bool waits, fired;
};

static void fire(void *arg)
{
	struct end *end = arg;

	end->fired = true;
	if (end->waits && !end->waiter.done)
		tend__waiter_done(&end->waiter, 0);
}

/* Returns 0 with a watch in the list of the task, whose end makes end->fired true. */
static int watch(tend_runtime *rt, tend_task task, struct end *end, struct tend__watch **out)
{
	struct tend__watch *w = tend__alloc(sizeof(*w));
	struct tend__task *t;

	if (!w)
		return -ENOMEM;
	w->fire = fire;
	w->arg = end;
	int error = tend__task_touch(rt, task.id, &t);
	if (error) {
		tend__free(w);
		return error;
	}
	if ((tend__task_word(t) & TEND__STATE) == TEND__ENDED)
		error = -ESRCH;
	else if (!tend__task_extra(t))
		error = -ENOMEM;
	else
		tend__link_append(&t->extra->watches, &w->link);
	tend__unlock(tend__stripe_of(rt, task.id));
	if (error)
		tend__free(w);
	else
		*out = w;
	return error;
}

/* Waits until the task has ended, or until the instant. Returns true if the task has ended. */
static bool await(tend_runtime *rt, tend_task task, struct end *end, uint64_t until)
{
	struct tend__lock *stripe = tend__stripe_of(rt, task.id);

	tend__lock(stripe);
	if (!end->fired) {
		struct tend__task *self = end->waiter.task;

		end->waiter = (struct tend__waiter){.task = self};
		tend__link_init(&end->waiter.link);
		end->waits = true;
		/* The end of the task, or the instant. */
		(void)!tend__wait(stripe, &end->waiter, TEND__WAIT_JOIN, task.id, until,
		                  TEND__UNCANCELABLE);
		tend__lock(stripe);
		end->waits = false;
	}
	bool fired = end->fired;
	tend__unlock(stripe);
	return fired;
}

int tend_task_shutdown(tend_task task, uint64_t deadline)
{
	TEND__VISIT(rt, task.id);
	struct tend__outside room;
	struct tend__watch *w;

	if (!rt)
		return tend__no_such();
	tend__deadline_check(deadline);
	if (tend__waits_for_caller(task.id) || (deadline && tend__check_may_wait()))
		return -EDEADLK;
	struct end end = {.waiter = {.task = tend__self(&room)}};
	int error = watch(rt, task, &end, &w);
	if (error)
		return error;
	/* Canceled before, or ended since: then there is an end to wait for. */
	(void)!tend_task_cancel(task, -ECANCELED, "the task was shut down");
	bool ended = await(rt, task, &end, tend__last_part(tend__clock(), deadline));
	if (!ended) {
		tend__task_force(rt, task.id);
		ended = await(rt, task, &end, deadline);
	}
	if (ended)
		return 0;
	tend__lock(tend__stripe_of(rt, task.id));
	/* The watch is freed by the end of the task, if that has come meanwhile. */
	ended = end.fired;
	if (!ended) {
		tend__unlink(&w->link);
		tend__free(w);
	}
	tend__unlock(tend__stripe_of(rt, task.id));
	return ended ? 0 : -ETIMEDOUT;
}
