/* Simulated processes that run again: what only a simulation shows. What the real guard does as
 * well is in scenarios/respawn.c. */
#include "scenario.h"
#include "where.h"

#include "tend/sim.h"

#include "platform/sim/sim.h"

#include <signal.h>
#include <stdio.h>

static void run_seeds(const char *name, uint64_t usual, int (*fn)(void *arg), void *arg)
{
	uint64_t first = suite_number("SEED", 0);
	uint64_t seeds = getenv("SEED") ? 1 : suite_number("SCHEDULES", usual);

	for (uint64_t seed = first; seed < first + seeds; seed++) {
		struct tend_sim_result result;

		where("SEED=%llu test_sim %s", (unsigned long long)seed, name);
		OK(tend_sim_run(TEND_SIM_OPTS(.seed = seed, .switch_in = 2 + (uint32_t)(seed % 11)),
		                fn, arg, &result));
		ck_assert_uint_eq(tend_sim_held(), 0);
	}
	where_done();
}

/* ---- One attempt at a time, whatever is asked ---- */

static _Atomic int newest, drops;

/* What belongs to an attempt sees no later one. */
static void live_on(int attempt)
{
	for (int i = 0; i < 30; i++) {
		ck_assert_int_eq(newest, attempt);
		(void)tend_sim_wait(tend_sim_choose(3) * TEND_MS);
	}
}

static int stray(const char *const *argv)
{
	(void)argv;
	live_on(newest);
	return 0;
}

static int worker(const char *const *argv)
{
	int attempt = ++newest;

	(void)argv;
	if (tend_sim_choose(3) == 0)
		OK(tend_sim_on_signal(SIGTERM, TEND_SIM_IGNORE));
	if (tend_sim_choose(3) == 0)
		(void)tend_sim_daemon(stray);
	if (tend_sim_choose(3) == 0)
		(void)tend_sim_child(stray);
	(void)tend_sim_write(1, "up\n");
	if (tend_sim_choose(2) == 0)
		live_on(attempt);
	if (tend_sim_choose(4) == 0)
		tend_sim_die(SIGABRT);
	ck_assert_int_eq(newest, attempt);
	return (int)tend_sim_choose(3);
}

static void hear(void *arg, int stream, const char *bytes, size_t n)
{
	(void)arg;
	(void)stream;
	(void)bytes;
	ck_assert_int_eq(drops, 0);
	if (n && tend_sim_choose(20) == 0)
		tend_panic("enough");
	if (tend_sim_choose(4) == 0)
		(void)tend_sleep(tend_sim_choose(3) * TEND_MS);
}

static void count_drop(void *arg)
{
	(void)arg;
	drops++;
}

static void ask(tend_scope s, tend_task t)
{
	uint64_t deadline = tend_sim_choose(2) ? 0 : tend_after(tend_sim_choose(50) * TEND_MS);

	switch (tend_sim_choose(12)) {
	case 0:
		(void)!tend_task_stop(t, deadline);
		break;
	case 1:
	case 2:
		(void)!tend_task_start(t, deadline);
		break;
	case 3:
		(void)!tend_task_restart(t, deadline);
		break;
	case 4:
		tend_sim_kill_guard();
		break;
	case 5:
		if (tend_sim_choose(8) == 0)
			(void)!tend_task_cancel(t, -ECANCELED, NULL);
		break;
	case 6:
		if (tend_sim_choose(8) == 0)
			(void)!tend_shutdown(s, tend_after(tend_sim_choose(100) * TEND_MS), NULL);
		break;
	case 7:
		(void)!tend_task_wait(t, TEND_IS_OVER, 0, tend_after(5 * TEND_MS));
		break;
	default:
		OK(tend_sleep(tend_sim_choose(8000) * 1000));
	}
}

