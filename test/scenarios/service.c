/* The phases of a service: DS-10 to DS-16, and what DS leaves open. */
#include "scenario.h"

#include <stdio.h>

/* What the hooks do, in the order of TEND_PHASE_PRE_START... */
enum { DOES_WORK, FAILS, PANICS, WAITS, STAYS };

static struct plan {
	int hook[6];            /* by TEND_PHASE_... */
	tend_event *let_go;     /* for a hook that stays whatever happens */
	_Atomic int entered[6]; /* by TEND_PHASE_... */
	char order[128];
	tend_scope scope;
	tend_task worker;
	struct tend_service_end seen; /* by post_stop */
} plan;

static void enter(uint32_t phase, const char *name)
{
	size_t n = strlen(plan.order);

	snprintf(plan.order + n, sizeof(plan.order) - n, "%s%s", n ? " " : "", name);
	plan.entered[phase]++;
}

static int act(uint32_t phase, const char *name)
{
	enter(phase, name);
	switch (plan.hook[phase]) {
	case FAILS:
		return tend_fail(-EIO, "%s is planned to fail", name);
	case PANICS:
		tend_panic("%s panics", name);
	case WAITS:
		return tend_sleep_until(TEND_FOREVER);
	case STAYS:
		return ignore_cancels(plan.let_go);
	default:
		return 0;
	}
}

static int pre_start(tend_daemon *d, void *arg)
{
	(void)arg;
	plan.scope = tend_daemon_scope(d);
	return act(TEND_PHASE_PRE_START, "pre_start");
}

static int on_start(tend_daemon *d, void *arg)
{
	OK(tend_spawn(tend_daemon_scope(d), wait_for, arg, TEND_TASK_OPTS(.name = "worker"),
	              &plan.worker));
	return act(TEND_PHASE_ON_START, "on_start");
}

static int run(tend_daemon *d, void *arg)
{
	(void)d;
	(void)arg;
	return act(TEND_PHASE_RUN, "run");
}

static int on_stop(tend_daemon *d, void *arg)
{
	(void)arg;
	(void)d;
	return act(TEND_PHASE_ON_STOP, "on_stop");
}

static int post_stop(tend_daemon *d, void *arg)
{
	(void)arg;
	OK(tend_daemon_ending(d, &plan.seen));
	return act(TEND_PHASE_POST_STOP, "post_stop");
}

static tend_event *never;

static void open_plan(void)
{
	open_world(2);
	memset(&plan, 0, sizeof(plan));
	never = new_event();
	plan.let_go = new_event();
}

static const struct tend_service *service(void)
{
	static struct tend_service s;

	s = *TEND_SERVICE(.arg = never, .pre_start = pre_start, .on_start = on_start, .run = run,
	                  .on_stop = on_stop, .post_stop = post_stop, .pre_start_ns = TEND_FOREVER,
	                  .on_start_ns = TEND_FOREVER, .on_stop_ns = TEND_FOREVER,
	                  .post_stop_ns = TEND_FOREVER, .stop_ns = 2 * PATIENCE_NS);
	return &s;
}

/* Nothing of a service is left, whatever its end. */
static int run_plan(struct tend_service_end *end)
{
	int answer = tend_service_run(rt, service(), end);

	IS(tree(), "");
	return answer;
}

SCENARIO(ds_10_the_hooks_run_in_order)
{
	struct tend_service_end end;

	open_plan();
	OK(run_plan(&end));
	IS(plan.order, "pre_start on_start run on_stop post_stop");
	ck_assert_uint_eq(end.stop, TEND_STOP_BY_RUN);
	ck_assert_uint_eq(end.phase, TEND_PHASE_NONE);
	ck_assert_uint_eq(plan.seen.stop, TEND_STOP_BY_RUN);
	close_world();
}

SCENARIO(ds_11_a_failure_of_pre_start_is_the_end)
{
	struct tend_service_end end;

	open_plan();
	plan.hook[TEND_PHASE_PRE_START] = FAILS;
	ANSWERS(run_plan(&end), -EIO);
	IS(plan.order, "pre_start");
	ck_assert_uint_eq(end.phase, TEND_PHASE_PRE_START);
	ck_assert_uint_eq(end.stop, TEND_STOP_FAILED_START);
	IS(end.message, "pre_start failed: pre_start is planned to fail");
	close_world();
}

/* DS left the tasks that it had spawned before the failure. */
SCENARIO(a_failure_of_on_start_ends_its_tasks_and_undoes_pre_start)
{
	struct tend_service_end end;

	open_plan();
	plan.hook[TEND_PHASE_ON_START] = FAILS;
	ANSWERS(run_plan(&end), -EIO);
	IS(plan.order, "pre_start on_start post_stop");
	ck_assert_uint_eq(end.phase, TEND_PHASE_ON_START);
	close_world();
}

