/* runtime/table.c - the table of open runtimes, and what a fork does to it. */
#include "runtime/runtime.h"

#include "tend/text.h"

#include "base/error.h"

#include <errno.h>
#include <pthread.h>

/* A number is used again when the runtime has closed. Earlier ids must stay stale, so
 * generations go on where the last runtime of the number ended. */
struct tend__entry tend__runtimes[TEND__RUNTIMES];
struct tend__lock tend__runtimes_lock;
/* In a fork the numbers that its parent had claimed stay claimed, so the handles of the parent
 * stay stale when the fork opens a runtime of its own. */
static _Atomic uint32_t fork_state;
enum { NO_FORK, FORK_WITHOUT_RUNTIME, FORK_WITH_RUNTIME };
_Atomic uint64_t tend__opened_at;

/* The thread that drives a hosted runtime, by the number of the runtime; 0: none. Relaxed: a
 * thread asks for its own number only, and the threads of a hand-over know of each other. */
static _Atomic uint64_t drivers[TEND__RUNTIMES], threads;

static void in_child(void)
{
	/* Relaxed: no other thread is left. The tasks, the pollers and the registry, which is
	 * not mapped here, belong to the parent. The thread that held the lock or waited for
	 * some lock may be one of those that are not here. */
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

void tend__drive(const tend_runtime *rt)
{
	if (!tend__tls.driver)
		tend__tls.driver = tend__add_relaxed(&threads, 1) + 1;
	if (rt->index != UINT32_MAX) /* the last poll of a close has no number any more */
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
	tend__unlock(&tend__runtimes_lock);
	tend__store_relaxed(&drivers[rt->index], 0);
	rt->index = UINT32_MAX;
}

void tend__deadline_is_a_length(uint64_t deadline)
{
	struct tend__task *t = tend__tls.task;
	char text[16];

	tend_duration_text(deadline, text, sizeof(text));
	tend__bug("tend: task #%llu: the deadline %llu (%s) is an instant from before the runtime "
	          "was opened; did you mean tend_after()?",
	          (unsigned long long)(t ? t->id : 0), (unsigned long long)deadline, text);
}

uint64_t tend_now(void) { return tend__clock(); }

uint64_t tend_after(uint64_t ns)
{
	uint64_t now = tend__clock();

	return ns > TEND_FOREVER - now ? TEND_FOREVER : now + ns;
}
