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

void tend__call_watcher(struct tend__worker *w)
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

static void add_fresh(struct tend__worker *w, struct tend__post *p)
{
	if (w->fresh.first || !tend__ring_push(w, tend__queue_task(p)))
		tend__queue_push(&w->fresh, p);
	if (tend__nobody_watches(w->rt))
		tend__call_watcher(w);
}

void tend__spawned(tend_runtime *rt, struct tend__task *t)
{
	struct tend__worker *w = tend__worker_of(rt);

	tend__assert(!t->stack);
	t->post.fn = add_fresh;
	if (w) {
		add_fresh(w, &t->post);
		return;
	}
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
		add_fresh(w, p);
	}
}
