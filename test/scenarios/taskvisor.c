/* The behaviours of taskvisor, TV- and TV7-: supervised tasks one by one. */
#include "scenario.h"

/* What a task of a test does in its attempts, and what was seen of it. */
struct child {
	int answers[16]; /* of its attempts; the last is repeated */
	int n;
	tend_event *waits_for; /* first, or NULL; a cancel of the wait is answered by `told` */
	int told;
	int panics; /* attempts, the first ones */
	_Atomic int runs, dropped, late;
};

static void drop(void *arg) { count_one(&((struct child *)arg)->dropped); }

static int attempt(void *arg)
{
	struct child *c = arg;
	int i = c->runs++;

	if (c->waits_for && tend_event_wait(c->waits_for, TEND_FOREVER))
		return c->told;
	if (i < c->panics)
		tend_panic("attempt %d", i + 1);
	return c->answers[i < c->n ? i : c->n - 1];
}

static tend_task spawned(tend_scope s, struct child *c, const struct tend_restart *restart)
{
	tend_task t;

	OK(tend_spawn(s, attempt, c, TEND_TASK_OPTS(.name = "t", .drop = drop, .restart = restart),
	              &t));
	return t;
}

#define ANSWERING(...) .answers = {__VA_ARGS__}, .n = sizeof((int[]){__VA_ARGS__}) / sizeof(int)
#define AT_ONCE(...)   TEND_RESTART(__VA_ARGS__, .delay_ns = TEND_AT_ONCE)

/* The end of a task with its outcome and the number of its attempts. */
static struct tend_outcome ended(tend_task t, const struct child *c, int kind, int runs)
{
	struct tend_outcome o = joined(t);

	ck_assert_int_eq(o.kind, kind);
	ck_assert_uint_eq(o.attempts, (unsigned)runs);
	ck_assert_int_eq(c->runs, runs);
	ck_assert_int_eq(c->dropped, 1);
	return o;
}

/* ---- Policies ---- */

SCENARIO(tv_022_a_temporary_task_that_completes_has_ended)
{
	static struct child c;

	open_world(2);
	c = (struct child){ANSWERING(3)};
	ck_assert_int_eq(ended(spawned(root, &c, TEND_RESTART(.policy = TEND_TEMPORARY)), &c,
	                       TEND_COMPLETED, 1)
	                         .result,
	                 3);
	close_world();
}

SCENARIO(tv_024_154_a_fatal_result_is_not_tried_again_under_any_policy)
{
	static const int32_t fatal[] = {-EACCES, 0};
	static struct child c;

	open_world(2);
	for (uint32_t policy = TEND_TEMPORARY; policy <= TEND_PERMANENT; policy++) {
		c = (struct child){ANSWERING(-EACCES)};
		ended(spawned(root, &c, AT_ONCE(.policy = policy, .fatal = fatal)), &c, TEND_FAILED,
		      1);
	}
	close_world();
}

SCENARIO(tv_026_127_128_a_canceled_attempt_is_the_last_whatever_it_answers)
{
	static const int told[] = {0, 5, -ECANCELED, -EIO, TEND_DONE};
	static struct child c;
	tend_task t;

	open_world(2);
	for (size_t i = 0; i < sizeof(told) / sizeof(*told); i++) {
		c = (struct child){ANSWERING(0), .waits_for = new_event(), .told = told[i]};
		t = spawned(root, &c, AT_ONCE(.policy = TEND_PERMANENT));
		await_count(&c.runs, 1);
		OK(tend_task_cancel(t, -EINTR, "enough"));
		ck_assert_int_eq(ended(t, &c, TEND_CANCELED, 1).result, told[i]);
	}
	close_world();
}

