/* runtime/runtime.h - the workers that run the tasks.
 *
 * A worker is a thread with its queues, timers, poller, stacks and free slots. No other
 * thread touches these: other threads reach a worker by the inbox, and take tasks that have
 * not started, from the ring and from the batches behind it.
 *
 * Files, each uses only those above it:
 *   table.c   the runtimes that are open, by number
 *   stacks.c  stacks of fibers
 *   queue.c   how work comes to a worker: ring, inbox, from outside
 *   switch.c  which task is next, and the switch to it
 *   park.c    the parts of every wait
 *   visit.c   callers from outside, and the close that waits for them
 *   fds.c     descriptors that fibers wait for
 *   monitor.c the thread that serves while workers are busy: deadlines of scopes and tasks
 *   idle.c    a worker without work: steal, watch, spin, sleep
 *   loop.c    a worker's rounds, its start and its stop */
#ifndef TEND_RUNTIME_RUNTIME_H
#define TEND_RUNTIME_RUNTIME_H

#include "tend/runtime.h"

#include "base/timers.h"
#include "platform/context.h"
#include "platform/platform.h"
#include "segment/segment.h"
#include "task/task.h"

#include <errno.h>

enum {
	TEND__RUNTIMES = TEND_RUNTIMES_MAX, /* an id has 8 bits for the number; 255 is none */
	TEND__FDS_MAX = 1 << 20, /* no descriptor from here on is waited for or watched */
	TEND__WORKERS_MAX = 64,
	TEND__RING = 256,
	TEND__FULL = 128, /* so many tasks in a ring: a batch is put aside */
	TEND__BATCH = 64,
	TEND__STRIPES = 64,
	TEND__BELLS = 64,
	TEND__ROUND = 128,    /* tasks run between looks at inbox, timers and descriptors */
	TEND__WAITS = 128,    /* waits that need not park, until the loop has its turn */
	TEND__CHECKPOINT = 8, /* a checkpoint counts as so many */
};

/* First in, first out; the links are the posts of the tasks. */
struct tend__queue {
	struct tend__post *first, **last;
};

/* Lies at the top of the stack that it describes. The context lies here and not in the
 * task, because tasks may run on the stack one after the other. */
struct tend__stack {
	struct tend__context context;
	struct tend__stack *next;
	char *low;
	size_t bytes;
	unsigned announced;
	bool single;  /* has a special size: unmapped when given back, not kept */
	bool trimmed; /* free, and the pages were given back */
};
#if !defined(TEND__ASAN) && !defined(TEND__TSAN)
_Static_assert(sizeof(struct tend__stack) <= 64, "a switch touches one line of it");
#endif

struct tend__stack_block {
	struct tend__stack_block *next;
	void *low;
	size_t bytes;
	unsigned n; /* stacks not used yet */
};

/* A descriptor that fibers of this worker have waited for.
 * (w) the worker only  (x) any thread */
struct tend__fd {
	uint64_t generation;       /* (w) the number's, at the add to the poller */
	bool added;                /* (w) */
	uint8_t ready;             /* (w) events that no fiber waited for; unusual events stay */
	bool tcp;                  /* (w) */
	bool drained;              /* (w) by the last read, and no event has come since */
	bool blocking;             /* (w) its file was not in non-blocking mode when added */
	uint8_t unasked;           /* (w) events since the last wait of a fiber of this worker */
	struct tend__link waiters; /* (w) */
	_Atomic bool posted;       /* (x) the post is in the inbox: a thread closed the number */
	struct tend__post post;    /* (x) used by the thread that has set `posted` */
};

/* Ends that are not yet subtracted from the count of a scope: tasks of the same scope that
 * ended one after the other, with the same outcome. The worker subtracts all of them in one
 * step, at the latest before it runs a task of another scope or returns to its loop. Until
 * then a task of the scope runs on this worker, so the scope is not empty anyway. */
