/* tend/task.h - tasks: fibers, threads and external work; how a task is spawned,
 * asked to stop, and how it ended. Processes are in tend/process.h. */
#ifndef TEND_TASK_H
#define TEND_TASK_H

#include "tend/base.h"
#include "tend/scope.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The function of a task. Its result goes into the outcome: 0 or more is
 * completed, a negative errno value failed. */
typedef int tend_fn(void *arg);

struct tend_restart;

enum {
	TEND_ABORTABLE = 1 << 0, /* fiber: tend_abort() may end it in a wait */
	TEND_CRITICAL = 1 << 1,  /* a failure or panic cancels the task's scope before any
	                            joiner can learn of the failure */
};

/* Zero is every field's default. Fields are only ever added, at the end. */
struct tend_task_opts {
	size_t size;        /* size of this struct, set by TEND_TASK_OPTS */
	const char *name;   /* 1 to 47 bytes; default "task" */
	uint32_t flags;     /* TEND_ABORTABLE, TEND_CRITICAL */
	uint32_t reserved;  /* 0 */
	size_t stack_bytes; /* stack of a fiber; default: the runtime's */
	uint64_t deadline;  /* cancel the task with -ETIMEDOUT at this instant, at once if
	                       that has passed; 0: never */
	void (*drop)(
		void *arg); /* runs once when the task has ended, whether or not fn was called */
	tend_scope hold;    /* the task owns this scope, see tend_scope_hold(); {0}: no scope */
	const struct tend_restart *restart; /* fiber or thread: when it runs again, see
	                                       tend/supervise.h; copied. NULL: never */
};
#define TEND_TASK_OPTS(...) TEND_OPTIONS_(tend_task_opts, __VA_ARGS__)

/* Starts fn(arg) as a fiber, or as a thread of its own, in `scope`. The task is in
 * the registry before fn can run. If the spawn is refused, fn is never called, and
 * only a count tells of the spawn. If the task is canceled
 * before its first run, fn is not called, but drop is.
 *
 * A thread task ends when no code of its thread runs any more: after the destructors
 * of thread-specific values and of thread_local objects, which still belong to it.
 *
 * A fiber gets its stack at its first run. If no stack can be had then, fn is not
 * called, and the outcome is TEND_FAILED with -ENOMEM or -EAGAIN; in this case drop
 * must not wait. A caller that waits for the work of a fiber, not for its end,
 * should use TEND_CRITICAL or a deadline.
 *
 *   scope     a scope that admits
 *   opts      NULL for all defaults
 *   out       the task; its outcome is then kept until it was joined or the scope
 *             closes. NULL: the outcome goes into the scope's counts only
 *   returns   0; -ECANCELED if the scope is canceled or closing; -ESHUTDOWN if
 *             the scope is sealed; -EAGAIN at tasks_max, or out of threads (also
 *             of one for the runtime's first deadline) or of guard pages
 *             (vm.max_map_count); -ENOMEM; -EINVAL; -E2BIG; -EDEADLK if opts->hold
 *             contains scope; -EEXIST if the scope is unique and the name lives there;
 *             -ESRCH; -ESTALE
 *   owns      on success arg is the task's, and drop(arg) gives arg back
 *   threads   any */
#define tend_spawn(scope, fn, arg, opts, out) tend_spawn_at(TEND_HERE, scope, fn, arg, opts, out)
#define tend_spawn_thread(scope, fn, arg, opts, out) \
	tend_spawn_thread_at(TEND_HERE, scope, fn, arg, opts, out)

/* The same, with the spawn site as a string. The string must live as long as the
 * program.
 *
 *   site      "file:line", usually TEND_HERE
 *   returns   as tend_spawn()
 *   threads   any */
TEND_API TEND_MUST int tend_spawn_at(const char *site, tend_scope scope, tend_fn *fn, void *arg,
                                     const struct tend_task_opts *opts, tend_task *out);
TEND_API TEND_MUST int tend_spawn_thread_at(const char *site, tend_scope scope, tend_fn *fn,
                                            void *arg, const struct tend_task_opts *opts,
                                            tend_task *out);

/* Enters an external task into the tree: work that runs elsewhere, in a thread
 * tend did not start or in a callback of another loop. A cancel does not interrupt
 * the work; the program asks tend_task_reason() whether to stop. A close of the
 * scope waits until tend_task_end().
 *
 *   opts      name and deadline; NULL for all defaults
 *   out       the task
 *   returns   as tend_spawn()
 *   threads   any */
#define tend_task_begin(scope, opts, out) tend_task_begin_at(TEND_HERE, scope, opts, out)
TEND_API TEND_MUST int tend_task_begin_at(const char *site, tend_scope scope,
                                          const struct tend_task_opts *opts, tend_task *out);

/* Ends an external task. The outcome is not kept.
 *
 *   result    as the result of a tend_fn
 *   returns   0; -EINVAL if the task is not external; -ESRCH; -ESTALE
 *   threads   any */
