/* supervise/self.c - news from an attempt, or from a probe of the attempt: ready, alive,
 * failed, and why. */
#include "supervise/supervise.h"

#include "base/error.h"
#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- From the calling task ---- */

static int outside(void) { return tend__forked_without_runtime() ? -ESTALE : -EPERM; }

int tend_ready(void)
{
	struct tend__task *t = tend__tls.task;

	if (!t)
		return outside();
	if (!(t->flags & TEND__RESTARTABLE))
		return 0;
	tend__attempt_ready(t);
	return 0;
}

int tend_alive(void)
{
	struct tend__task *t = tend__tls.task;

	if (!t)
		return outside();
	if (t->flags & TEND__RESTARTABLE)
		/* Relaxed: the look of the ladder may come a moment later. */
		tend__store_relaxed(&tend__life_of(t)->alive_at, tend__clock());
	return 0;
}

static void keep(struct tend__task *t, const char *fmt, va_list args) TEND_PRINTF(2, 0);
static void keep(struct tend__task *t, const char *fmt, va_list args)
{
	char text[sizeof(t->extra->message)];

	vsnprintf(text, sizeof(text), fmt, args);
	tend__text_trim(text);
	tend__keep_text(t, text);
}

int tend_fail(int code, const char *fmt, ...)
{
	struct tend__task *t = tend__tls.task;
	va_list args;

	va_start(args, fmt);
	if (t)
		keep(t, fmt, args);
	va_end(args);
	return code;
}

int tend_fatal(int code, const char *fmt, ...)
{
	struct tend__task *t = tend__tls.task;
	va_list args;

	va_start(args, fmt);
	if (t)
		keep(t, fmt, args);
	va_end(args);
	if (t && (t->flags & TEND__RESTARTABLE)) {
		tend__lock(&t->home->lock);
		tend__life_of(t)->fatal = true;
		tend__unlock(&t->home->lock);
	}
	return code;
}

/* ---- From a probe ---- */

int tend_task_ready(tend_task task, uint32_t attempt)
{
	TEND__VISIT(rt, task.id);
	struct tend__task *t;
	int error = tend__task_touch(rt, task.id, &t);

	if (error)
		return error;
	if (!(t->flags & TEND__RESTARTABLE))
		error = -EINVAL;
	else {
		struct tend__life *l = tend__life_of(t);

		tend__lock(&t->home->lock);
		if (l->phase != TEND__LIFE_RUNS || l->attempts != attempt)
			error = -ESRCH;
		else
			tend__attempt_say_ready(t);
		tend__unlock(&t->home->lock);
	}
	tend__unlock(tend__stripe_of(rt, task.id));
	return error;
}

/* Keeps the text, which the memory of the caller may not outlive, for the outcome. */
static int fail(struct tend__task *t, uint32_t attempt, int code, const char *text)
{
	struct tend__life *l = tend__life_of(t);
	int error = 0;

	tend__lock(&t->home->lock);
	if (l->phase != TEND__LIFE_RUNS || l->attempts != attempt)
		error = -ESRCH;
	else if (tend__is_canceled(t) || l->rung != TEND__RUNG_NONE)
		error = -EALREADY;
	else {
		if (tend__task_extra(t) && text)
			tend__text_copy(t->extra->message, sizeof(t->extra->message), text);
		l->late = true;
		tend__attempt_stop(t, code, "the attempt was said to have failed");
	}
	tend__unlock(&t->home->lock);
	return error;
}

int tend_task_fail(tend_task task, uint32_t attempt, int code, const char *text)
{
	if (code >= 0)
		return -EINVAL;
	TEND__VISIT(rt, task.id);
	struct tend__task *t;
	int error = tend__task_touch(rt, task.id, &t);

	if (error)
		return error;
	/* The stripe guards the text. */
	error = t->flags & TEND__RESTARTABLE ? fail(t, attempt, code, text) : -EINVAL;
	tend__unlock(tend__stripe_of(rt, task.id));
	return error;
}