/* A result of the list is as good a failure as a negative one, and a cancel beats both. */
SCENARIO(tv_026_a_cancel_beats_a_result_of_the_fatal_list)
{
	static const int32_t fatal[] = {9, 0};
	static struct child c;
	tend_task t;

	open_world(2);
	c = (struct child){ANSWERING(0), .waits_for = new_event(), .told = 9};
	t = spawned(root, &c, AT_ONCE(.policy = TEND_PERMANENT, .fatal = fatal));
	await_count(&c.runs, 1);
	OK(tend_task_cancel(t, -EINTR, "enough"));
	ended(t, &c, TEND_CANCELED, 1);
	close_world();
}

SCENARIO(tv_027_152_157_without_a_limit_a_transient_task_runs_until_it_completes)
{
	static struct child c;

	open_world(2);
	c = (struct child){ANSWERING(-EIO, -EPIPE, -EIO, -EIO, -EIO, -EIO, -EIO, 0)};
	ended(spawned(root, &c, AT_ONCE(.policy = TEND_TRANSIENT)), &c, TEND_COMPLETED, 8);
	close_world();
}

SCENARIO(tv_124_a_panicking_task_leaves_its_scope)
{
	static struct child c;

	open_world(2);
	c = (struct child){ANSWERING(0), .panics = 9};
	ended(spawned(root, &c, TEND_RESTART(.policy = TEND_TEMPORARY)), &c, TEND_PANICKED, 1);
	OK(tend_scope_wait_empty(root, SOON));
	close_world();
}

SCENARIO(tv_125_a_panic_is_tried_again_as_any_failure)
{
	static struct child c;

	open_world(2);
	c = (struct child){ANSWERING(0), .panics = 2};
	ended(spawned(root, &c, AT_ONCE(.policy = TEND_TRANSIENT)), &c, TEND_COMPLETED, 3);
	close_world();
}

SCENARIO(tv_151_a_temporary_task_that_fails_does_not_rest)
{
	static struct child c;
	uint64_t begun;

	open_world(2);
	c = (struct child){ANSWERING(-EIO)};
	begun = tend_now();
	ended(spawned(root, &c, TEND_RESTART(.delay_ns = 20 * TEND_SEC)), &c, TEND_FAILED, 1);
	ck_assert(!simulated || tend_now() - begun < TEND_SEC);
	close_world();
}

SCENARIO(tv_155_156_one_retry_is_two_runs_and_three_are_four)
{
	static struct child c;

	open_world(2);
	for (uint32_t retries = 1; retries <= 3; retries += 2) {
		c = (struct child){ANSWERING(-EIO)};
		ended(spawned(root, &c, AT_ONCE(.policy = TEND_TRANSIENT, .retries = retries)), &c,
		      TEND_FAILED, (int)retries + 1);
	}
	close_world();
}

SCENARIO(tv_158_a_permanent_task_without_an_interval_runs_again_and_again)
{
	static struct child c;

	open_world(2);
	c = (struct child){ANSWERING(0, 0, 0, 0, 0, 0, 0, 0, 0, TEND_DONE)};
	ended(spawned(root, &c, AT_ONCE(.policy = TEND_PERMANENT)), &c, TEND_COMPLETED, 10);
	close_world();
}

SCENARIO(tv_160_successes_use_no_retries)
{
	static struct child c;

	open_world(2);
	c = (struct child){ANSWERING(0, 0, 0, -EIO, 0, 0, -EIO, TEND_DONE)};
	ended(spawned(root, &c, AT_ONCE(.policy = TEND_PERMANENT, .retries = 1)), &c,
	      TEND_COMPLETED, 8);
	close_world();
}

SCENARIO(tv_161_168_a_scope_of_tasks_that_run_once_is_empty_when_they_have_completed)
{
	static struct child c[5];
	struct tend_stats n;

	open_world(2);
	for (int i = 0; i < 5; i++) {
		c[i] = (struct child){ANSWERING(0)};
		spawned(root, &c[i], TEND_RESTART(.policy = TEND_TEMPORARY));
	}
	OK(tend_scope_wait_empty(root, SOON));
	OK(tend_scope_stats(root, &n));
	ck_assert_uint_eq(n.completed, 5);
	close_world();
}

