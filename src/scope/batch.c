/* scope/batch.c - counting many in and out at once: places that a worker takes ahead
 * for what its running task spawns, and the ends that it has not counted out yet. */
#include "scope/batch.h"

#include "base/error.h"

static void flush_leaves(struct tend__worker *w)
{
	struct tend__scope *s = (struct tend__scope *)(void *)w->leaves.home;
	/* Relaxed: only the worker writes it. */
	uint64_t word = tend__load_relaxed(&w->leaves.word);

	tend__assert(w == tend__tls.worker);
	tend__assert(tend__batch_slot(word) == tend__id_slot(s->id));
	tend__assert(tend__batch_count(word) > 0 && tend__batch_outcome(word) < TEND_REJECTED);
	w->leaves.home = NULL;
	/* Under the lock: who counts them finds them in one of the two. */
	tend__lock(&s->home.lock);
	tend__add_relaxed(&s->ended[tend__batch_outcome(word)], tend__batch_count(word));
	tend__store_release(&w->leaves.word, 0);
	tend__unlock(&s->home.lock);
	tend__scope_leave(s, tend__batch_count(word));
}

void tend__leave_defer(struct tend__worker *w, struct tend__scope *s, uint32_t outcome)
{
	uint64_t first = tend__batch(s->id, outcome, 0);
	/* Relaxed: only the worker writes it. */
	uint64_t word = tend__load_relaxed(&w->leaves.word);

	if (w->leaves.home && word >> 32 != first >> 32)
		flush_leaves(w);
	if (!w->leaves.home)
		word = first;
	w->leaves.home = &s->home;
	/* Release: pairs with tend__deferred_leaves(), for the end of the task. */
	tend__store_release(&w->leaves.word, word + 1);
}

/* ---- Places taken ahead ---- */

enum { PLACES = 64 };

void tend__places_return(struct tend__worker *w)
{
	struct tend__scope *s = (struct tend__scope *)(void *)w->places.home;

	tend__assert(w == tend__tls.worker);
	w->places.home = NULL;
	/* Relaxed: only this worker adds to it, others take all. */
	if (tend__load_relaxed(&w->places.word)) {
		uint32_t n = tend__batch_count(tend__exchange(&w->places.word, (uint64_t)0));

		if (n)
			tend__scope_leave(s, n);
	}
}

/* Would nobody wait for what the running task holds in s? */
static bool may_reserve(const struct tend__scope *s)
{
	struct tend__task *self = tend__tls.task;

	/* The chain above s stays while something counts in it. */
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
	/* From the second on: many spawn one, and go on to something else. Not with
	 * places left, in one that was unsealed just now. */
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
	/* Relaxed: nobody else adds to it. */
	tend__assert(!tend__load_relaxed(&w->places.word));
	/* seq_cst, then a look, against tend__await_begin(): it takes the places
	 * back, or is seen. */
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
				/* Relaxed: it is there while places in it are taken. */
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
	/* seq_cst, then a look: see tend__places_keep(). */
	tend__add(&s->awaited, 1);
	tend__places_revoke(s->rt);
}

void tend__await_end(struct tend__scope *s)
{
	uint32_t waits = tend__add(&s->awaited, (uint32_t)-1);

	tend__assert(waits > 0);
}
