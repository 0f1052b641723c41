/* w7.c - what it costs to run again, and what a task costs that rests until then. */
#include "bench.h"

#include <errno.h>
#include <string.h>

/* Written by one worker. */
static uint64_t runs;

static int fails(void *n) { return ++runs < *(const uint64_t *)n ? -EIO : 0; }

/* A function that fails at once, again and again; each attempt is counted, and in the registry,
 * and the scope keeps a window of its restarts, which a nanosecond never fills. */
static void restarts(uint64_t n)
{
	tend_scope s;
	tend_task t;
	struct tend_outcome o;

	runs = 0;
	bench_need(tend_scope_open(bench.scope, "supervised",
	                           TEND_SCOPE_OPTS(.restarts = 1024, .period_ns = 1), &s));
	bench_need(tend_spawn(s, fails, &n,
	                      TEND_TASK_OPTS(.name = "worker",
	                                     .restart = TEND_RESTART(.policy = TEND_TRANSIENT,
	                                                             .delay_ns = TEND_AT_ONCE)),
	                      &t));
	bench_need(tend_join(t, &o, TEND_FOREVER));
	bench_check(runs == n && o.attempts == n, "an attempt");
	bench_need(tend_scope_close(s, TEND_FOREVER, NULL));
}

static int w7(void)
{
	uint64_t begun;

	restarts(bench.n / 10 + 1);
	begun = tend_now();
	restarts(bench.n + 1);
	bench_says("ns_restart", (double)(tend_now() - begun) / (double)bench.n);
	return 0;
}

static int fails_once(void *arg)
{
	(void)arg;
	runs++;
	return -EIO;
}

/* Tasks that have failed, and rest for an hour. */
static int w7rest(void)
{
	const struct tend_restart *hour =
		TEND_RESTART(.policy = TEND_PERMANENT, .delay_ns = 3600 * TEND_SEC,
	                     .delay_max_ns = UINT64_MAX);
	double rss = bench_status_kb("VmRSS"), tables = bench_status_kb("VmPTE");
	uint64_t begun = tend_now();

	for (uint64_t i = 0; i < bench.n; i++)
		bench_need(tend_spawn(bench.scope, fails_once, NULL,
		                      TEND_TASK_OPTS(.name = "worker", .restart = hour), NULL));
	/* One worker: when the last has failed and this runs again, it rests. */
	while (runs < bench.n)
		bench_need(tend_yield());
	begun = tend_now() - begun;
	rss = bench_status_kb("VmRSS") - rss;
	tables = bench_status_kb("VmPTE") - tables;
	bench_says("bytes_task", (rss + tables) * 1024 / (double)bench.n);
	bench_says("create_ns", (double)begun / (double)bench.n);
	bench_need(tend_scope_cancel(bench.scope, -ECANCELED, "measured"));
	bench_need(tend_scope_wait_empty(bench.scope, TEND_FOREVER));
	return 0;
}

int main(int argc, char **argv)
{
	static const struct bench_case cases[] = {{"w7", w7, 1000000, 0},
	                                          {"w7rest", w7rest, 1000000, 0}};

	return bench_main(argc, argv, cases, sizeof(cases) / sizeof(*cases));
}
