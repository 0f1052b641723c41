/* scope/finish.c - the end of a task: the outcome and its counter, then the joiners, and
 * last the scope's count. */
#include "scope/batch.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/monitor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The attempt of a restartable task, or NULL. The task has ended, or its life is over. */
static const struct tend__attempt *attempt_of(const struct tend__task *t)
{
	return t->flags & TEND__RESTARTABLE ? t->data : NULL;
}

/* Crash beats cancel beats completion. A shield keeps cancels out of the waits,
 * not out of the outcome. */
static inline __attribute__((always_inline)) uint32_t outcome_of(struct tend__task *t)
{
	const struct tend__attempt *a = attempt_of(t);

	t->was_canceled = tend__cancel_requested(t) || (a && a->for_good);
	/* A result that the policy of the task takes for a success is no crash. */
	if (t->ending && t->ending != TEND_COMPLETED)
		return t->ending;
	if (t->was_canceled)
		return TEND_CANCELED;
	return t->ending || t->result >= 0 ? TEND_COMPLETED : TEND_FAILED;
}

uint32_t tend__task_outcome(struct tend__task *t) { return outcome_of(t); }

int32_t tend__error_of(const struct tend__task *t, uint32_t outcome)
{
	if (outcome == TEND_COMPLETED)
		return 0;
	if (outcome == TEND_PANICKED)
		return -EFAULT;
	const struct tend__attempt *a = attempt_of(t);
	if (outcome == TEND_FAILED && a && a->error)
		return a->error;
	if (outcome == TEND_FAILED)
		return t->result < 0 ? t->result : -EIO;
	int32_t code = tend__task_word(t) & TEND__CANCELED ? t->cancel_code
	               : a && a->for_good                  ? a->stop_code
	               : t->was_canceled                   ? tend__scope_of(t)->reason.code
	                                                   : 0;
	return code ? code : -ECANCELED;
}

static void describe(struct tend__task *t, struct tend_outcome *o)
{
	uint64_t word = tend__task_word(t);
	uint32_t outcome = (uint32_t)(word & TEND__OUTCOME) >> TEND__OUTCOME_SHIFT;

	tend__assert((word & TEND__STATE) == TEND__ENDED);
	memset(o, 0, sizeof(*o));
	o->kind = (int32_t)outcome;
	o->result = t->result;
	/* Relaxed: the task wrote the number before its end. */
	o->attempts = t->flags & TEND__RESTARTABLE ? tend__load_relaxed(&t->record->attempt) : 1;
	o->was_canceled = t->was_canceled;
	o->ended_at = tend__load_relaxed(&t->record->since);
	if (t->extra) {
		o->signal = t->extra->signal;
		/* A function may have told of a failure, and have completed after all. */
		if (outcome != TEND_COMPLETED || !t->fn)
			memcpy(o->message, t->extra->message, sizeof(o->message));
	}
	const struct tend__attempt *a = attempt_of(t);
	if (t->was_canceled && !(word & TEND__CANCELED) && a && a->for_good) {
		o->reason = (struct tend_reason){.code = a->stop_code, .when = a->stopped_at};
		tend__text_copy(o->reason.text, sizeof(o->reason.text), a->stop_text);
	} else if (t->was_canceled && !(word & TEND__CANCELED))
		o->reason = tend__scope_of(t)->reason;
	else if (t->was_canceled && t->extra && t->extra->reason.code) {
		o->reason = t->extra->reason;
		o->timed_out = t->extra->timed_out;
	} else if (t->was_canceled)
		o->reason.code = t->cancel_code;
	o->error = tend__error_of(t, outcome);
}

void tend__outcome_fill(struct tend__task *t, struct tend_outcome *out)
{
	struct tend_outcome o;

	describe(t, &o);
	tend__out_fill(out, tend__out_size(out), &o, sizeof(o));
}

/* With the stripe: moves the joiners, each with a copy of the outcome, and the watches out of
 * the entry, so that the caller can tell them after the entry is freed. */
static void take_listeners(struct tend__task *t, struct tend__link *joiners,
                           struct tend__link *watches)
{
	while (tend__linked(&t->joiners)) {
		struct tend__waiter *w = tend__entry(t->joiners.next, struct tend__waiter, link);

		if (w->item)
			tend__outcome_fill(t, w->item);
		tend__unlink(&w->link);
		tend__link_append(joiners, &w->link);
	}
	while (t->extra && tend__linked(&t->extra->watches)) {
		struct tend__link *l = t->extra->watches.next;

		tend__unlink(l);
		tend__link_append(watches, l);
	}
}

