/* The rules that are easy to get wrong in C; doc/acceptance.md has them all. */
#include "scenario.h"

#include <pthread.h>
#include <stdio.h>

/* Rule 1 is bp_20 and the exploration of spawn against cancel. */

SCENARIO(rule_02_a_cancel_of_an_idle_scope_is_kept)
{
	tend_scope s, later;

	open_world(2);
	s = child(root, "s");
	OK(tend_scope_cancel(s, -ECANCELED, "kept"));
	later = child(s, "born");
	IS(tree(), "s*(born*())");
	OK(tend_scope_reason(later, NULL));
	ANSWERS(tend_spawn(later, end_at_once, NULL, NULL, NULL), -ECANCELED);
	close_world();
}

static int await_s(void *arg) { return tend_scope_wait_empty(*(tend_scope *)arg, SOON); }

SCENARIO(rule_03_every_waiter_is_woken_by_the_last_end)
{
	tend_event *go;
	tend_scope s;
	tend_task t[4];

	open_world(2);
	go = new_event();
	s = child(root, "s");
	OK(tend_spawn(s, wait_for, go, NULL, NULL));
	OK(tend_spawn(s, wait_for, go, NULL, NULL));
	for (int i = 0; i < 4; i++)
		OK(tend_spawn(root, await_s, &s, NULL, &t[i]));
	tend_event_set(go);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(joined(t[i]).kind, TEND_COMPLETED);
	close_world();
}

SCENARIO(rule_04_counts_do_not_depend_on_events)
{
	static struct tend_event_info e[512];
	struct tend_stats stats;
	tend_subscription *sub;
	uint64_t lost;
	tend_scope s;
	int64_t n;

	open_world(2);
	s = child(root, "s");
	OK(tend_subscribe(rt, &sub));
	for (int i = 0; i < 300; i++)
		OK(tend_spawn(s, end_at_once, NULL, NULL, NULL));
	OK(tend_scope_close(s, SOON, &stats));
	ck_assert_uint_eq(stats.completed, 300);
	n = tend_events_take(sub, e, 512, &lost);
	/* The rings hold 64 each: what was overwritten is told, to the last one. */
	ck_assert_uint_gt(lost, 0);
	ck_assert_uint_eq((uint64_t)n + lost, e[n - 1].number);
	/* Rule 5: nobody reports the loss into the rings. */
	ANSWERS(tend_events_take(sub, e, 512, &lost), 0);
	ck_assert_uint_eq(lost, 0);
	tend_unsubscribe(sub);
	close_world();
}

struct order {
	_Atomic int step, cleaned_at, canceled_at;
	tend_channel *c;
	tend_event *never;
};
static void clean(void *arg)
{
	struct order *o = arg;
	int item = 1;

	/* The task still works: what is sent now arrives. */
	OK(tend_channel_send(o->c, &item, SOON));
	o->cleaned_at = ++o->step;
}
static int serve(void *arg)
{
	struct order *o = arg;
	int item;

	OK(tend_channel_recv(o->c, &item, TEND_FOREVER));
	ANSWERS(tend_event_wait(o->never, TEND_FOREVER), -ECANCELED);
	o->canceled_at = ++o->step;
	return 0;
}

SCENARIO(rule_06_cleanups_run_before_the_cancel)
{
	static struct order o;
	tend_scope s;

	open_world(2);
	memset(&o, 0, sizeof(o));
	o.never = new_event();
	OK(tend_channel_open(sizeof(int), 0, &o.c));
	s = child(root, "s");
	OK(tend_scope_cleanup(s, clean, &o));
	OK(tend_spawn(s, serve, &o, NULL, NULL));
	OK(tend_shutdown(s, SOON, NULL));
	ck_assert_int_eq(o.cleaned_at, 1);
	ck_assert_int_eq(o.canceled_at, 2);
	ANSWERS(tend_scope_cleanup(s, clean, &o), -ECANCELED);
	close_world();
	tend_channel_free(o.c);
}

static int finish_anyway(void *arg)
{
	while (!tend_checkpoint())
		tend_yield();
	(void)arg;
	return 42;
}

SCENARIO(rule_08_a_cancel_beats_completion_and_both_are_kept)
{
	struct tend_outcome o;
	tend_task t;

	open_world(2);
	OK(tend_spawn(root, finish_anyway, NULL, NULL, &t));
	while (tend_path_live(rt, "") != 1)
		tend_yield();
	tend_yield();
	OK(tend_task_cancel(t, -EINTR, "why"));
	o = joined(t);
	ck_assert_int_eq(o.kind, TEND_CANCELED);
	ck_assert_uint_ne(o.was_canceled, 0);
	ck_assert_int_eq(o.reason.code, -EINTR);
	ck_assert(o.result == 42 || o.result == -ECANCELED); /* canceled before its first run */
	close_world();
}

SCENARIO(rule_09_done_is_asked_before_the_clock)
{
	tend_scope s;
	tend_task t;

	open_world(2);
	s = child(root, "s");
	OK(tend_spawn(s, end_at_once, NULL, NULL, &t));
	OK(tend_scope_wait_empty(s, SOON));
	OK(tend_shutdown(s, 0, NULL));
	OK(tend_join(t, NULL, 0));
	OK(tend_scope_close(s, 0, NULL));
	close_world();
}

SCENARIO(rule_10_what_cannot_be_stopped_stays_listed_and_still_gets_its_end)
{
	tend_task external;
	struct tend_stats stats;
	tend_scope s;

	open_world(2);
	s = child(root, "s");
	OK(tend_task_begin(s, TEND_TASK_OPTS(.name = "x"), &external));
	ANSWERS(tend_shutdown(s, 0, NULL), -ETIMEDOUT);
	ANSWERS(live(s), 1);
	IS(tree(), "s*(x?)");
	OK(tend_task_end(external, 3));
	IS(tree(), "s*()");
	ANSWERS(tend_task_end(external, 3), -ESRCH);
	OK(tend_scope_stats(s, &stats));
	ck_assert_uint_eq(stats.canceled, 1);
	OK(tend_shutdown(s, 0, NULL));
	close_world();
}

struct relay {
	tend_scope s;
	tend_event *go;
};
static int hand_over(void *arg)
{
	struct relay *r = arg;

	/* The next one is in before this one is out. */
	return tend_spawn(r->s, wait_for, r->go, NULL, NULL);
}

