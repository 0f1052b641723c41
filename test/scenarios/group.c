/* The restarts of a scope: its default policy, giving up, and the body that supervises. */
#include "scenario.h"

#include <stdio.h>

static _Atomic int runs;

static int fails(void *arg)
{
	(void)arg;
	runs++;
	return -EIO;
}

static const int32_t some[] = {1, 2, 0};

static tend_scope group(tend_scope parent, const struct tend_restart *restart, uint32_t restarts,
                        uint64_t period_ns)
{
	tend_scope s;

	OK(tend_scope_open(parent, "group",
	                   TEND_SCOPE_OPTS(.restart = restart, .restarts = restarts,
	                                   .period_ns = period_ns),
	                   &s));
	return s;
}

SCENARIO(f28_a_scope_gives_up_at_one_restart_too_many)
{
	struct tend_reason reason;
	struct tend_stats n;
	tend_event *never;
	tend_scope s;
	tend_task t;

	open_world(2);
	runs = 0;
	never = new_event();
	s = group(root, NULL, 3, 30 * TEND_SEC);
	OK(tend_spawn(s, wait_for, never, NULL, &t));
	OK(tend_spawn(s, fails, NULL,
	              TEND_TASK_OPTS(.name = "web",
	                             .restart = TEND_RESTART(.policy = TEND_PERMANENT,
	                                                     .delay_ns = TEND_MS)),
	              NULL));
	ck_assert_int_eq(joined(t).kind, TEND_CANCELED);
	OK(tend_scope_reason(s, &reason));
	ck_assert_int_eq(reason.code, -ELOOP);
	IS(reason.text, "4 restarts in 30s, last: web failed with -5");
	ck_assert_int_eq(runs, 4);
	OK(tend_scope_close(s, SOON, &n));
	ck_assert_uint_eq(n.gave_up, 1);
	ck_assert_uint_eq(n.failed, 1);
	ck_assert_uint_eq(n.attempts, 4);
	ck_assert_uint_eq(n.restarts, 3);
	OK(tend_scope_stats(root, &n));
	ck_assert_int_eq(n.first_error, -ELOOP);
	IS(n.first_name, "group");
	close_world();
}

static char line[512];
static void keep_line(const char *message) { snprintf(line, sizeof(line), "%s", message); }

/* F12: the program is told of a scope that gives up and that nobody answers for. */
SCENARIO(f12_a_scope_without_an_owner_that_gives_up_is_told)
{
	char want[512];
	tend_scope s;
	tend_task t;

	open_world(1);
	tend_set_failure_hook(keep_line);
	runs = 0;
	s = group(root, NULL, 1, TEND_SEC);
	OK(tend_spawn(s, fails, NULL,
	              TEND_TASK_OPTS(.name = "web",
	                             .restart = TEND_RESTART(.policy = TEND_TRANSIENT,
	                                                     .delay_ns = TEND_AT_ONCE)),
	              &t));
	joined(t);
	ck_assert_int_eq(gave_up.count, 1);
	ck_assert_uint_eq(gave_up.scope.id, s.id);
	ck_assert_int_eq(gave_up.reason.code, -ELOOP);
	IS(gave_up.reason.text, "2 restarts in 1s, last: web failed with -5");
	snprintf(want, sizeof(want), "tend: scope w/group #%llu gave up: %s",
	         (unsigned long long)s.id, gave_up.reason.text);
	IS(line, want);
	OK(tend_scope_close(s, SOON, NULL));
	close_world();
}

/* Restarts that are far apart are not too many. */
SCENARIO(f28_the_window_slides)
{
	struct tend_stats n;
	tend_scope s;
	tend_task t;

	open_world(2);
	runs = 0;
	s = group(root, NULL, 1, TEND_MS);
	OK(tend_spawn(s, fails, NULL,
	              TEND_TASK_OPTS(.restart = TEND_RESTART(.policy = TEND_TRANSIENT, .retries = 5,
	                                                     .delay_ns = 2 * TEND_MS)),
	              &t));
	ck_assert_int_eq(joined(t).kind, TEND_FAILED);
	ck_assert_int_eq(runs, 6);
	OK(tend_scope_close(s, SOON, &n));
	ck_assert_uint_eq(n.gave_up, 0);
	close_world();
}

