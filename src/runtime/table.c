/* runtime/table.c - the table of open runtimes, and what a fork does to it. */
#include "runtime/runtime.h"

#include "tend/text.h"

#include "base/error.h"
#include "segment/say.h"
#include "segment/words.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

/* A number is used again when the runtime has closed. Earlier ids must stay stale, so
 * generations go on where the last runtime of the number ended. */
struct tend__entry tend__runtimes[TEND__RUNTIMES];
struct tend__lock tend__runtimes_lock;
/* In a fork the numbers that its parent had claimed stay claimed, so the handles of the parent
 * stay stale when the fork opens a runtime of its own. */
static _Atomic uint32_t fork_state;
enum { NO_FORK, FORK_WITHOUT_RUNTIME, FORK_WITH_RUNTIME };
_Atomic uint64_t tend__opened_at;

/* The thread that drives a hosted runtime, by the number of the runtime, or 0. Relaxed: a
 * thread asks for its own number only, and the threads of a hand-over know of each other. */
static _Atomic uint64_t drivers[TEND__RUNTIMES], threads;

static void in_child(void)
{
	/* Relaxed: no other thread is left. The tasks, the pollers and the registry, which is
	 * not mapped here, belong to the parent. A thread that held the lock or waited
	 * for a lock may be missing here. */
	tend__store_relaxed(&fork_state, (uint32_t)FORK_WITHOUT_RUNTIME);
	tend__store_relaxed(&tend__runtimes_lock.word, 0u);
	for (int i = 0; i < TEND__LOCK_COUNTERS; i++)
		tend__store_relaxed(&tend__lock_sleepers[i], 0u);
	for (uint32_t i = 0; i < TEND__RUNTIMES; i++) {
		tend_runtime *rt = tend__load_relaxed(&tend__runtimes[i].rt);

		if (rt)
			tend__segment_forked(&rt->segment);
		tend__store_relaxed(&tend__runtimes[i].rt, NULL);
		tend__store_relaxed(&tend__runtimes[i].inside, 0);
		tend__store_relaxed(&tend__runtimes[i].awaited, false);
	}
	tend__tls.worker = NULL;
	tend__tls.task = NULL;
	tend__tls.driver = 0;
}

static void at_fork(void) { tend__at_fork(in_child); }

#ifdef TEND_SIM
static void say_parked(struct tend__header *h)
{
	for (uint32_t slot = 2; slot < tend__load_relaxed(&h->records_used); slot++) {
		struct tend__record *r = tend__record_at(h, slot);
		char who[512];
		struct tend__text t = tend__text(who, sizeof(who));

		/* Relaxed, all: no other thread goes on. */
		if ((tend__load_relaxed(&r->site_kind) & 0xff) == TEND_KIND_SCOPE ||
		    (tend__load_relaxed(&r->word) & TEND__STATE) != TEND__PARKED)
			continue;
		tend__say_task(&t, h, slot, false, tend__clock());
		fprintf(stderr, "tend: simulation: %s\n", who);
	}
}

static void say_deadlock(void)
{
	const struct tend__tls *tls;

	for (uint32_t i = 0; i < TEND__RUNTIMES; i++) {
		tend_runtime *rt = tend__load_relaxed(&tend__runtimes[i].rt);

		if (rt && rt->segment.header)
			say_parked(rt->segment.header);
	}
	for (int i = 0; (tls = tend__sim_waiting(i)); i++) {
		char wait[128];
		struct tend__text t = tend__text(wait, sizeof(wait));

		if (!tls->stand_in)
			continue;
		tend__wait_text(&t,
		                (uint32_t)(tend__task_word(tls->stand_in) & TEND__WAIT) >>
		                        TEND__WAIT_SHIFT,
		                tend__load_relaxed(&tls->stand_in->record->object), tend__clock());
		fprintf(stderr, "tend: simulation: a thread that is no task, in %s\n", wait);
	}
}
#endif

void tend__drive(const tend_runtime *rt)
{
	if (!tend__tls.driver)
		tend__tls.driver = tend__add_relaxed(&threads, 1) + 1;
	tend__assert(rt->index < TEND__RUNTIMES);
	tend__store_relaxed(&drivers[rt->index], tend__tls.driver);
}

bool tend__drives(void)
{
	for (uint32_t i = 0; i < TEND__RUNTIMES; i++)
		if (tend__load_relaxed(&drivers[i]) == tend__tls.driver)
			return true;
	return false;
}

