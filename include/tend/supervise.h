/* tend/supervise.h - tasks that run again: when, how often, and after which rest.
 *
 * There is no supervisor object: to run again is a property of a task. A restartable task
 * keeps its handle, its row, its joiners and its watches over all of its attempts, and has
 * one outcome, that of its end for good. doc/model.md has the rules. */
#ifndef TEND_SUPERVISE_H
#define TEND_SUPERVISE_H

#include "tend/base.h"
#include "tend/scope.h"
#include "tend/task.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
	TEND_TEMPORARY = 0, /* runs once */
	TEND_TRANSIENT,     /* runs again after a failure */
	TEND_PERMANENT,     /* runs again after a failure, and after `interval_ns` when completed */
};

/* How a delay is drawn from the clamped delay, which grows as without jitter. */
enum {
	TEND_JITTER_NONE = 0,
	TEND_JITTER_FULL,         /* between nothing and the delay */
	TEND_JITTER_EQUAL,        /* between half of the delay and the delay */
	TEND_JITTER_DECORRELATED, /* between the first delay and three times the delay */
};

/* As a length: no rest at all. 0 is the default. */
#define TEND_AT_ONCE UINT64_MAX

/* A result that completes the task for good, under any policy. */
#define TEND_DONE INT32_MAX

/* When a task runs again. Zero is every field's default. Fields are only ever added, at the
 * end. Lengths are nanoseconds and are never rounded.
 *
 * An attempt fails by a negative result, by a panic, or if no stack could be had. A failed
 * attempt of a transient or permanent task is followed by a rest and another attempt, until
 * `retries` are used: then the task ends with the failure. The rest after n failures in a
 * row is delay_ns * factor^(n-1), at most delay_max_ns, and then the jitter; a millisecond
 * at least, unless the delay is TEND_AT_ONCE. An attempt that returned -ECANCELED although
 * nobody had asked it to stop ends the task, as canceled.
 *
 * No attempt follows once the task or its scope is canceled, or its scope closes. */
struct tend_restart {
	size_t size;           /* size of this struct, set by TEND_RESTART */
	uint32_t policy;       /* TEND_TEMPORARY, ... */
	uint32_t retries;      /* failures in a row that are followed by an attempt; 0: no limit */
	uint64_t delay_ns;     /* the rest after the first failure; default 100 ms */
	uint64_t delay_max_ns; /* default 30 s */
	uint32_t factor;       /* from a rest to the next, in thousandths; default 2000 */
	uint32_t jitter;       /* TEND_JITTER_NONE, ... */
	uint64_t stable_ns;    /* an attempt of this length ends a row of failures; default 10 s */
	uint64_t interval_ns;  /* permanent: the rest after a completed attempt; default delay_ns */
	/* Results beside 0, each list ended by 0; NULL is an empty list. A result of `success`
	   completes the attempt. A result of `fatal` fails it, and the task ends. */
	const int32_t *success, *fatal;
};
#define TEND_RESTART(...) TEND_OPTIONS_(tend_restart, __VA_ARGS__)

#ifdef __cplusplus
}
#endif

#endif
