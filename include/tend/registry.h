/* tend/registry.h - what is running right now: snapshots, events, the tree.
 *
 * The readers map the segment in which the program keeps its tasks: the program does
 * nothing for a reader, a reader asks no task and takes no lock that a task could hold.
 * The same readers work on another process, be it running, stopped or wedged. */
#ifndef TEND_REGISTRY_H
#define TEND_REGISTRY_H

#include "tend/base.h"

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
	TEND_KIND_SCOPE = 1,
	TEND_KIND_FIBER,
	TEND_KIND_THREAD,
	TEND_KIND_PROCESS,
	TEND_KIND_EXTERNAL,
};

enum {
	TEND_STATE_QUEUED = 1, /* waits for admission under a limit; not in use yet */
	TEND_STATE_STARTING,   /* a thread or process being made */
	TEND_STATE_READY,      /* waits for a worker */
	TEND_STATE_RUNNING,
	TEND_STATE_PARKED,    /* in a wait, see `wait` */
	TEND_STATE_STOPPING,  /* canceled, or its attempt is told to stop; not ended yet */
	TEND_STATE_BACKOFF,   /* between two attempts */
	TEND_STATE_ABANDONED, /* given up by a shutdown; may still end */
	TEND_STATE_ENDED,     /* ended, with an outcome kept for a joiner */
	TEND_STATE_STOPPED,   /* between two attempts, until it is started */
};

/* A scope or a task at a single instant. Fields are only ever added, at the end. */
struct tend_info {
	size_t size; /* how much the library has filled: less than the sizeof of a program that
	                was compiled for a newer library */
	uint64_t id;
	uint64_t parent;      /* id of the scope around; 0: the row is the root scope */
	uint8_t kind;         /* TEND_KIND_... */
	uint8_t state;        /* TEND_STATE_... */
	uint8_t outcome;      /* TEND_LIVE, or TEND_COMPLETED and so on */
	uint8_t torn;         /* 1: the row changed too fast to be read as a whole */
	uint32_t attempt;     /* number of the attempt, from 1 */
	int32_t pid;          /* pid of a process; thread id of a thread task; else 0 */
	int32_t result;       /* once ended */
	uint64_t spawned_at;  /* instant */
	uint64_t since;       /* instant of the last change of state */
	uint64_t checkpoints; /* checkpoints passed since the cancel */
	uint64_t last_event;  /* number of the last event; 0: without a subscriber then */
	char name[TEND_NAME_MAX + 1];
	char wait[64]; /* "recv channel#12", "sleep 3.2s", "fd 7 read"; empty: no wait */
	char site[96]; /* "file:line" of the spawn */
	/* For tasks that may run again. */
	uint64_t due;       /* instant of the next attempt; 0: none is due */
	uint32_t restarts;  /* attempts that followed a failure, the one that is due with them */
	int32_t last_error; /* why the last attempt ended, as `error` of struct tend_outcome */
	uint8_t last;       /* how the last attempt ended: TEND_COMPLETED and so on; 0: none has */
	uint8_t ready;      /* 1: the task has begun, and not ended; if it is to say that it is
	                       ready, it has said so */
	uint8_t reserved[6];
	uint64_t where; /* address behind the call of the last wait or checkpoint; 0: none */
};

typedef struct tend_snapshot tend_snapshot;

/* Copies the registry of a runtime, sorted by path, segment by segment, then by
 * id. The snapshot has ended tasks too, as long as their outcome is kept; to count
 * live tasks, look at the state.
 *
 *   returns   0; -ENOMEM; -ESRCH if rt has closed; -ESTALE
 *   owns      *out is the caller's, until tend_snapshot_free()
 *   threads   any */
TEND_API TEND_MUST int tend_snapshot_take(const tend_runtime *rt, tend_snapshot **out);

/* Copies the registry of another process that is linked with libtend, and may be
 * stopped. The reader checks every value of the registry and trusts none.
 *
 *   returns   0; -ESRCH no such process; -ENOENT a process without a registry; -EPERM,
 *             -EACCES no permission to read the registry; -EPROTO a registry of another
 *             format; -ENOMEM
 *   threads   any */
TEND_API TEND_MUST int tend_snapshot_of(pid_t pid, tend_snapshot **out);

/* Copies the registries of all runtimes of another process, in the order in which the
 * runtimes were opened. tend_snapshot_of() copies the last of them.
 *
 *   max       room in `out`, at least 1; further registries are left out
 *   returns   the number of snapshots in `out`, at least 1; -EINVAL; or as
 *             tend_snapshot_of()
 *   owns      the snapshots are the caller's, until tend_snapshot_free()
 *   threads   any */
TEND_API TEND_MUST int64_t tend_snapshots_of(pid_t pid, tend_snapshot **out, size_t max);

