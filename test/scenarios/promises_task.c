/* Promises of tend/task.h that are half a sentence long, and that no other scenario shows. */
#include "scenario.h"

#include <pthread.h>
#include <sched.h>

/* ---- Spawns ---- */

SCENARIO(no_task_may_hold_a_scope_around_it)
{
	tend_scope a, b;
	tend_task t;

	open_world(1);
	a = child(root, "a");
	b = child(a, "b");
	ANSWERS(tend_spawn(b, end_at_once, NULL, TEND_TASK_OPTS(.hold = a), &t), -EDEADLK);
	OK(tend_spawn(a, end_at_once, NULL, TEND_TASK_OPTS(.hold = b), &t));
	ck_assert_int_eq(joined(t).kind, TEND_COMPLETED);
	close_world();
}

/* ---- Outcomes ---- */

static int panics_when_canceled(void *event)
{
	(void)!tend_event_wait(event, TEND_FOREVER);
	tend_panic("after the cancel");
}

SCENARIO(a_crash_beats_a_cancel)
{
	struct tend_outcome o;
	tend_task t;

	open_world(2);
	OK(tend_spawn(root, panics_when_canceled, new_event(), NULL, &t));
	await_state(t.id, TEND_STATE_PARKED);
	OK(tend_task_cancel(t, -EINTR, NULL));
	o = joined(t);
	ck_assert_int_eq(o.kind, TEND_PANICKED);
	ck_assert_uint_ne(o.was_canceled, 0);
	ck_assert_int_eq(o.reason.code, -EINTR);
	close_world();
}

static int leaves_by_pthread_cancel(void *arg)
{
	(void)arg;
	OK(-pthread_cancel(pthread_self()));
	pthread_testcancel();
	return 0;
}

SCENARIO(a_thread_that_another_has_canceled_is_aborted)
{
	struct tend_outcome o;
	tend_task t;

	open_world(1);
	/* Virtual threads are no pthreads. */
	if (!simulated) {
		OK(tend_spawn_thread(root, leaves_by_pthread_cancel, NULL, NULL, &t));
		o = joined(t);
		ck_assert_int_eq(o.kind, TEND_ABORTED);
		/* No cancel of tend has reached it. */
		ck_assert_uint_eq(o.was_canceled, 0);
		ck_assert_int_eq(o.error, -ECANCELED);
	}
	close_world();
}

SCENARIO(any_number_is_an_outcome_with_a_name)
{
	static const char *const names[] = {"live",     "completed", "failed", "canceled",
	                                    "panicked", "aborted",   "killed", "rejected"};

	for (int32_t kind = TEND_LIVE; kind <= TEND_REJECTED; kind++)
		IS(tend_outcome_name(kind), names[kind]);
	ck_assert_ptr_nonnull(tend_outcome_name(-1));
	ck_assert_ptr_nonnull(tend_outcome_name(TEND_REJECTED + 1));
}

/* ---- Joins and watches ---- */

static int joins(void *arg)
{
	struct tend_outcome o;

	OK(tend_join(*(tend_task *)arg, &o, TEND_FOREVER));
	ck_assert_int_eq(o.kind, TEND_COMPLETED);
	return 0;
}

SCENARIO(each_joiner_that_waits_gets_the_outcome)
{
	struct tend_outcome o;
	tend_task t, joiners[3];
	tend_event *go;

	open_world(2);
	go = new_event();
	OK(tend_spawn(root, wait_for, go, NULL, &t));
	for (int i = 0; i < 3; i++) {
		OK(tend_spawn(root, joins, &t, NULL, &joiners[i]));
		await_state(joiners[i].id, TEND_STATE_PARKED);
	}
	tend_event_set(go);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(joined(joiners[i]).result, 0);
	/* A look takes nothing away. */
	OK(tend_spawn(root, end_at_once, NULL, NULL, &t));
	await_state(t.id, TEND_STATE_ENDED);
	OK(tend_task_outcome(t, &o));
	OK(tend_task_outcome(t, &o));
	OK(tend_join(t, &o, 0));
	close_world();
}

SCENARIO(each_watch_is_one_and_an_end_that_was_sets_its_event_at_once)
{
	tend_event *go, *ended;
	tend_task t;

	open_world(2);
	go = new_event();
	ended = new_event();
	OK(tend_spawn(root, wait_for, go, NULL, &t));
	OK(tend_watch(t, ended));
	OK(tend_watch(t, ended));
	OK(tend_unwatch(t, ended));
	tend_event_set(go);
	OK(tend_event_wait(ended, SOON));
	await_state(t.id, TEND_STATE_ENDED);
	tend_event_clear(ended);
	OK(tend_watch(t, ended));
	OK(tend_event_wait(ended, 0));
	ANSWERS(tend_unwatch(t, ended), -ENOENT);
	joined(t);
	close_world();
}

/* ---- Cancel, abort, shield ---- */

struct holder {
	tend_scope own;
	tend_event *never, *go;
	_Atomic int phase;
	uint64_t woken;
};

