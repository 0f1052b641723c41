/* segment/slots.c - which slots are free: a shared list, and a list of each worker. */
#include "segment/segment.h"

#include "platform/platform.h"

enum { BATCH_MAX = 64 };

/* Together the workers keep an eighth of the slots. */
static uint32_t keep_max(uint32_t tasks_max, uint32_t workers) { return tasks_max / (8 * workers); }

static uint32_t batch(uint32_t keep)
{
	return keep / 2 > BATCH_MAX ? BATCH_MAX : keep / 2 < 1 ? 1 : keep / 2;
}

uint32_t tend__slots_for(uint32_t tasks_max, uint32_t workers)
{
	uint32_t keep = keep_max(tasks_max, workers);

	/* A worker holds up to 2 * batch + keep slots, see tend__slot_give(), and `keep`
	 * may exceed keep_max by a batch, see tend__slot_fetch(). */
	return 2 + tasks_max + workers * (keep + 3 * batch(keep));
}

bool tend__slots_open(struct tend__segment *s, uint32_t tasks_max, uint32_t workers)
{
	uint32_t slots = tend__slots_for(tasks_max, workers);

	s->keep_max = keep_max(tasks_max, workers);
	s->batch = batch(s->keep_max);
	s->next_free = tend__reserve((size_t)slots * sizeof(*s->next_free));
	return s->next_free;
}

void tend__slots_close(struct tend__segment *s, uint32_t slots)
{
	if (s->next_free)
		tend__unreserve(s->next_free, (size_t)slots * sizeof(*s->next_free));
}

/* Makes slots up to `end` fit to be written: many at once, because each step is a call of the
 * kernel. Returns the end, which is lower than `end` where memory or disk ran out. */
static uint32_t use_slots(struct tend__segment *s, uint32_t end) TEND_REQUIRES(&s->lock)
{
	const uint32_t max = s->header->records_max;
	enum { STEP = 8192 };
	uint32_t from = s->usable, to = (end + STEP - 1) / STEP * STEP;

	tend__assert_held(&s->lock);
	if (end <= s->usable)
		return end;
	to = to < max ? to : max;
	/* On a full disk, as many as are wanted now. */
	for (; to >= end; to = to > end ? end : 0)
		if (tend__area_use(s, TEND__AREA_RECORDS, from, to) == 0 &&
		    tend__area_use(s, TEND__AREA_NOTE_OF, from, to) == 0) {
			s->usable = to;
			return end;
		}
	return s->usable;
}

/* Takes up to n slots, as a list in next_free: first shared free slots, then slots that
 * were never used. Returns how many. */
static uint32_t take_batch(struct tend__segment *s, uint32_t n, uint32_t *first)
{
	uint32_t got = 0, head = 0;

	tend__lock(&s->lock);
	while (got < n && s->free) {
		uint32_t slot = s->free;

		tend__assert(slot < s->header->records_max);
		s->free = s->next_free[slot];
		s->next_free[slot] = head;
		head = slot;
		got++;
	}
	if (got < n) {
		/* Relaxed: written under this lock only; readers bound the number themselves. */
		uint32_t used = tend__load_relaxed(&s->header->records_used);

		uint32_t end = used + (n - got) < s->header->records_max ? used + (n - got)
		                                                         : s->header->records_max;

		tend__assert(used > 0 && used <= end);
		end = use_slots(s, end);
		end = end < used ? used : end;
		for (uint32_t slot = end; slot > used; slot--) {
			/* Relaxed: readers look no further than records_used. */
			tend__store_relaxed(&tend__record_at(s->header, slot - 1)->word,
			                    (uint64_t)s->first_generation << 32);
			s->next_free[slot - 1] = head;
			head = slot - 1;
			got++;
		}
		/* Release: the words of the records below `end` say free. */
		tend__store_release(&s->header->records_used, end);
	}
	tend__unlock(&s->lock);
	tend__assert(got <= n && (got > 0) == (head != 0));
	*first = head;
	return got;
}

__attribute__((noinline)) uint32_t tend__slot_fetch(struct tend__segment *s,
                                                    struct tend__slots *cache)
{
	struct tend__slots one = {0};

	if (!cache)
		cache = &one;
	tend__assert(!cache->first && !cache->count);
	cache->count = take_batch(s, cache == &one ? 1 : s->batch, &cache->first);
	if (cache->keep < s->keep_max)
		cache->keep += cache->count;
	uint32_t slot = cache->first;
	if (slot) {
		cache->first = s->next_free[slot];
		cache->count--;
	}
	return slot;
}

__attribute__((noinline)) void tend__slot_share(struct tend__segment *s, struct tend__slots *cache,
                                                uint32_t slot)
{
	tend__assert(slot > 0 && slot < s->header->records_max);
	tend__assert(!cache || cache->count > 2 * s->batch);
	tend__lock(&s->lock);
	if (!cache) {
		s->next_free[slot] = s->free;
		s->free = slot;
	}
	/* A worker that ends tasks which another worker has spawned collects free slots:
	 * two batches flow back. */
	for (uint32_t i = 0; cache && i < 2 * s->batch; i++) {
		uint32_t moved = cache->first;

		tend__assert(moved);
		cache->first = s->next_free[moved];
		s->next_free[moved] = s->free;
		s->free = moved;
	}
	tend__unlock(&s->lock);
	if (cache)
		cache->count -= 2 * s->batch;
}
