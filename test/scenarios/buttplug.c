/* BP-01 to BP-21: registry, detached, scope. */
#include "scenario.h"

SCENARIO(bp_01_an_entry_is_there_when_spawned_and_gone_after_its_end)
{
	tend_event *go;
	tend_task t;

	open_world(2);
	go = new_event();
	OK(tend_spawn(root, wait_for, go, TEND_TASK_OPTS(.name = "a"), &t));
	IS(tree(), "a");
	tend_event_set(go);
	joined(t);
	IS(tree(), "");
	close_world();
}

SCENARIO(bp_02_a_prefix_matches_whole_segments)
{
	tend_event *go;

	open_world(2);
	go = new_event();
	OK(tend_spawn(child(root, "server-1"), wait_for, go, NULL, NULL));
	OK(tend_spawn(child(root, "server-10"), wait_for, go, NULL, NULL));
	IS(tree(), "server-1(task) server-10(task)");
	ANSWERS(tend_path_live(rt, "server-1"), 1);
	ANSWERS(tend_path_live(rt, "server-10"), 1);
	ANSWERS(tend_path_live(rt, "server"), 0);
	ANSWERS(tend_path_live(rt, ""), 2);
	ANSWERS(tend_path_live(rt, "server-1/task"), 1);
	ANSWERS(tend_path_live(rt, "server-1/"), -EINVAL);
	tend_event_set(go);
	close_world();
}

SCENARIO(bp_03_started_comes_before_ended_with_the_same_id)
{
	struct tend_event_info e[8];
	tend_subscription *sub;
	uint64_t lost;
	tend_task t;

	open_world(2);
	OK(tend_subscribe(rt, &sub));
	OK(tend_spawn(root, end_at_once, NULL, TEND_TASK_OPTS(.name = "a"), &t));
	joined(t);
	ANSWERS(tend_events_take(sub, e, 8, &lost), 3);
	ck_assert_uint_eq(lost, 0);
	ck_assert_int_eq(e[0].type, TEND_EVENT_STARTED);
	ck_assert_int_eq(e[1].type, TEND_EVENT_BEGAN);
	ck_assert_int_eq(e[2].type, TEND_EVENT_ENDED);
	ck_assert_uint_eq(e[0].id, e[2].id);
	ck_assert_int_eq(e[2].outcome, TEND_COMPLETED);
	ck_assert_str_eq(e[2].name, "a");
	tend_unsubscribe(sub);
	close_world();
}

SCENARIO(bp_04_wait_empty_waits_for_the_last_and_not_at_all_when_empty)
{
	tend_event *go;
	tend_scope s;

	open_world(2);
	go = new_event();
	s = child(root, "s");
	OK(tend_path_wait_empty(rt, "s", 0));
	OK(tend_scope_wait_empty(s, 0));
	for (int i = 0; i < 3; i++)
		OK(tend_spawn(s, wait_for, go, NULL, NULL));
	ANSWERS(tend_path_wait_empty(rt, "s", tend_after(TEND_MS)), -ETIMEDOUT);
	ANSWERS(tend_scope_wait_empty(s, tend_after(TEND_MS)), -ETIMEDOUT);
	tend_event_set(go);
	OK(tend_path_wait_empty(rt, "s", SOON));
	ANSWERS(tend_path_live(rt, "s"), 0);
	OK(tend_scope_wait_empty(s, SOON));
	ANSWERS(live(s), 0);
	close_world();
}

SCENARIO(bp_05_a_background_task_is_listed_under_detached)
{
	tend_event *go;
	tend_task t;

	open_world(2);
	go = new_event();
	OK(tend_spawn(tend_detached(rt), wait_for, go, TEND_TASK_OPTS(.name = "bg"), &t));
	IS(tree(), "detached(bg)");
	tend_event_set(go);
	joined(t);
	close_world();
}

SCENARIO(bp_06_numbered_scopes_of_one_name_differ)
{
	tend_scope a, b;
	char x[64], y[64];

	open_world(1);
	OK(tend_scope_open(root, "server", TEND_SCOPE_OPTS(.numbered = 1), &a));
	OK(tend_scope_open(root, "server", TEND_SCOPE_OPTS(.numbered = 1), &b));
	ck_assert_int_gt((int)tend_path(a.id, x, sizeof(x)), 0);
	ck_assert_int_gt((int)tend_path(b.id, y, sizeof(y)), 0);
	ck_assert_str_ne(x, y);
	close_world();
}

