/* AU-01 to AU-04 and AU-07 to AU-13; the model-checked AU-05 and AU-06 are in
 * test/sim/explore.c. */
#include "scenario.h"

SCENARIO(au_01_a_shutdown_cancels_what_it_waits_for)
{
	tend_event *never;
	tend_scope s;
	tend_task t;

	open_world(2);
	never = new_event();
	s = child(root, "s");
	OK(tend_spawn(s, wait_for, never, NULL, &t));
	OK(tend_shutdown(s, SOON, NULL));
	ck_assert_int_eq(joined(t).kind, TEND_CANCELED);
	close_world();
}

static int one_child_more(void *arg)
{
	tend_scope *late = arg;

	return tend_scope_open(*late, "late", NULL, late);
}

SCENARIO(au_02_a_child_inherits_its_parents_cancel_also_while_idle)
{
	tend_event *never;
	tend_scope s, idle, below, late;
	tend_task t, opener;
	struct tend_reason r;

	open_world(2);
	never = new_event();
	s = child(root, "s");
	idle = child(s, "idle");
	below = child(idle, "below");
	OK(tend_spawn(below, wait_for, never, NULL, &t));
	OK(tend_scope_cancel(s, -EPERM, "all"));
	ck_assert_int_eq(joined(t).kind, TEND_CANCELED);
	/* Sticky: a cancel of an idle scope is there for who comes later. */
	OK(tend_scope_reason(idle, &r));
	ck_assert_int_eq(r.code, -EPERM);
	ck_assert_str_eq(r.text, "all");
	ANSWERS(tend_spawn(idle, end_at_once, NULL, NULL, NULL), -ECANCELED);
	IS(tree(), "s*(idle*(below*()))");
	/* Opened below a canceled one it succeeds, and is born canceled. */
	late = s;
	OK(tend_spawn(root, one_child_more, &late, NULL, &opener));
	ck_assert_int_eq(joined(opener).result, 0);
	ANSWERS(tend_spawn(late, end_at_once, NULL, NULL, NULL) == 0, 0);
	close_world();
}

SCENARIO(au_03_what_outlasts_the_deadline_is_reported_by_name)
{
	tend_event *go;
	tend_scope s;
	tend_task stubborn, yielding;
	tend_report *report;
	struct tend_outcome o;
	char text[2048];

	open_world(2);
	go = new_event();
	s = child(root, "s");
	OK(tend_spawn(s, ignore_cancels, go, TEND_TASK_OPTS(.name = "stubborn"), &stubborn));
	OK(tend_spawn(s, wait_for, go, TEND_TASK_OPTS(.name = "yielding"), &yielding));
	await_state(stubborn.id, TEND_STATE_PARKED);
	ANSWERS(tend_scope_wait_empty(s, tend_after(TEND_MS)), -ETIMEDOUT);
	ANSWERS(tend_shutdown(s, tend_after(50 * TEND_MS), TEND_SHUTDOWN_OPTS(.report = &report)),
	        -ETIMEDOUT);
	ck_assert_uint_eq(tend_report_abandoned(report), 1);
	ck_assert_uint_lt(tend_report_text(report, text, sizeof(text)), sizeof(text));
	ck_assert_ptr_nonnull(strstr(text, "stubborn"));
	ck_assert_ptr_null(strstr(text, "yielding"));
	tend_report_free(report);
	ck_assert_int_eq(joined(yielding).kind, TEND_CANCELED);
	IS(tree(), "s*(stubborn?)");
	tend_event_set(go);
	o = joined(stubborn);
	ck_assert_int_eq(o.kind, TEND_CANCELED);
	ck_assert_int_eq(o.result, 7);
	OK(tend_scope_close(s, SOON, NULL));
	close_world();
}

static int fail_then_stay(void *arg)
{
	tend_event **events = arg;

	if (tend_event_wait(events[0], 0) == -ETIMEDOUT) {
		tend_event_set(events[0]);
		return -EIO;
	}
	tend_event_set(events[1]);
	return ignore_cancels(events[2]);
}

