/* The stop of an attempt, its times, and the commands: the rules of attempts in doc/model.md. */
#include "scenario.h"

#include <stdio.h>

/* A body that waits for an event, or for a stop. */
struct server {
	tend_event *go;   /* ends an attempt with 0 */
	tend_event *deaf; /* or NULL: the attempt goes on until this is set */
	_Atomic int begun, ended, inside, most, dropped;
	struct tend_reason why[8]; /* of the stop of each attempt */
	bool says_ready, says_alive, owns;
	uint64_t alive_until;
};

static void drop(void *arg) { count_one(&((struct server *)arg)->dropped); }

static int serve(void *arg)
{
	struct server *s = arg;
	int i = s->begun++, inside = ++s->inside;
	tend_scope mine;

	if (inside > s->most)
		s->most = inside;
	if (s->says_ready)
		OK(tend_ready());
	if (s->owns) {
		OK(tend_scope_open(root, "inner", NULL, &mine));
		/* The ladder of a stop may come first on threads. */
		int refused = tend_spawn(mine, wait_for, s->go, NULL, NULL);
		ck_assert(!refused || (refused == -ECANCELED && !simulated));
		(void)!tend_scope_close(mine, TEND_FOREVER, NULL);
	}
	int error = 0;
	while (s->says_alive && !error && tend_now() < s->alive_until) {
		OK(tend_alive());
		error = tend_event_wait(s->go, tend_after(TEND_MS));
		error = error == -ETIMEDOUT ? 0 : error;
	}
	error = error ? error : tend_event_wait(s->go, TEND_FOREVER);
	if (error && i < 8)
		(void)!tend_task_reason(tend_self(), &s->why[i]);
	if (s->deaf)
		ignore_cancels(s->deaf);
	s->ended++;
	s->inside--;
	return error;
}

static tend_task start(struct server *s, uint32_t flags, const struct tend_restart *restart)
{
	tend_task t;

	s->go = new_event();
	OK(tend_spawn(root, serve, s,
	              TEND_TASK_OPTS(.name = "t", .flags = flags, .drop = drop, .restart = restart),
	              &t));
	return t;
}

static struct tend_life info(tend_task t)
{
	struct tend_life i;

	OK(tend_task_info(t, &i));
	return i;
}

/* The force of a shutdown comes in the last part of its time, which is short here. On threads a
 * slow machine may take longer; the force has come all the same. */
static void force(tend_task t)
{
	int error = tend_task_shutdown(t, tend_after(20 * TEND_MS));

	ck_assert(!error || (error == -ETIMEDOUT && !simulated));
}

/* ---- Commands ---- */

SCENARIO(a_stopped_task_stays_until_it_is_started)
{
	static struct server s;
	tend_task t;

	open_world(2);
	s = (struct server){0};
	t = start(&s, 0, TEND_RESTART(.policy = TEND_PERMANENT));
	await_count(&s.begun, 1);
	OK(tend_task_stop(t, SOON));
	ck_assert_int_eq(s.ended, 1);
	ck_assert_int_eq(s.why[0].code, -ECANCELED);
	IS(s.why[0].text, "the task was stopped");
	await_state(t.id, TEND_STATE_STOPPED);
	OK(tend_task_stop(t, SOON));
	OK(tend_task_wait(t, TEND_IS_STOPPED, 0, SOON));
	ck_assert_uint_eq(info(t).state, TEND_STATE_STOPPED);
	ck_assert_int_eq((int)live(root), 1);
	OK(tend_task_start(t, SOON));
	await_count(&s.begun, 2);
	OK(tend_task_start(t, SOON)); /* it runs */
	ck_assert_uint_eq(info(t).attempt, 2);
	OK(tend_task_cancel(t, -EINTR, NULL));
	ck_assert_int_eq(joined(t).kind, TEND_CANCELED);
	ck_assert_int_eq(s.begun, 2);
	ck_assert_int_eq(s.most, 1);
	ck_assert_int_eq(s.dropped, 1);
	close_world();
}

SCENARIO(a_restart_ends_the_attempt_and_begins_another)
{
	static struct server s;
	tend_task t;

	open_world(2);
	s = (struct server){0};
	t = start(&s, 0, TEND_RESTART(.policy = TEND_TRANSIENT, .delay_ns = 20 * TEND_SEC));
	await_count(&s.begun, 1);
	for (int i = 2; i < 5; i++) {
		OK(tend_task_restart(t, SOON));
		await_count(&s.begun, i);
		ck_assert_int_eq(s.ended, i - 1);
	}
	ck_assert_uint_eq(info(t).failures, 0);
	tend_event_set(s.go);
	ck_assert_int_eq(joined(t).kind, TEND_COMPLETED);
	ck_assert_int_eq(s.most, 1);
	close_world();
}

