/* runtime/worker.c - the loop that runs fibers.
 *
 * The run queue is two: tasks that have started and are pinned here, and fresh
 * ones, which are in a ring that idle workers may take from. Both are first in,
 * first out, and take turns of some tasks each. */
#include "runtime/runtime.h"

#include "base/alloc.h"
#include "base/error.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

enum {
	NAP_NS = 100000, /* how long a thief watches a ring before it takes */
	BLIND_NAP_NS = 100 * NAP_NS,
	PATIENCE = 5,
	SLEEPS = 1, /* of a worker's `sleeping` */
	CALLED = 2, /* to watch the rings: whoever called it counts it */
#ifdef TEND_SIM
	SPIN_NS = 0, /* its clock stands still while anyone runs */
#else
	/* Twice what a wake-up takes: with less, two that talk to each other and have
	 * fallen asleep wake one after the other for ever. */
	SPIN_NS = 50000,
#endif
	TURN = 16,
};

static void push(struct tend__queue *q, struct tend__post *p)
{
	p->next = NULL;
	*q->last = p;
	q->last = &p->next;
}

static struct tend__post *pop(struct tend__queue *q)
{
	struct tend__post *p = q->first;

	if (!p)
		return NULL;
	q->first = p->next;
	if (!q->first)
		q->last = &q->first;
	return p;
}

static struct tend__task *task_of(struct tend__post *p)
{
	return tend__entry(p, struct tend__task, post);
}

/* Wakes the worker, if it sleeps and nobody else wakes it. */
static bool rouse(struct tend__worker *w, uint32_t why)
{
	uint32_t sleeps = SLEEPS;

	if (tend__load(&w->sleeping) != SLEEPS || !tend__cas(&w->sleeping, &sleeps, why))
		return false;
	tend__poller_wake(&w->poller);
	return true;
}

void tend__post(struct tend__worker *w, struct tend__post *post)
{
	/* Relaxed: the exchange decides. */
	struct tend__post *first = tend__load_relaxed(&w->inbox);

	do
		post->next = first;
	/* seq_cst, against the worker's "sleeping, then look": one of the two sees
	 * the other (Dekker). */
	while (!tend__cas(&w->inbox, &first, post));
	rouse(w, 0);
}

static void take_inbox(struct tend__worker *w)
{
	struct tend__post *in, *list = NULL;

	/* Relaxed: a look that is repeated. */
	if (!tend__load_relaxed(&w->inbox))
		return;
	w->posted = true;
	in = tend__exchange(&w->inbox, (struct tend__post *)NULL);
	/* Last in came first out: turn it round, so that posts arrive in order. */
	while (in) {
		struct tend__post *next = in->next;

		in->next = list;
		list = in;
		in = next;
	}
	while (list) {
		struct tend__post *p = list;

		list = p->next;
		p->fn(w, p);
	}
}

static void queue_started(struct tend__worker *w, struct tend__post *p) { push(&w->started, p); }

void tend__fiber_wake(struct tend__task *t)
{
	struct tend__worker *w = t->worker;

	t->post.fn = queue_started;
	if (w == tend__tls.worker)
		push(&w->started, &t->post);
	else
		tend__post(w, &t->post);
}

/* The owner's look: nobody else fills it. */
static bool ring_has_room(const struct tend__worker *w)
{
	/* Relaxed and acquire: as in ring_push(). */
	return tend__load_relaxed(&w->tail) - tend__load_acquire(&w->head) < TEND__RING;
}

/* The owner's side of the ring: false when it is full. */
static bool ring_push(struct tend__worker *w, struct tend__task *t)
{
	/* Relaxed: only the owner writes tail. Acquire: a slot behind head has been
	 * read by whoever advanced head in ring_pop(). */
	uint32_t tail = tend__load_relaxed(&w->tail), head = tend__load_acquire(&w->head);

	if (tail - head >= TEND__RING)
		return false;
	tend__store_relaxed(&w->ring[tail % TEND__RING], t);
	/* Release: pairs with the acquire of tail in ring_pop(), for the task. */
	tend__store_release(&w->tail, tail + 1);
	return true;
}

/* Owner and thieves: the oldest, or NULL. */
static struct tend__task *ring_pop(struct tend__worker *w)
{
	uint32_t head = tend__load_acquire(&w->head);

