/* tend/sim.h - a whole program of tasks, deterministic: virtual clock, virtual
 * workers, and a seed that decides every choice. In libtend-sim, a build of the
 * same sources; link tests with it instead of libtend.
 *
 * Threads of the runtime and of thread tasks become coroutines of the calling
 * thread; at each atomic step of the core another may go on. When nobody can,
 * the clock jumps to the next deadline; when there is none, that is a deadlock
 * and the run says who waits for what. */
#ifndef TEND_SIM_H
#define TEND_SIM_H

#include "tend/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Zero is every field's default. Fields are only ever added, at the end. */
struct tend_sim_opts {
	size_t size;        /* of this struct, set by TEND_SIM_OPTS */
	uint64_t seed;      /* decides every choice; 0 is a seed like any other */
	uint32_t switch_in; /* one in so many atomic steps switches; default 8; 1: each may */
	uint32_t explore;   /* not 0: tend_sim_explore()'s bound of preemptions */
	uint64_t steps_max; /* then the run counts as livelocked; default 10 million */
	uint64_t trace;     /* not 0: keep the trace's hash, tend_sim_result.trace */
};
#define TEND_SIM_OPTS(...) \
	(&(const struct tend_sim_opts){.size = sizeof(struct tend_sim_opts), __VA_ARGS__})

/* What a run was. */
struct tend_sim_result {
	uint64_t steps;    /* atomic steps */
	uint64_t switches; /* of them that switched */
	uint64_t clock;    /* virtual nanoseconds that passed */
	uint64_t trace;    /* hash of all choices: same seed, same hash */
	int32_t status;    /* 0; -EDEADLK; -ETIME at steps_max */
	int32_t result;    /* what fn returned */
};

/* Runs fn(arg) as the first thread of a simulation and answers when it has
 * returned and every thread it led to has ended.
 *
 *   returns   result->status; -EBUSY inside of a simulation; -ENOMEM; -E2BIG
 *   threads   any thread, not a task */
TEND_API TEND_MUST int tend_sim_run(const struct tend_sim_opts *opts, int (*fn)(void *arg),
                                    void *arg, struct tend_sim_result *result);

/* Runs fn(arg) once for every schedule with at most opts->explore preemptions,
 * or until `runs_max`; fn must do the same each time. Stops at the first run
 * whose status or result is not 0, and leaves its choices' hash in result.
 *
 *   runs      how many it ran, or NULL
 *   returns   0; -EAGAIN at runs_max; the status of the run that failed, or
 *             -EPROTO if fn answered other than 0
 *   threads   as above */
TEND_API TEND_MUST int tend_sim_explore(const struct tend_sim_opts *opts, int (*fn)(void *arg),
                                        void *arg, uint64_t runs_max, uint64_t *runs,
                                        struct tend_sim_result *result);

/* The number of suspension points passed so far, and a cancel of whatever task
 * reaches number `at`: the cancel sweep runs a scenario once to count, then once
 * for each.
 *
 *   at        from 1; 0 takes it back
 *   threads   inside of a simulation */
TEND_API uint64_t tend_sim_waits(void);
TEND_API void tend_sim_cancel_at(uint64_t at);

/* Fails the allocation number `at` of the core, from 1, and with `forever` all
 * after it; 0 takes it back. tend_sim_allocs() counts them, tend_sim_held() is
 * how many are not freed. Both work outside of a simulation too.
 *
 *   threads   any, one at a time */
TEND_API void tend_sim_fail_alloc(uint64_t at, int forever);
TEND_API uint64_t tend_sim_allocs(void);
TEND_API uint64_t tend_sim_held(void);

/* A number of the simulation's choice, less than n, decided by the seed.
 *
 *   threads   inside of a simulation */
TEND_API uint64_t tend_sim_choose(uint64_t n);

#ifdef __cplusplus
}
#endif

#endif
