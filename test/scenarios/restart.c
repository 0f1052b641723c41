/* Tasks that run again: the rules of attempts in doc/model.md. Instants are exact in the
 * simulator; on threads they are only bounds from below. */
#include "scenario.h"

#include <stdio.h>

enum { RUNS_MAX = 16 };

/* A body that answers what it was told to, and notes when it began. */
struct body {
	int answers[RUNS_MAX];
	int n; /* answers; the last one is repeated */
	_Atomic int runs, inside, most, dropped, cleaned;
	uint64_t begun[RUNS_MAX], took;
	tend_event *waits_for; /* or NULL */
	int panics;            /* so many attempts panic */
};

static void clean(void *arg) { count_one(&((struct body *)arg)->cleaned); }
static void drop(void *arg) { count_one(&((struct body *)arg)->dropped); }

static int run(void *arg)
{
	struct body *b = arg;
	int i = b->runs++, inside = ++b->inside;

	if (inside > b->most)
		b->most = inside;
	if (i < RUNS_MAX)
		b->begun[i] = tend_now();
	OK(tend_defer(clean, b));
	if (b->took)
		(void)!tend_sleep(b->took);
	int error = b->waits_for ? tend_event_wait(b->waits_for, TEND_FOREVER) : 0;
	b->inside--;
	if (i < b->panics)
		tend_panic("attempt %d", i + 1);
	return error ? error : b->answers[i < b->n ? i : b->n - 1];
}

static tend_task start(struct body *b, const struct tend_restart *restart)
{
	tend_task t;

	OK(tend_spawn(root, run, b, TEND_TASK_OPTS(.name = "t", .drop = drop, .restart = restart),
	              &t));
	return t;
}

/* What every body that has ended for good has in common. */
static void ended(struct body *b, int runs)
{
	ck_assert_int_eq(b->runs, runs);
	ck_assert_int_eq(b->most, runs > 0);
	ck_assert_int_eq(b->cleaned, runs);
	ck_assert_int_eq(b->dropped, 1);
}

/* In the simulator the rest before attempt `i` (from 1) took `ns` to the nanosecond. */
static void rested(const struct body *b, int i, uint64_t ns)
{
	uint64_t rest = b->begun[i - 1] - b->begun[i - 2];

	ck_assert_uint_ge(rest, ns);
	if (simulated)
		ck_assert_uint_eq(rest, ns);
}

#define AT_ONCE(...) TEND_RESTART(__VA_ARGS__, .delay_ns = TEND_AT_ONCE)

SCENARIO(tv_01_retries_of_n_are_n_plus_1_runs)
{
	static struct body b;
	struct tend_outcome o;

	open_world(2);
	b = (struct body){.answers = {-EIO}, .n = 1};
	o = joined(start(&b, AT_ONCE(.policy = TEND_TRANSIENT, .retries = 3)));
	ck_assert_int_eq(o.kind, TEND_FAILED);
	ck_assert_int_eq(o.result, -EIO);
	ended(&b, 4);
	close_world();
}

SCENARIO(tv_02_a_transient_task_ends_when_it_completes)
{
	static struct body b;
	struct tend_outcome o;

	open_world(2);
	b = (struct body){.answers = {-EIO, -EPIPE, 7}, .n = 3};
	o = joined(start(&b, AT_ONCE(.policy = TEND_TRANSIENT)));
	ck_assert_int_eq(o.kind, TEND_COMPLETED);
	ck_assert_uint_eq(o.attempts, 3);
	ck_assert_int_eq(o.result, 7);
	ck_assert_uint_eq(o.was_canceled, 0);
	ended(&b, 3);
	close_world();
}

SCENARIO(tv_03_a_temporary_task_runs_once)
{
	static struct body b;

	open_world(2);
	b = (struct body){.answers = {-EIO}, .n = 1};
	ck_assert_int_eq(joined(start(&b, TEND_RESTART(.policy = TEND_TEMPORARY))).kind,
	                 TEND_FAILED);
	ended(&b, 1);
	close_world();
}

