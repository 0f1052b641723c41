/* What the core costs: one JSON line a case. With threads beside it, measured in
 * the same run: what a C program does today. */
#include <tend/tend.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 1000, BATCHES = 1000, MANY = 100000 };

static tend_runtime *rt;

static void need(int error)
{
	if (error < 0) {
		fprintf(stderr, "bench: %s\n", tend_strerror(error));
		exit(1);
	}
}

static void say(const char *name, uint64_t begun, uint64_t count)
{
	printf("{\"case\":\"%s\",\"ns_per_op\":%.1f,\"ops\":%llu}\n", name,
	       (double)(tend_now() - begun) / (double)count, (unsigned long long)count);
	fflush(stdout);
}

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}
static int yield_once(void *arg)
{
	(void)arg;
	return tend_yield();
}
static int wait_for(void *event) { return tend_event_wait(event, TEND_FOREVER); }

static void spawns(tend_scope s, const char *name, tend_fn *fn)
{
	uint64_t begun = tend_now();

	for (int i = 0; i < BATCHES; i++) {
		for (int k = 0; k < BATCH; k++)
			need(tend_spawn(s, fn, NULL, NULL, NULL));
		need(tend_scope_wait_empty(s, TEND_FOREVER));
	}
	say(name, begun, (uint64_t)BATCH * BATCHES);
}

static void joins(tend_scope s)
{
	static tend_task tasks[BATCH];
	uint64_t begun = tend_now();

	for (int i = 0; i < BATCHES; i++) {
		for (int k = 0; k < BATCH; k++)
			need(tend_spawn(s, nothing, NULL, NULL, &tasks[k]));
		for (int k = 0; k < BATCH; k++)
			need(tend_join(tasks[k], NULL, TEND_FOREVER));
	}
	say("spawn+join", begun, (uint64_t)BATCH * BATCHES);
}

struct pair {
	tend_channel *there, *back;
};
static int pong(void *arg)
{
	struct pair *p = arg;
	int item;

	while (tend_channel_recv(p->there, &item, TEND_FOREVER) == 0)
		need(tend_channel_send(p->back, &item, TEND_FOREVER));
	return 0;
}
static void hops(tend_scope s)
{
	enum { N = 500000 };
	struct pair p;
	uint64_t begun;
	int item = 0;

	need(tend_channel_open(sizeof item, 1, &p.there));
	need(tend_channel_open(sizeof item, 1, &p.back));
	need(tend_spawn(s, pong, &p, NULL, NULL));
	begun = tend_now();
	for (int i = 0; i < N; i++) {
		need(tend_channel_send(p.there, &item, TEND_FOREVER));
		need(tend_channel_recv(p.back, &item, TEND_FOREVER));
	}
	say("channel hop", begun, 2 * (uint64_t)N);
	tend_channel_close(p.there);
	need(tend_scope_wait_empty(s, TEND_FOREVER));
	tend_channel_free(p.there);
	tend_channel_free(p.back);
}

static void many(tend_scope parent)
{
	tend_snapshot *snapshot;
	tend_event *never;
	tend_scope s;
	uint64_t begun;

	need(tend_event_open(&never));
	need(tend_scope_open(parent, "many", NULL, &s));
	begun = tend_now();
	for (int i = 0; i < MANY; i++)
		need(tend_spawn(s, wait_for, never, NULL, NULL));
	while (tend_yield() == 0 && tend_scope_live(s) < MANY)
		;
	need(tend_sleep_until(tend_after(TEND_MS)));
	say("spawn a fiber that parks", begun, MANY);
	begun = tend_now();
	need(tend_snapshot_take(rt, &snapshot));
	say("snapshot of 100000, sorted, a row", begun, tend_snapshot_count(snapshot));
	tend_snapshot_free(snapshot);
	begun = tend_now();
	need(tend_scope_cancel(s, -ECANCELED, "bench"));
	need(tend_scope_close(s, TEND_FOREVER, NULL));
	say("cancel of 100000 until all have ended", begun, MANY);
	tend_event_close(never);
}

static int cases(void *arg)
{
	tend_scope s;
	uint64_t begun;

	(void)arg;
	need(tend_scope_open(tend_root(rt), "bench", NULL, &s));
	spawns(s, "spawn+wait_empty", nothing);
	spawns(s, "spawn+yield+wait_empty", yield_once);
	joins(s);
	begun = tend_now();
	for (int i = 0; i < 1000000; i++)
		tend_yield();
	say("yield, alone", begun, 1000000);
	hops(s);
	many(s);
	return tend_scope_close(s, TEND_FOREVER, NULL);
}

static void *thread(void *arg) { return arg; }
static void threads(void)
{
	enum { N = 20000 };
	uint64_t begun = tend_now();

	for (int i = 0; i < N; i++) {
		pthread_t t;

		need(-pthread_create(&t, NULL, thread, NULL));
		pthread_join(t, NULL);
	}
	say("peer: pthread_create+join", begun, N);
}

int main(void)
{
	tend_task t;

	need(tend_runtime_open(TEND_RUNTIME_OPTS(.workers = 1), &rt));
	need(tend_spawn(tend_root(rt), cases, NULL, NULL, &t));
	need(tend_join(t, NULL, TEND_FOREVER));
	need(tend_runtime_close(rt, TEND_FOREVER));
	threads();
	return 0;
}
