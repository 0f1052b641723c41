/* Tasks that are admitted together, with needs. */
#include "scenario.h"

#include <stdio.h>

enum { MOST = 8 };

static struct {
	tend_scope scope;
	tend_event *ends[MOST];
	int answer[MOST];
	_Atomic int begun[MOST], dropped, ready_at_once;
	tend_task task[MOST];
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
	if (g.ready_at_once)
		OK(tend_ready());
	g.begun[i]++;
	int error = tend_event_wait(g.ends[i], TEND_FOREVER);
	if (!error)
		tend_event_clear(g.ends[i]);
	note('-', i);
	return error ? error : g.answer[i];
}

static void drop(void *arg)
{
	(void)arg;
	g.dropped++;
}

static void open_set(const struct tend_scope_opts *opts)
{
	open_world(2);
	memset(&g, 0, sizeof(g));
	g.ready_at_once = 1;
	OK(tend_scope_open(root, "g", opts, &g.scope));
	for (int i = 0; i < MOST; i++)
		g.ends[i] = new_event();
}

static void end(int i, int answer)
{
	g.answer[i] = answer;
	tend_event_set(g.ends[i]);
}

static const struct tend_restart again = {.size = sizeof(again),
                                          .policy = TEND_TRANSIENT,
                                          .ready_ns = 3600 * TEND_SEC,
                                          .delay_ns = TEND_AT_ONCE};
static const struct tend_restart once = {.size = sizeof(once), .ready_ns = 3600 * TEND_SEC};

#define OPTS(x, r) TEND_TASK_OPTS(.name = x, .restart = r, .drop = drop)
#define CHILD(i, r, ...) \
	{ \
		.fn = live_once, .arg = (void *)(intptr_t)(i), \
		.opts = OPTS(((char[]){(char)('a' + (i)), 0}), r), \
		.needs = (const struct tend_need[]){__VA_ARGS__}, \
		.needs_count = sizeof((const struct tend_need[]){__VA_ARGS__}) / \
		               sizeof(struct tend_need), \
	}
#define FREE(i, r) \
	{ \
		.fn = live_once, .arg = (void *)(intptr_t)(i), \
		.opts = OPTS(((char[]){(char)('a' + (i)), 0}), r), \
	}
#define SPAWN(set, flags) \
	OK(tend_spawn_set(g.scope, set, sizeof(set) / sizeof(set[0]), flags, g.task, NULL))

static struct tend_stats closed(void)
{
	struct tend_stats n;

	(void)!tend_scope_cancel(g.scope, -EINTR, NULL);
	OK(tend_scope_close(g.scope, SOON, &n));
	close_world();
	return n;
}

static void wait_says(int i, const char *want)
{
	tend_snapshot *s;
	const char *got = "no row";
	char text[64];

	OK(tend_snapshot_take(rt, &s));
	for (size_t k = 0; k < tend_snapshot_count(s); k++)
		if (tend_snapshot_at(s, k)->id == g.task[i].id)
			got = tend_snapshot_at(s, k)->wait;
	snprintf(text, sizeof(text), "%s", got);
	tend_snapshot_free(s);
	IS(text, want);
}

static tend_scope below(const char *name, uint32_t strategy)
{
	tend_scope s;

	OK(tend_scope_open(g.scope, name, TEND_SCOPE_OPTS(.strategy = strategy), &s));
	return s;
}

static struct tend_child in(tend_scope scope, struct tend_child child)
{
	child.scope = scope;
	return child;
}

SCENARIO(a_child_begins_when_what_it_needs_is_ready)
{
	open_set(NULL);
	g.ready_at_once = 0;
	const struct tend_child set[] = {
		CHILD(0, &again, {.of = 1, .until = TEND_NEED_READY}),
		FREE(1, &again),
		CHILD(2, &again, {.of = 0, .until = TEND_NEED_STARTED}),
	};
	SPAWN(set, 0);
	await_count(&g.begun[1], 1);
	await_state(g.task[0].id, TEND_STATE_QUEUED);
	await_state(g.task[2].id, TEND_STATE_QUEUED);
	wait_says(0, "needs b ready");
	wait_says(2, "needs a started");
	/* A command does not pass by the needs. */
	ANSWERS(tend_task_start(g.task[0], 0), -ETIMEDOUT);
	IS(noted(), "+b");
	OK(tend_task_ready(g.task[1], 1));
	await_count(&g.begun[2], 1);
	IS(noted(), "+a +c");
	/* A need that begins anew does not concern what has begun. */
	end(1, -EIO);
	await_count(&g.begun[1], 2);
	IS(noted(), "-b +b");
	closed();
}

