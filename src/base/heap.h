/* base/heap.h - timers, soonest first: a pairing heap with its links in the
 * member, so that adding one cannot fail. Insert is O(1), the rest O(log n)
 * amortised. */
#ifndef TEND_BASE_HEAP_H
#define TEND_BASE_HEAP_H

#include <stdbool.h>
#include <stdint.h>

struct tend__timer {
	uint64_t at; /* instant */
	void (*fire)(struct tend__timer *timer);
	struct tend__timer *child, *next;
	struct tend__timer *prev; /* the sibling before, or the parent of a first child */
	bool queued;
	uint8_t where, lane; /* used by base/timers.h */
	bool keen;           /* the timer is a struct tend__keen_timer */
};

/* A timer with what its fire() reads, which is fetched ahead. */
struct tend__keen_timer {
	struct tend__timer timer;
	const void *needs[3]; /* or NULL */
};

struct tend__heap {
	struct tend__timer *root;
};

void tend__heap_insert(struct tend__heap *heap, struct tend__timer *timer);
void tend__heap_remove(struct tend__heap *heap, struct tend__timer *timer);

/* Returns the soonest timer, or NULL. */
static inline struct tend__timer *tend__heap_min(const struct tend__heap *heap)
{
	return heap->root;
}

#endif
