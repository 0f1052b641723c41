/* kinds/process/process.h - a child process as a task.
 *
 * The task is data and turns. A turn reads the output of the process, looks at the guard's
 * news, and ends the task when the guard says that the leader was reaped and all descendants
 * of the leader are dead. Between two turns the task is parked and has neither a stack nor a
 * worker, so no busy worker delays a process. A turn that calls functions of the program (the
 * output callback, drop, or the failure hook) is run by any worker, as a fiber; any other turn
 * is run by the monitor. A scope gives up in the turn of an attempt, also on the monitor, which
 * then calls the hooks of the program for this. Requests to the guard are sent by the spawner
 * and the monitor, in no turn.
 *
 * Files, each uses only those above it:
 *   link.c     the runtime's guard: requests, and its news of each process
 *   ready.c    the pipe of readiness
 *   output.c   two pipes or one, and the tail of what came through them
 *   machine.c  a turn: from the news to the outcome
 *   spawn.c    options copied, the task made
 *   query.c    tail, pid and signal, by any thread
 *
 * The phase of a process is the guard's last news of it:
 *
 *   ASKING ---> STARTED ---> EXITED
 *     |  |         |
 *     |  +---------+--> LOST
 *     v
 *   FAILED
 *
 *   ASKING  -> STARTED  take()  the leader runs
 *   ASKING  -> FAILED   take()  nothing of the process is left
 *   ASKING  -> FAILED   fail()  the request could not be sent, or the process was canceled before
 *   STARTED -> EXITED   take()  the leader was reaped, the rest is dead
 *   ASKING  -> LOST     lost()  the guard died without an answer to the request
 *   STARTED -> LOST     lost()  the guard died, and the leader with it
 *
 * All edges are made under children.lock, by the monitor or by the spawner. ASKING is also
 * the phase before the request is sent: such a process is asked of the next guard if this one
 * dies. Each phase without an edge is final, and the next turns end the task, or the attempt.
 *
 * A process that runs again (supervise/supervise.h) has all of this once an attempt: a cookie,
 * the phases from ASKING on, pipes, a tail. Between two attempts the task has no descriptors but
 * those that every attempt inherits, and after the last attempt none. */
#ifndef TEND_KINDS_PROCESS_PROCESS_H
#define TEND_KINDS_PROCESS_PROCESS_H

#include "tend/process.h"

#include "kinds/kinds.h"
#include "platform/guard.h"
#include "runtime/monitor.h"

#include <string.h>
#include <unistd.h>

enum tend__phase {
	TEND__PHASE_ASKING,
	TEND__PHASE_STARTED,
	TEND__PHASE_FAILED,
	TEND__PHASE_EXITED,
	TEND__PHASE_LOST
};

enum {
	TEND__LIVE_LISTS = 256,
	TEND__PARENT_MAX = sizeof(TEND__PARENT "=1::::") + 20 + 20 + 10, /* with three numbers */
};

/* The guard of a runtime, and the processes that were asked of it.
 *
 * (c) constant  (k) its lock  (t) its told_lock */
struct tend__children {
	tend_runtime *rt; /* (c) */
	struct tend__lock lock;
	struct tend__guard guard TEND_GUARDED_BY(&lock); /* (k) */
	/* (k) by `live`: what the guard has news of; a list for each remainder of the cookies */
	struct tend__link live[TEND__LIVE_LISTS] TEND_GUARDED_BY(&lock);
	uint64_t cookies TEND_GUARDED_BY(&lock);          /* (k) given */
	struct tend__link asks TEND_GUARDED_BY(&lock);    /* (k) by `todo`: to be requested */
	struct tend__link stops TEND_GUARDED_BY(&lock);   /* (k) by `todo`: to be stopped */
	struct tend__link starved TEND_GUARDED_BY(&lock); /* (k) there was no stack for a turn */
	struct tend__alarm tick TEND_GUARDED_BY(&lock);   /* (k) has the monitor look */
	bool ticks TEND_GUARDED_BY(&lock);                /* (k) it is set and has not rung yet */
	bool open TEND_GUARDED_BY(&lock);                 /* (k) there is a guard */
	bool wanted TEND_GUARDED_BY(&lock);               /* (k) a guard is to be started */
	bool starting TEND_GUARDED_BY(&lock);             /* (k) a thread starts a guard, or will */
	struct tend__link spawners TEND_GUARDED_BY(&lock); /* (k) waiters for the end of a start */
	struct tend__lock starter_lock;
	struct tend__thread starter TEND_GUARDED_BY(&starter_lock);
	bool has_starter TEND_GUARDED_BY(&starter_lock); /* to be joined */
	/* Apart from `lock`, under which a guard is closed: no cancel waits for that. */
	struct tend__lock told_lock;
	struct tend__link told TEND_GUARDED_BY(&told_lock);     /* (t) by `told`: canceled */
	struct tend__errand errand TEND_GUARDED_BY(&told_lock); /* (t) stops what is in `told` */
	bool posted TEND_GUARDED_BY(&told_lock);                /* (t) the errand */
};

