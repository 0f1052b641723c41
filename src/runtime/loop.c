/* runtime/loop.c - the loop that runs fibers: in a worker's thread, or by rounds in a
 * hosted runtime. */
#include "runtime/fds.h"
#include "runtime/idle.h"
#include "runtime/queue.h"

#include "base/error.h"

#include <pthread.h>
#include <stdio.h>

static void fire_timers(struct tend__worker *w)
{
	struct tend__timer *timer;

	while ((timer = tend__timers_due(&w->timers, w->now)))
		timer->fire(timer);
}

/* Does all that is due, then runs up to a round of tasks. Returns how many. */
static int round_of(struct tend__worker *w)
{
	tend__assert(w == tend__tls.worker && !tend__tls.task);
	w->now = tend__clock();
	/* Relaxed, both: hints for readers. */
	tend__store_relaxed(&w->shown->round, ++w->rounds);
	tend__store_relaxed(&w->shown->round_at, w->now);
	tend__take_inbox(w);
	tend__take_outside(w);
	fire_timers(w);
	/* A batch must not wait until the ring is empty: tasks may spawn without end. */
	if (tend__ring_length(w) <= TEND__RING - TEND__BATCH)
		tend__batches_take(w, w, 1);
	if (w->poller.watched && w->rounds % 4 == 0)
		tend__fds_look(w, 0);
	if (w->watches && (w->started.first || tend__has_fresh(w)))
		tend__watches_no_more(w);
	return tend__run_ready(w);
}

/* A fiber that calls pthread_exit() takes its worker along. This is an error of the
 * program, and must not be silent. */
static pthread_key_t exit_key;
static void left(void *arg)
{
	char who[320];

	(void)arg;
	tend__bug("tend: a task left its fiber by pthread_exit(): %s",
	          tend__who(tend__tls.task, who, sizeof(who)));
}
static void make_exit_key(void) { pthread_key_create(&exit_key, left); }

static void loop(void *arg)
{
	struct tend__worker *w = arg;
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_exit_key);
	pthread_setspecific(exit_key, w);
	tend__tls.worker = w;
	tend__tls.waits_left = TEND__WAITS;
	tend__context_adopt(&w->context, w->rt->flags & TEND_OWN_FLOAT_MODES);
	tend__tls.context = &w->context;
	/* Relaxed: a hint for readers. */
	tend__store_relaxed(&w->shown->tid, (uint32_t)tend__thread_number());
	if (!(w->rt->flags & TEND_NO_FAULT_HANDLERS))
		tend__fault_thread();
	while (!tend__load_acquire(&w->stop))
		if (!round_of(w))
			tend__idle(w, TEND_FOREVER);
	round_of(w); /* the posts from before the stop */
	tend__tls.worker = NULL;
	pthread_setspecific(exit_key, NULL);
}

static bool has_ready(struct tend__worker *w)
{
	/* Relaxed: the caller looks again before it sleeps. */
	return w->started.first || tend__has_fresh(w) || tend__load_relaxed(&w->inbox) ||
	       tend__load_relaxed(&w->rt->outside_count);
}

int tend__worker_poll(struct tend__worker *w, uint64_t deadline)
{
	int n = 0;

	tend__assert(w->rt->flags & TEND_HOSTED);
	tend__drive(w->rt);
	struct tend__tls before = tend__tls;
	if (w->driver != before.driver) {
		w->driver = before.driver;
		/* Relaxed: a hint for readers. */
		tend__store_relaxed(&w->shown->tid, (uint32_t)tend__thread_number());
	}
	if (!(w->rt->flags & TEND_NO_FAULT_HANDLERS))
		tend__fault_thread();
	tend__context_adopt(&w->context, w->rt->flags & TEND_OWN_FLOAT_MODES);
	tend__tls = (struct tend__tls){.worker = w,
	                               .context = &w->context,
	                               .driver = before.driver,
	                               .waits_left = TEND__WAITS};
	tend__awake(w);
	uint64_t next;
	for (;;) {
		n += round_of(w);
		tend__fds_look(w, 0);
		w->now = tend__clock();
		next = tend__timers_next(&w->timers);
		if (has_ready(w) || next <= w->now) {
			/* A fiber that is always ready does not keep the caller here past the
			 * deadline; with deadline 0 there was a single round. */
			if (w->now >= deadline)
				break;
			continue;
		}
		if (n || w->now >= deadline)
			break;
		tend__idle(w, deadline);
	}
	/* Between two calls the program polls the poller's descriptor: a timer or a post makes
	 * the descriptor readable, although no thread sleeps here. */
	tend__poller_arm(&w->poller, next);
	tend__fall_asleep(w);
	if (has_ready(w) || tend__load(&w->inbox) || tend__load(&w->rt->outside_count))
		tend__poller_wake(&w->poller);
	tend__tls = before;
	return n;
}

int tend__workers_start(tend_runtime *rt)
{
	uint32_t made = 0;
	int error = 0;

	tend__assert(rt->workers_count > 0 && rt->workers_count <= TEND__WORKERS_MAX);
	(void)tend__barrier(); /* the kernel prepares the barrier before there are threads */
	tend__lock(&rt->outside_lock);
	rt->outside.last = &rt->outside.first;
	tend__unlock(&rt->outside_lock);
	for (; made < rt->workers_count; made++) {
		struct tend__worker *w = &rt->workers[made];

		w->rt = rt;
		w->number = made;
		w->started.last = &w->started.first;
		tend__lock(&w->batches_lock);
		w->last_batch = &w->batches;
		tend__unlock(&w->batches_lock);
		w->shown = tend__ring_at(rt->segment.header, made);
		error = tend__poller_init(&w->poller, rt->flags & TEND_HOSTED);
		if (error)
			break;
	}
	for (uint32_t i = 0; !error && !(rt->flags & TEND_HOSTED) && i < made; i++) {
		char name[16];

		snprintf(name, sizeof(name), "tend-%u", (unsigned)i);
		error = tend__thread_start(&rt->workers[i].thread, name, loop, NULL,
		                           &rt->workers[i]);
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
		/* seq_cst, as in tend__post(): the worker sees `stop`, or this thread sees that
		 * the worker sleeps, and wakes the worker. */
		tend__store(&w->stop, 1u);
		tend__rouse(w, 0);
	}
	for (uint32_t i = 0; i < rt->workers_count; i++) {
		struct tend__worker *w = &rt->workers[i];

		if (!(rt->flags & TEND_HOSTED))
			tend__thread_join(&w->thread);
	}
}

void tend__workers_fini(tend_runtime *rt)
{
	for (uint32_t i = 0; i < rt->workers_count; i++) {
		struct tend__worker *w = &rt->workers[i];

		tend__assert(!w->started.first && !w->dead);
		tend__take_inbox(w); /* a number that a worker closed which stopped later */
		tend__stacks_fini(w);
		tend__fds_fini(w);
		tend__poller_fini(&w->poller);
	}
}