/* A task at rest is in its scope. */
SCENARIO(tv_169_a_scope_is_not_empty_while_a_task_rests)
{
	static struct child c;
	tend_task t;

	open_world(2);
	c = (struct child){ANSWERING(-EIO)};
	t = spawned(root, &c, TEND_RESTART(.policy = TEND_TRANSIENT, .delay_ns = 20 * TEND_SEC));
	await_state(t.id, TEND_STATE_BACKOFF);
	ANSWERS(live(root), 1);
	ANSWERS(tend_scope_wait_empty(root, 0), -ETIMEDOUT);
	OK(tend_task_cancel(t, -EINTR, "enough"));
	OK(tend_scope_wait_empty(root, SOON));
	close_world();
}

/* ---- Seen by a reader ---- */

static struct tend_info row_of(tend_task t)
{
	struct tend_info row = {0};
	tend_snapshot *s;

	OK(tend_snapshot_take(rt, &s));
	for (size_t i = 0; i < tend_snapshot_count(s); i++)
		if (tend_snapshot_at(s, i)->id == t.id)
			row = *tend_snapshot_at(s, i);
	tend_snapshot_free(s);
	return row;
}

SCENARIO(tv_029_030_040_144_a_row_says_whether_an_attempt_runs)
{
	static struct child c;
	tend_task t;

	open_world(2);
	c = (struct child){ANSWERING(-EIO), .waits_for = new_event()};
	t = spawned(root, &c, TEND_RESTART(.policy = TEND_TRANSIENT, .delay_ns = 20 * TEND_SEC));
	await_count(&c.runs, 1);
	await_state(t.id, TEND_STATE_PARKED);
	ck_assert_uint_eq(row_of(t).attempt, 1);
	tend_event_set(c.waits_for);
	await_state(t.id, TEND_STATE_BACKOFF);
	ck_assert_uint_eq(row_of(t).attempt, 1);
	ck_assert_int_eq(row_of(t).outcome, TEND_LIVE);
	OK(tend_task_cancel(t, -EINTR, "enough"));
	ended(t, &c, TEND_CANCELED, 1);
	OK(tend_scope_wait_empty(root, SOON));
	ANSWERS(row_of(t).id == t.id && row_of(t).state != TEND_STATE_ENDED, 0);
	close_world();
}

SCENARIO(tv7_72_a_joiner_waits_over_all_attempts)
{
	static struct child c;
	tend_task t;

	open_world(2);
	c = (struct child){ANSWERING(-EIO, 0, 0, TEND_DONE)};
	t = spawned(root, &c, TEND_RESTART(.policy = TEND_PERMANENT, .delay_ns = 5 * TEND_MS));
	ended(t, &c, TEND_COMPLETED, 4);
	close_world();
}

SCENARIO(tv7_77_105_a_joiner_that_gives_up_changes_nothing)
{
	static struct child c;
	tend_task t;

	open_world(2);
	c = (struct child){ANSWERING(7), .waits_for = new_event()};
	t = spawned(root, &c, AT_ONCE(.policy = TEND_TRANSIENT));
	ANSWERS(tend_join(t, NULL, 0), -ETIMEDOUT);
	ANSWERS(tend_join(t, NULL, tend_after(TEND_MS)), -ETIMEDOUT);
	tend_event_set(c.waits_for);
	ck_assert_int_eq(ended(t, &c, TEND_COMPLETED, 1).result, 7);
	close_world();
}

/* ---- Cancel by handle ---- */

