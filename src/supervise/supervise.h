/* supervise/supervise.h - tasks that run again and again.
 *
 * A restartable task is a task of turns (task/task.h). An attempt is turns of an inner kind,
 * from `begin` to a turn that returns TEND__WAIT_NONE, with the result and the cleanups behind
 * it: of a fiber or a thread one turn, the call of the function; of a process as many as its
 * output and its guard's news bring. After the last turn come the scopes opened by the
 * attempt, and the decision about the next attempt. Between two attempts the task is at rest:
 * PARKED with neither a stack nor a worker, so cancel, close, report and reader treat the task
 * as any task in a wait. A notify ends the rest, and the next turn looks why. An attempt that is
 * due at once begins in the turn of the attempt before, if the worker has no other ready task.
 *
 * The life wraps the inner kind: it has the turns, and hands the rest (wake, told, quit) to the
 * kind. No file of this folder knows a kind by name.
 *
 * The lock of the task's home guards the decisions: a request from before is heard, and a
 * later request finds the task at rest or ending.
 *
 * Files, each uses only those above it:
 *   tell.c     a life for readers: events, and what the record does not say
 *   order.c    the members of a scope, and their needs (order.h)
 *   rules.c    policies, each kept once in a scope
 *   group.c    the restarts of a scope: its default policy, and giving up
 *   gate.c     the needs of a member of a set, before its first attempt
 *   caller.c   waits for a step in the life of a task
 *   ladder.c   the stop of an attempt, its timeouts, and the end of a rest
 *   round.c    members that end and begin together
 *   over.c     the end of a member, and of its set
 *   attempt.c  the turn of a task, and the decision at the end of an attempt
 *   birth.c    how a task becomes restartable
 *   set.c      tasks that are admitted together, with needs
 *   self.c     calls of a running attempt, and of its probes
 *   command.c  stop, start, restart, and questions
 *   force.c    the end of one task, with force
 *   run.c      waiting for a supervised scope
 *   plan.c     the rests that a policy would take
 */
#ifndef TEND_SUPERVISE_SUPERVISE_H
#define TEND_SUPERVISE_SUPERVISE_H

#include "tend/supervise.h"

#include "kinds/kinds.h"
#include "policy/policy.h"
#include "runtime/monitor.h"
#include "scope/scope.h"

struct tend__member;
struct tend__text;

/* A policy, and the restartable tasks of a scope that share it. */
struct tend__rules {
	struct tend__rules *next;   /* home.lock */
	uint32_t users;             /* home.lock */
	bool exact;                 /* the length of an attempt, or an instant, matters */
	struct tend__policy policy; /* its lists are `codes` */
	uint64_t timeout_ns, ready_ns, alive_ns; /* 0: none */
	uint64_t grace_ns;
	int32_t codes[];
};

enum tend__life_phase {
	TEND__LIFE_FRESH,   /* in a run queue, for the next attempt */
	TEND__LIFE_QUEUED,  /* until its needs hold, or the round lets it begin */
	TEND__LIFE_RUNS,    /* an attempt is under way */
	TEND__LIFE_RESTS,   /* until `alarm` rings */
	TEND__LIFE_STOPPED, /* until a command starts the task */
	TEND__LIFE_OVER,    /* no attempt follows */
};

/* The rungs of the stop of an attempt. */
enum tend__rung {
	TEND__RUNG_NONE,
	TEND__RUNG_TOLD,   /* the waits of the attempt answer -ECANCELED */
	TEND__RUNG_FORCED, /* the scopes of the attempt are canceled, and an abort is asked for */
	TEND__RUNG_STUCK,  /* shown as abandoned, and no attempt follows before this one ends */
};

enum tend__wish {
	TEND__WISH_NONE,
	TEND__WISH_STOP,  /* at the end of the attempt, the task is stopped */
	TEND__WISH_AGAIN, /* at the end of the attempt, or of the rest, another attempt begins */
	TEND__WISH_START, /* at the end of the attempt the task is stopped, and started at once */
};