TEND_API TEND_MUST int tend_task_end(tend_task task, int result);

/* The ways in which a task can end. A task ends in exactly one of these. */
enum {
	TEND_LIVE = 0,  /* has not ended */
	TEND_COMPLETED, /* fn answered 0 or more; exit code 0 */
	TEND_FAILED,    /* fn answered less; another exit code; a signal tend did not send */
	TEND_CANCELED,  /* the task was canceled, and then ended without a crash */
	TEND_PANICKED,  /* tend_panic(), TEND_CHECK() */
	TEND_ABORTED,   /* tend_abort(), or left by pthread_exit() or pthread_cancel() */
	TEND_KILLED,    /* a process that tend ended with SIGKILL */
	TEND_REJECTED,  /* admitted and never begun: its scope has closed, or a need has failed */
};

/* The outcome of a task. Crash beats cancel beats completion, and the result of fn
 * is kept beside the kind. Fields are only ever added, at the end. */
struct tend_outcome {
	size_t size;    /* size of this struct, set by the macro of each call */
	int32_t kind;   /* TEND_COMPLETED ... TEND_REJECTED */
	int32_t result; /* result of fn; a process: exit code, or 128 + signal */
	int32_t error;  /* why, as a negative errno value: of a failure the result of fn, -EIO for
	                   an exit code or a signal, -EFAULT for a panic, of a missed time as
	                   struct tend_restart says; of another end the code of the cancel, such as
	                   -ETIMEDOUT of a deadline, or -ECANCELED without one; 0: completed */
	int32_t signal; /* the signal that ended the process, or 0 */
	uint32_t attempts;         /* how often fn was to be called; 1 for a task that runs once */
	uint32_t was_canceled;     /* if not 0, a cancel had reached the task */
	uint32_t timed_out;        /* if not 0, the first cancel was that of its own deadline */
	uint32_t reserved;         /* 0 */
	uint64_t ended_at;         /* instant */
	struct tend_reason reason; /* reason of the cancel, if was_canceled */
	char message[128];         /* text of the panic, with its place, of the start failure, or of
	                              tend_fail() */
};

/* Sets the size of an outcome, for a macro. */
static inline struct tend_outcome *tend_outcome_out_(struct tend_outcome *out)
{
	if (out)
		out->size = sizeof(*out);
	return out;
}

/* Returns the word for the kind of an outcome, such as "completed". Never NULL.
 *
 *   threads   any */
TEND_API const char *tend_outcome_name(int32_t kind);

/* Waits until the task has ended, and writes its outcome. Any number of callers
 * get the outcome while it is kept; after the first of these calls has returned,
 * later calls may answer -ESRCH. A join that timed out or was canceled changed
 * nothing.
 *
 *   out       or NULL
 *   returns   0; -ETIMEDOUT; -ECANCELED; -EDEADLK if the task is the caller or
 *             owns a scope the caller is in; -ESRCH, also if the task was spawned
 *             without `out`; -EINVAL for an outcome without a size; -ESTALE
 *   threads   any; parks */
TEND_API TEND_MUST int tend_join(tend_task task, struct tend_outcome *out, uint64_t deadline);
#define tend_join(task, out, deadline) (tend_join)((task), tend_outcome_out_(out), (deadline))

/* Writes the outcome of a task that has ended. The outcome stays kept for joiners.
 *
 *   returns   0; -EAGAIN if the task has not ended; -EINVAL for an outcome without a
 *             size; -ESRCH; -ESTALE
 *   threads   any */
TEND_API TEND_MUST int tend_task_outcome(tend_task task, struct tend_outcome *out);
#define tend_task_outcome(task, out) (tend_task_outcome)((task), tend_outcome_out_(out))

/* Sets `event` (tend/sync.h) when the task has ended; at once if the task has
 * ended already. Each call adds a watch. The event must outlive the watch.
 *
 *   returns   0; -ENOMEM; -ESRCH; -ESTALE
 *   threads   any */
struct tend_event;
TEND_API TEND_MUST int tend_watch(tend_task task, struct tend_event *event);

/* Takes a watch of `event` back.
 *
 *   returns   0; -ENOENT if no watch is left, because it fired; -ESRCH; -ESTALE
 *   threads   any */
TEND_API TEND_MUST int tend_unwatch(tend_task task, struct tend_event *event);

/* Asks a task to stop: its waits answer -ECANCELED. A cancel is sticky, and the
 * first reason stays. Scopes owned by the task are not canceled by this call, only
 * by the end of the task.
 *
 *   returns   0; -EALREADY; -EINVAL if code is not negative; -ESRCH; -ESTALE. A
 *             caller may ignore the answer: a task that has ended needs no stop
 *   threads   any, not from a signal handler */
TEND_API int tend_task_cancel(tend_task task, int code, const char *text);

