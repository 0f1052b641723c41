/* What the programs of the C and C++ peers have in common: PROGRAM PEER CASE key=value...
 * runs one case once and prints one line of JSON. Exit 3: there is no such case. */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

struct peer_case {
	const char *peer, *name;
	void (*run)(uint64_t n);
	uint64_t n;              /* unless n= says else */
	unsigned workers;        /* at most */
	const char *key, *value; /* one more key that it knows, and what it is by default */
};

static struct {
	unsigned workers;
	const char *value; /* of the case's own key */
	char metrics[256];
} peer;

static inline void peer_fail(const char *what)
{
	perror(what);
	exit(1);
}

static inline void peer_need(int error, const char *what)
{
	if (error) {
		errno = error;
		peer_fail(what);
	}
}

static inline void peer_check(int holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "not all work was done: %s\n", what);
		exit(1);
	}
}

static inline uint64_t peer_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}
static inline uint64_t peer_now(void) { return peer_ns(CLOCK_MONOTONIC); }
/* User and system, of all threads. */
static inline uint64_t peer_cpu(void) { return peer_ns(CLOCK_PROCESS_CPUTIME_ID); }

/* In KiB; key is of /proc/self/status, and ends with a colon. */
static inline double peer_status(const char *key)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	double kib = 0;

	if (!f)
		peer_fail("/proc/self/status");
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, key, strlen(key)) == 0)
			kib = strtod(line + strlen(key), NULL);
	fclose(f);
	return kib;
}

/* They are printed in this order: the one that counts comes first. */
static inline void peer_metric(const char *name, double value)
{
	size_t used = strlen(peer.metrics);

	snprintf(peer.metrics + used, sizeof(peer.metrics) - used, ",\"%s\":%.9g", name, value);
}

/* What tasks hold that stay: the growth between two of these. */
struct peer_memory {
	double rss, tables; /* KiB */
};
static inline struct peer_memory peer_memory_now(void)
{
	struct peer_memory m;

	m.rss = peer_status("VmRSS:");
	m.tables = peer_status("VmPTE:");
	return m;
}
static inline void peer_parked(struct peer_memory before, uint64_t ns, uint64_t n)
{
	struct peer_memory now = peer_memory_now();
	double tables = (now.tables - before.tables) * 1024 / (double)n;

	peer_metric("bytes_task", (now.rss - before.rss) * 1024 / (double)n + tables);
	peer_metric("create_ns", (double)ns / (double)n);
	peer_metric("pt_bytes_task", tables);
}

/* A server's first line. */
static inline void peer_listening(unsigned port)
{
	printf("{\"port\":%u}\n", port);
	fflush(stdout);
}

static inline uint64_t peer_number(const char *text)
{
	char *end;
	uint64_t number = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end) {
		fprintf(stderr, "not a number: %s\n", text);
		exit(2);
	}
	return number;
}

/* What follows key= in word, or NULL. */
static inline const char *peer_value(const char *word, const char *key)
{
	size_t length = strlen(key);

	return strncmp(word, key, length) == 0 && word[length] == '=' ? word + length + 1 : NULL;
}

static inline void peer_unknown(const char *word)
{
	fprintf(stderr, "unknown: %s\n", word);
	exit(2);
}

static inline const struct peer_case *peer_find(const struct peer_case *c, int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: %s PEER CASE [key=value]...\n", argv[0]);
		exit(2);
	}
	while (c->name && (strcmp(c->peer, argv[1]) != 0 || strcmp(c->name, argv[2]) != 0))
		c++;
	if (!c->name)
		exit(3);
	return c;
}

/* The last of the cases is all zero. */
static inline int peer_main(int argc, char **argv, const char *version, const struct peer_case *c)
{
	struct rusage usage;
	uint64_t n, workers = 1;

	c = peer_find(c, argc, argv);
	n = c->n;
	peer.value = c->value;
	for (int i = 3; i < argc; i++) {
		const char *v;

		if ((v = peer_value(argv[i], "n")))
			n = peer_number(v);
		else if ((v = peer_value(argv[i], "workers")))
			workers = peer_number(v);
		else if (c->key && (v = peer_value(argv[i], c->key)))
			peer.value = v;
		else
			peer_unknown(argv[i]);
	}
	if (n == 0 || workers == 0 || workers > c->workers)
		exit(3);
	peer.workers = (unsigned)workers;
	c->run(n);
	getrusage(RUSAGE_SELF, &usage);
	printf("{\"case\":\"%s\",\"peer\":\"%s\",\"version\":\"%s\",\"workers\":%u,\"n\":%" PRIu64
	       "%s,\"rss_kb\":%ld",
	       c->name, c->peer, version, peer.workers, n, peer.metrics, usage.ru_maxrss);
	if (c->key)
		printf(",\"%s\":\"%s\"", c->key, peer.value);
	puts("}");
	return 0;
}

#endif
