/* runtime/switch.c - the choice of a worker's next task, and the switch to that task.
 *
 * Started and fresh tasks take turns of some tasks each. */
#include "runtime/queue.h"

#include "base/alloc.h"

#include <errno.h>

enum { TURN = 16 };

static struct tend__task *next_fresh(struct tend__worker *w)
{
	struct tend__task *t = tend__ring_pop(w);

	/* In a loop, because a thief may be faster. */
	while (!t && tend__batches_take(w, w, 1))
		t = tend__ring_pop(w);
	return t;
}

/* A hundred thousand tasks that wake at once lie in no cache, and each is a chain of
 * misses: the task, the top of the stack, then frame by frame the way back from the wait.
 * So while a task runs, the next two of the queue are fetched, a step of the chain each.
 * Fetched are both ends of the stack, where the wait begins and where the stack begins,
 * because the part between is used by threads only. Inlined, because gcc drops the call
 * of a function that does nothing but fetch. */
static inline __attribute__((always_inline)) void look_ahead(const struct tend__queue *q)
{
	enum { LINE = 64 };
	const struct tend__post *p = q->first;

	if (!p || !p->next || !p->next->next)
		return;
	const struct tend__task *t = tend__entry(p->next, const struct tend__task, post);
	for (int i = 0; i < 6; i++)
		__builtin_prefetch((const char *)t->stack->context.sp + i * LINE);
	for (int i = 1; i < 4; i++)
		__builtin_prefetch((const char *)t->stack - i * LINE);
	t = tend__entry(p->next->next, const struct tend__task, post);
	__builtin_prefetch(t->stack);
	__builtin_prefetch(t->record);
	__builtin_prefetch(&t->fn);
	__builtin_prefetch(&t->shield);
	__builtin_prefetch(t->post.next);
}

static inline __attribute__((always_inline)) struct tend__task *next_started(struct tend__worker *w)
{
	struct tend__task *t = tend__queue_task(tend__queue_pop(&w->started));

	look_ahead(&w->started);
	return t;
}

/* Turns are of many tasks. A task that joins a thousand tasks, each in turn, is woken by
 * the first end and should then find more of them ended: with turns of two it parked for
 * every second join, 107 ns a join and not 69. The turn of fresh tasks begins when no
 * started task is there. */
static struct tend__task *next(struct tend__worker *w)
{
	if (!w->started.first || w->turn == 2 * TURN)
		w->turn = 0;
	if (w->turn < TURN && tend__has_fresh(w)) {
		struct tend__task *t = next_fresh(w);

		if (t) {
			w->turn++;
			return t;
		}
	}
	if (!w->started.first)
		return NULL;
	w->turn = (w->turn < TURN ? TURN : w->turn) + 1;
	return next_started(w);
}

static void entry(void *arg);

/* Gives a fresh task a stack, which is `spare` if the size fits. Or ends the task, and
 * returns false: if the task is canceled and has nothing to drop, or if no stack can be
 * had. */
static bool start(struct tend__worker *w, struct tend__task *t, struct tend__stack *spare)
{
	size_t bytes = t->stack_bytes ? t->stack_bytes : w->rt->stack_bytes;

	tend__assert(!t->worker && (!t->defers || t->kind->turn) && !t->unwinding);
	t->worker = w;
	/* Relaxed: a hint for readers. */
	tend__store_relaxed(&t->record->worker, w->number);
	if (!t->drop && !t->data && tend__cancel_requested(t)) {
		t->result = -ECANCELED;
		w->rt->finish(t);
		return false;
	}
	if (spare && !spare->single && spare->bytes == bytes) {
		t->stack = spare;
		return true;
	}
	int error = tend__stack_take(w, bytes, &t->stack);
	if (error && t->kind->turn) {
		t->worker = NULL;
		t->kind->starved(t, error);
		return false;
	}
	if (error) {
		t->result = error;
		t->ending = TEND_FAILED;
		if (t->drop)
			t->drop(t->arg);
		w->rt->finish(t);
		return false;
	}
	tend__context_make(&t->stack->context, &w->context, t->stack->low,
	                   (size_t)((char *)t->stack - t->stack->low), entry, t);
	return true;
}

