/* scope/cancel.c - cancel of a scope and everything below, and of a task.
 *
 * Invariant, under runtime.tree: if a scope is canceled, every scope below is canceled, but
 * for those behind a shield. Each scope has a bit of its own, so that a wait looks at a
 * single word; cancels are rare, and pay for the walk. */
#include "scope/scope.h"

#include "base/error.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>

struct tend_reason tend__reason(int code, const char *text, uint64_t who)
{
	struct tend_reason reason = {.code = code, .who = who, .when = tend__clock()};

	if (text)
		tend__text_copy(reason.text, sizeof(reason.text), text);
	return reason;
}

/* Tasks that have waited long are in no cache. The exchange of a notify lets no later load begin,
 * so without a fetch ahead each task would be three misses, one after the other. */
static inline void fetch(const tend_runtime *rt, const struct tend__link *l)
{
	const struct tend__task *t = tend__entry(l, const struct tend__task, in_scope);

	__builtin_prefetch(t, 1);
	__builtin_prefetch(l, 1);
	/* Without a load of the task, which would wait for it. */
	__builtin_prefetch(tend__record_at(rt->segment.header, (uint32_t)(t - rt->tasks)), 1);
}

/* Marks a scope as canceled and notifies the tasks of the scope that have ever parked. Every
 * other task has not started yet, or sees the bit at its first wait, because a task links
 * itself before it looks. */
static void mark(struct tend__scope *s, const struct tend_reason *reason, uint32_t noted)
	TEND_REQUIRES(&s->rt->tree)
{
	tend_runtime *rt = s->rt;

	tend__assert_held(&rt->tree);
	tend__assert(reason->code < 0);
	/* The reason before the bit, because a thread that sees the bit may read the reason. */
	s->reason = *reason;
	uint64_t before = tend__scope_flag(s, TEND__SCOPE_CANCELED | noted);

	tend__assert(!(before & TEND__SCOPE_CANCELED));
	tend__lock(&s->home.lock);
	for (struct tend__link *l = s->home.cancel_list.next; l != &s->home.cancel_list;
	     l = l->next) {
		struct tend__task *t = tend__entry(l, struct tend__task, in_scope);

		if (l->next != &s->home.cancel_list)
			fetch(rt, l->next);
		tend__assert(t->home == &s->home);
		/* The task cannot leave the list without the scope's lock, so t is still this
		 * task. */
		if (t->kind->told)
			t->kind->told(t);
		if (tend__task_notify(t))
			tend__task_wake(t);
	}
	tend__unlock(&s->home.lock);
	tend__scope_tell(s, TEND_EVENT_CANCELED, reason->code);
}

/* Writes the reason for readers of other processes, before the bit of the cancel. */
static bool note_reason(tend_runtime *rt, uint64_t id, const struct tend_reason *reason)
{
	return tend__note_set(&rt->segment, id,
	                      &(struct tend__note_facts){.kind = TEND__NOTE_REASON,
	                                                 .a = reason->who,
	                                                 .at = reason->when,
	                                                 .code = reason->code,
	                                                 .text = reason->text});
}

int tend__scope_cancel(struct tend__scope *top, uint64_t id, const struct tend_reason *reason)
{
	tend_runtime *rt = top->rt;
	int error = 0;

	tend__lock(&rt->tree);
	if (!tend__scope_is(top, id))
		error = -ESRCH;
	else if (tend__load_acquire(&top->home.record->word) & TEND__SCOPE_CANCELED)
		error = -EALREADY;
	/* The scopes below have the reason of the scope above, unless they have a note. */
	uint32_t noted = !error && note_reason(rt, id, reason) ? TEND__SCOPE_NOTED : 0;
	bool into = false;
	for (struct tend__scope *s = error ? NULL : top; s; s = tend__scope_next(s, top, into)) {
		/* A canceled scope needs no walk below, by the invariant. A shield has an alarm
		 * that lets the cancel in when the shield is over. */
		into = !(tend__load_acquire(&s->home.record->word) & TEND__SCOPE_CANCELED) &&
		       (s == top || !s->shield);
		tend__assert_held(&s->rt->tree);
		if (into)
			mark(s, reason, s == top ? noted : 0);
	}
	tend__unlock(&rt->tree);
	return error;
}

int tend_scope_cancel(tend_scope scope, int code, const char *text)
{
	TEND__VISIT(rt, scope.id);
	struct tend__scope *s = tend__scope_find(rt, scope.id);

	if (!s)
		return tend__no_such();
	if (code >= 0)
		return -EINVAL;
	struct tend_reason reason =
		tend__reason(code, text, tend__tls.task ? tend__tls.task->id : 0);
	return tend__scope_cancel(s, scope.id, &reason);
}

int tend_scope_reason(tend_scope scope, struct tend_reason *out)
{
	TEND__VISIT(rt, scope.id);
	struct tend__scope *s = tend__scope_find(rt, scope.id);

	if (!s)
		return tend__no_such();
	int error = 0;
	tend__lock(&s->rt->tree);
	if (!tend__scope_is(s, scope.id))
		error = -ESRCH;
	else if (!(tend__load_acquire(&s->home.record->word) & TEND__SCOPE_CANCELED))
		error = -ENOENT;
	else if (out)
		*out = s->reason;
	tend__unlock(&s->rt->tree);
	return error;
}

