/* Promises of the headers that are half a sentence long, and that no other scenario shows. */
#include "scenario.h"

#include <signal.h>
#include <stdio.h>

#define AT_ONCE(...) TEND_RESTART(__VA_ARGS__, .delay_ns = TEND_AT_ONCE)
#define FOR_HOURS(...) \
	TEND_RESTART(__VA_ARGS__, .delay_ns = 3600 * TEND_SEC, .delay_max_ns = 3600 * TEND_SEC)

static struct tend_life life(tend_task t)
{
	struct tend_life out;

	OK(tend_task_info(t, &out));
	return out;
}

static int fails(void *counter)
{
	if (counter)
		count_one(counter);
	return -EIO;
}

static tend_task failing(tend_scope s, const struct tend_restart *restart)
{
	tend_task t;

	OK(tend_spawn(s, fails, NULL, TEND_TASK_OPTS(.restart = restart), &t));
	return t;
}

/* ---- Counts of attempts ---- */

SCENARIO(a_restart_is_counted_when_it_is_planned)
{
	struct tend_stats n;
	tend_task t;

	open_world(2);
	t = failing(root, FOR_HOURS(.policy = TEND_TRANSIENT, .retries = 3));
	await_state(t.id, TEND_STATE_BACKOFF);
	ck_assert_uint_eq(life(t).restarts, 1);
	ck_assert_uint_eq(life(t).failures, 1);
	ck_assert_uint_eq(life(t).retries_left, 2);
	OK(tend_scope_stats(root, &n));
	ck_assert_uint_eq(n.attempts, 1);
	ck_assert_uint_eq(n.restarts, 1);
	OK(tend_task_cancel(t, -EINTR, NULL));
	ck_assert_uint_eq(joined(t).attempts, 1);
	close_world();
}

SCENARIO(an_attempt_that_missed_a_time_or_was_said_to_have_failed_is_a_timeout)
{
	const struct tend_restart *times[] = {TEND_RESTART(.timeout_ns = TEND_MS),
	                                      TEND_RESTART(.ready_ns = TEND_MS),
	                                      TEND_RESTART(.alive_ns = TEND_MS),
	                                      TEND_RESTART(.ready_ns = 3600 * TEND_SEC)};
	struct tend_stats n;
	tend_event *never;
	tend_task t;

	open_world(2);
	never = new_event();
	for (uint64_t i = 0; i < 4; i++) {
		OK(tend_spawn(root, wait_for, never, TEND_TASK_OPTS(.restart = times[i]), &t));
		if (i == 3) {
			await_state(t.id, TEND_STATE_PARKED);
			OK(tend_task_fail(t, 1, -EPROTO, NULL));
		}
		ck_assert_int_eq(joined(t).kind, TEND_FAILED);
		OK(tend_scope_stats(root, &n));
		ck_assert_uint_eq(n.timeouts, i + 1);
	}
	close_world();
}

/* ---- Results ---- */

SCENARIO(a_signal_in_a_list_is_128_and_its_number)
{
	const struct tend_restart *well =
		AT_ONCE(.policy = TEND_TRANSIENT, .success = (const int32_t[]){128 + SIGSEGV, 0});
	struct tend_outcome o;
	tend_task t;

	open_world(2);
	OK(tend_spawn_process(
		root, TEND_PROCESS_OPTS(.argv = argv_of("die by SEGV"), .restart = well), &t));
	o = joined(t);
	ck_assert_int_eq(o.kind, TEND_COMPLETED);
	ck_assert_int_eq(o.result, 128 + SIGSEGV);
	ck_assert_uint_eq(o.attempts, 1);
	close_world();
}

static int says_much(void *arg)
{
	char text[200];

	(void)arg;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	return tend_fail(-EIO, "%s", text);
}

SCENARIO(the_text_of_a_failure_is_cut_at_127_bytes)
{
	tend_task t;

	open_world(2);
	OK(tend_spawn(root, says_much, NULL, NULL, &t));
	ck_assert_uint_eq(strlen(joined(t).message), 127);
	ck_assert_int_eq(tend_fail(-EIO, "outside"), -EIO);
	ck_assert_int_eq(tend_fatal(-EPERM, "outside"), -EPERM);
	close_world();
}

static int says_news(void *arg)
{
	(void)arg;
	OK(tend_ready());
	OK(tend_alive());
	return 0;
}

SCENARIO(news_of_a_task_without_a_policy_are_none)
{
	tend_task t;

	open_world(2);
	OK(tend_spawn(root, says_news, NULL, NULL, &t));
	ck_assert_int_eq(joined(t).kind, TEND_COMPLETED);
	close_world();
}

