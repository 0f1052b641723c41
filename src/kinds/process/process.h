/* kinds/process/process.h - a child process as a task.
 *
 * The task is a fiber that looks after the process: it asks the guard for the process,
 * reads the output, passes a stop on, and ends when the guard says that the leader was
 * reaped and all descendants of the leader are dead. So a process has the waits,
 * the cancel and the end of any fiber.
 *
 * Files, each uses only those above it:
 *   link.c     the runtime's guard: requests, and its news of each process
 *   output.c   two pipes or one, and the tail of what came through them
 *   machine.c  the fiber: from the request to the outcome
 *   spawn.c    options copied, the task made
 *   query.c    tail, pid and signal, by any thread
 *
 * The phase of a process is the guard's last news of it:
 *
 *                +------> FAILED
 *                |
 *   +-------> ASKING ---> STARTED ---> EXITED
 *   |            |           |
 *   |            v           |
 *   +---------- LOST <-------+
 *
 *   ASKING  -> STARTED  take()            a listener: the leader runs
 *   ASKING  -> FAILED   take()            a listener: nothing of the process is left
 *   STARTED -> EXITED   take()            a listener: the leader was reaped, the rest is dead
 *   ASKING  -> LOST     lost()            a listener: the guard died without an answer
 *   STARTED -> LOST     lost()            a listener: the guard died, and the leader with it
 *   LOST    -> ASKING   tend__link_ask()  the fiber of the process, if the request of the
 *                                         process was not sent yet
 *
 * A listener is worker 0, when the guard's socket or pidfd is ready, or a fiber whose
 * request found the guard dead. All edges are made under children.lock. FAILED and EXITED
 * are final, and so is LOST once the request was sent: the fiber then ends the task
 * (attend() and ended() of machine.c). */
#ifndef TEND_KINDS_PROCESS_PROCESS_H
#define TEND_KINDS_PROCESS_PROCESS_H

#include "tend/process.h"

#include "kinds/kinds.h"
#include "platform/guard.h"

#include <unistd.h>

enum tend__phase {
	TEND__PHASE_ASKING, /* 0: also before the first request */
	TEND__PHASE_STARTED,
	TEND__PHASE_FAILED,
	TEND__PHASE_EXITED,
	TEND__PHASE_LOST
};

/* The guard of a runtime, and the processes that were asked of it.
 *
 * (c) constant  (k) its lock */
struct tend__children {
	tend_runtime *rt; /* (c) */
	struct tend__lock lock;
	struct tend__guard guard TEND_GUARDED_BY(&lock); /* (k) */
	struct tend__link live TEND_GUARDED_BY(&lock);   /* (k) processes, by their `live` */
	uint32_t blocked TEND_GUARDED_BY(&lock);         /* (k) how many of them are blocked */
	bool open TEND_GUARDED_BY(&lock);                /* (k) there is a guard */
};

/* (c) constant  (f) its fiber's  (k) children.lock; to read, also the fiber once the phase
 * is final  (s) the task's stripe */
struct tend__process {
	struct tend__children *children;          /* (c) */
	struct tend__task *task;                  /* (c) */
	uint64_t cookie;                          /* (c) the task's id */
	struct tend__link live;                   /* (k) in children.live */
	enum tend__phase phase;                   /* (k) */
	bool blocked;                             /* (k) waits for room in the guard's socket */
	int32_t pid, pidfd, code, status, error;  /* (k) */
	uint32_t stage;                           /* (k) */
	int base;                                 /* (f) where a relative cwd begins, or -1 */
	int out[2];                               /* (f) read ends of its output, or -1 */
	bool one_output;                          /* (c) only out[0] is used */
	int stop_signal;                          /* (c) */
	uint64_t stop_ns;                         /* (c) */
	const char **argv, **env;                 /* (c) */
	const char *cwd;                          /* (c) */
	tend_output_fn *output;                   /* (f) NULL: none, or it has panicked */
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

/* Gives the children of the runtime, and starts a guard if there is none. Returns 0,
 * -ENOMEM, or an error of tend__guard_open() or tend__fd_watch(). */
int tend__link_open(tend_runtime *rt, struct tend__children **out);
/* Sends the request for the process, to another guard if the last one has died. By the
 * process's fiber. Returns 0; -EAGAIN, and a notify comes when there is room; -EPIPE if the
 * guard has just died; and the other errors of tend__guard_spawn(). */
int tend__link_ask(struct tend__process *p, const int fds[3]);
/* Returns the phase, and the pid of the leader or 0. */
enum tend__phase tend__link_look(struct tend__process *p, int32_t *pid);
/* The stop signal to the process, and SIGKILL to everything of the process. By its fiber.
 * Both return 0; -EAGAIN, and a notify comes when there is room or has come with the death
 * of the guard; or another error of the socket. */
int tend__link_stop(struct tend__process *p);
int tend__link_kill(struct tend__process *p);
/* A signal to the process, by any thread. Returns 0; -EPIPE if the guard has died; -EAGAIN
 * if there is no room. */
int tend__link_signal(struct tend__process *p, int signal);
/* Returns true between the first request for the process and tend__link_leave(). */
bool tend__link_has(struct tend__process *p);
/* Takes the process out of children.live: the guard's news do not reach it any more. */
void tend__link_leave(struct tend__process *p);

/* output.c */

/* Makes the pipes of standard output and error, or one pipe for both. `ends` gets the
 * child's ends, which the caller closes, or -1; also when this fails. Returns 0 or a
 * negative errno value. */
int tend__output_open(struct tend__process *p, int ends[2]);
/* Closes the read end of standard output (0) or error (1), if it is open. */
void tend__output_close(struct tend__process *p, int i);
/* Reads what the pipes have, up to READS_A_TURN reads each, and calls the output callback.
 * Returns true if there may be more. The caller then yields, so a process that floods its
 * pipe delays no other fiber, and the full pipe slows the process. */
bool tend__output_read(struct tend__process *p);
/* Fills in the descriptors that are open, and the events wanted of each. Returns how
 * many there are. */
int tend__output_fds(const struct tend__process *p, int fds[2], int events[2]);
/* Copies the tail, with the stripe of the task held. Returns how many bytes. */
size_t tend__output_tail(const struct tend__process *p, char *buf, size_t size, uint64_t *dropped);

/* machine.c: the function of the task, and `before_end` of its kind. */
int tend__process_main(void *process);
void tend__process_before_end(struct tend__task *t);

/* spawn.c */
extern const struct tend__kind tend__process_kind;

#endif
