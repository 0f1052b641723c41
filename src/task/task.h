/* task/task.h - what a task is: a record that everyone reads, and this, which
 * is its worker's.
 *
 * One word in the record decides who may touch it:
 *
 *            +----- notify -----+
 *            v                  |
 *          READY ---park---> PARKED
 *            |
 *            +-----end-----> ENDED ---give---> FREE
 *
 *   FREE   -> READY    tend__task_publish()  who won its admission
 *   READY  -> PARKED   tend__task_park()     its worker, off the task's stack
 *   PARKED -> READY    tend__task_notify()   any thread; it must then queue it
 *   READY  -> ENDED    tend__task_end()      its worker, or its thread
 *   ENDED  -> FREE     tend__slot_give()     who took its outcome, or its worker
 *
 * A fiber that runs stays READY: its worker says in the registry which it is, for
 * a store there costs a tenth of two exchanges here. A thread is RUNNING where a
 * fiber is READY, and becomes it again by tend__task_run() after a park.
 *
 * A notify of a task that is not PARKED leaves NOTIFIED behind, and that makes
 * the next park fail: state and bit share a word, so a wake-up between a task's
 * last look and its park is not lost. Every wait looks again, so a notify too
 * many is harmless; what is never allowed is one that reaches a slot's next
 * task as if it were its own, hence the generation in the same word. */
#ifndef TEND_TASK_TASK_H
#define TEND_TASK_TASK_H

#include "tend/registry.h"
#include "tend/task.h"

#include "base/list.h"
#include "platform/lock.h"
#include "segment/layout.h"

struct tend__worker;
struct tend__stack;

/* What a worker's inbox holds; a task's is also its link in a run queue. */
struct tend__post {
	struct tend__post *next;
	void (*fn)(struct tend__worker *worker, struct tend__post *post);
};

/* What a task knows of its scope. */
struct tend__owner {
	struct tend__record *record; /* its word has the canceled bit */
	struct tend__lock lock;
	struct tend__link parked TEND_GUARDED_BY(&lock); /* tasks that have ever parked */
};

/* What few tasks have, made when first needed. Guarded by the task's stripe. */
struct tend__extra {
	struct tend_reason reason; /* of its own cancel */
	struct tend__link watches;
	struct tend__alarm *alarm; /* of its deadline */
	int32_t signal;            /* that ended a process */
	char message[128];         /* of a panic or a failed start */
};

struct tend__defer {
	struct tend__defer *next;
	void (*fn)(void *arg);
	void *arg;
};

struct tend__task;

/* What differs between fibers, threads, processes and external tasks. */
struct tend__kind {
	/* Makes a notified task run. */
	void (*wake)(struct tend__task *t);
	/* Of a fiber: its worker has had it run for the last time. */
	void (*ended)(struct tend__task *t);
	/* On the task's own stack, after its cleanups: goes away and never returns. */
	void (*leave)(struct tend__task *t);
	/* Its slot is to be free; its stripe is held, or nobody knows it. */
	void (*gone)(struct tend__task *t);
};

/* (c) constant while it lives  (w) its worker's, or its thread's  (s) its stripe.
 * Three cache lines, that two workers never share; the third is for few. */
struct tend__task {
	struct tend__post post;        /* (w) in one queue at a time */
	struct tend__record *record;   /* (c) */
	struct tend__stack *stack;     /* (w) NULL until its first run */
	const struct tend__kind *kind; /* (c) */
	struct tend__owner *owner;     /* (c) NULL: a thread outside the runtime */
	struct tend__worker *worker;   /* (w) NULL until its first run, and of threads */
	uint64_t id;                   /* (c) */

	tend_fn *fn;                /* (c) */
	void *arg;                  /* (c) */
	void (*drop)(void *arg);    /* (c) */
	struct tend__defer *defers; /* (w) newest first */
	struct tend__link in_scope; /* owner->lock; in owner->parked, and once it has ended with its
	                               outcome kept, in the scope's held */
	struct tend__extra *extra;  /* (s) or NULL */
	int32_t result;             /* (w) what fn returned */
	bool in_list;               /* (w) in owner->parked: its neighbours write the link */
	bool unwinding;             /* (w) its cleanups run: it cannot be aborted again */
	bool was_told;              /* (c) once ended: a cancel had reached it */
	bool owns;                  /* (w) it has opened a scope, or was born holding one; one
	                               that others gave it has touched it */

	uint64_t shield;           /* (w) until this instant it does not see cancels */
	struct tend__link joiners; /* (s) waiters of tend_join() */
	struct tend__link owned;   /* runtime.tree; scopes it owns */
	void *data;                /* (w) of its kind: a process */
	uint32_t stack_bytes;      /* (c) 0: the runtime's */
	int32_t cancel_code;       /* (s) of its own cancel, with or without extra */
	uint8_t flags;             /* (c) TEND_ABORTABLE, TEND_CRITICAL */
	uint8_t ending;            /* (w) TEND_PANICKED, TEND_ABORTED; else 0 */
	bool aborted;              /* (w) its waits answer -ECANCELED for good */
	bool timed_out;            /* (w) the timer of its park fired */
	bool joined;               /* scope's lock; a joiner has had its outcome */
	bool leaving;              /* runtime.tree; it can own no more scopes */
};
_Static_assert(sizeof(struct tend__task) == 192, "three cache lines");

static inline uint64_t tend__task_word(const struct tend__task *t)
{
	/* Acquire: what was written before the bit that the caller looks for. */
	return tend__load_acquire(&t->record->word);
}

/* The task's own cancel or its scope's, whatever it shields. */
static inline bool tend__task_told(const struct tend__task *t)
{
	if (tend__task_word(t) & TEND__CANCELED)
		return true;
	/* Acquire: with the bit comes the reason, frozen before it was set. */
	return t->owner && (tend__load_acquire(&t->owner->record->word) & TEND__SCOPE_CANCELED);
}

/* Would a wait of the task answer -ECANCELED? */
bool tend__told_now(struct tend__task *t);
static inline bool tend__told(struct tend__task *t)
{
	return tend__task_told(t) ? tend__told_now(t) : t->aborted;
}

void tend__task_publish(struct tend__task *t, uint32_t state_bits);
void tend__task_run(struct tend__task *t);

/* False, and not parked, if it was notified since it last ran: it looks again. */
bool tend__task_park(struct tend__task *t, enum tend__wait wait) TEND_MUST;

/* True if the caller must make it run, by tend__task_wake(). The second does
 * nothing to a slot that has gone on to another task. */
bool tend__task_notify(struct tend__task *t) TEND_MUST;
bool tend__task_notify_id(struct tend__task *t, uint64_t id) TEND_MUST;
static inline void tend__task_wake(struct tend__task *t) { t->kind->wake(t); }

/* Sets bits of a live task; false if the slot has gone on or it has ended. One
 * that has ended and is held may still be touched. */
bool tend__task_mark(struct tend__record *r, uint64_t id, uint32_t bits) TEND_MUST;
void tend__task_unmark(struct tend__task *t, uint32_t bits);

/* False if somebody works on it by its handle: the caller takes the stripe and
 * passes `touched`. */
bool tend__task_end(struct tend__task *t, uint32_t outcome, bool touched) TEND_MUST;

/* What every wait is made of. The object's lock guards it while it is linked. */
struct tend__waiter {
	struct tend__link link;
	struct tend__task *task;
	void *item;
	int32_t result;
	bool done;
	_Atomic bool done_here; /* by a task of the same worker */
};

#endif