SCENARIO(ds_12_a_failure_of_run_is_cleaned_up)
{
	struct tend_service_end end;

	open_plan();
	plan.hook[TEND_PHASE_RUN] = FAILS;
	ANSWERS(run_plan(&end), -EIO);
	IS(plan.order, "pre_start on_start run on_stop post_stop");
	ck_assert_uint_eq(end.phase, TEND_PHASE_RUN);
	ck_assert_uint_eq(end.stop, TEND_STOP_BY_RUN);
	IS(end.message, "run failed: run is planned to fail");
	close_world();
}

/* DS skipped the phases after a panic. */
SCENARIO(a_panic_is_the_failure_of_its_phase)
{
	static const char *const orders[] = {
		[TEND_PHASE_PRE_START] = "pre_start",
		[TEND_PHASE_ON_START] = "pre_start on_start post_stop",
		[TEND_PHASE_RUN] = "pre_start on_start run on_stop post_stop",
		[TEND_PHASE_ON_STOP] = "pre_start on_start run on_stop post_stop",
		[TEND_PHASE_POST_STOP] = "pre_start on_start run on_stop post_stop",
	};
	struct tend_service_end end;

	for (uint32_t phase = TEND_PHASE_PRE_START; phase <= TEND_PHASE_POST_STOP; phase++) {
		open_plan();
		plan.hook[phase] = PANICS;
		ANSWERS(run_plan(&end), -EFAULT);
		IS(plan.order, orders[phase]);
		ck_assert_uint_eq(end.phase, phase);
		ck_assert_int_eq(end.kind, TEND_PANICKED);
		ck_assert_ptr_nonnull(strstr(end.message, " panicked: "));
		close_world();
	}
}

SCENARIO(the_first_phase_that_fails_is_the_failure)
{
	struct tend_service_end end;

	open_plan();
	plan.hook[TEND_PHASE_RUN] = plan.hook[TEND_PHASE_ON_STOP] =
		plan.hook[TEND_PHASE_POST_STOP] = FAILS;
	ANSWERS(run_plan(&end), -EIO);
	ck_assert_uint_eq(end.phase, TEND_PHASE_RUN);
	close_world();
	open_plan();
	plan.hook[TEND_PHASE_ON_STOP] = plan.hook[TEND_PHASE_POST_STOP] = FAILS;
	ANSWERS(run_plan(&end), -EIO);
	ck_assert_uint_eq(end.phase, TEND_PHASE_ON_STOP);
	close_world();
}

/* ---- Stops ---- */

static tend_daemon *running;

static int run_until_told(tend_daemon *d, void *arg)
{
	(void)arg;
	running = d;
	enter(TEND_PHASE_RUN, "run");
	return tend_sleep_until(TEND_FOREVER);
}

struct stop {
	uint32_t why;
	const char *text;
};

/* Any task of the service may ask for the stop. */
static int ask(void *arg)
{
	const struct stop *stop = arg;

	await_count(&plan.entered[TEND_PHASE_RUN], 1);
	OK(tend_daemon_stop(running, stop->why, stop->text));
	ANSWERS(tend_daemon_stop(running, stop->why, "again"), -EALREADY);
	return 0;
}

static int start_asker(tend_daemon *d, void *arg)
{
	enter(TEND_PHASE_ON_START, "on_start");
	return tend_spawn(tend_daemon_scope(d), ask, arg, NULL, NULL);
}

static int run_and_ask(struct stop *stop, struct tend_service_end *end)
{
	struct tend_service s = *service();

	s.arg = stop;
	s.on_start = start_asker;
	s.run = run_until_told;
	return tend_service_run(rt, &s, end);
}

SCENARIO(ds_13_a_stop_that_was_asked_for_is_no_failure)
{
	struct stop stop = {TEND_STOP_REQUESTED, "by the operator"};
	struct tend_service_end end;

	open_plan();
	OK(run_and_ask(&stop, &end));
	IS(plan.order, "pre_start on_start run on_stop post_stop");
	ck_assert_uint_eq(end.stop, TEND_STOP_REQUESTED);
	IS(end.text, "by the operator");
	close_world();
	open_plan();
	stop = (struct stop){TEND_STOP_FOR_RELOAD, NULL};
	OK(run_and_ask(&stop, &end));
	ck_assert_uint_eq(end.stop, TEND_STOP_FOR_RELOAD);
	close_world();
}

SCENARIO(a_fatal_stop_is_told)
{
	struct stop stop = {TEND_STOP_FATAL, "the disk is gone"};
	struct tend_service_end end;

	open_plan();
	ANSWERS(run_and_ask(&stop, &end), -ECANCELED);
	ck_assert_uint_eq(end.stop, TEND_STOP_FATAL);
	ck_assert_uint_eq(end.phase, TEND_PHASE_NONE);
	IS(end.text, "the disk is gone");
	close_world();
}

/* The first to be woken can read the reason. */
static int read_reason(void *arg)
{
	struct tend_reason reason;

	ANSWERS(wait_for(arg), -ECANCELED);
	OK(tend_scope_reason(plan.scope, &reason));
	IS(reason.text, "by the operator");
	return 0;
}