SCENARIO(rule_11_a_hand_over_never_looks_empty)
{
	struct relay r;

	open_world(2);
	r.s = child(child(root, "outer"), "inner");
	r.go = new_event();
	OK(tend_spawn(r.s, hand_over, &r, NULL, NULL));
	for (int i = 0; i < 20; i++) {
		ck_assert_int_ge((int)live(root), 1);
		tend_yield();
	}
	ANSWERS(tend_path_wait_empty(rt, "outer", 0), -ETIMEDOUT);
	tend_event_set(r.go);
	OK(tend_path_wait_empty(rt, "outer", SOON));
	close_world();
}

static _Atomic int links_left;
static int next_link(void *arg)
{
	tend_scope s = *(tend_scope *)arg;

	if (atomic_fetch_sub(&links_left, 1) > 1)
		OK(tend_spawn(s, next_link, arg, NULL, NULL));
	return 0;
}

SCENARIO(rule_11_a_walk_by_path_misses_no_hand_over)
{
	tend_scope s;

	open_world(2);
	atomic_store(&links_left, 40);
	s = child(root, "s");
	OK(tend_spawn(s, next_link, &s, NULL, NULL));
	/* Born before or behind where the walk is: one of them is always live. */
	while (tend_path_live(rt, "s") > 0)
		;
	ck_assert_int_eq(links_left, 0);
	OK(tend_scope_wait_empty(s, SOON));
	close_world();
}

SCENARIO(rule_12_two_tasks_of_one_name_are_two)
{
	tend_event *go;
	tend_task a, b;
	char x[64], y[64];

	open_world(2);
	go = new_event();
	OK(tend_spawn(root, wait_for, go, TEND_TASK_OPTS(.name = "same"), &a));
	OK(tend_spawn(root, wait_for, go, TEND_TASK_OPTS(.name = "same"), &b));
	ck_assert_uint_ne(a.id, b.id);
	IS(tree(), "same same");
	ck_assert_int_gt((int)tend_path(a.id, x, sizeof(x)), 0);
	ck_assert_int_gt((int)tend_path(b.id, y, sizeof(y)), 0);
	ck_assert_str_eq(x, y);
	OK(tend_task_cancel(a, -ECANCELED, NULL));
	ck_assert_int_eq(joined(a).kind, TEND_CANCELED);
	IS(tree(), "same");
	ANSWERS(tend_task_reason(b, NULL), -ENOENT);
	tend_event_set(go);
	ck_assert_int_eq(joined(b).kind, TEND_COMPLETED);
	close_world();
}

static int shut(void *arg)
{
	int error = tend_shutdown(*(tend_scope *)arg, tend_after(5 * TEND_MS), NULL);

	return error == -ETIMEDOUT ? 1 : error;
}

SCENARIO(rule_13_concurrent_shutdowns_share_one_result)
{
	tend_task external, t[3];
	tend_scope s;

	open_world(2);
	s = child(root, "s");
	OK(tend_task_begin(s, NULL, &external));
	for (int i = 0; i < 3; i++)
		OK(tend_spawn(root, shut, &s, NULL, &t[i]));
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(joined(t[i]).result, 1);
	OK(tend_task_end(external, 0));
	OK(tend_shutdown(s, SOON, NULL));
	close_world();
}

SCENARIO(rule_13_a_later_caller_makes_the_deadline_earlier)
{
	tend_task external, t;
	uint64_t begun;
	tend_scope s;

	open_world(2);
	s = child(root, "s");
	OK(tend_task_begin(s, NULL, &external));
	OK(tend_spawn(root, shut, &s, NULL, &t));
	begun = tend_now();
	ANSWERS(tend_shutdown(s, tend_after(3600 * TEND_SEC), NULL), -ETIMEDOUT);
	ck_assert_uint_lt(tend_now() - begun, 600 * TEND_SEC);
	joined(t);
	OK(tend_task_end(external, 0));
	close_world();
}

SCENARIO(rule_14_a_stale_handle_changes_nothing)
{
	tend_event *go;
	tend_task old, t;

	open_world(1);
	go = new_event();
	OK(tend_spawn(root, end_at_once, NULL, NULL, &old));
	joined(old);
	OK(tend_spawn(root, wait_for, go, NULL, &t)); /* most likely in the same slot */
	ANSWERS(tend_task_cancel(old, -ECANCELED, NULL), -ESRCH);
	ANSWERS(tend_abort(old), -ESRCH);
	ANSWERS(tend_join(old, NULL, 0), -ESRCH);
	ANSWERS(tend_task_reason(t, NULL), -ENOENT);
	tend_event_set(go);
	ck_assert_int_eq(joined(t).kind, TEND_COMPLETED);
	close_world();
}

SCENARIO(rule_16_the_handle_cancels_what_the_body_sees)
{
	tend_task t, other;
	tend_event *never;

	open_world(2);
	never = new_event();
	OK(tend_spawn(root, wait_for, never, NULL, &t));
	OK(tend_spawn(root, wait_for, never, NULL, &other));
	OK(tend_task_cancel(t, -ECANCELED, NULL));
	ck_assert_int_ne(tend_task_cancel(t, -ECANCELED, NULL), 0); /* told already, or ended */
	ck_assert_int_eq(joined(t).kind, TEND_CANCELED);
	tend_event_set(never);
	ck_assert_int_eq(joined(other).kind, TEND_COMPLETED);
	close_world();
}

static int read_reason(void *arg)
{
	struct tend_reason reason;

	ANSWERS(tend_event_wait(arg, TEND_FOREVER), -ECANCELED);
	OK(tend_task_reason(tend_self(), &reason));
	ck_assert_str_eq(reason.text, "readable at once");
	return 0;
}

SCENARIO(rule_17_the_reason_is_there_when_the_first_waiter_wakes)
{
	tend_event *never;
	tend_scope s;

	open_world(2);
	never = new_event();
	s = child(root, "s");
	(void)child(s, "c");
	for (int i = 0; i < 3; i++)
		OK(tend_spawn(s, read_reason, never, NULL, NULL));
	OK(tend_scope_cancel(s, -ECANCELED, "readable at once"));
	OK(tend_scope_wait_empty(s, SOON));
	IS(tree(), "s*(c*())");
	close_world();
}