SCENARIO(bp_07_the_path_of_a_child_is_its_parents_and_its_name)
{
	char path[64];
	tend_scope s;

	open_world(1);
	s = child(child(root, "device-manager"), "devices");
	IS(tree(), "device-manager(devices())");
	ck_assert_int_gt((int)tend_path(s.id, path, sizeof(path)), 0);
	ck_assert_str_eq(path, "w/device-manager/devices");
	close_world();
}

SCENARIO(bp_08_what_is_refused_is_never_called)
{
	_Atomic int dropped = 0;
	struct tend_stats stats;
	tend_scope s;

	open_world(2);
	s = child(root, "s");
	OK(tend_scope_cancel(s, -ECANCELED, "no more"));
	ANSWERS(tend_spawn(s, ignore_cancels, NULL, TEND_TASK_OPTS(.drop = count_one), NULL),
	        -ECANCELED);
	OK(tend_scope_close(s, SOON, &stats));
	ck_assert_uint_eq(stats.refused, 1);
	ck_assert_uint_eq(stats.spawned, 0);
	ck_assert_int_eq(dropped, 0);
	close_world();
}

SCENARIO(bp_09_what_is_refused_emits_nothing)
{
	struct tend_event_info e[8];
	tend_subscription *sub;
	tend_scope s;
	int64_t n;

	open_world(2);
	s = child(root, "s");
	OK(tend_subscribe(rt, &sub));
	OK(tend_scope_cancel(s, -ECANCELED, NULL));
	ANSWERS(tend_spawn(s, end_at_once, NULL, NULL, NULL), -ECANCELED);
	n = tend_events_take(sub, e, 8, NULL);
	for (int64_t i = 0; i < n; i++)
		ck_assert_int_ne(e[i].type, TEND_EVENT_STARTED);
	tend_unsubscribe(sub);
	close_world();
}

SCENARIO(bp_10_a_child_kept_across_its_parents_cancel_refuses_too)
{
	tend_scope s, c;

	open_world(2);
	s = child(root, "s");
	c = child(s, "c");
	OK(tend_scope_cancel(s, -ECANCELED, NULL));
	ANSWERS(tend_spawn(c, end_at_once, NULL, NULL, NULL), -ECANCELED);
	IS(tree(), "s*(c*())");
	close_world();
}

SCENARIO(bp_11_a_handle_kept_across_a_shutdown_refuses)
{
	tend_scope s;

	open_world(2);
	s = child(root, "s");
	OK(tend_shutdown(s, SOON, NULL));
	ANSWERS(tend_spawn(s, end_at_once, NULL, NULL, NULL), -ECANCELED);
	ANSWERS(tend_scope_unseal(s), -ECANCELED);
	OK(tend_scope_close(s, SOON, NULL));
	ANSWERS(tend_spawn(s, end_at_once, NULL, NULL, NULL), -ESRCH);
	close_world();
}

static int panic_at_once(void *arg)
{
	(void)arg;
	tend_panic("no wait before this");
}

SCENARIO(bp_12_a_panic_before_the_first_wait_leaves_nothing)
{
	_Atomic int dropped = 0;
	struct tend_outcome o;
	tend_task t;

	open_world(2);
	OK(tend_spawn(root, panic_at_once, &dropped, TEND_TASK_OPTS(.drop = count_one), &t));
	o = joined(t);
	ck_assert_int_eq(o.kind, TEND_PANICKED);
	ck_assert_ptr_nonnull(strstr(o.message, "no wait before this"));
	ck_assert_int_eq(dropped, 1);
	OK(tend_scope_wait_empty(root, SOON));
	close_world();
}

