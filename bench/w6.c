/* w6.c - what is running right now: all of it, with paths; from another process;
 * and only how many. */
#include "bench.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GROUP = 100, TAKES = 11 };

static tend_event *never;
static int ready[2];

static uint64_t started;

static int park(void *event)
{
	started++;
	return tend_event_wait(event, TEND_FOREVER);
}

static tend_scope hold(void)
{
	tend_scope group = {0};
	char name[32];

	bench_need(tend_event_open(&never));
	for (uint64_t i = 0; i < bench.n; i++) {
		if (i % GROUP == 0) {
			snprintf(name, sizeof(name), "group-%llu", (unsigned long long)i / GROUP);
			bench_need(tend_scope_open(bench.scope, name, NULL, &group));
		}
		snprintf(name, sizeof(name), "worker-%u", (unsigned)(i % GROUP));
		bench_need(tend_spawn(group, park, never, TEND_TASK_OPTS(.name = name), NULL));
	}
	/* One worker: when the last has begun and this runs again, it has parked. */
	while (started < bench.n)
		bench_need(tend_yield());
	return group;
}

static int less(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* One take with the path of each row: milliseconds. */
static double take(pid_t pid)
{
	uint64_t begun = tend_now();
	tend_snapshot *s;
	char path[TEND_PATH_MAX];
	size_t letters = 0, count;
	double ms;

	bench_need(pid ? tend_snapshot_of(pid, &s) : tend_snapshot_take(bench.rt, &s));
	count = tend_snapshot_count(s);
	for (size_t i = 0; i < count; i++)
		letters += tend_snapshot_path(s, i, path, sizeof(path));
	ms = (double)(tend_now() - begun) / 1e6;
	bench_check(count > bench.n && letters > count, "a row");
	tend_snapshot_free(s);
	return ms;
}

static double median(pid_t pid, double *first)
{
	double ms[TAKES];

	*first = take(pid);
	for (int i = 0; i < TAKES; i++)
		ms[i] = take(pid);
	qsort(ms, TAKES, sizeof(*ms), less);
	return ms[TAKES / 2];
}

static int w6(void)
{
	enum { COUNTS = 1000 };
	tend_scope group = hold();
	double first;
	uint64_t begun;
	int64_t live = 0;

	bench_says("snapshot_ms", median(0, &first));
	bench_says("first_ms", first);
	begun = tend_now();
	for (int i = 0; i < COUNTS; i++)
		live += tend_scope_live(group);
	bench_says("count_us", (double)(tend_now() - begun) / 1e3 / (double)COUNTS);
	bench_check(live == (int64_t)GROUP * COUNTS, "a count");
	begun = tend_now();
	bench_check(tend_path_live(bench.rt, "bench/group-0") == GROUP, "a count by path");
	bench_says("prefix_us", (double)(tend_now() - begun) / 1e3);
	return bench_need(tend_scope_cancel(bench.scope, -ECANCELED, "measured"));
}

static int held(void *arg)
{
	(void)arg;
	bench_need(tend_scope_open(tend_root(bench.rt), "bench", NULL, &bench.scope));
	hold();
	bench_check(write(ready[1], "", 1) == 1, "the pipe");
	return tend_event_wait(never, TEND_FOREVER);
}

/* A child that holds the tasks; this process has no runtime. */
static pid_t holder(void)
{
	pid_t pid;
	char byte;

	bench_check(pipe(ready) == 0, "the pipe");
	pid = fork();
	bench_check(pid >= 0, "a fork");
	if (pid == 0) {
		bench_open();
		bench_need(tend_spawn(tend_root(bench.rt), held, NULL, NULL, NULL));
		for (;;)
			pause();
	}
	bench_check(read(ready[0], &byte, 1) == 1, "the pipe");
	return pid;
}

static int w6r(void)
{
	pid_t pid = holder();
	double first;

	bench_says("snapshot_ms", median(pid, &first));
	bench_says("first_ms", first);
	kill(pid, SIGSTOP);
	bench_says("stopped_ms", median(pid, &first));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return 0;
}

static int tree(void)
{
	const char *tool = getenv("TEND");
	pid_t pid = holder();
	uint64_t begun;
	char command[512];

	snprintf(command, sizeof(command), "exec %s tree %d >/dev/null", tool ? tool : "build/tend",
	         (int)pid);
	begun = tend_now();
	bench_check(system(command) == 0, "tend tree");
	bench_says("tree_ms", (double)(tend_now() - begun) / 1e6);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return 0;
}

/* The registry itself: a runtime that opens its segment, with room for two million,
 * and closes it, and what of it is in memory while nothing runs. */
static int segment(void)
{
	uint64_t begun = 0;
	double empty, kb = 0;

	for (uint64_t i = 0; i <= bench.n; i++) {
		if (i == 1)
			begun = tend_now(); /* the first warms up */
		empty = bench_status_kb("VmRSS");
		bench_open();
		kb += bench_status_kb("VmRSS") - empty;
		bench_need(tend_runtime_close(bench.rt, TEND_FOREVER));
	}
	bench_says("open_us", (double)(tend_now() - begun) / 1e3 / (double)bench.n);
	bench_says("resident_kb", kb / (double)(bench.n + 1));
	return 0;
}

int main(int argc, char **argv)
{
	static const struct bench_case cases[] = {{"w6", w6, 100000, 0},
	                                          {"w6r", w6r, 100000, 1},
	                                          {"segment", segment, 100, 1},
	                                          {"tree", tree, 100000, 1}};

	return bench_main(argc, argv, cases, sizeof(cases) / sizeof(*cases));
}
