/* Small races, each under every schedule with one preemption and the first many
 * with two. */
#include "scenario.h"
#include "explore.h"
#include "suite.h"

#include "tend/sim.h"

static void explored_with(int (*program)(void *), void *arg, int one, int two)
{
	const uint64_t all = suite_number("EXPLORE", (uint64_t)suite_count(200, one, 1000000));
	const uint64_t some = suite_number("EXPLORE", (uint64_t)suite_count(200, two, 100000));
	struct tend_sim_result r;
	uint64_t runs;
	int error;

	/* Sanitizers, under which a run takes long, see less of it. */
	error = tend_sim_explore(TEND_SIM_OPTS(.explore = 1), program, arg, all, &runs, &r);
	ck_assert_msg(!error || (all < 1000000 && error == -EAGAIN), "run %llu: status %d, line %d",
	              (unsigned long long)runs, r.status, r.result);
	ck_assert_uint_gt(runs, 50);
	ck_assert_uint_eq(tend_sim_held(), 0);
	error = tend_sim_explore(TEND_SIM_OPTS(.explore = 2), program, arg, some, &runs, &r);
	ck_assert_msg(!error || error == -EAGAIN, "run %llu: status %d, line %d",
	              (unsigned long long)runs, r.status, r.result);
	ck_assert_uint_eq(tend_sim_held(), 0);
}

static void explored(int (*program)(void *)) { explored_with(program, NULL, 1000000, 8000); }

static _Atomic int ran, dropped;
static int note(void *arg)
{
	(void)arg;
	ran++;
	return 0;
}
static void drop(void *arg)
{
	(void)arg;
	dropped++;
}

static int cancel_it(void *arg)
{
	return tend_scope_cancel(*(tend_scope *)arg, -ECANCELED, "race");
}

/* Rule 1, BP-20, AU-05: admitted is awaited, refused is never called. */
static int spawn_against_cancel(void *arg)
{
	struct tend_stats n;
	tend_scope s;
	int error;

	(void)arg;
	ran = dropped = 0;
	EXPECT(!tend_runtime_open(TEND_RUNTIME_OPTS(.workers = 1, .tasks_max = 100), &rt));
	EXPECT(!tend_scope_open(tend_root(rt), "s", NULL, &s));
	EXPECT(!tend_spawn(tend_root(rt), cancel_it, &s, NULL, NULL));
	error = tend_spawn(s, note, NULL, TEND_TASK_OPTS(.drop = drop), NULL);
	EXPECT(!error || error == -ECANCELED);
	EXPECT(!tend_scope_close(s, TEND_FOREVER, &n));
	EXPECT(dropped == !error);
	EXPECT(error ? ran == 0 && n.refused == 1
	             : n.spawned == 1 && n.completed + n.canceled == 1);
	EXPECT(!tend_runtime_close(rt, TEND_FOREVER));
	return 0;
}
TEST(every_schedule_of_spawn_against_cancel) { explored(spawn_against_cancel); }

/* AU-06: what is opened while its parent is being canceled is canceled. */
static int open_against_cancel(void *arg)
{
	tend_scope s, c;
	int error;

	(void)arg;
	EXPECT(!tend_runtime_open(TEND_RUNTIME_OPTS(.workers = 1, .tasks_max = 100), &rt));
	EXPECT(!tend_scope_open(tend_root(rt), "s", NULL, &s));
	EXPECT(!tend_spawn(tend_root(rt), cancel_it, &s, NULL, NULL));
	error = tend_scope_open(s, "c", NULL, &c);
	EXPECT(!error);
	EXPECT(!tend_scope_wait_empty(tend_root(rt), TEND_FOREVER));
	EXPECT(!tend_scope_reason(c, NULL));
	EXPECT(!tend_runtime_close(rt, TEND_FOREVER));
	return 0;
}
TEST(every_schedule_of_open_against_cancel) { explored(open_against_cancel); }