	for (;;) {
		/* Acquire: pairs with the release in ring_push(). */
		uint32_t tail = tend__load_acquire(&w->tail);
		struct tend__task *t;

		if (head == tail)
			return NULL;
		/* Relaxed: if the slot was filled anew meanwhile, head has moved and the
		 * exchange fails. */
		t = tend__load_relaxed(&w->ring[head % TEND__RING]);
		if (w->rt->workers_count == 1) {
			/* No thief. Relaxed: for a look from outside, as in ring_push(). */
			tend__store_relaxed(&w->head, head + 1);
			return t;
		}
		if (tend__cas_acq_rel(&w->head, &head, head + 1))
			return t;
	}
}

/* One that watches is enough: it looks whether the rings drain, and calls the next
 * when it finds work. */
static void call_watcher(struct tend__worker *w)
{
	tend_runtime *rt = w->rt;

	for (uint32_t i = 1; i < rt->workers_count; i++)
		if (rouse(&rt->workers[(w->number + i) % rt->workers_count], CALLED)) {
			/* Not before: what is counted watches. So it may have gone again, and
			 * the count be less than 0 for a moment. */
			tend__add(&rt->watchers, 1);
			return;
		}
}

static bool nobody_watches(const tend_runtime *rt)
{
	/* Relaxed, and after what was put into a ring only for the compiler: whoever
	 * falls asleep makes this thread pass a barrier, in nothing_to_take(). */
	tend__compiler_barrier();
	return tend__load_relaxed(&rt->sleepers) && (int32_t)tend__load_relaxed(&rt->watchers) <= 0;
}

static void add_fresh(struct tend__worker *w, struct tend__post *p)
{
	if (w->fresh.first || !ring_push(w, task_of(p)))
		push(&w->fresh, p);
	if (nobody_watches(w->rt))
		call_watcher(w);
}

void tend__spawned(tend_runtime *rt, struct tend__task *t)
{
	struct tend__worker *w = tend__worker_of(rt);

	t->post.fn = add_fresh;
	if (w) {
		add_fresh(w, &t->post);
		return;
	}
	/* Whichever worker is free takes it: none has it in an inbox behind one long
	 * task. seq_cst, as in tend__post(): a worker that falls asleep sees the
	 * count, or is seen asleep. */
	tend__lock(&rt->outside_lock);
	push(&rt->outside, &t->post);
	tend__unlock(&rt->outside_lock);
	tend__add(&rt->outside_count, 1);
	for (uint32_t i = 0; i < rt->workers_count; i++)
		if (rouse(&rt->workers[i], 0))
			return;
}

/* This worker's share of what was spawned from outside. */
static void take_outside(struct tend__worker *w)
{
	tend_runtime *rt = w->rt;
	/* Relaxed: a look that is repeated. */
	uint32_t share = tend__load_relaxed(&rt->outside_count);

	for (share = (share + rt->workers_count - 1) / rt->workers_count; share; share--) {
		struct tend__post *p;

		tend__lock(&rt->outside_lock);
		p = pop(&rt->outside);
		tend__unlock(&rt->outside_lock);
		if (!p)
			return;
		tend__add(&rt->outside_count, (uint32_t)-1);
		add_fresh(w, p);
	}
}

static struct tend__task *next_fresh(struct tend__worker *w)
{
	struct tend__task *t = ring_pop(w);

