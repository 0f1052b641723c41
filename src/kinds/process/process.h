/* kinds/process/process.h - a child process as a task.
 *
 * The task is a fiber that looks after the process: it asks the guard for the process,
 * reads the output, passes a stop on, and ends when the guard says that the leader was
 * reaped and that all descendants of the leader are dead. So a process has the waits,
 * the cancel and the end of any fiber.
 *
 * Files, each uses only those above it:
 *   link.c     the runtime's guard: requests, and what the guard says of each process
 *   output.c   two pipes, and the tail of what came through them
 *   machine.c  the fiber: from the question to the outcome
 *   spawn.c    options copied, the task made
 *   query.c    questions of others: tail, pid, signal
 *
 * What the guard has said of a process is its phase:
 *
 *                +------> FAILED
 *                |
 *   +-------> ASKING ---> STARTED ---> EXITED
 *   |            |           |
 *   |            v           |
 *   +---------- LOST <-------+
 *
 *   ASKING  -> STARTED  take()           link.c, worker 0 or a fiber that asks: the leader runs
 *   ASKING  -> FAILED   take()           the same: nothing of the process is left
 *   STARTED -> EXITED   take()           the same: reaped, and all descendants are dead
 *   ASKING  -> LOST     lost()           the same: the guard died before it answered
 *   STARTED -> LOST     lost()           the same: the guard died, and with it the leader
 *   LOST    -> ASKING   tend__link_ask() the process's fiber, if its request was not sent
 *
 * FAILED and EXITED are final, and so is LOST once the request was sent: the fiber then
 * ends the task (attend() and ended() of machine.c). */
#ifndef TEND_KINDS_PROCESS_PROCESS_H
#define TEND_KINDS_PROCESS_PROCESS_H

#include "tend/process.h"

#include "kinds/kinds.h"
#include "platform/guard.h"

#include <unistd.h>

enum tend__phase {
	TEND__PHASE_ASKING, /* 0: so is a process that nobody has asked for yet */
	TEND__PHASE_STARTED,
	TEND__PHASE_FAILED,
	TEND__PHASE_EXITED,
	TEND__PHASE_LOST
};

/* The guard of a runtime, and the processes that it has. */
struct tend__children {
	tend_runtime *rt;
	struct tend__lock lock;
	struct tend__guard guard TEND_GUARDED_BY(&lock);
	struct tend__link live TEND_GUARDED_BY(&lock);
	uint32_t blocked TEND_GUARDED_BY(&lock); /* that wait for room in the socket */
	bool open TEND_GUARDED_BY(&lock);
};

/* (c) constant  (f) its fiber's  (k) children.lock  (s) the task's stripe */
struct tend__process {
	struct tend__children *children;          /* (c) */
	struct tend__task *task;                  /* (c) */
	uint64_t cookie;                          /* (c) the task's id */
	struct tend__link live;                   /* (k) */
	enum tend__phase phase;                   /* (k) */
	bool blocked;                             /* (k) */
	int32_t pid, pidfd, code, status, error;  /* (k) */
	uint32_t stage;                           /* (k) */
	int base;                                 /* (f) where a relative cwd begins, -1 */
	int out[2];                               /* (f) read ends of its output, -1 */
	int stop_signal;                          /* (c) */
	uint64_t stop_ns;                         /* (c) */
	const char **argv, **env;                 /* (c) */
	const char *cwd;                          /* (c) */
	tend_output_fn *output;                   /* (f) */
	void *output_arg;                         /* (c) */
	void (*drop)(void *arg);                  /* (c) */
	char *tail;                               /* (s) a ring */
	size_t tail_size, tail_first, tail_count; /* (s) */
	uint64_t tail_dropped;                    /* (s) */
	const char *pointers[];                   /* (c) argv and env, and after them the strings */
};

/* Closes the directory where a relative working directory begins. */
static inline void tend__process_close_base(struct tend__process *p)
{
	if (p->base >= 0)
		close(p->base);
	p->base = -1;
}

/* link.c */

/* The guard of the runtime, started if there is none. Returns 0, -ENOMEM, or an error of
 * tend__guard_open(). */
int tend__link_open(tend_runtime *rt, struct tend__children **out);
/* Asks for the process once, another guard if the last one has died. Returns 0;
 * -EAGAIN: a notify comes when there is room; -EPIPE: the guard has just died; and the
 * other errors of tend__guard_spawn(). */
int tend__link_ask(struct tend__process *p, const int fds[3]);
/* Returns the phase, and the pid of the leader or 0. */
enum tend__phase tend__link_look(struct tend__process *p, int32_t *pid);
/* Both by the process's fiber: the stop signal, and SIGKILL to everything of it. Return
 * 0; -EAGAIN: a notify comes when it can be tried again, or has come; or another error
 * of the socket. */
int tend__link_stop(struct tend__process *p);
int tend__link_kill(struct tend__process *p);
/* By anyone: sends a signal. Returns 0; -EPIPE: the guard has died; -EAGAIN: no room. */
int tend__link_signal(struct tend__process *p, int signal);
/* Has the guard been asked for the process, and has tend__link_leave() not come yet? */
bool tend__link_has(struct tend__process *p);
/* The guard's news of the process are of no interest any more. */
void tend__link_leave(struct tend__process *p);

/* output.c */

/* Makes the pipes of standard output and error. `ends` gets the child's ends, which the
 * caller closes, or -1; also when this fails. Returns 0 or a negative errno value. */
int tend__output_open(struct tend__process *p, int ends[2]);
/* Closes the read end of standard output (0) or error (1), if it is open. */
void tend__output_close(struct tend__process *p, int i);
/* Reads what is there. Returns true if there may be more: a process that floods the pipe
 * yields to other fibers, and is slowed by its own pipe. */
bool tend__output_read(struct tend__process *p);
/* Fills in the descriptors that are open, and the events wanted of each. Returns how
 * many there are. */
int tend__output_fds(const struct tend__process *p, int fds[2], int events[2]);
/* Copies the tail, with the stripe of the task held. Returns how many bytes. */
size_t tend__output_tail(const struct tend__process *p, char *buf, size_t size, uint64_t *dropped);

/* machine.c: what the task runs, and how it leaves its stack. */
int tend__process_main(void *process);
void tend__process_leave(struct tend__task *t);

/* spawn.c */
extern const struct tend__kind tend__process_kind;

#endif