struct tend__deferred_leaves {
	_Atomic uint64_t word;   /* (r) scope/batch.h has the format */
	struct tend__home *home; /* (w) NULL: no end is deferred */
};

/* Places that a worker has taken in the count of a scope before the running task spawns into
 * the scope, so that two workers that spawn into the same scope seldom meet at its word.
 * The worker gives them back at the latest when another task runs; a thread that asks
 * whether the scope is empty takes them back before: see tend__await_begin(). */
struct tend__reserved_places {
	_Atomic uint64_t word;   /* (x) scope/batch.h has the format */
	struct tend__home *home; /* (w) spawned into since the last switch, or NULL */
	uint32_t step;           /* (w) how many places were taken last */
};

/* (c) constant once the runtime is open  (w) the worker's thread only  (r) written by the
 * worker, read by any thread  (x) any thread, in atomic steps  (l) the lock above */
struct tend__worker {
	tend_runtime *rt;                    /* (c) */
	uint32_t number;                     /* (c) */
	struct tend__context context;        /* (w) the loop's */
	struct tend__queue started;          /* (w) ready and pinned */
	struct tend__poller poller;          /* (w) but for tend__poller_wake() */
	struct tend__slots slots;            /* (w) */
	struct tend__stack *stacks;          /* (w) free stacks */
	struct tend__stack_block *blocks;    /* (w) */
	uint32_t stacks_free, stacks_used;   /* (w) */
	uint32_t stacks_peak;                /* (w) */
	bool stacks_trimmed;                 /* (w) no stack has come back since the trim */
	uint64_t stacks_looked;              /* (w) the last time when a trim was considered */
	_Atomic(struct tend__fd *) fds;      /* (r) by number; NULL before the first */
	uint64_t now;                        /* (w) the clock, read once a round */
	uint64_t rounds;                     /* (w) */
	uint64_t driver;                     /* (w) hosted: the thread that `shown` tells */
	struct tend__ring *shown;            /* (r) in the registry: which task runs, the rounds */
	uint32_t budget;                     /* (w) tasks to run before the loop's next round */
	uint32_t forgone;                    /* (w) part of the budget, in this round */
	struct tend__stack *dead;            /* (w) a task ended on it, and was switched from */
	struct tend__deferred_leaves leaves; /* (r) */
	struct tend__reserved_places places; /* (x) */
	_Atomic uint32_t births;             /* (r) tasks that the worker has spawned */
	struct tend__thread thread;          /* (c) */
	uint32_t seen[TEND__WORKERS_MAX];    /* (w) as a thief: heads of the rings at `looked` */
	uint64_t looked;                     /* (w) */
	uint64_t slow;                       /* (w) a bit for each worker with a slow ring */
	bool watches;                        /* (w) counted in the runtime's watchers */
	bool called;                         /* (w) to watch, and has not napped since */
	bool worked;                         /* (w) since the last look whether to watch */
	bool posted;                         /* (w) a post has come since the last spin */
	uint32_t turn;                       /* (w) counts tasks: fresh or started tasks next */
	struct tend__timers timers;          /* (w) */

	/* Other threads write below. */
	_Alignas(64) _Atomic(struct tend__post *) inbox; /* (x) newest first */
	_Atomic uint32_t sleeping;                       /* (x) 0, TEND__SLEEPS, TEND__CALLED */
	_Atomic uint32_t stop;                           /* (x) */
	_Alignas(64) _Atomic uint32_t head;              /* (x) thieves and this worker take here */
	_Alignas(64) _Atomic uint32_t tail;              /* (r) this worker adds here */
	_Atomic uint32_t put_aside;                      /* (r) tasks that went into batches */
	_Atomic uint32_t batches_count;                  /* (x) */
	struct tend__lock batches_lock;
	/* (l) Fresh tasks for which the ring had no room, oldest batch first. */
	struct tend__post *batches, **last_batch TEND_GUARDED_BY(&batches_lock);
	_Atomic(struct tend__task *) ring[TEND__RING]; /* (r) */
};

