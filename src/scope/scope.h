/* scope/scope.h - who owns the tasks.
 *
 * The word of a scope's record, {generation, flags, count}, is where admission, cancel and
 * close meet. A spawn exchanges the word for the same word with the count one higher, and
 * fails if the scope was sealed, closed or canceled first, or if the slot has gone on to
 * another scope. Every write of the word is an exchange: a plain decrement under a lock,
 * beside an exchange, lost wake-ups.
 *
 * A scope with a count above 0 counts one in its parent. A spawn enters the parent before
 * the scope's own count leaves 0, and the parent is left after the scope's count is 0 again.
 * So no count is 0 while a task below is live. The last task to leave takes the count to 0
 * while it holds the scope's lock. A thread that reads 0 and afterwards acquires the lock may
 * free the scope, because no leaving task still uses the scope.
 *
 * A worker may reserve places for the next spawns of its running task (struct
 * tend__reserved_places). Places count, though no task has them yet. They keep no waiter
 * waiting: a task reserves them in its own scope, which the running task keeps above 0
 * anyway, or in a scope below, if no thread waits for that scope or for a scope between.
 *
 * The memory of a scope stays with its slot, so a thread may look at the scope of a stale
 * handle; the generation in the word says whether the handle is stale.
 *
 * Files, each uses only those above it:
 *   changes.c   telling of changes: events, and watches of changes
 *   tree.c      the shape of the tree: below, the walk over a subtree, flags
 *   handle.c    from the id of a task to the task
 *   path.c      everything that goes by path
 *   unique.c    the names of a scope in which no two are the same
 *   failure.c   the line of a failure that nobody holds, and the first failure of a scope
 *   end.c       the end of a scope, and its counts
 *   leave.c     counting out, and the step to 0
 *   batch.c     places reserved ahead, and ends counted out together
 *   admit.c     counting in
 *   empty.c     how many tasks are live, and waiting for an empty scope
 *   cancel.c    cancel of a scope, and of a task
 *   owner.c     the task that owns a scope
 *   finish.c    the end of a task
 *   join.c      outcomes: waiting for the end of a task
 *   open.c      open, close, seal
 *   cleanup.c   cleanups, which run before the cancel of a shutdown
 *   report.c    the tasks that a shutdown abandoned
 *   shutdown.c  the stop of a subtree, under one deadline */
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
	uint64_t scope; /* to name the cleanup in a report */
};

/* (c) constant while the scope is open  (t) runtime.tree  (l) home.lock  (x) any thread, in
 * atomic steps */
struct tend__scope {
	struct tend__home home;               /* first: t->home is the scope */
	tend_runtime *rt;                     /* (c) */
	uint64_t id;                          /* (c) */
	_Atomic(struct tend__scope *) parent; /* (c) NULL: the root; atomic for stale handles */
	_Atomic uint64_t parent_id;           /* (c) */
	uint32_t depth;                       /* (c) */
	struct tend__link sibling;            /* (t) in parent->children */
	struct tend__link children;           /* (t) */
	_Atomic uint32_t awaited; /* (x) waits for count 0; stays with the slot, as all waits end */
	_Atomic uint64_t owner;   /* (t) to write; the id of the task that owns the scope, or 0 */
	struct tend__link owned;  /* (t) in owner->owned */
	struct tend__link kept;   /* (l) ended tasks whose outcome is kept */
	struct tend__link waiters;       /* (l) waits for count 0 */
	struct tend__link callers;       /* (l) waits for a step of a restartable task */
	struct tend__cleanup *cleanups;  /* (t) newest first */
	struct tend__shutdown *shutdown; /* (t) under way or done */
	struct tend_stats *closer;       /* (t) where a waiting close wants the counts */
	struct tend_reason reason;       /* (t) until canceled, then (c) */
	uint64_t deadline, shield;       /* (c), (t): the shield is 0 once over */
	struct tend__alarm *deadline_alarm, *shield_alarm; /* (t) */
	bool closes_itself; /* (l) when it is empty, because the owner has ended */
	bool held;          /* (t) given to its owner, and not opened by an attempt of the owner */
	struct tend__names *names; /* (c) its content (l); NULL: names may be the same */
	struct tend__group *group; /* (c) from the options, or NULL; its counters (l) */
	struct tend__round *round; /* (l) NULL until the scope has a member */
	bool gave_up;              /* (l) no attempt follows in this scope */
	int32_t critical_error;    /* (l) why the scope was canceled by a critical task; or 0 */
	uint64_t attempts, restarts, timeouts;     /* (l) */
	struct tend__rules *rules;                 /* (l) policies of restartable tasks, or NULL */
	_Atomic uint64_t ended[TEND_REJECTED + 1]; /* (x) by outcome */
	_Atomic uint64_t refused;                  /* (x) spawns */
	int32_t first_error;                       /* (l) */
	char first_name[TEND_NAME_MAX + 1];        /* (l) */
	/* The next three include the scopes below that have ended. */
	struct tend__failure *first;             /* (l) the first failure, or NULL */
	uint64_t ended_below[TEND_REJECTED + 1]; /* (t) without this scope */
	uint64_t refused_below;                  /* (t) without this scope */
};