SCENARIO(the_report_of_a_shutdown_says_how_often_a_survivor_has_run)
{
	tend_event *events[3];
	tend_scope s;
	tend_task t;
	tend_report *report;
	char text[2048];

	open_world(2);
	for (int i = 0; i < 3; i++)
		events[i] = new_event();
	s = child(root, "s");
	OK(tend_spawn(s, fail_then_stay, events,
	              TEND_TASK_OPTS(.restart = TEND_RESTART(.policy = TEND_TRANSIENT,
	                                                     .delay_ns = TEND_AT_ONCE)),
	              &t));
	OK(tend_event_wait(events[1], SOON));
	ANSWERS(tend_shutdown(s, tend_after(50 * TEND_MS), TEND_SHUTDOWN_OPTS(.report = &report)),
	        -ETIMEDOUT);
	ck_assert_uint_lt(tend_report_text(report, text, sizeof(text)), sizeof(text));
	ck_assert_msg(strstr(text, ", attempt 2, 1 restarts, last: failed\n") != NULL, "%s", text);
	ck_assert_uint_lt(tend_report_json(report, text, sizeof(text)), sizeof(text));
	ck_assert_msg(strstr(text, ",\"attempt\":2,\"restarts\":1,\"last\":\"failed\",") != NULL,
	              "%s", text);
	tend_report_free(report);
	tend_event_set(events[2]);
	(void)joined(t);
	OK(tend_scope_close(s, SOON, NULL));
	close_world();
}

SCENARIO(au_04_an_abort_is_an_event_with_its_outcome)
{
	struct tend_event_info e[16];
	tend_subscription *sub;
	tend_scope s;
	tend_task t;
	int aborted = 0, error;
	int64_t n;

	open_world(2);
	s = child(root, "s");
	OK(tend_subscribe(rt, &sub));
	OK(tend_spawn(s, ignore_cancels, new_event(), TEND_TASK_OPTS(.flags = TEND_ABORTABLE), &t));
	await_state(t.id, TEND_STATE_PARKED);
	/* It is asked in the last fifth; a slow machine may need longer than that. */
	error = tend_shutdown(s, tend_after(500 * TEND_MS), NULL);
	ck_assert(!error || (!simulated && error == -ETIMEDOUT));
	ck_assert_int_eq(joined(t).kind, TEND_ABORTED);
	n = tend_events_take(sub, e, 16, NULL);
	for (int64_t i = 0; i < n; i++)
		aborted += e[i].type == TEND_EVENT_ENDED && e[i].outcome == TEND_ABORTED &&
		           e[i].id == t.id;
	ck_assert_int_eq(aborted, 1);
	tend_unsubscribe(sub);
	close_world();
}

SCENARIO(au_07_every_subscriber_gets_every_event)
{
	struct tend_event_info a[8], b[8];
	tend_subscription *first, *second;
	tend_task t;
	int64_t n;

	open_world(2);
	OK(tend_subscribe(rt, &first));
	OK(tend_subscribe(rt, &second));
	OK(tend_spawn(root, end_at_once, NULL, NULL, &t));
	joined(t);
	n = tend_events_take(first, a, 8, NULL);
	ck_assert_int_eq((int)n, 3);
	ANSWERS(tend_events_take(second, b, 8, NULL), n);
	for (int64_t i = 0; i < n; i++) {
		ck_assert_uint_eq(a[i].number, b[i].number);
		ck_assert_uint_eq(a[i].id, b[i].id);
		ck_assert_int_eq(a[i].type, b[i].type);
	}
	/* What was taken is gone for its taker, and comes once. */
	ANSWERS(tend_events_take(first, a, 8, NULL), 0);
	tend_unsubscribe(first);
	tend_unsubscribe(second);
	close_world();
}

