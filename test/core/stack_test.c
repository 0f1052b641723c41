/* What belongs to a thread or to a stack, and what a task finds there. */
#include "suite.h"

#include "tend/tend.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>

static tend_runtime *open_runtime(uint32_t flags)
{
	tend_runtime *rt;

	ANSWERS(tend_runtime_open(TEND_RUNTIME_OPTS(.name = "t", .workers = 1, .flags = flags),
	                          &rt),
	        0);
	return rt;
}

static void close_runtime(tend_runtime *rt)
{
	ANSWERS(tend_runtime_close(rt, tend_after(PATIENCE_NS)), 0);
}

/* Runs fn(arg) as a fiber or as a thread, to its end. */
static void run(tend_runtime *rt, bool thread, tend_fn *fn, void *arg)
{
	tend_task t;
	struct tend_outcome o;

	ANSWERS(thread ? tend_spawn_thread(tend_root(rt), fn, arg, NULL, &t)
	               : tend_spawn(tend_root(rt), fn, arg, NULL, &t),
	        0);
	ANSWERS(tend_join(t, &o, tend_after(PATIENCE_NS)), 0);
	ANSWERS(o.kind, TEND_COMPLETED);
}

/* ---- Signals ---- */

static int read_mask(void *mask) { return pthread_sigmask(SIG_SETMASK, NULL, mask); }

TEST_EACH(a_task_has_the_mask_of_the_program_but_for_faults, 2)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};
	sigset_t blocked, before, mask;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++)
		sigaddset(&blocked, faults[i]);
	ANSWERS(pthread_sigmask(SIG_SETMASK, &blocked, &before), 0);
	tend_runtime *rt = open_runtime(0);
	run(rt, _i, read_mask, &mask);
	close_runtime(rt);
	for (int signal = 1; signal < SIGRTMIN; signal++)
		ck_assert_msg(sigismember(&mask, signal) == (signal == SIGUSR1), "%d", signal);
	ANSWERS(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
	ck_assert(sigismember(&mask, SIGSYS) == 1); /* the caller's is as it was */
	ANSWERS(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
}