/* The part of a restartable task beside the task itself; `data` of the task.
 * (c) constant  (l) home.lock  (w) the thread that takes the turn  (x) any thread */
struct tend__life {
	struct tend__attempt attempt; /* first */
	struct tend__rules *rules;    /* (l) NULL once over */
	struct tend__member *member;  /* (l) NULL: none; the turn may look without the lock */
	void (*drop)(void *arg);      /* (c) the task's, whose own `drop` is NULL until the end */
	/* (l) Rings at the end of the rest, or at the next look at the attempt that runs. */
	struct tend__alarm alarm;
	uint64_t began;            /* (l) the instant at which the attempt began */
	_Atomic uint64_t alive_at; /* (x) the attempt said so, or began */
	uint32_t attempts;         /* (l) that have begun */
	uint32_t restarts;         /* (l) attempts that followed a failure */
	uint8_t phase;             /* (l) enum tend__life_phase */
	uint8_t rung;              /* (l) enum tend__rung */
	uint8_t wish;              /* (l) enum tend__wish */
	uint8_t last;              /* (l) ending of the last attempt, as tend__task.ending */
	bool late;                 /* (l) the stop is for a failure of the attempt */
	bool fatal;                /* (l) the attempt called its failure fatal */
	bool begun : 1;            /* (l) the attempt has begun, as its kind has told */
	bool ready : 1;            /* (l) the attempt is ready */
	bool alarmed;              /* (l) the alarm was set, and may not have rung */
};
/* With its record, its task and its place in the tables, a task at rest takes 500 bytes. */
_Static_assert(sizeof(struct tend__life) <= 168, "a task at rest is small");

static inline struct tend__life *tend__life_of(const struct tend__task *t)
{
	tend__assert(t->flags & TEND__RESTARTABLE);
	return t->data;
}

/* Under the lock of the task's home: has the task take a turn, which looks at a wish, whether an
 * attempt may begin, and whether the life is to end. */
static inline void tend__life_look(struct tend__task *t)
{
	tend__assert_held(&t->home->lock);
	if (tend__task_notify(t))
		tend__task_wake(t);
}

/* Under the lock under which the flags were looked at: a cancel or a close that comes later
 * finds the task, which may never have waited. */
static inline void tend__life_link(struct tend__task *t) TEND_REQUIRES(&t->home->lock)
{
	tend__assert_held(&t->home->lock);
	if (!t->in_cancel_list)
		tend__link_append(&t->home->cancel_list, &t->in_scope);
	t->in_cancel_list = true;
}

/* tell.c */

/* Returns why an attempt ended, as `error` of struct tend_outcome. */
int32_t tend__attempt_error(const struct tend__task *t, uint32_t outcome, int32_t result)
	TEND_REQUIRES(&t->home->lock);
/* Tells of a change in the life of the task, after the change. Under the lock that orders the
 * changes, so that readers get their events in this order. */
void tend__life_tell(struct tend__task *t, struct tend__event event) TEND_REQUIRES(&t->home->lock);
/* The same of the scope of the task, which has given up. */
void tend__life_tell_gave_up(struct tend__task *t) TEND_REQUIRES(&t->home->lock);

/* Returns whether the record does not say all of the life to a reader. */
static inline bool tend__life_needs_note(const struct tend__life *l)
{
	return l->attempt.noted || l->attempt.has_text || l->attempt.error ||
	       l->restarts != l->attempts;
}
/* Writes the note of the life. Between two attempts, by the thread that has taken the turn. */
void tend__life_note(struct tend__task *t) TEND_EXCLUDES(&t->home->lock);

/* rules.c */

enum { TEND__CODES_MAX = 1000 }; /* in a list */
/* Returns the length of a list, or TEND__CODES_MAX + 1 for a list without an end in sight. */
uint32_t tend__codes_length(const int32_t *codes);
/* Reads the options of the program. Returns 0, -E2BIG or -EINVAL. */
int tend__rules_read(const struct tend_restart *restart, struct tend__rules *out);

