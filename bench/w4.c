/* w4.c - from the cancel of a tree until every task in it has ended. */
#include "bench.h"

#include <errno.h>
#include <stdatomic.h>

enum { GROUP = 100 };

static atomic_uint started;

static int park(void *event)
{
	atomic_fetch_add_explicit(&started, 1, memory_order_relaxed);
	return tend_event_wait(event, TEND_FOREVER) == -ECANCELED ? 0 : -EIO;
}

/* Fills a group from the worker that it then lives on. */
static int fill(void *event)
{
	for (int i = 0; i < GROUP; i++)
		bench_need(tend_spawn(tend_self_scope(), park, event,
		                      TEND_TASK_OPTS(.name = "worker"), NULL));
	return 0;
}

static int w4(void)
{
	struct tend_stats stats;
	tend_event *never;
	tend_scope root, group;
	uint64_t begun, canceled = 0, groups = bench.n / GROUP;

	bench_need(tend_event_open(&never));
	bench_need(tend_scope_open(bench.scope, "tree", NULL, &root));
	for (uint64_t i = 0; i < groups; i++) {
		bench_need(tend_scope_open(root, "group", NULL, &group));
		bench_need(tend_spawn(group, fill, never, NULL, NULL));
	}
	while (atomic_load(&started) < groups * GROUP)
		bench_need(tend_yield());
	bench_need(tend_sleep_until(tend_after(10 * TEND_MS))); /* the last of them park */
	begun = tend_now();
	bench_need(tend_scope_cancel(root, -ECANCELED, "measured"));
	bench_need(tend_scope_wait_empty(root, TEND_FOREVER));
	bench_says("cancel_ms", (double)(tend_now() - begun) / 1e6);
	bench_need(tend_scope_stats(group, &stats));
	canceled = stats.canceled;
	bench_check(canceled == GROUP, "a task");
	bench_need(tend_scope_close(root, TEND_FOREVER, NULL));
	tend_event_close(never);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct bench_case cases[] = {{"w4", w4, 100000, 0}};

	return bench_main(argc, argv, cases, 1);
}
