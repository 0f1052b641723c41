/* base/timers.h - timers of one worker: far ones in buckets by their instant, near
 * ones in a heap by it.
 *
 * A heap of a million timers is a miss of the caches at each step, for its links lie
 * on the stacks of those who sleep. In a wheel (Varghese & Lauck 1987, scheme 7) one
 * is put into a bucket of 4 ms, or of a second and then of 4 ms, and is looked at again
 * when that is opened: then its order among the few that are due is found in a heap.
 * So no timer fires before its instant or out of order, adding one cannot fail, and
 * both adding and removing are O(1) but for those that are near. */
#ifndef TEND_BASE_TIMERS_H
#define TEND_BASE_TIMERS_H

#include "base/heap.h"

enum { TEND__BUCKETS = 256, TEND__LANES = 4 };

/* A bucket is some lists, which are walked side by side: each step is a miss. */
struct tend__bucket {
	struct tend__timer *lane[TEND__LANES];
};

struct tend__wheel {
	struct tend__bucket bucket[TEND__BUCKETS];
	uint64_t used[TEND__BUCKETS / 64]; /* a bit for each that is not empty */
};

struct tend__timers {
	struct tend__heap near;       /* of ticks before `opened` */
	uint64_t opened;              /* a tick, which is a bucket of the first wheel */
	struct tend__wheel wheels[2]; /* the next 256 ticks; the next 256 times as many */
	struct tend__heap beyond;
	uint32_t in_wheels; /* timers */
	unsigned turn;      /* of the lanes */
};

void tend__timers_insert(struct tend__timers *t, struct tend__timer *timer);
/* Does nothing if it is in none. */
void tend__timers_remove(struct tend__timers *t, struct tend__timer *timer);

/* Takes out the first that is due, or NULL. */
struct tend__timer *tend__timers_due(struct tend__timers *t, uint64_t now);

/* An instant before which none is due, and at which to ask again; UINT64_MAX: there
 * is none. It is that of the timer itself, unless others share its bucket. */
uint64_t tend__timers_next(const struct tend__timers *t);

#endif