SCENARIO(rule_25_a_permanent_task_runs_until_it_says_done)
{
	static struct body b;
	struct tend_outcome o;

	open_world(2);
	b = (struct body){.answers = {0, 0, 0, TEND_DONE}, .n = 4};
	o = joined(start(&b, TEND_RESTART(.policy = TEND_PERMANENT, .interval_ns = 5 * TEND_MS)));
	ck_assert_int_eq(o.kind, TEND_COMPLETED);
	ck_assert_int_eq(o.result, TEND_DONE);
	ended(&b, 4);
	for (int i = 2; i <= 4; i++)
		rested(&b, i, 5 * TEND_MS);
	close_world();
}

SCENARIO(tv_073_the_first_rest_is_the_delay_and_the_rests_grow)
{
	static struct body b;

	open_world(2);
	b = (struct body){.answers = {-EIO}, .n = 1};
	joined(start(&b, TEND_RESTART(.policy = TEND_TRANSIENT, .retries = 4, .delay_ns = TEND_MS,
	                              .delay_max_ns = 6 * TEND_MS)));
	ended(&b, 5);
	rested(&b, 2, TEND_MS);
	rested(&b, 3, 2 * TEND_MS);
	rested(&b, 4, 4 * TEND_MS);
	rested(&b, 5, 6 * TEND_MS);
	close_world();
}

SCENARIO(rule_19_a_success_ends_a_row_of_failures)
{
	static struct body b;

	open_world(2);
	b = (struct body){.answers = {-EIO, -EIO, 0, -EIO, -EIO, -EIO}, .n = 6};
	joined(start(&b, TEND_RESTART(.policy = TEND_PERMANENT, .retries = 2, .delay_ns = TEND_MS,
	                              .interval_ns = 7 * TEND_MS)));
	ended(&b, 6);
	rested(&b, 3, 2 * TEND_MS);
	rested(&b, 4, 7 * TEND_MS);
	rested(&b, 5, TEND_MS);
	rested(&b, 6, 2 * TEND_MS);
	close_world();
}

SCENARIO(rule_19_a_long_attempt_ends_a_row_of_failures)
{
	static struct body b;

	open_world(2);
	b = (struct body){.answers = {-EIO, -EIO, -EIO, 0}, .n = 4, .took = 3 * TEND_MS};
	joined(start(&b, TEND_RESTART(.policy = TEND_TRANSIENT, .retries = 1, .delay_ns = TEND_MS,
	                              .stable_ns = 2 * TEND_MS)));
	ended(&b, 4);
	rested(&b, 4, 4 * TEND_MS);
	close_world();
}

SCENARIO(a_panic_is_a_failed_attempt)
{
	static struct body b;
	struct tend_outcome o;

	open_world(2);
	b = (struct body){.answers = {3}, .n = 1, .panics = 2};
	o = joined(start(&b, AT_ONCE(.policy = TEND_TRANSIENT)));
	ck_assert_int_eq(o.kind, TEND_COMPLETED);
	ck_assert_int_eq(o.result, 3);
	IS(o.message, "");
	ended(&b, 3);
	b = (struct body){.answers = {3}, .n = 1, .panics = 9};
	o = joined(start(&b, AT_ONCE(.policy = TEND_TRANSIENT, .retries = 1)));
	ck_assert_int_eq(o.kind, TEND_PANICKED);
	ck_assert_ptr_nonnull(strstr(o.message, "attempt 2"));
	ended(&b, 2);
	close_world();
}

SCENARIO(f18_canceled_unasked_ends_the_task_as_canceled)
{
	static struct body b;
	struct tend_outcome o;

	open_world(2);
	b = (struct body){.answers = {-EIO, -ECANCELED}, .n = 2};
	o = joined(start(&b, AT_ONCE(.policy = TEND_PERMANENT)));
	ck_assert_int_eq(o.kind, TEND_CANCELED);
	ck_assert_uint_eq(o.was_canceled, 0);
	ended(&b, 2);
	close_world();
}