static int find_the_reason_with_the_cancel(void *looking)
{
	struct tend_reason r;

	count_one(looking);
	while (!tend_checkpoint())
		tend_yield();
	OK(tend_task_reason(tend_self(), &r));
	ck_assert_int_eq(r.code, -EIO);
	ck_assert_str_eq(r.text, "whole");
	return 0;
}

SCENARIO(rule_17_whoever_looks_finds_the_reason_with_the_cancel)
{
	_Atomic int looking = 0;
	tend_scope s;

	open_world(2);
	s = child(root, "s");
	OK(tend_spawn(s, find_the_reason_with_the_cancel, &looking, NULL, NULL));
	OK(tend_spawn_thread(s, find_the_reason_with_the_cancel, &looking, NULL, NULL));
	await_count(&looking, 2);
	OK(tend_scope_cancel(s, -EIO, "whole"));
	OK(tend_scope_wait_empty(s, SOON));
	close_world();
}

SCENARIO(rule_17_a_child_never_writes_its_parents_reason)
{
	tend_scope s, c;

	open_world(1);
	s = child(root, "s");
	c = child(s, "c");
	OK(tend_scope_cancel(c, -ECANCELED, "only here"));
	IS(tree(), "s(c*())");
	ANSWERS(tend_scope_reason(s, NULL), -ENOENT);
	close_world();
}

static int fail_now(void *arg)
{
	(void)arg;
	return -EIO;
}

SCENARIO(rule_18_a_critical_failure_cancels_before_anyone_learns_of_it)
{
	tend_task t;
	tend_scope s;

	open_world(2);
	s = child(root, "s");
	OK(tend_spawn(s, fail_now, NULL, TEND_TASK_OPTS(.flags = TEND_CRITICAL), &t));
	ck_assert_int_eq(joined(t).kind, TEND_FAILED);
	IS(tree(), "s*()");
	OK(tend_scope_reason(s, NULL));
	ANSWERS(tend_spawn(s, end_at_once, NULL, NULL, NULL), -ECANCELED);
	close_world();
}

SCENARIO(rule_20_times_saturate_and_never_turn_round)
{
	open_world(1);
	ck_assert_uint_eq(tend_after(UINT64_MAX), TEND_FOREVER);
	OK(tend_sleep_until(0));
	OK(tend_sleep_until(tend_now()));
	OK(tend_sleep_until(tend_now() + 1)); /* a nanosecond is not rounded to none */
	ANSWERS(tend_event_wait(new_event(), 0), -ETIMEDOUT);
	ANSWERS(tend_event_wait(new_event(), tend_now()), -ETIMEDOUT);
	OK(tend_sleep(1));
	close_world();
}

/* Rule 21 is au_10. */

static int panic_now(void *arg)
{
	(void)arg;
	tend_panic("on purpose");
}

SCENARIO(rule_22_every_task_ends_in_exactly_one_counter)
{
	struct tend_stats n;
	tend_event *never;
	tend_task aborted, canceled;
	tend_scope s;

	open_world(2);
	never = new_event();
	s = child(root, "s");
	OK(tend_spawn(s, end_at_once, NULL, NULL, NULL));
	OK(tend_spawn(s, fail_now, NULL, NULL, NULL));
	OK(tend_spawn(s, panic_now, NULL, NULL, NULL));
	OK(tend_spawn(s, wait_for, never, NULL, &canceled));
	OK(tend_spawn(s, wait_for, never, TEND_TASK_OPTS(.flags = TEND_ABORTABLE), &aborted));
	ANSWERS(tend_abort(canceled), -EPERM);
	OK(tend_abort(aborted));
	OK(tend_task_cancel(canceled, -ECANCELED, NULL));
	OK(tend_scope_wait_empty(s, SOON));
	OK(tend_scope_seal(s));
	ANSWERS(tend_spawn(s, end_at_once, NULL, NULL, NULL), -ESHUTDOWN);
	OK(tend_scope_unseal(s));
	OK(tend_scope_close(s, SOON, &n));
	ck_assert_uint_eq(n.spawned, 5);
	ck_assert_uint_eq(n.completed, 1);
	ck_assert_uint_eq(n.failed, 1);
	ck_assert_uint_eq(n.panicked, 1);
	ck_assert_uint_eq(n.aborted + n.canceled, 2); /* aborted before its first run: canceled */
	ck_assert_uint_eq(n.killed, 0);
	ck_assert_uint_eq(n.refused, 1);
	close_world();
}

static _Atomic int told;
static char told_line[512];
static void take_line(const char *message)
{
	if (atomic_fetch_add(&told, 1) == 0)
		snprintf(told_line, sizeof(told_line), "%s", message);
}

static int check_now(void *arg)
{
	TEND_CHECK(arg != NULL);
	return 0;
}

SCENARIO(rule_22_a_panic_that_nobody_holds_is_told_once)
{
	tend_scope s;
	tend_task held, canceled;

	open_world(2);
	atomic_store(&told, 0);
	tend_set_failure_hook(take_line);
	s = child(root, "s");
	OK(tend_spawn(s, fail_now, NULL, NULL, NULL)); /* servers do that all day */
	OK(tend_spawn(s, panic_now, NULL, NULL, &held));
	OK(tend_spawn(s, wait_for, new_event(), NULL, &canceled));
	OK(tend_task_cancel(canceled, -ECANCELED, NULL));
	ck_assert_int_eq(joined(held).kind, TEND_PANICKED);
	ck_assert_int_eq(joined(canceled).kind, TEND_CANCELED);
	ck_assert_int_eq(told, 0);
	OK(tend_spawn(s, check_now, NULL, TEND_TASK_OPTS(.name = "t"), NULL));
	OK(tend_scope_close(s, SOON, NULL));
	ck_assert_int_eq(told, 1);
	ck_assert_ptr_eq(strstr(told_line, "tend: task w/s/t #"), told_line);
	ck_assert_ptr_nonnull(strstr(told_line, " panicked: "));
	ck_assert_ptr_nonnull(strstr(told_line, "rules.c:"));
	ck_assert_ptr_nonnull(strstr(told_line, "check failed: arg != NULL"));
	close_world();
}

