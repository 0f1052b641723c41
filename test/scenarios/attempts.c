/* The events of lives: what happened to the attempts of a task, each step once and in order. */
#include "scenario.h"

#include <stdio.h>

static tend_subscription *sub;

static void describe(char *text, size_t size, const struct tend_event_info *e)
{
	const char *name = tend_event_name(e->type);

	if (e->type == TEND_EVENT_ATTEMPT_ENDED)
		snprintf(text, size, "%s %u %s %d %d", name, e->attempt,
		         tend_outcome_name(e->outcome), e->result, e->error);
	else if (e->type == TEND_EVENT_TIMED_OUT)
		snprintf(text, size, "%s %u %d", name, e->attempt, e->error);
	else if (e->type == TEND_EVENT_BACKOFF)
		snprintf(text, size, "%s %u %llums", name, e->attempt,
		         (unsigned long long)(e->delay_ns / TEND_MS));
	else if (e->type == TEND_EVENT_ENDED)
		snprintf(text, size, "%s %u %s", name, e->attempt, tend_outcome_name(e->outcome));
	else if (e->kind == TEND_KIND_SCOPE)
		snprintf(text, size, "%s %s", e->name, name);
	else
		snprintf(text, size, "%s %u", name, e->attempt);
	ck_assert_uint_eq(e->delay_ns != 0, e->type == TEND_EVENT_BACKOFF);
}

/* What the events since the last call say of the task and its scope. */
static const char *told(void)
{
	static char text[2048];
	struct tend_event_info e[32];
	uint64_t lost = 0;
	int64_t n = tend_events_take(sub, e, 32, &lost);
	size_t at = 0;

	ck_assert_uint_eq(lost, 0);
	text[0] = 0;
	for (int64_t i = 0; i < n; i++) {
		char one[128];

		if (strcmp(e[i].name, "test") == 0)
			continue;
		describe(one, sizeof(one), &e[i]);
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", at ? ", " : "", one);
	}
	return text;
}

static void begin(void)
{
	open_world(1);
	OK(tend_subscribe(rt, &sub));
}

static void end(void)
{
	tend_unsubscribe(sub);
	close_world();
}

struct body {
	int answers[4];
	_Atomic int runs;
	tend_event *go; /* or NULL */
	bool ready, panics;
};

static int body(void *arg)
{
	struct body *b = arg;
	int run = b->runs++;

	if (b->ready)
		OK(tend_ready());
	if (b->go)
		return tend_event_wait(b->go, TEND_FOREVER);
	if (b->panics && !run)
		tend_panic("at once");
	return b->answers[run];
}

static tend_task start(struct body *b, const struct tend_restart *restart)
{
	tend_task t;

	OK(tend_spawn(root, body, b, TEND_TASK_OPTS(.name = "t", .restart = restart), &t));
	return t;
}

SCENARIO(tv_146_152_each_attempt_begins_and_ends_once)
{
	static struct body b;
	tend_task t;

	begin();
	b = (struct body){.answers = {-EIO, 3, 0}};
	t = start(&b, TEND_RESTART(.policy = TEND_TRANSIENT, .delay_ns = TEND_MS,
	                           .delay_max_ns = 2 * TEND_MS, .fatal = (int32_t[]){3, 0}));
	ck_assert_int_eq(joined(t).kind, TEND_FAILED);
	IS(told(), "started 0, began 1, attempt ended 1 failed -5 -5, backoff 1 1ms, "
	           "began 2, attempt ended 2 failed 3 -5, ended 2 failed");
	b = (struct body){.panics = true};
	t = start(&b, TEND_RESTART(.policy = TEND_TRANSIENT, .delay_ns = TEND_AT_ONCE));
	ck_assert_int_eq(joined(t).kind, TEND_COMPLETED);
	IS(told(), "started 0, began 1, attempt ended 1 panicked 0 -14, "
	           "began 2, attempt ended 2 completed 0 0, ended 2 completed");
	end();
}

