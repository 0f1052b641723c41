/* The decisions about restarts. Random ends of attempts are compared with a second version
 * of the rules, in the words of the contract. */
#include "suite.h"

#include "policy/policy.h"

#include <errno.h>
#include <stdio.h>

SUITE_MAIN("policy")

static uint64_t random_state = 1;
static uint64_t draw(void)
{
	random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return random_state ^ random_state >> 29;
}
static uint64_t below(uint64_t n) { return draw() % n; }

static struct tend__policy policy(struct tend__policy p)
{
	ck_assert_int_eq(tend__policy_complete(&p), 0);
	return p;
}

/* ---- Backoff ---- */

TEST(tv_073_the_first_failure_rests_for_the_first_delay)
{
	struct tend__policy p = policy((struct tend__policy){.delay_ns = 7 * TEND_MS});

	ck_assert_uint_eq(tend__backoff(&p, 0, draw()), 7 * TEND_MS);
}

TEST(tv_074_the_delay_grows_by_its_factor)
{
	struct tend__policy p = policy((struct tend__policy){.factor = 0});

	for (uint32_t n = 0; n < 9; n++)
		ck_assert_uint_eq(tend__backoff(&p, n, draw()), (100 * TEND_MS) << n < 30 * TEND_SEC
		                                                        ? (100 * TEND_MS) << n
		                                                        : 30 * TEND_SEC);
	/* A factor with a fraction: 100, 150, 225, 337.5 ms. */
	p = policy((struct tend__policy){.factor = 1500});
	ck_assert_uint_eq(tend__backoff(&p, 3, draw()), UINT64_C(337500000));
}

TEST(tv_075_a_factor_of_one_keeps_the_delay)
{
	struct tend__policy p = policy((struct tend__policy){.factor = 1000});

	ck_assert_uint_eq(tend__backoff(&p, UINT32_MAX, draw()), 100 * TEND_MS);
}

TEST(tv_076_077_083_084_no_delay_is_above_the_maximum)
{
	struct tend__policy p = policy((struct tend__policy){.delay_max_ns = 5 * TEND_SEC});

	ck_assert_uint_eq(tend__backoff(&p, 6, draw()), 5 * TEND_SEC);
	ck_assert_uint_eq(tend__backoff(&p, UINT32_MAX, draw()), 5 * TEND_SEC);
	p = policy((struct tend__policy){.delay_ns = 9 * TEND_SEC, .delay_max_ns = TEND_SEC});
	ck_assert_uint_eq(tend__backoff(&p, 0, draw()), TEND_SEC);
	/* Products above 64 bits. */
	p = policy((struct tend__policy){.factor = UINT32_MAX, .delay_max_ns = UINT64_MAX});
	ck_assert_uint_eq(tend__backoff(&p, 40, draw()), UINT64_MAX);
}

TEST(tv_078_to_082_a_jitter_is_drawn_from_the_clamped_delay_alone)
{
	for (uint32_t n = 0; n < 20000; n++) {
		uint32_t failures = (uint32_t)below(12);
		struct tend__policy p = policy((struct tend__policy){.delay_ns = 20 * TEND_MS});
		uint64_t base = tend__backoff(&p, failures, 0), rest;

		p.jitter = TEND__JITTER_FULL;
		rest = tend__backoff(&p, failures, draw());
		ck_assert(rest >= TEND_MS && rest <= base);
		p.jitter = TEND__JITTER_EQUAL;
		rest = tend__backoff(&p, failures, draw());
		ck_assert(rest >= base / 2 && rest <= base);
		p.jitter = TEND__JITTER_DECORRELATED;
		rest = tend__backoff(&p, failures, draw());
		ck_assert(rest >= 20 * TEND_MS);
		ck_assert(rest <= (3 * base < p.delay_max_ns ? 3 * base : p.delay_max_ns));
	}
}