SCENARIO(a_child_begins_when_what_it_needs_has_completed)
{
	open_set(NULL);
	const struct tend_child set[] = {
		FREE(0, &once),
		FREE(1, &again),
		CHILD(2, &again, {.of = 0, .until = TEND_NEED_COMPLETED},
	              {.of = 1, .until = TEND_NEED_READY}),
	};
	SPAWN(set, 0);
	await_count(&g.begun[0], 1);
	await_count(&g.begun[1], 1);
	await_state(g.task[2].id, TEND_STATE_QUEUED);
	noted();
	/* The failure of a task that runs again is no end of the need. */
	end(1, -EIO);
	await_count(&g.begun[1], 2);
	end(0, 0);
	await_count(&g.begun[2], 1);
	IS(noted(), "-b +b -a +c");
	closed();
}

/* However quick the need fails, the answer is the same. */
SCENARIO(a_child_whose_need_failed_for_good_is_rejected_and_names_it)
{
	struct tend_outcome o;
	struct tend_stats n;

	open_set(NULL);
	const struct tend_child set[] = {
		FREE(0, &once),
		CHILD(1, &again, {.of = 0, .until = TEND_NEED_COMPLETED}),
		CHILD(2, &again, {.of = 1, .until = TEND_NEED_STARTED}),
		FREE(3, &again),
	};
	end(0, -EIO);
	SPAWN(set, 0);
	o = joined(g.task[1]);
	ck_assert_int_eq(o.kind, TEND_REJECTED);
	IS(o.message, "needs a, which failed with -5");
	ck_assert_uint_eq(o.attempts, 0);
	o = joined(g.task[2]);
	ck_assert_int_eq(o.kind, TEND_REJECTED);
	IS(o.message, "needs b, which was rejected");
	await_count(&g.begun[3], 1);
	ck_assert_int_eq(g.begun[1] + g.begun[2], 0);
	OK(tend_scope_stats(g.scope, &n));
	ck_assert_uint_eq(n.rejected, 2);
	ck_assert_int_eq(g.dropped, 3);
	closed();
}

/* Also if the failed need had begun, and another need was missing then. */
SCENARIO(a_child_that_waits_for_others_is_rejected_by_a_need_that_began_and_failed)
{
	struct tend_outcome o;

	open_set(NULL);
	g.ready_at_once = 0;
	tend_scope one = below("one", TEND_ALONE);
	const struct tend_child set[] = {
		FREE(0, &once),
		FREE(1, &again),
		CHILD(2, &again, {.of = 0, .until = TEND_NEED_STARTED},
	              {.of = 1, .until = TEND_NEED_READY}),
		in(one, (struct tend_child)CHILD(3, &again, {.of = 0, .until = TEND_NEED_STARTED},
	                                         {.of = 1, .until = TEND_NEED_READY})),
		CHILD(4, &again, {.of = 0, .until = TEND_NEED_STARTED}),
	};
	SPAWN(set, 0);
	await_count(&g.begun[0], 1);
	await_count(&g.begun[1], 1);
	await_count(&g.begun[4], 1);
	end(0, -EIO);
	for (int i = 2; i <= 3; i++) {
		o = joined(g.task[i]);
		ck_assert_int_eq(o.kind, TEND_REJECTED);
		IS(o.message, "needs a, which failed with -5");
	}
	OK(tend_task_ready(g.task[1], 1));
	ck_assert_int_eq(g.begun[2] + g.begun[3], 0);
	/* A dependent that has begun goes on. */
	ck_assert_int_eq(tend_task_outcome(g.task[4], &o), -EAGAIN);
	closed();
}

/* A completed task has done all that it will. */
SCENARIO(a_task_that_completed_without_a_word_is_ready_enough)
{
	open_set(NULL);
	g.ready_at_once = 0;
	tend_scope one = below("one", TEND_ALONE);
	const struct tend_child set[] = {
		FREE(0, &once),
		CHILD(1, &once, {.of = 0, .until = TEND_NEED_READY}),
		in(one, (struct tend_child)CHILD(2, &once, {.of = 0, .until = TEND_NEED_READY})),
	};
	SPAWN(set, 0);
	await_count(&g.begun[0], 1);
	await_state(g.task[1].id, TEND_STATE_QUEUED);
	await_state(g.task[2].id, TEND_STATE_QUEUED);
	end(0, 0);
	await_count(&g.begun[1], 1);
	await_count(&g.begun[2], 1);
	closed();
}

SCENARIO(a_need_that_was_canceled_rejects_too)
{
	struct tend_outcome o;

	open_set(NULL);
	g.ready_at_once = 0;
	const struct tend_child set[] = {
		FREE(0, &again),
		CHILD(1, &again, {.of = 0, .until = TEND_NEED_READY}),
	};
	SPAWN(set, 0);
	await_count(&g.begun[0], 1);
	OK(tend_task_cancel(g.task[0], -EINTR, NULL));
	o = joined(g.task[1]);
	ck_assert_int_eq(o.kind, TEND_REJECTED);
	IS(o.message, "needs a, which was canceled");
	closed();
}