static int start_readers(tend_daemon *d, void *arg)
{
	for (int i = 0; i < 3; i++)
		OK(tend_spawn(tend_daemon_scope(d), read_reason, never, NULL, NULL));
	return start_asker(d, arg);
}

SCENARIO(ds_14_and_15_a_stop_ends_all_tasks_and_tells_them_why)
{
	struct stop stop = {TEND_STOP_REQUESTED, "by the operator"};
	struct tend_service s;
	struct tend_service_end end;

	open_plan();
	s = *service();
	s.arg = &stop;
	s.on_start = start_readers;
	s.run = run_until_told;
	OK(tend_service_run(rt, &s, &end));
	ck_assert_uint_eq(end.abandoned, 0);
	close_world();
}

static int start_stubborn(tend_daemon *d, void *arg)
{
	(void)arg;
	return tend_spawn(tend_daemon_scope(d), ignore_cancels, plan.let_go,
	                  TEND_TASK_OPTS(.name = "stubborn"), &plan.worker);
}

SCENARIO(ds_16_a_task_that_stays_is_counted)
{
	struct tend_service s;
	struct tend_service_end end;

	open_plan();
	s = *service();
	s.on_start = start_stubborn;
	s.stop_ns = TEND_MS;
	ANSWERS(tend_service_run(rt, &s, &end), -ETIMEDOUT);
	IS(plan.order, "pre_start run on_stop post_stop");
	ck_assert_uint_eq(end.phase, TEND_PHASE_STOP);
	ck_assert_uint_eq(end.abandoned, 1);
	tend_event_set(plan.let_go);
	close_world();
}

/* A stop during a start ends the hook, and is no failure. */
static int stops_itself(tend_daemon *d, void *arg)
{
	(void)arg;
	enter(TEND_PHASE_ON_START, "on_start");
	OK(tend_daemon_stop(d, TEND_STOP_REQUESTED, "changed its mind"));
	return tend_sleep_until(TEND_FOREVER);
}

SCENARIO(a_stop_ends_a_start)
{
	struct tend_service s;
	struct tend_service_end end;

	open_plan();
	s = *service();
	s.on_start = stops_itself;
	OK(tend_service_run(rt, &s, &end));
	IS(plan.order, "pre_start on_start post_stop");
	ck_assert_uint_eq(end.stop, TEND_STOP_REQUESTED);
	close_world();
}

/* ---- Times ---- */

SCENARIO(a_hook_that_is_late_has_failed)
{
	struct tend_service s;
	struct tend_service_end end;

	open_plan();
	plan.hook[TEND_PHASE_ON_START] = WAITS;
	s = *service();
	s.on_start_ns = TEND_MS;
	ANSWERS(tend_service_run(rt, &s, &end), -ETIMEDOUT);
	/* On threads the hook may be late before its first step. */
	if (simulated)
		IS(plan.order, "pre_start on_start post_stop");
	ck_assert_uint_eq(end.phase, TEND_PHASE_ON_START);
	IS(end.message, "on_start took longer than 1ms");
	close_world();
}

static int caller(void *arg)
{
	struct tend_service s = *service();

	s.run = run_until_told;
	return tend_service_run(rt, &s, arg);
}

SCENARIO(a_cancel_of_the_caller_is_a_stop)
{
	struct tend_service_end end;
	tend_task task;

	open_plan();
	tend_scope beside = child(root, "beside");
	OK(tend_spawn(beside, caller, &end, NULL, &task));
	await_count(&plan.entered[TEND_PHASE_RUN], 1);
	OK(tend_task_cancel(task, -ECANCELED, NULL));
	ck_assert_int_eq(joined(task).result, 0);
	IS(plan.order, "pre_start on_start run on_stop post_stop");
	ck_assert_uint_eq(end.stop, TEND_STOP_REQUESTED);
	close_world();
}

/* No hook can begin any more. */
SCENARIO(a_shutdown_of_the_root_stops_the_service)
{
	struct tend_service_end end;
	tend_task task;

	open_plan();
	tend_scope beside = child(root, "beside");
	OK(tend_spawn(beside, caller, &end, NULL, &task));
	await_count(&plan.entered[TEND_PHASE_RUN], 1);
	tend_scope_cancel(root, -ECANCELED, NULL);
	ck_assert_int_eq(joined(task).result, -ECANCELED);
	IS(plan.order, "pre_start on_start run");
	ck_assert_uint_eq(end.stop, TEND_STOP_REQUESTED);
	ck_assert_uint_eq(end.phase, TEND_PHASE_ON_STOP);
	close_world();
}

SCENARIO(a_service_without_run_is_refused)
{
	struct tend_service s = *TEND_SERVICE(.pre_start = pre_start);

	open_plan();
	ANSWERS(tend_service_run(rt, &s, NULL), -EINVAL);
	ANSWERS(tend_service_run(rt, NULL, NULL), -EINVAL);
	IS(tree(), "");
	close_world();
}
