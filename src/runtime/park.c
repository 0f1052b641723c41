/* runtime/park.c - the parts of every wait.
 *
 * A waiter hangs in the list of the object, under the object's lock. The thread that ends
 * the wait sets `done` and notifies under the lock, and the waiter reads `done` under the
 * lock. So a hand-over is a single step, and a cancel that comes with the hand-over loses;
 * and the stack of the waiter, and the object, stay in place while another thread looks at
 * them. Only a wait that was ended on the same worker needs no lock to read `done`. */
#include "runtime/runtime.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>

struct park {
	struct tend__keen_timer keen;
	struct tend__task *task;
};

static void timed_out(struct tend__timer *timer)
{
	struct tend__task *t = tend__entry(timer, struct park, keen.timer)->task;

	tend__assert(t->worker == tend__tls.worker);
	t->timed_out = true;
	if (tend__task_notify(t))
		tend__task_wake(t);
}

/* Out of line, so that only the frames of waits with a deadline hold a timer. */
static __attribute__((noinline)) void park_until(struct tend__task *t, uint32_t wait,
                                                 uint64_t deadline)
{
	struct tend__worker *w = t->worker;
	struct park p = {.keen = {.timer = {.at = deadline, .fire = timed_out, .keen = true},
	                          .needs = {t, t->record, &t->timed_out}},
	                 .task = t};

	tend__assert(deadline != TEND_FOREVER);
	tend__timers_insert(&w->timers, &p.keen.timer);
	tend__fiber_park(t, wait);
	tend__timers_remove(&w->timers, &p.keen.timer);
}

/* A parked thread sleeps on the low half of the word, which has the state and the bits. */
static void sleep_until(struct tend__task *t, uint64_t deadline)
{
	for (;;) {
		uint64_t word = tend__task_word(t);

		if ((word & TEND__STATE) != TEND__PARKED)
			break;
		if (deadline != TEND_FOREVER && tend__clock() >= deadline) {
			/* The thread wakes itself, unless a notify came first: then that counts. */
			t->timed_out = tend__task_notify(t);
			continue;
		}
		tend__futex_wait(&t->record->word, (uint32_t)word, deadline);
	}
	tend__task_run(t);
}

/* Out of line, because the timespec of the sleep would put a guard word into the frame of every
 * wait. */
static __attribute__((noinline)) void park_thread(struct tend__task *t, uint32_t wait,
                                                  uint64_t deadline)
{
	tend__assert(!t->worker);
	t->timed_out = false;
	if (tend__task_park(t, wait))
		sleep_until(t, deadline);
}

void tend__thread_rest(tend_runtime *rt, struct tend__task *t, enum tend__wait_kind wait)
{
	tend__assert(!t->worker && t == tend__tls.task);
	if (tend__rest(rt, t, wait))
		sleep_until(t, TEND_FOREVER);
}

static uint32_t timed(enum tend__wait_kind why, uint64_t deadline)
{
	return deadline == TEND_FOREVER ? why : why | TEND__PARK_TIMED;
}

/* Parks until the instant `until`, which is the deadline of the wait or before it. */
static void park(struct tend__task *t, enum tend__wait_kind why, uint64_t object, uint64_t deadline,
                 uint64_t until, uint64_t where)
{
	tend__describe(t, object, t->worker ? t->worker->now : tend__clock(), where);
	if (t->worker) {
		t->timed_out = false;
		if (until == TEND_FOREVER)
			tend__fiber_park(t, why);
		else
			park_until(t, timed(why, deadline), until);
	} else {
#ifdef TEND_SIM
		tend__tls.stand_in = t->id ? NULL : t;
#endif
		park_thread(t, timed(why, deadline), until);
#ifdef TEND_SIM
		tend__tls.stand_in = NULL;
#endif
	}
}

static void wake_outside(struct tend__task *t) { tend__futex_wake(&t->record->word, 1); }
static const struct tend__kind outside_kind = {.wake = wake_outside};
/* The home of all stand-ins, which no cancel reaches. */
static struct tend__record nowhere_record;
static struct tend__home nowhere = {.record = &nowhere_record};

void tend__task_link(struct tend__task *t)
{
	tend__assert(!t->in_cancel_list);
	tend__lock(&t->home->lock);
	tend__link_append(&t->home->cancel_list, &t->in_scope);
	tend__unlock(&t->home->lock);
	t->in_cancel_list = true;
}

/* Flat, because each task that waits comes here once. */
__attribute__((flatten)) struct tend__task *tend__self_slow(struct tend__outside *room)
{
	struct tend__task *t = tend__tls.task;

	if (t) {
		/* Before the task looks whether it is canceled: from here on a cancel finds
		 * the task in the list, or the task finds the cancel. */
		tend__task_link(t);
		return t;
	}
	tend__assert(room);
	memset(room, 0, sizeof(*room));
	t = &room->task;
	t->record = &room->record;
	t->home = &nowhere;
	t->kind = &outside_kind;
	tend__store_relaxed(&t->record->word, (uint64_t)TEND__RUNNING);
	return t;
}

