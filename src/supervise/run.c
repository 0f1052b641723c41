/* supervise/run.c - waiting for a supervised scope. */
#include "supervise/supervise.h"

#include "base/error.h"

#include <errno.h>

/* Passes the cancel of the calling task, or the stop of its attempt, on to the scope. */
static void pass_on(struct tend__scope *s, uint64_t id)
{
	struct tend_reason reason = tend__reason(-ECANCELED, NULL, 0);
	struct tend__task *self = tend__tls.task;

	/* The reason of the caller is also that of the scope; only its aborted waits have none. */
	if (self && tend_task_reason((tend_task){self->id}, &reason))
		reason = tend__reason(-ECANCELED, "its supervisor was aborted", self->id);
	/* If the scope is canceled already, the first reason stays. */
	tend__scope_cancel(s, id, &reason);
}

/* Waits until the scope is empty. The first cancel of the caller is passed on. */
static int await(struct tend__scope *s, uint64_t id, uint64_t deadline, bool *told, uint64_t where)
{
	int error = tend__scope_await(s, id, TEND__WAIT_CLOSE, deadline,
	                              *told ? TEND__UNCANCELABLE : 0, where);

	if (error != -ECANCELED || *told)
		return error;
	*told = true;
	pass_on(s, id);
	return tend__scope_await(s, id, TEND__WAIT_CLOSE, deadline, TEND__UNCANCELABLE, where);
}

/* Returns why the scope ended, as tend_scope_run() answers a caller that is not canceled. */
static int cause(struct tend__scope *s, uint64_t id)
{
	int error = 0;

	tend__lock(&s->rt->tree);
	if (tend__scope_is(s, id)) {
		bool canceled = tend__load_acquire(&s->home.record->word) & TEND__SCOPE_CANCELED;

		tend__lock(&s->home.lock);
		if (s->gave_up)
			error = -ELOOP;
		else if (canceled && s->critical_error)
			error = s->critical_error;
		else if (canceled)
			error = s->reason.code == -ECANCELED ? -ESHUTDOWN : s->reason.code;
		tend__unlock(&s->home.lock);
	}
	tend__unlock(&s->rt->tree);
	return error;
}

int(tend_scope_run)(tend_scope scope, uint64_t deadline, struct tend_stats *stats)
{
	if (stats && !tend__out_size(stats))
		return -EINVAL;
	TEND__VISIT(rt, scope.id);
	struct tend__scope *s = tend__scope_find(rt, scope.id);
	bool told = false;

	if (!s)
		return tend__no_such();
	if (s == rt->root || s == rt->detached)
		return -EPERM;
	if (tend__inside(s))
		return -EDEADLK;
	struct tend_stats all = {.size = sizeof(all)};
	int error, why;
	do {
		error = await(s, scope.id, deadline, &told, TEND__CALLER);
		if (error)
			return error;
		why = cause(s, scope.id);
		/* A task may have been spawned since. Then the scope admits no more, and the wait
		 * goes on, in which a cancel is passed on as before. */
		error = (tend_scope_close)(scope, 0, &all);
	} while (error == -ETIMEDOUT);
	if (error)
		return error;
	if (stats)
		tend__out_fill(stats, tend__out_size(stats), &all, sizeof(all));
	return told ? -ECANCELED : !why && all.gave_up ? -ELOOP : why;
}