SCENARIO(tv_056_137_138_a_cancel_is_taken_once_and_a_task_that_is_gone_answers)
{
	static struct child c;
	tend_task t;

	open_world(2);
	c = (struct child){ANSWERING(0), .waits_for = new_event(), .told = 0};
	t = spawned(root, &c, AT_ONCE(.policy = TEND_PERMANENT));
	OK(tend_task_cancel(t, -EINTR, "first"));
	int again = tend_task_cancel(t, -EPIPE, "second");
	ck_assert(again == -EALREADY || again == -ESRCH);
	ck_assert_int_eq(joined(t).reason.code, -EINTR);
	OK(tend_scope_wait_empty(root, SOON));
	ANSWERS(tend_task_cancel(t, -EINTR, "third"), -ESRCH);
	ANSWERS(tend_task_cancel((tend_task){0}, -EINTR, "of nothing"), -ESRCH);
	close_world();
}

struct race {
	tend_task task;
	_Atomic int first, later;
};

static int cancels(void *arg)
{
	struct race *r = arg;
	int error = tend_task_cancel(r->task, -EINTR, "one of two");

	ck_assert(error == 0 || error == -EALREADY || error == -ESRCH);
	count_one(error ? &r->later : &r->first);
	return 0;
}

SCENARIO(tv_102_tv7_104_of_concurrent_cancels_exactly_one_is_the_first)
{
	static struct child c;
	static struct race r;
	tend_task t[3];

	open_world(3);
	c = (struct child){ANSWERING(0), .waits_for = new_event()};
	r = (struct race){.task = spawned(root, &c, AT_ONCE(.policy = TEND_PERMANENT))};
	for (int i = 0; i < 3; i++)
		OK(tend_spawn(root, cancels, &r, NULL, &t[i]));
	for (int i = 0; i < 3; i++)
		joined(t[i]);
	ck_assert_int_eq(r.first, 1);
	ck_assert_int_eq(r.later, 2);
	ck_assert_int_eq(joined(r.task).kind, TEND_CANCELED);
	close_world();
}

SCENARIO(tv_134_a_cancel_of_one_leaves_the_others)
{
	static struct child c[3];
	tend_event *go;
	tend_task t[3];

	open_world(2);
	go = new_event();
	for (int i = 0; i < 3; i++) {
		c[i] = (struct child){ANSWERING(0), .waits_for = go, .told = 0};
		t[i] = spawned(root, &c[i], AT_ONCE(.policy = TEND_TRANSIENT));
	}
	OK(tend_task_cancel(t[1], -EINTR, "this one"));
	ck_assert_int_eq(joined(t[1]).kind, TEND_CANCELED);
	ANSWERS(tend_join(t[0], NULL, 0), -ETIMEDOUT);
	tend_event_set(go);
	ended(t[0], &c[0], TEND_COMPLETED, 1);
	ended(t[2], &c[2], TEND_COMPLETED, 1);
	close_world();
}

/* ---- Many ---- */

enum { SPAWNERS = 3, EACH = 20 };

struct storm {
	struct child children[SPAWNERS][EACH];
	tend_task tasks[SPAWNERS][EACH];
	_Atomic int next;
	const struct tend_restart *restart;
	bool cancels; /* every second one */
};

static int spawns_many(void *arg)
{
	struct storm *s = arg;
	int me = s->next++;

	for (int i = 0; i < EACH; i++) {
		s->tasks[me][i] = spawned(root, &s->children[me][i], s->restart);
		if (s->cancels && i % 2)
			(void)!tend_task_cancel(s->tasks[me][i - 1], -EINTR, "storm");
	}
	return 0;
}

static void run_storm(struct storm *s)
{
	tend_task t[SPAWNERS];

	for (int i = 0; i < SPAWNERS; i++)
		OK(tend_spawn(root, spawns_many, s, NULL, &t[i]));
	for (int i = 0; i < SPAWNERS; i++)
		joined(t[i]);
}