static void tell(struct tend__link *joiners, struct tend__link *watches)
{
	while (tend__linked(joiners))
		tend__waiter_done(tend__entry(joiners->next, struct tend__waiter, link), 0);
	while (tend__linked(watches)) {
		struct tend__watch *w = tend__entry(watches->next, struct tend__watch, link);

		tend__unlink(&w->link);
		w->fire(w->arg);
		tend__free(w);
	}
}

/* Keeps the outcome for a joiner. Returns false if a joiner came after the end of the task
 * and has taken the outcome already. */
static inline __attribute__((always_inline)) bool keep(struct tend__scope *s, struct tend__task *t)
{
	tend__lock(&s->home.lock);
	tend__assert(!tend__linked(&t->in_scope));
	bool wanted = !t->joined;
	if (wanted)
		tend__link_append(&s->kept, &t->in_scope);
	tend__unlock(&s->home.lock);
	return wanted;
}

/* A fiber without a stack has no message yet, other than a process that could not start. */
static void could_not_start(struct tend__task *t)
{
	struct tend__lock *stripe = tend__stripe_of(tend__scope_of(t)->rt, t->id);
	char text[sizeof(t->extra->message)];

	snprintf(text, sizeof(text), "%s", tend_strerror(t->result));
	tend__lock(stripe);
	/* Without memory the outcome has no message, and its result says enough. */
	if (tend__task_extra(t)) {
		if (!t->extra->message[0])
			snprintf(t->extra->message, sizeof(t->extra->message), "no stack: %s",
			         tend_strerror(t->result));
		memcpy(text, t->extra->message, sizeof(text));
	}
	tend__unlock(stripe);
	if (!(tend__task_word(t) & TEND__KEPT))
		tend__failure_tell(t, "could not start", text);
}

/* The consequences of a failure, before any thread can learn of the failure: the cancel by a
 * critical task, and the name of the first task that failed, because there may be no handle
 * to ask. */
static __attribute__((noinline)) void failed(struct tend__scope *s, struct tend__task *t,
                                             uint32_t outcome)
{
	tend__assert(outcome == TEND_FAILED || outcome == TEND_PANICKED);
	if (t->flags & TEND_CRITICAL) {
		struct tend_reason reason =
			tend__reason(-ECANCELED, "a critical task failed", t->id);
		/* If the scope is canceled already, the first reason stays. */
		if (!tend__scope_cancel(s, s->id, &reason)) {
			tend__lock(&s->home.lock);
			s->critical_error = tend__error_of(t, outcome);
			tend__unlock(&s->home.lock);
		}
	}
	/* A process that ran has its exit code as the result. A restartable task tells of each
	 * attempt that could not start. */
	bool began = outcome == TEND_PANICKED || t->ending != TEND_FAILED || t->result >= 0 ||
	             (t->flags & TEND__RESTARTABLE);
	if (!began)
		could_not_start(t);
	int32_t error = tend__error_of(t, outcome);
	tend__lock(&s->home.lock);
	bool first = !s->first_error;
	if (first) {
		s->first_error = error;
		uint64_t words[6];
		tend__name_load(t->record->name, words);
		tend__name_unpack(words, s->first_name);
	}
	tend__assert(s->first_error < 0);
	tend__unlock(&s->home.lock);
	if (first)
		tend__failure_note(s, t, error);
}

/* Ends a task which other threads have touched by its handle, and takes the stripe.
 * Unchecked, as free_touched(): the first takes the stripe, the second gives it back. */
static void end_touched(struct tend__task *t, uint32_t outcome) TEND_UNCHECKED
{
	/* A thread may have given the task a scope, by tend_scope_hold(). */
	if (!t->leaving)
		tend__disown(t);
	if (tend__scope_of(t)->names)
		tend__unique_leave(tend__scope_of(t), t->id, t->record);
	tend__lock(tend__stripe_of(tend__scope_of(t)->rt, t->id));
	tend__task_end_touched(t, outcome);
	tend__assert(t->leaving && !tend__linked(&t->owned));
}

/* Frees the entry or keeps the outcome, tells the joiners and the watches, and gives the
 * stripe back. */
static void free_touched(tend_runtime *rt, struct tend__scope *s, struct tend__task *t,
                         bool kept) TEND_UNCHECKED
{
	struct tend__lock *stripe = tend__stripe_of(rt, t->id);
	struct tend__link joiners = {&joiners, &joiners}, watches = {&watches, &watches};

	tend__assert_held(stripe);
	take_listeners(t, &joiners, &watches);
	if (!kept || tend__linked(&joiners) || !keep(s, t))
		tend__task_free(rt, t);
	tell(&joiners, &watches);
	tend__unlock(stripe);
}

