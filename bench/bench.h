/* bench.h - what tend's own programs have in common: PROGRAM CASE key=value...
 * runs one case once, in a fiber of a new runtime, and prints a line of JSON.
 * Exit 3: there is no such case. */
#ifndef BENCH_H
#define BENCH_H

#include <tend/tend.h>

#include <stddef.h>
#include <stdint.h>

struct bench_case {
	const char *name;
	int (*run)(void); /* in a fiber; or, with `outside`, without a runtime */
	uint64_t n;       /* unless n= says else */
	int outside;
};

extern struct bench {
	tend_runtime *rt;
	tend_scope scope; /* "bench", below the root */
	uint32_t workers;
	uint64_t n;
	const char *shape;
	uint64_t fibers, sub, warm;
} bench;

int bench_main(int argc, char **argv, const struct bench_case *cases, size_t count);
void bench_open(void);
/* Ends the program with the sentence of a negative errno value. */
int bench_need(int error);
void bench_check(int holds, const char *what);
/* Adds a figure to the line. */
void bench_says(const char *name, double value);
/* User and system time of the process so far. */
uint64_t bench_cpu_ns(void);
/* A number of kB of /proc/self/status. */
double bench_status_kb(const char *field);
/* Waits for the other of two to have come here, without giving way: so each is on
 * a worker of its own. Nothing to do with one worker. */
void bench_meet(void);

#endif
