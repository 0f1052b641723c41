/* Promises of tend/scope.h that are half a sentence long, and that no other scenario shows. */
#include "scenario.h"

#include <stdio.h>

SCENARIO(a_scope_counts_its_own_tasks_and_not_those_below)
{
	struct tend_stats n;
	tend_scope s;
	tend_task t;

	open_world(2);
	s = child(root, "s");
	OK(tend_spawn(child(s, "below"), end_at_once, NULL, NULL, &t));
	joined(t);
	/* The task has left both scopes. */
	OK(tend_scope_wait_empty(s, SOON));
	OK(tend_scope_stats(s, &n));
	ck_assert_uint_eq(n.spawned + n.completed, 0);
	close_world();
}

SCENARIO(no_scope_is_closed_and_a_seal_is_of_one_scope)
{
	tend_scope s, below;

	open_world(1);
	OK(tend_scope_close((tend_scope){0}, 0, NULL));
	s = child(root, "s");
	below = child(s, "below");
	OK(tend_scope_seal(s));
	ANSWERS(tend_spawn(s, end_at_once, NULL, NULL, NULL), -ESHUTDOWN);
	OK(tend_spawn(below, end_at_once, NULL, NULL, NULL));
	close_world();
}

static int gives_back(void *arg)
{
	tend_scope *s = arg;

	OK(tend_scope_open(root, "s", NULL, s));
	OK(tend_scope_hold(*s, (tend_task){0}));
	return 0;
}

SCENARIO(a_scope_that_was_given_to_the_program_outlives_its_opener)
{
	tend_scope s;
	tend_task t;

	open_world(2);
	OK(tend_spawn(root, gives_back, &s, NULL, &t));
	joined(t);
	OK(tend_scope_wait_empty(root, SOON));
	ANSWERS(tend_scope_reason(s, NULL), -ENOENT);
	OK(tend_scope_close(s, SOON, NULL));
	close_world();
}

static int cancels(void *arg) { return tend_scope_cancel(*(tend_scope *)arg, -EPERM, "by a task"); }

SCENARIO(a_reason_names_the_task_that_canceled)
{
	struct tend_reason r;
	tend_scope s;
	tend_task t;

	open_world(2);
	s = child(root, "s");
	OK(tend_spawn(root, cancels, &s, NULL, &t));
	joined(t);
	OK(tend_scope_reason(s, &r));
	ck_assert_uint_eq(r.who, t.id);
	close_world();
}

/* ---- Cleanups and the phases of a shutdown ---- */

#define UNIT (TEND_MS / 5)

static struct {
	_Atomic int n;
	char order[8];
	tend_event *never, *go;
	uint64_t begun, canceled;
} c;

static void note(void *arg)
{
	char path[64];

	ck_assert_int_gt((int)tend_path(tend_self_scope().id, path, sizeof(path)), 0);
	ck_assert_ptr_eq(strstr(path, "w/detached"), path);
	c.order[c.n++] = *(const char *)arg;
}

SCENARIO(cleanups_run_deeper_scopes_first_and_the_newest_first)
{
	tend_scope s, deep;

	open_world(2);
	memset(&c, 0, sizeof(c));
	s = child(root, "s");
	deep = child(s, "deep");
	OK(tend_scope_cleanup(deep, note, "2"));
	OK(tend_scope_cleanup(s, note, "4"));
	OK(tend_scope_cleanup(deep, note, "1"));
	OK(tend_scope_cleanup(s, note, "3"));
	OK(tend_shutdown(s, SOON, NULL));
	IS(c.order, "1234");
	OK(tend_shutdown(s, SOON, NULL));
	ck_assert_int_eq(c.n, 4);
	close_world();
}

SCENARIO(a_close_runs_no_cleanup)
{
	tend_scope s;
	tend_task t;

	open_world(2);
	memset(&c, 0, sizeof(c));
	s = child(root, "s");
	OK(tend_scope_cleanup(s, note, "1"));
	OK(tend_task_begin(s, NULL, &t));
	ANSWERS(tend_scope_close(s, 0, NULL), -ETIMEDOUT);
	ANSWERS(tend_scope_cleanup(s, note, "2"), -ECANCELED);
	OK(tend_task_end(t, 0));
	OK(tend_scope_close(s, SOON, NULL));
	ck_assert_int_eq(c.n, 0);
	close_world();
}

static void never_ends(void *arg)
{
	(void)arg;
	ignore_cancels(c.go);
}
static void sleep_deaf(uint64_t until)
{
	uint64_t outer;

	OK(tend_shield_begin(until + UNIT, &outer));
	OK(tend_sleep_until(until));
	tend_shield_end(outer);
}
static int notes_the_cancel(void *arg)
{
	(void)arg;
	ANSWERS(tend_event_wait(c.never, TEND_FOREVER), -ECANCELED);
	c.canceled = tend_now();
	/* On threads each step may be late. */
	if (simulated) {
		sleep_deaf(c.begun + 95 * UNIT);
		ANSWERS(tend_checkpoint(), -ECANCELED);
		sleep_deaf(c.begun + 97 * UNIT);
	}
	do {
		(void)!tend_checkpoint(); /* ends here */
	} while (!simulated);
	return 0;
}

/* A cleanup holds up the cancel until the last fifth of 100 units. The last fifth of the 20 units
 * that are left begins after 96. */
SCENARIO(a_shutdown_cancels_and_aborts_in_the_last_fifths_of_its_time)
{
	tend_scope s;
	tend_task t;

	open_world(2);
	memset(&c, 0, sizeof(c));
	c.never = new_event();
	c.go = new_event();
	s = child(root, "s");
	OK(tend_scope_cleanup(s, never_ends, NULL));
	OK(tend_spawn(s, notes_the_cancel, NULL, TEND_TASK_OPTS(.flags = TEND_ABORTABLE), &t));
	await_state(t.id, TEND_STATE_PARKED);
	c.begun = tend_now();
	ANSWERS(tend_shutdown(s, c.begun + 100 * UNIT, NULL), -ETIMEDOUT);
	ck_assert_int_eq(joined(t).kind, TEND_ABORTED);
	ck_assert(!simulated || c.canceled == c.begun + 80 * UNIT);
	tend_event_set(c.go);
	OK(tend_scope_wait_empty(tend_detached(rt), SOON));
	close_world();
}