/* The first failure of a scope, for the report of a shutdown. */
struct tend__failure {
	uint64_t at;   /* instant */
	int32_t error; /* negative errno value */
	char path[256];
	char message[128]; /* text of a panic or a failed start; else empty */
};

static inline struct tend__scope *tend__scope_of(const struct tend__task *t)
{
	return (struct tend__scope *)(void *)t->home;
}
static inline struct tend__scope *tend__parent(const struct tend__scope *s)
{
	/* Relaxed: constant while the scope is open. The generation tells the caller with
	 * a stale handle. */
	return tend__load_relaxed(&s->parent);
}
static inline bool tend__scope_is(const struct tend__scope *s, uint64_t id)
{
	uint64_t word = tend__load_acquire(&s->home.record->word);

	return tend__word_generation(word) == tend__id_generation(id) && (word & TEND__SCOPE_LIVE);
}

/* Returns the scope of an id of the runtime, or NULL. */
static inline struct tend__scope *tend__scope_at(tend_runtime *rt, uint64_t id)
{
	uint32_t slot = tend__id_slot(id);
	struct tend__record *r = tend__record_at(rt->segment.header, slot);
	struct tend__scope *s;

	/* The generation first, because the acquire makes the pointer visible. Then the kind,
	 * because the slot of a task may have been a scope's before. */
	if (slot == 0 || slot >= rt->slots ||
	    tend__word_generation(tend__load_acquire(&r->word)) != tend__id_generation(id) ||
	    (tend__load_acquire(&r->site_kind) & 0xff) != TEND_KIND_SCOPE)
		return NULL;
	/* Relaxed: set once for the slot, and visible by the acquire above. */
	s = tend__load_relaxed(&rt->scopes[slot]);
	return s && tend__scope_is(s, id) ? s : NULL;
}

/* Returns the scope of an id, which may end at any time; or NULL, if the scope has ended or
 * the runtime, as tend__enter() returned it, is NULL. */
static inline struct tend__scope *tend__scope_find(tend_runtime *rt, uint64_t id)
{
	return rt ? tend__scope_at(rt, id) : NULL;
}

/* Returns whether the task or its scope is canceled, regardless of shields, and of a stop of the
 * attempt. */
static inline bool tend__is_canceled(const struct tend__task *t)
{
	/* Acquire: the reason of a cancel was frozen before the bit was set. */
	return (tend__task_word(t) & TEND__CANCELED) ||
	       (tend__load_acquire(&t->home->record->word) & TEND__SCOPE_CANCELED);
}

/* Returns whether the task is to end for good: no attempt follows, whatever its policy says.
 * Regardless of shields, and of a stop of the attempt. */