	if (t)
		return t;
	if (!w->fresh.first)
		return NULL;
	t = task_of(pop(&w->fresh));
	while (w->fresh.first && ring_has_room(w)) {
		/* Out of the queue first: once it is in the ring a thief may run it, and
		 * its link be that of another queue. */
		struct tend__task *moved = task_of(pop(&w->fresh));

		if (w->fresh.first)
			__builtin_prefetch(w->fresh.first->next);
		(void)ring_push(w, moved);
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

static bool has_fresh(const struct tend__worker *w)
{
	/* Relaxed: only this worker adds to its ring. */
	return w->fresh.first || tend__load_relaxed(&w->head) != tend__load_relaxed(&w->tail);
}

static inline __attribute__((always_inline)) struct tend__task *next_started(struct tend__worker *w)
{
	struct tend__task *t = task_of(pop(&w->started));

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
	if (w->turn < TURN && has_fresh(w)) {
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
	if (has_fresh(w) || !w->started.first || !w->budget)
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
	push(&t->worker->started, &t->post);
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

static void fire_timers(struct tend__worker *w)
{
	struct tend__timer *timer;

	while ((timer = tend__timers_due(&w->timers, w->now)))
		timer->fire(timer);
}

static int run_ready(struct tend__worker *w)
{
	struct tend__task *t;

	w->budget = TEND__ROUND;
	while ((t = choose(w, NULL)))
		switch_to(w, &w->context, t);
	running(w, NULL); /* some may have ended without a run */
	w->worked = w->worked || w->budget != TEND__ROUND;
	return TEND__ROUND - (int)w->budget;
}

static void look_at_fds(struct tend__worker *w, uint64_t deadline)
{
	struct tend__ready ready[64];
	int n = tend__poller_wait(&w->poller, deadline, ready, 64);

	tend__fds_ready(w, ready, n);
}

/* Half of what is in v's ring. */
static bool take_half(struct tend__worker *w, struct tend__worker *v, uint32_t backlog)
{
	bool got = false;

	for (uint32_t k = (backlog + 1) / 2; k > 0; k--) {
		struct tend__task *t = ring_pop(v);

		if (!t)
			break;
		got = true;
		if (!ring_push(w, t)) {
			push(&w->fresh, &t->post);
			break;
		}
	}
	return got;
}

/* Takes from a ring that would take PATIENCE naps and more to drain at the pace of
 * the last one: its owner is busy with one long task, or is deep in arrears. Never
 * from one that drains by itself: a thief in haste made a single spawner 9 times
 * slower, and one that took from every long ring, twice. True when it took something;
 * *more when there is something to watch. */
static bool steal(struct tend__worker *w, bool *more)
{
	tend_runtime *rt = w->rt;
	uint64_t now = tend__clock();
	bool judges = now - w->looked >= NAP_NS;

	*more = false;
	if (judges)
		w->looked = now;
	for (uint32_t i = 1; i < rt->workers_count; i++) {
		struct tend__worker *v = &rt->workers[(w->number + i) % rt->workers_count];
		/* Relaxed: a look; ring_pop() decides. */
		uint32_t head = tend__load_relaxed(&v->head), tail = tend__load_relaxed(&v->tail);
		uint32_t backlog = tail - head, before = w->seen[v->number];

		if (backlog == 0 || backlog > TEND__RING) {
			w->seen[v->number] = UINT32_MAX;
			continue;
		}
		*more = true;
		if (!judges)
			continue;
		w->seen[v->number] = head;
		if (before != UINT32_MAX && head - before <= backlog / PATIENCE &&
		    take_half(w, v, backlog))
			return true;
	}
	return false;
}

static bool called(struct tend__worker *w)
{
	return tend__load(&w->inbox) || tend__load(&w->rt->outside_count) || tend__load(&w->stop);
}

/* Two tasks on two workers that talk to each other: the answer comes sooner than
 * a sleeper could be woken. True if there is something. */
static bool spin(struct tend__worker *w, uint64_t deadline)
{
	uint64_t begun = tend__clock(), now;

	w->posted = false;
	if (begun + SPIN_NS > deadline)
		return false;
	while (!called(w)) {
		now = tend__clock();
		if (now >= begun + SPIN_NS)
			return false;
		/* Whoever is to answer may be waiting for this very processor. */
		if (now >= begun + SPIN_NS / 20)
			tend__thread_yield();
	}
	return true;
}

/* The ring holds something that others could take. Relaxed: a look. */
static bool filled(const struct tend__worker *v)
{
	return tend__load_relaxed(&v->head) != tend__load_relaxed(&v->tail);
}

static bool all_asleep(tend_runtime *rt, uint32_t but)
{
	return tend__load(&rt->sleepers) + but == rt->workers_count;
}

static void watch(struct tend__worker *w, bool watches)
{
	if (watches != w->watches)
		tend__add(&w->rt->watchers, watches ? 1 : (uint32_t)-1);
	w->watches = watches;
}

/* Whoever was called, or has run out of work while others are awake, watches for a nap
 * before it sleeps, and for more naps while there is something to watch. */
static bool watches_on(struct tend__worker *w, bool more)
{
	bool naps = more || w->called || (w->worked && !all_asleep(w->rt, 1));

	if (naps)
		watch(w, true);
	w->worked = w->called = false;
	return naps;
}

/* With work of its own it cannot watch: somebody else shall, if there is anything. */
static void watches_no_more(struct tend__worker *w)
{
	tend_runtime *rt = w->rt;

	watch(w, false);
	w->called = false;
	/* Who has seen it watch has filled its ring before, as in nothing_to_take(). Asleep,
	 * others have nothing in theirs. */
	if (tend__load(&rt->sleepers) && !all_asleep(rt, 1))
		(void)tend__barrier();
	for (uint32_t i = 0; i < rt->workers_count; i++)
		if (filled(&rt->workers[i]) && nobody_watches(rt)) {
			call_watcher(w);
			return;
		}
}

/* Announced as asleep, and before it sleeps for good. Who spawns fills its ring and
 * then looks for sleepers, without a barrier, which would be a tenth of a spawn: so
 * this is one for both, 13 us where others run. *deadline is earlier where the kernel
 * has none. It watches until here: before, work of its own may keep it from the look. */
static bool nothing_to_take(struct tend__worker *w, uint64_t *deadline)
{
	tend_runtime *rt = w->rt;

	watch(w, false);
	/* What wakes from here on sees this one asleep: it counts itself out first. */
	if (all_asleep(rt, 0))
		return true;
	if (!tend__barrier() && tend__clock() + BLIND_NAP_NS < *deadline)
		*deadline = tend__clock() + BLIND_NAP_NS;
	for (uint32_t i = 0; i < rt->workers_count; i++)
		if (filled(&rt->workers[i])) {
			watch(w, true);
			return false;
		}
	return true;
}

static void fall_asleep(struct tend__worker *w)
{
	tend__add(&w->rt->sleepers, 1);
	tend__store(&w->sleeping, (uint32_t)SLEEPS);
}

static void awake(struct tend__worker *w)
{
	uint32_t was = tend__exchange(&w->sleeping, 0u);

	tend__add(&w->rt->sleepers, (uint32_t)-1);
	if (was == CALLED && w->watches)
		tend__add(&w->rt->watchers, (uint32_t)-1); /* twice */
	if (was == CALLED)
		w->watches = w->called = true;
}

static void sleep_until(struct tend__worker *w, uint64_t deadline)
{
	uint64_t next = tend__timers_next(&w->timers);
	bool more = false, naps;

	if (w->rt->workers_count > 1 && steal(w, &more)) {
		watches_no_more(w);
		return;
	}
	if (next < deadline)
		deadline = next;
	if (w->posted && w->rt->workers_count > 1 && spin(w, deadline))
		return;
	naps = watches_on(w, more);
	if (naps && tend__clock() + NAP_NS < deadline)
		deadline = tend__clock() + NAP_NS;
	tend__stacks_idle(w);

	/* Announce, then look once more, and only then sleep: see tend__post(). */
	fall_asleep(w);
	if (!called(w) && (naps || nothing_to_take(w, &deadline)))
		look_at_fds(w, deadline);
	awake(w);
}

/* What is due, then up to a round of tasks. */
static int round_of(struct tend__worker *w)
{
	w->now = tend__clock();
	take_inbox(w);
	take_outside(w);
	fire_timers(w);
	if (w->poller.watched && ++w->rounds % 4 == 0)
		look_at_fds(w, 0);
	if (w->watches && (w->started.first || has_fresh(w)))
		watches_no_more(w);
	return run_ready(w);
}

/* A fiber that calls pthread_exit() takes its worker with it: that is an error of
 * the program, and must not be silent. */
static pthread_key_t exit_key;
static void left(void *arg)
{
	struct tend__task *t = tend__tls.task;

	(void)arg;
	tend__bug("tend: task #%llu left its fiber by pthread_exit()",
	          (unsigned long long)(t ? t->id : 0));
}
static void make_exit_key(void) { pthread_key_create(&exit_key, left); }

static void loop(void *arg)
{
	struct tend__worker *w = arg;
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	void *fault_stack = NULL;

	pthread_once(&once, make_exit_key);
	pthread_setspecific(exit_key, w);
	tend__tls.worker = w;
	tend__context_adopt(&w->context);
	tend__tls.context = &w->context;
	if (w->rt->flags & TEND_FAULT_HANDLERS)
		tend__fault_thread_begin(&fault_stack);
	while (!tend__load_acquire(&w->stop))
		if (!round_of(w))
			sleep_until(w, TEND_FOREVER);
	round_of(w); /* what was posted before the stop: alarms give their memory back */
	if (fault_stack)
		tend__fault_thread_end(fault_stack);
	tend__tls.worker = NULL;
	pthread_setspecific(exit_key, NULL);
}

static bool has_ready(struct tend__worker *w)
{
	/* Relaxed: a look that is repeated. */
	return w->started.first || has_fresh(w) || tend__load_relaxed(&w->inbox) ||
	       tend__load_relaxed(&w->rt->outside_count);
}

int tend__worker_poll(struct tend__worker *w, uint64_t deadline)
{
	struct tend__tls before = tend__tls;
	uint64_t next;
	int n = 0;

	tend__context_adopt(&w->context);
	tend__tls = (struct tend__tls){.worker = w, .context = &w->context, .hosted = true};
	awake(w);
	for (;;) {
		n += round_of(w);
		look_at_fds(w, 0);
		w->now = tend__clock();
		next = tend__timers_next(&w->timers);
		if (has_ready(w) || next <= w->now) {
			/* A fiber that is always ready does not keep us past the deadline;
			 * with deadline 0 there was one round. */
			if (w->now >= deadline)
				break;
			continue;
		}
		if (n || w->now >= deadline)
			break;
		sleep_until(w, deadline);
	}
	/* For the program's own loop: the descriptor says when to call again. A post
	 * must wake it even though nobody sleeps here. */
	tend__poller_arm(&w->poller, next);
	fall_asleep(w);
	if (has_ready(w) || tend__load(&w->inbox) || tend__load(&w->rt->outside_count))
		tend__poller_wake(&w->poller);
	tend__tls = before;
	tend__tls.hosted = true;
	return n;
}

int tend__workers_start(tend_runtime *rt)
{
	uint32_t made = 0;
	int error = 0;

	(void)tend__barrier(); /* it is prepared here, before there are threads */
	rt->outside.last = &rt->outside.first;
	for (; made < rt->workers_count; made++) {
		struct tend__worker *w = &rt->workers[made];

		w->rt = rt;
		w->number = made;
		w->started.last = &w->started.first;
		w->fresh.last = &w->fresh.first;
		w->current = &tend__ring_at(rt->segment.header, made)->current;
		error = tend__poller_init(&w->poller);
		if (error)
			break;
	}
	for (uint32_t i = 0; !error && !(rt->flags & TEND_HOSTED) && i < made; i++) {
		char name[16];

		snprintf(name, sizeof name, "tend-%u", (unsigned)i);
		error = tend__thread_start(&rt->workers[i].thread, name, loop, &rt->workers[i]);
		if (error)
			while (i-- > 0) {
				tend__store_release(&rt->workers[i].stop, 1u);
				tend__poller_wake(&rt->workers[i].poller);
				tend__thread_join(&rt->workers[i].thread);
			}
		if (error)
			break;
	}
	if (error)
		for (uint32_t i = 0; i < made; i++)
			tend__poller_fini(&rt->workers[i].poller);
	return error;
}

void tend__workers_stop(tend_runtime *rt)
{
	for (uint32_t i = 0; i < rt->workers_count; i++) {
		struct tend__worker *w = &rt->workers[i];

		if (rt->flags & TEND_HOSTED) {
			tend__worker_poll(w, 0);
			continue;
		}
		/* seq_cst, as a post: it must see the worker asleep, or be seen. */
		tend__store(&w->stop, 1u);
		rouse(w, 0);
	}
	for (uint32_t i = 0; i < rt->workers_count; i++) {
		struct tend__worker *w = &rt->workers[i];

		if (!(rt->flags & TEND_HOSTED))
			tend__thread_join(&w->thread);
	}
	for (uint32_t i = 0; i < rt->workers_count; i++) {
		struct tend__worker *w = &rt->workers[i];

		take_inbox(w); /* an alarm dropped by a worker that stopped later */
		tend__stacks_fini(w);
		tend__fds_fini(w);
		tend__poller_fini(&w->poller);
	}
}
