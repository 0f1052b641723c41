/* tend/supervise.h - tasks that run again: when, how often, and after which rest.
 *
 * There is no supervisor object: to run again is a property of a task. A restartable task
 * keeps its handle, its row, its joiners and its watches over all of its attempts, and has
 * one outcome, that of its end for good. doc/model.md has the rules. */
#ifndef TEND_SUPERVISE_H
#define TEND_SUPERVISE_H

#include "tend/base.h"
#include "tend/scope.h"
#include "tend/task.h"

#ifdef __cplusplus
extern "C" {
#endif

struct tend_process_opts;

enum {
	TEND_TEMPORARY = 0, /* runs once */
	TEND_TRANSIENT,     /* runs again after a failure */
	TEND_PERMANENT,     /* runs again after a failure, and after `interval_ns` when completed */
};

/* How a delay is drawn from the clamped delay, which grows as without jitter. */
enum {
	TEND_JITTER_NONE = 0,
	TEND_JITTER_FULL,         /* between nothing and the delay */
	TEND_JITTER_EQUAL,        /* between half of the delay and the delay */
	TEND_JITTER_DECORRELATED, /* between the first delay and three times the delay */
};

/* As a length: no rest at all. 0 is the default. */
#define TEND_AT_ONCE UINT64_MAX

/* A result that completes the task for good, under any policy. */
#define TEND_DONE INT32_MAX

/* When a task runs again. Zero is every field's default. Fields are only ever added, at the
 * end. Lengths are nanoseconds and are never rounded.
 *
 * An attempt fails by a negative result, by a panic, if no stack could be had, or by missing
 * one of its times. The attempt of a process fails also by an exit code but 0, by a signal, whose
 * result is 128 and its number, and if its program cannot be run. A failed attempt of a transient
 * or permanent task is followed by a rest and another attempt, until `retries` are used: then the
 * task ends with the failure. The
 * rest after n failures in a row is delay_ns * factor^(n-1), at most delay_max_ns, and then
 * the jitter; a millisecond at least, unless the delay is TEND_AT_ONCE. Many restarts at once
 * are spread over time, see tend_runtime_opts. An attempt that returned -ECANCELED although
 * nobody had asked the attempt to stop ends the task, as canceled.
 *
 * All attempts of a thread run on the same thread, with its thread-local variables, and the thread
 * sleeps in between. After a pthread_exit() no attempt follows.
 *
 * No attempt follows once the task or its scope is canceled, or its scope closes. */
struct tend_restart {
	size_t size;           /* size of this struct, set by TEND_RESTART */
	uint32_t policy;       /* TEND_TEMPORARY, ... */
	uint32_t retries;      /* failures in a row that are followed by an attempt; 0: no limit */
	uint64_t delay_ns;     /* the rest after the first failure; default 100 ms */
	uint64_t delay_max_ns; /* default 30 s */
	uint32_t factor;       /* from a rest to the next, in 1/1000, at least 1000; default 2000 */
	uint32_t jitter;       /* TEND_JITTER_NONE, ... */
	uint64_t stable_ns;    /* an attempt of this length ends a row of failures; default 10 s */
	uint64_t interval_ns;  /* permanent: the rest after a completed attempt; default delay_ns */
	/* Results beside 0, at most 1000, each list ended by 0; NULL is an empty list. A result
	   of `success` completes the attempt. A result of `fatal` fails it, and the task ends. */
	const int32_t *success, *fatal;
	/* An attempt that misses one of these has failed, and is stopped. 0: none. The error is
	   -ETIMEDOUT of the first, -ETIME of the others. The attempt of a process begins when the
	   process has started, however long tend-guard took for that. */
	uint64_t timeout_ns; /* until its end */
	uint64_t ready_ns;   /* until its tend_ready(), or the newline of a process by its ready_fd;
	                        0: the attempt is ready when it begins */
	uint64_t alive_ns;   /* from its beginning to a tend_alive(), and from one to the next */
	/* The stop of an attempt: its waits answer -ECANCELED; after this time, the scopes that it
	   opened are canceled, and an abortable fiber is aborted; after as much again, the attempt
	   is shown as abandoned. No other attempt begins before its end. Default 10 s. A process
	   gets its stop signal, and SIGKILL after this time, which by default is its stop_ns. */
	uint64_t grace_ns;
};
#define TEND_RESTART(...) TEND_OPTIONS_(tend_restart, __VA_ARGS__)

/* ---- The scope around ----
 *
 * A scope with `restarts` in its options gives up at one restart too many in its period: that
 * restart does not come, and the scope is canceled with -ELOOP and a text such as
 * "4 restarts in 5s, last: web failed with 3". `gave_up` of its counts says so. For the parent
 * of the scope this is a failure: `first_error` -ELOOP, with the name of the scope. */

/* `restarts` of a scope: no number is too many. */
#define TEND_ANY_NUMBER UINT32_MAX

/* The strategy of a scope: which tasks run again together, after a failure.
 *
 * The fibers and processes of a scope with a strategy are its members, also without a policy, and
 * threads with a policy. A task spawned by itself needs the task spawned before. The members of a
 * set (tend_spawn_set()) have only the needs of the set. After a failure, a round stops the members
 * of the strategy, each after its dependents. Then, when the rest of the failed member is over, the
 * round begins their next attempts, each after its needs are ready. A round ends temporary members,
 * and leaves stopped members stopped. tend_shutdown() stops all members in the same order.
 *
 * With TEND_ONE_FOR_ALL and TEND_REST_FOR_ONE the scope gives up when a member has failed for good,
 * except a temporary member. */
enum {
	TEND_ALONE = 0,    /* the failed task; only tasks of sets are members */
	TEND_ONE_FOR_ONE,  /* the failed member */
	TEND_ONE_FOR_ALL,  /* all members */
	TEND_REST_FOR_ONE, /* the failed member, and its dependents, direct or not */
};

/* ---- Sets ---- */

/* The first attempt of a child waits for its needs. */
enum {
	/* An attempt of the need has begun (that of a process: its program runs). A need that has
	   ended holds no more, unless it has completed */
	TEND_NEED_STARTED = 0,
	TEND_NEED_READY,     /* an attempt of the need is ready, see tend_ready(), or the need
	                          has ended, completed */
	TEND_NEED_COMPLETED, /* the need has ended, completed */
};
struct tend_need {
	size_t of;         /* index of the needed child; 0 if there is a `task` */
	uint32_t until;    /* TEND_NEED_STARTED, ... */
	uint32_t reserved; /* 0 */
	tend_task task;    /* instead of a child: a task that exists already, and is of a set, or
	                      of a scope with a strategy */
};

/* A task of a set. Fields are only ever added, at the end. */
struct tend_child {
	tend_fn *fn; /* a fiber or a thread, called once an attempt */
	void *arg;
	const struct tend_process_opts *process; /* instead of fn and opts: a process */
	const struct tend_task_opts *opts; /* with fn, without `hold`; NULL for all defaults */
	const struct tend_need *needs;
	size_t needs_count;
	const char *site;  /* NULL: the place of the call */
	tend_scope scope;  /* the scope of the set, or below; {0}: the scope of the set */
	uint32_t thread;   /* if not 0, fn runs as a thread, see tend_spawn_thread() */
	uint32_t reserved; /* 0 */
};

/* Flags of a set. */
enum {
	TEND_TOGETHER = 1 << 0, /* a child could not be made, or has failed for good: all end, each
	                           after its dependents. All children are of one scope */
};

/* Spawns all of the children, or none, and returns at once. A child with needs is `queued`
 * until all needs hold at once, and then begins. Later, the restart of a need does not restart the
 * child. When a need can hold no more, because the needed child has ended, the dependent child ends
 * as `rejected`, and the message of its outcome names the need. No command begins a child before
 * its needs hold.
 *
 * A child and its need may be of different scopes. Then the need counts before the first attempt,
 * and in a tend_shutdown() of a scope around both, which ends the child before its need. A round of
 * a strategy stays in its scope.
 *
 *   children  copied
 *   flags     TEND_TOGETHER
 *   out       the n tasks, with outcomes kept as by tend_spawn(); or NULL
 *   bad       out, or NULL: with -EINVAL, -E2BIG or -EEXIST the index of the bad child, with
 *             -ESRCH the index of the child whose own scope or needed task has ended, and
 *             otherwise n, because no child is to blame.
 *             -EINVAL is the error for a child without a function, with bad options, with
 *             a need of itself, of an index from n on, or in a circle, with a need of a task of
 *             another runtime, or of a task that is neither of a set nor of a scope with a
 *             strategy, and for a scope that is not the scope of the set or below
 *   returns   0; -EINVAL; -E2BIG; -ENOMEM; or as tend_spawn(), with nothing spawned
 *   threads   any */
TEND_API TEND_MUST int tend_spawn_set_at(const char *site, tend_scope scope,
                                         const struct tend_child *children, size_t child_size,
                                         size_t n, uint32_t flags, tend_task *out, size_t *bad);
#define tend_spawn_set(scope, children, n, flags, out, bad) \
	tend_spawn_set_at(TEND_HERE, (scope), (children), sizeof(struct tend_child), (n), (flags), \
	                  (out), (bad))

/* Waits until everything in the scope has ended, and closes the scope: the body of a task that
 * supervises. A cancel of the caller, or a stop of its attempt, is passed on to the scope as a
 * cancel, in which members end all at once and not in the order of their needs, and the wait goes
 * on. For the order, shut the scope down: see tend_shutdown().
 *
 *   stats     the final counts, or NULL
 *   returns   0; -ELOOP: the scope gave up; the error of the critical task that failed; the code
 *             of another cancel of the scope, but -ESHUTDOWN for -ECANCELED; -ECANCELED only if
 *             the caller is canceled; -ETIMEDOUT: the scope is still there; -EDEADLK from inside
 *             the scope; -EBUSY if a close of the scope is waiting; -EPERM for the root and
 *             tend_detached(); -EINVAL for counts without a size; -ESRCH, also if a close
 *             of another ended the scope; -ESTALE
 *   threads   any that is not inside the scope; parks */
TEND_API TEND_MUST int tend_scope_run(tend_scope scope, uint64_t deadline,
                                      struct tend_stats *stats);
#define tend_scope_run(scope, deadline, stats) \
	(tend_scope_run)((scope), (deadline), tend_stats_out_(stats))

/* Writes the rests after failures in a row, each of an attempt that takes no time, without the
 * jitter: until the retries are used, or the scope gives up.
 *
 *   restarts  of the scope, at most 1024; 0 and TEND_ANY_NUMBER: any number
 *   period_ns of the scope; 0: the default
 *   delays    room for n lengths
 *   returns   how many attempts follow the first, at most n; -EINVAL; -E2BIG; -ENOMEM
 *   threads   any */
TEND_API TEND_MUST int tend_restart_plan(const struct tend_restart *restart, uint32_t restarts,
                                         uint64_t period_ns, uint64_t *delays, size_t n);

/* ---- News from an attempt ---- */

/* Says that the attempt of the calling task is ready, and that it is alive. In a task without
 * a policy both do nothing.
 *
 *   returns   0; -EPERM outside of a task; -ESTALE
 *   threads   task */
TEND_API int tend_ready(void);
TEND_API int tend_alive(void);

/* Keep the text of a failure for the outcome: `return tend_fail(-EIO, "disk %s", name);`. After
 * tend_fatal() a negative result or a panic ends the task for good, under any policy. A function
 * that completes after all takes both back.
 *
 *   fmt       as printf(3); 127 bytes are kept
 *   returns   code
 *   threads   any; outside of a task nothing is kept */
TEND_API int tend_fail(int code, const char *fmt, ...) TEND_PRINTF(2, 3);
TEND_API int tend_fatal(int code, const char *fmt, ...) TEND_PRINTF(2, 3);

/* A probe says of an attempt of another task: the attempt is ready; or the attempt has failed,
 * and is stopped.
 *
 *   attempt   number of the attempt, so that a late probe does not speak of the next one
 *   code      a negative errno value, the `error` of the failure
 *   text      for the outcome; or NULL
 *   returns   0; -ESRCH also if that attempt is over; -EINVAL if the task has no policy, or code
 *             is not negative; -EALREADY of tend_task_fail() if the attempt is to stop already;
 *             -ESTALE
 *   threads   any */
TEND_API TEND_MUST int tend_task_ready(tend_task task, uint32_t attempt);
TEND_API TEND_MUST int tend_task_fail(tend_task task, uint32_t attempt, int code, const char *text);

/* ---- Commands ---- */

/* tend_task_stop() ends the attempt and keeps the task: the task is `stopped` until it is started
 * or ends for good, and still counts in its scope. tend_task_start() has an attempt begin, out of
 * a rest as well. tend_task_restart() does both. A later command undoes an earlier one.
 *
 * A call answers when its own step is taken, whatever comes after: all of the attempt has ended;
 * an attempt has begun. Concurrent callers share the step.
 *
 *   deadline  0 asks, and answers -ETIMEDOUT if the step is not taken yet
 *   returns   0; -ETIMEDOUT or -ECANCELED while the step is under way: the command stands;
 *             -ECANCELED also if the task is to end for good, where a stop still ends the
 *             attempt, and if a later stop has undone a start; -EINVAL if the task has no policy,
 *             and for a restart of a temporary task; -EDEADLK from the task, and from below a
 *             scope that the task owns; -ESRCH; -ESTALE
 *   threads   any; parks */
TEND_API TEND_MUST int tend_task_stop(tend_task task, uint64_t deadline);
TEND_API TEND_MUST int tend_task_start(tend_task task, uint64_t deadline);
TEND_API TEND_MUST int tend_task_restart(tend_task task, uint64_t deadline);

/* Ends a task of any kind for good: cancels it, and in the last fifth of the time, at most a
 * second, aborts an abortable fiber and kills a process.
 *
 *   returns   0: the task has ended; -ETIMEDOUT: it is canceled, and lives; -EDEADLK from the
 *             task, and from below a scope that the task owns; -ENOMEM; -ESRCH; -ESTALE
 *   threads   any; parks, no cancel ends the wait */
TEND_API TEND_MUST int tend_task_shutdown(tend_task task, uint64_t deadline);

enum {
	TEND_IS_READY = 0, /* the attempt is ready */
	TEND_IS_OVER,      /* the attempt has ended */
	TEND_IS_STOPPED,   /* the task is stopped */
};

/* Waits for a step in the life of a task.
 *
 *   step      TEND_IS_READY, ...
 *   attempt   number of the attempt; 0: for TEND_IS_READY any from now on, for TEND_IS_OVER the
 *             attempt that runs, or the next; 0 for TEND_IS_STOPPED
 *   returns   0; -ECHILD if the task ended for good before; -ESRCH also if the attempt is over,
 *             for TEND_IS_READY; -EINVAL if the task has no policy; -ETIMEDOUT; -ECANCELED;
 *             -EDEADLK from the task, and from below a scope that the task owns; -ESTALE
 *   threads   any; parks */
TEND_API TEND_MUST int tend_task_wait(tend_task task, uint32_t step, uint32_t attempt,
                                      uint64_t deadline);

/* The life of a restartable task. Fields are only ever added, at the end. */
struct tend_life {
	size_t size;           /* size of this struct, set by the macro of the call */
	uint32_t attempt;      /* attempts begun */
	uint32_t state;        /* TEND_STATE_... of tend/registry.h, of the life */
	uint32_t ready;        /* 1: the attempt that runs is ready */
	uint32_t restarts;     /* attempts after failures, also the one that is due */
	uint32_t failures;     /* in a row */
	uint32_t retries_left; /* 0 also where there is no limit */
	uint64_t due;          /* instant of the next attempt; 0: none */
	uint32_t last;         /* outcome of the last attempt, TEND_COMPLETED, ...; 0: none */
	int32_t last_error;    /* as `error` of struct tend_outcome */
	int32_t last_result;   /* result of the function */
	/* Until another attempt begins: the signal that ended the process, or 0; and a text as
	   `message` of struct tend_outcome. */
	int32_t last_signal;
	char last_message[128];
};

/* Sets the size, for the macro. */
static inline struct tend_life *tend_life_out_(struct tend_life *out)
{
	if (out)
		out->size = sizeof(*out);
	return out;
}

/* Reads the life of a task.
 *
 *   returns   0; -EINVAL if the task has no policy, or for a struct without a size; -ESRCH; -ESTALE
 *   threads   any */
TEND_API TEND_MUST int tend_task_info(tend_task task, struct tend_life *out);
#define tend_task_info(task, out) (tend_task_info)((task), tend_life_out_(out))

#ifdef __cplusplus
}
#endif

#endif
