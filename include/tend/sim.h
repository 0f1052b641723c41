/* tend/sim.h - a whole program of tasks, deterministic: virtual clock, virtual
 * workers, and a seed that decides every choice. The functions are in
 * libtend-sim, a build of the same sources: link tests with libtend-sim instead
 * of libtend.
 *
 * Threads of the runtime and of thread tasks become coroutines of the calling
 * thread; at each atomic step of the core another coroutine may go on. When no
 * coroutine can go on, the clock jumps to the next deadline. Without a next
 * deadline the run ends as a deadlock and names the waiting tasks and their
 * waits. */
#ifndef TEND_SIM_H
#define TEND_SIM_H

#include "tend/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Zero is every field's default. Fields are only ever added, at the end. */
struct tend_sim_opts {
	size_t size;        /* size of this struct, set by TEND_SIM_OPTS */
	uint64_t seed;      /* decides every choice; 0 is a seed like any other */
	uint32_t switch_in; /* on average a step in so many switches; default 8; 1: each may */
	uint32_t explore;   /* bound of preemptions for tend_sim_explore() */
	uint64_t steps_max; /* a longer run counts as livelocked; default 10 million */
	uint64_t trace;     /* if not 0, keep the trace's hash, tend_sim_result.trace */
};
#define TEND_SIM_OPTS(...) TEND_OPTIONS_(tend_sim_opts, __VA_ARGS__)

/* The result of a run. */
struct tend_sim_result {
	uint64_t steps;    /* atomic steps */
	uint64_t switches; /* steps after which another coroutine went on */
	uint64_t clock;    /* virtual nanoseconds that passed */
	uint64_t trace;    /* hash of all choices: same seed, same hash */
	int32_t status;    /* 0; -EDEADLK; -ETIME at steps_max */
	int32_t result;    /* return value of fn */
};

/* Runs fn(arg) as the first thread of a simulation. Returns when fn has returned
 * and every thread that fn started, directly or not, has ended.
 *
 *   returns   result->status; -EBUSY inside of a simulation; -ENOMEM; -E2BIG;
 *             -EINVAL options without a size
 *   threads   any thread, not a task */
TEND_API TEND_MUST int tend_sim_run(const struct tend_sim_opts *opts, int (*fn)(void *arg),
                                    void *arg, struct tend_sim_result *result);

/* Runs fn(arg) once for every schedule with at most opts->explore preemptions,
 * or until `runs_max`; fn must do the same each time. Stops at the first run
 * whose status or result is not 0, and leaves the hash of its choices in result.
 *
 *   runs      out: the number of runs; or NULL
 *   returns   0; -EAGAIN at runs_max; the status of the run that failed, or
 *             -EPROTO if fn answered other than 0
 *   threads   as above */
TEND_API TEND_MUST int tend_sim_explore(const struct tend_sim_opts *opts, int (*fn)(void *arg),
                                        void *arg, uint64_t runs_max, uint64_t *runs,
                                        struct tend_sim_result *result);

/* tend_sim_waits() returns the number of suspension points passed so far;
 * tend_sim_cancel_at() cancels the task that reaches number `at`. A cancel sweep
 * runs a scenario once to count, then once for each point.
 *
 *   at        from 1; 0 takes the request back
 *   threads   inside of a simulation */
TEND_API uint64_t tend_sim_waits(void);
TEND_API void tend_sim_cancel_at(uint64_t at);

/* tend_sim_fail_alloc() fails the allocation number `at` of the core, counted from
 * 1 and from this call, and with `forever` all later allocations too; 0 takes the
 * request back. tend_sim_allocs() returns the number of allocations since that
 * call, tend_sim_held() the number of allocations not freed yet. All three work
 * outside of a simulation too.
 *
 *   threads   any, one at a time */
TEND_API void tend_sim_fail_alloc(uint64_t at, int forever);
TEND_API uint64_t tend_sim_allocs(void);
TEND_API uint64_t tend_sim_held(void);

/* Stands for `ns` of work without a wait, also of a simulated program: the clock goes on
 * by so much, and every thread may be the next. While any thread can go on, the clock
 * goes on by this alone, so a loop over it is a task that computes while timers become
 * due.
 *
 *   ns        nanoseconds
 *   threads   inside of a simulation; elsewhere does nothing */
TEND_API void tend_sim_compute(uint64_t ns);

/* Returns a number less than n, chosen by the seed.
 *
 *   threads   inside of a simulation */