struct tend__scope;
struct tend__group;
struct tend__spawn;
struct tend__monitor;
struct tend_scope_opts;
struct tend_reason;

struct tend__stripe {
	_Alignas(64) struct tend__lock lock;
};

/* The watches of the changes of scopes and tasks, by slot.
 *
 * (l) its lock  (x) written under the lock, read by any thread */
struct tend__bell {
	struct tend__lock lock;
	_Atomic uint32_t count;                           /* (x) how many */
	struct tend__link watches TEND_GUARDED_BY(&lock); /* (l) */
};

/* (c) constant once the runtime is open  (x) any thread, in atomic steps  (l) the lock that
 * is named above; platform/lock.h has what each lock protects */
struct tend_runtime {
	uint32_t index;         /* (c) in ids */
	uint32_t flags;         /* (c) */
	uint32_t workers_count; /* (c) */
	uint32_t slots;         /* (c) 0 names nothing, 1 is the root */
	size_t stack_bytes;     /* (c) */
	/* (c) Calls up into scope/, set by tend__root_open(). A worker with
	 * reserved places calls settle() at each switch, and a worker with deferred leaves at
	 * the switch to a task of another scope: the next task is of the scope `next`, or
	 * `next` is NULL before the loop. It calls finish() after the last run of a fiber. */
	void (*settle)(struct tend__worker *w, const struct tend__home *next);
	void (*finish)(struct tend__task *t);
	/* (c) As these, when there is a listener: a fiber begins; a task of attempts rests, and
	 * rests() is its park. */
	void (*began)(struct tend__task *t);
	bool (*rests)(struct tend__task *t, enum tend__wait_kind wait);
	/* (c) Calls up into kinds/, set by open.c: spawns a task of turns below `detached`,
	 * whatever is closed or canceled there, which heeds no cancel but its own. Returns 0 or the
	 * error. */
	int (*spawn_cleaner)(tend_runtime *rt, const struct tend__kind *kind, void *data);
	/* (c) A call up into supervise/, set by open.c: makes a task that is not published yet run
	 * again and again, as the options of its spawn say, or the default of its scope, if there
	 * is one. Returns 0 or the error. */
	int (*supervise)(struct tend__task *t, const struct tend__spawn *spawn);
	/* (c) The same: the attempt of a kind that does not begin by itself has begun. Called in a
	 * turn of the attempt, without a lock. */
	void (*attempt_begun)(struct tend__task *t);
	/* (c) The same for a scope, of whose options *out is made. */
	int (*supervise_scope)(const struct tend_scope_opts *opts, struct tend__group **out);
	/* (c) The same: has the members of the scope end for good, each after its dependents.
	 * Called first without a reason, for all scopes of a shutdown, so that their members wait
	 * for dependents of other scopes. Returns whether any is still up; then
	 * tend__shutdown_news() is called when none is. */
	bool (*stop_members)(struct tend__scope *s, const struct tend_reason *reason);
	/* (c) The same: frees the round of a scope that ends, if there is a round. Under the lock
	 * of the scope. */
	void (*end_round)(struct tend__scope *s);
	void (*gave_up)(tend_scope scope, const struct tend_reason *reason, void *arg); /* (c) */
	void *gave_up_arg;                                                              /* (c) */
	struct tend__segment segment; /* (c) with a lock inside */
	struct tend__task *tasks;     /* (c) by slot, beside the records */
	struct tend__worker *workers; /* (c) */
	struct tend__lock outside_lock;
	struct tend__queue outside TEND_GUARDED_BY(&outside_lock); /* (l) spawned by no worker */
	_Atomic uint32_t outside_count;                            /* (x) */
	_Atomic uint32_t sleepers;     /* (x) workers asleep, or awake and not yet counted out */
	_Atomic uint32_t watchers;     /* (x) workers that watch the rings: signed */
	_Atomic uint32_t no_stacks;    /* (x) a stack could not be had: spawn refuses */
	_Atomic uint32_t path_waiters; /* (x) waits that look through the registry */
	_Atomic uint32_t births;       /* (x) tasks that no worker has spawned */
	_Atomic uint32_t listeners;    /* (x) subscriptions, and watches of changes */
	uint64_t restart_gap_ns;       /* (c) between two restarts after failures; 0: none */
	_Atomic uint64_t restart_next; /* (x) the earliest instant of the next of these */
	_Atomic uint64_t random;       /* (x) the state of tend__random(); 0: none was asked for */
	struct tend__stripe stripes[TEND__STRIPES];
	struct tend__lock monitor_lock;          /* the start of the monitor */
	_Atomic(struct tend__monitor *) monitor; /* (x) NULL until first needed */