/* Finds or makes the rules of the scope for `restart`. Returns NULL with *error set. */
struct tend__rules *tend__rules_take(struct tend__scope *s, const struct tend_restart *restart,
                                     int *error);
void tend__rules_give(struct tend__scope *s, struct tend__rules *rules)
	TEND_REQUIRES(&s->home.lock);

/* group.c */

enum { TEND__RESTARTS_MAX = 1024 }; /* in a period */

/* The options of a scope about restarts. In one piece of memory, so that scope/ frees the group. */
struct tend__group {
	struct tend_restart restart; /* (c) size 0: none */
	uint32_t strategy;           /* (c) TEND_ALONE, ... */
	bool counts;                 /* (c) the restarts, in `in` */
	struct tend__note *note;     /* home.lock; of the restarts, in the registry; or NULL */
	struct tend__intensity in;   /* home.lock */
	int32_t codes[];             /* (c) the lists of `restart`, then the stamps of `in` */
};
/* runtime.supervise_scope */
int tend__supervise_scope(const struct tend_scope_opts *opts, struct tend__group **out);
/* Returns whether the tasks of the scope run again together. */
static inline bool tend__group_is_one(const struct tend__scope *s)
{
	return s->group && s->group->strategy >= TEND_ONE_FOR_ALL;
}
/* Counts a restart of the task. Returns true if that is one too many: then the scope gives up. */
bool tend__group_counts(struct tend__task *t, uint64_t now) TEND_REQUIRES(&t->home->lock);
/* The scope of the task has given up, because the task has failed for good, or because of the
 * number of restarts: cancels the scope. */
void tend__group_gives_up(struct tend__task *t, bool for_good);

/* Keeps a text about the end of a task for its outcome. */
void tend__keep_text(struct tend__task *t, const char *text);

/* order.c */

/* Before the publication: makes a task a member that is spawned by itself. Returns 0 or
 * -ENOMEM. */
int tend__member_add(struct tend__task *t);
/* The task was never published. */
void tend__member_unborn(struct tend__task *t) TEND_REQUIRES(&t->home->lock);
/* Finds or makes the round of a scope. Returns NULL without memory. */
struct tend__round *tend__round_make(struct tend__scope *s);
/* runtime.end_round */
void tend__round_end(struct tend__scope *s) TEND_REQUIRES(&s->home.lock);
/* Returns whether the round has the attempt end. */
bool tend__round_stops(const struct tend__life *l);
/* Returns whether the task is of a set with TEND_TOGETHER. */
bool tend__member_is_together(const struct tend__life *l);
/* Returns whether the task is to end for good by the end of its set, or by a shutdown. */
bool tend__member_is_to_end(const struct tend__life *l);
/* Shows readers the task as the cause of the rest of all members at rest. */
void tend__round_name(struct tend__task *t) TEND_REQUIRES(&t->home->lock);
/* Writes how a task has ended: "failed with 3". */
void tend__say_end(struct tend__text *text, uint32_t outcome, int32_t error, int32_t result);

/* gate.c; all under the lock of the scope */

/* The needs of this kind hold from here on; the member is not ready any more. */
void tend__gate_holds(struct tend__member *m, uint32_t until);
void tend__gate_is_not_ready(struct tend__member *m);
/* The member has ended for good. */
void tend__gate_ended(struct tend__member *m);
/* Returns the wait for a need, whose task is in *object; or TEND__WAIT_NONE if all needs hold or
 * have held. */
uint32_t tend__gate_waits(struct tend__member *m, uint64_t *object);
/* Returns whether a need of the member can hold no more; the second says which need. */
bool tend__gate_broke(const struct tend__life *l);
void tend__gate_say(const struct tend__life *l, char *buf, size_t size);

/* caller.c */