SCENARIO(a_queued_child_can_be_canceled_stopped_and_started)
{
	open_set(NULL);
	g.ready_at_once = 0;
	const struct tend_child set[] = {
		FREE(0, &again),
		CHILD(1, &again, {.of = 0, .until = TEND_NEED_READY}),
		CHILD(2, &again, {.of = 0, .until = TEND_NEED_READY}),
	};
	SPAWN(set, 0);
	await_count(&g.begun[0], 1);
	OK(tend_task_stop(g.task[1], SOON));
	OK(tend_task_cancel(g.task[2], -EINTR, NULL));
	ck_assert_int_eq(joined(g.task[2]).kind, TEND_CANCELED);
	OK(tend_task_ready(g.task[0], 1));
	await_state(g.task[1].id, TEND_STATE_STOPPED);
	ck_assert_int_eq(g.begun[1], 0);
	OK(tend_task_start(g.task[1], SOON));
	await_count(&g.begun[1], 1);
	closed();
}

/* TEND_TOGETHER: the others end, each after those that need it. */
SCENARIO(a_set_together_ends_with_its_first_failure_in_reverse)
{
	struct tend_outcome o;

	open_set(NULL);
	const struct tend_child set[] = {
		FREE(0, &again),
		CHILD(1, &again, {.of = 0, .until = TEND_NEED_READY}),
		CHILD(2, &once, {.of = 1, .until = TEND_NEED_READY}),
		CHILD(3, &again, {.of = 1, .until = TEND_NEED_READY}),
		CHILD(4, &again, {.of = 2, .until = TEND_NEED_COMPLETED}),
	};
	SPAWN(set, TEND_TOGETHER);
	await_count(&g.begun[3], 1);
	await_count(&g.begun[2], 1);
	noted();
	end(2, -EIO);
	ck_assert_int_eq(joined(g.task[2]).kind, TEND_FAILED);
	o = joined(g.task[0]);
	ck_assert_int_eq(o.kind, TEND_CANCELED);
	IS(o.reason.text, "a task of its set has failed");
	ck_assert_int_eq(joined(g.task[4]).kind, TEND_REJECTED);
	OK(tend_scope_wait_empty(g.scope, SOON));
	IS(noted(), "-c -d -b -a");
	ck_assert_int_eq(g.dropped, 5);
	closed();
}

/* The end by the set came first, so the outcome tells it, though the task has had no turn. */
SCENARIO(a_task_at_rest_that_its_set_ends_is_canceled_also_in_a_shutdown)
{
	static const struct tend_restart late = {
		.size = sizeof(late), .policy = TEND_TRANSIENT, .delay_ns = 3600 * TEND_SEC};
	struct tend_outcome o;

	open_set(NULL);
	const struct tend_child set[] = {FREE(0, &once), FREE(1, &late)};
	SPAWN(set, TEND_TOGETHER);
	end(1, -EIO);
	await_state(g.task[1].id, TEND_STATE_BACKOFF);
	end(0, -EIO);
	ck_assert_int_eq(joined(g.task[0]).kind, TEND_FAILED);
	OK(tend_shutdown(g.scope, SOON, NULL));
	o = joined(g.task[1]);
	ck_assert_int_eq(o.kind, TEND_CANCELED);
	/* On threads, the cancel by the shutdown may come before the turn. */
	if (simulated)
		IS(o.reason.text, "a task of its set has failed");
	closed();
}

SCENARIO(a_shutdown_ends_a_set_against_its_needs)
{
	open_set(NULL);
	const struct tend_child set[] = {
		CHILD(0, &again, {.of = 2, .until = TEND_NEED_READY}),
		CHILD(1, &again, {.of = 0, .until = TEND_NEED_READY}),
		FREE(2, &again),
		CHILD(3, &once, {.of = 2, .until = TEND_NEED_READY}),
		CHILD(4, &again, {.of = 3, .until = TEND_NEED_COMPLETED}),
	};
	SPAWN(set, 0);
	await_count(&g.begun[3], 1);
	end(3, 0);
	await_count(&g.begun[1], 1);
	await_count(&g.begun[4], 1);
	noted();
	OK(tend_shutdown(g.scope, SOON, NULL));
	const char *log = noted();
	/* c last, also after e, which needs it by d, which has ended. */
	ck_assert(strcmp(log, "-b -a -e -c") == 0 || strcmp(log, "-b -e -a -c") == 0 ||
	          strcmp(log, "-e -b -a -c") == 0);
	closed();
}

/* A set in a scope with a strategy: the needs say what is the rest. */
SCENARIO(rest_for_one_follows_the_needs_of_a_set)
{
	open_set(TEND_SCOPE_OPTS(.strategy = TEND_REST_FOR_ONE));
	const struct tend_child set[] = {
		FREE(0, &again),
		CHILD(1, &again, {.of = 0, .until = TEND_NEED_READY}),
		FREE(2, &again),
		CHILD(3, &again, {.of = 1, .until = TEND_NEED_READY}),
	};
	SPAWN(set, 0);
	await_count(&g.begun[3], 1);
	await_count(&g.begun[2], 1);
	noted();
	end(0, -EIO);
	await_count(&g.begun[3], 2);
	IS(noted(), "-a -d -b +a +b +d");
	end(2, -EIO);
	await_count(&g.begun[2], 2);
	IS(noted(), "-c +c");
	closed();
}