/* ---- Over all attempts ---- */

SCENARIO(a_watch_is_of_the_end_for_good)
{
	tend_event *ended;
	tend_task t;

	open_world(2);
	ended = new_event();
	t = failing(root, FOR_HOURS(.policy = TEND_TRANSIENT, .retries = 1));
	OK(tend_watch(t, ended));
	await_state(t.id, TEND_STATE_BACKOFF);
	ANSWERS(tend_event_wait(ended, 0), -ETIMEDOUT);
	OK(tend_task_start(t, SOON));
	OK(tend_event_wait(ended, SOON));
	ck_assert_uint_eq(joined(t).attempts, 2);
	close_world();
}

/* ---- Commands ---- */

struct commanded {
	tend_event *deaf;
	tend_task task, callers[2];
	_Atomic int runs, answers[2];
};

static int is_deaf(void *arg)
{
	struct commanded *c = arg;

	c->runs++;
	return ignore_cancels(c->deaf);
}

static int restarts(void *arg)
{
	struct commanded *c = arg;

	return tend_task_restart(c->task, TEND_FOREVER);
}

/* Two fibers that wait for the restart of an attempt that goes on. */
static void two_callers(struct commanded *c)
{
	*c = (struct commanded){.deaf = new_event()};
	OK(tend_spawn(root, is_deaf, c,
	              TEND_TASK_OPTS(.restart = TEND_RESTART(.policy = TEND_PERMANENT,
	                                                     .grace_ns = 3600 * TEND_SEC)),
	              &c->task));
	await_count(&c->runs, 1);
	for (int i = 0; i < 2; i++) {
		OK(tend_spawn(root, restarts, c, NULL, &c->callers[i]));
		await_state(c->callers[i].id, TEND_STATE_PARKED);
	}
}

SCENARIO(callers_of_one_command_share_its_step)
{
	static struct commanded c;

	open_world(2);
	two_callers(&c);
	tend_event_set(c.deaf);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(joined(c.callers[i]).result, 0);
	OK(tend_task_cancel(c.task, -EINTR, NULL));
	ck_assert_int_eq((int)joined(c.task).attempts, c.runs);
	close_world();
}

SCENARIO(a_command_stands_when_its_caller_is_canceled)
{
	static struct commanded c;

	open_world(2);
	two_callers(&c);
	for (int i = 0; i < 2; i++) {
		OK(tend_task_cancel(c.callers[i], -EINTR, NULL));
		ck_assert_int_eq(joined(c.callers[i]).result, -ECANCELED);
	}
	ck_assert_int_eq(c.runs, 1);
	tend_event_set(c.deaf);
	await_count(&c.runs, 2);
	OK(tend_task_cancel(c.task, -EINTR, NULL));
	OK(tend_scope_wait_empty(root, SOON));
	close_world();
}

static int waits_for_the_end(void *arg)
{
	struct commanded *c = arg;

	return tend_task_wait(c->task, TEND_IS_OVER, 0, TEND_FOREVER);
}

SCENARIO(a_wait_for_the_end_is_of_the_attempt_that_runs_or_of_the_next)
{
	static struct commanded c;
	tend_task waiter;

	open_world(2);
	c = (struct commanded){.task = failing(root, FOR_HOURS(.policy = TEND_TRANSIENT))};
	await_state(c.task.id, TEND_STATE_BACKOFF);
	OK(tend_task_wait(c.task, TEND_IS_OVER, 1, 0));
	ANSWERS(tend_task_wait(c.task, TEND_IS_OVER, 0, 0), -ETIMEDOUT);
	OK(tend_spawn(root, waits_for_the_end, &c, NULL, &waiter));
	await_state(waiter.id, TEND_STATE_PARKED);
	OK(tend_task_start(c.task, SOON));
	ck_assert_int_eq(joined(waiter).result, 0);
	OK(tend_task_cancel(c.task, -EINTR, NULL));
	joined(c.task);
	close_world();
}

/* An attempt that is over is not ready any more, whether it was or not. */
SCENARIO(an_attempt_that_is_over_cannot_be_waited_for)
{
	tend_task t;

	open_world(2);
	t = failing(root, FOR_HOURS(.policy = TEND_TRANSIENT)); /* ready at once */
	await_state(t.id, TEND_STATE_BACKOFF);
	ANSWERS(tend_task_wait(t, TEND_IS_READY, 1, SOON), -ESRCH);
	OK(tend_task_cancel(t, -EINTR, NULL));
	joined(t);
	close_world();
}

