/* runtime/runtime.h - who runs the tasks.
 *
 * A worker is one thread with its queues, timers, poller, stacks and free slots.
 * Nobody else touches them: others reach a worker by its inbox, and take from
 * its ring of tasks that have not started.
 *
 * Files, each uses only those above it:
 *   table.c   the runtimes that are open, by number
 *   stacks.c  stacks of fibers
 *   queue.c   how work comes to a worker: ring, inbox, from outside
 *   switch.c  which task is next, and the switch to it
 *   park.c    what every wait is made of
 *   fds.c     descriptors that fibers wait for
 *   alarm.c   deadlines of scopes and tasks
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
	TEND__RUNTIMES = 255, /* an id has 8 bits for it, and the last is no runtime */
	TEND__WORKERS_MAX = 64,
	TEND__RING = 256,
	TEND__STRIPES = 64,
	TEND__ROUND = 128, /* tasks run between looks at inbox, timers and descriptors */
};

/* First in, first out; links are the tasks' posts. */
struct tend__queue {
	struct tend__post *first, **last;
};

/* Lives at the top of the stack it describes; so does what runs on it, for one
 * task after the other may. */
struct tend__stack {
	struct tend__context context;
	struct tend__stack *next;
	char *low;
	size_t bytes;
	unsigned announced;
	bool single;  /* of a size of its own: unmapped, not kept */
	bool trimmed; /* free, and its pages were given back */
};

struct tend__stack_block {
	struct tend__stack_block *next;
	void *low;
	size_t bytes;
	unsigned n; /* not used yet */
};

/* A descriptor that fibers of this worker have waited for. */
struct tend__fd {
	uint64_t generation; /* of the number, when it was added to the poller */
	bool added;
	uint8_t ready; /* came while nobody waited; of what is unusual, ever */
	bool tcp;
	bool drained;                        /* by the last read, and nothing has come since */
	void (*watch)(void *arg, int error); /* not a fiber's: called by the loop, or NULL */
	void *watch_arg;
	struct tend__link waiters;
	_Atomic bool posted; /* the post, by who has closed the number elsewhere */
	struct tend__post post;
};

/* Tasks of one scope that ended one after the other, with one outcome, and still
 * count in it: they leave it together. At the latest when the worker goes on to
 * what is of another scope, or to nothing; so while they count, a task of the
 * scope runs, and nobody takes it for live because of them. */
struct tend__debt {
	_Atomic uint64_t word; /* slot of the scope 24 | outcome 8 | count 32 */
	struct tend__owner *owner;
	void (*pay)(struct tend__worker *w);
};

/* Places in a scope that a worker has taken for tasks that the running one will
 * spawn into it, so that two who spawn into one scope seldom meet at its word. At the
 * latest when another task runs they are given back, and whoever asks for emptiness
 * takes them back before: see tend__await_begin(). */
struct tend__credit {
	_Atomic uint64_t word;     /* slot of the scope 24 | 0 | count 32 */
	struct tend__owner *owner; /* spawned into since the last switch, or NULL */
	uint32_t step;             /* how many places were taken last */
	void (*give_back)(struct tend__worker *w);
};

struct tend__worker {
	tend_runtime *rt;
	uint32_t number;
	struct tend__context context; /* of the loop */
	struct tend__queue started;   /* ready and pinned */
	struct tend__queue fresh;     /* did not fit into the ring */
	struct tend__poller poller;
	struct tend__slots slots;
	struct tend__stack *stacks; /* free ones */
	struct tend__stack_block *blocks;
	uint32_t stacks_free, stacks_used, stacks_peak;
	bool stacks_trimmed;            /* since none has come back */
	uint64_t stacks_looked;         /* when they were last looked at for that */
	_Atomic(struct tend__fd *) fds; /* by number; NULL before the first */
	uint64_t now;                   /* read once a round */
	uint64_t rounds;
	_Atomic uint64_t *current; /* the id of the task it runs: the registry's */
	uint32_t budget;           /* tasks it may still run before the loop's next round */
	struct tend__stack *dead;  /* of who has ended, and was switched from */
	struct tend__debt debt;
	struct tend__credit credit;
	_Atomic uint32_t births; /* tasks it has spawned */
	struct tend__thread thread;
	uint32_t seen[TEND__WORKERS_MAX]; /* heads of rings when last looked at as a thief, */
	uint64_t looked;                  /* then */
	bool watches;                     /* counts as one of the runtime's watchers, */
	bool called;                      /* for that, and has not napped since */
	bool worked;                      /* since it last was about to sleep */
	bool posted;                      /* since it last slept, something came from others */
	uint32_t turn;                    /* counts tasks: fresh or started ones next */
	struct tend__timers timers;