TEST(every_jitter_reaches_both_ends_of_its_range)
{
	struct tend__policy p = policy((struct tend__policy){.delay_ns = TEND_SEC});

	p.jitter = TEND__JITTER_FULL;
	ck_assert_uint_eq(tend__backoff(&p, 0, TEND_SEC), TEND_SEC);
	ck_assert_uint_eq(tend__backoff(&p, 0, 0), TEND_MS);
	p.jitter = TEND__JITTER_EQUAL;
	ck_assert_uint_eq(tend__backoff(&p, 0, 0), TEND_SEC / 2);
	ck_assert_uint_eq(tend__backoff(&p, 0, TEND_SEC / 2), TEND_SEC);
	p.jitter = TEND__JITTER_DECORRELATED;
	ck_assert_uint_eq(tend__backoff(&p, 0, 0), TEND_SEC);
	ck_assert_uint_eq(tend__backoff(&p, 0, 2 * TEND_SEC), 3 * TEND_SEC);
	/* The whole range of a number. */
	p = policy((struct tend__policy){.delay_ns = 1,
	                                 .delay_max_ns = UINT64_MAX,
	                                 .factor = UINT32_MAX,
	                                 .jitter = TEND__JITTER_FULL});
	ck_assert_uint_eq(tend__backoff(&p, 40, UINT64_MAX), UINT64_MAX);
}

TEST(tv7_106_107_a_delay_below_a_millisecond_rests_for_one_and_at_once_for_none)
{
	struct tend__policy p =
		policy((struct tend__policy){.delay_ns = 1, .jitter = TEND__JITTER_FULL});

	ck_assert_uint_eq(tend__backoff(&p, 0, draw()), TEND_MS);
	p = policy((struct tend__policy){.delay_ns = TEND__AT_ONCE});
	ck_assert_uint_eq(tend__backoff(&p, 5, draw()), 0);
	/* Above a millisecond nothing is rounded. */
	p = policy((struct tend__policy){.delay_ns = TEND_MS + 1});
	ck_assert_uint_eq(tend__backoff(&p, 0, draw()), TEND_MS + 1);
}

TEST(a_policy_that_means_nothing_is_refused_unchanged)
{
	struct tend__policy bad[] = {{.type = TEND__PERMANENT + 1},
	                             {.jitter = TEND__JITTER_DECORRELATED + 1},
	                             {.factor = 999}};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct tend__policy p = bad[i];

		ck_assert_int_eq(tend__policy_complete(&p), -EINVAL);
		ck_assert_uint_eq(p.delay_ns, 0);
	}
}

/* ---- Decisions ---- */

static enum tend__verdict verdict(struct tend__policy p, uint32_t failures,
                                  struct tend__attempt_end end)
{
	return tend__decide(&p, failures, &end, draw()).verdict;
}

TEST(tv_151_152_a_temporary_task_ends_and_a_transient_one_runs_after_a_failure)
{
	struct tend__policy p = policy((struct tend__policy){.type = TEND__TEMPORARY});

	ck_assert_int_eq(verdict(p, 0, (struct tend__attempt_end){.result = -EIO}), TEND__ENDS);
	p.type = TEND__TRANSIENT;
	ck_assert_int_eq(verdict(p, 0, (struct tend__attempt_end){.result = -EIO}), TEND__RUNS);
	ck_assert_int_eq(verdict(p, 0, (struct tend__attempt_end){.broken = true}), TEND__RUNS);
	ck_assert_int_eq(verdict(p, 0, (struct tend__attempt_end){.late = true}), TEND__RUNS);
	ck_assert_int_eq(verdict(p, 0, (struct tend__attempt_end){.result = 0}), TEND__ENDS);
	p.type = TEND__PERMANENT;
	ck_assert_int_eq(verdict(p, 0, (struct tend__attempt_end){.result = 0}), TEND__RUNS);
}

