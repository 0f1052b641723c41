/* A table of refusals: for each function and each error of its `returns` row, a row here
 * with the stage of the refusal and the call. The answer is compared, and so is all that
 * can be seen before the call with all that can be seen after it.
 *
 * headers_test.c compares the rows with the promises of the headers. */
#ifndef TEND_TEST_REFUSALS_REFUSE_H
#define TEND_TEST_REFUSALS_REFUSE_H

#include "suite.h"

#include "tend/tend.h"

#include <errno.h>
#include <stdbool.h>

/* Where a call writes its answers; filled with a pattern before, and compared after. */
struct out {
	tend_scope scope;
	tend_task task;
	tend_runtime *rt;
	tend_snapshot *snapshot;
	tend_subscription *subscription;
	tend_event *event;
	tend_channel *channel;
	tend_report *report;
	struct tend_stats stats;
	struct tend_reason reason;
	struct tend_outcome outcome;
	struct tend_life life;
	struct tend_event_info info;
	uint64_t number;
	char bytes[64];
};

/* A runtime with a task or a scope of each sort. Every row gets a fresh world. */
struct world {
	tend_runtime *rt, *other; /* other: a stage's */
	tend_runtime *gone;       /* the address of a runtime that has closed; a stage's */
	tend_scope open;          /* with fibers and external tasks */
	tend_scope beside;        /* its sibling, with a fiber */
	tend_scope canceled, sealed, closing, ended, shut;
	tend_scope deep; /* a stage's */
	tend_task live, external, canceled_task, held, stale;
	tend_task process, made; /* made: a stage's */
	tend_event *go;          /* every fiber waits for this event */
	tend_channel *empty, *full, *shut_channel;
	int fd;                    /* a stage's */
	pid_t pid;                 /* a stage's */
	tend_subscription *events; /* so that events are recorded */
	tend_subscription *late;   /* of w->gone */
	struct out out;
};

struct row {
	const char *function, *error, *why, *file;
	int line;
	/* Sets the scene, calls judge(), and takes the scene down. */
	void (*stage)(struct world *w, const struct row *row);
	int64_t (*ask)(struct world *w);
	const char *expected; /* the report of judge(), or NULL: the error alone */
	enum { LISTED, UNPROVOKED } table;
	struct row *next;
};
extern struct row *rows;

/* Asks and compares; a failure is noted with the row, and the next row goes on. */
void judge(struct world *w, const struct row *row);

/* Runs the rows of a file; fails if a row's report was not as expected. */
void try_rows(const char *file);

/* ---- Stages ---- */

typedef void stage(struct world *w, const struct row *row);
stage outside;      /* by a thread outside of tasks */
stage in_fiber;     /* by a fiber of w->open */
stage in_thread;    /* by a thread task of w->open */
stage canceled;     /* by a canceled fiber of w->open */
stage forked;       /* in a forked child */
stage hosted;       /* by the driver of w->other, a hosted runtime */
stage without_room; /* when every slot of the runtime is taken */
stage gone;         /* when w->gone has closed */
stage unique;       /* w->deep is a scope in which a name, "taken", lives */

/* For stages: calls judge() in a fiber of a scope. */
void judge_in_fiber(struct world *w, const struct row *row, tend_scope scope);

/* Before a call, and undone after the call: no memory for the core from the allocation
 * `at` on, no threads, a limit, or the rights of a user without any. */
void no_memory(uint64_t at);
void no_threads(void);
void limit(int resource, uint64_t value);
void as_nobody(void);

/* A body that does nothing. */
int nothing(void *arg);

/* The body of every fiber of a world: waits for w->go. */
int wait_for_go(void *world);

/* For stages: w->other. */
void open_other(struct world *w, uint32_t flags, uint32_t tasks_max);
void close_other(struct world *w);

/* Waits until the fibers of a runtime are parked, and its processes have started. */
void settle(const tend_runtime *rt);
/* So that no call is the first that needs the monitor: its thread frees memory when it begins. */
void start_monitor(tend_runtime *rt);

/* ---- Rows ---- */

#define ROW_NAME_(what, line)  ROW_NAME__(what, line)
#define ROW_NAME__(what, line) what##line
#define ROW_(function_, error_, why_, stage_, ask_, expected_, table_) \
	static int64_t ROW_NAME_(ask_at_, __LINE__)(struct world * w) \
	{ \
		(void)w; \
		return ask_; \
	} \
	ROW_ADD_(function_, error_, why_, stage_, ROW_NAME_(ask_at_, __LINE__), expected_, table_)
#define ROW_ADD_(function_, error_, why_, stage_, ask_, expected_, table_) \
	__attribute__((constructor)) static void ROW_NAME_(row_at_, __LINE__)(void) \
	{ \
		static struct row row = {.function = function_, \
		                         .error = error_, \
		                         .why = why_, \
		                         .file = __FILE__, \
		                         .line = __LINE__, \
		                         .stage = stage_, \
		                         .ask = ask_, \
		                         .expected = expected_, \
		                         .table = table_}; \
		row.next = rows; \
		rows = &row; \
	}

/* The function answers the error, and nothing has changed. */
#define REFUSES(function, error, why, stage, call) \
	ROW_(#function, #error, why, stage, call, NULL, LISTED)

/* The header says that the refusal leaves a trace; `leaves` is the trace in the report. */
#define REFUSES_BUT(function, error, why, stage, leaves, call) \
	ROW_(#function, #error, why, stage, call, "-" #error leaves, LISTED)

/* Nothing in this folder can bring the error about. */
#define CANNOT_PROVOKE(function, error, why) \
	ROW_ADD_(#function, #error, why, NULL, NULL, NULL, UNPROVOKED)

#endif