struct owned {
	tend_event *inner_go, *owner_go;
	tend_scope s;
	tend_task inner;
	int how; /* 0 returns, 1 panics */
	_Atomic int ready;
};
static int own(void *arg)
{
	struct owned *o = arg;

	o->s = child(root, "owned");
	OK(tend_spawn(o->s, ignore_cancels, o->inner_go, NULL, &o->inner));
	await_state(o->inner.id, TEND_STATE_PARKED);
	atomic_store(&o->ready, 1);
	(void)!tend_event_wait(o->owner_go, TEND_FOREVER);
	if (o->how == 1)
		tend_panic("the owner");
	return 0;
}

/* The owner ends; the scope is canceled, refuses work, lasts as long as what is
 * in it, and goes. */
static void owner_ends(int how, int want)
{
	struct owned o = {.how = how};
	tend_task owner;

	open_world(2);
	o.inner_go = new_event();
	o.owner_go = new_event();
	OK(tend_spawn(root, own, &o, TEND_TASK_OPTS(.name = "owner"), &owner));
	await_count(&o.ready, 1);
	IS(tree(), "owned(task) owner");
	ANSWERS(tend_scope_reason(o.s, NULL), -ENOENT);
	if (want == TEND_CANCELED)
		OK(tend_task_cancel(owner, -ECANCELED, NULL));
	else
		tend_event_set(o.owner_go);
	ck_assert_int_eq(joined(owner).kind, want);
	IS(tree(), "owned*(task*)");
	OK(tend_scope_reason(o.s, NULL));
	ANSWERS(tend_spawn(o.s, end_at_once, NULL, NULL, NULL), -ECANCELED);
	OK(tend_task_reason(o.inner, NULL));
	tend_event_set(o.inner_go);
	OK(tend_scope_wait_empty(root, SOON));
	IS(tree(), "");
	ANSWERS(tend_scope_live(o.s), -ESRCH);
	close_world();
}

SCENARIO(au_08_the_end_of_an_owner_closes_its_scope_to_new_work) { owner_ends(0, TEND_COMPLETED); }

SCENARIO(au_09_so_does_its_cancel_and_its_panic)
{
	owner_ends(1, TEND_PANICKED);
	owner_ends(0, TEND_CANCELED);
}

static int keep_a_copy(void *arg)
{
	tend_scope copy = *(tend_scope *)arg;

	return copy.id == ((tend_scope *)arg)->id ? 0 : -EINVAL;
}

SCENARIO(au_10_the_end_of_who_has_a_copy_of_a_handle_ends_nothing)
{
	tend_event *go;
	tend_scope s;
	tend_task t, inner;

	open_world(2);
	go = new_event();
	s = child(root, "shared");
	OK(tend_spawn(s, wait_for, go, NULL, &inner));
	OK(tend_spawn(root, keep_a_copy, &s, NULL, &t));
	ck_assert_int_eq(joined(t).kind, TEND_COMPLETED);
	IS(tree(), "shared(task)");
	ANSWERS(tend_scope_reason(s, NULL), -ENOENT);
	tend_event_set(go);
	ck_assert_int_eq(joined(inner).kind, TEND_COMPLETED);
	close_world();
}

struct late_waiter {
	tend_event *never;
	tend_channel *items;
};
static int wait_after_the_cancel(void *arg)
{
	struct late_waiter *w = arg;
	int item = -1;

	ANSWERS(tend_event_wait(w->never, TEND_FOREVER), -ECANCELED);
	ANSWERS(tend_event_wait(w->never, TEND_FOREVER), -ECANCELED);
	ANSWERS(tend_channel_recv(w->items, &item, TEND_FOREVER), -ECANCELED);
	ck_assert_int_eq(item, -1);
	ANSWERS(tend_sleep_until(TEND_FOREVER), -ECANCELED);
	ANSWERS(tend_checkpoint(), -ECANCELED);
	return 0;
}