/* Out of line, because only few switches need the many registers and the guard word of
 * start(). */
static __attribute__((noinline)) struct tend__task *choose_of_all(struct tend__worker *w,
                                                                  struct tend__stack *spare)
{
	struct tend__task *t;

	while (w->budget && (t = next(w))) {
		w->budget--;
		if (t->stack)
			return t;
		/* No task is running: start() may have to end the task. */
		tend__tls.task = NULL;
		if (start(w, t, spare))
			return t;
	}
	return NULL;
}

/* Returns the next task that can run within the round, or NULL. */
static inline __attribute__((always_inline)) struct tend__task *choose(struct tend__worker *w,
                                                                       struct tend__stack *spare)
{
	/* While tasks are ready, batches wait for the next round. */
	if (tend__ring_filled(w) || !w->started.first || !w->budget)
		return choose_of_all(w, spare);
	w->budget--;
	return next_started(w);
}

/* Says that `t` runs from here on, or with NULL the loop. */
static inline __attribute__((always_inline)) void running(struct tend__worker *w,
                                                          struct tend__task *t)
{
	if (w->places.home || (w->leaves.home && (!t || t->home != w->leaves.home)))
		w->rt->settle(w, t ? t->home : NULL);
	/* Relaxed: a hint for readers, to which the task looks ready otherwise. */
	tend__store_relaxed(&w->shown->current, t ? t->id : 0);
	tend__tls.task = t;
}

/* Gives back the stack of a task that ended. The task stood on that stack until its last
 * switch, so only the task or loop that runs next can give the stack back. */
static void bury(struct tend__worker *w)
{
	struct tend__stack *dead = w->dead;

	if (!dead)
		return;
	w->dead = NULL;
	tend__context_drop(&dead->context);
	tend__stack_give(w, dead);
}

/* Switches to the task, or with NULL to the loop. */
static inline void switch_to(struct tend__worker *w, struct tend__context *from,
                             struct tend__task *t)
{
	struct tend__context *to = t ? &t->stack->context : &w->context;

	running(w, t);
	/* After running(), in which the simulator may switch to another thread. */
	tend__context_dies(from, w->dead != NULL);
#ifdef TEND_SIM
	tend__tls.context = to;
#endif
	tend__context_switch(from, to);
	bury(w);
}

/* Goes from `t`, which is queued or parked, to the next task, which may be `t` again.
 * Nothing runs `t` meanwhile, also when other threads wake it: only its worker runs it,
 * and the worker is here. Out of line, because a call at the end of a function is a jump, and
 * the fewer lines of a stack a wait takes, the faster the wait ends: see look_ahead(). */
static __attribute__((noinline)) void go_on(struct tend__worker *w, struct tend__task *t)
{
	struct tend__task *n = choose(w, NULL);

	if (n == t)
		running(w, t); /* tasks may have ended without a run */
	else
		switch_to(w, &t->stack->context, n);
}

void tend__fiber_yield(struct tend__task *t)
{
	/* At most a single fresh task begins at a yield. If a whole turn of fresh tasks began,
	 * and each of them yielded, all of their stacks would be live at once. */
	if (t->worker->turn < TURN - 1)
		t->worker->turn = TURN - 1;
	tend__queue_push(&t->worker->started, &t->post);
	go_on(t->worker, t);
}

void tend__loops_turn(struct tend__task *t)
{
	struct tend__worker *w = t->worker;

	tend__assert(t == tend__tls.task);
	tend__tls.waits_left = TEND__WAITS;
	if (!w)
		return;
	w->forgone = w->budget;
	w->budget = 0;
	tend__fiber_yield(t);
}

/* Flat, because gcc inlines tend__task_park() only where few other functions call it. */
__attribute__((flatten)) void tend__fiber_park(struct tend__task *t, uint32_t wait)
{
	tend__assert(t == tend__tls.task);
	/* A task that was notified meanwhile does not park: its wait looks again. */
	if (tend__task_park(t, wait))
		go_on(t->worker, t);
}

/* The task of turns is at rest. From the park on, the thread that notifies it may have it run
 * on another stack. */
