/* runtime/idle.c - a worker without tasks to run: the worker takes from the rings of other
 * workers, watches those rings, spins, and sleeps.
 *
 * No fresh task may lie with a busy worker while all other workers sleep. So a worker
 * that runs out of tasks first watches for a nap whether the rings drain, and for more naps
 * while the rings hold tasks; and a worker that fills a ring calls a sleeper if no worker
 * watches. test/model/watch.pml */
#include "runtime/idle.h"

#include "runtime/fds.h"
#include "runtime/queue.h"

enum {
	NAP_NS = 100000, /* how long a thief watches a ring before the theft */
	BLIND_NAP_NS = 100 * NAP_NS,
	PATIENCE = 5,
#ifdef TEND_SIM
	SPIN_NS = 0, /* the virtual clock stands still while a thread runs */
#else
	/* Twice the time of a wake-up. With less, two workers with tasks that talk to
	 * each other, once asleep, would sleep between all messages for ever. */
	SPIN_NS = 50000,
#endif
};

/* Takes the oldest batches that v has put aside, else half of the tasks in the ring of v. */
static bool take(struct tend__worker *w, struct tend__worker *v)
{
	struct tend__task *half[TEND__RING / 2];

	tend__assert(v != w && !tend__has_fresh(w));
	if (tend__batches_take(w, v, TEND__RING / TEND__BATCH - 1))
		return true;
	uint32_t n = tend__ring_take(v, half, (tend__ring_length(v) + 1) / 2);
	for (uint32_t i = 0; i < n; i++)
		if (!tend__ring_push(w, half[i], TEND__RING))
			tend__bug("tend: half of a ring does not fit into a ring");
	return n;
}

/* How many fresh tasks of v have begun or were stolen, and how many are left. Relaxed: looks,
 * which may be wrong by a batch while v puts it aside. */
static uint32_t gone(const struct tend__worker *v)
{
	return tend__load_relaxed(&v->head) - tend__load_relaxed(&v->put_aside);
}

static uint32_t backlog_of(const struct tend__worker *v)
{
	return tend__ring_length(v) + TEND__BATCH * tend__load_relaxed(&v->batches_count);
}

/* Takes from a worker that at the pace of the last nap needs PATIENCE naps or more for its
 * fresh tasks: the worker has a long task, or is deep in arrears. A worker that gets
 * on unaided is left alone: thieves in haste made a single spawner 9 times slower, and a
 * theft from every long ring made the spawner twice as slow. A worker that was slow at the
 * last look is judged again without a nap. Returns true if a task was taken; *more says
 * whether a worker is worth watching. */
static bool steal(struct tend__worker *w, bool *more)
{
	tend_runtime *rt = w->rt;
	uint64_t now = tend__clock();
	bool napped = now - w->looked >= NAP_NS;

	*more = false;
	if (napped)
		w->looked = now;
	for (uint32_t i = 1; i < rt->workers_count; i++) {
		struct tend__worker *v = &rt->workers[(w->number + i) % rt->workers_count];
		uint32_t backlog = backlog_of(v), before = w->seen[v->number];
		uint64_t bit = UINT64_C(1) << v->number;

		if (backlog == 0) {
			w->seen[v->number] = UINT32_MAX;
			w->slow &= ~bit;
			continue;
		}
		*more = true;
		if (!napped && !(w->slow & bit))
			continue;
		uint32_t now_gone = gone(v);
		bool slow = before != UINT32_MAX && now_gone - before <= backlog / PATIENCE;
		w->slow = slow ? w->slow | bit : w->slow & ~bit;
		w->seen[v->number] = now_gone;
		if (slow && take(w, v)) {
			/* The theft is not the worker's own pace. */
			w->seen[v->number] = gone(v);
			return true;
		}
	}
	return false;
}

static bool called(struct tend__worker *w)
{
	return tend__load(&w->inbox) || tend__load(&w->rt->outside_count) || tend__load(&w->stop);
}

