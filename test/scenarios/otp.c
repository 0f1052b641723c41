/* The rules of supervisors of OTP, where tend has the same: a supervisor is a scope, and a child
 * with a restart type is a task with a policy. */
#include "scenario.h"

struct member {
	int answer;
	bool panics;
	int ends_at; /* the attempt that answers TEND_DONE */
	_Atomic int runs;
};

static int attempt(void *arg)
{
	struct member *m = arg;

	if (++m->runs == m->ends_at)
		return TEND_DONE;
	if (m->panics)
		tend_panic("at once");
	return m->answer;
}

static tend_task spawned(tend_scope s, struct member *m, uint32_t policy)
{
	tend_task t;

	OK(tend_spawn(
		s, attempt, m,
		TEND_TASK_OPTS(.name = "member",
	                       .restart = TEND_RESTART(.policy = policy, .delay_ns = TEND_AT_ONCE)),
		&t));
	return t;
}

/* How often a task of the policy runs, if it ends by itself at its third attempt. */
static int runs_of(uint32_t policy, int answer, bool panics)
{
	static struct member m;

	m = (struct member){.answer = answer, .panics = panics, .ends_at = 3};
	joined(spawned(root, &m, policy));
	return m.runs;
}

SCENARIO(otp_a_permanent_child_is_always_restarted)
{
	open_world(2);
	ck_assert_int_eq(runs_of(TEND_PERMANENT, 0, false), 3);
	ck_assert_int_eq(runs_of(TEND_PERMANENT, -EIO, false), 3);
	ck_assert_int_eq(runs_of(TEND_PERMANENT, 0, true), 3);
	close_world();
}

/* OTP: normal, shutdown and {shutdown, Term} are no failures. */
SCENARIO(otp_a_transient_child_is_restarted_when_it_ends_abnormally)
{
	open_world(2);
	ck_assert_int_eq(runs_of(TEND_TRANSIENT, 0, false), 1);
	ck_assert_int_eq(runs_of(TEND_TRANSIENT, -ECANCELED, false), 1);
	ck_assert_int_eq(runs_of(TEND_TRANSIENT, -EIO, false), 3);
	ck_assert_int_eq(runs_of(TEND_TRANSIENT, 0, true), 3);
	close_world();
}

SCENARIO(otp_a_temporary_child_is_never_restarted)
{
	open_world(2);
	ck_assert_int_eq(runs_of(TEND_TEMPORARY, 0, false), 1);
	ck_assert_int_eq(runs_of(TEND_TEMPORARY, -EIO, false), 1);
	ck_assert_int_eq(runs_of(TEND_TEMPORARY, 0, true), 1);
	close_world();
}

static int waits(void *event) { return tend_event_wait(event, TEND_FOREVER); }

SCENARIO(otp_one_for_one_restarts_the_child_that_ended_and_no_other)
{
	static struct member m;
	struct tend_outcome o;
	tend_event *go;
	tend_task other;

	open_world(2);
	go = new_event();
	OK(tend_spawn(root, waits, go,
	              TEND_TASK_OPTS(.restart = TEND_RESTART(.policy = TEND_TRANSIENT)), &other));
	m = (struct member){.answer = -EIO, .ends_at = 5};
	joined(spawned(root, &m, TEND_PERMANENT));
	tend_event_set(go);
	o = joined(other);
	ck_assert_int_eq(o.kind, TEND_COMPLETED);
	ck_assert_uint_eq(o.attempts, 1);
	ck_assert_int_eq(m.runs, 5);
	close_world();
}

/* ---- A supervisor below a supervisor ---- */

/* A body that supervises: whatever ends in its scope, it begins anew with all of them. */
struct supervisor {
	struct member failing;
	tend_event *never;
	_Atomic int runs, others, inside; /* of the supervisor; of the others; now */
	int last;                         /* attempt of the supervisor, which completes */
};