static void rest(struct tend__task *t, uint32_t wait)
{
	const struct tend__worker *w = t->worker;

	tend__assert(t->kind->turn && wait <= TEND__AGAIN);
	t->worker = NULL;
	if (wait == TEND__AGAIN || !tend__rest(w->rt, t, (enum tend__wait_kind)wait))
		t->kind->wake(t);
}

/* Ends the task, or with `wait` its turn, and goes on with the next. Returns only a task that
 * has taken over the stack of `t`, to be run on it: with `adopt`, a fresh task that needs a
 * stack of this size. */
static inline __attribute__((always_inline)) struct tend__task *go_off(struct tend__task *t,
                                                                       uint32_t wait, bool adopt)
{
	struct tend__worker *w = t->worker;
	struct tend__stack *stack = t->stack;

	tend__assert(t == tend__tls.task && w == tend__tls.worker);
	TEND__EDGE_RELEASE(t);
	TEND__EDGE_RELEASE(t->home);
	tend__tls.task = NULL;
	t->stack = NULL;
	if (wait)
		rest(t, wait);
	else
		w->rt->finish(t);
	struct tend__task *n = choose(w, adopt ? stack : NULL);
	if (n && n->stack == stack) {
		running(w, n);
		return n;
	}
	w->dead = stack;
	switch_to(w, &stack->context, n);
	tend__bug("tend: worker %u came back to a stack whose task has ended", w->number);
}

void tend__fiber_rest(struct tend__task *t, uint32_t wait)
{
	go_off(t, wait, false);
	tend__bug("tend: a task came back from %s", wait ? "its rest" : "its end");
}

bool tend__fiber_stays(struct tend__task *t)
{
	struct tend__worker *w = t->worker;

	if (!w || !w->budget)
		return false;
	/* As at a switch; a scope that becomes empty by that may have made a task ready. */
	running(w, t);
	if (w->started.first || tend__has_fresh(w))
		return false;
	w->budget--;
	tend__context_renew(&t->stack->context);
	return true;
}

void tend__fiber_end(struct tend__task *t) { tend__fiber_rest(t, TEND__WAIT_NONE); }

void tend__unwind(struct tend__task *t)
{
	/* A panic in here leaves by tend__leave(), which comes back here for the rest. */
	t->unwinding = TEND__UNWINDS;
	for (;;) {
		void (*drop)(void *arg) = t->drop;

		while (t->defers) {
			struct tend__defer d = *t->defers;

			tend__free(t->defers);
			t->defers = d.next;
			d.fn(d.arg);
		}
		if (!drop)
			break;
		/* Cleared before the call, so that drop() runs once even if drop() leaves the
		 * thread. The loop goes on, because drop() may have deferred a cleanup. */
		t->drop = NULL;
		drop(t->arg);
	}
	tend__assert(!t->defers && !t->drop);
	t->unwinding = TEND__UNWOUND;
}

static void entry(void *arg)
{
	struct tend__task *t = arg;

	tend__assert(t->worker == tend__tls.worker);
	bury(t->worker);
	for (;;) {
		TEND__EDGE_ACQUIRE(t);
		uint32_t wait = TEND__WAIT_NONE;
		if (t->kind->turn)
			wait = t->kind->turn(t);
		else {
			bool stops = tend__cancel_visible(t);
			if (!stops && tend__listened(t->worker->rt))
				t->worker->rt->began(t);
			t->result = stops ? -ECANCELED : t->fn(t->arg);
			if (t->defers || t->drop)
				tend__unwind(t);
			else
				t->unwinding = TEND__UNWOUND;
		}
		t = go_off(t, wait, TEND__ADOPTS);
		tend__context_renew(&t->stack->context);
	}
}

int tend__run_ready(struct tend__worker *w)
{
	tend__assert(!tend__tls.task && !w->dead);
	w->budget = TEND__ROUND;
	w->forgone = 0;
	struct tend__task *t;
	while ((t = choose(w, NULL)))
		switch_to(w, &w->context, t);
	running(w, NULL); /* tasks may have ended without a run */
	tend__assert(!w->dead && w->budget <= TEND__ROUND);
	w->worked = w->worked || w->budget != TEND__ROUND;
	return TEND__ROUND - (int)(w->budget + w->forgone);
}
