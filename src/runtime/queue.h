/* runtime/queue.h - the tasks that a worker has to run.
 *
 * A worker has two run queues: tasks that have started and are pinned to the worker, and
 * fresh tasks, from which idle workers may take. Fresh tasks lie in a ring. A ring that is
 * full puts its oldest tasks aside, as a batch, and the worker takes a batch back each round,
 * or when the ring is empty. So all fresh tasks can be reached by a thief, and the lock of
 * the batches is taken once for many tasks. */
#ifndef TEND_RUNTIME_QUEUE_H
#define TEND_RUNTIME_QUEUE_H

#include "runtime/runtime.h"

enum {
	TEND__SLEEPS = 1, /* values of a worker's `sleeping` */
	TEND__CALLED = 2, /* to watch the rings; the caller has counted the watcher */
};

static inline void tend__queue_push(struct tend__queue *q, struct tend__post *p)
{
	p->next = NULL;
	*q->last = p;
	q->last = &p->next;
}

static inline struct tend__post *tend__queue_pop(struct tend__queue *q)
{
	struct tend__post *p = q->first;

	if (!p)
		return NULL;
	q->first = p->next;
	if (!q->first)
		q->last = &q->first;
	return p;
}

static inline struct tend__task *tend__queue_task(struct tend__post *p)
{
	return tend__entry(p, struct tend__task, post);
}

/* How many tasks are in the ring, by its worker; a look by others. Relaxed: as in
 * tend__ring_push(), which looks again. */
static inline uint32_t tend__ring_length(const struct tend__worker *w)
{
	uint32_t head = tend__load_relaxed(&w->head), n = tend__load_relaxed(&w->tail) - head;

	return n <= TEND__RING ? n : 0;
}

/* By the worker of the ring. Returns false if the ring has `most` tasks. */
static inline bool tend__ring_push(struct tend__worker *w, struct tend__task *t, uint32_t most)
{
	/* Relaxed: only the worker of the ring writes tail. Acquire: a slot behind head has been
	 * read by the thread that advanced head in tend__ring_pop() or tend__ring_take(). */
	uint32_t tail = tend__load_relaxed(&w->tail), head = tend__load_acquire(&w->head);

	tend__assert(tail - head <= TEND__RING && most <= TEND__RING);
	if (tail - head >= most)
		return false;
	tend__store_relaxed(&w->ring[tail % TEND__RING], t);
	/* Release: pairs with the acquire of tail in tend__ring_pop(), for the task. */
	tend__store_release(&w->tail, tail + 1);
	return true;
}

/* By the worker of the ring and by thieves. Returns the oldest task, or NULL. */
static inline struct tend__task *tend__ring_pop(struct tend__worker *w)
{
	uint32_t head = tend__load_acquire(&w->head);

	for (;;) {
		/* Acquire: pairs with the release in tend__ring_push(). */
		uint32_t tail = tend__load_acquire(&w->tail);

		if (head == tail)
			return NULL;
		/* Relaxed: if the slot was filled anew meanwhile, head has moved and the
		 * exchange fails. */
		struct tend__task *t = tend__load_relaxed(&w->ring[head % TEND__RING]);
		if (w->rt->workers_count == 1) {
			/* No thief. Relaxed: other threads only look, as in tend__ring_push(). */
			tend__store_relaxed(&w->head, head + 1);
			return t;
		}
		if (tend__cas_acq_rel(&w->head, &head, head + 1))
			return t;
	}
}

/* By the worker of the ring and by thieves: takes up to n tasks, the oldest, in one step.
 * Returns how many. */
uint32_t tend__ring_take(struct tend__worker *w, struct tend__task **out, uint32_t n);

/* Moves up to n of v's batches into the ring of w, which has room for them. Returns false if
 * v has no batch. */
bool tend__batches_take(struct tend__worker *w, struct tend__worker *v, uint32_t n)
	TEND_EXCLUDES(&v->batches_lock);

/* Relaxed: only the worker itself adds tasks to its ring and its batches. */
static inline bool tend__ring_filled(const struct tend__worker *w)
{
	return tend__load_relaxed(&w->head) != tend__load_relaxed(&w->tail);
}

static inline bool tend__has_fresh(const struct tend__worker *w)
{
	return tend__ring_filled(w) || tend__load_relaxed(&w->batches_count);
}

static inline bool tend__nobody_watches(const tend_runtime *rt)
{
	/* Relaxed, and after the fill of a ring only for the compiler: a worker that falls
	 * asleep makes this thread pass a barrier, in nothing_to_take(). */
	tend__compiler_barrier();
	return tend__load_relaxed(&rt->sleepers) && (int32_t)tend__load_relaxed(&rt->watchers) <= 0;
}

/* Wakes a worker that sleeps; `why` is 0 or TEND__CALLED. Returns false if the worker is
 * awake, or another thread is waking it. */
bool tend__rouse(struct tend__worker *w, uint32_t why);
/* Calls a sleeping worker to watch the rings. A single watcher is enough: the watcher
 * looks whether the rings drain, and calls the next worker when it finds work. */
void tend__call_watcher(struct tend__worker *w);
/* Runs the posts of the inbox in the order in which they came. */
void tend__take_inbox(struct tend__worker *w);
/* Takes this worker's share of the tasks that no worker spawned. */
void tend__take_outside(struct tend__worker *w) TEND_EXCLUDES(&w->rt->outside_lock);

#endif