static inline bool tend__is_to_end(const struct tend__task *t)
{
	/* Acquire: the reason of a cancel was frozen before the bit was set. */
	return (tend__task_word(t) & TEND__CANCELED) ||
	       (tend__load_acquire(&t->home->record->word) &
	        (TEND__SCOPE_CANCELED | TEND__SCOPE_CLOSED | TEND__SCOPE_STOPPING));
}

/* Returns the free slots of the worker on which the caller runs, or NULL outside of one. */
static inline struct tend__slots *tend__slots_of(const tend_runtime *rt)
{
	struct tend__worker *w = tend__worker_of(rt);

	return w ? &w->slots : NULL;
}

/* changes.c */

/* A watch of the changes of a scope or task, and of all below. */
struct tend__change_watch {
	struct tend__link link;
	uint64_t id;
	/* Called with a lock held, and with `last` when the scope or task has ended: then the
	 * watch is freed. */
	void (*ring)(void *arg, bool last);
	void *arg;
};
void tend__bells_open(tend_runtime *rt);
/* Tells of a change that was made to the scope, or to a live task of the scope. By a caller that
 * was answered true by tend__listened(). An event without a type only rings. */
void tend__tell_all(struct tend__scope *s, struct tend__record *r, const struct tend__event *event);
/* Tells that the function of a task is to be called, or that a process has its program. By such a
 * caller, too. */
void tend__task_began(struct tend__task *t);
/* Parks a task between two attempts, and tells. By such a caller, too. Returns what
 * tend__task_park() would. */
bool tend__task_rests(struct tend__task *t, enum tend__wait_kind wait) TEND_MUST;
/* Adds a watch, which becomes the bell's; takes one back, which becomes the caller's, or returns
 * NULL. The scope or task cannot end meanwhile. */
void tend__change_watch(tend_runtime *rt, struct tend__change_watch *w);
struct tend__change_watch *tend__change_unwatch(tend_runtime *rt, uint64_t id, const void *arg);
/* Called after the watch was added, without a lock: a change that the watch has missed is seen by
 * the caller from here on. */
void tend__listen(void);

/* tree.c */

/* Returns whether the calling task is in s or below. */
bool tend__inside(const struct tend__scope *s);
/* Returns whether s is top or below top. Both are open. */
bool tend__below(const struct tend__scope *s, const struct tend__scope *top);
/* Returns the next scope of the subtree of top, parents first, or NULL; below s only if
 * `into`. Under runtime.tree. */
struct tend__scope *tend__scope_next(struct tend__scope *s, struct tend__scope *top, bool into);
/* Tells subscribers of a change of the scope, after the change, so that a snapshot that is
 * marked with the event has the change. */
void tend__scope_tell(struct tend__scope *s, uint32_t event, int32_t result);
/* Sets flags in the word of an open scope. Returns the word before. */
uint64_t tend__scope_flag(struct tend__scope *s, uint32_t flags);
/* Sets flags in the words of top and of all scopes below. Restartable tasks there look at the
 * flags, at once if they are at rest. */
void tend__subtree_flag(struct tend__scope *top, uint32_t flags) TEND_REQUIRES(&top->rt->tree);

/* handle.c */

/* Finds the task of an id, if the task is live or its outcome is kept, and takes its stripe:
 * until the caller gives the stripe back the task cannot end, nor its slot go on to another
 * task. The runtime is that of the id, or NULL if tend__enter() found none. Returns 0, -ESRCH
 * or -ESTALE. */
int tend__task_touch(tend_runtime *rt, uint64_t id, struct tend__task **t)
	TEND_TRY_ACQUIRE(0, tend__stripe_of(rt, id));
/* Returns the extra part, made by the first call, or NULL without memory. With the stripe,
 * or before the task is published. */
struct tend__extra *tend__task_extra(struct tend__task *t);
/* Frees the entry of a task: in no list, and with no handle that could reach it, or with the
 * stripe held. */
void tend__task_free(tend_runtime *rt, struct tend__task *t);

/* unique.c */