static tend_scope below_it;
static int fails_below(void *arg)
{
	(void)arg;
	OK(tend_scope_open(below_it, "late", NULL, &(tend_scope){0}));
	OK(tend_spawn(below_it, end_at_once, NULL, NULL, NULL));
	return -EBADF;
}

SCENARIO(rule_22_a_report_counts_what_ended_and_names_the_first_failure)
{
	tend_scope s, early;
	tend_report *report;
	tend_task t;
	char text[1024];

	open_world(2);
	s = child(root, "s");
	/* Also what was below, in a scope that is closed by now. */
	early = child(s, "early");
	OK(tend_spawn(early, check_now, NULL, TEND_TASK_OPTS(.name = "bad"), NULL));
	OK(tend_scope_seal(early));
	ANSWERS(tend_spawn(early, end_at_once, NULL, NULL, NULL), -ESHUTDOWN);
	OK(tend_scope_close(early, SOON, NULL));
	below_it = child(s, "below");
	OK(tend_spawn(s, fails_below, NULL, TEND_TASK_OPTS(.name = "worse"), &t));
	ck_assert_int_eq(joined(t).kind, TEND_FAILED);
	for (int i = 0; i < 3; i++)
		OK(tend_spawn(s, wait_for, new_event(), NULL, NULL));
	OK(tend_scope_wait_empty(below_it, SOON));
	OK(tend_scope_seal(s));
	ANSWERS(tend_spawn(s, end_at_once, NULL, NULL, NULL), -ESHUTDOWN);
	OK(tend_shutdown(s, SOON, TEND_SHUTDOWN_OPTS(.report = &report)));
	ck_assert_uint_lt(tend_report_text(report, text, sizeof(text)), sizeof(text));
	ck_assert_ptr_nonnull(
		strstr(text, ": 1 completed, 1 failed, 3 canceled, 1 panicked, 2 refused\n"));
	ck_assert_ptr_nonnull(strstr(text, "  the first failure: w/s/early/bad: "));
	ck_assert_ptr_nonnull(strstr(text, "check failed: arg != NULL\n"));
	ck_assert_uint_lt(tend_report_json(report, text, sizeof(text)), sizeof(text));
	ck_assert_ptr_nonnull(strstr(text,
	                             "\"outcomes\":{\"completed\":1,\"failed\":1,\"canceled\":3,"
	                             "\"panicked\":1,\"aborted\":0,\"killed\":0,\"rejected\":0},"
	                             "\"refused\":2,"));
	ck_assert_ptr_nonnull(
		strstr(text, "\"first_failure\":{\"path\":\"w/s/early/bad\",\"error\":-14,"));
	tend_report_free(report);
	OK(tend_scope_close(s, SOON, NULL));
	close_world();
}

struct startup {
	tend_scope s;
	_Atomic int dropped;
	tend_event *never;
};
static int start_up(void *arg)
{
	struct startup *u = arg;
	int error;

	u->s = child(root, "service");
	for (int i = 0; i < 3; i++)
		OK(tend_spawn(u->s, wait_for, u->never, NULL, NULL));
	/* The fourth part cannot start: what had begun ends with its owner. */
	error = tend_spawn(u->s, NULL, NULL, NULL, NULL);
	ck_assert_int_eq(error, -EINVAL);
	return error;
}

SCENARIO(rule_24_a_failed_start_up_leaves_nothing_running)
{
	struct startup u = {{0}, 0, NULL};
	tend_task t;

	open_world(2);
	u.never = new_event();
	OK(tend_spawn(root, start_up, &u, NULL, &t));
	ck_assert_int_eq(joined(t).kind, TEND_FAILED);
	OK(tend_scope_wait_empty(root, SOON));
	IS(tree(), "");
	ANSWERS(tend_scope_live(u.s), -ESRCH);
	close_world();
}

struct inside {
	tend_scope s;
	tend_task self;
};
static int wait_for_yourself(void *arg)
{
	struct inside *i = arg;
	tend_scope own;

	ANSWERS(tend_join(tend_self(), NULL, SOON), -EDEADLK);
	ANSWERS(tend_scope_wait_empty(i->s, SOON), -EDEADLK);
	ANSWERS(tend_scope_close(i->s, SOON, NULL), -EDEADLK);
	ANSWERS(tend_shutdown(i->s, SOON, NULL), -EDEADLK);
	ANSWERS(tend_path_wait_empty(rt, "s", SOON), -EDEADLK);
	ANSWERS(tend_runtime_close(rt, SOON), -EDEADLK);
	own = child(i->s, "own");
	OK(tend_scope_close(own, SOON, NULL)); /* below is not inside */
	return 0;
}

SCENARIO(rule_27_waiting_for_yourself_is_an_error_and_no_hang)
{
	struct inside i;
	tend_task t;

	open_world(2);
	i.s = child(root, "s");
	OK(tend_spawn(i.s, wait_for_yourself, &i, NULL, &t));
	ck_assert_int_eq(joined(t).kind, TEND_COMPLETED);
	close_world();
}

/* ---- Whose turn it is ---- */

static _Atomic int over;

static int spawn_the_next(void *arg)
{
	return atomic_load(&over) ? 0
	                          : tend_spawn(tend_self_scope(), spawn_the_next, arg, NULL, NULL);
}

static int stop_them(void *event)
{
	OK(tend_event_wait(event, SOON));
	atomic_store(&over, 1);
	return 0;
}

SCENARIO(who_was_woken_runs_though_there_are_always_fresh_ones)
{
	tend_event *go;
	tend_task t;

	open_world(1);
	go = new_event();
	atomic_store(&over, 0);
	OK(tend_spawn(root, stop_them, go, NULL, &t));
	await_state(t.id, TEND_STATE_PARKED);
	OK(tend_spawn(root, spawn_the_next, NULL, NULL, NULL));
	tend_event_set(go);
	OK(tend_scope_wait_empty(root, SOON));
	close_world();
}

static int yield_until_over(void *arg)
{
	(void)arg;
	while (!atomic_load(&over))
		tend_yield();
	return 0;
}

static int end_it(void *arg)
{
	(void)arg;
	atomic_store(&over, 1);
	return 0;
}