static tend_channel *channel;
static int receive(void *arg)
{
	int item = 0, error = tend_channel_recv(channel, &item, TEND_FOREVER);

	(void)arg;
	return error ? error : item;
}

/* A wake, a cancel and a park: the item is received, or still there. */
static int send_against_cancel(void *arg)
{
	struct tend_outcome o;
	int item = 7, got = 0, error;
	tend_task t;

	(void)arg;
	EXPECT(!tend_runtime_open(TEND_RUNTIME_OPTS(.workers = 1, .tasks_max = 100), &rt));
	EXPECT(!tend_channel_open(sizeof(item), 1, &channel));
	EXPECT(!tend_spawn(tend_root(rt), receive, NULL, NULL, &t));
	EXPECT(!tend_channel_send(channel, &item, TEND_FOREVER));
	error = tend_task_cancel(t, -ECANCELED, NULL);
	EXPECT(!error || error == -ESRCH);
	EXPECT(!tend_join(t, &o, TEND_FOREVER));
	error = tend_channel_recv(channel, &got, 0);
	EXPECT(o.result == 7 ? error == -ETIMEDOUT : !error && got == 7);
	EXPECT(!tend_runtime_close(rt, TEND_FOREVER));
	tend_channel_free(channel);
	return 0;
}
TEST(every_schedule_of_send_against_cancel) { explored(send_against_cancel); }

static int spawn_below(void *arg)
{
	int error = tend_spawn(*(tend_scope *)arg, note, NULL, TEND_TASK_OPTS(.drop = drop), NULL);

	return error == -ECANCELED || error == -ESRCH ? 1 : error;
}

/* A close of the parent against a spawn into the child. */
static int close_against_spawn(void *arg)
{
	struct tend_outcome o;
	tend_scope s, c;
	tend_task t;

	(void)arg;
	ran = dropped = 0;
	EXPECT(!tend_runtime_open(TEND_RUNTIME_OPTS(.workers = 1, .tasks_max = 100), &rt));
	EXPECT(!tend_scope_open(tend_root(rt), "s", NULL, &s));
	EXPECT(!tend_scope_open(s, "c", NULL, &c));
	EXPECT(!tend_spawn(tend_root(rt), spawn_below, &c, NULL, &t));
	EXPECT(!tend_scope_close(s, TEND_FOREVER, NULL));
	/* What was admitted has ended; nothing is admitted later. */
	EXPECT(ran == dropped);
	EXPECT(!tend_join(t, &o, TEND_FOREVER));
	EXPECT(o.result == 1 ? ran == 0 : ran == 1);
	EXPECT(!tend_runtime_close(rt, TEND_FOREVER));
	return 0;
}
TEST(every_schedule_of_close_against_spawn) { explored(close_against_spawn); }

/* A join against the end, and a second one that comes late. */
static int join_against_end(void *arg)
{
	struct tend_outcome o;
	tend_task t;
	int error;

	(void)arg;
	EXPECT(!tend_runtime_open(TEND_RUNTIME_OPTS(.workers = 1, .tasks_max = 100), &rt));
	EXPECT(!tend_spawn(tend_root(rt), note, NULL, NULL, &t));
	EXPECT(!tend_join(t, &o, TEND_FOREVER) && o.kind == TEND_COMPLETED);
	/* While its end is under way it may still be held. */
	error = tend_join(t, &o, TEND_FOREVER);
	EXPECT(error == -ESRCH || (!error && o.kind == TEND_COMPLETED));
	EXPECT(!tend_runtime_close(rt, TEND_FOREVER));
	return 0;
}
TEST(every_schedule_of_join_against_end) { explored(join_against_end); }

static int set_it(void *arg)
{
	tend_event_set(arg);
	return 0;
}

