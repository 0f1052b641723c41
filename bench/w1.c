/* w1.c - what a task costs from its spawn until its end is known. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH = 1000 };

struct spawner {
	tend_scope scope;
	uint64_t n;
	tend_fn *fn;
	int join;
	unsigned char done[BATCH];
	tend_task tasks[BATCH];
};

static int once(void *done)
{
	++*(unsigned char *)done;
	return 0;
}
static int yields(void *done)
{
	++*(unsigned char *)done;
	return tend_yield();
}

static void batch(struct spawner *s, uint64_t n)
{
	memset(s->done, 0, sizeof(s->done));
	for (uint64_t i = 0; i < n; i++)
		bench_need(tend_spawn(s->scope, s->fn, &s->done[i],
		                      TEND_TASK_OPTS(.name = "worker"),
		                      s->join ? &s->tasks[i] : NULL));
	if (!s->join)
		bench_need(tend_scope_wait_empty(s->scope, TEND_FOREVER));
	for (uint64_t i = 0; s->join && i < n; i++)
		bench_need(tend_join(s->tasks[i], NULL, TEND_FOREVER));
	for (uint64_t i = 0; i < n; i++)
		bench_check(s->done[i] == 1, "a task");
}

static void batches(struct spawner *s, uint64_t n)
{
	for (uint64_t i = 0; i < n; i += BATCH)
		batch(s, n - i < BATCH ? n - i : BATCH);
}

static int spawner(void *arg)
{
	struct spawner *s = arg;

	bench_meet();
	batches(s, s->n);
	return 0;
}

/* Two spawners, on a worker each, of half of the work. */
static void two(struct spawner *s, int one_scope)
{
	tend_task tasks[2];

	for (int i = 0; i < 2; i++) {
		s[i] = s[0];
		s[i].n = (bench.n + (uint64_t)i) / 2;
		if (i == 0 || !one_scope)
			bench_need(tend_scope_open(bench.scope, "group", NULL, &s[i].scope));
		bench_need(tend_spawn(tend_root(bench.rt), spawner, &s[i],
		                      TEND_TASK_OPTS(.name = "spawner"), &tasks[i]));
	}
	for (int i = 0; i < 2; i++)
		bench_need(tend_join(tasks[i], NULL, TEND_FOREVER));
}

static int run(tend_fn *fn)
{
	struct spawner *s = calloc(2, sizeof(*s));
	const char *shape = bench.shape ? bench.shape : "wait";
	/* "spawner" is "wait" with a second worker that may steal. */
	int own = strcmp(shape, "own") == 0, one = strcmp(shape, "one") == 0;
	uint64_t begun;

	bench_check(s != NULL, "memory");
	s->fn = fn;
	s->join = strcmp(shape, "join") == 0;
	bench_need(tend_scope_open(bench.scope, "group", NULL, &s->scope));
	batch(s, BATCH);
	begun = tend_now();
	if (own || one)
		two(s, one);
	else if (s->join || strcmp(shape, "wait") == 0 || strcmp(shape, "spawner") == 0)
		batches(s, bench.n);
	else
		bench_check(0, "there is no such shape");
	bench_says("ns_task", (double)(tend_now() - begun) / (double)bench.n);
	free(s);
	return 0;
}

static int w1b(void) { return run(once); }
static int w1y(void) { return run(yields); }

static int w1a(void)
{
	unsigned char *done = calloc(bench.n, 1);
	uint64_t begun = tend_now(), sum = 0;

	bench_check(done != NULL, "memory");
	for (uint64_t i = 0; i < bench.n; i++)
		bench_need(tend_spawn(bench.scope, once, &done[i], TEND_TASK_OPTS(.name = "worker"),
		                      NULL));
	bench_need(tend_scope_wait_empty(bench.scope, TEND_FOREVER));
	bench_says("ns_task", (double)(tend_now() - begun) / (double)bench.n);
	for (uint64_t i = 0; i < bench.n; i++)
		sum += done[i];
	bench_check(sum == bench.n, "a task");
	free(done);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct bench_case cases[] = {
		{"w1b", w1b, 1000000, 0}, {"w1y", w1y, 1000000, 0}, {"w1a", w1a, 1000000, 0}};

	return bench_main(argc, argv, cases, sizeof(cases) / sizeof(*cases));
}
