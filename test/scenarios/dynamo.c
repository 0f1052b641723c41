/* DY-48 to DY-70, as far as they speak of a task that runs again. */
#include "scenario.h"

#define AT_ONCE(...) TEND_RESTART(.policy = TEND_TRANSIENT, .delay_ns = TEND_AT_ONCE, __VA_ARGS__)

/* Fails so many times, then completes. */
static int fails_at_first(void *failures) { return (*(_Atomic int *)failures)-- > 0 ? -EIO : 0; }

static struct tend_outcome run_in(tend_scope s, int failures, uint32_t retries)
{
	static _Atomic int left;
	tend_task t;

	left = failures;
	OK(tend_spawn(s, fails_at_first, &left,
	              TEND_TASK_OPTS(.restart = AT_ONCE(.retries = retries)), &t));
	return joined(t);
}

SCENARIO(dy_62_63_64_66_68_a_task_counts_by_its_last_attempt)
{
	struct tend_stats n;
	tend_scope s;

	open_world(2);
	s = child(root, "s");
	ck_assert_int_eq(run_in(s, 1, 1).kind, TEND_COMPLETED);
	ck_assert_int_eq(run_in(s, 2, 3).kind, TEND_COMPLETED);
	OK(tend_scope_stats(s, &n));
	ck_assert_uint_eq(n.completed, 2);
	ck_assert_uint_eq(n.failed, 0);
	ck_assert_uint_eq(n.restarts, 3);
	ck_assert_int_eq(run_in(s, 3, 2).kind, TEND_FAILED);
	OK(tend_scope_close(s, SOON, &n));
	ck_assert_uint_eq(n.completed, 2);
	ck_assert_uint_eq(n.failed, 1);
	ck_assert_uint_eq(n.attempts, 2 + 3 + 3);
	close_world();
}

SCENARIO(dy_48_49_52_a_task_has_a_count_of_its_own_and_the_scope_has_one_of_all)
{
	struct tend_stats n;
	tend_scope s;

	open_world(2);
	/* Two failures in a row are too many for a task of one retry. */
	s = child(root, "apart");
	ck_assert_int_eq(run_in(s, 1, 1).kind, TEND_COMPLETED);
	ck_assert_int_eq(run_in(s, 1, 1).kind, TEND_COMPLETED);
	ck_assert_int_eq(run_in(s, 2, 1).kind, TEND_FAILED);
	OK(tend_scope_close(s, SOON, NULL));
	for (uint32_t limit = 1; limit <= 2; limit++) {
		OK(tend_scope_open(root, "all",
		                   TEND_SCOPE_OPTS(.restarts = limit, .period_ns = 3600 * TEND_SEC),
		                   &s));
		ck_assert_int_eq(run_in(s, 1, 5).kind, TEND_COMPLETED);
		ck_assert_int_eq(run_in(s, 1, 5).kind, limit == 1 ? TEND_FAILED : TEND_COMPLETED);
		OK(tend_scope_close(s, SOON, &n));
		ck_assert_uint_eq(n.gave_up, limit == 1);
	}
	close_world();
}
