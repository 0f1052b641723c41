/* Snapshots of a tree whose scopes live no longer than a snapshot takes: a row stands below
 * its own scope, and the events between two snapshots are what has changed. */
#include "model.h"
#include "scenario.h"
#include "where.h"

#include "tend/sim.h"

enum { LEVELS = 3, ROUNDS = 6, CHURNERS = 3 };

static int brief(void *arg)
{
	(void)arg;
	if (tend_sim_choose(2))
		tend_yield();
	return 0;
}

/* Opens scopes in each other, with a task in each, and closes them again. */
static int churn(void *arg)
{
	tend_scope in[LEVELS + 1] = {*(tend_scope *)arg};

	for (int round = 0; round < ROUNDS; round++) {
		int n = 0;

		while (n < LEVELS && tend_sim_choose(4)) {
			OK(tend_scope_open(in[n], "s", TEND_SCOPE_OPTS(.numbered = 1), &in[n + 1]));
			n++;
			int error =
				tend_spawn(in[n], brief, NULL, TEND_TASK_OPTS(.name = "t"), NULL);
			ck_assert(!error || error == -ECANCELED); /* below a canceled scope */
			if (tend_sim_choose(4) == 0)
				(void)!tend_scope_cancel(in[n], -ECANCELED, "now");
			if (tend_sim_choose(4) == 0)
				break;
		}
		if (n > 0)
			OK(tend_scope_close(in[1], TEND_FOREVER, NULL));
	}
	return 0;
}

static int program(void *arg)
{
	tend_scope s[CHURNERS];

	(void)arg;
	open_world(2);
	model_begin(rt);
	for (int i = 0; i < CHURNERS; i++) {
		s[i] = child(root, "churner");
		OK(tend_spawn(root, churn, &s[i], TEND_TASK_OPTS(.name = "churn"), NULL));
	}
	do
		model_look();
	while (live(root) > 0);
	model_settle();
	model_end();
	close_world();
	return 0;
}

TEST(a_row_never_stands_where_it_never_was_and_the_events_tell_of_each_change)
{
	const uint64_t first = suite_number("SEED", 0);
	const uint64_t usual = (uint64_t)suite_count(50, 300, 10000);
	const uint64_t count = getenv("SEED") ? 1 : suite_number("SCHEDULES", usual);
	struct tend_sim_result r;

	for (uint64_t seed = first; seed < first + count; seed++) {
		where("SEED=%llu test_sim never_stands", (unsigned long long)seed);
		OK(tend_sim_run(TEND_SIM_OPTS(.seed = seed, .switch_in = 1 + (uint32_t)(seed % 20)),
		                program, NULL, &r));
		ck_assert_uint_eq(tend_sim_held(), 0);
	}
	where_done();
}
