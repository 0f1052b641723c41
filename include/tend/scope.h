/* tend/scope.h - owners: tasks that cannot outlive the scope they were spawned
 * into, a cancel that travels down, and a stop that ends or says why.
 *
 * doc/model.md has the rules and their reasons. */
#ifndef TEND_SCOPE_H
#define TEND_SCOPE_H

#include "tend/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Zero is every field's default. Fields are only ever added, at the end. */
struct tend_scope_opts {
	size_t size;       /* of this struct, set by TEND_SCOPE_OPTS */
	uint64_t deadline; /* cancel with -ETIMEDOUT at this instant; the parent's if that
	                      is earlier; 0: only the parent's */
	uint64_t shield;   /* until this instant no cancel from above enters; 0: no shield */
	uint32_t numbered; /* not 0: "-N" is appended, N unique in the process (BP-06) */
	uint32_t reserved; /* 0 */
};
#define TEND_SCOPE_OPTS(...) \
	(&(const struct tend_scope_opts){.size = sizeof(struct tend_scope_opts), __VA_ARGS__})

/* Opens a scope below `parent`. Below a canceled scope it succeeds and is born
 * canceled (behaviour rule 2). Opened by a fiber or thread task, that task owns
 * it: if its owner ends first, the scope is canceled and closes itself when it
 * is empty (what "drop cancels", BP-16, means in C). Opened elsewhere, it is
 * the program's until tend_scope_close().
 *
 *   parent    tend_root() or any open scope
 *   name      1 to 47 bytes; siblings may share a name
 *   opts      NULL for all defaults
 *   out       the new scope
 *   returns   0; -EINVAL; -E2BIG; -ENOMEM; -EAGAIN at tasks_max; -EOVERFLOW
 *             below 200 others; -ECANCELED if parent is closing; -ESHUTDOWN if
 *             it is sealed; -ESRCH; -ESTALE
 *   threads   any */
TEND_API TEND_MUST int tend_scope_open(tend_scope parent, const char *name,
                                       const struct tend_scope_opts *opts, tend_scope *out);

/* Counts of how the tasks of one scope ended; those below it are not in it. */
struct tend_stats {
	uint64_t spawned;   /* admitted */
	uint64_t completed; /* the next seven sum up to the ended */
	uint64_t failed;
	uint64_t canceled;
	uint64_t panicked;
	uint64_t aborted;
	uint64_t killed;
	uint64_t rejected;   /* refused at admission; not among spawned */
	int32_t first_error; /* of the first that failed or panicked; 0: none did */
	uint32_t reserved;
	char first_name[TEND_NAME_MAX + 1]; /* its name */
};

/* Reads the counts of a scope.
 *
 *   returns   0; -ESRCH; -ESTALE
 *   threads   any */
TEND_API TEND_MUST int tend_scope_stats(tend_scope scope, struct tend_stats *out);

/* Seals the scope and all below for good, waits until everything in it has
 * ended, closes the scopes below it and frees it. It does not cancel.
 *
 *   scope     {0} does nothing
 *   stats     the final counts, or NULL
 *   returns   0; -ETIMEDOUT: the scope is still there, sealed for good, and this
 *             may be called again; -EDEADLK from inside the scope; -EBUSY if
 *             another close of it is waiting; -EPERM for the root; -ESRCH; -ESTALE
 *   threads   any that is not inside the scope; parks, no cancel ends it: a
 *             cancel makes the tasks end, and that ends it */
TEND_API TEND_MUST int tend_scope_close(tend_scope scope, uint64_t deadline,
                                        struct tend_stats *stats);

/* Shuts admission: spawns and opens answer -ESHUTDOWN until unsealed. What runs
 * runs on. Below it nothing changes. Sealing twice is sealing once.
 *
 *   returns   0; -ESRCH; -ESTALE. To ignore it is normal: a scope that is gone
 *             admits nothing
 *   threads   any */
TEND_API int tend_scope_seal(tend_scope scope);

/* Reopens admission.
 *
 *   returns   0; -ECANCELED if it is closing or canceled, for these are for
 *             good; -ESRCH; -ESTALE
 *   threads   any */
TEND_API TEND_MUST int tend_scope_unseal(tend_scope scope);

/* Moves the ownership of a scope to the calling task, or away from every task:
 * what ends a held scope is its holder's end (BP-21).
 *
 *   holder    a fiber or thread task; {0} for none: the program closes it
 *   returns   0; -EDEADLK if holder is inside the scope; -EINVAL if holder
 *             cannot own; -ESRCH for either; -ESTALE
 *   threads   any */
TEND_API TEND_MUST int tend_scope_hold(tend_scope scope, tend_task holder);

/* Why something is canceled. */
struct tend_reason {
	int32_t code; /* negative errno value: -ECANCELED, -ETIMEDOUT at a deadline, or yours */
	uint32_t reserved;
	uint64_t who;  /* the task that canceled; 0: a thread outside the runtime */
	uint64_t when; /* instant */
	char text[64]; /* of the canceler, may be empty */
};

