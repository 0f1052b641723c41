/* supervise/supervise.h - tasks that run again and again.
 *
 * A restartable task is a task of turns (task/task.h). A turn is an attempt: the function,
 * its cleanups, the scopes opened by the attempt, and the decision about the next attempt.
 * Between two attempts the task is at rest: PARKED with neither a stack nor a worker, so cancel,
 * close, report and reader treat the task as any task in a wait. A notify ends the rest, and
 * the turn looks why.
 *
 * The lock of the task's home guards the decisions: a request from before is heard, and a
 * later request finds the task at rest or ending.
 *
 * Files, each uses only those above it:
 *   rules.c    policies, each kept once in a scope
 *   attempt.c  the turn of a task, and the decision at the end of an attempt
 *   birth.c    how a task becomes restartable */
#ifndef TEND_SUPERVISE_SUPERVISE_H
#define TEND_SUPERVISE_SUPERVISE_H

#include "tend/supervise.h"

#include "policy/policy.h"
#include "runtime/monitor.h"
#include "scope/scope.h"

/* A policy, and the restartable tasks of a scope that share it. */
struct tend__rules {
	struct tend__rules *next;   /* home.lock */
	uint32_t users;             /* home.lock */
	bool exact;                 /* the length of an attempt, or an instant, matters */
	struct tend__policy policy; /* its lists are `codes` */
	int32_t codes[];
};

enum tend__life_phase {
	TEND__LIFE_FRESH, /* in a run queue, for the next attempt */
	TEND__LIFE_RUNS,  /* an attempt is under way */
	TEND__LIFE_RESTS, /* until `alarm` rings */
	TEND__LIFE_OVER,  /* no attempt follows */
};

/* The part of a restartable task beside the task itself; `data` of the task.
 * (c) constant  (l) home.lock  (w) the thread that takes the turn */
struct tend__life {
	struct tend__rules *rules; /* (l) NULL once over */
	void (*drop)(void *arg);   /* (c) the task's, whose own `drop` is NULL until the end */
	struct tend__alarm alarm;  /* (l) rings at the end of the rest */
	uint64_t began;            /* (w) the instant at which the attempt began */
	uint32_t attempts;         /* (l) that have begun */
	uint32_t failures;         /* (l) in a row */
	uint8_t phase;             /* (l) enum tend__life_phase */
	uint8_t last;              /* (l) ending of the last attempt, as tend__task.ending */
	bool alarmed;              /* (l) the alarm was set, and may not have rung */
};

/* rules.c */

/* Finds or makes the rules of the scope for `restart`. Returns NULL with *error set. */
struct tend__rules *tend__rules_take(struct tend__scope *s, const struct tend_restart *restart,
                                     int *error);
void tend__rules_give(struct tend__scope *s, struct tend__rules *rules)
	TEND_REQUIRES(&s->home.lock);

/* attempt.c */

extern const struct tend__kind tend__kind_restartable;
/* Notifies the task, if the task has not ended. */
void tend__rest_rings(tend_runtime *rt, uint64_t id);

/* birth.c */

/* runtime.supervise */
int tend__supervise(struct tend__task *t, const struct tend_restart *restart);

#endif