SCENARIO(results_that_succeed_and_results_that_are_fatal)
{
	static const int32_t success[] = {-EPIPE, 9, 0}, fatal[] = {4, -EPERM, 0};
	static struct body b;
	struct tend_outcome o;

	open_world(2);
	b = (struct body){.answers = {-EIO, -EPIPE}, .n = 2};
	o = joined(start(&b, AT_ONCE(.policy = TEND_TRANSIENT, .success = success)));
	ck_assert_int_eq(o.kind, TEND_COMPLETED);
	ck_assert_int_eq(o.result, -EPIPE);
	ended(&b, 2);
	for (int i = 0; i < 2; i++) {
		b = (struct body){.answers = {-EIO, fatal[i]}, .n = 2};
		o = joined(start(&b, AT_ONCE(.policy = TEND_PERMANENT, .fatal = fatal)));
		ck_assert_int_eq(o.kind, TEND_FAILED);
		ck_assert_int_eq(o.result, fatal[i]);
		ended(&b, 2);
	}
	close_world();
}

/* ---- The end at rest ---- */

SCENARIO(f17_a_task_canceled_at_rest_is_canceled_and_keeps_its_result)
{
	static struct body b;
	struct tend_outcome o;
	tend_task t;

	open_world(2);
	b = (struct body){.answers = {-EIO}, .n = 1};
	t = start(&b, TEND_RESTART(.policy = TEND_TRANSIENT, .delay_ns = 3600 * TEND_SEC,
	                           .delay_max_ns = 3600 * TEND_SEC));
	await_state(t.id, TEND_STATE_BACKOFF);
	OK(tend_task_cancel(t, -EINTR, "enough"));
	o = joined(t);
	ck_assert_int_eq(o.kind, TEND_CANCELED);
	ck_assert_int_eq(o.result, -EIO);
	ck_assert_int_eq(o.reason.code, -EINTR);
	ended(&b, 1);
	close_world();
}

SCENARIO(f17_a_crash_before_the_rest_does_not_beat_the_cancel)
{
	static struct body b;
	tend_task t;

	open_world(2);
	b = (struct body){.answers = {0}, .n = 1, .panics = 1};
	t = start(&b, TEND_RESTART(.policy = TEND_TRANSIENT, .delay_ns = 20 * TEND_SEC));
	await_state(t.id, TEND_STATE_BACKOFF);
	OK(tend_scope_cancel(root, -EINTR, "enough"));
	ck_assert_int_eq(joined(t).kind, TEND_CANCELED);
	ended(&b, 1);
	close_world();
}

SCENARIO(f5_a_close_ends_a_rest_with_the_outcome_of_the_last_attempt)
{
	static struct body b[3];
	struct tend_stats n;
	tend_task t[3];
	tend_scope s;

	open_world(2);
	s = child(root, "s");
	b[0] = (struct body){.answers = {0}, .n = 1};
	b[1] = (struct body){.answers = {-EIO}, .n = 1};
	b[2] = (struct body){.answers = {0}, .n = 1, .panics = 1};
	for (int i = 0; i < 3; i++) {
		OK(tend_spawn(s, run, &b[i],
		              TEND_TASK_OPTS(.drop = drop,
		                             .restart = TEND_RESTART(.policy = TEND_PERMANENT,
		                                                     .delay_ns = 30 * TEND_SEC)),
		              &t[i]));
		await_state(t[i].id, TEND_STATE_BACKOFF);
	}
	OK(tend_scope_close(s, simulated ? tend_after(TEND_SEC) : SOON, &n));
	for (int i = 0; i < 3; i++)
		ended(&b[i], 1);
	ck_assert_uint_eq(n.spawned, 3);
	ck_assert_uint_eq(n.completed, 1);
	ck_assert_uint_eq(n.failed, 1);
	ck_assert_uint_eq(n.panicked, 1);
	close_world();
}