/* Reads the reason for which the task is canceled, directly or through its scope, or for which
 * its attempt is to stop.
 *
 *   out       or NULL
 *   returns   0; -ENOENT if there is none; -ESRCH; -ESTALE
 *   threads   any */
TEND_API TEND_MUST int tend_task_reason(tend_task task, struct tend_reason *out);

/* Asks an abortable fiber to end in its next wait: the fiber is canceled, its
 * deferred cleanups run, and its outcome is `aborted`. The abort takes effect only
 * while the fiber owns no live scope.
 *
 *   returns   0 asked; -EPERM if task was not spawned TEND_ABORTABLE; -ESRCH; -ESTALE
 *   threads   any */
TEND_API TEND_MUST int tend_abort(tend_task task);

/* Returns the calling task; {0} outside of a task.
 *
 *   threads   any */
TEND_API tend_task tend_self(void);

/* Returns the scope the calling task lives in; {0} outside of a task.
 *
 *   threads   any */
TEND_API tend_scope tend_self_scope(void);

/* Says "I am here, may I go on?". Now and then, and always in a canceled fiber, a
 * checkpoint lets timers and other fibers run: so a fiber that computes between its
 * checkpoints, or that ignores the answer, starves no other.
 *
 *   returns   0; -ECANCELED; -ESTALE
 *   threads   any; the answer outside of a task is 0 */
TEND_API TEND_MUST int tend_checkpoint(void);

/* Lets the other ready fibers of the worker run; a thread yields its CPU.
 *
 *   returns   0; -ECANCELED, having yielded; -ESTALE
 *   threads   any */
TEND_API int tend_yield(void);

/* Sleeps until the instant.
 *
 *   returns   0; -ECANCELED; -EDEADLK outside of the tasks of a thread that drives
 *             a hosted runtime; -ESTALE
 *   threads   any; parks */
TEND_API int tend_sleep_until(uint64_t deadline);

/* Sleeps for a length of time.
 *
 *   ns        nanoseconds
 *   returns   as tend_sleep_until()
 *   threads   any; parks */
TEND_API int tend_sleep(uint64_t ns);

/* Begins a shield of the calling task: until `deadline` its waits see no cancel, so
 * that it can finish a write. Shields nest; an inner shield cannot last longer than
 * the outer.
 *
 *   deadline  0 and TEND_FOREVER are -EINVAL: a shield always has an end
 *   outer     out: to be given to tend_shield_end()
 *   returns   0; -EINVAL; -EPERM outside of a task; -ESTALE
 *   threads   task */
TEND_API TEND_MUST int tend_shield_begin(uint64_t deadline, uint64_t *outer);

/* Ends the innermost shield. To end another one is a bug of the program.
 *
 *   outer     as tend_shield_begin() wrote it
 *   threads   task */
TEND_API void tend_shield_end(uint64_t outer);

/* Adds a cleanup to the calling task. Cleanups run when the task ends, newest
 * first, after return, panic and abort alike, on the task's own stack. The frame of
 * fn is gone by then, so arg must not point into that frame. After an abort the
 * waits of a cleanup answer -ECANCELED.
 *
 *   returns   0; -EINVAL if cleanup is NULL; -ENOMEM; -EPERM outside of a task;
 *             -ESTALE
 *   threads   task */
TEND_API TEND_MUST int tend_defer(void (*cleanup)(void *arg), void *arg);

/* Takes the newest cleanup back, and calls the function if `run` is not 0. The
 * newest must be `cleanup`; anything else is a bug of the program.
 *
 *   threads   task */
TEND_API void tend_undefer(void (*cleanup)(void *arg), int run);

/* Ends the calling task as `panicked`, with the message and the place. Other tasks
 * go on. A panic in a deferred cleanup or in `drop` does the same, and the other
 * cleanups run. A second panic while a task ends by a panic, and a panic outside of a
 * task, are bugs of the program.
 *
 *   site      TEND_HERE
 *   threads   any */
TEND_API TEND_NORETURN void tend_panic_at(const char *site, const char *fmt, ...) TEND_PRINTF(2, 3);
#define tend_panic(...) tend_panic_at(TEND_HERE, __VA_ARGS__)

/* The hook for a failure that nobody holds: a task that was spawned without `out` has
 * panicked, or could not be started; or a scope has given up. `message` names the task or
 * scope, the failure and, of a panic, the place. A task whose function answers an error is
 * not such a failure. The default hook writes the message to stderr as a line. The hook runs
 * in the thread of the failure, for a panic on the stack of the task; it returns, and does
 * not wait.
 *
 *   hook      NULL restores the default
 *   threads   any */
typedef void tend_failure_hook(const char *message);
TEND_API void tend_set_failure_hook(tend_failure_hook *hook);

/* Panics unless the condition holds. */
#define TEND_CHECK(cond) ((cond) ? (void)0 : tend_panic_at(TEND_HERE, "check failed: %s", #cond))

#ifdef __cplusplus
}
#endif

#endif
