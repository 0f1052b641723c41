/* sim/explore.c - exploration of races in the lives of tasks. */
#include "explore.h"

#include "suite.h"

#include "tend/sim.h"

void explored_some(int (*program)(void *), void *arg)
{
	const uint64_t one = suite_number("EXPLORE", (uint64_t)suite_count(100, 300, 1000000));
	const uint64_t two = suite_number("EXPLORE", (uint64_t)suite_count(100, 150, 100000));
	struct tend_sim_result r;
	uint64_t runs;

	for (uint32_t bound = 1; bound <= 2; bound++) {
		int error = tend_sim_explore(TEND_SIM_OPTS(.explore = bound), program, arg,
		                             bound == 1 ? one : two, &runs, &r);

		ck_assert_msg(!error || error == -EAGAIN, "run %llu: status %d, line %d",
		              (unsigned long long)runs, r.status, r.result);
		ck_assert_uint_gt(runs, 50);
		ck_assert_uint_eq(tend_sim_held(), 0);
	}
}