/* Returns the names of a scope, or NULL without memory. */
struct tend__names *tend__unique_open(void);
void tend__unique_close(struct tend__names *names);
/* After the admission, for a scope with names. Returns 0, -EEXIST or -ENOMEM. */
int tend__unique_enter(struct tend__scope *s, uint64_t id, const uint64_t name[6])
	TEND_EXCLUDES(&s->home.lock);
/* Before the end is told; does nothing for an id that has not entered. */
void tend__unique_leave(struct tend__scope *s, uint64_t id, const struct tend__record *r)
	TEND_EXCLUDES(&s->home.lock);

/* failure.c */

/* Tells of a failed task without a holder: `how` the task failed, and the `text`. */
void tend__failure_tell(const struct tend__task *t, const char *how, const char *text);
/* The same of a scope, which does not end meanwhile. */
void tend__failure_tell_scope(const struct tend__scope *s, const char *how, const char *text);
/* Remembers the failure of the task, as the first of its scope. */
void tend__failure_note(struct tend__scope *s, struct tend__task *t, int32_t error);
/* Gives the counts and the first failure of a scope that ends to its parent, or frees them. */
void tend__failure_hand_up(struct tend__scope *s) TEND_REQUIRES(&s->rt->tree);

/* end.c */

/* Reads the counts of an open scope. Under runtime.tree. */
void tend__scope_counts(struct tend__scope *s, struct tend_stats *out);
/* Ends s and all scopes below, children first. Returns false if a spawn is entering. */
bool tend__subtree_end(struct tend__scope *s) TEND_REQUIRES(&s->rt->tree);
/* Frees a scope that closes itself, if the scope is still there and empty. */
void tend__scope_reap(tend_runtime *rt, uint64_t id);

/* leave.c */

/* Subtracts n from the count of s, and wakes the waiters if that was the last step. */
void tend__scope_leave(struct tend__scope *s, uint32_t n);

/* batch.c; scope/batch.h has the format of its words */

/* Around a wait for count 0: meanwhile no worker reserves places in the scope. */
void tend__await_begin(struct tend__scope *s);
void tend__await_end(struct tend__scope *s);
/* Takes back the unused places of all workers, in all scopes. */
void tend__places_revoke(tend_runtime *rt);

/* admit.c */

/* Admits a task of the caller into s and its count. Returns 0, -ESRCH, -ECANCELED or
 * -ESHUTDOWN. */
int tend__scope_admit(struct tend__scope *s, uint64_t id);
/* The same for a task that no admission refuses, while the scope is there. */
int tend__scope_enter(struct tend__scope *s, uint64_t id);
/* Returns what tend__scope_admit() would answer, and admits nothing. */
int tend__scope_refusal(struct tend__scope *s, uint64_t id);

/* empty.c */

/* Waits for count 0, and takes no abort; readers see the caller at `where`. Returns 0,
 * -ECANCELED or -ETIMEDOUT; or -EDEADLK if
 * the count is not 0 and the caller may not wait. */
int tend__scope_await(struct tend__scope *s, uint64_t id, enum tend__wait_kind why,
                      uint64_t deadline, unsigned flags, uint64_t where);
/* tend_scope_live() for a caller that knows the scope. */
int64_t tend__scope_live(struct tend__scope *s, uint64_t id);

/* cancel.c */

/* Cancels s and all scopes below, but for those behind a shield. Returns 0, -ESRCH or
 * -EALREADY. */
int tend__scope_cancel(struct tend__scope *s, uint64_t id, const struct tend_reason *reason);
/* Returns a reason with the clock of now; text may be NULL. */
struct tend_reason tend__reason(int code, const char *text, uint64_t who);
/* Returns whether the task is an abortable fiber or a process, which an abort ends. */
static inline bool tend__is_forcible(const struct tend__task *t)
{
	/* Relaxed: the kind of a live task does not change. */
	return (t->flags & TEND_ABORTABLE) ||
	       (tend__load_relaxed(&t->record->site_kind) & 0xff) == TEND_KIND_PROCESS;
}
/* Asks a task to end now, if the task is forcible. */
void tend__task_force(tend_runtime *rt, uint64_t id);
/* Returns the instant at which the last part of the time until the deadline begins, in which a
 * shutdown uses force: the last fifth, at most a second. */
