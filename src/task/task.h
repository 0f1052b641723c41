/* task/task.h - a task is a record, which every thread may read, and a struct tend__task,
 * which belongs to the worker.
 *
 * A word in the record decides which thread may touch the task:
 *
 *            +----- notify -----+
 *            v                  |
 *          READY ---park---> PARKED
 *            |
 *            +-----end-----> ENDED ---give---> FREE
 *
 *   FREE   -> READY    tend__task_publish()  the caller that won the admission
 *   READY  -> PARKED   tend__task_park()     the task itself, in tend__wait(); after a turn, the
 *                                            thread that took the turn
 *   PARKED -> READY    tend__task_notify()   any thread, which must then queue the task
 *   READY  -> ENDED    tend__task_end()      its worker or thread, or the monitor; of an external
 *                                            task, any
 *   ENDED  -> FREE     tend__slot_give()     its worker; if the outcome was kept, the joiner
 *                                            or the end of the scope
 *
 * A fiber that runs stays READY: the worker says in the registry which fiber runs, because a
 * store there costs a tenth of two exchanges here. A thread is RUNNING where a fiber is
 * READY, and becomes RUNNING again by tend__task_run() after a park.
 *
 * A notify of a task that is not PARKED leaves NOTIFIED behind, which makes the next park
 * fail: state and bit share a word, so a wake-up between a task's last look and its park is
 * not lost. Every wait looks again, so a notify too many is harmless. But a notify must
 * never reach the next task of the slot, hence the generation in the same word.
 *
 * A task of turns, as a process is, has neither a stack nor a worker while it is parked: a
 * notify has its next turn taken by any worker, or by the monitor. */
#ifndef TEND_TASK_TASK_H
#define TEND_TASK_TASK_H

#include "tend/registry.h"
#include "tend/task.h"

#include "base/list.h"
#include "platform/lock.h"
#include "segment/layout.h"

struct tend__worker;
struct tend__stack;

/* An entry of a worker's inbox. The post of a task is also the link in a run queue. */
struct tend__post {
	struct tend__post *next;
	union {
		void (*fn)(struct tend__worker *worker, struct tend__post *post);
		struct tend__post *next_batch; /* in the first fresh task of a batch */
	};
};

/* The part of a scope that its tasks use. */
struct tend__home {
	struct tend__record *record; /* the word has the canceled bit */
	struct tend__lock lock;
	struct tend__link cancel_list TEND_GUARDED_BY(&lock); /* tasks that have begun a wait */
};

/* Made when first needed, because few tasks have these. A thread that holds the task's
 * stripe may write them, and so may the spawner before it publishes the task. */
struct tend__extra {
	struct tend_reason reason; /* for a cancel of the task itself */
	struct tend__link watches;
	struct tend__alarm *alarm; /* for the deadline */
	bool timed_out;            /* the reason is that of the deadline */
	int32_t signal;            /* the end of a process */
	char message[128];         /* from a panic or a failed start */
};

struct tend__defer {
	struct tend__defer *next;
	void (*fn)(void *arg);
	void *arg;
};

struct tend__task;

/* The functions in which fibers, threads, processes and external tasks differ. */
struct tend__kind {
	/* Makes a notified task run. */
	void (*wake)(struct tend__task *t);
	/* NULL for a task that is a function, called once. Otherwise a task of turns: called for
	 * each notify, until it returns TEND__WAIT_NONE: the task ends. Otherwise it returns the
	 * reason of the park that follows, in which the task has neither stack nor worker; or
	 * TEND__AGAIN. */
	uint32_t (*turn)(struct tend__task *t);
	/* Called by a worker that has no stack for a turn, for the error; gives the task away. */
	void (*starved)(struct tend__task *t, int error);
	/* Called when the task is canceled or forced, before the notify, with the lock of its
	 * home or its stripe held; NULL: the notify is enough. */
	void (*told)(struct tend__task *t);
	/* Called on the task's own stack after the cleanups: leaves the stack for good. */
	void (*leave)(struct tend__task *t);
	/* Called before the slot is freed: with the stripe held, or when no handle reaches the
	 * task. */
	void (*gone)(struct tend__task *t);

	/* ---- If turns of the kind may be attempts: supervise/supervise.h ---- */