static bool passed(struct tend__task *t, uint64_t deadline)
{
	if (deadline == TEND_FOREVER)
		return false;
	/* The clock of a worker is behind the real clock, never ahead. */
	if (deadline == 0 || (t->worker && deadline <= t->worker->now))
		return true;
	return tend__clock() >= deadline;
}

/* Where tend_abort() takes effect: in a wait, with nothing linked, while no scope of the
 * task is open and no shield keeps cancels out. */
void tend__abort_if_asked(struct tend__task *t)
{
	/* The same bit tells a process, which the monitor then kills. */
	if (!(tend__task_word(t) & TEND__ABORTED) || !(t->flags & TEND_ABORTABLE) || t->unwinding ||
	    !t->worker || !tend__cancel_visible(t))
		return;
	tend__lock(&t->worker->rt->tree);
	bool owns = tend__linked(&t->owned);
	tend__unlock(&t->worker->rt->tree);
	if (owns)
		return;
	tend__assert(t == tend__tls.task);
	t->ending = TEND_ABORTED;
	t->aborted = true;
	tend__leave(t);
}

#ifdef TEND_SIM
static void no_sweep(uint64_t id) { (void)id; }
void (*tend__on_wait)(uint64_t id) = no_sweep;
#endif

/* Unchecked: the lock may be NULL, and so each use of it is conditional. */
int tend__wait(struct tend__lock *lock, struct tend__waiter *w, enum tend__wait_kind why,
               uint64_t object, uint64_t deadline, unsigned flags) TEND_UNCHECKED
{
	struct tend__task *t = w->task;

#ifdef TEND_SIM
	if (t->id && !(flags & TEND__UNCANCELABLE)) {
		if (lock)
			tend__unlock(lock);
		tend__on_wait(t->id);
		if (lock)
			tend__lock(lock);
	}
#endif
	/* Done is asked before cancel, and cancel before the clock. */
	while (!w->done) {
		uint64_t until = deadline;

		/* A cancel that a shield keeps out takes effect when the shield ends, so the wait
		 * ends then. Read before the look for a cancel: a shield that ended between the two
		 * would keep the cancel out, and nothing would end the wait. */
		if (t->shield && t->shield < until && t->shield > tend__clock())
			until = t->shield;
		int error = !(flags & TEND__UNCANCELABLE) && tend__cancel_visible(t) ? -ECANCELED
		            : passed(t, deadline)                                    ? -ETIMEDOUT
		                                                                     : 0;
		if (error) {
			if (lock) {
				tend__unlink(&w->link);
				tend__unlock(lock);
			}
			if (error == -ETIMEDOUT)
				tend__deadline_check(deadline);
			if (!(flags & (TEND__UNCANCELABLE | TEND__STAY)))
				tend__abort_if_asked(t);
			return error;
		}
		if (lock)
			tend__unlock(lock);
		park(t, why, object, deadline, until, w->where);
		/* Ended by a task of this worker, which has since released the lock and uses this
		 * waiter no more. Relaxed: this thread has set the flag, or reads false. */
		if (__builtin_expect(tend__load_relaxed(&w->done_here), 1))
			return w->result;
		if (lock)
			tend__lock(lock);
		if ((flags & TEND__ONCE) && !t->timed_out)
			break;
	}
	if (lock)
		tend__unlock(lock);
	return w->result;
}

void tend__waiter_done(struct tend__waiter *w, int result)
{
	struct tend__task *t = w->task;

	tend__assert(!w->done);
	tend__unlink(&w->link);
	w->result = result;
	w->done = true;
	/* Relaxed: only this thread reads true. */
	if (t->worker && t->worker == tend__tls.worker)
		tend__store_relaxed(&w->done_here, true);
	if (tend__task_notify(t))
		tend__task_wake(t);
}

void tend__freed_under(struct tend__lock *lock, const char *kind, uint64_t number,
                       const struct tend__waiter *w, const void *from)
{
	char who[320], where[128];
	struct tend__text place = tend__text(where, sizeof(where));

	tend__text_address(&place, from);
	tend__who(w->task, who, sizeof(who));
	tend__unlock(lock);
	tend__bug("tend: %s#%llu is freed at %s while a task waits for it: %s", kind,
	          (unsigned long long)number, where, who);
}

void tend__leave(struct tend__task *t)
{
	const struct tend__kind *kind = tend__kind_of(t);

	tend__assert(t == tend__tls.task);
	if (kind->broke && !t->unwinding)
		kind->quit(t, kind->broke(t));
	tend__unwind(t);
	t->kind->leave(t);
	char who[320];
	tend__bug("tend: a task came back from its end: %s", tend__who(t, who, sizeof(who)));
}

void tend__checkpoint_at(struct tend__task *t, uint64_t where)
{
	/* Relaxed: hints for readers; only the task writes them. */
	tend__store_relaxed(&t->record->where, where);
	if (tend__cancel_requested(t))
		tend__store_relaxed(&t->record->checkpoints,
		                    tend__load_relaxed(&t->record->checkpoints) + 1);
}
