/* scope/batch.h - the words of a worker that count for a scope, as scope/batch.c
 * writes them: the slot of the scope in 24 bits, an outcome in 8, a count in 32. */
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

/* How many tasks of the scope have ended, with the outcome or with any (0), and
 * count in it still. */
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

/* How many places of the scope are taken, and no task has them. */
static inline uint32_t tend__unused_places(tend_runtime *rt, uint64_t scope)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < rt->workers_count; i++) {
		/* Acquire: pairs with the exchange of a spawn. */
		uint64_t word = tend__load_acquire(&rt->workers[i].places.word);

		if (tend__batch_slot(word) == tend__id_slot(scope))
			n += tend__batch_count(word);
	}
	return n;
}

/* Of the scope that the task of this worker has ended in: it leaves later, with others. */
void tend__leave_defer(struct tend__worker *w, struct tend__scope *s, uint32_t outcome);

/* The places that this worker has left, in the scope that it last spawned into. */
static inline uint64_t tend__places_left(const struct tend__worker *w)
{
	/* Relaxed: the exchange of tend__place_use() decides. */
	return tend__load_relaxed(&w->places.word);
}
/* Takes one of those, which are not none. False: others have taken them all back. */
static inline bool tend__place_use(struct tend__worker *w, uint64_t left)
{
	return tend__cas(&w->places.word, &left, tend__batch_count(left) == 1 ? 0 : left - 1);
}
/* How many to take of the scope that it last spawned into: 1, or some ahead. */
uint32_t tend__places_wanted(const struct tend__worker *w, const struct tend__scope *s);
/* It has entered n into the scope, for the task that it spawns and n - 1 more. */
void tend__places_keep(struct tend__worker *w, struct tend__scope *s, uint64_t id, uint32_t n);
/* What a worker does at a switch, as runtime.settle: it leaves the scope with the places
 * that its running task has not used, and with the ends that are not of `next`. */
void tend__batch_settle(struct tend__worker *w, const struct tend__owner *next);
/* Leaves the scope with what is left of them. */
void tend__places_return(struct tend__worker *w);

#endif
