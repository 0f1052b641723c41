/* segment/segment.h - the writers' side of the registry.
 *
 * Files, each uses only those above it:
 *   names.c    the words for kinds, states and outcomes
 *   words.c    the sentence of a wait
 *   say.c      a scope or task in the words of a message
 *   areas.c    the areas: their places, and their memory
 *   notes.c    facts of few records
 *   slots.c    which slots are free
 *   modules.c  the files that are loaded
 *   sites.c    the places of spawns
 *   rings.c    events
 *   history.c  ends that were not completed
 *   segment.c  the memory, from its open to its close */
#ifndef TEND_SEGMENT_SEGMENT_H
#define TEND_SEGMENT_SEGMENT_H

#include "platform/lock.h"
#include "segment/layout.h"

#include <stddef.h>

enum { TEND__SITE_KEYS = 2 * TEND__SITES_MAX };

/* A spawn site is found by the address of its literal. A literal at two addresses is
 * interned twice, which costs an entry and does no harm. */
struct tend__site_key {
	_Atomic(const char *) literal;
	_Atomic uint32_t site;
};

/* The threads that may touch a field:
 *
 *   c  constant from tend__segment_open() to tend__segment_close()
 *   l  read and written under `lock`
 *   o  by slot: under `lock` while the slot is in the shared free list, else by the
 *      thread that holds the slot
 *   i  written under `lock`, read by any thread: see tend__site() */
struct tend__segment {
	struct tend__header *header; /* (c) the memory: layout.h has its rules */
	int fd;                      /* (c) */
	const char *tasks;           /* (c) a task for each record, or NULL: see the options */
	uint32_t task_bytes;         /* (c) */
	uint32_t first_generation;   /* (c) generation of a slot at its first use */
	uint32_t batch;         /* (c) slots that a worker takes from the shared list at once */
	uint32_t keep_max;      /* (c) free slots that a worker may keep */
	char *path;             /* (c) NULL for a memfd */
	struct tend__lock lock; /* free list, spawn sites, the ring of other threads */
	uint32_t usable TEND_GUARDED_BY(&lock);   /* (l) slots below have a place to be written */
	bool rings_usable TEND_GUARDED_BY(&lock); /* (l) and so have the events */
	uint32_t free TEND_GUARDED_BY(&lock);     /* (l) first shared free slot, 0: none */
	uint32_t *next_free;                      /* (o) the free slot after a free slot, 0: none */
	uint32_t notes_usable TEND_GUARDED_BY(&lock); /* (l) notes below have a place */
	uint32_t notes_free TEND_GUARDED_BY(&lock);   /* (l) first free note, 0: none */
	/* (l) The lists of the notes, because no index that lies in the segment is trusted: by note
	 * the next, and by slot the first. */
	uint32_t *note_next, *note_first;
	struct tend__site_key *sites; /* (i) open addressing, TEND__SITE_KEYS */
};

/* Free slots of one worker, so that a spawn takes no lock. A worker keeps as many slots
 * as the worker has had to fetch: a worker that spawns and ends a thousand tasks over and
 * over uses the same slots, and no cache line of these slots moves to another core. */
struct tend__slots {
	uint32_t first, count; /* a list in next_free, and its length; the worker's */
	uint32_t keep;         /* slots fetched so far; stops growing at keep_max */
};

/* Returns how many slots a segment needs for `tasks_max` tasks, because each worker keeps
 * free slots that the other workers cannot take. */
uint32_t tend__slots_for(uint32_t tasks_max, uint32_t workers);
/* The part of slots.c in an open and a close. The open returns false without memory. */
bool tend__slots_open(struct tend__segment *s, uint32_t tasks_max, uint32_t workers);
void tend__slots_close(struct tend__segment *s, uint32_t slots);

struct tend__segment_opts {
	const char *path; /* a file; NULL: a memfd */
	const char *name;
	uint32_t runtime, first_generation;
	uint32_t workers, tasks_max;
	uint32_t ring_slots;
	/* For a reader of the memory of the process, as in the header. A core dump has those tasks
	 * whose records are used. */
	const void *tasks;
	uint32_t task_bytes, task_stack_at, stack_sp_at, stack_low_at;
	uint32_t arch, swap_frame;
};
int tend__segment_open(struct tend__segment *s, const struct tend__segment_opts *opts);
void tend__segment_close(struct tend__segment *s);
/* Called in a forked child, which has no segment. */
void tend__segment_forked(struct tend__segment *s);
/* Fills in the directory and the size of a segment, whose numbers are there already. */
void tend__areas_lay_out(struct tend__header *h);
/* Makes the elements from `from` to `to` of an area fit to be written. Returns 0 or a negative
 * errno value. */
int tend__area_use(const struct tend__segment *s, enum tend__area_kind kind, uint64_t from,
                   uint64_t to);
/* Makes the events fit to be written. Returns 0 or a negative errno value. */
int tend__rings_use(struct tend__segment *s);

/* ---- Notes ---- */

struct tend__note_facts {
	enum tend__note_kind kind;
	uint64_t a, b, at;
	int32_t code, code2;
	uint32_t site, n;
	const char *text; /* cut to 63 bytes; NULL: empty */
};
/* Writes the note of this kind of a record, which at the first time takes a note; `id` is the
 * record's. The caller keeps the record from ending and other threads from its note, and sets
 * the bit NOTED of the record afterwards. Returns the note; or NULL, with nothing done, if there
 * is no note left. */
struct tend__note *tend__note_set(struct tend__segment *s, uint64_t id,
                                  const struct tend__note_facts *facts) TEND_EXCLUDES(&s->lock);
