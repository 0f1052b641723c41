/* w4.c - from the cancel of a tree until every task in it has ended. */
#include "bench.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { GROUP = 100 };

static atomic_uint started;

static int park(void *event)
{
	atomic_fetch_add_explicit(&started, 1, memory_order_relaxed);
	return tend_event_wait(event, TEND_FOREVER) == -ECANCELED ? 0 : -EIO;
}

struct group {
	tend_scope scope;
	tend_event *never;
};

/* Fills a group from the worker that it then lives on. */
static int fill(void *arg)
{
	struct group *g = arg;

	for (int i = 0; i < GROUP; i++)
		bench_need(tend_spawn(g->scope, park, g->never, TEND_TASK_OPTS(.name = "worker"),
		                      NULL));
	return 0;
}

static uint64_t canceled(struct group *g)
{
	struct tend_stats stats;

	bench_need(tend_scope_stats(g->scope, &stats));
	tend_event_close(g->never);
	return stats.canceled;
}

static int w4(void)
{
	uint64_t begun, sum = 0, groups = bench.n / GROUP;
	struct group *group = calloc(groups, sizeof(*group));
	tend_scope root;

	bench_check(group != NULL, "memory");
	bench_need(tend_scope_open(bench.scope, "tree", NULL, &root));
	for (uint64_t i = 0; i < groups; i++) {
		bench_need(tend_event_open(&group[i].never));
		bench_need(tend_scope_open(root, "group", NULL, &group[i].scope));
		bench_need(tend_spawn(group[i].scope, fill, &group[i],
		                      TEND_TASK_OPTS(.name = "filler"), NULL));
	}
	while (atomic_load(&started) < groups * GROUP)
		bench_need(tend_yield());
	bench_need(tend_sleep_until(tend_after(10 * TEND_MS))); /* the last of them park */
	begun = tend_now();
	bench_need(tend_scope_cancel(root, -ECANCELED, "measured"));
	bench_need(tend_scope_wait_empty(root, TEND_FOREVER));
	bench_says("cancel_ms", (double)(tend_now() - begun) / 1e6);
	for (uint64_t i = 0; i < groups; i++)
		sum += canceled(&group[i]);
	bench_check(sum == groups * GROUP, "a task");
	bench_need(tend_scope_close(root, TEND_FOREVER, NULL));
	free(group);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct bench_case cases[] = {{"w4", w4, 100000, 0}};

	return bench_main(argc, argv, cases, 1);
}