/* Asks everything in the scope and below to stop, and returns at once: every
 * wait answers -ECANCELED, new work is refused. Sticky; the first reason stays.
 *
 *   code      negative errno value
 *   text      up to 63 bytes are kept; NULL for none
 *   returns   0; -EALREADY if it is canceled already; -EINVAL; -ESRCH; -ESTALE.
 *             To ignore it is normal: a scope that is gone has nothing to stop
 *   threads   any, not from a signal handler */
TEND_API int tend_scope_cancel(tend_scope scope, int code, const char *text);

/* Why the scope is canceled.
 *
 *   out       or NULL
 *   returns   0; -ENOENT if it is not; -ESRCH; -ESTALE
 *   threads   any */
TEND_API TEND_MUST int tend_scope_reason(tend_scope scope, struct tend_reason *out);

/* The number of live tasks in the scope and below. May be off by tasks being
 * spawned or ending right now, but is at least 1 while any is live.
 *
 *   returns   the count; -ESRCH; -ESTALE
 *   threads   any */
TEND_API TEND_MUST int64_t tend_scope_live(tend_scope scope);

/* Waits until nothing is live in the scope and below. Exact: it never answers 0
 * in the middle of a hand-over. Unless sealed, new work may come afterwards.
 *
 *   returns   0; -ETIMEDOUT; -ECANCELED; -EDEADLK from inside; -ESRCH; -ESTALE
 *   threads   any that is not inside the scope; parks */
TEND_API TEND_MUST int tend_scope_wait_empty(tend_scope scope, uint64_t deadline);

/* The same two by path, below the root: "server-1/devices". A prefix matches
 * whole segments, so server-1 is not server-10; "" is everything (BP-02).
 *
 *   returns   as above; -EINVAL for a path that cannot be
 *   threads   as above */
TEND_API TEND_MUST int64_t tend_path_live(tend_runtime *rt, const char *path);
TEND_API TEND_MUST int tend_path_wait_empty(tend_runtime *rt, const char *path, uint64_t deadline);

/* Adds a cleanup to the scope: tend_shutdown() runs it, newest first, after
 * admission is shut and before anything is canceled, so that it may still use
 * the tasks (BP "cleanup, then cancel, then wait"). It runs once, in a caller
 * of tend_shutdown(), without a lock, and may wait; it does not run at close.
 *
 *   returns   0; -ENOMEM; -ECANCELED once a shutdown began; -ESRCH; -ESTALE
 *   threads   any */
typedef void tend_cleanup_fn(void *arg);
TEND_API TEND_MUST int tend_scope_cleanup(tend_scope scope, tend_cleanup_fn *fn, void *arg);

/* What one shutdown did; freed with tend_report_free(). */
typedef struct tend_report tend_report;

/* Zero is every field's default. Fields are only ever added, at the end. */
struct tend_shutdown_opts {
	size_t size;          /* of this struct, set by TEND_SHUTDOWN_OPTS */
	uint64_t drain;       /* until this instant tasks may end by themselves; 0: no drain */
	int32_t code;         /* the reason's; default -ECANCELED */
	uint32_t reserved;    /* 0 */
	const char *text;     /* the reason's */
	tend_report **report; /* out, or NULL; written when the call answers 0 or -ETIMEDOUT */
};
#define TEND_SHUTDOWN_OPTS(...) \
	(&(const struct tend_shutdown_opts){.size = sizeof(struct tend_shutdown_opts), __VA_ARGS__})

/* Stops the subtree under one absolute deadline: shut admission, run cleanups,
 * drain, cancel, and in the last fifth of the time (at most 1 s) abort what is
 * abortable and kill processes. What is left then is marked abandoned: it stays
 * in the tree, is counted and reported, and its late end still gives it its
 * outcome. Something that has already ended is never reported, even with
 * deadline 0. Concurrent callers share one operation and one result; a later
 * call can only make the deadline earlier. The scope itself stays, to be closed.
 *
 *   opts      NULL for all defaults
 *   returns   0 everything ended; -ETIMEDOUT something was abandoned;
 *             -EDEADLK from inside the scope; -ENOMEM; -E2BIG; -ESRCH; -ESTALE
 *   owns      *opts->report is the caller's
 *   threads   any that is not inside the scope; parks, no cancel ends it */
TEND_API TEND_MUST int tend_shutdown(tend_scope scope, uint64_t deadline,
                                     const struct tend_shutdown_opts *opts);

/* The report as text, a line for the whole and a line per survivor, or as one
 * JSON document. Writes like snprintf: at most `size` bytes with the NUL.
 *
 *   returns   the length of the whole text without the NUL
 *   threads   any */
TEND_API size_t tend_report_text(const tend_report *report, char *buf, size_t size);
TEND_API size_t tend_report_json(const tend_report *report, char *buf, size_t size);

/* The number of survivors.
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
