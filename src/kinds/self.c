/* kinds/self.c - calls of the running task about itself. */
#include "kinds/kinds.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The token of tend_shield_begin() is the end of the outer shield, to a quarter of a
 * microsecond, and in the lowest byte the number of the inner shield. */
enum { SHIELD_NUMBER = 0xff };

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
		return tend__check_process();
	tend__checkpoint_at(t, TEND__CALLER);
	tend__may_go_on(t, TEND__CHECKPOINT);
	if (!tend__cancel_point(t))
		return 0;
	tend__assert(!t->worker || t->worker == tend__tls.worker);
	if (t->worker)
		tend__fiber_yield(t);
	return -ECANCELED;
}

int tend_yield(void)
{
	struct tend__task *t = tend__tls.task;

	if (!t) {
		tend__thread_yield();
		return tend__check_process();
	}
	if (t->worker)
		tend__fiber_yield(t);
	else
		tend__thread_yield();
	return tend__cancel_visible(t) ? -ECANCELED : 0;
}

int tend_shield_begin(uint64_t deadline, uint64_t *outer)
{
	struct tend__task *t = tend__tls.task;

	if (!t)
		return tend__forked_without_runtime() ? -ESTALE : -EPERM;
	if (deadline == TEND_FOREVER || !deadline)
		return -EINVAL;
	tend__deadline_check(deadline);
	*outer = (t->shield & ~(uint64_t)SHIELD_NUMBER) | t->shields++;
	if (!t->shield || deadline < t->shield)
		t->shield = deadline;
	return 0;
}

static void wrong_order(const char *call, const char *what, const void *from)
{
	char who[320], where[128];
	struct tend__text place = tend__text(where, sizeof(where));

	tend__text_address(&place, from);
	tend__bug("tend: %s() at %s: not the %s of %s", call, where, what,
	          tend__who(tend__tls.task, who, sizeof(who)));
}

void tend_shield_end(uint64_t outer)
{
	struct tend__task *t = tend__tls.task;

	if (!t)
		return;
	/* Ended in another order, an inner shield would come back to life. */
	if ((uint8_t)(t->shields - 1) != (outer & SHIELD_NUMBER) || !t->shield)
		wrong_order("tend_shield_end", "innermost shield", __builtin_return_address(0));
	t->shields--;
	t->shield = outer & ~(uint64_t)SHIELD_NUMBER;
}

int tend_defer(void (*cleanup)(void *arg), void *arg)
{
	struct tend__task *t = tend__tls.task;

	if (!t)
		return tend__forked_without_runtime() ? -ESTALE : -EPERM;
	if (!cleanup)
		return -EINVAL;
	struct tend__defer *d = tend__alloc(sizeof(*d));
	if (!d)
		return -ENOMEM;
	*d = (struct tend__defer){t->defers, cleanup, arg};
	t->defers = d;
	return 0;
}

void tend_undefer(void (*cleanup)(void *arg), int run)
{
	struct tend__task *t = tend__tls.task;

	if (!t || !t->defers || t->defers->fn != cleanup)
		wrong_order("tend_undefer", "newest cleanup", __builtin_return_address(0));
	struct tend__defer d = *t->defers;
	tend__free(t->defers);
	t->defers = d.next;
	if (run)
		d.fn(d.arg);
}

void tend_panic_at(const char *site, const char *fmt, ...)
{
	struct tend__task *t = tend__tls.task;
	char text[128];
	int n = snprintf(text, sizeof(text), "%s: ", site);
	va_list args;

	if (n < 0 || (size_t)n >= sizeof(text))
		n = 0;
	va_start(args, fmt);
	vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, args);
	va_end(args);
	tend__text_trim(text);
	if (!t || !t->kind->leave)
		tend__bug("tend: panic outside of a task: %s", text);
	_Static_assert(sizeof(text) == sizeof(t->extra->message), "the text fits");
	tend__assert(!t->worker || t->worker == tend__tls.worker);
	/* The first panic of an unwinding ends the task as any other; the rest of the cleanups
	 * run. */
	if (t->unwinding == TEND__UNWOUND ||
	    (t->unwinding == TEND__UNWINDS && t->ending == TEND_PANICKED)) {
		char who[320];

		tend__bug("tend: a task panicked in a cleanup after a panic: %s: %s",
		          tend__who(t, who, sizeof(who)), text);
	}
	tend__lock(tend__stripe_of(tend__scope_of(t)->rt, t->id));
	/* Without memory the outcome has no message; the task still ends. */
	if (tend__task_extra(t))
		memcpy(t->extra->message, text, sizeof(text));
	tend__unlock(tend__stripe_of(tend__scope_of(t)->rt, t->id));
	t->ending = TEND_PANICKED;
	if (!(tend__task_word(t) & TEND__KEPT))
		tend__failure_tell(t, "panicked", text);
	tend__leave(t);
}