SCENARIO(f5_a_close_lets_what_was_admitted_run_once)
{
	static struct body b;
	struct tend_stats n;
	tend_scope s;

	open_world(2);
	s = child(root, "s");
	b = (struct body){.answers = {-EIO}, .n = 1};
	OK(tend_spawn(s, run, &b,
	              TEND_TASK_OPTS(.drop = drop,
	                             .restart = TEND_RESTART(.policy = TEND_PERMANENT,
	                                                     .delay_ns = 30 * TEND_SEC)),
	              NULL));
	OK(tend_scope_close(s, simulated ? tend_after(TEND_SEC) : SOON, &n));
	ended(&b, 1);
	ck_assert_uint_eq(n.failed, 1);
	close_world();
}

SCENARIO(tv_109_nothing_begins_in_a_shutdown)
{
	static struct body b;
	struct tend_stats n;
	tend_task t;
	tend_scope s;

	open_world(1);
	s = child(root, "s");
	b = (struct body){.answers = {-EIO}, .n = 1};
	OK(tend_spawn(s, run, &b,
	              TEND_TASK_OPTS(.drop = drop,
	                             .restart = TEND_RESTART(.policy = TEND_PERMANENT,
	                                                     .delay_ns = 30 * TEND_SEC)),
	              &t));
	await_state(t.id, TEND_STATE_BACKOFF);
	OK(tend_shutdown(s, SOON, TEND_SHUTDOWN_OPTS(.drain = SOON)));
	OK(tend_scope_close(s, SOON, &n));
	ended(&b, 1);
	ck_assert_uint_eq(n.failed, 1);
	close_world();
}

/* A seal shuts out new tasks only. */
SCENARIO(restarts_go_on_in_a_sealed_scope)
{
	static struct body b;
	tend_task t;

	open_world(2);
	b = (struct body){.answers = {-EIO, 0}, .n = 2};
	t = start(&b, TEND_RESTART(.policy = TEND_TRANSIENT, .delay_ns = 5 * TEND_MS));
	OK(tend_scope_seal(root));
	ck_assert_int_eq(joined(t).kind, TEND_COMPLETED);
	ended(&b, 2);
	close_world();
}

/* ---- What an attempt opened ---- */

struct opener {
	_Atomic int runs, inside;
	tend_scope below, held;
	tend_event *go;
};

static int works_inside(void *arg)
{
	struct opener *o = arg;

	o->inside++;
	int error = tend_event_wait(o->go, TEND_FOREVER);
	/* A little work after the cancel, which the next attempt must not see. */
	for (int i = 0; i < 3; i++)
		tend_yield();
	o->inside--;
	return error;
}

static int opens(void *arg)
{
	struct opener *o = arg;
	tend_scope s;

	ck_assert_int_eq(o->inside, 0);
	OK(tend_scope_open(o->below, "opened", NULL, &s));
	OK(tend_spawn(s, works_inside, o, NULL, NULL));
	if (o->held.id)
		OK(tend_spawn(o->held, end_at_once, NULL, NULL, NULL));
	while (!o->inside)
		tend_yield();
	return ++o->runs < 3 ? -EIO : 0;
}

SCENARIO(the_next_attempt_begins_after_the_scopes_of_the_last_have_ended)
{
	static struct opener o;
	tend_task t;

	open_world(2);
	o = (struct opener){.below = root, .go = new_event()};
	OK(tend_spawn(root, opens, &o, TEND_TASK_OPTS(.restart = AT_ONCE(.policy = TEND_TRANSIENT)),
	              &t));
	ck_assert_int_eq(joined(t).kind, TEND_COMPLETED);
	ck_assert_int_eq(o.runs, 3);
	close_world();
}