	/* An attempt begins, before its first turn; the kind tells when it has begun. NULL: the
	 * turn calls the function at once. */
	void (*begin)(struct tend__task *t);
	/* Called on the stack of a turn that the program has left by a panic, before the cleanups,
	 * where turns go on after that. Returns what the turn would return. NULL: none go on. */
	uint32_t (*broke)(struct tend__task *t);
	/* No attempt follows; before the drop. NULL: nothing is left. */
	void (*retire)(struct tend__task *t);
	/* Called for the kind around an attempt, in a turn of the attempt and without a lock: the
	 * attempt is ready. NULL: the kind has no attempts. */
	void (*is_ready)(struct tend__task *t);
	/* Ends a turn from anywhere on its stack: the task rests, or with TEND__AGAIN has another
	 * turn, or with TEND__WAIT_NONE ends. */
	void (*quit)(struct tend__task *t, uint32_t wait);
};

/* (c) constant while the task lives  (w) its worker or its thread only  (s) its stripe.
 * Three cache lines, that two workers never share; the third is for few. */
struct tend__task {
	struct tend__post post;        /* (w) in one queue at a time */
	struct tend__record *record;   /* (c) */
	struct tend__stack *stack;     /* (w) NULL until its first run, and between turns */
	const struct tend__kind *kind; /* (c) */
	struct tend__home *home;       /* (c) NULL: a thread outside the runtime */
	struct tend__worker *worker;   /* (w) NULL until its first run, between turns, of threads */
	uint64_t id;                   /* (c) */

	tend_fn *fn;                /* (c) */
	void *arg;                  /* (c) */
	void (*drop)(void *arg);    /* (c) */
	struct tend__defer *defers; /* (w) newest first */
	struct tend__link in_scope; /* home->lock; in home->cancel_list; in the scope's `kept` once
	                               the task has ended and its outcome is kept */
	struct tend__extra *extra;  /* (s) NULL until first needed */
	int32_t result;             /* (w) return value of fn */
	bool in_cancel_list;        /* (w) in home->cancel_list: neighbours write the link */
	uint8_t unwinding;          /* (w) enum below: no abort takes effect any more */
	bool was_canceled;          /* (c) once ended: a cancel had reached it */
	bool owns;                  /* (w) the task has opened a scope, or was spawned with one; a
	                               scope that tend_scope_hold() gives to the task sets TOUCHED
	                               instead */

	uint64_t shield;           /* (w) until this instant cancels are not visible */
	struct tend__link joiners; /* (s) waiters of tend_join() */
	struct tend__link owned;   /* runtime.tree; scopes that the task owns */
	void *data;                /* (w) the kind's: a process, a thread; or a life */
	uint32_t stack_bytes;      /* (c) 0: the runtime's */
	int32_t cancel_code;       /* (s) from a cancel of the task itself, also without extra */
	uint8_t flags;             /* (c) TEND_ABORTABLE, TEND_CRITICAL, and the flags below */
	uint8_t ending;            /* (w) TEND_PANICKED, TEND_ABORTED, ...; 0: see the result */
	bool aborted;              /* (w) its waits answer -ECANCELED for good */
	bool timed_out;            /* (w) the timer of its park fired */
	bool joined;               /* scope's lock; a joiner has taken the outcome */
	bool leaving;              /* runtime.tree; the task can own no more scopes */
	uint8_t shields;           /* (w) how many have begun and not ended */
};
_Static_assert(sizeof(struct tend__task) == 192, "three cache lines");

static inline uint64_t tend__task_word(const struct tend__task *t)
{
	/* Acquire: the caller sees the writes from before the bit that it looks for. */
	return tend__load_acquire(&t->record->word);
}

/* The first part of the `data` of a restartable task.
 * (c) constant  (l) home->lock  (w) the thread that takes the turn */
struct tend__attempt {
	const struct tend__kind *kind; /* (c) an attempt is turns of this kind */
	void *data;                    /* (w) the kind's, as of a task without attempts */
	bool has_text;                 /* (w) the outcome of the attempt has a text */
	bool is_last;                  /* (w) the kind lets no other attempt begin */
	bool for_good;                 /* (l) the stop ends the task, as a cancel would */
	bool noted;                    /* (l) the registry has a note of the life */
	int32_t error;                 /* (l) why the last attempt failed; 0: see its result */
	uint32_t failures;             /* (l) in a row */
	int32_t stop_code;             /* (l) the attempt is asked to stop; 0: it is not */
	const char *stop_text;         /* (l) a literal */
	uint64_t stopped_at;           /* (l) */
};