static int fail_at_once(void *arg)
{
	count_one(arg);
	return -EIO;
}

SCENARIO(a_start_ends_a_rest_and_a_stop_as_well)
{
	static _Atomic int runs;
	struct tend_life i;
	tend_task t;

	open_world(2);
	runs = 0;
	OK(tend_spawn(root, fail_at_once, (void *)&runs,
	              TEND_TASK_OPTS(.restart = TEND_RESTART(.policy = TEND_TRANSIENT,
	                                                     .delay_ns = 20 * TEND_SEC)),
	              &t));
	await_state(t.id, TEND_STATE_BACKOFF);
	OK(tend_task_info(t, &i));
	ck_assert_uint_ge(i.due, tend_now());
	ck_assert_uint_eq(i.last, TEND_FAILED);
	ck_assert_int_eq(i.last_error, -EIO);
	ck_assert_uint_eq(i.restarts, 1);
	OK(tend_task_start(t, SOON));
	await_state(t.id, TEND_STATE_BACKOFF);
	ck_assert_int_eq(runs, 2);
	OK(tend_task_stop(t, SOON));
	await_state(t.id, TEND_STATE_STOPPED);
	ck_assert_int_eq(runs, 2);
	OK(tend_task_restart(t, SOON));
	await_state(t.id, TEND_STATE_BACKOFF);
	ck_assert_int_eq(runs, 3);
	OK(tend_task_cancel(t, -EINTR, NULL));
	ck_assert_int_eq(joined(t).result, -EIO);
	close_world();
}

/* F21: each caller is answered at its own step. */
SCENARIO(f21_a_stop_that_a_start_overtakes_is_answered)
{
	static struct server s;
	tend_task t;

	open_world(2);
	s = (struct server){.deaf = new_event()};
	t = start(&s, 0, TEND_RESTART(.policy = TEND_PERMANENT, .grace_ns = 50 * TEND_SEC));
	await_count(&s.begun, 1);
	ANSWERS(tend_task_stop(t, 0), -ETIMEDOUT);
	ANSWERS(tend_task_start(t, 0), -ETIMEDOUT);
	tend_event_set(s.deaf);
	OK(tend_task_wait(t, TEND_IS_OVER, 1, SOON));
	await_count(&s.begun, 2);
	OK(tend_task_stop(t, SOON));
	ck_assert_int_eq(s.ended, 2);
	OK(tend_scope_cancel(root, -EINTR, NULL));
	ck_assert_int_eq(joined(t).kind, TEND_CANCELED);
	close_world();
}

struct resting {
	tend_event *never;
	tend_task task;
	_Atomic int runs, answered;
};

static int fails_and_then_waits(void *arg)
{
	struct resting *r = arg;

	return r->runs++ ? tend_event_wait(r->never, TEND_FOREVER) : -EIO;
}

static int stops(void *arg)
{
	struct resting *r = arg;

	OK(tend_task_stop(r->task, SOON));
	count_one(&r->answered);
	return 0;
}

static int starts(void *arg)
{
	struct resting *r = arg;
	int error = tend_task_start(r->task, 0);

	ck_assert(!error || error == -ETIMEDOUT);
	count_one(&r->answered);
	return 0;
}

/* The start comes before the task has looked at the stop: there was no attempt to end. */
SCENARIO(f21_a_stop_at_rest_that_a_start_overtakes_is_answered)
{
	static struct resting r;

	open_world(1);
	r = (struct resting){.never = new_event()};
	OK(tend_spawn(root, fails_and_then_waits, &r,
	              TEND_TASK_OPTS(.restart = TEND_RESTART(.policy = TEND_TRANSIENT,
	                                                     .delay_ns = 20 * TEND_SEC)),
	              &r.task));
	await_state(r.task.id, TEND_STATE_BACKOFF);
	OK(tend_spawn(root, stops, &r, NULL, NULL));
	OK(tend_spawn(root, starts, &r, NULL, NULL));
	await_count(&r.answered, 2);
	OK(tend_task_cancel(r.task, -EPIPE, "enough"));
	OK(tend_scope_wait_empty(root, SOON));
	/* As the outcome says. */
	struct tend_life i = info(r.task);
	ck_assert_int_eq(i.last_error, joined(r.task).error);
	close_world();
}

