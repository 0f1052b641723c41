/* Races in the lives of restartable tasks, each under every schedule with one preemption and the
 * first many with two: at most one attempt at a time, whatever is asked meanwhile; every caller
 * is answered; and nothing runs after an answer that says so. */
#include "scenario.h"
#include "explore.h"
#include "suite.h"

#include "tend/sim.h"

#define SMALL \
	TEND_RUNTIME_OPTS(.workers = 1, .tasks_max = 16, .events_max = 16, \
	                  .restarts_per_s = UINT32_MAX)

static _Atomic int begun, inside, most, dropped;
static tend_scope home;
static tend_task task;
static tend_event *never;

static void drop(void *arg)
{
	(void)arg;
	dropped++;
}

static int attempt(void *arg)
{
	begun++;
	if (++inside > most)
		most = inside;
	/* With an event: until the attempt is stopped. */
	int error = arg ? tend_event_wait(never, TEND_FOREVER) : tend_yield();
	inside--;
	return error == -ECANCELED ? error : -EIO;
}

static int begin(bool waits, const struct tend_restart *restart)
{
	begun = inside = most = dropped = 0;
	EXPECT(!tend_runtime_open(SMALL, &rt));
	EXPECT(!tend_event_open(&never));
	EXPECT(!tend_scope_open(tend_root(rt), "s", NULL, &home));
	EXPECT(!tend_spawn(home, attempt, waits ? &begun : NULL,
	                   TEND_TASK_OPTS(.drop = drop, .restart = restart), &task));
	return 0;
}

static int end(void)
{
	struct tend_stats n;

	EXPECT(!tend_scope_close(home, TEND_FOREVER, &n));
	EXPECT(inside == 0 && most <= 1 && dropped == 1 && n.spawned == 1);
	EXPECT(!tend_runtime_close(rt, TEND_FOREVER));
	tend_event_close(never);
	return 0;
}

/* ---- What is asked while attempts end and begin ---- */

static int stop_it(void)
{
	struct tend_life life;
	int error = tend_task_stop(task, TEND_FOREVER), before = begun;

	EXPECT(!error || error == -ECANCELED);
	if (error)
		return 0;
	EXPECT(inside == 0);
	EXPECT(!tend_task_info(task, &life) && life.state == TEND_STATE_STOPPED);
	EXPECT(!tend_task_start(task, TEND_FOREVER));
	EXPECT(begun >= before);
	EXPECT(!tend_task_info(task, &life) && life.attempt > (uint32_t)before);
	return 0;
}
static int restart_it(void)
{
	struct tend_life life;
	int error = tend_task_restart(task, TEND_FOREVER);

	EXPECT(!error || error == -ECANCELED);
	EXPECT(error || (!tend_task_info(task, &life) && life.attempt > 0));
	return 0;
}
static int start_it(void)
{
	int error = tend_task_start(task, TEND_FOREVER);

	EXPECT(!error || error == -ECANCELED);
	return 0;
}
static int cancel_it(void)
{
	int error = tend_task_cancel(task, -EINTR, NULL);
	struct tend_outcome o;

	EXPECT(!error || error == -ESRCH);
	EXPECT(!tend_join(task, &o, TEND_FOREVER));
	EXPECT(inside == 0 && dropped == 1);
	EXPECT(o.kind == TEND_FAILED || (o.kind == TEND_CANCELED && o.was_canceled));
	return 0;
}
static int cancel_home(void)
{
	EXPECT(!tend_scope_cancel(home, -EINTR, NULL));
	EXPECT(!tend_scope_wait_empty(home, TEND_FOREVER));
	EXPECT(inside == 0 && dropped == 1);
	return 0;
}
static int shut_home(void)
{
	EXPECT(!tend_shutdown(home, TEND_FOREVER, NULL));
	EXPECT(inside == 0 && dropped == 1);
	return 0;
}
static int end_it(void)
{
	int error = tend_task_shutdown(task, TEND_FOREVER);

	EXPECT(!error || error == -ESRCH);
	EXPECT(inside == 0 && dropped == 1);
	return 0;
}
static int only_close(void) { return 0; }

static int asked(void *ask)
{
	int line = begin(false, TEND_RESTART(.policy = TEND_TRANSIENT, .retries = 2,
	                                     .delay_ns = TEND_AT_ONCE));

	if (!line)
		line = (*(int (*const *)(void))ask)();
	return line ? line : end();
}
TEST_EACH(every_schedule_of_a_request_against_attempts_that_follow_each_other, 8)
{
	static int (*const asks[])(void) = {stop_it,     restart_it, start_it, cancel_it,
	                                    cancel_home, shut_home,  end_it,   only_close};

	explored_some(asked, (void *)(uintptr_t)&asks[_i]);
}