/* A timer against the event it waits for. */
static int timer_against_set(void *arg)
{
	tend_event *e;
	int error;

	(void)arg;
	EXPECT(!tend_runtime_open(TEND_RUNTIME_OPTS(.workers = 1, .tasks_max = 100), &rt));
	EXPECT(!tend_event_open(&e));
	EXPECT(!tend_spawn(tend_root(rt), set_it, e, NULL, NULL));
	error = tend_event_wait(e, tend_after(1));
	EXPECT(!error || error == -ETIMEDOUT);
	EXPECT(!tend_event_wait(e, TEND_FOREVER));
	EXPECT(!tend_runtime_close(rt, TEND_FOREVER));
	tend_event_close(e);
	return 0;
}
TEST(every_schedule_of_timer_against_set) { explored(timer_against_set); }

static int wait_there(void *event) { return tend_event_wait(event, TEND_FOREVER); }

static tend_event *ready;
static int say_and_spawn_below(void *scope)
{
	tend_event_set(ready);
	return spawn_below(scope);
}

/* Two come into an empty child at once. Whoever is in is counted in the parent,
 * also if it was the other one that brought the child from 0. */
static int two_into_an_empty_child(void *arg)
{
	tend_scope s, c;
	tend_event *go;

	(void)arg;
	EXPECT(!tend_runtime_open(TEND_RUNTIME_OPTS(.workers = 1, .tasks_max = 100), &rt));
	EXPECT(!tend_event_open(&go));
	EXPECT(!tend_event_open(&ready));
	EXPECT(!tend_scope_open(tend_root(rt), "s", NULL, &s));
	EXPECT(!tend_scope_open(s, "c", NULL, &c));
	EXPECT(!tend_spawn(tend_root(rt), say_and_spawn_below, &c, NULL, NULL));
	EXPECT(!tend_event_wait(ready, TEND_FOREVER));
	EXPECT(!tend_spawn(c, wait_there, go, NULL, NULL));
	EXPECT(tend_scope_wait_empty(s, 0) == -ETIMEDOUT);
	EXPECT(tend_scope_live(s) >= 1);
	tend_event_set(go);
	EXPECT(!tend_scope_close(s, TEND_FOREVER, NULL));
	EXPECT(!tend_runtime_close(rt, TEND_FOREVER));
	tend_event_close(go);
	tend_event_close(ready);
	return 0;
}
TEST(every_schedule_of_two_into_an_empty_child) { explored(two_into_an_empty_child); }

static int go_wrong(void *arg)
{
	(void)arg;
	return -EIO;
}

/* Rule 18: who has learned of the failure finds the scope canceled. */
static int join_against_critical_end(void *arg)
{
	struct tend_outcome o;
	tend_scope s;
	tend_task t;

	(void)arg;
	EXPECT(!tend_runtime_open(TEND_RUNTIME_OPTS(.workers = 1, .tasks_max = 100), &rt));
	EXPECT(!tend_scope_open(tend_root(rt), "s", NULL, &s));
	EXPECT(!tend_spawn(s, go_wrong, NULL, TEND_TASK_OPTS(.flags = TEND_CRITICAL), &t));
	EXPECT(!tend_join(t, &o, TEND_FOREVER) && o.kind == TEND_FAILED);
	EXPECT(!tend_scope_reason(s, NULL));
	EXPECT(!tend_runtime_close(rt, TEND_FOREVER));
	return 0;
}
TEST(every_schedule_of_join_against_a_critical_end) { explored(join_against_critical_end); }

/* A caller from outside against the close of its runtime: the answer is that of the call or
 * -ESRCH, and the close returns after the caller has left. */
static tend_scope theirs;
static tend_task awaited;
static _Atomic int answer;

static int join_it(void) { return tend_join(awaited, NULL, TEND_FOREVER); }
static int await_empty(void) { return tend_scope_wait_empty(theirs, TEND_FOREVER); }
static int close_it(void) { return tend_scope_close(theirs, TEND_FOREVER, NULL); }
static int shut_it(void) { return tend_shutdown(theirs, TEND_FOREVER, NULL); }
static int await_path(void) { return tend_path_wait_empty(rt, "s", TEND_FOREVER); }
static int spawn_into_it(void)
{
	int error = tend_spawn(theirs, note, NULL, NULL, NULL);

	return error == -ECANCELED ? 0 : error;
}