static int starts_and_waits(void *arg)
{
	struct resting *r = arg;
	int error = tend_task_start(r->task, SOON);

	ck_assert(!error || error == -ECANCELED);
	count_one(&r->answered);
	return 0;
}

/* The other way round: the task is stopped, and the start is undone. */
SCENARIO(a_start_that_a_stop_overtakes_is_answered)
{
	static struct resting r;

	open_world(1);
	r = (struct resting){.never = new_event()};
	OK(tend_spawn(root, fails_and_then_waits, &r,
	              TEND_TASK_OPTS(.restart = TEND_RESTART(.policy = TEND_TRANSIENT,
	                                                     .delay_ns = 20 * TEND_SEC)),
	              &r.task));
	await_state(r.task.id, TEND_STATE_BACKOFF);
	OK(tend_spawn(root, starts_and_waits, &r, NULL, NULL));
	OK(tend_spawn(root, stops, &r, NULL, NULL));
	await_count(&r.answered, 2);
	OK(tend_task_cancel(r.task, -EPIPE, "enough"));
	ck_assert_int_eq(joined(r.task).kind, TEND_CANCELED);
	close_world();
}

/* A task that runs once is started by a command, be it before or after its attempt has ended. */
SCENARIO(a_start_undoes_the_stop_of_a_temporary_task)
{
	static struct server s;
	tend_task t;

	open_world(2);
	s = (struct server){.deaf = new_event()};
	t = start(&s, 0, TEND_RESTART(.policy = TEND_TEMPORARY, .grace_ns = 50 * TEND_SEC));
	await_count(&s.begun, 1);
	ANSWERS(tend_task_stop(t, 0), -ETIMEDOUT);
	ANSWERS(tend_task_start(t, 0), -ETIMEDOUT);
	tend_event_set(s.deaf);
	await_count(&s.begun, 2);
	OK(tend_task_stop(t, SOON));
	OK(tend_task_start(t, SOON));
	await_count(&s.begun, 3);
	OK(tend_task_cancel(t, -EINTR, NULL));
	ck_assert_int_eq(joined(t).kind, TEND_CANCELED);
	close_world();
}

/* The close waits for the attempt, which may go on for hours. */
SCENARIO(a_stop_ends_the_attempt_of_a_scope_that_closes)
{
	static struct server s;
	tend_scope scope;
	tend_task t;

	open_world(2);
	s = (struct server){.go = new_event()};
	scope = child(root, "s");
	OK(tend_spawn(scope, serve, &s,
	              TEND_TASK_OPTS(.restart = TEND_RESTART(.policy = TEND_PERMANENT)), &t));
	await_count(&s.begun, 1);
	ANSWERS(tend_scope_close(scope, 0, NULL), -ETIMEDOUT);
	ANSWERS(tend_task_start(t, SOON), -ECANCELED);
	ANSWERS(tend_task_restart(t, SOON), -ECANCELED);
	ck_assert_int_eq(s.ended, 0);
	ANSWERS(tend_task_stop(t, SOON), -ECANCELED);
	ck_assert_int_eq(s.ended, 1);
	OK(tend_scope_close(scope, SOON, NULL));
	close_world();
}

static int waits_for_ready(void *arg)
{
	struct resting *r = arg;

	count_one(&r->runs);
	int error = tend_task_wait(r->task, TEND_IS_READY, 1, SOON);
	count_one(&r->answered);
	return error;
}

/* Whether the caller came before the end of the attempt or after. */
SCENARIO(an_attempt_that_is_over_and_was_never_ready_is_no_such_attempt)
{
	static struct resting r;
	static struct server s;
	tend_task waiter;

	open_world(1);
	s = (struct server){0};
	r = (struct resting){0};
	r.task = start(&s, 0, TEND_RESTART(.policy = TEND_TEMPORARY, .ready_ns = 50 * TEND_SEC));
	await_count(&s.begun, 1);
	OK(tend_spawn(root, waits_for_ready, &r, NULL, &waiter));
	await_state(waiter.id, TEND_STATE_PARKED);
	tend_event_set(s.go);
	ck_assert_int_eq(joined(waiter).result, -ESRCH);
	ANSWERS(tend_task_wait(r.task, TEND_IS_READY, 1, SOON), -ESRCH);
	ANSWERS(tend_task_wait(r.task, TEND_IS_READY, 2, SOON), -ECHILD);
	ck_assert_int_eq(joined(r.task).kind, TEND_COMPLETED);
	close_world();
}