SCENARIO(any_kind_of_task_can_be_shut_down)
{
	tend_event *never;
	tend_task t[4];

	open_world(2);
	never = new_event();
	OK(tend_spawn(root, wait_for, never, NULL, &t[0]));
	OK(tend_spawn_thread(root, wait_for, never, NULL, &t[1]));
	t[2] = process(root, "up", 0);
	t[3] = process(root, "deaf", 3600 * TEND_SEC);
	until_it_says(t[3], "up");
	for (int i = 0; i < 4; i++) {
		/* By force, with a short time. On threads a slow machine may take longer. */
		int error = tend_task_shutdown(t[i], i < 3 ? SOON : tend_after(200 * TEND_MS));

		ck_assert(!error || (error == -ETIMEDOUT && i == 3 && !simulated));
		ck_assert_int_eq(joined(t[i]).kind, i < 3 ? TEND_CANCELED : TEND_KILLED);
	}
	OK(tend_task_begin(root, NULL, &t[0]));
	ANSWERS(tend_task_shutdown(t[0], 0), -ETIMEDOUT);
	OK(tend_task_reason(t[0], NULL));
	OK(tend_task_end(t[0], 0));
	close_world();
}

/* ---- Members ---- */

static struct {
	_Atomic int begun[5], ended[5];
	tend_event *fail, *never;
} m;

static int lives(void *arg)
{
	int i = (int)(intptr_t)arg, error;

	m.begun[i]++;
	error = tend_event_wait(i ? m.never : m.fail, TEND_FOREVER);
	if (!i)
		tend_event_clear(m.fail);
	m.ended[i]++;
	return error ? error : -EIO;
}

/* The members are the fibers, and the threads with a policy. A thread without one goes on. */
SCENARIO(a_thread_without_a_policy_is_no_member)
{
	const struct tend_restart *again = AT_ONCE(.policy = TEND_TRANSIENT);
	tend_task plain, thread, alone, external;
	struct tend_outcome o;
	tend_scope s;

	open_world(2);
	memset(&m, 0, sizeof(m));
	m.fail = new_event();
	m.never = new_event();
	OK(tend_scope_open(root, "s", TEND_SCOPE_OPTS(.strategy = TEND_ONE_FOR_ALL), &s));
	OK(tend_spawn(s, lives, NULL, TEND_TASK_OPTS(.restart = again), NULL));
	OK(tend_spawn(s, lives, (void *)(intptr_t)1, NULL, &plain));
	OK(tend_spawn_thread(s, lives, (void *)(intptr_t)2, TEND_TASK_OPTS(.restart = again),
	                     &thread));
	OK(tend_spawn_thread(s, lives, (void *)(intptr_t)3, NULL, &alone));
	OK(tend_task_begin(s, NULL, &external));
	for (int i = 0; i < 4; i++)
		await_count(&m.begun[i], 1);
	tend_event_set(m.fail);
	o = joined(plain);
	ck_assert_int_eq(o.kind, TEND_CANCELED);
	IS(o.reason.text, "a member of its group failed");
	await_count(&m.begun[0], 2);
	await_count(&m.begun[2], 2);
	ck_assert_int_eq(m.begun[1], 1);
	ck_assert_int_eq(m.ended[3], 0);
	ANSWERS(tend_task_reason(external, NULL), -ENOENT);
	OK(tend_task_end(external, 0));
	OK(tend_scope_cancel(s, -EINTR, NULL));
	OK(tend_scope_close(s, SOON, NULL));
	close_world();
}

/* ---- tend_scope_run() ---- */

struct running {
	tend_scope scope;
	tend_event *never;
	_Atomic int opened;
};

static int runs_it(void *arg)
{
	struct running *r = arg;

	r->opened = 1;
	return tend_scope_run(r->scope, TEND_FOREVER, NULL);
}

static tend_task running(struct running *r)
{
	tend_task t;

	*r = (struct running){.scope = child(root, "s"), .never = new_event()};
	OK(tend_spawn(r->scope, wait_for, r->never, NULL, NULL));
	OK(tend_spawn(root, runs_it, r, NULL, &t));
	await_state(t.id, TEND_STATE_PARKED);
	return t;
}

SCENARIO(a_run_answers_the_code_of_a_cancel_by_another)
{
	static struct running r;
	tend_task t;

	open_world(2);
	t = running(&r);
	OK(tend_scope_cancel(r.scope, -EPERM, NULL));
	ck_assert_int_eq(joined(t).result, -EPERM);
	close_world();
}

