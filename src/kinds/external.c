/* kinds/external.c - work that runs elsewhere and only has an entry in the tree. */
#include "kinds/kinds.h"

#include "base/error.h"

#include <errno.h>

static void nobody_wakes(struct tend__task *t) { (void)t; }

/* No `leave`: the program, and not the task, calls tend_task_end(). */
static const struct tend__kind kind_external = {.wake = nobody_wakes};

int tend_task_begin_at(const char *site, tend_scope scope, const struct tend_task_opts *opts,
                       tend_task *out)
{
	struct tend_task_opts room;
	int error = tend__task_opts(&room, &opts);

	if (error)
		return error;
	if (!out || opts->drop || opts->hold.id || opts->restart || (opts->flags & TEND_ABORTABLE))
		return -EINVAL;
	TEND__VISIT(rt, scope.id);
	struct tend__spawn spawn = {.rt = rt,
	                            .site = site,
	                            .opts = opts,
	                            .ops = &kind_external,
	                            .kind = TEND_KIND_EXTERNAL};
	struct tend__task *t;
	error = tend__task_prepare(scope, &spawn, &t);
	if (error)
		return error;
	out->id = t->id;
	tend__task_start(t, &spawn, TEND__RUNNING);
	return 0;
}

int tend_task_end(tend_task task, int result)
{
	TEND__VISIT(rt, task.id);
	struct tend__task *t;
	int error = tend__task_touch(rt, task.id, &t);

	if (error)
		return error;
	tend__assert_held(tend__stripe_of(rt, task.id));
	/* The first of two callers ends the task: the stripe guards the flag. */
	if (t->kind != &kind_external)
		error = -EINVAL;
	else if (t->unwinding)
		error = -ESRCH;
	else {
		t->unwinding = TEND__UNWINDS;
		t->result = result;
	}
	tend__unlock(tend__stripe_of(rt, task.id));
	if (error)
		return error;
	tend__assert(t->id == task.id && !t->worker && !t->stack);
	tend__task_finish(t);
	return error;
}
