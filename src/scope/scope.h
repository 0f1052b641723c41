/* scope/scope.h - who owns the tasks.
 *
 * The word of a scope's record, {generation, flags, count}, is where admission,
 * cancel and close meet: whoever spawns exchanges it with the count one higher,
 * and fails if the scope was sealed, closed or canceled first, or is no longer
 * that scope. It is written by exchange everywhere: a plain decrement under a
 * lock beside an exchange lost wake-ups.
 *
 * A scope that is not empty counts one in its parent, entered before its own
 * count leaves 0 and left after it is 0 again. So a count is never 0 while
 * something below is live. The step to 0 is made under the scope's lock: who has
 * seen 0 and then had the lock knows that nobody is in there any more.
 *
 * A worker may hold places for what its running task spawns next (struct
 * tend__reserved_places): they count, and are nobody's. Nobody is kept waiting by them, for
 * a task takes them only in its own scope, which is not empty anyway, or below it,
 * where none between the two is awaited.
 *
 * The memory of a scope stays with its slot, so a stale handle may still be
 * looked at; the generation in the word says that it is stale.
 *
 * Files, each uses only those above it:
 *   tree.c      what is below what, the walk over a subtree, flags
 *   handle.c    from the id of a task to the task
 *   end.c       the end of a scope, and its counts
 *   leave.c     counting out, the step to 0
 *   batch.c     places taken ahead, ends counted out together
 *   admit.c     counting in
 *   empty.c     how many are live, waiting until none is
 *   cancel.c    cancel of a scope, and of a task
 *   owner.c     the task that owns a scope
 *   finish.c    the end of a task
 *   join.c      learning of it
 *   open.c      open, close, seal
 *   cleanup.c   what runs before the cancel of a shutdown
 *   path.c      all that goes by path
 *   report.c    what a shutdown left
 *   shutdown.c  one stop of a subtree, under one deadline */
#ifndef TEND_SCOPE_SCOPE_H
#define TEND_SCOPE_SCOPE_H

#include "tend/scope.h"

#include "tend/registry.h"

#include "runtime/runtime.h"

enum { TEND__DEPTH_MAX = 200 };

struct tend__cleanup {
	struct tend__cleanup *next;
	tend_cleanup_fn *fn;
	void *arg;
};

/* (c) constant while it is open  (t) runtime.tree  (l) owner.lock */
struct tend__scope {
	struct tend__owner owner;             /* first: a task's owner is its scope */
	tend_runtime *rt;                     /* (c) */
	uint64_t id;                          /* (c) */
	_Atomic(struct tend__scope *) parent; /* (c) NULL of the root; atomic for stale handles */
	_Atomic uint64_t parent_id;           /* (c) */
	uint32_t depth;                       /* (c) */
	struct tend__link sibling;            /* (t) in parent->children */
	struct tend__link children;           /* (t) */
	_Atomic uint32_t awaited;             /* waits for count 0; of the slot, as all waits end */
	_Atomic uint64_t holder;              /* (t) to write; the id of who owns it, or 0 */
	struct tend__link owned;              /* (t) in holder->owned */
	struct tend__link held;               /* (l) ended tasks whose outcome is kept */
	struct tend__link waiters;            /* (l) for count 0 */
	struct tend__cleanup *cleanups;       /* (t) newest first */
	struct tend__shutdown *shutdown;      /* (t) under way or done */
	struct tend_stats *closer;            /* (t) where a waiting close wants its counts */
	struct tend_reason reason;            /* (t) until canceled, then (c) */
	uint64_t deadline, shield;            /* (c) */
	struct tend__alarm *deadline_alarm, *shield_alarm; /* (t) */
	bool closes_itself; /* (l) when it is empty: its owner has ended */
	_Atomic uint64_t ended[TEND_REJECTED + 1];
	int32_t first_error;                /* (l) */
	char first_name[TEND_NAME_MAX + 1]; /* (l) */
};

static inline struct tend__scope *tend__scope_of(const struct tend__task *t)
{
	return (struct tend__scope *)(void *)t->owner;
}
static inline struct tend__scope *tend__parent(const struct tend__scope *s)
{
	/* Relaxed: constant while the scope is open; a stale one is found out by the
	 * generation. */
	return tend__load_relaxed(&s->parent);
}
static inline bool tend__scope_is(const struct tend__scope *s, uint64_t id)
{
	uint64_t word = tend__load_acquire(&s->owner.record->word);

	return tend__word_generation(word) == tend__id_generation(id) && (word & TEND__SCOPE_LIVE);
}