/* Copies a registry through a descriptor: of a registry file, or of a memfd.
 *
 *   returns   0; -EPROTO a registry of another format, or none; -ENOMEM; -EBADF
 *   threads   any */
TEND_API TEND_MUST int tend_snapshot_fd(int fd, tend_snapshot **out);

/* Frees a snapshot; NULL does nothing.
 *
 *   threads   any */
TEND_API void tend_snapshot_free(tend_snapshot *snapshot);

/* The number of rows, and the row with an index.
 *
 *   index     less than the count; a larger index is an error of the program
 *   returns   borrowed from the snapshot; read no field beyond the row's `size`
 *   threads   any, one at a time */
TEND_API size_t tend_snapshot_count(const tend_snapshot *snapshot);
TEND_API const struct tend_info *tend_snapshot_at(const tend_snapshot *snapshot, size_t index);

/* The path of a row, root name first; and the depth of a row, with the root at depth 0.
 *
 *   returns   the length without the NUL; writes like snprintf
 *   threads   any, one at a time */
TEND_API size_t tend_snapshot_path(const tend_snapshot *snapshot, size_t index, char *buf,
                                   size_t size);
TEND_API uint32_t tend_snapshot_depth(const tend_snapshot *snapshot, size_t index);

/* Writes where an address of the process is: "module+0x1b2c", for addr2line(1) and the like
 * with the file of the module; or the address alone, of a file that is not known.
 *
 *   address   as `where` of a row or of an end
 *   returns   the length without the NUL; writes like snprintf
 *   threads   any, one at a time */
TEND_API size_t tend_snapshot_place(const tend_snapshot *snapshot, uint64_t address, char *buf,
                                    size_t size);

/* Writes what there is to say about the attempts of a task, such as
 * "runs in 1.2s, 3 of 5 in 30s, last: exited with code 3": when the next begins; how many
 * restarts its scope has counted in the period, and at how many more it gives up; how the last
 * has ended. Nothing while no attempt has ended.
 *
 *   index     less than the count; a larger index is an error of the program
 *   returns   the length without the NUL; writes like snprintf
 *   threads   any, one at a time */
TEND_API size_t tend_snapshot_life(const tend_snapshot *snapshot, size_t index, char *buf,
                                   size_t size);

/* Reads the reason for which a row was canceled: its own, or that of the scope above which was
 * canceled together with all below.
 *
 *   index     less than the count; a larger index is an error of the program
 *   returns   0; -ENOENT if the row is not canceled, or its reason is not known
 *   threads   any, one at a time */
struct tend_reason;
TEND_API TEND_MUST int tend_snapshot_reason(const tend_snapshot *snapshot, size_t index,
                                            struct tend_reason *out);

/* An end of a task that was not completed, and was no cancel of a whole scope. Fields are
 * only ever added, at the end. */
struct tend_end_info {
	size_t size;     /* how much the library has filled, as of struct tend_info */
	uint64_t number; /* in the runtime, from 1 */
	uint64_t at;     /* instant */
	uint64_t id;
	uint64_t parent;
	uint64_t spawned_at; /* instant */
	uint64_t where;      /* as `where` of struct tend_info */
	uint8_t kind;        /* TEND_KIND_... */
	uint8_t outcome;     /* TEND_FAILED and so on */
	uint8_t reserved[2];
	int32_t result;
	uint32_t attempt;
	char name[TEND_NAME_MAX + 1];
	char site[96]; /* "file:line" of the spawn */
	char text[40]; /* begins the text of a panic, a failed start or a cancel */
};

/* The number of ends that the registry remembers, at most 256 of the last, and the end with an
 * index, oldest first. They are recorded whether anybody looks or not, so they are there after
 * a crash too.
 *
 *   index     less than the count; a larger index is an error of the program
 *   returns   borrowed from the snapshot; read no field beyond the `size`
 *   threads   any, one at a time */
TEND_API size_t tend_snapshot_ends(const tend_snapshot *snapshot);
TEND_API const struct tend_end_info *tend_snapshot_end(const tend_snapshot *snapshot, size_t index);

/* Facts of the whole snapshot. The snapshot has the effect of each event up to `low`. It
 * may also have effects of later events, which can be applied to the rows without harm. Fields
 * are only ever added, at the end. */
struct tend_snapshot_info {
	size_t size;        /* size of this struct, set by the macro of the call */
	uint64_t at;        /* instant; of a process that has ended, the last sign of its life */
	uint64_t low, high; /* marks: event numbers before and after */
	uint64_t pid;
	uint64_t torn; /* number of torn rows */
	char name[TEND_NAME_MAX + 1];
	uint64_t opened_at;  /* instant at which the runtime was opened */
	uint64_t opened_utc; /* the same in nanoseconds since 1970, by the clock of then */
	uint8_t ended;       /* 1: the process or its runtime has ended, as far as can be told */
	uint8_t reserved[3];
	/* The task to which the process belongs: `opened_at` of the registry that has the task, the
	 * id and the number of the attempt; 0: none is named. The process names the task, which is
	 * no proof. */
	uint32_t parent_attempt;
	uint64_t parent_opened_at;
	uint64_t parent_task;
};

