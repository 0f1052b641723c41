/* When a task has begun, and the watches of changes. */
#include "scenario.h"

#include <string.h>

static bool is_ready(tend_task t)
{
	tend_snapshot *s;
	bool ready = false, found = false;

	OK(tend_snapshot_take(rt, &s));
	for (size_t i = 0; i < tend_snapshot_count(s); i++)
		if (tend_snapshot_at(s, i)->id == t.id) {
			ready = tend_snapshot_at(s, i)->ready;
			found = true;
		}
	tend_snapshot_free(s);
	ck_assert(found);
	return ready;
}

/* ---- The begin of a task ---- */

struct begin {
	tend_subscription *sub;
	tend_event *go;
	_Atomic int began; /* events until the function was called */
};

static int count_began(struct begin *b)
{
	struct tend_event_info e[16];
	int64_t n = tend_events_take(b->sub, e, 16, NULL);
	int began = 0;

	for (int64_t i = 0; i < n; i++)
		began += e[i].type == TEND_EVENT_BEGAN && e[i].kind != TEND_KIND_SCOPE &&
		         strcmp(e[i].name, "t") == 0;
	return began;
}

static int begin(void *arg)
{
	struct begin *b = arg;

	b->began = count_began(b);
	return tend_event_wait(b->go, TEND_FOREVER);
}

/* Runs the function as a fiber of a world with a single worker: what it spawns begins when it
 * yields, and not before. */
static void in_fiber(tend_fn *fn)
{
	tend_task t;

	open_world(1);
	OK(tend_spawn(root, fn, NULL, TEND_TASK_OPTS(.name = "test"), &t));
	ck_assert_int_eq(joined(t).kind, TEND_COMPLETED);
	close_world();
}

static int fibers_begin(void *arg)
{
	struct begin b = {.began = -1, .go = new_event()};
	tend_task t;

	(void)arg;
	OK(tend_subscribe(rt, &b.sub));
	OK(tend_spawn(root, begin, &b, TEND_TASK_OPTS(.name = "t"), &t));
	ck_assert(!is_ready(t));
	ck_assert_int_eq(count_began(&b), 0);
	OK(tend_yield());
	ck_assert_int_eq(b.began, 1);
	ck_assert(is_ready(t));
	tend_event_set(b.go);
	ck_assert_int_eq(joined(t).kind, TEND_COMPLETED);
	ck_assert_int_eq(count_began(&b), 0);
	tend_unsubscribe(b.sub);
	return 0;
}

/* The event comes before the first statement of the function, and not with the spawn. */
SCENARIO(a_fiber_begins_when_its_function_is_called) { in_fiber(fibers_begin); }

SCENARIO(a_thread_begins_when_its_function_is_called)
{
	struct begin b = {.began = -1};
	tend_task t;

	open_world(1);
	b.go = new_event();
	OK(tend_subscribe(rt, &b.sub));
	OK(tend_spawn_thread(root, begin, &b, TEND_TASK_OPTS(.name = "t"), &t));
	await_state(t.id, TEND_STATE_PARKED);
	ck_assert_int_eq(b.began, 1);
	ck_assert(is_ready(t));
	tend_event_set(b.go);
	ck_assert_int_eq(joined(t).kind, TEND_COMPLETED);
	ck_assert_int_eq(count_began(&b), 0);
	tend_unsubscribe(b.sub);
	close_world();
}

static void keep_arg(void *arg) { (void)arg; }

static int canceled_before(void *arg)
{
	struct begin b = {.go = new_event()};
	tend_task t;

	(void)arg;
	OK(tend_subscribe(rt, &b.sub));
	for (int drops = 0; drops < 2; drops++) {
		const struct tend_task_opts *opts =
			TEND_TASK_OPTS(.name = "t", .drop = drops ? keep_arg : NULL);

		OK(tend_spawn(root, begin, &b, opts, &t));
		OK(tend_task_cancel(t, -ECANCELED, NULL));
		ck_assert_int_eq(joined(t).kind, TEND_CANCELED);
		ck_assert_int_eq(count_began(&b), 0);
	}
	tend_unsubscribe(b.sub);
	return 0;
}

SCENARIO(a_task_that_is_canceled_before_it_runs_does_not_begin) { in_fiber(canceled_before); }

/* ---- Watches ---- */

/* Returns whether the event was set since the last look. */
static bool changed(tend_event *e)
{
	int error = tend_event_wait(e, 0);

	tend_event_clear(e);
	ck_assert(!error || error == -ETIMEDOUT);
	return !error;
}

