/* count.c - the same operations over and over, for a count of their instructions:
 * tools/counts.sh. The one worker is driven by the main thread and is never idle, so
 * that nothing depends on the time. */
#include "bench.h"

#include <errno.h>

enum { BATCH = 100 };

static int empty(void *arg)
{
	(void)arg;
	return 0;
}

static int started;

static int park(void *arg)
{
	(void)arg;
	started++;
	return tend_sleep_until(TEND_FOREVER);
}

static void spawn(tend_scope scope, tend_fn *fn, void *arg, tend_task *out)
{
	bench_need(tend_spawn(scope, fn, arg, TEND_TASK_OPTS(.name = "worker"), out));
}

static int join(void)
{
	tend_task tasks[BATCH];

	for (uint64_t i = 0; i < bench.n; i += BATCH) {
		for (int k = 0; k < BATCH; k++)
			spawn(bench.scope, empty, NULL, &tasks[k]);
		for (int k = 0; k < BATCH; k++)
			bench_need(tend_join(tasks[k], NULL, TEND_FOREVER));
	}
	return 0;
}

static int wait(void)
{
	for (uint64_t i = 0; i < bench.n; i += BATCH) {
		for (int k = 0; k < BATCH; k++)
			spawn(bench.scope, empty, NULL, NULL);
		bench_need(tend_scope_wait_empty(bench.scope, TEND_FOREVER));
	}
	return 0;
}

static int yields(void *arg)
{
	(void)arg;
	for (uint64_t i = 0; i < bench.n / 2; i++)
		tend_yield();
	return 0;
}

static int yield(void)
{
	spawn(bench.scope, yields, NULL, NULL);
	spawn(bench.scope, yields, NULL, NULL);
	return tend_scope_wait_empty(bench.scope, TEND_FOREVER);
}

static int back(void *arg)
{
	tend_channel **c = arg;
	char ball;

	while (tend_channel_recv(c[0], &ball, TEND_FOREVER) == 0)
		bench_need(tend_channel_send(c[1], &ball, TEND_FOREVER));
	return 0;
}

static int hop(void)
{
	tend_channel *c[2];
	char ball = 0;

	bench_need(tend_channel_open(sizeof(ball), 1, &c[0]));
	bench_need(tend_channel_open(sizeof(ball), 1, &c[1]));
	spawn(bench.scope, back, c, NULL);
	for (uint64_t i = 0; i < bench.n / 2; i++) {
		bench_need(tend_channel_send(c[0], &ball, TEND_FOREVER));
		bench_need(tend_channel_recv(c[1], &ball, TEND_FOREVER));
	}
	tend_channel_close(c[0]);
	bench_need(tend_scope_wait_empty(bench.scope, TEND_FOREVER));
	tend_channel_free(c[0]);
	tend_channel_free(c[1]);
	return 0;
}

static void spawn_parked(tend_scope scope)
{
	started = 0;
	for (int i = 0; i < BATCH; i++)
		spawn(scope, park, NULL, NULL);
	while (started < BATCH)
		bench_need(tend_yield());
}

/* A hundredth of a scope with parked tasks, from its open to its close. */
static int cancel(void)
{
	for (uint64_t i = 0; i < bench.n; i += BATCH) {
		tend_scope scope;

		bench_need(tend_scope_open(bench.scope, "group", NULL, &scope));
		spawn_parked(scope);
		bench_need(tend_scope_cancel(scope, -ECANCELED, NULL));
		bench_need(tend_scope_close(scope, TEND_FOREVER, NULL));
	}
	return 0;
}

/* A row with its path. */
static int snapshot(void)
{
	spawn_parked(bench.scope);
	for (uint64_t i = 0; i < bench.n; i += BATCH) {
		char path[TEND_PATH_MAX];
		tend_snapshot *s;

		bench_need(tend_snapshot_take(bench.rt, &s));
		for (size_t k = 0; k < tend_snapshot_count(s); k++)
			tend_snapshot_path(s, k, path, sizeof(path));
		tend_snapshot_free(s);
	}
	return tend_scope_cancel(bench.scope, -ECANCELED, NULL);
}

static int fails(void *n) { return ++started < *(const int *)n ? -EIO : 0; }

/* A task that runs again at once, in a scope that counts its restarts. */
static int restart(void)
{
	int n = (int)bench.n;
	tend_scope s;

	started = 0;
	bench_need(tend_scope_open(bench.scope, "supervised",
	                           TEND_SCOPE_OPTS(.restarts = 1024, .period_ns = 1), &s));
	bench_need(tend_spawn(s, fails, &n,
	                      TEND_TASK_OPTS(.name = "worker",
	                                     .restart = TEND_RESTART(.policy = TEND_TRANSIENT,
	                                                             .delay_ns = TEND_AT_ONCE)),
	                      NULL));
	/* A close would let no attempt follow. */
	bench_need(tend_scope_wait_empty(s, TEND_FOREVER));
	return tend_scope_close(s, TEND_FOREVER, NULL);
}

static int (*operation)(void);
static int done;

static int operate(void *arg)
{
	(void)arg;
	bench_need(tend_scope_open(tend_root(bench.rt), "bench", NULL, &bench.scope));
	bench_need(operation());
	bench_need(tend_scope_close(bench.scope, TEND_FOREVER, NULL));
	done = 1;
	return 0;
}

static int hosted(int (*fn)(void))
{
	operation = fn;
	bench_need(tend_runtime_open(TEND_RUNTIME_OPTS(.flags = TEND_HOSTED,
	                                               .restarts_per_s = TEND_ANY_NUMBER),
	                             &bench.rt));
	bench_need(tend_spawn(tend_root(bench.rt), operate, NULL, NULL, NULL));
	while (!done)
		bench_need(tend_runtime_poll(bench.rt, TEND_FOREVER));
	return tend_runtime_close(bench.rt, TEND_FOREVER);
}

static int run_join(void) { return hosted(join); }
static int run_wait(void) { return hosted(wait); }
static int run_yield(void) { return hosted(yield); }
static int run_hop(void) { return hosted(hop); }
static int run_cancel(void) { return hosted(cancel); }
static int run_snapshot(void) { return hosted(snapshot); }
static int run_restart(void) { return hosted(restart); }

int main(int argc, char **argv)
{
	enum { N = 10000 };
	static const struct bench_case cases[] = {
		{"join", run_join, N, 1},      {"wait", run_wait, N, 1},
		{"yield", run_yield, N, 1},    {"hop", run_hop, N, 1},
		{"cancel", run_cancel, N, 1},  {"snapshot", run_snapshot, N, 1},
		{"restart", run_restart, N, 1}};

	return bench_main(argc, argv, cases, sizeof(cases) / sizeof(*cases));
}