/* Reads the facts of the whole snapshot.
 *
 *   out       a struct without a size stays as it is
 *   threads   any */
TEND_API void tend_snapshot_about(const tend_snapshot *snapshot, struct tend_snapshot_info *out);
#define tend_snapshot_about(snapshot, out) \
	(tend_snapshot_about)((snapshot), tend_snapshot_info_out_(out))

/* Sets the size of a struct, for the macro. */
static inline struct tend_snapshot_info *tend_snapshot_info_out_(struct tend_snapshot_info *out)
{
	out->size = sizeof(*out);
	return out;
}

/* The tree as text, a row a line, drawn with UTF-8 lines or with ASCII.
 *
 *   flags     TEND_TREE_ASCII; TEND_TREE_HIDE leaves out the rows whose names begin with
 *             '.', and what stands below them; but a root of such a name alone, which
 *             hands its place to the rows in the root
 *   returns   the length of the whole text without the NUL; writes like snprintf
 *   threads   any, one at a time */
enum { TEND_TREE_ASCII = 1, TEND_TREE_HIDE = 2 };
TEND_API size_t tend_snapshot_text(const tend_snapshot *snapshot, uint32_t flags, char *buf,
                                   size_t size);

/* A row of a tree, to be drawn. The caller writes `above`, tend_tree_link() the
 * rest. */
struct tend_tree_row {
	uint32_t above; /* index of the row around this row, or TEND_NO_ROW */
	uint32_t first; /* index of the first row in this row, or TEND_NO_ROW */
	uint32_t next;  /* index of the next row in the same row, or TEND_NO_ROW */
	uint32_t depth; /* 0 without a row around */
};
#define TEND_NO_ROW UINT32_MAX

/* Links rows as tend_snapshot_text() draws them: each below the row around, and rows in
 * the same row in the order of the array. Rows in a circle are not reached.
 *
 *   n         rows; an `above` of n or more is taken for TEND_NO_ROW
 *   returns   the index of the first row to draw, or TEND_NO_ROW
 *   threads   any */
TEND_API uint32_t tend_tree_link(struct tend_tree_row *rows, size_t n);

/* The row to draw after `row`.
 *
 *   rows      as tend_tree_link() left them
 *   returns   its index, or TEND_NO_ROW
 *   threads   any */
TEND_API uint32_t tend_tree_next(const struct tend_tree_row *rows, uint32_t row);

/* The lines in front of a row, three columns for each level of its depth, of which at
 * most 256 are drawn.
 *
 *   rows      as tend_tree_link() left them
 *   flags     TEND_TREE_ASCII
 *   returns   the length without the NUL; writes like snprintf
 *   threads   any */
TEND_API size_t tend_tree_branch(const struct tend_tree_row *rows, uint32_t row, uint32_t flags,
                                 char *buf, size_t size);

/* Words for kinds and states: "fiber", "parked". Never NULL.
 *
 *   threads   any */
TEND_API const char *tend_kind_name(uint32_t kind);
TEND_API const char *tend_state_name(uint32_t state);

enum {
	TEND_EVENT_STARTED = 1, /* a task is in its scope, and has not begun */
	TEND_EVENT_ENDED,       /* a scope has closed, or a task has ended */
	TEND_EVENT_CANCELED,    /* a scope, which cancels the tasks in it; or a task alone, also
	                           one that is born canceled, as its deadline had passed */
	TEND_EVENT_OPENED,      /* a scope; if it is born canceled, TEND_EVENT_CANCELED follows */
	TEND_EVENT_SEALED,
	TEND_EVENT_UNSEALED,
	TEND_EVENT_CLOSING, /* a scope admits no more, for good */
	TEND_EVENT_BEGAN,   /* an attempt: the function of a task is called next, or a process
	                       has its program */
	TEND_EVENT_READY,   /* an attempt has said that it is ready */
	/* For tasks that may run again, told in the order in which it was decided. */
	TEND_EVENT_ATTEMPT_ENDED, /* once for each attempt, also for one that could not begin */
	TEND_EVENT_TIMED_OUT,     /* an attempt has missed a time, and is stopped: `error` says
	                             which */
	TEND_EVENT_BACKOFF,       /* the task rests for `delay_ns`, and then an attempt begins */
	TEND_EVENT_STOPPED,       /* the task rests until it is started */
	TEND_EVENT_GAVE_UP,       /* a scope, after one restart too many; its cancel follows */
	TEND_EVENT_STOPPING,      /* an attempt is told to end, while its task is not canceled */
};