SCENARIO(a_fresh_one_runs_though_others_are_always_ready)
{
	open_world(1);
	atomic_store(&over, 0);
	for (int i = 0; i < 3; i++)
		OK(tend_spawn(root, yield_until_over, NULL, NULL, NULL));
	OK(tend_spawn(root, end_it, NULL, NULL, NULL));
	OK(tend_scope_wait_empty(root, SOON));
	close_world();
}

/* ---- Places taken ahead ---- */

enum { AHEAD = 5 }; /* one, two and four are taken, and two are left */

struct ahead {
	tend_scope s;
	tend_task first;
	_Atomic int spawning, spawned, go;
};

/* Goes on without a switch; each look is a step of the simulator. */
static void compute_until(_Atomic int *flag)
{
	struct tend_outcome o;

	while (!atomic_load(flag))
		ANSWERS(tend_task_outcome(tend_self(), &o), -EAGAIN);
}

static int spawn_and_compute(void *arg)
{
	struct ahead *a = arg;
	tend_task t[AHEAD];

	for (int i = 0; i < AHEAD; i++) {
		if (i == 3)
			atomic_store(&a->spawning, 1); /* the next takes four */
		OK(tend_task_begin(a->s, NULL, &t[i]));
	}
	for (int i = 0; i < AHEAD; i++)
		OK(tend_task_end(t[i], 0));
	OK(tend_task_end(a->first, 0));
	atomic_store(&a->spawned, 1);
	compute_until(&a->go);
	return 0;
}

SCENARIO(places_taken_ahead_keep_nobody_waiting)
{
	/* Mostly the first: who takes places while another begins to wait is rare. */
	for (int i = 0; i < 20; i++) {
		int how = i < 18 ? 0 : i - 17;
		struct ahead a = {.go = 0};

		open_world(2);
		a.s = child(root, "s");
		OK(tend_task_begin(a.s, NULL, &a.first));
		OK(tend_spawn(root, spawn_and_compute, &a, NULL, NULL));
		await_count(how ? &a.spawned : &a.spawning, 1);
		if (how == 0)
			OK(tend_scope_wait_empty(a.s, SOON));
		else if (how == 1)
			OK(tend_shutdown(a.s, SOON, TEND_SHUTDOWN_OPTS(.drain = SOON)));
		else
			ck_assert_int_eq(live(a.s), 0);
		atomic_store(&a.go, 1);
		close_world();
	}
}

static int spawn_if_open(void *arg)
{
	struct ahead *a = arg;
	tend_task t;

	for (int i = 0; i < 30; i++) {
		int error = tend_task_begin(a->s, NULL, &t);

		ck_assert(!error || error == -ESHUTDOWN);
		if (!error)
			OK(tend_task_end(t, 0));
		atomic_store(&a->spawning, 1);
	}
	return 0;
}

SCENARIO(places_in_a_scope_that_is_sealed_and_opened_again_are_not_lost)
{
	struct ahead a = {.go = 0};

	open_world(2);
	a.s = child(root, "s");
	OK(tend_spawn(root, spawn_if_open, &a, NULL, NULL));
	await_count(&a.spawning, 1);
	for (int i = 0; i < 30; i++) {
		OK(tend_scope_seal(a.s));
		OK(tend_scope_unseal(a.s));
	}
	OK(tend_scope_wait_empty(root, SOON));
	OK(tend_scope_wait_empty(a.s, SOON));
	close_world();
}

static int own_and_leave(void *arg)
{
	struct ahead *a = arg;

	OK(tend_scope_open(root, "s", NULL, &a->s));
	OK(tend_task_begin(a->s, NULL, &a->first));
	OK(tend_spawn(root, spawn_and_compute, a, NULL, NULL));
	await_count(&a->spawned, 1);
	return 0;
}

SCENARIO(places_taken_ahead_keep_no_scope_whose_owner_has_ended)
{
	struct ahead a = {.go = 0};
	tend_task owner;

	open_world(2);
	OK(tend_spawn_thread(root, own_and_leave, &a, NULL, &owner));
	ck_assert_int_eq(joined(owner).kind, TEND_COMPLETED);
	ANSWERS(tend_scope_seal(a.s), -ESRCH);
	atomic_store(&a.go, 1);
	close_world();
}

static int spawn_and_look(void *arg)
{
	const tend_scope *s = arg;
	struct tend_stats stats;
	tend_task t[AHEAD], u;

	for (int i = 0; i < AHEAD; i++) {
		OK(tend_task_begin(s[1], NULL, &t[i]));
		OK(tend_scope_stats(s[1], &stats));
		ck_assert_uint_eq(stats.spawned, (uint64_t)i + 1);
	}
	OK(tend_scope_seal(s[1]));
	ANSWERS(tend_task_begin(s[1], NULL, &u), -ESHUTDOWN);
	OK(tend_scope_unseal(s[1]));
	for (int i = 0; i < AHEAD; i++)
		OK(tend_task_end(t[i], 0));
	for (int i = 0; i < AHEAD; i++)
		OK(tend_task_begin(s[1], NULL, &t[i]));
	ck_assert_int_eq(live(s[0]), AHEAD + 1);
	OK(tend_scope_cancel(s[1], -ECANCELED, NULL));
	ANSWERS(tend_task_begin(s[1], NULL, &u), -ECANCELED);
	for (int i = 0; i < AHEAD; i++)
		OK(tend_task_end(t[i], 0));
	ck_assert_int_eq(live(s[1]), 0);
	return 0;
}

SCENARIO(places_taken_ahead_are_not_counted_and_admit_nobody_too_late)
{
	tend_scope s[2];

	open_world(1);
	s[0] = child(root, "above");
	s[1] = child(s[0], "s");
	OK(tend_spawn(s[0], spawn_and_look, s, NULL, NULL));
	OK(tend_scope_wait_empty(root, SOON));
	close_world();
}

/* ---- Deadlines, shields, abort ---- */

SCENARIO(deadlines_are_inherited_and_the_earlier_wins)
{
	struct tend_reason reason;
	tend_scope s, c;
	tend_task t;

	open_world(2);
	OK(tend_scope_open(root, "s", TEND_SCOPE_OPTS(.deadline = tend_after(5 * TEND_MS)), &s));
	OK(tend_scope_open(s, "c", TEND_SCOPE_OPTS(.deadline = tend_after(3600 * TEND_SEC)), &c));
	int error = tend_spawn(c, wait_for, new_event(), NULL, &t);
	if (!error)
		ck_assert_int_eq(joined(t).reason.code, -ETIMEDOUT);
	else /* the threads of a busy machine may be late */
		ck_assert(!simulated && error == -ECANCELED);
	while (tend_scope_reason(c, &reason) == -ENOENT)
		compute();
	ck_assert_int_eq(reason.code, -ETIMEDOUT);
	close_world();
}