static int other(void *arg)
{
	struct supervisor *s = arg;

	s->others++;
	s->inside++;
	int error = tend_event_wait(s->never, TEND_FOREVER);
	s->inside--;
	return error;
}

static int supervises(void *arg)
{
	struct supervisor *s = arg;
	struct tend_stats n;
	tend_scope inner;

	/* Everything of the attempt before has ended. */
	ck_assert_int_eq(s->inside, 0);
	if (++s->runs == s->last)
		return 0;
	OK(tend_scope_open(root, "inner", NULL, &inner));
	for (int i = 0; i < 2; i++)
		OK(tend_spawn(inner, other, s, TEND_TASK_OPTS(.name = "other"), NULL));
	await_count(&s->inside, 2);
	/* It runs again once, then it has failed for good. */
	OK(tend_spawn(inner, attempt, &s->failing,
	              TEND_TASK_OPTS(.name = "failing", .flags = TEND_CRITICAL,
	                             .restart = TEND_RESTART(.policy = TEND_PERMANENT, .retries = 1,
	                                                     .delay_ns = TEND_AT_ONCE)),
	              NULL));
	/* A close would let nothing run again. */
	OK(tend_scope_wait_empty(inner, TEND_FOREVER));
	OK(tend_scope_close(inner, TEND_FOREVER, &n));
	ck_assert_uint_eq(n.canceled, 2);
	return n.first_error;
}

SCENARIO(otp_one_for_all_is_a_body_that_runs_a_scope_which_its_failure_ends)
{
	static struct supervisor s;
	tend_task t;

	open_world(2);
	s = (struct supervisor){.failing = {.answer = -EIO}, .never = new_event(), .last = 4};
	OK(tend_spawn(root, supervises, &s,
	              TEND_TASK_OPTS(.restart = TEND_RESTART(.policy = TEND_TRANSIENT,
	                                                     .delay_ns = TEND_AT_ONCE)),
	              &t));
	ck_assert_int_eq(joined(t).kind, TEND_COMPLETED);
	ck_assert_int_eq(s.failing.runs, 3 * 2);
	ck_assert_int_eq(s.others, 3 * 2);
	close_world();
}

SCENARIO(otp_a_supervisor_that_gives_up_is_a_failed_child_of_the_one_above)
{
	static struct supervisor s;
	struct tend_outcome o;
	tend_task t;

	open_world(2);
	s = (struct supervisor){.failing = {.answer = -EPIPE}, .never = new_event()};
	OK(tend_spawn(root, supervises, &s,
	              TEND_TASK_OPTS(.restart = TEND_RESTART(.policy = TEND_TRANSIENT, .retries = 2,
	                                                     .delay_ns = TEND_AT_ONCE)),
	              &t));
	o = joined(t);
	ck_assert_int_eq(o.kind, TEND_FAILED);
	ck_assert_int_eq(o.result, -EPIPE);
	ck_assert_int_eq(s.runs, 3);
	close_world();
}

/* OTP: brutal_kill, and a timeout of the child's shutdown. */
SCENARIO(otp_a_child_that_ignores_its_stop_is_ended_by_force_where_it_can_be)
{
	tend_task t;
	tend_scope s;

	open_world(2);
	s = child(root, "s");
	OK(tend_spawn(s, ignore_cancels, new_event(),
	              TEND_TASK_OPTS(.flags = TEND_ABORTABLE,
	                             .restart = TEND_RESTART(.policy = TEND_PERMANENT,
	                                                     .delay_ns = TEND_AT_ONCE)),
	              &t));
	await_state(t.id, TEND_STATE_PARKED);
	/* The force comes in the last fifth; on a slow machine its effect may come later. */
	int error = tend_shutdown(s, tend_after(20 * TEND_MS), NULL);
	ck_assert(!error || (error == -ETIMEDOUT && !simulated));
	ck_assert_int_eq(joined(t).kind, TEND_ABORTED);
	OK(tend_scope_close(s, SOON, NULL));
	close_world();
}
