/* Sweeps: a cancel at each suspension point in turn, and the failure of each
 * allocation in turn, once and for ever. Whatever is hit, nothing leaks, hangs
 * or crashes, and every cleanup runs once. */
#include "scenario.h"
#include "suite.h"

#include "tend/sim.h"

#include <stdio.h>

/* What each run must balance. */
static struct {
	int admitted, dropped, deferred, cleaned, scope_cleaned;
	uint64_t waits;
} n;

static void drop(void *arg)
{
	(void)arg;
	n.dropped++;
}
static void cleanup(void *arg)
{
	(void)arg;
	n.cleaned++;
}
static int defer(void)
{
	int error = tend_defer(cleanup, NULL);

	n.deferred += !error;
	return error;
}

/* A spawn that may fail, and says whether there is something to join. Critical:
 * one that could not even begin cancels those that would wait for it. */
static bool spawn(tend_scope s, tend_fn *fn, void *arg, tend_task *out)
{
	int error =
		tend_spawn(s, fn, arg, TEND_TASK_OPTS(.drop = drop, .flags = TEND_CRITICAL), out);

	/* -ESRCH: the holder of the scope was canceled, and the scope has closed. */
	if (error && error != -ENOMEM && error != -EAGAIN && error != -ECANCELED && error != -ESRCH)
		ck_abort_msg("spawn answered %s", tend_strerror(error));
	n.admitted += !error;
	return !error;
}

static void join(bool there, tend_task t)
{
	/* The caller may be the one that is canceled. */
	while (there && tend_join(t, NULL, SOON) == -ECANCELED) {
		uint64_t outer;

		OK(tend_shield_begin(SOON, &outer));
		(void)!tend_join(t, NULL, SOON);
		tend_shield_end(outer);
		return;
	}
}

struct pair {
	tend_channel *there, *back;
};
static int ping(void *arg)
{
	struct pair *p = arg;
	int item = 0, error = defer();

	for (int i = 0; i < 3 && !error; i++) {
		error = tend_channel_send(p->there, &item, TEND_FOREVER);
		if (!error)
			error = tend_channel_recv(p->back, &item, TEND_FOREVER);
	}
	tend_channel_close(p->there);
	tend_channel_close(p->back);
	return error;
}
static int pong(void *arg)
{
	struct pair *p = arg;
	int item, error = 0;

	while (!error) {
		error = tend_channel_recv(p->there, &item, TEND_FOREVER);
		if (!error)
			error = tend_channel_send(p->back, &item, TEND_FOREVER);
	}
	tend_channel_close(p->there);
	tend_channel_close(p->back);
	return 0;
}
static void channels(void)
{
	struct pair p = {NULL, NULL};
	tend_scope s;
	bool x, y;

	if (tend_channel_open(sizeof(int), 0, &p.there) == 0 &&
	    tend_channel_open(sizeof(int), 1, &p.back) == 0 &&
	    tend_scope_open(root, "s", NULL, &s) == 0) {
		x = spawn(s, ping, &p, NULL);
		y = spawn(s, pong, &p, NULL);
		if (!x || !y) {
			tend_channel_close(p.there);
			tend_channel_close(p.back);
		}
		OK(tend_scope_close(s, SOON, NULL));
	}
	tend_channel_free(p.there);
	tend_channel_free(p.back);
}

static int nap(void *arg)
{
	(void)arg;
	return tend_sleep_until(tend_after(2 * TEND_MS));
}
static int nest(void *arg)
{
	int level = (int)(intptr_t)arg, error;
	tend_scope s;

	error = tend_scope_open(tend_self_scope(), "nest", NULL, &s);
	if (error)
		return error;
	spawn(s, nap, NULL, NULL);
	if (level < 3)
		spawn(s, nest, (void *)(intptr_t)(level + 1), NULL);
	return tend_scope_close(s, TEND_FOREVER, NULL);
}
static void nested_scopes(void)
{
	tend_task t;

	join(spawn(root, nest, NULL, &t), t);
}

static int many_joins(void *arg)
{
	tend_task t[4];
	bool there[4];

	(void)arg;
	for (int i = 0; i < 4; i++)
		there[i] = spawn(root, nap, NULL, &t[i]);
	for (int i = 0; i < 4; i++)
		join(there[i], t[i]);
	return 0;
}
static void joins(void)
{
	tend_task t;

	join(spawn(root, many_joins, NULL, &t), t);
}

