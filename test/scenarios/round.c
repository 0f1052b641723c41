/* Strategies, and the order in which the members of a scope end and begin. */
#include "scenario.h"

#include <stdio.h>

enum { MEMBERS = 6 };

/* A member writes down what it does: "+a" it begins, "-a" it ends. It is ready once it has written,
 * so that the next begins after that. */
static struct group {
	tend_scope scope;
	tend_event *ends[MEMBERS]; /* an attempt ends with `answer` */
	int answer[MEMBERS];
	_Atomic int begun[MEMBERS], lives, dropped;
	bool unready[MEMBERS], deaf[MEMBERS], fails_at_once[MEMBERS];
	tend_event *hears; /* a deaf member ends */
	tend_task task[MEMBERS];
	_Atomic int length;
	char log[512];
} g;

static void note(char what, int i)
{
	int at = atomic_fetch_add(&g.length, 3);

	ck_assert_int_lt(at + 3, (int)sizeof(g.log));
	g.log[at] = ' ';
	g.log[at + 1] = what;
	g.log[at + 2] = (char)('a' + i);
}

/* What was written down since the last look. */
static const char *noted(void)
{
	static char text[sizeof(g.log)];
	int n = atomic_exchange(&g.length, 0);

	memcpy(text, g.log + 1, (size_t)(n ? n - 1 : 0));
	text[n ? n - 1 : 0] = '\0';
	return text;
}

static int live_once(void *arg)
{
	int i = (int)(intptr_t)arg;

	note('+', i);
	if (!g.unready[i])
		OK(tend_ready());
	g.begun[i]++;
	g.lives++;
	int error = g.fails_at_once[i] ? -EPIPE : tend_event_wait(g.ends[i], TEND_FOREVER);
	if (!error)
		tend_event_clear(g.ends[i]);
	if (error == -ECANCELED && g.deaf[i])
		ignore_cancels(g.hears);
	g.lives--;
	note('-', i);
	return error && g.deaf[i] ? -EIO : error ? error : g.answer[i];
}

static void dropped(void *arg)
{
	(void)arg;
	g.dropped++;
}

static const struct tend_restart *again(void)
{
	static const struct tend_restart r = {.size = sizeof(r),
	                                      .policy = TEND_TRANSIENT,
	                                      .ready_ns = 3600 * TEND_SEC,
	                                      .delay_ns = TEND_AT_ONCE};

	return &r;
}

/* The others have a while to see that it rests. */
static const struct tend_restart *slowly(void)
{
	static const struct tend_restart r = {.size = sizeof(r),
	                                      .policy = TEND_TRANSIENT,
	                                      .ready_ns = 3600 * TEND_SEC,
	                                      .delay_ns = 20 * TEND_SEC};

	return &r;
}

static void spawn(int i, const struct tend_restart *restart)
{
	char name[] = {(char)('a' + i), '\0'};

	OK(tend_spawn(g.scope, live_once, (void *)(intptr_t)i,
	              TEND_TASK_OPTS(.name = name, .restart = restart, .drop = dropped),
	              &g.task[i]));
}

static void open_group(const struct tend_scope_opts *opts, int members)
{
	open_world(2);
	memset(&g, 0, sizeof(g));
	OK(tend_scope_open(root, "g", opts, &g.scope));
	for (int i = 0; i < MEMBERS; i++)
		g.ends[i] = new_event();
	g.hears = new_event();
	/* One by one, so that the log is known. */
	for (int i = 0; i < members; i++) {
		spawn(i, again());
		await_count(&g.begun[i], 1);
	}
	noted();
}

/* Ends the attempt of a member. */
static void end(int i, int answer)
{
	g.answer[i] = answer;
	tend_event_set(g.ends[i]);
}

static struct tend_stats closed(void)
{
	struct tend_stats n;

	(void)!tend_scope_cancel(g.scope, -EINTR, NULL);
	OK(tend_scope_close(g.scope, SOON, &n));
	close_world();
	return n;
}

static struct tend_life life(int i)
{
	struct tend_life l;

	OK(tend_task_info(g.task[i], &l));
	return l;
}

/* ---- OTP's rules of strategies ---- */

SCENARIO(otp_one_for_one_restarts_only_the_child_that_failed)
{
	open_group(TEND_SCOPE_OPTS(.strategy = TEND_ONE_FOR_ONE), 3);
	end(1, -EIO);
	await_count(&g.begun[1], 2);
	IS(noted(), "-b +b");
	closed();
}

SCENARIO(otp_one_for_all_ends_all_in_reverse_and_begins_all_in_order)
{
	open_group(TEND_SCOPE_OPTS(.strategy = TEND_ONE_FOR_ALL), 4);
	end(1, -EIO);
	await_count(&g.begun[3], 2);
	IS(noted(), "-b -d -c -a +a +b +c +d");
	ck_assert_uint_eq(closed().restarts, 1);
}