static struct tend_child threaded(struct tend_child child)
{
	child.thread = 1;
	return child;
}

SCENARIO(threads_of_a_set_begin_and_end_by_their_needs)
{
	open_set(TEND_SCOPE_OPTS(.strategy = TEND_REST_FOR_ONE));
	const struct tend_child set[] = {
		threaded((struct tend_child)FREE(0, &again)),
		CHILD(1, &again, {.of = 2, .until = TEND_NEED_READY}),
		threaded((struct tend_child)CHILD(2, &again, {.of = 0, .until = TEND_NEED_READY})),
		threaded((struct tend_child)FREE(3, NULL)),
	};
	SPAWN(set, 0);
	await_count(&g.begun[3], 1);
	await_count(&g.begun[1], 1);
	end(3, 0);
	ck_assert_int_eq(joined(g.task[3]).kind, TEND_COMPLETED);
	noted();
	end(0, -EIO);
	await_count(&g.begun[1], 2);
	IS(noted(), "-a -b -c +a +c +b");
	OK(tend_shutdown(g.scope, SOON, NULL));
	IS(noted(), "-b -c -a");
	ck_assert_int_eq(g.dropped, 4);
	closed();
}

SCENARIO(threads_of_a_set_that_is_refused_never_run)
{
	const struct tend_task_opts *abortable = TEND_TASK_OPTS(.flags = TEND_ABORTABLE);
	size_t bad = 99;

	open_set(NULL);
	const struct tend_child first = FREE(2, &once);
	OK(tend_spawn_set(g.scope, &first, 1, 0, &g.task[2], NULL));
	end(2, 0);
	(void)joined(g.task[2]);
	OK(tend_scope_wait_empty(g.scope, SOON));
	noted();
	const struct tend_child ended[] = {threaded((struct tend_child)FREE(0, &again)),
	                                   CHILD(1, &again, {.task = g.task[2]})};
	ANSWERS(tend_spawn_set(g.scope, ended, 2, 0, NULL, &bad), -ESRCH);
	ck_assert_uint_eq(bad, 1);
	const struct tend_child aborts[] = {
		threaded((struct tend_child){.fn = live_once, .opts = abortable})};
	ANSWERS(tend_spawn_set(g.scope, aborts, 1, 0, NULL, &bad), -EINVAL);
	ck_assert_uint_eq(bad, 0);
	ck_assert_int_eq((int)live(g.scope), 0);
	IS(noted(), "");
	closed();
}

/* In a shutdown what has not begun is rejected, and in a close it runs once. */
SCENARIO(a_queued_child_ends_with_its_scope)
{
	for (int close = 0; close < 2; close++) {
		struct tend_stats n;

		open_set(NULL);
		g.ready_at_once = 0;
		const struct tend_child set[] = {
			FREE(0, &again),
			CHILD(1, &again, {.of = 0, .until = TEND_NEED_READY}),
		};
		SPAWN(set, 0);
		await_count(&g.begun[0], 1);
		if (close) {
			ANSWERS(tend_scope_close(g.scope, 0, NULL), -ETIMEDOUT);
			OK(tend_task_ready(g.task[0], 1));
			await_count(&g.begun[1], 1);
			end(0, 0);
			end(1, 0);
		} else
			OK(tend_shutdown(g.scope, SOON, NULL));
		OK(tend_scope_close(g.scope, SOON, &n));
		/* Rejected, unless the cancel of the shutdown comes before its turn. */
		ck_assert_uint_eq(n.rejected + n.canceled, close ? 0 : 2);
		ck_assert_int_eq(g.begun[1], close);
		ck_assert_uint_eq(n.completed, close ? 2 : 0);
		ck_assert_int_eq(g.dropped, 2);
		close_world();
	}
}

/* ---- Needs beyond a set, and beyond a scope ---- */

/* Spawns a single child as the i-th, in a set of its own. */
static void add(tend_scope scope, int i, const struct tend_restart *restart, int needed,
                uint32_t until)
{
	const struct tend_need need = {.task = g.task[needed], .until = until};
	const struct tend_child child = {.fn = live_once,
	                                 .arg = (void *)(intptr_t)i,
	                                 .opts = OPTS(((char[]){(char)('a' + i), 0}), restart),
	                                 .needs = &need,
	                                 .needs_count = needed != i,
	                                 .scope = scope};

	OK(tend_spawn_set(g.scope, &child, 1, 0, &g.task[i], NULL));
}