SCENARIO(tv_071_072_096_098_103_a_storm_of_spawns_has_ids_of_its_own_and_drains)
{
	static struct storm s;
	struct tend_stats n;

	open_world(3);
	memset(&s, 0, sizeof(s));
	s.restart = AT_ONCE(.policy = TEND_TRANSIENT);
	for (int i = 0; i < SPAWNERS * EACH; i++)
		s.children[i / EACH][i % EACH] = (struct child){.answers = {-EIO, 0}, .n = 2};
	run_storm(&s);
	OK(tend_scope_wait_empty(root, SOON));
	for (int i = 0; i < SPAWNERS * EACH; i++) {
		uint64_t id = s.tasks[i / EACH][i % EACH].id;

		ck_assert_uint_ne(id, 0);
		for (int k = 0; k < i; k++)
			ck_assert_uint_ne(id, s.tasks[k / EACH][k % EACH].id);
		ck_assert_int_eq(s.children[i / EACH][i % EACH].runs, 2);
	}
	OK(tend_scope_stats(root, &n));
	ck_assert_uint_eq(n.completed, SPAWNERS * EACH + SPAWNERS);
	close_world();
}

SCENARIO(tv_100_101_spawns_between_cancels_drain)
{
	static struct storm s;
	struct tend_stats n;

	open_world(3);
	memset(&s, 0, sizeof(s));
	s.cancels = true;
	s.restart = TEND_RESTART(.policy = TEND_PERMANENT, .delay_ns = 20 * TEND_SEC);
	for (int i = 0; i < SPAWNERS * EACH; i++)
		s.children[i / EACH][i % EACH] = (struct child){.answers = {-EIO, 0}, .n = 1};
	run_storm(&s);
	for (int i = 0; i < SPAWNERS * EACH; i++)
		if (i % EACH % 2) {
			ANSWERS(tend_join(s.tasks[i / EACH][i % EACH], NULL, 0), -ETIMEDOUT);
			OK(tend_task_cancel(s.tasks[i / EACH][i % EACH], -EINTR, "the rest"));
		}
	OK(tend_scope_wait_empty(root, SOON));
	OK(tend_scope_stats(root, &n));
	ck_assert_uint_eq(n.canceled, SPAWNERS * EACH);
	for (int i = 0; i < SPAWNERS * EACH; i++)
		ck_assert_int_eq(s.children[i / EACH][i % EACH].dropped, 1);
	close_world();
}

/* ---- Shutdown ---- */

SCENARIO(tv_162_167_a_shutdown_ends_what_runs_and_what_rests)
{
	static struct child runs, rests;
	struct tend_stats n;
	tend_task t;
	tend_scope s;

	open_world(2);
	s = child(root, "s");
	runs = (struct child){ANSWERING(0), .waits_for = new_event(), .told = -ECANCELED};
	rests = (struct child){ANSWERING(-EIO)};
	spawned(s, &runs, AT_ONCE(.policy = TEND_PERMANENT));
	t = spawned(s, &rests, TEND_RESTART(.policy = TEND_PERMANENT, .delay_ns = 20 * TEND_SEC));
	await_count(&runs.runs, 1);
	await_state(t.id, TEND_STATE_BACKOFF);
	OK(tend_shutdown(s, SOON, NULL));
	OK(tend_scope_close(s, SOON, &n));
	ck_assert_uint_eq(n.spawned, 2);
	ck_assert_uint_eq(n.failed + n.canceled, 2);
	ck_assert_int_eq(runs.runs + rests.runs, 2);
	ck_assert_int_eq(runs.dropped + rests.dropped, 2);
	close_world();
}

