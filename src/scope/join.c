/* scope/join.c - outcomes: waiting for the end of a task. */
#include "scope/scope.h"

#include "base/error.h"

#include <errno.h>

/* Takes the ended task from the list of its scope. Returns whether the caller frees the task. */
static bool take(struct tend__task *t)
{
	struct tend__scope *s = tend__scope_of(t);

	tend__lock(&s->home.lock);
	tend__assert(!t->joined);
	bool ours = tend__linked(&t->in_scope);
	tend__unlink(&t->in_scope);
	t->joined = true;
	tend__unlock(&s->home.lock);
	return ours;
}

static inline __attribute__((always_inline)) int join(tend_task task, struct tend_outcome *out,
                                                      uint64_t deadline)
{
	TEND__VISIT(rt, task.id);

	if (!rt)
		return tend__no_such();
	struct tend__outside room;
	/* Before the stripe: tend__self() may take a scope's lock. */
	struct tend__waiter w = {.item = out, .task = tend__self(&room), .where = TEND__CALLER};
	struct tend__task *t;
	int error = tend__task_touch(rt, task.id, &t);
	if (error)
		return error;
	uint64_t word = tend__task_word(t);
	/* A joined task stays for a moment, while its worker is about to keep the outcome. The
	 * mark `joined` is written under the stripe, too. */
	bool kept = (word & TEND__KEPT) && !t->joined;
	if (kept && (word & TEND__STATE) == TEND__ENDED) {
		if (out)
			tend__outcome_fill(t, out);
		TEND__EDGE_ACQUIRE(t);
		if (take(t))
			tend__task_free(rt, t);
		tend__unlock(tend__stripe_of(rt, task.id));
		return 0;
	}
	/* A task around the caller is live, so the look comes here, for the joins that wait. */
	if (tend__owns_caller(task.id) || (kept && deadline && tend__check_may_wait())) {
		tend__unlock(tend__stripe_of(rt, task.id));
		return -EDEADLK;
	}
	if (!kept) {
		tend__unlock(tend__stripe_of(rt, task.id));
		return -ESRCH;
	}
	tend__link_append(&t->joiners, &w.link);
	error = tend__wait(tend__stripe_of(rt, task.id), &w, TEND__WAIT_JOIN, task.id, deadline,
	                   TEND__STAY);
	tend__assert(!tend__linked(&w.link));
	if (!error)
		TEND__EDGE_ACQUIRE(t);
	return error;
}

int(tend_join)(tend_task task, struct tend_outcome *out, uint64_t deadline)
{
	if (out && !tend__out_size(out))
		return -EINVAL;
	if (tend__tls.task && tend__tls.task->id == task.id)
		return -EDEADLK;
	return tend__abort_point(join(task, out, deadline));
}

int(tend_task_outcome)(tend_task task, struct tend_outcome *out)
{
	if (!tend__out_size(out))
		return -EINVAL;
	TEND__VISIT(rt, task.id);
	struct tend__task *t;
	int error = tend__task_touch(rt, task.id, &t);

	if (error)
		return error;
	if (!(tend__task_word(t) & TEND__KEPT) || t->joined)
		error = (tend__task_word(t) & TEND__STATE) == TEND__ENDED ? -ESRCH : -EAGAIN;
	else if ((tend__task_word(t) & TEND__STATE) != TEND__ENDED)
		error = -EAGAIN;
	else
		tend__outcome_fill(t, out);
	tend__unlock(tend__stripe_of(rt, task.id));
	return error;
}
