/* scope/batch.h - the words in which a worker counts for a scope, as scope/batch.c writes
 * them: the slot of the scope in 24 bits, an outcome in 8, a count in 32. */
#ifndef TEND_SCOPE_BATCH_H
#define TEND_SCOPE_BATCH_H

#include "scope/scope.h"

static inline uint64_t tend__batch(uint64_t scope, uint32_t outcome, uint32_t n)
{
	return (uint64_t)tend__id_slot(scope) << 40 | (uint64_t)outcome << 32 | n;
}
static inline uint32_t tend__batch_slot(uint64_t word) { return (uint32_t)(word >> 40); }
static inline uint32_t tend__batch_outcome(uint64_t word) { return word >> 32 & 0xff; }
static inline uint32_t tend__batch_count(uint64_t word) { return (uint32_t)word; }

/* Returns how many tasks of the scope have ended, with the outcome or with any outcome (0),
 * and still count in the scope. */
static inline uint32_t tend__deferred_leaves(tend_runtime *rt, uint64_t scope, uint32_t outcome)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < rt->workers_count; i++) {
		/* Acquire: pairs with the release in tend__leave_defer(). */
		uint64_t word = tend__load_acquire(&rt->workers[i].leaves.word);

		if (tend__batch_slot(word) == tend__id_slot(scope) &&
		    (!outcome || tend__batch_outcome(word) == outcome))
			n += tend__batch_count(word);
	}
	return n;
}

/* Returns how many places of the scope are reserved and not used by a task. */
static inline uint32_t tend__unused_places(tend_runtime *rt, uint64_t scope)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < rt->workers_count; i++) {
		/* Acquire: pairs with the seq_cst store in tend__places_keep(). */
		uint64_t word = tend__load_acquire(&rt->workers[i].places.word);

		if (tend__batch_slot(word) == tend__id_slot(scope))
			n += tend__batch_count(word);
	}
	return n;
}

/* A task of this worker has ended in s: the worker leaves s later, once for several ends. */
void tend__leave_defer(struct tend__worker *w, struct tend__scope *s, uint32_t outcome);

/* Returns the unused places of this worker, in the scope into which it spawned last. */
static inline uint64_t tend__places_left(const struct tend__worker *w)
{
	/* Relaxed: the exchange in tend__place_use() decides. */
	return tend__load_relaxed(&w->places.word);
}
/* Uses a place of `left`, which is not 0. Returns false if another thread has taken the places
 * back meanwhile. */
static inline bool tend__place_use(struct tend__worker *w, uint64_t left)
{
	return tend__cas(&w->places.word, &left, tend__batch_count(left) == 1 ? 0 : left - 1);
}
/* Returns how many places to enter into the scope into which the worker spawned last: 1, or
 * some ahead. */
uint32_t tend__places_wanted(const struct tend__worker *w, const struct tend__scope *s);
/* The worker has entered n into s: a place for the task of this spawn, and n - 1 more. */
void tend__places_keep(struct tend__worker *w, struct tend__scope *s, uint64_t id, uint32_t n);
/* The hook of a switch, runtime.settle: the worker leaves with the places which its running
 * task has not used, and with the ends of a scope other than `next`. */
void tend__batch_settle(struct tend__worker *w, const struct tend__home *next);
/* Leaves the scope with the unused places of this worker. */
void tend__places_return(struct tend__worker *w);

#endif