SCENARIO(bp_13_a_panic_of_a_holder_ends_the_scope_it_holds)
{
	tend_event *never;
	struct tend_outcome o;
	tend_scope s;
	tend_task t, inner;

	open_world(2);
	never = new_event();
	s = child(root, "held");
	OK(tend_spawn(s, wait_for, never, NULL, &inner));
	OK(tend_spawn(root, panic_at_once, NULL, TEND_TASK_OPTS(.hold = s), &t));
	ck_assert_int_eq(joined(t).kind, TEND_PANICKED);
	/* The scope closes itself, and with it goes what it held for joiners. */
	if (tend_join(inner, &o, SOON) == 0)
		ck_assert_int_eq(o.kind, TEND_CANCELED);
	OK(tend_scope_wait_empty(root, SOON));
	ANSWERS(tend_scope_live(s), -ESRCH);
	close_world();
}

static int forty_two(void *arg)
{
	(void)arg;
	return 42;
}

SCENARIO(bp_14_a_spawned_task_runs_and_completes)
{
	struct tend_outcome o;
	tend_task t;

	open_world(2);
	OK(tend_spawn(root, forty_two, NULL, NULL, &t));
	o = joined(t);
	ck_assert_int_eq(o.kind, TEND_COMPLETED);
	ck_assert_int_eq(o.result, 42);
	ck_assert_uint_eq(o.was_canceled, 0);
	ANSWERS(tend_join(t, &o, 0), -ESRCH);
	close_world();
}

SCENARIO(bp_15_a_cancel_reaches_every_scope_below)
{
	tend_event *never;
	tend_scope s, c;
	tend_task a, b, outside;

	open_world(2);
	never = new_event();
	s = child(root, "s");
	c = child(child(s, "c"), "d");
	OK(tend_spawn(s, wait_for, never, NULL, &a));
	OK(tend_spawn(c, wait_for, never, NULL, &b));
	OK(tend_spawn(root, wait_for, never, TEND_TASK_OPTS(.name = "outside"), &outside));
	IS(tree(), "outside s(c(d(task)) task)");
	OK(tend_scope_cancel(s, -ECANCELED, "down"));
	ck_assert_int_eq(joined(a).kind, TEND_CANCELED);
	ck_assert_int_eq(joined(b).kind, TEND_CANCELED);
	IS(tree(), "outside s*(c*(d*()))");
	ANSWERS(tend_task_reason(outside, NULL), -ENOENT);
	tend_event_set(never);
	ck_assert_int_eq(joined(outside).kind, TEND_COMPLETED);
	close_world();
}

struct owner {
	tend_event *never;
	tend_scope opened;
	tend_task inner;
};
static int open_and_leave(void *arg)
{
	struct owner *o = arg;

	o->opened = child(root, "opened");
	OK(tend_spawn(o->opened, wait_for, o->never, NULL, &o->inner));
	return 0;
}

SCENARIO(bp_16_the_end_of_its_owner_cancels_a_scope)
{
	struct owner o = {0};
	tend_task t;

	open_world(2);
	o.never = new_event();
	OK(tend_spawn(root, open_and_leave, &o, NULL, &t));
	ck_assert_int_eq(joined(t).kind, TEND_COMPLETED);
	OK(tend_scope_wait_empty(root, SOON)); /* canceled, for the event never comes */
	IS(tree(), "");
	ANSWERS(tend_scope_live(o.opened), -ESRCH);
	ANSWERS(tend_scope_close(o.opened, SOON, NULL), -ESRCH);
	close_world();
}

static _Atomic int after_cancel;
static int work_after_cancel(void *arg)
{
	uint64_t outer;

	ANSWERS(tend_event_wait(arg, TEND_FOREVER), -ECANCELED);
	OK(tend_shield_begin(SOON, &outer));
	for (int i = 0; i < 3; i++)
		OK(tend_sleep_until(tend_after(TEND_MS)));
	tend_shield_end(outer);
	atomic_store(&after_cancel, 1);
	return 0;
}

SCENARIO(bp_17_a_shutdown_waits_for_what_is_done_after_the_cancel)
{
	tend_scope s;
	tend_task t;

	open_world(2);
	atomic_store(&after_cancel, 0);
	s = child(root, "s");
	OK(tend_spawn(s, work_after_cancel, new_event(), NULL, &t));
	/* Canceled before its first run it would not be called. */
	await_state(t.id, TEND_STATE_PARKED);
	OK(tend_shutdown(s, SOON, NULL));
	ck_assert_int_eq(after_cancel, 1);
	close_world();
}

