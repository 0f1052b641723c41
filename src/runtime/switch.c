/* runtime/switch.c - which task a worker runs next, and the switch to it.
 *
 * Started and fresh tasks take turns of some tasks each. */
#include "runtime/queue.h"

#include "base/alloc.h"

#include <errno.h>

enum { TURN = 16 };

static struct tend__task *next_fresh(struct tend__worker *w)
{
	struct tend__task *t = tend__ring_pop(w);

	if (t)
		return t;
	if (!w->fresh.first)
		return NULL;
	t = tend__queue_task(tend__queue_pop(&w->fresh));
	while (w->fresh.first && tend__ring_has_room(w)) {
		/* Out of the queue first: once it is in the ring a thief may run it, and
		 * its link be that of another queue. */
		struct tend__task *moved = tend__queue_task(tend__queue_pop(&w->fresh));

		if (w->fresh.first)
			__builtin_prefetch(w->fresh.first->next);
		(void)tend__ring_push(w, moved);
	}
	return t;
}

/* A hundred thousand that wake at once lie in no cache, and each is a chain of
 * misses: its task, the top of its stack, then frame by frame what it returns
 * through. So those behind it in the queue are fetched, a step each, while one runs:
 * where a wait begins and where the stack does, for between them lies what only
 * threads need. Inlined, or gcc drops the call of what only fetches. */
