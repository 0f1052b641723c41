/* guard/table.h - the data that the guard and its keepers share.
 *
 * Each task has a keeper: a fork of the guard, a subreaper, and the parent of the leader, the
 * first process of the task. Orphans of the task fall to the keeper, so "all descendants of
 * the task" is exactly "all children of the keeper, until there is none". Guard and keeper
 * speak through the task's slot in shared memory; a signal only says that the slot has news.
 *
 * Files, each uses only those above it:
 *   children.c  lists, kills and reaps children
 *   leader.c    starts the leader of a task
 *   keeper.c    the keeper of a task
 *   guard.c     the guard */
#ifndef GUARD_TABLE_H
#define GUARD_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "platform/guard.h"

/* A broken invariant ends the process that finds it, with a line on standard error. The
 * others handle that as any death: of the guard, its owner and its keepers; of a keeper, the
 * guard. Standard error is /dev/null once the guard serves, and a core file has the line. */
#define GUARD_TEXT_(x) #x
#define GUARD_TEXT(x)  GUARD_TEXT_(x)
#define guard_assert(cond) \
	((cond) ? (void)0 \
	        : guard_broken("tend-guard: " __FILE__ ":" GUARD_TEXT(__LINE__) ": " #cond "\n"))
_Noreturn static inline void guard_broken(const char *line)
{
	if (write(STDERR_FILENO, line, strlen(line)) < 0)
		abort();
	abort();
}

/* The signal that makes a keeper look at its slot. The kernel sends the same signal to the
 * keeper when the guard dies. */
#define WAKE_SIGNAL SIGUSR1

/* No kernel has a higher pid (PID_MAX_LIMIT). */
#define PIDS 4194304

#define NEVER UINT64_MAX

/* Nanoseconds of the monotonic clock. */
static inline uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static inline uint64_t after_ns(uint64_t ns)
{
	uint64_t now = now_ns();
	return ns < NEVER - now ? now + ns : NEVER;
}

enum slot_state {
	SLOT_OPEN,   /* the keeper has not finished, or was killed before it could */
	SLOT_FAILED, /* stage and error are valid, no process of the task is left */
	SLOT_ENDED,  /* code and status are valid, no process of the task is left */
};

/* The slot of a task. `state` is written once, by the keeper:
 *
 *   OPEN -> FAILED  fail()      keeper.c: the program does not run
 *   OPEN -> ENDED   end_task()  keeper.c: the leader was reaped, and all else is dead
 *
 * The guard reads it when it has reaped the keeper. A slot that is still OPEN then is lost:
 * the guard ends the task. */
struct slot {
	/* From the guard to the keeper. */
	_Atomic uint64_t signals; /* bit n-1: signal n is to be sent to leader and group */
	_Atomic uint64_t stop_at; /* instant of the stop's SIGKILL; NEVER: there is no stop */
	_Atomic uint32_t kill;    /* 1: the task is to be killed */

	/* From the keeper to the guard; the members before `state` are valid by its value. */
	int32_t stage;
	int32_t error;
	int32_t code;
	int32_t status;
	uint32_t killed;               /* processes but the leader that had to be killed, */
	char names[TEND__GUARD_NAMES]; /* and their names and pids, as many as fit */
	_Atomic uint32_t state;

	/* The guard's own. */
	uint32_t owed;       /* messages not sent yet: OWED_* in guard.c */
	uint32_t next;       /* the next free slot, or the next that owes */
	uint32_t next_lost;  /* the next slot whose keeper was killed */
	uint32_t next_alike; /* the next slot with the same hash of the cookie */
	uint64_t cookie;
	pid_t keeper; /* 0: none, or reaped */
	pid_t leader; /* 0: no start is known */
	int pidfd;    /* the leader's, until it was sent to the owner; else -1 */
	bool queued;  /* in the chain of slots that owe */
};

/* The message of a keeper to the guard, with the pidfd of the leader. */
struct started {
	uint32_t slot;
	int32_t leader;
};

/* The input of a keeper. */
struct keeper {
	struct slot *slot;
	uint32_t index;
	pid_t guard;
	int report; /* the socket for `struct started` */
	struct tend__guard_request request;
	int fds[TEND__GUARD_FDS_MAX]; /* the descriptors of the request, in its order */
};

/* keeper.c: runs a task, leaves no process of the task, and exits. */
_Noreturn void keeper_run(const struct keeper *keeper);

/* leader.c: the input of a leader. The pointers stay the caller's. */
struct leader {
	char *const *argv;
	char *const *env;
	const char *cwd; /* or NULL */
	int base;        /* the directory where a relative cwd begins, or -1 */
	int io[3];       /* or -1 */
	int ready;       /* the descriptor of readiness, or -1 */
	int ready_fd;    /* the number of `ready` in the program */
	pid_t parent;
	/* Set by the leader, in memory that it shares with the keeper until exec. */
	volatile int stage;
	volatile int error;
};

/* Starts a leader. Returns its pid, with *pidfd set, when it runs its program; or a negative
 * errno value with leader->stage set, and then no process is left. */
pid_t leader_start(struct leader *leader, int *pidfd);

/* children.c */
typedef bool child_chosen(pid_t pid);
typedef void child_each(void *arg, pid_t pid);
typedef void child_dead(void *arg, pid_t pid, int code, int status);

/* Checks whether children can be listed at all. Returns 0 or a negative errno value. */
int children_check(void);

/* Calls `fn` for each child; children may be left out if `fn` reaps. Returns 0 or a negative
 * errno value. */
int children_each(child_each *fn, void *arg);

/* Sends SIGKILL to the children for which `chosen` returns true, or to all. Returns how many
 * got it, or a negative errno value. */
int children_kill(child_chosen *chosen);

/* Repeats {SIGKILL all children; reap} until no child is left: in a subreaper, until no
 * descendant is left. `dead` is called for each before it is reaped, and may be NULL. */
void children_end(child_dead *dead, void *arg);

/* Reaps a child that has ended. Returns its pid, 0 if no child has ended, -ECHILD if there is
 * no child. */
pid_t children_reap(int *code, int *status);

#endif