/* ---- Tasks ---- */

/* With `late` the reason is that of the task's deadline. */
static int cancel_task(tend_task task, const struct tend_reason *reason, uint32_t bits,
                       uint32_t flags_needed, bool late)
{
	TEND__VISIT(rt, task.id);
	struct tend__task *t;
	int error = tend__task_touch(rt, task.id, &t);

	if (error)
		return error;
	if ((tend__task_word(t) & TEND__STATE) == TEND__ENDED)
		error = -ESRCH; /* ended, with a kept outcome: no cancel changes the end */
	else if ((t->flags & flags_needed) != flags_needed)
		error = -EPERM;
	tend__assert_held(tend__stripe_of(rt, task.id));
	tend__assert(reason->code < 0);
	bool told = tend__task_word(t) & TEND__CANCELED;
	if (!error && !told) {
		/* Without memory for the whole reason, the code is kept. */
		struct tend__extra *extra = tend__task_extra(t);

		if (extra) {
			extra->reason = *reason;
			extra->timed_out = late;
		}
		t->cancel_code = reason->code;
		if (note_reason(rt, task.id, reason))
			bits |= TEND__NOTED;
	}
	if (!error && !tend__task_mark(t->record, task.id, TEND__CANCELED | bits))
		error = -ESRCH;
	/* With the stripe, so that the event precedes the end of the task. */
	if (!error && !told && tend__listened(rt))
		tend__tell_all(tend__scope_of(t), t->record,
		               &(struct tend__event){.type = TEND_EVENT_CANCELED,
		                                     .id = task.id,
		                                     .parent = tend__scope_of(t)->id,
		                                     .at = reason->when,
		                                     .result = reason->code});
	if (!error && t->kind->told)
		t->kind->told(t);
	if (!error && tend__task_notify_id(t, task.id))
		tend__task_wake(t);
	tend__unlock(tend__stripe_of(rt, task.id));
	return error ? error : told && !bits ? -EALREADY : 0;
}

int tend_task_cancel(tend_task task, int code, const char *text)
{
	struct tend_reason reason =
		tend__reason(code, text, tend__tls.task ? tend__tls.task->id : 0);

	return code >= 0 ? -EINVAL : cancel_task(task, &reason, 0, 0, false);
}

struct tend_reason tend__task_late(void)
{
	return tend__reason(-ETIMEDOUT, "the task's deadline passed", 0);
}

void tend__task_time_out(uint64_t id)
{
	struct tend_reason reason = tend__task_late();

	/* The task may have ended or been canceled before its deadline. */
	if (cancel_task((tend_task){id}, &reason, 0, 0, true))
		return;
}

int tend_abort(tend_task task)
{
	struct tend_reason reason =
		tend__reason(-ECANCELED, "aborted", tend__tls.task ? tend__tls.task->id : 0);

	return cancel_task(task, &reason, TEND__ABORTED, TEND_ABORTABLE, false);
}

/* Reads why the attempt of a restartable task is to stop. Returns false if it is not. */
static bool stop_of(struct tend__task *t, struct tend_reason *out)
{
	const struct tend__attempt *a = t->data;

	tend__lock(&t->home->lock);
	if (a->stop_code) {
		*out = (struct tend_reason){.code = a->stop_code, .when = a->stopped_at};
		tend__text_copy(out->text, sizeof(out->text), a->stop_text);
	}
	tend__unlock(&t->home->lock);
	return out->code;
}

int tend_task_reason(tend_task task, struct tend_reason *out)
{
	TEND__VISIT(rt, task.id);
	struct tend__task *t;
	int error = tend__task_touch(rt, task.id, &t);

	if (error)
		return error;
	struct tend_reason reason = {0};
	if ((t->flags & TEND__RESTARTABLE) && stop_of(t, &reason))
		; /* the attempt was stopped before the task was canceled */
	else if (tend__task_word(t) & TEND__CANCELED) {
		reason.code = t->cancel_code;
		if (t->extra && t->extra->reason.code)
			reason = t->extra->reason;
	} else if (tend__cancel_requested(t))
		reason = tend__scope_of(t)->reason; /* frozen before the bit was set */
	tend__unlock(tend__stripe_of(rt, task.id));
	if (!reason.code)
		return -ENOENT;
	if (out)
		*out = reason;
	return 0;
}

void tend__task_force(tend_runtime *rt, uint64_t id)
{
	struct tend__task *t;

	if (tend__task_touch(rt, id, &t))
		return;
	if (tend__is_forcible(t) && tend__task_mark(t->record, id, TEND__ABORTED)) {
		if (t->kind->told)
			t->kind->told(t);
		if (tend__task_notify_id(t, id))
			tend__task_wake(t);
	}
	tend__unlock(tend__stripe_of(rt, id));
}