static int panic_later(void *arg)
{
	OK(tend_event_wait(arg, TEND_FOREVER));
	TEND_CHECK(1 + 1 == 3);
	return 0;
}

SCENARIO(bp_18_a_panic_is_an_outcome_and_leaves_the_others_alone)
{
	tend_event *go;
	struct tend_outcome o;
	struct tend_stats stats;
	tend_scope s;
	tend_task t, other;

	open_world(2);
	go = new_event();
	s = child(root, "s");
	OK(tend_spawn(s, panic_later, go, TEND_TASK_OPTS(.name = "p"), &t));
	OK(tend_spawn(s, wait_for, go, NULL, &other));
	tend_event_set(go);
	o = joined(t);
	ck_assert_int_eq(o.kind, TEND_PANICKED);
	ck_assert_ptr_nonnull(strstr(o.message, "check failed: 1 + 1 == 3"));
	ck_assert_int_eq(joined(other).kind, TEND_COMPLETED);
	OK(tend_scope_close(s, SOON, &stats));
	ck_assert_uint_eq(stats.panicked, 1);
	ck_assert_str_eq(stats.first_name, "p");
	close_world();
}

SCENARIO(bp_19_who_was_admitted_before_the_cancel_is_awaited)
{
	_Atomic int dropped = 0;
	tend_scope s;

	open_world(2);
	s = child(root, "s");
	OK(tend_spawn(s, end_at_once, &dropped, TEND_TASK_OPTS(.drop = count_one), NULL));
	OK(tend_shutdown(s, SOON, NULL));
	ck_assert_int_eq(dropped, 1);
	close_world();
}

struct storm {
	tend_scope s;
	_Atomic int admitted, refused, dropped;
};
static int spawn_some(void *arg)
{
	struct storm *storm = arg;

	for (int i = 0; i < 20; i++) {
		int error = tend_spawn(storm->s, end_at_once, &storm->dropped,
		                       TEND_TASK_OPTS(.drop = count_one), NULL);

		if (!error)
			storm->admitted++;
		else {
			ck_assert_int_eq(error, -ECANCELED);
			storm->refused++;
		}
		tend_yield();
	}
	return 0;
}

SCENARIO(bp_20_a_spawn_that_races_a_shutdown_is_refused_or_awaited)
{
	struct storm storm = {{0}, 0, 0, 0};
	tend_task t[2];
	int at_the_end;

	open_world(2);
	storm.s = child(root, "s");
	for (int i = 0; i < 2; i++)
		OK(tend_spawn(root, spawn_some, &storm, NULL, &t[i]));
	tend_yield();
	OK(tend_shutdown(storm.s, SOON, NULL));
	/* Whatever was admitted has ended by now, and nothing new can be. */
	at_the_end = storm.dropped;
	ANSWERS(live(storm.s), 0);
	for (int i = 0; i < 2; i++)
		joined(t[i]);
	ck_assert_int_eq(storm.admitted + storm.refused, 40);
	ck_assert_int_eq(storm.dropped, storm.admitted);
	ck_assert_int_eq(storm.dropped, at_the_end);
	close_world();
}

static int complete_in(void *arg)
{
	OK(tend_sleep_until(tend_after(TEND_MS)));
	return *(int *)arg;
}

SCENARIO(bp_21_a_held_scope_lives_as_long_as_its_holder)
{
	tend_event *go;
	static int eight = 8;
	struct tend_outcome o;
	tend_scope s;
	tend_task holder, inner;

	open_world(2);
	go = new_event();
	s = child(root, "s");
	OK(tend_spawn(s, complete_in, &eight, NULL, &inner));
	OK(tend_spawn(root, wait_for, go, TEND_TASK_OPTS(.hold = s), &holder));
	o = joined(inner);
	ck_assert_int_eq(o.kind, TEND_COMPLETED);
	ck_assert_int_eq(o.result, 8);
	OK(tend_scope_wait_empty(s, SOON));
	ANSWERS(tend_path_live(rt, "s"), 0);
	tend_event_set(go);
	ck_assert_int_eq(joined(holder).kind, TEND_COMPLETED);
	OK(tend_scope_wait_empty(root, SOON));
	ANSWERS(tend_scope_live(s), -ESRCH);
	close_world();
}