/* The end of the output of an attempt, in a ring. */
struct tend__tail {
	char *bytes;
	size_t size, first, count;
	uint64_t dropped;
	uint32_t attempt; /* 0: none */
};

/* (c) constant  (f) its turn's  (k) children.lock; to read, also its turn once the phase is
 * final  (s) the task's stripe  (t) children.told_lock */
struct tend__process {
	struct tend__children *children; /* (c) */
	struct tend__task *task;         /* (c) */
	/* (k) the attempt's, in all messages of and to the guard, so that no message reaches
	   another attempt, or another task; 0: no attempt is under way */
	uint64_t cookie;
	struct tend__errand errand; /* the waker's: a turn on the monitor */
	struct tend__link live;     /* (k) in children.live */
	struct tend__link todo;     /* (k) in children.asks or children.stops */
	struct tend__link starved;  /* (k) in children.starved */
	struct tend__link told;     /* (t) in children.told */
	bool left;                  /* (t) nobody is told any more */
	enum tend__phase phase;     /* (k) */
	bool asked;                 /* (k) the request was sent */
	bool met_dead;              /* (k) the request met a guard that had died */
	bool stop_sent, kill_sent;  /* (k) */
	bool kill;                  /* (k) the output callback has panicked */
	/* (k) the guard's news; `error` is positive */
	int32_t pid, pidfd, code, status, error;
	uint32_t stage;
	uint32_t killed;
	char names[TEND__GUARD_NAMES];
	int base, ends[4];              /* (k) sent with the request, or -1: the directory; its 0, 1
	                                  and 2; the pipe of readiness */
	bool repeats;                   /* (c) the task has attempts: what is inherited is kept */
	bool opened;                    /* (f) the pipes of the attempt to come are made */
	bool calls;                     /* (f) the next turn calls the program, or may */
	bool over;                      /* (f) the outcome of the attempt is known */
	bool heard;                     /* (f) whether the program of the attempt runs is known */
	uint64_t gone_at;               /* (f) LOST: until when what is left is awaited */
	bool unseen;                    /* (f) LOST: the leader may be alive */
	int out[2];                     /* (f) read ends of its output, or -1 */
	int ready;                      /* (f) read end of the pipe of readiness, or -1 */
	bool said;                      /* (f) a newline came there */
	int32_t ready_fd;               /* (c) its number in the process; 0: no such pipe */
	bool one_output;                /* (c) only out[0] is used */
	bool inherited;                 /* (c) its output is not seen here */
	struct tend__guard_stop stop;   /* (c) */
	const char **argv, **env;       /* (c) the last of env is `parent` */
	char parent[TEND__PARENT_MAX];  /* (k) TEND_PARENT of the attempt */
	const char *cwd;                /* (c) */
	tend_output_fn *output;         /* (f) NULL: none, or one that has panicked */
	tend_output_fn *callback;       /* (c) */
	void *output_arg;               /* (c) */
	void (*drop)(void *arg);        /* (c) */
	struct tend__tail tail, before; /* (s) this attempt's, and the last one's */
	const char *pointers[];         /* (c) argv and env, and after them the strings */
};