	/* The layers above keep their roots here. */
	struct tend__lock tree;                /* shape of the scope tree, owners, cancel */
	struct tend__scope *root, *detached;   /* (c) */
	_Atomic(struct tend__scope *) *scopes; /* (c) by slot; (x) each */
	struct tend__lock empty_lock;
	struct tend__link empty_waiters TEND_GUARDED_BY(&empty_lock); /* (l) */
	struct tend__lock threads_lock;
	/* (l) Thread tasks that have ended and are to be joined. */
	struct tend__thread_task *threads_ended TEND_GUARDED_BY(&threads_lock);
	_Atomic uint32_t threads_live; /* (x) */
	struct tend__lock children_lock;
	/* (l) The link to the guard, made by the first process. */
	struct tend__children *children TEND_GUARDED_BY(&children_lock);
	struct tend__bell bells[TEND__BELLS]; /* scope/changes.c */
	char *guard_path;                     /* (c) */
	char name[TEND_NAME_MAX + 1];         /* (c) */
};

/* The runtimes that are open, by their number in ids; empty in a fork. The memory of an entry
 * stays, so a caller with a stale handle may count itself in before it learns that the
 * runtime has closed. */
struct tend__entry {
	/* NULL: no runtime, or a runtime that closes. Leaves the table under the lock. */
	_Alignas(64) _Atomic(tend_runtime *) rt;
	_Atomic uint32_t inside; /* visitors */
	_Atomic bool awaited;    /* a close waits for the visitors */
	/* The rest under the lock. */
	bool claimed;                /* the number is a runtime's, until its memory is freed */
	uint32_t generation;         /* the first that the next runtime of this number may use */
	struct tend__waiter *closer; /* the close while it sleeps, or NULL */
};
extern struct tend__lock tend__runtimes_lock;
extern struct tend__entry tend__runtimes[TEND__RUNTIMES];
int tend__runtime_claim(tend_runtime *rt, uint32_t *first_generation)
	TEND_EXCLUDES(&tend__runtimes_lock);
/* Frees the number of a runtime that is open, or that tend__runtime_shut() has shut. */
void tend__runtime_disclaim(tend_runtime *rt) TEND_EXCLUDES(&tend__runtimes_lock);
/* The calling thread drives the hosted runtime from here on, until another thread does or the
 * runtime closes. */
void tend__drive(const tend_runtime *rt);
/* True for a thread that drives a hosted runtime. */
bool tend__drives(void);
/* The instant at which the first of the open runtimes was opened, or 0. */
extern _Atomic uint64_t tend__opened_at;
TEND_NORETURN void tend__deadline_is_a_length(uint64_t deadline);
/* A deadline from before any runtime was opened is a length of time, and a bug of the program:
 * the call would answer at once, in silence. Called without a lock. */
static inline void tend__deadline_check(uint64_t deadline)
{
	/* Relaxed: a caller that has a runtime sees its opening. */
	if (deadline && deadline < tend__load_relaxed(&tend__opened_at))
		tend__deadline_is_a_length(deadline);
}