TEST(tv_153_154_a_fatal_failure_ends_every_task)
{
	static const int32_t fatal[] = {2, -EACCES, 0};
	struct tend__policy p =
		policy((struct tend__policy){.type = TEND__PERMANENT, .fatal = fatal});
	struct tend__attempt_end end = {.result = 2};
	struct tend__decision d = tend__decide(&p, 0, &end, 0);

	ck_assert_int_eq(d.verdict, TEND__ENDS);
	ck_assert_int_eq(d.outcome, TEND__HAS_FAILED);
	ck_assert_int_eq(verdict(p, 0, (struct tend__attempt_end){.result = -EACCES}), TEND__ENDS);
	ck_assert_int_eq(verdict(p, 0, (struct tend__attempt_end){.result = -EIO, .fatal = true}),
	                 TEND__ENDS);
	/* A panic is no result: the number beside a panic decides nothing. */
	ck_assert_int_eq(verdict(p, 0, (struct tend__attempt_end){.result = 2, .broken = true}),
	                 TEND__RUNS);
}

TEST(tv_155_156_n_retries_are_n_and_one_runs)
{
	for (uint32_t retries = 1; retries < 5; retries++) {
		struct tend__policy p =
			policy((struct tend__policy){.type = TEND__TRANSIENT, .retries = retries});
		uint32_t failures = 0, runs = 0;
		struct tend__decision d;

		do {
			runs++;
			d = tend__decide(&p, failures, &(struct tend__attempt_end){.result = -EIO},
			                 0);
			failures = d.failures;
		} while (d.verdict == TEND__RUNS);
		ck_assert_uint_eq(runs, retries + 1);
	}
}

TEST(tv_160_a_success_and_a_stable_attempt_begin_a_new_row)
{
	struct tend__policy p =
		policy((struct tend__policy){.type = TEND__PERMANENT, .retries = 3});
	struct tend__attempt_end well = {.result = 0},
				 stable = {.result = -EIO, .ran_ns = 10 * TEND_SEC},
				 brief = {.result = -EIO, .ran_ns = 10 * TEND_SEC - 1};

	ck_assert_uint_eq(tend__decide(&p, 3, &well, 0).failures, 0);
	ck_assert_uint_eq(tend__decide(&p, 3, &stable, 0).failures, 1);
	ck_assert_uint_eq(tend__decide(&p, 3, &stable, 0).rest_ns, 100 * TEND_MS);
	ck_assert_int_eq(tend__decide(&p, 3, &brief, 0).verdict, TEND__ENDS);
}

TEST(tv_126_an_unasked_cancel_ends_the_task_and_is_no_failure)
{
	struct tend__policy p = policy((struct tend__policy){.type = TEND__PERMANENT});
	struct tend__attempt_end end = {.result = -ECANCELED};
	struct tend__decision d = tend__decide(&p, 2, &end, 0);

	ck_assert_int_eq(d.verdict, TEND__ENDS);
	ck_assert_int_eq(d.outcome, TEND__WAS_CANCELED);
	ck_assert_uint_eq(d.failures, 2);
}

TEST(tv7_94_a_permanent_task_that_completes_at_once_rests_for_its_interval)
{
	struct tend__policy p =
		policy((struct tend__policy){.type = TEND__PERMANENT, .delay_ns = 1});
	struct tend__attempt_end end = {.result = 0}, done = {.result = TEND__DONE};

	ck_assert_uint_eq(tend__decide(&p, 0, &end, 0).rest_ns, TEND_MS);
	p.interval_ns = 5 * TEND_SEC;
	ck_assert_uint_eq(tend__decide(&p, 0, &end, 0).rest_ns, 5 * TEND_SEC);
	ck_assert_int_eq(tend__decide(&p, 0, &done, 0).verdict, TEND__ENDS);
	ck_assert_int_eq(tend__decide(&p, 0, &done, 0).outcome, TEND__COMPLETED_WELL);
}

