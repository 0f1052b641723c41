/* runtime/table.c - the table of open runtimes, and what a fork does to it. */
#include "runtime/runtime.h"

#include "tend/text.h"

#include "base/error.h"

#include <errno.h>
#include <pthread.h>

/* A number is used again when the runtime has closed. Earlier ids must stay stale, so
 * generations go on where the last runtime of the number ended. */
_Atomic(tend_runtime *) tend__runtimes[TEND__RUNTIMES];
struct tend__lock tend__runtimes_lock;
static uint32_t generations[TEND__RUNTIMES] TEND_GUARDED_BY(&tend__runtimes_lock);
static _Atomic uint32_t forked;
_Atomic uint64_t tend__opened_at;

static void in_child(void)
{
	/* Relaxed: no other thread is left. The tasks, the pollers and the registry, which is
	 * not mapped here, belong to the parent. */
	tend__store_relaxed(&forked, 1u);
	for (uint32_t i = 0; i < TEND__RUNTIMES; i++)
		tend__store_relaxed(&tend__runtimes[i], NULL);
	tend__tls.worker = NULL;
	tend__tls.task = NULL;
	tend__tls.hosted = false;
}

static void at_fork(void) { tend__at_fork(in_child); }

bool tend__forked(void) { return tend__load_relaxed(&forked) != 0; }

static bool any_open(void)
{
	for (uint32_t i = 0; i < TEND__RUNTIMES; i++)
		/* Relaxed: the table changes under the lock. */
		if (tend__load_relaxed(&tend__runtimes[i]))
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
	for (uint32_t i = 0; i < TEND__RUNTIMES && error; i++)
		/* Relaxed: the table changes under the lock. */
		if (!tend__load_relaxed(&tend__runtimes[i]) && generations[i] < UINT32_MAX / 2) {
			rt->index = i;
			*first_generation = generations[i];
			/* Release: a thread that finds the runtime finds a whole runtime. */
			tend__store_release(&tend__runtimes[i], rt);
			error = 0;
		}
	tend__unlock(&tend__runtimes_lock);
	return error;
}

void tend__runtime_disclaim(tend_runtime *rt)
{
	uint32_t last = 0;
	struct tend__header *h = rt->segment.header;

	tend__assert(rt->index < TEND__RUNTIMES);
	for (uint32_t slot = 1; h && slot < tend__load_relaxed(&h->records_used); slot++) {
		uint64_t word = tend__load_relaxed(&tend__record_at(h, slot)->word);

		if (tend__word_generation(word) > last)
			last = tend__word_generation(word);
	}
	tend__lock(&tend__runtimes_lock);
	if (last < generations[rt->index])
		last = generations[rt->index];
	/* A number whose generations have all been used is retired: no runtime gets it again. */
	generations[rt->index] = last == UINT32_MAX ? last : last + 1;
	tend__store_relaxed(&tend__runtimes[rt->index], NULL);
	if (!any_open())
		tend__store_relaxed(&tend__opened_at, (uint64_t)0);
	tend__unlock(&tend__runtimes_lock);
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

struct tend__header *tend__runtime_segment(const tend_runtime *rt)
{
	return tend__forked() ? NULL : rt->segment.header;
}

uint64_t tend_now(void) { return tend__clock(); }

uint64_t tend_after(uint64_t ns)
{
	uint64_t now = tend__clock();

	return ns > TEND_FOREVER - now ? TEND_FOREVER : now + ns;
}