static int commands_itself(void *arg)
{
	tend_task t = tend_self();

	(void)arg;
	ANSWERS(tend_task_stop(t, SOON), -EDEADLK);
	ANSWERS(tend_task_restart(t, SOON), -EDEADLK);
	ANSWERS(tend_task_wait(t, TEND_IS_OVER, 0, SOON), -EDEADLK);
	ANSWERS(tend_task_shutdown(t, SOON), -EDEADLK);
	return 0;
}

SCENARIO(a_task_does_not_wait_for_its_own_stop)
{
	tend_task t;

	open_world(2);
	OK(tend_spawn(root, commands_itself, NULL,
	              TEND_TASK_OPTS(.restart = TEND_RESTART(.policy = TEND_TRANSIENT)), &t));
	ck_assert_int_eq(joined(t).kind, TEND_COMPLETED);
	/* A task without a policy has no attempts. */
	OK(tend_spawn(root, wait_for, new_event(), NULL, &t));
	ANSWERS(tend_task_stop(t, SOON), -EINVAL);
	OK(tend_task_cancel(t, -EINTR, NULL));
	ck_assert_int_eq(joined(t).kind, TEND_CANCELED);
	ANSWERS(tend_task_stop(t, SOON), -ESRCH);
	close_world();
}

SCENARIO(the_callers_of_a_task_that_ends_are_answered)
{
	static struct server s;
	tend_task t;

	open_world(2);
	s = (struct server){.deaf = new_event()};
	t = start(&s, 0, TEND_RESTART(.policy = TEND_PERMANENT));
	await_count(&s.begun, 1);
	ANSWERS(tend_task_stop(t, 0), -ETIMEDOUT);
	OK(tend_task_cancel(t, -EINTR, NULL));
	ANSWERS(tend_task_start(t, SOON), -ECANCELED);
	tend_event_set(s.deaf);
	ANSWERS(tend_task_wait(t, TEND_IS_READY, 2, SOON), -ECHILD);
	OK(tend_task_wait(t, TEND_IS_OVER, 1, SOON));
	ck_assert_int_eq(joined(t).kind, TEND_CANCELED);
	close_world();
}

/* A close ends what is stopped, F2. */
SCENARIO(f2_a_close_ends_a_stopped_task)
{
	static struct server s;
	tend_task t;

	open_world(2);
	s = (struct server){0};
	t = start(&s, 0, TEND_RESTART(.policy = TEND_PERMANENT));
	await_count(&s.begun, 1);
	OK(tend_task_stop(t, SOON));
	close_world();
	ck_assert_int_eq(s.dropped, 1);
}

/* ---- The times of an attempt ---- */

SCENARIO(tv_048_an_attempt_that_takes_too_long_has_failed)
{
	static struct server s;
	struct tend_outcome o;
	tend_task t;

	open_world(2);
	s = (struct server){0};
	t = start(&s, 0,
	          TEND_RESTART(.policy = TEND_TRANSIENT, .retries = 2, .delay_ns = TEND_MS,
	                       .timeout_ns = 3 * TEND_MS));
	o = joined(t);
	ck_assert_int_eq(o.kind, TEND_FAILED);
	ck_assert_int_eq(o.error, -ETIMEDOUT);
	ck_assert_int_eq(o.result, -ECANCELED); /* the body's, beside it */
	ck_assert_uint_eq(o.was_canceled, 0);
	ck_assert_uint_eq(o.attempts, 3);
	ck_assert_int_eq(s.why[0].code, -ETIMEDOUT);
	ck_assert_int_eq(s.begun, 3);
	ck_assert_int_eq(s.most, 1);
	close_world();
}

/* TV7-98: the function's own -ETIMEDOUT is no timeout. */
static int times_out_by_itself(void *arg)
{
	count_one(arg);
	return -ETIMEDOUT;
}