static int await(void *arg)
{
	int error = defer();

	return error ? error : tend_event_wait(arg, tend_after(5 * TEND_MS));
}
static int set(void *arg)
{
	tend_event_set(arg);
	return 0;
}
static void fan_out(void)
{
	tend_event *e;
	tend_task t[4];
	bool there[4];

	if (tend_event_open(&e))
		return;
	for (int i = 0; i < 4; i++)
		there[i] = spawn(root, i < 3 ? await : set, e, &t[i]);
	for (int i = 0; i < 4; i++)
		join(there[i], t[i]);
	tend_event_close(e);
}

static void timeouts(void)
{
	tend_scope s;

	if (tend_scope_open(root, "limited", TEND_SCOPE_OPTS(.deadline = tend_after(TEND_MS)), &s))
		return;
	for (int i = 0; i < 3; i++)
		spawn(s, nap, NULL, NULL);
	OK(tend_scope_close(s, SOON, NULL));
}

static void scope_cleanup(void *arg)
{
	(void)arg;
	ck_assert_int_eq(n.scope_cleaned++, 0);
}
static void shutdowns(void)
{
	tend_report *report = NULL;
	char text[512];
	tend_scope s;
	int error;

	if (tend_scope_open(root, "s", NULL, &s))
		return;
	error = tend_scope_cleanup(s, scope_cleanup, NULL);
	ck_assert(!error || error == -ENOMEM);
	for (int i = 0; i < 3; i++)
		spawn(s, nap, NULL, NULL);
	error = tend_shutdown(s, SOON, TEND_SHUTDOWN_OPTS(.drain = tend_after(TEND_MS),
	                                                  .report = &report));
	ck_assert(error == 0 || error == -ENOMEM);
	if (!error)
		tend_report_text(report, text, sizeof text);
	tend_report_free(report);
}

static int finish_this(void *arg)
{
	uint64_t outer;

	(void)arg;
	(void)!tend_sleep_until(tend_after(TEND_MS));
	OK(tend_shield_begin(tend_after(50 * TEND_MS), &outer));
	OK(tend_sleep_until(tend_after(TEND_MS)));
	tend_shield_end(outer);
	return tend_sleep_until(tend_after(TEND_MS));
}
static void shields(void)
{
	tend_task t;

	join(spawn(root, finish_this, NULL, &t), t);
}

static int panic(void *arg)
{
	int error = defer();

	(void)arg;
	if (!error)
		error = defer();
	if (!error)
		error = tend_sleep_until(tend_after(TEND_MS));
	if (error)
		return error;
	tend_panic("on purpose");
}
static void panics(void)
{
	tend_task t;

	join(spawn(root, panic, NULL, &t), t);
}

static int leave_a_scope(void *arg)
{
	tend_scope s;

	(void)arg;
	if (tend_scope_open(root, "left", NULL, &s) == 0) {
		spawn(s, nap, NULL, NULL);
		spawn(s, nap, NULL, NULL);
	}
	return tend_yield();
}
static void owners(void)
{
	tend_task t, holder;
	tend_scope s;
	bool there = spawn(root, leave_a_scope, NULL, &t), held = false;

	if (tend_scope_open(root, "held", NULL, &s) == 0) {
		int error = tend_spawn(root, nap, NULL, TEND_TASK_OPTS(.hold = s, .drop = drop),
		                       &holder);

		n.admitted += !error;
		held = !error;
		spawn(s, nap, NULL, NULL);
		if (error)
			OK(tend_scope_close(s, SOON, NULL));
	}
	join(there, t);
	join(held, holder);
	OK(tend_scope_wait_empty(root, SOON));
}

static void threads(void)
{
	tend_event *e;
	tend_task t, f;
	bool there;
	int error;

	if (tend_event_open(&e))
		return;
	error = tend_spawn_thread(root, await, e, TEND_TASK_OPTS(.drop = drop), &t);
	ck_assert(!error || error == -ENOMEM || error == -EAGAIN);
	n.admitted += !error;
	there = spawn(root, set, e, &f);
	join(!error, t);
	join(there, f);
	tend_event_close(e);
}

