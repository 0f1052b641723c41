/* base/timers.h - the timers of a worker: far timers in buckets by their instant, near
 * timers in a heap.
 *
 * A heap of a million timers misses the caches at each step, because the links lie on the
 * stacks of the sleepers. In a wheel (Varghese & Lauck 1987, scheme 7) a timer is put into a
 * bucket of 4 ms, or first into a bucket of a second, and is looked at again when the bucket
 * is opened: then a heap finds its order among the few timers that are due. So no timer
 * fires before its instant or out of order, an insert cannot fail, and insert and remove are
 * O(1) but for near timers. */
#ifndef TEND_BASE_TIMERS_H
#define TEND_BASE_TIMERS_H

#include "base/heap.h"

enum { TEND__BUCKETS = 256, TEND__LANES = 4 };

/* A bucket is some lists that are walked side by side, because each step is a miss. */
struct tend__bucket {
	struct tend__timer *lane[TEND__LANES];
};

struct tend__wheel {
	struct tend__bucket bucket[TEND__BUCKETS];
	uint64_t used[TEND__BUCKETS / 64]; /* a bit for each bucket that is not empty */
};

struct tend__timers {
	struct tend__heap near;       /* ticks before `opened` */
	uint64_t opened;              /* a tick, which is a bucket of the first wheel */
	struct tend__wheel wheels[2]; /* the next 256 ticks; the next 256 times as many */
	struct tend__heap beyond;
	uint32_t in_wheels; /* timers */
	unsigned turn;      /* the next lane */
};

void tend__timers_insert(struct tend__timers *t, struct tend__timer *timer);
/* Does nothing to a timer that is not inserted. */
void tend__timers_remove(struct tend__timers *t, struct tend__timer *timer);

/* Takes out the first timer that is due, and returns it; NULL if no timer is due. */
struct tend__timer *tend__timers_due(struct tend__timers *t, uint64_t now);

/* Returns an instant before which no timer is due, and at which to ask again; UINT64_MAX
 * without timers. The instant is exact unless the first timer shares its bucket. */
uint64_t tend__timers_next(const struct tend__timers *t);

#endif