SCENARIO(otp_rest_for_one_ends_what_was_spawned_after_and_no_other)
{
	open_group(TEND_SCOPE_OPTS(.strategy = TEND_REST_FOR_ONE), 4);
	end(1, -EIO);
	await_count(&g.begun[3], 2);
	IS(noted(), "-b -d -c +b +c +d");
	end(3, -EIO);
	await_count(&g.begun[3], 3);
	IS(noted(), "-d +d");
	closed();
}

SCENARIO(otp_a_round_ends_temporary_children_and_they_do_not_begin_one)
{
	open_group(TEND_SCOPE_OPTS(.strategy = TEND_ONE_FOR_ALL), 1);
	spawn(1, NULL);
	spawn(2, TEND_RESTART(.policy = TEND_TEMPORARY));
	await_count(&g.begun[2], 1);
	await_count(&g.begun[1], 1);
	noted();
	end(1, -EIO);
	ck_assert_int_eq(joined(g.task[1]).kind, TEND_FAILED);
	IS(noted(), "-b");
	end(0, -EIO);
	await_count(&g.begun[0], 2);
	IS(noted(), "-a -c +a");
	struct tend_outcome o = joined(g.task[2]);
	ck_assert_int_eq(o.kind, TEND_CANCELED);
	IS(o.reason.text, "a member of its group failed");
	closed();
}

SCENARIO(otp_more_restarts_than_the_intensity_end_the_scope)
{
	struct tend_reason reason;

	open_group(TEND_SCOPE_OPTS(.strategy = TEND_ONE_FOR_ALL), 2);
	/* The default: five in thirty seconds. */
	for (int i = 2; i < 7; i++) {
		end(0, -EIO);
		await_count(&g.begun[1], i);
	}
	end(0, -EIO);
	OK(tend_scope_wait_empty(g.scope, SOON));
	OK(tend_scope_reason(g.scope, &reason));
	ck_assert_int_eq(reason.code, -ELOOP);
	IS(reason.text, "6 restarts in 30s, last: a failed with -5");
	ck_assert_int_eq(g.begun[0], 6);
	ck_assert_int_eq(g.dropped, 2);
	ck_assert_uint_eq(closed().gave_up, 1);
}

SCENARIO(any_number_of_restarts_is_not_too_many)
{
	open_group(TEND_SCOPE_OPTS(.strategy = TEND_ONE_FOR_ONE, .restarts = TEND_ANY_NUMBER), 1);
	for (int i = 2; i < 12; i++) {
		end(0, -EIO);
		await_count(&g.begun[0], i);
	}
	ck_assert_uint_eq(closed().gave_up, 0);
}

/* OTP: the supervisor ends its children in reverse when it ends. */
SCENARIO(otp_a_shutdown_ends_the_children_in_reverse)
{
	static const uint32_t strategies[] = {TEND_ONE_FOR_ONE, TEND_ONE_FOR_ALL,
	                                      TEND_REST_FOR_ONE};
	struct tend_outcome o;

	for (int i = 0; i < 3; i++) {
		open_group(TEND_SCOPE_OPTS(.strategy = strategies[i]), 4);
		OK(tend_shutdown(g.scope, SOON, TEND_SHUTDOWN_OPTS(.code = -EINTR, .text = "x")));
		IS(noted(), "-d -c -b -a");
		o = joined(g.task[1]);
		ck_assert_int_eq(o.kind, TEND_CANCELED);
		ck_assert_int_eq(o.error, -EINTR);
		ck_assert_int_eq(o.reason.code, -EINTR);
		IS(o.reason.text, "x");
		OK(tend_scope_close(g.scope, SOON, NULL));
		close_world();
	}
}

/* ---- Where tend says more than OTP ---- */

/* OTP has no such thing: a child whose restarts are used up. */
SCENARIO(a_member_that_fails_for_good_makes_a_group_give_up)
{
	struct tend_reason reason;
	struct tend_stats n;

	open_group(TEND_SCOPE_OPTS(.strategy = TEND_ONE_FOR_ALL), 2);
	spawn(2, TEND_RESTART(.policy = TEND_TRANSIENT, .fatal = (const int32_t[]){-EPERM, 0}));
	await_count(&g.begun[2], 1);
	noted();
	end(2, -EPERM);
	OK(tend_scope_wait_empty(g.scope, SOON));
	OK(tend_scope_reason(g.scope, &reason));
	ck_assert_int_eq(reason.code, -ELOOP);
	IS(reason.text, "c failed with -1 for good");
	ck_assert_int_eq(joined(g.task[2]).kind, TEND_FAILED);
	ck_assert_int_eq(joined(g.task[0]).kind, TEND_CANCELED);
	n = closed();
	ck_assert_uint_eq(n.gave_up, 1);
	ck_assert_uint_eq(n.restarts, 0);
}