static inline __attribute__((always_inline)) void look_ahead(const struct tend__queue *q)
{
	enum { LINE = 64 };
	const struct tend__post *p = q->first;
	const struct tend__task *t;

	if (!p || !p->next || !p->next->next)
		return;
	t = tend__entry(p->next, const struct tend__task, post);
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

/* In turns of many, for who joins a thousand one by one is woken by the first that
 * ends, and shall find some that have: with turns of two it parked for every other,
 * 107 ns a join and not 69. The turn of fresh ones begins when no other is there. */
static struct tend__task *next(struct tend__worker *w)
{
	struct tend__task *t;

	if (!w->started.first || w->turn == 2 * TURN)
		w->turn = 0;
	if (w->turn < TURN && tend__has_fresh(w)) {
		t = next_fresh(w);
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

/* Gives a fresh task its stack, `spare` if that will do; or ends it here, when it
 * is canceled already and has nothing to drop, or there is no stack to be had. */
static bool start(struct tend__worker *w, struct tend__task *t, struct tend__stack *spare)
{
	size_t bytes = t->stack_bytes ? t->stack_bytes : w->rt->stack_bytes;
	int error = 0;

	t->worker = w;
	/* Relaxed: for readers, who take it as a hint. */
	tend__store_relaxed(&t->record->worker, w->number);
	if (!t->drop && !t->data && tend__task_told(t)) {
		t->result = -ECANCELED;
		t->kind->ended(t);
		return false;
	}
	if (spare && !spare->single && spare->bytes == bytes) {
		t->stack = spare;
		return true;
	}
	t->stack = tend__stack_take(w, bytes, &error);
	if (!t->stack) {
		t->result = error;
		t->ending = TEND_FAILED;
		if (t->drop)
			t->drop(t->arg);
		t->kind->ended(t);
		return false;
	}
	tend__context_make(&t->stack->context, t->stack->low,
	                   (size_t)((char *)t->stack - t->stack->low), entry, t);
	return true;
}

/* Not inlined: the many registers and the guard word of start() are for few. */
static __attribute__((noinline)) struct tend__task *choose_of_all(struct tend__worker *w,
                                                                  struct tend__stack *spare)
{
	struct tend__task *t;

	while (w->budget && (t = next(w))) {
		w->budget--;
		if (t->stack)
			return t;
		/* No task is running: start() may have to tell of an end. */
		tend__tls.task = NULL;
		if (start(w, t, spare))
			return t;
	}
	return NULL;
}

/* The next that can run, within the round. */
static inline __attribute__((always_inline)) struct tend__task *choose(struct tend__worker *w,
                                                                       struct tend__stack *spare)
{
	if (tend__has_fresh(w) || !w->started.first || !w->budget)
		return choose_of_all(w, spare);
	w->budget--;
	return next_started(w);
}

static inline __attribute__((always_inline)) void running(struct tend__worker *w,
                                                          struct tend__task *t)
{
	if (w->credit.owner)
		w->credit.give_back(w);
	if (w->debt.owner && (!t || t->owner != w->debt.owner))
		w->debt.pay(w);
	/* Relaxed: a hint for readers, who else see it ready. */
	tend__store_relaxed(w->current, t ? t->id : 0);
	tend__tls.task = t;
}

/* Gives back the stack of whoever ended, which it stood on until its last switch. */
static void bury(struct tend__worker *w)
{
	struct tend__stack *dead = w->dead;

	if (!dead)
		return;
	w->dead = NULL;
	tend__context_drop(&dead->context);
	tend__stack_give(w, dead);
}

/* To the task, or with NULL to the loop. */
static inline void switch_to(struct tend__worker *w, struct tend__context *from,
                             struct tend__task *t)
{
	struct tend__context *to = t ? &t->stack->context : &w->context;

	running(w, t);
	/* Not before: in the simulator another thread may go on in running(). */
	tend__context_dies(from, w->dead != NULL);
#ifdef TEND_SIM
	tend__tls.context = to;
#endif
	tend__context_switch(from, to);
	bury(w);
}

/* From a task that is in the queue, or parked, to the next, which may be itself. In
 * the queue or woken by others it still is where it was: its worker is here, and
 * nobody else makes it run. */
static void go_on(struct tend__worker *w, struct tend__task *t)
{
	struct tend__task *n = choose(w, NULL);

	if (n == t)
		running(w, t); /* some may have ended without a run */
	else
		switch_to(w, &t->stack->context, n);
}

void tend__fiber_yield(struct tend__task *t)
{
	/* One other, if it is their turn, and not all of them: where each yields as many
	 * stacks would be live. */
	if (t->worker->turn < TURN - 1)
		t->worker->turn = TURN - 1;
	tend__queue_push(&t->worker->started, &t->post);
	go_on(t->worker, t);
}

void tend__fiber_park(struct tend__task *t, enum tend__wait wait)
{
	/* Notified meanwhile, it looks again. */
	if (tend__task_park(t, wait))
		go_on(t->worker, t);
}

/* Ends it, and goes on with the next: on its stack, if that one may have it and
 * has not run; else this does not return. */
static struct tend__task *end(struct tend__task *t, bool adopt)
{
	struct tend__worker *w = t->worker;
	struct tend__stack *stack = t->stack;
	struct tend__task *n;

	TEND__EDGE_RELEASE(t);
	TEND__EDGE_RELEASE(t->owner);
	tend__tls.task = NULL;
	t->stack = NULL;
	t->kind->ended(t);
	n = choose(w, adopt ? stack : NULL);
	if (n && n->stack == stack) {
		running(w, n);
		return n;
	}
	w->dead = stack;
	switch_to(w, &stack->context, n);
	__builtin_unreachable();
}

void tend__fiber_end(struct tend__task *t)
{
	end(t, false);
	__builtin_unreachable();
}

void tend__unwind(struct tend__task *t)
{
	t->unwinding = true;
	for (;;) {
		void (*drop)(void *arg) = t->drop;

		while (t->defers) {
			struct tend__defer d = *t->defers;

			tend__free(t->defers);
			t->defers = d.next;
			d.fn(d.arg);
		}
		if (!drop)
			return;
		/* Once, though it may leave the thread; and it may defer something. */
		t->drop = NULL;
		drop(t->arg);
	}
}

static void entry(void *arg)
{
	struct tend__task *t = arg;

	bury(t->worker);
	for (;;) {
		TEND__EDGE_ACQUIRE(t);
		t->result = tend__told(t) ? -ECANCELED : t->fn(t->arg);
		tend__unwind(t);
		if (t->kind->leave != tend__fiber_end)
			t->kind->leave(t);
		t = end(t, TEND__ADOPTS);
	}
}

int tend__run_ready(struct tend__worker *w)
{
	struct tend__task *t;

	w->budget = TEND__ROUND;
	while ((t = choose(w, NULL)))
		switch_to(w, &w->context, t);
	running(w, NULL); /* some may have ended without a run */
	w->worked = w->worked || w->budget != TEND__ROUND;
	return TEND__ROUND - (int)w->budget;
}
