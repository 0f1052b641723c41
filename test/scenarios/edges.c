/* Where two rules meet: ends of owners, shields, cleanups and ways out. */
#include "scenario.h"

#include <pthread.h>
#include <stdio.h>

/* ---- The end of an owner ---- */

struct owner {
	tend_event *go, *done;
	tend_scope own, others;
	tend_task kept;
};

static int own_something_below(void *arg)
{
	struct owner *o = arg;
	struct tend_outcome out;

	OK(tend_scope_open(o->own, "others", NULL, &o->others));
	OK(tend_spawn(o->others, end_at_once, NULL, NULL, &o->kept));
	OK(tend_scope_wait_empty(o->others, SOON));
	tend_event_set(o->go);
	ANSWERS(tend_sleep_until(TEND_FOREVER), -ECANCELED);
	/* Its owner has ended, this task has not. */
	for (int i = 0; i < 20; i++)
		tend_yield();
	OK(tend_task_outcome(o->kept, &out));
	OK(tend_scope_close(o->others, TEND_FOREVER, NULL));
	return 0;
}

static int own_and_end(void *arg)
{
	struct owner *o = arg;

	OK(tend_scope_open(root, "own", NULL, &o->own));
	OK(tend_spawn(o->own, own_something_below, o, NULL, NULL));
	return tend_event_wait(o->go, TEND_FOREVER);
}

SCENARIO(what_others_own_below_stays_until_all_is_over)
{
	struct owner o = {0};

	open_world(2);
	o.go = new_event();
	OK(tend_spawn(root, own_and_end, &o, NULL, NULL));
	OK(tend_scope_wait_empty(root, SOON));
	ANSWERS(tend_scope_reason(o.own, NULL), -ESRCH);
	close_world();
}

static int own_only(void *arg)
{
	struct owner *o = arg;

	OK(tend_scope_open(root, "own", NULL, &o->own));
	tend_event_set(o->go);
	return tend_yield();
}

static int seal_it(void *arg)
{
	struct owner *o = arg;

	OK(tend_event_wait(o->go, SOON));
	for (int i = 0; i < 20 && tend_scope_seal(o->own) == 0; i++) {}
	return 0;
}

SCENARIO(a_seal_does_not_keep_what_has_lost_its_owner)
{
	struct owner o = {0};
	tend_task owner, sealer;

	open_world(2);
	o.go = new_event();
	OK(tend_spawn_thread(root, seal_it, &o, NULL, &sealer));
	OK(tend_spawn(root, own_only, &o, NULL, &owner));
	joined(owner);
	joined(sealer);
	ANSWERS(tend_scope_reason(o.own, NULL), -ESRCH);
	close_world();
}

/* ---- Shields ---- */

static _Atomic int step;

static int wait_behind_a_shield(void *event)
{
	uint64_t outer;

	OK(tend_shield_begin(SOON, &outer));
	atomic_store(&step, 1);
	/* In vain, both: the second when the abort has come. */
	ANSWERS(tend_event_wait(event, tend_after(20 * TEND_MS)), -ETIMEDOUT);
	ANSWERS(tend_event_wait(event, 0), -ETIMEDOUT);
	atomic_store(&step, 2);
	tend_shield_end(outer);
	return tend_event_wait(event, TEND_FOREVER);
}

SCENARIO(an_abort_waits_for_the_end_of_a_shield)
{
	tend_task t;

	open_world(1);
	atomic_store(&step, 0);
	OK(tend_spawn(root, wait_behind_a_shield, new_event(),
	              TEND_TASK_OPTS(.flags = TEND_ABORTABLE), &t));
	await_count(&step, 1);
	OK(tend_abort(t));
	ck_assert_int_eq(joined(t).kind, TEND_ABORTED);
	ck_assert_int_eq(atomic_load(&step), 2);
	close_world();
}

static int until_canceled(void *arg)
{
	uint64_t *at = arg;

	ANSWERS(tend_sleep_until(TEND_FOREVER), -ECANCELED);
	*at = tend_now();
	return 0;
}

SCENARIO(an_inner_scope_is_shielded_no_longer_than_the_outer_one)
{
	uint64_t begun, at = 0;
	tend_scope outer, between, inner;
	tend_task t;

	open_world(1);
	begun = tend_now();
	OK(tend_scope_open(root, "outer", TEND_SCOPE_OPTS(.shield = begun + 50 * TEND_MS), &outer));
	between = child(outer, "between");
	OK(tend_scope_open(between, "inner", TEND_SCOPE_OPTS(.shield = begun + 60 * TEND_SEC),
	                   &inner));
	OK(tend_spawn(inner, until_canceled, &at, NULL, &t));
	OK(tend_scope_cancel(root, -ECANCELED, NULL));
	joined(t);
	ck_assert_uint_ge(at, begun + 50 * TEND_MS);
	ck_assert_uint_lt(at, begun + 40 * TEND_SEC);
	close_world();
}