SCENARIO(tv_165_166_without_grace_only_the_stubborn_are_reported)
{
	static struct child rests;
	tend_report *report;
	tend_event *go;
	char text[1024];
	tend_task stubborn;
	tend_scope s;

	open_world(2);
	s = child(root, "s");
	go = new_event();
	rests = (struct child){ANSWERING(-EIO)};
	tend_task t = spawned(s, &rests,
	                      TEND_RESTART(.policy = TEND_PERMANENT, .delay_ns = 20 * TEND_SEC));
	OK(tend_spawn(s, ignore_cancels, go,
	              TEND_TASK_OPTS(.name = "stubborn",
	                             .restart = AT_ONCE(.policy = TEND_PERMANENT)),
	              &stubborn));
	await_state(t.id, TEND_STATE_BACKOFF);
	await_state(stubborn.id, TEND_STATE_PARKED);
	ANSWERS(tend_shutdown(s, tend_after(20 * TEND_MS), TEND_SHUTDOWN_OPTS(.report = &report)),
	        -ETIMEDOUT);
	ck_assert_uint_eq(tend_report_abandoned(report), 1);
	tend_report_text(report, text, sizeof(text));
	ck_assert_ptr_nonnull(strstr(text, "stubborn"));
	tend_report_free(report);
	tend_event_set(go);
	/* Its late end is no attempt of another. */
	ck_assert_int_eq(joined(stubborn).attempts, 1);
	OK(tend_scope_close(s, SOON, NULL));
	close_world();
}

/* ---- Stopped before the first attempt ---- */

struct newborn {
	struct child child;
	tend_scope scope;
	tend_task task;
};

/* Spawns a task that another worker cannot take, and stops it before it has run. */
static int spawns_stopped(void *arg)
{
	struct newborn *n = arg;

	n->task = spawned(n->scope, &n->child, AT_ONCE(.policy = TEND_PERMANENT));
	ANSWERS(tend_task_stop(n->task, 0), -ETIMEDOUT);
	return 0;
}

static struct newborn *stopped_newborn(void)
{
	static struct newborn n;
	tend_task t;

	n = (struct newborn){.scope = child(root, "s"), .child = {ANSWERING(0)}};
	OK(tend_spawn(root, spawns_stopped, &n, NULL, &t));
	joined(t);
	await_state(n.task.id, TEND_STATE_STOPPED);
	ck_assert_int_eq(n.child.runs, 0);
	return &n;
}

SCENARIO(a_task_that_was_stopped_before_it_ran_is_rejected_by_a_close)
{
	struct tend_stats stats;
	struct newborn *n;

	open_world(1);
	n = stopped_newborn();
	OK(tend_scope_close(n->scope, SOON, &stats));
	ck_assert_uint_eq(stats.rejected, 1);
	ck_assert_int_eq(n->child.runs, 0);
	ck_assert_int_eq(n->child.dropped, 1);
	close_world();
}

SCENARIO(a_task_that_was_stopped_before_it_ran_hears_the_cancel_of_its_scope)
{
	struct newborn *n;

	open_world(1);
	n = stopped_newborn();
	OK(tend_scope_cancel(n->scope, -EINTR, "all"));
	OK(tend_scope_wait_empty(n->scope, SOON));
	ck_assert_int_eq(n->child.runs, 0);
	ck_assert_int_eq(n->child.dropped, 1);
	close_world();
}

SCENARIO(a_task_that_was_stopped_before_it_ran_can_be_started)
{
	struct newborn *n;

	open_world(1);
	n = stopped_newborn();
	OK(tend_task_start(n->task, SOON));
	await_count(&n->child.runs, 1);
	OK(tend_task_cancel(n->task, -EINTR, "enough"));
	OK(tend_scope_wait_empty(n->scope, SOON));
	close_world();
}

/* ---- How an attempt ends ---- */

static int calls_itself_fatal(void *arg)
{
	struct child *c = arg;
	int i = c->runs++;

	if (i == c->n)
		(void)tend_fatal(-EIO, "never again");
	if (i >= c->n)
		tend_panic("after it");
	return c->answers[i];
}

/* Whatever the attempt before had answered. */
SCENARIO(tv_153_a_panic_after_a_fatal_failure_is_not_tried_again)
{
	static struct child c;
	tend_task t;

	open_world(2);
	for (int before = 0; before < 2; before++) {
		c = (struct child){.answers = {-EIO, 0}, .n = before};
		OK(tend_spawn(
			root, calls_itself_fatal, &c,
			TEND_TASK_OPTS(.drop = drop,
		                       .restart = AT_ONCE(.policy = TEND_PERMANENT, .retries = 3)),
			&t));
		ended(t, &c, TEND_PANICKED, before + 1);
	}
	close_world();
}

