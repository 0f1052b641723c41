/* w8.c - sleeps of up to a second, all at once. */
#include "bench.h"

static int sleeps(void *ms)
{
	return tend_sleep_until(tend_after((uint64_t)(uintptr_t)ms * TEND_MS));
}

static void round_of_sleeps(void)
{
	for (uint64_t i = 0; i < bench.n; i++)
		bench_need(tend_spawn(bench.scope, sleeps, (void *)(uintptr_t)(i * 7919 % 1000),
		                      TEND_TASK_OPTS(.name = "sleeper"), NULL));
	bench_need(tend_scope_wait_empty(bench.scope, TEND_FOREVER));
}

static int w8(void)
{
	uint64_t begun, cpu;

	if (bench.warm)
		round_of_sleeps();
	begun = tend_now();
	cpu = bench_cpu_ns();
	round_of_sleeps();
	bench_says("cpu_s", (double)(bench_cpu_ns() - cpu) / 1e9);
	bench_says("wall_s", (double)(tend_now() - begun) / 1e9);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct bench_case cases[] = {{"w8", w8, 1000000, 0}};

	return bench_main(argc, argv, cases, 1);
}
