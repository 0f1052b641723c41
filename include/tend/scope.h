/* tend/scope.h - scopes: tasks cannot outlive the scope they were spawned into, a
 * cancel travels down, and a stop ends or says why.
 *
 * doc/model.md has the rules and their reasons. */
#ifndef TEND_SCOPE_H
#define TEND_SCOPE_H

#include "tend/base.h"

#ifdef __cplusplus
extern "C" {
#endif

struct tend_restart;

/* Zero is every field's default. Fields are only ever added, at the end. */
struct tend_scope_opts {
	size_t size;       /* size of this struct, set by TEND_SCOPE_OPTS */
	uint64_t deadline; /* cancel with -ETIMEDOUT at this instant, or at the parent's
	                      deadline if earlier, at once if that has passed;
	                      0: only the parent's */
	uint64_t shield;   /* until this instant no cancel from above enters; 0: no shield */
	uint32_t numbered; /* if not 0, "-N" is appended, N unique in the process */
	uint32_t unique;   /* if not 0, no two tasks and scopes that live in the scope have the same
	                      name: a second is refused with -EEXIST */
	/* See tend/supervise.h. */
	const struct tend_restart *restart; /* for fibers and processes without their own;
	                                       copied */
	uint32_t restarts;  /* more after failures in `period_ns`, and the scope gives up; at most
	                       1024, or TEND_ANY_NUMBER; default 5 with a strategy, otherwise any
	                       number */
	uint32_t strategy;  /* TEND_ALONE, TEND_ONE_FOR_ONE, ...: which tasks run again together */
	uint64_t period_ns; /* default 30 s */
};
#define TEND_SCOPE_OPTS(...) TEND_OPTIONS_(tend_scope_opts, __VA_ARGS__)

/* Opens a scope below `parent`. Below a canceled scope the call succeeds, and the
 * new scope is born canceled. A fiber or thread task that opens a scope is its owner:
 * when the owner ends before the scope was closed, the scope is canceled and closes
 * itself once empty. A scope opened by any other thread belongs to the program, which
 * closes it with tend_scope_close().
 *
 *   parent    tend_root() or any open scope
 *   name      1 to 47 bytes; siblings may share a name, unless the parent is unique
 *   opts      NULL for all defaults
 *   out       the new scope
 *   returns   0; -EINVAL; -E2BIG; -ENOMEM; -EAGAIN at tasks_max, or without a
 *             thread for the runtime's first deadline; -EOVERFLOW below 200 scopes;
 *             -ECANCELED if parent is closing; -ESHUTDOWN if parent is sealed; -EEXIST if the
 *             parent is unique and the name lives there; -ESRCH; -ESTALE
 *   threads   any */
TEND_API TEND_MUST int tend_scope_open(tend_scope parent, const char *name,
                                       const struct tend_scope_opts *opts, tend_scope *out);

/* Counts of how the tasks of a scope ended. The tasks of scopes below are not
 * counted; while one of these begins or ends, `spawned` may be too high for a moment.
 * Fields are only ever added, at the end. */
struct tend_stats {
	size_t size;        /* size of this struct, set by the macro of each call */
	uint64_t spawned;   /* admitted */
	uint64_t completed; /* completed to rejected add up to the tasks that ended */
	uint64_t failed;
	uint64_t canceled;
	uint64_t panicked;
	uint64_t aborted;
	uint64_t killed;
	uint64_t rejected;   /* admitted and never begun */
	uint64_t refused;    /* spawns refused at admission, or given up after */
	int32_t first_error; /* error of the first task that failed or panicked; else 0 */
	uint32_t gave_up;    /* 1: tasks of the scope failed too often */
	char first_name[TEND_NAME_MAX + 1]; /* name of the task with the first error */
	/* For tasks that may run again. */
	uint64_t attempts; /* begun */
	uint64_t restarts; /* attempts after failures, also those that are due */
	uint64_t timeouts; /* attempts that missed one of their times, or that a probe has failed */
};

/* Sets the size of counts, for a macro. */
static inline struct tend_stats *tend_stats_out_(struct tend_stats *out)
{
	if (out)
		out->size = sizeof(*out);
	return out;
}

/* Reads the counts of a scope.
 *
 *   returns   0; -EINVAL for counts without a size; -ESRCH; -ESTALE
 *   threads   any */
TEND_API TEND_MUST int tend_scope_stats(tend_scope scope, struct tend_stats *out);
#define tend_scope_stats(scope, out) (tend_scope_stats)((scope), tend_stats_out_(out))

/* Closes a scope: shuts admission in the scope and below for good, waits until
 * everything in the scope has ended, then closes the scopes below and frees the
 * scope. A close does not cancel.
 *
 *   scope     {0} does nothing
 *   stats     the final counts, or NULL
 *   returns   0; -ETIMEDOUT: the scope is still there, sealed for good, and this
 *             may be called again; -EDEADLK from inside the scope; -EBUSY if
 *             another close of the scope is waiting; -EPERM for the root and
 *             tend_detached(); -EINVAL for counts without a size; -ESRCH; -ESTALE
 *   threads   any that is not inside the scope; parks, no cancel ends the wait: a
 *             cancel of the scope ends its tasks, and their end ends the wait */
TEND_API TEND_MUST int tend_scope_close(tend_scope scope, uint64_t deadline,
                                        struct tend_stats *stats);
#define tend_scope_close(scope, deadline, stats) \
	(tend_scope_close)((scope), (deadline), tend_stats_out_(stats))

/* Shuts admission: spawns and opens answer -ESHUTDOWN until the scope is unsealed.
 * Running tasks run on, and scopes below do not change. To seal a sealed scope
 * changes nothing.
 *
 *   returns   0; -ESRCH; -ESTALE. A caller may ignore the answer: a scope that is
 *             gone admits nothing
 *   threads   any */
TEND_API int tend_scope_seal(tend_scope scope);

/* Reopens admission.
 *
 *   returns   0; -ECANCELED if the scope is closing or canceled, because both
 *             are for good; -ESRCH; -ESTALE
 *   threads   any */
TEND_API TEND_MUST int tend_scope_unseal(tend_scope scope);

/* Makes a task the owner of a scope, or the program if the task is {0}. The end of
 * the owner cancels and closes the scope.
 *
 *   owner     the new owner, a fiber or thread task; {0}: the program, which then
 *             closes the scope
 *   returns   0; -EDEADLK if the new owner is inside the scope; -EINVAL if the
 *             task cannot own the scope; -ESRCH for either; -ESTALE
 *   threads   any */
TEND_API TEND_MUST int tend_scope_hold(tend_scope scope, tend_task owner);

/* The reason of a cancel. */
struct tend_reason {
	int32_t code; /* negative errno value: -ECANCELED, -ETIMEDOUT at a deadline, or yours */
	uint32_t reserved;
	uint64_t who;  /* the task that canceled; 0: a thread outside the runtime */
	uint64_t when; /* instant */
	char text[64]; /* words of the canceler, may be empty */
};

/* Asks everything in the scope and below to stop, and returns at once: every
 * wait answers -ECANCELED, new work is refused. A cancel is sticky, and the first
 * reason stays.
 *
 *   code      negative errno value
 *   text      up to 63 bytes are kept; NULL for no text
 *   returns   0; -EALREADY if the scope is canceled already; -EINVAL; -ESRCH;
 *             -ESTALE. A caller may ignore the answer: a scope that is gone has
 *             nothing to stop
 *   threads   any, not from a signal handler */
TEND_API int tend_scope_cancel(tend_scope scope, int code, const char *text);

/* Reads the reason for which the scope is canceled.
 *
 *   out       or NULL
 *   returns   0; -ENOENT if the scope is not canceled; -ESRCH; -ESTALE
 *   threads   any */
TEND_API TEND_MUST int tend_scope_reason(tend_scope scope, struct tend_reason *out);

/* Returns the number of live tasks in the scope and below. The number may be off
 * by tasks being spawned or ending right now, but is at least 1 while any is live.
 *
 *   returns   the count; -ESRCH; -ESTALE
 *   threads   any */
TEND_API TEND_MUST int64_t tend_scope_live(tend_scope scope);

/* Waits until no task is live in the scope and below. The wait is exact: it never
 * answers 0 in the middle of a hand-over. Unless the scope is sealed, new work may
 * come afterwards.
 *
 *   returns   0; -ETIMEDOUT; -ECANCELED; -EDEADLK from inside; -ESRCH; -ESTALE
 *   threads   any that is not inside the scope; parks */
TEND_API TEND_MUST int tend_scope_wait_empty(tend_scope scope, uint64_t deadline);

/* tend_scope_live() and tend_scope_wait_empty() for a path below the root, such as
 * "server-1/devices". A prefix matches whole segments, so server-1 is not
 * server-10; "" is everything. A name may be followed by '#' and the id of the scope
 * or task, which chooses one of several with that name: "server-1#4711".
 *
 *   returns   as above; -ESRCH if nothing with such an id lives; -EINVAL for what is
 *             no list of names with a '/' between them
 *   threads   as above */
TEND_API TEND_MUST int64_t tend_path_live(tend_runtime *rt, const char *path);
TEND_API TEND_MUST int tend_path_wait_empty(tend_runtime *rt, const char *path, uint64_t deadline);

/* Adds a cleanup to the scope. tend_shutdown() runs cleanups after admission is
 * shut and before anything is canceled, because a cleanup may still use the tasks:
 * deeper scopes first, and in a scope the newest first. A cleanup runs once, in a
 * fiber below tend_detached(), and may wait.
 * No cancel reaches the cleanup before the deadline of the shutdown has passed, with
 * which its waits answer -ECANCELED. A cleanup that panics keeps no other from
 * running. tend_scope_close() runs no cleanup.
 *
 *   returns   0; -EINVAL if fn is NULL; -ENOMEM; -ECANCELED once a shutdown or a
 *             close began; -ESRCH; -ESTALE
 *   threads   any */
typedef void tend_cleanup_fn(void *arg);
TEND_API TEND_MUST int tend_scope_cleanup(tend_scope scope, tend_cleanup_fn *fn, void *arg);

/* The report of a shutdown, freed with tend_report_free(). */
typedef struct tend_report tend_report;

/* Zero is every field's default. Fields are only ever added, at the end. */
struct tend_shutdown_opts {
	size_t size;          /* size of this struct, set by TEND_SHUTDOWN_OPTS */
	uint64_t drain;       /* until this instant tasks may end by themselves; 0: no drain */
	int32_t code;         /* code of the reason; default -ECANCELED */
	uint32_t reserved;    /* 0 */
	const char *text;     /* text of the reason */
	tend_report **report; /* out, or NULL; written when the call answers 0 or -ETIMEDOUT */
};
#define TEND_SHUTDOWN_OPTS(...) TEND_OPTIONS_(tend_shutdown_opts, __VA_ARGS__)

/* Stops the subtree under one absolute deadline: shut admission, run cleanups,
 * drain, stop members (tend/supervise.h) in their order, cancel, and in the last fifth
 * of the time after the cancel (at most 1 s) abort the abortable fibers and kill the
 * processes. Cleanups and members that have not ended by the last fifth of the whole
 * time (at most 1 s) hold up the cancel no longer. A
 * task that is left then is marked abandoned: the task stays in the tree, is counted
 * and reported, and gets its outcome when it ends after all. A task that has already
 * ended is never reported, even with deadline 0; a cleanup that is late is reported
 * like a task.
 * Concurrent callers share one operation and one result; a later call can only make
 * the deadline earlier. The scope itself stays until it is closed.
 *
 *   opts      NULL for all defaults
 *   returns   0 everything ended; -ETIMEDOUT something was abandoned;
 *             -EDEADLK from inside the scope or from a cleanup of the shutdown;
 *             -EINVAL for a code that is no negative errno value; -ENOMEM; -E2BIG;
 *             -ESRCH; -ESTALE
 *   owns      *opts->report is the caller's
 *   threads   any that is not inside the scope; parks, no cancel ends the wait */
TEND_API TEND_MUST int tend_shutdown(tend_scope scope, uint64_t deadline,
                                     const struct tend_shutdown_opts *opts);

/* Writes the report as text or as a JSON document: a line for the whole, with the
 * outcomes of all tasks that ever were in the scope or below, then the first failure
 * of these, then a line per process task of which something had to be killed, then a
 * line per survivor with the last request to it, and of one that has run before, the number of
 * its attempt, its restarts and how its last attempt ended. Writes like snprintf: at most `size`
 * bytes with the NUL.
 *
 *   returns   the length of the whole text without the NUL
 *   threads   any */
TEND_API size_t tend_report_text(const tend_report *report, char *buf, size_t size);
TEND_API size_t tend_report_json(const tend_report *report, char *buf, size_t size);

/* Returns the number of survivors.
 *
 *   threads   any */
TEND_API size_t tend_report_abandoned(const tend_report *report);

/* Frees a report; NULL does nothing.
 *
 *   threads   any */
TEND_API void tend_report_free(tend_report *report);

#ifdef __cplusplus
}
#endif

#endif
