/* runtime/idle.c - what a worker does when it has nothing to run: it takes from
 * others, watches their rings, spins, and sleeps. */
#include "runtime/idle.h"

#include "runtime/fds.h"
#include "runtime/queue.h"

enum {
	NAP_NS = 100000, /* how long a thief watches a ring before it takes */
	BLIND_NAP_NS = 100 * NAP_NS,
	PATIENCE = 5,
#ifdef TEND_SIM
	SPIN_NS = 0, /* its clock stands still while anyone runs */
#else
	/* Twice what a wake-up takes: with less, two that talk to each other and have
	 * fallen asleep wake one after the other for ever. */
	SPIN_NS = 50000,
#endif
};

/* Half of what is in v's ring. */
static bool take_half(struct tend__worker *w, struct tend__worker *v, uint32_t backlog)
{
	bool got = false;

	for (uint32_t k = (backlog + 1) / 2; k > 0; k--) {
		struct tend__task *t = tend__ring_pop(v);

		if (!t)
			break;
		got = true;
		if (!tend__ring_push(w, t)) {
			tend__queue_push(&w->fresh, &t->post);
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
		/* Relaxed: a look; tend__ring_pop() decides. */
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
void tend__watches_no_more(struct tend__worker *w)
{
	tend_runtime *rt = w->rt;

	watch(w, false);
	w->called = false;
	/* Who has seen it watch has filled its ring before, as in nothing_to_take(). Asleep,
	 * others have nothing in theirs. */
	if (tend__load(&rt->sleepers) && !all_asleep(rt, 1))
		(void)tend__barrier();
	for (uint32_t i = 0; i < rt->workers_count; i++)
		if (filled(&rt->workers[i]) && tend__nobody_watches(rt)) {
			tend__call_watcher(w);
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

void tend__fall_asleep(struct tend__worker *w)
{
	tend__add(&w->rt->sleepers, 1);
	tend__store(&w->sleeping, (uint32_t)TEND__SLEEPS);
}

void tend__awake(struct tend__worker *w)
{
	uint32_t was = tend__exchange(&w->sleeping, 0u);

	tend__add(&w->rt->sleepers, (uint32_t)-1);
	if (was == TEND__CALLED && w->watches)
		tend__add(&w->rt->watchers, (uint32_t)-1); /* twice */
	if (was == TEND__CALLED)
		w->watches = w->called = true;
}

void tend__idle(struct tend__worker *w, uint64_t deadline)
{
	uint64_t next = tend__timers_next(&w->timers);
	bool more = false, naps;

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