TEND_API uint64_t tend_sim_choose(uint64_t n);

/* ---- Processes ----
 *
 * A simulation starts neither processes nor tend-guard. A process task finds a fake of the
 * guard at the other end of its socket, which answers, stops, kills and reaps as the real
 * one does, and the processes are functions of the test, each in a thread of the simulation.
 * All between the caller of tend_spawn_process() and the socket is the code of libtend, and
 * the output goes through real pipes.
 *
 * A signal, SIGKILL too, takes effect inside of the functions below, never between two of
 * them, so a program must wait by them alone. The function of a program that dies by a signal
 * does not return, and what the function has allocated is lost. Until it ends, a program may
 * read and write the variables of the test. At most about 90 processes and threads of a
 * simulation live at once; a process beyond that does not start (-EAGAIN). */

/* The main() of a simulated program: `argv` is that of the process, NULL-ended. Returns the
 * exit code, of which the low 8 bits count. */
typedef int tend_sim_main(const char *const *argv);

/* Makes `fn` the program of each process that starts with argv[0] equal to `name`, until the
 * simulation ends. Another program is not found. tend_sim_no_program() makes the start of
 * such a process fail.
 *
 *   name      copied; the last call for a name counts
 *   error     a negative errno value, for instance -EACCES
 *   returns   0; -EINVAL without a name or fn, or for an error above -1; -ENOMEM; -EPERM
 *             outside of a simulation
 *   threads   inside of a simulation */
TEND_API TEND_MUST int tend_sim_program(const char *name, tend_sim_main *fn);
TEND_API TEND_MUST int tend_sim_no_program(const char *name, int error);

/* Kills each guard of the simulation, as SIGKILL does: its messages that were sent can still
 * be read, its keepers kill all of its processes some time later, and the runtime starts
 * another guard for its next process.
 *
 *   threads   inside of a simulation; elsewhere does nothing */
TEND_API void tend_sim_kill_guard(void);

/* The functions below are for the function of a simulated program. Called by any other, those
 * with a result answer -EPERM, and tend_sim_die() is a bug. */

/* Waits until the time has passed or a signal has come that the program takes.
 *
 *   ns        nanoseconds; TEND_FOREVER waits for the signal
 *   returns   0; the signal */
TEND_API int tend_sim_wait(uint64_t ns);

/* The action of a signal. A process begins with the default of each: most signals end the
 * process. */
enum tend_sim_action {
	TEND_SIM_DEFAULT,
	TEND_SIM_IGNORE,
	TEND_SIM_TAKE /* ends a tend_sim_wait(), the next one if there is none now */
};
/* Sets the action of a signal for this process, from now on.
 *
 *   returns   0; -EINVAL for a number that is no signal, SIGKILL and SIGSTOP */
TEND_API int tend_sim_on_signal(int signal, enum tend_sim_action action);

/* Writes to standard output (1) or error (2), and waits while the pipe is full. A process with
 * a ready_fd has that descriptor as 3, whatever its number.
 *
 *   returns   the bytes written, less than all of the text if a signal came that the program
 *             takes; -EINTR if none were written by then; -EPIPE if nobody reads, unless
 *             SIGPIPE ends the program; -EINVAL for a descriptor that is not open */
TEND_API int64_t tend_sim_write(int fd, const char *text);

/* Closes standard output (1) or error (2), or 3.
 *
 *   returns   0; -EINVAL for a descriptor that is not open */
TEND_API int tend_sim_close(int fd);

/* Says that the attempt is ready, as most programs do: a newline to the descriptor of ready_fd,
 * and then its close.
 *
 *   returns   0; -EINVAL for a process without this descriptor, or which has closed it; or as
 *             tend_sim_write() */
TEND_API int tend_sim_ready(void);

/* Starts a process below this one, with its arguments, descriptors and ignored signals:
 * tend_sim_child() one in its group; tend_sim_daemon() one in a group of its own whose
 * parent has ended, which the guard has to find.
 *
 *   returns   the pid, which is no pid of the system; -EAGAIN, -EMFILE, -ENOMEM */
TEND_API int tend_sim_child(tend_sim_main *fn);
TEND_API int tend_sim_daemon(tend_sim_main *fn);

/* Ends the process by the signal, whatever the signal does otherwise. */
TEND_API TEND_NORETURN void tend_sim_die(int signal);

#ifdef __cplusplus
}
#endif

#endif