SCENARIO(a_task_has_a_deadline_of_its_own)
{
	struct tend_outcome o;
	tend_task t;

	open_world(2);
	OK(tend_spawn(root, wait_for, new_event(), TEND_TASK_OPTS(.deadline = tend_after(TEND_MS)),
	              &t));
	o = joined(t);
	ck_assert_int_eq(o.kind, TEND_CANCELED);
	ck_assert_int_eq(o.reason.code, -ETIMEDOUT);
	OK(tend_spawn(root, wait_for, new_event(), TEND_TASK_OPTS(.deadline = tend_now()), &t));
	ck_assert_int_eq(joined(t).kind, TEND_CANCELED);
	close_world();
}

static int ends_with(void *result)
{
	if (!result)
		tend_panic("without a result");
	return *(int *)result;
}

/* How the task ends, and why; a deadline is told from a cancel with the same code. */
static void ends_so(tend_task t, int32_t kind, int32_t error, bool timed_out)
{
	struct tend_outcome o = joined(t);

	ck_assert_int_eq(o.kind, kind);
	ck_assert_int_eq(o.error, error);
	ck_assert_uint_eq(o.timed_out, timed_out);
	ck_assert_uint_eq(o.attempts, 1);
}

SCENARIO(an_outcome_says_why_a_task_has_ended)
{
	int well = 7, badly = -ENOSPC;
	tend_event *never;
	tend_scope late;
	tend_task t;

	open_world(2);
	never = new_event();
	OK(tend_spawn(root, ends_with, &well, NULL, &t));
	ends_so(t, TEND_COMPLETED, 0, false);
	OK(tend_spawn(root, ends_with, &badly, NULL, &t));
	ends_so(t, TEND_FAILED, -ENOSPC, false);
	OK(tend_spawn(root, ends_with, NULL, NULL, &t));
	ends_so(t, TEND_PANICKED, -EFAULT, false);
	OK(tend_spawn(root, wait_for, never, NULL, &t));
	OK(tend_task_cancel(t, -ETIMEDOUT, "by somebody"));
	ends_so(t, TEND_CANCELED, -ETIMEDOUT, false);
	OK(tend_spawn(root, wait_for, never, TEND_TASK_OPTS(.deadline = tend_after(TEND_MS)), &t));
	ends_so(t, TEND_CANCELED, -ETIMEDOUT, true);
	OK(tend_spawn(root, wait_for, never, TEND_TASK_OPTS(.deadline = tend_now()), &t));
	ends_so(t, TEND_CANCELED, -ETIMEDOUT, true);
	OK(tend_scope_open(root, "late", TEND_SCOPE_OPTS(.deadline = tend_after(TEND_MS)), &late));
	int error = tend_spawn(late, wait_for, never, NULL, &t);
	if (!error)
		ends_so(t, TEND_CANCELED, -ETIMEDOUT, false);
	else /* the threads of a busy machine may be late */
		ck_assert(error == -ECANCELED && !simulated);
	OK(tend_spawn(root, wait_for, never, TEND_TASK_OPTS(.flags = TEND_ABORTABLE), &t));
	await_state(t.id, TEND_STATE_PARKED);
	OK(tend_abort(t));
	ends_so(t, TEND_ABORTED, -ECANCELED, false);
	close_world();
}

SCENARIO(a_shielded_scope_is_canceled_when_its_shield_ends)
{
	struct tend_outcome o;
	uint64_t until;
	tend_scope s, c;
	tend_task t;

	open_world(2);
	s = child(root, "s");
	until = tend_after(20 * TEND_MS);
	OK(tend_scope_open(s, "c", TEND_SCOPE_OPTS(.shield = until), &c));
	OK(tend_spawn(c, wait_for, new_event(), NULL, &t));
	OK(tend_scope_cancel(s, -ECANCELED, "from above"));
	o = joined(t);
	ck_assert_int_eq(o.kind, TEND_CANCELED);
	ck_assert_str_eq(o.reason.text, "from above");
	ck_assert_uint_ge(tend_now(), until);
	close_world();
}

static void wait_in_cleanup(void *arg) { ANSWERS(tend_event_wait(arg, TEND_FOREVER), -ECANCELED); }
static int with_cleanup(void *arg)
{
	OK(tend_defer(wait_in_cleanup, arg));
	(void)!tend_event_wait(arg, TEND_FOREVER);
	ck_abort_msg("it was not aborted in its wait");
	return 0;
}

SCENARIO(an_abort_ends_a_fiber_in_its_wait_after_its_cleanups)
{
	tend_event *never;
	tend_task t;

	open_world(2);
	never = new_event();
	OK(tend_spawn(root, with_cleanup, never, TEND_TASK_OPTS(.flags = TEND_ABORTABLE), &t));
	await_state(t.id, TEND_STATE_PARKED);
	OK(tend_abort(t));
	ck_assert_int_eq(joined(t).kind, TEND_ABORTED);
	close_world();
}

static _Atomic int cleanup_order;
static void first_in(void *arg)
{
	(void)arg;
	ck_assert_int_eq(cleanup_order++, 1);
}
static void last_in(void *arg)
{
	(void)arg;
	ck_assert_int_eq(cleanup_order++, 0);
}
static int two_cleanups(void *arg)
{
	OK(tend_defer(first_in, NULL));
	OK(tend_defer(last_in, NULL));
	if (arg)
		tend_panic("with cleanups");
	return 0;
}

SCENARIO(cleanups_run_newest_first_after_return_and_panic)
{
	tend_task t;

	open_world(2);
	cleanup_order = 0;
	OK(tend_spawn(root, two_cleanups, NULL, NULL, &t));
	ck_assert_int_eq(joined(t).kind, TEND_COMPLETED);
	cleanup_order = 0;
	OK(tend_spawn(root, two_cleanups, &t, NULL, &t));
	ck_assert_int_eq(joined(t).kind, TEND_PANICKED);
	ck_assert_int_eq(cleanup_order, 2);
	close_world();
}