SCENARIO(a_later_set_needs_a_task_that_runs)
{
	struct tend_outcome o;

	open_set(TEND_SCOPE_OPTS(.strategy = TEND_REST_FOR_ONE));
	g.ready_at_once = 0;
	add(g.scope, 0, &again, 0, 0);
	await_count(&g.begun[0], 1);
	add(g.scope, 1, &again, 0, TEND_NEED_READY);
	add(g.scope, 2, &again, 0, TEND_NEED_STARTED);
	await_count(&g.begun[2], 1);
	await_state(g.task[1].id, TEND_STATE_QUEUED);
	wait_says(1, "needs a ready");
	g.ready_at_once = 1;
	OK(tend_task_ready(g.task[0], 1));
	await_count(&g.begun[1], 1);
	/* And of a task that is ready already. */
	add(g.scope, 3, &once, 0, TEND_NEED_READY);
	await_count(&g.begun[3], 1);
	add(g.scope, 4, &again, 3, TEND_NEED_COMPLETED);
	add(g.scope, 5, &again, 3, TEND_NEED_READY);
	await_count(&g.begun[5], 1);
	noted();
	end(3, -EIO);
	o = joined(g.task[4]);
	ck_assert_int_eq(o.kind, TEND_REJECTED);
	IS(o.message, "needs d, which failed with -5");
	noted();
	/* The round and the shutdown see the needs of all sets; f needs a by d, which has ended. */
	end(0, -EIO);
	for (int i = 0; i < 6; i += i == 2 ? 3 : 1)
		await_count(&g.begun[i], 2);
	const char *log = noted();
	ck_assert_int_eq((int)strlen(log), 8 * 3 - 1);
	ck_assert(strncmp(log, "-a ", 3) == 0 && strstr(log, "-f") < strstr(log, "+a"));
	ck_assert(strstr(log, "-b") < strstr(log, "+a") && strstr(log, "+a") < strstr(log, "+b"));
	OK(tend_shutdown(g.scope, SOON, NULL));
	log = noted();
	ck_assert_int_eq((int)strlen(log), 4 * 3 - 1);
	IS(log + 9, "-a");
	closed();
}

SCENARIO(a_need_leads_to_another_scope)
{
	struct tend_outcome o;

	open_set(NULL);
	g.ready_at_once = 0;
	tend_scope one = below("one", TEND_ALONE), two = below("two", TEND_ONE_FOR_ALL);
	const struct tend_child set[] = {
		in(two, (struct tend_child)CHILD(0, &again, {.of = 1, .until = TEND_NEED_READY},
	                                         {.of = 3, .until = TEND_NEED_STARTED})),
		in(one, (struct tend_child)FREE(1, &again)),
		CHILD(2, &once, {.of = 0, .until = TEND_NEED_STARTED}),
		FREE(3, &once),
		in(one,
	           (struct tend_child)CHILD(4, &again, {.of = 2, .until = TEND_NEED_COMPLETED})),
	};
	SPAWN(set, 0);
	await_count(&g.begun[1], 1);
	await_count(&g.begun[3], 1);
	await_state(g.task[0].id, TEND_STATE_QUEUED);
	await_state(g.task[2].id, TEND_STATE_QUEUED);
	await_state(g.task[4].id, TEND_STATE_QUEUED);
	wait_says(0, "needs b ready");
	wait_says(4, "needs c completed");
	OK(tend_task_ready(g.task[1], 1));
	await_count(&g.begun[0], 1);
	await_count(&g.begun[2], 1);
	/* A round stays in its scope. */
	noted();
	end(1, -EIO);
	await_count(&g.begun[1], 2);
	IS(noted(), "-b +b");
	end(2, -EIO);
	o = joined(g.task[4]);
	ck_assert_int_eq(o.kind, TEND_REJECTED);
	IS(o.message, "needs c, which failed with -5");
	ck_assert_uint_eq(o.attempts, 0);
	closed();
}

/* Whichever of the scopes a shutdown looks at first. */
SCENARIO(a_shutdown_ends_a_task_before_its_need_in_another_scope)
{
	for (int turned = 0; turned < 2; turned++) {
		open_set(NULL);
		tend_scope one = below("one", TEND_ALONE), two = below("two", TEND_ONE_FOR_ALL);
		add(turned ? two : one, 0, &again, 0, 0);
		add(turned ? one : two, 1, &again, 0, TEND_NEED_STARTED);
		add(turned ? two : one, 2, &again, 1, TEND_NEED_STARTED);
		/* Needed across d, which ends. */
		add(turned ? one : two, 3, &once, 2, TEND_NEED_STARTED);
		await_count(&g.begun[3], 1);
		add(turned ? two : one, 4, &again, 3, TEND_NEED_COMPLETED);
		end(3, 0);
		await_count(&g.begun[4], 1);
		/* A scope that ends alone waits for nobody. */
		tend_scope three = below("three", TEND_ALONE);
		add(three, 5, &again, 4, TEND_NEED_STARTED);
		add(three, 6, &again, 4, TEND_NEED_STARTED);
		await_count(&g.begun[5], 1);
		await_count(&g.begun[6], 1);
		OK(tend_task_cancel(g.task[6], -EINTR, NULL));
		(void)joined(g.task[6]);
		noted();
		OK(tend_shutdown(g.scope, SOON, NULL));
		IS(noted(), "-f -e -c -b -a");
		closed();
	}
}

