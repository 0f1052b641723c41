/* Threads of glibc, and its ucontext. */
#include "peer.h"

#include <gnu/libc-version.h>
#include <pthread.h>
#include <stdatomic.h>
#include <ucontext.h>

enum { BATCH = 1000, STACK = 32 * 1024 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static pthread_t start(void *(*fn)(void *), void *arg)
{
	static pthread_attr_t small;
	static int ready;
	pthread_t t;

	if (!ready) {
		peer_need(pthread_attr_init(&small), "pthread_attr_init");
		peer_need(pthread_attr_setstacksize(&small, STACK), "pthread_attr_setstacksize");
		ready = 1;
	}
	peer_need(pthread_create(&t, &small, fn, arg), "pthread_create");
	return t;
}

static atomic_ulong ran;

static void *bump(void *arg)
{
	atomic_fetch_add_explicit(&ran, 1, memory_order_relaxed);
	return arg;
}

static void batch(uint64_t count)
{
	pthread_t threads[BATCH];

	for (uint64_t i = 0; i < count; i++)
		threads[i] = start(bump, NULL);
	for (uint64_t i = 0; i < count; i++)
		peer_need(pthread_join(threads[i], NULL), "pthread_join");
}

static void spawn_and_join(uint64_t n)
{
	uint64_t begun;

	if (strcmp(peer.value, "join") != 0)
		exit(3);
	batch(BATCH);
	ran = 0;
	begun = peer_now();
	for (uint64_t left = n; left > 0; left -= left < BATCH ? left : BATCH)
		batch(left < BATCH ? left : BATCH);
	peer_metric("ns_task", (double)(peer_now() - begun) / (double)n);
	peer_check(ran == n, "a thread did not run");
}

/* A channel of capacity 1. */
struct channel {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int full;
	uint64_t item;
};
#define CHANNEL \
	{ \
		PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0 \
	}
static struct channel there = CHANNEL, back = CHANNEL;

static void send(struct channel *c, uint64_t item)
{
	pthread_mutex_lock(&c->lock);
	while (c->full)
		pthread_cond_wait(&c->changed, &c->lock);
	c->item = item;
	c->full = 1;
	pthread_mutex_unlock(&c->lock);
	pthread_cond_signal(&c->changed);
}

static uint64_t receive(struct channel *c)
{
	uint64_t item;

	pthread_mutex_lock(&c->lock);
	while (!c->full)
		pthread_cond_wait(&c->changed, &c->lock);
	item = c->item;
	c->full = 0;
	pthread_mutex_unlock(&c->lock);
	pthread_cond_signal(&c->changed);
	return item;
}

static void *pong(void *arg)
{
	uint64_t rounds = *(uint64_t *)arg;

	while (rounds-- > 0)
		send(&back, receive(&there) + 1);
	return NULL;
}

static void hops(uint64_t n)
{
	uint64_t rounds = (n + 1) / 2, item = 0, begun;
	pthread_t other = start(pong, &rounds);

	begun = peer_now();
	for (uint64_t i = 0; i < rounds; i++) {
		send(&there, item);
		item = receive(&back);
	}
	peer_metric("ns_hop", (double)(peer_now() - begun) / (double)(2 * rounds));
	peer_check(item == rounds, "a hop got lost");
	peer_need(pthread_join(other, NULL), "pthread_join");
}

/* Threads that wait until they are all told to end. */
static uint64_t parked, ended;
static int end;

static void *park(void *arg)
{
	pthread_mutex_lock(&lock);
	parked++;
	pthread_cond_signal(arg);
	while (!end)
		pthread_cond_wait(&changed, &lock);
	ended++;
	pthread_mutex_unlock(&lock);
	return NULL;
}

static pthread_t *park_all(uint64_t n)
{
	static pthread_cond_t more = PTHREAD_COND_INITIALIZER;
	pthread_t *threads = malloc(n * sizeof(*threads));

	if (!threads)
		peer_fail("malloc");
	for (uint64_t i = 0; i < n; i++)
		threads[i] = start(park, &more);
	pthread_mutex_lock(&lock);
	while (parked < n)
		pthread_cond_wait(&more, &lock);
	pthread_mutex_unlock(&lock);
	return threads;
}

static void end_all(pthread_t *threads, uint64_t n)
{
	pthread_mutex_lock(&lock);
	end = 1;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	for (uint64_t i = 0; i < n; i++)
		peer_need(pthread_join(threads[i], NULL), "pthread_join");
	free(threads);
	peer_check(ended == n, "a thread did not end");
}

/* What the kernel holds for a thread, its own stack of 16 KiB among it, is in no figure
 * that a process has of itself. */
static void parked_threads(uint64_t n)
{
	struct peer_memory before;
	uint64_t begun;
	pthread_t *threads;

	batch(1);
	before = peer_memory_now();
	begun = peer_now();
	threads = park_all(n);
	peer_parked(before, peer_now() - begun, n);
	end_all(threads, n);
}

/* Threads have no groups: one flag tells all. */
static void cancel(uint64_t n)
{
	pthread_t *threads = park_all(n);
	uint64_t begun = peer_now();

	end_all(threads, n);
	peer_metric("cancel_ms", (double)(peer_now() - begun) / 1e6);
}

static ucontext_t here, inside;
static uint64_t rounds_inside;

static void switch_back(void)
{
	for (;;) {
		rounds_inside++;
		swapcontext(&inside, &here);
	}
}

static void switches(uint64_t n)
{
	static char stack[STACK];
	uint64_t rounds = (n + 1) / 2, begun;

	if (getcontext(&inside) < 0)
		peer_fail("getcontext");
	inside.uc_stack.ss_sp = stack;
	inside.uc_stack.ss_size = sizeof(stack);
	makecontext(&inside, switch_back, 0);
	swapcontext(&here, &inside);
	begun = peer_now();
	for (uint64_t i = 0; i < rounds; i++)
		swapcontext(&here, &inside);
	peer_metric("ns_switch", (double)(peer_now() - begun) / (double)(2 * rounds));
	peer_check(rounds_inside == rounds + 1, "a switch got lost");
}

int main(int argc, char **argv)
{
	static const struct peer_case cases[] = {
		{"pthread", "w1b", spawn_and_join, 20000, 1, "shape", "join"},
		{"pthread", "apart", hops, 50000, 2, NULL, NULL},
		{"pthread", "w3", parked_threads, 10000, 1, NULL, NULL},
		{"pthread", "w4", cancel, 10000, 2, NULL, NULL},
		{"ucontext", "w2y", switches, 5000000, 1, NULL, NULL},
		{NULL, NULL, NULL, 0, 0, NULL, NULL},
	};

	return peer_main(argc, argv, gnu_get_libc_version(), cases);
}