static int random_lives(void *arg)
{
	const char *const argv[] = {"worker", NULL};
	tend_scope s;
	tend_task t;

	(void)arg;
	newest = drops = 0;
	OK(tend_sim_program("worker", worker));
	open_world(1 + (uint32_t)tend_sim_choose(3));
	s = child(root, "s");
	OK(tend_spawn_process(
		s,
		TEND_PROCESS_OPTS(.argv = argv, .stop_ns = (1 + tend_sim_choose(20)) * TEND_MS,
	                          .output = tend_sim_choose(2) ? hear : NULL, .drop = count_drop,
	                          .restart = TEND_RESTART(
						  .policy = TEND_PERMANENT,
						  .delay_ns = tend_sim_choose(2) ? TEND_AT_ONCE
	                                                                         : TEND_MS,
						  .timeout_ns =
							  tend_sim_choose(2) ? 0 : 20 * TEND_MS,
						  .grace_ns =
							  tend_sim_choose(2) ? 0 : 5 * TEND_MS)),
		&t));
	for (int i = 0; i < 20; i++)
		ask(s, t);
	if (tend_sim_choose(2))
		(void)!tend_task_cancel(t, -ECANCELED, NULL);
	OK(tend_scope_close(s, SOON, NULL));
	ck_assert_int_eq(drops, 1);
	close_world();
	for (int i = 0; i < 100 && tend__sim_threads() > 0; i++)
		tend_sim_compute(TEND_MS);
	ck_assert_int_eq(tend__sim_threads(), 0);
	return 0;
}
TEST(random_lives_of_a_process_have_one_attempt_at_a_time)
{
	run_seeds("random_lives", (uint64_t)suite_count(50, 200, 20000), random_lives, NULL);
}

/* ---- A signal for an attempt never hits the next ---- */

enum { ATTEMPTS = 200 };

static _Atomic bool got[ATTEMPTS];
static bool meant[ATTEMPTS];

static int listener(const char *const *argv)
{
	int attempt = ++newest;

	(void)argv;
	ck_assert_int_lt(attempt, ATTEMPTS);
	OK(tend_sim_on_signal(SIGURG, TEND_SIM_TAKE));
	if (tend_sim_wait(tend_sim_choose(300) * 1000) == SIGURG)
		got[attempt] = true;
	return 1;
}

static uint32_t attempt_of(tend_task t)
{
	struct tend_life life;

	OK(tend_task_info(t, &life));
	return life.attempt;
}

static int signals_to_attempts(void *arg)
{
	const char *const argv[] = {"listener", NULL};
	tend_task t;

	(void)arg;
	newest = 0;
	memset(got, 0, sizeof(got));
	memset(meant, 0, sizeof(meant));
	OK(tend_sim_program("listener", listener));
	open_world(1);
	OK(tend_spawn_process(root,
	                      TEND_PROCESS_OPTS(.argv = argv,
	                                        .restart = TEND_RESTART(.policy = TEND_TRANSIENT,
	                                                                .delay_ns = TEND_AT_ONCE)),
	                      &t));
	for (int i = 0; i < 40; i++) {
		uint32_t before = attempt_of(t);

		(void)!tend_process_signal(t, SIGURG);
		for (uint32_t n = attempt_of(t); n >= before && n < ATTEMPTS; n--)
			meant[n] = true;
		OK(tend_sleep(tend_sim_choose(2000) * 1000));
	}
	OK(tend_task_cancel(t, -ECANCELED, NULL));
	OK(tend_join(t, NULL, SOON));
	/* By default the signal is ignored, so each attempt begins its program. */
	for (int n = 1; n < ATTEMPTS; n++)
		ck_assert_msg(!got[n] || meant[n], "attempt %d got the signal of another", n);
	close_world();
	return 0;
}
TEST(a_signal_for_an_attempt_never_hits_the_next)
{
	run_seeds("signals_to_attempts", (uint64_t)suite_count(50, 200, 5000), signals_to_attempts,
	          NULL);
}

/* ---- Guards that die ---- */