SCENARIO(a_member_alone_that_fails_for_good_is_its_own_affair)
{
	open_group(TEND_SCOPE_OPTS(.strategy = TEND_ONE_FOR_ONE), 1);
	spawn(1, TEND_RESTART(.policy = TEND_TRANSIENT, .fatal = (const int32_t[]){-EPERM, 0}));
	await_count(&g.begun[1], 1);
	end(1, -EPERM);
	ck_assert_int_eq(joined(g.task[1]).kind, TEND_FAILED);
	ck_assert_uint_eq(life(0).attempt, 1);
	ck_assert_uint_eq(closed().gave_up, 0);
}

/* A success begins no round, and a completed transient task is gone. */
SCENARIO(a_member_that_completes_is_not_revived)
{
	open_group(TEND_SCOPE_OPTS(.strategy = TEND_ONE_FOR_ALL), 3);
	end(1, 0);
	ck_assert_int_eq(joined(g.task[1]).kind, TEND_COMPLETED);
	IS(noted(), "-b");
	end(0, -EIO);
	await_count(&g.begun[2], 2);
	IS(noted(), "-a -c +a +c");
	closed();
}

SCENARIO(a_stopped_member_stays_stopped_in_a_round)
{
	open_group(TEND_SCOPE_OPTS(.strategy = TEND_ONE_FOR_ALL), 3);
	OK(tend_task_stop(g.task[1], SOON));
	IS(noted(), "-b");
	end(0, -EIO);
	await_count(&g.begun[2], 2);
	IS(noted(), "-a -c +a +c");
	ck_assert_uint_eq(life(1).state, TEND_STATE_STOPPED);
	OK(tend_task_start(g.task[1], SOON));
	await_count(&g.begun[1], 2);
	IS(noted(), "+b");
	closed();
}

/* The others wait for the end of the rest, at rest. */
SCENARIO(a_round_waits_for_the_backoff_of_the_member_that_failed)
{
	open_group(TEND_SCOPE_OPTS(.strategy = TEND_ONE_FOR_ALL), 1);
	spawn(1, slowly());
	await_count(&g.begun[1], 1);
	noted();
	end(1, -EIO);
	await_state(g.task[0].id, TEND_STATE_QUEUED);
	ck_assert_uint_eq(life(1).state, TEND_STATE_BACKOFF);
	IS(noted(), "-b -a");
	/* A spawn waits until the round is over. */
	spawn(2, again());
	await_state(g.task[2].id, TEND_STATE_QUEUED);
	/* A command ends the rest. */
	OK(tend_task_start(g.task[1], SOON));
	await_count(&g.begun[2], 1);
	IS(noted(), "+a +b +c");
	closed();
}

SCENARIO(a_member_that_leaves_while_it_rests_lets_the_others_begin)
{
	for (int stop = 0; stop < 2; stop++) {
		open_group(TEND_SCOPE_OPTS(.strategy = TEND_ONE_FOR_ALL), 1);
		spawn(1, slowly());
		await_count(&g.begun[1], 1);
		noted();
		end(1, -EIO);
		await_state(g.task[0].id, TEND_STATE_QUEUED);
		if (stop)
			OK(tend_task_stop(g.task[1], SOON));
		else
			OK(tend_task_cancel(g.task[1], -EINTR, NULL));
		await_count(&g.begun[0], 2);
		IS(noted(), "-b -a +a");
		closed();
	}
}

/* A member that cannot be stopped holds the round, and those that wait name it. */
SCENARIO(a_member_that_cannot_be_stopped_holds_the_round)
{
	const struct tend_restart *brief =
		TEND_RESTART(.policy = TEND_TRANSIENT, .ready_ns = 3600 * TEND_SEC,
	                     .delay_ns = TEND_AT_ONCE, .grace_ns = TEND_MS);

	open_group(TEND_SCOPE_OPTS(.strategy = TEND_ONE_FOR_ALL), 1);
	g.deaf[1] = true;
	spawn(1, brief);
	await_count(&g.begun[1], 1);
	spawn(2, again());
	await_count(&g.begun[2], 1);
	noted();
	end(2, -EIO);
	while (life(1).state != TEND_STATE_ABANDONED)
		OK(tend_sleep(TEND_MS));
	await_state(g.task[2].id, TEND_STATE_QUEUED);
	IS(noted(), "-c");
	tend_event_set(g.hears);
	await_count(&g.begun[2], 2);
	IS(noted(), "-b -a +a +b +c");
	/* Its end was wanted, so its failure does not count. */
	ck_assert_uint_eq(closed().restarts, 1);
}