/* The same against rests, which alarms end. */
static int asked_at_rest(void *ask)
{
	int line = begin(false,
	                 TEND_RESTART(.policy = TEND_TRANSIENT, .retries = 2, .delay_ns = TEND_MS));

	if (!line)
		line = (*(int (*const *)(void))ask)();
	return line ? line : end();
}
TEST_EACH(every_schedule_of_a_request_against_a_rest, 8)
{
	static int (*const asks[])(void) = {stop_it,     restart_it, start_it, cancel_it,
	                                    cancel_home, shut_home,  end_it,   only_close};

	explored_some(asked_at_rest, (void *)(uintptr_t)&asks[_i]);
}

/* A timeout, and the command to stop, meet at an attempt that waits. */
static int stop_against_timeout(void *ask)
{
	int line = begin(true, TEND_RESTART(.policy = TEND_TRANSIENT, .retries = 1,
	                                    .delay_ns = TEND_AT_ONCE, .timeout_ns = TEND_MS));

	if (!line)
		line = (*(int (*const *)(void))ask)();
	return line ? line : end();
}
TEST_EACH(every_schedule_of_a_request_against_a_timeout, 7)
{
	static int (*const asks[])(void) = {stop_it,   restart_it, start_it,  cancel_home,
	                                    shut_home, end_it,     only_close};

	explored_some(stop_against_timeout, (void *)(uintptr_t)&asks[_i]);
}

/* ---- A start against a shutdown ---- */

static _Atomic int started;

static int starts(void *arg)
{
	(void)arg;
	started = tend_task_start(task, TEND_FOREVER);
	return 0;
}

static int start_against_shutdown(void *arg)
{
	int line = begin(true, TEND_RESTART(.policy = TEND_PERMANENT));

	(void)arg;
	EXPECT(!line);
	started = 1;
	EXPECT(!tend_task_stop(task, TEND_FOREVER));
	EXPECT(!tend_spawn(tend_root(rt), starts, NULL, NULL, NULL));
	EXPECT(!tend_shutdown(home, TEND_FOREVER, NULL));
	EXPECT(inside == 0 && dropped == 1);
	int before = begun;
	EXPECT(!tend_scope_close(home, TEND_FOREVER, NULL));
	EXPECT(!tend_scope_wait_empty(tend_root(rt), TEND_FOREVER));
	EXPECT(started == 0 || started == -ECANCELED || started == -ESRCH);
	EXPECT(begun == before && most <= 1);
	EXPECT(!tend_runtime_close(rt, TEND_FOREVER));
	tend_event_close(never);
	return 0;
}
TEST(every_schedule_of_a_start_against_a_shutdown) { explored_some(start_against_shutdown, NULL); }

/* ---- F3: the attempt awaits its scope, and a task in there waits for its home ---- */

static tend_scope beside;
static _Atomic int closing;

static int closes_home(void *arg)
{
	(void)arg;
	closing = 1;
	closing = 2 + tend_scope_close(home, TEND_FOREVER, NULL);
	return 0;
}

static int opens_beside(void *arg)
{
	tend_scope opened;

	(void)arg;
	begun++;
	if (++inside > most)
		most = inside;
	int error = tend_scope_open(beside, "opened", NULL, &opened);
	if (!error)
		error = tend_spawn(opened, closes_home, NULL, NULL, NULL);
	while (!error && !closing)
		error = tend_yield();
	inside--;
	return -EIO;
}

static int circle(void *arg)
{
	(void)arg;
	begun = inside = most = dropped = closing = 0;
	EXPECT(!tend_runtime_open(SMALL, &rt));
	EXPECT(!tend_scope_open(tend_root(rt), "a", NULL, &home));
	EXPECT(!tend_scope_open(tend_root(rt), "b", NULL, &beside));
	EXPECT(!tend_spawn(home, opens_beside, NULL,
	                   TEND_TASK_OPTS(.drop = drop,
	                                  .restart = TEND_RESTART(.policy = TEND_PERMANENT,
	                                                          .delay_ns = TEND_AT_ONCE)),
	                   NULL));
	EXPECT(!tend_scope_wait_empty(tend_root(rt), TEND_FOREVER));
	EXPECT(begun == 1 && most == 1 && dropped == 1 && closing == 2);
	EXPECT(!tend_runtime_close(rt, TEND_FOREVER));
	return 0;
}
TEST(every_schedule_of_the_circle_of_f3) { explored_some(circle, NULL); }
