/* process.c - a process as a task, from its spawn until it is reaped. */
#include "bench.h"

static int process(void)
{
	static const char *const argv[] = {"/bin/true", NULL};
	uint64_t begun = tend_now();

	for (uint64_t i = 0; i < bench.n; i++) {
		struct tend_outcome outcome;
		tend_task t;

		bench_need(tend_spawn_process(bench.scope, TEND_PROCESS_OPTS(.argv = argv), &t));
		bench_need(tend_join(t, &outcome, TEND_FOREVER));
		bench_check(outcome.kind == TEND_COMPLETED, "a process");
	}
	bench_says("ns_task", (double)(tend_now() - begun) / (double)bench.n);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct bench_case cases[] = {{"process", process, 1000, 0}};

	return bench_main(argc, argv, cases, 1);
}