/* True in a fork of the process that opened the runtimes. */
bool tend__forked(void);
/* True until the fork opens a runtime of its own. */
bool tend__forked_without_runtime(void);
void tend__fork_opened(void);
/* True in a fork for a runtime of its parent. */
bool tend__stale(const tend_runtime *rt);
/* Returns the answer to a call on a handle that names nothing: -ESRCH, or -ESTALE in a fork. */
static inline int tend__no_such(void) { return tend__forked() ? -ESTALE : -ESRCH; }

static inline struct tend__lock *tend__stripe_of(tend_runtime *rt, uint64_t id)
{
	return &rt->stripes[tend__id_slot(id) % TEND__STRIPES].lock;
}

/* Returns the task in the slot of an id, which may be a later task by now. */
static inline struct tend__task *tend__task_at(tend_runtime *rt, uint64_t id)
{
	return &rt->tasks[tend__id_slot(id)];
}

/* Returns the worker of `rt` that the caller runs on, or NULL. */
static inline struct tend__worker *tend__worker_of(const tend_runtime *rt)
{
	struct tend__worker *w = tend__tls.worker;

	return w && w->rt == rt ? w : NULL;
}

/* visit.c: how a call finds the runtime of its handle.
 *
 * A visitor is a caller inside a runtime that is neither a task nor a worker of the runtime.
 * Tasks and workers keep their runtime open themselves; for a visitor the close waits,
 * because the visitor may hold the locks of the runtime or sleep in its lists. So each
 * public call on a handle enters, and leaves when it returns. */
tend_runtime *tend__enter_slow(uint32_t index);
void tend__exit_slow(tend_runtime *rt);
/* Returns the open runtime of an id, which stays until tend__exit(); or NULL. */
static inline tend_runtime *tend__enter(uint64_t id)
{
	uint32_t i = tend__id_runtime(id);
	struct tend__worker *w = tend__tls.worker;

	/* No look at the table: the runtime of a worker that calls is open. */
	if (__builtin_expect(w && w->rt->index == i, 1))
		return w->rt;
	return tend__enter_slow(i);
}
static inline void tend__exit(tend_runtime *const *rt)
{
	if (__builtin_expect(*rt && !tend__worker_of(*rt), 0))
		tend__exit_slow(*rt);
}
/* The calling function enters the runtime of the id as `rt`, and exits when it returns. A wait
 * inside takes no abort (TEND__STAY), because an abort does not return: the wait's caller
 * calls tend__abort_point() when it has left. */
#define TEND__VISIT(rt, id) \
	tend_runtime *const rt __attribute__((cleanup(tend__exit))) = tend__enter(id)
/* The same for the runtime at an address, which may have closed. */
tend_runtime *tend__enter_at(const tend_runtime *rt);
#define TEND__VISIT_AT(rt, at) \
	tend_runtime *const rt __attribute__((cleanup(tend__exit))) = tend__enter_at(at)
/* Takes the runtime out of the table, and waits until no visitor is inside. Returns 0, or
 * -ETIMEDOUT with the runtime back in the table. */
int tend__runtime_shut(tend_runtime *rt, uint64_t deadline) TEND_EXCLUDES(&tend__runtimes_lock);

/* Returns whether any thread is to be told of changes. After a change, and before the telling. */
static inline bool tend__listened(tend_runtime *rt)
{
	/* Relaxed, and in this order for the compiler only: the processor's order is made by
	 * tend__listen() of scope/changes.c. */
	tend__compiler_barrier();
	return __builtin_expect(tend__load_relaxed(&rt->listeners) != 0, 0);
}

/* Parks a task that has no stack. Returns what tend__task_park() does. */
static inline bool tend__rest(tend_runtime *rt, struct tend__task *t, enum tend__wait_kind wait)
{
	/* Between two attempts the park is a change of state; of other tasks it is none. */
	if ((t->flags & TEND__RESTARTABLE) && tend__listened(rt))
		return rt->rests(t, wait);
	return tend__task_park(t, wait);
}