/* A step in the life of a task that callers wait for. */
enum tend__step {
	TEND__STEP_BEGUN,   /* an attempt has begun */
	TEND__STEP_READY,   /* the attempt is ready */
	TEND__STEP_ENDED,   /* an attempt has ended, and the life goes on */
	TEND__STEP_STOPPED, /* the task is stopped */
	TEND__STEP_OVER,    /* the life is over */
};
enum tend__awaits {
	TEND__AWAITS_STOP,  /* a command: the end of the attempt */
	TEND__AWAITS_BEGIN, /* a command: a later attempt than `attempt` */
	TEND__AWAITS_READY, /* `attempt`, or with 0 any */
	TEND__AWAITS_END,   /* `attempt` */
	TEND__AWAITS_STOPPED,
};
/* Linked in the scope of the task. */
struct tend__caller {
	struct tend__waiter waiter;
	uint64_t task; /* id */
	enum tend__awaits awaits;
	uint32_t attempt;
};
/* Returns whether the calling task is the task, or is below a scope that the task owns: the
 * attempt cannot end before the caller. */
bool tend__waits_for_caller(uint64_t id);
void tend__callers_walk(struct tend__task *t, enum tend__step step) TEND_REQUIRES(&t->home->lock);
/* Ends the waits for this step of the task. */
static inline void tend__callers_tell(struct tend__task *t, enum tend__step step)
	TEND_REQUIRES(&t->home->lock)
{
	if (tend__linked(&tend__scope_of(t)->callers))
		tend__callers_walk(t, step);
}

/* ladder.c */

/* Asks the attempt that runs to stop. Once, because the first reason stays. */
void tend__attempt_stop(struct tend__task *t, int code, const char *text)
	TEND_REQUIRES(&t->home->lock);
/* Sets the alarm for the next look at the attempt that has begun, if there is something to see. */
void tend__attempt_watch(struct tend__task *t) TEND_REQUIRES(&t->home->lock);
void tend__life_alarm(struct tend__task *t, uint64_t at) TEND_REQUIRES(&t->home->lock);
void tend__life_stop_alarm(struct tend__task *t) TEND_REQUIRES(&t->home->lock);
static inline void tend__life_no_alarm(struct tend__task *t) TEND_REQUIRES(&t->home->lock)
{
	tend__assert_held(&t->home->lock);
	if (tend__life_of(t)->alarmed)
		tend__life_stop_alarm(t);
}
/* The alarm has rung. */
void tend__life_rings(tend_runtime *rt, uint64_t id);

/* round.c; all but the last under the lock of the scope */

/* The task has failed and rests: the members of the strategy end, and begin anew. */
void tend__round_fails(struct tend__task *t) TEND_REQUIRES(&t->home->lock);
/* Returns the wait of a task that may not begin yet, or TEND__WAIT_NONE. */
uint32_t tend__member_waits(struct tend__task *t) TEND_REQUIRES(&t->home->lock);
/* The attempt has begun; is ready; has ended, and another follows. */
void tend__member_began(struct tend__task *t) TEND_REQUIRES(&t->home->lock);
void tend__member_is_ready(struct tend__task *t) TEND_REQUIRES(&t->home->lock);
void tend__member_is_down(struct tend__task *t) TEND_REQUIRES(&t->home->lock);
/* The task is stopped. */
void tend__member_leaves(struct tend__task *t) TEND_REQUIRES(&t->home->lock);
/* runtime.stop_members */
bool tend__round_stop_all(struct tend__scope *s, const struct tend_reason *reason);

/* over.c */

/* The task has said its last words. */
void tend__member_over(struct tend__task *t);

/* attempt.c */

/* The attempt that runs is ready. */
void tend__attempt_say_ready(struct tend__task *t) TEND_REQUIRES(&t->home->lock);
void tend__attempt_ready(struct tend__task *t) TEND_EXCLUDES(&t->home->lock);

extern const struct tend__kind tend__kind_restartable;
/* runtime.attempt_begun */
void tend__attempt_begun(struct tend__task *t);

/* birth.c */

/* runtime.supervise */
int tend__supervise(struct tend__task *t, const struct tend__spawn *spawn);

#endif