SCENARIO(tv_159_a_permanent_task_rests_after_a_success)
{
	static struct body b;

	begin();
	b = (struct body){.answers = {0, TEND_DONE}};
	joined(start(&b, TEND_RESTART(.policy = TEND_PERMANENT, .interval_ns = 3 * TEND_MS)));
	IS(told(), "started 0, began 1, attempt ended 1 completed 0 0, backoff 1 3ms, "
	           "began 2, attempt ended 2 completed 2147483647 0, ended 2 completed");
	end();
}

SCENARIO(tv_051_170_a_timeout_is_told_before_the_end_of_the_attempt)
{
	static struct body b;

	begin();
	b = (struct body){.go = new_event()};
	joined(start(&b, TEND_RESTART(.policy = TEND_TRANSIENT, .retries = 1, .delay_ns = TEND_MS,
	                              .timeout_ns = TEND_MS)));
	IS(told(), "started 0, began 1, timed out 1 -110, stopping 1, "
	           "attempt ended 1 failed -125 -110, "
	           "backoff 1 1ms, "
	           "began 2, timed out 2 -110, stopping 2, attempt ended 2 failed -125 -110, "
	           "ended 2 failed");
	joined(start(&b, TEND_RESTART(.policy = TEND_TEMPORARY, .ready_ns = TEND_MS)));
	IS(told(), "started 0, began 1, timed out 1 -62, stopping 1, "
	           "attempt ended 1 failed -125 -62, "
	           "ended 1 failed");
	end();
}

SCENARIO(a_stop_and_a_start_are_told_before_they_are_answered)
{
	static struct body b;
	tend_task t;

	begin();
	b = (struct body){.go = new_event(), .ready = true};
	t = start(&b, TEND_RESTART(.policy = TEND_PERMANENT, .ready_ns = PATIENCE_NS));
	OK(tend_task_wait(t, TEND_IS_READY, 1, SOON));
	IS(told(), "started 0, began 1, ready 1");
	OK(tend_task_stop(t, SOON));
	IS(told(), "stopping 1, attempt ended 1 canceled -125 -125, stopped 1");
	OK(tend_task_start(t, SOON));
	OK(tend_task_wait(t, TEND_IS_READY, 2, SOON));
	IS(told(), "began 2, ready 2");
	OK(tend_task_restart(t, SOON));
	OK(tend_task_wait(t, TEND_IS_READY, 3, SOON));
	IS(told(), "stopping 2, attempt ended 2 canceled -125 -125, began 3, ready 3");
	OK(tend_task_cancel(t, -EINTR, NULL));
	joined(t);
	IS(told(), "canceled 3, attempt ended 3 canceled -125 -125, ended 3 canceled");
	end();
}

/* Nothing of an attempt ends while the task rests. */
SCENARIO(a_task_canceled_at_rest_has_ended_one_attempt)
{
	static struct body b;
	tend_task t;

	begin();
	b = (struct body){.answers = {-EIO}};
	t = start(&b, TEND_RESTART(.policy = TEND_TRANSIENT, .delay_ns = 20 * TEND_SEC));
	await_state(t.id, TEND_STATE_BACKOFF);
	IS(told(), "started 0, began 1, attempt ended 1 failed -5 -5, backoff 1 20000ms");
	OK(tend_task_cancel(t, -EINTR, NULL));
	ck_assert_int_eq(joined(t).kind, TEND_CANCELED);
	IS(told(), "canceled 1, ended 1 canceled");
	end();
}