/* The same of a note whose count has changed, and nothing else of it. */
static inline void tend__note_count(struct tend__note *note, uint64_t at, uint32_t n)
{
	/* The sequence of layout.h. Relaxed: the fields are the caller's to write. */
	uint32_t seq = tend__load_relaxed(&note->seq);

	tend__store_relaxed(&note->seq, seq + 1);
	tend__store_release(&note->at, at);
	tend__store_release(&note->n, n);
	tend__store_release(&note->seq, seq + 2);
}
/* Returns the `n` of the note of this kind of a record, or `otherwise` if there is no note. */
uint32_t tend__note_n(struct tend__segment *s, uint64_t id, enum tend__note_kind kind,
                      uint32_t otherwise) TEND_EXCLUDES(&s->lock);
/* Gives the note of this kind back, if there is one. The bit NOTED stays. */
void tend__note_clear(struct tend__segment *s, uint64_t id, enum tend__note_kind kind)
	TEND_EXCLUDES(&s->lock);
/* Gives all notes of a record back, as its slot is freed. */
void tend__notes_give(struct tend__segment *s, uint32_t slot) TEND_EXCLUDES(&s->lock);
/* The part of notes.c in an open and a close. The open returns false without memory. */
bool tend__notes_open(struct tend__segment *s, uint32_t slots);
void tend__notes_close(struct tend__segment *s, uint32_t slots);

/* The rare paths of tend__slot_take() and tend__slot_give(): the shared list. */
uint32_t tend__slot_fetch(struct tend__segment *s, struct tend__slots *cache);
void tend__slot_share(struct tend__segment *s, struct tend__slots *cache, uint32_t slot);

/* Returns a free slot, or 0. `cache` is NULL for a thread without a cache. */
static inline uint32_t tend__slot_take(struct tend__segment *s, struct tend__slots *cache)
{
	uint32_t slot = cache ? cache->first : 0;

	if (!slot)
		return tend__slot_fetch(s, cache);
	tend__assert(cache->count > 0);
	cache->first = s->next_free[slot];
	cache->count--;
	return slot;
}

/* Frees a slot, whose next generation begins. `noted` is the bit which says that the record has
 * notes: TEND__NOTED of a task, TEND__SCOPE_NOTED of a scope. */
static inline void tend__slot_give(struct tend__segment *s, struct tend__slots *cache,
                                   uint32_t slot, uint32_t noted)
{
	struct tend__record *r = tend__record_at(s->header, slot);
	/* Relaxed: the slot belongs to the caller alone. */
	uint64_t word = tend__load_relaxed(&r->word);
	uint32_t generation = tend__word_generation(word) + 1;

	if (__builtin_expect((word & noted) != 0, 0))
		tend__notes_give(s, slot);
	/* Release: a reader that sees the new generation drops its copy of the old task. */
	tend__store_release(&r->word, (uint64_t)generation << 32);
	if (generation == UINT32_MAX)
		return; /* retired: all ids of the slot have been used */
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

/* Returns the index of a spawn site. */
static inline uint32_t tend__site(struct tend__segment *s, const char *literal)
{
	for (uint32_t i = tend__site_hash(literal);; i = (i + 1) % TEND__SITE_KEYS) {
		/* Acquire: pairs with the release in tend__site_add(), so that the index of
		 * the literal is there. */
		const char *key = tend__load_acquire(&s->sites[i].literal);

		if (key == literal)
			return tend__load_relaxed(&s->sites[i].site);
		if (!key)
			return tend__site_add(s, literal);
	}
}

/* Packs a name. Returns false if the text is not valid as a name. */
bool tend__name_take(uint64_t words[6], const char *name);

struct tend__identity {
	uint64_t name[6];
	uint64_t now;
	uint32_t parent, site, kind, attempt;
};

/* Fills a record, whose word still says free: the caller publishes the word. */
static inline void tend__record_fill(struct tend__record *r, const struct tend__identity *identity)
{
	/* Relaxed: the slot belongs to the caller alone until the word is published. */
	uint32_t seq = tend__load_relaxed(&r->seq);

	tend__assert(!(seq & 1) && !(uint32_t)tend__load_relaxed(&r->word));
	/* The sequence of layout.h, where each partner is named. */
	tend__store_relaxed(&r->seq, seq + 1);
	tend__store_release(&r->attempt, identity->attempt);
	tend__store_release(&r->since, identity->now);
	tend__store_release(&r->object, 0);
	tend__store_release(&r->where, 0);
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

/* An event about a record, which has the kind, the name and the attempt. */
struct tend__event {
	uint32_t type; /* TEND_EVENT_... */
	uint32_t outcome;
	uint64_t id, parent;
	uint64_t at; /* instant */
	int32_t result, error;
	uint64_t delay;
};
/* Writes an event. `ring` is the number of the calling worker; the last ring is for
 * all other threads. */
void tend__event_emit(struct tend__segment *s, uint32_t ring, struct tend__record *r,
                      const struct tend__event *event);
/* An end that was not completed. */
struct tend__end {
	uint64_t id, parent;
	uint64_t at;
	uint32_t outcome;
	int32_t result;
	const char *text; /* the panic, failed start or cancel; cut to 39 bytes; NULL: empty */
};
void tend__history_add(struct tend__segment *s, struct tend__record *r,
                       const struct tend__end *end);

/* Writes the files that are loaded and not known yet. */
void tend__modules_find(struct tend__segment *s) TEND_EXCLUDES(&s->lock);
/* Returns whether an address is in a file that is known. */
bool tend__module_has(struct tend__segment *s, const void *address) TEND_REQUIRES(&s->lock);

static inline bool tend__events_wanted(struct tend__segment *s)
{
	/* Relaxed: a subscriber may miss an event of the instant of its subscription. Its
	 * first number tells the subscriber where its events begin. */
	return tend__load_relaxed(&s->header->subscribers) != 0;
}

#endif
