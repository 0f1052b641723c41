/* w3.c - what a task costs that is only there: parked, or not started yet. */
#include "bench.h"

#include <errno.h>
#include <string.h>

/* Written by one worker. */
static uint64_t started;

static int park(void *event)
{
	started++;
	return tend_event_wait(event, TEND_FOREVER) == -ECANCELED ? 0 : -EIO;
}

static int w3(void)
{
	int queued = bench.shape && strcmp(bench.shape, "queued") == 0;
	double rss = bench_status_kb("VmRSS"), tables = bench_status_kb("VmPTE");
	uint64_t begun = tend_now();
	tend_event *never;

	bench_need(tend_event_open(&never));
	for (uint64_t i = 0; i < bench.n; i++)
		bench_need(tend_spawn(bench.scope, park, never, TEND_TASK_OPTS(.name = "worker"),
		                      NULL));
	/* One worker: when the last has begun and this runs again, it has parked. */
	while (!queued && started < bench.n)
		bench_need(tend_yield());
	begun = tend_now() - begun;
	rss = bench_status_kb("VmRSS") - rss;
	tables = bench_status_kb("VmPTE") - tables;
	bench_says("bytes_task", (rss + tables) * 1024 / (double)bench.n);
	bench_says("create_ns", (double)begun / (double)bench.n);
	bench_says("pt_bytes_task", tables * 1024 / (double)bench.n);
	bench_need(tend_scope_cancel(bench.scope, -ECANCELED, "measured"));
	bench_need(tend_scope_wait_empty(bench.scope, TEND_FOREVER));
	tend_event_close(never);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct bench_case cases[] = {{"w3", w3, 1000000, 0}};

	return bench_main(argc, argv, cases, 1);
}
