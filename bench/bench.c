#include "bench.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

struct bench bench = {.workers = 1, .fibers = 2};
static char figures[512], keys[256];

int bench_need(int error)
{
	if (error < 0) {
		fprintf(stderr, "bench: %s\n", tend_strerror(error));
		exit(1);
	}
	return error;
}

void bench_check(int holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "bench: not all work was done: %s\n", what);
		exit(1);
	}
}

static void add(char *to, size_t size, const char *name, const char *value)
{
	size_t n = strlen(to);

	snprintf(to + n, size - n, ",\"%s\":%s", name, value);
}

void bench_says(const char *name, double value)
{
	char number[32];

	snprintf(number, sizeof(number), "%.3f", value);
	add(figures, sizeof(figures), name, number);
}

uint64_t bench_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * TEND_SEC + (uint64_t)t.tv_nsec;
}

double bench_status_kb(const char *field)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];
	double kb = 0;

	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, field, strlen(field)) == 0)
			kb = strtod(line + strlen(field) + 1, NULL);
	if (f)
		fclose(f);
	return kb;
}

void bench_meet(void)
{
	static atomic_uint come;
	unsigned mine = atomic_fetch_add(&come, 1);

	while (bench.workers > 1 && atomic_load(&come) < (mine | 1) + 1)
		;
}

static int option(char *text)
{
	static const struct {
		const char *name;
		uint64_t *value;
	} numbers[] = {{"n", &bench.n},
	               {"fibers", &bench.fibers},
	               {"sub", &bench.sub},
	               {"warm", &bench.warm}};
	char *value = strchr(text, '='), *end, quoted[64];

	if (!value || !value[1])
		return -1;
	*value++ = 0;
	if (strcmp(text, "shape") == 0) {
		bench.shape = value;
		snprintf(quoted, sizeof(quoted), "\"%s\"", value);
		add(keys, sizeof(keys), text, quoted);
		return 0;
	}
	if (strcmp(text, "workers") == 0) {
		bench.workers = (uint32_t)strtoul(value, &end, 10);
		return *end || !bench.workers ? -1 : 0;
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (strcmp(text, numbers[i].name) == 0) {
			*numbers[i].value = strtoull(value, &end, 10);
			if (i > 0)
				add(keys, sizeof(keys), text, value);
			return *end ? -1 : 0;
		}
	return -1;
}

static int in_fiber(void *arg)
{
	const struct bench_case *c = arg;

	bench_need(tend_scope_open(tend_root(bench.rt), "bench", NULL, &bench.scope));
	bench_need(c->run());
	return tend_scope_close(bench.scope, TEND_FOREVER, NULL);
}

void bench_open(void)
{
	/* All else as it comes: guards, events, 64 KiB stacks. But restarts are measured, and not
	 * spread over time. */
	bench_need(tend_runtime_open(
		TEND_RUNTIME_OPTS(.workers = bench.workers, .tasks_max = 1 << 21,
	                          .restarts_per_s = UINT32_MAX, .guard_path = getenv("TEND_GUARD")),
		&bench.rt));
}

int bench_main(int argc, char **argv, const struct bench_case *cases, size_t count)
{
	const struct bench_case *c = cases;
	struct rusage usage;
	tend_task t;

	while (c < cases + count && (argc < 2 || strcmp(argv[1], c->name) != 0))
		c++;
	if (c == cases + count)
		return 3;
	bench.n = c->n;
	for (int i = 2; i < argc; i++)
		if (option(argv[i]) < 0) {
			fprintf(stderr, "bench: %s: not a key=value that is known\n", argv[i]);
			return 2;
		}
	if (c->outside)
		bench_need(c->run());
	else {
		bench_open();
		bench_need(
			tend_spawn(tend_root(bench.rt), in_fiber, (void *)(uintptr_t)c, NULL, &t));
		bench_need(tend_join(t, NULL, TEND_FOREVER));
		bench_need(tend_runtime_close(bench.rt, TEND_FOREVER));
	}
	getrusage(RUSAGE_SELF, &usage);
	printf("{\"case\":\"%s\",\"peer\":\"tend\",\"version\":\"%s\",\"workers\":%u,\"n\":%llu%s,"
	       "\"rss_kb\":%ld%s}\n",
	       c->name, TEND_VERSION, bench.workers, (unsigned long long)bench.n, figures,
	       usage.ru_maxrss, keys);
	return 0;
}
