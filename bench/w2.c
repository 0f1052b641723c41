/* w2.c - what it costs to go from one task to another. */
#include "bench.h"

#include <stdatomic.h>

static uint64_t each, begun;
static atomic_uint come;

static int yields(void *arg)
{
	(void)arg;
	/* The clock starts when all have: a start is not what is measured. */
	if (atomic_fetch_add(&come, 1) + 1 == bench.fibers)
		begun = tend_now();
	while (atomic_load(&come) < bench.fibers)
		bench_need(tend_yield());
	for (uint64_t i = 0; i < each; i++)
		bench_need(tend_yield());
	return 0;
}

static int w2y(void)
{
	each = bench.n / bench.fibers;
	for (uint64_t i = 0; i < bench.fibers; i++)
		bench_need(tend_spawn(bench.scope, yields, NULL, TEND_TASK_OPTS(.name = "worker"),
		                      NULL));
	bench_need(tend_scope_wait_empty(bench.scope, TEND_FOREVER));
	bench_says("ns_switch", (double)(tend_now() - begun) / (double)(each * bench.fibers));
	return 0;
}

static int apart;

struct pair {
	tend_channel *there, *back;
	uint64_t begun, ended;
};

static int ping(void *arg)
{
	struct pair *p = arg;
	uint64_t item = 0;

	if (apart)
		bench_meet();
	p->begun = tend_now();
	for (uint64_t i = 0; i < bench.n / 2; i++) {
		bench_need(tend_channel_send(p->there, &item, TEND_FOREVER));
		bench_need(tend_channel_recv(p->back, &item, TEND_FOREVER));
	}
	p->ended = tend_now();
	bench_check(item == bench.n / 2, "a hop");
	return 0;
}

static int pong(void *arg)
{
	struct pair *p = arg;
	uint64_t item;

	if (apart)
		bench_meet();
	for (uint64_t i = 0; i < bench.n / 2; i++) {
		bench_need(tend_channel_recv(p->there, &item, TEND_FOREVER));
		item++;
		bench_need(tend_channel_send(p->back, &item, TEND_FOREVER));
	}
	return 0;
}

/* Tasks stay where they first ran. */
static int w2c(void)
{
	struct pair p;

	bench_need(tend_channel_open(sizeof(uint64_t), 1, &p.there));
	bench_need(tend_channel_open(sizeof(uint64_t), 1, &p.back));
	bench_need(tend_spawn(bench.scope, ping, &p, TEND_TASK_OPTS(.name = "ping"), NULL));
	bench_need(tend_spawn(bench.scope, pong, &p, TEND_TASK_OPTS(.name = "pong"), NULL));
	bench_need(tend_scope_wait_empty(bench.scope, TEND_FOREVER));
	bench_says("ns_hop", (double)(p.ended - p.begun) / (double)bench.n);
	tend_channel_free(p.there);
	tend_channel_free(p.back);
	return 0;
}

/* Each on a worker of its own. */
static int on_two(void)
{
	apart = 1;
	return w2c();
}

int main(int argc, char **argv)
{
	static const struct bench_case cases[] = {
		{"w2y", w2y, 5000000, 0}, {"w2c", w2c, 1000000, 0}, {"apart", on_two, 200000, 0}};

	return bench_main(argc, argv, cases, sizeof(cases) / sizeof(*cases));
}