/* ---- Cleanups that do not come back ---- */

static void panic_there(void *arg)
{
	(void)arg;
	tend_panic("in a cleanup");
}

static int shut_it(void *arg) { return tend_shutdown(*(tend_scope *)arg, SOON, NULL); }

static _Atomic int cleaned;

/* The operation is nobody's: every caller gets its result, and nothing else is lost. */
SCENARIO(a_cleanup_that_panics_keeps_no_other_from_running)
{
	struct tend_stats n;
	tend_task first;
	tend_scope s;

	open_world(2);
	cleaned = 0;
	s = child(root, "s");
	OK(tend_scope_cleanup(s, count_one, &cleaned));
	OK(tend_scope_cleanup(s, panic_there, NULL));
	OK(tend_scope_cleanup(s, panic_there, NULL));
	OK(tend_scope_cleanup(child(s, "deep"), panic_there, NULL));
	OK(tend_spawn(s, wait_for, new_event(), NULL, NULL));
	OK(tend_spawn(root, shut_it, &s, NULL, &first));
	OK(tend_shutdown(s, SOON, NULL));
	ck_assert_int_eq(joined(first).result, 0);
	ck_assert_int_eq(cleaned, 1);
	OK(tend_scope_close(s, SOON, &n));
	ck_assert_uint_eq(n.canceled, 1);
	OK(tend_scope_wait_empty(tend_detached(rt), SOON));
	OK(tend_scope_stats(tend_detached(rt), &n));
	ck_assert_uint_eq(n.panicked, 3);
	close_world();
}

static _Atomic int answered;
static void wait_there(void *event)
{
	answered = tend_event_wait(event, TEND_FOREVER);
	cleaned++;
}
static int shut_in_an_hour(void *arg)
{
	return tend_shutdown(*(tend_scope *)arg, tend_after(3600 * TEND_SEC), NULL);
}

/* The cleanup waits for what does not come. The deadline holds, also that of the caller that
 * comes later and has less time; the report names the cleanup, which hears of the deadline
 * afterwards, and the next cleanup still runs. */
SCENARIO(a_late_cleanup_is_named_and_the_deadline_holds)
{
	char text[2048];
	tend_report *report;
	tend_task first;
	tend_scope s;

	open_world(2);
	cleaned = 0;
	answered = 0;
	s = child(root, "s");
	OK(tend_scope_cleanup(s, count_one, &cleaned));
	OK(tend_scope_cleanup(s, wait_there, new_event()));
	OK(tend_spawn(s, wait_for, new_event(), NULL, NULL));
	OK(tend_spawn(root, shut_in_an_hour, &s, NULL, &first));
	await_state(first.id, TEND_STATE_PARKED);
	ck_assert_int_eq(tend_scope_reason(s, NULL), -ENOENT);
	uint64_t deadline = tend_after(50 * TEND_MS);
	ANSWERS(tend_shutdown(s, deadline, TEND_SHUTDOWN_OPTS(.report = &report)), -ETIMEDOUT);
	if (simulated)
		ck_assert_uint_eq(tend_now(), deadline);
	ck_assert_int_eq(joined(first).result, -ETIMEDOUT);
	/* On threads the task, too, may be late. */
	ck_assert_uint_ge(tend_report_abandoned(report), 1);
	ck_assert(!simulated || tend_report_abandoned(report) == 1);
	ck_assert_uint_lt(tend_report_text(report, text, sizeof(text)), sizeof(text));
	ck_assert_msg(strstr(text, "/s cleanup ") && strstr(text, "fiber  late, event#"), "%s",
	              text);
	ck_assert_uint_lt(tend_report_json(report, text, sizeof(text)), sizeof(text));
	ck_assert_msg(strstr(text, "/s\",\"cleanup\":\"") != NULL, "%s", text);
	tend_report_free(report);
	OK(tend_scope_close(s, SOON, NULL));
	OK(tend_scope_wait_empty(tend_detached(rt), SOON));
	ck_assert_int_eq(answered, -ECANCELED);
	ck_assert_int_eq(cleaned, 2);
	close_world();
}

/* No cancel but the end of its time reaches a cleanup: neither that of the caller, nor that
 * of the root. */
