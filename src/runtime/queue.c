/* runtime/queue.c - how tasks come to a worker: by the inbox, into the ring, or from
 * threads that are no workers. */
#include "runtime/queue.h"

bool tend__rouse(struct tend__worker *w, uint32_t why)
{
	uint32_t sleeps = TEND__SLEEPS;

	if (tend__load(&w->sleeping) != TEND__SLEEPS || !tend__cas(&w->sleeping, &sleeps, why))
		return false;
	tend__poller_wake(&w->poller);
	return true;
}

void tend__post(struct tend__worker *w, struct tend__post *post)
{
	tend__assert(post->fn);
	/* Relaxed: the exchange decides. */
	struct tend__post *first = tend__load_relaxed(&w->inbox);

	do
		post->next = first;
	/* seq_cst, against the worker's "sleeping, then look": the worker sees the post, or
	 * this thread sees the worker asleep (Dekker). */
	while (!tend__cas(&w->inbox, &first, post));
	tend__rouse(w, 0);
}

void tend__take_inbox(struct tend__worker *w)
{
	struct tend__post *in, *list = NULL;

	/* Relaxed: the worker looks again before it sleeps. */
	if (!tend__load_relaxed(&w->inbox))
		return;
	w->posted = true;
	in = tend__exchange(&w->inbox, (struct tend__post *)NULL);
	/* The inbox is a stack: reversed, so that the posts run in the order of arrival. */
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

static void queue_started(struct tend__worker *w, struct tend__post *p)
{
	tend__assert(tend__queue_task(p)->worker == w);
	tend__queue_push(&w->started, p);
}

void tend__fiber_wake(struct tend__task *t)
{
	struct tend__worker *w = t->worker;

	t->post.fn = queue_started;
	if (w == tend__tls.worker)
		tend__queue_push(&w->started, &t->post);
	else
		tend__post(w, &t->post);
}

__attribute__((noinline)) void tend__call_watcher(struct tend__worker *w)
{
	tend_runtime *rt = w->rt;

	for (uint32_t i = 1; i < rt->workers_count; i++)
		if (tend__rouse(&rt->workers[(w->number + i) % rt->workers_count], TEND__CALLED)) {
			/* After the call, because a worker that is counted must watch. The watcher
			 * may have stopped by now, and the count be less than 0 for a moment. */
			tend__add(&rt->watchers, 1);
			return;
		}
}

uint32_t tend__ring_take(struct tend__worker *w, struct tend__task **out, uint32_t n)
{
	uint32_t head = tend__load_acquire(&w->head), got;

	do {
		/* Acquire: pairs with the release in tend__ring_push(). */
		uint32_t there = tend__load_acquire(&w->tail) - head;

		/* If the head has moved between the two looks, the exchange fails. */
		got = there > TEND__RING ? 0 : there < n ? there : n;
		/* Relaxed: as in tend__ring_pop(). */
		for (uint32_t i = 0; i < got; i++)
			out[i] = tend__load_relaxed(&w->ring[(head + i) % TEND__RING]);
	} while (got && !tend__cas_acq_rel(&w->head, &head, head + got));
	return got;
}

/* Makes a batch of the oldest tasks of the full ring. Thieves may have emptied the ring
 * meanwhile. */
static __attribute__((noinline)) void put_aside(struct tend__worker *w)
{
	struct tend__task *tasks[TEND__BATCH];
	uint32_t n = tend__ring_take(w, tasks, TEND__BATCH);

	tend__assert(w == tend__tls.worker);
	if (!n)
		return;
	tend__store_relaxed(&w->put_aside, tend__load_relaxed(&w->put_aside) + n);
	for (uint32_t i = 0; i < n; i++)
		tasks[i]->post.next = i + 1 < n ? &tasks[i + 1]->post : NULL;
	tasks[0]->post.next_batch = NULL;
	tend__lock(&w->batches_lock);
	*w->last_batch = &tasks[0]->post;
	w->last_batch = &tasks[0]->post.next_batch;
	tend__add_relaxed(&w->batches_count, 1);
	tend__unlock(&w->batches_lock);
}

bool tend__batches_take(struct tend__worker *w, struct tend__worker *v, uint32_t n)
{
	struct tend__post *batch, **next;

	/* Relaxed: the lock decides. */
	if (!tend__load_relaxed(&v->batches_count))
		return false;
	tend__lock(&v->batches_lock);
	batch = v->batches;
	for (next = &v->batches; *next && n; n--) {
		next = &(*next)->next_batch;
		tend__add_relaxed(&v->batches_count, (uint32_t)-1);
	}
	v->batches = *next;
	*next = NULL;
	if (!v->batches)
		v->last_batch = &v->batches;
	tend__unlock(&v->batches_lock);
	bool got = batch;
	/* Relaxed: only the worker of the ring writes tail. Acquire: as in tend__ring_push(). */
	uint32_t tail = tend__load_relaxed(&w->tail);
	uint32_t room = TEND__RING - (tail - tend__load_acquire(&w->head));
	for (; batch; batch = *next) {
		next = &batch->next_batch;
		for (struct tend__post *p = batch; p; p = p->next) {
			if (!room--)
				tend__bug("tend: a batch does not fit into the ring");
			tend__store_relaxed(&w->ring[tail++ % TEND__RING], tend__queue_task(p));
		}
	}
	/* Release, as in tend__ring_push(): from here on a thief may run the tasks, so all of the
	 * batches have been read. */
	tend__store_release(&w->tail, tail);
	/* A worker that fell asleep meanwhile did not see what was in no list. */
	if (got && tend__nobody_watches(w->rt))
		tend__call_watcher(w);
	return got;
}

static inline void add_fresh(struct tend__worker *w, struct tend__task *t)
{
	while (!tend__ring_push(w, t, TEND__FULL))
		put_aside(w);
	if (tend__nobody_watches(w->rt))
		tend__call_watcher(w);
}

static __attribute__((noinline)) void add_outside(tend_runtime *rt, struct tend__task *t)
{
	/* The first free worker takes the task; in the inbox of a worker the task would wait
	 * behind a long task. seq_cst, as in tend__post(): a worker that falls asleep sees
	 * the count, or is seen asleep. */
	tend__lock(&rt->outside_lock);
	tend__queue_push(&rt->outside, &t->post);
	tend__unlock(&rt->outside_lock);
	tend__add(&rt->outside_count, 1);
	for (uint32_t i = 0; i < rt->workers_count; i++)
		if (tend__rouse(&rt->workers[i], 0))
			return;
}

void tend__spawned(tend_runtime *rt, struct tend__task *t)
{
	struct tend__worker *w = tend__worker_of(rt);

	tend__assert(!t->stack);
	if (w)
		add_fresh(w, t);
	else
		add_outside(rt, t);
}

void tend__take_outside(struct tend__worker *w)
{
	tend_runtime *rt = w->rt;
	/* Relaxed: the worker looks again before it sleeps. */
	uint32_t share = tend__load_relaxed(&rt->outside_count);

	for (share = (share + rt->workers_count - 1) / rt->workers_count; share; share--) {
		tend__lock(&rt->outside_lock);
		struct tend__post *p = tend__queue_pop(&rt->outside);
		tend__unlock(&rt->outside_lock);
		if (!p)
			return;
		tend__add(&rt->outside_count, (uint32_t)-1);
		add_fresh(w, tend__queue_task(p));
	}
}