SCENARIO(tv7_100_a_scope_has_a_default_policy)
{
	struct tend_stats n;
	tend_scope s;
	tend_task t[3];

	open_world(2);
	runs = 0;
	s = group(root,
	          TEND_RESTART(.policy = TEND_TRANSIENT, .retries = 2, .delay_ns = TEND_AT_ONCE,
	                       .success = some),
	          0, 0);
	OK(tend_spawn(s, fails, NULL, NULL, &t[0]));
	/* Its own policy comes first. */
	OK(tend_spawn(s, fails, NULL,
	              TEND_TASK_OPTS(.restart = TEND_RESTART(.policy = TEND_TEMPORARY)), &t[1]));
	/* The default is for fibers. */
	OK(tend_spawn_thread(s, fails, NULL, NULL, &t[2]));
	ck_assert_uint_eq(joined(t[0]).attempts, 3);
	ck_assert_uint_eq(joined(t[1]).attempts, 1);
	ck_assert_uint_eq(joined(t[2]).attempts, 1);
	ck_assert_int_eq(runs, 5);
	OK(tend_scope_close(s, SOON, &n));
	ck_assert_uint_eq(n.failed, 3);
	close_world();
}

/* ---- tend_scope_run() ---- */

struct supervisor {
	tend_event *go;
	tend_scope inner;
	_Atomic int runs, up;
	int answers[8];
	bool fails, critical, hopeless;
};

static int member(void *arg)
{
	struct supervisor *s = arg;

	s->up++;
	if (s->fails)
		return -EPIPE;
	return tend_event_wait(s->go, TEND_FOREVER);
}

static int supervises(void *arg)
{
	struct supervisor *s = arg;
	int i = s->runs++;

	s->inner = group(root, NULL, s->hopeless ? 2 : 0, 0);
	for (int m = 0; m < 2; m++) {
		const struct tend_restart *policy =
			s->hopeless
				? TEND_RESTART(.policy = TEND_PERMANENT, .delay_ns = TEND_AT_ONCE)
				: NULL;
		int error = tend_spawn(s->inner, member, s,
		                       TEND_TASK_OPTS(.name = "m",
		                                      .flags = s->critical ? TEND_CRITICAL : 0,
		                                      .restart = policy),
		                       NULL);

		/* On threads, the first member may have ended the scope already. */
		ck_assert(error == 0 || (error == -ECANCELED && m && s->fails));
	}
	return s->answers[i % 8] = tend_scope_run(s->inner, TEND_FOREVER, NULL);
}

static tend_task start(struct supervisor *s, uint32_t retries)
{
	tend_task t;

	s->go = new_event();
	OK(tend_spawn(root, supervises, s,
	              TEND_TASK_OPTS(.restart = TEND_RESTART(.policy = TEND_TRANSIENT,
	                                                     .retries = retries,
	                                                     .delay_ns = TEND_AT_ONCE)),
	              &t));
	return t;
}

/* Escalation: the inner scope gives up, and that is one failure outside. */
SCENARIO(a_scope_that_gives_up_is_a_failure_of_its_supervisor)
{
	static struct supervisor s;
	struct tend_outcome o;

	open_world(2);
	s = (struct supervisor){.fails = true, .hopeless = true};
	o = joined(start(&s, 2));
	ck_assert_int_eq(o.kind, TEND_FAILED);
	ck_assert_int_eq(o.result, -ELOOP);
	ck_assert_uint_eq(o.attempts, 3);
	ck_assert_int_eq(gave_up.count, 0); /* the owner has answered for each */
	close_world();
}

/* One for all, the simple way: the first failure cancels the others, and all begin again. */
SCENARIO(a_supervising_body_is_one_for_all)
{
	static struct supervisor s;
	struct tend_outcome o;

	open_world(2);
	s = (struct supervisor){.fails = true, .critical = true};
	o = joined(start(&s, 1));
	ck_assert_int_eq(o.kind, TEND_FAILED);
	ck_assert_int_eq(o.result, -EPIPE);
	ck_assert_int_eq(s.runs, 2);
	close_world();
}

/* suture#77: a cancel of the inner scope by another is no wish of the supervisor to end. */
SCENARIO(f18_a_supervisor_survives_the_cancel_of_its_scope)
{
	static struct supervisor s;
	tend_task t;

	open_world(2);
	s = (struct supervisor){0};
	t = start(&s, 0);
	await_count(&s.up, 2);
	OK(tend_scope_cancel(s.inner, -ECANCELED, "by another"));
	await_count(&s.up, 4);
	ck_assert_int_eq(s.answers[0], -ESHUTDOWN);
	OK(tend_task_cancel(t, -EINTR, "enough"));
	ck_assert_int_eq(joined(t).kind, TEND_CANCELED);
	ck_assert_int_eq(s.answers[1], -ECANCELED);
	ck_assert_int_eq(s.runs, 2);
	close_world();
}