bool tend__forked(void) { return tend__load_relaxed(&fork_state) != NO_FORK; }
bool tend__forked_without_runtime(void)
{
	return tend__load_relaxed(&fork_state) == FORK_WITHOUT_RUNTIME;
}

void tend__fork_opened(void)
{
	if (tend__forked())
		tend__store_relaxed(&fork_state, (uint32_t)FORK_WITH_RUNTIME);
}

bool tend__stale(const tend_runtime *rt)
{
	return tend__forked() && (rt->index >= TEND__RUNTIMES ||
	                          tend__load_relaxed(&tend__runtimes[rt->index].rt) != rt);
}

static bool any_open(void) TEND_REQUIRES(&tend__runtimes_lock)
{
	for (uint32_t i = 0; i < TEND__RUNTIMES; i++)
		if (tend__runtimes[i].claimed)
			return true;
	return false;
}

int tend__runtime_claim(tend_runtime *rt, uint32_t *first_generation)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int error = -EAGAIN;

	pthread_once(&once, at_fork);
#ifdef TEND_SIM
	tend__sim_on_deadlock = say_deadlock;
#endif
	tend__lock(&tend__runtimes_lock);
	if (!any_open())
		tend__store_relaxed(&tend__opened_at, tend__clock());
	for (uint32_t i = 0; i < TEND__RUNTIMES && error; i++) {
		struct tend__entry *e = &tend__runtimes[i];

		if (e->claimed || e->generation >= UINT32_MAX / 2)
			continue;
		rt->index = i;
		*first_generation = e->generation;
		e->claimed = true;
		/* Release: a thread that finds the runtime finds a whole runtime. */
		tend__store_release(&e->rt, rt);
		error = 0;
	}
	tend__unlock(&tend__runtimes_lock);
	return error;
}

void tend__runtime_disclaim(tend_runtime *rt)
{
	uint32_t last = 0;
	struct tend__header *h = rt->segment.header;
	struct tend__entry *e = &tend__runtimes[rt->index];

	tend__assert(rt->index < TEND__RUNTIMES && e->claimed && !e->closer);
	for (uint32_t slot = 1; h && slot < tend__load_relaxed(&h->records_used); slot++) {
		uint64_t word = tend__load_relaxed(&tend__record_at(h, slot)->word);

		if (tend__word_generation(word) > last)
			last = tend__word_generation(word);
	}
	tend__lock(&tend__runtimes_lock);
	if (last < e->generation)
		last = e->generation;
	/* A number whose generations have all been used is retired: no runtime gets it again. */
	e->generation = last == UINT32_MAX ? last : last + 1;
	tend__store_relaxed(&e->rt, NULL);
	e->claimed = false;
	if (!any_open())
		tend__store_relaxed(&tend__opened_at, (uint64_t)0);
	/* Before the number is free, because the next runtime of the number has a driver too. */
	tend__store_relaxed(&drivers[rt->index], 0);
	tend__unlock(&tend__runtimes_lock);
	rt->index = UINT32_MAX;
}

const char *tend__who(const struct tend__task *t, char *buf, size_t size)
{
	struct tend__text text = tend__text(buf, size);

	if (!t || !t->id) {
		tend__text_s(&text, "a thread that is no task");
		return buf;
	}
	tend_runtime *rt = tend__load_acquire(&tend__runtimes[tend__id_runtime(t->id)].rt);
	if (rt)
		tend__say_task(&text, rt->segment.header, tend__id_slot(t->id), t == tend__tls.task,
		               tend__clock());
	else
		tend__text_f(&text, "#%llu", (unsigned long long)t->id);
	return buf;
}

void tend__deadline_is_a_length(uint64_t deadline)
{
	char text[16], who[320];

	tend_duration_text(deadline, text, sizeof(text));
	tend__bug("tend: the deadline %llu (%s) is an instant from before the runtime was opened; "
	          "did you mean tend_after()? Asked by %s",
	          (unsigned long long)deadline, text, tend__who(tend__tls.task, who, sizeof(who)));
}

uint64_t tend_now(void) { return tend__clock(); }

uint64_t tend_after(uint64_t ns)
{
	uint64_t now = tend__clock();

	return ns > TEND_FOREVER - now ? TEND_FOREVER : now + ns;
}