/* The scope of an id of the runtime, or NULL. */
static inline struct tend__scope *tend__scope_at(tend_runtime *rt, uint64_t id)
{
	uint32_t slot = tend__id_slot(id);
	struct tend__record *r = tend__record_at(rt->segment.header, slot);
	struct tend__scope *s;

	/* The generation first: its acquire makes the pointer visible. Then the kind: a
	 * task's id is no scope's, though its slot may have been one. */
	if (slot == 0 || slot >= rt->slots ||
	    tend__word_generation(tend__load_acquire(&r->word)) != tend__id_generation(id) ||
	    (tend__load_acquire(&r->site_kind) & 0xff) != TEND_KIND_SCOPE)
		return NULL;
	/* Relaxed: as said; it is set once for the slot. */
	s = tend__load_relaxed(&rt->scopes[slot]);
	return s && tend__scope_is(s, id) ? s : NULL;
}

/* The scope of an id, which may end at any time; NULL and *error if it has. */
static inline struct tend__scope *tend__scope_find(uint64_t id, int *error)
{
	tend_runtime *rt = tend__runtime_of(id);
	struct tend__scope *s = rt ? tend__scope_at(rt, id) : NULL;

	if (!s)
		*error = tend__forked() ? -ESTALE : -ESRCH;
	return s;
}

/* The free slots of the worker that the caller runs on; NULL outside. */
static inline struct tend__slots *tend__slots_of(const tend_runtime *rt)
{
	struct tend__worker *w = tend__worker_of(rt);

	return w ? &w->slots : NULL;
}

/* tree.c */

/* True if the calling task is in s or below. */
bool tend__inside(const struct tend__scope *s);
/* True if s is top or below it. Both are open. */
bool tend__below(const struct tend__scope *s, const struct tend__scope *top);
/* The next of the subtree of top, parents first. Under runtime.tree. */
struct tend__scope *tend__scope_next(struct tend__scope *s, struct tend__scope *top, bool into);
/* Sets flags of the word of an open scope; the word before. */
uint64_t tend__scope_flag(struct tend__scope *s, uint32_t flags);
/* Sets them in top and all below. */
void tend__subtree_flag(struct tend__scope *top, uint32_t flags) TEND_REQUIRES(&top->rt->tree);

/* handle.c */

/* The task of an id that is live or held, with its stripe taken: until that is
 * given back it cannot end, and its slot not become another's. */
int tend__task_touch(uint64_t id, tend_runtime **rt, struct tend__task **t)
	TEND_TRY_ACQUIRE(0, tend__stripe_of(*rt, id));
struct tend__extra *tend__task_extra(struct tend__task *t);
void tend__task_free(tend_runtime *rt, struct tend__task *t);

/* end.c */

/* Ends s and all below, children first. False if something is entering. */
bool tend__subtree_end(struct tend__scope *s) TEND_REQUIRES(&s->rt->tree);
/* Frees a scope that closes itself, if it still is there and empty. */
void tend__scope_reap(tend_runtime *rt, uint64_t id);

/* leave.c */

/* Of n that are in it. */
void tend__scope_leave(struct tend__scope *s, uint32_t n);

/* batch.c; what its words look like is in scope/batch.h */

/* Around a wait for count 0: no worker holds, nor takes, places in it. */
void tend__await_begin(struct tend__scope *s);
void tend__await_end(struct tend__scope *s);
/* Takes back the places that workers hold, in all scopes. */
void tend__places_revoke(tend_runtime *rt);

/* admit.c */

/* Admits a task that the caller spawns: it counts. 0; -ESRCH, -ECANCELED, -ESHUTDOWN. */
int tend__scope_admit(struct tend__scope *s, uint64_t id);

/* empty.c */

/* Waits for count 0. */
int tend__scope_await(struct tend__scope *s, uint64_t id, enum tend__wait why, uint64_t deadline,
                      unsigned flags);

/* cancel.c */

int tend__scope_cancel(struct tend__scope *s, uint64_t id, const struct tend_reason *reason);
struct tend_reason tend__reason(int code, const char *text, uint64_t who);

/* owner.c */

/* Shuts what a task owns as it ends: cancels it, and it closes itself. */
void tend__disown(struct tend__task *t);
/* Makes t the holder. 0; -ESRCH; -EDEADLK. */
int tend__hold(uint64_t scope_id, struct tend__task *t);

/* finish.c */

void tend__task_finish(struct tend__task *t);
void tend__outcome_fill(struct tend__task *t, struct tend_outcome *out);
struct tend__watch {
	struct tend__link link;
	void (*fire)(void *arg);
	void *arg;
};

/* open.c */

int tend__root_open(tend_runtime *rt);
/* Ends every scope, while the workers still take their alarms back; and frees
 * the memory of all, when nobody can have a handle any more. */
void tend__root_end(tend_runtime *rt);
void tend__root_free(tend_runtime *rt);

/* cleanup.c */

void tend__cleanups_run(struct tend__scope *top, uint64_t id);

/* shutdown.c: its steps, for a hosted runtime that must run its tasks itself. */

void tend__shutdown_begin(struct tend__scope *s, uint64_t id);
uint64_t tend__kill_at(uint64_t canceled, uint64_t deadline);
void tend__shutdown_force(struct tend__scope *top, uint64_t id);

#endif