SCENARIO(f4_a_stop_is_passed_on_to_the_scope_that_is_run)
{
	static struct supervisor s;
	tend_task t;

	open_world(2);
	s = (struct supervisor){0};
	t = start(&s, 0);
	await_count(&s.up, 2);
	uint64_t begun = tend_now();
	OK(tend_task_restart(t, SOON));
	/* At once, and not by the ladder. */
	ck_assert(!simulated || tend_now() == begun);
	await_count(&s.up, 4);
	ck_assert_int_eq(s.answers[0], -ECANCELED);
	tend_event_set(s.go);
	ck_assert_int_eq(joined(t).kind, TEND_COMPLETED);
	close_world();
}

static int fails_once(void *arg) { return runs++ ? tend_event_wait(arg, TEND_FOREVER) : -EIO; }

/* A restart by command is none of those that the scope counts. */
SCENARIO(a_command_does_not_make_a_scope_give_up)
{
	struct tend_stats n;
	tend_event *never;
	tend_scope s;
	tend_task t;

	open_world(2);
	runs = 0;
	never = new_event();
	s = group(root, NULL, 1, 30 * TEND_SEC);
	OK(tend_spawn(s, fails_once, never,
	              TEND_TASK_OPTS(.restart = TEND_RESTART(.policy = TEND_PERMANENT,
	                                                     .delay_ns = TEND_MS)),
	              &t));
	await_count(&runs, 1);
	OK(tend_task_wait(t, TEND_IS_READY, 2, SOON));
	for (int i = 0; i < 3; i++)
		OK(tend_task_restart(t, SOON));
	OK(tend_scope_stats(s, &n));
	ck_assert_uint_eq(n.gave_up, 0);
	ck_assert_uint_eq(n.restarts, 1);
	close_world();
}

/* ---- The limit of the runtime ---- */

SCENARIO(f40_a_storm_of_restarts_is_spread)
{
	tend_task t[10];
	uint64_t begun;

	/* As open_world(), with a limit: the second restart of a storm waits for its turn. */
	OK(tend_runtime_open(TEND_RUNTIME_OPTS(.name = "w", .workers = 2, .tasks_max = 100,
	                                       .restarts_per_s = 500),
	                     &rt));
	root = tend_root(rt);
	runs = 0;
	begun = tend_now();
	for (int i = 0; i < 10; i++)
		OK(tend_spawn(root, fails, NULL,
		              TEND_TASK_OPTS(.restart = TEND_RESTART(.policy = TEND_TRANSIENT,
		                                                     .retries = 1,
		                                                     .delay_ns = TEND_AT_ONCE)),
		              &t[i]));
	for (int i = 0; i < 10; i++)
		ck_assert_uint_eq(joined(t[i]).attempts, 2);
	ck_assert_uint_ge(tend_now() - begun, 9 * 2 * TEND_MS);
	if (simulated)
		ck_assert_uint_eq(tend_now() - begun, 9 * 2 * TEND_MS);
	OK(tend_runtime_close(rt, SOON));
}

/* A task that rests for an hour holds up no restart of another. */
SCENARIO(f40_a_long_rest_delays_no_other)
{
	struct tend_life life;
	tend_task slow, quick;

	OK(tend_runtime_open(TEND_RUNTIME_OPTS(.name = "w", .workers = 2, .tasks_max = 100,
	                                       .restarts_per_s = 500),
	                     &rt));
	root = tend_root(rt);
	runs = 0;
	OK(tend_spawn(root, fails, NULL,
	              TEND_TASK_OPTS(.restart = TEND_RESTART(.policy = TEND_TRANSIENT,
	                                                     .delay_ns = 3600 * TEND_SEC,
	                                                     .delay_max_ns = 3600 * TEND_SEC)),
	              &slow));
	OK(tend_task_wait(slow, TEND_IS_OVER, 1, SOON));
	OK(tend_spawn(root, fails, NULL,
	              TEND_TASK_OPTS(.restart = TEND_RESTART(.policy = TEND_TRANSIENT,
	                                                     .delay_ns = 60 * TEND_SEC)),
	              &quick));
	OK(tend_task_wait(quick, TEND_IS_OVER, 1, SOON));
	OK(tend_task_info(quick, &life));
	ck_assert_uint_le(life.due, tend_after(61 * TEND_SEC));
	OK(tend_scope_cancel(root, -ECANCELED, "enough"));
	OK(tend_runtime_close(rt, SOON));
}