static int call_from_outside(void *call)
{
	answer = (*(int (*const *)(void))call)();
	return 0;
}

#define SMALL TEND_RUNTIME_OPTS(.workers = 1, .tasks_max = 16, .events_max = 16)

static int call_against_runtime_close(void *call)
{
	tend_runtime *other;

	answer = 1;
	EXPECT(!tend_runtime_open(SMALL, &other));
	EXPECT(!tend_runtime_open(SMALL, &rt));
	EXPECT(!tend_scope_open(tend_root(rt), "s", NULL, &theirs));
	EXPECT(!tend_spawn(theirs, note, NULL, NULL, &awaited));
	EXPECT(!tend_spawn_thread(tend_root(other), call_from_outside, call, NULL, NULL));
	EXPECT(!tend_runtime_close(rt, TEND_FOREVER));
	EXPECT(tend_scope_live(theirs) == -ESRCH);
	EXPECT(!tend_scope_wait_empty(tend_root(other), TEND_FOREVER));
	EXPECT(answer == 0 || answer == -ESRCH);
	EXPECT(!tend_runtime_close(other, TEND_FOREVER));
	return 0;
}
TEST_EACH(every_schedule_of_a_call_from_outside_against_the_close_of_its_runtime, 6)
{
	static int (*const calls[])(void) = {join_it, await_empty, close_it,
	                                     shut_it, await_path,  spawn_into_it};

	/* Two runtimes take long to open, so the usual run sees the first schedules only. */
	explored_with(call_against_runtime_close, (void *)(uintptr_t)&calls[_i], 2500, 500);
}

/* Reads the row of the task. Returns whether there is one. */
static bool read_row(tend_task t, struct tend_info *out)
{
	tend_snapshot *s;
	bool found = false;

	if (tend_snapshot_take(rt, &s))
		return false;
	for (size_t i = 0; i < tend_snapshot_count(s) && !found; i++) {
		*out = *tend_snapshot_at(s, i);
		found = out->id == t.id;
	}
	tend_snapshot_free(s);
	return found;
}

static bool has_begun(tend_task t, uint32_t attempt)
{
	struct tend_info row;

	return read_row(t, &row) && row.ready && row.attempt == attempt;
}

/* Fails once, and then waits. */
static tend_event *go_on;
static int begin_again(void *attempts) { return ++*(int *)attempts == 2 ? wait_for(go_on) : -EIO; }

/* A change that comes before the watch is seen by the look that follows, and a change that comes
 * later sets the event: else the wait below has no end. */
static int watch_against_begin(void *which)
{
	bool of_the_scope = *(int *)which == 1, again = *(int *)which == 2;
	int attempts = again ? 0 : 1;
	tend_event *changed;
	tend_task t;

	EXPECT(!tend_runtime_open(SMALL, &rt));
	EXPECT(!tend_event_open(&changed) && !tend_event_open(&go_on));
	EXPECT(!tend_spawn(tend_root(rt), begin_again, &attempts,
	                   TEND_TASK_OPTS(.restart = again ? TEND_RESTART(.policy = TEND_TRANSIENT)
	                                                   : NULL),
	                   &t));
	uint64_t id = of_the_scope ? tend_root(rt).id : t.id;
	EXPECT(!tend_watch_changes(id, changed));
	for (;;) {
		tend_event_clear(changed);
		if (has_begun(t, again ? 2 : 1))
			break;
		EXPECT(!tend_event_wait(changed, TEND_FOREVER));
	}
	EXPECT(!tend_unwatch_changes(id, changed));
	tend_event_set(go_on);
	EXPECT(!tend_join(t, NULL, TEND_FOREVER));
	EXPECT(!tend_runtime_close(rt, TEND_FOREVER));
	tend_event_close(changed);
	tend_event_close(go_on);
	return 0;
}
TEST_EACH(every_schedule_of_a_watch_against_the_begin_of_a_task, 3)
{
	struct tend_sim_result r;

	/* Once before: the first snapshot leaves memory to the next, which takes other steps. */
	ANSWERS(tend_sim_run(TEND_SIM_OPTS(.seed = 1), watch_against_begin, &_i, &r), 0);
	explored_with(watch_against_begin, &_i, 1000000, 3000);
}