static int changes_of_a_scope(void *arg)
{
	tend_event *e = new_event(), *go = new_event();
	tend_scope s = child(root, "s"), beside = child(root, "beside"), below;
	tend_task t;

	(void)arg;
	OK(tend_watch_changes(s.id, e));
	ck_assert(!changed(e));
	below = child(s, "below");
	ck_assert(changed(e));
	OK(tend_spawn(below, wait_for, go, NULL, &t));
	ck_assert(changed(e));
	OK(tend_yield());
	ck_assert(changed(e)); /* it began */
	OK(tend_task_cancel(t, -ECANCELED, NULL));
	ck_assert(changed(e));
	joined(t);
	ck_assert(changed(e));
	OK(tend_scope_seal(below));
	ck_assert(changed(e));
	OK(tend_scope_unseal(below));
	ck_assert(changed(e));
	OK(tend_scope_cancel(below, -ECANCELED, NULL));
	ck_assert(changed(e));
	ANSWERS(tend_scope_cancel(below, -ECANCELED, NULL), -EALREADY);
	ck_assert(!changed(e));
	OK(tend_scope_close(below, SOON, NULL));
	ck_assert(changed(e));
	/* Beside and above is nothing of the scope. */
	OK(tend_spawn(beside, end_at_once, NULL, NULL, &t));
	joined(t);
	OK(tend_scope_close(beside, SOON, NULL));
	ck_assert(!changed(e));
	OK(tend_unwatch_changes(s.id, e));
	OK(tend_scope_seal(s));
	ck_assert(!changed(e));
	ANSWERS(tend_unwatch_changes(s.id, e), -ENOENT);
	return 0;
}

SCENARIO(each_change_of_a_scope_and_below_sets_the_event) { in_fiber(changes_of_a_scope); }

static int park_twice(void *arg)
{
	tend_event **e = arg;

	OK(tend_event_wait(e[0], TEND_FOREVER));
	OK(tend_event_wait(e[1], TEND_FOREVER));
	return 0;
}

static int changes_of_a_task(void *arg)
{
	tend_event *e = new_event(), *go[2] = {new_event(), new_event()};
	tend_task t, other;

	(void)arg;
	OK(tend_spawn(root, park_twice, go, NULL, &t));
	OK(tend_watch_changes(t.id, e));
	ck_assert(!changed(e));
	OK(tend_yield());
	ck_assert(changed(e)); /* it began */
	/* A park is no change, and another task is none of this one. */
	tend_event_set(go[0]);
	OK(tend_spawn(root, end_at_once, NULL, NULL, &other));
	joined(other);
	OK(tend_yield());
	ck_assert(!changed(e));
	tend_event_set(go[1]);
	OK(tend_event_wait(e, SOON));
	tend_event_clear(e);
	ANSWERS(tend_unwatch_changes(t.id, e), -ENOENT);
	/* It has ended, and its outcome is kept: at once, and no watch is left. */
	OK(tend_watch_changes(t.id, e));
	ck_assert(changed(e));
	ANSWERS(tend_unwatch_changes(t.id, e), -ENOENT);
	joined(t);
	ANSWERS(tend_watch_changes(t.id, e), -ESRCH);
	ck_assert(!changed(e));
	return 0;
}

SCENARIO(a_watch_of_a_task_sets_the_event_until_its_end) { in_fiber(changes_of_a_task); }

static uint8_t state_of(tend_task t)
{
	tend_snapshot *s;
	uint8_t state = 0;

	OK(tend_snapshot_take(rt, &s));
	for (size_t i = 0; i < tend_snapshot_count(s); i++)
		if (tend_snapshot_at(s, i)->id == t.id)
			state = tend_snapshot_at(s, i)->state;
	tend_snapshot_free(s);
	return state;
}

static int fails(void *arg)
{
	(void)arg;
	return -EIO;
}

SCENARIO(a_rest_between_two_attempts_sets_the_event)
{
	const uint64_t hour = 3600 * TEND_SEC;
	tend_event *e;
	tend_task t;

	open_world(2);
	e = new_event();
	OK(tend_watch_changes(root.id, e));
	OK(tend_spawn(root, fails, NULL,
	              TEND_TASK_OPTS(.restart =
	                                     TEND_RESTART(.policy = TEND_TRANSIENT,
	                                                  .delay_ns = hour, .delay_max_ns = hour)),
	              &t));
	do {
		OK(tend_event_wait(e, SOON));
		tend_event_clear(e);
	} while (state_of(t) != TEND_STATE_BACKOFF);
	ck_assert(!is_ready(t));
	OK(tend_task_cancel(t, -ECANCELED, NULL));
	ck_assert_int_eq(joined(t).kind, TEND_CANCELED);
	close_world();
}

SCENARIO(a_watch_ends_with_its_scope)
{
	tend_event *e;
	tend_scope s;

	open_world(1);
	e = new_event();
	s = child(root, "s");
	OK(tend_watch_changes(s.id, e));
	OK(tend_watch_changes(s.id, e)); /* each call adds one */
	OK(tend_scope_close(s, SOON, NULL));
	ck_assert(changed(e));
	ANSWERS(tend_unwatch_changes(s.id, e), -ENOENT);
	ANSWERS(tend_watch_changes(s.id, e), -ESRCH);
	/* The close of the runtime ends the watch of the root. */
	OK(tend_watch_changes(root.id, e));
	close_world();
}

SCENARIO(a_task_that_a_shutdown_abandons_is_a_change)
{
	tend_event *e;
	tend_scope s;
	tend_task t;

	open_world(1);
	e = new_event();
	s = child(root, "s");
	OK(tend_task_begin(s, NULL, &t));
	OK(tend_scope_cancel(s, -ECANCELED, NULL));
	tend_scope_seal(s);
	ANSWERS(tend_scope_close(s, 0, NULL), -ETIMEDOUT);
	OK(tend_watch_changes(t.id, e));
	ANSWERS(tend_shutdown(s, 0, NULL), -ETIMEDOUT);
	ck_assert(changed(e));
	OK(tend_task_end(t, 0));
	ck_assert(changed(e));
	close_world();
}