/* Waits awake for a short time, because the answer of a task on another worker comes sooner
 * than a wake-up of this worker. Returns true if something has come. */
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
		/* The answering thread may be waiting for this processor. */
		if (now >= begun + SPIN_NS / 20)
			tend__thread_yield();
	}
	return true;
}

/* The worker has a task that a thief could take. Relaxed: a look. */
static bool filled(const struct tend__worker *v) { return tend__has_fresh(v); }

/* All workers but so many sleep. */
static bool all_asleep(tend_runtime *rt, uint32_t but)
{
	return tend__load(&rt->sleepers) + but == rt->workers_count;
}

/* Counts the worker as a watcher from here on, or no more. */
static void watch(struct tend__worker *w, bool watches)
{
	tend__assert(w == tend__tls.worker);
	if (watches != w->watches)
		tend__add(&w->rt->watchers, watches ? 1 : (uint32_t)-1);
	w->watches = watches;
}

/* Returns true if the worker watches for another nap before it sleeps: after a call, or
 * when it has run out of tasks while others are awake, or when `more` rings hold tasks. */
static bool watches_on(struct tend__worker *w, bool more)
{
	bool naps = more || w->called || (w->worked && !all_asleep(w->rt, 1));

	if (naps)
		watch(w, true);
	w->worked = w->called = false;
	return naps;
}

void tend__watches_no_more(struct tend__worker *w)
{
	tend_runtime *rt = w->rt;

	watch(w, false);
	w->called = false;
	/* A worker that saw this worker watch had filled a ring before; the barrier
	 * makes that fill visible here, as in nothing_to_take(). The rings of sleeping workers
	 * are empty, so no barrier is needed when all others sleep. */
	if (tend__load(&rt->sleepers) && !all_asleep(rt, 1))
		(void)tend__barrier();
	for (uint32_t i = 0; i < rt->workers_count; i++)
		if (filled(&rt->workers[i]) && tend__nobody_watches(rt)) {
			tend__call_watcher(w);
			return;
		}
}

/* The last look of a worker that is announced as asleep and stops watching. A worker that
 * spawns fills its ring and then looks for sleepers, without a barrier, because a barrier
 * is a tenth of a spawn. So the barrier here serves both sides; it takes 13 us while other
 * threads run. Where the kernel has no such barrier, *deadline becomes earlier. The worker
 * counts as a watcher until here, because tasks of its own may keep it from this look. */
static bool nothing_to_take(struct tend__worker *w, uint64_t *deadline)
{
	tend_runtime *rt = w->rt;

	watch(w, false);
	/* A worker that wakes after this look decrements `sleepers` first, and so counts
	 * this worker as asleep. */
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

void tend__fall_asleep(struct tend__worker *w)
{
	tend__add(&w->rt->sleepers, 1);
	tend__store(&w->sleeping, (uint32_t)TEND__SLEEPS);
}

void tend__awake(struct tend__worker *w)
{
	uint32_t was = tend__exchange(&w->sleeping, 0u);

	tend__assert(was <= TEND__CALLED);
	tend__add(&w->rt->sleepers, (uint32_t)-1);
	if (was == TEND__CALLED && w->watches)
		tend__add(&w->rt->watchers, (uint32_t)-1); /* counted twice */
	if (was == TEND__CALLED)
		w->watches = w->called = true;
}

void tend__idle(struct tend__worker *w, uint64_t deadline)
{
	uint64_t next = tend__timers_next(&w->timers);
	bool more = false, naps;

	/* A scope with a deferred leave would never become empty. */
	tend__assert(!w->leaves.home && !w->places.home && !w->dead);
	tend__assert(w == tend__tls.worker && !tend__tls.task);
	tend__assert(!w->started.first);
	if (w->rt->workers_count > 1 && steal(w, &more)) {
		tend__watches_no_more(w);
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
	tend__fall_asleep(w);
	if (!called(w) && (naps || nothing_to_take(w, &deadline)))
		tend__fds_look(w, deadline);
	tend__awake(w);
}
