/* A test in the simulator: hours pass in no time, and a seed decides which task
 * runs when. Linked with libtend-sim instead of libtend. */
#include <tend/sim.h>
#include <tend/tend.h>

#include <errno.h>
#include <stdio.h>

enum { TRIES = 12 };
static int tries;

/* The code under test: tries again after 1 s, 2 s, 4 s, ... */
static int fetch(void *arg)
{
	uint64_t delay = TEND_SEC;
	int error = 0;

	(void)arg;
	for (tries = 1; !error && tries < TRIES; tries++, delay *= 2)
		error = tend_sleep(delay);
	return error;
}

/* Cancels the retries in the very instant of a try. */
static int scenario(void *arg)
{
	uint64_t patience = ((UINT64_C(1) << tend_sim_choose(TRIES + 1)) - 1) * TEND_SEC;
	struct tend_outcome outcome;
	tend_runtime *rt;
	tend_task task;

	if (tend_runtime_open(TEND_RUNTIME_OPTS(.workers = 2), &rt) ||
	    tend_spawn(tend_root(rt), fetch, NULL, TEND_TASK_OPTS(.name = "fetch"), &task))
		return 1;
	if (tend_join(task, &outcome, tend_after(patience)) == -ETIMEDOUT) {
		int error = tend_task_cancel(task, -ECANCELED, "lost patience");

		if ((error && error != -ESRCH) || tend_join(task, &outcome, TEND_FOREVER))
			return 2;
	}
	if (outcome.kind == TEND_COMPLETED ? tries != TRIES : outcome.kind != TEND_CANCELED)
		return 3;
	((int *)arg)[outcome.kind == TEND_COMPLETED]++;
	return tend_runtime_close(rt, tend_after(TEND_SEC));
}

int main(void)
{
	struct tend_sim_result result;
	int ended[2] = {0, 0};

	for (uint64_t seed = 0; seed < 200; seed++)
		if (tend_sim_run(TEND_SIM_OPTS(.seed = seed), scenario, ended, &result) ||
		    result.result) {
			printf("seed %d: status %d, result %d\n", (int)seed, result.status,
			       result.result);
			return 1;
		}
	printf("200 seeds: %d completed, %d canceled\n", ended[1], ended[0]);
	return ended[0] && ended[1] ? 0 : 1;
}
