/* tend/task.h - work: fibers, threads and external tasks; how it is spawned,
 * asked to stop, and how it ended. Processes are in tend/process.h. */
#ifndef TEND_TASK_H
#define TEND_TASK_H

#include "tend/base.h"
#include "tend/scope.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A task's body. Its result is kept in the outcome: 0 or more is completed,
 * a negative errno value failed. */
typedef int tend_fn(void *arg);

enum {
	TEND_ABORTABLE = 1 << 0, /* fiber: tend_abort() may end it in a wait */
	TEND_CRITICAL = 1 << 1,  /* its failure or panic cancels its scope, before anyone
	                            can learn of it (seed DY-09, DY-10) */
};

/* Zero is every field's default. Fields are only ever added, at the end. */
struct tend_task_opts {
	size_t size;        /* of this struct, set by TEND_TASK_OPTS */
	const char *name;   /* 1 to 47 bytes; default "task" */
	uint32_t flags;     /* TEND_ABORTABLE, TEND_CRITICAL */
	uint32_t reserved;  /* 0 */
	size_t stack_bytes; /* of a fiber; default: the runtime's */
	uint64_t deadline;  /* cancel the task with -ETIMEDOUT at this instant; 0: none */
	void (*drop)(
		void *arg); /* runs once when the task has ended, whether or not fn was called */
	tend_scope hold;    /* the task holds this scope, tend_scope_hold(); {0}: none */
};
#define TEND_TASK_OPTS(...) \
	(&(const struct tend_task_opts){.size = sizeof(struct tend_task_opts), __VA_ARGS__})

/* Starts fn(arg) as a fiber, or as a thread of its own, in `scope`. It is in
 * the registry before it can run; a refused one is never called and leaves no
 * trace but a count (behaviour rule 1). Canceled before its first run, fn is
 * not called, drop is. A fiber gets its stack at its first run; if there is none
 * to be had then, fn is not called either, and its outcome is TEND_FAILED with
 * -ENOMEM or -EAGAIN: whoever waits for its work rather than for its end wants
 * TEND_CRITICAL or a deadline. In that case drop must not wait.
 *
 *   scope     a scope that admits
 *   opts      NULL for all defaults
 *   out       with it the outcome is held until it was joined or the scope
 *             closes; NULL: the outcome goes into the scope's counts only
 *   returns   0; -ECANCELED if the scope is canceled or closing; -ESHUTDOWN if
 *             it is sealed; -EAGAIN at tasks_max, or out of threads or of guard
 *             pages (vm.max_map_count); -ENOMEM; -EINVAL; -E2BIG; -EDEADLK if
 *             opts->hold contains scope; -ESRCH; -ESTALE
 *   owns      on success arg is the task's, and drop(arg) gives it back
 *   threads   any */
#define tend_spawn(scope, fn, arg, opts, out) tend_spawn_at(TEND_HERE, scope, fn, arg, opts, out)
#define tend_spawn_thread(scope, fn, arg, opts, out) \
	tend_spawn_thread_at(TEND_HERE, scope, fn, arg, opts, out)

/* The same with the place as a string that lives as long as the program.
 *
 *   site      "file:line", usually TEND_HERE
 *   returns   as tend_spawn()
 *   threads   any */
TEND_API TEND_MUST int tend_spawn_at(const char *site, tend_scope scope, tend_fn *fn, void *arg,
                                     const struct tend_task_opts *opts, tend_task *out);
TEND_API TEND_MUST int tend_spawn_thread_at(const char *site, tend_scope scope, tend_fn *fn,
                                            void *arg, const struct tend_task_opts *opts,
                                            tend_task *out);

/* Enters work that runs elsewhere into the tree: a thread we did not start, a
 * callback of another loop. Only the tree knows it: it is canceled by asking,
 * tend_task_reason(), and is awaited until tend_task_end().
 *
 *   opts      name and deadline; NULL for all defaults
 *   out       its name
 *   returns   as tend_spawn()
 *   threads   any */
#define tend_task_begin(scope, opts, out) tend_task_begin_at(TEND_HERE, scope, opts, out)
TEND_API TEND_MUST int tend_task_begin_at(const char *site, tend_scope scope,
                                          const struct tend_task_opts *opts, tend_task *out);

/* Ends an external task. Its outcome is not held.
 *
 *   result    as of tend_fn
 *   returns   0; -EINVAL if it is not external; -ESRCH; -ESTALE
 *   threads   any */
TEND_API TEND_MUST int tend_task_end(tend_task task, int result);

/* How a task can end; exactly one of them. */
enum {
	TEND_LIVE = 0,  /* not ended */
	TEND_COMPLETED, /* fn answered 0 or more; exit code 0 */
	TEND_FAILED,    /* fn answered less; another exit code; a signal that is not ours */
	TEND_CANCELED,  /* it was canceled, however it then ended in peace */
	TEND_PANICKED,  /* tend_panic(), TEND_CHECK() */
	TEND_ABORTED,   /* tend_abort(), or left by pthread_exit() or pthread_cancel() */
	TEND_KILLED,    /* a process we had to SIGKILL */
	TEND_REJECTED,  /* refused at admission; never the outcome of a task */
};

/* How a task ended. Crash beats cancel beats completion, and what it returned
 * is kept beside it. */
struct tend_outcome {
	int32_t kind;              /* TEND_COMPLETED ... TEND_KILLED */
	int32_t result;            /* what fn returned; a process: its exit code, or 128 + signal */
	int32_t signal;            /* that ended the process, or 0 */
	uint32_t was_canceled;     /* not 0: a cancel had reached it */
	uint64_t ended_at;         /* instant */
	struct tend_reason reason; /* of the cancel, if was_canceled */
	char message[128]; /* of the panic or the start failure, with its place; else empty */
};

