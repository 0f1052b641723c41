/* policy/policy.h - decisions about restarts, as functions of their arguments: no clock, no
 * lock, no allocation and no callback. The caller brings the instant and the random number, so
 * that a plan of restarts, a test and a running task get the same answers.
 *
 * Files, each uses only those above it:
 *   backoff.c    how long a task rests before the next attempt
 *   decide.c     whether a task runs again when an attempt has ended
 *   intensity.c  whether a scope has seen too many restarts; how a storm is spread */
#ifndef TEND_POLICY_POLICY_H
#define TEND_POLICY_POLICY_H

#include "tend/base.h"

#include <stdbool.h>

enum tend__restart_type {
	TEND__TEMPORARY, /* runs once */
	TEND__TRANSIENT, /* runs again after a failure */
	TEND__PERMANENT, /* runs again */
};

enum tend__jitter {
	TEND__JITTER_NONE,
	TEND__JITTER_FULL,
	TEND__JITTER_EQUAL,
	TEND__JITTER_DECORRELATED
};

/* A delay of TEND__AT_ONCE is no delay; 0 asks for the default. */
#define TEND__AT_ONCE UINT64_MAX

/* A result that completes the task for good, under any policy. */
#define TEND__DONE INT32_MAX

/* Lengths are nanoseconds. `success` and `fatal` are results beside 0, each list ends
 * with 0; NULL is an empty list. */
struct tend__policy {
	enum tend__restart_type type;
	uint32_t retries;      /* failures in a row that are followed by a run; 0: no limit */
	uint64_t delay_ns;     /* after the first failure */
	uint64_t delay_max_ns; /* bounds a delay before the jitter */
	uint32_t factor;       /* from a delay to the next, in thousandths */
	enum tend__jitter jitter;
	uint64_t stable_ns;   /* an attempt of this length forgets the failures before it */
	uint64_t interval_ns; /* after a completed attempt of a permanent task */
	const int32_t *success, *fatal;
};

/* Replaces each 0 by its default. Returns 0, or -EINVAL with *policy unchanged: an unknown
 * type or jitter, or a factor below 1000, which would make delays shrink. */
int tend__policy_complete(struct tend__policy *policy);

/* Returns the rest after a failure that `failures` others precede in a row: at least a
 * millisecond, unless the policy says TEND__AT_ONCE. The jitter is drawn from the clamped
 * delay and never fed back into the next one (TV-078, TV-079). */
uint64_t tend__backoff(const struct tend__policy *policy, uint32_t failures, uint64_t random);

/* The end of an attempt, and the wishes that were heard before it. */
struct tend__attempt_end {
	bool ends;      /* the task is canceled, or its scope is canceled, closes or shuts down */
	bool fatal;     /* the body called its failure fatal */
	bool stop;      /* by a command: the task stays, and does not run */
	bool again;     /* by a strategy or a command: the task runs anew */
	bool late;      /* the attempt missed its timeout, or was not ready or alive in time */
	bool broken;    /* a panic, or the attempt could not be started */
	bool failed;    /* the result is a failure unless a list has it: an exit code but 0 */
	int32_t result; /* the body's, or the exit code of a process */
	uint64_t ran_ns;
};

enum tend__verdict {
	TEND__ENDS,  /* for good */
	TEND__STOPS, /* rests until a command starts it */
	TEND__RUNS,  /* once more, after `rest_ns` */
};

enum tend__attempt_outcome { TEND__COMPLETED_WELL, TEND__HAS_FAILED, TEND__WAS_CANCELED };

struct tend__decision {
	enum tend__verdict verdict;
	enum tend__attempt_outcome outcome; /* the attempt's */
	uint32_t failures;                  /* in a row, this attempt with them */
	uint64_t rest_ns;
};

/* Returns what follows from the end of an attempt. `failures` are those in a row before the
 * attempt. The first line that holds decides, in the order of the fields of `end`. */
struct tend__decision tend__decide(const struct tend__policy *policy, uint32_t failures,
                                   const struct tend__attempt_end *end, uint64_t random);

/* The restarts of a scope in a sliding window. `stamps` is the caller's, with room for
 * `restarts` + 1 instants. */
struct tend__intensity {
	uint64_t *stamps;
	uint64_t period_ns;
	uint32_t restarts; /* more in a period are too many */
	uint32_t at;       /* the next stamp to write */
	uint32_t within;   /* the restarts in the window at the last restart */
};

/* Counts a restart that was decided at `now`, not before the one counted last. Returns
 * whether the restarts in (now - period, now] are too many. */
bool tend__too_many(struct tend__intensity *in, uint64_t now);

/* Spreads restarts over time: none is due less than `gap_ns` after the one before. *next is
 * the earliest instant for the next restart. Returns the instant of a restart that is due at
 * `due` otherwise. This is the generic cell rate algorithm without a burst: a restart that
 * is taken back leaves a gap and no queue. */
uint64_t tend__spread(uint64_t *next, uint64_t due, uint64_t gap_ns);

#endif