/* The word for the type of an event: "started". Never NULL.
 *
 *   threads   any */
TEND_API const char *tend_event_name(uint32_t type);

/* A change in the registry. Events are hints: no count and no outcome depends on them.
 * The events after the `low` mark of a snapshot, applied to its rows in the order of their
 * numbers, give the scopes and live tasks of a later snapshot: an event of a row that is
 * there already, or there no more, changes nothing. The attempts of a task are told in the
 * order of what happened to them; a row says that the task rests a moment after the event,
 * when the attempt has left its stack. Fields are only ever added, at the end. */
struct tend_event_info {
	size_t size;     /* size of this struct, set by the macro of the call */
	uint64_t number; /* in the runtime, from 1 */
	uint64_t at;     /* instant */
	uint64_t id;
	uint64_t parent;
	uint8_t type;    /* TEND_EVENT_... */
	uint8_t kind;    /* TEND_KIND_... */
	uint8_t outcome; /* outcome of a task or attempt that has ended */
	uint8_t reserved;
	int32_t result; /* result of a task or attempt that has ended; code of a cancel */
	char name[TEND_NAME_MAX + 1];
	uint32_t attempt;  /* number of the task's attempt, from 1; 0 of a scope, and of a task
	                      that may run again before its first attempt */
	int32_t error;     /* why a task or attempt has ended, as `error` of struct tend_outcome;
	                      -ETIMEDOUT or -ETIME of TEND_EVENT_TIMED_OUT; else 0 */
	uint64_t delay_ns; /* the length of the rest in TEND_EVENT_BACKOFF; else 0 */
};

typedef struct tend_subscription tend_subscription;

/* Begins to record events; from here on they are kept in bounded rings.
 *
 *   returns   0; -ENOMEM; -ENOSPC the disk of registry_path is full; -ESRCH if rt has
 *             closed; -ESTALE
 *   owns      *out is the caller's, until tend_unsubscribe()
 *   threads   any */
TEND_API TEND_MUST int tend_subscribe(tend_runtime *rt, tend_subscription **out);

/* Takes the events there are, in the order of their numbers.
 *
 *   out       an array; the size in its first struct is that of each
 *   max       room in `out`
 *   lost      the number of events overwritten since the last call, which this call
 *             therefore has missed: when `lost` is not 0, take a new snapshot
 *   returns   the number of events taken, or 0; -EINVAL for room without a size; -ESRCH
 *             if the runtime has closed; -ESTALE
 *   threads   one at a time */
TEND_API TEND_MUST int64_t tend_events_take(tend_subscription *sub, struct tend_event_info *out,
                                            size_t max, uint64_t *lost);
#define tend_events_take(sub, out, max, lost) tend_events_take_((sub), (out), (max), (lost))

/* Sets the size of the first struct, if there is room for one, and takes the events. */
static inline TEND_MUST int64_t tend_events_take_(tend_subscription *sub,
                                                  struct tend_event_info *out, size_t max,
                                                  uint64_t *lost)
{
	if (max > 0)
		out->size = sizeof(*out);
	return (tend_events_take)(sub, out, max, lost);
}

/* Ends a subscription, also after its runtime has closed; NULL does nothing.
 *
 *   threads   any */
TEND_API void tend_unsubscribe(tend_subscription *sub);

/* Sets `event` (tend/sync.h) at each change of a scope or task, or of what is below a
 * scope: with each event that a subscriber would get, and when a shutdown abandons a task.
 * A park is no change. A program clears the event, looks at a snapshot or asks, and then
 * waits: so no change is missed, and many changes at once are one. Each call adds a watch.
 * The end of the scope or task sets the event, and ends the watch; of a task that has ended
 * and whose outcome is kept, the call itself sets the event. The event must outlive the
 * watch.
 *
 *   id        of a tend_scope or tend_task
 *   returns   0; -ENOMEM; -ESRCH; -ESTALE
 *   threads   any */
struct tend_event;
TEND_API TEND_MUST int tend_watch_changes(uint64_t id, struct tend_event *event);

/* Takes a watch of `event` back.
 *
 *   id        as for tend_watch_changes()
 *   returns   0; -ENOENT if no watch is left, because the scope or task has ended; -ESRCH
 *             if its runtime has closed; -ESTALE
 *   threads   any */
TEND_API TEND_MUST int tend_unwatch_changes(uint64_t id, struct tend_event *event);

/* The path of a live scope or task.
 *
 *   id        of a tend_scope or tend_task
 *   returns   the length without the NUL, writes like snprintf; -ESRCH; -ESTALE
 *   threads   any */
TEND_API TEND_MUST int64_t tend_path(uint64_t id, char *buf, size_t size);

#ifdef __cplusplus
}
#endif

#endif