static bool rests(tend_task t)
{
	struct tend_info row;

	return read_row(t, &row) && row.state == TEND_STATE_BACKOFF;
}

static int never_works(void *arg)
{
	(void)arg;
	return -EIO;
}

/* A rest is seen when it begins. Without news of it the clock would go on to the next attempt. */
static int watch_against_rest(void *arg)
{
	const uint64_t begun = tend_now(), hour = 3600 * TEND_SEC;
	const struct tend_restart *hourly =
		TEND_RESTART(.policy = TEND_TRANSIENT, .delay_ns = hour, .delay_max_ns = hour);
	tend_event *changed;
	tend_task t;

	(void)arg;
	EXPECT(!tend_runtime_open(SMALL, &rt));
	EXPECT(!tend_event_open(&changed));
	EXPECT(!tend_spawn(tend_root(rt), never_works, NULL, TEND_TASK_OPTS(.restart = hourly),
	                   &t));
	EXPECT(!tend_watch_changes(t.id, changed));
	for (;;) {
		tend_event_clear(changed);
		if (rests(t))
			break;
		EXPECT(!tend_event_wait(changed, TEND_FOREVER));
	}
	EXPECT(tend_now() - begun < hour);
	EXPECT(!tend_unwatch_changes(t.id, changed));
	EXPECT(!tend_task_cancel(t, -ECANCELED, NULL));
	EXPECT(!tend_join(t, NULL, TEND_FOREVER));
	EXPECT(!tend_runtime_close(rt, TEND_FOREVER));
	tend_event_close(changed);
	return 0;
}
TEST(every_schedule_of_a_watch_against_the_rest_of_a_task)
{
	struct tend_sim_result r;

	/* Once before, as above. */
	ANSWERS(tend_sim_run(TEND_SIM_OPTS(.seed = 1), watch_against_rest, NULL, &r), 0);
	explored_with(watch_against_rest, NULL, 3000, 500);
}

/* The end is seen, too, and ends the watch, whichever comes first; a watch that is taken back
 * sets nothing any more, so that the event may be freed. */
static int watch_against_end(void *taken_back)
{
	struct tend_outcome o;
	tend_event *changed;
	tend_task t;
	int error;

	EXPECT(!tend_runtime_open(SMALL, &rt));
	EXPECT(!tend_event_open(&changed));
	EXPECT(!tend_spawn(tend_root(rt), note, NULL, NULL, &t));
	EXPECT(!tend_watch_changes(t.id, changed));
	while (!taken_back) {
		tend_event_clear(changed);
		error = tend_task_outcome(t, &o);
		EXPECT(!error || error == -EAGAIN);
		if (!error)
			break;
		EXPECT(!tend_event_wait(changed, TEND_FOREVER));
	}
	error = tend_unwatch_changes(t.id, changed);
	EXPECT(error == -ENOENT || (taken_back && !error));
	tend_event_close(changed);
	EXPECT(!tend_join(t, NULL, TEND_FOREVER));
	EXPECT(!tend_runtime_close(rt, TEND_FOREVER));
	return 0;
}
TEST_EACH(every_schedule_of_a_watch_against_the_end_of_a_task, 2)
{
	int taken_back;

	explored_with(watch_against_end, _i ? &taken_back : NULL, 1000000, 3000);
}
