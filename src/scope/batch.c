/* scope/batch.c - counting many tasks in and out at once: ends which a worker has not counted
 * out yet, and places which a worker reserves ahead for the spawns of its running task. */
#include "scope/batch.h"

#include "base/error.h"

static void flush_leaves(struct tend__worker *w)
{
	struct tend__scope *s = (struct tend__scope *)(void *)w->leaves.home;
	/* Relaxed: only this worker writes the word. */
	uint64_t word = tend__load_relaxed(&w->leaves.word);

	tend__assert(w == tend__tls.worker);
	tend__assert(tend__batch_slot(word) == tend__id_slot(s->id));
	tend__assert(tend__batch_count(word) > 0 && tend__batch_outcome(word) <= TEND_REJECTED);
	w->leaves.home = NULL;
	/* Both steps under the lock: a thread that sums `ended` and the deferred leaves under
	 * the lock finds these ends in one of the two. */
	tend__lock(&s->home.lock);
	tend__add_relaxed(&s->ended[tend__batch_outcome(word)], tend__batch_count(word));
	tend__store_release(&w->leaves.word, 0);
	tend__unlock(&s->home.lock);
	tend__scope_leave(s, tend__batch_count(word));
}

void tend__leave_defer(struct tend__worker *w, struct tend__scope *s, uint32_t outcome)
{
	uint64_t first = tend__batch(s->id, outcome, 0);
	/* Relaxed: only this worker writes the word. */
	uint64_t word = tend__load_relaxed(&w->leaves.word);

	if (w->leaves.home && word >> 32 != first >> 32)
		flush_leaves(w);
	if (!w->leaves.home)
		word = first;
	w->leaves.home = &s->home;
	/* Release: pairs with the acquire in tend__deferred_leaves(). A thread that sees the
	 * word of an ended task sees the leave, too. */
	tend__store_release(&w->leaves.word, word + 1);
}

/* ---- Reserved places ---- */

enum { PLACES = 64 };

__attribute__((noinline)) void tend__places_return(struct tend__worker *w)
{
	struct tend__scope *s = (struct tend__scope *)(void *)w->places.home;

	tend__assert(w == tend__tls.worker);
	w->places.home = NULL;
	/* Relaxed: only this worker adds places, other threads take all of them. */
	if (tend__load_relaxed(&w->places.word)) {
		uint32_t n = tend__batch_count(tend__exchange(&w->places.word, (uint64_t)0));

		if (n)
			tend__scope_leave(s, n);
	}
}

/* Returns whether places in s keep no waiter waiting: s is the scope of the running task, or
 * is below, and no thread waits for s nor for a scope between the two. */
static bool may_reserve(const struct tend__scope *s)
{
	struct tend__task *self = tend__tls.task;

	/* The scopes above s stay open while s counts. */
	for (; s && self; s = tend__parent(s)) {
		if (s == tend__scope_of(self))
			return true;
		if (tend__load(&s->awaited))
			break;
	}
	return false;
}

uint32_t tend__places_wanted(const struct tend__worker *w, const struct tend__scope *s)
{
	/* Ahead only from the second spawn on, because many tasks spawn one and go on to other
	 * work. With places left there is nothing to add: the scope refused, and was unsealed
	 * since. */
	if (tend__load_relaxed(&w->places.word) || !may_reserve(s))
		return 1;
	tend__assert(w->places.step >= 1 && w->places.step <= PLACES);
	return w->places.step < PLACES ? 2 * w->places.step : PLACES;
}

void tend__places_keep(struct tend__worker *w, struct tend__scope *s, uint64_t id, uint32_t n)
{
	w->places.home = &s->home;
	w->places.step = n;
	if (n == 1)
		return;
	/* Relaxed: only this worker adds places. */
	tend__assert(!tend__load_relaxed(&w->places.word));
	/* seq_cst, and then a look at `awaited`. The partner is tend__await_begin(), which adds
	 * to `awaited` and then looks at this word: the waiter takes the places back, or this
	 * worker sees the waiter and gives them back. */
	tend__store(&w->places.word, tend__batch(id, 0, n - 1));
	if (!may_reserve(s))
		tend__places_return(w);
}

void tend__batch_settle(struct tend__worker *w, const struct tend__home *next)
{
	if (w->places.home)
		tend__places_return(w);
	if (w->leaves.home && w->leaves.home != next)
		flush_leaves(w);
}

void tend__places_revoke(tend_runtime *rt)
{
	for (uint32_t i = 0; i < rt->workers_count; i++) {
		struct tend__worker *w = &rt->workers[i];
		uint64_t word = tend__load(&w->places.word);

		while (word)
			if (tend__cas(&w->places.word, &word, (uint64_t)0)) {
				/* Relaxed: the scope stays while places in it are reserved. */
				struct tend__scope *s =
					tend__load_relaxed(&rt->scopes[tend__batch_slot(word)]);

				tend__assert(s);
				tend__scope_leave(s, tend__batch_count(word));
				break;
			}
	}
}

void tend__await_begin(struct tend__scope *s)
{
	/* seq_cst, and then a look at the places: the partner is tend__places_keep(). */
	tend__add(&s->awaited, 1);
	tend__places_revoke(s->rt);
}

void tend__await_end(struct tend__scope *s)
{
	uint32_t waits = tend__add(&s->awaited, (uint32_t)-1);

	tend__assert(waits > 0);
}