/* The clock, on a worker as of the beginning of the round: cheaper, and up to a round late. */
static inline uint64_t tend__coarse(void)
{
	return tend__tls.worker && tend__tls.worker->now ? tend__tls.worker->now : tend__clock();
}
static inline uint32_t tend__ring_number(const tend_runtime *rt)
{
	struct tend__worker *w = tend__worker_of(rt);

	return w ? w->number : rt->workers_count;
}

/* stacks.c */
/* Returns 0, or a negative errno value and no stack. */
int tend__stack_take(struct tend__worker *w, size_t bytes, struct tend__stack **out);
void tend__stack_give(struct tend__worker *w, struct tend__stack *stack);
void tend__stacks_idle(struct tend__worker *w);
void tend__stacks_fini(struct tend__worker *w);

/* queue.c */
void tend__post(struct tend__worker *w, struct tend__post *post);
/* Queues a published task that has not run. */
void tend__spawned(tend_runtime *rt, struct tend__task *t) TEND_EXCLUDES(&rt->outside_lock);
/* Queues a task that was made ready by a notify. */
void tend__fiber_wake(struct tend__task *t);

/* switch.c */
/* The running fiber gives way to the next task, and returns when its turn comes: after a
 * yield by itself, after a park once it was notified. */
void tend__fiber_yield(struct tend__task *t);
void tend__fiber_park(struct tend__task *t, uint32_t wait);
/* The running fiber gives way to the loop, and to the tasks that are ready. Does nothing in
 * other tasks. */
void tend__loops_turn(struct tend__task *t);
/* At the beginning of what a task may do again and again without a park. Nothing is locked or
 * linked. A fiber whose waits never park would keep its worker from timers, inbox and
 * neighbours. */
static inline void tend__may_go_on(struct tend__task *t, int32_t cost)
{
	if ((tend__tls.waits_left -= cost) <= 0)
		tend__loops_turn(t);
}
/* Ends the running fiber, from anywhere on its stack, after its cleanups have run. */
TEND_NORETURN void tend__fiber_end(struct tend__task *t);
/* Instead of a reason to park: the task is fresh again, at the end of the run queue. */
enum { TEND__AGAIN = TEND__WAIT_KINDS };
/* Ends a turn of the running task, from anywhere on its stack: the task is at rest, or with
 * TEND__AGAIN fresh, or with TEND__WAIT_NONE has ended. */
TEND_NORETURN void tend__fiber_rest(struct tend__task *t, uint32_t wait);
/* Returns whether the running task may have its next turn at once and on this stack, because
 * no other task of the worker is ready. */
bool tend__fiber_stays(struct tend__task *t);
/* Runs the cleanups and the drop of the calling task. */
void tend__unwind(struct tend__task *t);
/* Runs a round of tasks, from the loop. Returns how many. */
int tend__run_ready(struct tend__worker *w);

/* park.c: the parts of every wait. */
struct tend__outside {
	struct tend__record record;
	struct tend__task task;
};
/* Begins a wait: returns the calling task, linked to its scope so that a cancel finds the
 * task; or, for a thread that is no task, a stand-in in `room`. */
