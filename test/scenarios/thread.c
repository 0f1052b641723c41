/* Threads that run again: all attempts are on one thread, which sleeps in between. The rules are
 * those of every attempt, so here is what a thread does otherwise than a fiber. */
#include "scenario.h"

#include <pthread.h>

struct body {
	int answers[4];
	tend_event *go;   /* an attempt waits for it; or NULL */
	tend_event *deaf; /* an attempt that was told goes on until it is set; or NULL */
	tend_scope inner; /* opened by the last attempt */
	bool panics, opens, exits, is_canceled;
	_Atomic int runs, inside, most, cleaned, dropped;
};

static _Thread_local int of_thread; /* how many attempts this thread has run */

static void clean(void *arg) { count_one(&((struct body *)arg)->cleaned); }
static void drop(void *arg) { count_one(&((struct body *)arg)->dropped); }

static int body(void *arg)
{
	struct body *b = arg;
	int run = b->runs++, inside = ++b->inside, error = 0;

	of_thread++;
	b->most = inside > b->most ? inside : b->most;
	if (!simulated)
		ck_assert_int_eq(of_thread, run + 1);
	OK(tend_defer(clean, b));
	if (b->opens) {
		OK(tend_scope_open(root, "inner", NULL, &b->inner));
		OK(tend_spawn(b->inner, wait_for, b->go, NULL, NULL));
	} else if (b->go)
		error = tend_event_wait(b->go, TEND_FOREVER);
	if (error && b->deaf)
		ignore_cancels(b->deaf);
	b->inside--;
	if (b->panics && run == 0)
		tend_panic("at once");
	if (b->is_canceled)
		OK(-pthread_cancel(pthread_self()));
	if (b->exits && run == 1)
		pthread_exit(NULL);
	return error ? error : b->answers[run];
}

static tend_task start(struct body *b, const struct tend_restart *restart)
{
	tend_task t;

	OK(tend_spawn_thread(root, body, b,
	                     TEND_TASK_OPTS(.name = "t", .drop = drop, .restart = restart), &t));
	return t;
}

static void ended(const struct body *b, int runs)
{
	ck_assert_int_eq(b->runs, runs);
	ck_assert_int_eq(b->cleaned, runs);
	ck_assert_int_eq(b->dropped, 1);
	ck_assert_int_le(b->most, 1);
}

SCENARIO(a_thread_runs_again_on_the_same_thread)
{
	static struct body b;
	struct tend_outcome o;

	open_world(1);
	b = (struct body){.answers = {-EIO, -EPIPE, 7}};
	o = joined(start(&b, TEND_RESTART(.policy = TEND_TRANSIENT, .delay_ns = TEND_MS)));
	ck_assert_int_eq(o.kind, TEND_COMPLETED);
	ck_assert_int_eq(o.result, 7);
	ck_assert_uint_eq(o.attempts, 3);
	ended(&b, 3);
	b = (struct body){.panics = true};
	o = joined(start(&b, TEND_RESTART(.policy = TEND_TRANSIENT, .delay_ns = TEND_AT_ONCE)));
	ck_assert_int_eq(o.kind, TEND_COMPLETED);
	ended(&b, 2);
	close_world();
}

SCENARIO(a_thread_at_rest_is_started_stopped_and_canceled)
{
	static struct body b;
	struct tend_outcome o;
	tend_task t;

	open_world(1);
	b = (struct body){.answers = {-EIO, -EIO, -EIO, -EIO}};
	t = start(&b, TEND_RESTART(.policy = TEND_TRANSIENT, .delay_ns = 20 * TEND_SEC));
	await_state(t.id, TEND_STATE_BACKOFF);
	OK(tend_task_start(t, SOON));
	await_state(t.id, TEND_STATE_BACKOFF);
	OK(tend_task_stop(t, SOON));
	await_state(t.id, TEND_STATE_STOPPED);
	ck_assert_int_eq(b.runs, 2);
	OK(tend_task_restart(t, SOON));
	await_state(t.id, TEND_STATE_BACKOFF);
	OK(tend_task_cancel(t, -EINTR, NULL));
	o = joined(t);
	ck_assert_int_eq(o.kind, TEND_CANCELED);
	ck_assert_int_eq(o.result, -EIO);
	ended(&b, 3);
	/* A close ends what is stopped. */
	b = (struct body){.go = new_event()};
	t = start(&b, TEND_RESTART(.policy = TEND_PERMANENT));
	await_count(&b.runs, 1);
	OK(tend_task_stop(t, SOON));
	close_world();
	ended(&b, 1);
}