static int guard_dies_between_and_during(void *arg)
{
	struct tend_life life;
	tend_task t;

	(void)arg;
	open_world(2);
	OK(tend_spawn_process(root,
	                      TEND_PROCESS_OPTS(.argv = argv_of("deaf"),
	                                        .restart = TEND_RESTART(.policy = TEND_TRANSIENT,
	                                                                .delay_ns = TEND_SEC)),
	                      &t));
	until_it_says(t, "up");
	tend_sim_kill_guard();
	OK(tend_task_wait(t, TEND_IS_OVER, 1, SOON));
	OK(tend_task_info(t, &life));
	ck_assert_uint_eq(life.last, TEND_KILLED);
	ck_assert_uint_eq(life.restarts, 1);
	ck_assert_str_eq(life.last_message, "tend-guard died, and the process with it");
	/* At rest: the next attempt has another guard. */
	OK(tend_task_start(t, SOON));
	until_it_says(t, "up");
	OK(tend_task_shutdown(t, tend_after(5 * TEND_SEC)));
	close_world();
	for (int i = 0; i < 100 && tend__sim_threads() > 0; i++)
		tend_sim_compute(TEND_MS);
	ck_assert_int_eq(tend__sim_threads(), 0);
	return 0;
}
TEST(the_next_attempt_has_another_guard)
{
	run_seeds("another_guard", (uint64_t)suite_count(20, 100, 1000),
	          guard_dies_between_and_during, NULL);
}

/* ---- Many that crash ---- */

static _Atomic int crashes;

static int crash(const char *const *argv)
{
	(void)argv;
	crashes++;
	if (tend_sim_choose(2))
		tend_sim_die(SIGABRT);
	return 1;
}

static int many_crash(void *arg)
{
	const int many = suite_count(200, 500, 10000);
	const char *const argv[] = {"crash", NULL};
	struct tend_stats n;
	tend_scope s;

	(void)arg;
	crashes = 0;
	OK(tend_sim_program("crash", crash));
	open_world(2);
	s = child(root, "s");
	for (int i = 0; i < many; i++) {
		OK(tend_spawn_process(
			s,
			TEND_PROCESS_OPTS(.argv = argv,
		                          .restart = TEND_RESTART(.policy = TEND_TRANSIENT,
		                                                  .retries = 2,
		                                                  .delay_ns = 10 * TEND_SEC,
		                                                  .jitter = TEND_JITTER_FULL)),
			NULL));
		OK(tend_sleep(20 * TEND_MS));
	}
	OK(tend_scope_wait_empty(s, tend_after(3600 * TEND_SEC)));
	OK(tend_scope_stats(s, &n));
	/* Each task is one, each attempt is one, and each program has run once an attempt. */
	ck_assert_int_eq(crashes, 3 * many);
	ck_assert_uint_eq(n.spawned, (uint64_t)many);
	ck_assert_uint_eq(n.failed, (uint64_t)many);
	ck_assert_uint_eq(n.attempts, 3 * (uint64_t)many);
	ck_assert_uint_eq(n.restarts, 2 * (uint64_t)many);
	close_world();
	return 0;
}
TEST(many_crashing_processes_have_each_attempt_accounted)
{
	run_seeds("many_crash", 1, many_crash, NULL);
}

/* ---- The time before a process starts is not the attempt's ---- */

static uint64_t shortest;

static int waits_for_its_stop(const char *const *argv)
{
	uint64_t begun = tend_now(), took;

	(void)argv;
	OK(tend_sim_on_signal(SIGTERM, TEND_SIM_TAKE));
	ANSWERS(tend_sim_wait(TEND_FOREVER), SIGTERM);
	took = tend_now() - begun;
	shortest = took < shortest ? took : shortest;
	return 1;
}

static int time_out(void *arg)
{
	const char *const argv[] = {"waits", NULL};
	tend_task t;

	(void)arg;
	shortest = TEND_FOREVER;
	OK(tend_sim_program("waits", waits_for_its_stop));
	open_world(1);
	OK(tend_spawn_process(root,
	                      TEND_PROCESS_OPTS(.argv = argv,
	                                        .restart = TEND_RESTART(.policy = TEND_TRANSIENT,
	                                                                .delay_ns = TEND_AT_ONCE,
	                                                                .timeout_ns = 2 * TEND_MS,
	                                                                .retries = 10)),
	                      &t));
	ck_assert_int_eq(joined(t).error, -ETIMEDOUT);
	ck_assert_uint_ge(shortest, 2 * TEND_MS);
	ck_assert_uint_ne(shortest, TEND_FOREVER);
	close_world();
	return 0;
}

TEST(a_process_that_starts_late_has_all_of_its_timeout)
{
	run_seeds("has_all_of_its_timeout", 10, time_out, NULL);
}