static void panic_here(void *arg)
{
	(void)arg;
	tend_panic("at its end");
}
static int panic_at_the_end(void *in_drop)
{
	OK(tend_defer(first_in, NULL));
	if (!in_drop)
		OK(tend_defer(panic_here, NULL));
	OK(tend_defer(last_in, NULL));
	return 0;
}

/* As a panic of the body: the rest of the cleanups run, and others go on. */
SCENARIO(a_panic_in_a_cleanup_or_a_drop_ends_the_task_after_the_others)
{
	struct tend_outcome o;
	tend_task t;

	open_world(2);
	for (int thread = 0; thread < 2; thread++)
		for (int in_drop = 0; in_drop < 2; in_drop++) {
			const struct tend_task_opts *opts =
				TEND_TASK_OPTS(.drop = in_drop ? panic_here : NULL);

			cleanup_order = 0;
			if (thread)
				OK(tend_spawn_thread(root, panic_at_the_end, in_drop ? &t : NULL,
				                     opts, &t));
			else
				OK(tend_spawn(root, panic_at_the_end, in_drop ? &t : NULL, opts,
				              &t));
			o = joined(t);
			ck_assert_int_eq(o.kind, TEND_PANICKED);
			ck_assert_ptr_nonnull(strstr(o.message, "at its end"));
			ck_assert_int_eq(cleanup_order, 2);
		}
	close_world();
}

static int name_thyself(void *arg)
{
	tend_event *e = arg;

	return tend_event_wait(e, TEND_FOREVER);
}

SCENARIO(a_thread_task_waits_and_is_canceled_like_a_fiber)
{
	tend_task t, u;
	tend_event *go;

	open_world(2);
	go = new_event();
	OK(tend_spawn_thread(root, name_thyself, go, TEND_TASK_OPTS(.name = "thread"), &t));
	OK(tend_spawn_thread(root, panic_now, NULL, NULL, &u));
	ck_assert_int_eq(joined(u).kind, TEND_PANICKED);
	OK(tend_task_cancel(t, -ECANCELED, NULL));
	ck_assert_int_eq(joined(t).kind, TEND_CANCELED);
	close_world();
}

SCENARIO(a_watch_sets_its_event_when_the_task_has_ended)
{
	tend_event *go, *ended;
	tend_task t;

	open_world(2);
	go = new_event();
	ended = new_event();
	OK(tend_spawn(root, wait_for, go, NULL, &t));
	OK(tend_watch(t, ended));
	OK(tend_unwatch(t, ended));
	ANSWERS(tend_unwatch(t, ended), -ENOENT);
	OK(tend_watch(t, ended));
	ANSWERS(tend_event_wait(ended, 0), -ETIMEDOUT);
	tend_event_set(go);
	OK(tend_event_wait(ended, SOON));
	close_world();
}

SCENARIO(a_sealed_scope_reopens)
{
	tend_scope s;

	open_world(1);
	s = child(root, "s");
	OK(tend_scope_seal(s));
	OK(tend_scope_seal(s));
	ANSWERS(tend_spawn(s, end_at_once, NULL, NULL, NULL), -ESHUTDOWN);
	OK(tend_scope_unseal(s));
	OK(tend_spawn(s, end_at_once, NULL, NULL, NULL));
	close_world();
}

/* ---- Rules 1, 5, 7, 21 ---- */

struct gate {
	tend_scope s;
	_Atomic int admitted, refused, called, dropped, unlisted;
};
static struct gate gate;
static int look_for_itself(void *arg)
{
	char path[64];

	(void)arg;
	gate.called++;
	gate.unlisted += tend_path(tend_self().id, path, sizeof(path)) < 0;
	return 0;
}
static void count_drop(void *arg)
{
	(void)arg;
	gate.dropped++;
}
static int knock(void *arg)
{
	(void)arg;
	for (int i = 0; i < 10; i++) {
		tend_task t;
		int error = tend_spawn(gate.s, look_for_itself, NULL,
		                       TEND_TASK_OPTS(.drop = count_drop), i % 2 ? &t : NULL);

		ck_assert(error == 0 || error == -ECANCELED);
		gate.admitted += !error;
		gate.refused += error != 0;
		tend_yield();
	}
	return 0;
}

SCENARIO(rule_01_admitted_is_registered_and_awaited_and_refused_is_never_called)
{
	struct tend_stats n;
	tend_task t[3];
	int called, dropped;

	open_world(2);
	memset(&gate, 0, sizeof(gate));
	gate.s = child(root, "gate");
	for (int i = 0; i < 2; i++)
		OK(tend_spawn(root, knock, NULL, NULL, &t[i]));
	OK(tend_spawn_thread(root, knock, NULL, NULL, &t[2]));
	await_count(&gate.admitted, 3);
	OK(tend_scope_cancel(gate.s, -ECANCELED, "shut"));
	OK(tend_scope_wait_empty(gate.s, SOON));
	called = gate.called;
	dropped = gate.dropped;
	for (int i = 0; i < 3; i++)
		joined(t[i]);
	/* Nothing ran after the canceled scope was empty. */
	ck_assert_int_eq(gate.called, called);
	ck_assert_int_eq(gate.dropped, dropped);
	ck_assert_int_eq(gate.unlisted, 0);
	ck_assert_int_eq(gate.admitted + gate.refused, 30);
	ck_assert_int_eq(gate.dropped, gate.admitted);
	OK(tend_scope_close(gate.s, SOON, &n));
	ck_assert_uint_eq(n.spawned, (uint64_t)gate.admitted);
	ck_assert_uint_eq(n.refused, (uint64_t)gate.refused);
	ck_assert_uint_eq(n.completed + n.canceled, n.spawned);
	ck_assert_uint_le((uint64_t)gate.called, n.spawned);
	close_world();
}

