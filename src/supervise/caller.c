/* supervise/caller.c - waits for a step in the life of a task. The callers of all tasks of a
 * scope lie in one list, because few tasks have callers.
 *
 * The thread that takes the step ends the waits, under the lock of the scope: a caller learns
 * of its own step, whatever came after. */
#include "supervise/supervise.h"

#include "base/error.h"

#include <errno.h>

enum { NOT_YET = 1 };

static int answer_over(const struct tend__caller *c, const struct tend__life *l)
{
	bool has_begun = c->attempt && c->attempt <= l->attempts;

	if (c->awaits == TEND__AWAITS_END)
		return c->attempt <= l->attempts ? 0 : -ECHILD;
	/* A caller that comes when the attempt is over gets the same answer. */
	if (c->awaits == TEND__AWAITS_READY && has_begun)
		return -ESRCH;
	return c->awaits == TEND__AWAITS_STOP || c->awaits == TEND__AWAITS_BEGIN ? -ECANCELED
	                                                                         : -ECHILD;
}

static int answer_ended(const struct tend__caller *c, const struct tend__life *l)
{
	bool of_this = c->attempt && c->attempt <= l->attempts;

	if (c->awaits == TEND__AWAITS_STOP || (c->awaits == TEND__AWAITS_END && of_this))
		return 0;
	/* The attempt will not be ready any more. */
	return c->awaits == TEND__AWAITS_READY && of_this ? -ESRCH : NOT_YET;
}

/* Returns the answer to a caller at this step, or NOT_YET. */
static int answer(const struct tend__caller *c, const struct tend__life *l, enum tend__step step)
{
	switch (step) {
	case TEND__STEP_BEGUN:
		/* A stop that is still awaited from before the attempt came at rest, where no
		 * attempt was left to end, and a later command has undone the stop. */
		if (c->awaits == TEND__AWAITS_STOP)
			return l->attempts > c->attempt ? 0 : NOT_YET;
		return c->awaits == TEND__AWAITS_BEGIN && l->attempts > c->attempt ? 0 : NOT_YET;
	case TEND__STEP_READY:
		return c->awaits == TEND__AWAITS_READY && (!c->attempt || c->attempt == l->attempts)
		               ? 0
		               : NOT_YET;
	case TEND__STEP_ENDED:
		return answer_ended(c, l);
	case TEND__STEP_STOPPED:
		/* The stop came after the command of the caller. */
		if (c->awaits == TEND__AWAITS_BEGIN)
			return -ECANCELED;
		return c->awaits == TEND__AWAITS_STOP || c->awaits == TEND__AWAITS_STOPPED
		               ? 0
		               : NOT_YET;
	case TEND__STEP_OVER:
		break;
	}
	return answer_over(c, l);
}

void tend__callers_walk(struct tend__task *t, enum tend__step step)
{
	struct tend__scope *s = tend__scope_of(t);

	tend__assert_held(&t->home->lock);
	tend__assert_held(&s->home.lock);
	for (struct tend__link *l = s->callers.next, *next; l != &s->callers; l = next) {
		struct tend__caller *c = tend__entry(l, struct tend__caller, waiter.link);
		int result;

		next = l->next;
		if (c->task != t->id)
			continue;
		result = answer(c, tend__life_of(t), step);
		if (result != NOT_YET)
			tend__waiter_done(&c->waiter, result);
	}
}

bool tend__waits_for_caller(uint64_t id)
{
	return (tend__tls.task && tend__tls.task->id == id) || tend__owns_caller(id);
}