static inline void tend__process_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Closes the ends that a process is given, but for what a later attempt is given again, too. */
static inline void tend__process_close_ends(struct tend__process *p, bool repeats)
{
	if (!repeats)
		tend__process_close(&p->base);
	for (int i = 0; i < 4; i++)
		if (!repeats || i == 3 || (i > 0 && !p->inherited))
			tend__process_close(&p->ends[i]);
}

/* link.c */

/* Gives the children of the runtime. Without a guard, waits for the start of a guard. Returns 0,
 * -ENOMEM, or an error of tend__monitor_start(), tend__monitor_watch(), tend__thread_start() or
 * tend__guard_open(). */
int tend__link_open(tend_runtime *rt, struct tend__children **out);
/* Begins an attempt, with a cookie. By the spawner, before the task is published, or in a turn. */
void tend__link_enroll(struct tend__process *p);
/* The attempt fails with the negative errno value. In a turn. */
void tend__link_cannot(struct tend__process *p, int error);
/* Adds the process to the live ones, and has the guard start it, now or when there is room. By
 * the spawner, once the task is published, or in a turn. */
void tend__link_ask(struct tend__process *p);
/* Returns the phase, and the pid of the leader or 0. */
enum tend__phase tend__link_look(struct tend__process *p, int32_t *pid);
/* The word of the task has changed: sends a stop or a kill to the process if the word says
 * so. Any thread, which holds the lock of the task's scope or stripe. */
void tend__link_told(struct tend__task *t);
/* Kills everything of the process. */
void tend__link_kill(struct tend__process *p);
/* Has the task take another turn some time later. */
void tend__link_starved(struct tend__process *p);
/* A signal to the process, by any thread. Returns 0; -EPIPE if the guard has died; -EAGAIN
 * if there is no room. */
int tend__link_signal(struct tend__process *p, int signal);
/* Calls the task when a pipe of the process has become readable, until
 * tend__monitor_unwatch(). Returns 0 or an error of tend__monitor_watch(). */
int tend__link_watch(struct tend__process *p, int fd);
/* Takes the process out of children.live: the attempt is over, and no news reach it any more. */
void tend__link_leave(struct tend__process *p);

/* ready.c */

/* Makes and watches the pipe of readiness of an attempt, with the child's end in p->ends, if the
 * process has a ready_fd. Returns 0 or a negative errno value. */
int tend__ready_begin(struct tend__process *p);
/* Reads from the pipe of readiness, once. At the first newline the attempt is ready. Returns true
 * if there were bytes, or the end: then there may be more. */
bool tend__ready_read(struct tend__process *p);
void tend__ready_end(struct tend__process *p);

/* output.c */

/* Begins an attempt: enrolls the process, and makes and watches its pipes, with the child's ends
 * in p->ends. Returns 0; or a negative errno value, with what the call has made closed. */
int tend__output_begin(struct tend__process *p);
/* Frees the tails. */
void tend__output_free(struct tend__process *p);
/* Copies the descriptors of this program that the flags name, because the program may close
 * its own before the request is sent. Returns 0 or a negative errno value. */
int tend__output_inherit(struct tend__process *p, uint32_t flags);
/* Ends the streams that are open, and tells the callback if there is one. */
void tend__output_end(struct tend__process *p);
/* Reads what the pipes have, up to READS_A_TURN reads each, and calls the output callback.
 * Returns true if there was anything, be it an end: then there may be more, because the callback
 * may have waited. The caller then takes another turn, so a process that floods its pipe delays no
 * other task, and the full pipe slows the process. */
bool tend__output_read(struct tend__process *p);
/* Copies the tail of an attempt, or with 0 of the newest, with the stripe of the task held.
 * Returns how many bytes, or -ENOENT. */
int64_t tend__output_tail(const struct tend__process *p, uint32_t attempt, char *buf, size_t size,
                          uint64_t *dropped);

/* machine.c: the functions of the kind. */
void tend__process_begin(struct tend__task *t);
uint32_t tend__process_turn(struct tend__task *t);
void tend__process_wake(struct tend__task *t);
void tend__process_starved(struct tend__task *t, int error);
uint32_t tend__process_broke(struct tend__task *t);
void tend__process_retire(struct tend__task *t);

/* spawn.c */
extern const struct tend__kind tend__process_kind;

#endif
