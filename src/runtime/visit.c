/* runtime/visit.c - visitors, which are callers inside a runtime that are neither its tasks nor
 * its workers, and the close that waits for them.
 *
 * Invariant: the memory of a runtime stays while a visitor is inside. Without that a thread
 * that sleeps in tend_join() would wake in freed memory. A visitor counts itself in, and then
 * looks for the runtime; the close takes the runtime out of the table, and then looks at the
 * count. All four steps are seq_cst, so the visitor finds no runtime or the close sees the
 * visitor. The visitor's exit and the sleep of the close meet in the same way at `awaited`.
 * After the count is down, the visitor uses nothing of the runtime, only the entry, whose
 * memory stays.
 *
 * When the close begins to wait, every task has ended, and the end of the last task has woken
 * every wait for tasks and scopes. So each visitor is on its way out. */
#include "runtime/runtime.h"

#include "base/error.h"

#include <errno.h>

static void count_out(struct tend__entry *e)
{
	uint32_t inside = tend__add(&e->inside, (uint32_t)-1);

	tend__assert(inside > 0);
	if (inside > 1 || !tend__load(&e->awaited))
		return;
	tend__lock(&tend__runtimes_lock);
	if (e->closer && !e->closer->done)
		tend__waiter_done(e->closer, 0);
	tend__unlock(&tend__runtimes_lock);
}

static bool is_own_task(uint32_t index)
{
	const struct tend__task *t = tend__tls.task;

	return t && tend__id_runtime(t->id) == index;
}

__attribute__((noinline)) tend_runtime *tend__enter_slow(uint32_t index)
{
	if (index >= TEND__RUNTIMES)
		return NULL;
	struct tend__entry *e = &tend__runtimes[index];
	/* Acquire: pairs with the release in tend__runtime_claim(). */
	if (is_own_task(index))
		return tend__load_acquire(&e->rt);
	tend__add(&e->inside, 1);
	tend_runtime *rt = tend__load(&e->rt);
	if (!rt)
		count_out(e);
	return rt;
}

__attribute__((noinline)) void tend__exit_slow(tend_runtime *rt)
{
	uint32_t index = rt->index;

	tend__assert(index < TEND__RUNTIMES);
	if (!is_own_task(index))
		count_out(&tend__runtimes[index]);
}

tend_runtime *tend__enter_at(const tend_runtime *at)
{
	if (tend__worker_of(at))
		return tend__tls.worker->rt;
	/* The address is compared, because the memory behind it may be gone. */
	for (uint32_t i = 0; i < TEND__RUNTIMES; i++) {
		/* Relaxed: a look; the look of a counted visitor decides. */
		if (tend__load_relaxed(&tend__runtimes[i].rt) != at)
			continue;
		tend_runtime *rt = tend__enter_slow(i);
		if (rt == at)
			return rt;
		tend__exit(&rt);
	}
	return NULL;
}

/* Waits until the count is 0. Returns 0 or -ETIMEDOUT. */
static int await_exits(struct tend__entry *e, uint64_t root, uint64_t deadline)
{
	struct tend__outside room;
	struct tend__task *self = tend__self(&room);

	for (int error = 0;;) {
		struct tend__waiter w = {.task = self};

		tend__link_init(&w.link);
		tend__lock(&tend__runtimes_lock);
		tend__assert(e->claimed);
		e->closer = NULL;
		if (!tend__load(&e->inside) || error) {
			/* The count is asked before the clock. */
			error = tend__load(&e->inside) ? error : 0;
			tend__unlock(&tend__runtimes_lock);
			return error;
		}
		e->closer = &w;
		error = tend__wait(&tend__runtimes_lock, &w, TEND__WAIT_CLOSE, root, deadline,
		                   TEND__UNCANCELABLE);
	}
}

int tend__runtime_shut(tend_runtime *rt, uint64_t deadline)
{
	struct tend__entry *e = &tend__runtimes[rt->index];
	uint64_t root = tend__id(rt->index, rt->segment.first_generation, 1);

	tend__assert(!tend__worker_of(rt) && !is_own_task(rt->index));
	/* Under the lock, in which tend__fd_closing() goes through the table. */
	tend__lock(&tend__runtimes_lock);
	tend__assert(e->claimed && tend__peek(&e->rt) == rt && !e->closer);
	tend__store(&e->rt, NULL);
	tend__store(&e->awaited, true);
	tend__unlock(&tend__runtimes_lock);
	int error = await_exits(e, root, deadline);
	tend__store(&e->awaited, false);
	if (error)
		/* Release, as in tend__runtime_claim(). */
		tend__store_release(&e->rt, rt);
	return error;
}