SCENARIO(a_scope_that_ends_alone_waits_for_no_dependent)
{
	open_set(NULL);
	tend_scope one = below("one", TEND_ALONE), two = below("two", TEND_ALONE);
	add(one, 0, &again, 0, 0);
	await_count(&g.begun[0], 1);
	add(two, 1, &again, 0, TEND_NEED_READY);
	await_count(&g.begun[1], 1);
	noted();
	OK(tend_shutdown(one, SOON, NULL));
	IS(noted(), "-a");
	OK(tend_scope_close(one, SOON, NULL));
	/* The need is gone with its scope, and its slot. */
	one = below("other", TEND_ONE_FOR_ALL);
	add(one, 2, &again, 1, TEND_NEED_READY);
	await_count(&g.begun[2], 1);
	OK(tend_shutdown(g.scope, SOON, NULL));
	IS(noted(), "+c -c -b");
	closed();
}

/* ---- Processes ---- */

static tend_task process_between(const char *program, const struct tend_restart *restart)
{
	const struct tend_process_opts *opts =
		TEND_PROCESS_OPTS(.name = "p", .argv = argv_of(program), .restart = restart);
	const struct tend_need needs_a = {.of = 0, .until = TEND_NEED_READY};
	const struct tend_child set[] = {
		FREE(0, &again),
		{.process = opts, .needs = &needs_a, .needs_count = 1},
		CHILD(2, &again,
	              {.of = 1, .until = restart ? TEND_NEED_READY : TEND_NEED_COMPLETED}),
	};

	g.ready_at_once = 0;
	SPAWN(set, 0);
	await_count(&g.begun[0], 1);
	await_state(g.task[1].id, TEND_STATE_QUEUED);
	wait_says(1, "needs a ready");
	ck_assert_int_eq(g.begun[2], 0);
	g.ready_at_once = 1;
	OK(tend_task_ready(g.task[0], 1));
	return g.task[1];
}

SCENARIO(a_process_of_a_set_begins_by_its_needs)
{
	struct tend_outcome o;

	open_set(NULL);
	ck_assert_int_eq(joined(process_between("exit 0", NULL)).kind, TEND_COMPLETED);
	await_count(&g.begun[2], 1);
	closed();
	open_set(NULL);
	ck_assert_int_eq(joined(process_between("exit 7", NULL)).result, 7);
	o = joined(g.task[2]);
	ck_assert_int_eq(o.kind, TEND_REJECTED);
	IS(o.message, "needs p, which failed with 7");
	closed();
}

SCENARIO(a_program_that_cannot_run_ends_a_set_that_belongs_together)
{
	const char *const none[] = {"no-such-program-here", NULL};
	const struct tend_process_opts *opts =
		TEND_PROCESS_OPTS(.name = "p", .argv = none,
	                          .restart = TEND_RESTART(.policy = TEND_TRANSIENT,
	                                                  .delay_ns = 3600 * TEND_SEC,
	                                                  .delay_max_ns = 3600 * TEND_SEC));
	const struct tend_child set[] = {FREE(0, &again), {.process = opts}};
	struct tend_outcome o;

	open_set(NULL);
	SPAWN(set, TEND_TOGETHER);
	o = joined(g.task[1]);
	ck_assert_int_eq(o.kind, TEND_FAILED);
	ck_assert_int_eq(o.result, -ENOENT);
	ck_assert_uint_eq(o.attempts, 1);
	ck_assert_int_eq(joined(g.task[0]).kind, TEND_CANCELED);
	closed();
}

SCENARIO(a_program_that_cannot_run_has_never_begun)
{
	static const struct tend_restart late = {.size = sizeof(late),
	                                         .policy = TEND_TRANSIENT,
	                                         .retries = 1,
	                                         .delay_ns = 3600 * TEND_SEC,
	                                         .delay_max_ns = 3600 * TEND_SEC};
	const char *const none[] = {"no-such-program-here", NULL};
	const struct tend_process_opts *opts =
		TEND_PROCESS_OPTS(.name = "p", .argv = none, .restart = &late);
	const struct tend_child set[] = {{.process = opts},
	                                 CHILD(1, &again, {.of = 0, .until = TEND_NEED_STARTED}),
	                                 CHILD(2, &again, {.of = 0, .until = TEND_NEED_READY})};
	struct tend_outcome o;

	open_set(NULL);
	SPAWN(set, 0);
	OK(tend_task_wait(g.task[0], TEND_IS_OVER, 1, SOON));
	await_state(g.task[0].id, TEND_STATE_BACKOFF);
	await_state(g.task[1].id, TEND_STATE_QUEUED);
	ck_assert_int_eq(g.begun[1] + g.begun[2], 0);
	wait_says(1, "needs p started");
	/* Nor is the start answered by an attempt that could not start. */
	ANSWERS(tend_task_start(g.task[0], SOON), -ECANCELED);
	o = joined(g.task[1]);
	ck_assert_int_eq(o.kind, TEND_REJECTED);
	ck_assert_int_eq(joined(g.task[2]).kind, TEND_REJECTED);
	ck_assert_int_eq(g.begun[1] + g.begun[2], 0);
	closed();
}

