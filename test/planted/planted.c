/* A bug in a fiber, chosen by the argument. Each must be reported by the
 * sanitizer it is for, and "clean" by none: that is what the annotations of the
 * context switch are worth. */
#include "tend/tend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *volatile escaped;
static int shared; /* written by two fibers, with nothing between them */

static int overflow(void *arg)
{
	char bytes[16];
	volatile size_t n = sizeof(bytes);

	(void)arg;
	if (tend_yield())
		return -1;
	bytes[n] = 1;
	return bytes[n - 1];
}

__attribute__((noinline)) static void leave_a_frame(void)
{
	char bytes[64];

	memset(bytes, 1, sizeof(bytes));
	escaped = bytes;
}

static int use_after_return(void *arg)
{
	(void)arg;
	leave_a_frame();
	if (tend_yield())
		return -1;
	return escaped[3];
}

static int race(void *arg)
{
	(void)arg;
	shared++;
	tend_yield();
	shared++;
	return 0;
}

static int leak(void *arg)
{
	char *volatile only = malloc(1000);

	(void)arg;
	tend_yield();
	only[0] = 1;
	return 0;
}

/* Memory that only a parked fiber points to, at exit: no leak. */
static int hold(void *arg)
{
	char *volatile only = malloc(1000);

	(void)arg;
	only[0] = 1;
	exit(0);
}

static int ordered(void *arg)
{
	tend_channel *c = arg;
	int turn;

	for (int i = 0; i < 3; i++) {
		if (tend_channel_recv(c, &turn, TEND_FOREVER))
			return -1;
		shared++;
		if (tend_channel_send(c, &turn, TEND_FOREVER))
			return -1;
	}
	return 0;
}

static int clean(tend_runtime *rt)
{
	tend_channel *c;
	int turn = 0, error = tend_channel_open(sizeof(turn), 1, &c);

	if (!error)
		error = tend_channel_send(c, &turn, TEND_FOREVER);
	for (int i = 0; i < 2 && !error; i++)
		error = tend_spawn(tend_root(rt), ordered, c, NULL, NULL);
	if (!error)
		error = tend_scope_wait_empty(tend_root(rt), TEND_FOREVER);
	printf("%d\n", shared);
	tend_channel_free(c);
	return error;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		tend_fn *fn;
	} bugs[] = {{"overflow", overflow},
	            {"return", use_after_return},
	            {"race", race},
	            {"leak", leak},
	            {"hold", hold}};
	const char *bug = argc > 1 ? argv[1] : "clean";
	tend_runtime *rt;
	int error = tend_runtime_open(TEND_RUNTIME_OPTS(.workers = 1), &rt);

	if (!error && strcmp(bug, "clean") == 0)
		error = clean(rt);
	for (size_t i = 0; i < sizeof(bugs) / sizeof(*bugs) && !error; i++)
		for (int twice = 0; strcmp(bug, bugs[i].name) == 0 && twice < 2 && !error; twice++)
			error = tend_spawn(tend_root(rt), bugs[i].fn, NULL, NULL, NULL);
	if (!error)
		error = tend_scope_wait_empty(tend_root(rt), TEND_FOREVER);
	if (!error)
		error = tend_runtime_close(rt, tend_after(10 * TEND_SEC));
	return error ? 2 : 0;
}