static void still_works(void *event)
{
	tend_event_set(event);
	answered = tend_sleep_until(tend_after(20 * TEND_MS));
	cleaned++;
}

SCENARIO(a_cleanup_is_shielded_until_the_deadline)
{
	tend_event *begun;
	tend_task first;
	tend_scope s;

	open_world(2);
	cleaned = 0;
	answered = -1;
	begun = new_event();
	s = child(root, "s");
	OK(tend_scope_cleanup(s, still_works, begun));
	OK(tend_spawn(root, shut_it, &s, NULL, &first));
	OK(tend_event_wait(begun, SOON));
	OK(tend_scope_cancel(root, -ECANCELED, NULL));
	ANSWERS(joined(first).result, 0);
	ck_assert_int_eq(answered, 0);
	ck_assert_int_eq(cleaned, 1);
	close_world();
}

SCENARIO(a_cleanup_of_the_root_may_wait)
{
	open_world(1);
	cleaned = 0;
	answered = -1;
	OK(tend_scope_cleanup(root, still_works, new_event()));
	OK(tend_scope_cleanup(tend_detached(rt), still_works, new_event()));
	OK(tend_shutdown(root, SOON, NULL));
	ck_assert_int_eq(answered, 0);
	ck_assert_int_eq(cleaned, 2);
	close_world();
}

/* With no time at all each cleanup is still called. */
SCENARIO(a_cleanup_runs_also_when_there_is_no_time_for_it)
{
	tend_scope s;

	open_world(1);
	cleaned = 0;
	s = child(root, "s");
	OK(tend_scope_cleanup(s, count_one, &cleaned));
	OK(tend_scope_cleanup(s, wait_there, new_event()));
	int error = tend_shutdown(s, 0, NULL);
	ck_assert(!error || error == -ETIMEDOUT);
	OK(tend_scope_close(s, SOON, NULL));
	OK(tend_scope_wait_empty(tend_detached(rt), SOON));
	ck_assert_int_eq(cleaned, 2);
	close_world();
}

static _Atomic int filled;
static int fill_and_wait(void *scope)
{
	tend_event *never = new_event();

	while (!tend_spawn(*(tend_scope *)scope, wait_for, never, NULL, NULL)) {}
	filled = 1;
	return tend_event_wait(never, TEND_FOREVER);
}

/* At tasks_max there is no room for the cleanup, until the cancel makes some. */
SCENARIO(a_cleanup_without_room_runs_after_the_cancel)
{
	tend_scope s;

	open_world(1);
	cleaned = filled = 0;
	s = child(root, "s");
	OK(tend_scope_cleanup(s, count_one, &cleaned));
	OK(tend_spawn(s, fill_and_wait, &s, NULL, NULL));
	await_count(&filled, 1);
	OK(tend_shutdown(s, SOON, NULL));
	ck_assert_int_eq(cleaned, 1);
	close_world();
}

static tend_scope shut_again;
static void shut_from_within(void *answer)
{
	*(int *)answer = tend_shutdown(shut_again, SOON, NULL);
}

SCENARIO(a_cleanup_cannot_wait_for_its_own_shutdown)
{
	int answer = 0;
	tend_task driver;

	open_world(1);
	shut_again = child(root, "s");
	OK(tend_scope_cleanup(shut_again, shut_from_within, &answer));
	OK(tend_spawn(root, shut_it, &shut_again, NULL, &driver));
	ck_assert_int_eq(joined(driver).result, 0);
	ck_assert_int_eq(answer, -EDEADLK);
	close_world();
}

/* ---- Ways out ---- */

static _Atomic int drops, late_cleanups;
static void defer_once_more(void *arg)
{
	(void)arg;
	atomic_fetch_add(&drops, 1);
	OK(tend_defer(count_one, &late_cleanups));
}
static void drop_and_exit(void *arg)
{
	defer_once_more(arg);
	pthread_exit(NULL);
}

static void dropped_once(tend_task t)
{
	joined(t);
	ck_assert_int_eq(atomic_exchange(&drops, 0), 1);
	ck_assert_int_eq(atomic_exchange(&late_cleanups, 0), 1);
}

SCENARIO(what_a_drop_defers_runs_and_a_drop_runs_once)
{
	tend_task t;

	open_world(2);
	OK(tend_spawn(root, end_at_once, NULL, TEND_TASK_OPTS(.drop = defer_once_more), &t));
	dropped_once(t);
	OK(tend_spawn_thread(root, end_at_once, NULL, TEND_TASK_OPTS(.drop = defer_once_more), &t));
	dropped_once(t);
	if (!simulated) {
		OK(tend_spawn_thread(root, end_at_once, NULL, TEND_TASK_OPTS(.drop = drop_and_exit),
		                     &t));
		dropped_once(t);
	}
	close_world();
}

