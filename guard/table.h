/* guard/table.h - what the guard and its keepers share.
 *
 * Each task has a keeper: a fork of the guard, a subreaper, and the parent of
 * the task's first process, the leader. Whatever a descendant does, its orphan
 * falls to the keeper, so "all descendants of the task" is exactly "all
 * children of the keeper, until there is none". The two speak through the
 * task's slot in shared memory; a signal only says that it is worth a look. */
#ifndef GUARD_TABLE_H
#define GUARD_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "platform/guard.h"

/* The signal by which a keeper is told to look at its slot, and which the
 * kernel sends it when the guard dies. */
#define WAKE_SIGNAL SIGUSR1

enum slot_state {
	SLOT_OPEN,   /* its keeper has not finished, or was killed before it could */
	SLOT_FAILED, /* stage and error are valid, nothing of it is left */
	SLOT_ENDED,  /* code and status are valid, nothing of it is left */
};

struct slot {
	/* Guard to keeper. */
	_Atomic uint64_t signals; /* bit n-1: signal n is to be sent to the group */
	_Atomic uint32_t kill;

	/* Keeper to guard; the fields before it are valid when `state` says so. */
	int32_t stage;
	int32_t error;
	int32_t code;
	int32_t status;
	_Atomic uint32_t state;

	/* The guard's own. */
	uint32_t owed;       /* replies not yet sent: OWED_* in guard.c */
	uint32_t next;       /* free or owing slot after this one */
	uint32_t next_lost;  /* slot after this one whose keeper was killed */
	uint32_t next_alike; /* slot after this one with this hash of the cookie */
	uint64_t cookie;
	pid_t keeper; /* 0: none, or reaped */
	pid_t leader; /* 0: not known to have started */
	int pidfd;    /* of the leader, until it was sent; else -1 */
	bool queued;  /* among the owing */
};

/* What a keeper says, with the pidfd of the leader. */
struct started {
	uint32_t slot;
	int32_t leader;
};

/* What a keeper is made with. */
struct keeper {
	struct slot *slot;
	uint32_t index;
	pid_t guard;
	int report; /* where `struct started` goes */
	struct tend__guard_request request;
	int fds[TEND__GUARD_FDS_MAX]; /* those that came with the request, in its order */
};

/* keeper.c: runs one task, leaves nothing of it, and exits. */
_Noreturn void keeper_run(const struct keeper *keeper);

/* leader.c: what a leader is made with; the pointers stay the caller's. */
struct leader {
	char *const *argv;
	char *const *env;
	const char *cwd; /* or NULL */
	int base;        /* directory to start from, or -1 */
	int io[3];       /* or -1 */
	pid_t parent;
	/* Set by the leader, in memory it shares with its parent until exec. */
	volatile int stage;
	volatile int error;
};

/* Returns the pid of the leader, which runs its program, and its pidfd; or a
 * negative errno value with leader->stage set, and then nothing is left. */
pid_t leader_start(struct leader *leader, int *pidfd);

/* children.c */
typedef bool child_chosen(pid_t pid);
typedef void child_reaped(void *arg, pid_t pid, int code, int status);

/* Whether children can be listed at all: 0 or a negative errno value. */
int children_check(void);

/* Sends SIGKILL to the children that `chosen` wants, or to all. Returns how
 * many there were, or a negative errno value. */
int children_kill(child_chosen *chosen);

/* Repeats {SIGKILL all children; reap} until none is left: with a subreaper,
 * until no descendant is left. `reaped` may be NULL. */
void children_end(child_reaped *reaped, void *arg);

/* Reaps a child that has ended, if any. Returns its pid, 0 if none has ended,
 * -ECHILD if there is none at all. */
pid_t children_reap(int *code, int *status);

#endif