SCENARIO(au_11_a_wait_that_begins_after_the_cancel_is_refused)
{
	struct late_waiter w;
	tend_scope s;
	tend_task t;
	int item = 5;

	open_world(2);
	w.never = new_event();
	OK(tend_channel_open(sizeof(item), 1, &w.items));
	s = child(root, "s");
	OK(tend_spawn(s, wait_after_the_cancel, &w, NULL, &t));
	await_state(t.id, TEND_STATE_PARKED);
	OK(tend_scope_cancel(s, -ECANCELED, NULL));
	ck_assert_int_eq(joined(t).kind, TEND_CANCELED);
	/* Nobody is left on the channel who would take this. */
	OK(tend_channel_send(w.items, &item, SOON));
	item = 0;
	OK(tend_channel_recv(w.items, &item, SOON));
	ck_assert_int_eq(item, 5);
	tend_channel_free(w.items);
	close_world();
}

SCENARIO(au_12_a_cancel_wakes_every_waiter_there_is)
{
	enum { N = 6 };
	tend_event *never;
	tend_scope s;
	tend_task t[N];

	open_world(2);
	never = new_event();
	s = child(root, "s");
	for (int i = 0; i < N; i++)
		if (i % 3 == 2)
			OK(tend_spawn_thread(s, wait_for, never, NULL, &t[i]));
		else
			OK(tend_spawn(s, wait_for, never, NULL, &t[i]));
	for (int i = 0; i < N; i++)
		await_state(t[i].id, TEND_STATE_PARKED);
	OK(tend_scope_cancel(s, -ECANCELED, NULL));
	for (int i = 0; i < N; i++) {
		struct tend_outcome o = joined(t[i]);

		ck_assert_int_eq(o.kind, TEND_CANCELED);
		ck_assert_int_eq(o.result, -ECANCELED);
	}
	close_world();
}

static int look_until_canceled(void *looks)
{
	while (!tend_checkpoint()) {
		count_one(looks);
		tend_yield();
	}
	return 0;
}

SCENARIO(au_13_a_task_sees_the_end_of_its_owner_at_a_checkpoint)
{
	_Atomic int looks = 0;
	tend_event *go;
	tend_scope s;
	tend_task holder, fiber, thread;

	open_world(2);
	go = new_event();
	s = child(root, "s");
	OK(tend_spawn(root, wait_for, go, TEND_TASK_OPTS(.hold = s), &holder));
	OK(tend_spawn(s, look_until_canceled, &looks, NULL, &fiber));
	OK(tend_spawn_thread(s, look_until_canceled, &looks, NULL, &thread));
	await_count(&looks, 2);
	tend_event_set(go);
	ck_assert_int_eq(joined(holder).kind, TEND_COMPLETED);
	OK(tend_path_wait_empty(rt, "s", SOON));
	OK(tend_scope_wait_empty(root, SOON));
	ANSWERS(tend_scope_live(s), -ESRCH);
	close_world();
}

static int open_grandchild(void *arg)
{
	tend_scope parent = *(tend_scope *)arg, c;

	OK(tend_scope_open(parent, "grandchild", NULL, &c));
	OK(tend_spawn(c, end_at_once, NULL, NULL, NULL));
	return tend_scope_close(c, SOON, NULL);
}

SCENARIO(au_idle_an_empty_scope_is_empty_at_deadline_0_and_a_root_waits_for_grandchildren)
{
	tend_event *go;
	tend_scope s;
	tend_task t;

	open_world(2);
	go = new_event();
	s = child(root, "s");
	OK(tend_scope_wait_empty(s, 0));
	OK(tend_scope_wait_empty(root, 0));
	OK(tend_spawn(child(child(s, "a"), "b"), wait_for, go, NULL, NULL));
	ANSWERS(tend_scope_wait_empty(root, tend_after(TEND_MS)), -ETIMEDOUT);
	OK(tend_spawn(root, open_grandchild, &s, NULL, &t));
	ck_assert_int_eq(joined(t).result, 0);
	tend_event_set(go);
	OK(tend_scope_wait_empty(root, SOON));
	close_world();
}
