/* w5.c - tasks with a name each, and events of their start and end. */
#include "bench.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

enum { BATCH = 1000 };

static atomic_int over;
static uint64_t seen, lost;

static void *reader(void *arg)
{
	static struct tend_event_info events[1024];
	const struct timespec nap = {0, 100000};
	tend_subscription *sub = arg;
	int64_t n;
	int last;

	do {
		uint64_t missed = 0;

		last = atomic_load(&over);
		n = tend_events_take(sub, events, 1024, &missed);
		bench_need((int)n);
		seen += (uint64_t)n;
		lost += missed;
		/* As one that shows them would: in batches. */
		if (n < 1024 && !last)
			nanosleep(&nap, NULL);
	} while (n || !last);
	return NULL;
}

static int count(void *ran)
{
	++*(uint64_t *)ran;
	return 0;
}

static uint64_t spawn_all(tend_scope group)
{
	static char names[BATCH][8];
	uint64_t begun, ran = 0, batches = bench.n / BATCH;

	for (unsigned k = 0; k < BATCH; k++)
		snprintf(names[k], sizeof(names[k]), "w%u", k);
	begun = tend_now();
	for (uint64_t i = 0; i < batches; i++) {
		for (unsigned k = 0; k < BATCH; k++)
			bench_need(tend_spawn(group, count, &ran, TEND_TASK_OPTS(.name = names[k]),
			                      NULL));
		bench_need(tend_scope_wait_empty(group, TEND_FOREVER));
	}
	bench_says("ns_task", (double)(tend_now() - begun) / (double)(batches * BATCH));
	bench_check(ran == batches * BATCH, "a task");
	return ran;
}

static int w5(void)
{
	tend_subscription *sub = NULL;
	tend_scope group;
	pthread_t thread;
	uint64_t ran;

	bench_need(tend_scope_open(bench.scope, "group", NULL, &group));
	if (bench.sub) {
		bench_need(tend_subscribe(bench.rt, &sub));
		bench_need(-pthread_create(&thread, NULL, reader, sub));
	}
	ran = spawn_all(group);
	if (sub) {
		atomic_store(&over, 1);
		pthread_join(thread, NULL);
		tend_unsubscribe(sub);
		bench_check(seen + lost >= 2 * ran, "an event");
		bench_says("events_seen", (double)seen);
		bench_says("events_lost", (double)lost);
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct bench_case cases[] = {{"w5", w5, 500000, 0}};

	return bench_main(argc, argv, cases, 1);
}