	/* Others write below. */
	_Alignas(64) _Atomic(struct tend__post *) inbox;
	_Atomic uint32_t sleeping;
	_Atomic uint32_t stop;
	_Alignas(64) _Atomic uint32_t head; /* thieves and the owner take here */
	_Alignas(64) _Atomic uint32_t tail; /* the owner adds here */
	_Atomic(struct tend__task *) ring[TEND__RING];
};

struct tend__scope;

struct tend__stripe {
	_Alignas(64) struct tend__lock lock;
};

struct tend_runtime {
	uint32_t index; /* in ids */
	uint32_t flags;
	uint32_t workers_count;
	uint32_t slots; /* 0 names nothing, 1 is the root */
	size_t stack_bytes;
	struct tend__segment segment;
	struct tend__task *tasks; /* by slot, beside the records */
	struct tend__worker *workers;
	struct tend__lock outside_lock;
	struct tend__queue outside TEND_GUARDED_BY(&outside_lock); /* spawned by no worker */
	_Atomic uint32_t outside_count;
	_Atomic uint32_t sleepers;     /* workers that have not counted themselves out again */
	_Atomic uint32_t watchers;     /* that are awake, or nap, to take from others: signed */
	_Atomic uint32_t no_stacks;    /* a stack could not be had: spawn refuses */
	_Atomic uint32_t path_waiters; /* that look through the registry */
	_Atomic uint32_t births;       /* of tasks that no worker has spawned */
	struct tend__stripe stripes[TEND__STRIPES];

	/* The layers above keep their roots here. */
	struct tend__lock tree; /* shape of the scope tree, owners, cancel */
	struct tend__scope *root, *detached;
	_Atomic(struct tend__scope *) *scopes; /* by slot */
	struct tend__lock empty_lock;
	struct tend__link empty_waiters TEND_GUARDED_BY(&empty_lock);
	struct tend__lock threads_lock; /* of thread tasks that are to be joined */
	struct tend__thread_task *threads_ended TEND_GUARDED_BY(&threads_lock);
	_Atomic uint32_t threads_live;
	struct tend__lock children_lock;
	/* Of the guard; made by the first process. */
	struct tend__children *children TEND_GUARDED_BY(&children_lock);
	char *guard_path;
	char name[TEND_NAME_MAX + 1];
};

/* The runtimes that are open, by their number in ids; in a fork none is. While the lock
 * is held none of them leaves the table. */
extern struct tend__lock tend__runtimes_lock;
extern _Atomic(tend_runtime *) tend__runtimes[TEND__RUNTIMES];
static inline tend_runtime *tend__runtime_of(uint64_t id)
{
	uint32_t i = tend__id_runtime(id);

	/* Acquire: pairs with the release in tend__runtime_claim(). */
	return i < TEND__RUNTIMES ? tend__load_acquire(&tend__runtimes[i]) : NULL;
}
int tend__runtime_claim(tend_runtime *rt, uint32_t *first_generation)
	TEND_EXCLUDES(&tend__runtimes_lock);
void tend__runtime_disclaim(tend_runtime *rt) TEND_EXCLUDES(&tend__runtimes_lock);
/* True in a fork of the process that opened the runtimes. */
bool tend__forked(void);
struct tend__header *tend__runtime_segment(const tend_runtime *rt);

static inline struct tend__lock *tend__stripe_of(tend_runtime *rt, uint64_t id)
{
	return &rt->stripes[tend__id_slot(id) % TEND__STRIPES].lock;
}

/* The task of an id, whether or not it still is that task. */
static inline struct tend__task *tend__task_at(tend_runtime *rt, uint64_t id)
{
	return &rt->tasks[tend__id_slot(id)];
}

