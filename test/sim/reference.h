/* test/sim/reference.h - the rules of restarts, written a second time, from what the contract
 * says and apart from the library: no lock, no thread, no clock. The caller tells what
 * happens, in the order in which it happens; the reference says what must follow: when an
 * attempt may begin, when it is told to stop, how each ended, when the task is over, and with
 * which outcome. */
#ifndef TEND_TEST_REFERENCE_H
#define TEND_TEST_REFERENCE_H

#include "tend/supervise.h"

#include <stdbool.h>

enum ref_phase {
	REF_RESTS,   /* until `low` to `high`: the two differ where a jitter is drawn */
	REF_STOPPED, /* by a command */
	REF_RUNS,    /* its function, or the cleanups of the attempt */
	REF_LINGERS, /* the attempt waits for the scopes that it has opened */
	REF_OVER,
};

enum ref_wish { REF_NONE, REF_STOP, REF_AGAIN };

enum { REF_STAMPS = 64 };

struct ref_scope {
	uint32_t restarts; /* more in a period, and the scope gives up; 0: any number */
	uint64_t period;
	uint64_t stamps[REF_STAMPS]; /* of all restarts that followed a failure */
	unsigned nstamps;
	bool gave_up; /* and is canceled, as if by the task that was to restart */
	bool canceled, closing;
	bool shut_down; /* closing comes first, and then the cancel, at the same instant */
};

/* How the function of an attempt ended. */
struct ref_end {
	int32_t result;
	bool panicked, aborted, fatal;
};

/* A caller of a command that waits for its step. */
struct ref_caller {
	bool begin;       /* awaits that an attempt begins, and not that one ends */
	uint32_t attempt; /* begun before the call */
	bool answered;
	int answer;
	uint64_t at;
};
enum { REF_CALLERS = 8 };

struct ref_task {
	struct ref_scope *home;
	const struct tend_restart *policy;
	uint64_t deadline; /* of the task; 0: none */
	enum ref_phase phase;
	enum ref_wish wish;
	uint64_t low, high;  /* the instant of the next attempt */
	uint64_t set_at;     /* when that was decided */
	uint32_t attempts;   /* that have begun */
	uint32_t restarts;   /* that followed a failure */
	uint32_t row;        /* failures in a row */
	uint64_t began;      /* the attempt */
	uint64_t alive_at;   /* the attempt said so, or began */
	uint64_t stopped_at; /* the attempt was told to stop; 0: it was not */
	int32_t why;         /* the code of the first cancel or stop in the attempt */
	int32_t late;        /* the attempt has failed already, with this code */
	bool ready, forced, stuck;
	bool canceled, timed_out;
	struct ref_end end; /* of the last attempt */
	int32_t last;       /* outcome of the last attempt by itself */
	int32_t outcome;    /* of the task, once over */
	uint64_t over_at;
	bool was_canceled; /* once over */
	struct ref_caller callers[REF_CALLERS];
	unsigned ncallers;
	bool or_canceled; /* the outcome, because a shutdown closes and cancels at once */
};

void ref_admitted(struct ref_task *t, struct ref_scope *home, const struct tend_restart *policy,
                  uint64_t deadline, uint64_t now);
/* Returns whether an attempt may begin now. */
bool ref_begins(struct ref_task *t, uint64_t now);
/* What a running attempt says. */
void ref_ready(struct ref_task *t, uint64_t now);
void ref_alive(struct ref_task *t, uint64_t now);
/* The function and its cleanups have run. `opened`: a scope of the attempt is not empty. */
void ref_returns(struct ref_task *t, uint64_t now, struct ref_end end, bool opened);
/* What the attempt had opened has ended. */
void ref_settles(struct ref_task *t, uint64_t now);
void ref_cancel(struct ref_task *t, uint64_t now, int32_t code);
/* The commands. Each returns the answer to a caller that only asks. A caller that gets
 * -ETIMEDOUT may wait instead: the last of t->callers is then that caller. */
int ref_stop(struct ref_task *t, uint64_t now);
int ref_start(struct ref_task *t, uint64_t now);
int ref_restart(struct ref_task *t, uint64_t now);
/* A probe says that the attempt has failed, or is ready. */
int ref_fail(struct ref_task *t, uint64_t now, uint32_t attempt, int32_t code);
/* After one of the flags of its home was set, and before any comparison at a later instant. */
void ref_look(struct ref_task *t, uint64_t now);
/* Whether the waits of the task are told to stop. */
bool ref_told(const struct ref_task *t);

#endif