SCENARIO(a_start_of_a_process_is_answered_when_its_program_runs)
{
	static const struct tend_restart often = {
		.size = sizeof(often), .policy = TEND_PERMANENT, .delay_ns = TEND_AT_ONCE};
	const struct tend_process_opts *opts =
		TEND_PROCESS_OPTS(.name = "p", .argv = argv_of("up"), .restart = &often);
	const struct tend_child set[] = {{.process = opts},
	                                 CHILD(1, &again, {.of = 0, .until = TEND_NEED_STARTED})};
	struct tend_life life;

	open_set(NULL);
	SPAWN(set, 0);
	OK(tend_task_wait(g.task[1], TEND_IS_READY, 1, SOON));
	for (int i = 0; i < 3; i++) {
		OK(tend_task_stop(g.task[0], SOON));
		OK(tend_task_start(g.task[0], SOON));
		OK(tend_task_info(g.task[0], &life));
		ck_assert_uint_eq(life.ready, 1);
		ck_assert_uint_eq(life.state, TEND_STATE_RUNNING);
		OK(tend_task_stop(g.task[0], SOON));
		/* A stop of an attempt that has not begun is not answered by its beginning. */
		ANSWERS(tend_task_start(g.task[0], 0), -ETIMEDOUT);
		OK(tend_task_stop(g.task[0], SOON));
		OK(tend_task_info(g.task[0], &life));
		ck_assert_uint_eq(life.state, TEND_STATE_STOPPED);
		/* A caller that comes when the program was asked for shares the step. */
		uint32_t before = life.attempt;
		ANSWERS(tend_task_start(g.task[0], 0), -ETIMEDOUT);
		do {
			OK(tend_yield());
			OK(tend_task_info(g.task[0], &life));
		} while (life.attempt == before);
		int error = tend_task_start(g.task[0], 0);
		OK(tend_task_info(g.task[0], &life));
		ck_assert(error == -ETIMEDOUT || (!error && life.ready));
		OK(tend_task_start(g.task[0], SOON));
		OK(tend_task_info(g.task[0], &life));
		ck_assert_uint_eq(life.state, TEND_STATE_RUNNING);
	}
	closed();
}

SCENARIO(a_process_is_a_member_of_a_round)
{
	struct tend_life life;
	tend_task p;

	open_set(TEND_SCOPE_OPTS(.strategy = TEND_ONE_FOR_ALL));
	p = process_between("up", &(const struct tend_restart){.size = sizeof(struct tend_restart),
	                                                       .policy = TEND_PERMANENT,
	                                                       .delay_ns = TEND_AT_ONCE});
	/* The beginning and the end of a process take a time. */
	OK(tend_task_wait(g.task[2], TEND_IS_READY, 1, SOON));
	await_count(&g.begun[2], 1);
	noted();
	end(0, -EIO);
	OK(tend_task_wait(g.task[2], TEND_IS_READY, 2, SOON));
	await_count(&g.begun[2], 2);
	IS(noted(), "-a -c +a +c");
	OK(tend_task_info(p, &life));
	ck_assert_uint_eq(life.attempt, 2);
	OK(tend_shutdown(g.scope, SOON, NULL));
	IS(noted(), "-c -a");
	ck_assert_int_eq(joined(p).kind, TEND_CANCELED);
	closed();
}

/* ---- Refused as a whole ---- */

static void refused(const struct tend_child *set, size_t n, int error, size_t at)
{
	size_t bad = 99;

	ANSWERS(tend_spawn_set(g.scope, set, n, 0, g.task, &bad), error);
	ck_assert_uint_eq(bad, at);
	ck_assert_int_eq((int)live(root), 0);
}

SCENARIO(a_set_is_refused_as_a_whole_and_the_bad_child_is_named)
{
	open_set(NULL);
	const struct tend_child itself[] = {FREE(0, &again), CHILD(1, &again, {.of = 1})};
	const struct tend_child beyond[] = {CHILD(0, &again, {.of = 2}), FREE(1, &again)};
	const struct tend_child circle[] = {
		CHILD(0, &again, {.of = 1}),
		CHILD(1, &again, {.of = 3}),
		FREE(2, &again),
		CHILD(3, &again, {.of = 1}),
	};
	const struct tend_child bodiless[] = {FREE(0, &again), {.fn = NULL}};
	const struct tend_child policy[] = {FREE(0, &again), FREE(1, TEND_RESTART(.policy = 99)),
	                                    FREE(2, &again)};
	size_t bad;

	refused(itself, 2, -EINVAL, 1);
	refused(beyond, 2, -EINVAL, 0);
	ANSWERS(tend_spawn_set(g.scope, circle, 4, 0, g.task, &bad), -EINVAL);
	ck_assert(bad == 1 || bad == 3);
	refused(bodiless, 2, -EINVAL, 1);
	refused(policy, 3, -EINVAL, 1);
	refused(policy, 0, 0, 0);
	OK(tend_scope_seal(g.scope));
	refused(circle + 2, 1, -ESHUTDOWN, 1);
	ck_assert_int_eq(g.dropped, 0);
	closed();
}