SCENARIO(a_failure_of_an_earlier_member_widens_rest_for_one)
{
	open_group(TEND_SCOPE_OPTS(.strategy = TEND_REST_FOR_ONE), 2);
	spawn(2, slowly());
	await_count(&g.begun[2], 1);
	spawn(3, again());
	await_count(&g.begun[3], 1);
	noted();
	end(2, -EIO);
	await_state(g.task[3].id, TEND_STATE_QUEUED);
	IS(noted(), "-c -d");
	end(1, -EIO);
	await_state(g.task[1].id, TEND_STATE_QUEUED);
	/* Both failures were to be waited for. */
	OK(tend_task_start(g.task[2], SOON));
	await_count(&g.begun[3], 2);
	IS(noted(), "-b +b +c +d");
	ck_assert_int_eq(g.begun[0], 1);
	closed();
}

SCENARIO(a_failure_while_members_begin_is_a_new_round)
{
	open_group(TEND_SCOPE_OPTS(.strategy = TEND_ONE_FOR_ALL, .restarts = 3), 3);
	g.fails_at_once[1] = true;
	end(0, -EIO);
	OK(tend_scope_wait_empty(g.scope, SOON));
	/* The third never begins: the second fails each time, until the scope gives up. */
	ck_assert_int_eq(g.begun[0], 4);
	ck_assert_int_eq(g.begun[1], 4);
	ck_assert_int_eq(g.begun[2], 1);
	ck_assert_int_eq(g.lives, 0);
	struct tend_stats n = closed();
	ck_assert_uint_eq(n.gave_up, 1);
	ck_assert_uint_eq(n.restarts, 3);
}

/* A restart of a member joins the round: it is answered when the round has the member begin. */
SCENARIO(a_restart_of_a_member_joins_the_round)
{
	open_group(TEND_SCOPE_OPTS(.strategy = TEND_ONE_FOR_ALL), 1);
	spawn(1, slowly());
	await_count(&g.begun[1], 1);
	noted();
	end(1, -EIO);
	await_state(g.task[0].id, TEND_STATE_QUEUED);
	ANSWERS(tend_task_restart(g.task[0], 0), -ETIMEDOUT);
	ANSWERS(tend_task_start(g.task[0], 0), -ETIMEDOUT);
	OK(tend_task_start(g.task[1], SOON));
	await_count(&g.begun[1], 2);
	IS(noted(), "-b -a +a +b");
	closed();
}

/* Nor does a command have a member begin before what it needs is ready. */
SCENARIO(a_member_begins_when_the_one_before_is_ready)
{
	open_group(TEND_SCOPE_OPTS(.strategy = TEND_ONE_FOR_ALL), 3);
	g.unready[0] = true;
	end(2, -EIO);
	await_count(&g.begun[0], 2);
	await_state(g.task[1].id, TEND_STATE_QUEUED);
	ANSWERS(tend_task_start(g.task[1], 0), -ETIMEDOUT);
	ANSWERS(tend_task_start(g.task[2], 0), -ETIMEDOUT);
	await_state(g.task[1].id, TEND_STATE_QUEUED);
	IS(noted(), "-c -b -a +a");
	OK(tend_task_ready(g.task[0], 2));
	await_count(&g.begun[2], 2);
	IS(noted(), "+b +c");
	closed();
}

/* A close lets nothing run again, and a round that is under way has the rest end. */
SCENARIO(a_close_ends_a_round)
{
	struct tend_stats n;

	open_group(TEND_SCOPE_OPTS(.strategy = TEND_ONE_FOR_ALL), 2);
	spawn(2, slowly());
	await_count(&g.begun[2], 1);
	end(2, -EIO);
	await_state(g.task[0].id, TEND_STATE_QUEUED);
	OK(tend_scope_close(g.scope, SOON, &n));
	ck_assert_int_eq(g.begun[0] + g.begun[1] + g.begun[2], 3);
	ck_assert_int_eq(g.dropped, 3);
	ck_assert_uint_eq(n.spawned, 3);
	close_world();
}

/* The order does not hold up the end of the time: the last part is for all. */
SCENARIO(a_shutdown_overrides_the_order_in_its_last_part)
{
	tend_report *report;
	int error;

	open_group(TEND_SCOPE_OPTS(.strategy = TEND_ONE_FOR_ONE), 2);
	g.deaf[2] = true;
	spawn(2, again());
	await_count(&g.begun[2], 1);
	noted();
	error = tend_shutdown(g.scope, tend_after(20 * TEND_MS),
	                      TEND_SHUTDOWN_OPTS(.report = &report));
	ck_assert_int_eq(error, -ETIMEDOUT);
	ck_assert(!simulated || tend_report_abandoned(report) == 1);
	tend_report_free(report);
	tend_event_set(g.hears);
	OK(tend_scope_close(g.scope, SOON, NULL));
	ck_assert_int_eq(g.lives, 0);
	close_world();
}