static int await_path(void *arg)
{
	(void)arg;
	return tend_path_wait_empty(rt, "p", SOON);
}
static void paths(void)
{
	tend_task t;
	tend_scope s;

	if (tend_scope_open(root, "p", NULL, &s))
		return;
	spawn(s, nap, NULL, NULL);
	spawn(s, nap, NULL, NULL);
	join(spawn(root, await_path, NULL, &t), t);
	OK(tend_scope_close(s, SOON, NULL));
}

static void watchers(void)
{
	tend_subscription *sub = NULL;
	struct tend_event_info info[8];
	tend_snapshot *snapshot;
	tend_event *e;
	tend_task t;

	if (tend_event_open(&e))
		return;
	if (tend_subscribe(rt, &sub))
		sub = NULL;
	if (spawn(root, nap, NULL, &t)) {
		if (tend_watch(t, e) == 0)
			OK(tend_event_wait(e, SOON));
		if (tend_snapshot_take(rt, &snapshot) == 0) {
			tend_snapshot_at(snapshot, 0);
			tend_snapshot_free(snapshot);
		}
	}
	OK(tend_scope_wait_empty(root, SOON));
	if (sub)
		ck_assert_int_ge((int)tend_events_take(sub, info, 8, NULL), 0);
	tend_unsubscribe(sub);
	tend_event_close(e);
}

static void (*const programs[])(void) = {channels, nested_scopes, joins,  fan_out, timeouts, shutdowns,
                                         shields,  panics,        owners, threads, paths,    watchers};
enum { PROGRAMS = sizeof programs / sizeof *programs };

static int cancel_at;
static int run(void *arg)
{
	int error;

	tend_sim_cancel_at((uint64_t)cancel_at);
	error = tend_runtime_open(TEND_RUNTIME_OPTS(.name = "w", .workers = 2, .tasks_max = 500), &rt);
	if (error) {
		ck_assert(error == -ENOMEM || error == -EAGAIN);
		return 0;
	}
	root = tend_root(rt);
	(*(void (*const *)(void))arg)();
	OK(tend_scope_wait_empty(root, SOON));
	n.waits = tend_sim_waits();
	OK(tend_runtime_close(rt, SOON));
	return 0;
}

static struct tend_sim_result once(int program, uint64_t seed)
{
	struct tend_sim_result r;

	memset(&n, 0, sizeof n);
	OK(tend_sim_run(TEND_SIM_OPTS(.seed = seed), run, (void *)(uintptr_t)&programs[program], &r));
	tend_sim_fail_alloc(0, 0);
	ck_assert_uint_eq(tend_sim_held(), 0);
	ck_assert_int_eq(n.dropped, n.admitted);
	ck_assert_int_eq(n.cleaned, n.deferred);
	return r;
}

static int at, of;
static const char *what = "";
static bool done;
static void say_where(void)
{
	if (!done)
		fprintf(stderr, "%s %d of program %d\n", what, at, of);
}

TEST(a_cancel_at_every_suspension_point_harms_nothing)
{
	int cancels = 0;

	what = "cancel at wait";
	atexit(say_where);
	for (of = 0; of < PROGRAMS; of++)
		for (uint64_t seed = 0; seed < 20; seed++) {
			int waits;

			cancel_at = at = 0;
			once(of, seed);
			waits = (int)n.waits;
			for (at = 1; at <= waits; at++, cancels++) {
				cancel_at = at;
				once(of, seed);
			}
		}
	cancel_at = 0;
	done = true;
	ck_assert_int_gt(cancels, 200);
}

TEST(the_failure_of_any_allocation_harms_nothing)
{
	int failures = 0;

	what = "failed allocation";
	cancel_at = 0;
	atexit(say_where);
	for (of = 0; of < PROGRAMS; of++)
		for (int forever = 0; forever < 2; forever++) {
			int allocs;

			at = 0;
			tend_sim_fail_alloc(0, 0);
			memset(&n, 0, sizeof n);
			OK(tend_sim_run(TEND_SIM_OPTS(.seed = 1), run,
			                (void *)(uintptr_t)&programs[of], NULL));
			allocs = (int)tend_sim_allocs();
			for (at = 1; at <= allocs; at++, failures++) {
				tend_sim_fail_alloc((uint64_t)at, forever);
				once(of, 1);
			}
		}
	done = true;
	ck_assert_int_gt(failures, 200);
}
