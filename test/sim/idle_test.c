/* A worker that goes to sleep, against a worker that spawns and then computes: the task is run by
 * the first, whichever of the two looked first. */
#include "scenario.h"
#include "where.h"

#include "tend/sim.h"

enum { ROUNDS = 20, PATIENT = 1000 };

static _Atomic int ran;

static int note(void *arg)
{
	(void)arg;
	ran++;
	return 0;
}

/* Computes about as long as the other worker takes on its way to sleep. */
static void compute_a_little(void) { tend_sim_compute(tend_sim_choose(40) * 5000); }

static void compute_until(int round)
{
	for (int i = 0; i < PATIENT && ran < round; i++)
		tend_sim_compute(TEND_MS / 10);
	ck_assert_int_ge(ran, round);
}

static tend_channel *rounds;

/* Keeps a worker that watches from the task that it watches for. */
static int compute_in_each_round(void *arg)
{
	int round;

	(void)arg;
	while (!tend_channel_recv(rounds, &round, TEND_FOREVER))
		compute_until(round);
	return 0;
}

static int spawn_and_compute(void *arg)
{
	(void)arg;
	for (int round = 1; round <= ROUNDS; round++) {
		compute_a_little();
		if (tend_sim_choose(2))
			OK(tend_channel_send(rounds, &round, TEND_FOREVER));
		OK(tend_spawn(root, note, NULL, NULL, NULL));
		if (tend_sim_choose(2))
			OK(tend_channel_send(rounds, &round, TEND_FOREVER));
		compute_until(round);
	}
	tend_channel_close(rounds);
	return 0;
}

static int program(void *workers)
{
	ran = 0;
	open_world(*(uint32_t *)workers);
	OK(tend_channel_open(sizeof(int), 2 * ROUNDS, &rounds));
	OK(tend_spawn(root, spawn_and_compute, NULL, NULL, NULL));
	/* With a worker for each that computes, and one more. */
	if (*(uint32_t *)workers > 2)
		OK(tend_spawn(root, compute_in_each_round, NULL, NULL, NULL));
	OK(tend_scope_wait_empty(root, TEND_FOREVER));
	close_world();
	tend_channel_free(rounds);
	return 0;
}

TEST_EACH(a_worker_that_falls_asleep_leaves_no_task_to_a_busy_one, 2)
{
	const uint64_t first = suite_number("SEED", 0);
	const uint64_t usual = (uint64_t)suite_count(50, 300, 10000);
	const uint64_t count = getenv("SEED") ? 1 : suite_number("SCHEDULES", usual);
	struct tend_sim_result r;
	uint32_t workers = 2 + (uint32_t)_i;

	for (uint64_t seed = first; seed < first + count; seed++) {
		where("SEED=%llu test_sim falls_asleep", (unsigned long long)seed);
		OK(tend_sim_run(TEND_SIM_OPTS(.seed = seed, .switch_in = 1 + (uint32_t)(seed % 20)),
		                program, &workers, &r));
		ck_assert_uint_eq(tend_sim_held(), 0);
	}
	where_done();
}
