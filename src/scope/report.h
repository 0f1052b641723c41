/* scope/report.h - the report of a shutdown: its instants, and rows of what was killed and of
 * what is left. */
#ifndef TEND_SCOPE_REPORT_H
#define TEND_SCOPE_REPORT_H

#include "scope/scope.h"

enum { TEND__FRAMES = 8 };

struct tend__survivor {
	uint64_t id;
	uint32_t kind, state, wait;
	uint64_t object;
	uint64_t at;          /* instant at which the row was written */
	uint64_t age, since;  /* nanoseconds alive, and in this state */
	uint32_t checkpoints; /* number of checkpoints since the cancel */
	uint32_t attempt;     /* from 1 */
	uint32_t restarts;    /* attempts that followed a failure */
	int32_t last;         /* how the last attempt has ended; TEND_LIVE: none has */
	int32_t pid;
	const char *rung;             /* the last request to the task, a literal */
	uint64_t cleanup;             /* address of the cleanup that the task runs, or 0 */
	uint64_t where;               /* return address of the last checkpoint or wait */
	uint64_t stack[TEND__FRAMES]; /* return addresses, ended by a 0 if fewer */
	char path[256];
};

enum { TEND__KILLED_MAX = 64 }; /* rows of killed processes in a report */

struct tend__killed {
	struct tend__killed *next;
	uint64_t id; /* the task's */
	uint32_t processes;
	char path[256];
	char names[128]; /* "NAME (PID), NAME (PID)", as many as fit */
};

struct tend_report {
	_Atomic uint32_t users;
	uint64_t begun, canceled, ended; /* instants of the shutdown */
	char path[256];
	size_t count;
	size_t lost; /* survivors without a row, for lack of memory */
	struct tend__survivor *rows;
	/* Outcomes in the scope and in all that ever was below; 0 if a close has ended the scope
	 * meanwhile. */
	uint64_t outcomes[TEND_REJECTED + 1];
	uint64_t refused;           /* spawns, of the same scopes */
	struct tend__failure first; /* error 0: nothing has failed */
	/* Tasks of which processes were killed, newest first; by the lock of the tree until the
	 * shutdown is over. */
	struct tend__killed *killed;
	size_t killed_count, killed_listed;
};

tend_report *tend__report_make(uint64_t id);
tend_report *tend__report_hold(tend_report *report);
/* Adds a row of what was killed of a task. */
void tend__report_killed(tend_report *report, uint64_t id, const char *path, uint32_t processes,
                         const char *names);
/* The cleanup under way, or the next cleanup, when the time is over. */
struct tend__late {
	struct tend__cleanup what; /* fn NULL: no cleanup is late */
	/* The cleanups behind that will not run, because no cleaner could be had. */
	const struct tend__cleanup *behind;
	uint64_t cleaner; /* the task that runs the cleanup; 0: not begun */
};

/* Writes the counts and the first failure; then marks each task that is left below the scope as
 * abandoned, and the late cleaner too, and writes a row for each. */
void tend__report_fill(tend_report *report, struct tend__scope *top, uint64_t id, bool empty,
                       const struct tend__late *late);
/* Returns the id of the live task in the record if the task is below the scope `top`, or 0. */
uint64_t tend__report_survivor(tend_runtime *rt, struct tend__record *r, uint32_t slot,
                               uint64_t top);

#endif