/* The worker of `rt` that the caller runs on, or NULL. */
static inline struct tend__worker *tend__worker_of(const tend_runtime *rt)
{
	struct tend__worker *w = tend__tls.worker;

	return w && w->rt == rt ? w : NULL;
}
/* A clock that is read once a round, for what needs no better. */
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
struct tend__stack *tend__stack_take(struct tend__worker *w, size_t bytes, int *error);
void tend__stack_give(struct tend__worker *w, struct tend__stack *stack);
void tend__stacks_idle(struct tend__worker *w);
void tend__stacks_fini(struct tend__worker *w);

/* queue.c */
void tend__post(struct tend__worker *w, struct tend__post *post);
/* Queues a published task that has not run. */
void tend__spawned(tend_runtime *rt, struct tend__task *t) TEND_EXCLUDES(&rt->outside_lock);
void tend__fiber_wake(struct tend__task *t);

/* switch.c */
/* Both by the running fiber: the next one runs on in its stead. */
void tend__fiber_yield(struct tend__task *t);
void tend__fiber_park(struct tend__task *t, enum tend__wait wait);
/* From wherever it is on its stack; its cleanups have run. */
TEND_NORETURN void tend__fiber_end(struct tend__task *t);
/* Runs the cleanups and the drop of the calling task. */
void tend__unwind(struct tend__task *t);
/* A round of tasks, by the loop: how many. */
int tend__run_ready(struct tend__worker *w);

/* park.c: what every wait is made of. */
struct tend__outside {
	struct tend__record record;
	struct tend__task task;
};
/* The calling task, linked to its scope so that a cancel finds it; a thread that
 * is none gets a stand-in in `room`. */
struct tend__task *tend__self_slow(struct tend__outside *room);
static inline struct tend__task *tend__self(struct tend__outside *room)
{
	struct tend__task *t = tend__tls.task;

	return t && t->in_list ? t : tend__self_slow(room);
}
/* -EDEADLK for the thread that drives a hosted runtime, outside of its tasks. */
static inline int tend__may_wait(void)
{
	return tend__tls.hosted && !tend__tls.task ? -EDEADLK : 0;
}
enum {
	TEND__DEAF = 1, /* no cancel ends the wait */
	TEND__ONCE = 2, /* any notify ends it, with 0: the caller looks */
	TEND__STAY = 4, /* the caller has something to take back before an abort */
};
/* Waits until w->done, and answers w->result; else -ECANCELED or -ETIMEDOUT with
 * w unlinked. Called with `lock` held, and w linked; returns with it free. With
 * lock NULL, w is not linked and its worker sets done. */
int tend__wait(struct tend__lock *lock, struct tend__waiter *w, enum tend__wait why,
               uint64_t object, uint64_t deadline, unsigned flags) TEND_RELEASE(lock);
#ifdef TEND_SIM
/* Called with the task's id before each wait that a cancel can end, without a lock:
 * the cancel sweep's (sim/sweep.c) in a program that links it. */
extern void (*tend__on_wait)(uint64_t id);
#endif
/* With the lock of the object of w: it is done. Notifies under that lock, which
 * is what keeps the waiter's stack where it is. */
void tend__waiter_done(struct tend__waiter *w, int result);
/* Ends the calling task if an abort was asked for. Nothing of its may be linked. */
void tend__abort_if_asked(struct tend__task *t) TEND_EXCLUDES(&t->worker->rt->tree);
/* The same where the caller answers it and holds nothing: an abort takes effect. */
static inline bool tend__canceled(struct tend__task *t)
{
	if (!tend__told(t))
		return false;
	tend__abort_if_asked(t);
	return true;
}
/* Ends the calling task: that, and off. */
TEND_NORETURN void tend__leave(struct tend__task *t);
void tend__checkpoint_at(struct tend__task *t, void *address);

/* alarm.c: something to do at an instant, by worker 0. */
struct tend__alarm;
struct tend__alarm *tend__alarm_make(tend_runtime *rt, uint64_t at, uint64_t id,
                                     void (*ring)(tend_runtime *rt, uint64_t id));
/* When its object can be found by its id: one that rings before is lost. */
void tend__alarm_start(struct tend__alarm *alarm);
/* Started or not; NULL does nothing. */
void tend__alarm_drop(struct tend__alarm *alarm);

/* loop.c */
int tend__workers_start(tend_runtime *rt);
void tend__workers_stop(tend_runtime *rt);
int tend__worker_poll(struct tend__worker *w, uint64_t deadline);

#endif