SCENARIO(rule_05_an_overflow_is_told_and_is_no_event_itself)
{
	enum { MANY = 300 }; /* the world's rings hold 64 */
	static struct tend_event_info e[4 * MANY];
	tend_subscription *sub;
	uint64_t lost = 0, again = 1;
	tend_task t;
	int64_t n;

	open_world(1);
	OK(tend_subscribe(rt, &sub));
	for (int i = 0; i < MANY; i++) {
		OK(tend_spawn(root, end_at_once, NULL, NULL, &t));
		joined(t);
	}
	n = tend_events_take(sub, e, 4 * MANY, &lost);
	ck_assert_int_ge((int)n, 1);
	ck_assert_uint_gt(lost, 0);
	ck_assert_uint_eq((uint64_t)n + lost, 3 * MANY);
	for (int64_t i = 1; i < n; i++)
		ck_assert_uint_gt(e[i].number, e[i - 1].number);
	/* Nothing happens, and so nothing is told: neither an event nor a loss. */
	for (int i = 0; i < 3; i++) {
		ANSWERS(tend_events_take(sub, e, 4 * MANY, &again), 0);
		ck_assert_uint_eq(again, 0);
	}
	tend_unsubscribe(sub);
	close_world();
}

static int leave_by_panic(void *arg)
{
	OK(tend_defer(count_one, arg));
	tend_panic("one way out");
}
static int leave_by_return(void *arg)
{
	OK(tend_defer(count_one, arg));
	return 0;
}
static int leave_when_aborted(void *arg)
{
	OK(tend_defer(count_one, arg));
	for (;;)
		if (tend_sleep_until(TEND_FOREVER) && tend_yield())
			continue;
	return 0;
}
static int leave_by_pthread_exit(void *arg)
{
	OK(tend_defer(count_one, arg));
	pthread_exit(NULL);
}

/* The task ends once: counted, no longer live, its argument given back, and all
 * of that before `ended` is told. */
static void leaves(tend_fn *fn, bool thread, uint32_t flags, int want)
{
	_Atomic int cleaned = 0;
	struct tend_event_info e[8];
	tend_subscription *sub;
	struct tend_outcome o;
	struct tend_stats n;
	int64_t events;
	int ended = 0;
	tend_scope s = child(root, "s");
	tend_task t;

	OK(tend_subscribe(rt, &sub));
	if (thread)
		OK(tend_spawn_thread(s, fn, &cleaned, NULL, &t));
	else
		OK(tend_spawn(s, fn, &cleaned, TEND_TASK_OPTS(.flags = flags), &t));
	if (flags & TEND_ABORTABLE) {
		await_state(t.id, TEND_STATE_PARKED);
		OK(tend_abort(t));
	}
	for (uint64_t deadline = SOON; !ended; tend_yield()) {
		events = tend_events_take(sub, e, 8, NULL);
		for (int64_t i = 0; i < events; i++)
			ended += e[i].type == TEND_EVENT_ENDED && e[i].id == t.id;
		ck_assert_uint_lt(tend_now(), deadline);
	}
	OK(tend_task_outcome(t, &o));
	ck_assert_int_eq(o.kind, want);
	OK(tend_scope_stats(s, &n));
	ck_assert_uint_eq(n.completed + n.panicked + n.aborted, 1);
	ck_assert_int_eq(cleaned, 1);
	tend_unsubscribe(sub);
	OK(tend_scope_close(s, SOON, NULL));
	ANSWERS(tend_task_outcome(t, &o), -ESRCH);
}

SCENARIO(rule_07_every_way_out_leaves_the_registry_before_it_is_told)
{
	open_world(2);
	leaves(leave_by_return, false, 0, TEND_COMPLETED);
	leaves(leave_by_return, true, 0, TEND_COMPLETED);
	leaves(leave_by_panic, false, 0, TEND_PANICKED);
	leaves(leave_by_panic, true, 0, TEND_PANICKED);
	leaves(leave_when_aborted, false, TEND_ABORTABLE, TEND_ABORTED);
	/* Virtual threads are no pthreads. */
	if (!simulated)
		leaves(leave_by_pthread_exit, true, 0, TEND_ABORTED);
	close_world();
}

static int close_by_a_copy(void *arg)
{
	tend_scope copy = *(const tend_scope *)arg;

	return tend_scope_close(copy, SOON, NULL);
}

SCENARIO(rule_21_a_copied_handle_is_neither_an_owner_nor_a_reference)
{
	tend_event *go;
	tend_scope s, again;
	tend_task t, closer;

	open_world(2);
	go = new_event();
	s = child(root, "s");
	OK(tend_spawn(s, wait_for, go, TEND_TASK_OPTS(.name = "waiter"), &t));
	{
		tend_scope copy = s;

		ANSWERS(live(copy), 1);
	}
	IS(tree(), "s(waiter)");
	ANSWERS(tend_scope_reason(s, NULL), -ENOENT);
	/* Whoever closes it closes it for all, once; copies know. */
	OK(tend_spawn(root, close_by_a_copy, &s, NULL, &closer));
	tend_event_set(go);
	ck_assert_int_eq(joined(closer).result, 0);
	ANSWERS(tend_scope_close(s, SOON, NULL), -ESRCH);
	/* Its place may be used again: the old handle is not the new one. */
	again = child(root, "s");
	ck_assert_uint_ne(again.id, s.id);
	ANSWERS(tend_scope_cancel(s, -ECANCELED, NULL), -ESRCH);
	ANSWERS(tend_scope_reason(again, NULL), -ENOENT);
	IS(tree(), "s()");
	close_world();
}

struct one_more {
	tend_channel *channel;
	_Atomic int sent;
};
static int send_two(void *arg)
{
	struct one_more *m = arg;

	for (int i = 1; i <= 2; i++) {
		OK(tend_channel_send(m->channel, &i, TEND_FOREVER));
		m->sent++;
	}
	return 0;
}

SCENARIO(a_sender_is_let_in_when_an_item_is_taken)
{
	struct one_more m = {NULL, 0};
	tend_task t;
	int item;

	open_world(2);
	OK(tend_channel_open(sizeof(item), 1, &m.channel));
	OK(tend_spawn(root, send_two, &m, NULL, &t));
	await_count(&m.sent, 1);
	await_state(t.id, TEND_STATE_PARKED);
	OK(tend_channel_recv(m.channel, &item, SOON));
	ck_assert_int_eq(item, 1);
	/* Nobody takes the second, and still it is in. */
	ck_assert_int_eq(joined(t).kind, TEND_COMPLETED);
	OK(tend_channel_recv(m.channel, &item, SOON));
	ck_assert_int_eq(item, 2);
	tend_channel_free(m.channel);
	close_world();
}
