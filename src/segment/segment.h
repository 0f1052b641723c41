/* segment/segment.h - the writers' side of the registry. */
#ifndef TEND_SEGMENT_SEGMENT_H
#define TEND_SEGMENT_SEGMENT_H

#include "base/lock.h"
#include "segment/layout.h"

#include <stddef.h>

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

int tend__segment_open(struct tend__segment *s, const char *path, const char *name,
                       uint32_t runtime, uint32_t first_generation, uint32_t workers,
                       uint32_t records_max, uint32_t ring_slots);
void tend__segment_close(struct tend__segment *s);

/* A free slot, or 0. `cache` may be NULL for a thread that has none. */
uint32_t tend__slot_take(struct tend__segment *s, struct tend__slots *cache);
/* Frees a slot: the next generation begins. */
void tend__slot_give(struct tend__segment *s, struct tend__slots *cache, uint32_t slot);

/* The index of a spawn site. */
uint32_t tend__site(struct tend__segment *s, const char *literal);

struct tend__identity {
	uint64_t name[6]; /* tend__name_pack() */
	uint64_t now;
	uint32_t parent, site, kind;
};
/* Fills a record. Its word is still free: the caller publishes it. */
void tend__record_fill(struct tend__record *r, const struct tend__identity *identity);

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