SCENARIO(a_scope_that_gives_up_is_told_before_its_cancel)
{
	static struct body b;
	tend_scope s;

	begin();
	b = (struct body){.answers = {-EIO, -EPIPE}};
	OK(tend_scope_open(root, "s", TEND_SCOPE_OPTS(.restarts = 1), &s));
	OK(tend_spawn(s, body, &b,
	              TEND_TASK_OPTS(.name = "t",
	                             .restart = TEND_RESTART(.policy = TEND_PERMANENT,
	                                                     .delay_ns = TEND_AT_ONCE)),
	              NULL));
	OK(tend_scope_wait_empty(s, SOON));
	IS(told(), "s opened, started 0, began 1, attempt ended 1 failed -5 -5, "
	           "began 2, attempt ended 2 failed -32 -32, s gave up, s canceled, "
	           "ended 2 failed");
	OK(tend_scope_close(s, SOON, NULL));
	end();
}

/* ---- The row of a task that rests ---- */

/* Waits until the task rests, sees that a reader of the registry knows what the library knows, and
 * returns what the row says of the last attempt. */
static const char *row_of(tend_task t)
{
	static char text[256];
	struct tend_life life;
	tend_snapshot *s;

	await_state(t.id, TEND_STATE_BACKOFF);
	OK(tend_task_info(t, &life));
	OK(tend_snapshot_take(rt, &s));
	text[0] = 0;
	for (size_t i = 0; i < tend_snapshot_count(s); i++) {
		const struct tend_info *info = tend_snapshot_at(s, i);

		if (info->id != t.id)
			continue;
		ck_assert_uint_eq(info->attempt, life.attempt);
		ck_assert_uint_eq(info->restarts, life.restarts);
		ck_assert_uint_eq(info->due, life.due);
		ck_assert_uint_eq(info->last, life.last);
		ck_assert_int_eq(info->last_error, life.last_error);
		tend_snapshot_life(s, i, text, sizeof(text));
	}
	tend_snapshot_free(s);
	ck_assert_int_eq(strncmp(text, "runs in ", 8), 0);
	return strstr(text, ", ") + 2;
}

static int says_why(void *arg)
{
	struct body *b = arg;
	int error = body(b);

	return b->runs == 3 ? tend_fail(error, "the disk %s is gone", "a") : error;
}

SCENARIO(a_row_says_how_the_last_attempt_ended)
{
	static struct body b;
	tend_scope s;
	tend_task t;

	open_world(1);
	b = (struct body){.answers = {-EIO, 0, -EPIPE, -EIO}};
	OK(tend_scope_open(root, "s", TEND_SCOPE_OPTS(.restarts = 5, .period_ns = 3600 * TEND_SEC),
	                   &s));
	OK(tend_spawn(s, says_why, &b,
	              TEND_TASK_OPTS(.restart = TEND_RESTART(.policy = TEND_PERMANENT,
	                                                     .delay_ns = 20 * TEND_SEC)),
	              &t));
	IS(row_of(t), "1 of 5 in 3600s, last: failed: Input/output error");
	OK(tend_task_start(t, SOON));
	IS(row_of(t), "1 of 5 in 3600s, last: completed");
	OK(tend_task_start(t, SOON));
	IS(row_of(t), "2 of 5 in 3600s, last: the disk a is gone");
	OK(tend_task_start(t, SOON));
	IS(row_of(t), "3 of 5 in 3600s, last: failed: Input/output error");
	OK(tend_task_cancel(t, -EINTR, NULL));
	joined(t);
	OK(tend_scope_close(s, SOON, NULL));
	/* A missed time is the error, whatever the function returned. */
	b = (struct body){.go = new_event()};
	OK(tend_spawn(root, body, &b,
	              TEND_TASK_OPTS(.restart = TEND_RESTART(.policy = TEND_TRANSIENT,
	                                                     .timeout_ns = TEND_MS,
	                                                     .delay_ns = 20 * TEND_SEC)),
	              &t));
	OK(tend_task_wait(t, TEND_IS_OVER, 1, SOON));
	IS(row_of(t), "last: failed: the deadline passed");
	OK(tend_task_cancel(t, -EINTR, NULL));
	joined(t);
	close_world();
}