/* Frees a task that no thread has touched. Without a handle no thread can touch the ended
 * task, so freeing needs no stripe. If the outcome is kept, a joiner may free the task from
 * keep() on. If a joiner came before, that joiner may still look at the task with the stripe
 * kept, so freeing takes the stripe. */
static void free_untouched(tend_runtime *rt, struct tend__scope *s, struct tend__task *t, bool kept)
{
	struct tend__lock *stripe = tend__stripe_of(rt, t->id);

	tend__assert(!tend__linked(&t->owned));
	if (!kept)
		tend__task_free(rt, t);
	else if (!keep(s, t)) {
		tend__lock(stripe);
		tend__task_free(rt, t);
		tend__unlock(stripe);
	}
}

/* Says whether the end is recorded for readers that come later: an end that was not completed,
 * but not of a task that ended because its scope was canceled. The reason is in a note of the
 * scope, and a shutdown would push all failures out. */
static inline bool is_memorable(const struct tend__task *t, uint32_t outcome)
{
	return outcome != TEND_COMPLETED &&
	       (outcome != TEND_CANCELED || (tend__task_word(t) & TEND__CANCELED));
}

/* Records the end. The task has ended, so `extra` no longer changes. */
static __attribute__((noinline)) void remember(struct tend__scope *s, const struct tend__task *t,
                                               uint32_t outcome, uint64_t now)
{
	const struct tend__extra *extra = t->extra;
	const char *text = NULL;

	if (extra && extra->message[0])
		text = extra->message;
	else if (t->was_canceled)
		text = extra && extra->reason.code ? extra->reason.text : s->reason.text;
	tend__history_add(&s->rt->segment, t->record,
	                  &(struct tend__end){.id = t->id,
	                                      .parent = s->id,
	                                      .at = now,
	                                      .outcome = outcome,
	                                      .result = t->result,
	                                      .text = text});
}

static __attribute__((noinline)) void tell_paths(tend_runtime *rt)
{
	tend__lock(&rt->empty_lock);
	while (tend__linked(&rt->empty_waiters))
		tend__waiter_done(tend__entry(rt->empty_waiters.next, struct tend__waiter, link),
		                  0);
	tend__unlock(&rt->empty_lock);
}

void tend__task_finish(struct tend__task *t)
{
	struct tend__scope *s = tend__scope_of(t);
	tend_runtime *rt = s->rt;
	struct tend__worker *w = tend__worker_of(rt);
	uint64_t now = tend__coarse();
	bool kept = tend__task_word(t) & TEND__KEPT;
	/* A leave is deferred only if no task goes on: the running task of a thread or of an
	 * external end may be of another scope. */
	bool defers = w && !tend__tls.task;

	if (t->owns)
		tend__disown(t);
	uint32_t outcome = outcome_of(t);
	if (outcome == TEND_FAILED || outcome == TEND_PANICKED)
		failed(s, t, outcome);
	if (t->in_cancel_list) {
		tend__lock(&s->home.lock);
		tend__unlink(&t->in_scope);
		tend__unlock(&s->home.lock);
	}
	/* Counted before any thread can learn of the end. Relaxed: counters, and each task adds
	 * to a single counter. */
	if (defers)
		tend__leave_defer(w, s, outcome);
	else
		tend__add_relaxed(&s->ended[outcome], 1);
	tend__store_relaxed(&t->record->result, t->result);
	tend__store_relaxed(&t->record->since, now);

	/* The word says ENDED first; then the end is told. */
	bool touched = !tend__task_end(t, outcome);
	if (touched)
		end_touched(t, outcome);
	if (is_memorable(t, outcome))
		remember(s, t, outcome, now);
	if (tend__listened(rt))
		tend__tell_all(s, t->record,
		               &(struct tend__event){.type = TEND_EVENT_ENDED,
		                                     .outcome = outcome,
		                                     .id = t->id,
		                                     .parent = s->id,
		                                     .at = now,
		                                     .result = t->result,
		                                     .error = tend__error_of(t, outcome)});
	if (t->extra)
		tend__alarm_drop(t->extra->alarm);
	if (touched)
		free_touched(rt, s, t, kept);
	else
		free_untouched(rt, s, t, kept);
	/* seq_cst, against the add in tend_path_wait_empty(): the waiter sees the end, or this
	 * thread sees the waiter. */
	if (tend__load(&rt->path_waiters))
		tell_paths(rt);
	/* The last step, because the runtime may be freed once the root is empty. */
	if (!defers)
		tend__scope_leave(s, 1);
}