SCENARIO(tv7_98_a_result_is_no_timeout)
{
	static _Atomic int runs;
	struct tend_outcome o;
	tend_task t;

	open_world(2);
	runs = 0;
	OK(tend_spawn(root, times_out_by_itself, (void *)&runs,
	              TEND_TASK_OPTS(.restart = TEND_RESTART(.policy = TEND_TRANSIENT, .retries = 1,
	                                                     .delay_ns = TEND_MS,
	                                                     .timeout_ns = TEND_SEC)),
	              &t));
	o = joined(t);
	ck_assert_int_eq(o.kind, TEND_FAILED);
	ck_assert_int_eq(o.error, -ETIMEDOUT);
	ck_assert_int_eq(o.result, -ETIMEDOUT);
	ck_assert_int_eq(runs, 2);
	close_world();
}

SCENARIO(an_attempt_that_is_not_ready_in_time_has_failed)
{
	static struct server s;
	tend_task t;

	open_world(2);
	s = (struct server){0};
	t = start(&s, 0,
	          TEND_RESTART(.policy = TEND_TRANSIENT, .retries = 1, .delay_ns = TEND_MS,
	                       .ready_ns = 5 * TEND_MS));
	ANSWERS(tend_task_wait(t, TEND_IS_READY, 0, SOON), -ECHILD);
	ck_assert_int_eq(joined(t).error, -ETIME);
	IS(s.why[0].text, "the attempt was not ready");
	s = (struct server){.says_ready = true};
	t = start(&s, 0, TEND_RESTART(.policy = TEND_TRANSIENT, .ready_ns = 5 * TEND_SEC));
	OK(tend_task_wait(t, TEND_IS_READY, 0, SOON));
	ck_assert_int_eq(s.begun, 1);
	ck_assert_uint_eq(info(t).ready, 1);
	tend_event_set(s.go);
	ck_assert_int_eq(joined(t).kind, TEND_COMPLETED);
	close_world();
}

/* F24: a probe names the attempt. */
SCENARIO(f24_a_probe_speaks_of_its_own_attempt)
{
	static struct server s;
	tend_task t;

	open_world(2);
	s = (struct server){0};
	t = start(&s, 0,
	          TEND_RESTART(.policy = TEND_PERMANENT, .delay_ns = TEND_AT_ONCE,
	                       .ready_ns = 20 * TEND_SEC));
	await_count(&s.begun, 1);
	OK(tend_task_fail(t, 1, -EPROTO, "it answers nonsense"));
	await_count(&s.begun, 2);
	ANSWERS(tend_task_ready(t, 1), -ESRCH);
	ANSWERS(tend_task_fail(t, 1, -EPROTO, NULL), -ESRCH);
	ck_assert_uint_eq(info(t).ready, 0);
	ck_assert_int_eq(info(t).last_error, -EPROTO);
	OK(tend_task_ready(t, 2));
	OK(tend_task_wait(t, TEND_IS_READY, 2, SOON));
	ANSWERS(tend_task_wait(t, TEND_IS_READY, 1, SOON), -ESRCH);
	ck_assert_int_eq(s.why[0].code, -EPROTO);
	OK(tend_task_shutdown(t, SOON));
	ck_assert_int_eq(joined(t).kind, TEND_CANCELED);
	close_world();
}

/* Exact instants: the times of the threads are those of a busy machine. */
SCENARIO(an_attempt_that_does_not_say_that_it_is_alive_has_failed)
{
	static struct server s;
	uint64_t length = simulated ? 5 * TEND_MS : 5 * TEND_SEC;
	tend_task t;

	open_world(2);
	s = (struct server){.says_alive = true, .alive_until = tend_after(20 * TEND_MS)};
	t = start(&s, 0, TEND_RESTART(.policy = TEND_TEMPORARY, .alive_ns = length));
	if (!simulated) {
		tend_event_set(s.go);
		ck_assert_int_eq(joined(t).kind, TEND_COMPLETED);
	} else {
		struct tend_outcome o = joined(t);

		ck_assert_int_eq(o.kind, TEND_FAILED);
		ck_assert_int_eq(o.error, -ETIME);
		IS(s.why[0].text, "the attempt did not say that it is alive");
		ck_assert_uint_ge(s.why[0].when, s.alive_until);
	}
	close_world();
}

/* ---- The ladder ---- */

SCENARIO(f4_the_ladder_cancels_what_a_deaf_attempt_waits_for)
{
	static struct server s;
	tend_task t;

	open_world(2);
	s = (struct server){.owns = true};
	t = start(&s, 0, TEND_RESTART(.policy = TEND_PERMANENT, .grace_ns = 3 * TEND_MS));
	await_count(&s.begun, 1);
	OK(tend_task_stop(t, SOON));
	ck_assert_int_eq(s.ended, 1);
	OK(tend_task_shutdown(t, SOON));
	close_world();
}