static int cancel_this_thread(void *arg)
{
	int item = 1;

	/* It waits for the next cancellation point: there shall be none in here. */
	pthread_cancel(pthread_self());
	return arg ? tend_channel_send(arg, &item, 0) : 0;
}

static int receive(void *channel)
{
	int item;

	return tend_channel_recv(channel, &item, SOON);
}

SCENARIO(a_canceled_thread_leaves_with_nothing_in_its_hands)
{
	const uint64_t far = tend_after(3600 * TEND_SEC);
	tend_channel *c;
	tend_scope s;
	tend_task t;
	int item = 2;

	if (simulated)
		return; /* its threads are no pthreads */
	open_world(1);
	OK(tend_channel_open(sizeof(item), 1, &c));
	s = child(root, "s");
	/* Its alarm is given back at its end, with the lock of the monitor. */
	OK(tend_spawn_thread(s, cancel_this_thread, NULL, TEND_TASK_OPTS(.deadline = far), NULL));
	/* And here a fiber is woken with the channel's lock. */
	OK(tend_spawn(root, receive, c, NULL, &t));
	await_state(t.id, TEND_STATE_PARKED);
	OK(tend_spawn_thread(s, cancel_this_thread, c, NULL, NULL));
	OK(tend_scope_close(s, SOON, NULL));
	joined(t);
	OK(tend_channel_send(c, &item, SOON));
	close_world();
	tend_channel_free(c);
}

/* ---- Depth ---- */

SCENARIO(a_spawn_into_the_deepest_scope_needs_no_deep_stack)
{
	tend_scope s, next;
	tend_task t;

	open_world(1);
	s = root;
	while (tend_scope_open(s, "deeper", NULL, &next) == 0)
		s = next;
	for (int i = 0; i < 3; i++) {
		OK(tend_spawn(s, end_at_once, NULL, TEND_TASK_OPTS(.stack_bytes = 16384), &t));
		joined(t);
		OK(tend_scope_wait_empty(root, SOON));
	}
	close_world();
}

static const char *with_id(const char *path, uint64_t id, const char *rest)
{
	static char text[128];

	snprintf(text, sizeof(text), "%s#%llu%s", path, (unsigned long long)id, rest);
	return text;
}

SCENARIO(an_id_in_a_path_chooses_one_of_several_with_a_name)
{
	tend_event *go;
	tend_scope a, b, named;
	tend_task t;

	open_world(2);
	go = new_event();
	a = child(root, "pool");
	b = child(root, "pool");
	OK(tend_spawn(a, wait_for, go, TEND_TASK_OPTS(.name = "x"), &t));
	OK(tend_spawn(b, wait_for, go, NULL, NULL));
	OK(tend_spawn(b, wait_for, go, NULL, NULL));
	ANSWERS(tend_path_live(rt, "pool"), 3);
	ANSWERS(tend_path_live(rt, with_id("pool", a.id, "")), 1);
	ANSWERS(tend_path_live(rt, with_id("pool", b.id, "")), 2);
	ANSWERS(tend_path_live(rt, with_id("pool", a.id, "/x")), 1);
	ANSWERS(tend_path_live(rt, with_id("pool/x", t.id, "")), 1);
	ANSWERS(tend_path_live(rt, with_id("pool", b.id, "/x")), 0);
	ANSWERS(tend_path_live(rt, with_id("pool/x", a.id, "")), -ESRCH);
	ANSWERS(tend_path_live(rt, with_id("poo", a.id, "")), -ESRCH);
	/* A name may look like a name with an id. */
	named = child(root, with_id("named", a.id, ""));
	ANSWERS(tend_path_live(rt, with_id("named", a.id, "")), 0);
	OK(tend_spawn(named, wait_for, go, NULL, NULL));
	ANSWERS(tend_path_live(rt, with_id("named", a.id, "/task")), 1);
	ANSWERS(tend_path_wait_empty(rt, with_id("pool", b.id, ""), 0), -ETIMEDOUT);
	tend_event_set(go);
	OK(tend_path_wait_empty(rt, with_id("pool", b.id, ""), SOON));
	OK(tend_scope_close(b, SOON, NULL));
	ANSWERS(tend_path_wait_empty(rt, with_id("pool", b.id, ""), SOON), -ESRCH);
	close_world();
}
