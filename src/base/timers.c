#include "base/timers.h"

#include "base/error.h"

#include <stddef.h>

enum { TICK = 22, LEVEL = 8 };                     /* bits: of a tick in ns, of a wheel */
enum { NOWHERE, NEAR, WHEEL, BEYOND = WHEEL + 2 }; /* timer->where */

static uint64_t tick_of(const struct tend__timer *timer, unsigned wheel)
{
	return timer->at >> (TICK + wheel * LEVEL);
}

static void put(struct tend__wheel *w, uint64_t tick, struct tend__timer *timer)
{
	unsigned i = tick % TEND__BUCKETS;
	struct tend__timer **lane = &w->bucket[i].lane[timer->lane];

	timer->prev = NULL;
	timer->next = *lane;
	if (timer->next)
		timer->next->prev = timer;
	tend__assert(timer->lane < TEND__LANES);
	*lane = timer;
	w->used[i / 64] |= UINT64_C(1) << i % 64;
}

static struct tend__bucket take_all(struct tend__wheel *w, uint64_t tick)
{
	unsigned i = tick % TEND__BUCKETS;
	struct tend__bucket all = w->bucket[i];

	w->bucket[i] = (struct tend__bucket){{NULL}};
	w->used[i / 64] &= ~(UINT64_C(1) << i % 64);
	return all;
}

/* Returns the only timer of a bucket that is not empty; NULL if the bucket has more. */
static struct tend__timer *single(const struct tend__bucket *b)
{
	struct tend__timer *found = NULL;

	for (int i = 0; i < TEND__LANES; i++) {
		if (b->lane[i] && (found || b->lane[i]->next))
			return NULL;
		if (b->lane[i])
			found = b->lane[i];
	}
	return found;
}

/* Returns the first of n ticks from `from` on that is in use, or `from + n`. */
static uint64_t first_used(const struct tend__wheel *w, uint64_t from, unsigned n)
{
	for (unsigned i = 0; i < n;) {
		unsigned at = (from + i) % TEND__BUCKETS;
		uint64_t rest = w->used[at / 64] >> at % 64;

		if (rest) {
			i += (unsigned)__builtin_ctzll(rest);
			return from + (i < n ? i : n);
		}
		i += 64 - at % 64;
	}
	return from + n;
}

void tend__timers_insert(struct tend__timers *t, struct tend__timer *timer)
{
	if (tick_of(timer, 0) < t->opened) {
		timer->where = NEAR;
		tend__heap_insert(&t->near, timer);
		return;
	}
	for (unsigned wheel = 0; wheel < 2; wheel++)
		if (tick_of(timer, wheel) - (t->opened >> wheel * LEVEL) < TEND__BUCKETS) {
			timer->where = (uint8_t)(WHEEL + wheel);
			timer->lane = (uint8_t)(t->turn++ % TEND__LANES);
			put(&t->wheels[wheel], tick_of(timer, wheel), timer);
			t->in_wheels++;
			return;
		}
	timer->where = BEYOND;
	tend__heap_insert(&t->beyond, timer);
}

static void take_out(struct tend__wheel *w, uint64_t tick, struct tend__timer *timer)
{
	if (single(&w->bucket[tick % TEND__BUCKETS]) == timer)
		(void)take_all(w, tick);
	if (timer->next)
		timer->next->prev = timer->prev;
	if (timer->prev)
		timer->prev->next = timer->next;
	else
		w->bucket[tick % TEND__BUCKETS].lane[timer->lane] = timer->next;
}

void tend__timers_remove(struct tend__timers *t, struct tend__timer *timer)
{
	unsigned where = timer->where;

	timer->where = NOWHERE;
	if (where == NEAR)
		tend__heap_remove(&t->near, timer);
	else if (where == BEYOND)
		tend__heap_remove(&t->beyond, timer);
	else if (where != NOWHERE) {
		tend__assert(where < BEYOND && t->in_wheels > 0);
		take_out(&t->wheels[where - WHEEL], tick_of(timer, where - WHEEL), timer);
		t->in_wheels--;
	}
}

static void insert_all(struct tend__timers *t, struct tend__bucket all)
{
	for (unsigned lane = 0, empty = 0; empty < TEND__LANES; lane = (lane + 1) % TEND__LANES) {
		struct tend__timer *timer = all.lane[lane];

		empty = timer ? 0 : empty + 1;
		if (!timer)
			continue;
		all.lane[lane] = timer->next;
		__builtin_prefetch(timer->next);
		for (int i = 0; timer->keen && i < 3; i++)
			__builtin_prefetch(((struct tend__keen_timer *)timer)->needs[i]);
		tend__assert(t->in_wheels > 0);
		t->in_wheels--;
		tend__timers_insert(t, timer);
	}
}

/* The first wheel has come to the end of a round: the next bucket of the second wheel goes
 * into the first, and timers from beyond go into the second. */
static void begin_round(struct tend__timers *t)
{
	uint64_t round = t->opened >> LEVEL;

	insert_all(t, take_all(&t->wheels[1], round));
	/* Also the timers of rounds that were stepped over while the wheels were empty. */
	for (struct tend__timer *timer;
	     (timer = tend__heap_min(&t->beyond)) && tick_of(timer, 1) < round + TEND__BUCKETS;) {
		tend__heap_remove(&t->beyond, timer);
		tend__timers_insert(t, timer);
	}
}

/* Opens all ticks up to `last`, and steps over empty ticks. */
static void open_until(struct tend__timers *t, uint64_t last)
{
	if (!t->in_wheels) {
		t->opened = last + 1;
		begin_round(t);
	}
	while (t->opened <= last) {
		uint64_t left = TEND__BUCKETS - t->opened % TEND__BUCKETS, to;

		if (left > last - t->opened + 1)
			left = last - t->opened + 1;
		to = first_used(&t->wheels[0], t->opened, (unsigned)left);
		if (to == t->opened) {
			t->opened++;
			insert_all(t, take_all(&t->wheels[0], to));
		} else
			t->opened = to;
		if (t->opened % TEND__BUCKETS == 0)
			begin_round(t);
	}
}

struct tend__timer *tend__timers_due(struct tend__timers *t, uint64_t now)
{
	if (t->opened <= now >> TICK)
		open_until(t, now >> TICK);
	struct tend__timer *timer = tend__heap_min(&t->near);
	if (!timer || timer->at > now)
		return NULL;
	tend__timers_remove(t, timer);
	return timer;
}

uint64_t tend__timers_next(const struct tend__timers *t)
{
	uint64_t next = UINT64_MAX;

	if (tend__heap_min(&t->near))
		return tend__heap_min(&t->near)->at;
	if (tend__heap_min(&t->beyond))
		next = tend__heap_min(&t->beyond)->at;
	/* The first timer of the second wheel may be before the last of the first wheel. */
	for (unsigned wheel = 0; wheel < 2 && t->in_wheels; wheel++) {
		uint64_t from = t->opened >> wheel * LEVEL;
		uint64_t tick = first_used(&t->wheels[wheel], from, TEND__BUCKETS);

		if (tick == from + TEND__BUCKETS)
			continue;
		struct tend__timer *timer = single(&t->wheels[wheel].bucket[tick % TEND__BUCKETS]);
		uint64_t at = timer ? timer->at : tick << (TICK + wheel * LEVEL);
		next = at < next ? at : next;
	}
	return next;
}