/* The word for an outcome or its kind: "completed". Never NULL.
 *
 *   threads   any */
TEND_API const char *tend_outcome_name(int32_t kind);

/* Waits until the task has ended, and answers how. Any number of callers get it
 * while it is held; after the first of them has returned it, later calls may
 * answer -ESRCH. An abandoned join changes nothing.
 *
 *   out       or NULL
 *   returns   0; -ETIMEDOUT; -ECANCELED; -EDEADLK if it is the caller or owns a
 *             scope the caller is in; -ESRCH, also if it was spawned without
 *             `out`; -ESTALE
 *   threads   any; parks */
TEND_API TEND_MUST int tend_join(tend_task task, struct tend_outcome *out, uint64_t deadline);

/* Answers how the task ended and keeps the outcome held.
 *
 *   returns   0; -EAGAIN if it has not; -ESRCH; -ESTALE
 *   threads   any */
TEND_API TEND_MUST int tend_task_outcome(tend_task task, struct tend_outcome *out);

/* Sets `event` (tend/sync.h) when the task has ended, at once if it has. One
 * watch a call; the event must outlive it.
 *
 *   returns   0; -ENOMEM; -ESRCH; -ESTALE
 *   threads   any */
struct tend_event;
TEND_API TEND_MUST int tend_watch(tend_task task, struct tend_event *event);

/* Takes one watch of `event` back.
 *
 *   returns   0; -ENOENT if there is none, for it fired; -ESRCH; -ESTALE
 *   threads   any */
TEND_API TEND_MUST int tend_unwatch(tend_task task, struct tend_event *event);

/* Asks one task to stop: its waits answer -ECANCELED. Sticky; the first reason
 * stays. Scopes it owns are not canceled by it, only by its end.
 *
 *   returns   0; -EALREADY; -EINVAL if code is not negative; -ESRCH; -ESTALE. To
 *             ignore it is normal: a task that has ended needs no stop
 *   threads   any, not from a signal handler */
TEND_API int tend_task_cancel(tend_task task, int code, const char *text);

/* Why the task is canceled, itself or through its scope.
 *
 *   out       or NULL
 *   returns   0; -ENOENT if it is not; -ESRCH; -ESTALE
 *   threads   any */
TEND_API TEND_MUST int tend_task_reason(tend_task task, struct tend_reason *out);

/* Ends an abortable fiber in its next wait: deferred cleanups run, then it is
 * `aborted`. Never while a scope it owns is live. It is canceled as well.
 *
 *   returns   0 asked; -EPERM if it was not spawned TEND_ABORTABLE; -ESRCH; -ESTALE
 *   threads   any */
TEND_API TEND_MUST int tend_abort(tend_task task);

/* The calling task; {0} outside of one.
 *
 *   threads   any */
TEND_API tend_task tend_self(void);

/* The scope the calling task runs in; {0} outside of a task.
 *
 *   threads   any */
TEND_API tend_scope tend_self_scope(void);

/* Says "I am here, may I go on?". Once canceled it also lets others run, so a
 * task that ignores the answer starves nobody.
 *
 *   returns   0; -ECANCELED
 *   threads   any; outside of a task it answers 0 */
TEND_API TEND_MUST int tend_checkpoint(void);

/* Lets the other ready fibers of the worker run; a thread yields its CPU.
 *
 *   returns   0; -ECANCELED, having yielded
 *   threads   any */
TEND_API int tend_yield(void);

/* Sleeps until the instant.
 *
 *   returns   0; -ECANCELED
 *   threads   any; parks */
TEND_API int tend_sleep_until(uint64_t deadline);

/* Begins a stretch of the calling task that cancels do not enter until
 * `deadline`: "finish this write". Stretches nest; an inner one cannot last
 * longer than the outer.
 *
 *   deadline  0 and TEND_FOREVER are -EINVAL: a shield always has an end
 *   returns   0; -EINVAL; -EPERM outside of a task
 *   threads   task */
TEND_API TEND_MUST int tend_shield_begin(uint64_t deadline, uint64_t *outer);

/* Ends it.
 *
 *   outer     as tend_shield_begin() wrote it
 *   threads   task */
TEND_API void tend_shield_end(uint64_t outer);

/* Adds a cleanup to the calling task: it runs when the task ends, newest first,
 * after return, panic and abort alike, on the task's own stack. The frame of fn
 * is gone by then: do not point into it. After an abort its waits answer
 * -ECANCELED.
 *
 *   returns   0; -ENOMEM; -EPERM outside of a task
 *   threads   task */
TEND_API TEND_MUST int tend_defer(void (*cleanup)(void *arg), void *arg);

/* Takes the newest cleanup back, and calls it if `run` is not 0. It must be
 * `cleanup`; anything else is a bug of the program.
 *
 *   threads   task */
TEND_API void tend_undefer(void (*cleanup)(void *arg), int run);

/* Ends the calling task as `panicked`, with the message, the place and where it
 * was called from. Others go on. Outside of a task it is a bug of the program.
 *
 *   site      TEND_HERE
 *   threads   any */
TEND_API TEND_NORETURN void tend_panic_at(const char *site, const char *fmt, ...) TEND_PRINTF(2, 3);
#define tend_panic(...) tend_panic_at(TEND_HERE, __VA_ARGS__)

/* Panics unless the condition holds. */
#define TEND_CHECK(cond) ((cond) ? (void)0 : tend_panic_at(TEND_HERE, "check failed: %s", #cond))

#ifdef __cplusplus
}
#endif

#endif