SCENARIO(a_run_whose_scope_another_has_closed_finds_no_scope)
{
	static struct running r;
	tend_task t;
	int result;

	open_world(2);
	t = running(&r);
	ANSWERS(tend_scope_close(r.scope, 0, NULL), -ETIMEDOUT);
	tend_event_set(r.never);
	int closed = tend_scope_close(r.scope, SOON, NULL);
	result = joined(t).result;
	/* Either of the two closes the scope, and the other finds none, or finds it busy. */
	ck_assert((closed == 0 && (result == -ESRCH || result == -EBUSY)) ||
	          (result == 0 && (closed == -ESRCH || closed == -EBUSY)));
	close_world();
}

/* ---- Sets ---- */

SCENARIO(a_rejected_child_has_the_result_and_the_error_of_a_cancel)
{
	const struct tend_need first = {.of = 0, .until = TEND_NEED_COMPLETED};
	const struct tend_child children[] = {
		{.fn = fails}, {.fn = end_at_once, .needs = &first, .needs_count = 1}};
	struct tend_outcome o;
	tend_task t[2];

	open_world(2);
	OK(tend_spawn_set(root, children, 2, 0, t, NULL));
	o = joined(t[1]);
	ck_assert_int_eq(o.kind, TEND_REJECTED);
	ck_assert_int_eq(o.result, -ECANCELED);
	ck_assert_int_eq(o.error, -ECANCELED);
	close_world();
}

SCENARIO(a_child_of_tomorrow_is_named)
{
	struct {
		struct tend_task_opts opts;
		char more[8];
	} tomorrow = {{.size = sizeof(tomorrow)}, {1}};
	const struct tend_child children[] = {{.fn = end_at_once},
	                                      {.fn = end_at_once, .opts = &tomorrow.opts}};
	struct {
		struct tend_child child;
		char more[8];
	} later[2] = {{{.fn = end_at_once}, {0}}, {{.fn = end_at_once}, {1}}};
	size_t bad = 9;

	open_world(1);
	ANSWERS(tend_spawn_set(root, children, 2, 0, NULL, &bad), -E2BIG);
	ck_assert_uint_eq(bad, 1);
	bad = 9;
	ANSWERS(tend_spawn_set_at(TEND_HERE, root, &later[0].child, sizeof(later[0]), 2, 0, NULL,
	                          &bad),
	        -E2BIG);
	ck_assert_uint_eq(bad, 1);
	close_world();
}

static bool has_site(tend_task t, const char *site)
{
	tend_snapshot *s;
	bool has = false;

	OK(tend_snapshot_take(rt, &s));
	for (size_t i = 0; i < tend_snapshot_count(s); i++)
		if (tend_snapshot_at(s, i)->id == t.id)
			has = strstr(tend_snapshot_at(s, i)->site, site) != NULL;
	tend_snapshot_free(s);
	return has;
}

SCENARIO(a_child_has_the_site_of_the_call_unless_it_has_its_own)
{
	struct tend_child children[2];
	tend_event *never;
	tend_task t[2];

	open_world(2);
	never = new_event();
	children[0] = (struct tend_child){.fn = wait_for, .arg = never};
	children[1] = (struct tend_child){.fn = wait_for, .arg = never, .site = "config.yaml:7"};
	OK(tend_spawn_set(root, children, 2, 0, t, NULL));
	ck_assert(has_site(t[0], "promises.c:"));
	ck_assert(has_site(t[1], "config.yaml:7"));
	OK(tend_scope_cancel(root, -EINTR, NULL));
	close_world();
}

SCENARIO(a_list_has_at_most_1000_results_and_a_factor_is_at_least_one)
{
	static int32_t list[1002];
	tend_task t;

	open_world(1);
	for (int i = 0; i < 1001; i++)
		list[i] = i + 1;
	ANSWERS(tend_spawn(root, end_at_once, NULL,
	                   TEND_TASK_OPTS(.restart = TEND_RESTART(.fatal = list)), &t),
	        -EINVAL);
	ANSWERS(tend_spawn(root, end_at_once, NULL,
	                   TEND_TASK_OPTS(.restart = TEND_RESTART(.factor = 999)), &t),
	        -EINVAL);
	list[1000] = 0;
	OK(tend_spawn(root, end_at_once, NULL,
	              TEND_TASK_OPTS(.restart = TEND_RESTART(.success = list)), &t));
	ck_assert_int_eq(joined(t).kind, TEND_COMPLETED);
	close_world();
}
