/* AU-01 to AU-13: timeouts, groups, owners, waiters. */
#include "scenario.h"

SCENARIO(au_01_a_shutdown_with_a_deadline_cancels_the_tasks)
{
	struct tend_outcome o;
	tend_scope s;
	tend_task t;

	open_world(2);
	s = child(root, "s");
	OK(tend_spawn(s, wait_for, new_event(), NULL, &t));
	OK(tend_shutdown(s, SOON, TEND_SHUTDOWN_OPTS(.text = "time to go")));
	o = joined(t);
	ck_assert_int_eq(o.kind, TEND_CANCELED);
	ck_assert_str_eq(o.reason.text, "time to go");
	close_world();
}

SCENARIO(au_02_child_scopes_inherit_the_cancel)
{
	struct tend_reason reason;
	tend_scope s, c;

	open_world(1);
	s = child(root, "s");
	c = child(s, "c");
	OK(tend_scope_cancel(s, -ECANCELED, "inherited"));
	OK(tend_scope_reason(c, &reason));
	ck_assert_str_eq(reason.text, "inherited");
	close_world();
}

SCENARIO(au_03_a_wait_that_times_out_and_a_report_name_the_same_task)
{
	char text[1024], json[2048];
	tend_report *report;
	tend_task external;
	tend_scope s;

	open_world(2);
	s = child(root, "s");
	OK(tend_task_begin(s, TEND_TASK_OPTS(.name = "elsewhere"), &external));
	ANSWERS(tend_scope_wait_empty(s, tend_after(TEND_MS)), -ETIMEDOUT);
	ANSWERS(tend_shutdown(s, tend_after(10 * TEND_MS), TEND_SHUTDOWN_OPTS(.report = &report)),
	        -ETIMEDOUT);
	ck_assert_uint_eq(tend_report_abandoned(report), 1);
	tend_report_text(report, text, sizeof text);
	ck_assert_ptr_nonnull(strstr(text, "w/s/elsewhere"));
	tend_report_json(report, json, sizeof json);
	ck_assert_ptr_nonnull(strstr(json, "\"path\":\"w/s/elsewhere\""));
	tend_report_free(report);
	OK(tend_task_end(external, 0));
	close_world();
}

SCENARIO(au_04_an_abandoned_task_says_what_it_was_asked_last)
{
	char text[1024];
	tend_report *report;
	tend_event *never;
	tend_scope s;

	open_world(2);
	s = child(root, "s");
	never = new_event();
	OK(tend_spawn(s, ignore_cancels, never, TEND_TASK_OPTS(.name = "deaf"), NULL));
	while (tend_path_live(rt, "s/deaf") != 1)
		tend_yield();
	if (tend_shutdown(s, tend_after(20 * TEND_MS), TEND_SHUTDOWN_OPTS(.report = &report)) ==
	    -ETIMEDOUT) {
		tend_report_text(report, text, sizeof text);
		ck_assert_ptr_nonnull(strstr(text, "deaf"));
		ck_assert_ptr_nonnull(strstr(text, "canceled"));
	}
	tend_report_free(report);
	tend_event_set(never);
	/* It does not look at the event while it is canceled: a set event and a
	 * cancel answer the cancel. So it is told by its own end. */
	OK(tend_scope_live(s) >= 0 ? 0 : -1);
	close_world();
}

SCENARIO(au_07_every_subscriber_gets_the_events)
{
	struct tend_event_info a[4], b[4];
	tend_subscription *x, *y;
	tend_task t;

	open_world(2);
	OK(tend_subscribe(rt, &x));
	OK(tend_subscribe(rt, &y));
	OK(tend_spawn(root, end_at_once, NULL, NULL, &t));
	joined(t);
	ANSWERS(tend_events_take(x, a, 4, NULL), 2);
	ANSWERS(tend_events_take(y, b, 4, NULL), 2);
	ck_assert_uint_eq(a[1].number, b[1].number);
	tend_unsubscribe(x);
	tend_unsubscribe(y);
	close_world();
}