SCENARIO(a_plan_is_what_happens)
{
	const struct tend_restart *policy =
		TEND_RESTART(.policy = TEND_TRANSIENT, .retries = 5, .delay_ns = TEND_MS,
	                     .delay_max_ns = 3 * TEND_MS);
	uint64_t rests[8], begun, sum = 0;
	struct tend_stats n;
	tend_scope s;
	tend_task t;

	ck_assert_int_eq(tend_restart_plan(policy, 0, 0, rests, 8), 5);
	ck_assert_int_eq(tend_restart_plan(policy, 0, 0, rests, 2), 2);
	ck_assert_int_eq(tend_restart_plan(policy, 3, 0, rests, 8), 3);
	open_world(2);
	runs = 0;
	s = group(root, NULL, 3, 0);
	begun = tend_now();
	OK(tend_spawn(s, fails, NULL, TEND_TASK_OPTS(.restart = policy), &t));
	ck_assert_uint_eq(joined(t).attempts, 4);
	for (int i = 0; i < 3; i++)
		sum += rests[i];
	ck_assert_uint_eq(sum, 6 * TEND_MS);
	ck_assert(!simulated || tend_now() - begun == sum);
	OK(tend_scope_close(s, SOON, &n));
	ck_assert_uint_eq(n.gave_up, 1);
	close_world();
}

/* ---- Between two looks ---- */

static struct {
	tend_scope inner;
	tend_event *never;
	_Atomic int runs, over;
	int spawned, answer;
} late;

static int runs_a_scope(void *arg)
{
	(void)arg;
	late.inner = child(root, "inner");
	OK(tend_spawn(late.inner, end_at_once, NULL, NULL, NULL));
	late.runs = 1;
	return late.answer = tend_scope_run(late.inner, TEND_FOREVER, NULL);
}

/* Spawns into the scope when it is empty, before the run has closed it, if that can be. */
static int comes_late(void *arg)
{
	(void)arg;
	while (!late.runs || tend_scope_live(late.inner) > 0)
		OK(tend_yield());
	late.spawned = tend_spawn(late.inner, wait_for, late.never, NULL, NULL) == 0;
	late.over = 1;
	return 0;
}

SCENARIO(a_cancel_in_the_last_wait_of_a_run_is_passed_on)
{
	tend_task t;

	open_world(1);
	late.runs = late.over = late.spawned = 0;
	late.never = new_event();
	OK(tend_spawn(root, comes_late, NULL, NULL, NULL));
	OK(tend_spawn(root, runs_a_scope, NULL, NULL, &t));
	await_count(&late.over, 1);
	if (late.spawned)
		OK(tend_task_cancel(t, -EINTR, NULL));
	joined(t);
	ck_assert_int_eq(late.answer, late.spawned ? -ECANCELED : 0);
	close_world();
}

/* A rest that ends in the instant in which the scope gives up. */
SCENARIO(a_task_at_rest_whose_scope_gives_up_is_canceled)
{
	const struct tend_restart *again =
		TEND_RESTART(.policy = TEND_PERMANENT, .delay_ns = TEND_MS);
	struct tend_outcome o;
	tend_scope s;
	tend_task t[3];

	open_world(2);
	runs = 0;
	s = group(root, NULL, 3, 30 * TEND_SEC);
	for (int i = 0; i < 3; i++)
		OK(tend_spawn(s, fails, NULL, TEND_TASK_OPTS(.name = "web", .restart = again),
		              &t[i]));
	for (int i = 0; i < 3; i++) {
		o = joined(t[i]);
		ck_assert(o.kind == TEND_FAILED || o.kind == TEND_CANCELED);
		/* On threads, a first attempt may fail as late as that. */
		if (o.attempts == 1 && simulated) {
			ck_assert_int_eq(o.kind, TEND_CANCELED);
			ck_assert_int_eq(o.error, -ELOOP);
		}
	}
	OK(tend_scope_close(s, SOON, NULL));
	close_world();
}