struct tend__task *tend__self_slow(struct tend__outside *room);
static inline struct tend__task *tend__self(struct tend__outside *room)
{
	struct tend__task *t = tend__tls.task;

	if (!t || !t->in_cancel_list)
		return tend__self_slow(room);
	tend__may_go_on(t, 1);
	return t;
}
/* The calling thread, which is a task, rests until it is notified. */
void tend__thread_rest(tend_runtime *rt, struct tend__task *t, enum tend__wait_kind wait);
/* Links the task to its scope, so that a cancel finds the task. */
void tend__task_link(struct tend__task *t);
/* Says to readers since when the task waits, for which object, and where. */
static inline void tend__describe(struct tend__task *t, uint64_t object, uint64_t now,
                                  uint64_t where)
{
	struct tend__record *r = t->record;
	uint32_t seq = tend__load_relaxed(&r->seq);

	/* The sequence of layout.h, where each partner is named. */
	tend__store_relaxed(&r->seq, seq + 1);
	tend__store_release(&r->since, now);
	tend__store_release(&r->object, object);
	tend__store_release(&r->where, where);
	tend__store_release(&r->seq, seq + 2);
}
/* Returns -EDEADLK for the thread that drives a hosted runtime, outside of its tasks. */
static inline int tend__check_may_wait(void)
{
	return !tend__tls.task && tend__tls.driver && tend__drives() ? -EDEADLK : 0;
}
/* Returns -ESTALE in a fork, to a call that has no handle which says so. */
static inline int tend__check_process(void)
{
	return !tend__tls.task && tend__forked_without_runtime() ? -ESTALE : 0;
}
/* Both of a wait; with deadline 0 any thread may ask. */
static inline int tend__check_wait(uint64_t deadline)
{
	if (tend__tls.task)
		return 0;
	return tend__forked_without_runtime() ? -ESTALE : deadline ? tend__check_may_wait() : 0;
}
enum {
	TEND__UNCANCELABLE = 1, /* no cancel ends the wait */
	TEND__ONCE = 2,         /* any notify ends the wait, with 0: the caller looks */
	TEND__STAY = 4, /* no abort takes effect: the caller has something to take back before */
};
/* Waits until w->done, and returns w->result; else -ECANCELED or -ETIMEDOUT with w
 * unlinked. The caller has linked w and holds the lock of the object, which is released.
 * With lock NULL, w is not linked, and only tasks of the same worker set done. */
int tend__wait(struct tend__lock *lock, struct tend__waiter *w, enum tend__wait_kind why,
               uint64_t object, uint64_t deadline, unsigned flags) TEND_RELEASE(lock);
#ifdef TEND_SIM
/* Called with the task's id before each wait that a cancel can end, without a lock:
 * the cancel sweep's (sim/sweep.c) in a program that links it. */
extern void (*tend__on_wait)(uint64_t id);
#endif
/* Marks w done, and notifies the waiter. The caller holds the lock of the object, which
 * keeps the stack of the waiter in place until this returns. */
void tend__waiter_done(struct tend__waiter *w, int result);
/* Writes a task in the words of a message, and returns the buffer. */
const char *tend__who(const struct tend__task *t, char *buf, size_t size);
/* The object of the program has waiters, and is about to be freed: an error of the program.
 * Gives the lock of the object back, because the hook of the program runs without locks.
 * `from` is the return address of the call that frees. */
TEND_NORETURN void tend__freed_under(struct tend__lock *lock, const char *kind, uint64_t number,
                                     const struct tend__waiter *w, const void *from)
	TEND_RELEASE(lock);
/* Ends the calling task if an abort was asked for. No waiter of the task is linked. */
void tend__abort_if_asked(struct tend__task *t) TEND_EXCLUDES(&t->worker->rt->tree);
/* The same for a caller that returns -ECANCELED and has nothing to take back: an abort
 * takes effect here, and then this does not return. */
static inline bool tend__cancel_point(struct tend__task *t)
{
	if (!tend__cancel_visible(t))
		return false;
	tend__abort_if_asked(t);
	return true;
}
/* Passes on the answer of a wait with TEND__STAY, if an abort does not take effect here. */
static inline int tend__abort_point(int error)
{
	if ((error == -ECANCELED || error == -ETIMEDOUT) && tend__tls.task)
		tend__abort_if_asked(tend__tls.task);
	return error;
}
/* Ends the calling task, after its cleanups. */
TEND_NORETURN void tend__leave(struct tend__task *t);
void tend__checkpoint_at(struct tend__task *t, uint64_t where);

/* loop.c */
int tend__workers_start(tend_runtime *rt);
/* Ends the threads of the workers; and closes what the workers have, when no other thread can
 * wake them any more. */
void tend__workers_stop(tend_runtime *rt);
void tend__workers_fini(tend_runtime *rt);
int tend__worker_poll(struct tend__worker *w, uint64_t deadline);

#endif