SCENARIO(a_need_of_a_task_that_cannot_be_needed_is_refused)
{
	const struct tend_task_opts *restartable = TEND_TASK_OPTS(.restart = &again);
	tend_task plain, lone, gone;
	tend_scope aside;

	open_set(NULL);
	OK(tend_scope_open(root, "aside", NULL, &aside));
	OK(tend_spawn(g.scope, live_once, (void *)0, NULL, &plain));
	OK(tend_spawn(g.scope, live_once, (void *)1, restartable, &lone));
	add(g.scope, 2, &once, 2, 0);
	gone = g.task[2];
	end(2, 0);
	(void)joined(gone);
	while (live(g.scope) != 2) /* a task counts for a moment after its end */
		OK(tend_yield());
	add(g.scope, 3, &again, 3, 0);
	await_count(&g.begun[3], 1);
	tend_task elsewhere = {g.task[3].id ^ UINT64_C(1) << 63};
	const struct tend_child sets[][2] = {
		{FREE(4, &again), CHILD(5, &again, {.task = plain})},
		{FREE(4, &again), CHILD(5, &again, {.task = lone})},
		{FREE(4, &again), CHILD(5, &again, {.task = g.task[3]}, {.task = gone})},
		{FREE(4, &again), CHILD(5, &again, {.task = elsewhere})},
		{FREE(4, &again), CHILD(5, &again, {.task = g.task[3], .of = 1})},
		{FREE(4, &again), in(aside, (struct tend_child)FREE(5, &again))},
	};
	static const int errors[] = {-EINVAL, -EINVAL, -ESRCH, -EINVAL, -EINVAL, -EINVAL};
	for (int i = 0; i < 6; i++) {
		size_t bad = 99;

		ANSWERS(tend_spawn_set(g.scope, sets[i], 2, 0, NULL, &bad), errors[i]);
		ck_assert_uint_eq(bad, 1);
	}
	/* Nothing is left of what was refused. */
	ck_assert_int_eq((int)live(g.scope), 3);
	OK(tend_shutdown(g.scope, SOON, NULL));
	OK(tend_scope_close(aside, SOON, NULL));
	closed();
}

SCENARIO(a_child_in_a_scope_that_cannot_be_is_refused)
{
	size_t bad = 99;

	open_set(NULL);
	tend_scope one = below("one", TEND_ALONE), ended = below("ended", TEND_ALONE);
	OK(tend_scope_close(ended, SOON, NULL));
	const struct tend_child two_scopes[] = {FREE(0, &again),
	                                        in(one, (struct tend_child)FREE(1, &again))};
	const struct tend_child none[] = {FREE(0, &again),
	                                  in(ended, (struct tend_child)FREE(1, &again))};
	ANSWERS(tend_spawn_set(g.scope, two_scopes, 2, TEND_TOGETHER, NULL, &bad), -EINVAL);
	ck_assert_uint_eq(bad, 1);
	bad = 99;
	ANSWERS(tend_spawn_set(g.scope, none, 2, 0, NULL, &bad), -ESRCH);
	ck_assert_uint_eq(bad, 1);
	OK(tend_scope_seal(one));
	ANSWERS(tend_spawn_set(g.scope, two_scopes, 2, 0, NULL, &bad), -ESHUTDOWN);
	ck_assert_int_eq((int)live(g.scope), 0);
	closed();
}

/* A chain of needs takes a time that is linear in its length. */
static int chained(void *arg)
{
	count_one(arg);
	return 0;
}

SCENARIO(a_long_chain_of_needs_begins_and_ends)
{
	enum { LONG = 300 };
	static _Atomic int runs;
	struct tend_child *set = calloc(LONG, sizeof(*set));
	struct tend_need *needs = calloc(LONG, sizeof(*needs));
	struct tend_stats n;

	open_set(NULL);
	runs = 0;
	ck_assert(set && needs);
	for (size_t i = 0; i < LONG; i++) {
		set[i] = (struct tend_child){.fn = chained, .arg = (void *)&runs};
		/* The last spawned is the first to begin. */
		needs[i] = (struct tend_need){.of = i + 1, .until = TEND_NEED_COMPLETED};
		set[i].needs = &needs[i];
		set[i].needs_count = i + 1 < LONG;
	}
	OK(tend_spawn_set(g.scope, set, LONG, 0, NULL, NULL));
	OK(tend_scope_close(g.scope, SOON, &n));
	ck_assert_int_eq(runs, LONG);
	ck_assert_uint_eq(n.completed, LONG);
	free(set);
	free(needs);
	close_world();
}
