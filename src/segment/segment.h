/* segment/segment.h - the writers' side of the registry.
 *
 * Files, each uses only those above it:
 *   names.c    the words for kinds, states and outcomes
 *   words.c    the sentence of a wait
 *   segment.c  slots, spawn sites, records and events of one segment */
#ifndef TEND_SEGMENT_SEGMENT_H
#define TEND_SEGMENT_SEGMENT_H

#include "platform/lock.h"
#include "segment/layout.h"

#include <stddef.h>

enum { TEND__SITE_KEYS = 2 * TEND__SITES_MAX };

/* A site is looked up by the address of its literal: the same literal at two
 * addresses is interned twice, which costs a line and harms nobody. */
struct tend__site_key {
	_Atomic(const char *) literal;
	_Atomic uint32_t site;
};

struct tend__segment {
	struct tend__header *header;
	int fd;
	uint32_t first_generation; /* of slots that were never used */
	uint32_t batch;            /* slots that move between a worker and the rest at once */
	uint32_t keep_max;         /* free ones that a worker may keep */
	char *path;                /* or NULL */
	struct tend__lock lock;    /* free list, sites, the outside ring */
	uint32_t free TEND_GUARDED_BY(&lock); /* first of the shared free slots, 0: none */
	uint32_t *next_free;          /* by slot: the next free one; owner of the list writes */
	struct tend__site_key *sites; /* open addressing, 2 * TEND__SITES_MAX */
};

/* Free slots of one worker, so that a spawn takes no lock. It keeps as many as it
 * has had to fetch: one that spawns and ends a thousand again and again uses its
 * own each time, and no line of them goes from one worker's cache to another's. */
struct tend__slots {
	uint32_t first, count;
	uint32_t keep;
};

/* Slots for so many tasks, though workers keep free ones that nobody else can have. */
uint32_t tend__slots_for(uint32_t tasks_max, uint32_t workers);

int tend__segment_open(struct tend__segment *s, const char *path, const char *name,
                       uint32_t runtime, uint32_t first_generation, uint32_t workers,
                       uint32_t tasks_max, uint32_t ring_slots);
void tend__segment_close(struct tend__segment *s);

/* What tend__slot_take() and tend__slot_give() do once in a while. */
uint32_t tend__slot_fetch(struct tend__segment *s, struct tend__slots *cache);
void tend__slot_share(struct tend__segment *s, struct tend__slots *cache, uint32_t slot);

/* A free slot, or 0. `cache` may be NULL for a thread that has none. */
static inline uint32_t tend__slot_take(struct tend__segment *s, struct tend__slots *cache)
{
	uint32_t slot = cache ? cache->first : 0;

	if (!slot)
		return tend__slot_fetch(s, cache);
	cache->first = s->next_free[slot];
	cache->count--;
	return slot;
}

/* Frees a slot: the next generation begins. */
static inline void tend__slot_give(struct tend__segment *s, struct tend__slots *cache,
                                   uint32_t slot)
{
	struct tend__record *r = tend__record_at(s->header, slot);
	/* Relaxed: the slot is the caller's alone. */
	uint32_t generation = tend__word_generation(tend__load_relaxed(&r->word)) + 1;

	/* Release: a reader that sees the new generation gives up on the old one. */
	tend__store_release(&r->word, (uint64_t)generation << 32);
	if (generation == UINT32_MAX)
		return; /* retired: its ids have all been used */
	if (cache) {
		s->next_free[slot] = cache->first;
		cache->first = slot;
	}
	if (!cache || ++cache->count > 2 * s->batch + cache->keep)
		tend__slot_share(s, cache, slot);
}

static inline uint32_t tend__site_hash(const char *literal)
{
	return (uint32_t)(((uintptr_t)literal * UINT64_C(0x9e3779b97f4a7c15)) >> 40) %
	       TEND__SITE_KEYS;
}
uint32_t tend__site_add(struct tend__segment *s, const char *literal);

/* The index of a spawn site. */
static inline uint32_t tend__site(struct tend__segment *s, const char *literal)
{
	for (uint32_t i = tend__site_hash(literal);; i = (i + 1) % TEND__SITE_KEYS) {
		/* Acquire: pairs with the release in tend__site_add(), for the index. */
		const char *key = tend__load_acquire(&s->sites[i].literal);

		if (key == literal)
			return tend__load_relaxed(&s->sites[i].site);
		if (!key)
			return tend__site_add(s, literal);
	}
}

/* False if it can be no name; else packed. */
bool tend__name_take(uint64_t words[6], const char *name);

struct tend__identity {
	uint64_t name[6];
	uint64_t now;
	uint32_t parent, site, kind, attempt;
};

/* Fills a record. Its word is still free: the caller publishes it. */
static inline void tend__record_fill(struct tend__record *r, const struct tend__identity *identity)
{
	/* Relaxed: the slot is the caller's alone until its word is published. */
	uint32_t seq = tend__load_relaxed(&r->seq);

	/* The sequence of layout.h, which names each partner. */
	tend__store_relaxed(&r->seq, seq + 1);
	tend__store_release(&r->attempt, identity->attempt);
	tend__store_release(&r->since, identity->now);
	tend__store_release(&r->object, 0);
	tend__store_release(&r->checkpoint, 0);
	tend__store_release(&r->checkpoints, 0);
	tend__store_release(&r->pid, 0);
	tend__store_release(&r->event, 0);
	tend__store_release(&r->result, 0);
	tend__store_release(&r->worker, UINT32_MAX);
	tend__store_release(&r->spawned, identity->now);
	tend__store_release(&r->parent, identity->parent);
	tend__store_release(&r->site_kind, identity->site << 8 | identity->kind);
	tend__name_store(r->name, identity->name);
	tend__store_release(&r->seq, seq + 2);
}

/* Emits an event when somebody subscribed. `ring` is a worker's number, or the
 * last for a thread that is none. */
void tend__event_emit(struct tend__segment *s, uint32_t ring, uint32_t type, uint64_t id,
                      uint64_t parent, struct tend__record *r, uint32_t outcome, int32_t result,
                      uint64_t now);
static inline bool tend__events_wanted(struct tend__segment *s)
{
	/* Relaxed: who subscribes now may miss what happens now, and knows from its
	 * mark where its events begin. */
	return tend__load_relaxed(&s->header->subscribers) != 0;
}

#endif
