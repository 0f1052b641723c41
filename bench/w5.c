/* w5.c - tasks with a name each, and events of their start and end. */
#include "bench.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum { BATCH = 1000 };

static atomic_int over;
static uint64_t seen, lost;

static void *reader(void *arg)
{
	static struct tend_event_info events[1024];
	tend_subscription *sub = arg;
	int64_t n;

	do {
		uint64_t missed = 0;
		int last = atomic_load(&over);

		n = tend_events_take(sub, events, 1024, &missed);
		bench_need((int)n);
		seen += (uint64_t)n;
		lost += missed;
		if (!n && last)
			break;
	} while (1);
	return NULL;
}

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

static int w5(void)
{
	tend_subscription *sub = NULL;
	tend_scope group;
	pthread_t thread;
	uint64_t begun, batches = bench.n / BATCH;
	char name[32];

	bench_need(tend_scope_open(bench.scope, "group", NULL, &group));
	if (bench.sub) {
		bench_need(tend_subscribe(bench.rt, &sub));
		bench_need(-pthread_create(&thread, NULL, reader, sub));
	}
	begun = tend_now();
	for (uint64_t i = 0; i < batches; i++) {
		for (unsigned k = 0; k < BATCH; k++) {
			snprintf(name, sizeof name, "w%u", k);
			bench_need(tend_spawn(group, nothing, NULL, TEND_TASK_OPTS(.name = name),
			                      NULL));
		}
		bench_need(tend_scope_wait_empty(group, TEND_FOREVER));
	}
	bench_says("ns_task", (double)(tend_now() - begun) / (double)(batches * BATCH));
	if (sub) {
		atomic_store(&over, 1);
		pthread_join(thread, NULL);
		tend_unsubscribe(sub);
		bench_check(seen + lost >= 2 * batches * BATCH, "an event");
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
