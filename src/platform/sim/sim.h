/* platform/sim/sim.h - what the files of the simulator use of each other.
 *
 * Files, each uses only those above it:
 *   sim.c      virtual threads, the virtual clock, and the choice of the next thread
 *   process.c  simulated processes, each of which is a virtual thread
 *   guard.c    the fake of tend-guard: a virtual thread at the other end of the guard's socket
 *
 * A virtual thread gives way at steps alone, so what lies between two steps is atomic, and
 * the data of the fake needs no lock. */
#ifndef TEND_PLATFORM_SIM_SIM_H
#define TEND_PLATFORM_SIM_SIM_H

/* These files are of the simulator's build alone, so each compiles without its flag, too. */
#ifndef TEND_SIM
#define TEND_SIM 1
#endif

#include "tend/sim.h"

#include "platform/guard.h"
#include "platform/platform.h"

#include <setjmp.h>

/* ---- sim.c ---- */

/* Waits while the 32 bits at `word` are `value`, until the descriptor is ready for one of
 * `events` of poll(2), until the deadline, or for no reason. `fd` may be -1. */
void tend__sim_wait(const void *word, uint32_t value, int fd, short events, uint64_t deadline);
/* Looks at the descriptors that threads wait for. Called after each change of a descriptor
 * that another thread may wait for, because a change that is seen only when no thread can go
 * on would never come in the middle of anything. */
void tend__sim_look(void);
/* Returns the argument of the current thread if `fn` is its function, or NULL. */
void *tend__sim_self(void (*fn)(void *));
/* Returns a virtual time for something that takes a while: often 0, at most 1 ms. In an
 * exploration always 0, because there the order of the threads varies. */
uint64_t tend__sim_while(void);
/* Lets `ns` of work pass. */
void tend__sim_compute(uint64_t ns);
/* While `fixed`, all runs of an exploration do the same: the first thread that can go on does,
 * without a preemption. A test fixes all before and after its race, because the exploration
 * varies the last choices first. */
void tend__sim_fix(bool fixed);
/* Calls fn once when the run is over, however it ends. Outside of the simulation then. */
void tend__sim_at_end(void (*fn)(void));
/* Returns the number of virtual threads that have begun and not ended, without the first. */
int tend__sim_threads(void);

/* ---- process.c ---- */

struct tend__sim_process;

/* The processes that have one keeper. */
struct tend__sim_family {
	struct tend__sim_process *first; /* by `next`, also the dead until the keeper reaps them */
	uint32_t *news;                  /* the futex word of the keeper, counted up at each end */
	const char *const *argv;         /* NULL-ended */
};

struct tend__sim_process {
	struct tend__sim_process *next;
	struct tend__sim_family *family;
	struct tend__thread thread;
	jmp_buf out; /* out of the function of the program, when a signal ends the process */
	tend_sim_main *fn;
	int32_t pid, group;
	int32_t parent;                   /* 0: the keeper */
	int fds[4];                       /* 0, 1, 2 and that of readiness; or -1 */
	int pidfd;                        /* an eventfd that becomes readable at the end, or -1 */
	uint64_t pending, taken, ignored; /* bit n-1: signal n */
	uint32_t news;                    /* the futex word of the process: signals came */
	bool stopped, dead;
	bool asked; /* the keeper's: got the stop signal by its pid */
	int code, status;
};

/* Finds the function of a program. Returns 0, or a negative errno value and the stage. */
int tend__sim_find_program(const char *name, tend_sim_main **fn, uint32_t *stage);
struct tend__sim_birth {
	tend_sim_main *fn;
	int32_t parent, group; /* group 0: a group of its own */
	const int *fds;        /* four, of which the process gets copies */
	int pidfd;             /* the process's if it begins; or -1 */
	uint64_t ignored;
};
/* Begins a process. *out, unless `out` is NULL, is set before the process runs. Returns the
 * pid, -EAGAIN without a virtual thread, -EMFILE or -ENOMEM. */
int tend__sim_begin_process(struct tend__sim_family *family, const struct tend__sim_birth *birth,
                            struct tend__sim_process **out);
void tend__sim_signal(struct tend__sim_process *p, int signal);
/* Frees a dead process, whose virtual thread ends. */
void tend__sim_reap(struct tend__sim_process *p);
/* Frees all processes at the end of a run, whose virtual threads are gone. */
void tend__sim_forget_family(struct tend__sim_family *family);

#endif
