/* Threads as tasks: the threads have names, ask checkpoints whether to stop, and
 * are awaited. A fiber feeds the threads through a channel, a second fiber gathers
 * the results. */
#include <tend/tend.h>

#include <signal.h>
#include <stdio.h>

enum { CRUNCHERS = 2, SPAN = 100000 };

static tend_channel *spans, *counts;

static int feed(void *arg)
{
	int error = 0;

	(void)arg;
	for (long from = 2; !error; from += SPAN) {
		error = tend_channel_send(spans, &from, TEND_FOREVER);
		if (!error)
			error = tend_sleep(200 * TEND_MS);
	}
	return 0;
}

static int is_prime(long n)
{
	for (long d = 2; d * d <= n; d++)
		if (n % d == 0)
			return 0;
	return 1;
}

/* Long stretches without a wait: a checkpoint now and then asks "may I go on?". */
static int crunch(void *arg)
{
	long from;

	(void)arg;
	while (tend_channel_recv(spans, &from, TEND_FOREVER) == 0) {
		long found = 0;

		for (long n = from; n < from + SPAN; n++) {
			found += is_prime(n);
			if (n % 1000 == 0 && tend_checkpoint())
				return 0;
		}
		if (tend_channel_send(counts, &found, TEND_FOREVER))
			return 0;
	}
	return 0;
}

static int gather(void *arg)
{
	long found, primes = 0, numbers = 0;

	(void)arg;
	while (tend_channel_recv(counts, &found, TEND_FOREVER) == 0) {
		primes += found;
		numbers += SPAN;
		if (numbers % (10 * SPAN) == 0) {
			printf("%ld primes among %ld numbers\n", primes, numbers);
			fflush(stdout);
		}
	}
	return 0;
}

int main(void)
{
	tend_runtime *rt;
	tend_scope threads;
	sigset_t stop;
	int error, signal;

	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	sigprocmask(SIG_BLOCK, &stop, NULL);
	error = tend_runtime_open(TEND_RUNTIME_OPTS(.name = "crunch", .workers = 1), &rt);
	if (!error)
		error = tend_channel_open(sizeof(long), 4, &spans);
	if (!error)
		error = tend_channel_open(sizeof(long), 4, &counts);
	if (!error)
		error = tend_scope_open(tend_root(rt), "threads", NULL, &threads);
	for (int i = 0; i < CRUNCHERS && !error; i++) {
		char name[32];

		snprintf(name, sizeof(name), "cruncher-%d", i + 1);
		error = tend_spawn_thread(threads, crunch, NULL, TEND_TASK_OPTS(.name = name),
		                          NULL);
	}
	if (!error)
		error = tend_spawn(tend_root(rt), feed, NULL, TEND_TASK_OPTS(.name = "feed"), NULL);
	if (!error)
		error = tend_spawn(tend_root(rt), gather, NULL, TEND_TASK_OPTS(.name = "gather"),
		                   NULL);
	if (!error) {
		sigwait(&stop, &signal);
		error = tend_runtime_close(rt, tend_after(2 * TEND_SEC));
	}
	if (error) {
		fprintf(stderr, "crunch: %s\n", tend_strerror(error));
		return 1;
	}
	tend_channel_free(spans);
	tend_channel_free(counts);
	return 0;
}