static int stubborn(void *arg)
{
	struct child *c = arg;

	c->runs++;
	/* Told to stop, it goes on; an abort ends it. */
	for (;;) {
		(void)!tend_checkpoint();
		compute();
	}
	return 0;
}

SCENARIO(tv_048_an_attempt_that_was_aborted_for_its_timeout_has_failed_with_it)
{
	static struct child c;
	struct tend_outcome o;
	tend_task t;

	open_world(2);
	c = (struct child){0};
	OK(tend_spawn(root, stubborn, &c,
	              TEND_TASK_OPTS(.flags = TEND_ABORTABLE, .drop = drop,
	                             .restart = TEND_RESTART(.timeout_ns = 3 * TEND_MS,
	                                                     .grace_ns = 3 * TEND_MS)),
	              &t));
	o = ended(t, &c, TEND_FAILED, 1);
	ck_assert_int_eq(o.error, -ETIMEDOUT);
	close_world();
}

static int late_and_canceled(void *arg)
{
	struct child *c = arg;

	c->runs++;
	while (tend_checkpoint() == 0)
		compute();
	count_one(&c->late);
	ignore_cancels(c->waits_for);
	return -EIO;
}

SCENARIO(rule_08_a_cancel_beats_the_timeout_of_an_attempt)
{
	static struct child c;
	tend_task t;

	open_world(2);
	c = (struct child){.waits_for = new_event()};
	OK(tend_spawn(root, late_and_canceled, &c,
	              TEND_TASK_OPTS(.drop = drop,
	                             .restart = TEND_RESTART(.policy = TEND_PERMANENT,
	                                                     .timeout_ns = 3 * TEND_MS)),
	              &t));
	await_count(&c.late, 1);
	OK(tend_task_cancel(t, -EINTR, "enough"));
	tend_event_set(c.waits_for);
	ended(t, &c, TEND_CANCELED, 1);
	close_world();
}

/* ---- A command at the end of an attempt ---- */

struct crossing {
	tend_scope opened;
	tend_event *inside_goes;
	_Atomic int runs, entered, inside;
};

static int stays_inside(void *arg)
{
	struct crossing *c = arg;

	c->inside++;
	c->entered++;
	(void)!tend_event_wait(c->inside_goes, TEND_FOREVER);
	for (int i = 0; i < 20; i++)
		tend_yield();
	c->inside--;
	return 0;
}

static int opens_and_fails(void *arg)
{
	struct crossing *c = arg;

	ck_assert_int_eq(c->inside, 0);
	if (++c->runs > 1)
		return 0;
	OK(tend_scope_open(root, "opened", NULL, &c->opened));
	OK(tend_spawn(c->opened, stays_inside, c, NULL, NULL));
	while (!c->entered)
		tend_yield();
	return -EIO;
}

/* The attempt has failed for good, or is stopped: in no schedule it is stopped while what it has
 * opened still runs. */
SCENARIO(a_stop_at_the_end_of_an_attempt_awaits_what_the_attempt_opened)
{
	static struct crossing c;
	tend_task t;

	open_world(3);
	c = (struct crossing){.inside_goes = new_event()};
	OK(tend_spawn(root, opens_and_fails, &c,
	              TEND_TASK_OPTS(.restart = AT_ONCE(.policy = TEND_TEMPORARY)), &t));
	await_count(&c.entered, 1);
	int error = tend_task_stop(t, SOON);
	if (!error) {
		ck_assert_int_eq(c.inside, 0);
		OK(tend_task_start(t, SOON));
	} else
		ck_assert(error == -ECANCELED || error == -ESRCH);
	ck_assert_int_eq(joined(t).kind, error ? TEND_FAILED : TEND_COMPLETED);
	OK(tend_scope_wait_empty(root, SOON));
	close_world();
}
