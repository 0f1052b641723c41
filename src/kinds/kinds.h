/* kinds/kinds.h - the kinds of tasks: fibers, threads, processes, external work.
 *
 * A kind says how a task is woken, how a task leaves its stack, and what follows its
 * end (struct tend__kind). Admission and the registry are the same for all kinds.
 *
 * Files, each uses only those above it:
 *   self.c      calls of the running task about itself
 *   birth.c     how a task of any kind begins
 *   fiber.c     fibers
 *   thread.c    threads
 *   external.c  work that runs elsewhere
 * The folder process/ stands above them all. */
#ifndef TEND_KINDS_KINDS_H
#define TEND_KINDS_KINDS_H

#include "scope/scope.h"

#include <pthread.h>

struct tend_child;
struct tend_process_opts;

/* The input of a spawn, for all kinds. */
struct tend__spawn {
	/* As tend__enter() returned it, or NULL. The caller stays inside until the spawn is over,
	 * because the task may end, and the runtime close, as soon as the task is published. */
	tend_runtime *rt;
	const char *site;
	const struct tend_task_opts *opts; /* checked by tend__task_opts() */
	const struct tend__kind *ops;
	const struct tend__kind *attempts; /* the kind of an attempt; NULL: the task runs once */
	uint64_t grace_ns;                 /* default grace of an attempt; 0: that of the library */
	uint32_t kind;                     /* TEND_KIND_... */
	uint32_t attempt;                  /* 0 stands for 1 */
	bool kept;                         /* the outcome is kept for joiners */
	bool starting;                     /* the task itself clears STARTING when it runs */
	bool forced;                       /* no admission refuses the task */
	bool in_set;                       /* the task is one of a set, which makes it a member */
};

/* Takes a slot, fills the record and wins the admission of the scope. The caller then
 * sets the rest of *out and calls tend__task_start(), or takes all back by tend__task_unprepare().
 * Returns 0; or a negative errno value, and then nothing has changed but a count: a refusal
 * of the scope is counted. */
int tend__task_prepare(tend_scope scope, const struct tend__spawn *spawn, struct tend__task **out);
/* Publishes the task: from here on any thread may cancel the task, and an external or
 * thread task may end. */
void tend__task_start(struct tend__task *t, const struct tend__spawn *spawn, uint32_t state);
/* Gives the task the scope of opts->hold: the last step of a spawn that can fail. Returns 0,
 * or an error of tend__scope_set_owner(). */
int tend__task_take_scope(struct tend__task *t, const struct tend__spawn *spawn);
/* Undoes tend__task_prepare(), before the publication. */
void tend__task_unprepare(struct tend__task *t);

/* Checks the options that all kinds share. Missing options, and those of another size
 * (of a program built with another version), are copied to `room`; *opts then points there.
 * Returns 0, -EINVAL or -E2BIG. */
int tend__task_opts(struct tend_task_opts *room, const struct tend_task_opts **opts);

/* Returns the input of tend__task_prepare() for a fiber of a set. */
struct tend__spawn tend__fiber_spawn(tend_runtime *rt, const char *site,
                                     const struct tend_task_opts *opts, bool kept);
/* The two halves of a spawn of a process of a set: as tend__task_prepare(), but also without
 * options; and the publication. The first checks the options, and with `out` NULL does no more. */
int tend__process_prepare(tend_runtime *rt, const char *site, tend_scope scope,
                          const struct tend_process_opts *opts, bool kept, struct tend__task **out);
void tend__process_publish(struct tend__task *t, bool kept);
/* The same for a thread of a set: the thread waits from the first call until the last; or the
 * task is taken back. */
int tend__thread_prepare(tend_runtime *rt, const char *site, tend_scope scope,
                         const struct tend_child *child, bool kept, struct tend__task **out);
void tend__thread_unprepare(struct tend__task *t);
void tend__thread_go(struct tend__task *t);
/* Until tend__cancelable() no pthread_cancel() takes effect on the calling thread, or a spawn would
 * leak descriptors. A fiber may wait in the spawn of a process, and the fibers that run meanwhile
 * would find the state changed; so a fiber leaves the state alone: no program cancels a worker. */
static inline int tend__uncancelable(void)
{
	int before = PTHREAD_CANCEL_ENABLE;

	if (!tend__tls.worker)
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	return before;
}
static inline void tend__cancelable(int before)
{
	if (!tend__tls.worker)
		pthread_setcancelstate(before, NULL);
}
/* runtime.spawn_cleaner */
int tend__spawn_cleaner(tend_runtime *rt, const struct tend__kind *kind, void *data);

/* Writes where the guard of a thread task's stack is, and the size of the stack; zeros if
 * faults are not looked at. Only the task itself may ask. */
void tend__thread_task_guard(const struct tend__task *t, uintptr_t *low, uintptr_t *high,
                             size_t *stack_bytes);
/* Joins threads whose tasks have ended: all of them, or at most one. */
void tend__threads_reap(tend_runtime *rt, bool all);
/* Ends the guard of the runtime, when the workers have stopped; and frees the memory that
 * the workers may have looked at. */
void tend__children_close(tend_runtime *rt);
void tend__children_free(tend_runtime *rt);

#endif