SCENARIO(the_ladder_aborts_an_abortable_fiber)
{
	static struct server s;
	tend_event *never;
	tend_task t;

	open_world(2);
	never = new_event();
	s = (struct server){.deaf = never};
	t = start(&s, TEND_ABORTABLE,
	          TEND_RESTART(.policy = TEND_PERMANENT, .grace_ns = 3 * TEND_MS));
	await_count(&s.begun, 1);
	OK(tend_task_restart(t, SOON));
	await_count(&s.begun, 2);
	ck_assert_int_eq(s.ended, 0);
	force(t);
	ck_assert_int_eq(joined(t).kind, TEND_ABORTED);
	close_world();
}

SCENARIO(an_attempt_that_does_not_stop_is_abandoned_and_has_no_successor)
{
	static struct server s;
	tend_task t;

	open_world(2);
	s = (struct server){.deaf = new_event()};
	t = start(&s, 0,
	          TEND_RESTART(.policy = TEND_PERMANENT, .delay_ns = TEND_AT_ONCE,
	                       .timeout_ns = 2 * TEND_MS, .grace_ns = 2 * TEND_MS));
	while (info(t).state != TEND_STATE_ABANDONED)
		OK(tend_sleep(TEND_MS));
	ck_assert_int_eq(s.begun, 1);
	await_state(t.id, TEND_STATE_ABANDONED);
	tend_event_set(s.deaf);
	await_count(&s.begun, 2);
	ck_assert_int_eq(s.most, 1);
	ck_assert_uint_ge(info(t).failures, 1);
	OK(tend_task_shutdown(t, SOON));
	close_world();
}

/* ---- Failures with a text ---- */

static int says_why(void *arg)
{
	int *how = arg;

	if (*how == 1)
		return tend_fail(-EIO, "disk %s is gone", "a");
	if (*how == 2)
		return tend_fatal(-EIO, "disk %s is gone", "b");
	return tend_fatal(-EIO, "never mind") ? 0 : 1;
}

SCENARIO(a_failure_has_a_text_and_a_fatal_one_is_the_last)
{
	static int how[] = {1, 2, 3};
	struct tend_outcome o[3];
	tend_task t;

	open_world(2);
	for (int i = 0; i < 3; i++) {
		OK(tend_spawn(root, says_why, &how[i],
		              TEND_TASK_OPTS(.restart = TEND_RESTART(.policy = TEND_TRANSIENT,
		                                                     .delay_ns = TEND_AT_ONCE,
		                                                     .retries = 2)),
		              &t));
		o[i] = joined(t);
	}
	ck_assert_int_eq(o[0].kind, TEND_FAILED);
	IS(o[0].message, "disk a is gone");
	ck_assert_uint_eq(o[0].attempts, 3);
	ck_assert_int_eq(o[1].kind, TEND_FAILED);
	IS(o[1].message, "disk b is gone");
	ck_assert_uint_eq(o[1].attempts, 1);
	ck_assert_int_eq(o[2].kind, TEND_COMPLETED);
	IS(o[2].message, "");
	/* A task that runs once has the text, too. */
	OK(tend_spawn(root, says_why, &how[0], NULL, &t));
	IS(joined(t).message, "disk a is gone");
	close_world();
}

/* ---- tend_task_shutdown() ---- */

SCENARIO(tv_142_one_task_is_ended_with_force)
{
	static struct server s;
	tend_task t;

	open_world(2);
	s = (struct server){.deaf = new_event()};
	t = start(&s, TEND_ABORTABLE, TEND_RESTART(.policy = TEND_PERMANENT));
	await_count(&s.begun, 1);
	force(t);
	ck_assert_int_eq(joined(t).kind, TEND_ABORTED);
	ck_assert_int_eq(s.dropped, 1);
	ANSWERS(tend_task_shutdown(t, SOON), -ESRCH);
	/* What cannot be forced lives on, canceled. */
	s = (struct server){.deaf = new_event()};
	t = start(&s, 0, TEND_RESTART(.policy = TEND_PERMANENT));
	await_count(&s.begun, 1);
	ANSWERS(tend_task_shutdown(t, tend_after(5 * TEND_MS)), -ETIMEDOUT);
	tend_event_set(s.deaf);
	ck_assert_int_eq(joined(t).kind, TEND_CANCELED);
	close_world();
}