/* F10, BP-21. */
SCENARIO(f10_what_was_given_to_the_task_ends_with_the_task)
{
	static struct opener o;
	tend_scope held;
	tend_task t;

	open_world(2);
	held = child(root, "held");
	o = (struct opener){.below = root, .held = held, .go = new_event()};
	OK(tend_spawn(root, opens, &o,
	              TEND_TASK_OPTS(.hold = held, .restart = AT_ONCE(.policy = TEND_TRANSIENT)),
	              &t));
	ck_assert_int_eq(joined(t).kind, TEND_COMPLETED);
	ck_assert_int_eq(o.runs, 3);
	OK(tend_scope_wait_empty(root, SOON));
	ANSWERS(tend_scope_seal(held), -ESRCH);
	close_world();
}

/* F3: the attempt awaits its scope S, which is below B; a task in S closes A, in which the
 * attempt's task lives. */
struct circle {
	tend_scope a, b;
	_Atomic int inside, closed;
};

static int closes_a(void *arg)
{
	struct circle *c = arg;

	c->inside++;
	OK(tend_scope_close(c->a, TEND_FOREVER, NULL));
	c->closed++;
	return 0;
}

static int in_a(void *arg)
{
	struct circle *c = arg;
	tend_scope s;

	OK(tend_scope_open(c->b, "s", NULL, &s));
	OK(tend_spawn(s, closes_a, c, NULL, NULL));
	while (!c->inside)
		tend_yield();
	return -EIO;
}

SCENARIO(f3_an_attempt_does_not_await_what_waits_for_its_task)
{
	static struct circle c;

	open_world(2);
	c = (struct circle){.a = child(root, "a"), .b = child(root, "b")};
	OK(tend_spawn(c.a, in_a, &c, TEND_TASK_OPTS(.restart = AT_ONCE(.policy = TEND_TRANSIENT)),
	              NULL));
	OK(tend_scope_wait_empty(root, SOON));
	ck_assert_int_eq(c.closed, 1);
	close_world();
}

/* ---- Attempts at once, on a worker with other tasks ---- */

/* Fails until another task has run or is woken. */
struct busy {
	_Atomic int attempts, yields, woken, over;
	int seen, between, most; /* attempts between two runs of the other task */
	tend_event *wakes;
};

static int yields(void *arg)
{
	struct busy *b = arg;

	while (!b->over) {
		b->yields++;
		OK(tend_yield());
	}
	return 0;
}

static int fails_beside(void *arg)
{
	struct busy *b = arg;

	b->between = b->yields == b->seen ? b->between + 1 : 0;
	b->seen = b->yields;
	b->most = b->between > b->most ? b->between : b->most;
	b->over = ++b->attempts == 200;
	return b->over ? 0 : -EIO;
}

SCENARIO(a_restart_at_once_lets_a_task_run_that_is_ready)
{
	static struct busy b;

	open_world(1);
	b = (struct busy){0};
	OK(tend_spawn(root, yields, &b, NULL, NULL));
	OK(tend_spawn(root, fails_beside, &b,
	              TEND_TASK_OPTS(.restart = AT_ONCE(.policy = TEND_TRANSIENT)), NULL));
	OK(tend_scope_wait_empty(root, SOON));
	/* Fresh and started tasks take turns of 16. */
	ck_assert_int_le(b.most, 16);
	close_world();
}

static int wakes(void *arg)
{
	struct busy *b = arg;

	OK(tend_event_wait(b->wakes, TEND_FOREVER));
	b->woken = 1;
	return 0;
}

static int fails_until_woken(void *arg)
{
	struct busy *b = arg;

	b->attempts++;
	return b->woken ? 0 : -EIO;
}

SCENARIO(a_restart_at_once_lets_a_task_run_that_is_woken_from_outside)
{
	static struct busy b;

	open_world(1);
	b = (struct busy){.wakes = new_event()};
	OK(tend_spawn(root, wakes, &b, NULL, NULL));
	OK(tend_spawn(root, fails_until_woken, &b,
	              TEND_TASK_OPTS(.restart = AT_ONCE(.policy = TEND_TRANSIENT)), NULL));
	await_count(&b.attempts, 100);
	tend_event_set(b.wakes);
	OK(tend_scope_wait_empty(root, SOON));
	close_world();
}