/* The rules as they are said, the first that holds. */
static enum tend__verdict as_said(const struct tend__policy *p, uint32_t failures,
                                  const struct tend__attempt_end *e)
{
	bool in_fatal = false, in_success = e->result == TEND__DONE;

	for (const int32_t *r = p->fatal; r && *r; r++)
		in_fatal |= *r == e->result;
	for (const int32_t *r = p->success; r && *r; r++)
		in_success |= *r == e->result;
	if (e->ends || e->fatal)
		return TEND__ENDS;
	if (e->stop)
		return TEND__STOPS;
	if (e->again)
		return p->type == TEND__TEMPORARY ? TEND__ENDS : TEND__RUNS;
	uint32_t before = e->ran_ns >= p->stable_ns ? 0 : failures;
	bool retry = p->type != TEND__TEMPORARY && (!p->retries || before < p->retries);
	if (e->late || e->broken)
		return retry ? TEND__RUNS : TEND__ENDS;
	if (e->result == -ECANCELED)
		return TEND__ENDS;
	if (in_success || (e->result >= 0 && !in_fatal))
		return p->type == TEND__PERMANENT && e->result != TEND__DONE ? TEND__RUNS
		                                                             : TEND__ENDS;
	return retry && !in_fatal ? TEND__RUNS : TEND__ENDS;
}

TEST(a_hundred_thousand_ends_are_decided_as_the_rules_say)
{
	static const int32_t lists[][3] = {{0}, {1}, {3, -EIO}, {-ECANCELED, 7}};
	static const int32_t results[] = {0, 1, 3, 7, -EIO, -EPIPE, -ECANCELED, TEND__DONE};

	for (int i = 0; i < 100000; i++) {
		struct tend__policy p =
			policy((struct tend__policy){.type = (enum tend__restart_type)below(3),
		                                     .retries = (uint32_t)below(4),
		                                     .success = lists[below(4)],
		                                     .fatal = lists[below(4)]});
		struct tend__attempt_end e = {.ends = !below(8),
		                              .fatal = !below(8),
		                              .stop = !below(8),
		                              .again = !below(8),
		                              .late = !below(8),
		                              .broken = !below(8),
		                              .result = results[below(8)],
		                              .ran_ns = below(2) * p.stable_ns};
		uint32_t failures = (uint32_t)below(5);
		struct tend__decision d = tend__decide(&p, failures, &e, draw());

		if (d.verdict != as_said(&p, failures, &e) ||
		    (d.verdict != TEND__RUNS && d.rest_ns != 0) || d.failures > failures + 1)
			ck_abort_msg("end %d of the sequence", i);
	}
}

/* ---- Intensity ---- */

TEST(more_restarts_than_allowed_in_a_period_are_too_many_and_the_window_slides)
{
	uint64_t stamps[4];
	struct tend__intensity in = {stamps, 10, 3, 0, 0};

	ck_assert(!tend__too_many(&in, 100));
	ck_assert(!tend__too_many(&in, 101));
	ck_assert(!tend__too_many(&in, 102));
	ck_assert(!tend__too_many(&in, 110)); /* that of 100 is a period old */
	ck_assert(tend__too_many(&in, 110));  /* 101, 102, 110, 110 */
}

TEST(the_window_counts_what_a_list_of_all_restarts_says)
{
	enum { N = 100000 };
	static uint64_t all[N];

	for (uint32_t restarts = 0; restarts < 7; restarts++) {
		uint64_t stamps[8], now = 0, period = 1 + below(50);
		struct tend__intensity in = {stamps, period, restarts, 0, 0};

		for (int i = 0; i < N / 7; i++) {
			uint32_t within = 0;

			all[i] = now += below(20);
			for (int j = i; j >= 0 && now - all[j] < period; j--)
				within++;
			if (tend__too_many(&in, now) != (within > restarts) ||
			    in.within != (within > restarts ? restarts + 1 : within))
				ck_abort_msg("restart %d", i);
		}
	}
}

TEST(a_storm_of_restarts_is_spread_and_a_single_restart_is_not_delayed)
{
	uint64_t next = 0;

	for (uint64_t i = 0; i < 10000; i++)
		ck_assert_uint_eq(tend__spread(&next, 500, TEND_MS), 500 + i * TEND_MS);
	ck_assert_uint_eq(tend__spread(&next, UINT64_MAX - 5, TEND_MS), UINT64_MAX - 5);
	ck_assert_uint_eq(tend__spread(&next, 0, TEND_MS), UINT64_MAX);
}