SCENARIO(a_thread_that_does_not_stop_is_abandoned_and_has_no_successor)
{
	static struct body b;
	struct tend_life life;
	tend_task t;

	open_world(1);
	b = (struct body){.go = new_event(), .deaf = new_event()};
	t = start(&b, TEND_RESTART(.policy = TEND_PERMANENT, .delay_ns = TEND_AT_ONCE,
	                           .timeout_ns = TEND_MS, .grace_ns = TEND_MS));
	do {
		OK(tend_sleep(TEND_MS));
		OK(tend_task_info(t, &life));
	} while (life.state != TEND_STATE_ABANDONED);
	ck_assert_int_eq(b.runs, 1);
	tend_event_set(b.deaf);
	await_count(&b.runs, 2);
	OK(tend_task_shutdown(t, SOON));
	ck_assert_int_eq(joined(t).kind, TEND_CANCELED);
	ended(&b, b.runs);
	close_world();
}

SCENARIO(what_an_attempt_of_a_thread_opened_ends_before_the_next)
{
	static struct body b;
	struct tend_outcome o;

	open_world(1);
	b = (struct body){.answers = {-EIO, 0}, .opens = true, .go = new_event()};
	o = joined(start(&b, TEND_RESTART(.policy = TEND_TRANSIENT, .delay_ns = TEND_AT_ONCE)));
	ck_assert_int_eq(o.kind, TEND_COMPLETED);
	ended(&b, 2);
	close_world();
}

/* There is no thread any more, whatever the policy says. */
SCENARIO(a_thread_that_leaves_by_pthread_exit_has_ended_for_good)
{
	static struct body b;
	struct tend_outcome o;

	open_world(1);
	b = (struct body){.answers = {-EIO}, .exits = !simulated};
	if (!simulated) {
		o = joined(start(&b,
		                 TEND_RESTART(.policy = TEND_PERMANENT, .delay_ns = TEND_AT_ONCE)));
		ck_assert_int_eq(o.kind, TEND_ABORTED);
		ck_assert_uint_eq(o.attempts, 2);
		ended(&b, 2);
	}
	close_world();
}

/* A place at which pthread_cancel() takes effect. */
static void write_line(const char *message)
{
	(void)message;
	pthread_testcancel();
}

SCENARIO(a_canceled_thread_that_makes_its_scope_give_up_tells_all_and_runs_its_drop)
{
	static struct body b;
	tend_scope s;
	tend_task t;

	open_world(1);
	tend_set_failure_hook(write_line);
	b = (struct body){.answers = {-EIO}, .is_canceled = !simulated};
	OK(tend_scope_open(root, "s", TEND_SCOPE_OPTS(.strategy = TEND_ONE_FOR_ALL), &s));
	OK(tend_spawn_thread(
		s, body, &b,
		TEND_TASK_OPTS(.drop = drop,
	                       .restart = TEND_RESTART(.policy = TEND_TRANSIENT,
	                                               .fatal = (const int32_t[]){-EIO, 0})),
		&t));
	ck_assert_int_eq(joined(t).kind, TEND_FAILED);
	ended(&b, 1);
	ck_assert_int_eq(gave_up.count, 1);
	OK(tend_scope_close(s, SOON, NULL));
	close_world();
}