static int holds_a_scope(void *arg)
{
	struct holder *h = arg;

	OK(tend_scope_open(root, "own", NULL, &h->own));
	OK(tend_spawn(h->own, wait_for, h->go, NULL, NULL));
	h->phase = 1;
	ANSWERS(tend_event_wait(h->never, TEND_FOREVER), -ECANCELED);
	/* Neither a cancel nor an abort of the owner is one of the scope. */
	ANSWERS(tend_scope_reason(h->own, NULL), -ENOENT);
	tend_event_set(h->go);
	OK(tend_scope_close(h->own, TEND_FOREVER, NULL));
	h->phase = 2;
	/* Now an abort ends it. */
	ANSWERS(tend_event_wait(h->never, TEND_FOREVER), -ECANCELED);
	h->phase = 3;
	return -ECANCELED;
}

SCENARIO(a_task_that_owns_a_scope_is_not_aborted_and_its_cancel_is_not_that_of_the_scope)
{
	static struct holder h;
	tend_task t;

	open_world(2);
	for (int abort = 0; abort < 2; abort++) {
		h = (struct holder){.never = new_event(), .go = new_event()};
		OK(tend_spawn(root, holds_a_scope, &h, TEND_TASK_OPTS(.flags = TEND_ABORTABLE),
		              &t));
		await_count(&h.phase, 1);
		await_state(t.id, TEND_STATE_PARKED);
		OK(abort ? tend_abort(t) : tend_task_cancel(t, -EINTR, NULL));
		ck_assert_int_eq(joined(t).kind, abort ? TEND_ABORTED : TEND_CANCELED);
		ck_assert_int_eq(h.phase, abort ? 2 : 3);
	}
	close_world();
}

static int waits_behind_shields(void *arg)
{
	struct holder *h = arg;
	uint64_t outer, inner;

	OK(tend_shield_begin(tend_after(5 * TEND_MS), &outer));
	OK(tend_shield_begin(tend_after(3600 * TEND_SEC), &inner));
	h->phase = 1;
	ANSWERS(tend_event_wait(h->never, TEND_FOREVER), -ECANCELED);
	h->woken = tend_now();
	tend_shield_end(inner);
	tend_shield_end(outer);
	return 0;
}

SCENARIO(an_inner_shield_lasts_no_longer_than_the_outer)
{
	static struct holder h;
	uint64_t begun;
	tend_task t;

	open_world(2);
	begun = tend_now();
	h = (struct holder){.never = new_event()};
	OK(tend_spawn(root, waits_behind_shields, &h, NULL, &t));
	await_count(&h.phase, 1);
	OK(tend_task_cancel(t, -EINTR, NULL));
	joined(t);
	ck_assert_uint_ge(h.woken, begun + 5 * TEND_MS);
	ck_assert_uint_lt(h.woken, begun + 3600 * TEND_SEC);
	close_world();
}

/* ---- The calling task ---- */

static int looks_at_itself(void *arg)
{
	tend_scope s = *(tend_scope *)arg;
	char path[64];

	ck_assert_int_gt((int)tend_path(tend_self().id, path, sizeof(path)), 0);
	IS(path, "w/s/task");
	ck_assert_uint_eq(tend_self_scope().id, s.id);
	return 0;
}

SCENARIO(outside_of_a_task_there_is_no_self_and_no_cancel)
{
	tend_scope s;
	tend_task t;

	open_world(2);
	s = child(root, "s");
	OK(tend_spawn(s, looks_at_itself, &s, NULL, &t));
	ck_assert_int_eq(joined(t).kind, TEND_COMPLETED);
	ck_assert_uint_eq(tend_self().id, 0);
	ck_assert_uint_eq(tend_self_scope().id, 0);
	OK(tend_scope_cancel(root, -EINTR, NULL));
	OK(tend_checkpoint());
	OK(tend_yield());
	close_world();
}

static int takes_back(void *arg)
{
	_Atomic int *counts = arg;

	OK(tend_defer(count_one, &counts[0]));
	OK(tend_defer(count_one, &counts[1]));
	OK(tend_defer(count_one, &counts[2]));
	tend_undefer(count_one, 1);
	ck_assert_int_eq(counts[2], 1);
	tend_undefer(count_one, 0);
	ck_assert_int_eq(counts[1], 0);
	return 0;
}

SCENARIO(a_cleanup_that_was_taken_back_does_not_run_at_the_end)
{
	_Atomic int counts[3] = {0, 0, 0};
	tend_task t;

	open_world(2);
	OK(tend_spawn(root, takes_back, counts, NULL, &t));
	joined(t);
	ck_assert_int_eq(counts[0], 1);
	ck_assert_int_eq(counts[1], 0);
	ck_assert_int_eq(counts[2], 1);
	close_world();
}

static int is_stopped(void *event)
{
	struct tend_reason r;

	ANSWERS(tend_task_reason(tend_self(), NULL), -ENOENT);
	ANSWERS(tend_event_wait(event, TEND_FOREVER), -ECANCELED);
	OK(tend_task_reason(tend_self(), &r));
	IS(r.text, "the task was stopped");
	return -ECANCELED;
}

SCENARIO(an_attempt_that_is_to_stop_has_a_reason_and_a_stopped_task_has_none)
{
	tend_task t;

	open_world(2);
	OK(tend_spawn(root, is_stopped, new_event(),
	              TEND_TASK_OPTS(.restart = TEND_RESTART(.policy = TEND_PERMANENT)), &t));
	await_state(t.id, TEND_STATE_PARKED);
	OK(tend_task_stop(t, SOON));
	ANSWERS(tend_task_reason(t, NULL), -ENOENT);
	OK(tend_task_cancel(t, -EINTR, NULL));
	joined(t);
	close_world();
}
