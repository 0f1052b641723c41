/* kinds/fiber.c - fibers: functions with stacks of their own, run by the workers. */
#include "kinds/kinds.h"

#include <errno.h>

static const struct tend__kind kind_fiber = {
	.wake = tend__fiber_wake, .ended = tend__task_finish, .leave = tend__fiber_end};

int tend_spawn_at(const char *site, tend_scope scope, tend_fn *fn, void *arg,
                  const struct tend_task_opts *opts, tend_task *out)
{
	struct tend_task_opts room;
	int error = tend__task_opts(&room, &opts);

	if (error)
		return error;
	if (!fn)
		return -EINVAL;
	struct tend__birth birth = {.site = site,
	                            .opts = opts,
	                            .ops = &kind_fiber,
	                            .kind = TEND_KIND_FIBER,
	                            .held = out != NULL};
	struct tend__task *t;
	error = tend__conceive(scope, &birth, &t);
	if (error)
		return error;
	/* Relaxed: stacks were out a moment ago; see runtime/stacks.c. */
	error = tend__load_relaxed(&tend__scope_of(t)->rt->no_stacks) ? -EAGAIN
	                                                              : tend__give(t, &birth);
	if (error) {
		tend__stillborn(t);
		return error;
	}
	t->fn = fn;
	t->arg = arg;
	tend_task name = {t->id};
	tend__born(t, &birth, TEND__READY);
	if (out)
		*out = name;
	tend__spawned(tend__scope_of(t)->rt, t);
	return 0;
}
<<<<<<< HEAD

/* ---- What a task may say of itself ---- */

tend_task tend_self(void) { return (tend_task){tend__tls.task ? tend__tls.task->id : 0}; }

tend_scope tend_self_scope(void)
{
	struct tend__task *t = tend__tls.task;

	return (tend_scope){t ? tend__scope_of(t)->id : 0};
}

int tend_checkpoint(void)
{
	struct tend__task *t = tend__tls.task;

	if (!t)
		return 0;
	tend__checkpoint_at(t, __builtin_return_address(0));
	if (!tend__canceled(t))
		return 0;
	if (t->worker)
		tend__fiber_yield(t);
	return -ECANCELED;
}

int tend_yield(void)
{
	struct tend__task *t = tend__tls.task;

	if (t && t->worker)
		tend__fiber_yield(t);
	else
		tend__thread_yield();
	return t && tend__told(t) ? -ECANCELED : 0;
}

int tend_shield_begin(uint64_t deadline, uint64_t *outer)
{
	struct tend__task *t = tend__tls.task;

	if (!t)
		return -EPERM;
	if (deadline == TEND_FOREVER || !deadline)
		return -EINVAL;
	*outer = t->shield;
	if (!t->shield || deadline < t->shield)
		t->shield = deadline;
	return 0;
}

void tend_shield_end(uint64_t outer)
{
	if (tend__tls.task)
		tend__tls.task->shield = outer;
}

int tend_defer(void (*cleanup)(void *arg), void *arg)
{
	struct tend__task *t = tend__tls.task;
	struct tend__defer *d;

	if (!t)
		return -EPERM;
	d = tend__alloc(sizeof *d);
	if (!d)
		return -ENOMEM;
	*d = (struct tend__defer){t->defers, cleanup, arg};
	t->defers = d;
	return 0;
}

void tend_undefer(void (*cleanup)(void *arg), int run)
{
	struct tend__task *t = tend__tls.task;
	struct tend__defer d;

	if (!t || !t->defers || t->defers->fn != cleanup)
		tend__bug("tend: tend_undefer: not the newest cleanup of the calling task");
	d = *t->defers;
	tend__free(t->defers);
	t->defers = d.next;
	if (run)
		d.fn(d.arg);
}

void tend_panic_at(const char *site, const char *fmt, ...)
{
	struct tend__task *t = tend__tls.task;
	char text[128];
	va_list args;
	int n;

	n = snprintf(text, sizeof text, "%s: ", site);
	if (n < 0 || (size_t)n >= sizeof text)
		n = 0;
	va_start(args, fmt);
	vsnprintf(text + n, sizeof text - (size_t)n, fmt, args);
	va_end(args);
	if (!t || !t->kind->leave)
		tend__bug("tend: panic outside of a task: %s", text);
	if (t->unwinding)
		tend__bug("tend: task #%llu panicked in a cleanup: %s", (unsigned long long)t->id,
		          text);
	tend__lock(tend__stripe_of(tend__scope_of(t)->rt, t->id));
	/* Without memory the outcome has no message; the task still ends. */
	if (tend__task_extra(t))
		memcpy(t->extra->message, text, sizeof text);
	tend__unlock(tend__stripe_of(tend__scope_of(t)->rt, t->id));
	t->ending = TEND_PANICKED;
	tend__leave(t);
}
=======
>>>>>>> main