SCENARIO(au_08_whoever_has_a_handle_sees_the_owners_shutdown)
{
	tend_scope s, copy;

	open_world(2);
	s = child(root, "s");
	copy = s;
	OK(tend_shutdown(s, SOON, NULL));
	OK(tend_scope_reason(copy, NULL));
	close_world();
}

static int open_for(void *arg)
{
	*(tend_scope *)arg = child(root, "opened");
	return 0;
}

SCENARIO(au_09_whoever_has_a_handle_sees_that_the_owner_ended)
{
	tend_scope opened = {0};
	tend_task t;

	open_world(2);
	OK(tend_spawn(root, open_for, &opened, NULL, &t));
	joined(t);
	/* Empty, it has closed itself. */
	ANSWERS(tend_spawn(opened, end_at_once, NULL, NULL, NULL), -ESRCH);
	close_world();
}

static int forget_a_copy(void *arg)
{
	tend_scope copy = *(tend_scope *)arg;

	return copy.id ? 0 : -1;
}

SCENARIO(au_10_forgetting_a_copy_of_a_handle_ends_nothing)
{
	tend_scope s;
	tend_task t;

	open_world(2);
	s = child(root, "s");
	OK(tend_spawn(root, forget_a_copy, &s, NULL, &t));
	joined(t);
	ANSWERS(tend_scope_reason(s, NULL), -ENOENT);
	OK(tend_spawn(s, end_at_once, NULL, NULL, NULL));
	close_world();
}

static int wait_once_canceled(void *arg)
{
	tend_channel *c = arg;
	int item = 5;

	while (!tend_checkpoint())
		tend_yield();
	ANSWERS(tend_channel_recv(c, &item, TEND_FOREVER), -ECANCELED);
	ck_assert_int_eq(item, 5);
	ANSWERS(tend_channel_send(c, &item, TEND_FOREVER), -ECANCELED);
	return 0;
}

SCENARIO(au_11_a_wait_after_the_cancel_is_refused_and_takes_nothing)
{
	tend_channel *c;
	int item = 9;
	tend_task t;

	open_world(2);
	OK(tend_channel_open(sizeof(int), 2, &c));
	OK(tend_channel_send(c, &item, TEND_FOREVER));
	OK(tend_spawn(root, wait_once_canceled, c, NULL, &t));
	tend_yield();
	OK(tend_task_cancel(t, -ECANCELED, NULL));
	ck_assert_int_eq(joined(t).kind, TEND_CANCELED);
	OK(tend_channel_recv(c, &item, SOON));
	ck_assert_int_eq(item, 9);
	close_world();
	tend_channel_free(c);
}

static int recv_closed(void *arg)
{
	int item;

	return tend_channel_recv(arg, &item, TEND_FOREVER);
}

SCENARIO(au_12_closing_a_channel_returns_every_waiter)
{
	tend_channel *c;
	tend_task t[3];

	open_world(2);
	OK(tend_channel_open(sizeof(int), 0, &c));
	for (int i = 0; i < 3; i++)
		OK(tend_spawn(root, recv_closed, c, NULL, &t[i]));
	tend_yield();
	tend_channel_close(c);
	for (int i = 0; i < 3; i++) {
		struct tend_outcome o = joined(t[i]);

		ck_assert_int_eq(o.kind, TEND_FAILED);
		ck_assert_int_eq(o.result, -EPIPE);
	}
	close_world();
	tend_channel_free(c);
}

SCENARIO(au_13_a_task_observes_its_owners_shutdown)
{
	tend_scope s;
	tend_task t;

	open_world(2);
	s = child(root, "s");
	OK(tend_spawn(child(s, "inner"), wait_for, new_event(), NULL, &t));
	OK(tend_shutdown(s, SOON, NULL));
	ck_assert_int_eq(joined(t).kind, TEND_CANCELED);
	close_world();
}