static inline uint64_t tend__last_part(uint64_t begun, uint64_t deadline)
{
	if (deadline == TEND_FOREVER || deadline <= begun)
		return deadline;
	uint64_t last = (deadline - begun) / 5;
	tend__assert(last < deadline - begun);
	return deadline - (last < TEND_SEC ? last : TEND_SEC);
}
/* The reason of a task whose deadline has passed, and the cancel for this reason. */
struct tend_reason tend__task_late(void);
void tend__task_time_out(uint64_t id);

/* owner.c */

/* Returns whether the task owns a scope around the caller. Such a task may not end before the
 * caller ends. The scopes above the caller stay open while the caller runs. */
bool tend__owns_caller(uint64_t id);
/* At the end of a task: cancels the scopes that the task owns, which then close themselves. */
void tend__disown(struct tend__task *t);
/* At the end of an attempt of the calling task: cancels the scopes that the attempt has opened,
 * and waits until they are empty, or until the task is to end for good. The task is in the
 * cancel list. */
void tend__disown_attempt(struct tend__task *t);
/* Makes t the owner of a scope, or no task if t is NULL. Returns 0, -ESRCH, -EINVAL or
 * -EDEADLK. */
int tend__scope_set_owner(uint64_t scope_id, struct tend__task *t);

/* finish.c */

/* Returns the outcome of a task whose code has run, if the task ends now. By the thread that ends
 * the task. */
uint32_t tend__task_outcome(struct tend__task *t);
/* Ends a task: the outcome, the counts, and the news to its waiters. */
void tend__task_finish(struct tend__task *t);
/* Returns why a task has ended, as `error` of struct tend_outcome. Once the task has ended, with
 * the stripe or where no thread has touched the task; before, only of a failure. */
int32_t tend__error_of(const struct tend__task *t, uint32_t outcome);
/* Describes the end of an ended task, in a struct with a good size. With the stripe. */
void tend__outcome_fill(struct tend__task *t, struct tend_outcome *out);
/* Called once at the end of a task, with the stripe held. */
struct tend__watch {
	struct tend__link link;
	void (*fire)(void *arg);
	void *arg;
};

/* open.c */

/* Opens the root and `detached`. Returns 0 or the error. */
int tend__root_open(tend_runtime *rt);
/* The first ends every scope, while the workers still take their alarms back. The second
 * frees the memory of all scopes, when no thread can have a handle any more. */
void tend__root_end(tend_runtime *rt);
void tend__root_free(tend_runtime *rt);

/* cleanup.c */

bool tend__has_cleanups(struct tend__scope *top) TEND_REQUIRES(&top->rt->tree);
/* Takes the cleanups of the subtree, as a list in the order in which they run: the deepest
 * scope first, and in a scope the newest cleanup first. */
struct tend__cleanup *tend__cleanups_take(struct tend__scope *top) TEND_REQUIRES(&top->rt->tree);

/* shutdown.c */

/* tend_shutdown() of a scope that the caller is not inside. With `polls` the caller drives the
 * scope's hosted runtime, and runs its tasks instead of sleeping. Readers see the caller at
 * `where`. */
int tend__shutdown(struct tend__scope *s, uint64_t id, uint64_t deadline,
                   const struct tend_shutdown_opts *o, bool polls, uint64_t where);
/* Tells the shutdowns under way above a task what had to be killed of it: how many processes,
 * and their names. Before the task ends. */
void tend__shutdown_killed(const struct tend__task *t, uint32_t processes, const char *names);
/* Tells the shutdowns under way above a scope that its members are down. */
void tend__shutdown_news(struct tend__scope *s);

#endif