/* At the end of a task its cleanups and its drop run. */
enum {
	TEND__UNWINDS = 1, /* the cleanups run */
	TEND__UNWOUND,     /* the cleanups have run */
};
enum {
	TEND__RUNS_ONCE = 1 << 5,   /* restartable, but its policy is to run once */
	TEND__RESTARTABLE = 1 << 6, /* the task has attempts: src/supervise */
	TEND__OWN_CANCEL = 1 << 7,  /* a cancel of the scope does not reach the task */
};

static inline struct tend__attempt *tend__attempt_of(const struct tend__task *t)
{
	tend__assert(t->flags & TEND__RESTARTABLE);
	return t->data;
}

/* Returns the kind of the task, or of its attempts. */
static inline const struct tend__kind *tend__kind_of(const struct tend__task *t)
{
	return t->flags & TEND__RESTARTABLE ? tend__attempt_of(t)->kind : t->kind;
}

/* Returns what the kind of the task keeps beside the task, whether the task has attempts or not. */
static inline void *tend__own(const struct tend__task *t)
{
	return t->flags & TEND__RESTARTABLE ? tend__attempt_of(t)->data : t->data;
}
static inline void tend__set_own(struct tend__task *t, void *data)
{
	*(t->flags & TEND__RESTARTABLE ? &tend__attempt_of(t)->data : &t->data) = data;
}

/* Returns whether the task or its scope is canceled, or its attempt stopped, regardless of
 * shields. */
static inline bool tend__cancel_requested(const struct tend__task *t)
{
	if (tend__task_word(t) & (TEND__CANCELED | TEND__STOP))
		return true;
	/* Acquire: the reason was frozen before the bit was set. */
	return (tend__load_acquire(&t->home->record->word) & TEND__SCOPE_CANCELED) &&
	       !(t->flags & TEND__OWN_CANCEL);
}

/* Returns whether a wait of the task would return -ECANCELED. */
bool tend__cancel_visible_now(struct tend__task *t);
static inline bool tend__cancel_visible(struct tend__task *t)
{
	return tend__cancel_requested(t) ? tend__cancel_visible_now(t) : t->aborted;
}

void tend__task_publish(struct tend__task *t, uint32_t state_bits);
void tend__task_run(struct tend__task *t);

/* Beside the kind of a wait, for readers: the wait has a deadline. */
enum { TEND__PARK_TIMED = TEND__TIMED >> TEND__WAIT_SHIFT };
/* Returns false, without a park, if a notify has come since the last park: the task then
 * looks again. `wait` is a kind, perhaps with TEND__PARK_TIMED. */
bool tend__task_park(struct tend__task *t, uint32_t wait) TEND_MUST;

/* Returns true if the caller must make the task run, by tend__task_wake().
 * tend__task_notify_id() does nothing if the slot has another task by now. */
bool tend__task_notify(struct tend__task *t) TEND_MUST;
bool tend__task_notify_id(struct tend__task *t, uint64_t id) TEND_MUST;
static inline void tend__task_wake(struct tend__task *t) { t->kind->wake(t); }

/* Sets bits of a live task. Returns false if the slot has gone on or the task has ended; but
 * TOUCHED may be set in an ended task whose outcome is kept. */
bool tend__task_mark(struct tend__record *r, uint64_t id, uint32_t bits) TEND_MUST;
void tend__task_unmark(struct tend__task *t, uint32_t bits);

/* Between two attempts: forgets what was asked of the last one, and sets its outcome for
 * readers. */
void tend__task_between(struct tend__task *t, uint32_t outcome);

/* Ends the task. Returns false if a thread has touched the task by its handle: the caller
 * then takes the stripe and calls tend__task_end_touched(). */
bool tend__task_end(struct tend__task *t, uint32_t outcome) TEND_MUST;
void tend__task_end_touched(struct tend__task *t, uint32_t outcome);

/* The return address of the calling function, or of the function that it is inlined into. */
#define TEND__CALLER ((uintptr_t)__builtin_return_address(0))

/* A wait for an object. The lock of the object guards the waiter while it is linked. */
struct tend__waiter {
	struct tend__link link;
	struct tend__task *task;
	void *item;
	uint64_t where; /* return address of the public function, for readers; 0: not known */
	int32_t result;
	bool done;
	_Atomic bool done_here; /* set by a task of the same worker */
};

#endif
