/* test/scenarios/scenario.h - behaviours, each written once and run twice: in
 * the simulator under many seeds, and on threads.
 *
 * A scenario opens its world, and close_world() sees that nothing is left. It
 * never sleeps to wait for something: it waits for events, or for an end. */
#ifndef TEND_TEST_SCENARIO_H
#define TEND_TEST_SCENARIO_H

#include "suite.h"

#include "tend/tend.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A test that runs its body again and again: once for each seed, or for each round. */
#define SCENARIO(id) \
	static void id(void); \
	TEST(id) { run_scenario(#id, id); } \
	static void id(void)
void run_scenario(const char *name, void (*run)(void));

#define OK(call) ANSWERS(call, 0)

/* Bounds of failures only; in the simulator the time is virtual. */
#define SOON tend_after(simulated ? 30 * TEND_SEC : PATIENCE_NS)

extern tend_runtime *rt;
extern tend_scope root;
extern const bool simulated;

/* What the hook of the runtime was told, since the world was opened. */
extern struct give_up {
	_Atomic int count;
	tend_scope scope;
	struct tend_reason reason;
} gave_up;

void open_world(uint32_t workers);
void close_world(void);
tend_scope child(tend_scope parent, const char *name);
tend_event *new_event(void); /* freed by close_world() */
int64_t live(tend_scope s);
struct tend_outcome joined(tend_task t);
void await_state(uint64_t id, uint8_t state);  /* until the registry says so */
void await_count(_Atomic int *counter, int n); /* until it is at least n */
void compute(void);                            /* some work of a task that never waits */

/* What is in the registry below the root: names, in the order of the rows; of a scope,
 * what is in it in parentheses. After a name stands `*` for what is canceled or closing,
 * `?` for what is abandoned, `.` for a task that has ended and whose outcome is held. The
 * scope `detached` is left out while nothing is in it. */
const char *tree(void);
#define IS(got, want) ck_assert_str_eq(got, want)

/* ---- Processes ----
 *
 * The programs of the scenarios: in the simulator functions (sim/programs.c), on threads lines
 * for a shell (threads/programs.c). Returns the argv of the program with the name, until the
 * next call. */
const char *const *argv_of(const char *name);
tend_task process(tend_scope s, const char *name, uint64_t stop_ns);
/* Until the word is in its tail, and the guard has said that it runs. */
void until_it_says(tend_task t, const char *word);

/* Bodies. */
int wait_for(void *event);       /* until it is set; 0, or -ECANCELED */
int end_at_once(void *arg);      /* 0 */
int ignore_cancels(void *event); /* until it is set, whatever happens: 7 */
void count_one(void *counter);   /* a drop or a cleanup: ++*(_Atomic int *) */

#endif
